package page

import (
	"slices"

	"github.com/slipwayhq/slipway/api"
)

// incidentLead says how many incidents are open.
func incidentLead(f Frame) string {
	switch f.Open {
	case 0:
		return "No incident is open."
	case 1:
		return "One incident is open."
	}
	return count(f.Open) + " incidents are open."
}

// FlagOffForm is the form that turns a flag off because of an incident.
type FlagOffForm struct {
	Suspects  api.FlagSuspects
	Elsewhere []string        // other environments where the viewer may turn flags off
	In        api.TurnFlagOff // what was typed before it was refused
}

// recent are the flags that changed lately.
func (o FlagOffForm) recent() []api.FlagSuspect {
	return slices.DeleteFunc(slices.Clone(o.Suspects.Items), func(s api.FlagSuspect) bool { return !s.Recent })
}

// mostOffered is how many flags a field suggests.
const mostOffered = 500

func (o FlagOffForm) keys() []string {
	var out []string
	for _, s := range o.Suspects.Items {
		if !s.Recent && len(out) < mostOffered {
			out = append(out, s.Flag)
		}
	}
	return out
}

// other is the flag that was typed.
func (o FlagOffForm) other() string {
	for _, s := range o.recent() {
		if s.Flag == o.In.Flag {
			return ""
		}
	}
	return o.In.Flag
}

func (o FlagOffForm) otherLabel() string {
	if len(o.recent()) > 0 {
		return "Another flag"
	}
	return "Flag (none changed lately in " + o.Suspects.Environment + ")"
}

func flagOffEffect(o FlagOffForm) string {
	return "Everybody in " + o.Suspects.Environment + " gets what the flag serves while it is off, at once; it needs no " +
		"approval. Then the smoke suite runs and the guard watches: what they find is in the timeline."
}

// flagOffStep is one look at a flag that was turned off.
type flagOffStep struct{ what, status, says string }

func flagOffSteps(f Frame, o api.FlagOff) []flagOffStep {
	out := []flagOffStep{}
	for _, s := range []struct {
		what, phase string
		is          *api.FlagOffFound
	}{
		{"Served off", "confirming", o.Confirmed}, {"Smoke suite without it", "checking", o.Smoked},
		{"Watched by the guard", "watching", o.Watched},
	} {
		x := flagOffStep{what: s.what}
		switch {
		case s.is != nil:
			x.status = map[string]string{"good": "passed", "bad": "failed"}[s.is.Finding]
			if x.says = s.is.Sentence; x.status == "" {
				x.status = "skipped"
			}
		case o.Phase == s.phase:
			x.status, x.says = "running", o.Sentence
			if o.Phase == "watching" && o.Until != nil {
				x.says = "Until " + f.clock(*o.Until) + "."
			}
		case o.Phase == "done":
			x.status, x.says = "skipped", o.Sentence
		}
		out = append(out, x)
	}
	return out
}

// incidentTick is how often the page looks again: more often while a flag's turning off is looked at.
func incidentTick(i api.Incident) string {
	if slices.ContainsFunc(i.FlagsOff, func(o api.FlagOff) bool { return o.Phase != "done" }) {
		return "3"
	}
	return "15"
}
