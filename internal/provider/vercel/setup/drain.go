package setup

import (
	"slices"
	"strings"

	api "github.com/slipwayhq/slipway/internal/vercel"
)

// wantedDrain is a drain that Slipway can read.
type wantedDrain struct {
	name, schema  string
	what, purpose string
	needed        bool
	unneeded      string
}

func (o Options) wantedDrains() []wantedDrain {
	return []wantedDrain{
		{logDrain, "log", "A drain of logs", "errors by deployment", o.Drains, "No guard goes by it."},
		{traceDrain, "trace", "A drain of traces", "response times by deployment", o.Traces,
			"The strategy does not say sources: {drain: {traces: on}}: response times are judged by nothing."},
		{vitalsDrain, "speed_insights", "A drain of Speed Insights", "web vitals by deployment", o.Vitals,
			"No guard compares web vitals."},
	}
}

// is reports whether a drain is this one, of this project, to Slipway.
func (w wantedDrain) is(o Options, d api.Drain, project string) bool {
	_, holds := d.Schemas[w.schema]
	path := drainPath
	if w.schema == "trace" {
		path = drainPath + "/v1/traces"
		if o.ours(d.Address(), drainPath) {
			path = drainPath
		}
	}
	return holds && o.ours(d.Address(), path) && (d.Projects == "all" || slices.Contains(d.IDs, project))
}

// order is what makes the drain.
func (w wantedDrain) order(o Options, project, secret string) api.Drain {
	to := strings.TrimRight(o.Slipway, "/") + drainPath
	d := api.Drain{
		Name: w.name, Projects: "some", IDs: []string{project}, Schemas: map[string]api.Schema{w.schema: {Version: "v1"}},
		Delivery: api.Delivery{Type: "http", Endpoint: to, Encoding: "ndjson", Compression: "gzip",
			Headers: map[string]string{}, Secret: api.Secret(secret)},
		Source: map[string]string{"kind": "self-served"},
	}
	deployments := map[string]any{"environments": []string{"production"}}
	filter := map[string]any{"type": "basic", "project": map[string]any{"ids": []string{project}},
		"deployment": deployments}
	switch w.schema {
	case "log":
		filter["log"] = map[string]any{"sources": []string{"lambda", "edge", "static", "redirect", "external", "firewall"}}
		d.Sampling = o.Sampling
	case "trace":
		d.Delivery = api.Delivery{Type: "otlphttp", Endpoint: map[string]string{"traces": to + "/v1/traces"},
			Encoding: "proto", Headers: map[string]string{}, Secret: api.Secret(secret)}
	}
	d.Filter = map[string]any{"version": "v2", "filter": filter}
	return d
}
