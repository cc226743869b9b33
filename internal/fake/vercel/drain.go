package vercel

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// drain delivers what is logged.
type drain struct {
	id      string
	order   newDrain
	created int64
	updated int64
	waiting map[string][]object // by schema
	since   time.Time           // of the first that waits
	failed  int
	first   int64 // time of the first failure
	off     string
}

type newDrain struct {
	Name       string            `json:"name"`
	Projects   string            `json:"projects"`
	ProjectIDs []string          `json:"projectIds"`
	Schemas    map[string]object `json:"schemas"`
	Delivery   struct {
		Type        string            `json:"type"`
		Endpoint    any               `json:"endpoint"`
		Encoding    string            `json:"encoding"`
		Compression string            `json:"compression,omitempty"`
		Headers     map[string]string `json:"headers"`
		Secret      string            `json:"secret,omitempty"`
	} `json:"delivery"`
	Filter   any `json:"filter"`
	Sampling []struct {
		Type string  `json:"type"`
		Rate float64 `json:"rate"`
		Env  string  `json:"env,omitempty"`
		Path string  `json:"requestPath,omitempty"`
	} `json:"sampling"`
	Source object `json:"source"`
	Status string `json:"status"`
}

func drainRoutes() []route {
	return []route{
		{http.MethodPost, "1", "/drains", "Drain: create", 30, (*call).createDrain},
		{http.MethodGet, "1", "/drains", "Drain: read", 0, (*call).listDrains},
		{http.MethodPost, "1", "/drains/test", "Drain: create", 30, (*call).testDrain},
		{http.MethodGet, "1", "/drains/{drain}", "Drain: read", 0, onDrain(func(c *call, d *drain) reply {
			return ok(d.body())
		})},
		{http.MethodPatch, "1", "/drains/{drain}", "Drain: create", 30, onDrain((*call).editDrain)},
		{http.MethodDelete, "1", "/drains/{drain}", "Drain: delete", 0, onDrain((*call).dropDrain)},
	}
}

func onDrain(do func(*call, *drain) reply) func(*call) reply {
	return func(c *call) reply {
		for _, d := range c.w.drains {
			if d.id == c.PathValue("drain") {
				return do(c, d)
			}
		}
		return missing("Drain", c.PathValue("drain"))
	}
}

func (d *drain) body() object {
	o := d.order
	delivery := object{"type": o.Delivery.Type, "endpoint": o.Delivery.Endpoint, "encoding": o.Delivery.Encoding,
		"headers": o.Delivery.Headers}
	if o.Delivery.Headers == nil {
		delivery["headers"] = object{}
	}
	if o.Delivery.Compression != "" {
		delivery["compression"] = o.Delivery.Compression
	}
	b := object{"id": d.id, "name": o.Name, "ownerId": TeamID, "teamId": TeamID, "createdAt": d.created,
		"updatedAt": d.updated, "schemas": o.Schemas, "delivery": delivery, "source": o.Source, "status": "enabled"}
	if len(o.ProjectIDs) > 0 {
		b["projectIds"] = o.ProjectIDs
	}
	if o.Sampling != nil {
		b["sampling"] = o.Sampling
	}
	if o.Filter != nil {
		b["filterV2"] = o.Filter
	}
	if d.off != "" || o.Status == "disabled" {
		b["status"], b["disabledAt"] = "disabled", d.updated
	}
	if d.off != "" {
		b["disabledReason"], b["firstErrorTimestamp"] = d.off, d.first
	}
	return b
}

func (c *call) createDrain() reply {
	d := &drain{id: c.w.id("drn_"), created: c.w.stamp(), waiting: map[string][]object{}}
	d.order.Source = object{"kind": "self-served"}
	if c.w.o.Plan == Hobby {
		return refuse(http.StatusForbidden, "forbidden", "Drains need Pro or Enterprise.")
	}
	out := c.editDrain(d)
	if out.status == http.StatusOK {
		c.w.drains = append(c.w.drains, d)
	}
	return out
}

func (c *call) listDrains() reply {
	list := []any{}
	for _, d := range c.w.drains {
		list = append(list, d.body())
	}
	return ok(object{"drains": list})
}

func (c *call) editDrain(d *drain) reply {
	next := d.order
	if bad := c.decode(&next); bad != nil {
		return *bad
	}
	if why := next.wrong(); why != "" {
		return refuse(http.StatusBadRequest, "bad_request", "%s", why)
	}
	if next.Status == "enabled" || next.Status == "" {
		d.off, d.failed, d.first = "", 0, 0
	}
	d.order, d.updated = next, c.w.stamp()
	return ok(d.body())
}

func (o *newDrain) wrong() string {
	switch {
	case o.Name == "":
		return "`name` is missing."
	case len(o.Schemas) == 0:
		return "`schemas` is missing."
	case o.Projects == "some" && len(o.ProjectIDs) == 0:
		return "`projectIds` is missing."
	case o.endpoint("log") == "":
		return "`delivery.endpoint` is missing."
	case o.Delivery.Type == "http" && !slices.Contains([]string{"json", "ndjson"}, o.Delivery.Encoding):
		return "`delivery.encoding` must be json or ndjson."
	}
	return o.filter().wrong
}

// endpoint is where records of a schema go.
func (o *newDrain) endpoint(schema string) string {
	switch e := o.Delivery.Endpoint.(type) {
	case string:
		return e
	case map[string]any:
		s, _ := e["traces"].(string)
		if schema == "trace" || schema == "log" && o.Schemas["log"] == nil {
			return s
		}
	}
	return ""
}

func (c *call) dropDrain(d *drain) reply {
	c.w.drains = slices.DeleteFunc(c.w.drains, func(o *drain) bool { return o == d })
	return empty(http.StatusNoContent)
}

// testDrain sends one record to where a drain would, so that its owner can show that it is theirs.
func (c *call) testDrain() reply {
	var in newDrain
	if bad := c.decode(&in); bad != nil {
		return *bad
	}
	if in.Name == "" {
		in.Name = "test"
	}
	if why := in.wrong(); why != "" {
		return refuse(http.StatusBadRequest, "bad_request", "%s", why)
	}
	d := &drain{order: in}
	for schema := range in.Schemas {
		record := object{"id": c.w.id("log_"), "timestamp": c.w.now(), "type": "stdout", "source": "build",
			"message": "A test of the drain", "level": "info", "host": "test", "projectId": "prj_test",
			"deploymentId": "dpl_test"}
		c.w.post(c.w.parcel(d, schema, []object{record}))
	}
	return ok(object{})
}

// sampled reports whether a drain takes a record; the same request is always taken or always left.
func (d *drain) sampled(environment, path, key string) bool {
	for _, s := range d.order.Sampling {
		if s.Env != "" && s.Env != environment || s.Path != "" && !strings.HasPrefix(path, s.Path) {
			continue
		}
		return float64(bucketOf(key, 10000)) < s.Rate*10000
	}
	return true
}

// record gives a record to every drain that wants its schema.
func (w *World) record(schema string, dep *deployment, path, key string, row object) {
	for _, d := range w.drains {
		o := d.order
		if d.off != "" || o.Status == "disabled" || o.Schemas[schema] == nil ||
			o.Projects == "some" && !slices.Contains(o.ProjectIDs, dep.project.id) || !o.filter().takes(dep, row) ||
			!d.sampled(dep.environment(), path, key) {
			continue
		}
		if len(d.waiting) == 0 {
			d.since = w.o.Now()
		}
		d.waiting[schema] = append(d.waiting[schema], maps.Clone(row))
	}
}

// fillDrains makes batches of what waits.
func (w *World) fillDrains() {
	for _, d := range w.drains {
		if len(d.waiting) == 0 || w.outbox.disorder.Hold || w.o.Now().Sub(d.since) < w.o.DrainDelay {
			continue
		}
		for _, schema := range slices.Sorted(maps.Keys(d.waiting)) {
			for batch := range slices.Chunk(d.waiting[schema], 1000) {
				w.post(w.parcel(d, schema, batch))
			}
		}
		d.waiting = map[string][]object{}
	}
}

// parcel makes a batch as the drain wants it. (unverified) The signature is of the body as it is delivered.
func (w *World) parcel(d *drain, schema string, rows []object) *parcel {
	o := d.order
	p := &parcel{url: o.endpoint(schema), drain: d, header: http.Header{"User-Agent": {"VercelDrain/1.0"},
		"Content-Type": {"application/json"}}}
	switch {
	case schema == "trace":
		p.body, _ = json.Marshal(traceBody(rows))
	case o.Delivery.Encoding == "ndjson":
		p.body, p.header["Content-Type"] = lines(rows).raw, []string{"application/x-ndjson"}
	default:
		p.body, _ = json.Marshal(rows)
	}
	if o.Delivery.Compression == "gzip" {
		p.body = squeeze(p.body)
		p.header.Set("Content-Encoding", "gzip")
	}
	p.header.Set("X-Vercel-Signature", sign(p.body, o.Delivery.Secret))
	for k, v := range o.Delivery.Headers {
		p.header.Set(k, v)
	}
	return p
}

// drained switches a drain off that has failed for long.
func (w *World) drained(d *drain, good bool) {
	if good {
		d.failed, d.first = 0, 0
		return
	}
	if d.failed++; d.failed == 1 {
		d.first = w.now()
	}
	if d.failed >= 50 { // (unverified)
		d.off = "disabled-by-admin"
	}
}

// traceBody is OpenTelemetry's JSON of one span for each row.
func traceBody(rows []object) object {
	resources := []any{}
	text := func(k string, v any) object {
		s, _ := v.(string)
		return object{"key": k, "value": object{"stringValue": s}}
	}
	for _, r := range rows {
		status, _ := r["status"].(int)
		code := 1
		if status >= 500 {
			code = 2
		}
		resources = append(resources, object{
			"resource": object{"attributes": []any{text("service.name", r["project"]), text("deployment.id", r["deployment"]),
				text("deployment.environment.name", r["environment"]), text("vcs.ref.head.revision", r["sha"]),
				text("vercel.project_id", r["projectId"])}},
			"scopeSpans": []any{object{"scope": object{"name": "vercel"}, "spans": []any{object{
				"traceId": r["trace"], "spanId": r["span"], "name": r["name"], "kind": 2,
				"startTimeUnixNano": r["start"], "endTimeUnixNano": r["end"], "status": object{"code": code},
				"attributes": []any{text("http.request.method", r["method"]), text("http.route", r["path"]),
					object{"key": "http.response.status_code", "value": object{"intValue": strconv.Itoa(status)}}},
			}}}},
		})
	}
	return object{"resourceSpans": resources}
}
