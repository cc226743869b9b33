package plot

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLinearTicks(t *testing.T) {
	t.Parallel()
	tests := []struct {
		low, high float64
		n         int
		want      []float64
	}{
		{0, 100, 4, []float64{0, 25, 50, 75, 100}},
		{0, 0.064, 4, []float64{0, 0.02, 0.04, 0.06, 0.08}},
		{-3, 7, 5, []float64{-4, -2, 0, 2, 4, 6, 8}},
		{5, 5, 2, []float64{5, 5.25, 5.5}},
	}
	for _, tt := range tests {
		got := linear(tt.low, tt.high, tt.n)
		close := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-9 })
		if diff := cmp.Diff(tt.want, got.ticks, close); diff != "" {
			t.Errorf("%g to %g: %s", tt.low, tt.high, diff)
		}
	}
}

func TestScalesHoldTheirRangeInOrder(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(2, 2))
	for range 3000 {
		low := rng.NormFloat64() * math.Pow(10, float64(rng.IntN(20)-8))
		high := low + math.Abs(rng.NormFloat64())*math.Pow(10, float64(rng.IntN(20)-8))
		s := linear(low, high, 1+rng.IntN(8))
		if low >= high {
			continue
		}
		if s.at(low) < -1e-6 || s.at(high) > 1+1e-6 || s.at(low) > s.at(high) || len(s.ticks) < 2 || len(s.ticks) > 12 {
			t.Fatalf("linear %g to %g: %+v", low, high, s)
		}
		a, b := math.Abs(low), math.Abs(low)+high-low
		l := logarithmic(a, b)
		if l.at(max(a, 1e-12)) < 0 || l.at(b) > 1 || len(l.ticks) == 0 || len(l.ticks) > 14 {
			t.Fatalf("logarithmic %g to %g: %+v", a, b, l)
		}
	}
}

func TestValuesAreWrittenWithTheirUnits(t *testing.T) {
	t.Parallel()
	tests := []struct {
		unit    Unit
		v, step float64
		want    string
	}{
		{Fraction, 0.05, 0, "5 %"},
		{Fraction, 0.01234, 0, "1.23 %"},
		{Fraction, 0.000354, 0, "0.035 %"},
		{Fraction, 0.025, 0.005, "2.5 %"},
		{Fraction, 0.03, 0.005, "3.0 %"},
		{Percent, 100, 25, "100 %"},
		{Milliseconds, 223.4, 0, "223 ms"},
		{Milliseconds, 1500, 0, "1.5 s"},
		{Times, 1.25, 0, "1.25×"},
		{Count, 1234567, 0, "1,234,567"},
		{Count, -1234.5, 0, "−1,234"},
		{Count, 0, 0, "0"},
		{Count, math.Copysign(0, -1), 0, "0"},
		{Unit(99), 3, 0, "3"},
	}
	for _, tt := range tests {
		if got := strings.ReplaceAll(tt.unit.write(tt.v, tt.step), "\u00a0", " "); got != tt.want {
			t.Errorf("%g in unit %d is %q, want %q", tt.v, tt.unit, got, tt.want)
		}
	}
}

func TestTimeTicksAreRoundOnTheWallClock(t *testing.T) {
	t.Parallel()
	kolkata, berlin := zone(t, "Asia/Kolkata"), zone(t, "Europe/Berlin")
	at := func(s string, in *time.Location) time.Time {
		v, err := time.ParseInLocation("2006-01-02 15:04:05", s, in)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	tests := []struct {
		name     string
		from, to string
		in       *time.Location
		want     string
	}{
		{"half an hour", "2026-11-22 14:00:00", "2026-11-22 14:30:00", time.UTC,
			"14:00 14:05 14:10 14:15 14:20 14:25 14:30"},
		{"an odd offset", "2026-11-22 14:07:00", "2026-11-22 18:07:00", kolkata,
			"14:30 15:00 15:30 16:00 16:30 17:00 17:30 18:00"},
		{"half a minute", "2026-11-22 14:00:01", "2026-11-22 14:00:31", time.UTC,
			"14:00:05 14:00:10 14:00:15 14:00:20 14:00:25 14:00:30"},
		{"over midnight", "2026-11-22 22:00:00", "2026-11-23 01:10:00", time.UTC,
			"22:00 22:30 23:00 23:30 23 Nov 00:30 01:00"},
		{"the clock goes forward", "2026-03-29 00:00:00", "2026-03-29 06:00:00", berlin,
			"29 Mar 01:00 03:00 04:00 05:00 06:00"},
		{"the clock goes back", "2026-10-25 00:00:00", "2026-10-25 06:00:00", berlin,
			"25 Oct 01:00 02:00 03:00 04:00 05:00 06:00"},
		{"a week", "2026-11-16 09:00:00", "2026-11-22 09:00:00", berlin, "17 Nov 18 Nov 19 Nov 20 Nov 21 Nov 22 Nov"},
		{"a year", "2026-01-10 00:00:00", "2026-12-31 00:00:00", time.UTC,
			"Mar 2026 May 2026 Jul 2026 Sep 2026 Nov 2026"},
	}
	for _, tt := range tests {
		var got []string
		for _, k := range newAxis(at(tt.from, tt.in), at(tt.to, tt.in), tt.in).ticks(8) {
			got = append(got, k.label)
		}
		if diff := cmp.Diff(tt.want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
}

func TestTimeTicksAreFewAndAscending(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(4, 4))
	places := []*time.Location{
		time.UTC, zone(t, "Australia/Lord_Howe"), zone(t, "America/St_Johns"), zone(t, "Pacific/Apia"),
	}
	for range 3000 {
		from := start().Add(time.Duration(rng.Int64N(int64(4 * 365 * day))))
		a := newAxis(from, from.Add(time.Duration(math.Exp(rng.Float64()*40))), places[rng.IntN(len(places))])
		ticks := a.ticks(8)
		for i, k := range ticks {
			if !a.holds(k.at) || i > 0 && !k.at.After(ticks[i-1].at) {
				t.Fatalf("%v to %v: %v", a.from, a.to, ticks)
			}
		}
		if span := a.to.Sub(a.from); len(ticks) > 10 || len(ticks) < 2 && span > 10*time.Second && span < 200*365*day {
			t.Fatalf("%v to %v in %v: %d ticks", a.from, a.to, a.in, len(ticks))
		}
	}
}

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	l, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// An axis of time that has passed shows no clock, and no date where it begins.
func TestTimeThatHasPassed(t *testing.T) {
	t.Parallel()
	from := time.Unix(0, 0).UTC()
	for length, want := range map[time.Duration]string{
		2 * time.Minute:  "0|30\u00a0s|1\u00a0min|90\u00a0s|2\u00a0min",
		6 * time.Hour:    "0|2\u00a0h|4\u00a0h|6\u00a0h",
		90 * time.Minute: "0|30\u00a0min|1\u00a0h|90\u00a0min",
	} {
		a := newAxis(from, from.Add(length), nil)
		a.elapsed = true
		var got []string
		for _, k := range a.ticks(5) {
			got = append(got, k.label)
		}
		if s := strings.Join(got, "|"); s != want {
			t.Errorf("%v: %q, want %q", length, s, want)
		}
	}
}
