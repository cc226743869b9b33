package plot_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/plot"
)

func ExampleChart() {
	from := time.Date(2026, 11, 22, 14, 0, 0, 0, time.UTC)
	at := func(minutes int) time.Time { return from.Add(time.Duration(minutes) * time.Minute) }
	chart := plot.Chart{
		ID: "errors", Title: "Error rate", Note: "failed requests of all", Unit: plot.Fraction, From: from, To: at(10),
		Limits: []plot.Limit{{Value: 0.02, Label: "warn"}, {Value: 0.05, Label: "critical", Critical: true}},
		Events: []plot.Event{{At: at(2), Label: "5 %"}},
		Empty:  "No visitor has reached v2 yet.",
		Series: []plot.Series{
			{Name: "v1 stable", Tone: plot.Stable, Gap: time.Minute, Points: []plot.Point{
				{At: at(8), Value: 0.004, Low: 0.003, High: 0.006}, {At: at(9), Value: 0.004, Low: 0.003, High: 0.006},
			}},
			{Name: "v2 canary", Tone: plot.Canary, Gap: time.Minute, Points: []plot.Point{
				{At: at(8), Value: math.NaN()}, {At: at(9), Value: 0.03, Low: 0.01, High: 0.06},
			}},
		},
	}
	var page strings.Builder
	if err := chart.Render(context.Background(), &page); err != nil {
		fmt.Println(err)
	}
	_, rest, _ := strings.Cut(page.String(), `<desc id="errors-desc">`)
	desc, _, _ := strings.Cut(rest, "</desc>")
	for sentence := range strings.SplitSeq(strings.ReplaceAll(desc, "\u00a0", " "), ". ") {
		fmt.Println(sentence)
	}
	// Output:
	// From 14:00 to 14:10 UTC
	// v1 stable: 0.4 % at 14:09 (uncertain between 0.3 % and 0.6 %)
	// v2 canary: 3 % at 14:09 (uncertain between 1 % and 6 %)
	// Limit warn: 2 %
	// Limit critical: 5 %
	// 14:02: 5 %.
}
