package page

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/api"
)

// spaced makes the spaces before units plain, so that the tables can be read.
func spaced(s string) string { return strings.ReplaceAll(s, "\u00a0", " ") }

func TestNumbersInWords(t *testing.T) {
	t.Parallel()
	tests := []struct{ got, want string }{
		{count(0), "0"}, {count(999), "999"}, {count(1000), "1,000"}, {count(1234567), "1,234,567"}, {count(-1234), "−1,234"},
		{plural(1, "request"), "1 request"}, {plural(2000, "request"), "2,000 requests"},
		{percent(0), "0 %"}, {percent(5), "5 %"}, {percent(12.5), "12.5 %"}, {percent(0.04), "0.04 %"},
		{percent(-1), "unknown"}, {percent(math.NaN()), "unknown"}, {rate(0.0041), "0.4 %"}, {rate(-1), "–"},
		{millis(212.4), "212 ms"}, {millis(1400), "1.4 s"}, {millis(-1), "–"}, {millis(math.NaN()), "–"},
		{sure(0.72), "72 % sure"},
		{sure(0.9729), "97 % sure"}, {sure(0.9969), "99.6 % sure"}, {sure(1), "more than 99.9 % sure"},
		{list(nil), ""}, {list([]string{"a"}), "a"}, {list([]string{"a", "b", "c"}), "a, b and c"},
		{title("rolled_back"), "Rolled back"}, {title(""), ""}, {lowerFirst("QA signs"), "QA signs"}, {lowerFirst("Pause"),
			"pause"},
		{who("user:ada"), "ada"}, {who("system:guard"), "Slipway's guard"}, {who("token:ada/ci"),
			"ada (token ci)"}, {who(""), ""},
		{left(api.MetricSource{Late: 1}), "1 came too late."}, {left(api.MetricSource{Dropped: 1}), "1 was dropped."},
		{left(api.MetricSource{Late: 2, Dropped: 1200}), "2 came too late, 1,200 were dropped."},
		{left(api.MetricSource{}), ""}, {evidenceName("canary/share-25"), "Canary at 25 %"},
		{evidenceName("check/qa_staging"), "Check: qa staging"}, {evidenceName("comparison"), "Comparison"},
		{short("rel_0d6r3k8m2n4p5q7s9tv0"), "7s9tv0"}, {short("3be81a90c7d24f6f"), "3be81a90c7"}, {short(""), ""},
	}
	for _, test := range tests {
		if got := spaced(test.got); got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}

// The server says times in UTC; a page says all of them in the viewer's zone.
func TestTimesOfASentence(t *testing.T) {
	t.Parallel()
	f := Frame{Now: time.Date(2026, 11, 20, 14, 3, 12, 0, time.UTC), Zone: time.FixedZone("CET", 3600)}
	for said, want := range map[string]string{
		"":                                     "",
		" UTC":                                 " UTC",
		"4 UTC":                                "4 UTC",
		"x:04 UTC":                             "x:04 UTC",
		"in 99:99 UTC":                         "in 99:99 UTC",
		"Broken since 13:55:12 UTC: not held.": "Broken since 14:55:12 CET: not held.",
		"What it did until 13:54 UTC.":         "What it did until 14:54 CET.",
		"Since 23:30 UTC of the day before.":   "Since 00:30 CET of the day before.",
		"Due 2026-12-31 23:30 UTC, ends 09:00 UTC": "Due 2027-01-01 00:30 CET, ends 10:00 CET",
		"Ends on 2026-07-01 12:00:00 UTC.":         "Ends on 2026-07-01 13:00:00 CET.",
		"6.2 % of 40 in 60 s; p95 512 ms (4 min).": "6.2\u00a0% of 40 in 60\u00a0s; p95 512\u00a0ms (4\u00a0min).",
		"2 shops, v2 has 3 more, 5  % and % s ":    "2 shops, v2 has 3 more, 5  % and % s ",
		"لا 13:55 UTC لا":                          "لا 14:55 CET لا",
	} {
		if got := f.said(said); got != want {
			t.Errorf("%q became %q, want %q", said, got, want)
		}
	}
	berlin, err := time.LoadLocation("Europe/Berlin") // whose summer ends at 01:00 UTC
	if err != nil {
		t.Fatal(err)
	}
	night := Frame{Now: time.Date(2026, 10, 25, 0, 30, 0, 0, time.UTC), Zone: berlin}
	if got := night.said("since 23:50 UTC"); got != "since 01:50 CEST" {
		t.Errorf("of the day before it says %q", got)
	}
	f.Zone = time.UTC
	if got := f.said("since 13:55:12 UTC"); got != "since 13:55:12 UTC" {
		t.Errorf("in UTC it says %q", got)
	}
}

func TestTimeInWords(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 20, 14, 3, 12, 0, time.UTC)
	f := Frame{Now: now, Zone: time.FixedZone("CET", 3600)}
	tests := []struct{ got, want string }{
		{span(300 * time.Millisecond), "less than a second"}, {span(time.Second), "1 second"}, {span(125 * time.Second),
			"2 minutes 5 seconds"},
		{span(25 * time.Minute), "25 minutes"}, {span(65 * time.Minute), "1 hour 5 minutes"}, {span(49 * time.Hour),
			"2 days 1 hour"},
		{brief(42 * time.Second), "42 s"}, {brief(12 * time.Minute), "12 m"}, {brief(3 * time.Hour),
			"3 h"}, {brief(72 * time.Hour), "3 d"},
		{ago(now, now), "now"}, {ago(now.Add(-4*time.Minute), now), "4 minutes ago"}, {ago(now.Add(2*time.Hour), now),
			"in 2 hours"},
		{ago(now.Add(-26*time.Hour), now), "26 hours ago"}, {ago(now.Add(-80*time.Hour), now), "3 days ago"},
		{f.clock(now), "15:03:12"}, {f.clock(now.Add(-48 * time.Hour)), "18 Nov 15:03"}, {f.clock(now.AddDate(-1, 0, 0)),
			"20 Nov 2025"},
		{f.day(now), "Today"}, {f.day(now.Add(10 * time.Hour)), "Saturday 21 November"}, {f.day(now.Add(-24 * time.Hour)),
			"Yesterday"},
		{f.day(now.AddDate(-1, 0, 0)), "20 November 2025"}, {f.zone(), "CET"},
	}
	for _, test := range tests {
		if got := spaced(test.got); got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}

func TestTrackGroupsStepsByStage(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 20, 14, 0, 0, 0, time.UTC)
	end := at.Add(90 * time.Second)
	got := trackOf(api.Release{Step: "c/5", Steps: []api.Step{
		{ID: "s/checks", Stage: "staging", Title: "Checks", Status: "passed", Sentence: "All passed.", Started: &at,
			Ended: &end},
		{ID: "s/sign", Stage: "staging", Title: "Sign", Status: "passed", Sentence: "lin signed.", Actor: "user:lin"},
		{ID: "c/5", Stage: "canary", Title: "5 %", Status: "waiting", Sentence: "Bakes."},
		{ID: "c/10", Stage: "canary", Title: "10 %", Status: "pending"},
		{ID: "p/go", Stage: "production", Title: "Go", Status: "pending"},
	}})
	want := []stageView{
		{name: "staging", mark: stepMark("passed"), progress: "2 of 2", steps: []stepView{
			{title: "Checks", took: brief(90 * time.Second), mark: stepMark("passed")},
			{title: "Sign", sentence: "lin signed.", mark: stepMark("passed")},
		}},
		{name: "canary", mark: stepMark("waiting"), progress: "0 of 2", steps: []stepView{
			{title: "5 %", sentence: "Bakes.", mark: stepMark("waiting"), now: true},
			{title: "10 %", mark: stepMark("pending")},
		}},
		{name: "production", mark: stepMark("pending"), progress: "0 of 1",
			steps: []stepView{{title: "Go", mark: stepMark("pending")}}},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(stageView{}, stepView{}, mark{})); diff != "" {
		t.Errorf("track (-want +got):\n%s", diff)
	}
}

func TestAddressesAreEscaped(t *testing.T) {
	t.Parallel()
	tests := []struct{ got, want string }{
		{to("releases", "a/b?c"), "/releases/a%2Fb%3Fc"}, {to("checks", "../x"), "/checks/..%2Fx"},
		{query("/log", "kind", "", "subject", "a&b"), "/log?subject=a%26b"}, {query("/log"), "/log"},
		{nextPath("/log", "", "q", "x"), ""}, {nextPath("/log", "9", "q", "x"), "/log?cursor=9&q=x"},
	}
	for _, test := range tests {
		if got := spaced(test.got); got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}

// TestMatrixNamesEnvironments shows who may do what where.
func TestMatrixNamesEnvironments(t *testing.T) {
	t.Parallel()
	got := matrix([]api.Role{
		{Name: "qa", Permissions: []string{"check:sign@staging", "check:sign@canary", "log:read@*"}},
		{Name: "admin", Permissions: []string{"user:manage@*", "log:read@*", "log:read@staging"}},
	})
	want := []matrixRow{
		{"check:sign", []string{"staging, canary", ""}}, {"log:read", []string{"*", "*"}}, {"user:manage", []string{"", "*"}},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(matrixRow{})); diff != "" {
		t.Errorf("matrix (-want +got):\n%s", diff)
	}
}

func TestRefusalsAreSaidOnce(t *testing.T) {
	t.Parallel()
	got := refusals([]api.Action{
		{Title: "Pause", Disabled: "no"}, {Title: "Go on"}, {Title: "Abort", Disabled: "no"}, {Title: "Skip",
			Disabled: "never"},
	})
	want := []refusal{{"Pause, abort", "no"}, {"Skip", "never"}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(refusal{})); diff != "" {
		t.Errorf("refusals (-want +got):\n%s", diff)
	}
}
