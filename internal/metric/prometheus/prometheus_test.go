package prometheus

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/metric/metrictest"
)

func TestSourceKeepsTheContract(t *testing.T) {
	t.Parallel()
	metrictest.Run(t, metrictest.Contract{Kind: metric.Prometheus, Latency: 0.13, Behind: 40, Breaks: true},
		func(t *testing.T) metrictest.World { return newWorld(t) })
}

func at(s int64) time.Time { return time.Unix(metrictest.Start+s, 0) }

// run lets one version answer ten requests a second and returns what is delivered.
func (w *world) run(from, to int64) []metric.Batch {
	var out []metric.Batch
	for s := from; s < to; s++ {
		w.Serve(at(s), metrictest.Traffic{Deployment: "dep_1", Requests: 10, Errors: 1, Took: 60 * time.Millisecond})
		out = append(out, w.Collect(at(s))...)
	}
	return out
}

func sum(batches []metric.Batch) metric.Bucket {
	var b metric.Bucket
	for _, x := range batches {
		for _, k := range x.Buckets {
			b.Add(k)
		}
	}
	return b
}

func TestFaultsOfPrometheusAreBlind(t *testing.T) {
	t.Parallel()
	say := func(code int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "20")
			w.WriteHeader(code)
			_, _ = w.Write([]byte(body))
		}
	}
	vector := func(value string) string {
		return `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"job":"a","instance":"b"},"values":[` +
			fmt.Sprintf(`[%d,"1"],[%d,"%s"],[%d,"%s"]`, metrictest.Start+120, metrictest.Start+130, value,
				metrictest.Start+145, value) + `]}]}}`
	}
	scraped := func(skew, until int64) string { // every 5 s, by a clock that is off
		var samples []string
		for s := int64(0); s < until; s += 5 {
			samples = append(samples, fmt.Sprintf(`[%d,"%d"]`, metrictest.Start+s+skew, s))
		}
		return `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"job":"a","instance":"b"},"values":[` +
			strings.Join(samples, ",") + `]}]}}`
	}
	tests := []struct {
		name, want string
		answer     http.HandlerFunc
	}{
		{"too many", "busy (HTTP 429): it is asked again in 20s", say(429, "")},
		{"error", "says (HTTP 500): out of memory", say(500, `{"status":"error","error":"out of memory."}`)},
		{"denied", "refuses the credentials (HTTP 401)", say(401, "no")},
		{"malformed", "not one of its own", say(200, "<html>")},
		{"cut", "not one of its own", say(200, `{"status":"success","data":{"resultType":"mat`)},
		{"warning", "warns: a store is away", say(200, `{"status":"success","warnings":["a store is away."],"data":
			{"resultType":"vector","result":[]}}`)},
		{"string", "with a string instead", say(200, `{"status":"success","data":{"resultType":"string","result":[1,"a"]}}`)},
		{"no number", "no number", say(200, `{"status":"success","data":{"resultType":"vector","result":[{"value":[1,2]}]}}`)},
		{"huge", "larger than", say(200, strings.Repeat(" ", maxAnswer+1))},
		{"absent", "there is no such series", say(200, `{"status":"success","data":{"resultType":"matrix","result":[]}}`)},
		{"stale", "there is no such series", say(200, scraped(0, 60))},
		{"a clock behind", "there is no such series", say(200, scraped(-3600, 155))},
		{"a clock ahead", "there is no such series", say(200, scraped(3600, 155))},
		{"NaN", "the counter is NaN", say(200, vector("NaN"))},
		{"+Inf", "the counter is +Inf", say(200, vector("+Inf"))},
		{"negative", "the counter is -1", say(200, vector("-1"))},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			before := w.run(0, 120)
			final := before[len(before)-1].Complete
			w.fake.answer = test.answer
			var said error
			for s := int64(120); s < 155; s++ {
				w.Serve(at(s), metrictest.Traffic{Deployment: "dep_1", Requests: 10})
				batches, err := w.source.Collect(t.Context(), at(s), []Target{{"dep_1", "v1", selectors(), nil}})
				if err != nil {
					said = err
				}
				for _, b := range batches {
					if len(b.Buckets) > 0 || b.Complete > final {
						t.Fatalf("second %d: %d buckets, complete %d s on", s, len(b.Buckets), b.Complete-final)
					}
				}
			}
			if said == nil || !strings.Contains(said.Error(), test.want) || strings.Contains(said.Error(), "secret-token") {
				t.Errorf("it says %v, want %q", said, test.want)
			}
			if w.source.Status().Trouble == "" {
				t.Error("the status says nothing")
			}
		})
	}
}

func TestAnOutageIsFilledAfterwards(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	list := w.run(0, 120)
	w.fake.answer = func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusBadGateway) }
	list = append(list, w.run(120, 300)...)
	w.fake.answer = nil
	list = append(list, w.run(300, 421)...)
	last := list[len(list)-1].Complete
	// What the last scrape before the end saw, but for the first one, which is what is counted from.
	got, want := sum(list), uint64(last-metrictest.Start-1)/5*5*10
	if got.Requests != want || got.Errors != want/10 {
		t.Errorf("%d requests and %d errors up to second %d, want %d and %d", got.Requests, got.Errors,
			last-metrictest.Start, want, want/10)
	}
}

func TestResetsAndFirstErrorsAreCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	list := w.run(0, 120)
	w.fake.mu.Lock()
	for key := range w.fake.counter { // the process began anew
		w.fake.counter[key] = 0
	}
	w.fake.mu.Unlock()
	list = append(list, w.run(120, 302)...)
	got := sum(list)
	all := uint64(list[len(list)-1].Complete-metrictest.Start-1) / 5 * 5 * 10
	if lost := all - got.Requests; lost > 50 || got.Requests > all {
		t.Errorf("%d of %d requests are lost by a restart, more than one scrape holds", lost, all)
	}
	if rate := float64(got.Errors) / float64(got.Requests); rate < 0.0999 || rate > 0.1001 {
		t.Errorf("the error rate is %g, want 0.1: the first errors count too", rate)
	}
}

func TestALabelThatDoesNotExistIsNoProofOfHealth(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	q := selectors()
	q.Errors = `http_requests_total{deployment="$deployment",code=~"5.."}`
	var said error
	for s := range int64(90) {
		w.Serve(at(s), metrictest.Traffic{Deployment: "dep_1", Requests: 10})
		batches, err := w.source.Collect(t.Context(), at(s), []Target{{"dep_1", "v1", q, nil}})
		if len(sum(batches).Deployment) > 0 || sum(batches).Requests > 0 {
			t.Fatal("requests count although errors can't be seen")
		}
		if err != nil {
			said = err
		}
	}
	if said == nil || !strings.Contains(said.Error(), "requests have no label code") {
		t.Errorf("it says %v", said)
	}
}

func TestOneVersionWithoutDataHoldsBoth(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before := w.run(0, 120)
	for s := int64(120); s < 180; s++ {
		w.Serve(at(s), metrictest.Traffic{Deployment: "dep_1", Requests: 10})
		batches, _ := w.source.Collect(t.Context(), at(s), []Target{
			{"dep_1", "v1", selectors(), nil}, {"dep_2", "v2", selectors(), nil},
		})
		if sum(batches).Requests > 0 {
			t.Fatal("one version counts while nothing is known of the other")
		}
	}
	if c := w.source.Status(); c.Complete != before[len(before)-1].Complete {
		t.Error("the watermark moved")
	}
}

func TestExpressionsAreRoundedHonestly(t *testing.T) {
	t.Parallel()
	f, url := newFake(t)
	f.answer = func(w http.ResponseWriter, r *http.Request) {
		value := "10.4"
		if strings.Contains(r.Form.Get("query"), "bad") {
			value = "0.25"
		}
		_, _ = fmt.Fprintf(w, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[%s,"%s"]}]}}`,
			r.Form.Get("time"), value)
	}
	s, err := New(Options{URL: url, Every: 10 * time.Second, Lag: time.Second, Back: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	target := Target{Deployment: `dep"1`, Version: "v1", Queries: metric.Queries{
		Requests: `sum(increase(all{d="$deployment"}[$window]))`, Errors: `sum(increase(bad[$window]))`,
	}, Metrics: []Query{
		{"conversion", judge.Rate, true, `sum(increase(bad[$window])) / sum(increase(all{p="/a"}[$window]))`},
		{"memory", judge.Mean, false, `all_bytes`},
	}}
	var list []metric.Batch
	for i := range int64(991) {
		batches, err := s.Collect(t.Context(), at(i), []Target{target})
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, batches...)
	}
	if got := sum(list); got.Requests != 1040 || got.Errors != 25 {
		t.Errorf("100 windows give %d requests and %d errors, want 1040 and 25", got.Requests, got.Errors)
	}
	sums := map[string]judge.Sums{}
	for _, b := range list {
		for _, v := range b.Values {
			x := sums[v.Metric]
			x.N, x.Bad, x.Sum = x.N+v.Sums.N, x.Bad+v.Sums.Bad, x.Sum+v.Sums.Sum
			sums[v.Metric] = x
		}
	}
	if c := sums["conversion"]; c.N != 1040 || c.Bad != 1015 {
		t.Errorf("conversion: %d of %d did not, want 1015 of 1040", c.Bad, c.N)
	}
	if m := sums["memory"]; m.N != 100 || math.Abs(m.Sum-1040) > 1e-6 {
		t.Errorf("memory: %d values with sum %g, want 100 and 1040", m.N, m.Sum)
	}
	if q := f.asked[0].Form.Get("query"); !strings.Contains(q, `d="dep\"1"`) || !strings.Contains(q, "[10s]") {
		t.Errorf("it asked for %s", q)
	}
}

func TestFewAndManyDurationsLieAlike(t *testing.T) {
	t.Parallel()
	s, err := New(Options{URL: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	share := func(key string, each float64, windows int) float64 {
		var sketch judge.Sketch
		for range windows {
			s.spread(&sketch, key, []cell{{0.1, 0.2, each}})
		}
		return float64(sketch.CountAbove(170)) / float64(sketch.Count())
	}
	few, many := share("few", 1, 1000), share("many", 1000, 10)
	if math.Abs(few-0.3) > 0.03 || math.Abs(many-0.3) > 0.03 {
		t.Errorf("of durations between 100 and 200 ms %.3f and %.3f lie above 170, want 0.3", few, many)
	}
}

func TestCredentialsStayWithPrometheus(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("somebody else was asked, with %q", r.Header.Get("Authorization"))
	}))
	t.Cleanup(elsewhere.Close)
	f, url := newFake(t)
	f.answer = func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret-token" {
			t.Errorf("authorization is %q", r.Header.Get("Authorization"))
		}
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	}
	s, err := New(Options{URL: url, Token: "secret-token"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Collect(t.Context(), at(0), []Target{{"a", "b", selectors(), nil}}); err == nil {
		t.Error("a redirect is an answer")
	}
	for _, bad := range []string{"", "localhost:9090", "http://u:p@host", "http://host?x=1", "ftp://host"} {
		if _, err := New(Options{URL: bad}); err == nil {
			t.Errorf("%q is taken for an address", bad)
		}
	}
}

func TestQuotient(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		`a / b`: "a|b", `sum(a{p="/x"} / c) / sum(b)`: `sum(a{p="/x"} / c)|sum(b)`,
		`a`: "", `a / b / c`: "", `(a / b)`: "", `a{x="/"} / b{y='\'/'}`: `a{x="/"}|b{y='\'/'}`,
	} {
		some, all, err := quotient(query)
		if got := some + "|" + all; err == nil && got != want || err != nil && want != "" {
			t.Errorf("%s is %q (%v), want %q", query, got, err, want)
		}
	}
}

// req: N-04
func TestASilentPrometheusIsNamedInWords(t *testing.T) {
	t.Parallel()
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // else nobody notices that the client is gone
		<-r.Context().Done()
	}))
	t.Cleanup(slow.Close)
	gone := httptest.NewServer(nil)
	gone.Close()
	for url, want := range map[string]string{slow.URL: "did not answer within 50ms", gone.URL: "cannot be reached"} {
		s, err := New(Options{URL: url, Timeout: 50 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		batches, err := s.Collect(t.Context(), at(300), []Target{{"dep_1", "v1", selectors(), nil}})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(s.Status().Trouble, want) {
			t.Errorf("it says %v and %q, want %q", err, s.Status().Trouble, want)
		}
		for _, b := range batches {
			if b.Complete != 0 || len(b.Buckets) > 0 {
				t.Errorf("what nobody said is final: %+v", b)
			}
		}
	}
}
