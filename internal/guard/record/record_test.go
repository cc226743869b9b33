package record

import (
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/slipwayhq/slipway/internal/guard"
	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/metric"
)

const zero = 1_800_000_000

// bucket is a second of a version with everything that one may have.
func bucket(rng *rand.Rand, deployment string, second int64, rate int) metric.Bucket {
	b := metric.Bucket{Deployment: deployment, Second: second, Requests: uint64(rate), Errors: uint64(rng.IntN(3)),
		Units: uint64(rng.IntN(3)), New: uint64(rng.IntN(5)), Bytes: rng.Uint64N(1 << 30), Slow: uint64(rng.IntN(4))}
	for range rate {
		b.Latency.Add(time.Duration(float64(80*time.Millisecond) * (0.2 + rng.ExpFloat64())))
	}
	if rng.IntN(4) > 0 {
		b.Slices = &metric.Slices{}
		for range rate {
			b.Slices.Requests[rng.IntN(judge.Slices)]++
		}
		b.Slices.Units[rng.IntN(judge.Slices)] = uint32(rng.IntN(3))
		b.Slices.Slow[rng.IntN(judge.Slices)] = uint32(rng.IntN(3))
	}
	switch rng.IntN(20) {
	case 2:
		b.Minutes = uint64(rng.IntN(300))
	case 0:
		b.Width, b.Class = 10, metric.API
	case 1:
		b.Deployment, b.Excluded, b.Skew, b.Client, b.Connect, b.Timeouts = "other", 1, 2, 3, 4, 5
	}
	return b
}

// looks are some evidence, look by look, in which everything changes at times.
func looks(seed uint64, n int) (rules []guard.Rules, out []guard.Evidence) {
	rng := rand.New(rand.NewPCG(seed, 3))
	rule := guard.DefaultRules()
	rule.Weights = guard.Weights{Errors: 7 * rng.Float64(), Latency: rng.Float64(), Metrics: 1}
	ev := guard.Evidence{Since: at(0), ShareSince: at(0), Share: 5, Version: "v2", StableVersion: "v1"}
	ev.Baseline = bucket(rng, "dep_1", zero-100, 2000)
	ev.Background = judge.Background{Seconds: 7200, Mode: judge.Calm, Slow: [4]float64{80, 1.0 / 3, 200, 300}}
	ev.Shares = []guard.ShareChange{{At: at(0), Share: 5}}
	second := int64(zero)
	for i := range n {
		now := at(float64(i) + rng.Float64())
		ev.Now, ev.Complete = now, now.Unix()-int64(rng.IntN(2))
		ev.Canary, ev.Stable, ev.Values = []metric.Bucket{}, []metric.Bucket{}, nil
		for ; second < ev.Complete; second++ {
			ev.Canary = append(ev.Canary, bucket(rng, "dep_2", second, rng.IntN(8)))
			ev.Stable = append(ev.Stable, bucket(rng, "dep_1", second, rng.IntN(120)))
		}
		switch rng.IntN(12) {
		case 0:
			ev.Share, ev.ShareSince = float64(1+rng.IntN(99)), now
			ev.Shares = append(ev.Shares[:len(ev.Shares):len(ev.Shares)], guard.ShareChange{At: now, Share: ev.Share})
			ev.Ladder = []float64{50, 100}
		case 1:
			ev.Ladder = nil
		case 2:
			rule.MinRequests++
		case 3:
			v := judge.Value{Metric: "basket", Second: second - 10, Width: 10, Share: 0.1, Canary: judge.Sums{N: 7, Sum: 0.1}}
			v.Stable.Hist.Add(time.Second)
			ev.Values = []judge.Value{v, v}
		case 4:
			ev.Moves = append(ev.Moves[:len(ev.Moves):len(ev.Moves)], guard.Move{From: now})
		}
		for _, list := range []*[]guard.Probe{&ev.CanaryHealth, &ev.StableHealth} {
			p := append([]guard.Probe{}, (*list)...)
			if rng.IntN(3) == 0 {
				p = append(p, guard.Probe{At: now, Deployment: "dep_2", OK: rng.IntN(2) == 0, Took: time.Duration(rng.IntN(1e9)),
					Detail: []string{"", "HTTP 503"}[rng.IntN(2)]})
			}
			if len(p) > 4 {
				p = p[rng.IntN(4):]
			}
			*list = p
		}
		rules, out = append(rules, rule), append(out, ev)
	}
	return rules, out
}

func at(s float64) time.Time { return time.Unix(zero, int64(s*1e9)).UTC() }

func same() cmp.Options {
	return cmp.Options{cmp.AllowUnexported(judge.Sketch{}), cmpopts.EquateEmpty()}
}

// Whatever was packed comes back, to the last bit, also for a reader that begins again somewhere.
func TestWhatWasPackedComesBack(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		rules, evs := looks(seed, 60)
		var w, r Tape
		for i := range evs {
			if i == 30 { // as after a row that was lost
				w = Tape{}
			}
			row, err := w.Pack(rules[i], evs[i])
			if err != nil {
				t.Fatal(err)
			}
			if Begins(row) != (i == 0 || i == 30) {
				t.Fatalf("seed %d, look %d begins anew: %v", seed, i, Begins(row))
			}
			gotRules, got, err := r.Unpack(row)
			if err != nil {
				t.Fatalf("seed %d, look %d: %v", seed, i, err)
			}
			if diff := cmp.Diff(rules[i], gotRules, same()); diff != "" {
				t.Fatalf("seed %d, rules of look %d: %s", seed, i, diff)
			}
			if diff := cmp.Diff(evs[i], got, same()); diff != "" {
				t.Fatalf("seed %d, look %d: %s", seed, i, diff)
			}
		}
	}
}

// Any one changed byte of a row is found, and leaves the reader where it stood.
func TestAChangedByteIsFound(t *testing.T) {
	t.Parallel()
	rules, evs := looks(1, 3)
	var w, r Tape
	for i := range evs {
		row, err := w.Pack(rules[i], evs[i])
		if err != nil {
			t.Fatal(err)
		}
		for j := range row {
			damaged := append([]byte(nil), row...)
			damaged[j] ^= 1 << (j % 8)
			if _, _, err := r.Unpack(damaged); err == nil {
				t.Fatalf("look %d: byte %d of %d is not missed", i, j, len(row))
			}
		}
		if _, _, err := r.Unpack(row); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := new(Tape).Unpack(mustPack(t, &w, rules[2], evs[2])); err == nil {
		t.Error("a row in the middle is read without those before it")
	}
}

func mustPack(t testing.TB, w *Tape, rules guard.Rules, ev guard.Evidence) []byte {
	t.Helper()
	row, err := w.Pack(rules, ev)
	if err != nil {
		t.Fatal(err)
	}
	return row
}

func FuzzUnpack(f *testing.F) {
	rules, evs := looks(2, 4)
	var w Tape
	for i := range evs {
		row := mustPack(f, &w, rules[i], evs[i])
		body, err := open(row)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(row, body)
	}
	f.Fuzz(func(t *testing.T, row, body []byte) {
		_, _, _ = new(Tape).Unpack(row)
		signed, err := finish(body, false) // with a checksum that agrees
		if err != nil {
			t.Fatal(err)
		}
		r := w.Clone()
		_, _, _ = r.Unpack(signed)
		_, _, _ = r.Unpack(signed)
	})
}

// A forged row that is deflated to a few kilobytes must not become gigabytes: nobody could look at any release then.
func TestAForgedRowStaysSmall(t *testing.T) { //nolint:paralleltest // it measures what the process allocates
	for _, claimed := range []uint64{1 << 18, 1 << 24} {
		var p packer
		p.int(0)
		p.int(0)
		p.bytes([]byte("{}"))
		p.uint(claimed)
		row, err := finish(append(p.b, make([]byte, 1<<25)...), true)
		if err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, _, err := new(Tape).Unpack(row); err == nil {
			t.Error("it is read")
		}
		runtime.ReadMemStats(&after)
		if took := (after.TotalAlloc - before.TotalAlloc) >> 20; took > 400 {
			t.Errorf("a row of %d bytes takes %d MiB", len(row), took)
		}
	}
}
