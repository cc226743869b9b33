package judge

// The weights of the metrics in the total e-value: fixed beforehand, so that their mean is an e-value whatever ties
// the metrics together (statistics: section 2.4). With custom metrics they take customShare, by the user's weights.
const (
	weightRanks = 0.80 // of what is bet on durations
	kept        = 0.09 // for durations
	lent        = 0.12 // and so much more at most, but bet on errors until durations are judged
	customShare = 0.30
)

// Weights divide the total e-value among what is compared, in any unit: only their ratios count, and what is not
// compared has none. They are fixed before the first tick. The zero value leaves it to the judge, which bets what it
// keeps for durations on errors until the first durations are judged.
type Weights struct {
	Errors  float64 `json:"errors"`
	Latency float64 `json:"latency"`
	Metrics float64 `json:"metrics"` // of all custom ones together, which divide it by Metric.Weight
}

// sane is nothing said where what was said can't be meant.
func (w Weights) sane() Weights {
	for _, x := range [3]float64{w.Errors, w.Latency, w.Metrics} {
		if !(x >= 0 && x <= 1e9) {
			return Weights{}
		}
	}
	return w
}

// weigh divides the total among errors, durations and custom metrics.
func (j *Judge) weigh() {
	sum := 0.0
	for _, m := range j.s.Metrics {
		c := newCustomEvidence(m, j.s)
		if !m.Signal {
			c.weight = m.Weight
			if !(c.weight > 0) {
				c.weight = 1
			}
			sum += c.weight
		}
		j.custom = append(j.custom, c)
	}
	share := j.divide(sum > 0)
	for _, c := range j.custom {
		if sum > 0 {
			c.weight *= share / sum
		}
	}
}

// divide fills the weights of errors and durations and returns what custom metrics have.
func (j *Judge) divide(custom bool) float64 {
	errors, latency := j.s.WorseErrors >= 0, j.s.WorseLatency >= 0
	w := j.s.Weights
	if !errors {
		w.Errors = 0
	}
	if !latency {
		w.Latency = 0
	}
	if !custom {
		w.Metrics = 0
	}
	if all := w.Errors + w.Latency + w.Metrics; all > 0 {
		durations := w.Latency / all
		j.pi = [3]float64{w.Errors / all, durations * weightRanks, durations * (1 - weightRanks)}
		j.staked = true // it is said what durations have
		return w.Metrics / all
	}
	durations := float64(kept)
	switch {
	case !errors:
		durations, j.staked = 1, true
	case !latency:
		durations, j.staked = 0, true
	}
	j.pi = [3]float64{1 - durations, durations * weightRanks, durations * (1 - weightRanks)}
	if !custom {
		return 0
	}
	for i := range j.pi {
		j.pi[i] *= 1 - customShare
	}
	if !errors && !latency {
		j.pi = [3]float64{}
	}
	return customShare
}
