package page

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/slipwayhq/slipway/api"
)

// FlagFilter is what the list of flags is filtered by; it stands in the address.
type FlagFilter struct {
	Text, State, Tag, Environment string
	Cursor                        string
}

// active reports whether anything is filtered.
func (q FlagFilter) active() bool { return q.Text+q.State+q.Tag+q.Environment != "" }

// pairs are the filter's names and values for an address, without the cursor.
func (q FlagFilter) pairs() []string {
	return []string{"q", q.Text, "state", q.State, "tag", q.Tag, "environment", q.Environment}
}

// flagStates are the states that the list can be filtered by; a path is the state.
func flagStates() []crumb {
	return []crumb{
		{"Every state", ""}, {"On", "on"}, {"Off", "off"}, {"Ramping", "ramping"}, {"Stale", "stale"}, {"Archived",
			"archived"},
	}
}

// flagTabs are the pages about flags.
func (f Frame) flagTabs() []crumb {
	tabs := []crumb{
		{"Flags", "/flags"}, {"Segments", "/segments"}, {"Drafts", "/flag-drafts"}, {"Could go", "/flags/stale"},
	}
	if f.May("flag:keys") {
		tabs = append(tabs, crumb{"Keys", "/flag-keys"})
	}
	return tabs
}

// flagsLead is the first sentence of the list: how many, what moves, what could go.
func flagsLead(p api.FlagPage, q FlagFilter) string {
	switch {
	case q.active() && len(p.Items) == 0:
		return "No flag matches."
	case q.active() && p.Next != "":
		return "More than " + plural(len(p.Items), "flag") + " match."
	case q.active():
		return plural(len(p.Items), "flag") + " that match" + map[bool]string{true: "es", false: ""}[len(p.Items) == 1] + "."
	case p.Sentence != "":
		return p.Sentence
	case len(p.Items) == 0:
		return "No flag yet."
	}
	ramps, stale := 0, 0
	for _, x := range p.Items {
		if slices.ContainsFunc(x.Environments, func(c api.FlagConfig) bool { return c.Ramp != "" }) {
			ramps++
		}
		if x.Stale != "" {
			stale++
		}
	}
	s := plural(len(p.Items), "flag")
	if ramps > 0 {
		s += "; " + count(ramps) + map[bool]string{true: " ramp", false: " ramps"}[ramps == 1]
	}
	if stale > 0 {
		s += "; " + count(stale) + " could go"
	}
	return s + "."
}

// flagColumns are the environments of the list, in the order of their first flag that has them.
func flagColumns(items []api.Flag) []string {
	var out []string
	for _, x := range items {
		for _, c := range x.Environments {
			if !slices.Contains(out, c.Environment) {
				out = append(out, c.Environment)
			}
		}
	}
	return out[:min(len(out), 5)]
}

// configIn returns what the flag does in the environment; nil when the viewer sees none.
func configIn(x api.Flag, environment string) *api.FlagConfig {
	for i := range x.Environments {
		if x.Environments[i].Environment == environment {
			return &x.Environments[i]
		}
	}
	return nil
}

// flagMark returns the mark of what a flag does in an environment.
func flagMark(c api.FlagConfig) mark {
	switch {
	case c.Ramp != "":
		return mark{"now", "busy", "Ramping"}
	case c.On:
		return mark{"done", "good", "On"}
	case killed(c):
		return mark{"stop", "bad", "Turned off"}
	}
	return mark{"skip", "quiet", "Off"}
}

// killed reports whether somebody turned the flag off and said why.
func killed(c api.FlagConfig) bool { return !c.On && c.Reason != "" }

// flagStateMark returns the mark of the flag as a whole; none while it is in ordinary use.
func flagStateMark(x api.Flag) mark {
	switch {
	case x.Archived != nil:
		return mark{"stop", "quiet", "Archived"}
	case x.Stale != "":
		return mark{"alert", "wait", "Could go"}
	}
	return mark{}
}

// cell is the small picture of a flag in one environment.
type cell struct {
	word  string
	share float64 // of the bar; negative: no bar
	tone  string
}

func cellOf(c *api.FlagConfig) cell {
	switch {
	case c == nil:
		return cell{"–", -1, "quiet"}
	case killed(*c):
		return cell{"turned off", 0, "bad"}
	case !c.On:
		return cell{"off", 0, "quiet"}
	}
	v := cell{c.Default.Variant, 100, "good"}
	switch {
	case c.Share >= 0:
		v.word, v.share = percent(c.Share), c.Share
	case len(c.Targeting) > 0:
		v.word, v.share = "own rule", -1
	}
	if c.Ramp != "" {
		v.tone, v.word = "busy", v.word+" ↗"
	}
	if n := len(c.Rules); n > 0 {
		v.word = plural(n, "rule") + " · " + v.word
	}
	return v
}

// cellSays is a cell in words, for those who do not see it and for the pointer.
func cellSays(c *api.FlagConfig, environment string) string {
	if c == nil {
		return environment + ": nothing is set"
	}
	if c.Sentence != "" {
		return environment + ": " + c.Sentence
	}
	return environment + ": " + strings.ToLower(flagMark(*c).word)
}

// lastSeen returns when the flag was evaluated last in any environment.
func lastSeen(x api.Flag) *api.FlagConfig {
	var last *api.FlagConfig
	for i, c := range x.Environments {
		if c.Evaluated != nil && (last == nil || c.Evaluated.After(*last.Evaluated)) {
			last = &x.Environments[i]
		}
	}
	return last
}

// FlagFocus returns the environment that a page about a flag looks at: the one asked for, else the last in order,
// which is the one that most people depend on.
func FlagFocus(x api.Flag, asked string) api.FlagConfig {
	if c := configIn(x, asked); c != nil {
		return *c
	}
	if n := len(x.Environments); n > 0 {
		return x.Environments[n-1]
	}
	return api.FlagConfig{Flag: x.Key, Share: -1}
}

// nextEnvironment returns the environment after this one, or the empty string.
func nextEnvironment(x api.Flag, environment string) string {
	for i, c := range x.Environments {
		if c.Environment == environment && i+1 < len(x.Environments) {
			return x.Environments[i+1].Environment
		}
	}
	return ""
}

// flagActions are what may be done with a flag where the page looks, the most urgent first.
func flagActions(f Frame, x api.Flag, c api.FlagConfig, u *api.FlagUsage) []api.Action {
	if x.Archived != nil || c.Environment == "" {
		return nil
	}
	why := ""
	if !f.mayIn("flag:switch", c.Environment) {
		why = "Needs the permission flag:switch in " + c.Environment + "."
	}
	if !c.On {
		all := []api.Action{{Name: "on", Title: "Turn on in " + c.Environment, Primary: true, Disabled: why,
			Reason: killed(c),
			Effect: "The rules decide again, at once: " + lowerFirst(defaultSays(c)), Undo: "Turn it off."}}
		return append(all, shareAction(f, x, c)...)
	}
	off := api.Action{Name: "off", Title: "Turn off in " + c.Environment, Dangers: true, Primary: true, Reason: true,
		Disabled: why, Effect: offEffect(c, u), Undo: "Turn it on again: the rules are kept as they are."}
	return append([]api.Action{off}, shareAction(f, x, c)...)
}

// shareAction sets the share, where there is one and no ramp has it.
func shareAction(f Frame, x api.Flag, c api.FlagConfig) []api.Action {
	if c.Ramp != "" || len(c.Targeting) > 0 || len(x.Variants) < 2 {
		return nil
	}
	why := ""
	if !f.mayIn("flag:edit", c.Environment) {
		why = "Needs the permission flag:edit in " + c.Environment + "."
	}
	effect := "Users whom no rule serves get “" + x.Variants[raised(x, c)].Name + "” up to the share that you enter. " +
		"Whoever has it keeps it when the share grows."
	if !c.On {
		effect += " Nobody sees it before the flag is on."
	}
	return []api.Action{{Name: "rollout", Title: "Set the share", Disabled: why, Effect: effect,
		Undo: "Set it back to " + shareNow(c) + "."}}
}

// Raised is the name of the variant whose share is raised: that of the present split, else the one that means on, or
// the first.
func Raised(x api.Flag, c api.FlagConfig) string {
	if len(x.Variants) == 0 {
		return ""
	}
	return x.Variants[raised(x, c)].Name
}

// Against is what the others get while that variant is raised: the split's other one, else the one that means off, or
// the last.
func Against(x api.Flag, c api.FlagConfig) string {
	up := Raised(x, c)
	for _, p := range c.Default.Split {
		if p.Variant != up && p.Weight > 0 {
			return p.Variant
		}
	}
	for _, v := range slices.Backward(x.Variants) {
		if v.Name != up {
			return v.Name
		}
	}
	return up
}

// raised is the variant that a share raises: the split's first, else the one that means on, else the first.
func raised(x api.Flag, c api.FlagConfig) int {
	if len(c.Default.Split) > 0 {
		if i := slices.IndexFunc(x.Variants,
			func(v api.FlagVariant) bool { return v.Name == c.Default.Split[0].Variant }); i >= 0 {
			return i
		}
	}
	return max(0, slices.IndexFunc(x.Variants, func(v api.FlagVariant) bool { return string(v.Value) == "true" }))
}

func shareNow(c api.FlagConfig) string {
	if c.Share >= 0 {
		return percent(c.Share)
	}
	return "what it serves now, “" + c.Default.Variant + "”"
}

// offEffect says what turning a flag off does, to whom.
func offEffect(c api.FlagConfig, u *api.FlagUsage) string {
	gets := "“" + c.Off + "”"
	if c.Off == "" {
		gets = "what the program falls back to"
	}
	s := "Everybody in " + c.Environment + " gets " + gets + " at once, whatever the rules say."
	if u != nil {
		if n := recent(*u); n > 0 {
			s += " It was asked for " + count(n) + " times in the last " + lately(*u) + "."
		}
	}
	if c.Ramp != "" {
		s += " The ramp ends."
	}
	return s
}

// defaultSays is what everybody gets whom no rule serves.
func defaultSays(c api.FlagConfig) string {
	n := len(c.Rules)
	s := "Everybody gets "
	if n > 0 {
		s = plural(n, "rule") + " first, then everybody gets "
	}
	return s + serveText(c.Default) + "."
}

// serveText writes what is served: "on", "25 % on and 75 % off".
func serveText(s api.FlagServe) string {
	if len(s.Split) == 0 {
		if s.Variant == "" {
			return "nothing"
		}
		return s.Variant
	}
	var parts []string
	for _, p := range portions(s) {
		parts = append(parts, percent(p.share)+" "+p.variant)
	}
	return list(parts)
}

// portion is a variant with its share of a split in percent.
type portion struct {
	variant string
	share   float64
}

func portions(s api.FlagServe) []portion {
	sum := 0
	for _, p := range s.Split {
		sum += p.Weight
	}
	out := make([]portion, 0, len(s.Split))
	for _, p := range s.Split {
		share := 0.0
		if sum > 0 {
			share = 100 * float64(p.Weight) / float64(sum)
		}
		out = append(out, portion{p.Variant, share})
	}
	return out
}

// mayIn reports whether the viewer holds the permission in the environment. Like May it only decides what is shown.
func (f Frame) mayIn(permission, environment string) bool {
	return slices.ContainsFunc(f.Me.Permissions, func(p string) bool {
		name, env, scoped := strings.Cut(p, "@")
		return name == permission && (!scoped || env == "*" || env == environment)
	})
}

// scalar writes a value of a rule as a person would.
func scalar(v any) string {
	switch x := v.(type) {
	case nil:
		return "null"
	case string:
		if x == "" {
			return "“”"
		}
		return x
	case float64:
		return strconv.FormatFloat(x, 'f', -1, 64)
	case json.Number:
		return x.String()
	}
	return fmt.Sprint(v)
}
