package vercel

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

func metricRoutes() []route {
	const right = "Observability: read"
	return []route{
		{http.MethodPost, "2", "/observability/query", right, 0, (*call).observe},
		{http.MethodGet, "2", "/observability/schema", right, 0, (*call).metricSchemas},
		{http.MethodGet, "2", "/observability/schema/{metric}", right, 0, (*call).metricSchema},
		{http.MethodGet, "-", "/metrics/v1", right, 0, (*call).findMetrics},
		{http.MethodPost, "-", "/metrics/v1", right, 0, (*call).newQuery},
	}
}

// measured are the metrics that the world has, with their units.
func measured() [][3]string {
	return [][3]string{
		{"vercel.request.count", "count", "Requests that were served"},
		{"vercel.function_invocation.count", "count", "Invocations of functions"},
		{"vercel.function_invocation.function_duration_ms", "milliseconds", "How long functions took"},
	}
}

func metricBody(m [3]string) object {
	aggregations := []string{"sum", "count"}
	if m[1] != "count" {
		aggregations = []string{"avg", "max", "p50", "p75", "p95", "p99"}
	}
	dimensions := []any{}
	for _, name := range []string{"deployment_id", "http_status", "request_path", "environment"} {
		dimensions = append(dimensions, object{"name": name, "label": strings.ReplaceAll(name, "_", " ")})
	}
	return object{"id": m[0], "unit": m[1], "description": m[2], "aggregations": aggregations,
		"defaultAggregation": aggregations[0], "dimensions": dimensions}
}

func (c *call) metricSchemas() reply {
	list := []any{}
	for _, m := range measured() {
		list = append(list, object{"id": m[0], "description": m[2]})
	}
	return ok(object{"metrics": list})
}

func (c *call) metricSchema() reply {
	for _, m := range measured() {
		if m[0] == c.PathValue("metric") {
			return ok([]any{metricBody(m)})
		}
	}
	return missing("Metric", c.PathValue("metric"))
}

// findMetrics is how the command line looks for a metric.
func (c *call) findMetrics() reply {
	list := []any{}
	for _, m := range measured() {
		if strings.Contains(m[0], c.query.Get("search")) {
			b := metricBody(m)
			b["name"], b["kind"] = m[0], "system"
			list = append(list, b)
		}
	}
	return ok(object{"metrics": list, "pagination": object{"hasMore": false, "nextCursor": nil}})
}

// question is a query in either form.
type question struct {
	projects    []string
	metric      string
	aggregation string
	groupBy     []string
	filters     []string // each name:value; empty: nothing is filtered
	from, to    time.Time
	step        time.Duration
}

// cell is one value of an answer.
type cell struct {
	at    time.Time
	group string
	took  []float64
}

func (c *call) observe() reply {
	var in struct {
		Scope struct {
			Projects []string `json:"projectIds"`
		} `json:"scope"`
		Metric      string   `json:"metric"`
		Aggregation string   `json:"aggregation"`
		GroupBy     []string `json:"groupBy"`
		Granularity struct {
			Minutes, Hours, Days int
		} `json:"granularity"`
		From time.Time `json:"startTime"`
		To   time.Time `json:"endTime"`
	}
	if bad := c.decode(&in); bad != nil {
		return *bad
	}
	g := in.Granularity
	q := question{projects: in.Scope.Projects, metric: in.Metric, aggregation: in.Aggregation, groupBy: in.GroupBy,
		from: in.From, to: in.To, step: time.Minute * time.Duration(max(1, g.Minutes+60*g.Hours+1440*g.Days))}
	rows, bad := c.w.measure(q)
	if bad != nil {
		return *bad
	}
	// (unverified) The answer's form is in no schema.
	return ok(object{"data": rows, "summary": rows, "statistics": object{"rowsRead": len(c.w.served)}})
}

// newQuery is the form that the command line asks in and reads.
func (c *call) newQuery() reply {
	var in struct {
		Scope struct {
			Projects []string `json:"projectIds"`
		} `json:"scope"`
		Range struct {
			Start time.Time `json:"start"`
			End   time.Time `json:"end"`
		} `json:"timeRange"`
		Seconds int      `json:"bucketSeconds"`
		GroupBy []string `json:"groupBy"`
		Filter  string   `json:"filter"`
		Metrics map[string]struct {
			Metric      string `json:"metric"`
			Aggregation string `json:"aggregation"`
		} `json:"metrics"`
		Outputs []string `json:"outputs"`
	}
	if bad := c.decode(&in); bad != nil {
		return *bad
	}
	series, summary := points{}, points{}
	for _, name := range in.Outputs {
		q := question{projects: in.Scope.Projects, metric: in.Metrics[name].Metric, groupBy: in.GroupBy,
			aggregation: in.Metrics[name].Aggregation, from: in.Range.Start, to: in.Range.End}
		for f := range strings.SplitSeq(in.Filter, " AND ") {
			q.filters = append(q.filters, strings.Trim(f, "()"))
		}
		for into, step := range map[*points]time.Duration{&series: time.Second * time.Duration(in.Seconds),
			&summary: in.Range.End.Sub(in.Range.Start)} {
			q.step = step
			rows, bad := c.w.measure(q)
			if bad != nil {
				return *bad
			}
			into.add(name, in.GroupBy, rows, into == &series)
		}
	}
	// (unverified) What else it says is read from what the command line reads.
	b := object{"summary": summary.list(), "meta": object{"sources": []any{object{"id": "fake"}}, "statistics": object{
		"rowsRead": len(c.w.served), "bytesRead": 0, "databaseElapsedMs": 0, "elapsedMs": 0}}}
	if in.Seconds > 0 {
		b["series"] = series.list()
	}
	return ok(b)
}

// points gathers the values of several outputs by time and dimensions.
type points struct {
	keys []string
	by   map[string]object
}

func (p *points) list() []any {
	list := []any{}
	for _, k := range p.keys {
		list = append(list, p.by[k])
	}
	return list
}

func (p *points) add(name string, dimensions []string, rows []any, timed bool) {
	for _, r := range rows {
		row, _ := r.(object)
		words, point := object{}, object{"values": object{}}
		for _, d := range dimensions {
			words[d] = row[d]
		}
		if point["dimensions"] = words; timed {
			point["timestamp"] = row["timestamp"]
		}
		key := fmt.Sprint(point["timestamp"], words)
		if p.by == nil {
			p.by = map[string]object{}
		}
		if p.by[key] == nil {
			p.keys, p.by[key] = append(p.keys, key), point
		}
		p.by[key]["values"].(object)[name] = row["value"]
	}
}

// measure sums up what was really served.
func (w *World) measure(q question) ([]any, *reply) {
	i := slices.IndexFunc(measured(), func(m [3]string) bool { return m[0] == q.metric })
	if i < 0 {
		bad := refuse(http.StatusBadRequest, "bad_request", "The metric %q is unknown.", q.metric)
		return nil, &bad
	}
	q.step = max(q.step, time.Minute)
	var cells []*cell
	for _, s := range w.served {
		d := w.deployment(s.Deployment)
		if s.At.Before(q.from) || !s.At.Before(q.to) || d == nil ||
			len(q.projects) > 0 && !slices.Contains(q.projects, d.project.id) {
			continue
		}
		words := map[string]string{"deployment_id": d.id, "http_status": strconv.Itoa(s.Status), "request_path": s.Path,
			"environment": d.environment()}
		fits, bad := q.fits(words)
		if bad != nil {
			return nil, bad
		}
		if !fits {
			continue
		}
		var parts []string
		for _, g := range q.groupBy {
			parts = append(parts, words[g])
		}
		at, group := s.At.Truncate(q.step), strings.Join(parts, "\x00")
		j := slices.IndexFunc(cells, func(c *cell) bool { return c.at.Equal(at) && c.group == group })
		if j < 0 {
			j = len(cells)
			cells = append(cells, &cell{at: at, group: group})
		}
		cells[j].took = append(cells[j].took, float64(s.Took.Microseconds())/1000)
	}
	rows := []any{}
	for _, c := range cells {
		row := object{"timestamp": stampText(c.at.UnixMilli()), "value": c.value(q.aggregation)}
		for k, part := range strings.Split(c.group, "\x00") {
			if k < len(q.groupBy) {
				row[q.groupBy[k]] = part
			}
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// fits reports whether a request passes all filters; one that the fake does not know is refused, not ignored.
func (q question) fits(words map[string]string) (bool, *reply) {
	for _, f := range q.filters {
		name, value, found := strings.Cut(f, ":")
		have, known := words[name]
		switch {
		case f == "":
		case !found || !known:
			bad := refuse(http.StatusBadRequest, "bad_request", "The filter %q is not understood.", f)
			return false, &bad
		case have != strings.Trim(value, `"`):
			return false, nil
		}
	}
	return true, nil
}

func (c *cell) value(aggregation string) float64 {
	slices.Sort(c.took)
	percent, err := strconv.Atoi(strings.TrimPrefix(aggregation, "p"))
	switch {
	case err == nil && strings.HasPrefix(aggregation, "p"):
		return c.took[min(len(c.took)-1, len(c.took)*percent/100)]
	case aggregation == "max":
		return c.took[len(c.took)-1]
	case aggregation == "avg":
		sum := 0.0
		for _, t := range c.took {
			sum += t
		}
		return sum / float64(len(c.took))
	}
	return float64(len(c.took))
}
