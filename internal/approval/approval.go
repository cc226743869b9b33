// Package approval is what a person's yes is worth.
//
// A Request names exactly what is approved (its Subject); its hash binds version,
// deployment, plan, evidence, environment and expiry. A Vote is a person's decision
// over that hash, signed by Slipway's key when it is recorded. Nothing can be
// approved that was not shown, no vote counts for anything else, and a change of
// any part makes another hash: the old request is void and people are asked again.
package approval

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
)

// Rule asks for Count approvals by people who hold Role.
type Rule struct {
	Role  string `json:"role"`
	Count int    `json:"count"`
}

// Subject is what is approved. Its JSON, with sorted evidence, is what is hashed.
type Subject struct {
	Kind        string            `json:"kind"`   // release or rollback
	ID          string            `json:"id"`     // of the release or rollback
	Action      string            `json:"action"` // e.g. "promote v2 to production"
	App         string            `json:"app"`
	Environment string            `json:"environment"`
	Version     string            `json:"version"`
	Commit      string            `json:"commit"`
	Deployment  string            `json:"deployment"`
	URL         string            `json:"url"`
	Plan        string            `json:"plan"`     // hash of the plan
	Evidence    map[string]string `json:"evidence"` // name → what it says
	Expires     time.Time         `json:"expires"`
}

// Hash returns the hex SHA-256 of the subject's JSON.
func (s Subject) Hash() string {
	s.Expires = s.Expires.UTC().Truncate(time.Microsecond)
	b, err := json.Marshal(s) // map keys are sorted by encoding/json
	if err != nil {
		return "" // a Subject holds nothing that cannot be marshaled
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// State is where a request stands.
type State string

// The states of a request.
const (
	Open     State = "open"
	Approved State = "approved"
	Rejected State = "rejected"
	Voided   State = "voided" // what it was about has changed
	Expired  State = "expired"
)

// Vote is one person's decision.
type Vote struct {
	User      string    `json:"user"`
	Actor     string    `json:"actor"` // as the log names who acted, e.g. user:pia
	Name      string    `json:"name"`
	Role      string    `json:"role"` // the role it counts for
	Approve   bool      `json:"approve"`
	Reason    string    `json:"reason,omitempty"`
	At        time.Time `json:"at"`
	Hash      string    `json:"hash"`      // of the subject
	Signature string    `json:"signature"` // hex Ed25519 of signed()
}

// Request asks people to decide.
type Request struct {
	ID      string    `json:"id"`
	Subject Subject   `json:"subject"`
	Hash    string    `json:"hash"`
	Rules   []Rule    `json:"rules"`
	Author  string    `json:"author"` // never counts
	State   State     `json:"state"`
	Votes   []Vote    `json:"votes"`
	Opened  time.Time `json:"opened"`
	Closed  time.Time `json:"closed,omitzero"`
	Why     string    `json:"why,omitempty"` // why it was voided
	Row     int64     `json:"-"`
}

// New returns an open request about subject.
func New(id string, s Subject, rules []Rule, author string, now time.Time) Request {
	return Request{ID: id, Subject: s, Hash: s.Hash(), Rules: rules, Author: author, State: Open, Votes: []Vote{},
		Opened: now}
}

// signed is what a vote's signature covers.
func (v Vote) signed(request string) []byte {
	return fmt.Appendf(nil, "slipway approval v1\n%s\n%s\n%s\n%q\n%s\n%t\n%d\n%q", request, v.Hash, v.User, v.Actor,
		v.Role, v.Approve,
		v.At.UnixMicro(), v.Reason)
}

// Sign returns v with its signature for the request.
func (v Vote) Sign(request string, key ed25519.PrivateKey) Vote {
	v.Signature = hex.EncodeToString(ed25519.Sign(key, v.signed(request)))
	return v
}

// Genuine reports whether v was signed by key for the request.
func (v Vote) Genuine(request string, key ed25519.PublicKey) bool {
	sig, err := hex.DecodeString(v.Signature)
	return err == nil && ed25519.Verify(key, v.signed(request), sig)
}

// Decide records a vote and returns the request in its new state. It refuses a
// vote on a closed or expired request, over another hash, by the author, by
// somebody who voted before, and for a role the request does not ask for. Roles are
// the voter's; the first that still needs votes is the one it counts for.
func (r Request) Decide(v Vote, roles []string, now time.Time) (Request, Vote, error) {
	switch {
	case r.State != Open:
		return r, v, fault.New(fault.Conflict, "request_closed", "This request is already %s.", r.State)
	case !now.Before(r.Subject.Expires):
		return r, v, fault.New(fault.Conflict, "request_expired", "This request expired at %s; a new one is opened.",
			r.Subject.Expires.UTC().Format(time.RFC3339))
	case v.Hash != r.Hash:
		return r, v, fault.New(fault.Conflict, "content_changed",
			"What you decided about is not what is asked now. Read the request again, then decide.")
	case v.User == r.Author && v.Approve:
		return r, v, fault.New(fault.Denied, "own_release",
			"Who asked for it never counts as its approver. Ask somebody else.")
	case slices.ContainsFunc(r.Votes, func(o Vote) bool { return o.User == v.User }):
		return r, v, fault.New(fault.Conflict, "already_decided", "You have decided on this request already.")
	case !v.Approve && v.Reason == "":
		return r, v, fault.ReasonRequired("Say why you reject it")
	}
	v.Role = r.roleFor(roles)
	if v.Role == "" {
		return r, v, fault.New(fault.Denied, "role_not_asked", "This request asks for %s; your roles do not count here.",
			Describe(r.Rules))
	}
	v.At = now
	r.Votes = append(slices.Clone(r.Votes), v)
	switch {
	case !v.Approve:
		r.State, r.Closed = Rejected, now
	case len(r.Missing()) == 0:
		r.State, r.Closed = Approved, now
	}
	return r, v, nil
}

// roleFor returns the first of the rules' roles that the voter holds, one that
// still needs votes before one that does not.
func (r Request) roleFor(roles []string) string {
	found := ""
	missing := r.Missing()
	for _, rule := range r.Rules {
		if !slices.Contains(roles, rule.Role) {
			continue
		}
		if slices.ContainsFunc(missing, func(m Rule) bool { return m.Role == rule.Role }) {
			return rule.Role
		}
		if found == "" {
			found = rule.Role
		}
	}
	return found
}

// Missing returns what is still needed, by role; empty when all is there.
func (r Request) Missing() []Rule {
	var out []Rule
	for _, rule := range r.Rules {
		n := rule.Count
		for _, v := range r.Votes {
			if v.Approve && v.Role == rule.Role {
				n--
			}
		}
		if n > 0 {
			out = append(out, Rule{Role: rule.Role, Count: n})
		}
	}
	return out
}

// Void closes the request because what it was about has changed.
func (r Request) Void(why string, now time.Time) Request {
	r.State, r.Closed, r.Why = Voided, now, why
	return r
}

// Expire closes the request because its time is over.
func (r Request) Expire(now time.Time) Request {
	r.State, r.Closed, r.Why = Expired, now, "nobody decided in time"
	return r
}

// Describe says in words whose approvals the rules ask for.
func Describe(rules []Rule) string {
	out := ""
	for i, r := range rules {
		if i > 0 {
			out += " and "
		}
		out += fmt.Sprintf("%d × %s", r.Count, r.Role)
	}
	return out
}
