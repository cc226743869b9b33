// Package api holds the wire types of Slipway's HTTP API (/api/v1).
//
// The server writes them, the Go client and the dashboard read them, and
// openapi.json beside this file is generated from them. Instants are RFC 3339 in
// UTC. Durations end in _seconds. Shares are percent of visitors, rates are
// fractions, latencies are milliseconds. Every state comes with a sentence for
// people. A list is never null. Fields are added, never changed or removed, within
// v1.
package api

import (
	"encoding/json"
	"time"
)

// Release is a version on its way through the stages.
type Release struct {
	ID          string      `json:"id"`
	App         string      `json:"app"`
	Version     string      `json:"version"`
	Commit      string      `json:"commit"`
	Author      string      `json:"author" doc:"Name of the person who started it."`
	Note        string      `json:"note"`
	Deployment  string      `json:"deployment"`
	URL         string      `json:"url"`
	Previous    string      `json:"previous" doc:"Version that was stable when the release started; empty for the first."`
	Phase       string      `json:"phase" enum:"running,paused,undoing,completed,aborted,rolled_back,failed"`
	Stage       string      `json:"stage"`
	Step        string      `json:"step" doc:"Id of the step it is at."`
	Sentence    string      `json:"sentence" doc:"The state in words."`
	Reason      string      `json:"reason" doc:"Why it ended; empty while it runs."`
	Share       float64     `json:"share" doc:"Intended percent of visitors on this version."`
	Reached     float64     `json:"share_reached" doc:"Highest share it ever had."`
	Measured    float64     `json:"share_measured" doc:"Percent of requests that it served, or -1 when unknown."`
	Scheduled   *time.Time  `json:"scheduled,omitempty"`
	Unscheduled string      `json:"unscheduled_reason"`
	Created     time.Time   `json:"created"`
	Updated     time.Time   `json:"updated"`
	Ended       *time.Time  `json:"ended,omitempty"`
	Detected    *time.Time  `json:"detected,omitempty" doc:"When it was decided to take it back."`
	Restored    *time.Time  `json:"restored,omitempty" doc:"When all traffic was confirmed back."`
	Revision    int64       `json:"revision" doc:"Rises with every change; send it back to decide on what you saw."`
	Steps       []Step      `json:"steps"`
	Shares      []Shift     `json:"shares"`
	Verdict     *Verdict    `json:"verdict,omitempty" doc:"The guard's newest verdict."`
	Hurt        []HurtPlace `json:"hurt,omitempty" doc:"Where requests of the changed version failed, the most frequent first; absent in lists, and where nobody knows."`
	Outlook     *Outlook    `json:"outlook,omitempty" doc:"Before its first visitor: what its canary can and cannot know."`
	Approval    *Approval   `json:"approval,omitempty" doc:"The open approval request."`
	Actions     []Action    `json:"actions" doc:"What the caller may do now."`

	Config *ReleaseConfig `json:"config,omitempty" doc:"Of the variables that it was built with, where a platform keeps them."`

	Flag *ReleaseFlag `json:"flag,omitempty" doc:"Of a ramp: the flag whose share is raised, instead of a deployment's."`
}

// ReleaseFlag is the lever of a ramp.
type ReleaseFlag struct {
	Key         string  `json:"key"`
	Environment string  `json:"environment"`
	Variant     string  `json:"variant" doc:"Whose share rises."`
	Against     string  `json:"against" doc:"What the others get."`
	Before      float64 `json:"before" doc:"Percent that it had, and has again when it is taken back."`
	With        string  `json:"with" doc:"Id of the release that it belongs to, and is taken back with; or empty."`
}

// Step is one step of a release.
type Step struct {
	ID          string     `json:"id"`
	Stage       string     `json:"stage"`
	Environment string     `json:"environment"`
	Kind        string     `json:"kind"`
	Title       string     `json:"title"`
	Status      string     `json:"status" enum:"pending,running,waiting,passed,failed,skipped"`
	Sentence    string     `json:"sentence"`
	Actor       string     `json:"actor"`
	Started     *time.Time `json:"started,omitempty"`
	Ended       *time.Time `json:"ended,omitempty"`
	Share       float64    `json:"share"`
	BakeSeconds float64    `json:"bake_seconds"`
}

// Shift is a confirmed change of the share.
type Shift struct {
	At    time.Time `json:"at"`
	Share float64   `json:"share"`
	By    string    `json:"by"`
}

// Action is something the caller may do to a thing now.
type Action struct {
	Name     string `json:"name"` // e.g. abort
	Title    string `json:"title"`
	Effect   string `json:"effect" doc:"What it will do, to whom."`
	Undo     string `json:"undo" doc:"How it is undone."`
	Dangers  bool   `json:"dangerous"`
	Primary  bool   `json:"primary"`
	Reason   bool   `json:"needs_reason"`
	Disabled string `json:"disabled" doc:"Why it cannot be done now; empty when it can."`
}

// Check is one item of a version's checklist.
type Check struct {
	Name     string     `json:"name"`
	Title    string     `json:"title"`
	Group    string     `json:"group"`
	Version  string     `json:"version"`
	Commit   string     `json:"commit"`
	Status   string     `json:"status" enum:"missing,running,passed,failed,not_applicable"`
	Summary  string     `json:"summary"`
	URL      string     `json:"url" doc:"Link to the evidence."`
	Coverage *float64   `json:"coverage,omitempty" doc:"Percent, where the check measures it."`
	Actor    string     `json:"actor"`
	At       *time.Time `json:"at,omitempty"`
	Required []string   `json:"required_in" doc:"Stages whose gate needs it."`
	Role     string     `json:"role" doc:"Role that signs it, for items that people sign; empty for outside checks."`
}

// Approval is a request for people's decisions.
type Approval struct {
	ID          string            `json:"id"`
	Kind        string            `json:"kind" enum:"release,rollback,flag"`
	Subject     string            `json:"subject" doc:"Id of the release, rollback or draft of a flag."`
	Action      string            `json:"action"`
	App         string            `json:"app"`
	Environment string            `json:"environment"`
	Version     string            `json:"version"`
	Commit      string            `json:"commit"`
	Deployment  string            `json:"deployment"`
	Plan        string            `json:"plan_hash"`
	Evidence    []Evidence        `json:"evidence"`
	Hash        string            `json:"hash" doc:"What a decision must name."`
	State       string            `json:"state" enum:"open,approved,rejected,voided,expired"`
	Why         string            `json:"why"`
	Author      string            `json:"author"`
	Rules       []ApprovalRule    `json:"rules"`
	Missing     []ApprovalRule    `json:"missing"`
	Votes       []Vote            `json:"votes"`
	Opened      time.Time         `json:"opened"`
	Expires     time.Time         `json:"expires"`
	Closed      *time.Time        `json:"closed,omitempty"`
	MayDecide   bool              `json:"may_decide" doc:"Whether the caller's decision would count."`
	WhyNot      string            `json:"why_not" doc:"Why the caller's decision would not count."`
	Outlook     *Outlook          `json:"outlook,omitempty" doc:"Where it is about a canary that has not begun: what that can know. A forecast, not part of what is signed."`
	Changed     map[string]string `json:"changed" doc:"What differs from the last request about the same thing."`
}

// Evidence is one fact that an approval rests upon.
type Evidence struct {
	Name string `json:"name"`
	Says string `json:"says"`
}

// ApprovalRule asks for a number of approvals by a role.
type ApprovalRule struct {
	Role  string `json:"role"`
	Count int    `json:"count"`
}

// Vote is one person's decision.
type Vote struct {
	Name      string    `json:"name"`
	Role      string    `json:"role"`
	Approve   bool      `json:"approve"`
	Reason    string    `json:"reason"`
	At        time.Time `json:"at"`
	Signature string    `json:"signature"`
}

// Rollback is a way back for production.
type Rollback struct {
	ID          string         `json:"id"`
	App         string         `json:"app"`
	Environment string         `json:"environment"`
	Release     string         `json:"release" doc:"Release that it takes back; empty for none."`
	From        string         `json:"from_version"`
	To          string         `json:"to_version"`
	Phase       string         `json:"phase" enum:"requested,approved,running,verifying,done,failed,rejected,canceled"`
	Sentence    string         `json:"sentence"`
	Trigger     string         `json:"trigger"`
	Requested   string         `json:"requested_by"`
	Created     time.Time      `json:"created"`
	Detected    *time.Time     `json:"detected,omitempty"`
	Executed    *time.Time     `json:"executed,omitempty" doc:"When traffic was confirmed on the target."`
	Ended       *time.Time     `json:"ended,omitempty"`
	Machine     float64        `json:"machine_seconds" doc:"From detection to traffic back, without the time people took; -1 when unknown."`
	Plan        RollbackPlan   `json:"plan"`
	Steps       []RollbackStep `json:"steps"`
	Approval    *Approval      `json:"approval,omitempty"`
	Incident    string         `json:"incident"`
	Revision    int64          `json:"revision"`
	Actions     []Action       `json:"actions"`
	Next        []string       `json:"next" doc:"What can be done when it failed."`
}

// RollbackPlan is what a rollback would do.
type RollbackPlan struct {
	App         string           `json:"app"`
	Environment string           `json:"environment"`
	From        Deployment       `json:"from"`
	To          *Deployment      `json:"to,omitempty" doc:"The last known good deployment; absent when there is none."`
	Why         string           `json:"why" doc:"Why this target."`
	Candidates  []TargetAnalysis `json:"candidates" doc:"Every deployment that was looked at, with the reason."`
	Steps       []string         `json:"steps"`
	Aid         []Evidence       `json:"decision_aid" doc:"Severity, hotfix or rollback, data implications."`
	Hash        string           `json:"hash"`
}

// TargetAnalysis says whether a deployment can be gone back to.
type TargetAnalysis struct {
	Deployment string `json:"deployment"`
	Version    string `json:"version"`
	Eligible   bool   `json:"eligible"`
	Why        string `json:"why"`
}

// RollbackStep is a step of a running rollback.
type RollbackStep struct {
	Name     string     `json:"name"`
	Title    string     `json:"title"`
	Status   string     `json:"status" enum:"pending,running,waiting,passed,failed,skipped"`
	Sentence string     `json:"sentence"`
	Started  *time.Time `json:"started,omitempty"`
	Ended    *time.Time `json:"ended,omitempty"`
}

// Deployment is an immutable build that runs somewhere.
type Deployment struct {
	ID          string     `json:"id"`
	App         string     `json:"app"`
	Version     string     `json:"version"`
	Commit      string     `json:"commit"`
	URL         string     `json:"url"`
	Environment string     `json:"environment" doc:"Where it was last put."`
	Config      int64      `json:"config,omitempty" doc:"Revision of the variables that it was built with, where a platform keeps them."`
	Preview     bool       `json:"preview" doc:"A pull request's deployment; never counted as production."`
	Verdict     string     `json:"verdict" enum:"unknown,good,bad"`
	Why         string     `json:"verdict_reason"`
	Created     time.Time  `json:"created"`
	Promoted    *time.Time `json:"promoted,omitempty"`
	Verified    *time.Time `json:"verified,omitempty"`
}

// Environment is a place where deployments run.
type Environment struct {
	Name       string      `json:"name"`
	Purpose    string      `json:"purpose"`
	Trigger    string      `json:"trigger" doc:"What deploys to it."`
	Checks     []string    `json:"checks"`
	Roles      []string    `json:"roles" doc:"Who may see and act there."`
	URL        string      `json:"url"`
	AutoUndo   bool        `json:"auto_rollback"`
	Deployment *Deployment `json:"deployment,omitempty"`
	Since      *time.Time  `json:"since,omitempty"`
	Release    string      `json:"release" doc:"Release that is there now; empty for none."`
	Share      float64     `json:"share"`
	Sentence   string      `json:"sentence"`
	Requests   uint64      `json:"requests_last_minute"`
	ErrorRate  float64     `json:"error_rate_last_minute" doc:"Fraction; -1 when there were no requests."`
	P95        float64     `json:"p95_ms_last_minute" doc:"-1 when there were no requests."`
}

// Event is one record of the log.
type Event struct {
	Seq         int64           `json:"seq"`
	At          time.Time       `json:"at"`
	Kind        string          `json:"kind"`
	Actor       string          `json:"actor"`
	App         string          `json:"app"`
	Environment string          `json:"environment"`
	Subject     string          `json:"subject"`
	Sentence    string          `json:"sentence"`
	Data        json.RawMessage `json:"data,omitempty"`
	Hash        string          `json:"hash"`
}

// LogReport is the result of a verification of the log.
type LogReport struct {
	OK       bool   `json:"ok"`
	Events   int64  `json:"events"`
	Head     string `json:"head" doc:"Hash of the last event: note it elsewhere to notice a cut or rewritten log."`
	Problem  string `json:"problem"`
	Votes    int    `json:"votes" doc:"Approval signatures checked."`
	BadVotes int    `json:"bad_votes"`
}

// User is a person.
type User struct {
	ID       string     `json:"id"`
	Name     string     `json:"name" doc:"Unique; used to sign in."`
	Title    string     `json:"title" doc:"Name as shown."`
	Roles    []string   `json:"roles"`
	Disabled bool       `json:"disabled"`
	Created  time.Time  `json:"created"`
	LastSeen *time.Time `json:"last_seen,omitempty"`
}

// Token is a credential for a machine.
type Token struct {
	ID       string     `json:"id"`
	Name     string     `json:"name"`
	Owner    string     `json:"owner"`
	Scopes   []string   `json:"scopes" doc:"Permissions, e.g. check:report or release:start@staging."`
	Created  time.Time  `json:"created"`
	Expires  *time.Time `json:"expires,omitempty"`
	Revoked  *time.Time `json:"revoked,omitempty"`
	LastUsed *time.Time `json:"last_used,omitempty"`
	Secret   string     `json:"secret,omitempty" doc:"Shown once, when the token is made."`
}

// Role is a bundle of permissions.
type Role struct {
	Name        string   `json:"name"`
	Title       string   `json:"title"`
	Permissions []string `json:"permissions" doc:"resource:action@environment."`
}

// Status is everything at a glance.
type Status struct {
	App          string        `json:"app"`
	Sentence     string        `json:"sentence"`
	Now          time.Time     `json:"now"`
	Slipway      string        `json:"slipway" doc:"Version of Slipway."`
	Environments []Environment `json:"environments"`
	Releases     []Release     `json:"releases" doc:"Those that are under way."`
	Approvals    []Approval    `json:"approvals" doc:"Those the caller may decide."`
	Incidents    []Incident    `json:"incidents" doc:"Those that are open."`
	Rollbacks    []Rollback    `json:"rollbacks" doc:"Those that are under way."`
	Edges        []EdgeStatus  `json:"edges"`

	Sources []MetricSource `json:"sources" doc:"Where numbers come from beside the edges, as far as one is heard or needed."`
	Target  *Target        `json:"target,omitempty" doc:"What a platform such as Vercel serves; absent behind Slipway's own edge."`
	GitHub  *GitHub        `json:"github,omitempty" doc:"How releases are shown at GitHub; absent where the strategy does not say so."`

	Disk string `json:"disk,omitempty" doc:"Says that the database's disk is full, what the reserve still holds and what to do; absent while there is room."`

	Votes string `json:"votes,omitempty" doc:"Says that votes are refused, because the key that they are signed with can't be opened; absent while they are taken."`

	Published []PublishedFlags `json:"published" doc:"Flags that stand where a platform serves visitors."`
	Synced    []SyncedFlags    `json:"synced" doc:"Flags that were written to the platform's own system of flags."`
}

// Target is what production serves on a platform, by the platform's own word.
type Target struct {
	Kind     string     `json:"kind" enum:"vercel"`
	Project  string     `json:"project"`
	Team     string     `json:"team,omitempty"`
	Way      string     `json:"way" enum:"auto,rolling,proxy" doc:"How a part of the visitors gets a version."`
	Stable   TargetArm  `json:"stable"`
	Canary   *TargetArm `json:"canary,omitempty"`
	Share    float64    `json:"share" doc:"Percent of visitors that the canary has."`
	Pinned   bool       `json:"pinned" doc:"It was rolled back: new builds do not reach production by themselves."`
	Trouble  bool       `json:"trouble" doc:"It does not answer, or somebody else changed what it serves."`
	Sentence string     `json:"sentence"`
	Since    *time.Time `json:"since,omitempty" doc:"Since when there is trouble."`
	Seen     *time.Time `json:"seen,omitempty" doc:"When it last answered."`
	Remedy   string     `json:"remedy,omitempty" doc:"What becomes of that, and what a person can do."`
}

// TargetArm is a deployment that the platform serves.
type TargetArm struct {
	ID      string `json:"id" doc:"The platform's own."`
	Version string `json:"version,omitempty" doc:"Absent where Slipway has no record of it."`
}

// EdgeStatus is what is known of an edge.
type EdgeStatus struct {
	Name       string    `json:"name"`
	Generation uint64    `json:"generation" doc:"Routing table that it applied."`
	Wanted     uint64    `json:"wanted" doc:"Routing table that it should have."`
	Seen       time.Time `json:"seen"`
	Sentence   string    `json:"sentence"`
}
