package provider

import (
	"context"
	"net/http"
	"time"
)

// The reasons of a platform's faults that the engine acts upon.
const (
	// UnderWay says that it was asked for, and that the platform is still at it.
	UnderWay = "under_way"
	// Elsewhere says that somebody changed production by the platform's own means, and that nothing was done. Trying
	// again changes nothing: a person decides.
	Elsewhere = "changed_elsewhere"
)

// State is how far a platform is with a build.
type State string

// The states. Ready says that the build answers at its own address, and nothing of
// who else is served by it.
const (
	Building State = "building"
	Ready    State = "ready"
	Failed   State = "failed" // also canceled, blocked and deleted: it will never answer
)

// Build is a deployment as the platform keeps it.
type Build struct {
	External string // the platform's id
	URL      string // scheme and host of its own address
	Commit   string
	Branch   string
	Version  string // of meta, or the commit's first seven digits, or the id
	By       string // who made it, by the platform's word
	State    State
	Why      string // of Failed, or what Building waits for
	Preview  bool   // made for a branch or a pull request; never production's
	Gone     bool   // it was deleted; its State is Failed
	Config   string // the revision of the variables that it was made with, where it was noted
	Created  time.Time
}

// Ref names a build by one of its names.
type Ref struct {
	External string
	URL      string
	Commit   string
}

// Order asks for a build of a commit.
type Order struct {
	Commit     string
	Branch     string
	Version    string
	Release    string // kept in the build's meta, by which it is found again
	Production bool   // built with production's variables, served to nobody until it is routed to
	From       string // External of a build to make again with today's variables; Commit is empty then
	Config     string // the revision of today's variables, kept in the build's meta
}

// Serving is what production serves, by the platform's own word.
type Serving struct {
	Stable string    // External
	Canary string    // External; empty when there is none
	Share  float64   // percent of visitors that the canary has
	Pinned bool      // it was rolled back: new builds do not reach production by themselves
	Paused bool      // a gate of the platform's own holds the canary
	Busy   bool      // a change is being carried out
	Gone   string    // External of the one of both that was deleted; empty while they are there
	At     time.Time // of the last change, where that is known
}

// Variable is an environment variable as the platform keeps it.
type Variable struct {
	ID      string
	Key     string
	Value   string
	Told    bool     // Value is what it has
	Kind    string   // plain, encrypted, sensitive or system
	Targets []string // production, preview, development
	Custom  []string // ids of environments of the team's own
	Branch  string   // it holds for this branch only
	Comment string
	By      string // who changed it last, where that is known
	Updated time.Time
	Shared  bool // the team's, linked to the project: it is not the project's to change
}

// Variables are those of an application on a platform.
type Variables struct {
	List   []Variable
	Unread string // why those that the team shares are not among them; empty: they are
}

// Configured is a platform that keeps an application's environment variables. What is built later has them; what was
// built before keeps those of its time.
type Configured interface {
	// Variables returns all of them; with their values, where the platform tells them, when told is set.
	Variables(ctx context.Context, told bool) (Variables, error)
	// Custom returns the ids of the environments of the team's own, by their names.
	Custom(ctx context.Context) (map[string]string, error)
	// AddVariables creates variables, over those of the same name and target. Faults name those that were not taken.
	AddVariables(ctx context.Context, list ...Variable) error
	// ChangeVariable gives the variable with the id a value and a kind, or, where it has no key, other targets only.
	ChangeVariable(ctx context.Context, v Variable) error
	// DropVariable deletes the variable with the id; one that is gone is no fault.
	DropVariable(ctx context.Context, id string) error
}

// Platform is a target that builds and keeps deployments itself, and that other
// people can change by its own means.
type Platform interface {
	Provider
	// Find returns the newest build that ref names. Faults: NotFound.
	Find(ctx context.Context, ref Ref) (Build, error)
	// Create has a build made, unless the one it would make is there: the platform
	// knows no keys, so it looks first. Faults: Invalid, Forbidden, Unavailable.
	Create(ctx context.Context, o Order) (Build, error)
	// Serving says what production serves now.
	Serving(ctx context.Context) (Serving, error)
	// Access returns the headers that a request to a build's address needs, such as
	// the one that opens a protected deployment; none for other addresses.
	Access(ctx context.Context, address string) http.Header
}
