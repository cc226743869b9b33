package configs

import (
	"fmt"
	"testing"

	"github.com/slipwayhq/slipway/internal/store/storetest"
)

// TestSlipwaysOwnSplitIsNobodysDrift: a sensitive variable of production and previews is changed for production. What
// stays for previews was touched for that, and its value can't be read: staging tells of no other hand, wherever the
// write was cut off, and of the next one all the same.
//
// req: EN-17
func TestSlipwaysOwnSplitIsNobodysDrift(t *testing.T) {
	t.Parallel()
	const whole = 99 // writes: nothing is cut off
	for _, lose := range []int{whole, 1, 2} {
		for _, done := range []bool{false, true} {
			t.Run(fmt.Sprintf("write %d lost, done %t", lose, done), func(t *testing.T) {
				t.Parallel()
				x := open(t, storetest.Open(t, "sqlite"))
				x.theirs("TOKEN", "for-both-places", "sensitive", "production", "preview")
				x.theirs("OTHER", "for-both-places", "sensitive", "production", "preview")
				x.look()
				d := x.draft(EditOrder{Set: []Set{{Key: "TOKEN", Value: "for-production"}}})
				out, err := x.ApplyDraft(t.Context(), ada(), Order{Environment: "production", Reason: "a test", Revision: 1}, d.ID)
				if err != nil {
					t.Fatal(err)
				}
				x.wire.lose, x.wire.done = lose, done
				if err := x.carry(out.Revision); (err == nil) != (lose == whole) {
					t.Fatalf("cut off at write %d: %v", lose, err)
				}
				x.wire.lose = 0
				if live := x.lived("staging"); len(live.Drift) > 0 {
					t.Errorf("in the middle of it: %s", live.Sentence())
				}
				if err := x.carry(out.Revision); err != nil {
					t.Fatal(err)
				}
				for range 2 {
					if live := x.lived("staging"); len(live.Drift) > 0 || len(live.Split) > 0 || live.Revision != 1 {
						t.Errorf("after production was written: %s %+v", live.Sentence(), live)
					}
				}
				x.theirs("TOKEN", "of-eve", "sensitive", "preview")
				if live := x.lived("staging"); len(live.Drift) != 1 || live.Drift[0].Key != "TOKEN" {
					t.Errorf("another hand is not told of: %+v", live)
				}
				if live := x.lived("production"); len(live.Drift) > 0 {
					t.Errorf("production: %s", live.Sentence())
				}
			})
		}
	}
}
