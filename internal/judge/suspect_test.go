package judge

import (
	"testing"

	"github.com/slipwayhq/slipway/internal/judge/num"
)

// A suspicion isn't over when the evidence falls a little below what began it: otherwise the share rises at the first
// look without a failure, of a version that goes back a few seconds later.
func TestASuspicionLasts(t *testing.T) {
	t.Parallel()
	p := NewPilot(Settings{}, Route{Steps: []float64{0.05, 0.1}, Bake: 1})
	j, below := p.Judge(), 0
	for i := range int64(5000) {
		c, s := uint64(0), uint64(0)
		if i%40 == 0 {
			s = 1
		}
		if i >= 60 && j.maxLogE < num.Log(Suspicion) && i%10 == 0 { // a version that fails until it is suspicious
			c = 1
		}
		m := p.Tick(tick(i, c, s))
		if m.Action == RollBack {
			t.Fatalf("second %d: taken back, so nothing was tried", i)
		}
		if j.maxLogE < num.Log(Suspicion) {
			continue
		}
		if j.logE >= num.Log(cleared) {
			if j.logE < num.Log(Suspicion) {
				below++
			}
			if a := j.Answer(); a.State != Suspicious || m.Next > 0 {
				t.Fatalf("second %d: %s, next %g, at an e-value of %g", i, a.State, m.Next, num.Exp(j.logE))
			}
			continue
		}
		if a := j.Answer(); a.State == Suspicious {
			t.Fatalf("second %d: still suspicious at an e-value of %g", i, num.Exp(j.logE))
		}
		if below == 0 {
			t.Fatal("the evidence never lay between the two lines, so nothing was tried")
		}
		return
	}
	t.Fatal("it is suspicious for ever")
}
