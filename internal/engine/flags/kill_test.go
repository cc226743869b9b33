package flags_test

import (
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/internal/engine/flags"
	"github.com/slipwayhq/slipway/internal/fault"
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
