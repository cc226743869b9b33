//go:build full

package flag_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/flag"
)

// TestDifferentialDocument lets flagd's JavaScript core evaluate what people configure here, in both of its ways, and
// holds it to what the model means.
func TestDifferentialDocument(t *testing.T) {
	now := time.Date(2026, 11, 15, 12, 0, 0, 0, time.UTC)
	c := startCore(t)
	all := 0
	for seed := range uint64(300) {
		r := flag.Dice(seed, 50, now)
		d, err := r.Set.Document()
		if err != nil {
			t.Fatal(err)
		}
		var questions []question
		var want []string
		for i, user := range r.Users {
			for _, f := range r.Set.Flags {
				questions, want = append(questions, question{f.Key, user, now.Unix()}), append(want, r.Want[i][f.Key])
			}
		}
		answers, refused := c.ask(t, json.RawMessage(d.JSON()), questions, true)
		if refused != "" {
			t.Fatalf("seed %d: refused: %s", seed, refused)
		}
		for i, a := range answers {
			all++
			got := a.Variant
			if got == "" && a.Code == "" {
				got = "(none)"
			}
			if got != want[i] || a.Generated != nil {
				user, _ := json.Marshal(questions[i].Context)
				t.Fatalf("seed %d, %s for %s: %s; there %v, generated %v\n%s", seed, questions[i].Key, user, want[i], a,
					a.Generated, d.Flags[questions[i].Key].Targeting)
			}
		}
	}
	t.Logf("%d evaluations, none differs", all)
}
