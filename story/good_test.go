package story

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/api"
)

// A good version goes all the way, and everything it passes says so.
//
// req: WF-01 WF-04 WF-05 CD-01 CD-02 CD-03 CD-04 CD-05 CD-06 CD-07 CD-19
// req: EN-09 EN-10 EN-12 EN-13
func TestGoodReleaseGoesAllTheWay(t *testing.T) {
	each(t, options{edit: []string{"[50]", "[5, 50, 100]"}}, func(t *testing.T, w *world) {
		r := w.start("v2")
		if r.Phase != "running" || r.Previous != "v1" || r.Author != "Ada" || r.Share != 0 {
			t.Errorf("at the start: %s after %s by %s at %g %%", r.Phase, r.Previous, r.Author, r.Share)
		}
		w.arrives(r.ID, "development/checks")
		w.report("ada", "v2", "unit", "passed")
		r = w.arrives(r.ID, "staging/checks")
		if w.runs("staging") != "" {
			t.Error("it is in staging before its checks passed")
		}
		w.report("ada", "v2", "review", "passed")
		w.arrives(r.ID, "staging/sign-off")
		if w.runs("staging") != "v2" || w.runs("production") != "v1" || w.shops["v2"].Served() == 0 {
			t.Errorf("staging runs %q, production %q", w.runs("staging"), w.runs("production"))
		}
		w.signs("quinn", r)
		r = w.exposed(r.ID, 5)
		if w.runs("canary") != "v2" || w.environment("production").Share != 95 {
			t.Errorf("canary runs %q, production has %g %%", w.runs("canary"), w.environment("production").Share)
		}
		r = w.exposed(r.ID, 50)
		q := w.asked(r.ID)
		if r = w.release(r.ID); r.Share != 100 || w.runs("production") != "v1" {
			t.Errorf("while people are asked: %g %% on v2, production runs %s", r.Share, w.runs("production"))
		}
		canary, err := w.admin().Canary(w.ctx, r.ID)
		w.ok(err)
		if len(canary.Stable) == 0 || len(canary.Canary) == 0 || len(canary.Health) == 0 || len(canary.Shares) != 3 {
			t.Errorf("the canary page has %d, %d points, %d looks at health, shares %v", len(canary.Stable), len(canary.Canary),
				len(canary.Health), canary.Shares)
		}
		w.approves("pia", q)
		r = w.ends(r.ID, "completed")
		w.complete(t, r)
	})
}

// complete looks at what a completed release leaves behind.
func (w *world) complete(t *testing.T, r api.Release) {
	t.Helper()
	want := []string{
		"development/checks passed", "staging/checks passed", "staging/deploy passed", "staging/smoke passed",
		"staging/sign-off passed", "canary/deploy passed", "canary/smoke passed", "canary/share-5 passed",
		"canary/share-50 passed", "canary/share-100 passed", "production/window passed", "production/approval passed",
		"production/promote passed", "production/verify passed", "production/watch passed",
	}
	if diff := cmp.Diff(want, steps(r)); diff != "" {
		t.Error("steps: " + diff)
	}
	shares := []float64{}
	for _, s := range r.Shares {
		shares = append(shares, s.Share)
	}
	if diff := cmp.Diff([]float64{5, 50, 100}, shares); diff != "" {
		t.Error("shares: " + diff)
	}
	if w.runs("production") != "v2" || w.environment("production").Share != 100 {
		t.Errorf("production runs %s with %g %%", w.runs("production"), w.environment("production").Share)
	}
	if d := w.deployment("v2"); d.Verdict != "good" || d.Promoted == nil || d.Verified == nil {
		t.Errorf("v2 is recorded as %s, promoted %v, verified %v", d.Verdict, d.Promoted, d.Verified)
	}
	before := w.shops["v1"].Served()
	w.pass(200)
	if now := w.shops["v1"].Served(); now != before {
		t.Errorf("v1 served %d more after v2 has everybody", now-before)
	}
	if n := w.failures(); n > 0 {
		t.Errorf("%d requests of visitors failed", n)
	}
	if list, err := w.admin().Incidents(w.ctx, "", "", 10); err != nil || len(list.Items) > 0 {
		t.Errorf("incidents: %v %v", list.Items, err)
	}
}
