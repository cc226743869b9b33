package vercel

import (
	"context"
	"net/http"

	"github.com/slipwayhq/slipway/internal/fault"
)

// Check is what a project's deployments must pass before something happens.
type Check struct {
	ID       string       `json:"id,omitempty"`
	Name     string       `json:"name"`
	Requires string       `json:"requires,omitempty"` // none, build-ready or deployment-url
	Blocks   string       `json:"blocks,omitempty"`   // deployment-promotion, deployment-alias …
	Targets  []string     `json:"targets,omitempty"`
	Source   *CheckSource `json:"source,omitempty"`
	Timeout  int          `json:"timeout,omitempty"` // seconds
}

// CheckSource is who carries a check out: a webhook, by its id.
type CheckSource struct {
	Kind    string `json:"kind"`
	Webhook string `json:"webhookId,omitempty"`
}

// Checks returns a project's checks.
func (c *Client) Checks(ctx context.Context, project string) ([]Check, error) {
	var out struct {
		Checks []Check `json:"checks"`
	}
	_, err := c.do(ctx, call{do: "list checks", right: "Project: checks", method: http.MethodGet,
		path: "/v2/projects/" + seg(project) + "/checks"}, &out)
	return out.Checks, err
}

// CreateCheck makes a check. Look for it first: Vercel would make another.
func (c *Client) CreateCheck(ctx context.Context, project string, k Check) (Check, error) {
	var out Check
	_, err := c.do(ctx, call{do: "create a check", right: "Project: checks", method: http.MethodPost,
		path: "/v2/projects/" + seg(project) + "/checks", body: k}, &out)
	if err == nil && out.ID == "" {
		err = lacks("the check", "its id")
	}
	return out, err
}

// EditCheck changes a check: what fields do not say stays.
func (c *Client) EditCheck(ctx context.Context, project, id string, fields map[string]any) error {
	_, err := c.do(ctx, call{do: "change a check", right: "Project: checks", method: http.MethodPatch,
		path: "/v2/projects/" + seg(project) + "/checks/" + seg(id), body: fields, safe: true}, nil)
	return err
}

// DropCheck deletes a check; one that is not there is no fault.
func (c *Client) DropCheck(ctx context.Context, project, id string) error {
	_, err := c.do(ctx, call{do: "delete a check", right: "Project: checks", method: http.MethodDelete,
		path: "/v2/projects/" + seg(project) + "/checks/" + seg(id), safe: true}, nil)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// The conclusions of a run that Slipway gives.
const (
	Succeeded = "succeeded"
	Failing   = "failed"
)

// Run is a check of one deployment.
type Run struct {
	ID         string `json:"id"`
	CheckID    string `json:"checkId"`
	Name       string `json:"name"`
	Status     string `json:"status"`     // queued, running or completed
	Conclusion string `json:"conclusion"` // succeeded, failed, neutral, skipped, canceled or timeout
}

// Runs returns the checks of a deployment.
func (c *Client) Runs(ctx context.Context, deployment string) ([]Run, error) {
	var out struct {
		Runs []Run `json:"runs"`
	}
	_, err := c.do(ctx, call{do: "list the checks of a deployment", right: "Deployment: checks", method: http.MethodGet,
		path: "/v2/deployments/" + seg(deployment) + "/check-runs"}, &out)
	return out.Runs, err
}

// CreateRun begins a check of a deployment.
func (c *Client) CreateRun(ctx context.Context, deployment, check string) (Run, error) {
	var out Run
	_, err := c.do(ctx, call{do: "begin a check of a deployment", right: "Deployment: checks", method: http.MethodPost,
		path: "/v2/deployments/" + seg(deployment) + "/check-runs", body: map[string]string{"checkId": check}}, &out)
	if err == nil && out.ID == "" {
		err = lacks("the run of a check", "its id")
	}
	return out, err
}

// Conclude ends a run with what was found.
func (c *Client) Conclude(ctx context.Context, deployment, run, conclusion, text, externalID, address string) error {
	body := map[string]any{"status": "completed", "conclusion": conclusion, "conclusionText": text}
	if externalID != "" {
		body["externalId"] = externalID
	}
	if address != "" {
		body["externalUrl"] = address
	}
	_, err := c.do(ctx, call{do: "conclude a check of a deployment", right: "Deployment: checks", method: http.MethodPatch,
		path: "/v2/deployments/" + seg(deployment) + "/check-runs/" + seg(run), body: body, safe: true}, nil)
	return err
}

// Hook is a webhook of an account. Secret is told once, when it is made.
type Hook struct {
	ID       string   `json:"id,omitempty"`
	URL      string   `json:"url"`
	Events   []string `json:"events"`
	Projects []string `json:"projectIds,omitempty"`
	Secret   string   `json:"secret,omitempty"`
	Created  float64  `json:"createdAt,omitempty"`
}

// Hooks returns the webhooks that there are.
func (c *Client) Hooks(ctx context.Context) ([]Hook, error) {
	var out []Hook
	_, err := c.do(ctx, call{do: "list webhooks", right: "Webhook: read", method: http.MethodGet,
		path: "/v1/webhooks"}, &out)
	return out, err
}

// CreateHook makes a webhook. Look for it first.
func (c *Client) CreateHook(ctx context.Context, h Hook) (Hook, error) {
	var out Hook
	_, err := c.do(ctx, call{do: "create a webhook", right: "Webhook: create", method: http.MethodPost,
		path: "/v1/webhooks", body: h}, &out)
	if err == nil && (out.ID == "" || out.Secret == "") {
		err = lacks("the webhook", "its id or secret")
	}
	return out, err
}

// DropHook deletes a webhook; one that is not there is no fault.
func (c *Client) DropHook(ctx context.Context, id string) error {
	_, err := c.do(ctx, call{do: "delete a webhook", right: "Webhook: delete", method: http.MethodDelete,
		path: "/v1/webhooks/" + seg(id), safe: true}, nil)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// Drain has Vercel deliver what it logs.
type Drain struct {
	ID       string            `json:"id,omitempty"`
	Name     string            `json:"name"`
	Projects string            `json:"projects,omitempty"` // all or some
	IDs      []string          `json:"projectIds,omitempty"`
	Schemas  map[string]Schema `json:"schemas"`
	Delivery Delivery          `json:"delivery"`
	Filter   any               `json:"filter,omitempty"`
	Sampling []Sampling        `json:"sampling,omitempty"`
	Source   any               `json:"source,omitempty"`
	Status   string            `json:"status,omitempty"` // enabled, disabled or errored
	Disabled string            `json:"disabledReason,omitempty"`
}

// Schema is how the records of a drain are written.
type Schema struct {
	Version string `json:"version,omitempty"`
}

// Address returns where a drain delivers to; empty where that is no address.
func (d Drain) Address() string {
	switch e := d.Delivery.Endpoint.(type) {
	case string:
		return e
	case map[string]any:
		s, _ := e["traces"].(string)
		return s
	case map[string]string:
		return e["traces"]
	}
	return ""
}

// Delivery is where a drain delivers to.
type Delivery struct {
	Type        string            `json:"type"` // http or otlphttp
	Endpoint    any               `json:"endpoint"`
	Encoding    string            `json:"encoding,omitempty"`
	Compression string            `json:"compression,omitempty"`
	Headers     map[string]string `json:"headers"` // Vercel wants it, if empty
	Secret      Secret            `json:"secret,omitempty"`
}

// Secret signs. What Vercel says of one is never kept: it may be none at all.
type Secret string

// UnmarshalJSON lets it be.
func (*Secret) UnmarshalJSON([]byte) error { return nil }

// Sampling says which part of the records a drain delivers.
type Sampling struct {
	Type string  `json:"type"`
	Rate float64 `json:"rate"`
	Env  string  `json:"env,omitempty"`
	Path string  `json:"requestPath,omitempty"`
}

// Drains returns the drains that there are.
func (c *Client) Drains(ctx context.Context) ([]Drain, error) {
	var out struct {
		Drains []Drain `json:"drains"`
	}
	_, err := c.do(ctx, call{do: "list drains", right: "Drain: read", method: http.MethodGet, path: "/v1/drains"}, &out)
	return out.Drains, err
}

// CreateDrain makes a drain. Look for it first.
func (c *Client) CreateDrain(ctx context.Context, d Drain) (Drain, error) {
	var out Drain
	_, err := c.do(ctx, call{do: "create a drain", right: "Drain: create", method: http.MethodPost, path: "/v1/drains",
		body: d}, &out)
	if err == nil && out.ID == "" {
		err = lacks("the drain", "its id")
	}
	return out, err
}

// EditDrain changes a drain: what d does not say stays.
func (c *Client) EditDrain(ctx context.Context, id string, d map[string]any) error {
	_, err := c.do(ctx, call{do: "change a drain", right: "Drain: update", method: http.MethodPatch,
		path: "/v1/drains/" + seg(id), body: d, safe: true}, nil)
	return err
}

// TestDrain has Vercel deliver something made up to where a drain is to deliver to.
func (c *Client) TestDrain(ctx context.Context, d Drain) error {
	var out struct {
		Error string `json:"error"`
	}
	_, err := c.do(ctx, call{do: "try a drain", right: "Drain: create", method: http.MethodPost, path: "/v1/drains/test",
		body: map[string]any{"schemas": d.Schemas, "delivery": d.Delivery}}, &out)
	if err == nil && out.Error != "" {
		err = fault.New(fault.Unavailable, "vercel_drain", "Vercel could not deliver to %s: %s.", d.Address(),
			clean(out.Error, string(d.Delivery.Secret)))
	}
	return err
}

// DropDrain deletes a drain; one that is not there is no fault.
func (c *Client) DropDrain(ctx context.Context, id string) error {
	_, err := c.do(ctx, call{do: "delete a drain", right: "Drain: delete", method: http.MethodDelete,
		path: "/v1/drains/" + seg(id), safe: true}, nil)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}
