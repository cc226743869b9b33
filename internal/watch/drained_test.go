package watch

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/guard"
	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/metric/drain"
)

// town is who visits an application on Vercel, as its drain tells of it: people who come again, behind addresses of
// their own, of offices and of carriers, whose lines come late, twice and in any order.
type town struct {
	rate      float64 // requests a second
	fails     float64 // of them
	factor    float64 // so much more often on the canary; 0: as often
	share     float64
	byAddress bool    // as a rolling release sends people to a version; else each by a cookie
	carriers  float64 // part of the people who share three addresses
	offices   float64 // part of the people who share forty
	again     float64 // part of the failures that are followed by seven more of the same visitor, on average
	spells    float64 // an hour: a twentieth of the people fails at 30 % for twenty seconds
	incident  bool    // of both versions, four minutes
	sampled   bool    // three in ten are delivered, of /api one in thirty
	unnamed   float64 // part of the people whose address is hidden
	ill       int     // people who come every three seconds and fail half of the time, on whichever version
	before    int64   // seconds before the first visitor of the canary
	lasts     int64   // and after
	plain     bool    // the slices are not looked at
	beside    bool    // and the blocks are side by side
}

// healthy are the towns in which nothing is wrong with the canary.
func healthy() map[string]town {
	t := town{rate: 40, fails: 0.01, share: 0.05, offices: 0.25, carriers: 0.15, before: 1200, lasts: 1800}
	with := func(change func(*town)) town {
		changed := t
		change(&changed)
		return changed
	}
	return map[string]town{
		"plain":      t,
		"by address": with(func(t *town) { t.byAddress = true }),
		"again":      with(func(t *town) { t.again = 0.3 }),
		"carriers":   with(func(t *town) { t.carriers, t.again = 0.6, 0.3 }),
		"spells":     with(func(t *town) { t.spells = 6 }),
		"incident":   with(func(t *town) { t.incident = true }),
		"sampled":    with(func(t *town) { t.sampled, t.again = true, 0.3 }),
		"unnamed":    with(func(t *town) { t.unnamed, t.again = 0.1, 0.3 }),
		"ill":        with(func(t *town) { t.ill = 3 }),
		"all":        with(func(t *town) { t.again, t.spells, t.incident, t.byAddress = 0.3, 2, true, true }),
	}
}

// person is somebody who comes again.
type person struct {
	address, agent, sends int
	bucket, slice         float64
	hidden                bool
}

// trial is a run of a town.
type trial struct {
	town
	rng    *rand.Rand
	people []person
	where  []float64
	late   map[int64][]byte
	tries  map[int64][]int // people who try again, by second
	recent []int
	n      int
	spell  float64
	until  int64
	drain  *drain.Drain
}

func (w town) trial(seed uint64) *trial {
	t := &trial{
		town: w, rng: rand.New(rand.NewPCG(seed, 77)), late: map[int64][]byte{}, tries: map[int64][]int{}, until: -w.before,
	}
	if w.factor == 0 {
		t.factor = 1
	}
	for range 10_000 {
		t.where = append(t.where, t.rng.Float64())
	}
	for i := range 4000 {
		p := person{address: 100 + i, agent: t.rng.IntN(30), bucket: t.rng.Float64(), slice: t.rng.Float64()}
		switch u := t.rng.Float64(); {
		case u < w.carriers:
			p.address = t.rng.IntN(3)
		case u < w.carriers+w.offices:
			p.address = 10 + t.rng.IntN(40)
			p.agent = p.address % 30
		}
		p.hidden = t.rng.Float64() < w.unnamed
		t.people = append(t.people, p)
	}
	var rules []drain.Rule
	if w.sampled {
		rules = []drain.Rule{{Rate: 0.03, Path: "/api"}, {Rate: 0.3}}
	}
	same := func(_ context.Context, e string) (string, error) { return e, nil }
	t.drain = drain.New(drain.Options{Source: "drain-1", Find: same, Sampling: rules})
	return t
}

func (t *trial) poisson(mean float64) int {
	n, p := 0, math.Exp(-mean)
	for u, s := t.rng.Float64(), p; u > s && n < 1000; s += p {
		n++
		p *= mean / float64(n)
	}
	return n
}

// second lets people come.
func (t *trial) second(s int64) {
	if t.spells > 0 && s > t.until && t.rng.Float64() < t.spells/3600 {
		t.spell, t.until = t.rng.Float64(), s+20
	}
	for range t.poisson(t.rate) {
		who := t.rng.IntN(len(t.people))
		if n := len(t.recent); n > 200 && t.rng.IntN(3) > 0 { // most of those who are there
			who = t.recent[n-1-t.rng.IntN(200)]
		}
		t.recent = append(t.recent, who)
		t.asks(s, who, false)
	}
	for who := range t.ill {
		if s%3 == 0 {
			t.asks(s, who, t.rng.IntN(2) == 0)
		}
	}
	for _, who := range t.tries[s] {
		t.asks(s, who, true)
	}
	delete(t.tries, s)
}

// asks lets somebody ask for a page, which fails for sure or as it does.
func (t *trial) asks(s int64, who int, fails bool) {
	p := t.people[who]
	bucket := p.bucket
	if t.byAddress {
		bucket = t.where[p.address]
	}
	name, chance := "dpl_1", t.fails/(1+7*t.again)
	if s >= 0 && bucket < t.share {
		name, chance = "dpl_2", chance*t.factor
	}
	if t.incident && s > 120 && s < 360 {
		chance *= 10
	}
	if off := math.Mod(p.slice-t.spell+1, 1); s < t.until && off < 0.05 {
		chance = max(chance, 0.3)
	}
	status := 200
	if fails || t.rng.Float64() < min(chance, 1) {
		status = 500
		if !fails && t.rng.Float64() < t.again {
			at := s
			for range t.poisson(7) {
				at += 1 + t.rng.Int64N(4)
				t.tries[at] = append(t.tries[at], who)
			}
		}
	}
	path := "/cart"
	if t.rng.IntN(3) == 0 {
		path = "/api/cart"
	}
	if t.sampled && t.rng.Float64() >= map[string]float64{"/cart": 0.3, "/api/cart": 0.03}[path] {
		return
	}
	t.n++
	ip := fmt.Sprintf("10.%d.%d.1", p.address/200, p.address%200)
	if p.hidden {
		ip = ""
	}
	ms := (zero+s)*1000 + t.rng.Int64N(1000)
	late := s + min(t.rng.Int64N(5)*t.rng.Int64N(6), 20)
	t.late[late] = fmt.Appendf(t.late[late], `{"id":"%d","requestId":"r%d","deploymentId":"%s","timestamp":%d,`+
		`"source":"lambda","path":"%s","statusCode":%d,"proxy":{"timestamp":%d,"statusCode":%d,"path":"%s",`+
		`"clientIp":"%s","userAgent":["Browser %d"]}}`+"\n", t.n, t.n, name, ms, path, status, ms, status, path, ip, p.agent)
}

// result is what became of it.
type result struct {
	bad     bool
	seconds int64 // from the first visitor until it was known
	begun   bool
	sliced  bool // the records told visitors apart
}

// run lets the guard compare, every five seconds.
func (t *trial) run(tb testing.TB) result {
	tl := metric.NewTimeline(3*time.Hour, 15*time.Second)
	of := tl.Of(metric.Drain)
	rules := guard.Rules{Source: metric.Drain, ErrorRate: guard.Limits{WorseBy: 0.25}, Horizon: time.Hour, Alpha: 0.01}
	pass, since := new(guard.Pass), time.Unix(zero, 0)
	ev := guard.Evidence{
		Since: since, ShareSince: since, Share: 100 * t.share, Version: "v2", StableVersion: "v1",
		Shares: []guard.ShareChange{{At: since, Share: 100 * t.share}},
	}
	var out result
	for s := -t.before; s < t.lasts; s++ {
		t.second(s)
		now := time.Unix(zero+s, 0)
		if body := t.late[s]; len(body) > 0 {
			if err := t.drain.Take(context.Background(), now, body); err != nil {
				tb.Fatal(err)
			}
			if t.rng.IntN(10) == 0 {
				t.late[s+7] = append(t.late[s+7], body...)
			}
			delete(t.late, s)
		}
		if b, ok := t.drain.Collect(now); ok {
			tl.Add(now, b)
		}
		if s < 0 || s%5 != 0 {
			continue
		}
		ev.Now, ev.Complete = now, of.Watermark(now)
		if ev.Complete < zero {
			continue
		}
		if !out.begun {
			ev.Background = background(rules.Source, of.Spans("dpl_1", zero-t.before, zero, 1, metric.Compared()...))
			if t.plain {
				ev.Background.InBlocks(1)
			}
			if t.beside {
				ev.Background.Apart = 0
			}
			out.begun, out.sliced = true, ev.Background.Sliced
		}
		from := pass.Next(since)
		ev.Stable = of.Spans("dpl_1", from, ev.Complete, 1, metric.Compared()...)
		ev.Canary = of.Spans("dpl_2", from, ev.Complete, 1, metric.Compared()...)
		v := pass.Evaluate(rules, ev)
		if v.State == judge.Bad {
			out.bad, out.seconds = true, s
			break
		}
	}
	return out
}

// Of a drain addresses are compared, and where it names none, single failures in blocks that are apart: runs of one
// visitor's failures that lie across two blocks side by side took healthy canaries back. BenchmarkDrained has more of
// all three.
func TestWhoTriesAgainOnADrainTakesNothingBack(t *testing.T) {
	t.Parallel()
	w := healthy()["again"]
	w.lasts = 330
	for _, seed := range []uint64{22, 54} {
		if r := w.trial(seed).run(t); r.bad || !r.sliced {
			t.Errorf("seed %d: %+v", seed, r)
		}
		apart, beside := w, w
		apart.plain = true
		if r := apart.trial(seed).run(t); r.bad || r.sliced {
			t.Errorf("seed %d, in blocks: %+v", seed, r)
		}
		beside.plain, beside.beside = true, true
		if r := beside.trial(seed).run(t); !r.bad {
			t.Errorf("seed %d: blocks side by side take nothing back either: this shows nothing", seed)
		}
	}
}

// Healthy canaries of towns with all that a drain's records have of its own are not taken back.
//
// req: N-04
func TestHealthyCanariesOnADrainAreSeldomTakenBack(t *testing.T) {
	t.Parallel()
	for name, w := range healthy() {
		w.before, w.lasts = 900, 600
		if r := w.trial(uint64(len(name))).run(t); r.bad || !r.sliced {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// A doubled rate of failures is found sooner than by blocks.
//
// req: CD-03
func TestADrainFindsADoubledRateSooner(t *testing.T) {
	t.Parallel()
	w := healthy()["plain"]
	w.share, w.factor, w.lasts = 0.25, 2, 1300
	for _, seed := range []uint64{1, 2, 3} {
		w.plain = false
		visitors := w.trial(seed).run(t)
		w.plain = true
		blocks := w.trial(seed).run(t)
		t.Logf("seed %d: %+v, by blocks %+v", seed, visitors, blocks)
		if !visitors.bad || visitors.seconds > 600 || blocks.bad && blocks.seconds < 3*visitors.seconds/2 {
			t.Errorf("seed %d: it is not found much sooner", seed)
		}
	}
}

// Where records hide addresses, or nearly all come from one, or there is too little, each failure stands for itself.
func TestADrainThatNamesNobodyIsJudgedInBlocks(t *testing.T) {
	t.Parallel()
	spans := func(change func(i int, b *metric.Bucket)) (out []metric.Bucket) {
		for i := range 600 {
			b := metric.Bucket{Second: zero + int64(i), Requests: 40, Slices: &metric.Slices{}}
			if i%10 == 0 {
				b.Errors, b.Units = 3, 2
				b.Slices.Units[i%judge.Slices] = 2
			}
			change(i, &b)
			out = append(out, b)
		}
		return out
	}
	for name, test := range map[string]struct {
		change  func(i int, b *metric.Bucket)
		source  metric.Kind
		sliced  bool
		seconds int64
	}{
		"named":                   {func(int, *metric.Bucket) {}, metric.Drain, true, 600},
		"the edge":                {func(int, *metric.Bucket) {}, "", true, 600},
		"stored before slices":    {unless(func(int) bool { return true }), metric.Drain, false, 600},
		"slices for a while":      {unless(func(i int) bool { return i < 300 }), metric.Drain, true, 300},
		"and no more":             {unless(func(i int) bool { return i > 300 }), metric.Drain, false, 600},
		"hidden addresses":        {func(_ int, b *metric.Bucket) { b.Units = 3 * b.Errors }, metric.Drain, false, 600},
		"one address":             {func(_ int, b *metric.Bucket) { b.Errors *= 6 }, metric.Drain, false, 600},
		"hardly any failed":       {func(i int, b *metric.Bucket) { b.Errors /= uint64(i + 1) }, metric.Drain, false, 600},
		"a window of an exporter": {unless(func(int) bool { return true }), metric.Prometheus, false, 600},
	} {
		if b := background(test.source, spans(test.change)); b.Sliced != test.sliced || b.Seconds != test.seconds ||
			b.SlowSliced != (test.source == "") {
			t.Errorf("%s: %+v", name, b)
		}
	}
}

// unless takes the slices away where something holds.
func unless(none func(i int) bool) func(int, *metric.Bucket) {
	return func(i int, b *metric.Bucket) {
		if none(i) {
			b.Slices = nil
		}
	}
}

// BenchmarkDrained plays drains and says how many canaries are taken back, and how soon:
//
//	go test ./internal/watch -run xxx -bench Drained -benchtime 300x
func BenchmarkDrained(b *testing.B) {
	towns := healthy()
	for _, factor := range []float64{2, 5, 10} {
		w := towns["plain"]
		w.rate, w.share, w.factor = 60, 0.25, factor
		towns[fmt.Sprint(factor, " times")] = w
		w.again = 0.3
		towns[fmt.Sprint(factor, " times again")] = w
	}
	for _, name := range slices.Sorted(maps.Keys(towns)) {
		for _, by := range []string{"visitors", "blocks", "side by side"} {
			b.Run(name+"/"+by, func(b *testing.B) {
				w, found, soon := towns[name], 0, []float64{}
				w.plain, w.beside = by != "visitors", by == "side by side"
				for seed := range uint64(b.N) {
					r := w.trial(seed).run(b)
					if soon = append(soon, float64(w.lasts)); r.bad {
						found, soon[seed] = found+1, float64(r.seconds)
					}
				}
				slices.Sort(soon)
				b.ReportMetric(100*float64(found)/float64(b.N), "%back")
				b.ReportMetric(soon[len(soon)/2], "s-median")
			})
		}
	}
}
