package vercel

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	"github.com/slipwayhq/slipway/internal/fault"
)

const writeFlags = "Flags: write"

// ArchivedFlags returns the flags that a project has archived at Vercel, as they come.
func (c *Client) ArchivedFlags(ctx context.Context, project string) ([]json.RawMessage, error) {
	return c.pages(ctx, "list archived flags", "/v2/projects/"+seg(project)+"/feature-flags/flags",
		url.Values{"state": {"archived"}, "limit": {"100"}})
}

// FlagEnvironments returns the names of the environments in which a project's flags decide.
func (c *Client) FlagEnvironments(ctx context.Context, project string) ([]string, error) {
	var out struct {
		Environments *[]string `json:"environments"`
	}
	if _, err := c.do(ctx, call{do: "read the settings of flags", right: "Flags: read", method: http.MethodGet,
		path: "/v1/projects/" + seg(project) + "/feature-flags/settings"}, &out); err != nil {
		return nil, err
	}
	if out.Environments == nil {
		return nil, lacks("the settings of flags", "environments")
	}
	return *out.Environments, nil
}

// CreateFlag creates a flag and returns its revision.
func (c *Client) CreateFlag(ctx context.Context, project string, flag json.RawMessage) (int64, error) {
	return c.writeFlag(ctx, call{do: "create a flag", right: writeFlags, method: http.MethodPut,
		path: "/v1/projects/" + seg(project) + "/feature-flags/flags", body: flag})
}

// EditFlag changes a flag, if it still has a revision, and returns the new one. Faults: Conflict when somebody else
// has changed it.
//
// Vercel guards a write by the tag that it gave with what was read, and says nothing of what a tag is made of. So the
// flag is read once more, its revision compared, and its tag sent back.
func (c *Client) EditFlag(
	ctx context.Context, project, slug string, revision int64, edit json.RawMessage,
) (int64, error) {
	path := "/v1/projects/" + seg(project) + "/feature-flags/flags/" + seg(slug)
	var is struct {
		Revision *int64 `json:"revision"`
	}
	header, err := c.do(ctx, call{do: "read a flag", right: "Flags: read", method: http.MethodGet, path: path}, &is)
	if err != nil {
		return 0, err
	}
	tag := header.Get("ETag")
	switch {
	case is.Revision == nil:
		return 0, lacks("the flag "+slug, "revision")
	case tag == "":
		return 0, lacks("the flag "+slug, "the header ETag")
	case *is.Revision != revision:
		return 0, overtaken(slug, strconv.FormatInt(*is.Revision, 10))
	}
	next, err := c.writeFlag(ctx, call{do: "change a flag", right: writeFlags, method: http.MethodPatch, path: path,
		body: edit, header: http.Header{"If-Match": {tag}}})
	if s := StatusOf(err); s == http.StatusPreconditionFailed || s == http.StatusConflict {
		return 0, overtaken(slug, "another one")
	}
	return next, err
}

func overtaken(slug, revision string) error {
	return fault.New(fault.Conflict, "vercel_flag_changed",
		"Somebody changed %s at Vercel since it was looked at: it has revision %s now. Look at the plan again.",
		slug, revision)
}

func (c *Client) writeFlag(ctx context.Context, k call) (int64, error) {
	var out struct {
		Revision *int64 `json:"revision"`
	}
	if _, err := c.do(ctx, k, &out); err != nil {
		return 0, err
	}
	if out.Revision == nil {
		return 0, lacks("the flag that was written", "revision")
	}
	return *out.Revision, nil
}
