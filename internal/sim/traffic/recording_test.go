package traffic

import (
	"math"
	"testing"

	"github.com/slipwayhq/slipway/internal/judge"
)

// record lets a world be recorded at a share.
func record(w World, seconds int64, share float64) *Recording {
	bins := judge.Bins{Low: 8, Ratio: 1.09, Count: 88}
	t, r := New(w, Fault{}, bins, 4), NewRecording(bins, judge.SketchBins())
	var x judge.Tick
	for second := -seconds / 4; second < seconds; second++ {
		now := share
		if second < 0 {
			now = 0
		}
		t.Next(second, now, &x)
		r.Add(&x)
	}
	return r
}

// Every recorded request, failure and duration is played once, whatever the share; faults come on top of the canary's.
func TestARecordingIsDealtOut(t *testing.T) {
	t.Parallel()
	const seconds = 2000
	r := record(World{Rate: 100, Errors: 0.02}, seconds, 0.1)
	all, failed, latency := r.Sum()
	for _, share := range []float64{0.05, 0.5, 1} {
		p := r.Play(Fault{}, 77, 1)
		var x judge.Tick
		var requests, errors, canary, canaryErrors, durations uint64
		for second := range int64(seconds) {
			p.Next(second, share, &x)
			requests += x.Canary.Requests + x.Stable.Requests
			errors += x.Canary.Errors + x.Stable.Errors
			canary, canaryErrors = canary+x.Canary.Requests, canaryErrors+x.Canary.Errors
			for i := range x.Canary.Latency {
				durations += uint64(x.Canary.Latency[i]) + uint64(x.Stable.Latency[i])
			}
			if f, s := p.Harm(); f+s != 0 {
				t.Fatalf("nothing is wrong and it harms %g and %g", f, s)
			}
		}
		if want := judge.SketchOf(latency).Count(); requests != all || errors != failed || durations != want {
			t.Errorf("at %g: %d requests, %d errors, %d durations; recorded were %d, %d, %d", share, requests, errors, durations,
				all, failed, want)
		}
		near(t, "the canary's requests", float64(canary), share*float64(all), 0.02)
		near(t, "its errors", float64(canaryErrors), share*float64(failed), 0.15)
	}
}

func near(t *testing.T, what string, got, want, by float64) {
	t.Helper()
	if math.Abs(got-want) > by*want {
		t.Errorf("%s are %g, want %g", what, got, want)
	}
}

func TestFaultsAreAddedToARecording(t *testing.T) {
	t.Parallel()
	const seconds = 2000
	r := record(World{Rate: 100, Errors: 0.02}, seconds, 0.1)
	_, failed, _ := r.Sum()
	play := func(f Fault) (errors, harmed, slowed, p95 float64) {
		p := r.Play(f, 0, 1)
		var x judge.Tick
		counts := make([]uint32, judge.SketchBins().Count)
		for second := range int64(seconds) {
			p.Next(second, 0.25, &x)
			errors += float64(x.Canary.Errors)
			h, s := p.Harm()
			harmed, slowed = harmed+h, slowed+s
			for i, n := range x.Canary.Latency {
				counts[i] += n
			}
		}
		return errors, harmed, slowed, judge.SketchOf(counts).Quantile(0.95)
	}
	none, _, _, normal := play(Fault{})
	three, harmed, _, _ := play(Fault{Times: 3})
	near(t, "three times the errors", three, 3*none, 0.15)
	near(t, "the harm", harmed, 0.5*float64(failed), 0.01)
	late, _, _, _ := play(Fault{Points: 0.5, Onset: seconds / 2})
	near(t, "half of the requests of the second half", late-none, 0.5*0.25*100*seconds/2, 0.05)
	_, _, slowed, slow := play(Fault{Slower: 2})
	near(t, "the p95", slow, 2*normal, 0.03)
	near(t, "the slowed requests", slowed, 0.25*100*seconds, 0.05)
}

func TestHistoryOfARecording(t *testing.T) {
	t.Parallel()
	r := record(World{Rate: 50, Errors: 0.02}, 400, 0.1)
	n, last := 0, int64(0)
	r.Play(Fault{}, 0, 1).History(func(x *judge.Tick) {
		n++
		if last = x.Second; x.Canary.Requests != 0 || !math.IsNaN(x.Share) {
			t.Errorf("history has a canary at %d", x.Second)
		}
	})
	if n != 100 || last != -1 {
		t.Errorf("%d seconds of history, the last is %d", n, last)
	}
}
