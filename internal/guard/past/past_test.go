package past

import (
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/internal/metric"
)

func held() Limits {
	return Limits{Critical: 0.05, CriticalFor: time.Minute, Slow: 500, Window: 30 * time.Second}
}

// seconds are a hundred requests each, of which as many as bad says fail.
func seconds(n int64, bad func(i int64) uint64) []metric.Bucket {
	var out []metric.Bucket
	for i := range n {
		b := metric.Bucket{Second: 1000 + i, Requests: 100, Errors: bad(i)}
		for range 100 {
			b.Latency.Add(50 * time.Millisecond)
		}
		out = append(out, b)
	}
	return out
}

func TestHealthyTimeEndsBeforeTheTrouble(t *testing.T) {
	t.Parallel()
	k := Look(held(), seconds(300, func(i int64) uint64 {
		if i >= 200 {
			return 40
		}
		return 1
	}))
	if k.Ill != 1200 || k.Until < 1160 || k.Until > 1200 || k.Healthy.Errors*100 != k.Healthy.Requests {
		t.Errorf("ill since %d, well until %d with %d of %d", k.Ill, k.Until, k.Healthy.Errors, k.Healthy.Requests)
	}
	k = Look(held(), seconds(300, func(int64) uint64 { return 1 }))
	if k.Ill != 0 || k.Until != 1300 || k.Healthy.Requests != 30_000 {
		t.Errorf("well until %d with %d requests, ill since %d", k.Until, k.Healthy.Requests, k.Ill)
	}
	if k = Look(held(), nil); k.Ill != 0 || k.Until != 0 || k.Healthy.Requests != 0 {
		t.Errorf("something is known of nothing: %+v", k)
	}
}

func TestBrokenIsWhatLastsAndEndsWhenItIsOverForAWhile(t *testing.T) {
	t.Parallel()
	w := New(held(), Known{})
	var broke, mended int64
	for _, b := range seconds(500, func(i int64) uint64 {
		if i >= 100 && i < 110 || i >= 200 && i < 300 {
			return 40
		}
		return 1
	}) {
		was := w.Broken()
		w.Feed(held(), []metric.Bucket{b})
		switch {
		case !was && w.Broken():
			broke = b.Second
		case was && !w.Broken():
			mended = b.Second
		}
	}
	if broke < 1260 || broke > 1265 || mended < 1300+3*30 || mended > 1300+4*30+2 {
		t.Errorf("broken at %d, compared again at %d", broke, mended)
	}
}

// told is what is known, as it would be stored.
func told(t *testing.T, w *Watch) string {
	t.Helper()
	b, err := json.Marshal(w.Known)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// However the seconds are cut into looks, the same is known; also where a look has none, and where some come again.
func TestAWatchKnowsTheSameHoweverItIsFed(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 1))
		all := seconds(600, func(i int64) uint64 { return uint64(rng.IntN(1 + int(i/(20+int64(seed))%3)*8)) })
		one, many := New(held(), Known{}), New(held(), Known{})
		one.Feed(held(), all)
		for at := 0; at < len(all); {
			to := min(at+rng.IntN(40), len(all))
			many.Feed(held(), all[max(at-rng.IntN(3), 0):to])
			at = to
		}
		if diff := cmp.Diff(told(t, one), told(t, many)); diff != "" || one.Broken() != many.Broken() {
			t.Errorf("seed %d, broken %t and %t: %s", seed, one.Broken(), many.Broken(), diff)
		}
		for second := int64(1550); second < 1600; second++ {
			if one.IllAt(second) != many.IllAt(second) {
				t.Errorf("seed %d: ill in second %d: %t and %t", seed, second, one.IllAt(second), many.IllAt(second))
			}
		}
	}
}
