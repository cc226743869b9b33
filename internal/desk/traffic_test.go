package desk

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/metric"
)

// The model is that of the traffic it was made from: two days with a swing of four and a bad instance every hour.
func TestTheModelOfTrafficIsWhatWasMeasured(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	var list []metric.Bucket
	for at := now.Unix() - 48*3600; at < now.Unix(); at += 10 {
		for range 2 { // two route classes
			swing := math.Exp(math.Log(4) / 2 * math.Sin(float64(at)/43200*math.Pi))
			b := metric.Bucket{Second: at, Width: 10, Requests: uint64(250 * swing)}
			b.Errors, b.Units, b.Slices = b.Requests/50, b.Requests/50, &metric.Slices{}
			for i := range b.Slices.Units {
				b.Slices.Units[i] = uint32((at/10 + int64(i)) % 20 / 19)
			}
			if at%3600 >= 1800 && at%3600 < 1830 {
				b.Slices.Units[7] += 20
				b.Units += 20
			}
			b.Latency.AddCount(100, 9)
			b.Latency.AddCount(900, 1)
			list = append(list, b)
		}
	}
	m := modelOf(oneEach(list), now)
	near := func(what string, got, low, high float64) {
		if !(got >= low && got <= high) {
			t.Errorf("%s is %g, want %g to %g", what, got, low, high)
		}
	}
	if !m.Known {
		t.Fatal(m.Sentence)
	}
	near("the rate", m.Rate, 50, 62)
	near("the error rate", m.ErrorRate, 0.018, 0.02)
	near("p50", m.P50MS, 99, 101)
	near("p95", m.P95MS, 890, 910)
	near("the swing", m.Daily, 3, 4.1)
	near("the bursts an hour", m.Bursts, 0.8, 1.2)
	near("the hours", m.Hours, 48, 48)
}

func TestTooLittleTrafficIsNoModel(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	for _, list := range [][]metric.Bucket{nil, {{Second: now.Unix() - 50, Requests: 199}}} {
		if m := modelOf(list, now); m.Known || m.Sentence == "" {
			t.Errorf("%d buckets make the model %+v", len(list), m)
		}
	}
	m := modelOf([]metric.Bucket{{Second: now.Unix() - 100, Requests: 500, Errors: 5}}, now)
	if !m.Known || m.Rate != 5 || m.Daily != 1 || m.Bursts != 0 {
		t.Errorf("%+v", m)
	}
	m = modelOf([]metric.Bucket{{Second: now.Unix() - 10, Requests: 15_000, Errors: 15_000}}, now)
	if want := "1500 requests/s with 100 % errors"; !strings.HasPrefix(m.Sentence, want) {
		t.Errorf("%q does not begin with %q", m.Sentence, want)
	}
}
