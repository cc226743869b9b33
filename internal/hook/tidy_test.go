package hook

import (
	"testing"
	"time"
)

// TestOldDeliveriesAreForgotten: a drain's after half an hour, looked for once a minute, and a webhook's not here:
// Vercel delivers those again for a day.
func TestOldDeliveriesAreForgotten(t *testing.T) {
	t.Parallel()
	d, ctx := node(database(t), Options{}), t.Context()
	begun := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	done := map[string]int{}
	deliver := func(k Kind, id string, at time.Time) {
		t.Helper()
		if err := d.once(ctx, k, id, at, func() error { done[id]++; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	again := func(k Kind, id string) bool { // whether it counts again
		t.Helper()
		before := done[id]
		deliver(k, id, begun.Add(2*time.Hour))
		return done[id] > before
	}
	deliver(Drains, "a", begun)
	deliver(Drains, "b", begun)
	deliver(Drains, "c", begun.Add(30*time.Second))
	deliver(Webhooks, "hook", begun)
	d.tidy(ctx, begun.Add(drainsKept-time.Second))
	if again(Drains, "a") {
		t.Error("it counts twice within half an hour")
	}
	d.tidy(ctx, begun.Add(drainsKept+20*time.Second))
	if again(Drains, "a") {
		t.Error("it was looked for twice in a minute")
	}
	d.tidy(ctx, begun.Add(drainsKept+time.Minute))
	for _, id := range []string{"a", "b", "c"} {
		if !again(Drains, id) {
			t.Errorf("%s is kept for ever", id)
		}
	}
	if again(Webhooks, "hook") {
		t.Error("a webhook that comes again counts twice")
	}
}
