package simulate

import (
	"io"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/judge/stream"
	"github.com/slipwayhq/slipway/internal/sim/traffic"
	"github.com/slipwayhq/slipway/internal/sim/world"
)

// leastRecorded is how many seconds a recording must have.
const leastRecorded = 60

// ReadRecording reads what `slipway judge replay --export` writes, or any input of `slipway judge stream`, and says
// what traffic it is.
func ReadRecording(in io.Reader, bins judge.Bins) (*traffic.Recording, Model, error) {
	r := traffic.NewRecording(bins, judge.SketchBins())
	if err := stream.Each(in, bins, r.Add); err != nil {
		return nil, Model{}, err
	}
	requests, errors, latency := r.Sum()
	if r.Seconds() < leastRecorded || requests == 0 {
		return nil, Model{}, fault.New(fault.Invalid, "recording_short",
			"The recording has %d seconds and %d requests after the first visitor: at least %d seconds are needed.",
			r.Seconds(), requests, leastRecorded)
	}
	m := DefaultModel()
	m.Rate, m.Errors = float64(requests)/float64(r.Seconds()), float64(errors)/float64(requests)
	if s := judge.SketchOf(latency); s.Count() > 0 {
		m.P50, m.P95 = s.Quantile(0.5), s.Quantile(0.95)
	}
	return r, m, nil
}

// Recorded is the background of a recording: nothing is added to what happened.
func Recorded() Background {
	return Background{Name: "recorded", Says: "what the recording holds", set: func(*traffic.World) {}}
}

// replay begins somewhere in the recording.
func (o Options) replay(c Case, j job) world.Source {
	seed := mix(o.Seed, uint64(j.kase)<<40|uint64(j.run))
	return o.Recording.Play(c.Fault, int(seed%uint64(o.Recording.Seconds())), mix(seed, 1))
}

// beforeRecording is what is known of the stable version before a replay, by strategy.
func (o Options) beforeRecording() []world.Before {
	h := world.NewHistory()
	o.Recording.Play(traffic.Fault{}, 0, o.Seed).History(h.Add)
	var out []world.Before
	for _, s := range o.Strategies {
		out = append(out, h.Before(s.Plan))
	}
	return out
}
