package engine

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	onvercel "github.com/slipwayhq/slipway/internal/provider/vercel"
)

// fate is what became of a release: it must not depend on crashes.
type fate struct {
	Phase    string
	Reached  float64
	Served   string
	Recorded string
	Moves    []string // calls that moved visitors: none of them twice
	Kinds    map[string]int
	Effects  map[string]string // by kind, how often they were recorded and ended
	Auto     bool
	Sealed   bool // open pages of what was taken back stop
}

// lives takes v2 to its end, with a crash after so many commits.
func lives(t *testing.T, mode, end string, kill int) (fate, int) {
	t.Helper()
	s := onStreet(t, mode)
	s.kill = kill
	over := false
	for i := 0; !over; i++ {
		if i == 60 {
			r, _ := s.version()
			t.Fatalf("it does not end: %s at %s: %s", r.Phase, r.Step().ID, r.Sentence)
		}
		s.alive(func() { over = s.drives(end) })
	}
	if (s.died == 1) != (kill > 0) {
		t.Errorf("it died %d times", s.died)
	}
	s.lookOut()
	r, _ := s.version()
	p, _ := s.vercel.Project("shop")
	out := fate{Phase: string(r.Phase), Reached: r.Reached, Served: s.served(), Recorded: s.recorded(), Moves: s.moves(),
		Kinds: map[string]int{}, Effects: map[string]string{}, Auto: p.AutoAssign,
		Sealed: !s.vercel.Boundary("shop").IsZero()}
	began, ended := map[string]int{}, map[string]int{}
	for _, e := range s.events("") {
		var data struct{ Key string }
		_ = json.Unmarshal(e.Data, &data)
		switch {
		case e.Kind == "effect.recorded":
			began[data.Key]++
		case strings.HasPrefix(e.Kind, "effect."):
			ended[data.Key]++
		case e.Kind != "guard.verdict" && e.Kind != "check.reported": // by the clock, and by who got no answer
			out.Kinds[e.Kind]++
		}
	}
	for k := range began {
		_, what, _ := strings.Cut(k, "/")
		out.Effects[what] += fmt.Sprint(began[k], ended[k], " ")
	}
	_, err := s.DB.VerifyLog(s.ctx)
	s.ok(err)
	return out, len(s.commits)
}

// TestACrashChangesNoReleaseOnVercel kills the process after every commit of a release in turn, both ways to a canary,
// on the way up and on the way back, over the provider as it is and the fake of Vercel: another process ends it alike,
// no visitor is moved twice, and what is served is what is recorded.
//
// req: RB-28
func TestACrashChangesNoReleaseOnVercel(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{onvercel.ModeRolling, onvercel.ModeProxy} {
		for end, want := range map[string]string{
			takenBack:  "aborted v1  0 v1  0",
			rolledBack: "rolled_back v1  0 v1  0",
		} {
			t.Run(mode+" "+end, func(t *testing.T) {
				t.Parallel()
				without, commits := lives(t, mode, end, 0)
				got := fmt.Sprint(without.Phase, " ", without.Served, " ", without.Recorded)
				if got != want || commits < 20 {
					t.Fatalf("without a crash: %s after %d commits, want %s", got, commits, want)
				}
				if sorted := slices.Sorted(slices.Values(without.Moves)); mode == onvercel.ModeRolling &&
					len(slices.Compact(sorted)) != len(without.Moves) {
					t.Errorf("without a crash: visitors were moved by %v", without.Moves)
				}
				every := 1
				if testing.Short() {
					every = 20
				}
				for n := 1; n <= commits; n += every {
					got, _ := lives(t, mode, end, n)
					if diff := cmp.Diff(without, got); diff != "" {
						t.Errorf("a crash after commit %d (-without +with):\n%s", n, diff)
					}
				}
			})
		}
	}
}
