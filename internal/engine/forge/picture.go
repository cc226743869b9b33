package forge

import (
	"fmt"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/github"
	"github.com/slipwayhq/slipway/internal/release"
)

// picture is how a release is to look at GitHub: the whole of it, so that showing it twice is showing it once.
type picture struct {
	Release    string     `json:"release"`
	Commit     string     `json:"commit"`
	Check      github.Run `json:"check"`
	Production *place     `json:"production,omitempty"` // nil: no visitor ever had it
	Staging    *place     `json:"staging,omitempty"`
}

// place is a deployment with its newest status.
type place struct {
	Environment string        `json:"environment"`
	Status      github.Status `json:"status"`
}

// checkName is what the check run is called at GitHub.
const checkName = "Slipway"

// draw makes the picture of a release. stable is the deployment that production runs now.
func draw(r release.Release, stable, address, production string) picture {
	page := address + "/releases/" + r.ID
	p := picture{Release: r.ID, Commit: r.Commit, Check: check(r)}
	p.Check.Details = page
	p.Production, p.Staging = produced(r, stable), staged(r)
	for _, d := range []*place{p.Production, p.Staging} {
		if d != nil {
			d.Status.Log, d.Status.URL = page, r.URL
		}
	}
	if p.Production != nil && production != "" {
		p.Production.Status.URL = production
	}
	return p
}

// check says where the release stands. A branch that requires the check lets through what was concluded as success,
// neutral or skipped: so success it is when the release is completed, and the other two it never is. Failure is what
// was found to be faulty or what visitors lost again; canceled what a person ended before a visitor had it.
func check(r release.Release) github.Run {
	c := github.Run{Name: checkName, External: r.ID, Status: github.InProgress, Started: whole(r.Created)}
	step, state := r.Step(), r.State()
	switch {
	case r.Phase == release.Completed:
		c.Conclusion, c.Output.Title = github.Success, r.Version+" is in production"
	case r.Phase == release.Failed:
		c.Conclusion, c.Output.Title = github.Failure, r.Version+" has failed"
	case r.Phase == release.RolledBack:
		c.Conclusion, c.Output.Title = github.Failure, r.Version+" was rolled back"
	case r.Phase == release.Aborted && r.Reached > 0: // visitors had it
		c.Conclusion, c.Output.Title = github.Failure, r.Version+" was taken back"
	case r.Phase == release.Aborted && state.Actor == "": // found by no person: its smoke checks failed, for instance
		c.Conclusion, c.Output.Title = github.Failure, r.Version+" has failed before a visitor had it"
	case r.Phase == release.Aborted:
		c.Conclusion, c.Output.Title = github.Canceled, r.Version+" was aborted"
	case r.Phase == release.Undoing:
		c.Output.Title = r.Version + " is taken back"
	case r.Phase == release.Paused:
		c.Output.Title = r.Version + " is paused"
	case r.Cursor == 0 && (state.Status == release.StepPending || state.Status == ""):
		c.Status, c.Started, c.Output.Title = github.Queued, nil, r.Version+" is about to begin"
	default:
		c.Output.Title = fmt.Sprintf("%s: %s", r.Version, step.Title)
	}
	if c.Conclusion != "" {
		c.Status, c.Completed = github.Completed, whole(r.Ended)
	}
	c.Output.Summary = summary(r)
	return c
}

// summary says in plain words what is.
func summary(r release.Release) string {
	lines := []string{plain(r.Sentence)}
	if !strings.Contains(r.Sentence, r.Reason) {
		lines = append(lines, plain(r.Reason))
	}
	if r.Share > 0 && !r.Phase.Final() {
		lines = append(lines, fmt.Sprintf("**%g %%** of the visitors have it.", r.Share))
	}
	done := 0
	for _, s := range r.States {
		if s.Status == release.StepPassed || s.Status == release.StepSkipped {
			done++
		}
	}
	lines = append(lines, fmt.Sprintf("%d of %d steps are done.", done, len(r.Plan.Steps)))
	return strings.TrimSpace(strings.Join(lines, "\n\n"))
}

// plain keeps what people wrote from being read as markup, and from mentioning anybody.
func plain(s string) string {
	return strings.NewReplacer("<", "&lt;", ">", "&gt;", "@", "@\u200b", "[", `\[`, "]", `\]`, "`", "\\`").Replace(s)
}

// produced is the release in production: none before a visitor had it.
func produced(r release.Release, stable string) *place {
	if r.Exposed.IsZero() && r.Promoted.IsZero() && r.Reached == 0 {
		return nil
	}
	d := &place{Environment: "production", Status: github.Status{State: github.InProgress, Description: r.Sentence}}
	switch {
	case r.Phase == release.Failed:
		d.Status.State, d.Status.Description = github.Failure, or(r.Reason, r.Sentence)
	case r.Phase == release.Aborted || r.Phase == release.RolledBack:
		d.Status.State, d.Status.Description = github.Inactive, or(r.Reason, r.Sentence)
	case r.Phase == release.Undoing:
		d.Status.Description = "It is taken back."
	case r.Promoted.IsZero():
		d.Status.Description = fmt.Sprintf("%g %% of the visitors have %s.", r.Share, r.Version)
	case stable == r.Deployment:
		d.Status.State, d.Status.Description = github.Success, r.Version+" is in production."
	case r.Phase == release.Completed:
		d.Status.State, d.Status.Description = github.Inactive, "Production runs another version."
	}
	return d
}

// staged is the release in staging: none before it is deployed there.
func staged(r release.Release) *place {
	for i, step := range r.Plan.Steps {
		if step.Kind != release.KindDeploy || step.Environment != "staging" || i >= len(r.States) {
			continue
		}
		d := &place{Environment: step.Environment, Status: github.Status{Description: r.States[i].Sentence}}
		switch r.States[i].Status {
		case release.StepPending, "":
			return nil
		case release.StepPassed, release.StepSkipped:
			d.Status.State = github.Success
		case release.StepFailed:
			d.Status.State = github.Failure
		default:
			d.Status.State = github.InProgress
			if r.Phase.Final() {
				d.Status.State = github.Inactive
			}
		}
		return d
	}
	return nil
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// whole is a time in the form that GitHub keeps.
func whole(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Second)
	return &t
}
