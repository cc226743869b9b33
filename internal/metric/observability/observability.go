// Package observability asks Vercel itself how many requests its deployments had: to compare that with what a drain
// told of the same minutes, because a drain whose filter or sampling leaves something out says nothing of it, and to
// stand in for a drain that is silent, where a strategy wants that.
//
// The form of the answer stands in no description of Vercel's, and the names of dimensions are looked up before they
// are used. So what comes is read tolerantly as to where things stand and strictly as to what they are: where it is not
// clear which number is meant, nothing is known, and that is said.
package observability

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/vercel"
)

const (
	requests = "vercel.request.count"
	most     = 100 // groups that one answer holds
	deepest  = 8   // how far rows are looked for
)

// Options say who is asked about what.
type Options struct {
	Query   func(context.Context, vercel.Query) (json.RawMessage, error)
	Schema  func(ctx context.Context, metric string) (json.RawMessage, error)
	Project func(context.Context) (id, owner string, err error)
}

// Count is what one deployment had.
type Count struct {
	Requests, Errors float64
}

// Source asks. It is safe for concurrent use.
type Source struct {
	o Options

	mu                 sync.Mutex
	deployment, status string // dimensions; empty until they are known
}

// New returns a Source that has asked nothing.
func New(o Options) *Source { return &Source{o: o} }

// Count returns the requests of each deployment, by Vercel's id of it, from one moment up to another.
func (s *Source) Count(ctx context.Context, from, to time.Time) (map[string]Count, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.deployment == "" {
		if err := s.learn(ctx); err != nil {
			return nil, err
		}
	}
	id, owner, err := s.o.Project(ctx)
	if err != nil {
		return nil, err
	}
	raw, err := s.o.Query(ctx, vercel.Query{
		Project: id, Owner: owner, Metric: requests, Aggregation: "sum", GroupBy: []string{s.deployment, s.status},
		From: from, To: to, Step: to.Sub(from),
	})
	if err != nil {
		return nil, err
	}
	var answer any
	if json.Unmarshal(raw, &answer) != nil {
		return nil, unclear("it is no JSON")
	}
	return s.read(answer)
}

// learn finds out what the dimensions are called.
func (s *Source) learn(ctx context.Context) error {
	raw, err := s.o.Schema(ctx, requests)
	if err != nil {
		return err
	}
	var schema any
	if json.Unmarshal(raw, &schema) != nil {
		return unclear("the schema is no JSON")
	}
	names := dimensions(schema, 0)
	deployment, status := "", ""
	for _, n := range names {
		switch strings.NewReplacer("_", "", "-", "", ".", "").Replace(strings.ToLower(n)) {
		case "deploymentid":
			deployment = n
		case "httpstatus", "httpstatuscode", "statuscode", "responsestatus", "responsestatuscode":
			status = n
		}
	}
	if deployment == "" || status == "" {
		return unclear("its dimensions are " + strings.Join(names[:min(len(names), 20)], ", "))
	}
	s.deployment, s.status = deployment, status
	return nil
}

func unclear(what string) error {
	return fault.New(fault.Unavailable, "observability_unclear", "What Vercel counts can't be read: %s.", what)
}

// dimensions finds the names under a key of that name, as texts or as objects that have a name.
func dimensions(v any, depth int) []string {
	var out []string
	switch v := v.(type) {
	case map[string]any:
		for k, inner := range v {
			if list, ok := inner.([]any); ok && strings.EqualFold(k, "dimensions") {
				for _, x := range list {
					out = append(out, nameOf(x))
				}
			} else if depth < deepest {
				out = append(out, dimensions(inner, depth+1)...)
			}
		}
	case []any:
		for _, x := range v {
			if depth < deepest {
				out = append(out, dimensions(x, depth+1)...)
			}
		}
	}
	out = slices.DeleteFunc(out, func(n string) bool { return n == "" })
	slices.Sort(out)
	return slices.Compact(out)
}

func nameOf(v any) string {
	if text, ok := v.(string); ok {
		return text
	}
	if of, ok := v.(map[string]any); ok {
		for _, k := range []string{"name", "id", "key"} {
			if text, ok := of[k].(string); ok {
				return text
			}
		}
	}
	return ""
}

// read adds an answer's rows up.
func (s *Source) read(answer any) (map[string]Count, error) {
	rows, empty := s.rows(answer, 0)
	switch {
	case len(rows) == 0 && !empty:
		return nil, unclear("there are no rows by " + s.deployment)
	case len(rows) >= most:
		return nil, unclear("there are more rows than one answer holds")
	}
	out := map[string]Count{}
	for _, r := range rows {
		id, _ := s.of(r, s.deployment).(string)
		status, ok := number(s.of(r, s.status))
		n, known := value(r)
		if !ok || !known || n < 0 {
			return nil, unclear("a row has no number, or no status")
		}
		if id == "" || strings.EqualFold(id, "null") {
			continue // of no deployment, such as what the firewall answered
		}
		c := out[id]
		c.Requests += n
		if status >= 500 {
			c.Errors += n
		}
		out[id] = c
	}
	return out, nil
}

// rows finds the objects that name a deployment; empty says that there is a list where they would be.
func (s *Source) rows(v any, depth int) (rows []map[string]any, empty bool) {
	if depth > deepest {
		return nil, false
	}
	switch v := v.(type) {
	case []any:
		empty = len(v) == 0
		for _, x := range v {
			more, _ := s.rows(x, depth+1)
			rows = append(rows, more...)
		}
	case map[string]any:
		if s.of(v, s.deployment) != nil {
			return []map[string]any{v}, false
		}
		if rows, empty = s.rows(v["data"], depth+1); len(rows) > 0 {
			return rows, empty // a summary beside it is of the same requests
		}
		for _, inner := range v {
			more, none := s.rows(inner, depth+1)
			rows, empty = append(rows, more...), empty || none
		}
	}
	return rows, empty
}

// of is what a row says of a dimension: beside its number, or in an object of dimensions.
func (s *Source) of(row map[string]any, dimension string) any {
	if x, ok := row[dimension]; ok {
		return x
	}
	for _, k := range []string{"group", "groups", "dimensions", "labels", "groupBy"} {
		if inner, ok := row[k].(map[string]any); ok && inner[dimension] != nil {
			return inner[dimension]
		}
	}
	return nil
}

// value is the one number of a row, or the sum of its points.
func value(row map[string]any) (float64, bool) {
	found, n := 0, 0.0
	for _, k := range []string{"value", "sum", "count", requests, "vercel_request_count_sum"} {
		if x, ok := number(row[k]); ok {
			found, n = found+1, x
		}
	}
	if found > 0 {
		return n, found == 1
	}
	for _, k := range []string{"data", "points", "values"} {
		list, ok := row[k].([]any)
		if !ok {
			continue
		}
		for _, x := range list {
			point, _ := x.(map[string]any)
			v, ok := value(point)
			if !ok {
				return 0, false
			}
			n += v
		}
		return n, true
	}
	return 0, false
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case string:
		n, err := strconv.ParseFloat(v, 64)
		return n, err == nil
	}
	return 0, false
}
