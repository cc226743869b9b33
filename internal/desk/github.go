package desk

import (
	"context"
	"fmt"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/fault"
)

// GitHub says how releases are shown at GitHub, and asks GitHub whether the app may do all that is wanted of it.
func (d *Desk) GitHub(ctx context.Context, who access.Actor) (api.GitHubAccess, error) {
	out := api.GitHubAccess{Findings: []api.GitHubFinding{}}
	if err := d.seeAny(ctx, who); err != nil {
		return out, err
	}
	r := d.Engine.Forge.Access(ctx) // it comes first, so that it counts as an answer
	known, err := d.github(ctx)
	if err != nil {
		return out, err
	}
	if known == nil {
		return out, fault.New(fault.NotFound, "github_none",
			"The strategy has no section github: nothing is shown there. Add one: docs/github.md says what stands in it.")
	}
	out.GitHub, out.Installation, out.Missing, out.Connected = *known, r.Installation, r.Missing, r.Err() == nil
	if err := r.Err(); err != nil && !out.Trouble {
		out.Sentence = fault.MessageOf(err)
	}
	for _, f := range r.Findings {
		out.Findings = append(out.Findings, api.GitHubFinding(f))
	}
	return out, nil
}

// github is what is known without asking; nil where nothing is shown there.
func (d *Desk) github(ctx context.Context) (*api.GitHub, error) {
	g, ok := d.Strategy.GitHub()
	if !ok {
		return nil, nil
	}
	s, err := d.Engine.Forge.Standing(ctx)
	if err != nil {
		return nil, err
	}
	out := &api.GitHub{App: g.App, Repository: g.Repository, Check: g.Check, Deployments: g.Deployments,
		Protection: append([]string{}, g.Protection...), Behind: s.Behind, Trouble: s.Behind+s.Unheard > 0,
		Jobs: []api.GitHubJob{}, Answered: instant(s.Answered), Sentence: "GitHub shows every release as it is."}
	for _, j := range s.Jobs {
		out.Jobs = append(out.Jobs, api.GitHubJob{Run: j.Run, Environment: j.Environment, Commit: j.Commit,
			Since: j.Since.UTC(), Why: j.Why})
	}
	switch {
	case s.Behind > 0:
		out.Sentence = fmt.Sprintf("GitHub does not show %s as it is; it is tried again. %s", count(s.Behind, "release"),
			s.Why)
	case s.Unheard > 0:
		out.Sentence = fmt.Sprintf("GitHub could not be told of %s; it is tried again. %s", count(s.Unheard, "job"), s.Why)
	case len(s.Jobs) > 0:
		out.Sentence = fmt.Sprintf("Waiting at GitHub for Slipway: %s.", count(len(s.Jobs), "job"))
	case s.Answered.IsZero():
		out.Sentence = "GitHub was not asked for anything yet."
	}
	return out, nil
}
