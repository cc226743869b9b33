package prometheus

import (
	"cmp"
	"hash/fnv"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/metric"
)

// golden is the step of the sequence that spreads durations: its multiples modulo 1 fill the unit interval most
// evenly.
const golden = 0.6180339887498949

const (
	mostCounted   = 1e9    // of one kind in a window
	mostValue     = 1e15   // of a mean: its square is summed and must stay finite
	maxRemembered = 50_000 // numbers carried from window to window
)

// cellsOf turns the increases by le of one window into cells. Nil when there is nothing.
func (a added) cellsOf(i int) []cell {
	out := slices.Clone(a.cells[i])
	type bound struct{ le, count float64 }
	var list []bound
	for text, count := range a.by[i] {
		if le, err := strconv.ParseFloat(text, 64); err == nil && !math.IsNaN(le) {
			list = append(list, bound{le, count})
		}
	}
	slices.SortFunc(list, func(x, y bound) int { return cmp.Compare(x.le, y.le) })
	low, before := 0.0, 0.0
	for _, b := range list {
		if b.count > before {
			out = append(out, cell{low, b.le, b.count - before})
			before = b.count
		}
		low = b.le
	}
	return out
}

// fill puts a window into a batch.
func (s *Source) fill(b *metric.Batch, t Target, w window, second, every int64) {
	if t.Queries.Requests != "" {
		k := metric.Bucket{
			// Prometheus knows no class: everything that the queries select is compared.
			Deployment: t.Deployment, Class: metric.Document, Second: second, Width: every,
			Requests: s.round(t.Deployment+" requests", w.requests),
		}
		k.Errors = min(s.round(t.Deployment+" errors", w.errors), k.Requests)
		k.Units = k.Errors // it knows no visitors either: each failure stands for one
		s.spread(&k.Latency, t.Deployment, w.latency)
		b.Buckets = append(b.Buckets, k)
	}
	for _, v := range w.values {
		if !v.known {
			continue
		}
		at := slices.IndexFunc(b.Values, func(x metric.Value) bool {
			return x.Deployment == t.Deployment && x.Metric == v.q.Name
		})
		if at < 0 {
			at = len(b.Values)
			b.Values = append(b.Values, metric.Value{
				Deployment: t.Deployment, Metric: v.q.Name, Second: second, Width: every,
			})
		}
		s.addTo(&b.Values[at].Sums, t.Deployment+" "+v.q.Name, v)
	}
}

func (s *Source) addTo(sums *judge.Sums, key string, v value) {
	if v.rate {
		n := s.round(key, v.all)
		some := min(s.round(key+" some", v.some), n)
		sums.N += n
		if v.q.Higher {
			some = n - some
		}
		sums.Bad += some
		return
	}
	if v.cells != nil {
		s.spread(&sums.Hist, key, v.cells)
		sums.N = sums.Hist.Count()
		return
	}
	sums.N += uint64(v.n)
	sums.Sum += v.sum
	sums.SumSq += v.sq
}

// round makes a whole number of an increase that Prometheus has extrapolated; what is cut off or added is carried
// over to the next window, so that a sum over windows is off by at most one half.
func (s *Source) round(key string, x float64) uint64 {
	if x += s.carry[key]; !(x <= mostCounted) {
		x = mostCounted // that many are none: what is carried over must stay a number
	}
	n := max(math.Floor(x+0.5), 0)
	s.carry[key] = max(x-n, -1)
	return uint64(n)
}

// forget lets go of what is remembered of versions that are not asked about any more, and of all when a server makes
// up bounds.
func (s *Source) forget(targets []Target) {
	for _, m := range []map[string]float64{s.carry, s.phase} {
		if len(m) > maxRemembered {
			clear(m)
		}
		for key := range m {
			of, _, _ := strings.Cut(key, " ")
			if !slices.ContainsFunc(targets, func(t Target) bool { return t.Deployment == of }) {
				delete(m, key)
			}
		}
	}
}

// spread counts a histogram's durations. Where in its bucket one lies is not known: they are laid out evenly by a
// sequence that goes on from window to window, so that few durations and many fall above any limit in the same
// proportion.
func (s *Source) spread(into *judge.Sketch, key string, cells []cell) {
	for _, c := range cells {
		high := c.high
		if math.IsInf(high, 1) {
			high = 2 * c.low // beyond the last bucket: only "longer" is known
		}
		name := key + " " + strconv.FormatFloat(c.high, 'g', -1, 64)
		n := s.round(name, c.count)
		u, ok := s.phase[name]
		if !ok {
			h := fnv.New32a()
			_, _ = h.Write([]byte(name)) // it cannot fail
			u = float64(h.Sum32()) / (1 << 32)
		}
		many := uint32(1 + n/1000) // so many at one place, to bound the work
		for left := n; left > 0; left -= uint64(many) {
			many = min(many, uint32(min(left, math.MaxUint32)))
			into.AddCount(1000*(c.low+u*(high-c.low)), many)
			u += golden
			u -= math.Floor(u)
		}
		s.phase[name] = u
	}
}
