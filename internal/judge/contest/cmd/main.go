// Command cmd prints how the judge does.
//
// Goals beside rivals and the information limit, false rollbacks in healthy worlds, and the cost of a tick. See
// `make bench-judge`.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/slipwayhq/slipway/internal/judge/contest"
)

func main() {
	runs := flag.Int("runs", 300, "canaries a cell")
	seed := flag.Uint64("seed", 20_000_000, "first seed")
	only := flag.String("cells", "", "only cells and goals whose name contains this")
	rivals := flag.Bool("rivals", true, "ask the other judges too")
	parts := flag.String("parts", "goals,healthy,study,cost", "what to print")
	most := flag.Int("most", 1500, "canaries a cell at most, for a proof")
	file := flag.String("file", "", "where a proof keeps its results: cells that are there are not run again")
	asJSON := flag.Bool("json", false, "print one JSON object a line")
	flag.Parse()
	p := printer{asJSON: *asJSON}
	if strings.Contains(*parts, "goals") {
		p.line("| goal | cell | judge | rolled back | promoted | median s | canary requests | times the limit | harm " +
			"| reached |")
		p.line("|---|---|---|---|---|---|---|---|---|---|")
		for _, g := range contest.Goals() {
			if strings.Contains(g.ID+" "+g.Cell.Name, *only) {
				g.Cell.Rivals = g.Cell.Rivals && *rivals
				p.goal(g, contest.Measure(g.Cell, *runs, *seed))
			}
		}
		p.line("")
	}
	if strings.Contains(*parts, "healthy") {
		p.line("| healthy cell | judge | rolled back | upper 95 % limit |")
		p.line("|---|---|---|---|")
		for _, c := range contest.Healthy(*rivals) {
			if strings.Contains(c.Name, *only) {
				p.healthy(c, contest.Measure(c, *runs, *seed))
			}
		}
		p.line("")
	}
	if strings.Contains(*parts, "proof") {
		if err := prove(*only, *file, *most, *seed); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	if strings.Contains(*parts, "study") {
		p.line("| cell | measured | judge | in the study | here |")
		p.line("|---|---|---|---|---|")
		for _, x := range contest.Study() {
			if strings.Contains(x.Cell.Name, *only) {
				p.study(x, x.Again(*runs, *seed))
			}
		}
		p.line("")
	}
	if strings.Contains(*parts, "cost") {
		for _, rate := range []float64{10, 100, 1000} {
			p.line(fmt.Sprintf("a tick at %g requests/s: %s", rate, contest.Cost(rate)))
		}
	}
}

// proven is one healthy cell that was run.
type proven struct {
	Cell   string         `json:"cell"`
	Seed   uint64         `json:"seed"`
	Result contest.Result `json:"result"`
}

// prove runs the healthy cells that the file does not hold yet, and prints all of them.
func prove(only, file string, most int, seed uint64) error {
	known, err := readProven(file)
	if err != nil {
		return err
	}
	fmt.Printf("Every 300 canaries a look, at most %d; stopped when the limit is 1.6 %% or less. Seeds from %d.\n\n",
		most, seed)
	fmt.Println("| healthy cell | canaries | rolled back | upper limit, 95 % over all looks |")
	fmt.Println("|---|---|---|---|")
	wrong := 0
	for _, c := range append(contest.Healthy(false), contest.Fed()...) {
		if !strings.Contains(c.Name, only) {
			continue
		}
		p, ok := known[c.Name]
		if !ok || p.Seed != seed {
			p = proven{c.Name, seed, contest.Prove(c, most, seed)}
			if err := keepProven(file, p); err != nil {
				return err
			}
		}
		r := p.Result
		says := ""
		if r.Upper > 0.016 {
			wrong++
			says = " **not proven**"
		}
		fmt.Printf("| %s | %d | %.0f (%.2f %%) | %.2f %%%s |\n", c.Name, r.Runs, r.Back*float64(r.Runs), 100*r.Back,
			100*r.Upper, says)
	}
	fmt.Printf("\n%d cells are not proven.\n", wrong)
	return nil
}

func readProven(file string) (map[string]proven, error) {
	known := map[string]proven{}
	if file == "" {
		return known, nil
	}
	b, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read what was proven: %w", err)
	}
	for line := range strings.Lines(string(b)) {
		var p proven
		if json.Unmarshal([]byte(line), &p) == nil { // a last line that was cut off is run again
			known[p.Cell] = p
		}
	}
	return known, nil
}

func keepProven(file string, p proven) error {
	if file == "" {
		return nil
	}
	b, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("keep what was proven: %w", err)
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("keep what was proven: %w", err)
	}
	if _, err := f.Write(append(b, '\n')); err != nil {
		return errors.Join(fmt.Errorf("keep what was proven: %w", err), f.Close())
	}
	return f.Close()
}

// printer writes rows.
type printer struct{ asJSON bool }

func (p printer) line(s string) {
	if !p.asJSON {
		fmt.Println(s)
	}
}

func (p printer) row(cell string, r contest.Result) bool {
	if p.asJSON {
		_ = json.NewEncoder(os.Stdout).Encode(map[string]any{"cell": cell, "result": r}) // standard output is all there is
	}
	return p.asJSON
}

func (p printer) goal(g contest.Goal, list []contest.Result) {
	for _, r := range list {
		if p.row(g.ID+" "+g.Cell.Name, r) {
			continue
		}
		limit := ""
		if r.Limit > 0 {
			limit = fmt.Sprintf("%.2f", r.Requests/r.Limit)
		}
		reached := ""
		if r.Judge == "slipway" {
			v := g.Value(r)
			reached = fmt.Sprintf("%s %.4g of %.4g", g.Says, v, g.Most)
			if v <= g.Most {
				reached = "**yes**: " + reached
			} else {
				reached = "no: " + reached
			}
		}
		fmt.Printf("| %s | %s | %s | %.1f %% | %.1f %% | %.0f | %.0f | %s | %.1f | %s |\n", g.ID, g.Cell.Name, r.Judge,
			100*r.Back,
			100*r.Promoted, r.Median, r.Requests, limit, r.Harm, reached)
	}
}

func (p printer) healthy(c contest.Cell, list []contest.Result) {
	for _, r := range list {
		if !p.row(c.Name, r) {
			fmt.Printf("| %s | %s | %.2f %% | %.2f %% |\n", c.Name, r.Judge, 100*r.Back, 100*r.Upper)
		}
	}
}

func (p printer) study(x contest.Published, list []contest.Result) {
	for _, r := range list {
		if !p.row(x.Cell.Name, r) {
			fmt.Printf("| %s | %s | %s | %g | %.4g |\n", x.Cell.Name, x.Says, r.Judge, x.Figures[r.Judge], x.Value(r))
		}
	}
}
