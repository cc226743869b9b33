package guard

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/metric"
)

// widened is evidence as a source with wide buckets has it: canary and stable are measured every width seconds, each
// at its own moment, so that what a bucket holds came up to so many seconds earlier.
func widened(ev Evidence, width, canaryLate, stableLate int64) Evidence {
	fold := func(bs []metric.Bucket, late int64) []metric.Bucket {
		var out []metric.Bucket
		for _, b := range bs {
			end := (b.Second+late)/width*width + width // of the bucket in which it is counted
			if end > ev.Complete/width*width {
				continue
			}
			if n := len(out); n == 0 || out[n-1].Second != end-width {
				out = append(out, metric.Bucket{Second: end - width, Width: width})
			}
			out[len(out)-1].Add(b)
		}
		return out
	}
	ev.Canary, ev.Stable = fold(ev.Canary, canaryLate), fold(ev.Stable, stableLate)
	ev.Width, ev.Complete = width, ev.Complete/width*width
	ev.Background.InBlocks(width)
	return ev
}

// elsewhere are rules whose numbers Prometheus brings.
func elsewhere() Rules {
	r := DefaultRules()
	r.Source, r.Health, r.ColdStart, r.MinRequests = metric.Prometheus, HealthRule{}, 0, 20
	return r
}

// What hits both versions at once is counted on one of them a bucket earlier: it is never held against the canary,
// whichever it is, however often it happens.
//
// req: RB-20
func TestASharedOutageSeenAtDifferentMomentsIsNotHeldAgainstTheCanary(t *testing.T) {
	t.Parallel()
	for _, late := range [][2]int64{{0, 0}, {0, 12}, {12, 0}, {3, 14}, {14, 3}} {
		for seed := range uint64(3) {
			w := newWorld(seed)
			w.fails = func(s int64) (float64, float64) {
				if s%180 >= 100 && s%180 < 120 { // twenty seconds every three minutes
					return 0.8, 0.8
				}
				return 0.01, 0.01
			}
			ev := w.evidence(1500)
			var p Pass
			for n := int64(60); n <= 1500; n += 15 {
				now := ev
				w.at(&now, n)
				if v := p.Evaluate(elsewhere(), widened(now, 15, late[0], late[1])); v.Action == Undo {
					t.Fatalf("%v, seed %d, after %d s: %s", late, seed, n, v.Sentence)
				}
			}
		}
	}
}

// The comparison by itself, where a short outage comes again and again at the edge of what is judged together: without
// steadying the stable version's failures the evidence rises to 200 to 1 against a version that is as good.
//
// req: CD-03
func TestOutagesAtTheEdgeOfABlockAreNoEvidence(t *testing.T) {
	t.Parallel()
	for _, every := range []int64{45, 60, 90} {
		for seed := range uint64(3) {
			w := newWorld(seed)
			w.fails = func(s int64) (float64, float64) {
				if s%every >= 40 && s%every < 46 {
					return 0.8, 0.8
				}
				return 0.01, 0.01
			}
			ev, rules := w.evidence(3000), elsewhere()
			rules.ErrorRate, rules.LatencyP95 = Limits{WorseBy: 0.25}, Limits{}
			if v := Evaluate(rules, widened(ev, 15, 0, 12)); v.Report.MaxLogE > math.Log(10) {
				t.Errorf("every %d s, seed %d: ln e reaches %.1f: %s", every, seed, v.Report.MaxLogE, v.Sentence)
			}
		}
	}
}

// req: RB-03 RB-15
func TestAFaultOfTheCanaryIsSeenInWideBuckets(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		rules  func(*Rules)
		fails  float64
		within int64 // seconds after its beginning at 120
		rule   string
	}{
		{"by a spike", func(r *Rules) { r.ErrorRate.WorseBy = 0 }, 0.5, 75, "error_spike"},
		{"by the limit", func(r *Rules) { r.ErrorRate.WorseBy, r.ErrorRate.Spike = 0, 0 }, 0.2, 330, "error_rate"},
		{"by the limit at once",
			func(r *Rules) { r.ErrorRate.WorseBy, r.ErrorRate.Spike, r.ErrorRate.For = 0, 0, 0 }, 0.5, 75, "error_rate"},
		{"by comparison", func(r *Rules) { r.ErrorRate = Limits{WorseBy: 0.25} }, 0.5, 330, "error_compare"},
		{"by comparison, five times", func(r *Rules) { r.ErrorRate = Limits{WorseBy: 0.25} }, 0.05, 1500, "error_compare"},
	}
	for _, tt := range tests {
		w := newWorld(7)
		w.fails = func(s int64) (float64, float64) {
			if s >= 120 {
				return tt.fails, 0.01
			}
			return 0.01, 0.01
		}
		ev, rules := w.evidence(120+tt.within), elsewhere()
		tt.rules(&rules)
		var p Pass
		var v Verdict
		found := int64(0)
		for n := int64(15); n <= 120+tt.within && found == 0; n += 15 {
			now := ev
			w.at(&now, n)
			if v = p.Evaluate(rules, widened(now, 15, 3, 9)); v.Action == Undo {
				found = n
			}
		}
		if found <= 120 || v.Findings[0].Rule != tt.rule {
			t.Errorf("%s: found after %d s: %s %+v", tt.name, found-120, v.Sentence, v.Findings[0])
		}
		t.Logf("%s: found after %d s", tt.name, found-120)
	}
}

// A bucket in which the share changed, or into which what came before may reach, is no evidence of either share.
//
// req: CD-15
func TestABucketInWhichTheShareChangedBetsNothing(t *testing.T) {
	t.Parallel()
	ev := Evidence{
		Now: time.Unix(zero+300, 0), Complete: zero + 300, Since: time.Unix(zero+7, 0), ShareSince: time.Unix(zero+100, 0),
		Share: 25, Width: 15,
		Shares: []ShareChange{{At: time.Unix(zero+7, 0), Share: 5}, {At: time.Unix(zero+100, 0), Share: 25}},
	}
	nan := math.NaN()
	want := map[int64]float64{0: nan, 15: nan, 30: .05, 75: .05, 90: nan, 105: nan, 120: .25, 285: .25}
	x := new(Pass).exam(elsewhere(), ev)
	for second, share := range want {
		if got := x.shareIn(zero + second); got != share && !(math.IsNaN(got) && math.IsNaN(share)) {
			t.Errorf("the share from %d s on is %g, want %g", second, got, share)
		}
	}
	if x.step != zero+120 {
		t.Errorf("what counts at this share begins at %d s, want 120", x.step-zero)
	}
}

// Where nobody knows visitors the judge says that it judges in blocks, and why.
func TestWithoutVisitorsTheJudgeGoesLinear(t *testing.T) {
	t.Parallel()
	w := newWorld(1)
	ev := widened(w.evidence(300), 15, 0, 0)
	v := Evaluate(elsewhere(), ev)
	if v.Report == nil || v.Report.Mode != judge.Linear || !strings.Contains(v.Report.Why, "blocks of 30 s, 30 s apart") {
		t.Errorf("%+v", v.Report)
	}
	if v.Report.Canary.Requests == 0 || v.Action != Continue {
		t.Errorf("%s, after %d requests", v.Sentence, v.Report.Canary.Requests)
	}
}

// req: N-04 RB-20
func TestWideBucketsAreBlindWhenTheyStop(t *testing.T) {
	t.Parallel()
	w := newWorld(3)
	base := w.evidence(600)
	tests := []struct {
		name string
		edit func(r *Rules, ev *Evidence)
		says string
	}{
		{"all stopped", func(_ *Rules, ev *Evidence) { ev.Now = ev.Now.Add(65 * time.Second) },
			"No complete measurement for"},
		{"windows of a minute, which are late by nature",
			func(_ *Rules, ev *Evidence) { *ev = widened(base, 60, 0, 0); ev.Now = ev.Now.Add(100 * time.Second) }, ""},
		{"the canary's exporter stopped", func(r *Rules, ev *Evidence) {
			r.Source = metric.OTLP
			ev.Canary = ev.Canary[:len(ev.Canary)-5]
		}, "v2 has sent no measurement for 75 s"},
		{"the stable version's exporter stopped", func(r *Rules, ev *Evidence) {
			r.Source = metric.OTLP
			ev.Stable = ev.Stable[:len(ev.Stable)-5]
		}, "v1 has sent no measurement for 75 s"},
		{"the canary's exporter says that nobody came", func(r *Rules, ev *Evidence) {
			r.Source, ev.Share = metric.OTLP, 0.1
			for i := range ev.Canary {
				ev.Canary[i] = metric.Bucket{Second: ev.Canary[i].Second, Width: 15, Requests: uint64(1 / (1 + i/30))}
			}
		}, ""},
	}
	for _, tt := range tests {
		rules, ev := elsewhere(), widened(base, 15, 0, 0)
		ev.Now = ev.Now.Add(30 * time.Second) // as far as Prometheus is behind
		tt.edit(&rules, &ev)
		v := Evaluate(rules, ev)
		blind := v.Word == Broken && v.Action == Hold
		if blind != (tt.says != "") || !strings.Contains(v.Sentence, tt.says) {
			t.Errorf("%s: %s %s: %s", tt.name, v.Word, v.Action, v.Sentence)
		}
		if v.Behind <= 0 {
			t.Errorf("%s: it is %s behind", tt.name, v.Behind)
		}
	}
}

// minutes is evidence as Vercel's own counts are: every request stands in the minute in which it came.
func minutes(ev Evidence) Evidence {
	ev = widened(ev, 60, 0, 0)
	ev.OneClock = true
	for _, list := range [][]metric.Bucket{ev.Canary, ev.Stable} {
		for i := range list {
			list[i].Units, list[i].Slices, list[i].Latency = list[i].Errors, nil, judge.Sketch{}
		}
	}
	return ev
}

func byMinutes() Rules {
	r := elsewhere()
	r.Source, r.Fallback, r.LatencyP95 = metric.Drain, metric.Observability, Limits{}
	return r
}

// What one clock counts smears nothing, so nobody waits for the minute after: and what hits both versions, at whatever
// moment of a minute, is still held against neither.
//
// req: RB-20 CD-03
func TestMinutesOfOneClockHoldNothingSharedAgainstTheCanary(t *testing.T) {
	t.Parallel()
	for name, ill := range map[string]func(s int64) bool{
		"twenty seconds every three minutes": func(s int64) bool { return s%180 >= 100 && s%180 < 120 },
		"across the end of a minute":         func(s int64) bool { return s%120 >= 57 && s%120 < 63 },
		"a second now and then":              func(s int64) bool { return s%47 == 3 },
	} {
		for seed := range uint64(3) {
			w := newWorld(seed)
			w.fails = func(s int64) (float64, float64) {
				if ill(s) {
					return 0.8, 0.8
				}
				return 0.01, 0.01
			}
			ev := w.evidence(1800)
			var p Pass
			for n := int64(60); n <= 1800; n += 30 {
				now := ev
				w.at(&now, n)
				v := p.Evaluate(byMinutes(), minutes(now))
				if v.Action == Undo {
					t.Fatalf("%s, seed %d, after %d s: %s", name, seed, n, v.Sentence)
				}
				if v.Report != nil && v.Report.MaxLogE > math.Log(20) {
					t.Errorf("%s, seed %d, after %d s: ln e reaches %.1f", name, seed, n, v.Report.MaxLogE)
				}
			}
		}
	}
}

// A fault that fills a part of a minute is found when the minute is told; what may have come in one second or two is
// not.
//
// req: RB-03 RB-15
func TestAFaultIsFoundInTheFirstMinutesOfOneClock(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		fails func(s int64) float64
		found int64 // the second at which the minute that shows it ends; 0: never
	}{
		{"46 % from the first visitor on", func(int64) float64 { return 0.46 }, 120},
		{"46 % from the middle of a minute on", func(s int64) float64 { return step(s >= 330, 0.46) }, 420},
		{"12 % from the beginning of a minute on", func(s int64) float64 { return step(s >= 300, 0.12) }, 420},
		{"one second", func(s int64) float64 { return step(s == 330, 1) }, 0},
		{"two seconds", func(s int64) float64 { return step(s == 330 || s == 333, 1) }, 0},
	} {
		w := newWorld(5)
		w.fails = func(s int64) (float64, float64) { return max(tt.fails(s), 0.005), 0.005 }
		ev := w.evidence(900)
		var p Pass
		found, last := int64(0), Verdict{}
		for n := int64(60); n <= 900 && found == 0; n += 60 {
			now := ev
			w.at(&now, n)
			if last = p.Evaluate(byMinutes(), minutes(now)); last.Action == Undo {
				found = n
			}
		}
		if found > tt.found || found == 0 != (tt.found == 0) {
			t.Errorf("%s: found after %d s, want %d: %s", tt.name, found, tt.found, last.Sentence)
		}
		t.Logf("%s: found after %d s: %s", tt.name, found, last.Sentence)
	}
}

// Where few come, one visitor may bring more in a second than a whole minute's mean says: twenty failures of one second
// take nothing back, whatever the minute looks like. What goes on failing is found all the same.
//
// req: RB-15 CD-03
func TestAMinuteOfFewHoldsNoSecondAgainstTheCanary(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		burst uint64
		fails float64
		found int64
	}{{10, 0, 0}, {15, 0, 0}, {20, 0, 0}, {0, 0.46, 240}} {
		for seed := range uint64(5) {
			w := newWorld(seed)
			w.rate = 10 // half a request a second for the canary
			w.fails = func(int64) (float64, float64) { return tt.fails, 0 }
			ev := w.evidence(600)
			ev.Canary[330].Requests += tt.burst
			ev.Canary[330].Errors += tt.burst
			var p Pass
			found, last := int64(0), Verdict{}
			for n := int64(60); n <= 600 && found == 0; n += 60 {
				now := ev
				w.at(&now, n)
				if last = p.Evaluate(byMinutes(), minutes(now)); last.Action == Undo {
					found = n
				}
			}
			if found > tt.found || found == 0 != (tt.found == 0) {
				t.Errorf("%d failures in one second and %g of all, seed %d: found after %d s, want %d: %s", tt.burst,
					tt.fails, seed, found, tt.found, last.Sentence)
			}
		}
	}
}

func step(on bool, rate float64) float64 {
	if on {
		return rate
	}
	return 0
}
