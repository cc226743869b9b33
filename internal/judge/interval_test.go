package judge

import (
	"math/rand/v2"
	"testing"

	"github.com/slipwayhq/slipway/internal/judge/num"
)

// The limits are those that halving finds, to the last bit, and do not depend on when they were asked for before.
func TestTheIntervalIsWhatHalvingFinds(t *testing.T) {
	t.Parallel()
	halve := func(ok func(float64) bool) float64 {
		low, high := lowest, highest
		if !ok(high) {
			return high
		}
		for range 24 {
			if mid := (low + high) / 2; ok(mid) {
				high = mid
			} else {
				low = mid
			}
		}
		return high
	}
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 3))
		e := newErrorEvidence(Settings{}.sane())
		var tot [2]armTotals
		ratio := []float64{0, 0.3, 1, 1.5, 4, 40}[seed%6]
		up, down := above(), below()
		for n := range 400 {
			v := []float64{0.05, 0.1, 0.25, 0.5}[n/100]
			k := float64(r.IntN(3) * (1 + int(seed%4)*20))
			c := 0.0
			for range int(k) {
				if r.Float64() < share(v, ratio) {
					c++
				}
			}
			tot[0].requests, tot[1].requests = tot[0].requests+5, tot[1].requests+95
			tot[0].units, tot[1].units = tot[0].units+uint64(c), tot[1].units+uint64(k-c)
			if k > 0 {
				e.note(v, c, k)
			}
			if n%(1+int(seed%7)) != 0 {
				continue
			}
			got := e.interval(tot)
			if !got.Known {
				continue
			}
			low := halve(func(x float64) bool { return !(e.won(num.Exp(x), &up) >= 0) })
			high := halve(func(x float64) bool { return e.won(num.Exp(x), &down) >= 0 })
			if point(e.known.low) != low || point(e.known.high) != high {
				t.Fatalf("seed %d, after %d: %.9g to %.9g, halving finds %.9g to %.9g", seed, n, point(e.known.low),
					point(e.known.high), low, high)
			}
		}
	}
}

func BenchmarkInterval(b *testing.B) {
	e := newErrorEvidence(Settings{}.sane())
	tot := [2]armTotals{{500, 9, 9}, {9500, 95, 95}}
	for i := range b.N {
		e.note([]float64{0.05, 0.1}[i%2], float64(i/20%2), 1)
		e.interval(tot)
	}
}
