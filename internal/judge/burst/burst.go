// Package burst says how likely it is that failures fall on a canary, in worlds in which instances go bad at times.
//
// A burst is a bad instance, or a bad moment of a few visitors: for some seconds a part of the visitors fails so many
// times as often. A World is a small hidden Markov model: all is calm, or there is a burst of some height among the
// canary's visitors, or among those of the stable version. A burst is young before it is old, so that few last much
// longer than most: how long one lasts is the sum of two times without memory.
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
	kinds   = 1 + 2*heights // calm, on the canary's side, on the stable one's
	states  = 2*kinds - 1   // calm, young bursts, old ones
	patch   = 1.0 / 20      // the part of all visitors that a burst hits
)

func height() [heights]float64 { return [heights]float64{3, 6, 12, 25, 60, 150, 500} }

// Pace is how often bursts begin and how long they last.
type Pace struct {
	begin float64 // chance a second, among all visitors
	ages  float64 // rate a second at which a burst grows old, and ends when it is
	stays float64 // chance that it does not in a second
}

// Of makes a Pace of bursts an hour, among all visitors, and their mean length in seconds.
func Of(perHour, seconds float64) Pace {
	p := Pace{begin: perHour / 3600, ages: 2 / seconds}
	p.stays = num.Exp(-p.ages)
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
	f, stays, aged := &w.filter, p.stays, p.ages
	onCanary, onStable := float64(p.begin*w.share), float64(p.begin*(1-w.share))
	if seconds != 1 {
		aged = float64(p.ages * seconds)
		stays = num.Exp(-aged)
		onCanary, onStable = min(onCanary*seconds, 0.3), min(onStable*seconds, 0.3)
	}
	aged *= stays
	young, old := f[1:kinds], f[kinds:]
	calm, over := f[0], 0.0
	for s := range young {
		x, y := young[s], old[s]
		young[s] = float64(x * stays)
		old[s] = float64(y*stays) + float64(x*aged)
		over += x + y - young[s] - old[s]
	}
	f[0] = float64(calm*(1-onCanary-onStable)) + max(over, 0)
	for h := range heights {
		young[h] += float64(calm * onCanary / heights)
		young[heights+h] += float64(calm * onStable / heights)
	}
}

// answers says how likely c of k failures were in each kind of state: e^top times l, up to what all worlds share; sum
// is their mean.
func (w *World) answers(c, k float64, l *[kinds]float64) (top, sum float64) {
	f := &w.filter
	top = math.Inf(-1)
	for s := range l {
		l[s] = float64(c*w.up[s]) - float64(k*w.down[s])
		if f[s] > 0 || s > 0 && f[kinds-1+s] > 0 {
			top = max(top, l[s])
		}
	}
	l[0] = num.Exp(l[0] - top)
	sum = float64(f[0] * l[0])
	for s := 1; s < kinds; s++ {
		l[s] = num.Exp(l[s] - top)
		sum += float64((f[s] + f[kinds-1+s]) * l[s])
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
	for s := 1; s < kinds; s++ {
		f[s] = float64(f[s] * l[s] / sum)
		f[kinds-1+s] = float64(f[kinds-1+s] * l[s] / sum)
	}
	return top + num.Log(sum)
}
