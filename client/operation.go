package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/slipwayhq/slipway/api"
)

// query builds a query of what is not empty.
func query(pairs ...string) url.Values {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	return q
}

func number[T int | int64](n T) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(int64(n), 10)
}

func seg(id string) string { return url.PathEscape(id) }

// ReleaseQuery selects releases.
type ReleaseQuery struct {
	Phase, Version string
	Cursor         string // Next of the page before
	Limit          int
}

// Releases returns a page of releases, newest first.
func (c *Client) Releases(ctx context.Context, q ReleaseQuery) (api.ReleasePage, error) {
	return get[api.ReleasePage](ctx, c, "releases",
		query("phase", q.Phase, "version", q.Version, "cursor", q.Cursor, "limit", number(q.Limit)))
}

// Release returns a release by its id, or the newest of a version.
func (c *Client) Release(ctx context.Context, id string) (api.Release, error) {
	return get[api.Release](ctx, c, "releases/"+seg(id), nil)
}

// Canary returns the comparison of a release's canary with stable.
func (c *Client) Canary(ctx context.Context, id string) (api.Canary, error) {
	return get[api.Canary](ctx, c, "releases/"+seg(id)+"/canary", nil)
}

// Replay makes verdicts on a release again, after the look that is named; 0 begins with the first.
func (c *Client) Replay(ctx context.Context, id string, after int64) (api.Replay, error) {
	return get[api.Replay](ctx, c, "releases/"+seg(id)+"/replay", query("after", number(after)))
}

// Recording returns what the judge compared of a release, after the look that is named; 0 begins with the first.
func (c *Client) Recording(ctx context.Context, id string, after int64) (api.Recording, error) {
	return get[api.Recording](ctx, c, "releases/"+seg(id)+"/recording", query("after", number(after)))
}

// Traffic returns a model of the stable version's traffic.
func (c *Client) Traffic(ctx context.Context) (api.Traffic, error) {
	return get[api.Traffic](ctx, c, "traffic", nil)
}

// PushMetrics reports custom metrics. The receipt names those that do not count.
func (c *Client) PushMetrics(ctx context.Context, in api.PushMetrics) (api.MetricReceipt, error) {
	return post[api.MetricReceipt](ctx, c, "metrics", in)
}

// Metrics returns where numbers come from and what arrives.
func (c *Client) Metrics(ctx context.Context) (api.Metrics, error) {
	return get[api.Metrics](ctx, c, "metrics", nil)
}

// StartRelease starts a release.
func (c *Client) StartRelease(ctx context.Context, in api.StartRelease) (api.Release, error) {
	return post[api.Release](ctx, c, "releases", in)
}

// ActOnRelease gives a release a command: pause, resume, promote, abort, share,
// retry, skip or sign.
func (c *Client) ActOnRelease(ctx context.Context, id, action string, in api.ReleaseAction) (api.Release, error) {
	return post[api.Release](ctx, c, "releases/"+seg(id)+"/"+seg(action), in)
}

// Checks returns a version's checklist.
func (c *Client) Checks(ctx context.Context, version string) ([]api.Check, error) {
	return get[[]api.Check](ctx, c, "checks", query("version", version))
}

// ReportCheck reports a check's result.
func (c *Client) ReportCheck(ctx context.Context, in api.ReportCheck) (api.Check, error) {
	return post[api.Check](ctx, c, "checks", in)
}

// Approvals returns the open approval requests.
func (c *Client) Approvals(ctx context.Context) ([]api.Approval, error) {
	return get[[]api.Approval](ctx, c, "approvals", nil)
}

// Approval returns an approval request.
func (c *Client) Approval(ctx context.Context, id string) (api.Approval, error) {
	return get[api.Approval](ctx, c, "approvals/"+seg(id), nil)
}

// Approve approves what has the decision's hash.
func (c *Client) Approve(ctx context.Context, id string, in api.Decision) (api.Approval, error) {
	return post[api.Approval](ctx, c, "approvals/"+seg(id)+"/approve", in)
}

// Reject rejects what has the decision's hash.
func (c *Client) Reject(ctx context.Context, id string, in api.Decision) (api.Approval, error) {
	return post[api.Approval](ctx, c, "approvals/"+seg(id)+"/reject", in)
}

// Rollbacks returns a page of rollbacks, newest first.
func (c *Client) Rollbacks(ctx context.Context, cursor string, limit int) (api.RollbackPage, error) {
	return get[api.RollbackPage](ctx, c, "rollbacks", query("cursor", cursor, "limit", number(limit)))
}

// Rollback returns a rollback.
func (c *Client) Rollback(ctx context.Context, id string) (api.Rollback, error) {
	return get[api.Rollback](ctx, c, "rollbacks/"+seg(id), nil)
}

// PlanRollback returns what a rollback would do; in production for "".
func (c *Client) PlanRollback(ctx context.Context, environment string) (api.RollbackPlan, error) {
	return get[api.RollbackPlan](ctx, c, "rollback-plan", query("environment", environment))
}

// RequestRollback asks for a rollback.
func (c *Client) RequestRollback(ctx context.Context, in api.RequestRollback) (api.Rollback, error) {
	return post[api.Rollback](ctx, c, "rollbacks", in)
}

// ActOnRollback gives a rollback a command: run, cancel, retry or retarget.
func (c *Client) ActOnRollback(ctx context.Context, id, action string, in api.RollbackAction) (api.Rollback, error) {
	return post[api.Rollback](ctx, c, "rollbacks/"+seg(id)+"/"+seg(action), in)
}

// Deployments returns deployments, newest first; those of every environment for "".
func (c *Client) Deployments(ctx context.Context, environment string) ([]api.Deployment, error) {
	return get[[]api.Deployment](ctx, c, "deployments", query("environment", environment))
}

// RegisterDeployment records a deployment.
func (c *Client) RegisterDeployment(ctx context.Context, in api.NewDeployment) (api.Deployment, error) {
	return post[api.Deployment](ctx, c, "deployments", in)
}

// Environments returns the environments and what runs in each.
func (c *Client) Environments(ctx context.Context) ([]api.Environment, error) {
	return get[[]api.Environment](ctx, c, "environments", nil)
}

// Status returns everything at a glance.
func (c *Client) Status(ctx context.Context) (api.Status, error) {
	return get[api.Status](ctx, c, "status", nil)
}

// GitHub says how releases are shown at GitHub, and asks there what the app lacks.
func (c *Client) GitHub(ctx context.Context) (api.GitHubAccess, error) {
	return get[api.GitHubAccess](ctx, c, "github", nil)
}

// Incidents returns a page of incidents, newest first; of every state for "".
func (c *Client) Incidents(ctx context.Context, state, cursor string, limit int) (api.IncidentPage, error) {
	return get[api.IncidentPage](ctx, c, "incidents", query("state", state, "cursor", cursor, "limit", number(limit)))
}

// Incident returns an incident.
func (c *Client) Incident(ctx context.Context, id string) (api.Incident, error) {
	return get[api.Incident](ctx, c, "incidents/"+seg(id), nil)
}

// ResolveIncident closes an incident.
func (c *Client) ResolveIncident(ctx context.Context, id string, in api.ResolveIncident) (api.Incident, error) {
	return post[api.Incident](ctx, c, "incidents/"+seg(id)+"/resolve", in)
}

// FlagSuspects returns the flags that could be turned off to mend an incident, those that changed lately first; in the
// incident's environment for "".
func (c *Client) FlagSuspects(ctx context.Context, id, environment string) (api.FlagSuspects, error) {
	return get[api.FlagSuspects](ctx, c, "incidents/"+seg(id)+"/flags", query("environment", environment))
}

// TurnFlagOffFor turns a flag off because of an incident.
func (c *Client) TurnFlagOffFor(ctx context.Context, id string, in api.TurnFlagOff) (api.Incident, error) {
	return post[api.Incident](ctx, c, "incidents/"+seg(id)+"/flag-off", in)
}

// ReportIssue reports a problem that users have.
func (c *Client) ReportIssue(ctx context.Context, in api.ReportIssue) (api.Incident, error) {
	return post[api.Incident](ctx, c, "issues", in)
}

// EventQuery selects events of the log.
type EventQuery struct {
	After, Before                           int64
	Kind, Subject, Actor, Environment, Text string
	From, To                                time.Time
	Cursor                                  string // Next of the page before
	Limit                                   int
	Ascending                               bool // oldest first
}

// Events returns a page of the log, newest first.
func (c *Client) Events(ctx context.Context, q EventQuery) (api.EventPage, error) {
	v := query("after", number(q.After), "before", number(q.Before), "kind", q.Kind, "subject", q.Subject, "actor",
		q.Actor,
		"environment", q.Environment, "text", q.Text, "cursor", q.Cursor, "limit", number(q.Limit))
	if !q.From.IsZero() {
		v.Set("from", q.From.UTC().Format(time.RFC3339Nano))
	}
	if !q.To.IsZero() {
		v.Set("to", q.To.UTC().Format(time.RFC3339Nano))
	}
	if q.Ascending {
		v.Set("ascending", "true")
	}
	return get[api.EventPage](ctx, c, "log", v)
}

// VerifyLog walks the log's chain.
func (c *Client) VerifyLog(ctx context.Context) (api.LogReport, error) {
	return get[api.LogReport](ctx, c, "log/verify", nil)
}

// Me returns who the client is.
func (c *Client) Me(ctx context.Context) (api.Me, error) { return get[api.Me](ctx, c, "me", nil) }

// Roles returns the roles.
func (c *Client) Roles(ctx context.Context) ([]api.Role, error) {
	return get[[]api.Role](ctx, c, "roles", nil)
}

// Users returns everybody.
func (c *Client) Users(ctx context.Context) ([]api.User, error) {
	return get[[]api.User](ctx, c, "users", nil)
}

// CreateUser makes a user.
func (c *Client) CreateUser(ctx context.Context, in api.NewUser) (api.User, error) {
	return post[api.User](ctx, c, "users", in)
}

// ChangeUser changes a user, named by id or name. It is sent once.
func (c *Client) ChangeUser(ctx context.Context, id string, in api.ChangeUser) (api.User, error) {
	return do[api.User](ctx, c, call{method: http.MethodPatch, path: "users/" + seg(id), body: in})
}

// Tokens returns the caller's tokens, or everybody's to those who manage them.
func (c *Client) Tokens(ctx context.Context) ([]api.Token, error) {
	return get[[]api.Token](ctx, c, "tokens", nil)
}

// CreateToken makes a token; its Secret is shown this once.
func (c *Client) CreateToken(ctx context.Context, in api.NewToken) (api.Token, error) {
	return post[api.Token](ctx, c, "tokens", in)
}

// RevokeToken ends a token.
func (c *Client) RevokeToken(ctx context.Context, id string) (api.Token, error) {
	return do[api.Token](ctx, c, call{method: http.MethodDelete, path: "tokens/" + seg(id)})
}

// Setup makes the first administrator with the secret of the set-up link.
func (c *Client) Setup(ctx context.Context, in api.Setup) (api.User, error) {
	return do[api.User](ctx, c, call{method: http.MethodPost, path: "setup", body: in})
}

// Login makes a token for a person who proves themselves with a password: it signs
// in, makes the token and signs out again. Scopes that are empty become everything
// that the person may do.
func (c *Client) Login(ctx context.Context, in api.Login, token api.NewToken) (api.Token, error) {
	none := func(err error) (api.Token, error) { return api.Token{}, err }
	resp, session, err := c.signIn(ctx, in)
	if err != nil {
		return none(err)
	}
	header := http.Header{"X-Csrf-Token": {session.CSRF}}
	for _, cookie := range resp.Cookies() {
		header.Add("Cookie", cookie.Name+"="+cookie.Value)
	}
	if len(token.Scopes) == 0 {
		me, err := do[api.Me](ctx, c, call{method: http.MethodGet, path: "me", header: header})
		if err != nil {
			return none(err)
		}
		token.Scopes = me.Permissions
	}
	made, err := do[api.Token](ctx, c, call{method: http.MethodPost, path: "tokens", body: token, header: header})
	if _, out := do[struct{}](ctx, c, call{method: http.MethodDelete, path: "sessions", header: header}); err == nil {
		err = out
	}
	return made, err
}
