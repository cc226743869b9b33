package main

import (
	"bytes"
	"fmt"
	"math"
	"strings"

	"github.com/slipwayhq/slipway/internal/judge/contest"
	"github.com/slipwayhq/slipway/internal/sim/traffic"
)

// rivals are the other ways to decide that the bars show, with what people call them.
func rivals() [][2]string {
	return [][2]string{
		{"slipway", "Slipway"}, {"thresholds", "a fixed limit"}, {"peeking z", "a z test, looked at again and again"},
		{"mann-whitney", "Mann–Whitney every ten minutes"}, {"multinomial", "multinomial mixture (Netflix)"},
	}
}

// measured runs what the bars show, and writes the tables of the page.
func measured(runs int) ([]file, map[string]string) {
	const seed = 30_000_000
	var bars bytes.Buffer
	healthy := []contest.Cell{
		{Name: "nothing happens", World: app(), Rivals: true},
		{Name: "visitors who fail try again", World: with(func(w *traffic.World) { w.Runs = true }), Rivals: true},
		{Name: "single instances go bad", World: with(func(w *traffic.World) { w.Bursts = 6 }), Rivals: true},
		{Name: "both versions have incidents", World: with(func(w *traffic.World) { w.Shocks = 2 }), Rivals: true},
	}
	t := &table{head: "| of healthy releases, taken back within an hour | " + names() + " |"}
	groups := []group{}
	for _, c := range healthy {
		g, row := group{title: c.Name}, []string{c.Name}
		for _, r := range pick(contest.Measure(c, runs, seed)) {
			g.bars = append(g.bars, bar{r.name, 100 * r.Back, fmt.Sprintf("%.0f %%", 100*r.Back)})
			row = append(row, fmt.Sprintf("%.0f %%", 100*r.Back))
		}
		groups = append(groups, g)
		t.add(row)
	}
	note := fmt.Sprintf("of %d each, watched for an hour at 100 requests/s", runs)
	chart(&bars, "Healthy releases that are taken back", note, 100, groups)
	files := []file{{"judge-false.svg", bytes.Clone(bars.Bytes())}}

	found := &table{head: "| what v2 does | smallest possible | Slipway, on average | times that | needless failures |"}
	groups = nil
	for _, f := range []struct {
		name  string
		fault traffic.Fault
	}{
		{"twice as many failures", traffic.Fault{Times: 2}}, {"five times", traffic.Fault{Times: 5}},
		{"ten times", traffic.Fault{Times: 10}}, {"every second request fails", traffic.Fault{Points: 0.5}},
	} {
		cell := contest.Cell{Name: f.name, World: app(), Fault: f.fault, Shares: contest.Five, Rivals: true}
		all := contest.Measure(cell, runs, seed)
		g := group{title: f.name, bars: []bar{{"smallest possible", all[0].Limit, fmt.Sprintf("%.0f", all[0].Limit)}}}
		for _, r := range pick(all) {
			if r.Judge != "thresholds" && r.Judge != "peeking z" { // they are wrong too often to be compared
				g.bars = append(g.bars, bar{r.name, r.Requests, fmt.Sprintf("%.0f", r.Requests)})
			}
		}
		groups = append(groups, g)
		r := all[0]
		found.add([]string{f.name, fmt.Sprintf("%.0f requests of v2", r.Limit), fmt.Sprintf("%.0f", r.Requests),
			fmt.Sprintf("%.1f", r.Requests/r.Limit), fmt.Sprintf("%.0f", r.Harm)})
	}
	bars.Reset()
	note = "on average, at a share of 5 %; each quarter of the scale is ten times as many"
	chart(&bars, "Requests of v2 until a fault is known", note, 0, groups)
	files = append(files, file{"judge-limit.svg", bars.Bytes()})
	return files, map[string]string{"false": t.text(), "limit": found.text()}
}

func with(change func(*traffic.World)) traffic.World {
	w := app()
	change(&w)
	return w
}

// named is a result with what people call its judge.
type named struct {
	contest.Result
	name string
}

func pick(all []contest.Result) []named {
	var out []named
	for _, want := range rivals() {
		for _, r := range all {
			if r.Judge == want[0] {
				out = append(out, named{r, want[1]})
			}
		}
	}
	return out
}

func names() string {
	var out []string
	for _, r := range rivals() {
		out = append(out, r[1])
	}
	return strings.Join(out, " | ")
}

// table is one of the page.
type table struct {
	head string
	rows []string
}

func (t *table) add(cells []string) { t.rows = append(t.rows, "| "+strings.Join(cells, " | ")+" |") }

func (t *table) text() string {
	line := strings.Repeat("|---", strings.Count(t.head, " | ")+1) + "|"
	return t.head + "\n" + line + "\n" + strings.Join(t.rows, "\n") + "\n"
}

// bar is one value, group the bars of one case.
type bar struct {
	name  string
	value float64
	says  string
}

type group struct {
	title string
	bars  []bar
}

// chart draws groups of bars; most is the end of the scale, 0 makes it logarithmic from 1 to 10,000.
func chart(out *bytes.Buffer, what, note string, most float64, groups []group) {
	const row, gap, name, scale = 18, 34, 290, 470
	height := 40
	for _, g := range groups {
		height += gap + row*len(g.bars)
	}
	begin(out, height+10)
	title(out, 0, what, note)
	y := 44
	for _, g := range groups {
		fmt.Fprintf(out, `<text x="12" y="%d" font-size="13" font-weight="600" style="fill: var(--plot-ink)">%s</text>`+"\n",
			y+8, g.title)
		y += 16
		for i, b := range g.bars {
			length := scale * b.value / max(most, 1)
			if most == 0 {
				length = scale * max(math.Log10(max(b.value, 1)), 0) / 4
			}
			color := "neutral"
			if b.name == "Slipway" {
				color = "canary"
			} else if i == 0 {
				color = "stable"
			}
			fmt.Fprintf(out, `<text x="%d" y="%d" font-size="12" text-anchor="end" style="fill: var(--plot-ink)">%s</text>`+
				`<rect x="%d" y="%d" width="%.1f" height="12" rx="2" style="fill: var(--plot-%s)"/>`+
				`<text x="%.1f" y="%d" font-size="12" style="fill: var(--plot-ink)">%s</text>`+"\n",
				name, y+11, b.name, name+8, y+1, max(length, 1), color, name+14+max(length, 1), y+11, b.says)
			y += row
		}
		y += gap - 16
	}
	out.WriteString("</svg>\n")
}
