package vercel

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"
)

// Project is what Slipway reads of a project.
type Project struct {
	ID         string
	Name       string
	Account    string // that owns it
	Production string // id of the deployment that production's domains point at; empty: none yet
	Address    string // host of that deployment
	AutoAssign *bool  // whether new production builds reach production by themselves; nil: Vercel did not say
	Last       *AliasRequest
	Link       *Link // to a repository
	Boundary   time.Time
	Domains    []string // aliases of what production serves
	Bypass     []string // secrets that open protected deployments
	// MaxAge is how long skew protection keeps a page that is open with its build; 0: it is off.
	MaxAge time.Duration
	// Protected is which deployments only people of the team may open, in Vercel's words; empty: none.
	Protected string
	// Permissions are what the token may do here; nil: Vercel did not say.
	Permissions Permissions
}

// AliasRequest is the last promotion or rollback, by whoever made it.
type AliasRequest struct {
	Type        string  `json:"type"`      // promote or rollback
	Status      string  `json:"jobStatus"` // pending, in-progress, succeeded, failed or skipped
	From        string  `json:"fromDeploymentId"`
	To          string  `json:"toDeploymentId"`
	RequestedAt float64 `json:"requestedAt"`
}

// Open reports whether it is still being carried out.
func (a *AliasRequest) Open() bool {
	return a != nil && (a.Status == "pending" || a.Status == "in-progress")
}

// At is when it was asked for.
func (a *AliasRequest) At() time.Time {
	if a == nil {
		return time.Time{}
	}
	return millis(a.RequestedAt)
}

// Link is the repository that a project is built from.
type Link struct {
	Type   string `json:"type"`
	RepoID any    `json:"repoId"`
	Repo   string `json:"repo"`
	Org    string `json:"org"`
	Branch string `json:"productionBranch"`
}

type wireProject struct {
	ID         string        `json:"id"`
	Name       string        `json:"name"`
	AccountID  string        `json:"accountId"`
	AutoAssign *bool         `json:"autoAssignCustomDomains"`
	Last       *AliasRequest `json:"lastAliasRequest"`
	Link       *Link         `json:"link"`
	Boundary   float64       `json:"skewProtectionBoundaryAt"`
	MaxAge     float64       `json:"skewProtectionMaxAge"` // seconds
	SSO        *guarded      `json:"ssoProtection"`
	Password   *guarded      `json:"passwordProtection"`
	Rights     Permissions   `json:"permissions"`
	Targets    map[string]*struct {
		ID    string   `json:"id"`
		URL   string   `json:"url"`
		Alias []string `json:"alias"`
	} `json:"targets"`
	Bypass map[string]json.RawMessage `json:"protectionBypass"`
}

// guarded says which deployments are protected.
type guarded struct {
	Type string `json:"deploymentType"`
}

// Project returns a project with its last promotion or rollback.
func (c *Client) Project(ctx context.Context, idOrName string) (Project, error) {
	return c.project(ctx, idOrName, url.Values{"rollbackInfo": {"true"}})
}

func (c *Client) project(ctx context.Context, idOrName string, query url.Values) (Project, error) {
	var w wireProject
	_, err := c.do(ctx, call{do: "read a project", right: "Project: read", method: http.MethodGet,
		path: "/v9/projects/" + seg(idOrName), query: query}, &w)
	if err != nil {
		return Project{}, err
	}
	p := Project{ID: w.ID, Name: w.Name, Account: w.AccountID, AutoAssign: w.AutoAssign, Last: w.Last, Link: w.Link,
		Boundary: millis(w.Boundary), MaxAge: time.Duration(w.MaxAge) * time.Second, Permissions: w.Rights}
	for _, g := range []*guarded{w.SSO, w.Password} {
		if g != nil {
			p.Protected = or(g.Type, "all")
		}
	}
	if w.ID == "" {
		return p, lacks("a project", "its id")
	}
	if w.Last != nil && (w.Last.Status == "" || w.Last.To == "") {
		return p, lacks("the last promotion", "jobStatus or toDeploymentId")
	}
	if t := w.Targets["production"]; t != nil {
		p.Production, p.Address, p.Domains = t.ID, t.URL, t.Alias
	}
	if w.Bypass != nil {
		p.Bypass = []string{} // there is none, which is not: Vercel did not say
	}
	for secret := range w.Bypass {
		p.Bypass = append(p.Bypass, secret)
	}
	return p, nil
}

// SetProject changes fields of a project, such as skewProtectionBoundaryAt or autoAssignCustomDomains.
func (c *Client) SetProject(ctx context.Context, project string, fields map[string]any) error {
	_, err := c.do(ctx, call{do: "change the project's settings", right: "Project: update", method: http.MethodPatch,
		path: "/v9/projects/" + seg(project), body: fields, safe: true}, nil)
	return err
}

// Promote has production's domains point at a deployment, without building it again. queued says that Vercel will do
// so once the rolling release that is active has ended.
func (c *Client) Promote(ctx context.Context, project, deployment string) (queued bool, err error) {
	var status int
	_, err = c.do(ctx, call{do: "promote a deployment", right: "Project: deployment promotion", method: http.MethodPost,
		path: "/v10/projects/" + seg(project) + "/promote/" + seg(deployment), body: empty{}, status: &status}, nil)
	return status == http.StatusAccepted, err
}

// Rollback has production's domains point at a deployment that they pointed at before, at once.
func (c *Client) Rollback(ctx context.Context, project, deployment string) error {
	_, err := c.do(ctx, call{do: "roll back to a deployment", right: "Project: deployment rollback",
		method: http.MethodPost, path: "/v9/projects/" + seg(project) + "/rollback/" + seg(deployment), body: empty{}}, nil)
	return err
}

// Describe says why the last rollback to a deployment was made, for whoever looks in Vercel's own pages.
func (c *Client) Describe(ctx context.Context, project, deployment, why string) error {
	_, err := c.do(ctx, call{do: "describe a rollback", right: "Project: deployment rollback", method: http.MethodPatch,
		path: "/v1/projects/" + seg(project) + "/rollback/" + seg(deployment) + "/update-description",
		body: map[string]string{"description": why}, safe: true}, nil)
	return err
}

// empty is the body {}.
type empty struct{}

// User is who a token belongs to.
type User struct {
	ID       string `json:"id"`
	Username string `json:"username"`
}

// User returns who the token belongs to.
func (c *Client) User(ctx context.Context) (User, error) {
	var out struct {
		User User `json:"user"`
	}
	_, err := c.do(ctx, call{do: "read whose the token is", right: "User: read", method: http.MethodGet,
		path: "/v2/user"}, &out)
	if err == nil && out.User.ID == "" {
		err = lacks("the user", "its id")
	}
	return out.User, err
}

// Team is what Slipway reads of a team.
type Team struct {
	ID         string `json:"id"`
	Slug       string `json:"slug"`
	Membership struct {
		Role string `json:"role"`
	} `json:"membership"`
	Billing struct {
		Plan string `json:"plan"`
	} `json:"billing"`
}

// Team returns the client's team; an empty one for an account of one's own.
func (c *Client) Team(ctx context.Context) (Team, error) {
	var t Team
	if c.o.Team == "" {
		return t, nil
	}
	_, err := c.do(ctx, call{do: "read the team", right: "Team: read", method: http.MethodGet,
		path: "/v2/teams/" + seg(c.o.Team)}, &t)
	if err == nil && t.ID == "" {
		err = lacks("the team", "its id")
	}
	return t, err
}

// SetBypass makes a secret that opens protected deployments, or takes one back, and returns those that are left.
func (c *Client) SetBypass(ctx context.Context, project, note, revoke string) ([]string, error) {
	body := map[string]any{"generate": map[string]string{"note": note}}
	if revoke != "" {
		body = map[string]any{"revoke": map[string]any{"secret": revoke, "regenerate": false}}
	}
	var out struct {
		Bypass map[string]json.RawMessage `json:"protectionBypass"`
	}
	_, err := c.do(ctx, call{do: "make a secret that opens protected deployments", right: "Project: protection bypass",
		method: http.MethodPatch, path: "/v1/projects/" + seg(project) + "/protection-bypass", body: body}, &out)
	var secrets []string
	for s := range out.Bypass {
		secrets = append(secrets, s)
	}
	return secrets, err
}
