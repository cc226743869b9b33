package vercel

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
)

// Item is a write to a Global Config.
type Item struct {
	Operation   string `json:"operation"` // create, update, upsert or delete
	Key         string `json:"key"`
	Value       any    `json:"value,omitempty"`
	Description string `json:"description,omitempty"`
}

// PutItems writes items. Vercel has no compare-and-set: there must be one writer.
func (c *Client) PutItems(ctx context.Context, config string, items ...Item) error {
	_, err := c.do(ctx, call{do: "write to the Global Config", right: "Edge Config: update", method: http.MethodPatch,
		path: "/v1/global-config/" + seg(config) + "/items", body: map[string]any{"items": items}, safe: true}, nil)
	return err
}

// ReadItem reads an item from where visitors' requests read it, into out. A missing one is NotFound. After a write,
// since asks for an answer that is no older.
func (c *Client) ReadItem(ctx context.Context, config, key string, since time.Time, out any) error {
	h := http.Header{}
	if !since.IsZero() {
		h.Set("X-Edge-Config-Min-Updated-At", strconv.FormatInt(since.UnixMilli(), 10))
	}
	_, err := c.do(ctx, call{do: "read the Global Config", right: "the Global Config's own token", method: http.MethodGet,
		path: "/" + seg(config) + "/item/" + seg(key), query: url.Values{"version": {"1"}}, header: h, read: true}, out)
	return err
}

// Item reads an item by the API, which answers twenty times a minute.
func (c *Client) Item(ctx context.Context, config, key string, out any) error {
	var item struct {
		Value json.RawMessage `json:"value"`
	}
	_, err := c.do(ctx, call{do: "read an item of the Global Config", right: "Edge Config: read", method: http.MethodGet,
		path: "/v1/global-config/" + seg(config) + "/item/" + seg(key)}, &item)
	switch {
	case err != nil:
		return err
	case len(item.Value) == 0:
		return fault.New(fault.NotFound, "vercel_unknown", "The Global Config has no item %s.", key)
	}
	if err := json.Unmarshal(item.Value, out); err != nil {
		return fault.Wrap(err, fault.Unavailable, "vercel_answer", "The item %s of the Global Config cannot be read.", key)
	}
	return nil
}

// Digest says which content the Global Config has, by where visitors' requests read it.
func (c *Client) Digest(ctx context.Context, config string) (string, error) {
	var out string
	_, err := c.do(ctx, call{do: "read the Global Config", right: "the Global Config's own token", method: http.MethodGet,
		path: "/" + seg(config) + "/digest", query: url.Values{"version": {"1"}}, read: true}, &out)
	return out, err
}

// CanRead reports whether there is a token to read the Global Config with.
func (c *Client) CanRead(ctx context.Context) bool {
	if c.o.Connection == nil {
		return c.o.Reader != nil
	}
	_, err := c.o.Connection(ctx)
	return !fault.Is(err, fault.NotFound)
}

// Connection is a Global Config's connection string, taken apart.
type Connection struct {
	Address string // scheme and host
	Config  string
	Token   string
}

// ParseConnection reads a connection string, such as https://edge-config.vercel.com/ecfg_1?token=….
func ParseConnection(s string) (Connection, error) {
	u, err := url.Parse(s)
	wrong := fault.New(fault.Invalid, "vercel_connection",
		"The Global Config's connection string is none: it looks like https://edge-config.vercel.com/ecfg_…?token=….")
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return Connection{}, wrong // without the cause, which repeats the token
	}
	c := Connection{Address: u.Scheme + "://" + u.Host, Config: strings.Trim(u.Path, "/"), Token: u.Query().Get("token")}
	if c.Config == "" || c.Token == "" {
		return Connection{}, wrong
	}
	return c, nil
}

// Query asks for a metric of Vercel's own.
type Query struct {
	Project     string
	Owner       string // team that owns it
	Metric      string // such as vercel.request.count
	Aggregation string
	GroupBy     []string
	Filter      string
	From, To    time.Time
	Step        time.Duration
}

// Metrics asks what a metric was. The answer's form is not in Vercel's schema: it is returned as it came.
func (c *Client) Metrics(ctx context.Context, q Query) (json.RawMessage, error) {
	body := map[string]any{
		"scope": map[string]any{"type": "project", "ownerId": q.Owner, "projectIds": []string{q.Project}}, "metric": q.Metric,
		"aggregation": q.Aggregation, "groupBy": q.GroupBy, "startTime": q.From.UTC().Format(time.RFC3339),
		"endTime": q.To.UTC().Format(time.RFC3339), "granularity": map[string]any{"minutes": max(1, int(q.Step.Minutes()))},
		"limit": 100,
	}
	if q.Filter != "" {
		body["filter"] = q.Filter
	}
	var out json.RawMessage
	_, err := c.do(ctx, call{do: "query metrics", right: "Observability: read", method: http.MethodPost,
		path: "/v2/observability/query", body: body, safe: true}, &out) // it changes nothing
	return out, err
}

// MetricSchema returns what Vercel says of a metric: its dimensions and aggregations, whose names are not to be
// guessed.
func (c *Client) MetricSchema(ctx context.Context, metric string) (json.RawMessage, error) {
	path := "/v2/observability/schema"
	if metric != "" {
		path += "/" + seg(metric)
	}
	var out json.RawMessage
	_, err := c.do(ctx, call{do: "read which metrics there are", right: "Observability: read", method: http.MethodGet,
		path: path}, &out)
	return out, err
}
