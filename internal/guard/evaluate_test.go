package guard

import "testing"

// req: RB-01 CD-03
func TestAGoodCanaryGoesOnAndABadOneComesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(1)
	v := Evaluate(DefaultRules(), w.evidence(300))
	if v.Word != BetterOrEqual || v.Action != Continue {
		t.Errorf("a good canary: %s %s: %s", v.Word, v.Action, v.Sentence)
	}
	t.Log(v.Sentence)
	w = newWorld(2)
	w.fails = func(int64) (float64, float64) { return 0.10, 0.01 }
	v = Evaluate(DefaultRules(), w.evidence(60))
	if v.Word != Worse || v.Action != Undo {
		t.Errorf("ten times the errors: %s %s: %s", v.Word, v.Action, v.Sentence)
	}
	t.Log(v.Sentence)
}
