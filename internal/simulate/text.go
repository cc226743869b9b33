package simulate

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Text is a report for people: what is tried, a table of healthy and one of faulty releases, and what to do.
func Text(r Report) string {
	var b strings.Builder
	t := r.Traffic
	fmt.Fprintf(&b, "%s requests/s, %s errors, half within %s ms and 95 %% within %s ms; backgrounds: %s; seed %d\n",
		number(t.Rate), percent(t.Errors), number(t.P50), number(t.P95), strings.Join(r.Backgrounds, ", "), r.Seed)
	if r.Done < r.All {
		fmt.Fprintf(&b, "Interrupted: %d of %d releases were tried.\n", r.Done, r.All)
	}
	table(&b, r.healthyRows())
	table(&b, r.faultyRows())
	for i, s := range r.Suggestions {
		if i == 0 {
			b.WriteString("\nSUGGESTIONS\n")
		}
		fmt.Fprintf(&b, "- %s\n", s.Sentence)
		for _, line := range s.Lines {
			fmt.Fprintf(&b, "    %s\n", line)
		}
	}
	return b.String()
}

// each calls f for the results of healthy or faulty cases, the strategies of a case one after the other. Name is the
// first cell: the case, and the strategy where there are several.
func (r Report) each(healthy bool, f func(name, strategy string, x Result)) {
	seen := map[string]bool{}
	for _, first := range r.Results {
		if first.Healthy != healthy || seen[first.Case.Name] {
			continue
		}
		seen[first.Case.Name] = true
		name := first.Case.Name
		for _, x := range r.Results {
			if x.Case.Name == first.Case.Name {
				f(name, x.Strategy, x)
				name = ""
			}
		}
	}
}

func (r Report) several() bool {
	return slices.ContainsFunc(r.Results, func(x Result) bool { return x.Strategy != r.Results[0].Strategy })
}

// row leaves the strategy out where there is only one.
func (r Report) row(name, strategy string, more ...string) []string {
	if r.several() {
		return append([]string{name, strategy}, more...)
	}
	return append([]string{name}, more...)
}

func (r Report) healthyRows() [][]string {
	rows := [][]string{r.row("HEALTHY", "STRATEGY", "RUNS", "FALSE ROLLBACKS", "HELD", "PROMOTED AFTER", "BY RULE",
		"IN BACKGROUND")}
	r.each(true, func(name, strategy string, x Result) {
		rows = append(rows, r.row(name, strategy, fmt.Sprint(x.Runs), fmt.Sprintf("%s (at most %s)", percent(x.Stopped),
			percent(x.Upper)), percent(x.Held), spreadTimes(x.Promote), x.by(), x.backgrounds()))
	})
	return rows
}

func (r Report) faultyRows() [][]string {
	rows := [][]string{r.row("FAULT", "STRATEGY", "RUNS", "FOUND", "", "MISSED", "HELD", "AFTER", "1s"+axis()+"1h",
		"REQUESTS", "HARM", "FLOOR", "STOPPED AT")}
	r.each(false, func(name, strategy string, x Result) {
		rows = append(rows, r.row(name, strategy, fmt.Sprint(x.Runs), percent(x.Stopped), bar(x.Stopped), percent(x.Missed),
			percent(x.Held), spreadTimes(x.Detection), x.spark(), counts(x.Requests), x.harm(), x.floor(), x.stoppedAt()))
	})
	return rows
}

// table writes rows in columns, the first row being the heading; nothing when there is only that.
func table(b *strings.Builder, rows [][]string) {
	if len(rows) < 2 {
		return
	}
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	b.WriteByte('\n')
	for _, row := range rows {
		line := ""
		for i, cell := range row {
			line += cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2)
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}

// bar draws a part of ten blocks.
func bar(x float64) string {
	n := int(math.Round(10 * min(max(x, 0), 1)))
	return strings.Repeat("█", n) + strings.Repeat("░", 10-n)
}

// edges are the times, in seconds, between which detections are counted for a sparkline.
func edges() []float64 { return []float64{3, 10, 30, 60, 120, 300, 600, 1200, 3600, math.Inf(1)} }

func axis() string { return strings.Repeat("·", len(edges())-4) }

// spark draws when the fault was found: a column for each stretch of time, from seconds to hours.
func (r Result) spark() string {
	list := edges()
	count, most := make([]int, len(list)), 0
	for _, x := range r.outcomes {
		at := float64(x.At - r.Case.Fault.Onset)
		if !x.Stopped() || at < 0 {
			continue
		}
		i := slices.IndexFunc(list, func(edge float64) bool { return at < edge })
		count[i]++
		most = max(most, count[i])
	}
	if most == 0 {
		return ""
	}
	out := ""
	for _, n := range count {
		out += string([]rune(" ▁▂▃▄▅▆▇█")[(n*8+most-1)/most])
	}
	return out
}

func (r Result) by() string {
	var out []string
	for rule, n := range r.By {
		out = append(out, fmt.Sprintf("%s %d", rule, n))
	}
	slices.Sort(out)
	return dash(strings.Join(out, ", "))
}

// backgrounds names those in which healthy ones were taken back.
func (r Result) backgrounds() string {
	var out []string
	for name, x := range r.Background {
		if x > 0 {
			out = append(out, fmt.Sprintf("%s %s", name, percent(x)))
		}
	}
	slices.Sort(out)
	return dash(strings.Join(out, ", "))
}

func (r Result) harm() string {
	switch {
	case r.Failed != nil && r.Failed.Most > 0:
		return number(r.Failed.Mean)
	case r.Slowed != nil && r.Slowed.Most > 0:
		return number(r.Slowed.Mean) + " slow"
	}
	return "–"
}

func (r Result) floor() string {
	if r.Floor <= 0 {
		return "–"
	}
	return number(r.Floor)
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
	return dash(strings.Join(out, ", "))
}

func dash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

func percent(x float64) string {
	switch p := 100 * x; {
	case p == 0 || p >= 9.95:
		return fmt.Sprintf("%.0f %%", p)
	default:
		return fmt.Sprintf("%.2g %%", p)
	}
}

func spreadTimes(s *Spread) string {
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
	case x >= 1000:
		s := fmt.Sprintf("%.0f", x)
		for i := len(s) - 3; i > 0; i -= 3 {
			s = s[:i] + "," + s[i:]
		}
		return s
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
