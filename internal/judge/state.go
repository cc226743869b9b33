package judge

import (
	"math"

	"github.com/slipwayhq/slipway/internal/judge/num"
)

func (j *Judge) state() State {
	switch {
	case j.bad:
		return Bad
	case j.blind():
		return Blind
	case j.logE >= num.Log(suspicion):
		return Suspicious
	case j.tot[0].requests < fewestSeen || j.tot[1].requests < fewestSeen:
		return Warming
	case j.safe():
		return Safe
	case j.next < j.warm && j.measured:
		return Warming
	}
	return Watching
}

// blind says whether nothing is known of a version that should have had requests, or all that comes is out of order:
// a clock was set back, or one is broken.
func (j *Judge) blind() bool {
	if j.astray >= blindAfter {
		return true
	}
	if !j.started || !(j.share > 0 && j.share < 1) {
		return false
	}
	rate := 0.0 // of both, a second, at this share
	if spent := float64(j.next - j.since); spent > 0 {
		rate = j.stepN / spent
	}
	missed := func(silent, part float64) bool { return silent >= blindAfter && (rate == 0 || silent*rate*part >= 10) }
	return missed(j.silentC, j.share) || missed(j.silentS, 1-j.share) || j.silentC >= blindAfter && j.silentS >= blindAfter
}

// safe says that everything that must be ruled out is.
func (j *Judge) safe() bool {
	return j.ruledOut(3) >= num.Log(lastNeed) && j.notSlow() >= num.Log(20)
}

// ruledOut is the logarithm of the evidence that the canary is not a rung of the ladder worse.
func (j *Judge) ruledOut(rung int) float64 {
	return max(j.errors.safety[rung], j.errors.quiet-math.Ln2)
}

// notSlow is likewise for half as many slow requests again; where durations are not measured nothing is asked of
// them.
func (j *Judge) notSlow() float64 {
	if !j.measured || j.s.WorseLatency < 0 {
		return maxLog
	}
	return j.lat.safe
}

// Climb says whether the evidence permits a share (0 to 1), and what is missing.
func (j *Judge) Climb(to float64) Climb {
	rung, need := 3, lastNeed
	switch {
	case to <= 0.10:
		rung, need = 0, 10
	case to <= 0.25:
		rung, need = 1, 10
	case to <= 0.5:
		rung, need = 2, 10
	}
	c := Climb{To: to, Excluded: ladder()[rung], Need: need, Have: num.Exp(min(j.ruledOut(rung), 50))}
	at := int64(j.here) // not by the clock: time in which nothing was seen is no trial
	c.Seconds = max(stepAtLeast-at, 0)
	enough := c.Have >= need
	if to > 0.5 {
		c.Seconds = max(lastAtLeast-at, 0)
		c.Slow = enough && j.notSlow() < num.Log(20)
		enough = enough && !c.Slow
	}
	switch j.state() {
	case Bad, Blind, Suspicious:
		return c
	}
	c.Cleared = enough && c.Seconds == 0 && j.stepC >= fewestHere && !j.split.alarm(0.05)
	return c
}
