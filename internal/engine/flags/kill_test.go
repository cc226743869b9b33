package flags_test

import (
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/internal/engine/flags"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
)

// What somebody turned off and said why comes on again only with a reason, whatever turns it on; what was merely off
// needs none.
//
// req: FF-08
func TestAKilledFlagComesOnOnlyWithAReason(t *testing.T) {
	each(t, plain, func(t *testing.T, w *world) {
		w.create("checkout")
		at := func(k flags.Kind) flags.Order {
			return flags.Order{Kind: k, Flag: "checkout", Environment: "production"}
		}
		on := w.done(at(flags.On)) // revision 2
		kill := func() {
			t.Helper()
			off := at(flags.Off)
			off.Reason = "orders fail"
			w.done(off)
		}
		for _, k := range []flags.Kind{flags.On, flags.Revert, flags.Put} {
			kill()
			o := at(k)
			o.To, o.Config = on.Revision, on
			_, err := w.do(o)
			w.refused(err, fault.Invalid, "reason_required")
			if !strings.Contains(fault.MessageOf(err), "(orders fail)") {
				t.Errorf("%s: %v", k, err)
			}
			o.Reason = "it was the database"
			if c := w.done(o); !c.On {
				t.Errorf("%s with a reason: %+v", k, c)
			}
		}
		kill()
		o := at(flags.Revert)
		if o.To = 1; w.done(o).On { // it was off then: nothing is turned on
			t.Error("revision 1 was off")
		}
	})
}

// On a full disk a flag is turned off, and nothing is turned on or changed while it is on.
func TestOnAFullDiskAFlagIsOnlyTurnedOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.Open(t, store.SQLite), plain)
	at := func(k flags.Kind) flags.Order {
		return flags.Order{Kind: k, Flag: "checkout", Environment: "production", Share: 50, Reason: "orders fail"}
	}
	w.create("checkout")
	w.done(at(flags.On))
	w.ok(w.DB.KeepReserve(1 << 50))
	_, err := w.do(at(flags.Rollout))
	w.refused(err, fault.Unavailable, "disk_full")
	if c := w.done(at(flags.Off)); c.On {
		t.Errorf("it is %+v", c)
	}
	_, err = w.do(at(flags.On))
	w.refused(err, fault.Unavailable, "disk_full")
	_, err = w.Create(w.ctx, ada(), flag.Flag{Key: "another"})
	w.refused(err, fault.Unavailable, "disk_full")
	_, err = w.Change(w.ctx, ada(), "checkout", 0, func(f *flag.Flag) { f.Description = "other words" })
	w.refused(err, fault.Unavailable, "disk_full")
	_, err = w.ChangeSegment(w.ctx, ada(), flags.SegmentOrder{Environment: "production", Key: "staff",
		Put: &flag.Segment{}}, flags.When{})
	w.refused(err, fault.Unavailable, "disk_full")
	w.ok(w.DB.KeepReserve(1 << 20))
	if c := w.done(at(flags.On)); !c.On {
		t.Errorf("with room again: %+v", c)
	}
}
