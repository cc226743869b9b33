package ruleform

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/slipwayhq/slipway/api"
)

// Segment is the editor's state for a segment.
type Segment struct {
	Key, Environment string
	Revision         int64
	Description, By  string
	Any              [][]Condition // in when all conditions of any group hold
	Excluded         string        // one a line
	Reason           string
}

// OfSegment returns the form of a segment.
func OfSegment(s api.Segment) Segment {
	f := Segment{Key: s.Key, Environment: s.Environment, Revision: s.Revision, Description: s.Description, By: s.By,
		Excluded: strings.Join(s.Excluded, "\n")}
	for _, group := range s.Any {
		f.Any = append(f.Any, Conditions(group))
	}
	return f
}

// ReadSegment returns the form that was sent.
func ReadSegment(v Fields) Segment {
	f := Segment{Key: v.get("key"), Environment: v.get("environment"), Description: v.get("description"), By: v.get("by"),
		Excluded: v.get("excluded"), Reason: v.get("reason")}
	f.Revision, _ = strconv.ParseInt(v.get("revision"), 10, 64)
	for i := 0; i < MaxRules && v.has(fmt.Sprintf("any[%d]", i)); i++ {
		f.Any = append(f.Any, ReadConditions(v, fmt.Sprintf("any[%d]", i)))
	}
	return f
}

// Put turns the form into what is sent to the desk, with what is wrong with it.
func (f Segment) Put() (api.PutSegment, []Complaint) {
	out := api.PutSegment{Description: f.Description, By: f.By, Revision: f.Revision, Reason: f.Reason,
		Excluded: Lines(f.Excluded)}
	var bad []Complaint
	for i, group := range f.Any {
		path := fmt.Sprintf("any[%d]", i)
		asks, wrong := Ask(path, group)
		bad = append(bad, wrong...)
		for j, c := range group {
			if strings.TrimPrefix(c.Op, "!") == "segment" {
				bad = append(bad, Complaint{fmt.Sprintf("%s[%d].op", path, j), "A segment holds no other segment."})
			}
		}
		if len(group) == 0 {
			bad = append(bad, Complaint{path, "A group without a condition would hold everybody: add one, or remove the group."})
		}
		out.Any = append(out.Any, asks)
	}
	return out, bad
}

// Do carries out what a button says, such as "add:any" or "remove:any[0][1]".
func (f Segment) Do(do string) (Segment, bool) {
	verb, path, ok := strings.Cut(do, ":")
	path, found := strings.CutPrefix(path, "any")
	if !ok || !found {
		return f, ok
	}
	if path == "" {
		f.Any = changed(f.Any, verb, -1, []Condition{{Op: "equals"}})
		return f, true
	}
	first, rest, _ := strings.Cut(strings.TrimPrefix(path, "["), "]")
	at, err := strconv.Atoi(first)
	if err != nil || at < 0 || at >= len(f.Any) {
		return f, true
	}
	if verb == "remove" && rest == "" {
		f.Any = changed(f.Any, verb, at, nil)
		return f, true
	}
	f.Any = slices.Clone(f.Any)
	f.Any[at] = Changed(f.Any[at], verb, rest)
	return f, true
}

// Lines are the names of a list, one a line or separated by commas, each once.
func Lines(text string) []string {
	var out []string
	seen := map[string]bool{}
	for _, s := range strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' || r == ',' }) {
		if s = strings.TrimSpace(s); s != "" && !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}
