package plot

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"
)

// sound fails the test unless the picture is well-formed, holds only what the
// dashboard's content policy allows, and has no number that is not finite.
func sound(t *testing.T, c templ.Component) string {
	t.Helper()
	out := draw(t, c)
	numbers := []string{"x", "y", "x1", "x2", "y1", "y2", "dx", "cx", "cy", "r", "width", "height"}
	texts := []string{"class", "id", "role", "aria-labelledby", "aria-describedby", "text-anchor", "fill", "stroke",
		"stroke-dasharray", "stroke-opacity", "fill-opacity", "stroke-width", "stroke-linecap", "vector-effect",
		"preserveAspectRatio", "viewBox", "overflow", "font-size", "d"}
	elements := []string{"figure", "figcaption", "span", "svg", "g", "title", "desc", "line", "rect", "path", "text",
		"circle"}
	path := regexp.MustCompile(`^[MLHVZAlv0-9. -]*$`)
	d := xml.NewDecoder(bytes.NewReader(out))
	var words strings.Builder
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("not well-formed: %v\n%s", err, out)
		}
		switch e := tok.(type) {
		case xml.CharData:
			words.Write(e)
		case xml.StartElement:
			if !slices.Contains(elements, e.Name.Local) {
				t.Fatalf("element %s\n%s", e.Name.Local, out)
			}
			for _, a := range e.Attr {
				v, err := strconv.ParseFloat(strings.TrimSuffix(a.Value, "%"), 64)
				switch {
				case slices.Contains(numbers, a.Name.Local):
					if err != nil || math.IsNaN(v) || math.IsInf(v, 0) || math.Abs(v) > 1e5 {
						t.Fatalf("%s has %s=%q\n%s", e.Name.Local, a.Name.Local, a.Value, out)
					}
				case a.Name.Local == "d" && !path.MatchString(a.Value):
					t.Fatalf("path %q", a.Value)
				case !slices.Contains(texts, a.Name.Local):
					t.Fatalf("attribute %s of %s\n%s", a.Name.Local, e.Name.Local, out)
				}
			}
		}
	}
	return words.String()
}

func TestSamplesAreSound(t *testing.T) {
	t.Parallel()
	for _, s := range samples() {
		if words := sound(t, s.of); strings.TrimSpace(words) == "" {
			t.Errorf("%s says nothing", s.name)
		}
	}
}

func TestHostileTextStaysText(t *testing.T) {
	t.Parallel()
	const evil = `</title><script>alert(1)</script>"' onload=x &amp; ` + "\x00\x1b\u202e\uFFFE\xff"
	long := evil + strings.Repeat("𓂀 very long name ", 5000)
	for _, s := range []string{evil, long, "", "مرحبا", " "} {
		c := Chart{
			ID: s, Title: s, Note: s, Empty: s, From: minute(0), To: minute(9),
			Series: []Series{{Name: s, Tone: Tone(s), Points: steps(0, 1, 4, 3)}},
			Limits: []Limit{{2, s, true}}, Events: []Event{{minute(1), s}}, Shades: []Shade{{minute(3), minute(4), s}},
		}
		words := sound(t, c)
		if len(words) > 12000 {
			t.Errorf("a long name makes %d bytes", len(words))
		}
		if strings.ContainsAny(words, "\u202e\x1b\x00") {
			t.Error("control characters reach the page")
		}
		if s == evil && !strings.Contains(words, "<script>") {
			t.Error("the text is lost instead of escaped")
		}
		c.Series = nil
		sound(t, c)
		sound(t, Strip{
			ID: s, Title: s, Note: s, Empty: s, From: minute(0), To: minute(9),
			Rows: []StripRow{{s, Stable, []Mark{{minute(1), false, s}}}},
		})
		sound(t, Rungs{ID: s, Title: s, Note: s, Name: s, Known: true, Value: 1, Low: 0.5, High: 2})
		sound(t, Meter{ID: s, Title: s, Note: s, Says: s, Marked: s, Value: 1, Mark: 2})
	}
}

func TestAnyNumbersMakeSoundRungs(t *testing.T) {
	t.Parallel()
	for seed := range uint64(400) {
		rng := rand.New(rand.NewPCG(seed, 11))
		r := Rungs{
			ID: "r", Known: rng.IntN(3) > 0, Value: odd(rng), Low: odd(rng), High: odd(rng), Open: rng.IntN(2) == 0,
			Tolerated: odd(rng),
		}
		for range rng.IntN(12) {
			r.Rungs = append(r.Rungs, Rung{Times: odd(rng), Excluded: rng.IntN(2) == 0})
		}
		sound(t, r)
		sound(t, Meter{ID: "m", Value: odd(rng), Mark: odd(rng), Says: "some", Marked: "mark"})
	}
}

func TestRungsSayWhatIsRuledOut(t *testing.T) {
	t.Parallel()
	words := sound(t, Rungs{Known: true, Value: 1.1, Low: 0.6, High: 2.4, Tolerated: 1.25,
		Rungs: []Rung{{2, false}, {10, true}, {3, true}}})
	for _, want := range []string{"The ratio is 1.1×, uncertain 0.6 to 2.4.", "10×: ruled out.", "3×: ruled out.",
		"2×: not ruled out yet.", "Tolerated: 1.25×."} {
		if !strings.Contains(words, want) {
			t.Errorf("%q is not in %q", want, words)
		}
	}
	if words := sound(t, Rungs{Rungs: []Rung{{10, false}}}); !strings.Contains(words, "not known yet") {
		t.Errorf("nothing is known: %q", words)
	}
	beside := regexp.MustCompile(`<text class="plot-value"[^>]*>([^<]*)`)
	out := string(draw(t, Rungs{Rungs: []Rung{{10, false}}}))
	if beside := beside.FindStringSubmatch(out); beside == nil || len(beside[1]) > maxLabel {
		t.Errorf("what stands beside an unknown ratio leaves the picture: %q", beside)
	}
}

// odd returns a number of the kinds that break pictures.
func odd(rng *rand.Rand) float64 {
	kinds := []float64{0, math.Copysign(0, -1), 1, -1, math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64,
		-math.MaxFloat64, math.SmallestNonzeroFloat64, 1e-300, 1e14, -1e14,
		rng.Float64(), rng.NormFloat64() * 1e3, 1e15, 1 + 1e-15}
	return kinds[rng.IntN(len(kinds))]
}

func oddTime(rng *rand.Rand) time.Time {
	kinds := []time.Time{
		{}, start(), minute(rng.Float64() * 60), time.Unix(0, 0), time.Unix(1<<40, 0), time.Unix(-1<<40, 0),
		minute(5).Add(time.Nanosecond), minute(-500000),
	}
	if rng.IntN(3) > 0 {
		return kinds[2]
	}
	return kinds[rng.IntN(len(kinds))]
}

func TestAnyNumbersMakeASoundPicture(t *testing.T) {
	t.Parallel()
	for seed := range uint64(400) {
		rng := rand.New(rand.NewPCG(seed, 9))
		c := Chart{
			ID: "c", From: oddTime(rng), To: oddTime(rng), Low: odd(rng), High: odd(rng), Log: rng.IntN(2) == 0,
			Unit: Unit(rng.IntN(7) - 1), Height: rng.IntN(400) - 100,
		}
		for range rng.IntN(4) {
			s := Series{Step: rng.IntN(2) == 0, Gap: time.Duration(rng.IntN(3)) * time.Minute}
			for range rng.IntN(30) {
				s.Points = append(s.Points, Point{oddTime(rng), odd(rng), odd(rng), odd(rng)})
			}
			c.Series = append(c.Series, s)
			c.Limits = append(c.Limits, Limit{Value: odd(rng), Label: "l"})
			c.Events = append(c.Events, Event{oddTime(rng), "e"})
			c.Shades = append(c.Shades, Shade{oddTime(rng), oddTime(rng), "s"})
		}
		words := sound(t, c)
		if strings.Contains(words, "NaN") || strings.Contains(words, "Inf") {
			t.Fatalf("seed %d: %s", seed, words)
		}
		if len(c.Series) > 0 {
			var marks []Mark
			for _, q := range c.Series[0].Points {
				marks = append(marks, Mark{q.At, q.Value > 0, "x"})
			}
			sound(t, Strip{From: c.From, To: c.To, Rows: []StripRow{{"r", Canary, marks}}})
		}
	}
}

func FuzzChart(f *testing.F) {
	f.Add("v1", "critical", 0.5, 0.1, 0.9, int64(60), false)
	f.Add("<b>", "\x00", math.NaN(), math.Inf(1), -1.0, int64(-1), true)
	f.Fuzz(func(t *testing.T, name, label string, v, low, high float64, seconds int64, log bool) {
		at := start().Add(time.Duration(seconds) * time.Second)
		sound(t, Chart{
			Title: name, From: start(), To: at, Log: log, Unit: Fraction, Low: low, High: high,
			Series: []Series{{Name: name, Tone: Canary, Points: []Point{{start(), v, low, high}, {at, high, v, v}}}},
			Limits: []Limit{{v, label, true}, {high, label, false}}, Events: []Event{{at, label}},
			Shades: []Shade{{start(), at, label}},
		})
	})
}

func TestMissingDataIsAGapAndNeverZero(t *testing.T) {
	t.Parallel()
	nan := math.NaN()
	s := Series{Gap: 2 * time.Minute, Points: []Point{
		{At: minute(0), Value: 5}, {At: minute(1), Value: 6}, {At: minute(2), Value: nan}, {At: minute(3), Value: 7},
		{At: minute(9), Value: 8}, {At: minute(10), Value: 9},
	}}
	got := runs(s, newAxis(minute(0), minute(10), nil), false)
	if len(got) != 3 || len(got[0]) != 2 || len(got[1]) != 1 || len(got[2]) != 2 {
		t.Fatalf("runs are %v", got)
	}
	out := string(draw(t, Chart{From: minute(0), To: minute(10), Series: []Series{s}}))
	line := regexp.MustCompile(`plot-line[^>]* d="([^"]*)"`).FindStringSubmatch(out)
	if len(line) != 2 || strings.Count(line[1], "M") != 3 {
		t.Errorf("the line is not drawn in three parts: %v", line)
	}
	nothing := Series{Name: "v2", Points: []Point{{minute(1), nan, 0, 0}}}
	words := sound(t, Chart{From: minute(0), To: minute(10), Empty: "Nothing yet.", Series: []Series{nothing}})
	if !strings.Contains(words, "Nothing yet.") || !strings.Contains(words, "v2: no data.") {
		t.Errorf("no data reads %q", words)
	}
}

func TestUnsortedPointsAreDrawnInOrder(t *testing.T) {
	t.Parallel()
	s := Series{Points: []Point{{At: minute(3), Value: 3}, {At: minute(1), Value: 1}, {At: minute(2), Value: 2}}}
	got := runs(s, newAxis(minute(0), minute(10), nil), false)[0]
	if got[0].Value != 1 || got[2].Value != 3 || s.Points[0].Value != 3 {
		t.Errorf("%v, and the caller's points are %v", got, s.Points)
	}
}

// A few early requests of which anything may be true do not flatten the rest, but a
// picture that is uncertain throughout shows how much.
func TestBandsAreNotHidden(t *testing.T) {
	t.Parallel()
	var wide, early []Point
	for i := range 40 {
		q := Point{At: minute(float64(i)), Value: 0.01, Low: 0.001, High: 0.09}
		wide = append(wide, q)
		if i > 2 {
			q.High = 0.012
		}
		early = append(early, q)
	}
	for _, tt := range []struct {
		name      string
		points    []Point
		low, high float64
	}{{"wide throughout", wide, 0.09, 0.11}, {"wide at first", early, 0.01, 0.025}} {
		c := Chart{Unit: Fraction, Series: []Series{{Points: tt.points}}}
		if top := c.frame(&pen{}).scale.high; top < tt.low || top > tt.high {
			t.Errorf("%s: the axis ends at %g, want %g to %g", tt.name, top, tt.low, tt.high)
		}
	}
}

func TestALineEndsWithTheLastPointOnTheAxis(t *testing.T) {
	t.Parallel()
	for _, step := range []bool{true, false} {
		s := Series{Name: "v2", Step: step, Points: steps(0, 5, 8, 10, 12, 99)}
		words := sound(t, Chart{Unit: Percent, From: minute(2), To: minute(9), Series: []Series{s}})
		if !strings.Contains(words, "v2: 10\u00a0% at") {
			t.Errorf("step %t: %s", step, words)
		}
	}
}

func TestThinningKeepsTheExtremes(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 1))
	var points []Point
	for i := range 5000 {
		points = append(points, Point{At: start().Add(time.Duration(i) * time.Second), Value: rng.Float64()})
	}
	points[1234].Value, points[4321].Value = 99, -99
	got := thin(points, newAxis(points[0].At, points[4999].At, nil), maxPoints)
	ascending := slices.IsSortedFunc(got, func(a, b Point) int { return a.At.Compare(b.At) })
	kept := slices.Contains(got, points[1234]) && slices.Contains(got, points[4321])
	if len(got) > maxPoints+2 || !kept || !ascending {
		t.Errorf("%d of 5000 points kept, ascending %t, without an extreme", len(got), ascending)
	}
	if got[0] != points[0] || got[len(got)-1] != points[4999] {
		t.Error("an end is lost")
	}
}

func TestRenderReportsTheWriterAndTheContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (Chart{}).Render(ctx, io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	r, w := io.Pipe()
	_ = r.Close()
	if err := (Strip{}).Render(t.Context(), w); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("closed: %v", err)
	}
}

func TestStylesheetNamesEveryClass(t *testing.T) {
	t.Parallel()
	silent := []string{"plot-tick", "plot-row", "plot-rail", "plot-plane", "plot-strip", "plot-shade-area",
		"plot-shade-edge", "plot-dashed", "plot-small", "plot-rungs", "plot-meter", "plot-track"}
	classes := regexp.MustCompile(`class="([^"]*)"`)
	for _, s := range samples() {
		for _, m := range classes.FindAllStringSubmatch(string(draw(t, s.of)), -1) {
			for class := range strings.FieldsSeq(m[1]) {
				if !slices.Contains(silent, class) && !regexp.MustCompile(`\.`+class+`[ ,]`).MatchString(Stylesheet) {
					t.Errorf("class %s of %s is not in the stylesheet", class, s.name)
				}
			}
		}
	}
}

func TestColorsAreLegible(t *testing.T) {
	t.Parallel()
	light, dark, _ := strings.Cut(Stylesheet, "@media")
	dark, _, _ = strings.Cut(dark, "}")
	for name, sheet := range map[string]string{"light": light[:strings.Index(light, "}")], "dark": dark} {
		colors := map[string]float64{}
		for _, m := range regexp.MustCompile(`--plot-(\w+): #(\w+);`).FindAllStringSubmatch(sheet, -1) {
			colors[m[1]] = luminance(t, m[2])
		}
		if len(colors) != 9 {
			t.Fatalf("%s: colors %v", name, colors)
		}
		for color, l := range colors {
			a, b := max(l, colors["surface"]), min(l, colors["surface"])
			if ratio := (a + 0.05) / (b + 0.05); color != "surface" && ratio < 4.5 {
				t.Errorf("%s: %s has a contrast of %.2f : 1", name, color, ratio)
			}
		}
	}
}

// luminance is the relative luminance of WCAG 2.
func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	if len(hex) == 3 {
		hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
	}
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		v, err := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(v) / 255
		if c <= 0.04045 {
			sum += weight * c / 12.92
			continue
		}
		sum += weight * math.Pow((c+0.055)/1.055, 2.4)
	}
	return sum
}

func BenchmarkChart(b *testing.B) {
	c := samples()[1].of
	for b.Loop() {
		if err := c.Render(b.Context(), io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}

// TestTheLabelOfAStretchStandsAboveIt: wherever a stretch begins and ends, its label begins or ends with it, and stays
// inside the plane.
func TestTheLabelOfAStretchStandsAboveIt(t *testing.T) {
	label := regexp.MustCompile(`<text class="plot-halo plot-small[^"]*" x="([0-9.]+)%" dx="(-?5)"` +
		`[^>]*>(?:<[^>]*>)*drain`)
	at := time.Date(2026, 11, 27, 10, 0, 0, 0, time.UTC)
	for from := 0; from <= 95; from += 5 {
		for _, long := range []int{5, 20, 100} {
			to := min(from+long, 100)
			c := Chart{Unit: Percent, From: at, To: at.Add(100 * time.Minute),
				Series: []Series{{Name: "stable", Points: []Point{{At: at}, {At: at.Add(100 * time.Minute), Value: 1}}}},
				Shades: []Shade{{at.Add(time.Duration(from) * time.Minute), at.Add(time.Duration(to) * time.Minute),
					"drain is silent"}},
			}
			out := string(draw(t, c))
			m := label.FindStringSubmatch(out)
			if m == nil {
				t.Fatalf("no label from %d to %d: %s", from, to, out)
			}
			x, err := strconv.ParseFloat(m[1], 64)
			if err != nil {
				t.Fatal(err)
			}
			begins, ends := m[2] == "5" && x == float64(from), m[2] == "-5" && x == float64(to)
			if !begins && !ends || begins && x > 62 {
				t.Errorf("from %d to %d the label is at %v by %s", from, to, x, m[2])
			}
		}
	}
}

// The name of a stretch stands clear of the thresholds' lines.
func TestTheLabelOfAStretchCoversNoLine(t *testing.T) {
	t.Parallel()
	from := time.Date(2026, 7, 25, 14, 0, 0, 0, time.UTC)
	at := func(m int) time.Time { return from.Add(time.Duration(m) * time.Minute) }
	line := regexp.MustCompile(`<g class="plot-limit[^"]*"><line x2="100%" stroke="currentColor" y1="([0-9.]+)`)
	label := regexp.MustCompile(` y="([0-9.]+)"[^>]*>(?:<[^>]*>)*cold`)
	for limit := 20.0; limit < 600; limit += 10 {
		for _, begin := range []int{1, 9} {
			out := string(draw(t, Chart{From: from, To: at(20), Unit: Milliseconds, High: 600, Height: 160,
				Shades: []Shade{{From: at(begin), To: at(begin + 2), Label: "cold: not judged"}},
				Limits: []Limit{{Value: limit, Label: "warn"}},
				Series: []Series{{Name: "canary", Points: []Point{{At: at(1), Value: 200}, {At: at(19), Value: 210}}}}}))
			m, n := line.FindStringSubmatch(out), label.FindStringSubmatch(out)
			if m == nil || n == nil {
				t.Fatalf("no line or no label: %v %v", m, n)
			}
			y, _ := strconv.ParseFloat(m[1], 64)
			base, _ := strconv.ParseFloat(n[1], 64)
			if y > base-9 && y < base+3 {
				t.Errorf("the line of %g at %g goes through the label at %g", limit, y, base)
			}
		}
	}
}

// The name of a stretch stands clear of the thresholds' names, of those above the picture too.
func TestTheLabelOfAStretchCoversNoLimit(t *testing.T) {
	t.Parallel()
	from := time.Date(2026, 7, 25, 14, 0, 0, 0, time.UTC)
	at := func(m int) time.Time { return from.Add(time.Duration(m) * time.Minute) }
	number := regexp.MustCompile(` y="([0-9.]+)"[^>]*>(?:<[^>]*>)*([^<]*)`)
	for name, stretch := range map[string]Shade{
		"at the right, with one above": {From: at(12), To: at(20), Label: "drain is silent"},
		"at the left, on a line":       {From: at(1), To: at(3), Label: "cold: not judged"},
	} {
		c := Chart{From: from, To: at(20), Unit: Milliseconds, High: 600, Shades: []Shade{stretch},
			Limits: []Limit{{Value: 598, Label: "warn"}, {Value: 5000, Label: "critical"}},
			Series: []Series{{Name: "canary", Points: []Point{{At: at(1), Value: 200}, {At: at(19), Value: 210}}}}}
		limits, mine := map[string]float64{}, -1.0
		for _, m := range number.FindAllStringSubmatch(string(draw(t, c)), -1) {
			y, _ := strconv.ParseFloat(m[1], 64)
			switch text := m[2]; {
			case text == stretch.Label:
				mine = y
			case strings.Contains(text, "critical") && stretch.From.Equal(at(12)), strings.HasPrefix(text, "warn"):
				limits[text] = y
			}
		}
		if mine < 0 || len(limits) == 0 {
			t.Errorf("%s: the label at %g, limits %v", name, mine, limits)
		}
		for text, y := range limits {
			if right := strings.Contains(text, "critical"); right == stretch.From.Equal(at(12)) && math.Abs(y-mine) < 13 {
				t.Errorf("%s: %q at %g covers %q at %g", name, stretch.Label, mine, text, y)
			}
		}
	}
}
