package github

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// repo is the path of something in the repository.
func (c *Client) repo(rest string) string {
	owner, name, _ := strings.Cut(c.o.Repository, "/")
	return "/repos/" + url.PathEscape(owner) + "/" + url.PathEscape(name) + rest
}

// Commit returns the whole name of a commit.
func (c *Client) Commit(ctx context.Context, ref string) (string, error) {
	var out struct {
		SHA string `json:"sha"`
	}
	err := c.do(ctx, call{do: "find the commit " + ref, right: "Contents: read", method: http.MethodGet,
		path: c.repo("/commits/" + url.PathEscape(ref))}, &out)
	if err == nil && out.SHA == "" {
		err = lacks("the commit", "its name")
	}
	return out.SHA, err
}

// The statuses and conclusions of a check run that Slipway gives. Neutral and skipped are not among them: GitHub takes
// both for passed.
const (
	Queued     = "queued"
	InProgress = "in_progress"
	Completed  = "completed"
	Success    = "success"
	Failure    = "failure"
	Canceled   = "cancel" + "led" // GitHub's word, in British spelling
)

// Run is a check run of a commit.
type Run struct {
	ID         int64      `json:"id,omitempty"`
	Name       string     `json:"name,omitempty"`
	Commit     string     `json:"head_sha,omitempty"`
	External   string     `json:"external_id,omitempty"` // Slipway's name for it
	Status     string     `json:"status,omitempty"`
	Conclusion string     `json:"conclusion,omitempty"`
	Details    string     `json:"details_url,omitempty"`
	Started    *time.Time `json:"started_at,omitempty"`
	Completed  *time.Time `json:"completed_at,omitempty"`
	Output     Output     `json:"output"`
}

// Output is what a check run says.
type Output struct {
	Title   string `json:"title"`
	Summary string `json:"summary"`
}

// Run finds the app's own check run of a commit by Slipway's name for it; false where there is none.
func (c *Client) Run(ctx context.Context, commit, name, external string) (Run, bool, error) {
	for page := 1; page <= 10; page++ {
		var out struct {
			Runs []Run `json:"check_runs"`
		}
		err := c.do(ctx, call{do: "list the check runs of a commit", right: "Checks: write", method: http.MethodGet,
			path: c.repo(fmt.Sprintf("/commits/%s/check-runs?check_name=%s&app_id=%d&filter=all&per_page=100&page=%d",
				url.PathEscape(commit), url.QueryEscape(name), c.o.App, page))}, &out)
		if err != nil {
			return Run{}, false, err
		}
		for _, r := range out.Runs {
			if r.External == external {
				return r, true, nil
			}
		}
		if len(out.Runs) < 100 {
			break
		}
	}
	return Run{}, false, nil
}

// CreateRun begins a check run. Look for it first: GitHub would make another.
func (c *Client) CreateRun(ctx context.Context, r Run) (Run, error) {
	var out Run
	err := c.do(ctx, call{do: "begin a check run", right: "Checks: write", method: http.MethodPost,
		path: c.repo("/check-runs"), body: r}, &out)
	if err == nil && out.ID == 0 {
		err = lacks("the check run", "its id")
	}
	return out, err
}

// UpdateRun says the whole of a check run again.
func (c *Client) UpdateRun(ctx context.Context, id int64, r Run) error {
	r.ID, r.Commit = 0, "" // which never change
	return c.do(ctx, call{do: "change a check run", right: "Checks: write", method: http.MethodPatch,
		path: c.repo(fmt.Sprintf("/check-runs/%d", id)), body: r, safe: true}, nil)
}

// Inactive is the state of a deployment that serves nobody any more.
const Inactive = "inactive"

// Deployment is a commit in an environment.
type Deployment struct {
	ID          int64   `json:"id,omitempty"`
	Commit      string  `json:"sha,omitempty"`
	Environment string  `json:"environment"`
	Payload     Payload `json:"payload"`
}

// Payload is what Slipway writes to a deployment of its own.
type Payload struct {
	Release string `json:"slipway_release,omitempty"`
}

// UnmarshalJSON reads a payload, which others fill with what they like: text or an object.
func (p *Payload) UnmarshalJSON(text []byte) error {
	var own struct {
		Release string `json:"slipway_release"`
	}
	if json.Unmarshal(text, &own) != nil {
		own.Release = ""
	}
	p.Release = own.Release
	return nil
}

// Deployment finds Slipway's deployment for a release; false where there is none.
func (c *Client) Deployment(ctx context.Context, commit, environment, release string) (Deployment, bool, error) {
	var out []Deployment
	err := c.do(ctx, call{do: "list deployments", right: "Deployments: write", method: http.MethodGet,
		path: c.repo(fmt.Sprintf("/deployments?sha=%s&environment=%s&task=slipway&per_page=100", url.QueryEscape(commit),
			url.QueryEscape(environment)))}, &out)
	for _, d := range out {
		if d.Payload.Release == release {
			return d, true, err
		}
	}
	return Deployment{}, false, err
}

// CreateDeployment makes a deployment of a commit. Look for it first. GitHub merges nothing into it and asks for no
// statuses: Slipway's own gates decide.
func (c *Client) CreateDeployment(ctx context.Context, d Deployment, production bool, about string,
) (Deployment, error) {
	var out Deployment
	err := c.do(ctx, call{do: "make a deployment", right: "Deployments: write", method: http.MethodPost,
		path: c.repo("/deployments"), body: map[string]any{"ref": d.Commit, "task": "slipway", "auto_merge": false,
			"required_contexts": []string{}, "environment": d.Environment, "payload": d.Payload,
			"description": short(about, 140), "production_environment": production}}, &out)
	if err == nil && out.ID == 0 {
		err = lacks("the deployment", "its id")
	}
	return out, err
}

// Status is where a deployment stands.
type Status struct {
	State       string `json:"state"`
	Description string `json:"description"`
	URL         string `json:"environment_url,omitempty"`
	Log         string `json:"log_url,omitempty"`
}

// Status returns the newest status of a deployment; nothing where there is none.
func (c *Client) Status(ctx context.Context, deployment int64) (Status, error) {
	var out []Status
	err := c.do(ctx, call{do: "read the status of a deployment", right: "Deployments: write", method: http.MethodGet,
		path: c.repo(fmt.Sprintf("/deployments/%d/statuses?per_page=1", deployment))}, &out)
	if err != nil || len(out) == 0 {
		return Status{}, err
	}
	return out[0], nil
}

// AddStatus says where a deployment stands. Read the newest first, so that nothing is said twice. When one succeeds,
// GitHub makes the earlier ones of its environment inactive by itself, but not in production.
func (c *Client) AddStatus(ctx context.Context, deployment int64, s Status) error {
	s.Description = short(s.Description, 140)
	return c.do(ctx, call{do: "say where a deployment stands", right: "Deployments: write", method: http.MethodPost,
		path: c.repo(fmt.Sprintf("/deployments/%d/statuses", deployment)), body: s}, nil)
}

// Review answers a job that waits at the app's deployment protection rule. Saying the same again is harmless: GitHub
// refuses what waits no longer.
func (c *Client) Review(ctx context.Context, run int64, environment string, approve bool, comment string) error {
	state := "rejected"
	if approve {
		state = "approved"
	}
	return c.do(ctx, call{do: "answer a job that waits for " + environment, right: "Deployments: write",
		method: http.MethodPost, path: c.repo(fmt.Sprintf("/actions/runs/%d/deployment_protection_rule", run)), safe: true,
		body: map[string]string{"environment_name": environment, "state": state, "comment": short(comment, 500)}}, nil)
}

// WaitingRun is a run of a workflow of which a job waits.
type WaitingRun struct {
	ID      int64     `json:"id"`
	Commit  string    `json:"head_sha"`
	Started time.Time `json:"run_started_at"` // anew when the run is started again
}

// WaitingRuns lists the newest runs of which a job waits for whatever rule of its environment.
func (c *Client) WaitingRuns(ctx context.Context) ([]WaitingRun, error) {
	var out struct {
		Runs []WaitingRun `json:"workflow_runs"`
	}
	err := c.do(ctx, call{do: "list the runs that wait", right: "Actions: read", method: http.MethodGet,
		path: c.repo("/actions/runs?status=waiting&per_page=100")}, &out)
	return out.Runs, err
}

// WaitsFor lists the environments that a run waits for.
func (c *Client) WaitsFor(ctx context.Context, run int64) ([]string, error) {
	var list []struct {
		Environment struct {
			Name string `json:"name"`
		} `json:"environment"`
	}
	err := c.do(ctx, call{do: "read what a run waits for", right: "Actions: read", method: http.MethodGet,
		path: c.repo(fmt.Sprintf("/actions/runs/%d/pending_deployments", run))}, &list)
	var out []string
	for _, d := range list {
		out = append(out, d.Environment.Name)
	}
	return out, err
}

// Short is a description as GitHub keeps it.
func Short(description string) string { return short(description, 140) }

// short cuts a text to at most n characters.
func short(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}
