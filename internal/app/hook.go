package app

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/deployment"
	"github.com/slipwayhq/slipway/internal/engine/secrets"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/hook"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/metric/drain"
	"github.com/slipwayhq/slipway/internal/metric/otlp"
	"github.com/slipwayhq/slipway/internal/strategy"
	"github.com/slipwayhq/slipway/internal/vercel"
)

// openDrain makes what Vercel delivers to, where the application runs there or a guard goes by its drains.
func (a *App) openDrain() {
	wanted := a.opts.Strategy.Measured() == metric.Drain
	for _, step := range a.opts.Strategy.ReleasePlan().Steps {
		wanted = wanted || step.Rules.Source == metric.Drain
	}
	_, code := a.opts.Strategy.GitHub()
	if !wanted && !code {
		return
	}
	o := hook.Options{Secrets: a.secrets, DB: a.DB, Log: a.opts.Log}
	if code {
		o.Forge = a.Engine.Forge.Heard
	}
	defer func() { a.hooks = hook.New(o) }()
	if !wanted {
		return
	}
	of := a.opts.Strategy.Drain()
	a.drain = drain.New(drain.Options{
		Source: "drain-" + a.Engine.Node, Late: of.Late, Find: a.drained, Vital: a.Desk.Vital, Sampling: rulesOf(of),
	})
	o.Verify, o.Drain, o.Spans, o.Hook = of.Verify, a.drain, otlp.New(), a.heard
}

func rulesOf(d strategy.Drain) []drain.Rule {
	var out []drain.Rule
	for _, s := range d.Sampling {
		out = append(out, drain.Rule(s))
	}
	return out
}

// secretNames are the environment variables that hold what deliveries are signed with.
func (a *App) secretNames() map[hook.Kind]string {
	v, ok := a.opts.Strategy.Vercel()
	if !ok {
		return map[hook.Kind]string{hook.Drains: strategy.UsualDrainSecret}
	}
	return map[hook.Kind]string{hook.Drains: v.DrainEnv, hook.Webhooks: v.WebhookEnv}
}

// secrets are those that are valid now: several, parted by commas, while one is being changed.
// Those that Slipway keeps sealed come first.
func (a *App) secrets(ctx context.Context, k hook.Kind) ([]string, error) {
	switch k {
	case hook.Code:
		return a.gitHubSecrets(ctx)
	case hook.Webhooks:
		return a.valid(ctx, secrets.TargetWebhook, a.secretNames()[k], time.Now())
	}
	return a.valid(ctx, secrets.TargetDrain, a.secretNames()[k], time.Now())
}

// valid are the secrets of a name: those that are kept, and those of an environment variable.
func (a *App) valid(ctx context.Context, name, env string, now time.Time) ([]string, error) {
	out, err := a.Engine.Secrets.Valid(ctx, name, now)
	if err != nil {
		return nil, err
	}
	all, _ := a.opts.Env(env)
	for s := range strings.SplitSeq(all, ",") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out, nil
}

// attributable is how old an event may be that still says whose a change is: Vercel delivers for a day.
const attributable = 5 * time.Minute

// heard has what a webhook tells of looked at. Only what moves visitors names somebody who did, and only while it is
// news of this very project: an event that is not sure to be is a reason to look, and no more.
func (a *App) heard(ctx context.Context, ev vercel.Event) error {
	v, _ := a.opts.Strategy.Vercel()
	if !ev.Of(v.Project) {
		return nil
	}
	t, err := a.DB.Target(ctx, a.opts.Strategy.App)
	if err != nil {
		return err
	}
	h, moves := handOf(ev, t.Stable, t.Canary)
	build := ""
	if ev.Type == "deployment.cleanup" {
		build = ev.Deployment
	}
	switch {
	case moves:
		now, err := a.DB.Now(ctx)
		if err != nil {
			return err
		}
		old := !ev.Created.IsZero() && now.Sub(ev.Created) > attributable
		if !old && (ev.Sure(v.Project) || a.surely(ctx, v, ev)) {
			h.By, h.At = ev.User, ev.Created
		}
	case strings.HasPrefix(ev.Type, "deployment."):
		build = ev.Deployment
	case strings.HasPrefix(ev.Type, "project.env-variable."):
		return a.Engine.Configs.Heard(ctx, ev.User, ev.Variable)
	case strings.HasPrefix(ev.Type, "flag."):
		return a.heardFlag(ctx, v, ev)
	default:
		return nil
	}
	return a.Engine.Target.Heard(ctx, h, build)
}

// heardFlag has the flags looked at that follow to Vercel's own.
func (a *App) heardFlag(ctx context.Context, v strategy.Vercel, ev vercel.Event) error {
	now, err := a.DB.Now(ctx)
	if err != nil {
		return err
	}
	dropped := ""
	old := !ev.Created.IsZero() && now.Sub(ev.Created) > attributable
	if ev.Type == "flag.deleted" && !old && (ev.Sure(v.Project) || a.surely(ctx, v, ev)) {
		dropped = ev.Flag
	}
	return a.Engine.Mirror.Heard(ctx, dropped, ev.User)
}

// handOf is what an event says that somebody made of production, and whether it says so: builds that have no visitors
// are tidied up often.
func handOf(ev vercel.Event, stable, canary string) (h deployment.Hand, moves bool) {
	switch ev.Type {
	case "deployment.promoted", "deployment.rollback":
		h.Stable = ev.Deployment
	case "project.rolling-release.completed":
		h.Stable = ev.Canary
	case "project.rolling-release.aborted":
		h.Stable = ev.Base
	case "deployment.cleanup":
		h.Gone = ev.Deployment
		return h, h.Gone != "" && (h.Gone == canary || h.Gone == stable)
	default:
		h.Canary, h.Share = ev.Canary, ev.Share
		return h, strings.HasPrefix(ev.Type, "project.rolling-release.")
	}
	return h, true
}

// surely asks Vercel whether an event that names a project's id alone is of the one that the strategy names otherwise.
func (a *App) surely(ctx context.Context, v strategy.Vercel, ev vercel.Event) bool {
	if ev.Project == "" {
		return false
	}
	p, err := VercelClient(v, a.opts.Env, a.kept, limits{a.DB}).Project(ctx, v.Project)
	return err == nil && p.ID == ev.Project
}

// drainSource says what arrives from Vercel's drains at this node.
func (a *App) drainSource(now time.Time) api.MetricSource {
	c, door := a.drain.Counters(), a.hooks.Status(hook.Drains)
	s := api.MetricSource{
		Name: "drain-" + a.Engine.Node, Kind: string(metric.Drain), Accepted: c.Requests, Late: c.Late,
		Dropped: c.Unknown + c.Future + c.Broken, Trouble: now.Sub(c.Heard) > time.Minute,
		Sentence: "Nothing has arrived yet.", Signed: door.Signed,
	}
	if !c.Heard.IsZero() {
		s.Heard, s.Complete = stamp(c.Heard), stamp(time.Unix(c.Complete, 0))
		s.Sentence = fmt.Sprintf("The slowest of %d records took %s to arrive; %d were of deployments that are not judged.",
			c.Rows, lasting(time.Duration(c.SlowestMS)*time.Millisecond), c.Unknown)
		if s.Trouble {
			s.Sentence = fmt.Sprintf("Nothing has arrived for %s. %s", lasting(now.Sub(c.Heard)), s.Sentence)
		}
	}
	name := a.secretNames()[hook.Drains]
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	valid, err := a.secrets(ctx, hook.Drains)
	switch {
	case err != nil:
		s.Trouble = true
		s.Sentence += " What deliveries are signed with cannot be opened, so they are refused: " + fault.MessageOf(err)
	case len(valid) == 0:
		s.Trouble = true
		s.Sentence += fmt.Sprintf(" No secret is kept (slipway target connect) and %s is not set: deliveries are refused.",
			name)
	case door.Refused > 0:
		s.Sentence += fmt.Sprintf(" %d deliveries had no right signature: is %s the drain's secret?", door.Refused, name)
	}
	if x := a.crossed.Load(); x != nil {
		s.Trouble = s.Trouble || x.short
		s.Sentence += " " + x.sentence
	}
	if !a.opts.Strategy.Drain().Traces {
		s.Sentence += " Records of a log have no durations: response times are judged by nothing."
	}
	return s
}
