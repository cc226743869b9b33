package demo

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/fake/vercel"
	"github.com/slipwayhq/slipway/internal/fault"
	client "github.com/slipwayhq/slipway/internal/vercel"
)

// The targets of the demo: where the versions run.
const (
	ourEdge  = "selfhost"
	onVercel = "vercel"
)

// handScenario has somebody else promote by Vercel's own means.
const handScenario = "hand"

// vercelStrategy is what demoStrategy says otherwise on Vercel. A drain's log has no durations, so nothing is judged by
// them.
func vercelStrategy() *strings.Replacer {
	return strings.NewReplacer(
		`{selfhost: {stable: "%s"}}`, `{vercel: {project: harbor-shop, team: acme, canary: rolling, api: "%s"}}`,
		"    latency_p95: {warn: 300ms, critical: 500ms, for: 2s, compare: {worse_by: 10%%}}\n", "",
		"    window: 4s\n", "    window: 4s\n    source: drain\n",
		"    blind: 5s\n", "    blind: 20s\n",
		"rollback: {watch", "sources: {drain: {late: 5s}}\nrollback: {watch",
		"flags: {ramp: {steps: [5, 25, 100], bake: 4s, guard: default}}\n", "")
}

// town is a Vercel on this machine, and what people there hold.
type town struct {
	*vercel.World
	project vercel.Project
	hand    *client.Client // of grace, who works with Vercel's own pages
	mu      sync.Mutex
	secrets map[string]string // by the names of the variables that hold them
}

// on refuses a scenario on a target where it makes no sense.
func (s Scenario) on(target string) error {
	var why string
	switch {
	case target != ourEdge && target != onVercel:
		return fault.New(fault.Invalid, "target_unknown", "There is no target %q: use selfhost or vercel.", target)
	case target == ourEdge && s.Name == handScenario:
		why = "behind Slipway's own edge nobody else can move the visitors: add --target vercel"
	case target == onVercel && (s.Name == "latency" || s.Name == "outage"):
		why = "a drain's log has no durations, so slowness is seen by nothing there: use good, errors, crash or hand"
	case target == onVercel && s.Name == flagScenario:
		why = "flags do the same on any target: leave --target out"
	default:
		return nil
	}
	return fault.New(fault.Invalid, "scenario_elsewhere", "%s is not shown on %s: %s.", s.Name, target, why)
}

// openTown opens Vercel with v1 in production.
func (w *world) openTown(ctx context.Context) error {
	v := &town{}
	v.World = vercel.New(vercel.Options{AliasDelay: 500 * time.Millisecond, DrainDelay: 500 * time.Millisecond,
		Build: w.build,
		Log:   func(format string, args ...any) { w.opts.Log.Info(fmt.Sprintf(format, args...)) }})
	if err := v.Start(ctx); err != nil {
		return fault.Wrap(err, fault.Unavailable, "no_port", "No port on 127.0.0.1 is free for Vercel.")
	}
	w.town = v
	var err error
	if v.project, err = v.AddProject(vercel.ProjectOrder{Name: "harbor-shop", Repository: "acme/harbor-shop",
		Protected: true, Domains: 1, Skew: 86400}); err != nil {
		return err
	}
	v.AddToken(vercel.Token{Secret: "hand", User: "grace"})
	v.hand = client.New(client.Options{API: v.URL(), Team: vercel.TeamID,
		Token: func(context.Context) (string, error) { return "hand", nil }})
	bypass, err := v.hand.SetBypass(ctx, v.project.ID, "slipway", "")
	if err != nil {
		return err
	}
	v.secrets = map[string]string{"VERCEL_TOKEN": "token", "VERCEL_AUTOMATION_BYPASS_SECRET": bypass[0],
		"VERCEL_DRAIN_SECRET": w.password}
	return w.push(ctx, "c-v1", "The shop as it is")
}

// env is the environment in which Slipway finds its secrets.
func (w *world) env(name string) (string, bool) {
	if s, ok := w.hub.secret(name); ok {
		return s, true
	}
	if w.town != nil {
		w.town.mu.Lock()
		defer w.town.mu.Unlock()
		if s, ok := w.town.secrets[name]; ok {
			return s, true
		}
	}
	return os.LookupEnv(name)
}

// build is what Vercel does with a commit: here the versions run already.
func (w *world) build(_ context.Context, d vercel.Deployment) (string, error) {
	if strings.HasSuffix(d.SHA, "v2") {
		return w.v2.URL(), nil
	}
	return w.v1.URL(), nil
}

// push has a commit built.
func (w *world) push(ctx context.Context, commit, message string) error {
	d, err := w.town.Push(w.town.project.ID, commit, "main", message)
	if err == nil {
		_, err = w.town.Wait(ctx, d.ID)
	}
	return err
}

// connect has Vercel deliver what it logs, tell of what people do and ask Slipway before it promotes anything. It waits
// until Slipway knows what production serves.
func (w *world) connect(ctx context.Context) error {
	v := w.town
	if _, err := v.hand.CreateDrain(ctx, client.Drain{
		Name: "slipway", Projects: "some", IDs: []string{v.project.ID},
		Schemas: map[string]client.Schema{"log": {Version: "v1"}},
		Delivery: client.Delivery{Type: "http", Endpoint: w.app.URL() + "/hooks/vercel/drains", Encoding: "ndjson",
			Compression: "gzip", Secret: client.Secret(w.password)},
	}); err != nil {
		return err
	}
	hook, err := v.hand.CreateHook(ctx, client.Hook{URL: w.app.URL() + "/hooks/vercel/webhooks",
		Projects: []string{v.project.ID}, Events: []string{"deployment.promoted", "deployment.rollback",
			"project.rolling-release.started", "project.rolling-release.completed", "project.rolling-release.aborted"}})
	if err != nil {
		return err
	}
	v.mu.Lock()
	v.secrets["VERCEL_WEBHOOK_SECRET"] = hook.Secret
	v.mu.Unlock()
	if _, err := v.hand.CreateCheck(ctx, v.project.ID, client.Check{Name: "slipway", Requires: "deployment-url",
		Blocks: "deployment-promotion", Targets: []string{"production"}, Timeout: 86400}); err != nil {
		return err
	}
	for {
		s, err := w.as["you"].Status(ctx)
		if err != nil {
			return err
		}
		for _, e := range s.Environments {
			if e.Name == "production" && e.Deployment != nil {
				return nil
			}
		}
		if err := w.settle(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

// released pushes v2, as people work with Vercel, and starts the release of the commit.
func (w *world) released(ctx context.Context) (api.Release, error) {
	if err := w.push(ctx, "c-v2", "New product page"); err != nil {
		return api.Release{}, err
	}
	w.line("push", "Vercel has built c-v2. It serves nobody yet: Slipway's check holds it.")
	return w.as["ada"].StartRelease(ctx, api.StartRelease{Version: "v2", Commit: "c-v2", Note: "New product page",
		Unscheduled: "to show how a release goes"})
}

// meddle has grace promote v2 in the middle, and Inez take it back once Slipway has said so.
func (w *world) meddle(ctx context.Context, r api.Release, done map[string]bool) error {
	noticed := strings.Contains(r.Sentence, "not through Slipway")
	switch {
	case w.scenario.Name != handScenario:
	case r.Share >= 25 && !done["promoted"]:
		done["promoted"] = true
		w.line("grace", "promotes v2 on Vercel's own page, in the middle of the canary.")
		for _, d := range w.town.Deployments() {
			if d.SHA == "c-v2" {
				_, err := w.town.hand.Promote(ctx, w.town.project.ID, d.ID)
				return err
			}
		}
	case noticed && !done["noticed"]:
		done["noticed"] = true
		w.line("noticed", r.Sentence)
		if !w.opts.AutoApprove {
			w.line("asks", "It waits until somebody decides, e.g. with: slipway release abort v2")
			return nil
		}
		_, err := w.as["inez"].ActOnRelease(ctx, r.ID, "abort", api.ReleaseAction{
			Reason: "nobody looked at v2 before it got everybody"})
		return err
	}
	return nil
}

// shop is where visitors come in, and through what.
func (w *world) shop() (address, through string) {
	if w.town == nil {
		return w.app.EdgeURL(), "the edge"
	}
	return "http://" + w.town.project.Domains[0], "production's domain on Vercel; its API " + w.town.URL() +
		"; both are simulated on this machine"
}

// target is where the versions run.
func (o Options) target() string { return cmp.Or(o.Target, ourEdge) }
