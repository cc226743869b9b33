package simulate

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/internal/strategy"
)

func options(t testing.TB, cases ...string) Options {
	t.Helper()
	s, err := strategy.Parse("slipway.yaml", []byte("app: shop\ntarget: {selfhost: {stable: \"http://127.0.0.1:9\"}}\n"+
		"stages: {canary: {steps: [5, 50], bake: 2m}, production: {watch: 1m}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	o := Options{
		Strategies: []Strategy{{Name: "slipway.yaml", Plan: s.ReleasePlan(), Items: s.Checklist()}}, Traffic: DefaultModel(),
		Backgrounds: Backgrounds()[:1], Runs: 4, Healthy: 6, Seed: 1, Reaction: time.Second, Lag: time.Second,
	}
	for _, text := range cases {
		c, err := ParseCase(text)
		if err != nil {
			t.Fatal(err)
		}
		o.Cases = append(o.Cases, c)
	}
	return o
}

func TestSums(t *testing.T) {
	t.Parallel()
	r, err := Run(t.Context(), options(t, "healthy", "errors-10x", "tiny:errors=1.01x"))
	if err != nil {
		t.Fatal(err)
	}
	healthy, bad, tiny := r.Results[0], r.Results[1], r.Results[2]
	if healthy.Runs != 6 || healthy.Stopped != 0 || healthy.Upper < 0.3 || healthy.Promote == nil ||
		healthy.Detection != nil {
		t.Errorf("healthy: %+v", healthy)
	}
	if bad.Runs != 4 || bad.Stopped != 1 || bad.Missed != 0 || bad.Floor < 3 || bad.Failed.Mean < bad.Floor/2 ||
		bad.Detection.Median > 60 || len(bad.Where) != 1 || bad.Where[0].Share != 5 {
		t.Errorf("ten times as many errors: %+v", bad)
	}
	if tiny.Missed != 1 || tiny.Stopped != 0 {
		t.Errorf("one percent more errors: %+v", tiny)
	}
}

func TestTheSeedDecidesAlone(t *testing.T) {
	t.Parallel()
	do := func(seed uint64) string {
		o := options(t, "errors-3x", "latency-2x")
		o.Seed = seed
		r, err := Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	first := do(1)
	if diff := cmp.Diff(first, do(1)); diff != "" {
		t.Error(diff)
	}
	if first == do(2) {
		t.Error("another seed gives the same")
	}
}

func TestAnInterruptedRunTellsWhatItHas(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	o := options(t, "errors-10x", "errors-5x")
	o.Progress = func(done, _ int) {
		if done == 2 {
			cancel()
		}
	}
	r, err := Run(ctx, o)
	if err == nil || r.Done < 2 || r.Done >= r.All {
		t.Errorf("%d of %d runs were done, and the error is %v", r.Done, r.All, err)
	}
}

func TestCases(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "errors", "errors=", "errors=3", "errors=0.5x", "errors=NaNx", "errors=+0%",
		"after=20m",
		"latency=1.2x,after=-1s", ":errors=2x", "errors=3x;after=1m", "nope-2x"} {
		if c, err := ParseCase(text); err == nil {
			t.Errorf("%q is taken for %+v", text, c)
		}
	}
	c, err := ParseCase("mine: errors=3x, latency=1.5x,after=20m")
	if err != nil || c.Name != "mine" || c.Fault.Times != 3 || c.Fault.Slower != 1.5 || c.Fault.Onset != 1200 {
		t.Errorf("%+v: %v", c, err)
	}
}
