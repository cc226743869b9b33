package story

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/sim"
)

// long keeps a canary at its first share, so that only the guard or a person moves it.
var long = []string{"bake: 300ms", "bake: 1h", "[50]", "[20, 50]"} //nolint:gochecknoglobals // read only

// A version that turns bad under visitors is taken back at once, by itself, and
// stays out.
//
// req: WF-09 CD-05 CD-11 RB-01 RB-05 RB-07 RB-08 IR-45
func TestBadCanaryIsTakenBack(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		spoil func(*sim.Shop)
		edit  []string
		rules string // one of which must be what the release was taken back for
	}{
		{"errors", func(s *sim.Shop) { s.Break(sim.Fault{Errors: 0.6}) }, nil, "error"},
		{
			"latency", func(s *sim.Shop) { s.Break(sim.Fault{Latency: 2 * time.Second}) },
			[]string{"warn: 4s, critical: 6s", "warn: 800ms, critical: 1200ms"}, "latency",
		},
		{"health", func(s *sim.Shop) { s.Break(sim.Fault{Sick: true}) }, nil, "health"},
		{"crash", func(s *sim.Shop) { s.Crash() }, nil, "error health"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			each(t, options{edit: slices.Concat(long, tt.edit)}, func(t *testing.T, w *world) {
				r := w.start("v2")
				w.gates(r)
				w.exposed(r.ID, 20)
				w.pass(100)
				tt.spoil(w.shops["v2"])
				r = w.ends(r.ID, "aborted")
				w.takenBack(t, r)
				w.tellsWhy(t, r, tt.rules)
				undo := w.events("release.undoing")
				if len(undo) != 1 || undo[0].Actor != "system:guard" || !mentions(string(undo[0].Data), tt.rules) {
					t.Errorf("taken back by %+v, want the guard because of %s", undo, tt.rules)
				}
			})
		})
	}
}

func mentions(text, words string) bool {
	for w := range strings.FieldsSeq(words) {
		if strings.Contains(text, `"rule":"`+w) {
			return true
		}
	}
	return false
}

// tellsWhy looks whether the incident of a canary says what it was taken back for, the same on its page and in the log.
func (w *world) tellsWhy(t *testing.T, r api.Release, rules string) {
	t.Helper()
	page, err := w.admin().Incidents(w.ctx, "", "", 10)
	w.ok(err)
	opened := w.events("incident.opened")
	if len(page.Items) != 1 || len(opened) != 1 {
		t.Fatalf("%d incidents, %d opened", len(page.Items), len(opened))
	}
	i, says := page.Items[0], opened[0].Sentence
	for _, want := range []string{"v2 reached 20 % of visitors and was taken back to v1 by the guard (" + i.Rule + ")",
		strings.TrimPrefix(strings.TrimSuffix(r.Reason, "."), "v2 is worse. ")} {
		if !strings.Contains(i.Happened, want) || i.Rule == "" {
			t.Errorf("rule %q; %q does not say %q", i.Rule, i.Happened, want)
		}
	}
	if !mentions(`"rule":"`+i.Rule, rules) || !strings.Contains(says, i.Happened) || !strings.Contains(says, i.Criterion) ||
		!strings.Contains(says, i.ResolvedWhen) || !strings.HasPrefix(i.Sentence, i.Happened) {
		t.Errorf("the log says %q\nand the incident %+v", says, i)
	}
	if slow := strings.HasPrefix(i.Rule, "latency"); slow && strings.Contains(i.Criterion+i.ResolvedWhen, "error") {
		t.Errorf("%s was taken back for being slow: %s; resolved when %s", r.Version, i.Criterion, i.ResolvedWhen)
	}
}

// takenBack looks at what an aborted canary leaves behind.
func (w *world) takenBack(t *testing.T, r api.Release) {
	t.Helper()
	if r.Share != 0 || r.Reached != 20 || r.Reason == "" || len(r.Shares) == 0 || r.Shares[len(r.Shares)-1].Share != 0 {
		t.Errorf("it ended at %g %% after %g %%, shares %v: %s", r.Share, r.Reached, r.Shares, r.Reason)
	}
	if r.Detected == nil || r.Restored == nil {
		t.Fatalf("detected %v, restored %v", r.Detected, r.Restored)
	}
	if took := r.Restored.Sub(*r.Detected); took < 0 || took > 3*time.Second {
		t.Errorf("%s from detection to restored", took)
	}
	w.pass(20) // what was under way when the edge changed
	failed, served := w.failures(), w.shops["v2"].Served()
	w.pass(300)
	if now := w.failures(); now != failed {
		t.Errorf("%d requests failed after the way back", now-failed)
	}
	if now := w.shops["v2"].Served(); now != served {
		t.Errorf("v2 served %d requests after the way back", now-served)
	}
	if d := w.deployment("v2"); d.Verdict != "bad" || d.Why == "" {
		t.Errorf("v2 is recorded as %s: %s", d.Verdict, d.Why)
	}
	if w.runs("canary") != "" || w.runs("production") != "v1" {
		t.Errorf("canary runs %q, production %q", w.runs("canary"), w.runs("production"))
	}
	page, err := w.admin().Incidents(w.ctx, "open", "", 10)
	w.ok(err)
	if len(page.Items) != 1 || page.Items[0].Release != r.ID || page.Items[0].Criterion == "" ||
		!strings.HasPrefix(page.Items[0].Severity, "SEV") {
		t.Fatalf("incidents: %+v", page.Items)
	}
	i, err := w.admin().Incident(w.ctx, page.Items[0].ID)
	w.ok(err)
	if len(i.Timeline) < 3 {
		t.Errorf("the incident's timeline has %d events", len(i.Timeline))
	}
	_, err = w.tryStart("v2")
	w.refused(err, "version_bad")
}

// What hits both versions is not held against the new one, also when it lasts; it waits until both are well and goes
// on.
//
// req: CD-03 N-04
func TestTroubleOfOthersIsNotHeldAgainstTheCanary(t *testing.T) {
	each(t, options{edit: []string{"bake: 300ms", "bake: 6s"}}, func(t *testing.T, w *world) {
		r := w.start("v2")
		w.gates(r)
		w.exposed(r.ID, 50)
		w.shops["v1"].Break(sim.Fault{Errors: 0.4})
		w.shops["v2"].Break(sim.Fault{Errors: 0.4})
		w.reaches(r.ID, "hear of it", func(r api.Release) bool {
			return r.Ended != nil || r.Verdict != nil && r.Verdict.Mode == "broken_stable"
		})
		w.pass(400)
		r = w.release(r.ID)
		if r.Phase != "running" || r.Share != 50 || r.Verdict.Action != "hold" ||
			!strings.Contains(r.Verdict.Sentence, "Both versions are in trouble") {
			t.Fatalf("%s at %g %%, action %s: %s", r.Phase, r.Share, r.Verdict.Action, r.Verdict.Sentence)
		}
		w.shops["v1"].Break(sim.Fault{})
		w.shops["v2"].Break(sim.Fault{})
		w.approves("pia", w.asked(r.ID))
		w.ends(r.ID, "completed")
	})
}

// When the version in production is broken itself, the one that fixes it goes out: not because it is better than what
// is broken, but because it keeps the limits and is no worse than production was when it was well.
//
// req: CD-03 N-04
func TestAFixForABrokenProductionGoesOut(t *testing.T) {
	calm := []string{"bake: 300ms", "bake: 1s", "{warn: 4s, critical: 6s, for: 1s, compare: {worse_by: 50%}}",
		"{warn: off, critical: off, compare: off}"}
	each(t, options{edit: calm, rate: 400}, func(t *testing.T, w *world) {
		r := w.start("v2")
		w.gates(r)
		w.shops["v1"].Break(sim.Fault{Errors: 0.3})
		w.exposed(r.ID, 50)
		r = w.reaches(r.ID, "hear of it", func(r api.Release) bool {
			return r.Ended != nil || r.Verdict != nil && r.Verdict.Mode == "broken_stable"
		})
		if r.Verdict == nil || r.Verdict.StableBroken == nil ||
			!strings.HasPrefix(r.Verdict.Sentence, "v1 itself is broken since ") {
			t.Fatalf("%s at %g %%: %+v", r.Phase, r.Share, r.Verdict)
		}
		w.approves("pia", w.asked(r.ID)) // v1 is as broken as before
		w.ends(r.ID, "completed")
	})
}
