package release

import (
	"slices"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/guard"
)

// What a source beside the edge has not delivered yet is no time under watch.
//
// req: CD-03
func TestWhatIsNotDeliveredPassesNoBake(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		at, behind, want time.Duration
	}{{time.Minute, 0, time.Minute}, {time.Minute, 40 * time.Second, 20 * time.Second}, {time.Second, time.Minute, 0}} {
		if got := measured(&guard.Verdict{Behind: tt.behind}, tt.at); got != tt.want {
			t.Errorf("%s at a share, %s behind: %s are known, want %s", tt.at, tt.behind, got, tt.want)
		}
	}
	if got := measured(nil, time.Minute); got != time.Minute {
		t.Errorf("without a verdict: %s", got)
	}
}

// Nobody is told of a short gap; of five minutes once, and once that it is over. The share stays where it is.
//
// req: N-04
func TestPeopleAreToldOfABlindReleaseOnce(t *testing.T) {
	t.Parallel()
	begin := time.Unix(1_800_000_000, 0)
	r := Release{
		ID: "rel_1", Version: "v2", Phase: Running, Share: 10, ShareSince: begin, Exposed: begin,
		Plan:   Plan{Steps: []Step{{ID: "share-10", Kind: KindShare, Share: 10, Bake: time.Hour, AutoUndo: true}}},
		States: []State{{Status: StepRunning, Set: begin, Started: begin}},
	}
	blind := &guard.Verdict{Word: guard.Broken, Action: guard.Hold, Sentence: "No complete measurement for 70 s."}
	fine := &guard.Verdict{Word: guard.BetterOrEqual, Action: guard.Continue, Sentence: "v2 is no worse."}
	told := map[string]int{}
	for s := range 1200 {
		v := fine
		if s >= 100 && s < 300 || s >= 400 && s < 900 {
			v = blind
		}
		d := Decide(r, Facts{Now: begin.Add(time.Duration(s) * time.Second), Verdict: v})
		for _, e := range d.Events {
			told[e.Kind]++
			if e.Kind == "release.blind" && s != 700 {
				t.Errorf("people are told after %d s", s)
			}
		}
		if r = d.Release; r.Share != 10 || r.Cursor != 0 {
			t.Fatalf("after %d s it is at %g %%, step %d", s, r.Share, r.Cursor)
		}
	}
	if told["release.blind"] != 1 || told["release.seen"] != 1 {
		t.Errorf("%v, want to be told once, and once that it is over", told)
	}
}

// A stable version that is broken is production in trouble: people are told once, however often its verdict changes,
// and once when the versions are compared again; a gap in the measurement is no recovery.
//
// req: N-04
func TestPeopleAreToldOfABrokenStableVersionOnce(t *testing.T) {
	t.Parallel()
	begin := time.Unix(1_800_000_000, 0)
	r := Release{
		ID: "rel_1", Version: "v2", Phase: Running, Share: 10, ShareSince: begin, Exposed: begin,
		Plan:   Plan{Steps: []Step{{ID: "share-10", Kind: KindShare, Share: 10, Bake: time.Hour, AutoUndo: true}}},
		States: []State{{Status: StepRunning, Set: begin, Started: begin}},
	}
	told := map[string][]int{}
	for s := range 100 {
		v := &guard.Verdict{Word: guard.BetterOrEqual, Action: guard.Continue, Sentence: "v2 is no worse."}
		switch {
		case s >= 40 && s < 50:
			v = &guard.Verdict{Word: guard.Broken, Action: guard.Hold, Sentence: "No complete measurement for 70 s."}
		case s >= 20 && s < 60:
			v = &guard.Verdict{Word: guard.NotEnough, Action: guard.Hold, Mode: guard.BrokenStable, Sentence: "v1 is broken."}
		}
		d := Decide(r, Facts{Now: begin.Add(time.Duration(s) * time.Second), Verdict: v})
		for _, e := range d.Events {
			told[e.Kind] = append(told[e.Kind], s)
		}
		r = d.Release
	}
	if !slices.Equal(told["release.troubled"], []int{20}) || !slices.Equal(told["release.calm"], []int{60}) {
		t.Errorf("%v, want to be told after 20 s and that it is over after 60 s", told)
	}
}
