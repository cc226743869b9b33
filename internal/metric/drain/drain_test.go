package drain

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/metric/metrictest"
)

// row is a record of a log as Vercel writes it.
type row map[string]any

// of is the line of a request that the proxy answered, with a function behind it.
func of(deployment, request string, at time.Time, path string, status int) row {
	return row{
		"id": request + "-0", "deploymentId": deployment, "source": "lambda", "host": "shop.example",
		"timestamp": at.UnixMilli() + 40, "projectId": "prj_1", "level": "info", "requestId": request,
		"statusCode": status, "environment": "production", "path": path, "entrypoint": "app/page", "buildId": "b",
		"message": "START \"quoted\" \\ and {braces} [lists]\nEND", "executionRegion": "fra1", "trace.id": "t",
		"proxy": row{
			"timestamp": at.UnixMilli(), "method": "GET", "path": path, "host": "shop.example", "region": "fra1",
			"statusCode": status, "scheme": "https", "clientIp": "203.0.113.7", "vercelCache": "MISS",
			"userAgent": []string{"Mozilla/5.0 (X11; Linux x86_64)"}, "pathType": "func",
		},
	}
}

// with is the row with some keys changed; proxy.x stands inside of proxy.
func (r row) with(changes row) row {
	out := row{}
	for k, v := range r {
		out[k] = v
	}
	if p, ok := r["proxy"].(row); ok {
		out["proxy"] = p.with(nil)
	}
	for k, v := range changes {
		if name, inside := strings.CutPrefix(k, "proxy."); inside {
			out["proxy"].(row)[name] = v //nolint:forcetypeassert // of builds it
		} else if out[k] = v; v == nil {
			delete(out, k)
		}
	}
	return out
}

func body(rows ...row) []byte {
	out, err := json.Marshal(rows)
	if err != nil {
		panic(err)
	}
	return out
}

func lines(rows ...row) []byte {
	var out []byte
	for _, r := range rows {
		b, err := json.Marshal(r)
		if err != nil {
			panic(err)
		}
		out = append(append(out, b...), '\n')
	}
	return out
}

// find knows deployments dpl_1 to dpl_9.
func find(_ context.Context, external string) (string, error) {
	if n, ok := strings.CutPrefix(external, "dpl_"); ok && len(n) == 1 {
		return "dep_" + n, nil
	}
	return "", nil
}

// start is when each test begins.
func start() time.Time { return time.Unix(metrictest.Start, 0) }

func in(s int64) time.Time { return start().Add(time.Duration(s) * time.Second) }

func opened(o Options) *Drain {
	o.Source, o.Find = "drain-1", find
	return New(o)
}

func take(t *testing.T, d *Drain, now time.Time, body []byte) {
	t.Helper()
	if err := d.Take(t.Context(), now, body); err != nil {
		t.Fatal(err)
	}
}

// sum is everything that a Drain hands over of a deployment up to some seconds after the last word.
func sum(d *Drain, from time.Time, deployment string) (all metric.Bucket, by map[metric.Class]metric.Bucket) {
	by = map[metric.Class]metric.Bucket{}
	d.mu.Lock()
	d.newest += 1000 // as if it went on
	d.mu.Unlock()
	for s := range 300 {
		d.mu.Lock()
		d.counters.Heard = from.Add(time.Duration(s) * time.Second)
		d.mu.Unlock()
		b, _ := d.Collect(from.Add(time.Duration(s) * time.Second))
		for _, k := range b.Buckets {
			if k.Deployment == deployment {
				all.Add(k)
				of := by[k.Class]
				of.Add(k)
				by[k.Class] = of
			}
		}
	}
	return all, by
}

// world is a Drain in the world of metrictest: each request has two lines, lists and single lines take turns, and
// everything comes twice and late by some seconds.
type world struct {
	t       *testing.T
	d       *Drain
	broken  bool
	request int
	waiting map[int64][][]byte
}

func (w *world) Serve(now time.Time, traffic ...metrictest.Traffic) {
	var rows []row
	for _, x := range traffic {
		for i := range x.Requests {
			w.request++
			status := 200
			if i < x.Errors {
				status = 500
			}
			r := of(strings.Replace(x.Deployment, "dep", "dpl", 1), fmt.Sprint("r", w.request), now, "/cart", status)
			rows = append(rows, r, r.with(row{"id": "print", "statusCode": nil, "proxy": nil}))
		}
	}
	if len(rows) == 0 || w.broken {
		return
	}
	one, two := lines(rows...), body(rows[len(rows)/2:]...)
	at := now.Unix()
	w.waiting[at+1] = append(w.waiting[at+1], two)
	w.waiting[at+int64(w.request%4)] = append(w.waiting[at+int64(w.request%4)], one)
	w.waiting[at+15] = append(w.waiting[at+15], two)
}

func (w *world) Collect(now time.Time) []metric.Batch {
	for _, b := range w.waiting[now.Unix()] {
		take(w.t, w.d, now, b)
	}
	if b, ok := w.d.Collect(now); ok {
		return []metric.Batch{b}
	}
	return nil
}

func (w *world) Break(broken bool) { w.broken = broken }

func TestDrainKeepsTheContract(t *testing.T) {
	t.Parallel()
	metrictest.Run(t, metrictest.Contract{Kind: metric.Drain, Behind: 200, Breaks: true},
		func(t *testing.T) metrictest.World {
			return &world{t: t, d: opened(Options{}), waiting: map[int64][][]byte{}}
		})
}

// What each kind of line says of its request.
func TestWhatALineCountsAs(t *testing.T) {
	t.Parallel()
	base := of("dpl_1", "r", start(), "/cart", 200)
	type counted struct{ requests, errors, client, skew, timeouts, excluded uint64 }
	tests := []struct {
		name  string
		rows  []row
		class metric.Class
		want  counted
	}{
		{"an answer", []row{base}, metric.Document, counted{requests: 1}},
		{"many lines", []row{base, base.with(row{"id": "2"}), base.with(row{"id": "3"})}, metric.Document,
			counted{requests: 1}},
		{"what a function printed", []row{base.with(row{"statusCode": nil, "proxy": nil, "level": "error"})}, "", counted{}},
		{"a failure", []row{base.with(row{"proxy.statusCode": 500})}, metric.Document, counted{requests: 1, errors: 1}},
		{"the proxy knows better", []row{base.with(row{"statusCode": 500, "proxy": nil}), base}, metric.Document,
			counted{requests: 1}},
		{"a crash", []row{base.with(row{"statusCode": -1, "proxy": nil})}, metric.Document, counted{requests: 1, errors: 1}},
		{"a crash that the proxy saw", []row{base.with(row{"statusCode": -1, "proxy.statusCode": 500})}, metric.Document,
			counted{requests: 1, errors: 1}},
		{"too long", []row{base.with(row{"proxy.statusCode": 504})}, metric.Document,
			counted{requests: 1, errors: 1, timeouts: 1}},
		{"made anew in the background", []row{base.with(row{"proxy.statusCode": -1, "statusCode": 500})}, "", counted{}},
		{"made anew beside its visitor", []row{base, base.with(row{"proxy.statusCode": -1, "statusCode": 500})},
			metric.Document, counted{requests: 1}},
		{"of a build", []row{base.with(row{"source": "build", "proxy": nil})}, "", counted{}},
		{"middleware alone", []row{base.with(row{"source": "edge", "edgeType": "middleware", "proxy": nil})}, metric.Document,
			counted{requests: 1}},
		{"middleware and a function", []row{
			base.with(row{"source": "edge", "edgeType": "middleware", "proxy": nil}),
			base.with(row{"statusCode": 500, "proxy": nil}),
		}, metric.Document, counted{requests: 1, errors: 1}},
		{"another deployment answered", []row{base.with(row{"proxy.statusCode": 500}),
			base.with(row{"source": "external", "destination": "shop-2.vercel.app", "statusCode": 500})}, metric.Document,
			counted{excluded: 1}},
		{"the firewall answered", []row{base.with(row{"source": "firewall", "proxy.statusCode": 403})}, metric.Document,
			counted{excluded: 1}},
		{"a robot", []row{base.with(row{"proxy.userAgent": []string{"Googlebot/2.1"}})}, metric.Document,
			counted{excluded: 1}},
		{"an agent as text", []row{base.with(row{"proxy.userAgent": "Googlebot/2.1"})}, metric.Document,
			counted{excluded: 1}},
		{"Slipway itself", []row{base.with(row{"proxy.userAgent": []string{"slipway-health/1"}, "proxy.statusCode": 503})},
			metric.Document, counted{excluded: 1}},
		{"a delivery of the drain itself", []row{base.with(row{"proxy.userAgent": []string{"VercelDrain/1.0 (+x)"}})},
			metric.Document, counted{excluded: 1}},
		{"a prefetch", []row{base.with(row{"proxy.path": "/cart.prefetch.rsc"})}, metric.Data, counted{excluded: 1}},
		{"an unknown action", []row{base.with(row{"proxy.method": "POST", "proxy.statusCode": 409})}, metric.Action,
			counted{requests: 1, client: 1, skew: 1}},
		{"a file of another build", []row{base.with(row{"proxy.path": "/_next/static/a.js?dpl=x", "proxy.statusCode": 404})},
			metric.Asset, counted{requests: 1, client: 1, skew: 1}},
		{"an unknown page", []row{base.with(row{"proxy.statusCode": 404})}, metric.Document, counted{requests: 1, client: 1}},
		{"an API", []row{base.with(row{"proxy.path": "/api/cart?x=1", "proxy.method": "PUT"})}, metric.API,
			counted{requests: 1}},
		{"a navigation", []row{base.with(row{"proxy.path": "/cart?a=b&_rsc=1x"})}, metric.Data, counted{requests: 1}},
		{"a data file", []row{base.with(row{"proxy.path": "/_next/data/b/cart.json"})}, metric.Data,
			counted{requests: 1}},
		{"an image", []row{base.with(row{"proxy.path": "/_next/image?url=x"})}, metric.Image, counted{requests: 1}},
		{"a public file", []row{base.with(row{"proxy.path": "/logo.svg"})}, metric.Asset, counted{requests: 1}},
		{"a redirect", []row{base.with(row{"source": "redirect", "proxy.statusCode": 308})}, metric.Other,
			counted{requests: 1}},
		{"numbers as text", []row{base.with(row{
			"timestamp": fmt.Sprint(start().UnixMilli()), "statusCode": "500", "proxy": nil})},
			metric.Document, counted{requests: 1, errors: 1}},
		{"no request id", []row{base.with(row{"requestId": nil}), base.with(row{"requestId": nil}),
			base.with(row{"requestId": nil, "id": "other"})}, metric.Document, counted{requests: 2}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for turn := range 3 { // in any order, again, as a list and as lines
				d := opened(Options{})
				rows := slices.Clone(tt.rows)
				rand.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
				take(t, d, in(1), body(rows...))
				take(t, d, in(2+int64(turn)), lines(rows...))
				all, by := sum(d, in(5), "dep_1")
				got := counted{all.Requests, all.Errors, all.Client, all.Skew, all.Timeouts, all.Excluded}
				if got != tt.want || all.Units != all.Errors {
					t.Errorf("counted %+v with %d units, want %+v", got, all.Units, tt.want)
				}
				if _, ok := by[tt.class]; tt.class != "" && (!ok || len(by) != 1) {
					t.Errorf("counted under %v, want %s", by, tt.class)
				}
			}
		})
	}
}

// Late is the window: what comes within it counts wherever it belongs, what comes after it is counted as late, and a
// clock that is ahead is told.
func TestLateAndOutOfOrder(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 3))
	var rows []row
	for i := range 600 {
		r := of("dpl_1", fmt.Sprint("r", i), in(int64(i/10)), "/", 200+300*(i%20/19))
		rows = append(rows, r, r.with(row{"id": fmt.Sprint("x", i), "proxy": nil, "statusCode": 200}))
	}
	var want []metric.Bucket
	for turn := range 5 {
		d := opened(Options{Late: 30 * time.Second})
		type delivery struct {
			at int64
			r  row
		}
		var all []delivery
		for i, r := range rows {
			delay := int64(0)
			if turn > 0 {
				delay = rng.Int64N(25)
			}
			for range 1 + rng.IntN(2) {
				all = append(all, delivery{int64(i/20) + delay, r})
			}
		}
		var got []metric.Bucket
		for s := int64(0); s < 200; s++ {
			now := []row{of("dpl_2", fmt.Sprint("beat", s), in(s), "/", 200)}
			for _, x := range all {
				if x.at == s {
					now = append(now, x.r)
				}
			}
			rng.Shuffle(len(now), func(i, j int) { now[i], now[j] = now[j], now[i] })
			take(t, d, in(s), body(now...))
			b, _ := d.Collect(in(s))
			for _, k := range b.Buckets {
				if k.Deployment == "dep_1" {
					got = append(got, k)
				}
			}
		}
		if turn == 0 {
			want = got
		}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreTypes(judge.Sketch{})); diff != "" ||
			len(got) != 60 {
			t.Fatalf("turn %d: %d seconds: %s", turn, len(got), diff)
		}
		if c := d.Counters(); c.Late != 0 || c.Requests != 800 {
			t.Errorf("counted %+v", c)
		}
		take(t, d, in(201), body(of("dpl_1", "late", in(100), "/", 500), of("dpl_1", "ahead", in(300), "/", 500),
			of("dpl_none", "unknown", in(200), "/", 500)))
		if c := d.Counters(); c.Late != 1 || c.Future != 1 || c.Unknown != 1 {
			t.Errorf("counted %+v", c)
		}
	}
}

// A drain that stops, or that falls behind, holds the watermark up: nothing that it did not tell of becomes a second
// without requests.
func TestSilenceAndDelayStandStill(t *testing.T) {
	t.Parallel()
	d := opened(Options{})
	if _, ok := d.Collect(in(0)); ok {
		t.Error("something is final before anything came")
	}
	for s := range int64(60) {
		take(t, d, in(s), body(of("dpl_1", fmt.Sprint(s), in(s), "/", 200)))
		d.Collect(in(s))
	}
	last := int64(0)
	for s := int64(60); s < 300; s++ {
		if b, ok := d.Collect(in(s)); ok {
			last = b.Complete
		}
	}
	if last == 0 || last > in(60).Unix() {
		t.Errorf("everything up to %d s after its last word is final", last-in(59).Unix())
	}
	for s := int64(300); s < 400; s++ { // a minute behind
		take(t, d, in(s), body(of("dpl_1", fmt.Sprint(s-60), in(s-60), "/", 200)))
		if b, ok := d.Collect(in(s)); ok && b.Complete > in(s-60).Unix() {
			t.Fatalf("%d s of which nobody told are final", b.Complete-in(s-60).Unix())
		}
	}
	if c := d.Counters(); c.Late != 0 {
		t.Errorf("%d lines of a drain that is behind are late", c.Late)
	}
}

func TestSamplingIsUndoneBetweenRules(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		rules    []Rule
		requests uint64 // of 10 pages and 10 calls of an API
	}{
		"none":               {nil, 20},
		"one for all":        {[]Rule{{Rate: 0.1}}, 20},
		"an API less":        {[]Rule{{Rate: 0.1, Path: "/api/"}, {Rate: 1}}, 110},
		"an API less alone":  {[]Rule{{Rate: 0.1, Path: "/api/"}}, 110},
		"both, each its own": {[]Rule{{Rate: 0.05, Path: "/api/"}, {Rate: 0.5}}, 110},
		"of previews":        {[]Rule{{Rate: 0.1, Environment: "preview"}}, 20},
		"thirds":             {[]Rule{{Rate: 1.0 / 3, Path: "/api/"}}, 40},
	} {
		d := opened(Options{Sampling: tt.rules})
		var rows []row
		for i := range 10 {
			rows = append(rows, of("dpl_1", fmt.Sprint("p", i), in(0), "/", 200),
				of("dpl_1", fmt.Sprint("a", i), in(0), "/api/x", 500))
		}
		take(t, d, in(1), body(rows...))
		if all, by := sum(d, in(2), "dep_1"); all.Requests != tt.requests || by[metric.Document].Requests != 10 ||
			by[metric.API].Errors != all.Errors || all.Errors != tt.requests-10 {
			t.Errorf("%s: %d requests, %d errors, want %d", name, all.Requests, all.Errors, tt.requests)
		}
	}
}

// Where a log is drained, spans tell durations; where none is, they tell everything.
func TestSpansTellDurations(t *testing.T) {
	t.Parallel()
	for _, logs := range []bool{true, false} {
		d := opened(Options{})
		for i := range int64(5) {
			b := metric.Bucket{Deployment: "dep_1", Class: metric.Document, Second: in(0).Unix(), Requests: 1, Errors: 1}
			b.Latency.AddCount(100, 1)
			if err := d.Span(in(i), b); err != nil {
				t.Fatal(err)
			}
		}
		if logs {
			take(t, d, in(4), body(of("dpl_1", "r", in(0), "/", 200), of("dpl_1", "s", in(0), "/", 200)))
		}
		want := metric.Bucket{Requests: 5, Errors: 5}
		if logs {
			want = metric.Bucket{Requests: 2}
		}
		got, _ := sum(d, in(5), "dep_1")
		if got.Requests != want.Requests || got.Errors != want.Errors || got.Latency.Count() != 5 {
			t.Errorf("with a log (%t): %d requests, %d errors, %d durations", logs, got.Requests, got.Errors,
				got.Latency.Count())
		}
	}
	d := opened(Options{})
	old := metric.Bucket{Deployment: "dep_1", Class: metric.Document, Second: in(0).Unix(), Requests: 1}
	_ = d.Span(in(100), metric.Bucket{Deployment: "dep_1", Second: in(100).Unix(), Requests: 1})
	if err := d.Span(in(100), old); fault.ReasonOf(err) != "metric_late" {
		t.Errorf("a span of long ago: %v", err)
	}
}

// A log that stops is noticed although spans go on to come.
func TestSpansDoNotHideALogThatStops(t *testing.T) {
	t.Parallel()
	d := opened(Options{})
	take(t, d, in(0), body(of("dpl_1", "r", in(0), "/", 200)))
	last := int64(0)
	for s := range int64(120) {
		b := metric.Bucket{Deployment: "dep_1", Class: metric.Document, Second: in(s).Unix(), Requests: 1}
		if err := d.Span(in(s), b); err != nil {
			t.Fatal(err)
		}
		if b, ok := d.Collect(in(s)); ok {
			last = b.Complete
		}
	}
	if last > in(1).Unix() {
		t.Errorf("%d s without a record are final", last-in(1).Unix())
	}
}

func TestVitalsReachWhoAsksForThem(t *testing.T) {
	t.Parallel()
	type told struct {
		Deployment, Name, Device string
		Second                   int64
		Value                    float64
	}
	var got []told
	d := opened(Options{Vital: func(_ time.Time, deployment, name, device string, second int64, value float64) {
		got = append(got, told{deployment, name, device, second, value})
	}})
	insight := func(kind string, value any) row {
		return row{
			"schema": "vercel.speed_insights.v1", "timestamp": "2027-01-15T08:00:01.500Z", "projectId": "prj_1",
			"deviceId": 12345, "metricType": kind, "value": value, "deploymentId": "dpl_2", "path": "/cart", "route": "/cart",
			"vercelEnvironment": "production", "attribution": row{"element": "x"},
		}
	}
	take(t, d, in(2), body(insight("LCP", 1800.5), insight("CLS", 0.02), insight("FID", 3), insight("FCP", 900),
		insight("INP", "bad"), insight("TTFB", 90).with(row{"deploymentId": "dpl_none"}),
		row{"schema": "vercel.analytics.v2", "eventType": "pageview", "timestamp": in(1).UnixMilli()}))
	want := []told{{"dep_2", "lcp", "12345", in(1).Unix(), 1800.5}, {"dep_2", "cls", "12345", in(1).Unix(), 0.02},
		{"dep_2", "fcp", "12345", in(1).Unix(), 900}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	c := d.Counters()
	if c.Vitals != 3 || c.Unknown != 1 || c.Broken != 1 || c.Rows != 7 || !c.Heard.IsZero() {
		t.Errorf("counted %+v; what browsers measured is no sign of life of the log", c)
	}
}
