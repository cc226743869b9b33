package release

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/internal/checklist"
	"github.com/slipwayhq/slipway/internal/effect"
	"github.com/slipwayhq/slipway/internal/guard"
)

// A step that enables flags asks once for their ramps, waits while one cannot begin, and is people's where a flag is
// not Slipway's.
//
// req: FF-17 FF-15
func TestAStepEnablesFlags(t *testing.T) {
	t.Parallel()
	const key = "rel_1/production/flags/ramp/0"
	undo := &guard.Verdict{Word: guard.Worse, Action: guard.Undo}
	for _, tt := range []struct {
		name   string
		enable map[string]string
		signed bool
		facts  func(*Release, *Facts)
		asks   bool
		status Status
		says   string
	}{
		{"both can begin", map[string]string{"a": "", "b": ""}, false, nil, true, StepRunning, "Begins to enable a, b"},
		{"a signature is no ramp", map[string]string{"a": "", "b": ""}, true, nil, true, StepRunning, "Begins to enable"},
		{"one cannot", map[string]string{"a": "", "b": "b has a rule."}, false, nil, false, StepWaiting,
			"v2 waits. b has a rule."},
		{"one cannot, people enabled it", map[string]string{"a": "", "b": "b has a rule."}, true, nil, false, StepPassed,
			"passed by token ci"},
		{"one is not Slipway's", map[string]string{"a": ""}, false, nil, false, StepWaiting, "Flags are on"},
		{"none is, people enabled them", nil, true, nil, false, StepPassed, "passed by token ci"},
		{"a rollback is under way", map[string]string{"a": "", "b": ""}, false, func(_ *Release, f *Facts) {
			f.Rollback = true
		}, false, StepWaiting, "No flag is enabled while a rollback of v2"},
		{"a rollback was asked for", map[string]string{"a": "", "b": ""}, false, func(r *Release, f *Facts) {
			r.Suspect, f.Verdict = true, undo
		}, false, StepWaiting, "No flag is enabled while a rollback of v2"},
		{"they have begun", map[string]string{"a": "", "b": ""}, false, func(_ *Release, f *Facts) {
			f.Effects[key] = effect.Effect{Key: key, Kind: effect.Ramp, State: effect.Done,
				Result: effect.Result{OK: true, Sentence: "a ramps to on"}}
		}, false, StepPassed, "a ramps to on"},
		{"they could not", map[string]string{"a": "", "b": ""}, false, func(_ *Release, f *Facts) {
			f.Effects[key] = effect.Effect{Key: key, Kind: effect.Ramp, State: effect.Failed,
				Result: effect.Result{Sentence: "b is archived."}}
		}, false, StepFailed, "b is archived."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.f.Items["enable"] = checklist.Item{Name: "enable", Title: "Flags are on"}
			step := Step{ID: "production/flags", Stage: "production", Environment: "production", Kind: KindChecks,
				Checks: []string{"enable"}, Flags: []string{"a", "b"}}
			last := Step{ID: "production/watch", Stage: "production", Environment: "production", Kind: KindWatch}
			w.r = New(Release{ID: "rel_1", Version: "v2", Commit: "abc", Share: 100, Promoted: start,
				Plan: Plan{Timing: Timing{Tries: 3}, Steps: []Step{step, last}}}, start)
			w.r.States[0].Started = start
			w.f.Enable = tt.enable
			if tt.signed {
				w.report("enable", checklist.Passed)
			}
			if tt.facts != nil {
				tt.facts(&w.r, &w.f)
			}
			d := w.decide()
			w.apply(d)
			if s := w.r.States[0]; s.Status != tt.status || !strings.Contains(s.Sentence+w.r.Sentence, tt.says) {
				t.Errorf("%s: %s", s.Status, s.Sentence)
			}
			var asked []effect.Effect
			for _, e := range d.Effects {
				var a RampArgs
				if err := json.Unmarshal(e.Args, &a); err != nil || e.Key != key || e.Kind != effect.Ramp ||
					!cmp.Equal(a, RampArgs{Flags: []string{"a", "b"}, Environment: "production"}) {
					t.Errorf("it asks for %+v: %v", e, err)
				}
				asked = append(asked, e)
			}
			var told []checklist.Result
			if strings.HasPrefix(tt.says, "a ramps") {
				told = []checklist.Result{{Version: "v2", Commit: "abc", Name: "enable", Status: checklist.Passed,
					Summary: "a ramps to on", Actor: "system:engine", At: w.f.Now}}
			}
			if diff := cmp.Diff(told, d.Reports); diff != "" {
				t.Errorf("the checklist: %s", diff)
			}
			if (len(asked) == 1) != tt.asks {
				t.Errorf("it asks for %+v", asked)
			}
			if again := w.decide(); w.r.Cursor == 0 && (again.Changed || len(again.Effects) > 0) {
				t.Errorf("looked at again it decides %+v", again)
			}
		})
	}
}
