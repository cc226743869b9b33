// Package guard turns evidence into a verdict and an action.
//
// The same guard watches every kind of change: it is given the rules of the
// strategy and what was measured (per-second sums of the stable version and of
// the changed one, health probes, the intended share) and says what is known
// (one of four words), what should be done, and why, in sentences. Absolute
// limits, spikes and the judge's comparison are separate findings. Missing data is
// never 0 and never a pass; what hits both versions is never held against one.
//
// Evaluate is pure: durations and consecutive failures are read from the evidence,
// so a verdict can be recomputed from what was stored.
package guard

import (
	"time"

	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/metric"
)

// Word is what the evidence says.
type Word string

// The four verdicts.
const (
	BetterOrEqual Word = "better_or_equal"
	Worse         Word = "worse"
	NotEnough     Word = "not_enough_evidence"
	Broken        Word = "broken_measurement"
)

// Cause says in one word what a verdict rests on, so that a hold for want of data and a hold because something behind
// both versions broke are told apart.
type Cause string

// The causes.
const (
	Sound    Cause = ""         // nothing stands against it
	Few      Cause = "few"      // too little is known yet
	Doubtful Cause = "doubt"    // something speaks against it, not enough to take it back
	Incident Cause = "incident" // the stable version is in trouble too, or alone
	Unseen   Cause = "blind"    // the measurement is broken
	Spent    Cause = "budget"   // its user-minutes at risk are spent
	Proven   Cause = "worse"    // it is worse
)

// Action is what the guard asks for.
type Action string

// The actions, in rising order of force.
const (
	Continue Action = "continue" // nothing stands against going on
	Hold     Action = "hold"     // do not raise the share; keep watching
	Undo     Action = "undo"     // take the change back
)

// Rules are the limits of one guard, as the strategy states them.
type Rules struct {
	Name        string        `json:"name"`
	ErrorRate   Limits        `json:"error_rate"`   // fractions: 0.05 is 5 %
	LatencyP95  Limits        `json:"latency_p95"`  // milliseconds
	Health      HealthRule    `json:"health"`       //
	MinRequests uint64        `json:"min_requests"` // of the changed version, before a pass is possible
	Window      time.Duration `json:"window"`       // over which rates and quantiles are taken
	Blind       time.Duration `json:"blind"`        // without data for this long the measurement is broken
	Alpha       float64       `json:"alpha"`        // bound on false "worse" verdicts of the comparison, e.g. 0.01
	ShareSlack  float64       `json:"share_slack"`  // measured share may differ from intended by this factor, e.g. 0.5
	// ColdStart is how long after each rise of the share durations are not judged, because caches are cold. A pass
	// needs judged durations when a limit on them is set; 0 judges at once.
	ColdStart time.Duration `json:"cold_start"`

	// Exposure is how many user-minutes a change may cost before everybody has it; 0 any number.
	Exposure uint64 `json:"exposure,omitempty"`

	Source  metric.Kind    `json:"source,omitempty"` // where errors and durations are taken from; empty means the edge
	Queries metric.Queries `json:"queries,omitzero"` // with Source prometheus

	Fallback  metric.Kind   `json:"fallback,omitempty"`   // what is gone by where Source is silent for Blind; empty: nothing
	BlindUndo time.Duration `json:"blind_undo,omitempty"` // blind for this long it is taken back; 0: it waits

	Horizon time.Duration `json:"horizon,omitempty"` // the longest bake of all steps: how long a regression may take to begin
	Metrics []MetricRule  `json:"metrics,omitempty"` // custom metrics that are compared
	Late    time.Duration `json:"late,omitempty"`    // how long their values may take to arrive; 0: two minutes
	Weights Weights       `json:"weights,omitzero"`  // of what is compared in the total; zero: the judge's own
}

// MetricRule is a custom metric under watch.
type MetricRule struct {
	judge.Metric
	Unit  string      `json:"unit"`            // for people: %, ms, €
	From  metric.Kind `json:"from"`            // who measures it: app, prometheus or otlp
	Query string      `json:"query,omitempty"` // PromQL; $deployment and $window are filled in
	// Scale is what a number is multiplied by before it is put into bins of durations: CLS has no unit and is small. 0
	// means 1.
	Scale float64 `json:"scale,omitempty"`
	Worst bool    `json:"worst,omitempty"` // of a visitor's numbers within ten seconds only the largest counts
}

// DefaultRules returns the limits of a strategy that states none.
func DefaultRules() Rules {
	return Rules{
		Name:        "default",
		ErrorRate:   Limits{Warn: 0.02, Critical: 0.05, For: 5 * time.Minute, Spike: 10, WorseBy: 0.25},
		LatencyP95:  Limits{Warn: 500, Critical: 1000, WorseBy: 0.10, AtLeast: 10},
		Health:      HealthRule{Path: "/api/health", Every: 5 * time.Second, Timeout: 2 * time.Second, Warn: 1, Critical: 3},
		MinRequests: 100,
		Window:      time.Minute,
		Blind:       time.Minute,
		Alpha:       0.01,
		ShareSlack:  0.5,
		ColdStart:   75 * time.Second,
	}
}

// Limits are the limits of one metric. A zero limit is none.
type Limits struct {
	Warn     float64       `json:"warn"`
	Critical float64       `json:"critical"`
	For      time.Duration `json:"for"`      // how long critical must hold before it counts
	Spike    float64       `json:"spike"`    // critical when the value is this many times its normal
	WorseBy  float64       `json:"worse_by"` // comparison with the stable version: 0.25 is 25 % worse; 0 compares nothing
	// AtLeast is how many milliseconds slower a version may be whatever WorseBy makes of them; 0 none.
	AtLeast float64 `json:"at_least,omitempty"`
}

// HealthRule says how the version's health endpoint is probed and judged.
type HealthRule struct {
	Path     string        `json:"path"`
	Every    time.Duration `json:"every"`
	Timeout  time.Duration `json:"timeout"`
	Warn     int           `json:"warn"`     // failures in a row
	Critical int           `json:"critical"` // failures in a row
}

// Probe is one look at a health endpoint.
type Probe struct {
	At         time.Time     `json:"at"`
	Deployment string        `json:"deployment"`
	OK         bool          `json:"ok"`
	Took       time.Duration `json:"took"`
	Detail     string        `json:"detail"` // what was wrong, e.g. "HTTP 503"
}

// Evidence is what was measured, up to Complete. Both versions' seconds must begin at Since: the comparison's bound
// on false alarms does not hold over a sliding window.
type Evidence struct {
	Now          time.Time       `json:"now"`
	Complete     int64           `json:"complete"`               // Unix second: what lies before is final
	Since        time.Time       `json:"since"`                  // when the changed version first got traffic
	ShareSince   time.Time       `json:"share_since"`            // when the present share was set
	Share        float64         `json:"share"`                  // intended percent; 100 means there is no stable side any more
	StableShare  float64         `json:"stable_share,omitempty"` // intended percent of the stable side; 0: the rest
	Stable       []metric.Bucket `json:"stable"`                 // one per second, classes merged, ascending; empty at share 100
	Canary       []metric.Bucket `json:"canary"`                 // the changed version, likewise
	Baseline     metric.Bucket   `json:"baseline"`               // the stable version's last normal period
	StableHealth []Probe         `json:"stable_health"`
	CanaryHealth []Probe         `json:"canary_health"` // oldest first

	// Shares are the intended shares since Since, oldest first. Without them only what came after ShareSince is
	// compared, and the bound Alpha holds for each share by itself instead of for the whole release.
	Shares        []ShareChange `json:"shares,omitempty"`
	Moves         []Move        `json:"moves,omitempty"`          // when shares were on their way; oldest first
	Version       string        `json:"version,omitempty"`        // the changed version's name, for sentences
	StableVersion string        `json:"stable_version,omitempty"` // likewise

	Before Before `json:"before,omitzero"` // what the stable version did before Since while it kept its limits

	Background judge.Background `json:"background,omitzero"` // what the stable version's placebo slices showed before
	Ladder     []float64        `json:"ladder,omitempty"`    // percents that come after the present share
	Values     []judge.Value    `json:"values,omitempty"`    // custom metrics by the span, each metric's ascending
	Aside      uint64           `json:"aside,omitempty"`     // not compared, in the last minute, where none was

	// Width is the length of a bucket in seconds, the same for both versions and with Complete on its grid; 0 means 1.
	// A wider one may hold something of the one before, because processes are measured one after the other: unless
	// OneClock says that one counter puts each request of either version into the bucket in which it came.
	Width    int64 `json:"width,omitempty"`
	OneClock bool  `json:"one_clock,omitempty"`

	From   metric.Kind `json:"from,omitempty"`  // what the new buckets were taken from instead of the rules' source
	Silent time.Time   `json:"silent,omitzero"` // since when that source is, where it has ever told anything
}

// ShareChange says that from a moment on the changed version was meant to get a share.
type ShareChange struct {
	At     time.Time `json:"at"`
	Share  float64   `json:"share"`            // percent
	Stable float64   `json:"stable,omitempty"` // percent of the stable side; 0: the rest
}

// Part is the fraction of what both sides get that is meant for the changed one: of a flag's variants with 25 and 50 %
// a third, because whoever gets another variant is on neither side.
func (c ShareChange) Part() float64 {
	if c.Stable > 0 && c.Stable < 100-c.Share {
		return c.Share / (c.Share + c.Stable)
	}
	return c.Share / 100
}

// Move is a stretch of time in which a routing was under way: one edge may follow it already when another one does not
// yet, so nobody knows which share was in force.
type Move struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to,omitzero"` // zero while it is
}

// Level says how serious a finding is.
type Level string

// The levels.
const (
	Info     Level = "info"
	Warn     Level = "warn"
	Critical Level = "critical"
)

// Finding is one rule's answer, with its inputs.
type Finding struct {
	// Rule is error_rate, error_spike, error_compare, error_history, latency_p95, latency_compare,
	// latency_history, stable, health, share, exposure or blind.
	Rule     string  `json:"rule"`
	Arm      string  `json:"arm"` // canary, stable or both
	Level    Level   `json:"level"`
	Value    float64 `json:"value"`
	Limit    float64 `json:"limit"`
	Unit     string  `json:"unit"` // "" (a fraction), "ms", "x", "in a row", "percent", "s", "user-minutes"
	Sentence string  `json:"sentence"`

	// The inputs, so that an evaluation can be logged and checked by hand.
	Known    bool    `json:"known"`              // false: there was too little data for the rule, and Value is 0
	Requests uint64  `json:"requests,omitempty"` // or durations, or probes, that the value was taken from
	Errors   uint64  `json:"errors,omitempty"`   // of these: failed, or slow
	From     int64   `json:"from,omitempty"`     // Unix second of the first
	To       int64   `json:"to,omitempty"`       // Unix second after the last
	Chance   float64 `json:"chance,omitempty"`   // that two equal versions differ so much by chance; 0 when not asked
}

// Verdict is what the guard says about the evidence.
type Verdict struct {
	At            time.Time     `json:"at"`
	Word          Word          `json:"word"`
	Action        Action        `json:"action"`
	Cause         Cause         `json:"cause,omitempty"`
	Sentence      string        `json:"sentence"`       // for a tired person: what is known and what is missing
	Findings      []Finding     `json:"findings"`       // most serious first
	Requests      uint64        `json:"requests"`       // of the changed version, at the present share
	MoreRequests  uint64        `json:"more_requests"`  // needed before a pass is possible; 0 when none or unknown
	MoreTime      time.Duration `json:"more_time"`      // at the present rate
	Sureness      float64       `json:"sureness"`       // that the change is worse: 1 - 1/max e-value, 0 to 1
	MeasuredShare float64       `json:"measured_share"` // percent of requests; -1 when unknown

	State     judge.State   `json:"state,omitempty"`      // warming, watching, suspicious, bad, safe or blind
	Report    *judge.Report `json:"report,omitempty"`     // the judge's numbers; nil when nothing was compared
	ClearedTo float64       `json:"cleared_to,omitempty"` // percent that the evidence permits; 0 none beyond the present share
	Next      *judge.Climb  `json:"next,omitempty"`       // the next share, where the evidence does not permit it yet
	Lacks     string        `json:"lacks,omitempty"`      // what is missing for it, in words

	// Behind is how far the measurement is behind At, the edges' only when they are silent: so much of a bake is not known
	// yet.
	Behind time.Duration `json:"behind,omitempty"`

	Exposure Exposure    `json:"exposure,omitzero"` // how many users had it, for how long, while not everybody had
	From     metric.Kind `json:"from,omitempty"`    // what it goes by instead of the rules' source, which is silent
	Silent   time.Time   `json:"silent,omitzero"`   // since when that is, where it has ever told anything

	Mode          Mode      `json:"mode,omitempty"`          // what the change is held to
	StableBroken  time.Time `json:"stable_broken,omitzero"`  // in BrokenStable: since when
	StableHealthy time.Time `json:"stable_healthy,omitzero"` // likewise: the end of the time it is held to; zero: of none
}

// Same says that a verdict tells nothing new after another one: it means the same, for the same cause.
func (v Verdict) Same(as Verdict) bool {
	return v.Word == as.Word && v.Action == as.Action && v.Cause == as.Cause && v.From == as.From
}
