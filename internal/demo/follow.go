package demo

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/sim"
)

// follow goes along with the release until it ends: prints what changes, lets people
// act, and makes the new version misbehave when the scenario says so.
func (w *world) follow(ctx context.Context, r api.Release) (api.Release, error) {
	done := map[string]bool{}
	said, at := "", time.Time{}
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		now, err := w.as["you"].Release(ctx, r.ID)
		if err != nil {
			return r, err
		}
		r = now
		w.note(r.Verdict)
		if s := state(r); s != said || time.Since(at) > 3*time.Second && r.Share > 0 {
			said, at = s, time.Now()
			w.progress(r)
		}
		w.seen()
		if r.Ended != nil && w.shown() {
			return r, nil
		}
		if err := w.act(ctx, r, done); err != nil {
			return r, err
		}
		if err := w.meddle(ctx, r, done); err != nil {
			return r, err
		}
		w.misbehave(r, done)
		select {
		case <-ctx.Done():
			return r, ctx.Err()
		case <-tick.C:
		}
	}
}

// state tells apart what is worth a line of its own.
func state(r api.Release) string {
	s := r.Step + r.Phase
	if r.Verdict != nil {
		s += r.Verdict.Word + r.Verdict.Action
	}
	if r.Approval != nil {
		s += r.Approval.ID
	}
	return s
}

// misbehave does what the scenario is about, once.
func (w *world) misbehave(r api.Release, done map[string]bool) {
	if !w.wellAt.IsZero() && time.Now().After(w.wellAt) {
		w.wellAt = time.Time{}
		w.v1.Break(sim.Fault{})
		w.v2.Break(sim.Fault{})
		w.line("fault", "both versions are well again.")
	}
	at := map[string]float64{"errors": 5, "latency": 10, "crash": 10, "outage": 25, flagScenario: 5}[w.scenario.Name]
	if at == 0 || r.Share < at || done["fault"] {
		return
	}
	done["fault"] = true
	w.line("fault", w.scenario.Words+".")
	switch w.scenario.Name {
	case "errors":
		w.v2.Break(sim.Fault{Errors: 0.16})
	case "latency":
		w.v2.Break(sim.Fault{Latency: 700 * time.Millisecond})
	case "crash":
		w.v2.Crash()
	case "outage":
		both := sim.Fault{Latency: 800 * time.Millisecond, Errors: 0.03}
		w.v1.Break(both)
		w.v2.Break(both)
		w.wellAt = time.Now().Add(8 * time.Second)
	}
}

// welcome says where everything is and who can sign in.
func (w *world) welcome() {
	out := w.progressTo()
	_, _ = fmt.Fprintf(out, "Slipway demo: %s (scenario %s).\n\n", w.scenario.Words, w.scenario.Name)
	shop, through := w.shop()
	_, _ = fmt.Fprintf(out, "  dashboard  %s\n  the shop   %s  (through %s)\n", w.app.URL(), shop, through)
	_, _ = fmt.Fprintf(out, "  sign in    as you, ada, quinn, pia or inez; password %s\n", w.password)
	if w.hub != nil {
		_, _ = fmt.Fprintf(out, "  GitHub     %s/repos/acme/harbor-shop/deployments  (simulated; Authorization: Bearer %s)\n",
			w.hub.URL, w.hub.Grant())
	}
	if !w.opts.AutoApprove && w.scenario.Name != flagScenario {
		_, _ = fmt.Fprintf(out,
			"  terminal   slipway login --url %s   (as quinn: slipway release sign v2; later as pia: slipway release "+
				"approve v2)\n", w.app.URL())
	}
	_, _ = fmt.Fprintln(out)
}

func (w *world) progressTo() interface{ Write([]byte) (int, error) } {
	if w.opts.JSON {
		return w.opts.Err
	}
	return w.opts.Out
}

// progress prints where the release stands.
func (w *world) progress(r api.Release) {
	where := r.Step
	if r.Ended != nil {
		where = r.Phase
	}
	bar := ""
	if r.Share > 0 {
		n := int(r.Share / 5)
		bar = fmt.Sprintf("[%s%s] %3g %%  ", strings.Repeat("=", n), strings.Repeat(".", 20-n), r.Share)
	}
	w.line(where, bar+r.Sentence)
}

// line prints one line of progress with the time since the start.
func (w *world) line(where, text string) {
	since := 0.0
	if !w.started.IsZero() {
		since = time.Since(w.started).Seconds()
	}
	all, failed := w.crowd.Requests()
	_, _ = fmt.Fprintf(w.progressTo(), "%6.1fs  %6d requests, %d failed  %-20s %s\n", since, all, failed, where, text)
}
