package vercel

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
)

// The states of a deployment that Slipway tells apart, in Vercel's words.
const (
	Ready    = "READY"
	Staged   = "STAGED"   // substate: production's visitors never saw it
	Rolling  = "ROLLING"  // substate: it is part of a rolling release
	Promoted = "PROMOTED" // substate: production's visitors saw it
)

// Deployment is a build that Vercel keeps.
type Deployment struct {
	ID         string
	URL        string // a host name
	Project    string // id
	Target     string // production, staging or empty for a preview
	State      string
	Substate   string
	Aliased    bool // what it was built for points at it: production's domains, or a preview's own names
	AliasError string
	Error      string
	Creator    string
	Commit     string
	Branch     string
	Meta       map[string]string
	Created    time.Time
}

// wireDeployment is a deployment as either the list or the single call gives it: the list says uid, created and state.
type wireDeployment struct {
	ID         string         `json:"id"`
	UID        string         `json:"uid"`
	URL        string         `json:"url"`
	ProjectID  string         `json:"projectId"`
	Target     *string        `json:"target"`
	ReadyState string         `json:"readyState"`
	State      string         `json:"state"`
	Substate   string         `json:"readySubstate"`
	Aliased    truth          `json:"aliasAssigned"`
	AliasError *wireError     `json:"aliasError"`
	Code       string         `json:"errorCode"`
	Message    string         `json:"errorMessage"`
	Meta       map[string]any `json:"meta"`
	CreatedAt  float64        `json:"createdAt"`
	Created    float64        `json:"created"`
	Creator    struct {
		Username string `json:"username"`
		Email    string `json:"email"`
		UID      string `json:"uid"`
	} `json:"creator"`
	Git struct {
		SHA string `json:"sha"`
		Ref string `json:"ref"`
	} `json:"gitSource"`
}

type wireError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// truth is a boolean that some answers give as the time at which it became true.
type truth bool

// UnmarshalJSON implements json.Unmarshaler.
func (t *truth) UnmarshalJSON(b []byte) error {
	s := string(bytes.TrimSpace(b))
	*t = s != "false" && s != "null" && s != "0"
	return nil
}

// aliased knows that Vercel says it of a staged build as well, once the build's own names point at it.
func (w wireDeployment) aliased() bool {
	return bool(w.Aliased) && w.Substate != Staged && w.Substate != Rolling
}

func (w wireDeployment) deployment() (Deployment, error) {
	d := Deployment{
		ID: or(w.ID, w.UID), URL: w.URL, Project: w.ProjectID, State: or(w.ReadyState, w.State),
		Substate: w.Substate, Aliased: w.aliased(), Error: strings.Trim(w.Code+": "+w.Message, ": "),
		Creator: or(or(w.Creator.Username, w.Creator.Email), w.Creator.UID),
		Commit:  w.Git.SHA, Branch: w.Git.Ref, Meta: map[string]string{}, Created: millis(or(w.CreatedAt, w.Created)),
	}
	if w.Target != nil {
		d.Target = *w.Target
	}
	if w.AliasError != nil {
		d.AliasError = or(w.AliasError.Message, w.AliasError.Code)
	}
	for name, v := range w.Meta {
		if s, ok := v.(string); ok {
			d.Meta[name] = s
		}
	}
	for _, host := range []string{"github", "gitlab", "bitbucket"} {
		d.Commit, d.Branch = or(d.Commit, d.Meta[host+"CommitSha"]), or(d.Branch, d.Meta[host+"CommitRef"])
	}
	d.Commit = or(d.Commit, d.Meta["slipwayCommit"])
	switch {
	case d.ID == "":
		return d, lacks("a deployment", "its id")
	case d.State == "":
		return d, lacks(d.ID, "readyState")
	}
	return d, nil
}

// millis reads a time in milliseconds; a date that no product of ours will see is none.
func millis(ms float64) time.Time {
	if ms <= 0 || ms > 1e15 {
		return time.Time{}
	}
	return time.UnixMilli(int64(ms)).UTC()
}

// Deployment returns a deployment by its id or host.
func (c *Client) Deployment(ctx context.Context, idOrHost string) (Deployment, error) {
	var w wireDeployment
	_, err := c.do(ctx, call{do: "read a deployment", right: "Deployment: read", method: http.MethodGet,
		path: "/v13/deployments/" + seg(idOrHost)}, &w)
	if err != nil {
		return Deployment{}, err
	}
	return w.deployment()
}

// Filter says which deployments are wanted; empty fields leave none out.
type Filter struct {
	Project   string
	Target    string
	State     string
	Commit    string
	Branch    string
	Candidate bool // a rollback may go to it
	Limit     int  // 20 when 0; more than 100 takes several calls
}

// Deployments returns the newest deployments first.
func (c *Client) Deployments(ctx context.Context, f Filter) ([]Deployment, error) {
	limit := or(f.Limit, 20)
	query := url.Values{"projectId": {f.Project}, "limit": {strconv.Itoa(min(limit, 100))}}
	for name, v := range map[string]string{"target": f.Target, "state": f.State, "sha": f.Commit, "branch": f.Branch} {
		if v != "" {
			query.Set(name, v)
		}
	}
	if f.Candidate {
		query.Set("rollbackCandidate", "true")
	}
	var out []Deployment
	for {
		var page struct {
			Deployments []wireDeployment `json:"deployments"`
			Pagination  pagination       `json:"pagination"`
		}
		_, err := c.do(ctx, call{do: "list deployments", right: "Deployment: read", method: http.MethodGet,
			path: "/v7/deployments", query: query}, &page)
		if err != nil {
			return nil, err
		}
		for _, w := range page.Deployments {
			d, err := w.deployment()
			if err != nil {
				return nil, err
			}
			out = append(out, d)
		}
		if page.Pagination.Next == nil || len(out) >= limit || len(page.Deployments) == 0 {
			return out, nil
		}
		query.Set("until", page.Pagination.next())
	}
}

type pagination struct {
	Next *float64 `json:"next"`
}

func (p pagination) next() string { return strconv.FormatInt(int64(*p.Next), 10) }

// Source is a commit of a connected repository.
type Source struct {
	Type   string `json:"type"` // github, gitlab, bitbucket …
	RepoID any    `json:"repoId,omitempty"`
	Ref    string `json:"ref"`
	SHA    string `json:"sha,omitempty"`
}

// NewDeployment asks for a deployment: of a commit, or another of an old deployment with today's variables.
type NewDeployment struct {
	DeploymentID string            `json:"deploymentId,omitempty"`
	Meta         map[string]string `json:"meta,omitempty"`
	Name         string            `json:"name"`
	Project      string            `json:"project,omitempty"`
	Target       string            `json:"target,omitempty"`
	GitSource    *Source           `json:"gitSource,omitempty"`
	// AutoAssign false keeps production's domains away from it.
	AutoAssign *bool `json:"autoAssignCustomDomains,omitempty"`
}

// Create asks for a deployment. Vercel knows no keys: look for an existing one first, and after a failure again.
func (c *Client) Create(ctx context.Context, n NewDeployment) (Deployment, error) {
	query := url.Values{"skipAutoDetectionConfirmation": {"1"}}
	if n.DeploymentID != "" {
		query = url.Values{"forceNew": {"1"}}
	}
	var w wireDeployment
	_, err := c.do(ctx, call{do: "create a deployment", right: "Deployment: create", method: http.MethodPost,
		path: "/v13/deployments", query: query, body: n}, &w)
	if err != nil {
		return Deployment{}, err
	}
	return w.deployment()
}

// Alias points a host at a deployment, and returns the deployment that it was taken from.
func (c *Client) Alias(ctx context.Context, deployment, host string) (string, error) {
	var out struct {
		Old string `json:"oldDeploymentId"`
	}
	_, err := c.do(ctx, call{do: "point a domain at a deployment", right: "Alias: create", method: http.MethodPost,
		path: "/v2/deployments/" + seg(deployment) + "/aliases", body: map[string]any{"alias": host}}, &out)
	return out.Old, err
}

// Failed is a domain that did not follow a promotion or a rollback.
type Failed struct {
	Alias  string
	Status string
}

// Failures returns the domains that did not follow the last promotion (verb "promote") or rollback ("rollback").
func (c *Client) Failures(ctx context.Context, project, verb string) ([]Failed, error) {
	if verb != "promote" && verb != "rollback" {
		return nil, fault.New(fault.Invalid, "vercel_verb", "%q is neither promote nor rollback.", verb)
	}
	query := url.Values{"failedOnly": {"true"}, "limit": {"20"}}
	var out []Failed
	for {
		var page struct {
			Aliases []struct {
				Alias  any    `json:"alias"` // the schema says a string; the command line expects an object
				Status string `json:"status"`
			} `json:"aliases"`
			Pagination pagination `json:"pagination"`
		}
		_, err := c.do(ctx, call{do: "list the domains that did not follow", right: "Project: read", method: http.MethodGet,
			path: "/v9/projects/" + seg(project) + "/" + verb + "/aliases", query: query}, &page)
		if err != nil {
			return nil, err
		}
		for _, a := range page.Aliases {
			out = append(out, Failed{Alias: aliasName(a.Alias), Status: a.Status})
		}
		if page.Pagination.Next == nil || len(page.Aliases) == 0 || len(out) >= 200 {
			return out, nil
		}
		query.Set("until", page.Pagination.next())
	}
}

func aliasName(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case map[string]any:
		s, _ := v["alias"].(string)
		return s
	}
	return ""
}
