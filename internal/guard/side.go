package guard

import (
	"slices"

	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/metric"
)

// side is one version's recent buckets, ascending, with what makes questions about spans of them cheap: running sums,
// and the durations of the spans that were asked about last.
type side struct {
	list    []metric.Bucket
	seconds []int64 // list[i].Second
	sums    []count // of all before list[i]; one more than the list is long
	windows [3]window
	turn    int // the window that is made anew next
}

// window is the durations of list[i:j].
type window struct {
	i, j int
	all  judge.Sketch
}

// add appends the next bucket.
func (s *side) add(b metric.Bucket) {
	if len(s.sums) == 0 {
		s.sums = append(s.sums, count{})
	}
	x := s.sums[len(s.sums)-1]
	x.add(b)
	if len(s.list) == cap(s.list) { // twice as many: append would copy an hour of seconds over and over
		n := len(s.list) + 64
		s.list, s.seconds, s.sums = slices.Grow(s.list, n), slices.Grow(s.seconds, n), slices.Grow(s.sums, n)
	}
	s.list, s.seconds, s.sums = append(s.list, b), append(s.seconds, b.Second), append(s.sums, x)
}

// forget lets go of the first n buckets.
func (s *side) forget(n int) {
	s.list, s.seconds, s.sums = slices.Delete(s.list, 0, n), slices.Delete(s.seconds, 0, n), slices.Delete(s.sums, 0, n)
	for k := range s.windows {
		w := &s.windows[k]
		if w.i -= n; w.i < 0 {
			*w = window{}
		}
		w.j = max(w.j-n, 0)
	}
}

// at is the index of the first bucket from a second on. Seconds seldom miss, so it is looked for where it would be
// without gaps.
func (s *side) at(second int64) int {
	n := len(s.seconds)
	if n == 0 || second > s.seconds[n-1] {
		return n
	}
	if second <= s.seconds[0] {
		return 0
	}
	if i := int64(n-1) - (s.seconds[n-1] - second); i >= 0 && s.seconds[i] == second {
		return int(i)
	}
	i, _ := slices.BinarySearch(s.seconds, second)
	return i
}

// span returns the indices of the buckets that lie wholly from one second up to before another.
func (s *side) span(from, to int64) (i, j int) {
	i, j = s.at(from), s.at(to)
	for j > i && s.list[j-1].Second+s.list[j-1].Covers() > to {
		j--
	}
	return i, max(i, j)
}

// between returns the buckets of a span.
func (s *side) between(from, to int64) []metric.Bucket {
	i, j := s.span(from, to)
	return s.list[i:j]
}

// count is what the version did in a span.
func (s *side) count(from, to int64) count {
	c := count{from: from, to: to}
	if i, j := s.span(from, to); i < j {
		a, b := s.sums[i], s.sums[j]
		c.requests, c.errors, c.failing = b.requests-a.requests, b.errors-a.errors, b.failing-a.failing
	}
	return c
}

// durations merges the latencies of a span. The sketch is the side's own: it holds until the next question.
func (s *side) durations(from, to int64) judge.Sketch {
	i, j := s.span(from, to)
	if i == j {
		return judge.Sketch{}
	}
	w := s.window(i, j)
	for ; w.i < i; w.i++ {
		w.all.Remove(s.list[w.i].Latency)
	}
	for ; w.j < j; w.j++ {
		w.all.Merge(s.list[w.j].Latency)
	}
	return w.all
}

// window is the one that has the least way to list[i:j] by going forward; without one that is worth it, an empty one.
func (s *side) window(i, j int) *window {
	best, least := -1, j-i
	for k := range s.windows {
		w := &s.windows[k]
		if w.j == 0 || w.i > i || w.j > j || w.j < i {
			continue
		}
		if way := i - w.i + j - w.j; way < least {
			best, least = k, way
		}
	}
	if best < 0 {
		best, s.turn = s.turn, (s.turn+1)%len(s.windows)
		s.windows[best] = window{i: i, j: i}
	}
	return &s.windows[best]
}
