package vercel

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
)

// mostPages bounds how long a list is followed.
const mostPages = 100

// Flags returns the active flags that a project has at Vercel, as they come.
func (c *Client) Flags(ctx context.Context, project string) ([]json.RawMessage, error) {
	return c.pages(ctx, "list flags", "/v2/projects/"+seg(project)+"/feature-flags/flags",
		url.Values{"state": {"active"}, "limit": {"100"}})
}

// FlagSegments returns the segments that a project's flags share, as they come.
func (c *Client) FlagSegments(ctx context.Context, project string) ([]json.RawMessage, error) {
	return c.pages(ctx, "list segments of flags", "/v1/projects/"+seg(project)+"/feature-flags/segments", nil)
}

// pages follows a list to its end.
func (c *Client) pages(ctx context.Context, do, path string, query url.Values) ([]json.RawMessage, error) {
	var all []json.RawMessage
	seen := map[string]bool{}
	for range mostPages {
		var out struct {
			Data       *[]json.RawMessage `json:"data"`
			Pagination struct {
				Next *string `json:"next"`
			} `json:"pagination"`
		}
		if _, err := c.do(ctx, call{do: do, right: "Flags: read", method: http.MethodGet, path: path, query: query},
			&out); err != nil {
			return nil, err
		}
		if out.Data == nil {
			return nil, lacks("flags", "data")
		}
		all = append(all, *out.Data...)
		next := out.Pagination.Next
		if next == nil || *next == "" {
			return all, nil
		}
		if seen[*next] {
			break // it leads in a circle
		}
		seen[*next] = true
		more := maps.Clone(query)
		if more == nil {
			more = url.Values{}
		}
		more.Set("cursor", *next)
		query = more
	}
	return nil, lacks("flags", "an end of the list")
}
