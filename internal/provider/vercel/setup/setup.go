// Package setup says what an account on Vercel has and lacks for Slipway, and makes there what Slipway needs.
//
// [Look] only reads: it never changes anything, so that it can be run at any time by anybody who has the token. What a
// token may change is what Vercel says of it in the project's permissions; where it does not say, nothing is claimed.
// [Plan] compares what there is with what is needed, by the addresses and names of Slipway's own, and [Plan.Make]
// carries out what is missing; made twice, the second time does nothing. [Live] looks at a real account for what was
// only ever verified against a fake.
package setup

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
	api "github.com/slipwayhq/slipway/internal/vercel"
)

// State is what a finding comes to.
type State string

// The states.
const (
	OK        State = "ok"
	Missing   State = "missing"
	NotNeeded State = "not_needed"
	Unseen    State = "unseen" // nobody can tell without changing something
)

// Finding is one thing that Slipway needs on Vercel, or would.
type Finding struct {
	ID     string `json:"id"`
	State  State  `json:"state"`
	What   string `json:"what"`
	For    string `json:"for"`
	Found  string `json:"found,omitempty"`
	Remedy string `json:"remedy,omitempty"`

	kind fault.Kind
}

// Report is all that was found.
type Report struct {
	Project  string    `json:"project"`
	Team     string    `json:"team,omitempty"`
	Plan     string    `json:"plan,omitempty"`
	Way      string    `json:"way,omitempty"` // to a canary: rolling or proxy
	Missing  int       `json:"missing"`
	Findings []Finding `json:"findings"`
}

// Err is nil where nothing is missing, and Vercel answered whatever it was asked. Its kind is that of what stands in
// the way first.
func (r Report) Err() error {
	for _, f := range r.Findings {
		if f.State == Missing {
			kind := f.kind
			if kind == "" {
				kind = fault.Refused
			}
			return fault.New(kind, "target_incomplete", "%d of %d things are missing on Vercel. First: %s. %s", r.Missing,
				len(r.Findings), f.What, f.Remedy)
		}
	}
	for _, f := range r.Findings {
		if f.State == Unseen && f.kind != "" {
			return fault.New(f.kind, "target_unseen",
				"Nothing is known to be missing, but not all could be seen. First: %s. %s", f.What, f.Found)
		}
	}
	return nil
}

// Names are the environment variables that hold secrets, as the strategy names them.
type Names struct{ Token, Read, Bypass, Drain, Webhook string }

// Options are what is looked at.
type Options struct {
	Client  *api.Client
	API     string // its address, for people
	Project string // name or id
	Team    string
	Mode    string // the strategy's way to a canary
	Config  string // id of the Global Config; empty: none
	Domain  string // at which visitors come in; empty: the project's first
	Slipway string // address of Slipway as Vercel reaches it; empty: not known
	Names   Names
	// Secret returns the value of an environment variable, empty where it is not set.
	Secret func(name string) string
	// Keep has the running Slipway keep what deliveries are signed with, which it then takes at once, beside the one
	// before; nil: secrets are handed over to who connects. Kept says whether it keeps one. Which is drain or webhook.
	Keep func(ctx context.Context, which, secret string) error
	Kept func(which string) bool
	// Drains says that guards go by Vercel's drains, Traces that durations do, Vitals that web vitals do.
	Drains, Traces, Vitals bool
	Flags                  bool // flags follow to Vercel Flags
	// Sampling is what a drain of logs leaves out, as the strategy says.
	Sampling []api.Sampling
	HTTP     *http.Client // asks deployments, not the API
	Now      func() time.Time
}

// The paths at which Slipway takes what Vercel delivers.
const (
	drainPath = "/hooks/vercel/drains"
	hookPath  = "/hooks/vercel/webhooks"
)

// Names of what is Slipway's on Vercel.
const (
	logDrain    = "slipway"
	traceDrain  = "slipway-traces"
	vitalsDrain = "slipway-speed-insights"
)

// wanted are the events that Slipway does something at; of flags only where they follow to Vercel.
func (o Options) wanted() []string {
	list := []string{
		"deployment.created", "deployment.ready", "deployment.error", "deployment.canceled", "deployment.blocked",
		"deployment.promoted", "deployment.rollback", "deployment.cleanup", "deployment.checks.failed",
		"deployment.checks.succeeded", "deployment.checkrun.start", "deployment.checkrun.cancel",
		"project.rolling-release.started", "project.rolling-release.approved", "project.rolling-release.completed",
		"project.rolling-release.aborted", "project.env-variable.created", "project.env-variable.updated",
		"project.env-variable.deleted", "edge-config.items.updated",
	}
	if o.Flags {
		list = append(list, "flag.created", "flag.updated", "flag.deleted", "flag.segment.created", "flag.segment.updated",
			"flag.segment.deleted")
	}
	return list
}

// secrets are those of an environment variable: several, parted by commas, while one is being changed.
func (o Options) secrets(name string) []string {
	var out []string
	if o.Secret == nil {
		return nil
	}
	for s := range strings.SplitSeq(o.Secret(name), ",") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// What deliveries are signed with, as Slipway calls it.
const (
	ofDrains = "drain"
	ofHooks  = "webhook"
)

// signed reports whether somebody has what deliveries are signed with: Slipway, or this environment.
func (o Options) signed(which string) bool {
	name := o.Names.Drain
	if which == ofHooks {
		name = o.Names.Webhook
	}
	return len(o.secrets(name)) > 0 || o.Kept != nil && o.Kept(which)
}

// ours reports whether an address is one at which Slipway takes deliveries: this Slipway's where its address is known.
func (o Options) ours(address, path string) bool {
	if o.Slipway != "" {
		return address == strings.TrimRight(o.Slipway, "/")+path
	}
	return strings.HasSuffix(address, path)
}

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}
