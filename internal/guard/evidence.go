package guard

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/slipwayhq/slipway/internal/guard/past"
	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/metric"
)

// exam is one evaluation: the rules, the evidence in order, and the answers.
type exam struct {
	rules  Rules
	ev     Evidence
	start  int64 // Unix second of the first traffic of the changed version
	step   int64 // Unix second from which the present share holds
	end    int64 // what lies before is final
	width  int64 // seconds of a bucket
	smears bool  // a bucket may hold something of the one before
	exact  bool  // a bucket is of more than a second, and smears nothing
	canary *side // the recent seconds, as far back as reach
	stable *side
	shares []ShareChange

	answers []answer
	mode    Mode
	report  *judge.Report
	cleared float64
	pass    *Pass
	next    *judge.Climb
	lacks   string
	lag     time.Duration // how far the measurement is behind
}

// sane replaces what would make a rule meaningless.
func (r Rules) sane() Rules {
	d := DefaultRules()
	if r.Window < time.Second {
		r.Window = d.Window
	}
	if r.Blind < time.Second {
		r.Blind = d.Blind
	}
	if !(r.Alpha > 0 && r.Alpha < 1) {
		r.Alpha = d.Alpha
	}
	if !(r.ShareSlack > 0) {
		r.ShareSlack = d.ShareSlack
	}
	for _, l := range []*Limits{&r.ErrorRate, &r.LatencyP95} {
		for _, f := range []*float64{&l.Warn, &l.Critical, &l.Spike, &l.WorseBy, &l.AtLeast} {
			if !(*f > 0) { // also NaN: no limit
				*f = 0
			}
		}
		l.For = max(l.For, 0)
	}
	return r
}

// alone says that there is no stable side to compare with.
func (x *exam) alone() bool { return x.ev.Share >= 100 }

// since is the second from which the limits look at both versions: the first visitor, or when there was a stable side
// again after everybody had the changed one. What happened while there was none is nobody's fault that could be told.
func (x *exam) since() int64 {
	from := x.start
	for i := 1; i < len(x.shares) && !x.alone(); i++ {
		if x.shares[i-1].Share >= 100 && x.shares[i].Share < 100 {
			from = max(from, ceilSecond(x.shares[i].At)+1)
		}
	}
	return from
}

// history returns the shares in order; the present one is the last.
func (x *exam) history() []ShareChange {
	list := append(x.pass.shares[:0], x.ev.Shares...)
	list = slices.DeleteFunc(list, func(c ShareChange) bool { return c.At.After(x.ev.Now) })
	slices.SortStableFunc(list, func(a, b ShareChange) int { return a.At.Compare(b.At) })
	if n := len(list); n == 0 || list[n-1].Share != x.ev.Share || list[n-1].Stable != x.ev.StableShare {
		list = append(list, ShareChange{At: x.ev.ShareSince, Share: x.ev.Share, Stable: x.ev.StableShare})
	}
	x.pass.shares = list
	return list
}

// part is what the changed version is meant to get now, of what both get.
func (x *exam) part() float64 { return x.shares[len(x.shares)-1].Part() }

// shareIn returns the intended share of a bucket as a fraction: NaN when it is not
// known or changed in that bucket or, for a change while there was traffic, in the
// one before.
func (x *exam) shareIn(second int64) float64 {
	share := math.NaN()
	from := second // a wide bucket may hold something of the one before
	if x.smears {
		from -= x.width
	}
	for _, m := range x.ev.Moves {
		if second+x.width > m.From.Unix() && (m.To.IsZero() || time.Unix(from, 0).Before(m.To)) {
			return share
		}
	}
	for i, c := range x.shares {
		at := c.At.Unix()
		switch {
		case at >= second+x.width:
			return share
		case x.smears && at >= second-x.width, x.exact && at > second,
			at == second && c.At.Nanosecond() > 0, i > 0 && at >= second-1:
			share = math.NaN()
		default:
			share = c.Part()
		}
	}
	return share
}

// pair is one second of both versions; nil where nothing came.
type pair struct {
	second         int64
	share          float64 // as shareIn gives it
	canary, stable *metric.Bucket
}

// pairsIn puts the recent seconds of both versions together. They hold until the next question.
func (x *exam) pairsIn(from, to int64) []pair {
	return x.pairs(x.canary.between(from, to), x.stable.between(from, to))
}

func (x *exam) pairs(cs, ss []metric.Bucket) []pair {
	out := x.pass.pairs[:0]
	for i, j := 0, 0; i < len(cs) || j < len(ss); {
		var p pair
		switch {
		case j == len(ss) || i < len(cs) && cs[i].Second < ss[j].Second:
			p.second, p.canary, i = cs[i].Second, &cs[i], i+1
		case i == len(cs) || ss[j].Second < cs[i].Second:
			p.second, p.stable, j = ss[j].Second, &ss[j], j+1
		default:
			p.second, p.canary, p.stable = cs[i].Second, &cs[i], &ss[j]
			i, j = i+1, j+1
		}
		p.share = x.shareIn(p.second)
		out = append(out, p)
	}
	x.pass.pairs = out
	return out
}

// inOrder returns buckets by second, each second once, without touching bs.
func inOrder(bs []metric.Bucket) []metric.Bucket {
	ordered := true
	for i := 1; i < len(bs) && ordered; i++ {
		ordered = bs[i-1].Second < bs[i].Second
	}
	if ordered {
		return bs
	}
	sorted := slices.Clone(bs)
	slices.SortStableFunc(sorted, func(a, b metric.Bucket) int { return cmp.Compare(a.Second, b.Second) })
	out := sorted[:0]
	for _, b := range sorted {
		if n := len(out); n > 0 && out[n-1].Second == b.Second {
			out[n-1].Latency = out[n-1].Latency.Clone()
			out[n-1].Add(b)
			continue
		}
		out = append(out, b)
	}
	return out
}

// between returns the ordered buckets that lie wholly from one second up to before another.
func between(bs []metric.Bucket, from, to int64) []metric.Bucket {
	at := func(second int64) int {
		i, _ := slices.BinarySearchFunc(bs, second, func(b metric.Bucket, s int64) int { return cmp.Compare(b.Second, s) })
		return i
	}
	i, j := at(from), at(to)
	for j > i && bs[j-1].Second+bs[j-1].Covers() > to {
		j--
	}
	return bs[i:max(i, j)]
}

// windows is a length of time as seconds in whole buckets, so many of them at least.
func (x *exam) windows(d time.Duration, least int64) int64 {
	n := max(seconds(d), least*x.width)
	return (n + x.width - 1) / x.width * x.width
}

// count is what a version did in a span of seconds, or in its normal period.
type count struct {
	requests, errors uint64
	failing          int // buckets with an error: seconds, where each is known
	from, to         int64
}

// most bounds a claimed count, so that sums cannot overflow.
const most = past.Most

func (c *count) add(b metric.Bucket) {
	n := min(b.Requests, most)
	c.requests += n
	c.errors += min(b.Errors, n)
	if b.Errors > 0 && n > 0 {
		c.failing++
	}
}

func (c count) rate() float64 {
	if c.requests == 0 {
		return 0
	}
	return float64(c.errors) / float64(c.requests)
}

func ceilSecond(t time.Time) int64 {
	if t.Nanosecond() > 0 {
		return t.Unix() + 1
	}
	return t.Unix()
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }
