package metric

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/slipwayhq/slipway/internal/judge"
)

// Compared returns the classes by which versions are compared: files of a build
// and optimized images say nothing about its code, and would drown what does.
func Compared() []Class { return []Class{Document, Data, Action, API} }

// Silence says that for a time none of them came by a source, why, and what to do: others is how many came of other
// kinds in the last minute.
func Silence(by Kind, span string, others uint64) string {
	const instead = ", or have the guard name a metric that the application sends."
	none := fmt.Sprintf("No requests to compare for %s.", span)
	switch {
	case others > 0:
		return fmt.Sprintf("%s Only %d others came in the last minute: pages, their data, server actions and paths under "+
			"/api are compared. Serve what programs ask for below /api%s", none, others, instead)
	case by == "":
		return none + " None came through an edge: send visitors through it" + instead
	}
	return none
}

// What a Timeline accepts at most, so that no source can fill the memory.
const (
	maxDeployments = 64
	maxSources     = 1024
	rememberBatch  = 1024 // sequence numbers of a source below its highest
	maxAhead       = 60   // seconds a source's clock may be ahead
	maxMetrics     = 32   // custom metrics of a deployment
)

// Timeline keeps the last seconds of every deployment in memory, from any number
// of sources. A batch counts once, however often it is delivered and in whatever
// order. What comes after its second was given out as final is counted as late and
// left out, so that a verdict once given can be given again. It is safe for
// concurrent use.
type Timeline struct {
	keep, dead int64 // seconds
	asked      bool  // sources are asked while somebody needs them, and number what they tell by the clock

	mu          sync.Mutex
	others      map[Kind]*Timeline            // of kinds beside the edge
	deployments map[string][]instant          // ascending by second
	values      map[string]map[string][]Value // by deployment and metric, ascending by second
	sources     map[string]*source
	final       int64 // highest watermark given out
	counters    Counters
}

// Counters say how complete a Timeline is.
type Counters struct {
	Batches    uint64 `json:"batches"`    // accepted
	Duplicates uint64 `json:"duplicates"` // delivered again, left out
	Missing    uint64 `json:"missing"`    // never arrived, by the gaps in their numbers
	Late       uint64 `json:"late"`       // requests and values that came after their second was final, left out
	Refused    uint64 `json:"refused"`    // buckets of the future, or beyond what is kept
	Sources    int    `json:"sources"`    // heard of lately
	Dead       int    `json:"dead"`       // not heard of for too long: the watermark does not wait for them
}

// instant is what ends with one second of one deployment, by class.
type instant struct {
	second int64      // the last that it covers
	width  int64      // seconds of its widest bucket
	by     [7]*packed // in the order of Classes
}

// packed is a bucket whose sketch is folded up.
type packed struct {
	sums    Bucket
	latency judge.Packed
}

// NewTimeline returns an empty Timeline that keeps seconds for the given time and
// stops waiting for a source that it has not heard of for dead.
func NewTimeline(keep, dead time.Duration) *Timeline {
	return &Timeline{
		keep: max(int64(keep/time.Second), 1), dead: max(int64(dead/time.Second), 1),
		deployments: map[string][]instant{}, sources: map[string]*source{},
		values: map[string]map[string][]Value{},
	}
}

// Of returns the Timeline of a kind of sources; the edge's is t itself. Kinds are kept apart, each with its own
// watermark: two that see the same requests would count them twice, and the slowest would hold up all.
func (t *Timeline) Of(k Kind) *Timeline {
	if !slices.Contains(others(), k) {
		return t
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.others == nil {
		t.others = map[Kind]*Timeline{}
	}
	if t.others[k] == nil {
		dead := time.Duration(t.dead) * time.Second
		if k == Observability { // asked once a minute
			dead = max(dead, 3*time.Minute)
		}
		t.others[k] = NewTimeline(time.Duration(t.keep)*time.Second, dead)
		t.others[k].asked = k == Observability
	}
	return t.others[k]
}

// Standing says which kind of sources is gone by at a moment.
type Standing struct {
	Timeline *Timeline
	Final    int64     // its seconds before this one are final
	From     Kind      // the kind, where it is not the one that is meant to be gone by
	Silent   time.Time // the end of what that one told last; zero where it is gone by, or has never told anything
}

// Standing finds out whether the kind that is meant to be gone by tells enough: unless it has told nothing for
// patience, since a moment at the earliest, and instead has told more.
func (t *Timeline) Standing(now, since time.Time, kind, instead Kind, patience time.Duration) Standing {
	own := t.Of(kind)
	s := Standing{Timeline: own, Final: min(own.Watermark(now), now.Unix())}
	if instead == "" || now.Unix()-max(s.Final, since.Unix()) < int64(patience/time.Second) {
		return s
	}
	other := t.Of(instead)
	final := min(other.Watermark(now), now.Unix())
	if final <= s.Final {
		return s
	}
	out := Standing{Timeline: other, Final: final, From: instead}
	if s.Final > 0 {
		out.Silent = time.Unix(s.Final, 0).UTC()
	}
	return out
}

// Add takes a batch of any kind and says whether it was new.
func (t *Timeline) Add(now time.Time, b Batch) bool { return t.add(now, b, true) }

// Follow takes a batch that was stored, by whichever node, as of when it was received. One that is known is no
// repetition of its source.
func (t *Timeline) Follow(received time.Time, b Batch) bool { return t.add(received, b, false) }

func (t *Timeline) add(now time.Time, b Batch, delivered bool) bool {
	if of := t.Of(b.Kind); of != t {
		b.Kind = Edge
		return of.add(now, b, delivered)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.source(b, now.Unix())
	if s == nil {
		t.counters.Refused += uint64(len(b.Buckets))
		return false
	}
	if !s.accept(b.Sequence) {
		if delivered {
			s.hear(now.Unix(), t.dead)
			t.counters.Duplicates++
			s.duplicates++
		}
		return false
	}
	s.hear(now.Unix(), t.dead)
	t.counters.Batches++
	late := t.counters.Late
	for _, v := range b.Values {
		t.putValue(now.Unix(), v)
	}
	for _, bucket := range b.Buckets {
		t.put(now.Unix(), bucket)
	}
	s.late += t.counters.Late - late
	s.complete = max(s.complete, min(b.Complete, now.Unix()+1))
	return true
}

// source finds or makes the batch's source; nil when there are too many.
func (t *Timeline) source(b Batch, now int64) *source {
	if s := t.sources[b.Source]; s != nil {
		return s
	}
	if len(t.sources) >= maxSources {
		for name, s := range t.sources {
			if now-s.heard > t.dead {
				t.counters.Missing += t.missing(s)
				delete(t.sources, name)
			}
		}
		if len(t.sources) >= maxSources {
			return nil
		}
	}
	s := &source{first: b.Sequence, seen: map[uint64]struct{}{}}
	t.sources[b.Source] = s
	return s
}

// put adds one bucket at the last second that it covers: before that it cannot have come.
func (t *Timeline) put(now int64, b Bucket) {
	b.Width = max(b.Width, 1)
	last := b.Second + b.Width - 1
	switch {
	case last < t.final && last >= now-t.keep:
		t.counters.Late += b.Requests
		return
	case last < now-t.keep || last > now+maxAhead || b.Width > MaxWidth:
		t.counters.Refused++
		return
	}
	list, known := t.deployments[b.Deployment]
	if !known && !t.room(now) {
		t.counters.Refused++
		return
	}
	i, found := slices.BinarySearchFunc(list, last, bySecond)
	if !found {
		list = slices.Insert(list, i, instant{second: last})
	}
	list[i].add(b)
	if old, _ := slices.BinarySearchFunc(list, now-t.keep, bySecond); old > len(list)/4 {
		list = slices.Clone(list[old:]) // let go of a good part at once, not of a second each second
	}
	t.deployments[b.Deployment] = list
}

// room says whether one more deployment may be kept, after letting go of those
// without data.
func (t *Timeline) room(now int64) bool {
	if len(t.deployments) < maxDeployments {
		return true
	}
	for id, list := range t.deployments {
		if len(list) == 0 || list[len(list)-1].second < now-t.keep {
			delete(t.deployments, id)
		}
	}
	return len(t.deployments) < maxDeployments
}

func bySecond(x instant, second int64) int { return cmp.Compare(x.second, second) }

func (x *instant) add(b Bucket) {
	x.width = max(x.width, b.Width)
	class := slices.Index(Classes(), b.Class)
	if class < 0 {
		class = len(x.by) - 1 // Other
	}
	p := x.by[class]
	if p == nil {
		p = &packed{}
		x.by[class] = p
	}
	latency := b.Latency
	b.Latency = judge.Sketch{}
	if p.latency.Count() > 0 {
		sum := p.latency.Unpack()
		sum.Merge(latency)
		latency = sum
	}
	p.sums.Add(b)
	p.latency = latency.Pack()
}

// Seconds returns a deployment's buckets from a second up to before another, one
// for each second with data, ascending, the given classes merged (none given: all).
// They share nothing with the Timeline. A wide bucket stands at the last second that
// it covers: see Spans for what compares such ones.
func (t *Timeline) Seconds(deployment string, from, to int64, classes ...Class) []Bucket {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := t.deployments[deployment]
	i, _ := slices.BinarySearchFunc(list, from, bySecond)
	j, _ := slices.BinarySearchFunc(list, to, bySecond)
	out := make([]Bucket, 0, max(j-i, 0))
	for ; i < j; i++ {
		b := Bucket{Deployment: deployment, Second: list[i].second}
		if list[i].sum(&b, classes) {
			out = append(out, b)
		}
	}
	return out
}

// MaxWidth is how many seconds one bucket may cover. What was counted over a longer time says nothing of when.
const MaxWidth = 120

// Grid returns the length in seconds of the spans by which the given deployments can be compared: that of the widest
// bucket from a second up to before another, rounded up to one that exporters use unless all begin on its grid. 1 where
// each second is known.
func (t *Timeline) Grid(from, to int64, deployments ...string) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	widest, even := int64(1), true
	for _, d := range deployments {
		list := t.deployments[d]
		i, _ := slices.BinarySearchFunc(list, from, bySecond)
		for ; i < len(list) && list[i].second < to; i++ {
			widest = max(widest, list[i].width)
		}
	}
	for _, d := range deployments {
		list := t.deployments[d]
		i, _ := slices.BinarySearchFunc(list, from, bySecond)
		for ; i < len(list) && list[i].second < to && even; i++ {
			even = (list[i].second+1)%widest == 0
		}
	}
	for _, usual := range []int64{1, 2, 5, 10, 15, 20, 30, 60, MaxWidth} {
		if widest == 1 || even {
			break
		}
		if usual >= widest {
			return usual
		}
	}
	return widest
}

// Spans returns a deployment's buckets by whole spans of a Grid, from a second up to before another, ascending, those
// with data only. A bucket counts where it ends: cut in parts it would smear what happened at one moment, so a span
// may hold something of the one before.
func (t *Timeline) Spans(deployment string, from, to, grid int64, classes ...Class) []Bucket {
	if grid <= 1 {
		return t.Seconds(deployment, from, to, classes...)
	}
	var out []Bucket
	first := (from + grid - 1) / grid * grid
	for _, b := range t.Seconds(deployment, first, to/grid*grid, classes...) {
		second := b.Second / grid * grid
		if n := len(out); n == 0 || out[n-1].Second != second {
			out = append(out, Bucket{Deployment: deployment, Second: second, Width: grid})
		}
		out[len(out)-1].Add(b)
	}
	return out
}

// Sum returns all of a deployment's seconds from one up to before another as one
// bucket, e.g. as a Baseline.
func (t *Timeline) Sum(deployment string, from, to int64, classes ...Class) Bucket {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := Bucket{Deployment: deployment, Second: from}
	list := t.deployments[deployment]
	i, _ := slices.BinarySearchFunc(list, from, bySecond)
	for ; i < len(list) && list[i].second < to; i++ {
		list[i].sum(&b, classes)
	}
	return b
}

// sum adds the wanted classes to b and says whether there was any.
func (x *instant) sum(b *Bucket, classes []Class) bool {
	found := false
	for i, class := range Classes() {
		if p := x.by[i]; p != nil && (len(classes) == 0 || slices.Contains(classes, class)) {
			b.Add(p.sums)
			p.latency.AddTo(&b.Latency)
			found = true
		}
	}
	return found
}

// Watermark returns the second before which everything is final: the least that a
// living source has completed. It never falls; without a living source it stands
// still, and it is 0 when there was none yet.
func (t *Timeline) Watermark(now time.Time) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	least, living := int64(0), false
	for _, s := range t.sources {
		if now.Unix()-s.heard <= t.dead && s.received > 0 && (!living || s.complete < least) {
			least, living = s.complete, true
		}
	}
	if living {
		t.final = max(t.final, least)
	}
	return t.final
}

// Judged says that what lies before a second was judged, here or by another node: what comes of it now is late.
func (t *Timeline) Judged(second int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.final = max(t.final, second)
}

// Counters returns how complete the Timeline is.
func (t *Timeline) Counters(now time.Time) Counters {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.counters
	for _, s := range t.sources {
		c.Missing += t.missing(s)
		if now.Unix()-s.heard <= t.dead {
			c.Sources++
		} else {
			c.Dead++
		}
	}
	return c
}
