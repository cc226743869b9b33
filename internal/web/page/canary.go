package page

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/plot"
)

// exposureLine says who has seen the new version and what it cost them so far.
func exposureLine(r api.Release, c api.Canary) string {
	risk := ""
	if v := r.Verdict; v != nil && v.Exposure != nil {
		risk = " " + count(v.Exposure.Spent) + " user-minutes at risk were spent"
		if v.Exposure.Budget > 0 {
			risk += " of a budget of " + count(v.Exposure.Budget)
		}
		risk += "."
	}
	harm := harmLine(r, c) + "."
	if r.Verdict != nil && r.Verdict.Comparison != nil {
		harm = "" // it stands above
	}
	if c.Exposed == 0 { // those who came before it are on it too, but are not counted
		return strings.TrimSpace(harm + risk)
	}
	seen := count(c.Exposed) + " new visitors have been on it"
	if harm == "" {
		return seen + "." + risk
	}
	return seen + "; " + lowerFirst(harm) + risk
}

// harmLine says what the new version cost its visitors so far: as the comparison counts it, while there is one, so that
// a page says one number.
func harmLine(r api.Release, c api.Canary) string {
	harm := c.HarmExtra
	if r.Verdict != nil && r.Verdict.Comparison != nil {
		harm = r.Verdict.Comparison.Harm
	}
	if harm >= 0.5 {
		return "About " + plural(int(harm+0.5), "request") + " failed that would not have failed on " + besides(r)
	}
	return "No request failed beyond the rate of " + besides(r)
}

// besides names what the changed version is compared with.
func besides(r api.Release) string {
	if r.Flag != nil {
		return "“" + r.Flag.Against + "”"
	}
	return "the stable version"
}

// canaryLead is the sentence of the canary's page: the verdict while there is one.
func canaryLead(r api.Release) string {
	if r.Verdict != nil && r.Ended == nil {
		return r.Verdict.Sentence
	}
	return r.Sentence
}

// hurtLine counts the errors of a place on both versions.
func hurtLine(p api.HurtPlace, stable string) string {
	return count(p.Errors) + " failed; " + count(p.Stable) + " on " + stable
}

func canaryMark(r api.Release) mark {
	if r.Verdict != nil {
		return verdictMark(r.Verdict.Word)
	}
	return phaseMark(r.Phase)
}

// gap is how far apart two points may lie to be joined.
func gap(c api.Canary) time.Duration {
	return time.Duration(c.StepSecs * 2.5 * float64(time.Second))
}

// shareChart draws what share was meant and what was measured.
func shareChart(f Frame, c api.Canary) plot.Chart {
	intended := plot.Series{Name: "intended", Tone: plot.Neutral, Step: true, Dashed: true}
	for _, s := range c.Shares {
		intended.Points = append(intended.Points, plot.Point{At: s.At, Value: s.Share})
	}
	measured := plot.Series{Name: "measured", Tone: plot.Canary, Gap: gap(c)}
	for _, m := range c.Measured {
		measured.Points = append(measured.Points, plot.Point{At: m.At, Value: m.Share, Low: m.Low, High: m.High})
	}
	return plot.Chart{
		ID: "share", Title: "Share", Note: "of requests, measured against " +
			"intended", Unit: plot.Percent, From: c.From, To: c.To,
		Location: f.Zone, Series: []plot.Series{intended, measured}, Events: marks(c), Height: 160,
		Empty: "No visitor has been on the new version yet.",
	}
}

// errorChart draws the error rate of both versions with 95 % intervals.
func errorChart(f Frame, r api.Release, c api.Canary, id string, height int) plot.Chart {
	value := func(p api.CanaryPoint) plot.Point {
		return plot.Point{At: p.At, Value: p.Rate, Low: p.RateLow, High: p.RateHigh}
	}
	ch := both(f, r, c, id, value)
	ch.Title, ch.Note, ch.Unit, ch.Height = "Error rate", "band: 95 % interval", plot.Fraction, height
	ch.Limits = limits(c.Limits.ErrorWarn, c.Limits.ErrorCritical)
	return ch
}

// latencyChart draws the 95th percentile of both versions with its interval.
func latencyChart(f Frame, r api.Release, c api.Canary, id string, height int) plot.Chart {
	timed := false
	value := func(p api.CanaryPoint) plot.Point {
		if p.P95 <= 0 { // no request takes no time: nothing was measured
			return plot.Point{At: p.At, Value: math.NaN()}
		}
		timed = true
		return plot.Point{At: p.At, Value: p.P95, Low: p.P95Low, High: p.P95High}
	}
	ch := both(f, r, c, id, value)
	if !timed && len(c.Canary) > 0 {
		ch.Empty = "Nobody measures response times here: the verdict does not rest on them."
	}
	ch.Title, ch.Note, ch.Unit, ch.Height = "Latency", "95th percentile", plot.Milliseconds, height
	ch.Shades, ch.Events = append(ch.Shades, coldShades(c)...), nil // the moments stand above the other pictures
	ch.Limits = limits(c.Limits.LatencyWarn, c.Limits.LatencyCritical)
	return ch
}

// both returns a chart with a line for each version. An interval without requests is a
// gap, never a zero.
func both(f Frame, r api.Release, c api.Canary, id string, value func(api.CanaryPoint) plot.Point) plot.Chart {
	line := func(name string, tone plot.Tone, points []api.CanaryPoint) plot.Series {
		s := plot.Series{Name: name, Tone: tone, Gap: gap(c)}
		for _, p := range points {
			q := value(p)
			if p.Requests == 0 {
				q = plot.Point{At: p.At, Value: math.NaN()}
			}
			s.Points = append(s.Points, q)
		}
		return s
	}
	stable, canary := arms(r)
	return plot.Chart{
		ID: id, From: c.From, To: c.To, Location: f.Zone, Events: marks(c),
		Shades: sharedShades(c),
		Series: []plot.Series{line(stable, plot.Stable, c.Stable), line(canary, plot.Canary, c.Canary)},
		Empty:  "No requests have been measured yet.",
	}
}

func limits(warn, critical float64) []plot.Limit {
	var out []plot.Limit
	if warn > 0 {
		out = append(out, plot.Limit{Value: warn, Label: "warn"})
	}
	if critical > 0 {
		out = append(out, plot.Limit{Value: critical, Label: "critical", Critical: true})
	}
	return out
}

// marks are the moments at which the guard's word changed.
func marks(c api.Canary) []plot.Event {
	var out []plot.Event
	last := ""
	inOrder := slices.Clone(c.Verdicts)
	slices.SortStableFunc(inOrder, func(a, b api.VerdictMark) int { return a.At.Compare(b.At) })
	for _, v := range inOrder {
		if v.Word != last {
			out = append(out, plot.Event{At: v.At, Label: shortVerdict(v.Word)})
		}
		last = v.Word
	}
	return out[max(len(out)-8, 0):] // more lines than that hide what they mark
}

// shortVerdict is a verdict's word as it fits above a picture.
func shortVerdict(word string) string {
	switch word {
	case "better_or_equal":
		return "equal"
	case "not_enough_evidence":
		return "unsure"
	case "broken_measurement":
		return "broken"
	}
	return human(word)
}

// healthStrip draws the health checks of both versions.
func healthStrip(f Frame, c api.Canary) plot.Strip {
	rows := []plot.StripRow{{Name: "stable", Tone: plot.Stable}, {Name: "canary", Tone: plot.Canary}}
	for _, h := range c.Health {
		i := 0
		if h.Arm == "canary" {
			i = 1
		}
		rows[i].Marks = append(rows[i].Marks, plot.Mark{At: h.At, OK: h.OK, Detail: h.Problem})
	}
	return plot.Strip{
		ID: "health", Title: "Health", Note: "a tick answered, a cross did " +
			"not", From: c.From, To: c.To, Location: f.Zone, Rows: rows,
		Empty: "No health check has run yet.",
	}
}

// findingsOf returns the findings that are in order, or those that are not.
func findingsOf(v api.Verdict, inOrder bool) []api.Finding {
	return slices.DeleteFunc(slices.Clone(v.Findings), func(x api.Finding) bool { return (x.Level == "info") != inOrder })
}

// inOrder counts the findings that nobody has to read.
func inOrder(n, all int) string {
	if n == all {
		return "All " + plural(n, "rule") + " are in order"
	}
	return plural(n, "other rule") + " in order"
}

// bad returns the canary with the marks of bad verdicts only: a small picture has no room
// for more.
func bad(c api.Canary) api.Canary {
	c.Verdicts = slices.DeleteFunc(slices.Clone(c.Verdicts), func(v api.VerdictMark) bool {
		return v.Word != "worse" && v.Word != "broken_measurement"
	})
	return c
}

// mostVerdicts is how many changes of the verdict the page lists; the log has all.
const mostVerdicts = 6

// newest are the latest changes of the verdict, the last one first.
func newest(all []api.VerdictMark) []api.VerdictMark {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b api.VerdictMark) int { return b.At.Compare(a.At) })
	return all[:min(len(all), mostVerdicts)]
}
