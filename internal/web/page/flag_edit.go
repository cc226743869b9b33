package page

import (
	"fmt"
	"slices"
	"strings"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/web/ruleform"
)

// FlagEditor is what the editor shows beside its form.
type FlagEditor struct {
	Form       ruleform.Form
	Trial      []FlagTried
	Cost       string          // of an evaluation
	Untried    string          // why the sample users could not be tried
	Theirs     *api.FlagConfig // what somebody else saved meanwhile
	Segments   []string        // that can be asked for here
	Flags      []string        // that it can need
	Attributes []string        // that the strategy lets rules ask for; empty: any
	Later      bool            // it can be scheduled
	Approval   bool            // the environment asks for approval: what is saved waits for it
}

// FlagTried is a sample user and what it gets.
type FlagTried struct {
	User   string
	Result api.FlagResult
}

// option is one choice of a select.
type option struct{ value, words string }

// operators are the choices of a condition; the present one is kept when it is not among them.
func operators(now string, segments bool) []option {
	out := []option{
		{"equals", "is one of"}, {"!equals", "is none of"}, {"starts_with", "starts with"}, {"!starts_with",
			"does not start with"},
		{"ends_with", "ends with"}, {"!ends_with", "does not end with"}, {"contains", "contains"},
		{"!contains", "does not contain"}, {"less", "is less than"}, {"at_most", "is at most"}, {"more", "is more than"},
		{"at_least", "is at least"}, {"version", "is a version"}, {"before", "is before"}, {"after", "is at or after"},
		{"missing", "is missing"}, {"!missing", "is known"},
	}
	if segments {
		out = append([]option{{"segment", "is in the segment"}, {"!segment", "is not in the segment"}}, out...)
	}
	if now != "" && !slices.ContainsFunc(out, func(o option) bool { return o.value == now }) {
		name, not := strings.CutPrefix(now, "!")
		out = append(out, option{now, negated(opWords(name), not)})
	}
	return out
}

// variantNames are the names of a flag's variants.
func variantNames(x api.Flag) []string {
	var out []string
	for _, v := range x.Variants {
		out = append(out, v.Name)
	}
	return out
}

// attributes are the names that rules of the flag ask for already, for the list that is offered.
func attributes(x api.Flag, known []string) []string {
	out := append([]string{"targetingKey"}, known...)
	for _, c := range x.Environments {
		for _, r := range c.Rules {
			for _, q := range r.If {
				if q.Attribute != "" && !slices.Contains(out, q.Attribute) {
					out = append(out, q.Attribute)
				}
			}
		}
	}
	return out
}

// editLead is the first sentence of the editor.
func editLead(c api.FlagConfig, e FlagEditor) string {
	if e.Theirs != nil {
		return "Somebody changed it while you were editing. Both are below; nothing was saved."
	}
	if c.Sentence == "" {
		return "Nothing is set here yet."
	}
	return "Now: " + lowerFirst(c.Sentence)
}

// saveEffect says what saving does.
func saveEffect(c api.FlagConfig, e FlagEditor) string {
	if c.Ramp != "" {
		return "The share rises step by step at present: until that ends nothing here can be saved. " +
			"Abort the ramp, or turn the flag off, on the flag’s page."
	}
	if e.Approval {
		return "Sends this change for approval. " + title(c.Environment) +
			" stays as it is until somebody else approves exactly this."
	}
	return "Programs in " + c.Environment + " evaluate by these rules at once."
}

func saveWord(e FlagEditor) string {
	switch {
	case e.Theirs != nil:
		return "Save mine over theirs"
	case e.Approval:
		return "Send for approval"
	}
	return "Save"
}

// at names a field of a list.
func indexed(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

// userText names a sample user for people.
func userText(user map[string]any) string {
	if key, ok := user["targetingKey"].(string); ok && key != "" {
		return key
	}
	return "somebody without a key"
}

// Tried joins sample users with what they get.
func Tried(users []map[string]any, trial api.FlagTrial) []FlagTried {
	var out []FlagTried
	for i, r := range trial.Items[:min(len(trial.Items), len(users))] {
		out = append(out, FlagTried{userText(users[i]), r})
	}
	return out
}

// Cost says what one evaluation takes.
func Cost(trial api.FlagTrial) string {
	if trial.Nanos <= 0 {
		return ""
	}
	return fmt.Sprintf("One evaluation takes %.2g µs here.", trial.Nanos/1000)
}

// unit is what the parts of a split are written in.
func unit(s ruleform.Serve) string {
	if s.Raw {
		return "parts"
	}
	return "%"
}

// rampDone names what a part of the editor complains about.
func (f Frame) complaints(paths ...string) []string {
	var out []string
	for _, p := range paths {
		if s := f.complaint(p); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// splitPaths are the fields of a serving that can be complained about.
func splitPaths(path string, s ruleform.Serve) []string {
	out := []string{path + ".variant", path + ".split", path + ".by"}
	for i := range s.Parts {
		out = append(out, indexed(path+".split", i)+".weight", indexed(path+".split", i)+".variant")
	}
	return out
}

// offersFor is the list that a condition's values are suggested from.
func offersFor(c ruleform.Condition) string {
	if strings.TrimPrefix(c.Op, "!") == "segment" {
		return "known-segments"
	}
	return ""
}
