package judge

import (
	"fmt"
	"math"
	"slices"

	"github.com/slipwayhq/slipway/internal/judge/num"
)

// Report says what is known, for people and for the guard.
func (j *Judge) Report() Report {
	r := Report{
		State: j.state(), Mode: j.mode(), Why: j.why(), LogE: j.logE, MaxLogE: j.maxLogE,
		Sureness: 1 - num.Exp(-max(j.maxLogE, 0)), Harm: j.harm, Share: finite(j.share), ShareLogE: j.split.logE(),
		Shared: slices.Clone(j.trouble.list[:j.trouble.used]), Metrics: []MetricReport{},
	}
	if r.Shared == nil {
		r.Shared = []Span{}
	}
	if j.next < j.warm && j.measured {
		r.WarmUntil = j.warm
	}
	r.Canary, r.Stable = j.totals(0), j.totals(1)
	r.Metrics = j.metrics(r)
	j.excluded(&r)
	j.forecast(&r)
	return r
}

func (j *Judge) totals(arm int) Totals {
	t := Totals{Requests: j.tot[arm].requests, Errors: j.tot[arm].errors, Units: j.tot[arm].units}
	counts, n := j.lat.sumC[:j.lat.bins.Count], j.lat.nC
	if arm == 1 {
		counts, n = j.lat.sumS[:j.lat.bins.Count], j.lat.nS
	}
	at := func(q float64) float64 { return j.lat.bins.quantile(counts, n, min(max(q, 0), 1)) }
	if n > 0 {
		half := float64(1.96 * math.Sqrt(0.95*0.05/n))
		t.P50, t.P95, t.P95Low, t.P95High, t.P99 = at(0.5), at(0.95), at(0.95-half), at(0.95+half), at(0.99)
	}
	return t
}

func (j *Judge) metrics(r Report) []MetricReport {
	lead := j.leads()
	out := []MetricReport{}
	if j.s.WorseErrors >= 0 {
		out = append(out, MetricReport{
			Name: "errors", Leads: lead == "errors", Weight: j.pi[0], LogE: j.errors.logE, MaxLogE: j.errors.maxLogE,
			Units: j.tot[0].units, Judged: j.tot[0].requests, Ratio: j.errors.interval(j.tot),
			Canary: over(j.tot[0].units, j.tot[0].requests), Stable: over(j.tot[1].units, j.tot[1].requests),
		})
	}
	if j.s.WorseLatency >= 0 {
		l := MetricReport{
			Name: "latency", Leads: lead == "latency" || lead == "slow", Weight: j.pi[1] + j.pi[2], Units: j.lat.slow,
			Judged: j.lat.judged, Canary: r.Canary.P95, Stable: r.Stable.P95,
		}
		if l.Weight > 0 {
			l.LogE = num.LogAdd(num.Log(j.pi[1])+j.lat.rankLog, num.Log(j.pi[2])+j.lat.slowLog) - num.Log(l.Weight)
			l.LogE = bounded(l.LogE)
		}
		l.MaxLogE = max(l.LogE, 0)
		if r.Canary.P95 > 0 && r.Stable.P95 > 0 {
			l.Ratio = Interval{Known: true, Value: r.Canary.P95 / r.Stable.P95, Low: r.Canary.P95Low / r.Stable.P95High,
				High: r.Canary.P95High / r.Stable.P95Low}
		}
		if j.lat.safe >= num.Log(20) {
			l.RuledOut = 1.5
		}
		out = append(out, l)
	}
	for _, c := range j.custom {
		out = append(out, c.report(lead))
	}
	for i := range out {
		out[i].finite()
	}
	return out
}

func (c *customEvidence) report(lead string) MetricReport {
	m := MetricReport{
		Name: c.m.Name, Leads: lead == c.m.Name, Signal: c.m.Signal, Weight: c.weight, LogE: c.logE, MaxLogE: c.maxLogE,
		Judged: c.sums[0].N, Units: c.sums[0].Bad, Canary: c.is(0), Stable: c.is(1),
	}
	if m.Stable > 0 && c.sums[0].N > 0 {
		v := m.Canary / m.Stable
		m.Ratio = Interval{Known: true, Value: v, Low: v, High: v}
		if c.rate != nil && c.sums[0].Bad < c.sums[0].N && c.sums[1].N > 0 {
			pc, ps := m.Canary, m.Stable
			se := math.Sqrt((1-pc)/max(pc*float64(c.sums[0].N), 1) + (1-ps)/max(ps*float64(c.sums[1].N), 1))
			m.Ratio.Low, m.Ratio.High = v*num.Exp(-1.96*se), v*num.Exp(1.96*se)
		}
	}
	return m
}

func (m *MetricReport) finite() {
	for _, x := range []*float64{&m.Weight, &m.LogE, &m.MaxLogE, &m.Canary, &m.Stable, &m.Ratio.Value, &m.Ratio.Low,
		&m.Ratio.High} {
		*x = finite(*x)
	}
}

func finite(x float64) float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return 0
	}
	return x
}

func over(a, b uint64) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// why says in words why errors are bet on as they are.
func (j *Judge) why() string {
	b := j.s.Background
	hours := max(float64(b.Seconds)/3600, 0.01)
	switch j.mode() {
	case Linear:
		if !b.Sliced {
			return fmt.Sprintf("Nobody says here which visitors failed, so failures are judged in blocks of %d s%s.",
				j.errors.block, between(j.errors.apart))
		}
		return fmt.Sprintf("Failures of this app come together even among equal visitors: judged in blocks of %d s.",
			j.errors.block)
	case Bursty:
		if b.Bursts == 0 {
			return "This app had a burst of failures among a few visitors; one like it is not held against the new version."
		}
		return fmt.Sprintf("This app has bursts of failures among a few visitors, about %.2g an hour and %.0f s long; "+
			"one like them is not held against the new version.", float64(b.Bursts)/hours, max(b.BurstSeconds, 5))
	}
	return "Failures of this app scatter like independent events."
}

// between says how far blocks are apart.
func between(seconds int64) string {
	if seconds == 0 {
		return ""
	}
	return fmt.Sprintf(", %d s apart", seconds)
}

// excluded fills which rungs are ruled out.
func (j *Judge) excluded(r *Report) {
	rungs := ladder()
	for i, x := range rungs {
		need := 10.0
		if i == 3 {
			need = lastNeed
		}
		if j.ruledOut(i) >= num.Log(need) {
			r.RuledOut = x
		} else if r.Open == 0 || x > r.Open {
			r.Open = x
			if r.RuledOut > 0 {
				break
			}
		}
	}
	if r.Open > 0 && r.RuledOut > 0 { // the largest below what is ruled out
		r.Open = 0
		for _, x := range rungs {
			if x < r.RuledOut {
				r.Open = x
				break
			}
		}
	}
}

// forecast fills how much more it would take, and what the harm is measured against.
func (j *Judge) forecast(r *Report) {
	ratio := j.errors.best()
	if j.s.WorseErrors < 0 {
		return
	}
	if ratio > 1.01 {
		r.HarmFloor = finite(harmFloor(ratio, j.s.Alpha))
	}
	r.Limit = j.limit()
	missing := -num.Log(j.s.Alpha) - j.logE
	ps := j.stableRate()
	if j.bad || missing <= 0 || j.logE <= 0 || !(ps > 0) || !(j.share > 0 && j.share < 1) {
		return
	}
	gain := growth(j.share, ratio, j.errors.rho, ps)
	n := missing / gain
	if !(gain > 0) || n > 1e9 {
		return
	}
	r.MoreRequests, r.MoreSeconds = uint64(math.Ceil(n)), j.untilSeen(n)
}

// limit is how many requests of the changed version any test needs on average to know of the rates as they look; 0 when
// it does not look worse.
func (j *Judge) limit() float64 {
	c, s := j.tot[0], j.tot[1]
	pc, ps := over(c.units, c.requests), over(s.units, s.requests)
	if s.requests == 0 || !(pc > ps) {
		return 0
	}
	return finite(WaldLimit(ps, pc, over(c.requests, c.requests+s.requests), j.s.Alpha))
}

// growth is what the evidence gains on average for each request of the canary, if it fails ratio times as often as
// the stable version at the rate ps, against a tolerated ratio rho: failures times the divergence of where they fall.
func growth(v, ratio, rho, ps float64) float64 {
	failures := float64(ps*ratio) + float64(ps*(1-v)/v)
	return failures * kl(share(v, ratio), share(v, rho))
}

// harmFloor is how many requests fail on average that would not have failed, before any test of level alpha can know
// of a ratio, at a small share (statistics: section 0).
func harmFloor(ratio, alpha float64) float64 {
	return num.Log(1/alpha) * (ratio - 1) / (float64(ratio*num.Log(ratio)) - ratio + 1)
}
