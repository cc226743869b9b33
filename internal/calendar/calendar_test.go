package calendar

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func load(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatalf("load zone %s: %v", name, err)
	}
	return z
}

func TestCheck(t *testing.T) {
	t.Parallel()
	berlin, sydney := load(t, "Europe/Berlin"), load(t, "Australia/Sydney")
	work := []time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday}
	office := Calendar{Zone: berlin, Windows: []Window{{Weekly: Weekly{work, 9 * 60, 16 * 60, berlin}}}}
	night := Calendar{Zone: berlin, Freezes: []Freeze{{Name: "night", Weekly: &Weekly{nil, 22 * 60, 6 * 60, berlin}}}}
	skipped := Calendar{Zone: sydney, Freezes: []Freeze{{Name: "dawn", Weekly: &Weekly{nil, 150, 240, sydney}}}}
	days := Calendar{Zone: berlin, Freezes: []Freeze{{
		Name: "holidays", From: time.Date(2026, 12, 20, 0, 0, 0, 0, berlin), To: time.Date(2027, 1, 4, 0, 0, 0, 0, berlin),
	}}, Windows: office.Windows}
	tests := []struct {
		name  string
		c     Calendar
		now   time.Time
		open  bool
		until time.Time
		says  string
	}{
		{"no calendar", Calendar{}, time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC), true, time.Time{}, "no freeze"},
		{"in the window", office, time.Date(2026, 11, 20, 15, 59, 59, 0, berlin), true, time.Date(2026, 11, 20, 16, 0, 0,
			0, berlin), "open until Fri 20 Nov 2026 16:00"},
		{"its end is outside", office, time.Date(2026, 11, 20, 16, 0, 0, 0, berlin), false, time.Date(2026, 11, 23, 9, 0,
			0, 0, berlin), "outside the release windows"},
		{"the weekend when clocks go forward", office, time.Date(2026, 3, 27, 17, 0, 0, 0, berlin), false, time.Date(2026,
			3, 30, 7, 0, 0, 0, time.UTC), "Mon 30 Mar 2026 09:00"},
		{"the weekend when clocks go back", office, time.Date(2026, 10, 23, 17, 0, 0, 0, berlin), false, time.Date(2026,
			10, 26, 8, 0, 0, 0, time.UTC), "Mon 26 Oct 2026 09:00"},
		{"over midnight", night, time.Date(2026, 5, 2, 1, 0, 0, 0, berlin), false, time.Date(2026, 5, 2, 6, 0, 0, 0,
			berlin), `frozen by "night"`},
		{"the night with an hour less", night, time.Date(2026, 3, 28, 23, 0, 0, 0, berlin), false, time.Date(2026, 3, 29,
			4, 0, 0, 0, time.UTC), "06:00"},
		{"the night with an hour more", night, time.Date(2026, 10, 24, 23, 0, 0, 0, berlin), false, time.Date(2026, 10, 25,
			5, 0, 0, 0, time.UTC), "06:00"},
		{"south, the clock jumps into the freeze", skipped, time.Date(2026, 10, 3, 15, 59, 0, 0, time.UTC), true,
			time.Date(2026, 10, 3, 16, 0, 0, 0, time.UTC), "03:00 (Australia/Sydney)"},
		{"south, the hour is shown twice", skipped, time.Date(2026, 4, 4, 15, 40, 0, 0, time.UTC), false, time.Date(2026,
			4, 4, 16, 0, 0, 0, time.UTC), "02:00"},
		{"a freeze over many windows", days, time.Date(2026, 12, 21, 10, 0, 0, 0, berlin), false, time.Date(2027, 1, 4, 9,
			0, 0, 0, berlin), `"holidays"`},
		{"open for good", Calendar{Freezes: []Freeze{{Name: "past", From: time.Unix(0, 0), To: time.Unix(9, 0)}}},
			time.Unix(10, 0), true, time.Time{}, "nothing in the calendar closes it"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := tt.c.Check(tt.now)
			if got.Open != tt.open || !got.Until.Equal(tt.until) || !strings.Contains(got.Sentence, tt.says) {
				t.Errorf("open %t until %s: %s", got.Open, got.Until, got.Sentence)
			}
		})
	}
}

// TestUntilIsTheNextChange compares with a look at every minute.
func TestUntilIsTheNextChange(t *testing.T) {
	t.Parallel()
	zones := []*time.Location{
		load(t, "Europe/Berlin"), load(t, "America/New_York"), load(t, "Australia/Lord_Howe"), load(t, "America/Santiago"),
		load(t, "Asia/Kathmandu"), load(t, "Africa/Casablanca"), load(t, "Pacific/Apia"), time.UTC,
	}
	r := rand.New(rand.NewPCG(1, 2))
	weekly := func() Weekly {
		w := Weekly{From: r.IntN(Day/15) * 15, To: r.IntN(Day/15+1) * 15, Zone: zones[r.IntN(len(zones))]}
		for d := range time.Weekday(7) {
			if r.IntN(2) == 0 {
				w.Days = append(w.Days, d)
			}
		}
		return w
	}
	starts := []time.Time{ // days before clocks are set, north and south, and a day that Apia left out
		time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC), time.Date(2026, 10, 24, 12, 0, 0, 0, time.UTC),
		time.Date(2026, 3, 7, 12, 0, 0, 0, time.UTC), time.Date(2026, 4, 4, 0, 0, 0, 0, time.UTC),
		time.Date(2026, 9, 5, 12, 0, 0, 0, time.UTC), time.Date(2011, 12, 29, 0, 0, 0, 0, time.UTC),
	}
	for range 60 {
		w := weekly()
		f := weekly()
		from := starts[r.IntN(len(starts))].Add(time.Duration(r.IntN(24*60)) * time.Minute)
		c := Calendar{Windows: []Window{{Weekly: w}}, Freezes: []Freeze{
			{Name: "weekly", Weekly: &f},
			{Name: "once", From: from.Add(6 * time.Hour), To: from.Add(9*time.Hour + 7*time.Minute)},
		}}
		got := c.Check(from)
		open, _ := c.open(from)
		want := time.Time{}
		for m := from.Truncate(time.Minute).Add(time.Minute); m.Before(from.Add(8 * 24 * time.Hour)); m = m.Add(time.Minute) {
			if is, _ := c.open(m); is != open {
				want = m
				break
			}
		}
		if got.Open != open || !want.IsZero() && !got.Until.Equal(want) {
			t.Fatalf("from %s\nwindow %+v\nfreeze %+v\n got %s\nwant %s", from, w, f, got.Until, want)
		}
		if want.IsZero() && !got.Until.IsZero() && got.Until.Before(from.Add(8*24*time.Hour)) {
			t.Fatalf("a change at %s that is none", got.Until)
		}
	}
}

func TestAddBusinessDays(t *testing.T) {
	t.Parallel()
	berlin := load(t, "Europe/Berlin")
	at := func(month time.Month, day, hour int) time.Time {
		return time.Date(2026, month, day, hour, 30, 0, 0, berlin)
	}
	tests := []struct {
		name string
		from time.Time
		n    int
		want time.Time
	}{
		{"none", at(11, 21, 9), 0, at(11, 21, 9)},
		{"in the week", at(11, 17, 9), 1, at(11, 18, 9)},
		{"over the weekend", at(11, 20, 9), 1, at(11, 23, 9)},
		{"from a Saturday", at(11, 21, 9), 1, at(11, 23, 9)},
		{"three from a Thursday", at(11, 19, 9), 3, at(11, 24, 9)},
		{"five", at(11, 18, 9), 5, at(11, 25, 9)},
		{"the clock is kept when it is set", at(3, 27, 9), 1, at(3, 30, 9)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := AddBusinessDays(tt.from.UTC(), tt.n, berlin); !got.Equal(tt.want) {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestParseClockAndDay(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]int{"0:00": 0, "09:30": 570, "9:30": 570, "24:00": Day} {
		if got, err := ParseClock(s); err != nil || got != want {
			t.Errorf("%s: got %d, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "24:01", "9", "9:5", "1x:00", "-1:00", "09:60", "009:00", "٩:00"} {
		if got, err := ParseClock(s); err == nil {
			t.Errorf("%q: got %d", s, got)
		}
	}
	if d, err := ParseDay("Friday"); err != nil || d != time.Friday {
		t.Errorf("Friday: %v, %v", d, err)
	}
	if _, err := ParseDay("fr"); err == nil {
		t.Error("fr is a day")
	}
}

// FuzzCheck looks for spans that are never ending to search, and for answers that
// contradict themselves.
func FuzzCheck(f *testing.F) {
	f.Add(int64(1_774_700_000), 120, 180, uint8(0x7f), "Europe/Berlin")
	f.Add(int64(1_759_500_000), 1320, 360, uint8(0x01), "Australia/Lord_Howe")
	f.Fuzz(func(t *testing.T, unix int64, from, to int, days uint8, name string) {
		z, err := time.LoadLocation(name)
		if err != nil {
			z = time.UTC
		}
		w := Weekly{From: abs(from) % Day, To: abs(to) % (Day + 1), Zone: z}
		for d := range time.Weekday(7) {
			if days&(1<<d) != 0 {
				w.Days = append(w.Days, d)
			}
		}
		now := time.Unix(unix%4_000_000_000, 0)
		c := Calendar{Windows: []Window{{Weekly: w}}}
		s := c.Check(now)
		if s.Until.IsZero() {
			return
		}
		before, _ := c.open(s.Until.Add(-time.Nanosecond))
		after, _ := c.open(s.Until)
		if !s.Until.After(now) || before != s.Open || after == s.Open {
			t.Fatalf("at %s: %+v", now, s)
		}
	})
}

func abs(n int) int {
	if n < 0 {
		return -(n + 1)
	}
	return n
}
