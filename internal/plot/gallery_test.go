package plot

import (
	"bytes"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/a-h/templ"
	"github.com/google/go-cmp/cmp"
)

var (
	update  = flag.Bool("update", false, "rewrite the golden files")
	gallery = flag.String("gallery", "", "write a page with all pictures to this file")
)

// sample is a picture of the gallery.
type sample struct {
	name string
	of   templ.Component
}

func start() time.Time { return time.Date(2026, 11, 22, 14, 0, 0, 0, time.UTC) }

func minute(m float64) time.Time { return start().Add(time.Duration(m * float64(time.Minute))) }

// run makes a measured line from minute a to b: one point each ten seconds, with a
// band that narrows with the requests seen.
func run(seed uint64, a, b, level, noise, band float64, bend func(m float64) float64) []Point {
	rng := rand.New(rand.NewPCG(seed, 1))
	var out []Point
	for m := a; m <= b+1e-9; m += 1.0 / 6 {
		v := max(level*bend(m)*(1+noise*rng.NormFloat64()), 0)
		half := band * math.Sqrt(max(v, level/4)) / math.Sqrt(m-a+0.4)
		out = append(out, Point{At: minute(m), Value: v, Low: max(v-half, 0), High: v + half*1.3})
	}
	return out
}

func flat(float64) float64 { return 1 }

func ramp(m float64) float64 {
	switch {
	case m > 14:
		return 5
	case m > 8:
		return 2
	default:
		return 1
	}
}

func steps(at ...float64) []Point {
	var out []Point
	for i := 0; i+1 < len(at); i += 2 {
		out = append(out, Point{At: minute(at[i]), Value: at[i+1]})
	}
	return out
}

func marks(a, b, every float64, fails func(m float64) bool) []Mark {
	var out []Mark
	for m := a; m <= b; m += every {
		mark := Mark{At: minute(m), OK: !fails(m)}
		if !mark.OK {
			mark.Detail = "HTTP 503"
		}
		out = append(out, mark)
	}
	return out
}

func samples() []sample {
	from, to := minute(0), minute(30)
	events := []Event{{minute(2), "5 %"}, {minute(8), "10 %"}, {minute(14), "25 %"}, {minute(21.5), "back to v1"}}
	zone := time.FixedZone("CET", 3600)
	errors := Chart{
		ID: "errors", Title: "Error rate", Note: "failed requests of all, one-minute windows", Unit: Fraction,
		From: from, To: to, Location: zone, Events: events,
		Limits: []Limit{{0.02, "warn", false}, {0.05, "critical", true}},
		Shades: []Shade{{minute(10), minute(12.5), "both slowed: not held against v2"}},
		Series: []Series{
			{Name: "v1 stable", Tone: Stable, Gap: time.Minute, Points: run(1, 0, 30, 0.004, 0.12, 0.02, flat)},
			{Name: "v2 canary", Tone: Canary, Gap: time.Minute, Points: append(run(2, 2, 15.5, 0.006, 0.2, 0.1, flat),
				run(3, 17.2, 21.6, 0.012, 0.1, 0.09, func(m float64) float64 { return 1 + (m-17)*0.8 })...)},
		},
	}
	latency := Chart{
		ID: "latency", Title: "Latency", Note: "95th percentile", Unit: Milliseconds, From: from, To: to, Location: zone,
		Events: events, Limits: []Limit{{500, "warn", false}, {1000, "critical", true}},
		Series: []Series{
			{Name: "v1 stable", Tone: Stable, Gap: time.Minute, Points: run(4, 0, 30, 210, 0.05, 2.2, flat)},
			{Name: "v2 canary", Tone: Canary, Gap: time.Minute, Points: run(5, 2, 21.6, 245, 0.06, 7, flat)},
		},
	}
	calm := errors
	calm.ID, calm.Title, calm.Shades, calm.Series = "calm", "Error rate, all well", nil, errors.Series[:1]
	calm.Limits = []Limit{{0.2, "warn", false}, {0.5, "critical", true}}
	sparse := Chart{ID: "sparse", Title: "Error rate, few visitors", Unit: Fraction, From: from, To: to}
	sparse.Series = []Series{
		{Name: "v2 canary", Tone: Canary, Gap: 5 * time.Minute, Points: []Point{
			{minute(3), 0, 0, 0.02}, {minute(6), 0.01, 0.001, 0.04}, {minute(9), 0.008, 0.002, 0.03},
			{minute(22), 0.02, 0.01, 0.05},
		}},
	}
	return []sample{
		{"share", Chart{
			ID: "share", Title: "Share of visitors", Note: "on v2", Unit: Percent, High: 100, From: from, To: to,
			Location: zone, Events: events,
			Series: []Series{{Name: "v2 canary", Tone: Canary, Step: true, Points: steps(2, 5, 8, 10, 14, 25, 21.5, 0)}},
		}},
		{"errors", errors},
		{"latency", latency},
		{"health", Strip{
			ID: "health", Title: "Health checks", Note: "every 10 s", From: from, To: to, Location: zone,
			Rows: []StripRow{
				{"v1 stable", Stable, marks(0, 30, 1.0/6, func(float64) bool { return false })},
				{"v2 canary", Canary, marks(2, 21.5, 1.0/6, func(m float64) bool {
					return m > 20.9 || m > 11.9 && m < 12.1
				})},
			},
		}},
		{"measured", Chart{
			ID: "measured", Title: "Measured share", Note: "against what was intended", Unit: Percent,
			From: from, To: to, Location: zone,
			Series: []Series{
				{
					Name: "intended", Tone: Neutral, Step: true, Dashed: true,
					Points: steps(0, 0, 2, 5, 8, 10, 14, 25, 21.5, 0),
				},
				{Name: "measured", Tone: Canary, Gap: time.Minute, Points: run(6, 2, 21.4, 5, 0.04, 0.6, ramp)},
			},
		}},
		{"ratio", Chart{
			ID: "ratio", Title: "Error rate, v2 against v1", Unit: Times, Log: true, From: from, To: to, Location: zone,
			Limits: []Limit{{1, "equal", false}, {1.25, "worse", true}},
			Series: []Series{{Name: "ratio", Tone: Canary, Points: run(7, 2, 21, 1.3, 0.05, 1.1, flat)}},
		}},
		{"rungs", Rungs{
			ID: "rungs", Title: "Ruled out", Note: "error rate, v2 divided by v1", Name: "v2 ÷ v1", Known: true, Value: 1.1,
			Low: 0.6, High: 2.4, Tolerated: 1.25, Rungs: []Rung{{10, true}, {5, true}, {3, true}, {2, false}},
		}},
		{"rungs-none", Rungs{ID: "rungs-none", Name: "v2 ÷ v1", Rungs: []Rung{{10, false}, {5, false}, {3, false},
			{2, false}}}},
		{"harm", Meter{ID: "harm", Title: "Harm", Note: "failed requests", Value: 20, Says: "20 requests", Mark: 12,
			Marked: "12 are unavoidable"}},
		{"calm", calm},
		{"sparse", sparse},
		{"empty", Chart{
			ID: "empty", Title: "Error rate", Unit: Fraction, From: from, To: to,
			Empty: "No visitor has reached v2 yet. It gets its first 5 % when staging has been signed off.",
		}},
	}
}

func TestGoldenPictures(t *testing.T) {
	t.Parallel()
	for _, s := range samples() {
		got := draw(t, s.of)
		path := filepath.Join("testdata", s.name+".svg.html")
		if *update {
			if err := os.WriteFile(path, got, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s has changed (-golden +now):\n%s", s.name, diff)
		}
		if len(got) > 12_000 {
			t.Errorf("%s takes %d bytes: four of them must fit on a page of 60 KB", s.name, len(got))
		}
	}
	if *gallery != "" {
		if err := os.WriteFile(*gallery, page(t), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// page is the gallery as people see it, under the dashboard's policy for styles.
func page(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	b.WriteString(`<!doctype html><meta charset="utf-8"><style>` + Stylesheet + `
:root{color-scheme:light dark} body{font:14px system-ui,sans-serif;margin:16px;max-width:820px;
background:var(--plot-surface);color:var(--plot-ink)}</style>`)
	for _, s := range samples() {
		fmt.Fprintf(&b, "%s\n", draw(t, s.of))
	}
	return b.Bytes()
}

func draw(t *testing.T, c templ.Component) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := c.Render(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
