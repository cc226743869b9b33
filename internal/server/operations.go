package server

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/desk"
)

// operations is the table of everything the API can do.
func (s *Server) operations(h huma.API) {
	s.releaseOperations(h)
	s.approvalOperations(h)
	s.rollbackOperations(h)
	s.placeOperations(h)
	s.incidentOperations(h)
	s.logOperations(h)
	s.peopleOperations(h)
	s.edgeOperations(h)
	s.metricOperations(h)
	s.flagOperations(h)
	s.secretOperations(h)
	s.configOperations(h)
}

type none struct{}

// ByID names a thing in the path. It is exported because huma fills nothing else.
type ByID struct {
	ID string `path:"id" maxLength:"128" doc:"Id of the thing, or a release's version: the newest is meant."`
}

// Paged are the parameters of a list that comes in pages.
type Paged struct {
	Cursor string `query:"cursor" maxLength:"256" doc:"next of the page before."`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"How many at most."`
}

// with is an operation's input: a body and nothing else.
type with[T any] struct {
	Body T
}

// withID is a body and the id of the thing it is about.
type withID[T any] struct {
	ByID
	Body T
}

func (s *Server) releaseOperations(h huma.API) {
	type query struct {
		Paged
		Phase   string `query:"phase" maxLength:"64" doc:"Only those in this phase."`
		Version string `query:"version" maxLength:"64" doc:"Only those of this version."`
	}
	register(s, h, endpoint{
		ID: "list-releases", Method: http.MethodGet, Path: "/releases", Tag: "Releases", Summary: "List releases, newest " +
			"first",
		Permission: access.ViewEnvironment,
	}, func(ctx context.Context, who access.Actor, in *query) (api.ReleasePage, error) {
		return s.Desk.Releases(ctx, who, desk.ReleaseQuery{
			Phase: in.Phase, Version: in.Version, Cursor: in.Cursor, Limit: in.Limit,
		})
	})
	register(s, h, endpoint{
		ID: "start-release", Method: http.MethodPost, Path: "/releases", Tag: "Releases", Summary: "Start a release",
		About:      "The version goes through the strategy's stages; the answer says what it waits for.",
		Permission: access.StartRelease, Status: http.StatusCreated,
	}, func(ctx context.Context, who access.Actor, in *with[api.StartRelease]) (api.Release, error) {
		return s.Desk.StartRelease(ctx, who, in.Body)
	})
	register(s, h, endpoint{
		ID: "get-release", Method: http.MethodGet, Path: "/releases/{id}", Tag: "Releases", Summary: "Read a release",
		Permission: access.ViewEnvironment,
	}, func(ctx context.Context, who access.Actor, in *ByID) (api.Release, error) {
		return s.Desk.Release(ctx, who, in.ID)
	})
	register(s, h, endpoint{
		ID: "get-canary", Method: http.MethodGet, Path: "/releases/{id}/canary", Tag: "Releases",
		Summary: "Read the comparison of canary and stable over time",
		About: "Share, errors, latency and health of both versions, the e-value and the ratio of the error rates with its " +
			"limits, and the times that are not held against the canary: both in trouble, the stable version broken, caches " +
			"cold.",
		Permission: access.ViewEnvironment,
	}, func(ctx context.Context, who access.Actor, in *ByID) (api.Canary, error) {
		return s.Desk.Canary(ctx, who, in.ID)
	})
	s.replayOperations(h)
	register(s, h, endpoint{
		ID: "get-traffic", Method: http.MethodGet, Path: "/traffic", Tag: "Metrics",
		Summary:    "Read a model of the stable version's traffic",
		About:      "Rate, errors, response times, the day's swing and bursts of the last two days, for simulations.",
		Permission: access.ViewEnvironment,
	}, func(ctx context.Context, who access.Actor, _ *struct{}) (api.Traffic, error) {
		return s.Desk.Traffic(ctx, who)
	})
	s.releaseActions(h)
}

// releaseActions has an operation for every command to a release: each needs its
// own permission.
func (s *Server) releaseActions(h huma.API) {
	for _, a := range []struct {
		name, summary, about string
		permission           access.Permission
	}{
		{"pause", "Hold a release where it is", "Traffic stays as it is.", access.ControlRelease},
		{"resume", "Let a paused release go on", "", access.ControlRelease},
		{"promote", "Go to the next step without waiting for the bake to end", "Gates and absolute limits still hold.",
			access.ControlRelease},
		{"abort", "Take a release back", "The canary's share goes to 0 at once.", access.ControlRelease},
		{"share", "Set the canary's share by hand", "Body: share.", access.ControlRelease},
		{"retry", "Try a failed step again", "", access.ControlRelease},
		{"skip", "Skip a step", "Body: step and reason. The skip is recorded with the name of who did it.", access.SkipStep},
		{"sign", "Sign a step off", "Body: step, passed and, for a refusal, reason.", access.SignCheck},
	} {
		or := access.Permission("")
		if a.permission == access.ControlRelease {
			or = access.EditFlag // of a ramp
		}
		register(s, h, endpoint{
			ID: a.name + "-release", Method: http.MethodPost, Path: "/releases/{id}/" + a.name, Tag: "Releases",
			Summary: a.summary, About: a.about, Permission: a.permission, Or: or,
		}, func(ctx context.Context, who access.Actor, in *withID[api.ReleaseAction]) (api.Release, error) {
			return s.Desk.Act(ctx, who, in.ID, a.name, in.Body)
		})
	}
}

func (s *Server) approvalOperations(h huma.API) {
	type query struct {
		State string `query:"state" enum:"open" default:"open" doc:"Closed ones are read by their id, or in the log."`
	}
	register(s, h, endpoint{
		ID: "list-approvals", Method: http.MethodGet, Path: "/approvals", Tag: "Approvals", Summary: "List open approval " +
			"requests",
		Permission: access.ViewEnvironment,
	}, func(ctx context.Context, who access.Actor, in *query) ([]api.Approval, error) {
		return s.Desk.Approvals(ctx, who, in.State)
	})
	register(s, h, endpoint{
		ID: "get-approval", Method: http.MethodGet, Path: "/approvals/{id}", Tag: "Approvals", Summary: "Read an approval " +
			"request",
		Permission: access.ViewEnvironment,
	}, func(ctx context.Context, who access.Actor, in *ByID) (api.Approval, error) {
		return s.Desk.Approval(ctx, who, in.ID)
	})
	for _, approve := range []bool{true, false} {
		e := endpoint{
			ID: "approve", Method: http.MethodPost, Path: "/approvals/{id}/approve", Tag: "Approvals",
			Summary: "Approve a request",
			About: "The decision names the hash of what was read: when that has changed since, it is refused. " +
				"Requests of releases need release:approve, those of rollbacks rollback:approve, those of flags flag:approve.",
			Permission: access.ApproveRelease, Or: access.ApproveRollback, OrElse: access.ApproveFlag,
		}
		if !approve {
			e.ID, e.Path, e.Summary = "reject", "/approvals/{id}/reject", "Reject a request"
			e.About = "One rejection ends the request; the reason is asked for. " + e.About
		}
		register(s, h, e, func(ctx context.Context, who access.Actor, in *withID[api.Decision]) (api.Approval, error) {
			return s.Desk.Decide(ctx, who, in.ID, approve, in.Body)
		})
	}
	s.checkOperations(h)
}

func (s *Server) checkOperations(h huma.API) {
	type query struct {
		Version string `query:"version" maxLength:"64" required:"true" doc:"Version whose checklist is read."`
	}
	register(s, h, endpoint{
		ID: "list-checks", Method: http.MethodGet, Path: "/checks", Tag: "Checks", Summary: "Read a version's checklist",
		Permission: access.ViewEnvironment,
	}, func(ctx context.Context, who access.Actor, in *query) ([]api.Check, error) {
		return s.Desk.Checks(ctx, who, in.Version)
	})
	register(s, h, endpoint{
		ID: "report-check", Method: http.MethodPost, Path: "/checks", Tag: "Checks", Summary: "Report a check's result",
		About: "As a CI does after its tests. The newest result counts. Items that people sign need check:sign and " +
			"the item's role.",
		Permission: access.ReportCheck, Or: access.SignCheck,
	}, func(ctx context.Context, who access.Actor, in *with[api.ReportCheck]) (api.Check, error) {
		return s.Desk.ReportCheck(ctx, who, in.Body)
	})
}

func (s *Server) rollbackOperations(h huma.API) {
	register(s, h, endpoint{
		ID: "list-rollbacks", Method: http.MethodGet, Path: "/rollbacks", Tag: "Rollbacks", Summary: "List rollbacks, " +
			"newest first",
		Permission: access.ViewEnvironment,
	}, func(ctx context.Context, who access.Actor, in *Paged) (api.RollbackPage, error) {
		return s.Desk.Rollbacks(ctx, who, in.Cursor, in.Limit)
	})
	register(s, h, endpoint{
		ID: "request-rollback", Method: http.MethodPost, Path: "/rollbacks", Tag: "Rollbacks", Summary: "Ask for a rollback",
		About: "Where the strategy wants people's approval, it waits for it.", Permission: access.RequestRollback,
		Status: http.StatusCreated,
	}, func(ctx context.Context, who access.Actor, in *with[api.RequestRollback]) (api.Rollback, error) {
		return s.Desk.RequestRollback(ctx, who, in.Body)
	})
	register(s, h, endpoint{
		ID: "get-rollback", Method: http.MethodGet, Path: "/rollbacks/{id}", Tag: "Rollbacks", Summary: "Read a rollback",
		Permission: access.ViewEnvironment,
	}, func(ctx context.Context, who access.Actor, in *ByID) (api.Rollback, error) {
		return s.Desk.Rollback(ctx, who, in.ID)
	})
	for _, a := range []struct {
		name, summary string
		permission    access.Permission
	}{
		{"run", "Run an approved rollback", access.RunRollback},
		{"cancel", "Withdraw a rollback that has not begun", access.RequestRollback},
		{"retry", "Try a failed rollback again", access.RunRollback},
		{"retarget", "Send a failed rollback to another deployment", access.RunRollback},
	} {
		register(s, h, endpoint{
			ID: a.name + "-rollback", Method: http.MethodPost, Path: "/rollbacks/{id}/" + a.name, Tag: "Rollbacks",
			Summary: a.summary, Permission: a.permission,
		}, func(ctx context.Context, who access.Actor, in *withID[api.RollbackAction]) (api.Rollback, error) {
			return s.Desk.ActRollback(ctx, who, in.ID, a.name, in.Body)
		})
	}
	type query struct {
		Environment string `query:"environment" maxLength:"64" default:"production" doc:"Where."`
	}
	register(s, h, endpoint{
		ID: "plan-rollback", Method: http.MethodGet, Path: "/rollback-plan", Tag: "Rollbacks", Summary: "See what a " +
			"rollback would do",
		About: "Names the last known good deployment and why each other one is not.", Permission: access.ViewEnvironment,
	}, func(ctx context.Context, who access.Actor, in *query) (api.RollbackPlan, error) {
		return s.Desk.PlanRollback(ctx, who, in.Environment)
	})
}
