package cli

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/api"
)

// judged is v2 at 10 % in a state of the comparison.
func judged(state string, sureness float64, requests uint64) api.Release {
	word := "not_enough_evidence"
	r := api.Release{ID: "rel_1", Version: "v2", Phase: "running", Share: 10, Revision: 3,
		Sentence: "v2 is at 10 %. " + state}
	r.Verdict = &api.Verdict{
		Word: word, Action: "hold", Sentence: "v2 must wait.", State: state, Sureness: sureness, Requests: requests,
		Comparison: &api.Comparison{
			RuledOut: 5, Open: 3, Shared: []api.Stretch{}, Metrics: []api.MetricEvidence{{Name: "errors",
				Ratio: api.Ratio{Known: true, Value: 2.1, Low: 1.3, High: 3.6}}},
			Says: api.Says{Sure: "97 % sure that v2 is worse.", RuledOut: "Ruled out: 5 times.", Needs: "Needs 640 more.",
				Harm: "About 13 requests failed."},
		},
	}
	return r
}

func over(r api.Release) api.Release {
	r.Phase, r.Share, r.Sentence, r.Revision = "aborted", 0, "v2 was taken back.", r.Revision+1
	return r
}

// What a verdict knows is a line when it changes, and no line when only its numbers move.
func TestWatchTellsWhatTheVerdictKnows(t *testing.T) {
	first, later, doubt := judged("watching", 0.2, 100), judged("watching", 0.3, 900), judged("suspicious", 0.97, 1000)
	s := &stage{phases: []api.Release{first, later, doubt, over(doubt)}}
	r := s.run(t, "", false, "release", "watch", "v2")
	for want, n := range map[string]int{"watching: v2 must wait.": 1, "suspicious: v2 must wait.": 1,
		"Ruled out: 5 times.": 2, "97 % sure": 2, "About 13 requests failed.": 1} {
		if got := strings.Count(r.out, want); got != n {
			t.Errorf("%q stands %d times, want %d:\n%s", want, got, n, r.out)
		}
	}
	out := (&stage{phases: []api.Release{first, later, doubt, over(doubt)}}).run(t, "", false, "release", "watch", "v2",
		"--json").out
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 3 {
		t.Fatalf("%d lines, want one for each change:\n%s", len(lines), out)
	}
	var got api.Release
	if err := json.Unmarshal([]byte(lines[1]), &got); err != nil || got.Verdict.State != "suspicious" ||
		got.Verdict.Comparison.RuledOut != 5 {
		t.Errorf("%v: %s", err, lines[1])
	}
}

// Near a line evidence crosses it many times a minute: that is told when it has settled, a doubt at once.
func TestWatchWaitsForWhatWavers(t *testing.T) {
	calm, sound := judged("watching", 0.2, 100), judged("safe", 0.2, 120)
	sound.Verdict.Comparison.RuledOut = 2
	doubt := judged("suspicious", 0.97, 1000)
	s := &stage{phases: []api.Release{calm, sound, calm, doubt, over(doubt)}}
	r := s.run(t, "", false, "release", "watch", "v2")
	for want, n := range map[string]int{"watching: v2 must wait.": 1, "safe: v2": 0, "suspicious: v2 must wait.": 1} {
		if got := strings.Count(r.out, want); got != n {
			t.Errorf("%q stands %d times, want %d:\n%s", want, got, n, r.out)
		}
	}
}

// Where nothing is compared, as in production, a sentence that only counts on is no line: a watch lasts half an hour.
func TestWatchDoesNotCount(t *testing.T) {
	var phases []api.Release
	for _, n := range []string{"1,252", "1,308", "1,367"} {
		r := api.Release{ID: "rel_1", Version: "v2", Phase: "running", Share: 100, Revision: 3,
			Sentence: "v2 is watched. v2 keeps all its limits after " + n + " requests."}
		r.Verdict = &api.Verdict{Word: "better_or_equal", Action: "continue", Sentence: "v2 keeps all its limits."}
		phases = append(phases, r)
	}
	r := (&stage{phases: append(phases, over(phases[0]))}).run(t, "", false, "release", "watch", "v2")
	if n := strings.Count(r.out, "after"); n != 1 {
		t.Errorf("%d lines, want one:\n%s", n, r.out)
	}
}

// On a terminal the state stands in as many lines as are taken away again, none wider than the terminal.
func TestWatchDrawsTheVerdictOverItself(t *testing.T) {
	doubt := judged("suspicious", 0.97, 1000)
	doubt.Verdict.Comparison.Says.Sure += strings.Repeat(" And so on.", 40)
	ts := httptest.NewServer(&stage{phases: []api.Release{doubt, over(doubt)}})
	defer ts.Close()
	var out bytes.Buffer
	code := Run(t.Context(), Options{
		In: strings.NewReader(""), Out: &out, Err: &out, Terminal: true, Width: func() int { return 60 },
		Env: func(k string) string { return map[string]string{"SLIPWAY_URL": ts.URL, "SLIPWAY_TOKEN": "slp_x"}[k] },
	}, []string{"release", "watch", "v2"})
	got := out.String()
	drawn, _, _ := strings.Cut(got[strings.Index(got, "█"):], "\r")
	lines := strings.Split(drawn, "\n")
	if code != 6 || len(lines) != 6 || strings.Count(got, "\x1b[1A\x1b[2K") != len(lines)-1 {
		t.Errorf("exit %d, %d lines: %q", code, len(lines), got)
	}
	for _, l := range lines {
		if n := len([]rune(l)); n > 59 {
			t.Errorf("%d characters would wrap: %q", n, l)
		}
	}
	for _, want := range []string{"state     suspicious; 2.1 times as many errors", "how bad   Ruled out: 5 times.",
		"missing   Needs 640 more.", "harm      About 13"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing:\n%s", want, got)
		}
	}
}

func TestStatusShowsWhatIsKnownAndWhatCanBe(t *testing.T) {
	r := judged("suspicious", 0.97, 1000)
	r.Verdict.Comparison.Shared = []api.Stretch{{From: time.Now(), To: time.Now(), Why: "both failed"}}
	r.Verdict.Mode, r.Verdict.StableBroken = "broken_stable", &r.Verdict.Comparison.Shared[0].From
	out := (&stage{phases: []api.Release{r}}).run(t, "", false, "release", "status", "v2").out
	for _, want := range []string{"97 % sure", "The stable version itself is broken since", "held to the limits.",
		"Ruled out: 5 times.", "both failed", "not held against it"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing:\n%s", want, out)
		}
	}
	before := api.Release{ID: "rel_1", Version: "v2", Phase: "running", Sentence: "waits", Outlook: &api.Outlook{
		Known: true, Sentence: "It sees little.", Shares: []api.OutlookShare{{Share: 5, Effects: []api.OutlookEffect{
			{Name: "2 times as many errors", Seconds: 7200, Harm: 21},
			{Name: "10 times as many errors", Seconds: 30, Within: true},
		}}},
	}}
	for _, args := range [][]string{{"release", "status", "v2"}, {"release", "watch", "v2"}} {
		end := before
		end.Phase, end.Sentence = "completed", "Done."
		out := (&stage{phases: []api.Release{before, end}}).run(t, "", false, args...).out
		for _, want := range []string{"It sees little.", "2 times as many errors", "after 2.0 h", "the bake is too short",
			"in time"} {
			if !strings.Contains(out, want) {
				t.Errorf("%v: %q is missing:\n%s", args, want, out)
			}
		}
	}
}
