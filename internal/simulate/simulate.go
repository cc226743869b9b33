// Package simulate tries a team's strategies on a virtual clock: many releases, healthy and faulty ones, among the
// visitors that an application has, and what came of them.
//
// A Strategy is carried through package world, where nothing is decided that the running Slipway would not decide. Here
// stands what is tried (Case), in which traffic (Model), how often, and the sums: false rollbacks, missed faults, time
// and requests until a fault is found, harm beside what no judge could have avoided, time to promote. Conditions hold a
// result to limits, so that a change of the strategy file can be tested as code is.
//
// A result depends on the seed and on nothing else: not on the machine, nor on how many runs go on at the same time.
package simulate

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/slipwayhq/slipway/internal/checklist"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/sim/traffic"
	"github.com/slipwayhq/slipway/internal/sim/world"
)

// Strategy is what is tried.
type Strategy struct {
	Name  string
	Plan  release.Plan
	Items []checklist.Item
}

// Options say what is tried, in which traffic and how often.
type Options struct {
	Strategies  []Strategy
	Traffic     Model
	Backgrounds []Background
	Cases       []Case
	Runs        int // of each case; a healthy case gets Healthy
	Healthy     int
	Seed        uint64
	Reaction    time.Duration      // until a routing is in force
	Answer      time.Duration      // until people who are asked have answered
	Lag         time.Duration      // until a second's measurements are known
	Longest     time.Duration      // of one release
	Recording   *traffic.Recording // is played instead of a model, if there is one
	Progress    func(done, all int)
}

// histories is how many different pasts the runs of one background share.
const histories = 16

// historySeconds is how far back a past goes: as far as the engine reads.
const historySeconds = 7200

// past is a stable version before the release, and the traffic that goes on from there.
type past struct {
	traffic *traffic.Traffic
	before  []world.Before // by strategy
}

// newPast lets an application run for two hours.
func newPast(w traffic.World, strategies []Strategy, seed uint64) past {
	p := past{traffic: traffic.New(w, traffic.Fault{}, judge.SketchBins(), seed)}
	h := world.NewHistory()
	var t judge.Tick
	for second := -int64(historySeconds); second < 0; second++ {
		p.traffic.Next(second, 0, &t)
		h.Add(&t)
	}
	for _, s := range strategies {
		p.before = append(p.before, h.Before(s.Plan))
	}
	return p
}

// job is one run to be made.
type job struct{ strategy, kase, run int }

// Run makes all runs. When ctx ends it returns what was finished by then, and ctx's error.
func Run(ctx context.Context, o Options) (Report, error) {
	if err := o.check(); err != nil {
		return Report{}, err
	}
	var jobs []job
	for run := range max(o.Runs, o.Healthy) { // in rounds, so that an interrupted result says something of everything
		for k, c := range o.Cases {
			for s := range o.Strategies {
				if run < o.runsOf(c) {
					jobs = append(jobs, job{s, k, run})
				}
			}
		}
	}
	out := make([]*world.Outcome, len(jobs))
	var next, done atomic.Int64
	pasts := o.pasts()
	var told sync.Mutex
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			room := new(world.Room)
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(jobs) {
					return
				}
				outcome := o.once(jobs[i], pasts, room)
				out[i] = &outcome
				if n := int(done.Add(1)); o.Progress != nil {
					told.Lock()
					o.Progress(n, len(jobs))
					told.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return o.report(jobs, out), ctx.Err()
}

func (o Options) check() error {
	switch {
	case len(o.Strategies) == 0 || len(o.Cases) == 0 || len(o.Backgrounds) == 0:
		return fault.New(fault.Invalid, "nothing_to_simulate", "There is nothing to try: name a strategy, a fault and a "+
			"background.")
	case o.Runs < 1 || o.Healthy < 1 || o.Runs > 1e6 || o.Healthy > 3e6: // three times as many, by default
		return fault.New(fault.Invalid, "flag_out_of_range", "--runs goes from 1 to 1000000.")
	}
	if o.Recording != nil && slices.ContainsFunc(o.Cases, func(c Case) bool { return c.Shared }) {
		return fault.New(fault.Invalid, "fault_not_in_recording",
			"shared-incident cannot be played into a recording: what hit both versions is in it already.")
	}
	for _, c := range o.Cases {
		if c.Nothing(o.Traffic) {
			return fault.New(fault.Invalid, "fault_without_effect", "%s changes nothing: no request fails in this traffic, and "+
				"a multiple of nothing is nothing. Add failures instead, like --fault errors=+1%%, or give --errors.", c.Name)
		}
	}
	return o.Traffic.check()
}

func (o Options) runsOf(c Case) int {
	if c.Healthy() {
		return o.Healthy
	}
	return o.Runs
}

// pasts returns what each background's pasts are, made when they are asked for. They know nothing of a fault to come.
func (o Options) pasts() func(c Case, run int) past {
	if o.Recording != nil {
		before := sync.OnceValue(o.beforeRecording)
		return func(Case, int) past { return past{before: before()} }
	}
	n := len(o.Backgrounds)
	var makers [2][]func() past
	for kind, c := range [2]Case{{}, {Shared: true}} {
		for b, back := range o.Backgrounds {
			w := c.apply(back.apply(o.Traffic.world()))
			for h := range histories {
				seed := mix(o.Seed, uint64(b)<<32|uint64(h))
				makers[kind] = append(makers[kind], sync.OnceValue(func() past { return newPast(w, o.Strategies, seed) }))
			}
		}
	}
	return func(c Case, run int) past {
		kind := 0
		if c.Shared {
			kind = 1
		}
		return makers[kind][run%n*histories+run/n%histories]()
	}
}

// once makes one run.
func (o Options) once(j job, pasts func(c Case, run int) past, room *world.Room) world.Outcome {
	s, c := o.Strategies[j.strategy], o.Cases[j.kase]
	p := pasts(c, j.run)
	var source world.Source
	if o.Recording != nil {
		source = o.replay(c, j)
	} else {
		source = p.traffic.Fork(c.Fault, mix(o.Seed, uint64(j.kase)<<40|uint64(j.run)))
	}
	return world.Run(world.Trial{
		Plan: s.Plan, Items: s.Items, Source: source, Before: p.before[j.strategy], Reaction: o.Reaction,
		Answer: o.Answer, Lag: o.Lag, Longest: o.Longest, Room: room,
	})
}

// mix makes a seed of two.
func mix(a, b uint64) uint64 {
	x := a*0x9e3779b97f4a7c15 + b + 0x632be59bd9b4e019
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Background is a kind of everyday trouble that no version is to blame for.
type Background struct {
	Name string
	Says string
	set  func(*traffic.World)
}

func (b Background) apply(w traffic.World) traffic.World {
	b.set(&w)
	return w
}

// Backgrounds are all that there are.
func Backgrounds() []Background {
	return []Background{
		{"plain", "failures are independent, nothing else happens", func(*traffic.World) {}},
		{"drift", "load, failures and response times wander together", func(w *traffic.World) { w.Drift = true }},
		{"incident", "every other hour something behind both versions is ill: failures x10, response times x3",
			func(w *traffic.World) { w.Shocks = 0.5 }},
		{"visitors", "half of the failures come in runs of one visitor", func(w *traffic.World) { w.Runs = true }},
		{"instance", "once an hour an instance is bad: a twentieth of the visitors fails for 10 to 30 s",
			func(w *traffic.World) { w.Bursts = max(w.Bursts, 1) }},
		{"cold", "caches are cold after each rise of the share", func(w *traffic.World) { w.Cold = true }},
		{"slow-nodes", "once an hour a twentieth of the visitors waits three times as long",
			func(w *traffic.World) { w.Slow = 1 }},
		{"routes", "a route that fails and is slow becomes popular, and unpopular again",
			func(w *traffic.World) { w.Mix = true }},
		{"sticky", "four hundred visitors make all the requests", func(w *traffic.World) { w.Sticky = 400 }},
		{"retry", "who sees a failure tries again at once", func(w *traffic.World) { w.Retry = true }},
	}
}

// Mixed are the backgrounds of somebody who names none: everyday ones, the runs are divided among them.
func Mixed() []string { return []string{"plain", "drift", "incident", "visitors", "instance", "cold"} }

// ParseBackgrounds finds backgrounds by name; mixed stands for Mixed.
func ParseBackgrounds(names []string) ([]Background, error) {
	var out []Background
	all := Backgrounds()
	for _, name := range names {
		if name == "mixed" {
			more, err := ParseBackgrounds(Mixed())
			if err != nil {
				return nil, err
			}
			out = append(out, more...)
			continue
		}
		i := slices.IndexFunc(all, func(b Background) bool { return b.Name == name })
		if i < 0 {
			return nil, fault.New(fault.Invalid, "background_unknown", "There is no background %q. There are: mixed, %s.",
				name, listed(all, func(b Background) string { return b.Name }))
		}
		out = append(out, all[i])
	}
	return out, nil
}
