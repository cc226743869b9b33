package guard

import (
	"strings"
	"testing"
	"time"
)

// variants is a world of a flag with three variants: B is judged beside A, and whoever gets C is on neither side.
// Shares come as they do for a canary; what they are shares of is not the guard's business.
func variants(seed uint64, b, a float64, fails func(int64) (float64, float64)) Evidence {
	w := newWorld(seed)
	w.rate, w.fails = 60, fails
	w.share = func(int64) float64 { return 100 * b / (a + b) } // requests of both, as the world deals them out
	ev := w.evidence(400)
	ev.Version, ev.StableVersion = "checkout=B", "checkout=A"
	ev.Share, ev.StableShare = b, a
	ev.Shares = []ShareChange{{At: time.Unix(w.t0, 0), Share: b, Stable: a}}
	ev.CanaryHealth, ev.StableHealth = nil, nil // a variant has no health endpoint of its own
	return ev
}

func variantRules() Rules {
	r := DefaultRules()
	r.Health, r.ColdStart = HealthRule{}, 0
	r.ErrorRate.Warn, r.ErrorRate.Critical, r.ErrorRate.Spike = 0, 0, 0
	return r
}

// The judge is the same for every lever: a flag's variants at 25 and 50 % are two arms with shares and buckets like a
// canary and a stable version.
//
// req: N-03
func TestVariantsOfAFlagAreJudgedLikeACanary(t *testing.T) {
	t.Parallel()
	healthy := func(int64) (float64, float64) { return 0.02, 0.02 }
	late := func(i int64) (float64, float64) {
		if i >= 100 {
			return 0.10, 0.02
		}
		return 0.02, 0.02
	}
	shared := func(i int64) (float64, float64) {
		if i >= 100 && i < 160 {
			return 0.3, 0.3
		}
		return 0.02, 0.02
	}
	for seed := range uint64(8) {
		for name, fails := range map[string]func(int64) (float64, float64){"healthy": healthy, "shared": shared} {
			for _, arms := range [][2]float64{{25, 50}, {25, 25}, {10, 60}} {
				v := Evaluate(variantRules(), variants(seed, arms[0], arms[1], fails))
				if v.Word != BetterOrEqual || v.Action != Continue || !strings.Contains(v.Sentence, "checkout=B is no worse") {
					t.Errorf("%s, seed %d, %v: %s %s: %s", name, seed, arms, v.Word, v.Action, v.Sentence)
				}
			}
		}
		v := Evaluate(variantRules(), variants(seed, 25, 50, late))
		if v.Word != Worse || v.Action != Undo || !strings.Contains(v.Sentence, "failed on checkout=B") {
			t.Errorf("seed %d: five times as many failures: %s %s: %s", seed, v.Word, v.Action, v.Sentence)
		}
		for _, f := range v.Findings {
			if strings.Contains(f.Sentence, "canary") || strings.Contains(f.Sentence, "version") {
				t.Errorf("it speaks of a version: %s", f.Sentence)
			}
		}
	}
}

// Without the share of the other arm the same data would be a version that gets a third instead of a quarter.
func TestArmsThatLeaveOutAThirdAreNotAWrongShare(t *testing.T) {
	t.Parallel()
	ev := variants(1, 25, 50, func(int64) (float64, float64) { return 0.02, 0.02 })
	right := Evaluate(variantRules(), ev)
	if f := ruleOf(right, "share"); f.Level != Info || f.Limit < 33 || f.Limit > 34 {
		t.Errorf("a quarter beside a half: %+v", f)
	}
	ev.StableShare, ev.Shares = 0, []ShareChange{{At: ev.Since, Share: 25}}
	wrong := Evaluate(variantRules(), ev)
	if right.MeasuredShare < 31 || wrong.Report.ShareLogE > right.Report.ShareLogE+50 {
		t.Errorf("measured %g %%", right.MeasuredShare)
	}
	if got, want := wrong.Report.LogE, right.Report.LogE; got == want {
		t.Errorf("the odds do not follow the arms' shares: %g", got)
	}
}

func ruleOf(v Verdict, rule string) Finding {
	for _, f := range v.Findings {
		if f.Rule == rule {
			return f
		}
	}
	return Finding{}
}

// A hold because something behind both broke is told apart from one for want of data, and the time it names stays
// where it began.
func TestAHoldSaysWhatItRestsOn(t *testing.T) {
	t.Parallel()
	w := newWorld(3)
	w.rate, w.share = 60, func(int64) float64 { return 25 }
	w.fails = func(i int64) (float64, float64) {
		if i >= 94 && i < 150 {
			return 0.3, 0.3
		}
		return 0.01, 0.01
	}
	seen, named := map[Cause]bool{}, map[string]int{}
	looks(w, eager(), 260, 1, func(at int64, v Verdict) bool {
		seen[v.Cause] = true
		if (v.Cause == Incident) != (strings.Contains(v.Sentence, "Both versions are") ||
			strings.Contains(v.Sentence, "is broken, v2 is not")) {
			t.Errorf("second %d: cause %q: %s", at, v.Cause, v.Sentence)
		}
		if _, rest, ok := strings.Cut(v.Sentence, "in trouble since "); ok && at < 150 {
			named[rest[:8]]++
		}
		return true
	})
	if !seen[Few] || !seen[Incident] || !seen[Sound] || seen[Proven] {
		t.Errorf("causes %v", seen)
	}
	for at, n := range named {
		if began := w.t0 + 94; at < w.clock(85) || at > w.clock(97) || len(named) > 2 {
			t.Errorf("it began at %s: %s is named in %d sentences", time.Unix(began, 0).UTC().Format("15:04:05"), at, n)
		}
	}
	if len(named) == 0 {
		t.Error("no sentence says since when")
	}
}

func (w *world) clock(second int64) string { return time.Unix(w.t0+second, 0).UTC().Format("15:04:05") }

// Whoever is taken back is told what it took to know, beside what it takes at least.
func TestAVerdictNamesTheLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(5)
	w.fails = func(int64) (float64, float64) { return 0.16, 0.01 }
	r := variantRules()
	looks(w, r, 120, 1, func(_ int64, v Verdict) bool {
		if v.Action != Undo {
			return true
		}
		if v.Cause != Proven || !strings.Contains(v.Sentence, "no method can know before about") {
			t.Errorf("it does not say what it took: %s", v.Sentence)
		}
		if n := float64(v.Report.Canary.Requests); v.Report.Limit < 3 || n < v.Report.Limit || n > 6*v.Report.Limit {
			t.Errorf("%g requests where the limit is %g", n, v.Report.Limit)
		}
		return false
	})
}
