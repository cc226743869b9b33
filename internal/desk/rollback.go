package desk

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/configuration"
	"github.com/slipwayhq/slipway/internal/deployment"
	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/incident"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/rollback"
	"github.com/slipwayhq/slipway/internal/store"
)

// Rollbacks returns a page of rollbacks, newest first.
func (d *Desk) Rollbacks(ctx context.Context, who access.Actor, cursor string, limit int) (api.RollbackPage, error) {
	page := api.RollbackPage{Items: []api.Rollback{}}
	if err := d.seeAny(ctx, who); err != nil {
		return page, err
	}
	list, next, err := d.DB.Rollbacks(ctx, store.RollbackFilter{App: d.Strategy.App, Before: cursor,
		Limit: limited(limit)})
	if err != nil {
		return page, err
	}
	for _, b := range list {
		if !who.May(access.ViewEnvironment, b.Environment) {
			continue
		}
		r, err := d.rollback(ctx, who, b)
		if err != nil {
			return page, err
		}
		page.Items = append(page.Items, r)
	}
	page.Next = next
	return page, nil
}

// Rollback returns a rollback.
func (d *Desk) Rollback(ctx context.Context, who access.Actor, id string) (api.Rollback, error) {
	b, err := d.DB.Rollback(ctx, id)
	if err != nil {
		return api.Rollback{}, err
	}
	if err := d.see(ctx, who, b.Environment); err != nil {
		return api.Rollback{}, err
	}
	return d.rollback(ctx, who, b)
}

// PlanRollback returns what a rollback would do now.
func (d *Desk) PlanRollback(ctx context.Context, who access.Actor, environment string) (api.RollbackPlan, error) {
	if environment == "" {
		environment = "production"
	}
	if err := d.see(ctx, who, environment); err != nil {
		return api.RollbackPlan{}, err
	}
	p, err := d.Engine.PlanRollback(ctx, environment)
	if err != nil {
		return api.RollbackPlan{}, err
	}
	return d.plan(p), nil
}

// RequestRollback asks for a rollback.
func (d *Desk) RequestRollback(ctx context.Context, who access.Actor, in api.RequestRollback) (api.Rollback, error) {
	if in.Environment == "" {
		in.Environment = "production"
	}
	if err := d.check(ctx, who, access.RequestRollback, in.Environment); err != nil {
		return api.Rollback{}, err
	}
	if strings.TrimSpace(in.Reason) == "" {
		return api.Rollback{}, fault.New(fault.Invalid, "reason_required",
			"Say why: the reason is what approvers decide upon.")
	}
	if err := wellFormed(in); err != nil {
		return api.Rollback{}, err
	}
	b, err := d.Engine.RequestRollback(ctx, who, in.Environment, event.Line(strings.TrimSpace(in.Reason)), in.To)
	if err != nil {
		return api.Rollback{}, err
	}
	return d.rollback(ctx, who, b)
}

// ActRollback does what somebody asks of a rollback: run, cancel, retry or retarget.
func (d *Desk) ActRollback(ctx context.Context, who access.Actor, id, action string,
	in api.RollbackAction) (api.Rollback, error) {
	b, err := d.DB.Rollback(ctx, id)
	if err != nil {
		return api.Rollback{}, err
	}
	p := access.RunRollback
	if action == "cancel" || action == "retarget" {
		p = access.RequestRollback
	}
	if err := d.check(ctx, who, p, b.Environment); err != nil {
		return api.Rollback{}, err
	}
	if action == "retarget" && in.To == "" {
		return api.Rollback{}, fault.New(fault.Invalid, "target_required",
			"Say which deployment to go to: see the candidates of the plan.")
	}
	if err := wellFormed(in); err != nil {
		return api.Rollback{}, err
	}
	c := rollback.Command{Kind: rollback.CommandKind(action), Actor: who.ID, Name: who.Name,
		Reason: event.Line(strings.TrimSpace(in.Reason))}
	if err := d.Engine.CommandRollback(ctx, id, c, in.To, in.Revision); err != nil {
		return api.Rollback{}, err
	}
	return d.Rollback(ctx, who, id)
}

func (d *Desk) rollback(ctx context.Context, who access.Actor, b rollback.Rollback) (api.Rollback, error) {
	out := api.Rollback{
		ID: b.ID, App: b.App, Environment: b.Environment, Release: b.Release, From: b.Plan.From.Version,
		Phase:    string(b.Phase),
		Sentence: b.Sentence, Trigger: b.Trigger, Requested: d.nameOf(ctx, b.Author), Created: b.Created.UTC(),
		Detected: instant(b.Detected),
		Executed: instant(b.Executed), Ended: instant(b.Ended), Plan: d.plan(b.Plan), Steps: rollbackSteps(b),
		Incident: b.Incident, Revision: b.Row,
		Actions: []api.Action{}, Next: b.Next(),
	}
	if b.Plan.To != nil {
		out.To = b.Plan.To.Version
	}
	if b.Incident != "" {
		i, err := d.DB.Incident(ctx, b.Incident)
		if err != nil {
			return out, err
		}
		out.Plan.Aid[0].Says = fmt.Sprintf("%s: %s", i.Severity, i.Criterion) // as its incident says
	}
	if b.Request != "" {
		q, err := d.DB.Approval(ctx, b.Request)
		if err != nil {
			return out, err
		}
		a, err := d.approval(ctx, who, q)
		if err != nil {
			return out, err
		}
		out.Approval = &a
	}
	out.Machine = -1
	if took, ok := b.Machine(); ok {
		out.Machine = took.Seconds()
	}
	out.Actions = rollbackActions(who, b)
	return out, nil
}

func rollbackActions(who access.Actor, b rollback.Rollback) []api.Action {
	out := []api.Action{}
	add := func(p access.Permission, a api.Action) {
		if err := who.Check(p, b.Environment); err != nil {
			a.Disabled = fault.MessageOf(err)
		}
		out = append(out, a)
	}
	if b.Phase == rollback.Failed && b.Plan.To != nil {
		add(access.RunRollback, api.Action{Name: "retry", Title: "Try again", Effect: "Sends all visitors to " +
			b.Plan.To.Version + " and verifies it.", Undo: "Go to another deployment.", Primary: true, Dangers: true})
	}
	if b.Phase == rollback.Failed && b.Plan.To != nil && b.Executed.IsZero() {
		add(access.RunRollback, api.Action{
			Name: "run", Title: "Move visitors all the same", Reason: true, Dangers: true,
			Effect: "Sends all visitors to " + b.Plan.To.Version + " though it did not answer well.",
			Undo:   "Go to another deployment.",
		})
	}
	if b.Phase == rollback.Requested || b.Phase == rollback.Failed {
		add(access.RequestRollback, api.Action{
			Name: "retarget", Title: "Go to another deployment", Reason: true,
			Effect: "People are asked again, about the deployment that you choose.", Undo: "Choose another one, or cancel.",
		})
	}
	if b.Phase == rollback.Requested || b.Phase == rollback.Approved || b.Phase == rollback.Failed {
		add(access.RequestRollback, api.Action{Name: "cancel", Title: "Cancel",
			Effect: "Nothing is taken back; the incident stays open.", Undo: "Request it again.", Reason: true})
	}
	return out
}

// rollbackSteps shows the state machine as steps.
func rollbackSteps(b rollback.Rollback) []api.RollbackStep {
	order := map[rollback.Phase]int{rollback.Requested: 0, rollback.Approved: 1, rollback.Executing: 2,
		rollback.Verifying: 3, rollback.Done: 4}
	at, known := order[b.Phase]
	if !known { // failed, rejected or canceled: as far as the times say
		switch {
		case b.Phase == rollback.Rejected:
			at = 0
		case !b.Executed.IsZero():
			at = 3
		case b.Effect != "":
			at = 2
		}
	}
	names := []struct{ name, title string }{
		{"request", "Approval"}, {"approve", "Start"}, {"execute", "Move traffic"},
		{"verify", "Verify: smoke, health, error rate"},
	}
	out := []api.RollbackStep{}
	for i, n := range names {
		s := api.RollbackStep{Name: n.name, Title: n.title, Status: "pending"}
		switch {
		case i < at:
			s.Status = "passed"
		case i == at && known:
			s.Status, s.Sentence = "running", b.Sentence
			if i == 0 {
				s.Status = "waiting"
			}
		case i == at:
			s.Status, s.Sentence = "failed", b.Sentence
		}
		out = append(out, s)
	}
	return out
}

func (d *Desk) plan(p rollback.Plan) api.RollbackPlan {
	out := api.RollbackPlan{
		App: p.App, Environment: p.Environment, From: deploy(p.From), Why: p.Why, Candidates: []api.TargetAnalysis{},
		Steps: p.Steps(), Hash: p.Hash(),
	}
	if p.To != nil {
		to := deploy(*p.To)
		out.To = &to
	}
	for _, c := range p.Candidates {
		out.Candidates = append(out.Candidates, api.TargetAnalysis{Deployment: c.Deployment.ID, Version: c.Deployment.Version,
			Eligible: c.Eligible, Why: c.Why})
	}
	out.Aid = d.aid(p)
	return out
}

// aid is what helps to decide between going back and fixing forward.
func (d *Desk) aid(p rollback.Plan) []api.Evidence {
	now := time.Now()
	b := d.measured().Sum(p.From.ID, now.Add(-5*time.Minute).Unix(), now.Unix()+1, metric.Compared()...)
	rate, known := b.ErrorRate()
	severity, criterion := incident.Classify(incident.Signs{Environment: p.Environment, ErrorRate: rate,
		Requests: b.Requests})
	impact := "nothing was measured in the last five minutes"
	if known {
		impact = fmt.Sprintf("%d of %d requests failed in the last five minutes", b.Errors, b.Requests)
	}
	return []api.Evidence{
		{Name: "Severity", Says: fmt.Sprintf("%s: %s", severity, criterion)},
		{Name: "Impact", Says: impact},
		{Name: "Time to roll back", Says: fmt.Sprintf("seconds to move traffic, then %s of verification", p.Watch)},
		{Name: "Hotfix instead",
			Says: "possible as a new release; it takes the stages of the strategy, or is started as urgent, with a reason"},
		{Name: "Data", Says: goesBack(p)},
	}
}

// goesBack says what a rollback takes back beside the code: a build brings the variables that it was built with.
func goesBack(p rollback.Plan) string {
	from, _ := configuration.Named(p.From.Config)
	to := int64(0)
	if p.To != nil {
		to, _ = configuration.Named(p.To.Config)
	}
	switch {
	case to > 0 && from == to:
		return fmt.Sprintf("only code goes back: both run with revision %d of the variables. The database and flags stay as "+
			"they are. Check that the target works with them.", to)
	case to > 0:
		was := "others"
		if from > 0 {
			was = fmt.Sprintf("revision %d", from)
		}
		return fmt.Sprintf("code goes back, and the variables with it: %s runs with revision %d of them, %s with %s. The "+
			"database and flags stay as they are. Check that the target works with them.", p.To.Version, to, p.From.Version, was)
	}
	return "only code goes back: the database, configuration and flags stay as they are. Check that the target works " +
		"with them."
}

func deploy(x deployment.Deployment) api.Deployment {
	config, _ := configuration.Named(x.Config)
	return api.Deployment{
		Config: config,
		ID:     x.ID, App: x.App, Version: x.Version, Commit: x.Commit, URL: x.URL, Environment: x.Environment,
		Preview: x.Preview,
		Verdict: string(x.Verdict), Why: x.Why, Created: x.Created.UTC(), Promoted: instant(x.Promoted),
		Verified: instant(x.Verified),
	}
}

// Deployments lists deployments, newest first, of one environment or of all.
func (d *Desk) Deployments(ctx context.Context, who access.Actor, environment string) ([]api.Deployment, error) {
	if err := d.seeAny(ctx, who); err != nil {
		return nil, err
	}
	list, _, err := d.DB.Deployments(ctx, d.Strategy.App, store.DeploymentFilter{Environment: environment, Limit: 200})
	if err != nil {
		return nil, err
	}
	out := []api.Deployment{}
	for _, x := range list {
		if who.May(access.ViewEnvironment, x.Environment) {
			out = append(out, deploy(x))
		}
	}
	return out, nil
}

// RegisterDeployment records a deployment, as a push to a branch makes one.
func (d *Desk) RegisterDeployment(ctx context.Context, who access.Actor, in api.NewDeployment) (api.Deployment, error) {
	env := in.Environment
	if env == "" {
		env = "development"
		if in.Branch != "" {
			mapped, ok := d.Strategy.EnvironmentOf(in.Branch)
			if !ok && !in.Preview {
				return api.Deployment{}, fault.New(fault.Refused, "branch_unmapped",
					"The strategy maps no environment to the branch %q.", in.Branch)
			}
			if ok {
				env = mapped
			}
		}
	}
	if err := d.check(ctx, who, access.ManageDeployment, env); err != nil {
		return api.Deployment{}, err
	}
	if err := d.known(env); err != nil {
		return api.Deployment{}, err
	}
	if err := wellFormed(in); err != nil {
		return api.Deployment{}, err
	}
	x, err := d.Engine.Register(ctx, who, deployment.Deployment{
		Version: in.Version, Commit: in.Commit, URL: in.URL, Environment: env, BuildIDs: in.BuildIDs, Preview: in.Preview,
	})
	return deploy(x), err
}
