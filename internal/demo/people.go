package demo

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
)

// demoStrategy is a strategy in the short form, with times for a demonstration.
const demoStrategy = `app: harbor-shop
target: {selfhost: {stable: "%s"}}
stages:
  staging:    {smoke: core, sign_off: qa, load: off, flags: off}
  canary:     {steps: [5, 10, 25, 50, 100], bake: 4s, guard: default}
  production: {approve: [product], verify: core, watch: 5s}
guards:
  default:
    error_rate:  {warn: 2%%, critical: 5%%, for: 3s, spike: 10x, compare: {worse_by: 25%%}}
    latency_p95: {warn: 300ms, critical: 500ms, for: 2s, compare: {worse_by: 10%%}}
    health:      {path: /api/health, every: 1s, timeout: 1s, critical: 3 in a row}
    min_requests: 30
    window: 4s
    blind: 5s
    cold_start: 1s
rollback: {watch: 5s, approvers: [incident]}
flags: {ramp: {steps: [5, 25, 100], bake: 4s, guard: default}}
timing: {look: 500ms, retry: 500ms}
`

// person is somebody of the demo's team.
type person struct {
	name, title string
	roles       []string
}

// team are the demo's people. The one who starts the release is not among those
// whose approval counts.
func team() []person {
	return []person{
		{"ada", "Ada", []string{"development"}},
		{"quinn", "Quinn", []string{"qa"}},
		{"pia", "Pia", []string{"product"}},
		{"inez", "Inez", []string{"incident", "devops"}},
	}
}

// people sets Slipway up and makes the team.
func (w *world) people(ctx context.Context) error {
	secret, _, err := w.app.People.SetupSecret(ctx)
	if err != nil {
		return err
	}
	anyone, err := client.New(w.app.URL(), client.Options{})
	if err != nil {
		return err
	}
	if _, err := anyone.Setup(ctx, api.Setup{Secret: secret, Name: "you", Title: "You",
		Password: w.password}); err != nil {
		return fmt.Errorf("set Slipway up: %w", err)
	}
	admin, err := w.sign(ctx, anyone, "you")
	if err != nil {
		return err
	}
	for _, p := range team() {
		if _, err := admin.CreateUser(ctx, api.NewUser{Name: p.name, Title: p.title, Password: w.password,
			Roles: p.roles}); err != nil {
			return fmt.Errorf("make user %s: %w", p.name, err)
		}
		if _, err := w.sign(ctx, anyone, p.name); err != nil {
			return err
		}
	}
	return nil
}

// sign signs a person in and keeps a client with their token.
func (w *world) sign(ctx context.Context, anyone *client.Client, name string) (*client.Client, error) {
	t, err := anyone.Login(ctx, api.Login{Name: name, Password: w.password}, api.NewToken{Name: "demo", Days: 1})
	if err != nil {
		return nil, fmt.Errorf("sign %s in: %w", name, err)
	}
	c, err := client.New(w.app.URL(), client.Options{Token: t.Secret})
	if err == nil {
		w.as[name] = c
	}
	return c, err
}

// act lets the demo's CI report, and in auto mode its people decide. It answers each
// thing once.
func (w *world) act(ctx context.Context, r api.Release, done map[string]bool) error {
	i := slices.IndexFunc(r.Steps, func(s api.Step) bool { return s.ID == r.Step })
	if i < 0 {
		return nil
	}
	step := r.Steps[i]
	switch {
	case step.Kind == "checks" && !done[step.ID]:
		done[step.ID] = true
		return w.reportChecks(ctx, r, step)
	case step.Kind == "sign_off" && w.opts.AutoApprove && !done[step.ID]:
		done[step.ID] = true
		_, err := w.as["quinn"].ActOnRelease(ctx, r.ID, "sign", api.ReleaseAction{Step: step.ID, Passed: true,
			Reason: "clicked through the shop"})
		return err
	case r.Approval != nil && r.Approval.State == "open" && !done[r.Approval.ID]:
		done[r.Approval.ID] = true
		if !w.opts.AutoApprove {
			w.line("asks", fmt.Sprintf("%s Decide at %s/approvals/%s, or with: slipway release approve %s", r.Sentence,
				w.app.URL(), r.Approval.ID, r.Version))
			return nil
		}
		_, err := w.as["pia"].Approve(ctx, r.Approval.ID, api.Decision{Hash: r.Approval.Hash})
		return err
	}
	return nil
}

// reportChecks reports what the step waits for, as a CI and the team would.
func (w *world) reportChecks(ctx context.Context, r api.Release, step api.Step) error {
	checks, err := w.as["ada"].Checks(ctx, r.Version)
	if err != nil {
		return err
	}
	for _, c := range checks {
		if c.Status != "missing" || !slices.Contains(c.Required, step.Stage) || c.Role == "qa" && strings.HasPrefix(c.Name,
			"qa") {
			continue
		}
		who := map[string]string{"": "ada", "development": "ada", "qa": "quinn", "product": "pia", "devops": "inez"}[c.Role]
		if who == "" {
			who = "you"
		}
		full := 92.0
		in := api.ReportCheck{Version: r.Version, Commit: r.Commit, Name: c.Name, Status: "passed",
			Summary: "sample report of the demo"}
		if c.Group == "tests" {
			in.Coverage = &full
		}
		if _, err := w.as[who].ReportCheck(ctx, in); err != nil {
			return fmt.Errorf("report %s: %w", c.Name, err)
		}
		if err := w.settle(ctx, 150*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}
