package api

import "time"

// PushMetrics reports what applications measure themselves.
type PushMetrics struct {
	Source   string        `json:"source,omitempty" maxLength:"64" doc:"Name of the sender. With sequence, the same batch sent again counts once."`
	Sequence uint64        `json:"sequence,omitempty" doc:"Rises by one with each batch of the source."`
	Values   []MetricValue `json:"values" minItems:"1" maxItems:"1000"`
}

// MetricValue is one event or the sums of several. An event has value; sums have n.
type MetricValue struct {
	Metric     string     `json:"metric" maxLength:"64" doc:"As the strategy's guard names it."`
	Deployment string     `json:"deployment,omitempty" maxLength:"320" doc:"Its id, or a ramp's arm: flag:ENVIRONMENT/KEY=VARIANT; or version."`
	Version    string     `json:"version,omitempty" maxLength:"64" doc:"The newest deployment of it is meant."`
	At         *time.Time `json:"at,omitempty" doc:"When it happened; now when left out. At most two minutes ago."`
	Value      *float64   `json:"value,omitempty" doc:"Of a rate: 1 it happened, 0 it did not. Of durations: milliseconds."`
	Visitor    string     `json:"visitor,omitempty" maxLength:"128" doc:"Counts once for each visitor or session. It is not kept."`
	N          uint64     `json:"n,omitempty" maximum:"1000000000" doc:"How many units, visits or values."`
	Bad        uint64     `json:"bad,omitempty" maximum:"1000000000" doc:"Of a rate: how many units it went wrong for."`
	Sum        float64    `json:"sum,omitempty" doc:"Of a mean."`
	SumSq      float64    `json:"sum_sq,omitempty" doc:"Of a mean: the sum of squares."`
	Durations  []float64  `json:"durations_ms,omitempty" maxItems:"1000"`
}

// MetricReceipt says what became of pushed values.
type MetricReceipt struct {
	Accepted int             `json:"accepted"`
	Refused  []MetricRefusal `json:"refused"`
}

// MetricRefusal says why one value does not count.
type MetricRefusal struct {
	Index  int    `json:"index" doc:"Of the value in the request, from 0."`
	Reason string `json:"reason"`
	Detail string `json:"detail"`
}

// Metrics says where numbers come from and what arrives.
type Metrics struct {
	Sources []MetricSource `json:"sources"`
	Metrics []MetricInfo   `json:"metrics" doc:"Custom metrics that the strategy names."`
}

// MetricSource is one way by which numbers arrive at this node.
type MetricSource struct {
	Name     string     `json:"name"`
	Kind     string     `json:"kind" enum:"edge,prometheus,otlp,drain,app,observability"`
	Heard    *time.Time `json:"heard,omitempty"`
	Complete *time.Time `json:"complete,omitempty" doc:"Everything before is final."`
	Accepted uint64     `json:"accepted" doc:"Batches of an edge; values, spans or windows."`
	Late     uint64     `json:"late" doc:"Came after their time was final, or were lost to an outage."`
	Dropped  uint64     `json:"dropped" doc:"Unknown, of the future, too many, or windows that were not whole."`
	Gap      int64      `json:"gap_seconds" doc:"Time in which nothing was heard of it, longer than it is waited for."`
	Missing  uint64     `json:"missing" doc:"Batches that never arrived, by the gaps in their numbers."`
	Repeated uint64     `json:"repeated" doc:"Batches that were delivered again; each counts once."`
	Trouble  bool       `json:"trouble" doc:"It is silent or cannot measure: what rests on it is not known."`
	Signed   string     `json:"signed,omitempty" enum:"packed,unpacked" doc:"What Vercel's signature was right for: the body as it was sent, or unpacked."`
	Sentence string     `json:"sentence"`
}

// MetricInfo is one custom metric as the strategy states it.
type MetricInfo struct {
	Name   string `json:"name"`
	Kind   string `json:"kind" enum:"rate,mean,durations"`
	Unit   string `json:"unit"`
	Better string `json:"better" enum:"lower,higher"`
	Role   string `json:"role" enum:"decide,signal"`
	From   string `json:"from" enum:"app,prometheus,otlp"`
}
