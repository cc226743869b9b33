package guard

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/metric"
)

// compares says whether the rules ask for a comparison.
func (r Rules) compares() bool {
	return r.ErrorRate.WorseBy > 0 || r.LatencyP95.WorseBy > 0 || len(r.Metrics) > 0
}

// linearBlock is how many seconds of failures were judged together where no visitors are known, before blocks were
// apart: so they are made again.
const linearBlock = 60

// Settings are the judge's settings under the rules.
func (r Rules) Settings(b judge.Background) judge.Settings {
	s := judge.Settings{
		Alpha: r.Alpha, WorseErrors: r.ErrorRate.WorseBy,
		WorseLatency: r.LatencyP95.WorseBy, WorthLatency: r.LatencyP95.WorseBy,
		SlackLatency: r.LatencyP95.AtLeast,
		ColdStart:    r.ColdStart, Horizon: r.Horizon, Background: b,
	}
	s.Shared = r.Source == metric.Drain && b.Sliced // its records told the stable version's visitors apart
	if r.Source != "" && !s.Shared {                // one who tries again must not be taken for many
		s.Background.Sliced, s.Background.Mode = false, judge.Linear
		if b.Apart == 0 {
			s.Background.Block = max(b.Block, linearBlock)
		}
	}
	for _, f := range []*float64{&s.WorseErrors, &s.WorseLatency} {
		if !(*f > 0) {
			*f = -1
		}
	}
	if s.ColdStart <= 0 {
		s.ColdStart = -1
	}
	for _, m := range r.Metrics {
		s.Metrics = append(s.Metrics, m.Metric)
	}
	if r.Weights != (Weights{}) {
		r.weigh(&s)
	}
	return s
}

// judged is what the judge says of all that the pass has taken.
func (x *exam) judged() judge.Report {
	j := x.pass.j
	if end := x.judgedTo(); x.pass.last < end-1 { // silence is known as well; on a copy, because it may end
		now := *j
		now.Tick(&judge.Tick{Second: end - 1, Share: x.betShare(end-1, x.shareIn(end-1))})
		j = &now
	}
	for _, to := range x.ev.Ladder {
		if c := j.Climb(to / 100); c.Cleared {
			x.cleared = max(x.cleared, to)
		} else {
			x.next, x.lacks = &c, lacking(c, x.name(canary))
			break
		}
	}
	return j.Report()
}

// steadied is how many failures of the stable version a wide bucket is judged with: what it has, or, when a bucket
// beside it shows far more than chance would, so many at that one's rate. Processes are not measured at the same
// moments, so what hits both versions may be counted on one of them a bucket earlier; it must not look like a fault of
// that one. More failures on the stable side only ever speak for the changed version.
func (x *exam) steadied(pairs []pair, i int) uint64 {
	own := pairs[i].stable
	if own == nil {
		return 0
	}
	n := own.Errors
	for _, k := range []int{i - 1, i + 1} {
		if k < 0 || k >= len(pairs) || pairs[k].stable == nil || pairs[k].stable.Requests == 0 {
			continue
		}
		if d := pairs[k].second - pairs[i].second; d != x.width && d != -x.width {
			continue
		}
		have := float64(own.Errors)
		beside := float64(pairs[k].stable.Errors) / float64(pairs[k].stable.Requests) * float64(own.Requests)
		if beside > have+4*math.Sqrt(have+1) {
			n = max(n, uint64(min(beside, most)))
		}
	}
	return min(n, own.Requests)
}

// judgedTo is the second up to which the judge may take what is known: a bucket that smears waits for the one after it,
// see steadied.
func (x *exam) judgedTo() int64 {
	if x.smears {
		return x.end - x.width
	}
	return x.end
}

// betShare is the share at which a second is compared: none while the stable version is ill. A failing one answers at
// another speed, and its errors would excuse anybody's.
func (x *exam) betShare(second int64, share float64) float64 {
	if x.pass.stable.IllAt(second) {
		return math.NaN()
	}
	return share
}

// judgeArm is one version's second as the judge takes it; counts are used again.
func judgeArm(b *metric.Bucket, bins judge.Bins, counts []uint32) judge.Arm {
	clear(counts)
	if b == nil {
		return judge.Arm{Latency: counts}
	}
	return judge.Arm{
		Requests: b.Requests, Errors: b.Errors, Units: b.Units, New: b.New, Slow: b.Slow,
		Latency: bins.Fold(b.Latency, counts),
	}
}

// lacking says in words what is missing for the next share.
func lacking(c judge.Climb, changed string) string {
	switch {
	case c.Have < c.Need:
		s := fmt.Sprintf("Before %g %%, %s errors must be ruled out: the evidence for that is %s of %g", 100*c.To,
			moreErrors(c.Excluded), trim(fmt.Sprintf("%.1f", min(c.Have, 1e6))), c.Need)
		if c.MoreRequests > 0 {
			s += ", which takes " + moreOf(c.MoreRequests, changed, c.MoreSeconds) + " if it is no worse"
		}
		return s + "."
	case c.Slow:
		return fmt.Sprintf("Before %g %%, half as many slow requests again must be ruled out.", 100*c.To)
	case c.Seconds > 0:
		return fmt.Sprintf("Before %g %%, it stays where it is for another %s.", 100*c.To, span(c.Seconds))
	}
	return fmt.Sprintf("Nothing may rise to %g %% while something speaks against it.", 100*c.To)
}

// comparison adds the findings of the judge.
func (x *exam) comparison() {
	if x.alone() || !x.rules.compares() {
		return
	}
	r := x.judged()
	for i, m := range r.Metrics { // in their own measure again
		for _, rule := range x.rules.Metrics {
			if rule.Name == m.Name && rule.Scale > 0 {
				r.Metrics[i].Canary, r.Metrics[i].Stable = m.Canary/rule.Scale, m.Stable/rule.Scale
			}
		}
	}
	x.report = &r
	for _, m := range r.Metrics {
		switch m.Name {
		case "errors":
			x.weigh(x.errorCompare(r, m), r, m)
		case "latency":
			x.weigh(x.latencyCompare(r, m), r, m)
		default:
			x.weigh(x.metricCompare(m), r, m)
		}
	}
}

// signal is the e-value from which a metric that may only hold does so.
const signal = 20

// weigh gives the leading finding its level by the total e-value.
func (x *exam) weigh(f Finding, r judge.Report, m judge.MetricReport) {
	if m.Leads {
		f.Chance = math.Exp(-max(r.MaxLogE, 0))
	}
	switch {
	case m.Leads && r.State == judge.Bad:
		f.Level = Critical
		f.Sentence += fmt.Sprintf(" An equally good one looks so bad less than once in %s times.",
			thousands(uint64(min(math.Exp(r.MaxLogE), 1e6)))) + x.price(r, m)
		x.say(worse, f)
	case m.Leads && r.State == judge.Suspicious:
		f.Level = Warn
		f.Sentence += " It looks worse, but that is not certain yet."
		if r.MoreRequests > 0 {
			f.Sentence += fmt.Sprintf(" About %s more would make it certain.", requests(r.MoreRequests))
		}
		x.say(doubt, f)
	case m.Signal && m.LogE >= math.Log(signal):
		f.Level = Warn
		f.Sentence += " The strategy takes it as a signal: it holds, and nobody goes back for it."
		x.say(doubt, f)
	default:
		x.say(fine, f)
	}
}

// price says what it took to know that more requests fail, and what it must take at least, whoever looks.
func (x *exam) price(r judge.Report, m judge.MetricReport) string {
	n, excess := float64(r.Canary.Requests), m.Canary-m.Stable
	if m.Name != "errors" || r.Limit < 1 || n < r.Limit {
		return ""
	}
	return fmt.Sprintf(" Known after %s of %s, about %s of them needless failures. Of a fault that is there from the "+
		"start no method can know before about %s on average: this took %s times that.", requests(r.Canary.Requests),
		x.name(canary), times(n*excess), thousands(uint64(math.Round(r.Limit))), times(n/r.Limit))
}

func (x *exam) errorCompare(r judge.Report, m judge.MetricReport) Finding {
	f := Finding{
		Rule: "error_compare", Arm: "both", Level: Info, Limit: 1 + x.rules.ErrorRate.WorseBy, Unit: "x",
		Known: m.Ratio.Known, Value: m.Ratio.Value, Requests: r.Canary.Requests, Errors: r.Canary.Errors,
		From: x.start, To: x.end,
	}
	f.Sentence = thousands(r.Canary.Errors) + " of " + requests(r.Canary.Requests) + " failed on " + x.name(canary) +
		", " + thousands(r.Stable.Errors) + " of " + thousands(r.Stable.Requests) + " on " + x.name(stable) + "."
	if m.Ratio.Known && m.Ratio.Low > 1 {
		f.Sentence += " That is at least " + times(m.Ratio.Low) + " times as often."
	}
	return f
}

func (x *exam) latencyCompare(r judge.Report, m judge.MetricReport) Finding {
	f := Finding{
		Rule: "latency_compare", Arm: "both", Level: Info, Limit: 1 + x.rules.LatencyP95.WorseBy, Unit: "x",
		Requests: m.Judged, Errors: m.Units, From: x.start, To: x.end,
	}
	if m.Judged == 0 || r.Stable.P95 <= 0 {
		f.Sentence = "Response times were not compared yet."
		return f
	}
	f.Known, f.Value = true, r.Canary.P95/r.Stable.P95
	f.Sentence = "1 in 20 requests takes longer than " + millis(r.Canary.P95) + " on " + x.name(canary) +
		", longer than " + millis(r.Stable.P95) + " on " + x.name(stable) + "."
	return f
}

// metricCompare answers for a custom metric.
func (x *exam) metricCompare(m judge.MetricReport) Finding {
	f := Finding{
		Rule: "metric:" + m.Name, Arm: "both", Level: Info, Unit: "x", Known: m.Ratio.Known, Value: m.Ratio.Value,
		Requests: m.Judged, Errors: m.Units, From: x.start, To: x.end,
	}
	i := slices.IndexFunc(x.rules.Metrics, func(r MetricRule) bool { return r.Name == m.Name })
	if i < 0 || m.Judged == 0 {
		f.Sentence = fmt.Sprintf("Nothing is known of %s yet.", short(m.Name))
		return f
	}
	rule := x.rules.Metrics[i]
	f.Limit = 1 + rule.WorseBy
	if rule.Higher {
		f.Limit = 1 - rule.WorseBy
	}
	say := func(v float64) string {
		switch {
		case rule.Kind == judge.Durations && v <= 0: // nothing takes no time
			return "not known"
		case rule.Scale > 0:
			return trim(fmt.Sprintf("%.3f", v))
		case rule.Kind == judge.Durations:
			return millis(v)
		case rule.Kind == judge.Rate:
			return percent(v)
		}
		return strings.TrimSpace(number(v) + " " + rule.Unit)
	}
	f.Sentence = fmt.Sprintf("%s is %s on %s, %s on %s.", capital(short(m.Name)), say(m.Canary), x.name(canary),
		say(m.Stable), x.name(stable))
	return f
}

func moreErrors(ratio float64) string {
	if ratio < 2 {
		return strconv.FormatFloat((ratio-1)*100, 'f', 0, 64) + " % more"
	}
	return times(ratio) + " times as many"
}
