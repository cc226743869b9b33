package server

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/desk"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/people"
)

func (s *Server) replayOperations(h huma.API) {
	type query struct {
		ByID
		After int64 `query:"after" minimum:"0" doc:"next of the part before."`
		Limit int   `query:"limit" minimum:"1" maximum:"5000" default:"1000" doc:"Looks at most."`
	}
	register(s, h, endpoint{
		ID: "replay-release", Method: http.MethodGet, Path: "/releases/{id}/replay", Tag: "Releases",
		Summary: "Make the verdicts on a release again from the stored evidence",
		About: "Each look of the guard is stored with what it was given. This judges it again and compares the whole " +
			"verdict with the recorded one, to the last digit.",
		Permission: access.ViewEnvironment,
	}, func(ctx context.Context, who access.Actor, in *query) (api.Replay, error) {
		return s.Desk.Replay(ctx, who, in.ID, in.After, in.Limit)
	})
	register(s, h, endpoint{
		ID: "get-recording", Method: http.MethodGet, Path: "/releases/{id}/recording", Tag: "Releases",
		Summary: "Read what the judge compared, second by second",
		About: "The ticks have the form that `slipway judge stream` and `slipway simulate --replay` read. Seconds in which " +
			"the share was on its way are left out.",
		Permission: access.ViewEnvironment,
	}, func(ctx context.Context, who access.Actor, in *query) (api.Recording, error) {
		return s.Desk.Recording(ctx, who, in.ID, in.After, in.Limit)
	})
}

func (s *Server) placeOperations(h huma.API) {
	type query struct {
		Environment string `query:"environment" maxLength:"64" doc:"Only those of this environment."`
	}
	register(s, h, endpoint{
		ID: "get-status", Method: http.MethodGet, Path: "/status", Tag: "Overview", Summary: "See everything at a glance",
		Permission: access.ViewEnvironment,
	}, func(ctx context.Context, who access.Actor, _ *none) (api.Status, error) {
		return s.Desk.Status(ctx, who)
	})
	register(s, h, endpoint{
		ID: "get-github", Method: http.MethodGet, Path: "/github", Tag: "Overview",
		Summary: "See how releases are shown at GitHub, and what the app lacks there",
		About: "GitHub is asked, at most every ten seconds. What is missing is said with what it is for and what to do. " +
			"The status has the same without asking.",
		Permission: access.ViewEnvironment,
	}, func(ctx context.Context, who access.Actor, _ *none) (api.GitHubAccess, error) {
		return s.Desk.GitHub(ctx, who)
	})
	register(s, h, endpoint{
		ID: "list-environments", Method: http.MethodGet, Path: "/environments", Tag: "Overview",
		Summary: "List the environments and what runs in each", Permission: access.ViewEnvironment,
	}, func(ctx context.Context, who access.Actor, _ *none) ([]api.Environment, error) {
		return s.Desk.Environments(ctx, who)
	})
	register(s, h, endpoint{
		ID: "list-deployments", Method: http.MethodGet, Path: "/deployments", Tag: "Deployments",
		Summary:    "List deployments, newest first",
		Permission: access.ViewEnvironment,
	}, func(ctx context.Context, who access.Actor, in *query) ([]api.Deployment, error) {
		return s.Desk.Deployments(ctx, who, in.Environment)
	})
	register(s, h, endpoint{
		ID: "register-deployment", Method: http.MethodPost, Path: "/deployments", Tag: "Deployments",
		Summary: "Record a deployment",
		About:   "As a push to a branch makes one. The branch decides the environment.", Permission: access.ManageDeployment,
		Status: http.StatusCreated,
	}, func(ctx context.Context, who access.Actor, in *with[api.NewDeployment]) (api.Deployment, error) {
		return s.Desk.RegisterDeployment(ctx, who, in.Body)
	})
}

func (s *Server) incidentOperations(h huma.API) {
	type query struct {
		Paged
		State string `query:"state" enum:"open,resolved" doc:"Only those in this state."`
	}
	register(s, h, endpoint{
		ID: "list-incidents", Method: http.MethodGet, Path: "/incidents", Tag: "Incidents", Summary: "List incidents, " +
			"newest first",
		Permission: access.ViewEnvironment,
	}, func(ctx context.Context, who access.Actor, in *query) (api.IncidentPage, error) {
		return s.Desk.Incidents(ctx, who, desk.IncidentQuery{State: in.State, Cursor: in.Cursor, Limit: in.Limit})
	})
	register(s, h, endpoint{
		ID: "get-incident", Method: http.MethodGet, Path: "/incidents/{id}", Tag: "Incidents", Summary: "Read an incident",
		Permission: access.ViewEnvironment,
	}, func(ctx context.Context, who access.Actor, in *ByID) (api.Incident, error) {
		return s.Desk.Incident(ctx, who, in.ID)
	})
	register(s, h, endpoint{
		ID: "resolve-incident", Method: http.MethodPost, Path: "/incidents/{id}/resolve", Tag: "Incidents",
		Summary:    "Resolve an incident",
		Permission: access.ManageIncident,
	}, func(ctx context.Context, who access.Actor, in *withID[api.ResolveIncident]) (api.Incident, error) {
		return s.Desk.ResolveIncident(ctx, who, in.ID, in.Body)
	})
	register(s, h, endpoint{
		ID: "list-incident-flags", Method: http.MethodGet, Path: "/incidents/{id}/flags", Tag: "Incidents",
		Summary: "List the flags that could be turned off to mend an incident",
		About: "Those that are on and changed or ramped in the seven days before it come first, the newest before the " +
			"others.",
		Permission: access.ViewEnvironment,
	}, func(ctx context.Context, who access.Actor, in *struct {
		ByID
		Environment string `query:"environment" maxLength:"64" doc:"The incident's when empty."`
	}) (api.FlagSuspects, error) {
		return s.Desk.FlagSuspects(ctx, who, in.ID, in.Environment)
	})
	register(s, h, endpoint{
		ID: "turn-incident-flag-off", Method: http.MethodPost, Path: "/incidents/{id}/flag-off", Tag: "Incidents",
		Summary: "Turn a flag off because of an incident",
		About: "The kill switch and its record in the incident are one change. Then it is confirmed that the server serves " +
			"the flag off, the smoke suite rollback.verify runs against what runs in the environment, and the guard watches " +
			"that for rollback.watch; what is found is in the incident's timeline and in flags_off. A flag that is off " +
			"already is looked at all the same. Asked again while it is looked at, it changes nothing.",
		Permission: access.SwitchFlag,
	}, func(ctx context.Context, who access.Actor, in *withID[api.TurnFlagOff]) (api.Incident, error) {
		return s.Desk.TurnFlagOff(ctx, who, in.ID, in.Body)
	})
	register(s, h, endpoint{
		ID: "report-issue", Method: http.MethodPost, Path: "/issues", Tag: "Incidents", Summary: "Report a problem that " +
			"users have",
		About:      "Opens an incident. A critical one takes a running canary back or asks for a rollback.",
		Permission: access.ReportIssue, Status: http.StatusCreated,
	}, func(ctx context.Context, who access.Actor, in *with[api.ReportIssue]) (api.Incident, error) {
		return s.Desk.ReportIssue(ctx, who, in.Body)
	})
}

// Filters select events of the log.
type Filters struct {
	Kind        string `query:"kind" maxLength:"64" doc:"A kind, or its beginning: release. means all of release."`
	Subject     string `query:"subject" maxLength:"128" doc:"Id of the thing they are about."`
	Actor       string `query:"actor" maxLength:"128" doc:"Who did it, e.g. user:… or system:guard."`
	Environment string `query:"environment" maxLength:"64"`
}

type logQuery struct {
	Filters
	Cursor    string    `query:"cursor" maxLength:"20" pattern:"^[0-9]*$" doc:"next of the page before."`
	Limit     int       `query:"limit" minimum:"1" maximum:"200" default:"50"`
	Before    int64     `query:"before" minimum:"0" doc:"Only events before this number."`
	After     int64     `query:"after" minimum:"0" doc:"Only events after this number."`
	Ascending bool      `query:"ascending" doc:"Oldest first."`
	Text      string    `query:"text" maxLength:"200" doc:"Only events whose sentence has this text."`
	From      time.Time `query:"from" doc:"Only events at or after this time."`
	To        time.Time `query:"to" doc:"Only events before this time."`
}

// query returns what the desk is asked for.
func (in *logQuery) query() desk.EventQuery {
	q := desk.EventQuery{
		After: in.After, Before: in.Before, Kind: in.Kind, Subject: in.Subject, Actor: in.Actor, Environment: in.Environment,
		Text: in.Text, From: in.From, To: in.To, Limit: in.Limit, Ascending: in.Ascending,
	}
	if seq, err := strconv.ParseInt(in.Cursor, 10, 64); err == nil && seq > 0 {
		if in.Ascending {
			q.After = seq
		} else {
			q.Before = seq
		}
	}
	return q
}

func (s *Server) logOperations(h huma.API) {
	register(s, h, endpoint{
		ID: "list-events", Method: http.MethodGet, Path: "/log", Tag: "Log", Summary: "Read the log, newest first",
		Permission: access.ReadLog,
	}, func(ctx context.Context, who access.Actor, in *logQuery) (api.EventPage, error) {
		return s.Desk.Events(ctx, who, in.query())
	})
	register(s, h, endpoint{
		ID: "verify-log", Method: http.MethodGet, Path: "/log/verify", Tag: "Log", Summary: "Walk the log's chain and " +
			"check every signature",
		About: "Finds an altered, missing or reordered record.", Permission: access.ReadLog,
	}, func(ctx context.Context, who access.Actor, _ *none) (api.LogReport, error) {
		return s.Desk.VerifyLog(ctx, who)
	})
	s.eventOperation(h)
}

func (s *Server) peopleOperations(h huma.API) {
	register(s, h, endpoint{
		ID: "get-me", Method: http.MethodGet, Path: "/me", Tag: "People", Summary: "Read who the caller is and what they " +
			"may do",
	}, func(ctx context.Context, who access.Actor, _ *none) (api.Me, error) { return s.Desk.Me(ctx, who) })
	register(s, h, endpoint{
		ID: "list-roles", Method: http.MethodGet, Path: "/roles", Tag: "People", Summary: "List the roles and what each " +
			"may do where",
		Permission: access.ViewEnvironment,
	}, func(ctx context.Context, who access.Actor, _ *none) ([]api.Role, error) {
		return s.Desk.Roles(ctx, who)
	})
	register(s, h, endpoint{
		ID: "list-users", Method: http.MethodGet, Path: "/users", Tag: "People", Summary: "List users",
		Permission: access.ManageUsers,
	}, func(ctx context.Context, who access.Actor, _ *none) ([]api.User, error) {
		return s.Desk.Users(ctx, who)
	})
	register(s, h, endpoint{
		ID: "create-user", Method: http.MethodPost, Path: "/users", Tag: "People", Summary: "Make a user",
		Permission: access.ManageUsers,
		Status:     http.StatusCreated, Secret: true,
	}, func(ctx context.Context, who access.Actor, in *with[api.NewUser]) (api.User, error) {
		return s.Desk.CreateUser(ctx, who, in.Body)
	})
	register(s, h, endpoint{
		ID: "change-user", Method: http.MethodPatch, Path: "/users/{id}", Tag: "People", Summary: "Change a user",
		About: "Everybody may change their own title and password. A new password, other roles and disabling end the " +
			"user's sessions.",
	}, func(ctx context.Context, who access.Actor, in *withID[api.ChangeUser]) (api.User, error) {
		return s.Desk.ChangeUser(ctx, who, in.ID, in.Body)
	})
	register(s, h, endpoint{
		ID: "list-tokens", Method: http.MethodGet, Path: "/tokens", Tag: "People", Summary: "List tokens",
		About: "One's own; those of all with token:manage.",
	}, func(ctx context.Context, who access.Actor, _ *none) ([]api.Token, error) {
		return s.Desk.Tokens(ctx, who)
	})
	register(s, h, endpoint{
		ID: "create-token", Method: http.MethodPost, Path: "/tokens", Tag: "People", Summary: "Make a token",
		About:  "The answer holds its secret, this one time: also a repeated request does not show it again.",
		Status: http.StatusCreated, Secret: true,
	}, func(ctx context.Context, who access.Actor, in *with[api.NewToken]) (api.Token, error) {
		return s.Desk.CreateToken(ctx, who, in.Body)
	})
	register(s, h, endpoint{
		ID: "revoke-token", Method: http.MethodDelete, Path: "/tokens/{id}", Tag: "People", Summary: "Revoke a token",
		About: "At once and for good. Those of others need token:manage.",
	}, func(ctx context.Context, who access.Actor, in *ByID) (api.Token, error) {
		return s.Desk.RevokeToken(ctx, who, in.ID)
	})
	s.sessionOperations(h)
}

// sessionOperations are how a person comes in by a program: the command line does
// so to make itself a token.
func (s *Server) sessionOperations(h huma.API) {
	op := func(o *huma.Operation) {
		o.Responses = map[string]*huma.Response{"201": {
			Description: "Signed in: the session's secret is in the cookie.",
			Content: map[string]*huma.MediaType{"application/json": {
				Schema: h.OpenAPI().Components.Schemas.Schema(sessionType(), true, "Session"),
			}},
		}}
	}
	type request struct {
		UserAgent string `header:"User-Agent" maxLength:"512"`
		Body      api.Login
	}
	registerStream(s, h, endpoint{
		ID: "login", Method: http.MethodPost, Path: "/sessions", Tag: "People", Summary: "Sign in with a password",
		About: "Wrong passwords make the next try wait, longer each time.", Public: true, Status: http.StatusCreated,
	}, op, func(ctx context.Context, _ access.Actor, in *request) (func(http.ResponseWriter, *http.Request), error) {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second) // for a turn at hashing
		defer cancel()
		session, err := s.People.Login(ctx, in.Body.Name, in.Body.Password, clientOf(ctx).address, cut(in.UserAgent, 200))
		s.Metrics.Login(loginResult(err))
		if err != nil {
			return nil, err
		}
		return func(w http.ResponseWriter, r *http.Request) {
			http.SetCookie(w, session.HTTPCookie(clientOf(ctx).secure))
			w.Header().Set("Cache-Control", "no-store")
			writeJSON(w, http.StatusCreated, api.Session{User: session.Actor.Name, CSRF: session.CSRF, Expires: session.Expires})
		}, nil
	})
	gone := func(o *huma.Operation) {
		o.Responses = map[string]*huma.Response{"204": {Description: "The session has ended."}}
	}
	registerStream(s, h, endpoint{
		ID: "logout", Method: http.MethodDelete, Path: "/sessions", Tag: "People", Summary: "Sign out",
		About: "Ends the session whose cookie the request carries.", Status: http.StatusNoContent,
	}, gone, func(ctx context.Context, _ access.Actor, _ *none) (func(http.ResponseWriter, *http.Request), error) {
		c, _ := ctx.Value(actorKey{}).(*caller)
		if c == nil || c.cookie == "" {
			return nil, fault.New(fault.Invalid, "no_session", "There is no session to end: a token is revoked instead.")
		}
		return func(w http.ResponseWriter, _ *http.Request) {
			http.SetCookie(w, people.EndCookie(clientOf(ctx).secure))
			w.WriteHeader(http.StatusNoContent)
		}, s.People.Logout(ctx, c.cookie)
	})
	register(s, h, endpoint{
		ID: "setup", Method: http.MethodPost, Path: "/setup", Tag: "People", Summary: "Make the first administrator",
		About: "With the secret of the one-time link that `slipway up` prints at its first start.", Public: true,
		Status: http.StatusCreated,
	}, func(ctx context.Context, _ access.Actor, in *with[api.Setup]) (api.User, error) {
		return s.People.Setup(ctx, in.Body.Secret, api.NewUser{
			Name: in.Body.Name, Title: in.Body.Title, Password: in.Body.Password,
		})
	})
}

func loginResult(err error) string {
	switch {
	case err == nil:
		return "ok"
	case fault.Is(err, fault.Limited):
		return "throttled"
	case fault.Is(err, fault.Unknown):
		return "refused"
	}
	return "failed"
}
