package guard

import (
	"fmt"
	"slices"
	"time"
)

// health answers the health rule for one version: failures in a row, up to now.
func (x *exam) health(arm string, probes []Probe) Finding {
	rule := x.rules.Health
	f := Finding{Rule: "health", Arm: arm, Level: Info, Limit: float64(rule.Critical), Unit: "in a row"}
	probes = x.probesInOrder(probes)
	if len(probes) == 0 {
		f.Sentence = fmt.Sprintf("No health check of %s has answered yet.", x.name(arm))
		return f
	}
	last := probes[len(probes)-1]
	run := failing(probes)
	f.Requests, f.Errors = uint64(len(probes)), uint64(run)
	f.From, f.To = probes[0].At.Unix(), last.At.Unix()+1
	if age := x.ev.Now.Sub(last.At); age > x.staleProbe() {
		f.Sentence = fmt.Sprintf("The last health check of %s is %s old.", x.name(arm), span(seconds(age)))
		return f
	}
	f.Known, f.Value = true, float64(run)
	if run == 0 {
		f.Sentence = "The health check of " + x.name(arm) + " passes."
		return f
	}
	f.From = probes[len(probes)-run].At.Unix()
	f.Sentence = fmt.Sprintf("The health check of %s failed %s", x.name(arm), timesInARow(run))
	if last.Detail != "" {
		f.Sentence += " (" + short(last.Detail) + ")"
	}
	f.Sentence += "."
	switch {
	case rule.Critical > 0 && run >= rule.Critical:
		f.Level = Critical
	case rule.Warn > 0 && run >= rule.Warn:
		f.Level, f.Limit = Warn, float64(rule.Warn)
	}
	return f
}

// staleProbe is the age at which a probe says nothing about now.
func (x *exam) staleProbe() time.Duration {
	return max(3*x.rules.Health.Every, 15*time.Second) + max(x.rules.Health.Timeout, 0)
}

// stableFailedToo says whether any check of the stable version failed while the
// changed version's did or in as long a time before: then something else may be
// broken that both need.
func (x *exam) stableFailedToo(f Finding) bool {
	if x.alone() {
		return false
	}
	length := max(f.To-f.From, 2*seconds(x.rules.Health.Every))
	return slices.ContainsFunc(x.probesInOrder(x.ev.StableHealth), func(p Probe) bool {
		return !p.OK && p.At.Unix() >= f.From-length
	})
}

// probesInOrder returns the probes up to now, oldest first.
func (x *exam) probesInOrder(probes []Probe) []Probe {
	byTime := func(a, b Probe) int { return a.At.Compare(b.At) }
	n := len(probes)
	if !slices.IsSortedFunc(probes, byTime) || n > 0 && probes[n-1].At.After(x.ev.Now) {
		probes = slices.Clone(probes)
		probes = slices.DeleteFunc(probes, func(p Probe) bool { return p.At.After(x.ev.Now) })
		slices.SortStableFunc(probes, byTime)
	}
	return probes
}

// failing counts the failures at the end.
func failing(probes []Probe) int {
	n := 0
	for n < len(probes) && !probes[len(probes)-1-n].OK {
		n++
	}
	return n
}
