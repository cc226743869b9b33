// Package probe says what is asked of a running deployment and how its answer is
// read.
//
// A Check is one HTTP question with what it wants to see; a Suite is a named list
// of them. Read compares an Answer with the Check and says, in a sentence a person
// can act upon, what was wrong. Nothing is asked here: the smoke room runs a suite,
// and this room reads what came back, so a result can be read again from what was
// stored.
package probe

import (
	"encoding/json"
	"fmt"
	"net/textproto"
	"reflect"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

// Check is one question.
type Check struct {
	Name    string            `json:"name"`
	Method  string            `json:"method"`            // GET when empty
	Path    string            `json:"path"`              // with its query
	Headers map[string]string `json:"headers,omitempty"` // ${env:NAME} is filled in when it runs
	Body    string            `json:"body,omitempty"`    // likewise
	Want    Want              `json:"want"`
}

// Want is what an answer must be like. A zero field wants nothing.
type Want struct {
	Status  []int             `json:"status,omitempty"`   // one of these; 200 when empty
	Text    string            `json:"text,omitempty"`     // the body contains it
	NotText string            `json:"not_text,omitempty"` // the body does not contain it
	Header  map[string]string `json:"header,omitempty"`   // contains the value; an empty one asks for the header
	Within  time.Duration     `json:"within,omitempty"`   // to the end of the body
	JSON    map[string]any    `json:"json,omitempty"`     // value at a path such as db.ok or items.0.id
}

// Suite is a named list of checks, run in order.
type Suite struct {
	Name   string  `json:"name"`
	Checks []Check `json:"checks"`
}

// Answer is what came back.
type Answer struct {
	Status int
	Header map[string][]string
	Body   []byte // its beginning, when Cut
	Cut    bool   // the body was longer than is read
	Took   time.Duration
	Err    string // there was no answer, and why; empty when there was one
}

// Result is one check's outcome.
type Result struct {
	Name     string        `json:"name"`
	OK       bool          `json:"ok"`
	Sentence string        `json:"sentence"`
	Status   int           `json:"status"` // 0 when there was no answer
	Took     time.Duration `json:"took"`
}

// Report is a suite's outcome.
type Report struct {
	Suite    string        `json:"suite"`
	OK       bool          `json:"ok"`
	Sentence string        `json:"sentence"`
	Results  []Result      `json:"results"`
	Took     time.Duration `json:"took"`
}

// Read compares an answer with what the check wants. Every difference is named.
func Read(c Check, a Answer) Result {
	r := Result{Name: c.Name, Status: a.Status, Took: a.Took}
	if r.Name == "" {
		r.Name = method(c) + " " + c.Path
	}
	if a.Err != "" {
		r.Status, r.Sentence = 0, "No answer: "+a.Err+"."
		return r
	}
	wrong := differences(c.Want, a)
	if len(wrong) == 0 {
		r.OK = true
		r.Sentence = fmt.Sprintf("HTTP %d in %s.", a.Status, Round(a.Took))
		return r
	}
	s := strings.Join(wrong, "; ")
	r.Sentence = strings.ToUpper(s[:1]) + s[1:] + "."
	return r
}

func method(c Check) string {
	if c.Method == "" {
		return "GET"
	}
	return c.Method
}

// differences lists what about the answer is not as wanted.
func differences(w Want, a Answer) []string {
	var out []string
	status := w.Status
	if len(status) == 0 {
		status = []int{200}
	}
	if !slices.Contains(status, a.Status) {
		out = append(out, fmt.Sprintf("HTTP %d instead of %s", a.Status, oneOf(status)))
	}
	if w.Text != "" && !strings.Contains(string(a.Body), w.Text) {
		out = append(out, fmt.Sprintf("the text %q is missing%s", w.Text, cut(a)))
	}
	if w.NotText != "" && strings.Contains(string(a.Body), w.NotText) {
		out = append(out, fmt.Sprintf("the text %q must not be there", w.NotText))
	}
	for _, name := range sorted(w.Header) {
		if s := header(name, w.Header[name], a.Header); s != "" {
			out = append(out, s)
		}
	}
	if len(w.JSON) > 0 {
		out = append(out, jsonDifferences(w.JSON, a)...)
	}
	if w.Within > 0 && a.Took > w.Within {
		out = append(out, fmt.Sprintf("it took %s, longer than %s", Round(a.Took), w.Within))
	}
	return out
}

func cut(a Answer) string {
	if a.Cut {
		return fmt.Sprintf(" (in the first %d bytes)", len(a.Body))
	}
	return ""
}

func header(name, want string, all map[string][]string) string {
	got, ok := all[textproto.CanonicalMIMEHeaderKey(name)]
	if !ok {
		return fmt.Sprintf("the header %s is missing", name)
	}
	if !strings.Contains(strings.Join(got, ", "), want) {
		return fmt.Sprintf("the header %s is %q, without %q", name, clip(strings.Join(got, ", ")), want)
	}
	return ""
}

func jsonDifferences(want map[string]any, a Answer) []string {
	var doc any
	if err := json.Unmarshal(a.Body, &doc); err != nil {
		if a.Cut {
			return []string{"the answer is too long to be read as JSON"}
		}
		return []string{"the answer is not JSON"}
	}
	var out []string
	for _, path := range sorted(want) {
		got, ok := at(doc, path)
		switch {
		case !ok:
			out = append(out, fmt.Sprintf("the JSON has no %s", path))
		case !equal(got, want[path]):
			out = append(out, fmt.Sprintf("the JSON's %s is %s instead of %s", path, show(got), show(want[path])))
		}
	}
	return out
}

// at returns the value at a path such as items.0.id.
func at(doc any, path string) (any, bool) {
	for part := range strings.SplitSeq(path, ".") {
		switch v := doc.(type) {
		case map[string]any:
			next, ok := v[part]
			if !ok {
				return nil, false
			}
			doc = next
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(v) {
				return nil, false
			}
			doc = v[i]
		default:
			return nil, false
		}
	}
	return doc, true
}

// equal compares by JSON's own notion: 1 is 1.0.
func equal(a, b any) bool {
	norm := func(v any) any {
		raw, err := json.Marshal(v)
		if err != nil {
			return v
		}
		var out any
		if json.Unmarshal(raw, &out) != nil {
			return v
		}
		return out
	}
	return reflect.DeepEqual(norm(a), norm(b))
}

func show(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return clip(string(raw))
}

// clip shortens what a deployment sent to what a sentence can carry.
func clip(s string) string {
	r := []rune(s)
	if len(r) <= 80 {
		return s
	}
	return string(r[:79]) + "…"
}

func oneOf(status []int) string {
	out := make([]string, len(status))
	for i, s := range status {
		out[i] = strconv.Itoa(s)
	}
	return strings.Join(out, " or ")
}

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// Round returns d with as many digits as a person wants to read.
func Round(d time.Duration) time.Duration {
	switch {
	case d >= 10*time.Second:
		return d.Round(time.Second)
	case d >= time.Second:
		return d.Round(100 * time.Millisecond)
	case d >= time.Millisecond:
		return d.Round(time.Millisecond)
	}
	return d.Round(10 * time.Microsecond)
}

// Conclude puts results together. A suite without a result has not passed: nothing
// was seen.
func Conclude(suite string, results []Result, took time.Duration) Report {
	r := Report{Suite: suite, Results: results, Took: took}
	if r.Results == nil {
		r.Results = []Result{}
	}
	var failed []Result
	for _, one := range results {
		if !one.OK {
			failed = append(failed, one)
		}
	}
	switch {
	case len(results) == 0:
		r.Sentence = fmt.Sprintf("The suite %s asked nothing, so nothing is known.", suite)
	case len(failed) == 0:
		r.OK = true
		r.Sentence = fmt.Sprintf("All %d checks of %s passed in %s.", len(results), suite, Round(took))
		if len(results) == 1 {
			r.Sentence = fmt.Sprintf("The one check of %s passed in %s.", suite, Round(took))
		}
	default:
		r.Sentence = fmt.Sprintf("%d of %d checks of %s failed. %s: %s", len(failed), len(results), suite, failed[0].Name,
			failed[0].Sentence)
	}
	return r
}
