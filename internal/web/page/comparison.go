package page

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/plot"
)

// stateMark returns the mark of a comparison's state.
func stateMark(s string) mark {
	switch s {
	case "warming":
		return mark{"wait", "wait", "Warming up"}
	case "watching":
		return mark{"now", "busy", "Watching"}
	case "suspicious":
		return mark{"alert", "wait", "Suspicious"}
	case "bad":
		return mark{"alert", "bad", "Worse"}
	case "safe":
		return mark{"done", "good", "Safe"}
	case "blind":
		return mark{"question", "broken", "Blind"}
	}
	return mark{"none", "quiet", "Nothing is compared"}
}

// stateSays is what a state means for the release.
func stateSays(s string) string {
	switch s {
	case "warming":
		return "Too little is known yet, or caches are still cold. Failures count from the first one."
	case "watching":
		return "The evidence grows with every failure, on whichever version it lands."
	case "suspicious":
		return "It looks worse than chance explains: the share may not rise. Nobody is sent back for a suspicion."
	case "bad":
		return "The evidence suffices, and it stays so."
	case "safe":
		return "No worse, as far as the strategy asks for proof."
	case "blind":
		return "Silence is never a pass: nothing rises until the measurement works again."
	}
	return ""
}

// lines of a comparison that say something, with their names.
func told(c api.Comparison) [][2]string {
	all := [][2]string{{"How sure", c.Says.Sure}, {"How bad", c.Says.RuledOut}, {"Missing", c.Says.Needs},
		{"Harm", c.Says.Harm}}
	var out [][2]string
	for _, line := range all {
		if line[1] != "" {
			out = append(out, line)
		}
	}
	return out
}

// rungs draws what is ruled out beside the ratio of the error rates.
func rungs(r api.Release, c api.Comparison) plot.Rungs {
	p := plot.Rungs{ID: "rungs", Title: "Ruled out", Note: "error rate of " + r.Version + " divided by that of " +
		before(r) + ", with 95 % limits", Name: "ratio"}
	for _, times := range []float64{10, 5, 3, 2} {
		p.Rungs = append(p.Rungs, plot.Rung{Times: times, Excluded: c.RuledOut > 0 && times >= c.RuledOut})
	}
	for _, m := range c.Metrics {
		if m.Name == "errors" {
			p.Known, p.Value, p.Low, p.High = saysSomething(m.Ratio), m.Ratio.Value, m.Ratio.Low, m.Ratio.High
			p.Open = m.Ratio.Open
			p.Tolerated = m.Tolerated
		}
	}
	return p
}

// before names the version that a release replaces.
func before(r api.Release) string {
	if r.Previous == "" {
		return "the stable version"
	}
	return r.Previous
}

// harmMeter draws the harm beside what nobody could have avoided.
func harmMeter(c api.Comparison) plot.Meter {
	m := plot.Meter{ID: "harm", Title: "Harm so far", Note: "failed requests beyond the stable version’s rate",
		Value: max(c.Harm, 0), Mark: c.HarmFloor, Says: count(int64(max(c.Harm, 0) + 0.5))}
	if c.HarmFloor > 0 {
		m.Marked = fmt.Sprintf("%.0f: the least, by any method", max(c.HarmFloor, 1))
	}
	return m
}

// evidenceChart draws the e-value over time.
func evidenceChart(f Frame, c api.Canary) plot.Chart {
	now := plot.Series{Name: "evidence", Tone: plot.Canary, Gap: gap(c)}
	high := plot.Series{Name: "highest", Tone: plot.Neutral, Dashed: true, Gap: gap(c)}
	for _, p := range c.Evidence {
		now.Points = append(now.Points, plot.Point{At: p.At, Value: eValue(p.LogE)})
		high.Points = append(high.Points, plot.Point{At: p.At, Value: eValue(p.MaxLogE)})
	}
	ch := plot.Chart{
		ID: "evidence", Title: "Evidence against it",
		Note: "e-value: how many times a fair bet against it multiplied its stake",
		From: c.From, To: c.To, Location: f.Zone, Log: true, Low: 0.5, High: 150, Series: []plot.Series{high, now},
		Shades: sharedShades(c), Height: 190, Empty: "Nothing has been compared yet.",
	}
	if c.Limits.Suspicious > 0 {
		ch.Limits = append(ch.Limits, plot.Limit{Value: c.Limits.Suspicious, Label: "suspicious"})
	}
	if c.Limits.TakeBack > 0 {
		ch.Limits = append(ch.Limits, plot.Limit{Value: c.Limits.TakeBack, Label: "goes back", Critical: true})
	}
	return ch
}

// eValue keeps an e-value on an axis that people can read: what lies above a million has long been decided.
func eValue(log float64) float64 { return math.Exp(min(max(log, math.Log(0.1)), math.Log(1e6))) }

// ratioChart draws the ratio of the error rates with its confidence sequence.
func ratioChart(f Frame, c api.Canary) plot.Chart {
	const least, most = 0.1, 100
	s := plot.Series{Name: "ratio", Tone: plot.Canary, Gap: gap(c)}
	for _, p := range c.Evidence {
		q := plot.Point{At: p.At, Value: math.NaN()}
		if saysSomething(p.Ratio) {
			q.Value = min(max(p.Ratio.Value, least), most)
			q.Low, q.High = max(p.Ratio.Low, least), p.Ratio.High
			if p.Ratio.Open || q.High > most {
				q.High = most
			}
		}
		s.Points = append(s.Points, q)
	}
	ch := plot.Chart{
		ID: "ratio", Title: "Error rate, canary ÷ stable", Note: "band: holds with 95 %, at all looks together",
		Unit: plot.Times, From: c.From, To: c.To, Location: f.Zone, Log: true, Low: 0.5, High: 4, Series: []plot.Series{s},
		Limits: []plot.Limit{{Value: 1, Label: "equal"}}, Shades: sharedShades(c), Height: 190,
		Empty: "The ratio is not known yet: too few failures were compared.",
	}
	if c.Limits.Tolerated > 1 {
		ch.Limits = append(ch.Limits, plot.Limit{Value: c.Limits.Tolerated, Label: "tolerated", Critical: true})
	}
	return ch
}

// verdictState is the mark of what a version is held to, and what that means.
func verdictState(v api.Verdict) (mark, string) {
	if v.Mode == "broken_stable" && v.State != "bad" && v.State != "blind" {
		return mark{"alert", "wait", "Stable is broken"}, "A comparison with a broken version is worth nothing: a fix " +
			"would always win, and one that is as bad would pass."
	}
	return stateMark(v.State), stateSays(v.State)
}

// heldTo says what a version is held to while the stable one is broken itself.
func heldTo(f Frame, r api.Release, v api.Verdict) string {
	s := "Not to " + before(r) + " as it is now, which is beyond the limits since " + f.clockOnly(*v.StableBroken) +
		", but to the limits"
	if v.StableHealthy == nil {
		return s + ": no time is known in which it kept them."
	}
	return s + " and to what it did until " + f.clockOnly(*v.StableHealthy) + "."
}

// sharedShades are the times in which both versions were in trouble, and in which the stable one alone was.
func sharedShades(c api.Canary) []plot.Shade {
	var out []plot.Shade
	for _, s := range c.Broken {
		out = append(out, plot.Shade{From: s.From, To: s.To, Label: "stable is broken: not compared"})
	}
	for _, s := range c.StoodIn {
		out = append(out, plot.Shade{From: s.From, To: s.To, Label: "drain is silent"})
	}
	for _, s := range c.Shared {
		out = append(out, plot.Shade{From: s.From, To: s.To, Label: "both: not held against it"})
	}
	return out
}

// coldShades are the times in which durations were not judged.
func coldShades(c api.Canary) []plot.Shade {
	var out []plot.Shade
	for _, s := range c.Warming {
		out = append(out, plot.Shade{From: s.From, To: s.To, Label: "cold: not judged"})
	}
	return out
}

// sharedLine says in words what was shared and what follows from it.
func sharedLine(f Frame, s api.Stretch, version string) string {
	return title(s.Why) + " " + f.from(s) + ": not held against " + version + "."
}

// from writes a stretch of time as "14:02–14:06".
func (f Frame) from(s api.Stretch) string {
	layout := "15:04"
	if s.To.Sub(s.From) < 10*time.Minute {
		layout = "15:04:05"
	}
	return s.From.In(f.Zone).Format(layout) + "–" + s.To.In(f.Zone).Format(layout)
}

// metricName is a metric as people call it.
func metricName(m api.MetricEvidence) string {
	switch m.Name {
	case "errors":
		return "Failed visitors"
	case "latency":
		return "Response time, p95"
	case "lcp", "inp", "cls", "fcp", "ttfb":
		return strings.ToUpper(m.Name)
	}
	return title(m.Name)
}

// measured writes a version's value, where something was measured.
func measured(m api.MetricEvidence, v float64) string {
	timed := slices.Contains([]string{"latency", "lcp", "inp", "cls", "fcp", "ttfb"}, m.Name)
	if m.Judged == 0 || timed && v <= 0 { // no request takes no time: nothing was measured
		return "–"
	}
	return valueOf(v, m.Unit)
}

// valueOf writes a metric's value with its unit.
func valueOf(v float64, unit string) string {
	switch unit {
	case "fraction":
		return percent(v * 100)
	case "ms":
		if v > 0 && v < 10 {
			return strconv.FormatFloat(v, 'f', 1, 64) + "\u00a0ms"
		}
		return millis(v)
	case "":
		return plainly(v)
	}
	return plainly(v) + "\u00a0" + unit
}

// saysSomething tells whether a ratio is known to be anything: from none to any number is no ratio.
func saysSomething(r api.Ratio) bool { return r.Known && (!r.Open || r.Low > 0) }

// ratioOf writes a ratio with its limits.
func ratioOf(r api.Ratio) string {
	if !saysSomething(r) {
		return "not known"
	}
	s := times(r.Value)
	switch {
	case r.Open && r.Value <= r.Low:
		s += " or more"
	case r.Open:
		s += " (" + times(r.Low) + " or more)"
	case r.High > r.Low:
		s += " (" + times(r.Low) + "–" + times(r.High) + ")"
	}
	return s
}

// times writes a factor.
func times(v float64) string {
	digits := 2
	if v >= 10 {
		digits = 0
	}
	s := strconv.FormatFloat(v, 'f', digits, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s + "×"
}

// evalue writes an e-value.
func evalue(logE float64) string {
	switch e := math.Exp(min(logE, 20)); {
	case e >= 1e6:
		return "over a million"
	case e >= 99.5:
		return count(int64(e + 0.5))
	default:
		return strconv.FormatFloat(e, 'g', 2, 64)
	}
}

// weightOf writes a metric's weight in the total, or that it has none.
// totalOf says what the metrics' evidence adds up to.
func totalOf(c api.Comparison) string {
	by := ""
	if c.Weighed {
		by = " by the strategy's weights"
	}
	return "The total is the weighted mean of the evidence" + by + "; the version goes back when it reaches " +
		count(int64(1/c.Alpha+0.5)) + "."
}

func weightOf(m api.MetricEvidence) string {
	if m.Role == "signal" {
		return "signal: may only hold"
	}
	return percent(math.Round(m.Weight*1000)/10) + " of the total"
}

// looks are some of the points of the pictures, as a table has them.
type looks struct {
	at             time.Time
	e, ratio       string
	stable, canary string
}

func looksOf(c api.Canary) []looks {
	const most = 6
	var out []looks
	n := len(c.Evidence)
	for i, p := range c.Evidence {
		if n > most && i != n-1 && (i*most)/n == ((i-1)*most)/n && i > 0 {
			continue
		}
		out = append(out, looks{at: p.At, e: evalue(p.LogE), ratio: ratioOf(p.Ratio),
			stable: near(c.Stable, p.At, c.StepSecs), canary: near(c.Canary, p.At, c.StepSecs)})
	}
	return out
}

// near is the error rate and the 95th percentile in the interval that holds a time.
func near(points []api.CanaryPoint, at time.Time, step float64) string {
	for _, p := range points {
		if d := at.Sub(p.At).Seconds(); d >= 0 && d < max(step, 1) {
			return rate(p.Rate) + ", " + millis(p.P95)
		}
	}
	return "–"
}

// effectMark says whether a bake is long enough for an effect.
func effectMark(within bool) mark {
	if within {
		return mark{"done", "good", "Will be seen"}
	}
	return mark{"none", "quiet", "Bake too short"}
}

// seconds writes a number of seconds in words.
func seconds(s float64) string {
	return span(time.Duration(min(max(s, 0), 3e8)) * time.Second)
}

// plainly writes a number with three digits, or as a whole one, never with an exponent that people would have to read.
func plainly(v float64) string {
	if math.Abs(v) >= 999.5 {
		return count(int64(math.Round(max(min(v, 1e15), -1e15))))
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}
