package vercel

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
)

// Variable is an environment variable of a project. Value is what it has only where Told says so.
type Variable struct {
	ID         string   `json:"id,omitempty"`
	Type       string   `json:"type"` // system, encrypted, plain or sensitive
	Key        string   `json:"key"`
	Value      string   `json:"value"`
	Target     []string `json:"target,omitempty"`
	GitBranch  string   `json:"gitBranch,omitempty"`
	Custom     []string `json:"customEnvironmentIds,omitempty"`
	Comment    string   `json:"comment,omitempty"`
	Visibility string   `json:"visibility,omitempty"` // secret for a sensitive one
	UpdatedAt  float64  `json:"updatedAt,omitempty"`
	UpdatedBy  string   `json:"lastEditedByDisplayName,omitempty"`
	Decrypted  bool     `json:"decrypted,omitempty"`
}

// Told reports whether Value is the value: Vercel gives the ciphertext of what it was not asked to decrypt.
func (v Variable) Told() bool { return v.Type == "plain" || v.Decrypted && v.Type != "sensitive" }

// Updated is when it was changed last.
func (v Variable) Updated() time.Time { return millis(v.UpdatedAt) }

// Env returns a project's variables; with their values where decrypt is set and Vercel tells them.
func (c *Client) Env(ctx context.Context, project string, decrypt bool) ([]Variable, error) {
	query := url.Values{}
	if decrypt {
		query.Set("decrypt", "true")
	}
	var out struct {
		Envs       []Variable `json:"envs"`
		Pagination pagination `json:"pagination"`
	}
	var all []Variable
	for {
		out.Envs, out.Pagination = nil, pagination{}
		_, err := c.do(ctx, call{do: "list environment variables", right: "Project: environment variables",
			method: http.MethodGet, path: "/v10/projects/" + seg(project) + "/env", query: query}, &out)
		if err != nil {
			return nil, err
		}
		all = append(all, out.Envs...)
		if out.Pagination.Next == nil || len(out.Envs) == 0 {
			return all, nil
		}
		query.Set("until", out.Pagination.next())
	}
}

// SetEnv creates variables, and changes those that are there when upsert is set. Some may fail where others are
// written: the fault names each.
func (c *Client) SetEnv(ctx context.Context, project string, upsert bool, list ...Variable) error {
	query := url.Values{}
	if upsert {
		query.Set("upsert", "true")
	}
	var body any = list
	if len(list) == 1 {
		body = list[0]
	}
	var out struct {
		Failed []struct {
			Error struct {
				Code    string `json:"code"`
				Message string `json:"message"`
				Key     string `json:"key"`
			} `json:"error"`
		} `json:"failed"`
	}
	_, err := c.do(ctx, call{do: "write environment variables", right: "Project: environment variables",
		method: http.MethodPost, path: "/v10/projects/" + seg(project) + "/env", query: query, body: body, safe: upsert,
	}, &out)
	if err != nil || len(out.Failed) == 0 {
		return err
	}
	var not []string
	for _, f := range out.Failed {
		not = append(not, fmt.Sprintf("%s (%s)", clean(f.Error.Key, ""), clean(or(f.Error.Code, f.Error.Message), "")))
	}
	return fault.New(fault.Refused, "vercel_env", "Vercel did not take %s; the others are written.",
		strings.Join(not, ", "))
}

// EnvOf returns one variable, with its value where Vercel tells it.
func (c *Client) EnvOf(ctx context.Context, project, id string) (Variable, error) {
	var v Variable
	_, err := c.do(ctx, call{do: "read an environment variable", right: "Project: environment variables",
		method: http.MethodGet, path: "/v1/projects/" + seg(project) + "/env/" + seg(id)}, &v)
	return v, err
}

// EnvEdit is what changes of a variable; what is left out stays.
type EnvEdit struct {
	Value  *string   `json:"value,omitempty"`
	Type   string    `json:"type,omitempty"`
	Target *[]string `json:"target,omitempty"`
	Custom *[]string `json:"customEnvironmentIds,omitempty"`
}

// EditEnv changes a variable.
func (c *Client) EditEnv(ctx context.Context, project, id string, v EnvEdit) error {
	_, err := c.do(ctx, call{do: "change an environment variable", right: "Project: environment variables",
		method: http.MethodPatch, path: "/v9/projects/" + seg(project) + "/env/" + seg(id), body: v, safe: true}, nil)
	return err
}

// DropEnv deletes a variable; one that is not there is no fault.
func (c *Client) DropEnv(ctx context.Context, project, id string) error {
	_, err := c.do(ctx, call{do: "delete an environment variable", right: "Project: environment variables",
		method: http.MethodDelete, path: "/v10/projects/" + seg(project) + "/env/" + seg(id), safe: true}, nil)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// SharedVariable is a variable that the team shares among projects.
type SharedVariable struct {
	Variable
	Projects []string `json:"projectId"` // that it is linked to
}

// SharedEnv returns the variables that the team shares among projects, without their values.
func (c *Client) SharedEnv(ctx context.Context) ([]SharedVariable, error) {
	query := url.Values{"limit": {"100"}}
	var all []SharedVariable
	for {
		var out struct {
			Data       []SharedVariable `json:"data"`
			Pagination pagination       `json:"pagination"`
		}
		_, err := c.do(ctx, call{do: "list shared environment variables", right: "Shared environment variables",
			method: http.MethodGet, path: "/v1/env", query: query}, &out)
		if err != nil {
			return nil, err
		}
		all = append(all, out.Data...)
		if out.Pagination.Next == nil || len(out.Data) == 0 {
			return all, nil
		}
		query.Set("until", out.Pagination.next())
	}
}

// CustomEnvironment is an environment of the team's own.
type CustomEnvironment struct {
	ID   string `json:"id"`
	Slug string `json:"slug"`
}

// CustomEnvironments returns a project's environments of the team's own.
func (c *Client) CustomEnvironments(ctx context.Context, project string) ([]CustomEnvironment, error) {
	var out struct {
		Environments []CustomEnvironment `json:"environments"`
	}
	_, err := c.do(ctx, call{do: "list custom environments", right: "Project: read", method: http.MethodGet,
		path: "/v9/projects/" + seg(project) + "/custom-environments"}, &out)
	return out.Environments, err
}
