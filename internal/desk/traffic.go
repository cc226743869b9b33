package desk

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/metric"
)

// What a model of the traffic is taken from, and what it needs.
const (
	remembered    = 48 * time.Hour // as long as sums are kept
	leastModeled  = 200            // requests
	leastOfAnHour = 1800           // seconds with requests, before an hour is compared with others
	leastHours    = 12             // such hours, before the day's swing is known
)

// Traffic is a model of what the stable version has served, for `slipway simulate`.
func (d *Desk) Traffic(ctx context.Context, who access.Actor) (api.Traffic, error) {
	if err := d.see(ctx, who, production); err != nil {
		return api.Traffic{}, err
	}
	states, err := d.DB.EnvironmentStates(ctx, d.Strategy.App)
	if err != nil {
		return api.Traffic{}, err
	}
	deployment := ""
	for _, s := range states {
		if s.Name == production {
			deployment = s.Deployment
		}
	}
	now, err := d.DB.Now(ctx)
	if err != nil || deployment == "" {
		return api.Traffic{Sentence: "Nothing runs in production yet, so its traffic is not known."}, err
	}
	list, err := d.series(ctx, deployment, now.Add(-remembered), now)
	if err != nil {
		return api.Traffic{}, err
	}
	return modelOf(oneEach(list), now), nil
}

// oneEach puts the route classes of a span together.
func oneEach(list []metric.Bucket) []metric.Bucket {
	out := list[:0]
	for _, b := range list {
		if n := len(out); n > 0 && out[n-1].Second == b.Second {
			out[n-1].Add(b)
			continue
		}
		out = append(out, b)
	}
	return out
}

// modelOf sums up what was measured of a version.
func modelOf(list []metric.Bucket, now time.Time) api.Traffic {
	var all metric.Bucket
	bins := judge.ProductBins()
	h := judge.NewHistory(bins)
	hours, covered := map[int64]float64{}, map[int64]int64{} // requests of each hour, seconds of it that are known
	sliced := int64(0)
	for _, b := range list {
		all.Add(b)
		hours[b.Second/3600] += float64(b.Requests)
		width := b.Covers()
		covered[b.Second/3600] += width
		if b.Slices != nil && width <= 10 {
			sliced += width
			h.Add(&judge.Tick{
				Second: b.Second, Width: width, Stable: judge.Arm{Requests: b.Requests, Errors: b.Errors, Units: b.Units},
				SliceUnits: &b.Slices.Units,
			})
		}
	}
	if all.Requests < leastModeled {
		return api.Traffic{Requests: all.Requests, Sentence: fmt.Sprintf(
			"Only %d requests of the stable version were measured in the last two days: too few for a model.", all.Requests)}
	}
	first := list[0].Second
	spent := max(float64(now.Unix()-first), 1)
	out := api.Traffic{
		Known: true, Rate: float64(all.Requests) / spent, ErrorRate: float64(all.Errors) / float64(all.Requests),
		Daily: 1, Hours: spent / 3600, Requests: all.Requests, P50MS: 80, P95MS: 220,
	}
	if all.Latency.Count() > 0 {
		out.P50MS, out.P95MS = all.Latency.Quantile(0.5), all.Latency.Quantile(0.95)
	}
	low, high, n := math.Inf(1), 0.0, 0
	for hour, requests := range hours {
		if covered[hour] >= leastOfAnHour && requests > 0 {
			rate := requests / float64(covered[hour])
			low, high, n = min(low, rate), max(high, rate), n+1
		}
	}
	if n >= leastHours {
		out.Daily = high / low
	}
	if sliced >= 3600 {
		out.Bursts = float64(h.Background().Bursts) / (float64(sliced) / 3600)
	}
	out.Sentence = fmt.Sprintf(
		"%s requests/s with %s %% errors, half within %.0f ms and 95 %% within %.0f ms, over %s h.", readable(out.Rate),
		readable(100*out.ErrorRate), out.P50MS, out.P95MS, readable(out.Hours))
	return out
}

// readable writes a number with three digits, or as a whole one: never with an exponent.
func readable(x float64) string {
	if x >= 100 {
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	return strconv.FormatFloat(x, 'g', 3, 64)
}
