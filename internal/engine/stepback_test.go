package engine

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/slipwayhq/slipway/internal/release"
)

// When everybody has the version and much fails, nobody can tell whose fault it is. So half of the visitors get the
// stable one again: a version that is at fault is taken back within seconds, and one that is not stays, and goes on
// when the trouble is over.
//
// req: N-04 CD-04
func TestTroubleWhenEverybodyHasItIsComparedAgain(t *testing.T) {
	t.Parallel()
	if !long() {
		return
	}
	for _, tt := range []struct {
		name   string
		stable float64 // what fails of v1 in the trouble; of v2 half does
		ends   release.Phase
	}{{"of both", 0.5, release.Running}, {"of v2", 0.02, release.Aborted}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := climbs(t, "steps: [50, 100], bake: 2m")
				id := c.out().ID
				c.wait(id, 20*time.Minute, "everybody has it", at(100))
				time.Sleep(30 * time.Second)
				set := func(stable, canary float64) {
					c.mu.Lock()
					defer c.mu.Unlock()
					c.fails = func(float64) (float64, float64) { return stable, canary }
				}
				set(tt.stable, 0.5)
				began := time.Now()
				for time.Since(began) < 90*time.Second && !c.release(id).Phase.Final() {
					time.Sleep(time.Second)
				}
				r := c.release(id)
				if r.Phase != tt.ends || r.SteppedBack.IsZero() || len(c.events("release.stepped_back")) != 1 {
					t.Fatalf("%s at %g %%, back at %v: %s", r.Phase, r.Share, r.SteppedBack, r.Sentence)
				}
				if tt.ends == release.Aborted {
					if took := r.Detected.Sub(r.SteppedBack); took > 15*time.Second {
						t.Errorf("it took %v to tell", took)
					}
					return
				}
				if r.Share != 50 {
					t.Errorf("it is at %g %%: %s", r.Share, r.Sentence)
				}
				set(0.02, 0.02)
				c.wait(id, 20*time.Minute, "everybody has it again", at(100))
			})
		})
	}
}
