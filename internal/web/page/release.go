package page

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/api"
)

// stageView is a column of a release's track.
type stageView struct {
	name     string
	mark     mark
	progress string // "3 of 5"
	steps    []stepView
}

// stepView is a step of the track.
type stepView struct {
	title, sentence, took string
	mark                  mark
	now                   bool
}

// trackOf groups a release's steps by their stage, in order.
func trackOf(r api.Release) []stageView {
	var stages []stageView
	over := r.Ended != nil
	for i, s := range r.Steps {
		if i == 0 || s.Stage != r.Steps[i-1].Stage {
			stages = append(stages, stageView{name: s.Stage})
		}
		last := &stages[len(stages)-1]
		last.steps = append(last.steps, stepOf(s, !over && s.ID == r.Step))
	}
	for i := range stages {
		stages[i].sum()
	}
	return stages
}

// stepOf returns a step as shown. What has passed is quiet: only what explains a wait, a
// failure or a person's decision keeps its sentence.
func stepOf(s api.Step, now bool) stepView {
	v := stepView{title: s.Title, mark: stepMark(s.Status), now: now}
	if s.Status != "passed" || s.Actor != "" && !strings.HasPrefix(s.Actor, "system:") {
		v.sentence = s.Sentence
	}
	if s.Started != nil && s.Ended != nil && s.Status != "skipped" && s.Ended.Sub(*s.Started) >= time.Second {
		v.took = brief(s.Ended.Sub(*s.Started))
	}
	return v
}

// sum sets a stage's mark and progress from its steps.
func (v *stageView) sum() {
	done, started := 0, false
	v.mark = stepMark("pending")
	for _, s := range v.steps {
		switch s.mark.shape {
		case "done", "skip":
			done++
			started = true
		case "fail":
			v.mark = s.mark
		case "none":
		default:
			v.mark = s.mark
		}
	}
	switch {
	case done == len(v.steps):
		v.mark = stepMark("passed")
	case started && v.mark.shape == "none":
		v.mark = stepMark("running")
	}
	v.progress = fmt.Sprintf("%d of %d", done, len(v.steps))
}

// phaseFilters are the filters of the list of releases; a path is the phase.
func phaseFilters() []crumb {
	return []crumb{
		{"All", ""}, {"Running", "running"}, {"Paused", "paused"}, {"Completed", "completed"},
		{"Rolled back", "rolled_back"}, {"Aborted", "aborted"}, {"Failed", "failed"},
	}
}

// nextPath is the address of a list's next page, empty on the last.
func nextPath(path, cursor string, pairs ...string) string {
	if cursor == "" {
		return ""
	}
	return query(path, append(pairs, "cursor", cursor)...)
}

// releaseTick is how often the page of a release looks again by itself: fast while
// visitors are on it, for the numbers move without the log moving.
func releaseTick(r api.Release) string {
	switch {
	case r.Ended != nil:
		return "60"
	case r.Share > 0:
		return "2"
	}
	return "15"
}

// evidenceLine says what a verdict rests upon.
func evidenceLine(v api.Verdict) string {
	s := count(v.Requests) + " requests looked at"
	if v.More > 0 && v.Word == "not_enough_evidence" {
		s += ", about " + count(v.More) + " more needed"
		if v.MoreSeconds > 0 {
			s += " (" + span(time.Duration(v.MoreSeconds)*time.Second) + ")"
		}
	}
	if v.Sureness >= 0.9 { // less is no suspicion, and would be read as one
		s += ", " + sure(v.Sureness)
	}
	return s + ","
}

// approvalTitle names what is asked for.
func approvalTitle(a api.Approval) string {
	switch a.Kind {
	case "rollback":
		return "Roll back " + a.Environment + " to " + a.Version
	case "flag":
		return a.Action
	default:
		return a.Version + " into " + a.Environment
	}
}

// approvalSay says who is still asked, or how it ended.
func approvalSay(a api.Approval) string {
	if a.State != "open" {
		if a.Why != "" {
			return a.Why
		}
		return title(a.State) + "."
	}
	if len(a.Missing) == 0 {
		return "Everybody who is needed has approved."
	}
	need := make([]string, 0, len(a.Missing))
	for _, m := range a.Missing {
		need = append(need, count(m.Count)+" of "+m.Role)
	}
	return "Still needed: " + list(need) + "."
}

// openChecks returns the checks that somebody still has to look at, required ones first.
func openChecks(all []api.Check) []api.Check {
	var out []api.Check
	for _, c := range all {
		if len(c.Required) > 0 {
			out = append(out, c)
		}
	}
	if len(out) == 0 {
		return all
	}
	return out
}

// checkSummary counts what is satisfied of what is required.
func checkSummary(all []api.Check) string {
	done, required := 0, 0
	for _, c := range all {
		if len(c.Required) == 0 {
			continue
		}
		required++
		if c.Status == "passed" || c.Status == "not_applicable" {
			done++
		}
	}
	return fmt.Sprintf("%d of %d satisfied", done, required)
}

// shareLine says what share was meant and what was measured.
func shareLine(r api.Release) string {
	s := percent(r.Share) + " intended"
	if r.Measured >= 0 {
		s += ", " + percent(r.Measured) + " measured"
	}
	return s
}

// toSign returns the releases that wait for a verdict which the viewer may record.
func toSign(all []api.Release) []api.Release {
	return slices.DeleteFunc(slices.Clone(all), func(r api.Release) bool {
		return !slices.ContainsFunc(r.Actions, func(a api.Action) bool { return a.Name == "sign" && a.Disabled == "" })
	})
}

// toMend says what somebody must mend of Slipway itself; what is wrong stands above.
func toMend(s api.Status) []string {
	var out []string
	if s.Disk != "" {
		out = append(out, "Somebody must make room there. What waits goes on by itself then.")
	}
	if s.Votes != "" {
		out = append(out, "Somebody must mend the key that votes are signed with: nobody can approve before that.")
	}
	return out
}

// news leaves out of a short list what only the machinery did: each such record stands
// beside one that says what it was for. The log itself leaves out nothing.
func news(events []api.Event, most int) []api.Event {
	var out []api.Event
	late := false // one notice that nobody took stands for the others
	for _, e := range events {
		if strings.HasPrefix(e.Kind, "effect.") && strings.Contains(e.Sentence, "(notify/") {
			if late {
				continue
			}
			late = true
		}
		if e.Kind != "effect.recorded" && e.Kind != "effect.done" && !strings.HasPrefix(e.Kind,
			"session.") && len(out) < most {
			out = append(out, e)
		}
	}
	return out
}

// releasesLead says how many releases are on their way.
func releasesLead(p api.ReleasePage, phase string) string {
	switch {
	case phase == "" && len(p.Items) == 0:
		return "No release was started yet."
	case len(p.Items) == 0:
		return "No release is " + human(phase) + "."
	case phase != "" && len(p.Items) == 1 && p.Next == "":
		return "One release is " + human(phase) + "."
	case phase != "" && p.Next == "":
		return plural(len(p.Items), "release") + " are " + human(phase) + "."
	case phase != "":
		return "More than " + plural(len(p.Items), "release") + " are " + human(phase) + "."
	}
	n := 0
	for _, r := range p.Items {
		if r.Ended == nil {
			n++
		}
	}
	switch n {
	case 0:
		return "No release is on its way."
	case 1:
		return "One release is on its way."
	}
	return count(n) + " releases are on their way."
}

// sure writes a probability, rounded down; nothing that was measured is certain.
func sure(p float64) string {
	switch {
	case p > 0.999:
		return "more than 99.9\u00a0% sure"
	case p >= 0.99:
		return strconv.FormatFloat(math.Floor(p*1000+1e-9)/10, 'f', -1, 64) + "\u00a0% sure"
	}
	return strconv.FormatFloat(math.Floor(p*100+1e-9), 'f', -1, 64) + "\u00a0% sure"
}

// mayGoBack reports whether the viewer may ask for what a completed release replaced. A ramp is taken back on the page
// of its flag.
func mayGoBack(f Frame, r api.Release) bool {
	return r.Flag == nil && r.Phase == "completed" && f.May("rollback:request")
}

// trackName is the heading above the steps.
func trackName(r api.Release) string {
	if r.Flag != nil {
		return "Way to everybody"
	}
	return "Way to production"
}

// canaryName is the heading above what is measured.
func canaryName(r api.Release) string {
	if r.Flag != nil {
		return title(r.Flag.Variant) + " beside " + r.Flag.Against
	}
	return "Canary"
}

// arms are the names of what is compared, as the pictures write them.
func arms(r api.Release) (stable, canary string) {
	if r.Flag != nil {
		return r.Flag.Against, r.Flag.Variant
	}
	return "stable", "canary"
}

// hasOutcome says whether an ended release has more to tell than its sentence.
func hasOutcome(r api.Release) bool {
	return !strings.Contains(r.Sentence, r.Reason) || r.Detected != nil && r.Restored != nil
}
