package page

import (
	"strconv"
	"strings"

	"github.com/slipwayhq/slipway/api"
)

// FlagParts is what the page of a flag shows beside the flag itself.
type FlagParts struct {
	Environment string // the one looked at; empty: the last
	MayRamp     bool   // a ramp can be started where the page looks
	Usage       *api.FlagUsage
	Hours       int // that the usage covers
	History     api.FlagHistory
	Drafts      []api.FlagDraft
	Ramp        *api.Release // that raises the share where the page looks, or the last one that did
	Canary      *api.Canary  // its measurements
}

// UsageHours is how much of a flag's usage is shown first.
const UsageHours = 1

// usageSpans are the choices of how much of the usage is shown.
func usageSpans(key, environment string) []crumb {
	at := func(hours string) string {
		return query(to("flags", key), "environment", environment, "hours", hours) +
			"#usage"
	}
	return []crumb{{"1 hour", at("1")}, {"6 hours", at("6")}, {"2 days", at("48")}, {"30 days", at("720")}}
}

// flagTick is how often the page of a flag looks again by itself.
func flagTick(p FlagParts) string {
	if p.Ramp != nil && p.Ramp.Ended == nil {
		return "2"
	}
	return "15"
}

// flagTrail leads from the list to a page about one flag.
func flagTrail(key string) []crumb { return []crumb{{"Flags", "/flags"}, {key, to("flags", key)}} }

// rampTitle tells a ramp that runs from the last one, which stays on the page: what became of it is asked first.
func rampTitle(r *api.Release) string {
	if r.Ended == nil {
		return "Ramp"
	}
	return "The last ramp"
}

// flagLead is the first sentence of a flag's page.
func flagLead(x api.Flag, c api.FlagConfig) string {
	switch {
	case x.Archived != nil:
		return "Archived: no program gets it any more, each uses its own fallback."
	case c.Environment == "":
		return "No environment of it is visible to you."
	case c.Sentence != "":
		return title(c.Environment) + ": " + lowerFirst(c.Sentence)
	}
	return x.Sentence
}

// flagPath is the address of a flag's pages in an environment.
func flagPath(key, environment string, more ...string) string {
	return to(append([]string{"flags", key, "environments", environment}, more...)...)
}

// revisionText writes a number for a hidden field.
func revisionText(n int64) string { return strconv.FormatInt(n, 10) }

// draftMark returns the mark of a draft's state.
func draftMark(state string) mark {
	switch state {
	case "waiting":
		return mark{"wait", "wait", "Waits"}
	case "scheduled":
		return mark{"wait", "busy", "Scheduled"}
	case "applied":
		return mark{"done", "good", "Applied"}
	case "refused":
		return mark{"fail", "bad", "Refused"}
	case "failed":
		return mark{"fail", "bad", "Failed"}
	}
	return mark{"skip", "quiet", title(state)}
}

// draftOpen reports whether a draft can still be discarded.
func draftOpen(d api.FlagDraft) bool { return d.State == "waiting" || d.State == "scheduled" }

// draftSubject names what a draft changes.
func draftSubject(d api.FlagDraft) (name, path string) {
	if d.Segment != "" {
		return "segment " + d.Segment, to("segments", d.Environment, d.Segment)
	}
	return d.Flag, to("flags", d.Flag) + "?environment=" + d.Environment
}

// draftStates are the states that drafts can be filtered by; a path is the state.
func draftStates() []crumb {
	return []crumb{{"Open", ""}, {"Applied", "applied"}, {"Refused", "refused"}, {"Failed", "failed"},
		{"Discarded", "discarded"}, {"All", "all"}}
}

// draftsLead says how many changes wait.
func draftsLead(all []api.FlagDraft, state string) string {
	if state != "" {
		return plural(len(all), "change") + "."
	}
	waiting, scheduled := 0, 0
	for _, d := range all {
		switch d.State {
		case "waiting":
			waiting++
		case "scheduled":
			scheduled++
		}
	}
	var parts []string
	switch waiting {
	case 0:
	case 1:
		parts = append(parts, "1 change waits for approval")
	default:
		parts = append(parts, count(waiting)+" changes wait for approval")
	}
	switch scheduled {
	case 0:
	case 1:
		parts = append(parts, "1 is scheduled")
	default:
		parts = append(parts, count(scheduled)+" are scheduled")
	}
	if len(parts) == 0 {
		return "No change waits."
	}
	return strings.Join(parts, "; ") + "."
}

// flagTraits are the traits of a flag that are worth a line.
func flagTraits(x api.Flag) string {
	var out []string
	if x.Client {
		out = append(out, "public keys may evaluate it")
	}
	if x.Permanent {
		out = append(out, "permanent: never stale")
	}
	if x.Bucketing > 2 {
		out = append(out, "bucketing "+strconv.Itoa(x.Bucketing))
	}
	return strings.Join(out, "; ")
}
