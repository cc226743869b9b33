package story

import (
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/api"
	fake "github.com/slipwayhq/slipway/internal/fake/vercel"
	"github.com/slipwayhq/slipway/internal/sim"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
)

// onVercels tells a story over Vercel on some engines, most on one only: what they try is not how rows are kept.
func onVercels(t *testing.T, engines, edit []string, tell func(t *testing.T, w *world, v *town)) {
	t.Helper()
	t.Parallel()
	for _, kind := range engines {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w, v := onVercelWith(t, kind, edit...)
			tell(t, w, v)
		})
	}
}

// goesOn has a person end a bake early: these stories are not about what is measured.
func (v *town) goesOn(r api.Release) {
	v.w.t.Helper()
	_, err := v.w.admin().ActOnRelease(v.w.ctx, r.ID, "promote", api.ReleaseAction{Reason: "a story"})
	v.w.ok(err)
}

// held waits until a release says why it does not go on, and holds that nothing was moved meanwhile.
func (v *town) held(t *testing.T, r api.Release, share float64, why string) {
	t.Helper()
	got := v.w.reaches(r.ID, "say "+why, func(r api.Release) bool {
		return strings.Contains(r.Sentence, "Not done yet") && strings.Contains(r.Sentence, why)
	})
	if got.Share != share || got.Phase != "running" || v.served() != "c-v1" || v.w.runs("production") == "v2" {
		t.Errorf("it is %s at %g %%, Vercel serves %s: %s", got.Phase, got.Share, v.served(), got.Sentence)
	}
}

// Vercel is down in the middle of a canary, then slow, at its limit, behind itself, and knows the token no more.
// Nothing is taken for done or for changed, nothing is promoted, and the release goes on by itself each time.
func TestVercelIsInTroubleInACanary(t *testing.T) {
	edit := []string{"bake: 300ms", "bake: 1h", "[50]", "[5, 10, 20, 30, 40, 50]"}
	onVercels(t, []string{store.SQLite}, edit, func(t *testing.T, w *world, v *town) {
		r := v.push("v2")
		w.gates(r)
		w.exposed(r.ID, 5)

		v.Outage(true)
		v.goesOn(r)
		v.held(t, r, 5, "Vercel")
		w.until("the status says so", func() bool {
			s, err := w.admin().Status(w.ctx)
			return err == nil && s.Target != nil && s.Target.Trouble
		})
		v.Outage(false)
		w.exposed(r.ID, 10)

		v.Latency(2 * time.Second)
		v.goesOn(r)
		w.exposed(r.ID, 20)
		v.Latency(0)

		const rolling, project = "/v1/projects/shop/rolling-release", "/v9/projects/shop"
		v.Remember(rolling)
		v.Remember(project)
		v.Fail(fake.Trouble{Path: "/v*/projects/*/rolling-release/approve-stage", Status: 429,
			Header: map[string]string{"Retry-After": "3"}})
		v.goesOn(r)
		v.held(t, r, 20, "limit is reached")
		w.exposed(r.ID, 30)

		v.Lie(rolling, 4)
		v.Lie(project, 4)
		v.goesOn(r)
		w.exposed(r.ID, 40)

		v.DropToken("token")
		v.goesOn(r)
		v.held(t, r, 40, "Put a new one in its place")
		v.AddToken(fake.Token{Secret: "poor", Lacks: []string{"Project: rolling release"}})
		v.sets("VERCEL_TOKEN", "poor")
		v.held(t, r, 40, `it needs the right "Project: rolling release"`)
		v.AddToken(fake.Token{Secret: "good"})
		v.sets("VERCEL_TOKEN", "good")
		w.exposed(r.ID, 50)

		v.goesOn(r)
		w.approves("pia", w.asked(r.ID))
		w.arrives(r.ID, "production/watch")
		if v.served() != "c-v2" || w.runs("production") != "v2" {
			t.Errorf("Vercel serves %s, Slipway records %s", v.served(), w.runs("production"))
		}
		if list := append(w.events("target.changed"), w.events("release.step_failed")...); len(list) > 0 {
			t.Errorf("somebody had to help, or is named for nothing: %s", list[0].Sentence)
		}
		if n := w.failures(); n > 0 {
			t.Errorf("%d requests of visitors failed", n)
		}
	})
}

// Vercel is down when a faulty version has to be taken back: people are told at once, and it is taken back as soon as
// Vercel answers.
func TestVercelIsAwayWhenAVersionIsTakenBack(t *testing.T) {
	onVercels(t, storetest.Engines(t), long, func(t *testing.T, w *world, v *town) {
		r := v.push("v2")
		w.gates(r)
		w.exposed(r.ID, 20)
		v.Outage(true)
		v.shops["v2"].Break(sim.Fault{Errors: 0.6})
		w.until("people are told", func() bool { return len(w.events("release.stuck")) == 1 })
		if got := w.release(r.ID); got.Phase != "undoing" || !strings.Contains(got.Sentence, "not back yet") {
			t.Errorf("it is %s: %s", got.Phase, got.Sentence)
		}
		v.Outage(false)
		began := time.Now()
		w.ends(r.ID, "aborted")
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("Vercel answers, and it takes %s to take the version back", took)
		}
		if v.served() != "c-v1" || len(w.events("release.stuck")) != 1 {
			t.Errorf("Vercel serves %s", v.served())
		}
	})
}
