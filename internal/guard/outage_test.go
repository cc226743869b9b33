package guard

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/metric"
)

// looks evaluates the same evidence as it grows, every so many seconds.
func looks(w *world, r Rules, n, every int64, see func(at int64, v Verdict) bool) {
	ev := w.evidence(n)
	for at := int64(1); at <= n; at += every {
		part := ev
		w.at(&part, at)
		if !see(at, Evaluate(r, part)) {
			return
		}
	}
}

// eager are rules that strike as early as they may.
func eager() Rules {
	r := DefaultRules()
	r.ErrorRate.For, r.ColdStart, r.Window = 0, 0, 30*time.Second
	return r
}

// req: CD-03 N-04
func TestASharedOutageIsNeverHeldAgainstTheCanary(t *testing.T) {
	t.Parallel()
	shares := []float64{5, 10, 25, 50, 75}
	for seed := range uint64(60) {
		w := newWorld(seed)
		w.rate = []float64{20, 60, 150}[seed%3]
		begin := int64(40 * (1 + seed%3)) // the second in which the share changes
		if seed%2 == 0 {
			begin -= int64(w.rng.IntN(15))
		}
		end := begin + 20 + int64(w.rng.IntN(60))
		fails, slow := 0.03+0.6*w.rng.Float64(), 1+9*w.rng.Float64()
		ill := w.rng.Float64()
		w.share = func(i int64) float64 { return shares[min(i/40, 4)] }
		in := func(i int64) bool { return i >= begin && i < end }
		w.fails = func(i int64) (float64, float64) {
			if in(i) {
				return fails, fails
			}
			return 0.01, 0.01
		}
		w.slow = func(i int64) (float64, float64) {
			if in(i) {
				return slow, slow
			}
			return 1, 1
		}
		w.ill = func(i int64) (bool, bool) {
			return in(i) && w.rng.Float64() < ill, in(i) && w.rng.Float64() < ill
		}
		held := false
		looks(w, eager(), 200, 3, func(at int64, v Verdict) bool {
			held = held || v.Action == Hold && in(at)
			if v.Action == Undo {
				t.Errorf("seed %d, second %d, outage %d to %d of %.0f %%, %.1f x: %s",
					seed, at, begin, end, fails*100, slow, v.Sentence)
			}
			return v.Action != Undo
		})
		if !held && !t.Failed() {
			t.Errorf("seed %d: an outage of %.0f %% from %d to %d did not hold the release", seed, fails*100, begin, end)
		}
	}
}

// Few sticky visitors are never split as meant, and sessions follow a change of the
// share with a delay: neither makes an outage the canary's.
//
// req: CD-03 N-04
func TestAnOutageWithAnUnevenSplitIsNotHeldAgainstTheCanary(t *testing.T) {
	t.Parallel()
	for seed := range uint64(30) {
		w := newWorld(seed + 900)
		uneven := 0.5 + w.rng.Float64()*1.5
		w.share = func(i int64) float64 { return []float64{5, 25, 10}[min(i/60, 2)] } // lowered by hand at the end
		at := 5.0
		w.real = func(i int64) float64 {
			at += (w.share(i) - at) / 20 // sessions of some twenty seconds
			return min(at*uneven, 90)
		}
		begin := int64(60 * (1 + seed%2))
		fails := 0.05 + 0.5*w.rng.Float64()
		w.fails = func(i int64) (float64, float64) {
			if i >= begin && i < begin+50 {
				return fails, fails
			}
			return 0.01, 0.01
		}
		looks(w, eager(), 180, 3, func(at int64, v Verdict) bool {
			if v.Action == Undo {
				t.Errorf("seed %d, second %d, split %.2f of what is meant: %s", seed, at, uneven, v.Sentence)
			}
			return v.Action != Undo
		})
	}
}

// req: RB-01
func TestACrashIsTakenBackWithinSeconds(t *testing.T) {
	t.Parallel()
	for _, rate := range []float64{50, 100, 400} {
		var sum, took, most float64
		const runs = 30
		for seed := range uint64(runs) {
			w := newWorld(seed + 300)
			w.rate = rate
			w.fails = func(int64) (float64, float64) { return 0.97, 0.01 }
			found := false
			looks(w, DefaultRules(), 30, 1, func(at int64, v Verdict) bool {
				if v.Action == Undo {
					found = true
					sum, took, most = sum+float64(v.Requests), took+float64(at), max(most, float64(at))
				}
				return !found
			})
			if !found {
				t.Fatalf("%g requests/s, seed %d: a crash is not found in 30 s", rate, seed)
			}
		}
		t.Logf("%g requests/s at 5 %%: on average after %.1f canary requests and %.1f s, at most %.0f s",
			rate, sum/runs, took/runs, most)
		if sum/runs > 45 || rate >= 100 && (took/runs > 3 || most > 5) {
			t.Errorf("%g requests/s: %.1f requests, %.1f s on average, at most %.0f s", rate, sum/runs, took/runs, most)
		}
	}
}

// req: CD-03 N-04
func TestAnyHealthyCanaryIsSeldomTakenBack(t *testing.T) {
	t.Parallel()
	wrong := 0
	for seed := range uint64(36) {
		w := newWorld(seed + 7000)
		w.rate = []float64{10, 40, 100}[seed%3]
		looks(w, eager(), 200, 5, func(at int64, v Verdict) bool {
			if v.Action == Undo {
				t.Logf("seed %d, second %d: %s", seed, at, v.Sentence)
				wrong++
			}
			return v.Action != Undo
		})
	}
	if wrong > 1 {
		t.Errorf("%d of 36 healthy canaries were taken back", wrong)
	}
}

// req: CD-03
func TestASlowCanaryIsTakenBackByComparison(t *testing.T) {
	t.Parallel()
	w := newWorld(5)
	w.slow = func(int64) (float64, float64) { return 2, 1 } // a p95 of 430 ms, below every limit
	v := Evaluate(DefaultRules(), w.evidence(200))
	check(t, v, want{Worse, Undo, "latency_compare", Critical, "v2 is worse. 1 in 20 requests takes longer than"})
	if v.Sureness < 0.99 {
		t.Errorf("sureness is %g", v.Sureness)
	}
}

func TestADoubtHolds(t *testing.T) {
	t.Parallel()
	r := absolute()
	r.ErrorRate, r.LatencyP95 = Limits{WorseBy: 0.25}, Limits{}
	ev := flat{n: 60, share: 10, canary: 10, stable: 90}.evidence()
	for i := range 5 {
		ev.Canary[i*10].Errors = 1
		ev.Stable[i*10+5].Errors = 1
	}
	v := Evaluate(r, ev)
	check(t, v, want{NotEnough, Hold, "error_compare", Warn, "It looks worse, but that is not certain yet. About"})
	if v.Sureness < 0.9 || v.Sureness >= 0.99 {
		t.Errorf("sureness is %g, want between suspicious and certain", v.Sureness)
	}
}

func TestEvidenceIsCountedAtThePresentShare(t *testing.T) {
	t.Parallel()
	ev := flat{n: 100, share: 10, canary: 10, stable: 90}.evidence()
	ev.Shares = []ShareChange{{At: time.Unix(zero, 0), Share: 5}, {At: time.Unix(zero+96, 0), Share: 10}}
	ev.ShareSince = time.Unix(zero+96, 0)
	v := Evaluate(absolute(), ev)
	if v.Requests != 40 || v.MoreRequests != 60 || v.MoreTime != 6*time.Second || v.Word != NotEnough {
		t.Errorf("%d requests, %d and %s more, %s", v.Requests, v.MoreRequests, v.MoreTime, v.Word)
	}
	x := new(Pass).exam(absolute(), ev)
	for _, test := range []struct {
		second int64
		want   float64
	}{{0, 0.05}, {95, 0.05}, {96, math.NaN()}, {97, math.NaN()}, {98, 0.10}} {
		if got := x.shareIn(zero + test.second); got != test.want && !(math.IsNaN(got) && math.IsNaN(test.want)) {
			t.Errorf("the share in second %d is %g, want %g", test.second, got, test.want)
		}
	}
	ev.Shares = nil
	if got := new(Pass).exam(absolute(), ev).shareIn(zero + 50); !math.IsNaN(got) {
		t.Errorf("without a history the share before the last change is %g, want unknown", got)
	}
}

func TestEvaluateIsPureAndItsFindingsSayWhy(t *testing.T) {
	t.Parallel()
	w := newWorld(3)
	ev := w.evidence(120)
	ev.Canary[5], ev.Canary[50] = ev.Canary[50], ev.Canary[5]
	ev.Stable = append(ev.Stable, ev.Stable[7])
	before, _ := json.Marshal(ev)
	first := Evaluate(DefaultRules(), ev)
	again := Evaluate(DefaultRules(), ev)
	if diff := cmp.Diff(first, again); diff != "" {
		t.Error(diff)
	}
	if after, _ := json.Marshal(ev); string(after) != string(before) {
		t.Error("Evaluate changed its evidence")
	}
	rules := map[string]int{}
	for _, f := range first.Findings {
		rules[f.Rule]++
		if f.Sentence == "" || f.Arm == "" {
			t.Errorf("%+v does not say what it is", f)
		}
	}
	want := map[string]int{
		"error_rate": 2, "error_spike": 2, "latency_p95": 2, "health": 2,
		"error_compare": 1, "latency_compare": 1, "blind": 1, "share": 1,
	}
	if diff := cmp.Diff(want, rules); diff != "" {
		t.Error(diff)
	}
}

func FuzzEvaluate(f *testing.F) {
	f.Add([]byte(`{}`), []byte(`{}`), 1.0)
	r, _ := json.Marshal(DefaultRules())
	small := flat{n: 3, share: 50, canary: 2, canaryErrors: 1, stable: 2, canaryProbes: "+-", stableProb: "-"}
	ev, _ := json.Marshal(small.evidence())
	f.Add(r, ev, math.NaN())
	f.Add([]byte(`{"window":1,"error_rate":{"for":-9,"critical":-1,"worse_by":1e308},"alpha":7}`),
		[]byte(`{"complete":-9223372036854775808,"share":1e308,"canary":[{"second":9223372036854775807,"errors":9},`+
			`{"requests":18446744073709551615}]}`), math.Inf(1))
	f.Fuzz(func(t *testing.T, rules, evidence []byte, x float64) {
		var r Rules
		var ev Evidence
		if json.Unmarshal(rules, &r) != nil || json.Unmarshal(evidence, &ev) != nil {
			return
		}
		for _, odd := range []bool{false, true} {
			if odd {
				r.ErrorRate.Critical, r.LatencyP95.Spike, r.ShareSlack, ev.Share = x, x, x, x
			}
			v := Evaluate(r, ev)
			if v.Word == "" || v.Action == "" || v.Sentence == "" {
				t.Fatalf("no verdict: %+v", v)
			}
			if v.Action == Continue && (v.Word != BetterOrEqual || v.Requests == 0) {
				t.Fatalf("a pass without data: %+v", v)
			}
			if _, err := json.Marshal(v); err != nil {
				t.Fatalf("a verdict that cannot be stored: %v: %+v", err, v)
			}
		}
	})
}

func BenchmarkEvaluate30Minutes(b *testing.B) {
	for _, rate := range []float64{100, 1000} {
		b.Run(fmt.Sprintf("%g_a_second", rate), func(b *testing.B) {
			w := newWorld(1)
			w.rate = rate
			ev := w.evidence(1800)
			r := DefaultRules()
			b.ReportAllocs()
			for b.Loop() {
				if v := Evaluate(r, ev); v.Action != Continue {
					b.Fatal(v.Sentence)
				}
			}
		})
	}
}

// What applications report counts like what an edge sees: fewer buyers, or more visitors who leave, take a version
// back, and a signal only holds it.
//
// req: RB-11 RB-12
func TestACustomMetricTakesACanaryBack(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule           judge.Metric
		canary, stable float64 // part of the visitors of whom it went wrong
		want           Action
	}{
		{judge.Metric{Name: "conversion", Kind: judge.Rate, Higher: true, WorseBy: 0.1}, 0.985, 0.97, Undo},
		{judge.Metric{Name: "conversion", Kind: judge.Rate, Higher: true, WorseBy: 0.1}, 0.97, 0.97, Continue},
		{judge.Metric{Name: "abandoned", Kind: judge.Rate, WorseBy: 0.1}, 0.40, 0.25, Undo},
		{judge.Metric{Name: "abandoned", Kind: judge.Rate, WorseBy: 0.1, Signal: true}, 0.40, 0.25, Hold},
	} {
		w := newWorld(11)
		r := DefaultRules()
		r.Metrics = []MetricRule{{Metric: test.rule, From: metric.App}}
		ev := w.evidence(900)
		sums := func(n int, p float64) judge.Sums {
			s := judge.Sums{N: uint64(n)}
			for range n {
				if w.rng.Float64() < p {
					s.Bad++
				}
			}
			return s
		}
		for at := int64(0); at < 900; at += 10 {
			ev.Values = append(ev.Values, judge.Value{
				Metric: test.rule.Name, Second: w.t0 + at, Width: 10, Share: 0.05,
				Canary: sums(60, test.canary), Stable: sums(900, test.stable),
			})
		}
		if v := Evaluate(r, ev); v.Action != test.want {
			t.Errorf("%s %g beside %g: %s, want %s: %s", test.rule.Name, test.canary, test.stable, v.Action, test.want,
				v.Sentence)
		}
	}
}

// A look that goes on where the last one ended says the same as one that begins anew.
//
// req: N-04
func TestAPassSaysWhatALookFromTheBeginningSays(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		w := newWorld(seed + 40)
		w.rate = []float64{2, 30, 100}[seed%3]
		w.share = func(i int64) float64 { return []float64{5, 25, 10}[min(i/60, 2)] }
		if seed > 2 {
			w.fails = func(i int64) (float64, float64) { return 0.01 + float64(i)/3000, 0.01 }
		}
		ev := w.evidence(180)
		var p Pass
		for at := int64(1); at <= 180; at += 1 + int64(w.rng.IntN(9)) {
			part := ev
			w.at(&part, at)
			part.Ladder = []float64{25, 100}
			// What comes later is not known yet, and what is long past may be gone.
			n := len(part.Canary)
			part.Canary = between(part.Canary, 0, w.t0+at)
			if diff := cmp.Diff(Evaluate(DefaultRules(), part), p.Evaluate(DefaultRules(), part)); diff != "" {
				t.Fatalf("seed %d, second %d (%d of %d): %s", seed, at, len(part.Canary), n, diff)
			}
		}
	}
}

func BenchmarkOneMoreSecond(b *testing.B) {
	w := newWorld(1)
	ev := w.evidence(3600)
	var p Pass
	at := int64(1800)
	for b.Loop() {
		part := ev
		w.at(&part, at)
		p.Evaluate(DefaultRules(), part)
		at = min(at+1, 3600)
	}
}

func TestWarmUntilAgreesWithTheJudge(t *testing.T) {
	t.Parallel()
	w := newWorld(1)
	ev := w.evidence(50)
	x := new(Pass).exam(DefaultRules(), ev)
	if got := x.judged().WarmUntil; got != x.warmFrom() {
		t.Errorf("the judge waits until %d, the limits until %d", got-w.t0, x.warmFrom()-w.t0)
	}
}

// An application that stops reporting a metric that decides is a broken measurement: of both versions, or of the new
// one whose reporting is what broke. One that reported little, or only a signal, says nothing by its silence.
//
// req: N-04
func TestAMetricThatFallsSilentIsNoPass(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name           string
		canary, stable int64  // the second in which their values end
		n              uint64 // of the stable version in ten seconds
		signal         bool
		want           Word
		says           string
	}{
		{"it goes on", 780, 780, 190, false, BetterOrEqual, ""}, // two minutes are not delivered yet
		{"both stop", 600, 600, 190, false, Broken, "No value of conversion for 5 min"},
		{"the new version stops", 600, 780, 190, false, Broken, "No value of conversion of v2 for 5 min"},
		{"the stable version stops", 780, 600, 190, false, Broken, "No value of conversion of v1 for 5 min"},
		{"the new version never spoke", 0, 780, 190, false, Broken, "No value of conversion of v2 for 15 min"},
		{"a signal stops", 600, 600, 190, true, BetterOrEqual, ""},
		{"there were few", 600, 600, 0, false, BetterOrEqual, ""},
		{"nothing ever came", 0, 0, 190, false, BetterOrEqual, ""},
	} {
		w := newWorld(11)
		r := DefaultRules()
		r.Metrics = []MetricRule{{Metric: judge.Metric{
			Name: "conversion", Kind: judge.Rate, Higher: true, WorseBy: 0.1, Signal: test.signal}, From: metric.App}}
		ev := w.evidence(900)
		ev.Version, ev.StableVersion = "v2", "v1"
		for at := int64(0); at < 900; at += 10 {
			v := judge.Value{Metric: "conversion", Second: w.t0 + at, Width: 10, Share: 0.05}
			if at < test.canary {
				v.Canary = judge.Sums{N: max(test.n/19, 1)}
			}
			if at < test.stable {
				v.Stable = judge.Sums{N: test.n}
			}
			if test.n == 0 && at%300 > 0 {
				continue
			}
			if v.Canary.N+v.Stable.N > 0 {
				ev.Values = append(ev.Values, v)
			}
		}
		v := Evaluate(r, ev)
		if v.Word != test.want || !strings.Contains(v.Sentence, test.says) {
			t.Errorf("%s: %s: %s", test.name, v.Word, v.Sentence)
		}
		ev.Values = append(ev.Values, ev.Values...) // what was told twice counts once
		if again := Evaluate(r, ev); again.Word != v.Word || again.Sentence != v.Sentence {
			t.Errorf("%s, told twice: %s: %s", test.name, again.Word, again.Sentence)
		}
	}
}
