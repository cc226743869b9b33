package ruleform

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Fields are what a browser sends: values by the field's name.
type Fields map[string][]string

// get returns a field as it was typed, without space around it.
func (v Fields) get(name string) string {
	if all := v[name]; len(all) > 0 {
		return strings.TrimSpace(strings.ReplaceAll(all[0], "\r\n", "\n"))
	}
	return ""
}

func (v Fields) has(name string) bool { return len(v[name]) > 0 }

// Read returns the form that was sent. What is not there is empty: it can always be shown again.
func Read(v Fields, variants []string) Form {
	f := Form{
		On: v.get("on") == "true", Off: v.get("off"), Default: readServe(v, "default", variants),
		Targeting: v.get("targeting"), Reason: v.get("reason"), At: v.get("at"), Samples: v.get("samples"),
	}
	f.Revision, _ = strconv.ParseInt(v.get("revision"), 10, 64) // 0 is refused where it matters
	for i := 0; i < MaxRules && v.has(fmt.Sprintf("needs[%d].flag", i)); i++ {
		path := fmt.Sprintf("needs[%d]", i)
		f.Needs = append(f.Needs, Need{v.get(path + ".flag"), v.get(path + ".variants")})
	}
	for i := 0; i < MaxRules && v.has(fmt.Sprintf("rules[%d].id", i)); i++ {
		path := fmt.Sprintf("rules[%d]", i)
		f.Rules = append(f.Rules, Rule{
			ID: v.get(path + ".id"), Description: v.get(path + ".description"),
			If: ReadConditions(v, path+".if"), Serve: readServe(v, path+".serve", variants),
		})
	}
	return f
}

// ReadConditions returns the conditions that were sent under a path.
func ReadConditions(v Fields, path string) []Condition {
	var out []Condition
	for i := 0; i < MaxConditions && v.has(fmt.Sprintf("%s[%d].op", path, i)); i++ {
		at := fmt.Sprintf("%s[%d]", path, i)
		out = append(out, Condition{v.get(at + ".attribute"), v.get(at + ".op"), v.get(at + ".values")})
	}
	return out
}

func readServe(v Fields, path string, variants []string) Serve {
	s := Serve{Variant: v.get(path + ".variant"), Raw: v.get(path+".raw") == "true", By: v.get(path + ".by"),
		Salt: v.get(path + ".salt")}
	for i := 0; i < MaxSplit && v.has(fmt.Sprintf("%s.split[%d].variant", path, i)); i++ {
		at := fmt.Sprintf("%s.split[%d]", path, i)
		s.Parts = append(s.Parts, Part{v.get(at + ".variant"), v.get(at + ".weight")})
	}
	return s.offer(variants)
}

// Do carries out what a button of the editor says, such as "up:rules[2]" or "add:rules[0].if". It reports whether it
// was one of those; others, such as "save", are not the form's.
func (f Form) Do(do string) (Form, bool) {
	verb, path, ok := strings.Cut(do, ":")
	if !ok {
		return f, false
	}
	var rest string
	at := -1
	path, rest, _ = strings.Cut(path, "[")
	if rest != "" {
		var index string
		index, rest, _ = strings.Cut(rest, "]")
		n, err := strconv.Atoi(index)
		if err != nil || n < 0 {
			return f, true
		}
		at = n
	}
	switch path {
	case "needs":
		f.Needs = changed(f.Needs, verb, at, Need{})
	case "rules":
		if inner, ok := strings.CutPrefix(rest, ".if"); ok && at < len(f.Rules) && at >= 0 {
			f.Rules = slices.Clone(f.Rules)
			f.Rules[at].If = Changed(f.Rules[at].If, verb, inner)
			return f, true
		}
		serve := Serve{}.offer(f.names())
		if len(serve.Parts) > 0 {
			serve.Variant = serve.Parts[0].Variant
		}
		f.Rules = changed(f.Rules, verb, at, Rule{If: []Condition{{Op: "equals"}}, Serve: serve})
	}
	return f, true
}

// names are the variants that the form offers.
func (f Form) names() []string {
	var out []string
	for _, p := range f.Default.Parts {
		out = append(out, p.Variant)
	}
	return out
}

// Changed adds or removes a condition; index is "[1]" or empty.
func Changed(all []Condition, verb, index string) []Condition {
	at, err := strconv.Atoi(strings.Trim(index, "[]"))
	if err != nil {
		at = -1
	}
	return changed(all, verb, at, Condition{Op: "equals"})
}

// changed adds, removes or moves one of a list.
func changed[T any](all []T, verb string, at int, fresh T) []T {
	all = slices.Clone(all)
	inside := at >= 0 && at < len(all)
	switch {
	case verb == "add" && len(all) < MaxRules:
		all = append(all, fresh)
	case verb == "remove" && inside:
		all = slices.Delete(all, at, at+1)
	case verb == "up" && inside && at > 0:
		all[at-1], all[at] = all[at], all[at-1]
	case verb == "down" && inside && at+1 < len(all):
		all[at+1], all[at] = all[at], all[at+1]
	}
	return all
}
