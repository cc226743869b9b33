package cli

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/api"
)

// judges answers what was recorded of a release, in two parts.
func judges(differs bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		second := r.URL.Query().Get("after") == "2"
		next := map[bool]int64{false: 2, true: 0}[second]
		if strings.HasSuffix(r.URL.Path, "/recording") {
			t := map[bool]int64{false: 0, true: 1}[second]
			arm := func(n uint64) api.JudgeArm { return api.JudgeArm{Requests: n, Latency: []uint32{uint32(n), 0}} }
			_ = json.NewEncoder(w).Encode(api.Recording{Version: "v2", Bins: "8,1.09,2", Weights: "errors=1,latency=2",
				Ticks: []api.JudgeTick{{T: t, Weight: 0.05, Stable: arm(95), Canary: arm(5)}}, Next: next})
			return
		}
		out := api.Replay{Release: "rel_1", Version: "v2", Looks: 3, Agree: 2, Differs: []api.ReplayDifference{},
			Verdicts: make([]api.ReplayedVerdict, 2), Next: next}
		if second {
			out.Verdicts, out.Agree = out.Verdicts[:1], 1
			if differs {
				out.Agree = 0
				out.Differs = append(out.Differs,
					api.ReplayDifference{Look: 3, Where: "report.log_e", Recorded: "0.25", Again: "0.5"})
			}
		}
		_ = json.NewEncoder(w).Encode(out)
	}
}

// All parts are asked for; a verdict that comes out otherwise is shown, and is not 0 for a script. What is exported is
// what judge stream reads, by the line that is printed for it.
//
// req: N-04
func TestJudgeReplayAtTheCommandLine(t *testing.T) {
	t.Parallel()
	run := func(differs bool, stdin string, args ...string) result {
		ts := httptest.NewServer(judges(differs))
		defer ts.Close()
		var out, errs bytes.Buffer
		code := Run(t.Context(), Options{In: strings.NewReader(stdin), Out: &out, Err: &errs,
			Env: func(k string) string { return map[string]string{"SLIPWAY_URL": ts.URL, "SLIPWAY_TOKEN": "slp_x"}[k] }}, args)
		return result{code, out.String(), errs.String()}
	}
	file := filepath.Join(t.TempDir(), "v2.jsonl")
	r := run(false, "", "judge", "replay", "v2", "--export", file)
	line := "slipway judge stream --bins 8,1.09,2 --weights errors=1,latency=2 <" + file
	if r.code != 0 || !strings.Contains(r.out, "3 verdicts on v2 were made again: all agree, to the last digit.") ||
		!strings.Contains(r.out, "2 seconds were written") || !strings.Contains(r.out, line) {
		t.Errorf("exit %d: %s%s", r.code, r.out, r.err)
	}
	ticks, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := run(false, string(ticks), "judge", "stream", "--bins", "8,1.09,2", "--weights", "errors=1,latency=2")
	if s.code != 0 || strings.Count(s.out, `"action":0`) != 2 || strings.Contains(s.out, "error") {
		t.Errorf("what was exported is answered with exit %d: %s%s", s.code, s.out, s.err)
	}
	r = run(true, "", "judge", "replay", "v2")
	for _, want := range []string{"2 of 3 verdicts on v2 agree", "look 3, at report.log_e", "0.25", "0.5"} {
		if r.code == 0 || !strings.Contains(r.out, want) {
			t.Errorf("exit %d without %q: %s%s", r.code, want, r.out, r.err)
		}
	}
	var told replayed
	r = run(true, "", "judge", "replay", "v2", "--json")
	if err := json.Unmarshal([]byte(r.out), &told); err != nil || r.code == 0 || told.Agree != 2 ||
		len(told.Differs) != 1 {
		t.Errorf("exit %d, %v: %s", r.code, err, r.out)
	}
	if r = run(false, "", "judge", "replay", "v2", "--export", filepath.Join(file, "no")); r.code == 0 ||
		!strings.Contains(r.err, "can't be written") {
		t.Errorf("exit %d: %s", r.code, r.err)
	}
}

// The traffic of an app that runs is read from its history, flags win over it, and a history that is too short is no
// model.
//
// req: N-10
func TestSimulateReadsTheHistoryOfAnApp(t *testing.T) {
	t.Parallel()
	known := api.Traffic{Known: true, Sentence: "Three hours are known.", Rate: 40, ErrorRate: 0.02, P50MS: 30, P95MS: 90,
		Daily: 1, Hours: 3, Requests: 432_000}
	for _, test := range []struct {
		traffic api.Traffic
		flags   []string
		want    string
	}{
		{known, nil, "40 requests/s, 2 % errors, half within 30 ms and 95 % within 90 ms"},
		{known, []string{"--errors", "3%"}, "40 requests/s, 3 % errors"},
		{api.Traffic{Sentence: "Too little was measured."}, nil, "Too little was measured."},
	} {
		ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/api/v1/traffic" {
				t.Errorf("%s is asked for", r.URL.Path)
			}
			_ = json.NewEncoder(w).Encode(test.traffic)
		}))
		var out, errs bytes.Buffer
		code := Run(t.Context(), Options{In: strings.NewReader(""), Out: &out, Err: &errs,
			Env: func(k string) string { return map[string]string{"SLIPWAY_URL": ts.URL, "SLIPWAY_TOKEN": "slp_x"}[k] }},
			append([]string{"simulate", "--from-app", "--runs", "1", "--suggest=false", "--background", "plain", "--fault",
				"errors-50-points"}, test.flags...))
		ts.Close()
		if (code == 0) != test.traffic.Known || !strings.Contains(out.String()+errs.String(), test.want) {
			t.Errorf("exit %d without %q: %s%s", code, test.want, out.String(), errs.String())
		}
	}
}
