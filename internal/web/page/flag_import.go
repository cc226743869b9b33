package page

import (
	"slices"
	"strings"

	"github.com/slipwayhq/slipway/api"
)

// ImportFields is what somebody entered to bring in the flags of another system.
type ImportFields struct {
	Source, Export, Environment, Rename, Reason string
	Only, TurnOn                                bool
	Seen                                        string // of the plan that is shown
	Connected, Live                             bool   // there is a project on Vercel to ask; it is asked
}

// ScheduleFields is what somebody entered to have a flag switched, or a share set, later.
type ScheduleFields struct {
	Do, Percent, At, Release, Reason string
}

// Following is the environment after another in the order of a release's way, or the second one.
func Following(x api.Flag, from string) string {
	if next := nextEnvironment(x, from); next != "" || len(x.Environments) < 2 {
		return next
	}
	return x.Environments[1].Environment
}

func importWord(plan *api.FlagImport) string {
	if plan == nil {
		return "What to bring in"
	}
	return "Change what is brought in"
}

func sources() []option {
	return []option{{"", "Guess from the export"}, {"launchdarkly", "LaunchDarkly"}, {"unleash", "Unleash"},
		{"growthbook", "GrowthBook"}, {"flagsmith", "Flagsmith"}, {"vercel", "Vercel Flags"}, {"flagd", "flagd"}}
}

func importLead(in *api.FlagImport) string {
	switch {
	case in == nil:
		return "Look first: nothing is changed before you have seen what it would do."
	case !in.Plan.Drift:
		return "Nothing to do: everything is as the export says. " + in.Sentence
	}
	return in.Plan.Sentence + " " + in.Sentence
}

// planMark is what a step of a plan does, or what came of it.
func planMark(s api.FlagStep) mark {
	switch {
	case s.Problem != "":
		return mark{"alert", "bad", "Not done"}
	case s.Draft != "":
		return mark{"wait", "wait", "Waits"}
	case s.Done && s.What != "unchanged":
		return mark{"done", "good", "Done"}
	case s.What == "create":
		return mark{"now", "good", "New"}
	case s.What == "archive":
		return mark{"stop", "bad", "Archive"}
	case s.What == "unchanged":
		return mark{"done", "quiet", "As it is"}
	}
	return mark{"now", "wait", title(s.What)}
}

// following are the releases that a change can wait for. One that was named and has ended meanwhile stays named: what
// becomes of it is said when the form is sent.
func following(named string, releases []api.Release) []option {
	none := "no release"
	if len(releases) == 0 {
		none = "no release is under way"
	}
	out := []option{{"", none}}
	for _, r := range releases {
		out = append(out, option{r.ID, r.Version + ", " + r.Stage})
	}
	if named != "" && !slices.ContainsFunc(releases, func(r api.Release) bool { return r.ID == named }) {
		out = append(out, option{named, named})
	}
	return out
}

// turnedOn names what a plan turns on although somebody turned it off and said why.
func turnedOn(p api.FlagPlan) string {
	var names []string
	for _, s := range p.Steps {
		if s.TurnsOn {
			names = append(names, s.Name())
		}
	}
	return strings.Join(names, ", ")
}

func differing(all []api.FlagStep) (out []api.FlagStep) {
	for _, s := range all {
		if s.What != "unchanged" {
			out = append(out, s)
		}
	}
	return out
}
