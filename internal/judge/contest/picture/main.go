// Command picture draws the pictures of docs/judge.md and writes its figures.
//
// Everything in them is computed here: canaries of the traffic model under the judge, with fixed seeds. See `make
// pictures`. With -quick only the pictures of single canaries are drawn, not the bars that take minutes.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"

	"github.com/slipwayhq/slipway/internal/plot"
)

func main() {
	docs := flag.String("docs", "docs", "the folder with judge.md and img")
	runs := flag.Int("runs", 100, "canaries for each bar")
	quick := flag.Bool("quick", false, "draw single canaries only")
	flag.Parse()
	if err := draw(*docs, *runs, *quick); err != nil {
		fmt.Fprintln(os.Stderr, "picture:", err)
		os.Exit(1)
	}
}

func draw(docs string, runs int, quick bool) error {
	files := scenes()
	figures := map[string]string{}
	if !quick {
		bars, tables := measured(runs)
		files, figures = append(files, bars...), tables
	}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(docs, "img", f.name), f.svg, 0o644); err != nil {
			return fmt.Errorf("write a picture: %w", err)
		}
	}
	return fill(filepath.Join(docs, "judge.md"), figures)
}

// fill replaces what stands between <!-- figures NAME --> and <!-- end --> in a page.
func fill(page string, figures map[string]string) error {
	text, err := os.ReadFile(page)
	if err != nil {
		return fmt.Errorf("read the page: %w", err)
	}
	for name, table := range figures {
		block := regexp.MustCompile(`(?s)(<!-- figures ` + name + ` -->\n).*?(<!-- end -->)`)
		if !block.Match(text) {
			return fmt.Errorf("%s has no place for the figures %s", page, name)
		}
		text = block.ReplaceAll(text, []byte("${1}\n"+table+"\n${2}"))
	}
	if err := os.WriteFile(page, text, 0o644); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

// file is a finished picture.
type file struct {
	name string
	svg  []byte
}

// The measures of a picture on a page, in CSS pixels.
const (
	wide  = 860
	left  = 60
	inner = 660
	head  = 34
)

// sheet puts charts below each other into one SVG that needs nothing else.
func sheet(name string, charts ...plot.Chart) file {
	var out bytes.Buffer
	top := 0
	for _, c := range charts {
		top += head + c.Height + 14
	}
	begin(&out, top)
	top = 0
	for _, c := range charts {
		var one bytes.Buffer
		if err := c.Render(context.Background(), &one); err != nil {
			panic(err) // only a canceled context makes it fail
		}
		svg := regexp.MustCompile(`(?s)<svg class="plot-svg".*</svg>`).Find(one.Bytes())
		place := fmt.Appendf(nil, `x="%d" y="%d" width="%d"`, left, top+head, inner)
		svg = bytes.Replace(svg, []byte(`width="100%"`), place, 1)
		title(&out, top, c.Title, c.Note)
		out.Write(svg)
		out.WriteString("\n")
		top += head + c.Height + 14
	}
	out.WriteString("</svg>\n")
	return file{name, out.Bytes()}
}

func begin(out io.Writer, height int) {
	fmt.Fprintf(out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" `+
		`font-family="system-ui, sans-serif">`+"\n<style>%s\nsvg { background: var(--plot-surface); }\n</style>\n",
		wide, height, wide, height, plot.Stylesheet)
}

func title(out io.Writer, top int, what, note string) {
	fmt.Fprintf(out, `<text x="%d" y="%d" font-size="14" style="fill: var(--plot-ink)">`+
		`<tspan font-weight="600">%s</tspan> <tspan style="fill: var(--plot-quiet)">%s</tspan></text>`+"\n",
		12, top+20, what, note)
}
