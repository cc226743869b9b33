package demo

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/internal/fault"
)

func TestScenariosAreWhatTheHelpSays(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"good": "completed", "errors": "aborted", "latency": "aborted", "crash": "aborted", "outage": "completed",
		"flag": "aborted", "hand": "aborted",
	}
	help := scenarios()
	got := map[string]string{}
	for _, s := range Scenarios() {
		got[s.Name] = s.Outcome
		if !strings.Contains(help, s.Words) {
			t.Errorf("the help does not tell of %s", s.Name)
		}
		if sum := (Summary{Outcome: s.Outcome}); !sum.Expected(s.Name) || sum.Expected("none") {
			t.Errorf("%s: its own outcome is not the expected one", s.Name)
		}
		if (Summary{Outcome: "failed"}).Expected(s.Name) {
			t.Errorf("%s: a failure is expected", s.Name)
		}
	}
	for name, outcome := range want {
		if got[name] != outcome || len(got) != len(want) {
			t.Errorf("%s ends %q, want %s", name, got[name], outcome)
		}
	}
	if _, err := Run(t.Context(), Options{Scenario: "storm"}); fault.ReasonOf(err) != "scenario_unknown" {
		t.Errorf("an unknown scenario gives %v", err)
	}
}

func TestTheSummaryIsOneObject(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	s := Summary{Outcome: "aborted", Reason: "it failed", Reached: 10, Requests: 7, Failed: 2, Seconds: 1.5}
	if err := conclude(Options{JSON: true, Out: &out, Scenario: "errors"}, s); err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	d := json.NewDecoder(&out)
	if err := d.Decode(&got); err != nil {
		t.Fatal(err)
	}
	if err := d.Decode(&got); err != io.EOF { //nolint:errorlint // Decode returns it bare
		t.Errorf("there is more than one object: %v", err)
	}
	keys := []string{}
	for k := range got {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	want := []string{"failed_requests", "held", "outcome", "reason", "requests", "seconds", "share_reached"}
	if !slices.Equal(keys, want) || got["share_reached"] != 10.0 || got["failed_requests"] != 2.0 {
		t.Errorf("%v", got)
	}
	err := conclude(Options{JSON: true, Out: io.Discard, Scenario: "good"}, s)
	if fault.ReasonOf(err) != "outcome_unexpected" {
		t.Errorf("a good version that is aborted gives %v", err)
	}
}

// The shortest way through the whole: a version whose process dies is taken back, which GitHub shows, and the script
// that asked gets its object.
func TestADemoEndsByItself(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	o := Options{
		Scenario: "crash", AutoApprove: true, Exit: true, JSON: true, Listen: "127.0.0.1:0", Rate: 150, Out: &out, Err: &errs,
		Version: "test", GitHub: true,
	}
	s, err := Run(t.Context(), o)
	if err != nil {
		t.Fatalf("%v\n%s", err, &errs)
	}
	if !s.Expected("crash") || s.Reached < 5 || s.Requests == 0 || s.Seconds <= 0 || s.Reason == "" {
		t.Errorf("%+v\n%s", s, &errs)
	}
	if out.Len() > 0 || !strings.Contains(errs.String(), "fault") {
		t.Errorf("progress goes to the wrong place: %s", &out)
	}
	for _, line := range []string{"check run: in_progress", "check run: completed failure", "deployment to production: ",
		"production: waiting", "production: rejected"} {
		if !strings.Contains(errs.String(), line) {
			t.Errorf("GitHub does not show %q:\n%s", line, &errs)
		}
	}
}

// On Vercel the same, judged by what the drain delivers; and what somebody else does there is noticed and taken back.
func TestTheDemoOnVercelEndsByItself(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"crash", "hand"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var errs bytes.Buffer
			o := Options{Scenario: name, Target: "vercel", AutoApprove: true, Exit: true, JSON: true, Listen: "127.0.0.1:0",
				Rate: 150, Out: io.Discard, Err: &errs, Version: "test"}
			s, err := Run(t.Context(), o)
			if err != nil {
				t.Fatalf("%v\n%s", err, &errs)
			}
			if !s.Expected(name) || s.Requests == 0 {
				t.Errorf("%+v\n%s", s, &errs)
			}
			if name == "hand" && !strings.Contains(errs.String(), "grace gave everybody v2, and not through Slipway") {
				t.Errorf("nobody says who it was:\n%s", &errs)
			}
		})
	}
}

func TestADemoIsShownWhereItMakesSense(t *testing.T) {
	t.Parallel()
	for _, c := range [][3]string{
		{"hand", "", "scenario_elsewhere"}, {"latency", "vercel", "scenario_elsewhere"},
		{"outage", "vercel", "scenario_elsewhere"}, {"flag", "vercel", "scenario_elsewhere"},
		{"good", "moon", "target_unknown"},
	} {
		if _, err := Run(t.Context(), Options{Scenario: c[0], Target: c[1]}); fault.ReasonOf(err) != c[2] {
			t.Errorf("%s on %q: %v, want %s", c[0], c[1], err, c[2])
		}
	}
	_, err := Run(t.Context(), Options{Scenario: "flag", GitHub: true})
	if fault.ReasonOf(err) != "scenario_elsewhere" {
		t.Errorf("a flag at GitHub: %v", err)
	}
}
