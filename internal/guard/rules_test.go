package guard

import (
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/metric"
)

// flat is evidence of n seconds in which every second is the same.
type flat struct {
	n                        int64
	share                    float64
	canary, canaryErrors     uint64 // a second
	stable, stableErrors     uint64
	canaryMillis, stableMill int
	canaryProbes, stableProb string // + and -, oldest first, five seconds apart, ending at n
	baseErrors               uint64 // of 10,000
}

const zero = 1_800_000_000

func (f flat) evidence() Evidence {
	ev := Evidence{
		Now: time.Unix(zero+f.n, 0), Complete: zero + f.n, Version: "v2", StableVersion: "v1",
		Since: time.Unix(zero, 0), ShareSince: time.Unix(zero, 0), Share: f.share,
		Baseline: metric.Bucket{Requests: 10_000, Errors: f.baseErrors},
	}
	for i := range f.n {
		ev.Canary = append(ev.Canary, one(i, f.canary, f.canaryErrors, f.canaryMillis))
		if f.share < 100 {
			ev.Stable = append(ev.Stable, one(i, f.stable, f.stableErrors, f.stableMill))
		}
	}
	ev.CanaryHealth, ev.StableHealth = probes(f.n, f.canaryProbes), probes(f.n, f.stableProb)
	return ev
}

func one(i int64, requests, errors uint64, millis int) metric.Bucket {
	b := metric.Bucket{Second: zero + i, Requests: requests, Errors: errors}
	for range requests {
		b.Latency.Add(time.Duration(max(millis, 50)) * time.Millisecond)
	}
	return b
}

func probes(n int64, s string) []Probe {
	var out []Probe
	for i, c := range s {
		at := time.Unix(zero+n-int64(5*(len(s)-1-i)), 0)
		out = append(out, Probe{At: at, OK: c == '+', Detail: "HTTP 503"})
	}
	return out
}

// absolute are rules without comparison and health.
func absolute() Rules {
	r := DefaultRules()
	r.ErrorRate.WorseBy, r.LatencyP95.WorseBy, r.ErrorRate.Spike = 0, 0, 0
	r.Health = HealthRule{}
	r.ColdStart = 0
	return r
}

type want struct {
	word   Word
	action Action
	rule   string // of the first finding that is not info, "" for none
	level  Level
	says   string
}

func check(t *testing.T, v Verdict, w want) {
	t.Helper()
	var top Finding
	if len(v.Findings) > 0 && v.Findings[0].Level != Info {
		top = v.Findings[0]
	}
	if v.Word != w.word || v.Action != w.action || top.Rule != w.rule || top.Level != w.level {
		t.Errorf("%s %s by %q %q: %s\nwant %s %s by %q %q", v.Word, v.Action, top.Rule, top.Level, v.Sentence,
			w.word, w.action, w.rule, w.level)
	}
	if !strings.Contains(v.Sentence, w.says) {
		t.Errorf("the sentence is %q, want it to say %q", v.Sentence, w.says)
	}
	// The judge gets no ticks while the measurement is broken: it says what it saw last.
	if v.Word == Broken && v.State != judge.Blind && v.State != judge.Bad {
		t.Errorf("the state is %q while the guard says %s", v.State, v.Word)
	}
}

// req: RB-03 RB-15 RB-20
func TestErrorRateRule(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		flat flat
		rule func(*Rules)
		want want
	}{
		{"exactly 5 % for 5 minutes does not break it", flat{n: 300, share: 50, canary: 20, canaryErrors: 1, stable: 20}, nil,
			want{NotEnough, Hold, "error_rate", Warn, "a warning begins at 2 %"}},
		{"above 5 % for 5 minutes breaks it", flat{n: 300, share: 50, canary: 19, canaryErrors: 1, stable: 19}, nil,
			want{Worse, Undo, "error_rate", Critical, "v2 is worse. 5.3 % of 5,700 requests failed on v2 in the last 5 min"}},
		{"a second short of 5 minutes does not", flat{n: 299, share: 50, canary: 19, canaryErrors: 1, stable: 19}, nil,
			want{NotEnough, Hold, "error_rate", Warn, "must not go further yet"}},
		{"both break it", flat{n: 300, share: 50, canary: 10, canaryErrors: 1, stable: 10, stableErrors: 1}, nil,
			want{NotEnough, Hold, "error_rate", Critical, "in trouble since 08:00:00 UTC: not held against v2"}},
		{"stable is near the limit", flat{n: 300, share: 50, canary: 19, canaryErrors: 1, stable: 21, stableErrors: 1}, nil,
			want{NotEnough, Hold, "error_rate", Critical, "not held against v2 alone"}},
		{"only stable breaks it", flat{n: 300, share: 50, canary: 10, stable: 10, stableErrors: 1}, nil,
			want{BetterOrEqual, Hold, "error_rate", Critical, "v1 is broken, v2 is not."}},
		{"exactly 2 % is no warning", flat{n: 60, share: 50, canary: 50, canaryErrors: 1, stable: 50}, nil,
			want{BetterOrEqual, Continue, "", "", "v2 is no worse than v1 so far"}},
		{"both at the warning", flat{n: 60, share: 50, canary: 20, canaryErrors: 1, stable: 20, stableErrors: 1}, nil,
			want{BetterOrEqual, Continue, "error_rate", Warn, "no worse"}},
		{"without a For at once", flat{n: 8, share: 50, canary: 20, canaryErrors: 5, stable: 20}, atOnce,
			want{Worse, Undo, "error_rate", Critical, "25 % of 160 requests failed"}},
		{"19 requests are too few", flat{n: 19, share: 50, canary: 1, canaryErrors: 1, stable: 30}, atOnce,
			want{NotEnough, Hold, "", "", "v2 had 19 of 100 requests"}},
		{"20 requests are enough", flat{n: 20, share: 50, canary: 1, canaryErrors: 1, stable: 30}, atOnce,
			want{Worse, Undo, "error_rate", Critical, "100 % of 20 requests"}},
		{"two seconds are too few", flat{n: 2, share: 50, canary: 200, canaryErrors: 100, stable: 200}, atOnce,
			want{NotEnough, Hold, "error_rate", Warn, ""}},
		{"after promotion there is no other side", flat{n: 300, share: 100, canary: 19, canaryErrors: 1}, nil,
			want{Worse, Undo, "error_rate", Critical, "v2 is worse"}},
		{"after promotion a normal warning", flat{n: 60, share: 100, canary: 20, canaryErrors: 1, baseErrors: 400}, nil,
			want{BetterOrEqual, Continue, "error_rate", Warn, "v2 keeps all its limits"}},
		{"after promotion data is needed", flat{n: 30, share: 100, canary: 1}, nil,
			want{NotEnough, Hold, "", "", "v2 had 30 of 100 requests so far. About 70 s more."}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := absolute()
			r.LatencyP95 = Limits{}
			if test.rule != nil {
				test.rule(&r)
			}
			check(t, Evaluate(r, test.flat.evidence()), test.want)
		})
	}
}

func atOnce(r *Rules) { r.ErrorRate.For = 0 }

// req: RB-03 RB-20
func TestErrorRateMustHoldAllTheTime(t *testing.T) {
	t.Parallel()
	r := absolute()
	r.LatencyP95 = Limits{}
	over := flat{n: 300, share: 50, canary: 20, stable: 20}.evidence()
	for i := range 60 {
		over.Canary[i].Errors = 20 // 20 % of the five minutes, but over for four
	}
	check(t, Evaluate(r, over), want{BetterOrEqual, Continue, "", "", "no worse"})
	holes := flat{n: 300, share: 50, canary: 20, canaryErrors: 4, stable: 20}.evidence()
	var rest []metric.Bucket
	for _, b := range holes.Canary {
		if i := b.Second - zero; i < 60 || i >= 180 {
			rest = append(rest, b)
		}
	}
	holes.Canary = rest
	if v := Evaluate(r, holes); v.Action == Undo {
		t.Errorf("with data in six tenths of the time: %s", v.Sentence)
	}
}

// req: RB-02
func TestErrorSpikeRule(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		flat flat
		base bool
		want want
	}{
		{"ten times normal", flat{n: 30, share: 50, canary: 10, canaryErrors: 1, stable: 100, baseErrors: 100}, true,
			want{Worse, Undo, "error_spike", Critical, "10 times the normal 1 % (last normal period)"}},
		{"a little less", flat{n: 30, share: 50, canary: 10, canaryErrors: 1, stable: 100, baseErrors: 101}, true,
			want{BetterOrEqual, Continue, "", "", ""}},
		{"both", flat{n: 30, share: 50, canary: 10, canaryErrors: 1, stable: 10, stableErrors: 1, baseErrors: 100}, true,
			want{NotEnough, Hold, "error_spike", Critical, "Both versions are in trouble since 08:00:00 UTC"}},
		{"a normal of zero has a floor", flat{n: 30, share: 50, canary: 1000, canaryErrors: 9, stable: 1000}, true,
			want{BetterOrEqual, Continue, "", "", ""}},
		{"above the floor", flat{n: 30, share: 50, canary: 100, canaryErrors: 1, stable: 1000}, true,
			want{Worse, Undo, "error_spike", Critical, "times the normal 0.1 %"}},
		{"without a baseline the other side counts", flat{n: 30, share: 50, canary: 10, canaryErrors: 1, stable: 100}, false,
			want{Worse, Undo, "error_spike", Critical, "v1 at the same time"}},
		{"after promotion against the baseline", flat{n: 30, share: 100, canary: 10, canaryErrors: 1, baseErrors: 50}, true,
			want{Worse, Undo, "error_spike", Critical, "20 times the normal 0.5 %"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := absolute()
			r.ErrorRate = Limits{Spike: 10}
			r.LatencyP95 = Limits{}
			ev := test.flat.evidence()
			if !test.base {
				ev.Baseline = metric.Bucket{}
			}
			check(t, Evaluate(r, ev), test.want)
		})
	}
	r := absolute()
	r.ErrorRate, r.LatencyP95 = Limits{Spike: 10}, Limits{}
	few := flat{n: 30, share: 50, stable: 100}.evidence()
	few.Canary = []metric.Bucket{one(27, 1, 1, 0), one(28, 1, 0, 0), one(29, 1, 0, 0)}
	check(t, Evaluate(r, few), want{NotEnough, Hold, "", "", "v2 had 3 of 100 requests"})
}

// req: RB-16
func TestLatencyRule(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		flat flat
		cold time.Duration
		want want
	}{
		{"quick", flat{n: 60, share: 50, canary: 10, canaryMillis: 490, stable: 10}, 0,
			want{BetterOrEqual, Continue, "", "", ""}},
		{"a warning", flat{n: 60, share: 50, canary: 10, canaryMillis: 520, stable: 10}, 0,
			want{NotEnough, Hold, "latency_p95", Warn, "the limit is 500 ms"}},
		{"slow", flat{n: 60, share: 50, canary: 10, canaryMillis: 1100, stable: 10}, 0,
			want{Worse, Undo, "latency_p95", Critical, "v2 is slow: 1 in 20 requests takes longer than 1,"}},
		{"just not slow", flat{n: 60, share: 50, canary: 10, canaryMillis: 985, stable: 10, stableMill: 985}, 0,
			want{BetterOrEqual, Continue, "latency_p95", Warn, "no worse"}},
		{"both slow", flat{n: 60, share: 50, canary: 10, canaryMillis: 1100, stable: 10, stableMill: 1100}, 0,
			want{NotEnough, Hold, "latency_p95", Critical, "in trouble since 08:00:00 UTC: not held against v2"}},
		{"stable slow", flat{n: 60, share: 50, canary: 10, stable: 10, stableMill: 1100}, 0,
			want{BetterOrEqual, Hold, "latency_p95", Critical, "v1 is broken, v2 is not. v1 is slow"}},
		{"cold", flat{n: 60, share: 50, canary: 10, canaryMillis: 1100, stable: 10}, 75 * time.Second,
			want{NotEnough, Hold, "", "", "v2 is warming up: response times count in 16 s"}},
		{"warm again", flat{n: 90, share: 50, canary: 10, canaryMillis: 1100, stable: 10}, 75 * time.Second,
			want{Worse, Undo, "latency_p95", Critical, ""}},
		{"little traffic looks further back", flat{n: 600, share: 50, canary: 1, canaryMillis: 1100, stable: 1}, 0,
			want{Worse, Undo, "latency_p95", Critical, ""}},
		{"after promotion", flat{n: 60, share: 100, canary: 10, canaryMillis: 1100}, 0,
			want{Worse, Undo, "latency_p95", Critical, ""}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := absolute()
			r.ErrorRate, r.ColdStart = Limits{}, test.cold
			check(t, Evaluate(r, test.flat.evidence()), test.want)
		})
	}
}

// req: RB-17 CD-02 CD-14
func TestHealthRule(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name           string
		canary, stable string
		share          float64
		want           want
	}{
		{"passes", "++++", "++++", 50, want{BetterOrEqual, Continue, "", "", ""}},
		{"one failure", "+++-", "++++", 50, want{NotEnough, Hold, "health", Warn, "failed once (HTTP 503)"}},
		{"over again", "+--+", "++++", 50, want{BetterOrEqual, Continue, "", "", ""}},
		{"two", "++--", "++++", 50, want{NotEnough, Hold, "health", Warn, "twice"}},
		{"three", "+++---", "++++++", 50, want{Worse, Undo, "health", Critical, "failed 3 times in a row (HTTP 503)"}},
		{"both", "+++---", "+++---", 50, want{NotEnough, Hold, "health", Critical, "Both versions are in trouble"}},
		{"stable fails now and then", "+++---", "+++-+-", 50,
			want{NotEnough, Hold, "health", Critical, "v1 has failures too"}},
		{"stable alone", "++++++", "+++---", 50, want{BetterOrEqual, Hold, "health", Critical, "v1 is broken, v2 is not"}},
		{"none yet", "", "++++", 50, want{NotEnough, Hold, "", "", "No health check of v2 has answered yet"}},
		{"before any traffic", "+---", "++++", 0, want{Worse, Undo, "health", Critical, ""}},
		{"after promotion", "+---", "", 100, want{Worse, Undo, "health", Critical, ""}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := absolute()
			r.ErrorRate, r.LatencyP95, r.Health = Limits{}, Limits{}, DefaultRules().Health
			f := flat{n: 40, share: test.share, canary: 10, stable: 10, canaryProbes: test.canary, stableProb: test.stable}
			check(t, Evaluate(r, f.evidence()), test.want)
		})
	}
	r := DefaultRules()
	f := flat{n: 120, share: 50, canary: 10, stable: 10}
	check(t, Evaluate(r, f.evidence()), want{Broken, Hold, "health", Critical, "No health check of v2 has answered yet"})
	old := flat{n: 120, share: 50, canary: 10, stable: 10, canaryProbes: "---", stableProb: "+++"}.evidence()
	old.Now = old.Now.Add(40 * time.Second)
	old.Complete += 40
	if v := Evaluate(r, old); v.Action == Undo {
		t.Errorf("checks of 40 s ago take a version back: %s", v.Sentence)
	}
}

// However short a strategy wants it, a limit that is broken must be able to fire.
func TestShortestLimitsFire(t *testing.T) {
	t.Parallel()
	for _, d := range []time.Duration{0, time.Second, 2 * time.Second, 3 * time.Second} {
		for _, share := range []float64{50, 100} {
			r := absolute()
			r.Window, r.ErrorRate.For, r.LatencyP95.For, r.ColdStart = time.Second, d, d, 0
			bad := flat{n: 20, share: share, canary: 50, canaryErrors: 25, stable: 50}
			if v := Evaluate(r, bad.evidence()); v.Action != Undo {
				t.Errorf("errors for %s at %g %%: %s: %s", d, share, v.Action, v.Sentence)
			}
			slow := flat{n: 20, share: share, canary: 50, canaryMillis: 3000, stable: 50}
			if v := Evaluate(r, slow.evidence()); v.Action != Undo {
				t.Errorf("slow for %s at %g %%: %s: %s", d, share, v.Action, v.Sentence)
			}
		}
	}
}
