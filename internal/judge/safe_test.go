package judge_test

import (
	"testing"

	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/sim/traffic"
)

// What is said to be ruled out is ruled out: a version that is three times as bad passes for less than twice as bad in
// few runs, also where nothing was known of the stable version before the first visitor, and whatever a tick covers.
//
// req: CD-16
func TestNothingIsRuledOutForWantOfHistory(t *testing.T) {
	t.Parallel()
	const runs = 150
	for _, rate := range []float64{20, 1000} {
		for _, width := range []int64{1, 15} {
			wrong := 0
			for seed := range uint64(runs) {
				tr := traffic.New(traffic.World{Rate: rate, Errors: 0.01}, traffic.Fault{Times: 3}, judge.ProductBins(), seed)
				j := judge.New(judge.Settings{WorseLatency: -1})
				var tick judge.Tick
				for at := int64(0); at < 300; at += width {
					sum := judge.Tick{Second: at, Width: width, Share: 0.05}
					for s := at; s < at+width; s++ {
						tr.Next(s, 0.05, &tick)
						for i, a := range []*judge.Arm{&sum.Canary, &sum.Stable} {
							from := []judge.Arm{tick.Canary, tick.Stable}[i]
							a.Requests, a.Errors, a.Units = a.Requests+from.Requests, a.Errors+from.Errors, a.Units+from.Units
						}
					}
					j.Tick(&sum)
					if c := j.Climb(1); c.Have >= c.Need {
						wrong++
						break
					}
				}
			}
			if wrong > 6 { // an e-value of 60 in at most 1 of 60 runs; 6 of 150 by chance once in 30
				t.Errorf("%g requests/s, ticks of %d s: a doubling is ruled out in %d of %d runs", rate, width, wrong, runs)
			}
		}
	}
}

// Where many share what is counted as one visitor, few failed ones rule nothing out: of a canary that fails one request
// in twenty, for one address a minute, and of a stable version that fails alike, nothing is known.
func TestFewVisitorsRuleNothingOutWhereManyShareThem(t *testing.T) {
	t.Parallel()
	for _, shared := range []bool{false, true} {
		j := judge.New(judge.Settings{WorseLatency: -1, Shared: shared})
		for at := range int64(600) {
			x := judge.Tick{Second: at, Share: 0.1, Visitors: true}
			x.Canary, x.Stable = judge.Arm{Requests: 20, Errors: 1}, judge.Arm{Requests: 180, Errors: 9}
			if at%120 == 0 {
				x.Canary.Units = 1
			} else if at%60 == 0 {
				x.Stable.Units = 1
			}
			j.Tick(&x)
		}
		if c := j.Climb(1); (c.Have >= c.Need) == shared {
			t.Errorf("shared %v: %+v", shared, c)
		}
	}
}
