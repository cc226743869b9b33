package release

import (
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/effect"
	"github.com/slipwayhq/slipway/internal/event"
)

// TestAWayBackThatIsStuckIsToldOfOnce, each reason is said in the release's sentence, and it ends when the way is free.
func TestAWayBackThatIsStuckIsToldOfOnce(t *testing.T) {
	t.Parallel()
	w := ready(t)
	w.settle(t)
	w.bad = true
	w.look()
	w.apply(w.decide()) // it is decided to go back
	w.f.Verdict = nil
	w.apply(w.decide()) // and the way back is asked for
	if w.r.Phase != Undoing || w.f.Effects[w.r.Effect].State != effect.Pending {
		t.Fatalf("it is %s: %s", w.r.Phase, w.r.Sentence)
	}
	if quiet := w.decide(); quiet.Changed || len(quiet.Events) > 0 {
		t.Errorf("before the first try came back: %+v", quiet.Events)
	}
	says := func(why string) Decision {
		e := w.f.Effects[w.r.Effect]
		e.Attempts, e.Result = e.Attempts+1, effect.Result{Sentence: why}
		w.f.Effects[w.r.Effect] = e
		w.f.Now = w.f.Now.Add(time.Minute)
		d := w.decide()
		w.apply(d)
		return d
	}
	told := func(d Decision) (list []event.Draft) {
		for _, e := range d.Events {
			if e.Kind == "release.stuck" {
				list = append(list, e)
			}
		}
		return list
	}
	first := told(says("Vercel does not answer."))
	if len(first) != 1 || !strings.Contains(first[0].Sentence, "Visitors are not back yet: Vercel does not answer.") ||
		!strings.Contains(first[0].Sentence, "12 %") || first[0].Sentence != w.r.Sentence {
		t.Errorf("people are told %+v, and the release says %q", first, w.r.Sentence)
	}
	for range 3 {
		if d := says("Vercel does not answer."); d.Changed || len(d.Events) > 0 {
			t.Errorf("nothing new is told as %+v", d.Events)
		}
	}
	if d := says("The token is unknown."); !d.Changed || len(told(d)) > 0 ||
		!strings.Contains(w.r.Sentence, "not back yet: The token is unknown.") ||
		strings.Contains(w.r.Sentence, "does not answer") {
		t.Errorf("another reason is told %d times, and the release says %q", len(told(d)), w.r.Sentence)
	}
	w.settle(t)
	if w.r.Phase != Aborted || w.r.Share != 0 || strings.Contains(w.r.Sentence, "not back yet") {
		t.Errorf("it is %s at %g %%: %s", w.r.Phase, w.r.Share, w.r.Sentence)
	}
}
