package strategy

import (
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/strategy/document"
)

// Drain says how what Vercel delivers of the requests that it served is read.
type Drain struct {
	Late     time.Duration // how long a record may take to arrive
	Verify   string        // answered where Vercel asks whether the address is ours; empty: it does not
	Traces   bool          // spans come as well, so that durations are judged
	Sampling []Sampling    // of the drain
}

// Sampling says that a drain delivers only a part of some requests.
type Sampling struct {
	Rate        float64
	Environment string // empty: any
	Path        string // beginning of their paths; empty: any
}

// Drain returns how drains are read.
func (s *Strategy) Drain() Drain {
	d := s.file.Sources.Drain
	out := Drain{s.Late(metric.Drain), d.Verify, d.Traces, nil}
	for _, x := range d.Sampling {
		out.Sampling = append(out.Sampling, Sampling{float64(x.Rate), x.Environment, x.Path})
	}
	return out
}

// Measured is who sees all requests where the application runs: Slipway's own edge, or the platform's drains.
func (s *Strategy) Measured() metric.Kind {
	if s.file.Target.Vercel != nil {
		return metric.Drain
	}
	return metric.Edge
}

// Beside lists the kinds of sources beside that one by which a guard goes, or may go.
func (s *Strategy) Beside() []metric.Kind {
	var out []metric.Kind
	for _, step := range s.ReleasePlan().Steps {
		for _, k := range []metric.Kind{step.Rules.Source, step.Rules.Fallback} {
			if k != "" && k != s.Measured() && !slices.Contains(out, k) {
				out = append(out, k)
			}
		}
	}
	return out
}

// UsualDrainSecret is the environment variable of the secret that drains sign with, where the file names none.
const UsualDrainSecret = "VERCEL_DRAIN_SECRET"

type drain struct {
	Late     document.Duration `yaml:"late" doc:"How long a record may take to arrive; a verdict waits for it."`
	Traces   bool              `yaml:"traces" doc:"Whether a drain of traces is set up too: a log has no durations."`
	Verify   string            `yaml:"verify" doc:"Code that Vercel shows when it asks whether an address is yours."`
	Sampling []sampling        `yaml:"sampling" doc:"What the drain leaves out, as its own sampling rules say."`
}

// Template returns what drain is where nothing is written.
func (*drain) Template() string { return `{late: 30s, traces: off, verify: "", sampling: []}` }

type sampling struct {
	Rate        document.Percent `yaml:"rate" doc:"Share of the requests that is delivered."`
	Environment string           `yaml:"environment" doc:"Vercel's environment that it holds for; empty: each."`
	Path        string           `yaml:"path" doc:"Beginning of the paths that it holds for; empty: all."`
}

// Template returns what sampling is where nothing is written.
func (*sampling) Template() string { return `{rate: 100%, environment: "", path: ""}` }

// drained lets guards go by drains where no edge of ours sees the requests.
func drained(tree, user *document.Node) {
	if tree.Get("target").Get("vercel") == nil || user.Get("guards").Get("default").Get("source") != nil {
		return
	}
	if own := tree.Get("guards").Get("default"); own != nil {
		own.Set("source", document.Place{}, document.ParseText("source: "+string(metric.Drain)).Get("source"))
	}
}

func (c checker) drainSource() {
	d := c.file.Sources.Drain
	here := func(key string) []string { return at("sources", "drain", key) }
	if c.tree.Get("sources").Get("drain") == nil {
		return
	}
	if !regexp.MustCompile(`^[ -~]{0,128}$`).MatchString(d.Verify) {
		c.at(here("verify"), "it cannot be sent as a header", "copy the code that Vercel shows")
	}
	if len(d.Sampling) > 32 {
		c.at(here("sampling"), fmt.Sprintf("%d rules are too many", len(d.Sampling)), "write at most 32")
	}
	for i, x := range d.Sampling {
		if x.Rate < 0.001 || x.Rate > 1 {
			c.at(append(here("sampling"), fmt.Sprint(i), "rate"), "it is no share of the requests",
				"write 0.1% to 100%, as in the drain's sampling rule")
		}
	}
}

// byDrain complains about a guard that goes by a drain and could not.
func (c checker) byDrain(name string, g guardSpec) {
	here := func(key ...string) []string { return append(at("guards", name), key...) }
	late := c.file.Sources.late(metric.Drain)
	if least := late + 15*time.Second; time.Duration(g.Blind) < least {
		c.at(here("blind"), "it is over before a drain can be heard",
			fmt.Sprintf("write %s or more: a record may take %s to arrive", document.WriteDuration(least),
				document.WriteDuration(late)))
	}
	if !c.file.Sources.Drain.Traces && c.written("guards", name, "latency_p95") && g.LatencyP95 != (latencyLimits{}) {
		c.atKey(here("latency_p95"), "nobody measures it: the records of a log have no durations",
			"remove it; or set up a drain of traces, and say so with sources: {drain: {traces: on}}")
	}
}

// webAnalytics can be asked for, so that it can be said why it is refused.
const webAnalytics = "web_analytics"

// fallback complains about a stand-in that could not tell the versions apart, and about a version that would be taken
// back before it is blind.
func (c checker) fallback(name string, g guardSpec) {
	here := func(key string) []string { return at("guards", name, key) }
	if g.BlindUndo > 0 && g.BlindUndo < g.Blind {
		c.at(here("blind_undo"), "it is over before the measurement counts as broken", "make it longer than blind, or off")
	}
	c.in(here("blind_undo"), g.BlindUndo, 0, 24*time.Hour)
	v := c.file.Target.Vercel
	switch {
	case g.Fallback != string(metric.Observability):
	case v == nil:
		c.at(here("fallback"), "only Vercel counts what it serves by itself", "remove it, or name a target on Vercel")
	case g.Source != string(metric.Drain) && !c.written("guards", name, "fallback"): // of the default guard
	case g.Source != string(metric.Drain):
		c.at(here("fallback"), "only a drain has a stand-in", "remove it, or write source: drain")
	case v.Canary != Rolling:
		c.at(here("fallback"), "with a proxy, Vercel may count a request of the new version on the old one as well",
			"write target: {vercel: {canary: rolling}}, or fallback: none")
	}
}

// Notes are what a good file does that its author may not expect.
func (s *Strategy) Notes() []string {
	for _, step := range s.plan.Steps {
		if step.Rules.Source == metric.Drain && !s.file.Sources.Drain.Traces {
			return []string{"Response times are judged by nothing: the records of a drained log have no durations. Set up a " +
				"drain of traces, and say so with sources: {drain: {traces: on}}."}
		}
	}
	return nil
}
