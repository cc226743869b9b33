package plot

import (
	"regexp"
	"strconv"
	"testing"
	"time"
)

// TestLabelsOfCloseLimitsKeepApart tries pairs of thresholds at every distance: no label may touch another one, nor the
// other's line.
func TestLabelsOfCloseLimitsKeepApart(t *testing.T) {
	line := regexp.MustCompile(`<g class="plot-limit[^"]*"><line x2="100%"[^>]* y1="([0-9.]+)"`)
	label := regexp.MustCompile(`<text class="plot-halo plot-small" x="0%" dx="6" y="([0-9.]+)"[^>]*>(low|high)`)
	at := time.Date(2026, 11, 27, 10, 0, 0, 0, time.UTC)
	for distance := 1; distance <= 60; distance++ {
		c := Chart{Unit: Percent, From: at, To: at.Add(time.Minute),
			Series: []Series{{Name: "stable", Points: []Point{{At: at, Value: 0}, {At: at.Add(time.Minute), Value: 1}}}},
			Limits: []Limit{{Value: 0.3, Label: "low"}, {Value: 0.3 + float64(distance)/100, Label: "high"}},
		}
		out := string(draw(t, c))
		number := func(s string) float64 {
			v, err := strconv.ParseFloat(s, 64)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		lines, labels := line.FindAllStringSubmatch(out, -1), label.FindAllStringSubmatch(out, -1)
		if len(lines) != 2 || len(labels) != 2 || labels[0][2] != "low" {
			t.Fatalf("%d %% apart: lines %q, labels %q", distance, lines, labels)
		}
		// A label of 11 px reaches from 9 px above its base line to 2 px below.
		for i, l := range labels {
			y, other := number(l[1]), number(lines[1-i][1])
			if other > y-9 && other < y+2 {
				t.Errorf("%d %% apart: the line of the other limit, at %v, goes through %q at %v", distance, other, l[2], y)
			}
		}
		if low, high := number(labels[0][1]), number(labels[1][1]); low-high < 11 {
			t.Errorf("%d %% apart: labels at %v and %v", distance, low, high)
		}
	}
}

// TestLabelsOfLimitsAtTheBottomKeepApart: where errors are rare and their interval is wide, both thresholds lie on the
// axis, with no room below. One has its name at the left and the other at the right.
func TestLabelsOfLimitsAtTheBottomKeepApart(t *testing.T) {
	label := regexp.MustCompile(`<text class="plot-halo plot-small"[^>]* x="([0-9]+)%"[^>]* y="([0-9.]+)"[^>]*>` +
		`(low|high)`)
	at := time.Date(2026, 11, 27, 10, 0, 0, 0, time.UTC)
	for high := 3; high <= 16; high++ {
		out := string(draw(t, Chart{Unit: Percent, From: at, To: at.Add(time.Minute),
			Series: []Series{{Name: "stable", Points: []Point{{At: at, Value: 0}, {At: at.Add(time.Minute), Value: 0.8}}}},
			Limits: []Limit{{Value: 0.02, Label: "low"}, {Value: float64(high) / 100, Label: "high"}},
		}))
		labels := label.FindAllStringSubmatch(out, -1)
		if len(labels) != 2 {
			t.Fatalf("2 and %d %%: labels %q", high, labels)
		}
		y := [2]float64{}
		for i, l := range labels {
			var err error
			if y[i], err = strconv.ParseFloat(l[2], 64); err != nil {
				t.Fatal(err)
			}
		}
		if labels[0][1] == labels[1][1] && y[0]-y[1] < 11 {
			t.Errorf("2 and %d %%: labels at %v and %v, at the same end", high, y[0], y[1])
		}
	}
}
