package api

import "time"

// Replay is a part of a release's verdicts, made again from the evidence that was stored with each.
type Replay struct {
	Release  string             `json:"release"`
	Version  string             `json:"version"`
	Looks    int64              `json:"looks" doc:"Verdicts recorded in all."`
	Agree    int64              `json:"agree" doc:"Of those in this answer: the same to the last digit."`
	Verdicts []ReplayedVerdict  `json:"verdicts"`
	Differs  []ReplayDifference `json:"differs" doc:"The first ones of this answer that are not, at most ten."`
	Next     int64              `json:"next" doc:"after of the next part; 0 when this is the last."`
}

// ReplayedVerdict is one verdict as it comes out again.
type ReplayedVerdict struct {
	Look     int64     `json:"look" doc:"Its number: 1 is the first."`
	At       time.Time `json:"at"`
	Word     string    `json:"word"`
	Action   string    `json:"action"`
	State    string    `json:"state,omitempty"`
	Sentence string    `json:"sentence"`
	Agrees   bool      `json:"agrees"`
}

// ReplayDifference is where a recorded verdict is not what its evidence says.
type ReplayDifference struct {
	Look     int64  `json:"look"`
	Where    string `json:"where" doc:"Path into the verdict; evidence or verdict when that is damaged, look when one is missing."`
	Recorded string `json:"recorded"`
	Again    string `json:"again"`
}

// Recording is a part of what the judge compared, in the form that slipway judge stream and slipway simulate --replay
// read.
type Recording struct {
	Release string      `json:"release"`
	Version string      `json:"version"`
	Bins    string      `json:"bins" doc:"Layout of latency: the value for --bins."`
	Weights string      `json:"weights,omitempty" doc:"How the strategy divides the total: the value for --weights."`
	From    time.Time   `json:"from" doc:"t 0: the first visitor."`
	Ticks   []JudgeTick `json:"ticks"`
	Next    int64       `json:"next" doc:"after of the next part; 0 when this is the last."`
}

// JudgeTick is what both versions did in one second.
type JudgeTick struct {
	T          int64    `json:"t" doc:"Seconds since the first visitor."`
	Weight     float64  `json:"weight" doc:"Intended share of the canary, 0 to 1."`
	Stable     JudgeArm `json:"stable"`
	Canary     JudgeArm `json:"canary"`
	SliceUnits []uint32 `json:"stable_slice_error_units,omitempty" doc:"Of the stable version, by 20 parts of its visitors."`
	SliceSlow  []uint32 `json:"stable_slice_slow,omitempty"`
}

// JudgeArm is what one version did in one second.
type JudgeArm struct {
	Requests     uint64   `json:"requests"`
	Errors       uint64   `json:"errors"`
	ErrorUnits   uint64   `json:"error_units" doc:"Visitors with a failure, each at most once a minute."`
	New          uint64   `json:"new" doc:"Visitors assigned for the first time."`
	Latency      []uint32 `json:"latency,omitempty" doc:"Counts by bin."`
	LatencyCount uint64   `json:"latency_count"`
}
