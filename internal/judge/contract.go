package judge

import (
	"slices"
	"time"
)

// Slices is the number of placebo canaries: the stable version's visitors are cut into so many equal parts by the
// hash of their key. No part can be worse than another, so what they show is chance, bursts included.
const Slices = 20

// Bins is the layout of a latency histogram: Count bins whose edges grow by Ratio. Bin 0 holds everything below Low
// milliseconds times Ratio, bin i what lies from Low·Ratio^i on, the last bin everything above.
type Bins struct {
	Low   float64 `json:"low_ms"`
	Ratio float64 `json:"ratio"`
	Count int     `json:"count"`
}

// Arm is what one version did in one tick. Latency has one count for each bin, or is nil when durations were not
// measured; it belongs to the caller and is not kept.
type Arm struct {
	Requests uint64   // whose version was decided by the share
	Errors   uint64   // of these: failed
	Units    uint64   // visitors with a failure, each at most once in 60 s: what is bet on
	New      uint64   // visitors that were assigned for the first time
	Slow     uint64   // requests beyond the pooled slow bound, where a source counts them; 0 otherwise
	Latency  []uint32 // by Bins
}

// Tick is a short span of both versions, usually one second. The share holds for the whole of it: a span in which it
// changed is given the share NaN, which bets nothing.
type Tick struct {
	Second int64   // its start: Unix time, or counted from the first visitor
	Width  int64   // seconds; 0 means 1
	Share  float64 // intended share of the changed version, 0 to 1; 0, 1 and NaN bet nothing
	Canary Arm
	Stable Arm
	// Visitors says that Units are counted on both, also where there are no slices. Where neither is, Errors are taken
	// for them: see Doubt.
	Visitors bool
	// Of the stable version, by the hash of the visitor: error units and slow requests. Nil when they are not
	// measured.
	SliceUnits *[Slices]uint32
	SliceSlow  *[Slices]uint32
}

// Kind says how a custom metric is measured and compared.
type Kind string

// The kinds of custom metrics.
const (
	Rate      Kind = "rate"      // Bad of N units did the bad thing (or, with Higher, N - Bad the good one)
	Mean      Kind = "mean"      // N values with their sum and sum of squares
	Durations Kind = "durations" // a histogram, e.g. LCP: compared by ranks and slow tails
)

// Metric is a measure beside errors and latency.
type Metric struct {
	Name    string  `json:"name"`
	Kind    Kind    `json:"kind"`
	Higher  bool    `json:"higher"`   // higher is better, e.g. conversion
	WorseBy float64 `json:"worse_by"` // tolerance: 0.1 accepts 10 % worse
	Weight  float64 `json:"weight"`   // relative to the other custom metrics; 0 means 1
	Signal  bool    `json:"signal"`   // may hold, never take back
}

// Sums is what one version showed of a custom metric in a span. They add up.
type Sums struct {
	N     uint64  `json:"n"`
	Bad   uint64  `json:"bad,omitempty"`
	Sum   float64 `json:"sum,omitempty"`
	SumSq float64 `json:"sum_sq,omitempty"`
	Hist  Sketch  `json:"hist,omitzero"` // Durations
}

// Value is a span of one custom metric on both versions.
type Value struct {
	Metric string
	Second int64
	Width  int64
	Share  float64
	Canary Sums
	Stable Sums
}

// State is where a judgement stands.
type State string

// The states.
const (
	Warming    State = "warming"    // too little data, or durations are not judged yet
	Watching   State = "watching"   // too little speaks against the change, or nothing
	Suspicious State = "suspicious" // ten to one against it, until below three to one: the share may not rise
	Bad        State = "bad"        // taken back; it stays
	Safe       State = "safe"       // what must be excluded is excluded
	Blind      State = "blind"      // the measurement is broken
)

// Mode is how error units are bet on.
type Mode string

// The modes, from the fastest to the most careful.
const (
	Calm   Mode = "calm"   // units scatter like independent events
	Bursty Mode = "bursty" // bursts are seen; the null hypothesis knows of them
	Linear Mode = "linear" // the rest is not calm either: bets that are fair under any dependence within a block
)

// Settings say what a judgement looks for. The zero value of a field takes the default in brackets.
type Settings struct {
	Alpha        float64       `json:"alpha"`         // bound on ever taking a healthy version back [0.01]
	Bins         Bins          `json:"bins"`          // of Tick.Latency [ProductBins]
	WorseErrors  float64       `json:"worse_errors"`  // tolerance: 0.05 accepts 5 % more; negative: errors are not judged [0.05]
	WorseLatency float64       `json:"worse_latency"` // likewise for durations [0.02]
	SlackLatency float64       `json:"slack_latency"` // and milliseconds that are tolerated whatever the ratio [0]
	WorthLatency float64       `json:"worth_latency"` // a quantile must be slower by so much before anybody goes back [0.05]
	Slack        float64       `json:"slack"`         // error rate that may come on top when safety is judged [0.002]
	ColdStart    time.Duration `json:"cold_start"`    // after a rise durations are not judged for so long [75s]; negative: at once
	Horizon      time.Duration `json:"horizon"`       // the longest bake: 3/4 of it is when a regression may begin [1h]
	Metrics      []Metric      `json:"metrics"`
	Weights      Weights       `json:"weights,omitzero"` // of what is compared in the total [the judge's own]
	Background   Background    `json:"background"`       // what was learned of the stable version before
	// Shared says that whoever counts as one visitor may be many, so that few failed ones do not say that few requests
	// fail: that is asked of the requests themselves.
	Shared bool `json:"shared,omitempty"`
}

// Same says whether two judges with these settings would judge alike.
func (s *Settings) Same(as *Settings) bool {
	return s.Alpha == as.Alpha && s.Bins == as.Bins && s.WorseErrors == as.WorseErrors &&
		s.WorseLatency == as.WorseLatency && s.SlackLatency == as.SlackLatency && s.WorthLatency == as.WorthLatency &&
		s.Slack == as.Slack && s.ColdStart == as.ColdStart && s.Horizon == as.Horizon &&
		slices.Equal(s.Metrics, as.Metrics) && s.Weights == as.Weights && s.Background == as.Background &&
		s.Shared == as.Shared
}

// Climb is what must be excluded before a share may be reached.
type Climb struct {
	To       float64 `json:"to"` // the share that is asked for, 0 to 1
	Cleared  bool    `json:"cleared"`
	Excluded float64 `json:"excluded"` // the regression that must be ruled out: 10, 5, 3 or 2 times as many errors
	Have     float64 `json:"have"`     // evidence so far: e-value
	Need     float64 `json:"need"`     // and how much is needed
	Slow     bool    `json:"slow"`     // durations are what is missing
	Seconds  int64   `json:"seconds"`  // at the present share that must still pass; 0 none
	// How much more it takes on average when the change is as good as the stable version, at the present share and
	// traffic: requests of the changed version, and seconds; 0 none or unknown.
	MoreRequests uint64 `json:"more_requests"`
	MoreSeconds  int64  `json:"more_seconds"`
}

// Background is what the stable version's placebo slices showed before and during a comparison: a summary that can be
// stored, so that a comparison can be judged again from it.
type Background struct {
	Seconds  int64  `json:"seconds"`         // of history
	Requests uint64 `json:"requests"`        // in it
	Failed   uint64 `json:"failed"`          // visitors with a failure, sliced or not
	Sliced   bool   `json:"sliced"`          // placebo slices were measured
	Mode     Mode   `json:"mode"`            // empty: nothing is known
	Block    int64  `json:"block"`           // seconds of a block in linear mode
	Apart    int64  `json:"apart,omitempty"` // seconds between two blocks
	// Bursts: how often one slice is hit and for how long.
	Units        uint64  `json:"units"`
	BurstWindows uint64  `json:"burst_windows"`
	SliceWindows uint64  `json:"slice_windows"`
	Bursts       uint64  `json:"bursts"`        // distinct ones
	BurstSeconds float64 `json:"burst_seconds"` // mean length
	BurstRatio   float64 `json:"burst_ratio"`   // mean height beside the other slices
	Dispersion   float64 `json:"dispersion"`    // of the rest: 1 when it scatters like independent events
	// Slow instances: stretches in which one slice has far more slow requests than the others.
	SlowSliced  bool    `json:"slow_sliced,omitempty"` // slices of slow requests were measured
	SlowBursts  uint64  `json:"slow_bursts"`
	SlowSeconds float64 `json:"slow_seconds"` // mean length
	// Where slow begins: the pooled p50, p90, p95 and p99 before the comparison, in milliseconds; 0 unknown.
	Slow [4]float64 `json:"slow_ms"`
}

// InBlocks sets how failures are bet on where nobody knows whose they are: so many seconds together, and none for a
// while after them. A visitor who tries for as long as blocks are apart is in one of them. Short blocks apart find
// faults as soon as long ones side by side, which are not fair to such visitors (BenchmarkDrained in internal/watch has
// both). A block holds several buckets of width seconds, because what happens at once may be counted in two.
func (b *Background) InBlocks(width int64) {
	b.Sliced, b.Mode, b.Block, b.Apart = false, Linear, max(unknownBlock, 2*width), unknownApart
}

// Report is what people and the guard are told. Every number is finite.
type Report struct {
	State    State   `json:"state"`
	Mode     Mode    `json:"mode"`
	Why      string  `json:"why"`       // why this mode, in words
	LogE     float64 `json:"log_e"`     // natural logarithm of the e-value now
	MaxLogE  float64 `json:"max_log_e"` // of the largest so far: what Ville's inequality bounds
	Sureness float64 `json:"sureness"`  // that the change is worse: 1 - 1/max e, 0 to 1

	Metrics []MetricReport `json:"metrics"` // errors and latency first; the one that carries the total is Leads

	Canary Totals `json:"canary"`
	Stable Totals `json:"stable"`

	MoreRequests uint64  `json:"more_requests"` // of the changed version until the evidence suffices, if nothing changes; 0 unknown
	MoreSeconds  int64   `json:"more_seconds"`  // at the present share and traffic; 0 unknown
	RuledOut     float64 `json:"ruled_out"`     // so many times as many errors or more are excluded; 0 none yet
	Open         float64 `json:"open"`          // so many are not excluded yet; 0 none
	Harm         float64 `json:"harm"`          // failed requests beyond the stable version's rate
	HarmFloor    float64 `json:"harm_floor"`    // that no judge could have avoided, for the ratio as it looks
	Limit        float64 `json:"limit"`         // requests of the changed version that any judge needs on average; 0 unknown

	WarmUntil int64   `json:"warm_until"`  // second from which durations are judged; 0 when they are
	Shared    []Span  `json:"shared"`      // spans in which both versions were in trouble
	Share     float64 `json:"share"`       // of the last tick
	ShareLogE float64 `json:"share_log_e"` // that the visitors are not split as intended
}

// MetricReport is one metric's evidence.
type MetricReport struct {
	Name     string   `json:"name"` // errors, latency, slow (the tail), or the custom metric's name
	Leads    bool     `json:"leads"`
	Signal   bool     `json:"signal"`
	Weight   float64  `json:"weight"` // in the total
	LogE     float64  `json:"log_e"`
	MaxLogE  float64  `json:"max_log_e"`
	Units    uint64   `json:"units"`  // failed visitors or slow requests of the changed version
	Judged   uint64   `json:"judged"` // requests, visitors or values of the changed version that were compared
	Ratio    Interval `json:"ratio"`  // changed divided by stable
	Canary   float64  `json:"canary"` // the value itself: a rate, a mean, or milliseconds: latency's p95, a custom metric's p75
	Stable   float64  `json:"stable"`
	RuledOut float64  `json:"ruled_out"` // latency: so much slower is excluded; 0 none
}

// Span is a stretch of time with its reason.
type Span struct {
	From int64  `json:"from"`
	To   int64  `json:"to"`
	Why  string `json:"why"`
}

// Outlook is what a comparison can know at a given traffic, told before it begins.
type Outlook struct {
	Share    float64         `json:"share"`
	Rate     float64         `json:"rate"`       // requests a second of both versions
	Errors   float64         `json:"error_rate"` // of the stable version
	Known    bool            `json:"known"`
	Effects  []OutlookEffect `json:"effects"` // 2, 3, 5 and 10 times as many errors, half of all, 25 % slower
	Sentence string          `json:"sentence"`
}

// OutlookEffect says what it takes to see one regression.
type OutlookEffect struct {
	Name     string  `json:"name"`
	Ratio    float64 `json:"ratio"`
	Requests float64 `json:"requests"` // of the changed version, on average
	Seconds  float64 `json:"seconds"`
	Harm     float64 `json:"harm"`   // failed requests by then that would not have failed
	Within   bool    `json:"within"` // the bake is long enough
}

// Totals are sums over what was compared.
type Totals struct {
	Requests uint64  `json:"requests"`
	Errors   uint64  `json:"errors"`
	Units    uint64  `json:"units"`
	P50      float64 `json:"p50"` // milliseconds; 0 when there is none
	P95      float64 `json:"p95"`
	P95Low   float64 `json:"p95_low"`
	P95High  float64 `json:"p95_high"`
	P99      float64 `json:"p99"`
}

// Interval is an estimate with its limits. Known is false when there is nothing to estimate from; an open upper limit
// is Open.
type Interval struct {
	Known bool    `json:"known"`
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	Open  bool    `json:"open"` // there is no upper limit yet
}
