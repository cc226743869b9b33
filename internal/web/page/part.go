package page

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/api"
)

// crumb is a link with a name.
type crumb struct{ name, path string }

// input describes a text field of a form.
type input struct {
	name, label, value, hint, placeholder string
	typ, auto                             string
	rows, most                            int
	required                              bool
	first                                 bool // one begins to type there
}

func (in input) kind() string {
	if in.typ == "" {
		return "text"
	}
	return in.typ
}

// stamp writes an instant for machines.
func stamp(at time.Time) string { return at.UTC().Format(time.RFC3339) }

// utc writes an instant for the hover text.
func utc(at time.Time) string { return at.UTC().Format("2006-01-02 15:04:05 UTC") }

// number writes a coordinate.
func number(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) }

// confirmWord is what the button says that does it.
func confirmWord(a api.Action) string {
	if a.Dangers {
		return "Yes: " + lowerFirst(a.Title)
	}
	return a.Title
}

// lowerFirst makes the first letter small unless the word is an abbreviation.
func lowerFirst(s string) string {
	if len(s) < 2 || s[1] >= 'A' && s[1] <= 'Z' {
		return s
	}
	if s[0] >= 'A' && s[0] <= 'Z' {
		return string(s[0]+'a'-'A') + s[1:]
	}
	return s
}

// eventPath is the address of one event of the log.
func eventPath(seq int64) string { return "/log/" + strconv.FormatInt(seq, 10) }

// clockOnly writes the time of day; the day stands in a heading above.
func (f Frame) clockOnly(at time.Time) string { return at.In(f.Zone).Format("15:04:05") }

// edgeMark says whether an edge serves the routing table that it should.
func edgeMark(e api.EdgeStatus) mark {
	if e.Generation == e.Wanted {
		return mark{"done", "good", "Current"}
	}
	return mark{"alert", "bad", "Behind"}
}

func sourceMark(s api.MetricSource) mark {
	if s.Trouble {
		return mark{"alert", "bad", "In trouble"}
	}
	return mark{"done", "good", "Heard"}
}

func targetMark(t api.Target) mark {
	switch {
	case t.Trouble:
		return mark{"alert", "bad", "In trouble"}
	case t.Seen == nil:
		return mark{"none", "quiet", "Not looked at yet"}
	}
	return mark{"done", "good", "As routed"}
}

func gitHubMark(g api.GitHub) mark {
	switch {
	case g.Trouble:
		return mark{"alert", "bad", "In trouble"}
	case g.Answered == nil:
		return mark{"none", "quiet", "Not asked yet"}
	}
	return mark{"done", "good", "Shown"}
}

func publishedMark(p api.PublishedFlags) mark {
	switch {
	case p.Trouble:
		return mark{"alert", "bad", "Not the newest"}
	case p.Written == nil:
		return mark{"none", "quiet", "Not published yet"}
	}
	return mark{"done", "good", "Published"}
}

func syncedMark(p api.SyncedFlags) mark {
	switch {
	case p.Trouble:
		return mark{"alert", "bad", "Something decides otherwise there"}
	case p.Seen == nil:
		return mark{"none", "quiet", "Not written yet"}
	}
	return mark{"done", "good", "As here"}
}

// flagSyncedMark says how one flag stands at the platform's own flags.
func flagSyncedMark(s api.FlagSynced) mark {
	switch {
	case s.Trouble:
		return mark{"alert", "bad", "Otherwise there"}
	case s.State == "same" || s.State == "absent":
		return mark{"done", "good", "As here"}
	case s.State == "behind" || s.State == "writing":
		return mark{"wait", "wait", "To be written"}
	}
	return mark{"none", "quiet", "Not there"}
}

// left says what of a source did not count.
func left(s api.MetricSource) string {
	if s.Late+s.Dropped == 0 {
		return ""
	}
	var parts []string
	if s.Late > 0 {
		parts = append(parts, count(s.Late)+" came too late")
	}
	if s.Dropped > 0 {
		parts = append(parts, count(s.Dropped)+map[bool]string{true: " was", false: " were"}[s.Dropped == 1]+" dropped")
	}
	return strings.Join(parts, ", ") + "."
}

// looked is what the viewer saw when a form was shown: a command about something that has
// changed since is refused.
type looked struct {
	revision int64
	step     string
	more     bool // something else stands among the actions
}

// reasonLabel names the field for the reason of an action.
func reasonLabel(a api.Action) string {
	if a.Reason {
		return "Reason, for the log"
	}
	return "Note"
}

// refusal is what cannot be done now, and why.
type refusal struct{ what, why string }

// refusals gathers the actions that cannot be done under their reasons, so that one reason
// is read once.
func refusals(all []api.Action) []refusal {
	var out []refusal
	for _, a := range all {
		if a.Disabled == "" {
			continue
		}
		i := slices.IndexFunc(out, func(r refusal) bool { return r.why == a.Disabled })
		if i < 0 {
			out = append(out, refusal{a.Title, a.Disabled})
			continue
		}
		out[i].what += ", " + lowerFirst(a.Title)
	}
	return out
}
