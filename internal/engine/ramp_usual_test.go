package engine

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/slipwayhq/slipway/internal/guard/record"
)

// Nobody counts the arms of a flag before its ramp. What was normal then is what production showed: with it the guard
// knows bursts, and what the limits would have said.
func TestARampKnowsWhatWasNormalBefore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := flagged(t)
		r := c.ramp()
		time.Sleep(10 * time.Second)
		rows, err := c.DB.Looks(c.ctx, r.ID, 0, 1)
		c.ok(err)
		if len(rows) == 0 {
			t.Fatal("nobody looked")
		}
		var tape record.Tape
		_, ev, err := tape.Unpack(rows[0].Evidence)
		c.ok(err)
		if n := min(ev.Baseline.Requests, ev.Background.Requests); n < 3000 || !ev.Background.Sliced {
			t.Errorf("%d requests of the minute before are known, about 6,000 were made", n)
		}
	})
}
