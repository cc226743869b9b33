package cli

import (
	"fmt"
	"math"
	"time"
	"unicode/utf8"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/verdict"
)

// fitted cuts a line to the terminal, so that it takes one line and can be drawn over.
func fitted(s string, width int) string {
	if s = clean(s); utf8.RuneCountInString(s) <= width {
		return s
	}
	return string([]rune(s)[:width-1]) + "…"
}

// showOutlook says what a canary that has not begun can know.
func (c *cli) showOutlook(o *api.Outlook) {
	if o == nil {
		return
	}
	c.say("\nOutlook of its canary: %s\n", o.Sentence)
	if !o.Known {
		return
	}
	rows := [][]string{}
	for _, s := range o.Shares {
		for _, e := range s.Effects {
			within := "in time"
			if !e.Within {
				within = "the bake is too short"
			}
			rows = append(rows, []string{percent(s.Share), e.Name, "after " + duration(e.Seconds), within,
				fmt.Sprintf("%.0f failures", e.Harm)})
		}
	}
	c.table("Nothing.", []string{"SHARE", "SEES", "ON AVERAGE", "", "COSTS"}, rows)
}

// duration writes seconds as people say them.
func duration(s float64) string {
	d := time.Duration(math.Min(s, 1e8)) * time.Second
	switch {
	case d < 100*time.Second:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < 100*time.Minute:
		return fmt.Sprintf("%d min", (d+30*time.Second)/time.Minute)
	}
	return fmt.Sprintf("%.1f h", d.Hours())
}

// block is what is drawn over on a terminal: the bar, and what the verdict knows.
func (w *watcher) block(r api.Release) []string {
	lines := []string{w.progress(r)}
	if r.Share > 0 {
		for _, l := range verdict.Lines(r.Verdict) {
			lines = append(lines, fmt.Sprintf("  %-9s %s", l[0], l[1]))
		}
	}
	for i := range lines {
		lines[i] = fitted(lines[i], max(w.width()-1, 20))
	}
	return lines
}

// width is how many characters a line of the terminal has.
func (c *cli) width() int {
	if c.Width != nil {
		if n := c.Width(); n > 0 {
			return n
		}
	}
	return 80
}
