package vercel

import (
	"cmp"
	"encoding/json"
	"hash/fnv"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// visited records what was served: for the drains, the logs, the gate and the metrics.
func (w *World) visited(r *http.Request, a way, status int, size int64, trace string, began time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	d, took := a.deployment, w.o.Now().Sub(began)
	w.served = append(w.served, Served{Domain: r.Host, Path: r.URL.Path, Deployment: d.id, Status: status, At: began,
		Took: took})
	if len(w.served) > 100_000 {
		w.served = w.served[50_000:]
	}
	level := "info"
	if status >= 500 {
		level = "error"
	}
	request := w.id("req_")
	d.rows = append(d.rows, object{"rowId": request, "timestampInMs": began.UnixMilli(), "level": level,
		"source": "serverless", "domain": r.Host, "requestMethod": r.Method, "requestPath": r.URL.Path,
		"responseStatusCode": status, "message": "", "messageTruncated": false})
	if len(d.rows) > 10_000 {
		d.rows = d.rows[5_000:]
	}
	if roll := d.project.active(); roll != nil {
		roll.gate.count(began, d == roll.canary, status, r.URL.Path)
	}
	source := "lambda"
	switch {
	case a.elsewhere:
		source = "external"
	case strings.HasPrefix(r.URL.Path, "/_next/static/"):
		source = "static"
	}
	w.record("log", d, r.URL.Path, request, object{
		"id": w.id("log_"), "deploymentId": d.id, "source": source, "host": r.Host, "timestamp": began.UnixMilli(),
		"projectId": d.project.id, "projectName": d.project.name, "level": level, "path": r.URL.Path, "type": "stdout",
		"statusCode": status, "requestId": request, "environment": d.environment(), "branch": d.ref,
		"proxy": object{"timestamp": began.UnixMilli(), "method": r.Method, "host": r.Host, "path": r.URL.RequestURI(),
			"userAgent": []string{r.UserAgent()}, "region": "iad1", "referer": r.Referer(), "statusCode": status,
			"clientIp": visitor(r), "scheme": "http", "responseByteSize": size, "vercelId": trace, "vercelCache": "MISS",
			"lambdaRegion": "iad1", "pathType": "func"}})
	w.record("trace", d, r.URL.Path, request, object{"project": d.project.name, "projectId": d.project.id,
		"deployment": d.id, "environment": d.environment(), "sha": d.sha, "trace": w.hex(32), "span": w.hex(16),
		"name": r.Method + " " + r.URL.Path, "start": strconv.FormatInt(began.UnixNano(), 10),
		"end":    strconv.FormatInt(began.Add(took).UnixNano(), 10),
		"method": r.Method, "path": r.URL.Path, "status": status})
}

func (w *World) hex(n int) string { return strings.Repeat(w.id(""), 2)[:n] }

// Console has a deployment write lines to its log, which drains deliver beside the requests.
func (w *World) Console(idOrHost, level, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if d := w.deployment(idOrHost); d != nil {
		id := w.id("log_")
		w.record("log", d, "/", id, object{"id": id, "deploymentId": d.id, "source": "lambda", "host": d.url,
			"timestamp": w.now(), "projectId": d.project.id, "projectName": d.project.name, "level": level,
			"type": "stderr", "message": text, "environment": d.environment(), "path": "/"})
	}
}

// WebVital has a browser report how a page of a deployment felt: LCP, INP, CLS, FCP or TTFB.
func (w *World) WebVital(idOrHost, metric, path string, value float64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if d := w.deployment(idOrHost); d != nil {
		w.record("speed_insights", d, path, w.id("sin_"), object{"schema": "vercel.speed_insights.v1",
			"timestamp": stampText(w.now()), "projectId": d.project.id, "ownerId": TeamID, "deviceId": w.seq,
			"metricType": metric, "value": value, "origin": "http://" + d.url, "path": path, "route": path,
			"country": "DE", "deviceType": "desktop", "sdkName": "@vercel/speed-insights", "sdkVersion": "2.0.0",
			"vercelEnvironment": d.environment(), "vercelUrl": d.url, "deploymentId": d.id})
	}
}

// gateCount is what a gate has counted: requests of the canary and those of them that failed, by second.
type gateCount struct {
	asked, failed map[int64]int
	exclude       func(status int, path string) bool

	judged int64
}

func (g *gateCount) count(at time.Time, canary bool, status int, path string) {
	if !canary || g.exclude != nil && g.exclude(status, path) {
		return
	}
	if g.asked == nil {
		g.asked, g.failed = map[int64]int{}, map[int64]int{}
	}
	g.asked[at.Unix()]++
	if status >= 500 {
		g.failed[at.Unix()]++
	}
}

// gateConfig is what a configuration says of its gate.
type gateConfig struct {
	Enabled   bool   `json:"enabled"`
	DryRun    bool   `json:"dryRun"`
	Action    string `json:"action"`
	Window    int64  `json:"windowSize"` // minutes
	Threshold int    `json:"failureThreshold"`
	Checks    []struct {
		Min       int      `json:"minSampleSize"`
		Watermark *int64   `json:"ingestWatermarkSeconds"`
		Paths     []string `json:"excludePaths"`
		Statuses  []int    `json:"excludeStatusCodes"`
	} `json:"checks"`
}

// settleGate judges the canary once a minute. (unverified) The rule of comparison is in no document: here a minute is
// bad when more than 5 % of at least minSampleSize requests failed, and failureThreshold bad minutes of the last
// windowSize have the action taken.
func (w *World) settleGate(r *rolling) {
	var g gateConfig
	raw, err := json.Marshal(r.config.Gate)
	if err != nil || json.Unmarshal(raw, &g) != nil || !g.Enabled || len(g.Checks) == 0 || r.paused {
		return
	}
	k := g.Checks[0]
	r.gate.exclude = func(status int, path string) bool {
		return contains(k.Statuses, status) || contains(k.Paths, path)
	}
	watermark := int64(30)
	if k.Watermark != nil {
		watermark = *k.Watermark
	}
	end, bad := (w.now()/1000-watermark)/60, 0
	if end == r.gate.judged {
		return
	}
	r.gate.judged = end
	for minute := end - cmp.Or(g.Window, 5); minute < end; minute++ {
		asked, failed := 0, 0
		for s := minute * 60; s < minute*60+60; s++ {
			asked, failed = asked+r.gate.asked[s], failed+r.gate.failed[s]
		}
		if asked >= cmp.Or(k.Min, 100) && failed*20 > asked {
			bad++
		}
	}
	if bad < cmp.Or(g.Threshold, 3) || g.DryRun {
		return
	}
	if g.Action != "rollback" {
		r.paused, r.updated = true, w.stamp()
		return
	}
	p := r.project
	a := &aliasRequest{kind: "rollback", to: r.base, rolling: r.canary.id, by: "system"}
	w.endRolling(r, "ABORTED")
	w.emitRolling("project.rolling-release.aborted", p, r, r.by)
	p.autoAssign, p.target = false, a
	w.request(p, a)
}

func contains[T comparable](list []T, v T) bool {
	for _, o := range list {
		if o == v {
			return true
		}
	}
	return false
}

// bucketOf is a number in [0, size) that a text always has.
func bucketOf(text string, size uint32) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(text))
	return int(h.Sum32() % size)
}
