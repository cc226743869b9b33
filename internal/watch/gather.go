package watch

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/slipwayhq/slipway/internal/effect"
	"github.com/slipwayhq/slipway/internal/guard"
	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/release"
)

// evidence reads what was measured of both versions since the last look, over the same seconds.
func (w *Watcher) evidence(ctx context.Context, at *standing, r release.Release, rules guard.Rules,
	effects map[string]effect.Effect, now time.Time) (guard.Evidence, error) {
	ev := r.Watched(now, effects)
	// The second in which this look falls is for the next one: a routing may be asked for before it is over.
	by := w.Timeline.Standing(now, r.Exposed, rules.Source, rules.Fallback, rules.Blind)
	tl, final := by.Timeline, by.Final
	ev.From, ev.Silent = by.From, by.Silent
	before := r.Exposed.Add(-History).Unix()
	ev.Width = max(tl.Grid(before, final, r.Deployment, r.Previous), at.known.Width)
	ev.Complete = max(final/ev.Width*ev.Width, at.known.Complete)
	ev.OneClock = ev.Width > 1 && counted(cmp.Or(by.From, rules.Source))
	if r.Flag == nil {
		stable, err := w.DB.Deployment(ctx, r.Previous)
		if err != nil {
			return ev, err
		}
		ev.StableVersion = stable.Version
	}
	ev.StableVersion = r.Stable(ev.StableVersion)
	from := at.pass.Next(ev.Since)
	ev.Canary = tl.Spans(r.Deployment, from, ev.Complete, ev.Width, metric.Compared()...)
	if r.Promoted.IsZero() {
		ev.Stable = tl.Spans(r.Previous, from, ev.Complete, ev.Width, metric.Compared()...)
		ev.Values = w.values(at, r, rules, ev, now)
	}
	ev.Aside = aside(tl, r, ev.Complete)
	if at.known.Now.IsZero() {
		usual, err := w.usual(ctx, tl, r, before)
		if err != nil {
			return ev, err
		}
		ev.Baseline = tl.Sum(usual, before, r.Exposed.Unix(), metric.Compared()...)
		spans := tl.Spans(usual, before, r.Exposed.Unix(), ev.Width, metric.Compared()...)
		ev.Background = background(rules.Source, spans)
		if rules.Source != "" && !ev.Background.Sliced {
			ev.Background.InBlocks(ev.Width)
		}
		ev.Before = guard.LastHealthy(rules, ev.Baseline, spans)
		ev.Baseline.Hurt, ev.Before.Healthy.Hurt = nil, nil // what is stored with each verdict is what it rests on
	} else {
		ev.Baseline, ev.Background, ev.Before = at.known.Baseline, at.known.Background, at.known.Before
	}
	back := now.Add(-max(time.Minute, 20*rules.Health.Every))
	since := back
	if ev.Since.After(since) {
		since = ev.Since
	}
	var err error
	if ev.CanaryHealth, err = w.DB.ProbesOf(ctx, r.Deployment, since); err != nil {
		return ev, err
	}
	if r.Promoted.IsZero() {
		ev.StableHealth, err = w.DB.ProbesOf(ctx, r.Previous, back)
	}
	return ev, err
}

// counted says whether a kind of sources tells when each request came, so that no bucket holds anything of another: a
// platform's log of requests, and its own counts. Exporters tell how far their counters were when somebody looked.
func counted(k metric.Kind) bool { return k == metric.Drain || k == metric.Observability }

// aside counts the requests of the last minute that are not compared, where there was none that is.
func aside(tl *metric.Timeline, r release.Release, complete int64) uint64 {
	const lately = 60
	count := func(classes ...metric.Class) uint64 {
		return tl.Sum(r.Deployment, complete-lately, complete, classes...).Requests +
			tl.Sum(r.Previous, complete-lately, complete, classes...).Requests
	}
	if count(metric.Compared()...) > 0 {
		return 0
	}
	return count(metric.Other)
}

// usual is what shows the normal period before the first visitor of a release: the stable version. Nobody counts the
// arms of a flag before its ramp: everybody had the other variant, and was counted for what production ran.
func (w *Watcher) usual(ctx context.Context, tl *metric.Timeline, r release.Release, from int64) (string, error) {
	if r.Flag == nil {
		return r.Previous, nil
	}
	seen := func(id string) uint64 { return tl.Sum(id, from, r.Exposed.Unix(), metric.Compared()...).Requests }
	states, err := w.DB.EnvironmentStates(ctx, r.App)
	if err != nil {
		return "", err
	}
	for _, s := range states {
		if s.Name == "production" && r.Flag.Environment == s.Name && seen(s.Deployment) > seen(r.Previous) {
			return s.Deployment, nil
		}
	}
	return r.Previous, nil
}

// valueSpan is how many seconds of custom metrics are judged together.
const valueSpan = 10

// values are the new spans of custom metrics of both versions: what is final by the watermark of who measures them,
// because the judge takes each span once and what came after it would be lost. A span in which the share changed is
// left out.
func (w *Watcher) values(at *standing, r release.Release, rules guard.Rules, ev guard.Evidence,
	now time.Time) []judge.Value {
	var out []judge.Value
	begin := max(r.Exposed.Unix(), now.Add(-History).Unix())
	for _, m := range rules.Metrics {
		tl := w.Timeline.Of(m.From)
		final := min(tl.Watermark(now), now.Unix())
		first := (max(begin, at.values[m.Name]) + valueSpan - 1) / valueSpan * valueSpan
		for s := first; s+valueSpan <= final; s += valueSpan {
			share, steady := r.ShareOver(s, s+valueSpan)
			if !steady || share >= 100 || moving(ev.Moves, s, s+valueSpan) {
				continue
			}
			v := judge.Value{
				Metric: m.Name, Second: s, Width: valueSpan, Share: share / 100,
				Canary: tl.Value(r.Deployment, m.Name, s, s+valueSpan), Stable: tl.Value(r.Previous, m.Name, s, s+valueSpan),
			}
			if v.Canary.N+v.Stable.N > 0 {
				out = append(out, v)
			}
		}
		at.values[m.Name] = max(at.values[m.Name], first, final/valueSpan*valueSpan)
	}
	return out
}

func moving(list []guard.Move, from, to int64) bool {
	return slices.ContainsFunc(list, func(m guard.Move) bool {
		return m.From.Unix() < to && (m.To.IsZero() || m.To.Unix() >= from)
	})
}

// What a drain's records must have shown of the stable version before its visitors are compared: so many failed
// requests, an address that counts in so many of them at least, and in so many of those that a browser and its address
// tell apart. Where there are fewer, records hide addresses, or nearly all come from a few: then those say little.
const (
	namedErrors   = 20
	namedRequests = 8
	namedVisitors = 4
)

// background is what the stable version's placebo slices showed in the spans before the first visitor of a release. A
// drain whose records do not tell visitors apart showed none.
func background(source metric.Kind, spans []metric.Bucket) judge.Background {
	bins := judge.ProductBins()
	h := judge.NewHistory(bins)
	counts := make([]uint32, bins.Count)
	drained, named := source == metric.Drain, spans
	for i, b := range spans { // a time without slices says nothing of how rare bursts are
		if drained && b.Slices == nil {
			named = spans[i+1:]
		}
	}
	if len(named) > 0 {
		spans = named
	}
	var errors, visitors uint64
	for _, b := range spans {
		clear(counts)
		t := judge.Tick{Second: b.Second, Width: b.Width, Stable: judge.Arm{
			Requests: b.Requests, Errors: b.Errors, Units: b.Units, Latency: bins.Fold(b.Latency, counts),
		}}
		switch {
		case b.Slices == nil:
		case drained:
			t.SliceUnits, t.Stable.Units = &b.Slices.Units, b.Slices.Visitors()
		default:
			t.SliceUnits, t.SliceSlow = &b.Slices.Units, &b.Slices.Slow
		}
		h.Add(&t)
		errors, visitors = errors+b.Errors, visitors+b.Units
	}
	b := h.Background()
	if drained && (len(named) == 0 || errors < namedErrors || namedRequests*b.Units < errors ||
		namedVisitors*b.Units < visitors) {
		b.Sliced = false
	}
	return b
}
