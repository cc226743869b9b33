// Package release is the noun that everything turns around: a version on its way
// through the stages of the strategy.
//
// A release carries its plan (frozen from the strategy when it starts), a cursor
// into the plan's steps, what is known of each step, and the share of visitors it
// is meant to have. One pure and total function moves it: Decide takes the release
// and the facts (the time, checks, approvals, effects, the guard's verdict, or a
// person's command) and returns the next release, the events to record and the
// effects to try. It does nothing itself; the engine records, then acts.
package release

import (
	"time"

	"github.com/slipwayhq/slipway/internal/approval"
	"github.com/slipwayhq/slipway/internal/guard"
)

// Phase is where a release stands as a whole.
type Phase string

// The phases. The last four are final.
const (
	Running    Phase = "running"     // at a step: working, baking or waiting
	Paused     Phase = "paused"      // by a person: the share stays, nothing advances, the guard still watches
	Undoing    Phase = "undoing"     // the share goes back to 0
	Completed  Phase = "completed"   // in production, verified and watched
	Aborted    Phase = "aborted"     // ended before production; visitors are on the stable version
	RolledBack Phase = "rolled_back" // was in production; production runs an earlier deployment
	Failed     Phase = "failed"      // a step that needs mending failed; see Reason
)

// Final reports whether nothing can happen to the release any more.
func (p Phase) Final() bool {
	return p == Completed || p == Aborted || p == RolledBack || p == Failed
}

// Kind is what a step does.
type Kind string

// The kinds of step.
const (
	KindChecks   Kind = "checks"   // a gate: items of the checklist must have passed
	KindDeploy   Kind = "deploy"   // the deployment is put into the environment and answers as itself
	KindSmoke    Kind = "smoke"    // HTTP smoke checks run against the environment's deployment
	KindSignOff  Kind = "sign_off" // a gate: a person of a role records a verdict
	KindWindow   Kind = "window"   // a gate: schedule, freeze windows, the reason of an unscheduled release
	KindApproval Kind = "approval" // a gate: people approve exactly this content
	KindShare    Kind = "share"    // the canary's share is set, then baked under the guard
	KindPromote  Kind = "promote"  // the deployment becomes the stable one
	KindWatch    Kind = "watch"    // the guard watches production for a time
)

// Step is one entry of a plan. Fields that do not belong to its kind are zero.
type Step struct {
	ID          string          `json:"id"` // unique in the plan, e.g. canary/share-5
	Stage       string          `json:"stage"`
	Environment string          `json:"environment"`
	Kind        Kind            `json:"kind"`
	Title       string          `json:"title"`                // e.g. "Smoke checks: core"
	Checks      []string        `json:"checks,omitempty"`     // checks, sign_off: names of checklist items
	Flags       []string        `json:"flags,omitempty"`      // checks: flags that Slipway enables, where it has all of them
	Role        string          `json:"role,omitempty"`       // sign_off: who may record it
	Suite       string          `json:"suite,omitempty"`      // smoke: name of the suite
	Share       float64         `json:"share,omitempty"`      // share: percent
	Bake        time.Duration   `json:"bake,omitempty"`       // share, watch: how long
	MaxBake     time.Duration   `json:"max_bake,omitempty"`   // share: after this AtMax holds
	Rules       guard.Rules     `json:"rules,omitzero"`       // share, watch: the guard's limits
	Approve     []approval.Rule `json:"approve,omitempty"`    // approval: n of each role
	Expires     time.Duration   `json:"expires,omitempty"`    // approval: how long a request stands
	AuthorToo   bool            `json:"author_too,omitempty"` // approval: the author's yes counts
	AutoUndo    bool            `json:"auto_undo,omitempty"`  // share, watch, smoke: undo without asking
	Production  bool            `json:"production,omitempty"` // window, promote, watch: production rules apply

	// A share may be left for the next as soon as the evidence permits that one, instead of after Bake. With Adaptive
	// Bake counts from the first visitor, and must be over before everybody gets the version; with Shorten it counts
	// from the share, and only the last rise to everybody keeps it.
	Adaptive bool  `json:"adaptive,omitempty"`
	Shorten  bool  `json:"shorten,omitempty"`
	AtMax    AtMax `json:"at_max,omitempty"` // share: what MaxBake ends in; empty means Hold
	// With Adaptive: how many failed requests the release may cost (0: any number), and how long it takes until a
	// version that is found to be worse gets no requests any more.
	HarmBudget float64       `json:"harm_budget,omitempty"`
	Reaction   time.Duration `json:"reaction,omitempty"`
}

// AtMax is what becomes of a share that has baked for the longest time without enough evidence either way.
type AtMax string

// What may become of it.
const (
	Hold   AtMax = "hold"    // a person decides
	GoOn   AtMax = "promote" // on to the next step, with a note of what is excluded
	GoBack AtMax = "undo"    // taken back
)

// Plan is the strategy's list of steps, frozen for one release.
type Plan struct {
	Strategy string `json:"strategy"` // hash of the strategy file it was made from
	Steps    []Step `json:"steps"`
	Timing   Timing `json:"timing"`
	OneWay   bool   `json:"one_way,omitempty"` // the target's shares only rise, until the whole is taken back
	Drift    string `json:"drift,omitempty"`   // what follows when somebody else moves the target: DriftHold or DriftUndo
}

// What a release does when somebody else changes what production serves.
const (
	DriftHold = "hold"
	DriftUndo = "undo"
)

// Shares are the steps of the plan that give the new version visitors beside the stable one, or all of them.
func (p Plan) Shares() []Step {
	var out []Step
	for _, s := range p.Steps {
		if s.Kind == KindShare {
			out = append(out, s)
		}
	}
	return out
}

// Timing are the plan's general durations.
type Timing struct {
	Look  time.Duration `json:"look"`  // between two looks of the guard
	Skew  time.Duration `json:"skew"`  // how long a replaced arm stays up for pinned sessions
	Retry time.Duration `json:"retry"` // between tries of an effect
	Tries int           `json:"tries"` // of an effect, before it has failed
}

// Status is what is known of a step.
type Status string

// The statuses of a step.
const (
	StepPending Status = "pending" // not reached
	StepRunning Status = "running" // an effect is under way, or it bakes
	StepWaiting Status = "waiting" // for somebody or something outside: see Wait
	StepPassed  Status = "passed"
	StepFailed  Status = "failed"
	StepSkipped Status = "skipped" // by a named approver, with a reason
)

// State is a step's progress.
type State struct {
	Status   Status    `json:"status"`
	Started  time.Time `json:"started,omitzero"`
	Ended    time.Time `json:"ended,omitzero"`
	Actor    string    `json:"actor,omitempty"`    // who decided, skipped or signed
	Sentence string    `json:"sentence,omitempty"` // what happened, or what it waits for
	Attempt  int       `json:"attempt,omitempty"`  // of the step: raises the effect's key
	Set      time.Time `json:"set,omitzero"`       // share: when the edge confirmed it; the bake counts from here
	Compared string    `json:"compared,omitempty"` // share: what the comparison had shown when it was left
}

// Release is a version on its way.
type Release struct {
	ID          string            `json:"id"`
	App         string            `json:"app"`
	Version     string            `json:"version"` // the team's name for it, e.g. v2 or 1.4.0
	Commit      string            `json:"commit"`
	Author      string            `json:"author"` // user who started it; never counts as approver
	Note        string            `json:"note,omitempty"`
	Deployment  string            `json:"deployment"` // id of the deployment under release
	URL         string            `json:"url"`        // where that deployment answers
	Previous    string            `json:"previous"`   // deployment that was stable at the start
	PreviousURL string            `json:"previous_url"`
	Before      map[string]string `json:"before,omitempty"`     // what ran in an environment before it came: deployment ids
	Flags       []string          `json:"flags,omitempty"`      // names of flags that belong to it
	Flag        *Flag             `json:"flag,omitempty"`       // a flag's share is raised, and no deployment's
	Scheduled   time.Time         `json:"scheduled,omitzero"`   // production not before
	Unscheduled string            `json:"unscheduled"`          // reason of an unscheduled production release
	Urgent      bool              `json:"urgent,omitempty"`     // goes through freeze windows
	Plan        Plan              `json:"plan"`                 //
	Cursor      int               `json:"cursor"`               // index into Plan.Steps
	States      []State           `json:"states"`               // one for each step
	Phase       Phase             `json:"phase"`                //
	Share       float64           `json:"share"`                // intended percent of visitors
	Reached     float64           `json:"reached"`              // highest share it ever had
	ShareSince  time.Time         `json:"share_since,omitzero"` // when the present share was confirmed
	Shares      []Shift           `json:"shares,omitempty"`     // every confirmed share, oldest first
	Exposed     time.Time         `json:"exposed,omitzero"`     // when it first got traffic
	Promoted    time.Time         `json:"promoted,omitzero"`
	Request     string            `json:"request,omitempty"`     // id of the open approval request
	Effect      string            `json:"effect,omitempty"`      // key of the effect it waits for
	Routes      int               `json:"routes"`                // routings asked for so far: part of an effect's key
	Suspect     bool              `json:"suspect,omitempty"`     // the guard said undo and a person is being asked
	SteppedBack time.Time         `json:"stepped_back,omitzero"` // when everybody had it and the guard wanted a stable side again
	Blind       time.Time         `json:"blind,omitzero"`        // since when the measurement is broken
	BlindTold   bool              `json:"blind_told,omitempty"`
	Displaced   time.Time         `json:"displaced,omitzero"` // since when somebody else's change is served in its place
	Troubled    bool              `json:"troubled,omitempty"` // people were told that the stable version is broken
	Sentence    string            `json:"sentence"`           // the state, for a tired person
	Reason      string            `json:"reason,omitempty"`   // why it ended
	Detected    time.Time         `json:"detected,omitzero"`  // when the guard or a person decided to undo
	Against     *guard.Finding    `json:"against,omitempty"`  // what the guard took it back for
	Restored    time.Time         `json:"restored,omitzero"`  // when traffic was confirmed back
	Created     time.Time         `json:"created"`
	Updated     time.Time         `json:"updated"`
	Ended       time.Time         `json:"ended,omitzero"`
	Row         int64             `json:"-"` // the row's version, compared at every update
}

// Shift is a change of the share that the edge confirmed.
type Shift struct {
	At    time.Time `json:"at"`
	Share float64   `json:"share"`
	By    string    `json:"by"`
}

// Step returns the step at the cursor.
func (r Release) Step() Step { return r.Plan.Steps[min(r.Cursor, len(r.Plan.Steps)-1)] }

// State returns the progress of the step at the cursor.
func (r Release) State() State { return r.States[min(r.Cursor, len(r.States)-1)] }

// Stage returns the name of the stage it is in.
func (r Release) Stage() string { return r.Step().Stage }
