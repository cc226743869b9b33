package release

import (
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/guard"
)

// A rise waits for a person when the next share's least time would spend more user-minutes than are left, at the
// present rate: 20 users a minute at 5 % are 40 at 10 %, 400 in a bake of ten minutes. When fewer visitors come it goes
// on by itself; everybody is no matter of the budget.
//
// req: N-05
func TestABudgetOfUserMinutesHoldsARise(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		e      guard.Exposure
		change func(*Step)
		want   float64
	}{
		{"none", guard.Exposure{Spent: 1e6, Rate: 1e6}, func(*Step) {}, 10},
		{"it fits", guard.Exposure{Spent: 100, Budget: 500, Rate: 20}, func(*Step) {}, 10},
		{"one is missing", guard.Exposure{Spent: 101, Budget: 500, Rate: 20}, func(*Step) {}, 5},
		{"by evidence only the least time counts", guard.Exposure{Spent: 101, Budget: 500, Rate: 20}, adaptive, 10},
		{"and that is too long", guard.Exposure{Spent: 490, Budget: 500, Rate: 20}, adaptive, 5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := climbing(t, ladderPlan(tt.change, 5, 10, 100))
			v := good(10)
			v.Exposure = tt.e
			w.see(11*time.Minute, v)
			if w.r.Share != tt.want {
				t.Errorf("share %g, want %g: %s", w.r.Share, tt.want, w.r.Sentence)
			}
			if tt.want == 10 {
				return
			}
			if !strings.Contains(w.r.Sentence, "left of its budget of 500") || w.r.State().Status != StepWaiting {
				t.Errorf("%s: %s", w.r.State().Status, w.r.Sentence)
			}
			v.Exposure.Rate = 0.1
			w.see(time.Second, v)
			if w.r.Share != 10 {
				t.Errorf("at night it does not go on: %s", w.r.Sentence)
			}
		})
	}
	w := climbing(t, ladderPlan(func(*Step) {}, 50, 100))
	v := good(100)
	v.Exposure = guard.Exposure{Spent: 499, Budget: 500, Rate: 1000}
	w.see(11*time.Minute, v)
	if w.r.Share != 100 {
		t.Errorf("everybody is no matter of the budget: %s", w.r.Sentence)
	}
}

// A spent budget takes the change back by itself, and not through a person's wish to be asked.
//
// req: N-05 N-03
func TestASpentBudgetTakesItBack(t *testing.T) {
	t.Parallel()
	for _, auto := range []bool{true, false} {
		w := climbing(t, ladderPlan(func(s *Step) { s.AutoUndo = auto }, 5, 10, 100))
		v := guard.Verdict{Word: guard.NotEnough, Action: guard.Undo, Cause: guard.Spent,
			Sentence: "v2 did not prove itself within its budget. 500 of 500 user-minutes at risk are spent."}
		w.see(time.Minute, v)
		if auto && (w.r.Share != 0 || !strings.Contains(w.r.Reason, "500 of 500")) {
			t.Errorf("%g %%: %s", w.r.Share, w.r.Reason)
		}
		if !auto && (w.r.Share != 5 || !w.r.Suspect) {
			t.Errorf("%g %%, nobody is asked: %s", w.r.Share, w.r.Sentence)
		}
	}
}
