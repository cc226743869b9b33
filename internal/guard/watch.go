package guard

import (
	"time"

	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/metric"
)

// Second is what both versions did in one second (or in Width of them): the unit in which evidence is stored and
// judged. It is stored before it is judged, and judged as it was stored, so that a verdict can be given again to the
// last digit.
type Second struct {
	At     int64         // Unix time of its start
	Width  int64         // seconds; 0 means 1
	Share  float64       // intended percent for the whole of it; NaN when it changed within
	Canary metric.Bucket // classes merged; the zero bucket when nothing came
	Stable metric.Bucket
}

// Frame is what a verdict rests on beside the seconds: when it was asked for and what was known by then. It is stored
// with the verdict.
type Frame struct {
	Now           time.Time     `json:"now"`
	Complete      int64         `json:"complete"`    // Unix second: what lies before is final
	Since         time.Time     `json:"since"`       // when the changed version first got traffic
	ShareSince    time.Time     `json:"share_since"` // when the present share was set
	Share         float64       `json:"share"`       // intended percent; 100 means there is no stable side any more
	Shares        []ShareChange `json:"shares"`
	StableHealth  []Probe       `json:"stable_health"`
	CanaryHealth  []Probe       `json:"canary_health"`
	Version       string        `json:"version"`
	StableVersion string        `json:"stable_version"`
	Rate          float64       `json:"rate"`   // unused when 0: requests a second that are expected, for the outlook
	Ladder        []float64     `json:"ladder"` // percents that come after the present share; the guard says how far evidence reaches
}

// Baseline is what is known of the stable version from before the change: written once, when the changed version gets
// its first traffic.
type Baseline struct {
	Normal     metric.Bucket    `json:"normal"`     // sums of its last normal period
	Background judge.Background `json:"background"` // what its placebo slices showed
}
