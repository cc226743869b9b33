package judge

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSketchQuantilesAreWithinOnePercent(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	var s Sketch
	var all []float64
	for range 20000 {
		ms := math.Exp(rng.NormFloat64()*1.2 + 3)
		all = append(all, ms)
		s.Add(time.Duration(ms * float64(time.Millisecond)))
	}
	slices.Sort(all)
	for _, q := range []float64{0.01, 0.5, 0.9, 0.95, 0.99, 1} {
		want := all[max(int(math.Ceil(q*float64(len(all))))-1, 0)]
		if got := s.Quantile(q); math.Abs(got/want-1) > 0.0101 {
			t.Errorf("quantile %g is %g, want %g within 1 %%", q, got, want)
		}
		if low, high := s.QuantileBand(q, 1.96); low > want*1.011 || high < want*0.989 {
			t.Errorf("band of quantile %g is %g to %g, must hold %g", q, low, high, want)
		}
	}
}

func TestEmptySketchHasNoQuantile(t *testing.T) {
	t.Parallel()
	if got := (Sketch{}).Quantile(0.95); !math.IsNaN(got) {
		t.Errorf("the p95 of nothing is %g, want NaN", got)
	}
}

func TestMergedSketchEqualsOne(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 4))
	var whole, a, b Sketch
	for i := range 1000 {
		d := time.Duration(rng.IntN(1e9))
		whole.Add(d)
		if i%3 == 0 {
			a.Add(d)
		} else {
			b.Add(d)
		}
	}
	a.Merge(b)
	if diff := cmp.Diff(whole.counts, a.counts); diff != "" {
		t.Error(diff)
	}
}

func TestSketchOfCountsEqualsOneThatWasAdded(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(5, 6))
	var added Sketch
	bins := SketchBins()
	counts := make([]uint32, bins.Count)
	for range 1000 {
		ms := math.Exp(rng.NormFloat64()*1.2 + 3)
		added.Add(time.Duration(ms * float64(time.Millisecond)))
		counts[int(math.Log(ms/bins.Low)/math.Log(bins.Ratio))]++
	}
	made := SketchOf(counts)
	if diff := cmp.Diff(added.counts, made.counts); diff != "" {
		t.Error(diff)
	}
	if made.Count() != 1000 || made.from != added.from || math.Abs(made.Mean()/added.Mean()-1) > 0.02 {
		t.Errorf("it counts %d from bin %d with the mean %g, want 1000 from %d with about %g", made.Count(), made.from,
			made.Mean(), added.from, added.Mean())
	}
	if s := SketchOf(make([]uint32, 9)); s.Count() != 0 || !math.IsNaN(s.Quantile(0.5)) {
		t.Error("a sketch of nothing is not empty")
	}
}

func FuzzSketchJSON(f *testing.F) {
	f.Add([]byte(`{"sum":3,"bins":[1,2,7,9]}`))
	f.Add([]byte(`{"sum":-1,"bins":[1]}`))
	f.Add([]byte(`{"sum":1,"bins":[4000000000,1]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var s, again Sketch
		if json.Unmarshal(b, &s) != nil {
			return
		}
		out, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(out, &again); err != nil || again.Count() != s.Count() {
			t.Fatalf("%s does not survive a round trip: %v", out, err)
		}
	})
}

// What an exporter calls a duration must never make a sum that JSON cannot hold: no batch with it could be stored.
func TestSketchSumsStayFinite(t *testing.T) {
	t.Parallel()
	var s Sketch
	for _, ms := range []float64{1e300, math.Inf(1), math.MaxFloat64, math.Inf(-1), math.NaN(), -1} {
		s.AddCount(ms, math.MaxUint32/8)
	}
	if s.CountAbove(1e5) != 3*(math.MaxUint32/8) {
		t.Errorf("%d are long, want the three that are", s.CountAbove(1e5))
	}
	for range 10 {
		s.Merge(s.Clone())
	}
	if _, err := json.Marshal(s); err != nil || math.IsInf(s.Mean(), 0) {
		t.Errorf("the mean is %g: %v", s.Mean(), err)
	}
	if err := json.Unmarshal([]byte(`{"sum":1e308,"bins":[1,2]}`), &s); err == nil {
		t.Error("a sum that two durations cannot have is taken")
	}
}
