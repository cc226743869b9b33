package api

import "time"

// Verdict is what the guard says about the evidence.
type Verdict struct {
	At          time.Time `json:"at"`
	Word        string    `json:"word" enum:"better_or_equal,worse,not_enough_evidence,broken_measurement"`
	Action      string    `json:"action" enum:"continue,hold,undo"`
	Cause       string    `json:"cause" doc:"What it rests on: few, doubt, incident, blind, budget or worse; empty: nothing."`
	Sentence    string    `json:"sentence" doc:"What is known and what is missing, for a tired person."`
	Requests    uint64    `json:"requests" doc:"Of the changed version, at the present share."`
	More        uint64    `json:"more_requests" doc:"Of it that are needed before a pass is possible; 0 when none or unknown."`
	MoreSeconds float64   `json:"more_seconds" doc:"How long they take at the present share and traffic."`
	Sureness    float64   `json:"sureness" doc:"That the changed version is worse, 0 to 1: one minus one divided by the largest e-value so far. 0.97 means that a healthy version would ever look this bad in at most 3 of 100 releases, however often one looks."`
	Findings    []Finding `json:"findings" doc:"Every rule's answer, the weightiest first."`
	State       string    `json:"state" doc:"Of the comparison: warming, watching, suspicious, bad, safe or blind; empty when nothing is compared."`
	ClearedTo   float64   `json:"cleared_to" doc:"Percent of visitors that the evidence permits; 0 when none beyond the present share."`
	Lacks       string    `json:"lacks" doc:"What is missing for the next share, in words; empty when nothing is."`

	Exposure *UserMinutes `json:"exposure,omitempty" doc:"User-minutes at risk; absent when the edges count none and there is no budget."`
	From     string       `json:"from,omitempty" doc:"What it goes by instead of the guard's source, which is silent; absent while that is heard."`
	Silent   *time.Time   `json:"silent_since,omitempty" doc:"Since when that source is silent; absent when it has never told anything."`

	Mode          string     `json:"mode" enum:"comparison,broken_stable,alone" doc:"What the changed version is held to: the stable version at the same time; while that is broken itself, the limits and what it did before; or the limits alone, at 100 %."`
	StableBroken  *time.Time `json:"stable_broken,omitempty" doc:"In mode broken_stable: since when."`
	StableHealthy *time.Time `json:"stable_healthy,omitempty" doc:"Likewise: the end of the time that is the measure; absent when none is known."`

	Comparison *Comparison `json:"comparison,omitempty" doc:"The numbers behind it; absent when nothing is compared, e.g. at 100 %."`
}

// UserMinutes are what a change cost while not everybody had it: a visitor who had it in a minute of the clock is one.
type UserMinutes struct {
	Spent  uint64  `json:"spent" doc:"User-minutes so far, as the edges counted them."`
	Budget uint64  `json:"budget" doc:"What the guard's exposure_budget allows; 0: any number."`
	Rate   float64 `json:"rate" doc:"Users a minute at the present share, in the last minute."`
}

// Finding is one rule's answer with its inputs.
type Finding struct {
	Rule     string  `json:"rule"`
	Arm      string  `json:"arm"`
	Level    string  `json:"level"`
	Value    float64 `json:"value"`
	Limit    float64 `json:"limit"`
	Unit     string  `json:"unit"`
	Sentence string  `json:"sentence"`
}

// Comparison is what is known of a changed version beside the stable one, in numbers and in words.
type Comparison struct {
	Says      Says             `json:"says" doc:"The same in plain words."`
	E         float64          `json:"e" doc:"E-value now: how many times a fair bet against the changed version has multiplied its stake."`
	LogE      float64          `json:"log_e" doc:"Its natural logarithm."`
	MaxLogE   float64          `json:"max_log_e" doc:"Of the largest e-value so far: what sureness is taken from."`
	Alpha     float64          `json:"alpha" doc:"At an e-value of one divided by this the version goes back: the bound on ever taking a healthy one back."`
	Mode      string           `json:"mode" doc:"How failures are bet on: calm, bursty or linear, from the fastest to the most careful."`
	ModeWhy   string           `json:"mode_why" doc:"Why so, in words."`
	Metrics   []MetricEvidence `json:"metrics" doc:"Each metric's evidence: errors and latency first."`
	Weighed   bool             `json:"weighed" doc:"The strategy says the metrics' weights; otherwise they are the judge's own."`
	Canary    ArmTotals        `json:"canary" doc:"What was compared of the changed version."`
	Stable    ArmTotals        `json:"stable" doc:"What was compared of the stable version."`
	RuledOut  float64          `json:"ruled_out" doc:"So many times as many errors or more are ruled out; 0 when nothing is."`
	Open      float64          `json:"not_ruled_out" doc:"So many times as many are not ruled out yet; 0 when all that must be is."`
	Next      *NextShare       `json:"next,omitempty" doc:"The next share, while the evidence does not permit it yet."`
	More      uint64           `json:"more_requests" doc:"Of the changed version until it is certain that it is worse, if nothing changes; 0 when unknown or when nothing speaks against it."`
	MoreSecs  int64            `json:"more_seconds" doc:"How long they take at the present share and traffic; 0 unknown."`
	Harm      float64          `json:"harm" doc:"Requests that failed beyond the stable version's rate, so far."`
	HarmFloor float64          `json:"harm_floor" doc:"How many must fail before any method can know of a fault of this size; 0 while none is seen."`
	Limit     float64          `json:"limit" doc:"Requests of the changed version that any method needs on average to know of rates as they look; 0 unknown."`
	WarmUntil *time.Time       `json:"warm_until,omitempty" doc:"Until then durations are not judged, because caches are cold."`
	Shared    []Stretch        `json:"shared" doc:"Times in which both versions were in trouble: not held against the changed one."`
	ShareLogE float64          `json:"share_log_e" doc:"Logarithm of the evidence that visitors are not split as intended; from 3 on (20 to 1) nothing rises."`
}

// Says is a comparison in plain words. A sentence that has nothing to say is empty.
type Says struct {
	Compared string `json:"compared" doc:"How much was compared."`
	Sure     string `json:"sure" doc:"How sure it is that the version is worse."`
	RuledOut string `json:"ruled_out" doc:"Which regressions are excluded and which are not."`
	Needs    string `json:"needs" doc:"What is missing, and how long that takes."`
	Harm     string `json:"harm" doc:"What it cost, beside what nobody could have avoided."`
}

// MetricEvidence is what one metric says.
type MetricEvidence struct {
	Name      string  `json:"name" doc:"errors, latency, or the custom metric's name."`
	Role      string  `json:"role" enum:"decide,signal" doc:"A signal may hold the share, and nobody goes back for it."`
	Leads     bool    `json:"leads" doc:"Whether it carries the total."`
	Weight    float64 `json:"weight" doc:"In the total, 0 to 1; 0 for a signal."`
	E         float64 `json:"e"`
	LogE      float64 `json:"log_e"`
	MaxLogE   float64 `json:"max_log_e"`
	Ratio     Ratio   `json:"ratio" doc:"Changed version divided by stable version."`
	Tolerated float64 `json:"tolerated" doc:"The ratio up to which nothing is held against the version."`
	Higher    bool    `json:"higher_is_better"`
	Canary    float64 `json:"canary" doc:"Its value on the changed version, in its unit."`
	Stable    float64 `json:"stable"`
	Unit      string  `json:"unit" doc:"fraction, ms, or the custom metric's own."`
	Units     uint64  `json:"units" doc:"Failed visitors, or slow requests, of the changed version."`
	Judged    uint64  `json:"judged" doc:"Requests, visitors or values of the changed version that were compared."`
	RuledOut  float64 `json:"ruled_out" doc:"Latency: so many times as many slow requests are ruled out; 0 when nothing is."`
}

// Ratio is an estimate with its limits.
type Ratio struct {
	Known   bool    `json:"known" doc:"False when there is nothing to estimate from; the rest is 0 then."`
	Value   float64 `json:"value"`
	Low     float64 `json:"low"`
	High    float64 `json:"high"`
	Open    bool    `json:"open" doc:"There is no upper limit yet."`
	Anytime bool    `json:"anytime" doc:"The limits are a confidence sequence: with 95 % they hold at all looks together. Others hold for one look."`
}

// NextShare is what must be excluded before a share may be reached by evidence.
type NextShare struct {
	Share    float64 `json:"share" doc:"Percent of visitors."`
	Excluded float64 `json:"must_exclude" doc:"So many times as many errors must be ruled out."`
	Have     float64 `json:"have" doc:"Evidence so far, as an e-value."`
	Need     float64 `json:"need" doc:"How much is needed."`
	Slow     bool    `json:"slow_requests" doc:"What is missing is that slow requests are compared."`
	Seconds  int64   `json:"hold_seconds" doc:"That must still pass at the present share."`
	More     uint64  `json:"more_requests" doc:"Of the changed version that it takes on average if it is no worse; 0 unknown."`
	MoreSecs int64   `json:"more_seconds"`
	Decides  bool    `json:"decides" doc:"Whether the share rises by evidence only (steps: adaptive). Otherwise it rises after its bake at the latest, and this is what it takes to raise it sooner."`
}

// ArmTotals are sums over what was compared of one version.
type ArmTotals struct {
	Requests uint64  `json:"requests"`
	Errors   uint64  `json:"errors"`
	Units    uint64  `json:"failed_visitors" doc:"Each at most once a minute: what is bet on."`
	P50      float64 `json:"p50_ms"`
	P95      float64 `json:"p95_ms"`
	P99      float64 `json:"p99_ms"`
}

// Stretch is a time with its reason.
type Stretch struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	Why  string    `json:"why"`
}

// EvidencePoint is how a comparison stood at a look.
type EvidencePoint struct {
	At       time.Time `json:"at"`
	State    string    `json:"state"`
	LogE     float64   `json:"log_e"`
	MaxLogE  float64   `json:"max_log_e"`
	Ratio    Ratio     `json:"error_ratio" doc:"Error rate of the changed version divided by the stable one's."`
	RuledOut float64   `json:"ruled_out"`
}

// Outlook is what a canary can and cannot know at the present traffic, told before it begins.
type Outlook struct {
	Known    bool           `json:"known" doc:"False when nothing was measured of the stable version yet."`
	Sentence string         `json:"sentence"`
	Rate     float64        `json:"requests_per_second" doc:"Of the application, as measured lately."`
	Errors   float64        `json:"error_rate" doc:"Failed visitors of the stable version for each request."`
	Shares   []OutlookShare `json:"shares" doc:"Each share below 100 % of the plan."`
}

// OutlookShare is what a share that is held for its bake can know.
type OutlookShare struct {
	Share       float64         `json:"share"`
	BakeSeconds float64         `json:"bake_seconds"`
	Sentence    string          `json:"sentence"`
	Effects     []OutlookEffect `json:"effects"`
}

// OutlookEffect says what it takes to see one regression.
type OutlookEffect struct {
	Name     string  `json:"name" doc:"e.g. 2 times as many errors"`
	Ratio    float64 `json:"ratio"`
	Requests float64 `json:"requests" doc:"Of the changed version, on average."`
	Seconds  float64 `json:"seconds"`
	Harm     float64 `json:"harm" doc:"Requests that fail until then and would not have failed."`
	Within   bool    `json:"within_bake" doc:"Whether the bake is long enough."`
}

// Traffic is a model of what the stable version has served in the last two days.
type Traffic struct {
	Known     bool    `json:"known" doc:"False when too little was measured for a model; Sentence says so."`
	Sentence  string  `json:"sentence"`
	Rate      float64 `json:"requests_per_second"`
	ErrorRate float64 `json:"error_rate" doc:"Part of the requests that failed, 0 to 1."`
	P50MS     float64 `json:"p50_ms"`
	P95MS     float64 `json:"p95_ms"`
	Daily     float64 `json:"daily" doc:"The busiest hour's rate divided by the quietest's; 1 with less than twelve hours."`
	Bursts    float64 `json:"bursts_per_hour" doc:"Stretches in which a twentieth of the visitors failed far more than the rest."`
	Hours     float64 `json:"hours" doc:"From the first request that is still known until now."`
	Requests  uint64  `json:"requests"`
}

// Canary is what the canary page draws: both versions over the same time axis.
type Canary struct {
	Release   string          `json:"release"`
	From      time.Time       `json:"from"`
	To        time.Time       `json:"to"`
	StepSecs  float64         `json:"step_seconds" doc:"Length of one point."`
	Stable    []CanaryPoint   `json:"stable"`
	Canary    []CanaryPoint   `json:"canary"`
	Shares    []Shift         `json:"shares"`
	Measured  []SharePoint    `json:"measured" doc:"Measured share of requests over time."`
	Health    []HealthPoint   `json:"health"`
	Verdicts  []VerdictMark   `json:"verdicts"`
	Limits    CanaryLimits    `json:"limits"`
	HarmExtra float64         `json:"harm_extra" doc:"Failed requests on the canary beyond the stable rate, so far."`
	Exposed   uint64          `json:"exposed_visitors" doc:"Visitors first assigned to the canary, so far."`
	Evidence  []EvidencePoint `json:"evidence" doc:"The e-value and the ratio of error rates over time, thinned: the last look of each interval."`
	Shared    []Stretch       `json:"shared" doc:"Times in which both versions were in trouble: not held against the canary."`
	Broken    []Stretch       `json:"stable_broken" doc:"Times in which the stable version itself was beyond the limits: nothing was compared."`
	StoodIn   []Stretch       `json:"stood_in" doc:"Times in which the guard's source was silent and another one stood in for it."`
	Hurt      []HurtPlace     `json:"hurt,omitempty" doc:"Where requests of the changed version failed, the most frequent first, the rest last; absent where nobody knows."`
	Warming   []Stretch       `json:"warming" doc:"Times after a rise in which durations were not judged, because caches were cold."`
}

// HurtPlace is where requests of a changed version failed.
type HurtPlace struct {
	Class    string  `json:"class,omitempty" doc:"Of the requests; absent for all other places together."`
	Route    string  `json:"route,omitempty" doc:"Method and route, without what names one thing of many."`
	Region   string  `json:"region,omitempty" doc:"Where it ran."`
	Errors   uint64  `json:"errors" doc:"Of the changed version there, at least."`
	Part     float64 `json:"part" doc:"Of all its errors, 0 to 1."`
	Stable   uint64  `json:"stable_errors" doc:"Of the stable version there in the same time, at least."`
	Sentence string  `json:"sentence"`
}

// CanaryPoint is one version in one interval. An interval without requests has none
// of the values: a gap is drawn as a gap.
type CanaryPoint struct {
	At       time.Time `json:"at"`
	Requests uint64    `json:"requests"`
	Errors   uint64    `json:"errors"`
	Rate     float64   `json:"error_rate"`
	RateLow  float64   `json:"error_rate_low" doc:"95 % interval (Wilson)."`
	RateHigh float64   `json:"error_rate_high"`
	P50      float64   `json:"p50_ms"`
	P95      float64   `json:"p95_ms"`
	P95Low   float64   `json:"p95_low_ms"`
	P95High  float64   `json:"p95_high_ms"`
}

// SharePoint is the measured share in one interval.
type SharePoint struct {
	At       time.Time `json:"at"`
	Share    float64   `json:"share"`
	Low      float64   `json:"low"`
	High     float64   `json:"high"`
	Intended float64   `json:"intended"`
}

// HealthPoint is one look at a health endpoint.
type HealthPoint struct {
	At      time.Time `json:"at"`
	Arm     string    `json:"arm" enum:"stable,canary"`
	OK      bool      `json:"ok"`
	Millis  float64   `json:"took_ms"`
	Problem string    `json:"problem"`
}

// VerdictMark is a change of the verdict.
type VerdictMark struct {
	At       time.Time `json:"at"`
	Word     string    `json:"word"`
	Action   string    `json:"action"`
	Cause    string    `json:"cause" doc:"As in a verdict."`
	Sentence string    `json:"sentence"`
}

// CanaryLimits are the strategy's limits, drawn as lines.
type CanaryLimits struct {
	ErrorWarn       float64 `json:"error_warn"`
	ErrorCritical   float64 `json:"error_critical"`
	LatencyWarn     float64 `json:"latency_warn_ms"`
	LatencyCritical float64 `json:"latency_critical_ms"`
	Suspicious      float64 `json:"suspicious_e" doc:"E-value from which the share may not rise."`
	TakeBack        float64 `json:"take_back_e" doc:"E-value at which the canary goes back; 0 when errors are not compared."`
	Tolerated       float64 `json:"tolerated_ratio" doc:"Ratio of error rates that the strategy accepts; 0 when they are not compared."`
}
