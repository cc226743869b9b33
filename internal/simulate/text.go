package simulate

import (
	"fmt"
	"math"
	"strings"
	"text/tabwriter"
	"time"
)

// Text is a report for people.
func Text(r Report) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	last := ""
	for _, x := range r.Results {
		if x.Strategy != last {
			last = x.Strategy
			fmt.Fprintf(w, "\n%s\n%s\n", last, "FAULT\tRUNS\tTAKEN BACK\tMISSED\tHELD\tFOUND AFTER\tREQUESTS\t"+
				"HARM (FLOOR)\tPROMOTED AFTER\tSTOPPED AT")
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", x.Case.Name, x.Runs, x.takenBack(), x.missed(),
			percent(x.Held), times(x.Detection), counts(x.Requests), x.harm(), times(x.Promote), x.stoppedAt())
	}
	_ = w.Flush()
	return b.String()
}

func (r Result) takenBack() string {
	if r.Healthy {
		return fmt.Sprintf("%s (≤ %s)", percent(r.Stopped), percent(r.Upper))
	}
	return percent(r.Stopped)
}

func (r Result) missed() string {
	if r.Healthy {
		return "–"
	}
	return percent(r.Missed)
}

func (r Result) harm() string {
	switch {
	case r.Failed != nil && r.Failed.Most > 0 && r.Floor > 0:
		return fmt.Sprintf("%s (%s)", number(r.Failed.Mean), number(r.Floor))
	case r.Failed != nil && r.Failed.Most > 0:
		return number(r.Failed.Mean)
	case r.Slowed != nil && r.Slowed.Most > 0:
		return number(r.Slowed.Mean) + " slow"
	}
	return "–"
}

func (r Result) stoppedAt() string {
	var out []string
	for _, w := range r.Where {
		name := fmt.Sprintf("%g %%", w.Share)
		if w.Late {
			name = "production"
		}
		out = append(out, fmt.Sprintf("%s: %d", name, w.Runs))
	}
	if len(out) == 0 {
		return "–"
	}
	return strings.Join(out, ", ")
}

func percent(x float64) string {
	switch p := 100 * x; {
	case p == 0 || p >= 9.95:
		return fmt.Sprintf("%.0f %%", p)
	default:
		return fmt.Sprintf("%.2g %%", p)
	}
}

func times(s *Spread) string {
	if s == nil {
		return "–"
	}
	return duration(s.Median) + " / " + duration(s.P90)
}

func counts(s *Spread) string {
	if s == nil {
		return "–"
	}
	return number(s.Median) + " / " + number(s.P90)
}

func number(x float64) string {
	switch {
	case x >= 100:
		return fmt.Sprintf("%.0f", x)
	case x >= 10 || x == math.Trunc(x):
		return fmt.Sprintf("%.3g", x)
	}
	return fmt.Sprintf("%.2g", x)
}

func duration(seconds float64) string {
	d := time.Duration(seconds) * time.Second
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < 3*time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	}
	return fmt.Sprintf("%.1f h", d.Hours())
}
