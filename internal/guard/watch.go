package guard

import (
	"slices"
	"time"

	"github.com/slipwayhq/slipway/internal/guard/past"
	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/metric"
)

// Pass is one way through the evidence of one change, from its first visitor on, however long that is. It takes each
// second once: a second that a look has taken is never judged differently, whatever a later look says of it. It keeps
// the judge, sums, and the recent seconds that limits look back upon, so its size does not grow with time. The zero
// value begins anew, and so does a pass that is given another beginning. It is not safe for concurrent use.
type Pass struct {
	begun  bool
	start  int64
	fed    int64    // every second before this was taken
	recent [2]side  // canary, stable: about as far back as reach
	total  [2]Seen  // since start
	asked  [2]int64 // the second after the last request
	heard  [2]int64 // the second after the last bucket
	risk   uint64   // user-minutes on the changed version while not everybody had it
	knows  bool     // the source counts visitors with a failure

	step int64 // from which the present share holds
	here [2]count

	j        *judge.Judge
	settings judge.Settings
	last     int64 // the last second that was judged

	calls [2]call // canary, stable
	scratch

	tick func(*judge.Tick) // told of what is judged; nil mostly

	stable *past.Watch
	normal metric.Bucket // of the stable version before
	since  pastSums      // of the changed version, while the stable one is ill
	spoken []spoken      // when values of custom metrics came
}

// scratch is room that is used again at the next look: a pass is asked every second.
type scratch struct {
	look    *exam
	answers []answer
	shares  []ShareChange
	counts  [2][]uint32
	pairs   []pair
	odds    judge.Odds
}

// Seen is what a version did since the pass began.
type Seen struct {
	Requests uint64 `json:"requests"`
	Errors   uint64 `json:"errors"`
	Visitors uint64 `json:"visitors"` // that came for the first time
}

// Totals are what both versions did since the pass began.
func (p *Pass) Totals() (canary, stable Seen) { return p.total[0], p.total[1] }

// Fed is the Unix second up to which the pass has taken what was measured, 0 before it has taken anything.
func (p *Pass) Fed() int64 {
	if !p.begun {
		return 0
	}
	return p.fed
}

// Next is the first second that a look needs: what lies before it was taken.
func (p *Pass) Next(since time.Time) int64 {
	if start := ceilSecond(since); !p.begun || p.start != start {
		return start
	}
	return p.fed
}

// Feed takes evidence as Evaluate does and says nothing: a pass that was fed with what another one was asked about is
// the same as that, to the last bit.
func (p *Pass) Feed(rules Rules, ev Evidence) { p.exam(rules, ev) }

// Ticks is Feed, and hands over what it gave the judge, which belongs to the pass and is not kept.
func (p *Pass) Ticks(rules Rules, ev Evidence, f func(*judge.Tick)) {
	p.tick = f
	p.exam(rules, ev)
	p.tick = nil
}

// Start is the second in which the change's traffic began, 0 before anything was taken.
func (p *Pass) Start() int64 { return p.start }

// exam puts a look's evidence in order and takes what is new of it. Nothing of ev is changed. The exam holds until the
// next look.
func (p *Pass) exam(rules Rules, ev Evidence) *exam {
	if p.look == nil {
		p.look = new(exam)
	}
	x := p.look
	*x = exam{rules: rules.sane(), ev: ev, pass: p, answers: p.answers[:0]}
	p.calls[0].set(ev.Version, "the new version")
	p.calls[1].set(ev.StableVersion, "the stable version")
	x.end = min(ev.Complete, ev.Now.Unix()+1)
	x.width = min(max(ev.Width, 1), metric.MaxWidth)
	x.smears, x.exact = x.width > 1 && !ev.OneClock, x.width > 1 && ev.OneClock
	x.lag = time.Duration(max(ev.Now.Unix()-ev.Complete, 0)) * time.Second
	canary, stable := inOrder(ev.Canary), inOrder(ev.Stable)
	x.start = p.begin(ev, canary, x.end)
	if p.fed > p.start {
		x.end = max(x.end, p.fed) // what was final stays final
	}
	x.step = max(x.start, ceilSecond(ev.ShareSince))
	x.step = (x.step + x.width - 1) / x.width * x.width
	if x.smears { // what holds something of another share is no bucket of this one
		x.step += x.width
	}
	x.shares = x.history()
	p.take(x, [2][]metric.Bucket{between(canary, p.fed, x.end), between(stable, p.fed, x.end)})
	x.canary, x.stable = &p.recent[0], &p.recent[1]
	return x
}

// begin returns the second in which the change's traffic began, and makes the pass new when that is another one than
// before.
func (p *Pass) begin(ev Evidence, canary []metric.Bucket, end int64) int64 {
	start := end
	switch {
	case !ev.Since.IsZero():
		start = ceilSecond(ev.Since)
	case p.begun:
		return p.start
	case len(canary) > 0:
		start = canary[0].Second
	case !ev.ShareSince.IsZero():
		start = ceilSecond(ev.ShareSince)
	}
	if !p.begun || p.start != start {
		since := [2]int64{start, start}
		*p = Pass{
			tick: p.tick, begun: true, start: start, fed: start, asked: since, heard: since, step: start, last: start - 1,
			calls: p.calls, scratch: p.scratch,
		}
	}
	return start
}

// take adds the new seconds of both versions.
func (p *Pass) take(x *exam, arms [2][]metric.Bucket) {
	x.watchStable(arms[1])
	p.judge(x, arms)
	for arm, list := range arms {
		for _, b := range list {
			p.total[arm].Requests += min(b.Requests, most)
			p.total[arm].Errors += min(b.Errors, b.Requests, most)
			p.total[arm].Visitors += min(b.New, most)
			if arm == 0 && !x.alone() {
				p.risk += min(b.Minutes, most)
			}
			p.heard[arm] = b.Second + b.Covers()
			if b.Requests > 0 {
				p.asked[arm] = p.heard[arm]
			}
			p.knows = p.knows || b.Units > 0 || b.Slices != nil
			if b.Second >= p.step {
				p.here[arm].add(b)
			}
			b.Slices, b.Hurt = nil, nil // only the judge asks for them, and nobody
			p.recent[arm].add(b)
		}
	}
	if p.step != x.step {
		p.step = x.step
		for arm := range p.recent {
			p.here[arm] = p.recent[arm].count(x.step, x.end)
		}
	}
	p.fed = max(p.fed, x.end)
	p.since.take(x, p.recent[0].list)
	for arm := range p.recent {
		r := &p.recent[arm]
		if old := r.at(x.end - x.reach()); old > 60+len(r.list)/8 {
			r.forget(old)
		}
	}
}

// reach is how many seconds the limits look back upon at most.
func (x *exam) reach() int64 {
	const least, longest = time.Hour, 24 * time.Hour
	r := max(least, 5*x.rules.Window, x.rules.ErrorRate.For, x.rules.LatencyP95.For)
	return seconds(min(r, longest))
}

// judge lets the judge compare the new seconds.
func (p *Pass) judge(x *exam, arms [2][]metric.Bucket) {
	if !x.rules.compares() || x.alone() && p.j == nil {
		return
	}
	settings := x.rules.Settings(x.ev.Background)
	if p.j == nil || !p.settings.Same(&settings) {
		p.j, p.settings = judge.New(settings), settings
	}
	bins := judge.ProductBins()
	for arm := range p.counts {
		p.counts[arm] = slices.Grow(p.counts[arm][:0], bins.Count)[:bins.Count]
	}
	if x.width > 1 { // with what waits, and what it waits for
		for arm := range p.recent {
			arms[arm] = slices.Concat(p.recent[arm].between(p.last+1-2*x.width, p.fed), arms[arm])
		}
	}
	pairs := x.pairs(arms[0], arms[1])
	for i, b := range pairs {
		if b.second <= p.last || b.second >= x.judgedTo() {
			continue
		}
		t := judge.Tick{Second: b.second, Width: x.width, Share: x.betShare(b.second, b.share)}
		t.Canary, t.Stable = judgeArm(b.canary, bins, p.counts[0]), judgeArm(b.stable, bins, p.counts[1])
		if x.smears {
			t.Stable.Units = x.steadied(pairs, i)
		}
		x.counted(&t, b)
		p.j.Tick(&t)
		if p.tick != nil {
			p.tick(&t)
		}
		p.last = b.second + x.width - 1
	}
	for i := range x.ev.Values {
		p.hears(&x.ev.Values[i])
		p.j.Value(&x.ev.Values[i]) // what was judged before is left out
	}
}
