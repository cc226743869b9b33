package desk

import (
	"context"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/watch"
)

// mostDifferences is how many differences one answer names.
const mostDifferences = 10

// Replay makes verdicts on a release again from what was stored with them: up to limit of those after one.
func (d *Desk) Replay(ctx context.Context, who access.Actor, id string, after int64, limit int) (api.Replay, error) {
	out := api.Replay{Verdicts: []api.ReplayedVerdict{}, Differs: []api.ReplayDifference{}}
	r, err := d.recorded(ctx, who, id)
	if err != nil {
		return out, err
	}
	out.Release, out.Version = r.ID, r.Version
	last, err := d.DB.LatestVerdict(ctx, r.ID)
	if err != nil || last == nil {
		return out, err
	}
	out.Looks = last.Look
	if err := d.place(); err != nil {
		return out, err
	}
	defer func() { <-d.replays }()
	again := watch.NewReplay(d.DB, r.ID)
	if err := again.Skip(ctx, after); err != nil {
		return out, err
	}
	n, err := again.Next(ctx, int64(limit), func(a watch.Again) error {
		v := a.Verdict
		out.Verdicts = append(out.Verdicts, api.ReplayedVerdict{
			Look: a.Look, At: v.At.UTC(), Word: string(v.Word), Action: string(v.Action), State: string(v.State),
			Sentence: v.Sentence, Agrees: a.Differs == nil,
		})
		switch {
		case a.Differs == nil:
			out.Agree++
		case len(out.Differs) < mostDifferences:
			out.Differs = append(out.Differs, api.ReplayDifference(*a.Differs))
		}
		return nil
	})
	if n == int64(limit) {
		out.Next = again.Look()
	}
	return out, err
}

// recorded is a release that the actor may see.
func (d *Desk) recorded(ctx context.Context, who access.Actor, id string) (release.Release, error) {
	r, err := d.find(ctx, id)
	if err != nil {
		return r, err
	}
	return r, d.see(ctx, who, r.Step().Environment)
}

// Recording is what the judge compared of a release: what up to limit looks after one brought.
func (d *Desk) Recording(ctx context.Context, who access.Actor, id string, after int64,
	limit int) (api.Recording, error) {
	b := judge.ProductBins()
	digits := func(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }
	out := api.Recording{
		Ticks: []api.JudgeTick{}, Bins: digits(b.Low) + "," + digits(b.Ratio) + "," + strconv.Itoa(b.Count),
	}
	r, err := d.recorded(ctx, who, id)
	if err != nil {
		return out, err
	}
	out.Release, out.Version = r.ID, r.Version
	if w := r.Step().Rules.Weights; w.Errors > 0 && w.Latency > 0 { // a stream has nothing else to weigh
		out.Weights = "errors=" + digits(w.Errors) + ",latency=" + digits(w.Latency)
	}
	if err := d.place(); err != nil {
		return out, err
	}
	defer func() { <-d.replays }()
	again := watch.NewReplay(d.DB, r.ID)
	if err := again.Skip(ctx, after); err != nil {
		return out, err
	}
	n, err := again.Ticks(ctx, int64(limit), func(t *judge.Tick) error {
		if !math.IsNaN(t.Share) { // a second of which nobody knows the share is a gap
			out.Ticks = append(out.Ticks, tick(t, again.Start()))
		}
		return nil
	})
	if start := again.Start(); start > 0 {
		out.From = time.Unix(start, 0).UTC()
	}
	if n == int64(limit) {
		out.Next = again.Look()
	}
	return out, err
}

func tick(t *judge.Tick, start int64) api.JudgeTick {
	out := api.JudgeTick{T: t.Second - start, Weight: t.Share, Stable: arm(t.Stable), Canary: arm(t.Canary)}
	if t.SliceUnits != nil && t.SliceSlow != nil {
		out.SliceUnits, out.SliceSlow = slices.Clone(t.SliceUnits[:]), slices.Clone(t.SliceSlow[:])
	}
	return out
}

// place takes one of the places for a replay, which is given back by receiving from replays.
func (d *Desk) place() error {
	select {
	case d.replays <- struct{}{}:
		return nil
	default:
		return fault.New(fault.Limited, "too_many_replays", "%d replays are under way. Try again in a minute.", mostReplays)
	}
}

func arm(a judge.Arm) api.JudgeArm {
	out := api.JudgeArm{Requests: a.Requests, Errors: a.Errors, ErrorUnits: a.Units, New: a.New}
	for _, n := range a.Latency {
		out.LatencyCount += uint64(n)
	}
	if out.LatencyCount > 0 {
		out.Latency = slices.Clone(a.Latency)
	}
	return out
}
