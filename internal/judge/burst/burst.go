// Package burst says how likely it is that failures fall on a canary, in worlds in which instances go bad at times.
//
// A burst is a bad instance, or a bad moment of a few visitors: for some seconds a part of the visitors fails so many
// times as often. A World is a small hidden Markov model: all is calm, or there is a burst of some height among the
// canary's visitors, or among those of the stable version. A burst has four ages, so that few last much longer than
// most: how long one lasts is the sum of four times without memory.
//
// What a World answers is a probability over how many of k failures are the canary's, given the past. So the ratio of
// two worlds' answers is 1 on average where the one below is true: that is what the judge bets with.
package burst

import (
	"math"

	"github.com/slipwayhq/slipway/internal/judge/num"
)

const (
	heights = 7
	kinds   = 1 + 2*heights      // calm, on the canary's side, on the stable one's
	ages    = 4                  // of a burst
	states  = 1 + ages*(kinds-1) // calm, then the bursts of the first age, of the second, and so on
	patch   = 1.0 / 20           // the part of all visitors that a burst hits
)

func height() [heights]float64 { return [heights]float64{3, 6, 12, 25, 60, 150, 500} }

// Pace is how often bursts begin and how long they last.
type Pace struct {
	begin float64 // chance a second, among all visitors
	grows float64 // rate a second at which a burst comes to its next age, and ends after the last
	stays float64 // chance that it does not in a second
}

// Of makes a Pace of bursts an hour, among all visitors, and their mean length in seconds.
func Of(perHour, seconds float64) Pace {
	p := Pace{begin: perHour / 3600, grows: ages / seconds}
	p.stays = num.Exp(-p.grows)
	return p
}

// World is one answer to how much more often the canary fails.
type World struct {
	Ratio  float64 // of the rates of failures, when all is calm
	share  float64
	up     [kinds]float64 // ln of the ratio by kind
	down   [kinds]float64 // ln(1 + share (ratio - 1))
	filter [states]float64
}

// New returns a World in which all is calm. It answers nothing before it has a share.
func New(ratio float64) World { return World{Ratio: ratio, filter: [states]float64{1}} }

// At sets the canary's share of the visitors.
func (w *World) At(share float64) {
	w.share = share
	w.set(0, w.Ratio)
	for h, b := range height() {
		w.set(1+h, w.Ratio+float64((b-1)*min(1, patch/share)))
		w.set(1+heights+h, w.Ratio/(1+float64((b-1)*min(1, patch/(1-share)))))
	}
}

func (w *World) set(kind int, ratio float64) {
	w.up[kind], w.down[kind] = num.Log(ratio), num.Log1p(float64(w.share*(ratio-1)))
}

// Move lets seconds pass.
func (w *World) Move(p *Pace, seconds float64) {
	f, stays, grows := &w.filter, p.stays, p.grows
	onCanary, onStable := float64(p.begin*w.share), float64(p.begin*(1-w.share))
	if seconds != 1 {
		grows = float64(p.grows * seconds)
		stays = num.Exp(-grows)
		onCanary, onStable = min(onCanary*seconds, 0.3), min(onStable*seconds, 0.3)
	}
	once := float64(grows * stays)
	twice := float64(grows * once / 2)
	calm, left := f[0], 0.0
	const n = kinds - 1
	for s := 1; s <= n; s++ {
		before, last := 0.0, 0.0 // what was of the two ages below
		for i := s; i < states; i += n {
			x := f[i]
			f[i] = float64(x*stays) + float64(last*once) + float64(before*twice)
			before, last = last, x
			left += x - f[i]
		}
	}
	f[0] = float64(calm*(1-onCanary-onStable)) + max(left, 0)
	for h := range heights {
		f[1+h] += float64(calm * onCanary / heights)
		f[1+heights+h] += float64(calm * onStable / heights)
	}
}

// kind is how likely calm is, or a kind of burst, of whatever age.
func (w *World) kind(kind int) float64 {
	if kind == 0 {
		return w.filter[0]
	}
	sum := 0.0
	for i := kind; i < states; i += kinds - 1 {
		sum += w.filter[i]
	}
	return sum
}

// answers says how likely c of k failures were in each kind of state: e^top times l, up to what all worlds share; sum
// is their mean.
func (w *World) answers(c, k float64, l *[kinds]float64) (top, sum float64) {
	top = math.Inf(-1)
	var likely [kinds]float64
	for s := range l {
		l[s] = float64(c*w.up[s]) - float64(k*w.down[s])
		if likely[s] = w.kind(s); likely[s] > 0 {
			top = max(top, l[s])
		}
	}
	for s := range l {
		l[s] = num.Exp(l[s] - top)
		sum += float64(likely[s] * l[s])
	}
	return top, sum
}

// Weigh returns the logarithm of how likely c of k failures are, beside each falling on its version's share.
func (w *World) Weigh(c, k float64) float64 {
	var l [kinds]float64
	top, sum := w.answers(c, k, &l)
	return top + num.Log(sum)
}

// See is Weigh, and learns that it was so.
func (w *World) See(c, k float64) float64 {
	var l [kinds]float64
	top, sum := w.answers(c, k, &l)
	f := &w.filter
	if !(sum > 0) || math.IsInf(sum, 0) || math.IsInf(top, 0) {
		*f = [states]float64{1}
		return float64(c*w.up[0]) - float64(k*w.down[0])
	}
	f[0] = float64(f[0] * l[0] / sum)
	for i := range f[1:] {
		f[1+i] = float64(f[1+i] * l[1+i%(kinds-1)] / sum)
	}
	return top + num.Log(sum)
}
