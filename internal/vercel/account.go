package vercel

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Credential is what Vercel says of the token that asks.
type Credential struct {
	Name    string
	Expires time.Time // zero: never
	Leaked  bool      // Vercel found it in public
	Teams   []string  // ids of the teams that it is for; empty: all of its owner
}

// Credential returns what Vercel says of the token that asks.
func (c *Client) Credential(ctx context.Context) (Credential, error) {
	var out struct {
		Token struct {
			ID        string  `json:"id"`
			Name      string  `json:"name"`
			ExpiresAt float64 `json:"expiresAt"`
			LeakedAt  float64 `json:"leakedAt"`
			Scopes    []struct {
				Type   string `json:"type"`
				TeamID string `json:"teamId"`
			} `json:"scopes"`
		} `json:"token"`
	}
	_, err := c.do(ctx, call{do: "read what the token is", right: "User: read", method: http.MethodGet,
		path: "/v5/user/tokens/current"}, &out)
	if err == nil && out.Token.ID == "" {
		err = lacks("the token", "its id")
	}
	t := out.Token
	k := Credential{Name: t.Name, Expires: millis(t.ExpiresAt), Leaked: t.LeakedAt > 0}
	for _, s := range t.Scopes {
		if s.Type == "team" && s.TeamID != "" {
			k.Teams = append(k.Teams, s.TeamID)
		}
	}
	return k, err
}

// Clock returns what time it is at Vercel, to the second, and how long the answer took.
func (c *Client) Clock(ctx context.Context) (at time.Time, took time.Duration, err error) {
	begun := time.Now()
	h, err := c.do(ctx, call{do: "read whose the token is", right: "User: read", method: http.MethodGet,
		path: "/v2/user"}, nil)
	if err != nil {
		return time.Time{}, 0, err
	}
	at, err = http.ParseTime(h.Get("Date"))
	if err != nil {
		return time.Time{}, 0, lacks("the time", "a Date header")
	}
	return at, time.Since(begun), nil
}

// Limited reports what the headers of an answer say of the limit of reading deployments: of how many a minute, and how
// many are left; -1 where they say nothing.
func (c *Client) Limited(ctx context.Context, project string) (limit, left int64, err error) {
	h, err := c.do(ctx, call{do: "list deployments", right: "Deployment: read", method: http.MethodGet,
		path: "/v7/deployments", query: url.Values{"projectId": {project}, "limit": {"1"}}}, nil)
	if err != nil {
		return -1, -1, err
	}
	limit, left = -1, -1
	if n, ok := number(h.Get("X-RateLimit-Limit")); ok {
		limit = n
	}
	if n, ok := number(h.Get("X-RateLimit-Remaining")); ok {
		left = n
	}
	return limit, left, nil
}

// Store is a Global Config, without what it holds.
type Store struct {
	ID   string `json:"id"`
	Slug string `json:"slug"`
}

// Config returns a Global Config.
func (c *Client) Config(ctx context.Context, id string) (Store, error) {
	var out Store
	_, err := c.do(ctx, call{do: "read the Global Config", right: "Edge Config: read", method: http.MethodGet,
		path: "/v1/global-config/" + seg(id)}, &out)
	if err == nil && out.ID == "" {
		err = lacks("the Global Config", "its id")
	}
	return out, err
}

// Permissions are what a token may do with a kind of thing: create, delete, list, read and update.
type Permissions map[string][]string
