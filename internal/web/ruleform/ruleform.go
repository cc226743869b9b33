// Package ruleform is what stands in the editor of a flag's or a segment's rules: made from a
// configuration, changed by buttons, read from the fields that a browser sends, and turned
// back into a configuration.
//
// Everything is text, as typed: what cannot be understood stays in its field and is
// complained about there. The fields are named like the paths of the wire types
// (rules[0].if[1].values), so that what the desk refuses finds its field too. A form that is
// sent back unchanged gives the same configuration: nobody is assigned anew by looking.
package ruleform

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/slipwayhq/slipway/api"
)

// Bounds of what is read from a form.
const (
	MaxRules      = 200
	MaxConditions = 50
	MaxSplit      = 100
	MaxSamples    = 50
)

// Form is the editor's state.
type Form struct {
	Revision  int64
	On        bool
	Off       string
	Needs     []Need
	Rules     []Rule
	Default   Serve
	Targeting string // flagd's own rule, which is not edited here, only kept or given up
	Reason    string
	At        string // when it is to be made; empty: now
	Samples   string // users to try it on, one a line
}

// Need is another flag that must serve one of the variants.
type Need struct{ Flag, Variants string }

// Rule is one sentence of the editor.
type Rule struct {
	ID, Description string
	If              []Condition
	Serve           Serve
}

// Condition asks one thing. Op is an operator of the wire types, or "segment", with "!" before it for the opposite.
type Condition struct{ Attribute, Op, Values string }

// Serve is a variant, or a split when Variant is empty.
type Serve struct {
	Variant string
	Parts   []Part
	Raw     bool // the weights are relative numbers as they came, not percent: rounding would assign people anew
	By      string
	Salt    string
}

// Part is a variant's part of a split, as typed.
type Part struct{ Variant, Weight string }

// Complaint is what is wrong with one field.
type Complaint struct{ Path, Message string }

// whole is the sum of a split's weights: a point is 0.01 %.
const whole = 10_000

// Of returns the form of a configuration. Every serving offers all variants of the flag.
func Of(c api.FlagConfig, variants []string) Form {
	f := Form{Revision: c.Revision, On: c.On, Off: c.Off, Default: serveOf(c.Default, variants),
		Targeting: string(c.Targeting)}
	for _, n := range c.Needs {
		f.Needs = append(f.Needs, Need{n.Flag, namesText(n.Variants)})
	}
	for _, r := range c.Rules {
		f.Rules = append(f.Rules, Rule{r.ID, r.Description, Conditions(r.If), serveOf(r.Serve, variants)})
	}
	f.Samples = Samples(c)
	return f
}

// Conditions returns the fields of conditions.
func Conditions(all []api.FlagCondition) []Condition {
	var out []Condition
	for _, c := range all {
		op, values := c.Op, ValuesText(c.Values)
		if c.Segment != "" {
			op, values = "segment", c.Segment
		}
		if c.Not {
			op = "!" + op
		}
		out = append(out, Condition{c.Attribute, op, values})
	}
	return out
}

func serveOf(s api.FlagServe, variants []string) Serve {
	out := Serve{Variant: s.Variant, By: s.By, Salt: s.Salt}
	sum := 0
	for _, p := range s.Split {
		sum += p.Weight
	}
	out.Raw = len(s.Split) > 0 && sum != whole
	for _, p := range s.Split {
		weight := strconv.Itoa(p.Weight)
		if !out.Raw {
			weight = strconv.FormatFloat(float64(p.Weight)/100, 'f', -1, 64)
		}
		out.Parts = append(out.Parts, Part{p.Variant, weight})
	}
	return out.offer(variants)
}

// offer adds the variants that have no part yet, after those that have: the order decides who gets what.
func (s Serve) offer(variants []string) Serve {
	for _, v := range variants {
		if !slices.ContainsFunc(s.Parts, func(p Part) bool { return p.Variant == v }) {
			s.Parts = append(s.Parts, Part{Variant: v})
		}
	}
	return s
}

// Config turns the form into a configuration, with what is wrong with it.
func (f Form) Config() (api.PutFlagConfig, []Complaint) {
	var bad []Complaint
	out := api.PutFlagConfig{On: f.On, Off: f.Off, Revision: f.Revision, Reason: f.Reason}
	if f.Targeting != "" {
		out.Targeting = []byte(f.Targeting)
	}
	for i, n := range f.Needs {
		names := texts(split(n.Variants))
		if n.Flag == "" {
			bad = append(bad, Complaint{fmt.Sprintf("needs[%d].flag", i), "Name the flag that it needs, or remove the line."})
		}
		if len(names) == 0 {
			bad = append(bad, Complaint{fmt.Sprintf("needs[%d].variants", i), "Name the variants that will do."})
		}
		out.Needs = append(out.Needs, api.FlagPrerequisite{Flag: n.Flag, Variants: names})
	}
	for i, r := range f.Rules {
		path := fmt.Sprintf("rules[%d]", i)
		asks, wrong := Ask(path+".if", r.If)
		serve, worse := r.Serve.config(path + ".serve")
		bad = append(append(bad, wrong...), worse...)
		out.Rules = append(out.Rules, api.FlagRule{ID: r.ID, Description: r.Description, If: asks, Serve: serve})
	}
	serve, wrong := f.Default.config("default")
	out.Default = serve
	return out, append(bad, wrong...)
}

// Ask turns the fields of conditions into conditions, with what is wrong with them.
func Ask(path string, all []Condition) ([]api.FlagCondition, []Complaint) {
	out, bad := []api.FlagCondition{}, []Complaint(nil)
	for i, c := range all {
		at := fmt.Sprintf("%s[%d]", path, i)
		op, not := strings.CutPrefix(c.Op, "!")
		q := api.FlagCondition{Not: not}
		if op == "segment" {
			if q.Segment = strings.TrimSpace(c.Values); q.Segment == "" {
				bad = append(bad, Complaint{at + ".values", "Name the segment."})
			}
			out = append(out, q)
			continue
		}
		q.Attribute, q.Op = c.Attribute, op
		var why string
		q.Values, why = values(op, c.Values)
		if why != "" {
			bad = append(bad, Complaint{at + ".values", why})
		}
		if q.Attribute == "" && op != "before" && op != "after" {
			bad = append(bad, Complaint{at + ".attribute", "Name what is asked about, such as plan or country."})
		}
		out = append(out, q)
	}
	return out, bad
}

// config turns the fields of a serving into one.
func (s Serve) config(path string) (api.FlagServe, []Complaint) {
	if s.Variant != "" {
		return api.FlagServe{Variant: s.Variant}, nil
	}
	out := api.FlagServe{By: s.By, Salt: s.Salt}
	var bad []Complaint
	sum := 0
	for i, p := range s.Parts {
		if p.Weight == "" {
			continue
		}
		n, why := s.weight(p.Weight)
		if why != "" {
			bad = append(bad, Complaint{fmt.Sprintf("%s.split[%d].weight", path, i), why})
		}
		sum += n
		out.Split = append(out.Split, api.FlagPortion{Variant: p.Variant, Weight: n})
	}
	switch {
	case len(out.Split) == 0:
		bad = append(bad, Complaint{path + ".variant", "Choose a variant, or give the variants their parts."})
	case len(bad) == 0 && !s.Raw && sum != whole:
		bad = append(bad, Complaint{path + ".split", "The parts add up to " +
			strconv.FormatFloat(float64(sum)/100, 'f', -1, 64) + " %, not to 100 %."})
	case len(bad) == 0 && sum == 0:
		bad = append(bad, Complaint{path + ".split", "At least one part must be more than 0."})
	}
	return out, bad
}

// weight reads one part of a split.
func (s Serve) weight(text string) (int, string) {
	text = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(strings.ReplaceAll(text, ",", ".")), "%"))
	if s.Raw {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n > 1<<30 {
			return 0, "A part is a whole number."
		}
		return n, ""
	}
	p, err := strconv.ParseFloat(text, 64)
	if err != nil || !(p >= 0 && p <= 100) {
		return 0, "A part is a number of percent between 0 and 100."
	}
	n := int(p*100 + 0.5)
	if d := p*100 - float64(n); d > 1e-6 || d < -1e-6 {
		return n, "The finest step is 0.01 %."
	}
	return n, ""
}
