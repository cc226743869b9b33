package judge_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/slipwayhq/slipway/internal/judge"
)

// A canary at 5 % of the traffic fails on every third request while the stable
// version has its usual errors.
func ExampleCompare() {
	var ticks []judge.OldTick
	for second := range int64(12) {
		t := judge.OldTick{Second: second, Share: 0.05}
		t.Canary.Requests, t.Stable.Requests = 5, 95
		if second%3 != 0 {
			t.Canary.Errors = 2
		}
		t.Stable.Errors = uint64(second % 2)
		ticks = append(ticks, t)
	}
	c := judge.Compare(ticks, judge.OldConfig{Alpha: 0.01, WorseErrors: 0.25})
	fmt.Printf("%d of %d against %d of %d\n", c.Canary.Errors, c.Canary.Requests, c.Stable.Errors, c.Stable.Requests)
	fmt.Println("worse:", c.MaxLogE >= math.Log(1/0.01))
	fmt.Printf("at least %.0f times as often\n", math.Floor(c.Ratio.Low))
	// Output:
	// 16 of 60 against 6 of 1140
	// worse: true
	// at least 13 times as often
}

func FuzzCompare(f *testing.F) {
	f.Add(0.05, uint64(5), uint64(1), uint64(95), uint64(0), int64(3), 0.01, 0.25)
	const most = uint64(math.MaxUint64)
	f.Add(math.NaN(), most, most, uint64(0), uint64(9), int64(math.MinInt64), -1.0, math.Inf(1))
	f.Add(0.999999, uint64(1)<<40, uint64(1)<<40, uint64(1)<<40, uint64(0), int64(math.MaxInt64), 1e-300, 1e-9)
	f.Fuzz(func(t *testing.T, share float64, n, e, ns, es uint64, step int64, alpha, worse float64) {
		ticks := make([]judge.OldTick, 20)
		for i := range ticks {
			x := &ticks[i]
			x.Second, x.Share = int64(i)*step, share
			x.Canary.Requests, x.Canary.Errors = n>>(i%7), e>>(i%5)
			x.Stable.Requests, x.Stable.Errors = ns>>(i%3), es>>(i%4)
			x.Canary.Latency.Add(0)
			x.Stable.Latency.Add(1 << 40)
		}
		c := judge.Compare(ticks, judge.OldConfig{Alpha: alpha, WorseErrors: worse, WorseLatency: worse})
		for _, v := range []float64{
			c.LogE, c.MaxLogE, c.Sureness(), c.Errors.LogE, c.Latency.LogE, c.Ratio.Low, c.Ratio.High,
			c.Ratio.Value, c.ExcessFailed, c.ExpectedShare, c.Canary.P95, c.Canary.P95High,
		} {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				t.Fatalf("not finite: %+v", c)
			}
		}
	})
}
