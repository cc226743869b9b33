package simulate

import (
	"bytes"
	"context"
	"fmt"
	"html"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/plot"
	"github.com/slipwayhq/slipway/internal/sim/world"
)

// pageStyle is what the page needs beside the pictures' own.
const pageStyle = `
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1280px; margin: 24px auto; padding: 0 16px;
  color: var(--plot-ink); background: var(--plot-surface); }
h1 { font-size: 22px; } h2 { font-size: 17px; margin-top: 32px; }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; display: block; }
table { overflow-x: auto; }
th, td { text-align: left; padding: 3px 12px 3px 0; white-space: nowrap; border-bottom: 1px solid #8884; }
.bad { color: var(--plot-critical); } code, pre { font-size: 13px; }
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(420px, 100%), 1fr)); gap: 8px 32px; }
.grid > * { min-width: 0; } .plot-svg { width: calc(100% - 148px); } .scroll { overflow-x: auto; }
`

// Page writes a report as a page that needs nothing else: no script, no other file.
func Page(w io.Writer, r Report) error {
	var b bytes.Buffer
	p := page{b: &b, r: r}
	p.head()
	p.overview()
	p.tables()
	p.pictures()
	p.tail()
	if p.err != nil {
		return p.err
	}
	_, err := w.Write(b.Bytes())
	return err
}

type page struct {
	b   *bytes.Buffer
	r   Report
	n   int // pictures
	err error
}

func (p *page) say(format string, args ...any) { fmt.Fprintf(p.b, format, args...) }

func (p *page) head() {
	p.say("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>slipway simulate</title>\n"+
		"<meta name=\"viewport\" content=\"width=device-width\"><style>%s%s</style></head><body>\n", plot.Stylesheet,
		pageStyle)
	t := p.r.Traffic
	p.say("<h1>Strategies on a virtual clock</h1>\n<p>%s requests/s, %s errors, half within %s ms and 95 %% within "+
		"%s ms; backgrounds: %s; seed %d; %d of %d releases.</p>\n", number(t.Rate), percent(t.Errors), number(t.P50),
		number(t.P95), html.EscapeString(strings.Join(p.r.Backgrounds, ", ")), p.r.Seed, p.r.Done, p.r.All)
	for _, v := range p.r.Violations {
		p.say("<p class=\"bad\">Not kept: %s. %s</p>\n", html.EscapeString(v.Text), html.EscapeString(v.Sentence))
	}
}

// overview is the picture that --svg writes.
func (p *page) overview() {
	p.say("<div class=\"scroll\">\n")
	p.err = Picture(p.b, p.r)
	p.say("</div>\n")
}

func (p *page) tables() {
	for _, rows := range [][][]string{p.r.healthyRows(), p.r.faultyRows()} {
		if len(rows) < 2 {
			continue
		}
		p.say("<table>\n")
		for i, row := range rows {
			cell := map[bool]string{true: "th", false: "td"}[i == 0]
			p.say("<tr>")
			for _, text := range row {
				p.say("<%s>%s</%s>", cell, html.EscapeString(text), cell)
			}
			p.say("</tr>\n")
		}
		p.say("</table><br>\n")
	}
	for _, s := range p.r.Suggestions {
		p.say("<p>%s</p>\n", html.EscapeString(s.Sentence))
		if len(s.Lines) > 0 {
			p.say("<pre>%s</pre>\n", html.EscapeString(strings.Join(s.Lines, "\n")))
		}
	}
}

func (p *page) tail() { p.say("</body></html>\n") }

// draw adds a picture.
func (p *page) draw(c plot.Chart) {
	p.n++
	c.ID = fmt.Sprintf("plot-%d", p.n)
	if err := c.Render(context.Background(), p.b); err != nil {
		p.err = err
	}
}

// at is a number of seconds on the time axis.
func at(seconds float64) time.Time { return time.Unix(0, int64(seconds*1e9)).UTC() }

func (p *page) pictures() {
	names := p.strategies()
	p.say("<h2>Share of healthy releases</h2>\n<p>The median, and where eight of ten are.</p>\n<div class=\"grid\">\n")
	for _, x := range p.r.Results {
		if x.Healthy && len(x.outcomes) > 0 {
			p.draw(shareOverTime(x))
		}
	}
	p.say("</div>\n<h2>Found by then</h2>\n<p>Part of the faulty releases that was taken back, by the time since the " +
		"fault began.</p>\n<div class=\"grid\">\n")
	p.r.each(false, func(name, _ string, x Result) {
		if name != "" {
			p.draw(p.foundByThen(x.Case.Name, names))
		}
	})
	p.say("</div>\n")
}

func (p *page) strategies() []string {
	var out []string
	for _, x := range p.r.Results {
		if !slices.Contains(out, x.Strategy) {
			out = append(out, x.Strategy)
		}
	}
	return out
}

// shareAt is the share of a release some time after its first visitor.
func shareAt(o world.Outcome, seconds float64) float64 {
	share := 0.0
	for _, s := range o.Shares {
		if s.At.Sub(o.Shares[0].At).Seconds() <= seconds {
			share = s.Share
		}
	}
	return share
}

func shareOverTime(x Result) plot.Chart {
	end := 0.0
	for _, o := range x.outcomes {
		if n := len(o.Shares); n > 0 {
			end = max(end, o.Shares[n-1].At.Sub(o.Shares[0].At).Seconds())
		}
	}
	end = max(end*1.05, 60)
	s := plot.Series{Name: "share", Tone: plot.Canary}
	list := make([]float64, 0, len(x.outcomes))
	for i := range 121 {
		seconds := end * float64(i) / 120
		list = list[:0]
		for _, o := range x.outcomes {
			list = append(list, shareAt(o, seconds))
		}
		slices.Sort(list)
		n := len(list)
		s.Points = append(s.Points, plot.Point{At: at(seconds), Value: list[n/2], Low: list[n/10],
			High: list[min(n*9/10, n-1)]})
	}
	return plot.Chart{
		Title: x.Strategy + ": " + x.Case.Name, Note: fmt.Sprintf("%d releases", x.Runs), Unit: plot.Percent, From: at(0),
		To: at(end), Elapsed: true, High: 100, Series: []plot.Series{s},
	}
}

// foundByThen draws one case of every strategy.
func (p *page) foundByThen(kase string, names []string) plot.Chart {
	c := plot.Chart{
		Title: kase, Unit: plot.Fraction, From: at(0), Elapsed: true, High: 1, Empty: "Nothing was found.",
	}
	end := 60.0
	for _, x := range p.r.Results {
		if x.Case.Name == kase && x.Detection != nil {
			end = max(end, x.Detection.P90*1.3)
		}
	}
	c.To = at(end)
	tones := []plot.Tone{plot.Canary, plot.Stable, plot.Neutral}
	for i, name := range names {
		for _, x := range p.r.Results {
			if x.Case.Name != kase || x.Strategy != name || x.Runs == 0 {
				continue
			}
			s := plot.Series{Name: short(name), Tone: tones[min(i, 2)], Step: true, Points: []plot.Point{{At: at(0)}}}
			list := x.foundAfter()
			slices.Sort(list)
			for k, since := range list {
				s.Points = append(s.Points, plot.Point{At: at(since), Value: float64(k+1) / float64(x.Runs)})
			}
			if n := len(list); n > 0 {
				s.Points = append(s.Points, plot.Point{At: at(max(end, list[n-1]+1)), Value: float64(n) / float64(x.Runs)})
			}
			c.Series = append(c.Series, s)
		}
	}
	return c
}

// short is a name that fits at the end of a line.
func short(name string) string {
	name = name[strings.LastIndexByte(name, '/')+1:]
	if r := []rune(name); len(r) > 12 {
		return string(r[:12])
	}
	return name
}
