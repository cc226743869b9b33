package desk

import (
	"context"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/verdict"
)

// outlook says what a release's canary can and cannot know at the present traffic; nil once it has had visitors, and
// when nothing will be compared.
func (d *Desk) outlook(ctx context.Context, r release.Release) (*api.Outlook, error) {
	if !r.Exposed.IsZero() || r.Phase.Final() || r.Phase == release.Undoing {
		return nil, nil
	}
	rate, errors, err := d.traffic(ctx, r.Previous)
	if err != nil {
		return nil, err
	}
	return verdict.Outlook(r.Plan, rate, errors), nil
}

// traffic is how many requests a second a deployment had lately, and how many failed visitors for each: from the
// seconds in memory and, where those are few, from what was rolled up.
func (d *Desk) traffic(ctx context.Context, deployment string) (rate, errors float64, err error) {
	now, err := d.DB.Now(ctx)
	if err != nil {
		return 0, 0, err
	}
	from := now.Add(-verdict.Recent)
	list, err := d.series(ctx, deployment, from, now)
	if err != nil || len(list) == 0 {
		return 0, 0, err
	}
	var sum metric.Bucket
	for _, b := range list {
		sum.Add(b)
	}
	// Since the first second with requests: a proxy that was started just now has no quiet quarter of an hour behind it.
	spent := now.Sub(time.Unix(list[0].Second, 0)).Seconds()
	if sum.Requests == 0 || spent < 1 {
		return 0, 0, nil
	}
	return float64(sum.Requests) / spent, min(float64(sum.Units)/float64(sum.Requests), 1), nil
}
