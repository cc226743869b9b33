package page

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/plot"
)

// window is the time that a usage covers.
func window(u api.FlagUsage) time.Duration {
	d := time.Duration(u.StepSeconds * float64(len(u.Points)) * float64(time.Second))
	if d > time.Hour {
		return d.Round(time.Hour) // the present step is counted too
	}
	return d
}

// lately writes the window behind "in the last": hour, 30 minutes.
func lately(u api.FlagUsage) string { return strings.TrimPrefix(span(window(u)), "1 ") }

// recent is how often the flag was evaluated in the window.
func recent(u api.FlagUsage) int64 {
	var n int64
	for _, p := range u.Points {
		for _, v := range p.Variants {
			n += v
		}
	}
	return n
}

// usageChart draws the evaluations of each variant over time. Four have a line of their own; what is left is one more.
func usageChart(f Frame, x api.Flag, u api.FlagUsage) plot.Chart {
	c := plot.Chart{
		ID: "usage-chart", Title: "Evaluations", Note: "by variant, in steps of " +
			span(time.Duration(u.StepSeconds*float64(time.Second))),
		Location: f.Zone, Height: 180, Empty: "Nobody has asked for it in this time.",
	}
	if n := len(u.Points); n > 1 && recent(u) > 0 {
		c.From, c.To = u.Points[0].At, u.Points[n-1].At
	}
	names, points := busiest(u), finished(u, x.Created, f.Now)
	tones := []plot.Tone{plot.Stable, plot.Canary, plot.Third, plot.Fourth}
	for i, name := range names[:min(len(names), len(tones))] {
		s := plot.Series{Name: cmp.Or(name, "fallback"), Tone: tones[i]}
		for _, p := range points {
			s.Points = append(s.Points, plot.Point{At: p.At, Value: float64(p.Variants[name])})
		}
		c.Series = append(c.Series, s)
	}
	if len(names) > len(tones) {
		rest := plot.Series{Name: "all others", Tone: plot.Neutral, Dashed: true}
		for _, p := range points {
			var n int64
			for _, name := range names[len(tones):] {
				n += p.Variants[name]
			}
			rest.Points = append(rest.Points, plot.Point{At: p.At, Value: float64(n)})
		}
		c.Series = append(c.Series, rest)
	}
	return c
}

// finished are the steps that are over and that the flag has seen: what is counted of the present one would look like a
// fall, and nothing is known of a time before it was made.
func finished(u api.FlagUsage, made, now time.Time) []api.UsagePoint {
	step := time.Duration(u.StepSeconds * float64(time.Second))
	var out []api.UsagePoint
	for _, p := range u.Points {
		if end := p.At.Add(step); end.After(made) && !end.After(now) {
			out = append(out, p)
		}
	}
	return out
}

// heard reports whether anything is known of a flag's usage.
func heard(u *api.FlagUsage) bool {
	return u != nil && (recent(*u) > 0 || slices.ContainsFunc(u.Variants, func(v api.VariantUsage) bool {
		return v.Evaluations+v.Exposures+v.Errors > 0
	}))
}

// busiest are the variants of a usage, those that were evaluated most first.
func busiest(u api.FlagUsage) []string {
	sum := map[string]int64{}
	for _, v := range u.Variants {
		sum[v.Variant] += 0
	}
	for _, p := range u.Points {
		for name, n := range p.Variants {
			sum[name] += n
		}
	}
	names := keysOf(sum)
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(sum[b], sum[a]) })
	return names
}

// errorShare writes failures as a share of exposures, with what it rests on.
func errorShare(v api.VariantUsage) string {
	if v.Exposures == 0 {
		return "–"
	}
	return percent(100 * float64(v.Errors) / float64(v.Exposures))
}
