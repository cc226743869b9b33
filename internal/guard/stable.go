package guard

import (
	"fmt"
	"time"

	"github.com/slipwayhq/slipway/internal/guard/past"
	"github.com/slipwayhq/slipway/internal/metric"
)

// Mode is what the changed version is held to.
type Mode string

// The modes.
const (
	Comparison   Mode = "comparison"    // to the stable version at the same time, and to the limits
	BrokenStable Mode = "broken_stable" // to the limits and to what the stable version did while it kept them
	Alone        Mode = "alone"         // to the limits: everybody has it
)

// Before is what is known of the stable version before the changed one had visitors.
type Before = past.Known

// LastHealthy looks through the stable version's seconds before a change for the time in which it kept its limits.
// Normal is their sum.
func LastHealthy(r Rules, normal metric.Bucket, bs []metric.Bucket) Before {
	return past.Look(r.sane().held(normal), bs)
}

// held are the limits that the stable version is held to, with what is normal for it.
func (r Rules) held(normal metric.Bucket) past.Limits {
	l := past.Limits{
		Critical: r.ErrorRate.Critical, CriticalFor: r.ErrorRate.For, Window: r.Window,
		Slow: slowLimit(r.LatencyP95, normal), SlowFor: r.LatencyP95.For,
	}
	if c := (count{}); r.ErrorRate.Spike > 0 {
		if c.add(normal); c.requests >= normalRequests {
			l.Spike = r.ErrorRate.Spike * max(c.rate(), normalFloor)
		}
	}
	return l
}

// watchStable feeds the pass's watch on the stable version with its new seconds.
func (x *exam) watchStable(bs []metric.Bucket) {
	p := x.pass
	if p.stable == nil {
		before := x.before()
		p.normal = before.Healthy
		p.stable = past.New(x.rules.held(p.normal), before)
	}
	p.stable.Feed(x.rules.held(p.normal), bs)
	x.mode = Comparison
	switch {
	case x.alone():
		x.mode = Alone
	case p.stable.Broken():
		x.mode = BrokenStable
	}
}

// usual is what the stable version did while it kept its limits, where that was seen, and else in the last period: what
// was broken of late is no normal.
func (x *exam) usual() metric.Bucket {
	if h := x.ev.Before.Healthy; h.Requests >= normalRequests {
		return h
	}
	return x.ev.Baseline
}

// before is what the evidence knows of the time before; without it, the last normal period, if that kept the limits.
func (x *exam) before() Before {
	b, base := x.ev.Before, x.ev.Baseline
	if b.Until != 0 || b.Ill != 0 || base.Requests < normalRequests {
		return b
	}
	c := count{}
	c.add(base)
	if l := x.rules.ErrorRate.Critical; l > 0 && c.rate() > l {
		return b
	}
	if l := x.rules.LatencyP95.Critical; l > 0 && base.Latency.Count() > 0 && base.Latency.Quantile(0.95) > l {
		return b
	}
	return Before{Healthy: base, Until: x.start}
}

// instead says what the changed version is held to while the stable one is broken.
func (x *exam) instead() string {
	w := x.pass.stable
	s := fmt.Sprintf("%s itself is broken since %s: %s is held to the limits", x.capital(stable), clock(w.Ill),
		x.name(canary))
	if w.Healthy.Requests < normalRequests {
		return s + "."
	}
	return fmt.Sprintf("%s and to what %s did until %s.", s, x.name(stable), clock(w.Until))
}

func clock(second int64) string { return time.Unix(second, 0).UTC().Format("15:04") + " UTC" }
