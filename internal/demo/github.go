package demo

import (
	"context"
	"fmt"
	"strings"

	"github.com/slipwayhq/slipway/internal/fake/github"
	"github.com/slipwayhq/slipway/internal/fault"
)

// The commit of v2, and the run of the workflow that waits until it may deploy it.
const (
	commitV2 = "5e1f00d1a2b3c4d5e6f708192a3b4c5d6e7f8091"
	jobV2    = 71
)

// hub is a GitHub on this machine, where the code of the shop is.
type hub struct {
	*github.GitHub
	said map[string]string // newest line of each thing there
}

// openHub opens GitHub, and returns the section of the strategy that names it.
func (w *world) openHub() (section string, err error) {
	if w.opts.target() != ourEdge || w.scenario.Name == flagScenario {
		return "", fault.New(fault.Invalid, "scenario_elsewhere",
			"GitHub is shown beside a release behind Slipway's own edge: leave --target and --scenario flag out.")
	}
	g, err := github.New("acme/harbor-shop", commitV2)
	if err != nil {
		return "", err
	}
	w.hub = &hub{g, map[string]string{}}
	return fmt.Sprintf("github: {app_id: %d, repository: acme/harbor-shop, api: %q, deployments: on, "+
		"protection: [production]}\n", g.App, g.URL), nil
}

// secret is what Slipway finds of GitHub in its environment.
func (h *hub) secret(name string) (string, bool) {
	switch {
	case h == nil:
	case name == "GITHUB_APP_PRIVATE_KEY":
		return h.Key(), true
	case name == "GITHUB_WEBHOOK_SECRET":
		return h.Secret, true
	}
	return "", false
}

// job has a job of GitHub Actions wait that is to deploy v2 to production.
func (w *world) job(ctx context.Context) error {
	_, err := w.hub.Deliver(ctx, "demo", "deployment_protection_rule", w.hub.Wait(jobV2, "production", commitV2))
	return err
}

// seen prints what is to be seen at GitHub, as it changes.
func (w *world) seen() {
	if w.hub == nil {
		return
	}
	for _, r := range w.hub.Runs() {
		out, _ := r["output"].(github.Object)
		w.at("check run", strings.TrimSuffix(fmt.Sprintf("%v %v", r["status"], r["conclusion"]), " <nil>"), out["title"])
	}
	for _, d := range w.hub.Deployments() {
		if states := w.hub.States(d["id"]); len(states) > 0 {
			w.at(fmt.Sprintf("deployment to %v", d["environment"]), states[len(states)-1], "")
		}
	}
	w.at("job that deploys to production", w.hub.Job(jobV2, "production"), w.hub.Comment(jobV2, "production"))
}

// shown reports whether GitHub shows how the release has ended; true where nothing is shown there.
func (w *world) shown() bool {
	return w.hub == nil || strings.HasPrefix(w.hub.said["check run"], "check run: completed") &&
		w.hub.Job(jobV2, "production") != "waiting"
}

func (w *world) at(what, state string, words any) {
	text := strings.TrimRight(fmt.Sprintf("%s: %s. %v", what, state, words), " ")
	if w.hub.said[what] == text {
		return
	}
	w.hub.said[what] = text
	w.line("github", text)
}
