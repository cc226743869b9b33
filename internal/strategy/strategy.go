// Package strategy reads slipway.yaml, the file in the application's repository
// that says how its releases reach people.
//
// A strategy is data: environments with their own rules, stages with gates, a
// checklist, guards, smoke suites, the way back, roles, a calendar. Every key has a
// default, so a file may be three lines long; Explain prints the whole with the
// origin of every value. Reading is strict: an unknown key, a key twice, a wrong
// type and every mistake of meaning are reported, all of them at once, with line,
// column, a caret and a remedy (Problems).
//
// What the file says is handed out in the words of other rooms: a release.Plan, the
// checklist's items, roles with their grants, probe suites, a calendar. Nothing
// here acts, and a Strategy does not change.
package strategy

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/approval"
	"github.com/slipwayhq/slipway/internal/calendar"
	"github.com/slipwayhq/slipway/internal/checklist"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/guard"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/strategy/document"
)

// Strategy is a file that was read and found right.
type Strategy struct {
	App    string // name of the application
	Stable string // address of the version that runs in production now; empty on Vercel, which says so itself
	Listen string // address on which the edge takes visitors; empty on Vercel
	Sticky Sticky // what a visitor is recognized by

	file     file
	tree     *document.Node
	name     string
	calendar calendar.Calendar
	hash     string
	plan     release.Plan
	items    []checklist.Item
	roles    []access.Role
}

// Problem is one thing that is wrong with a strategy file.
type Problem = document.Problem

// Problems is everything that is wrong with a strategy file. It is an error, and
// the fault strategy_invalid.
type Problems = document.Problems

// Sticky is what a visitor is recognized by: the user's id where the application
// gives one, or a cookie that the edge sets.
type Sticky struct {
	Cookie     string
	UserHeader string
	UserCookie string
}

// Approvals says what an approval is worth.
type Approvals struct {
	Expires      time.Duration
	AuthorCounts bool // whether the yes of a release's author counts
}

// Policy is an environment's way back.
type Policy struct {
	Auto    bool            // without asking
	Approve []approval.Rule // whom to ask; empty when Auto
	Expires time.Duration   // of the request
	Suite   string          // smoke suite that verifies it
	Watch   time.Duration   // error rate after it
	Rules   guard.Rules     // by which it is watched
	Tries   int
	Retry   time.Duration
}

// Webhook is an address that is told of events.
type Webhook struct {
	URL    string
	Secret string   // where the key of the signature is found, as env:NAME; empty: unsigned
	Events []string // kinds, with * for the rest of a kind; empty: all
}

// Load reads the strategy file at path.
func Load(path string) (*Strategy, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fault.Wrap(err, fault.NotFound, "strategy_missing",
			`There is no strategy file at %s that can be read. "slipway init" writes one.`, path)
	}
	defer func() { _ = f.Close() }() // it was only read
	src, err := io.ReadAll(io.LimitReader(f, document.MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read strategy %s: %w", path, err)
	}
	return Parse(filepath.Base(path), src)
}

// Parse reads a strategy. name is what the file is called in messages. The error
// is a *Problems with everything that is wrong.
func Parse(name string, src []byte) (*Strategy, error) {
	user, p := document.Read(name, src)
	p.Reason = "strategy_invalid"
	if user == nil {
		return nil, p
	}
	s := &Strategy{name: name, tree: effective(user)}
	d := &document.Decoder{Problems: p}
	d.Decode(s.tree, &s.file)
	s.check(d)
	if len(p.List) > 0 {
		p.Sort()
		return nil, p
	}
	s.finish()
	return s, nil
}

// finish works out what is asked for often.
func (s *Strategy) finish() {
	sum := sha256.Sum256([]byte(document.Write(s.tree, "")))
	s.hash = hex.EncodeToString(sum[:])
	s.items, s.plan = s.makeItems(), s.makePlan()
	s.roles = s.makeRoles()
	s.App = s.file.App
	own := s.file.Target.SelfHost
	if own == nil {
		return
	}
	s.Stable, s.Listen = string(own.Stable), own.Listen
	s.Sticky = Sticky(own.Sticky)
}

// Hash names what the strategy says: comments, order of spelling and spacing do not
// change it, defaults do.
func (s *Strategy) Hash() string { return s.hash }

// Calendar returns when production may change.
func (s *Strategy) Calendar() calendar.Calendar { return s.calendar }

// Approvals returns what approvals are worth.
func (s *Strategy) Approvals() Approvals {
	return Approvals{Expires: time.Duration(s.file.Approvals.Expires), AuthorCounts: s.file.Approvals.AuthorCounts}
}

// Notify returns who is told of events.
func (s *Strategy) Notify() []Webhook {
	out := make([]Webhook, 0, len(s.file.Notify.Webhooks))
	for _, w := range s.file.Notify.Webhooks {
		out = append(out, Webhook{URL: string(w.URL), Secret: w.Secret, Events: w.Events})
	}
	return out
}

// RollbackPolicy returns an environment's way back. An environment that the
// strategy does not name is treated like production: people are asked.
func (s *Strategy) RollbackPolicy(env string) Policy {
	r := s.file.Rollback
	p := Policy{
		Auto: r.Environments[env] == auto, Expires: time.Duration(s.file.Approvals.Expires), Suite: r.Verify,
		Watch: time.Duration(r.Watch), Rules: s.rules(r.Guard), Tries: s.file.Timing.Tries,
		Retry: time.Duration(s.file.Timing.Retry),
	}
	if !p.Auto {
		p.Approve = append([]approval.Rule{}, r.Approvers...)
	}
	return p
}

// rules returns the guard called name.
func (s *Strategy) rules(name string) guard.Rules {
	g := s.file.Guards[name]
	r := guard.DefaultRules() // what this version of the file cannot say keeps its default
	r.Name = name
	r.ErrorRate = guard.Limits{
		Warn: float64(g.ErrorRate.Warn), Critical: float64(g.ErrorRate.Critical), For: time.Duration(g.ErrorRate.For),
		Spike: float64(g.ErrorRate.Spike), WorseBy: float64(g.ErrorRate.Compare.WorseBy),
	}
	r.LatencyP95 = guard.Limits{
		Warn: milliseconds(g.LatencyP95.Warn), Critical: milliseconds(g.LatencyP95.Critical),
		For: time.Duration(g.LatencyP95.For), WorseBy: float64(g.LatencyP95.Compare.WorseBy),
		AtLeast: milliseconds(g.LatencyP95.Compare.AtLeast),
	}
	r.Health = guard.HealthRule{
		Path: g.Health.Path, Every: time.Duration(g.Health.Every), Timeout: time.Duration(g.Health.Timeout),
		Warn: int(g.Health.Warn), Critical: int(g.Health.Critical),
	}
	r.MinRequests = uint64(max(0, g.MinRequests))
	r.Window, r.Blind, r.ColdStart = time.Duration(g.Window), time.Duration(g.Blind), time.Duration(g.ColdStart)
	r.Alpha, r.ShareSlack = float64(g.Alpha), float64(g.ShareSlack)
	r.Exposure = uint64(g.Exposure)
	g.measure(&r, s.file.Sources)
	r.Weights = g.divided()
	return r
}

func milliseconds(d document.Duration) float64 { return float64(d) / float64(time.Millisecond) }
