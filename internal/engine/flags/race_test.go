package flags_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/engine/flags"
	"github.com/slipwayhq/slipway/internal/store"
)

// Whenever the kill switch is pressed while nodes raise a share, it works the first time, and no step that was decided
// before turns the flag on again.
func TestTheKillSwitchWinsOverEveryStepOfARamp(t *testing.T) {
	each(t, plain, func(t *testing.T, w *world) {
		w.create("checkout")
		const env = "production"
		other := newWorld(t, w.DB, plain)
		for round := range 5 {
			w.done(flags.Order{Kind: flags.On, Flag: "checkout", Environment: env, Reason: "again"})
			release := fmt.Sprint("rel_", round)
			raise := func(w *world, step int, held bool) error {
				return w.DB.Write(w.ctx, func(tx *store.Tx) error {
					_, err := w.SetShare(w.ctx, tx, access.System("engine"), flags.Raise{
						Effect: fmt.Sprint(release, "/", step), Release: release, Flag: "checkout", Environment: env,
						Share: float64(1 + step), Held: held,
					})
					return err
				})
			}
			w.ok(raise(w, 0, true))
			start := make(chan struct{})
			var all sync.WaitGroup
			for i, node := range []*world{w, other} {
				all.Go(func() {
					<-start
					for step := range 8 {
						if err := raise(node, 1+2*step+i, true); err != nil {
							t.Errorf("step %d: %v", step, err)
						}
					}
				})
			}
			all.Go(func() {
				<-start
				out, err := other.do(flags.Order{Kind: flags.Off, Flag: "checkout", Environment: env, Reason: "payments fail"})
				if err != nil || !out.Done {
					t.Errorf("the kill switch: %v", err)
				}
			})
			close(start)
			all.Wait()
			if c := w.config("checkout", env); c.On {
				t.Fatalf("round %d: it is on after %s", round, c.Reason)
			}
			w.ok(raise(w, 99, false)) // the ramp ends
			if c := w.config("checkout", env); c.On || c.Ramp != "" {
				t.Fatalf("round %d: after the ramp %+v", round, c)
			}
		}
	})
}
