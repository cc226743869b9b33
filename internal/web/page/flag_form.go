package page

import (
	"strconv"
	"strings"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/web/ruleform"
)

// FlagFields are what stands in the form about a flag, as typed.
type FlagFields struct {
	Key, Kind, Description, Owner, Tags, Variants, Expires string
	Client, Permanent                                      bool
	Bucketing                                              int
	Revision                                               int64
}

func (in FlagFields) kind() string {
	if in.Kind == "" {
		return "boolean"
	}
	return in.Kind
}

// FieldsOf returns the form of a flag.
func FieldsOf(x api.Flag) FlagFields {
	in := FlagFields{
		Key: x.Key, Kind: x.Kind, Description: x.Description, Owner: x.Owner, Tags: strings.Join(x.Tags, ", "),
		Variants: ruleform.VariantsText(x.Variants), Client: x.Client, Permanent: x.Permanent, Bucketing: x.Bucketing,
		Revision: x.Revision,
	}
	if x.Expires != nil {
		in.Expires = x.Expires.UTC().Format("2006-01-02")
	}
	return in
}

// RampFields are what stands in the form that starts a ramp, as typed.
type RampFields struct{ Variant, Against, Steps, Bake, Reason string }

// rampLead says what the ramp would do.
func rampLead(x api.Flag, c api.FlagConfig, in RampFields) string {
	s := "Raise “" + in.Variant + "” step by step in " + c.Environment
	if c.Share > 0 {
		s += ", from " + percent(c.Share)
	}
	return s + ", watched like a canary."
}

// rampAffects says who is affected by a ramp, with the numbers that are known.
func rampAffects(c api.FlagConfig, in RampFields, u *api.FlagUsage) []string {
	var out []string
	if n := len(c.Rules); n > 0 {
		out = append(out, "Users whom "+plural(n, "rule")+" serve stay as they are.")
	}
	first, _, _ := strings.Cut(in.Steps, ",")
	share, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(first), "%")), 64)
	if u != nil && recent(*u) > 0 && err == nil {
		n := recent(*u)
		out = append(out, "It was asked for "+count(n)+" times in the last "+lately(*u)+": at the first step about "+
			count(int64(float64(n)*share/100))+" of them get “"+in.Variant+"”.")
	} else {
		out = append(out, "How many that are is not known: nobody has asked for it here yet, so the guard would have "+
			"nothing to "+
			"judge by.")
	}
	switch {
	case !c.On && len(c.Rules) > 0:
		out = append(out, "The flag is off, and on its rules would serve users at once: set its share to 0 % and turn it on "+
			"first, so that everybody else begins with “"+in.Against+"”.")
	case !c.On:
		out = append(out, "The flag is off: it is turned on, and everybody begins with “"+in.Against+"”.")
	}
	return append(out, "Whoever gets “"+in.Variant+"” keeps it while the share rises.")
}

// killedHint says why a reason is asked for.
func killedHint(c api.FlagConfig) string {
	if killed(c) {
		return "Somebody turned it off (" + c.Reason + "): say why it may be on again."
	}
	return ""
}

// promoteLead says what a promotion would change.
func promoteLead(from, target string, c api.FlagChange) string {
	switch {
	case c.Sentence != "":
		return c.Sentence
	case len(c.Changes) == 0:
		return title(target) + " already does what " + from + " does."
	}
	return plural(len(c.Changes), "difference") + " between " + from + " and " + target + "."
}

func keyMark(k api.FlagKey) mark {
	switch {
	case k.Revoked != nil:
		return mark{"stop", "quiet", "Revoked"}
	case k.Kind == "public":
		return mark{"done", "good", "Public"}
	}
	return mark{"done", "good", "Server"}
}

// keySays is what a key may do.
func keySays(k api.FlagKey) string {
	switch {
	case k.Kind != "public":
		return "Reads the rules, evaluates by itself."
	case len(k.Origins) == 0:
		return "Results only, from any page."
	}
	return "Results only, from " + list(k.Origins) + "."
}

// keysLead counts the keys that work.
func keysLead(keys []api.FlagKey) string {
	n := 0
	for _, k := range keys {
		if k.Revoked == nil {
			n++
		}
	}
	switch n {
	case 0:
		return "No program can evaluate flags yet."
	case 1:
		return "One key works."
	}
	return count(n) + " keys work."
}

func originsText(all []string) string { return strings.Join(all, "\n") }
