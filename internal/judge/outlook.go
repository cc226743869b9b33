package judge

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// overhead is how many times the information limit the judge needs: measured by the contest (G2 to G4).
const overhead = 1.6

// Forecast says what a comparison can know at a traffic of rate requests a second (both versions together), a stable
// rate of failed visitors and a share (0 to 1) held for the bake, before it begins.
func Forecast(rate, errorRate, share float64, bake time.Duration, s Settings) Outlook {
	s = s.sane()
	o := Outlook{Share: share, Rate: rate, Errors: errorRate, Effects: []OutlookEffect{}}
	if !(rate > 0) || !(share > 0 && share < 1) || math.IsInf(rate, 0) || !(errorRate >= 0 && errorRate <= 1) {
		o.Sentence = "What it can know is not known: nothing was measured of the stable version yet."
		o.Share, o.Rate, o.Errors = finite(share), finite(rate), finite(errorRate)
		return o
	}
	o.Known = true
	ps := max(errorRate, 1e-5)
	add := func(name string, ratio, pc float64) {
		n := float64(overhead * WaldLimit(ps, pc, share, s.Alpha))
		e := OutlookEffect{Name: name, Ratio: ratio, Requests: math.Ceil(n), Harm: n * (pc - ps)}
		e.Seconds = math.Ceil(n / (rate * share))
		e.Within = e.Seconds <= bake.Seconds()
		o.Effects = append(o.Effects, e)
	}
	for _, r := range [4]float64{2, 3, 5, 10} {
		if pc := float64(ps * r); pc < 1 {
			add(fmt.Sprintf("%g times as many errors", r), r, pc)
		}
	}
	if ps < 0.5 {
		add("half of all requests fail", (ps+0.5)/ps, ps+0.5)
	}
	o.Sentence = o.say(bake)
	return o
}

// say puts the smallest regression that can be seen into words, and the largest that can't.
func (o *Outlook) say(bake time.Duration) string {
	var seen, unseen *OutlookEffect
	for i := range o.Effects {
		e := &o.Effects[i]
		switch {
		case e.Within && seen == nil:
			seen = e
		case !e.Within && seen == nil:
			unseen = e
		}
	}
	b := &strings.Builder{}
	fmt.Fprintf(b, "At %s requests a second and %s errors, a canary of %g %% over %s ", number(o.Rate), percent(o.Errors),
		100*o.Share, span(bake.Seconds()))
	switch {
	case seen == nil:
		fmt.Fprintf(b, "can't even see that %s: that needs about %s.", unseen.Name, span(unseen.Seconds))
	case unseen == nil:
		fmt.Fprintf(b, "sees %s after about %s.", seen.Name, span(seen.Seconds))
	default:
		fmt.Fprintf(b, "sees %s (after about %s), but not %s: that needs about %s.", seen.Name, span(seen.Seconds),
			unseen.Name, span(unseen.Seconds))
	}
	return b.String()
}

func number(x float64) string {
	if x >= 100 {
		return fmt.Sprintf("%.0f", x)
	}
	return fmt.Sprintf("%.3g", x)
}

func percent(x float64) string {
	if 100*x >= 99.5 {
		return "100 %" // with two digits it is written as 1e+02
	}
	return fmt.Sprintf("%.2g %%", 100*x)
}

func span(s float64) string {
	switch {
	case s < 100:
		return fmt.Sprintf("%.0f s", math.Ceil(s))
	case s < 2*3600:
		return fmt.Sprintf("%.0f min", math.Ceil(s/60))
	case s < 72*3600:
		return fmt.Sprintf("%.0f h", math.Ceil(s/3600))
	}
	return fmt.Sprintf("%.0f days", math.Ceil(s/86400))
}
