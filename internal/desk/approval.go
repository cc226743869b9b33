package desk

import (
	"context"
	"slices"
	"strings"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/approval"
	"github.com/slipwayhq/slipway/internal/checklist"
	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/release"
)

// Approvals lists the open requests that the caller may see.
func (d *Desk) Approvals(ctx context.Context, who access.Actor, state string) ([]api.Approval, error) {
	if err := d.seeAny(ctx, who); err != nil {
		return nil, err
	}
	if state != "" && state != string(approval.Open) {
		return nil, fault.New(fault.Invalid, "state_unknown",
			"Only open requests can be listed; read others by their id or in the log.")
	}
	open, err := d.DB.ApprovalsOpen(ctx, d.Strategy.App)
	if err != nil {
		return nil, err
	}
	out := []api.Approval{}
	for _, q := range open {
		if who.May(access.ViewEnvironment, q.Subject.Environment) {
			a, err := d.approval(ctx, who, q)
			if err != nil {
				return nil, err
			}
			out = append(out, a)
		}
	}
	return out, nil
}

// Approval returns a request.
func (d *Desk) Approval(ctx context.Context, who access.Actor, id string) (api.Approval, error) {
	q, err := d.DB.Approval(ctx, id)
	if err != nil {
		return api.Approval{}, err
	}
	if err := d.see(ctx, who, q.Subject.Environment); err != nil {
		return api.Approval{}, err
	}
	return d.approval(ctx, who, q)
}

func (d *Desk) approval(ctx context.Context, who access.Actor, q approval.Request) (api.Approval, error) {
	out := api.Approval{
		ID: q.ID, Kind: q.Subject.Kind, Subject: q.Subject.ID, Action: q.Subject.Action, App: q.Subject.App,
		Environment: q.Subject.Environment,
		Version:     q.Subject.Version, Commit: q.Subject.Commit, Deployment: q.Subject.Deployment, Plan: q.Subject.Plan,
		Evidence: evidence(q.Subject),
		Hash:     q.Hash, State: string(q.State), Why: q.Why, Author: d.nameOf(ctx, q.Author), Rules: rules(q.Rules),
		Missing: rules(q.Missing()),
		Votes:   []api.Vote{}, Opened: q.Opened.UTC(), Expires: q.Subject.Expires.UTC(), Closed: instant(q.Closed),
		Changed: map[string]string{},
	}
	for _, v := range q.Votes {
		out.Votes = append(out.Votes, api.Vote{Name: v.Name, Role: v.Role, Approve: v.Approve, Reason: v.Reason,
			At: v.At.UTC(), Signature: v.Signature})
	}
	out.WhyNot = whyNot(who, q)
	out.MayDecide = out.WhyNot == ""
	if q.Subject.Kind == "release" && q.State == approval.Open {
		r, err := d.DB.Release(ctx, q.Subject.ID)
		if err == nil {
			out.Outlook, err = d.outlook(ctx, r)
		}
		if _, err = ifFound(err); err != nil {
			return out, err
		}
	}
	before, err := d.before(ctx, q)
	if err != nil || before == nil {
		return out, err
	}
	for name, says := range q.Subject.Evidence {
		if old, ok := before.Subject.Evidence[name]; !ok {
			out.Changed[name] = "new: " + named(says)
		} else if old != says {
			out.Changed[name] = "was: " + named(old)
		}
	}
	for name := range before.Subject.Evidence {
		if _, ok := q.Subject.Evidence[name]; !ok {
			out.Changed[name] = "no longer there"
		}
	}
	return out, nil
}

// before returns the request about the same thing that came before q.
func (d *Desk) before(ctx context.Context, q approval.Request) (*approval.Request, error) {
	all, err := d.DB.ApprovalsOf(ctx, q.Subject.ID)
	if err != nil {
		return nil, err
	}
	var found *approval.Request
	for _, o := range all {
		if o.ID != q.ID && o.Opened.Before(q.Opened) && (found == nil || o.Opened.After(found.Opened)) {
			found = &o
		}
	}
	return found, nil
}

func evidence(s approval.Subject) []api.Evidence {
	out := []api.Evidence{}
	for name, says := range s.Evidence {
		out = append(out, api.Evidence{Name: name, Says: named(says)})
	}
	slices.SortFunc(out, func(a, b api.Evidence) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// named writes the actor at the beginning of evidence, "passed token:ada/ci: …" or "passed by …", as people read it.
func named(says string) string {
	parts := strings.SplitN(says, " ", 4)
	for i, part := range parts[:min(3, len(parts))] {
		raw := strings.TrimSuffix(part, ":")
		parts[i] = event.Who(raw) + part[len(raw):]
	}
	return strings.Join(parts, " ")
}

func rules(list []approval.Rule) []api.ApprovalRule {
	out := []api.ApprovalRule{}
	for _, r := range list {
		out = append(out, api.ApprovalRule{Role: r.Role, Count: r.Count})
	}
	return out
}

// whyNot says why the actor's approval would not count; empty when it would.
func whyNot(who access.Actor, q approval.Request) string {
	if err := who.Check(permission(q), q.Subject.Environment); err != nil {
		return fault.MessageOf(err)
	}
	if who.User == "" {
		return "Only a person can approve."
	}
	if _, _, err := q.Decide(approval.Vote{User: who.User, Approve: true, Hash: q.Hash}, who.Roles, q.Opened); err != nil {
		return fault.MessageOf(err)
	}
	return ""
}

func permission(q approval.Request) access.Permission {
	switch q.Subject.Kind {
	case "rollback":
		return access.ApproveRollback
	case "flag":
		return access.ApproveFlag
	}
	return access.ApproveRelease
}

// Decide records the caller's decision on a request.
func (d *Desk) Decide(ctx context.Context, who access.Actor, id string, approve bool, in api.Decision) (api.Approval,
	error) {
	q, err := d.DB.Approval(ctx, id)
	if err != nil {
		return api.Approval{}, err
	}
	if err := d.check(ctx, who, permission(q), q.Subject.Environment); err != nil {
		return api.Approval{}, err
	}
	if err := wellFormed(in); err != nil {
		return api.Approval{}, err
	}
	if who.User == "" {
		return api.Approval{}, d.deny(ctx, who, permission(q), q.Subject.Environment, "Only a person can approve.")
	}
	q, err = d.Engine.Vote(ctx, who, id, approve, in.Hash, event.Line(strings.TrimSpace(in.Reason)))
	if err != nil {
		return api.Approval{}, err
	}
	return d.approval(ctx, who, q)
}

// Checks returns the whole checklist of a version, with what was reported.
func (d *Desk) Checks(ctx context.Context, who access.Actor, version string) ([]api.Check, error) {
	if err := d.seeAny(ctx, who); err != nil {
		return nil, err
	}
	results, err := d.DB.Checks(ctx, d.Strategy.App, version)
	if err != nil {
		return nil, err
	}
	byName := map[string]checklist.Result{}
	for _, r := range results {
		byName[r.Name] = r
	}
	out := []api.Check{}
	for _, i := range d.Strategy.Checklist() {
		c := api.Check{
			Name: i.Name, Title: i.Title, Group: i.Group, Version: version, Status: string(checklist.Missing),
			Required: append([]string{}, i.Stages...), Role: i.Role,
		}
		if r, ok := byName[i.Name]; ok {
			c = filled(c, r)
			delete(byName, i.Name)
		}
		out = append(out, c)
	}
	for _, r := range results {
		if _, extra := byName[r.Name]; extra {
			out = append(out, filled(api.Check{Name: r.Name, Title: r.Name, Group: "other", Version: version,
				Required: []string{}}, r))
		}
	}
	return out, nil
}

func filled(c api.Check, r checklist.Result) api.Check {
	c.Commit, c.Status, c.Summary, c.URL = r.Commit, string(r.Status), r.Summary, r.URL
	c.Coverage, c.Actor, c.At = r.Coverage, r.Actor, instant(r.At)
	return c
}

// ReportCheck records an item of a version's checklist. Items that people sign ask
// for the item's role; others for the permission to report.
func (d *Desk) ReportCheck(ctx context.Context, who access.Actor, in api.ReportCheck) (api.Check, error) {
	var item checklist.Item
	for _, i := range d.Strategy.Checklist() {
		if i.Name == in.Name {
			item = i
		}
	}
	p := access.ReportCheck
	if item.Role != "" {
		p = access.SignCheck
	}
	env := d.environmentOf(in.Name)
	if err := d.check(ctx, who, p, env); err != nil {
		return api.Check{}, err
	}
	if !maySign(who, item.Role) {
		return api.Check{}, d.deny(ctx, who, p, env, "%q is signed by the role %s.", item.Title, item.Role)
	}
	if in.Status == string(checklist.NotApplicable) && strings.TrimSpace(in.Summary) == "" {
		return api.Check{}, fault.New(fault.Invalid, "reason_required",
			"Say why %s is not applicable: the summary goes into the log.", in.Name)
	}
	if in.URL != "" && !strings.HasPrefix(in.URL, "https://") && !strings.HasPrefix(in.URL, "http://") {
		return api.Check{}, fault.New(fault.Invalid, "url_invalid",
			"url is a link to the evidence: it begins with https:// or http://.")
	}
	if err := wellFormed(in); err != nil {
		return api.Check{}, err
	}
	r := checklist.Result{
		Version: in.Version, Commit: in.Commit, Name: in.Name, Status: checklist.Status(in.Status), Summary: in.Summary,
		URL: in.URL, Coverage: in.Coverage,
	}
	if err := d.Engine.Report(ctx, who, r); err != nil {
		return api.Check{}, err
	}
	all, err := d.Checks(ctx, access.System("desk"), in.Version)
	if err != nil {
		return api.Check{}, err
	}
	for _, c := range all {
		if c.Name == in.Name {
			return c, nil
		}
	}
	return api.Check{}, fault.New(fault.Internal, "internal", "The report of %s is not there.", in.Name)
}

// maySign reports whether somebody holds the role that signs an item; items that
// nobody signs have none.
func maySign(who access.Actor, role string) bool {
	return role == "" || who.User != "" && slices.Contains(who.Roles, role) || slices.Contains(who.Roles, access.Admin)
}

// environmentOf returns the environment of the first gate that needs the item.
func (d *Desk) environmentOf(name string) string {
	for _, s := range d.Strategy.ReleasePlan().Steps {
		if (s.Kind == release.KindChecks || s.Kind == release.KindSignOff) && slices.Contains(s.Checks, name) {
			return s.Environment
		}
	}
	return "development"
}

// deny records a denial that no permission expresses.
func (d *Desk) deny(ctx context.Context, who access.Actor, p access.Permission, environment, format string,
	args ...any) error {
	if err := d.Engine.Denied(ctx, who, p, environment); err != nil {
		return err
	}
	return fault.New(fault.Denied, "role_missing", format, args...)
}
