package judge

import (
	"math"

	"github.com/slipwayhq/slipway/internal/judge/num"
)

// customEvidence is the evidence on one custom metric.
type customEvidence struct {
	m       Metric
	rate    *errorEvidence
	lat     *latencyEvidence
	mean    meanEvidence
	sums    [2]Sums // canary, stable, since the start; without histograms
	counts  [2][]uint32
	seen    [2][]float64 // durations by bin, whether they could be judged yet or not
	seenN   [2]float64
	weight  float64 // in the total
	logE    float64
	maxLogE float64
	next    int64
}

// meanEvidence is an anytime test of a difference of means that holds for large samples (statistics: section 3.2),
// anew at each share, the evidence of the shares multiplied.
type meanEvidence struct {
	n, sum, sq [2]float64
	kept       float64 // ln of the evidence of earlier shares
	now        float64
	share      float64
}

// fewestValues is how many values each version needs before means are compared.
const fewestValues = 200

func newCustomEvidence(m Metric, s Settings) *customEvidence {
	c := &customEvidence{m: m, next: math.MinInt64}
	switch m.Kind {
	case Durations:
		l := newLatencyEvidence(ProductBins(), max(m.WorseBy, 0), 0, Background{})
		c.lat = &l
		c.counts[0], c.counts[1] = make([]uint32, foldCount), make([]uint32, foldCount)
		c.seen[0], c.seen[1] = make([]float64, foldCount), make([]float64, foldCount)
	case Mean:
		c.mean.share = math.NaN()
	default:
		s.WorseErrors, s.Slack, s.Background = max(m.WorseBy, 0), 0, Background{}
		e := newErrorEvidence(s)
		e.atOnce, e.turned = mostValues, m.Higher
		if m.Higher { // fewer good events are worse: the same bets with the ratios turned round
			for i := range e.worlds {
				e.worlds[i].Ratio = 1 / e.worlds[i].Ratio
			}
		}
		c.rate = &e
	}
	return c
}

// value judges one span. Durations of a version whose caches are still cold are learned from, but not judged.
func (c *customEvidence) value(v *Value, warm bool) {
	if v.Second < c.next {
		return
	}
	width := float64(min(max(v.Width, 1), 86400))
	c.next = v.Second + int64(width)
	a, b := v.Canary.sane(), v.Stable.sane()
	for i, x := range [2]Sums{a, b} {
		if c.lat != nil && !warm {
			break
		}
		c.sums[i].N += x.N
		c.sums[i].Bad += x.Bad
		c.sums[i].Sum += x.Sum
		c.sums[i].SumSq += x.SumSq
	}
	switch {
	case c.rate != nil:
		nc, ns := float64(a.N), float64(b.N)
		if nc == 0 || ns == 0 {
			return
		}
		x, y := float64(a.Bad), float64(b.Bad)
		if c.m.Higher {
			x, y = nc-x, ns-y
		}
		// Each value is one visitor or session of its version, so the share of the values is the share of the visitors.
		c.rate.tick(v.Second, width, nc/(nc+ns), false, x, x+y, x, nc, nc+ns, 0, 1)
		c.logE = c.rate.logE
	case c.lat != nil:
		clear(c.counts[0])
		clear(c.counts[1])
		ProductBins().Fold(a.Hist, c.counts[0])
		ProductBins().Fold(b.Hist, c.counts[1])
		if warm {
			c.see()
			c.lat.tick(v.Second, width, c.counts[0], c.counts[1])
		}
		c.lat.learn(c.counts[0], c.counts[1], width)
		c.logE = num.LogAdd(c.lat.rankLog+num.Log(0.7), c.lat.slowLog+num.Log(0.3))
	default:
		c.mean.add(v.Share, a, b, c.m)
		c.logE = bounded(c.mean.kept + c.mean.now)
	}
	c.maxLogE = max(c.maxLogE, c.logE)
}

// see keeps durations for people: how long they are is known from the first on, how much longer than others is judged
// only when there are many.
func (c *customEvidence) see() {
	for arm, counts := range c.counts {
		for i, n := range counts {
			c.seen[arm][i] += float64(n)
			c.seenN[arm] += float64(n)
		}
	}
	if c.seenN[0] > 5000 { // what begins late must not drown in what was before
		for i := range c.seen[0] {
			c.seen[0][i], c.seen[1][i] = float64(c.seen[0][i]/2), float64(c.seen[1][i]/2)
		}
		c.seenN[0], c.seenN[1] = float64(c.seenN[0]/2), float64(c.seenN[1]/2)
	}
}

func (m *meanEvidence) add(share float64, a, b Sums, metric Metric) {
	if share != m.share {
		m.kept, m.now, m.share = bounded(m.kept+m.now), 0, share
		m.n, m.sum, m.sq = [2]float64{}, [2]float64{}, [2]float64{}
	}
	for i, x := range [2]Sums{a, b} {
		m.n[i] += float64(x.N)
		m.sum[i] += x.Sum
		m.sq[i] += x.SumSq
	}
	if m.n[0] < fewestValues || m.n[1] < fewestValues {
		return
	}
	mc, ms := m.sum[0]/m.n[0], m.sum[1]/m.n[1]
	variance := 0.0
	for i, mean := range [2]float64{mc, ms} {
		variance += max(m.sq[i]/m.n[i]-float64(mean*mean), 0) / m.n[i]
	}
	if !(variance > 0) {
		return
	}
	worse := mc - ms
	if metric.Higher {
		worse = -worse
	}
	worse -= float64(math.Abs(ms) * max(metric.WorseBy, 0))
	n := m.n[0] + m.n[1]
	const planned = 20000.0
	q := 10.0 / planned // (-2 ln a + ln(1 - 2 ln a))/N* at a = 0.02: one side of 1 %
	t := max(worse, 0) / math.Sqrt(variance)
	m.now = bounded(float64(q*n*t*t/(2*(float64(n*q)+1))) - float64(num.Log(float64(n*q)+1)/2))
}

// Add merges o's sums into s. S shares nothing with o, unless it did before.
func (s *Sums) Add(o Sums) {
	s.N += o.N
	s.Bad += o.Bad
	s.Sum += o.Sum
	s.SumSq += o.SumSq
	s.Hist.Merge(o.Hist)
}

// sane bounds what a source may claim.
func (s Sums) sane() Sums {
	s.N = min(s.N, 1<<40)
	s.Bad = min(s.Bad, s.N)
	if math.IsNaN(s.Sum) || math.IsInf(s.Sum, 0) || math.IsNaN(s.SumSq) || math.IsInf(s.SumSq, 0) || s.SumSq < 0 {
		s.N, s.Bad, s.Sum, s.SumSq = 0, 0, 0, 0
	}
	return s
}

// is is the metric's value of one version: a fraction, a mean or the 75th percentile in milliseconds; 0 when there is
// none.
func (c *customEvidence) is(arm int) float64 {
	s := c.sums[arm]
	switch {
	case c.lat != nil:
		return c.lat.bins.quantile(c.seen[arm], c.seenN[arm], 0.75)
	case s.N == 0:
		return 0
	case c.rate != nil && c.m.Higher:
		return float64(s.N-s.Bad) / float64(s.N)
	case c.rate != nil:
		return float64(s.Bad) / float64(s.N)
	}
	return s.Sum / float64(s.N)
}
