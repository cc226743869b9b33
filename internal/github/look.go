package github

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/slipwayhq/slipway/internal/fault"
)

// Use is what the app is wanted for.
type Use struct {
	Check       bool
	Deployments bool
	Protection  bool
	Hook        string // where deliveries must go; empty: it is not known, and must end in HookPath
	Signed      bool   // what deliveries are signed with is known
	Taken       uint64 // deliveries, lately
	Refused     uint64 // of them, for their signature
}

// HookPath is where deliveries go at Slipway.
const HookPath = "/hooks/github"

// The states of what is needed.
const (
	There   = "ok"
	Missing = "missing"
	Unseen  = "unseen" // GitHub did not say
)

// Finding is one thing that is needed at GitHub.
type Finding struct {
	State  string `json:"state"`
	What   string `json:"what"`
	For    string `json:"for"`
	Found  string `json:"found,omitempty"`
	Remedy string `json:"remedy,omitempty"`
}

// Report is all that was found.
type Report struct {
	App          int64     `json:"app"`
	Repository   string    `json:"repository"`
	Installation int64     `json:"installation,omitempty"`
	Missing      int       `json:"missing"`
	Findings     []Finding `json:"findings"`

	first int        // of those that are not there
	kind  fault.Kind // of what stands in the way there; empty: all is there
}

// Err is nil where nothing is missing and GitHub answered. Its kind is that of what stands in the way first.
func (r Report) Err() error {
	if r.kind == "" {
		return nil
	}
	f := r.Findings[r.first]
	return fault.New(r.kind, "github_incomplete", "%d of %d things are missing at GitHub. First: %s. %s%s", r.Missing,
		len(r.Findings), f.What, f.Found, strings.TrimRight(" "+f.Remedy, " "))
}

// right is a permission of the app.
type right struct {
	name, title, level, use string
}

// held reports whether what is granted is enough.
func (r right) held(granted string) bool { return granted == "write" || granted == r.level }

// rights are those that a use needs.
func (u Use) rights() []right {
	out := []right{{"metadata", "Metadata", "read", "everything"},
		{"contents", "Contents", "read", "releases that name a commit by its short name"}}
	if u.Check {
		out = append(out, right{"checks", "Checks", "write", "the check run of a release"})
	}
	switch {
	case u.Deployments && u.Protection:
		out = append(out, right{"deployments", "Deployments", "write", "deployments, and answers to waiting jobs"})
	case u.Deployments:
		out = append(out, right{"deployments", "Deployments", "write", "deployments"})
	case u.Protection:
		out = append(out, right{"deployments", "Deployments", "write", "answers to waiting jobs"})
	}
	if u.Protection {
		out = append(out, right{"actions", "Actions", "read", "answers to waiting jobs"})
	}
	return out
}

// Look says what is there of what a use needs, and what is not. It changes nothing.
func (c *Client) Look(ctx context.Context, u Use) Report {
	r := Report{App: c.o.App, Repository: c.o.Repository, Findings: []Finding{}}
	id, granted, err := c.Installed(ctx)
	if r.Installation = id; err != nil {
		r.broken("app "+c.o.Repository, "everything", err)
		return r
	}
	r.add(Finding{State: There, What: "app " + c.o.Repository, For: "everything", Found: "It is installed."}, "")
	var asks map[string]string
	for _, n := range u.rights() {
		f := Finding{State: There, What: n.title + ": " + n.level, For: n.use, Found: granted[n.name]}
		if !n.held(f.Found) {
			f.State = Missing
			f.Remedy = "Grant it in the app's settings (Permissions), and accept it where the app is installed."
			if f.Found == "" {
				f.Found = "not granted"
			}
			if asks == nil {
				asks = c.asks(ctx)
			}
			if n.held(asks[n.name]) {
				f.Found += ": the app asks for it"
				f.Remedy = "Accept it where the app is installed: an owner does, in the settings of the account, under GitHub Apps."
			}
		}
		r.add(f, fault.Denied)
	}
	c.lookAtHook(ctx, u, &r)
	return r
}

func (c *Client) lookAtHook(ctx context.Context, u Use, r *Report) {
	if !u.Check && !u.Protection {
		return
	}
	address, events, err := c.Hook(ctx)
	if err != nil {
		r.broken("webhook", "hearing of GitHub", err)
		return
	}
	want := u.Hook
	if want == "" {
		want = "https://SLIPWAY" + HookPath
	}
	hook := Finding{State: There, What: "webhook", For: "hearing of GitHub", Found: address}
	if address != want && (u.Hook != "" || !strings.HasSuffix(address, HookPath)) {
		hook.State, hook.Remedy = Missing, "Set the webhook's address in the app's settings: "+want
		if address == "" {
			hook.Found = "It has no address."
		}
	}
	r.add(hook, fault.Refused)
	for _, e := range []struct {
		wanted           bool
		event, name, use string
	}{
		{u.Protection, "deployment_protection_rule", "Deployment protection rule", "hearing of waiting jobs"},
		{u.Check, "check_run", "Check run", "Re-run of the check run"},
	} {
		if !e.wanted {
			continue
		}
		f := Finding{State: There, What: "event " + e.name, For: e.use, Found: "It is sent."}
		if !slices.Contains(events, e.event) {
			f.State, f.Found = Missing, "It is not sent."
			f.Remedy = "Subscribe to it in the app's settings (Permissions & events)."
		}
		r.add(f, fault.Refused)
	}
	signed := Finding{State: There, What: "secret of the webhook", For: "taking deliveries", Found: "Slipway has one."}
	switch {
	case !u.Signed:
		signed.State, signed.Found = Missing, "Slipway has none, and refuses every delivery."
	case u.Refused > 0 && u.Taken == 0: // strangers can bring that about, too
		signed.State = Unseen
		signed.Found = fmt.Sprintf("Refused for their signature: %d. Taken: none. It may be another at GitHub.", u.Refused)
	}
	if signed.State != There {
		signed.Remedy = "Give Slipway the one of the app's settings: slipway github webhook set"
	}
	r.add(signed, fault.Refused)
}

// add adds what was found, and the kind of what stands in its way if it is not there.
func (r *Report) add(f Finding, kind fault.Kind) {
	if f.State == Missing {
		r.Missing++
	}
	if f.State != There && r.kind == "" {
		r.first, r.kind = len(r.Findings), kind
	}
	r.Findings = append(r.Findings, f)
}

// broken adds an answer that did not come: what is wrong here is missing, what is wrong at GitHub unseen.
func (r *Report) broken(what, use string, err error) {
	f, kind := Finding{State: Missing, What: what, For: use, Found: fault.MessageOf(err)}, fault.KindOf(err)
	if kind == fault.Unavailable || kind == fault.Limited || kind == fault.Internal {
		f.State = Unseen
	}
	if said, ok := RefusalOf(err); ok {
		f.Remedy = said.Remedy
		f.Found = strings.TrimSpace(strings.TrimSuffix(f.Found, f.Remedy))
	}
	r.add(f, kind)
}
