package guard

import "fmt"

// Exposure is what a change was measured to cost in user-minutes: a visitor who had it in a minute of the clock is one.
// It counts while not everybody has the change; what comes after that was decided upon.
type Exposure struct {
	Spent  uint64  `json:"spent"`
	Budget uint64  `json:"budget,omitempty"` // 0: none
	Rate   float64 `json:"rate,omitempty"`   // users a minute at the present share
}

// exposureWarn is the part of a budget from which people are told.
const exposureWarn = 0.8

// exposed measures it. The rate is that of the last minute at the present share; a shorter time counts as if it were
// that busy throughout, which says too much rather than too little.
func (x *exam) exposed() Exposure {
	out := Exposure{Spent: x.pass.risk, Budget: x.rules.Exposure}
	from := max(x.step, x.end-60)
	if x.alone() || x.end <= from {
		return out
	}
	users := uint64(0)
	for _, b := range x.canary.between(from, x.end) {
		users += min(b.Minutes, most)
	}
	out.Rate = float64(users) * 60 / float64(x.end-from)
	return out
}

// exposure answers the budget of user-minutes.
func (x *exam) exposure() {
	if x.rules.Exposure == 0 || x.alone() {
		return
	}
	e := x.exposed()
	f := Finding{
		Rule: "exposure", Arm: canary, Level: Info, Value: float64(e.Spent), Limit: float64(e.Budget),
		Unit: "user-minutes", From: x.start, To: x.end, Known: true, Requests: x.pass.total[0].Requests,
		Sentence: fmt.Sprintf("%s of %s user-minutes at risk are spent.", thousands(e.Spent), thousands(e.Budget)),
	}
	m := fine
	switch {
	case e.Spent >= e.Budget:
		f.Level, m = Critical, spent
	case f.Requests > 0 && e.Spent == 0: // an edge that is older than this program
		f.Known, m = false, doubt
		f.Sentence = "Nobody counts its user-minutes, so its budget can't be kept."
	case float64(e.Spent) >= exposureWarn*float64(e.Budget):
		f.Level = Warn
	}
	x.say(m, f)
}
