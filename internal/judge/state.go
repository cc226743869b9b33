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
	case j.suspected:
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

// Rung is what must be ruled out before a share (0 to 1) may be reached: so many times as many errors, by so large an
// e-value, and after so many seconds at the present share.
func Rung(to float64) (times, need float64, hold int64) {
	rung, need, hold := rungOf(to)
	return ladder()[rung], need, hold
}

func rungOf(to float64) (rung int, need float64, hold int64) {
	switch {
	case to <= 0.10:
		return 0, 10, stepAtLeast
	case to <= 0.25:
		return 1, 10, stepAtLeast
	case to <= 0.5:
		return 2, 10, stepAtLeast
	}
	return 3, lastNeed, lastAtLeast
}

// Climb says whether the evidence permits a share (0 to 1), and what is missing.
func (j *Judge) Climb(to float64) Climb {
	rung, need, hold := rungOf(to)
	c := Climb{To: to, Excluded: ladder()[rung], Need: need, Have: num.Exp(min(j.ruledOut(rung), 50))}
	at := int64(j.here) // not by the clock: time in which nothing was seen is no trial
	c.Seconds = max(hold-at, 0)
	enough := c.Have >= need
	if !enough {
		c.MoreRequests, c.MoreSeconds = j.lacking(rung, num.Log(need))
	}
	if to > 0.5 {
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

// lacking is about how many requests of an equally good canary it takes until the rung is ruled out, and how long that
// is at the present traffic: what the evidence gains with each failure, by where it falls, and with each request that
// does not fail.
func (j *Judge) lacking(rung int, need float64) (requests uint64, seconds int64) {
	e, ps, v := &j.errors, j.stableRate(), j.share
	if !(v > 0 && v < 1) || j.s.WorseErrors < 0 {
		return 0, 0
	}
	n := math.Inf(1)
	if gain := ps / v * kl(v, share(v, e.worlds[firstRung+rung].Ratio)); gain > 0 {
		n = (need - e.safety[rung]) / gain
	}
	if q, a := e.slack, e.slack/10; q > 0 {
		if gain := float64((1-ps)*(num.Log1p(-a)-num.Log1p(-q))) + float64(ps*num.Log(a/q)); gain > 0 {
			n = min(n, (need+math.Ln2-e.quiet)/gain)
		}
	}
	if !(n > 0 && n < 1e9) {
		return 0, 0
	}
	return uint64(math.Ceil(n)), j.untilSeen(n)
}

// untilSeen is how many seconds n more requests of the canary take at the present share; 0 unknown.
func (j *Judge) untilSeen(n float64) int64 {
	spent := float64(j.next - j.since)
	if !(spent > 0) || !(j.stepC > 0) {
		return 0
	}
	return int64(min(math.Ceil(n/(j.stepC/spent)), 1e9))
}
