package prometheus

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/metric/metrictest"
)

// fake is a Prometheus that scrapes versions every five seconds and answers selectors with their samples, as the
// real one does. Faults are put in its way by answer.
type fake struct {
	mu      sync.Mutex
	series  map[string][][2]float64 // by name{labels}
	counter map[string]float64
	broken  bool
	answer  http.HandlerFunc // instead of its own
	asked   []*http.Request
}

func (f *fake) add(key string, n float64) { f.counter[key] += n }

// serve counts what versions did, and scrapes.
func (f *fake) serve(now time.Time, traffic ...metrictest.Traffic) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, x := range traffic {
		is := fmt.Sprintf(`{job="shop",instance="%s:1",deployment="%s",`, x.Deployment, x.Deployment)
		f.add("http_requests_total"+is+`status="200"}`, float64(x.Requests-x.Errors))
		if x.Errors > 0 { // as in real clients, the series is there from the first error on
			f.add("http_requests_total"+is+`status="500"}`, float64(x.Errors))
		}
		for _, le := range []float64{0.01, 0.05, 0.07, 0.09, 0.15, 0.19, 0.21, 0.5, 1} {
			n := 0
			if x.Took.Seconds() <= le {
				n = x.Requests
			}
			f.add("http_duration_bucket"+is+`le="`+strconv.FormatFloat(le, 'g', -1, 64)+`"}`, float64(n))
		}
		f.add("http_duration_bucket"+is+`le="+Inf"}`, float64(x.Requests))
	}
	if now.Unix()%5 != 0 || f.broken {
		return
	}
	for key, v := range f.counter {
		f.series[key] = append(f.series[key], [2]float64{float64(now.Unix()) + 0.9, v})
	}
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_ = r.ParseForm()
	f.asked = append(f.asked, r)
	if f.answer != nil {
		f.answer(w, r)
		return
	}
	m := regexp.MustCompile(`^(\w+)\{(.*)\}\[(\d+)s\]$`).FindStringSubmatch(r.Form.Get("query"))
	if m == nil {
		http.Error(w, `{"status":"error","error":"only selectors"}`, http.StatusBadRequest)
		return
	}
	end, _ := strconv.ParseFloat(r.Form.Get("time"), 64)
	length, _ := strconv.ParseFloat(m[3], 64)
	type row struct {
		Metric map[string]string `json:"metric"`
		Values [][2]any          `json:"values"`
	}
	rows := []row{}
	for key, samples := range f.series {
		name, labels, _ := strings.Cut(strings.TrimSuffix(key, "}"), "{")
		x := row{Metric: map[string]string{}}
		for _, l := range strings.Split(labels, ",") {
			k, v, _ := strings.Cut(l, "=")
			x.Metric[k] = strings.Trim(v, `"`)
		}
		matches := name == m[1]
		for _, l := range strings.Split(m[2], ",") {
			k, v, _ := strings.Cut(l, "=")
			if v, ok := strings.CutPrefix(v, "~"); ok {
				matches = matches && regexp.MustCompile("^"+strings.Trim(v, `"`)+"$").MatchString(x.Metric[k])
				continue
			}
			matches = matches && x.Metric[k] == strings.Trim(v, `"`)
		}
		for _, s := range samples {
			if matches && s[0] > end-length && s[0] <= end {
				x.Values = append(x.Values, [2]any{s[0], strconv.FormatFloat(s[1], 'g', -1, 64)})
			}
		}
		if len(x.Values) > 0 {
			rows = append(rows, x)
		}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{
		"status": "success", "data": map[string]any{"resultType": "matrix", "result": rows},
	})
}

func newFake(t *testing.T) (*fake, string) {
	t.Helper()
	f := &fake{series: map[string][][2]float64{}, counter: map[string]float64{}}
	srv := httptest.NewServer(f)
	t.Cleanup(srv.Close)
	return f, srv.URL
}

// selectors are templates of counters.
func selectors() metric.Queries {
	return metric.Queries{
		Requests: `http_requests_total{deployment="$deployment"}`,
		Errors:   `http_requests_total{deployment="$deployment",status=~"5.."}`,
		Latency:  `http_duration_bucket{deployment="$deployment"}`,
	}
}

// world is a source over a fake.
type world struct {
	t       *testing.T
	fake    *fake
	source  *Source
	targets []string
}

func (w *world) Serve(now time.Time, traffic ...metrictest.Traffic) {
	w.fake.serve(now, traffic...)
	for _, x := range traffic {
		if !slices.Contains(w.targets, x.Deployment) {
			w.targets = append(w.targets, x.Deployment)
		}
	}
}

func (w *world) Break(broken bool) {
	w.fake.mu.Lock()
	defer w.fake.mu.Unlock()
	w.fake.broken = broken
}

func (w *world) Collect(now time.Time) []metric.Batch {
	var targets []Target
	for _, id := range w.targets {
		targets = append(targets, Target{Deployment: id, Version: id, Queries: selectors()})
	}
	batches, err := w.source.Collect(w.t.Context(), now, targets)
	if err != nil && w.source.Status().Trouble == "" {
		w.t.Errorf("%v, and the status says nothing", err)
	}
	return batches
}

func newWorld(t *testing.T) *world {
	t.Helper()
	f, url := newFake(t)
	s, err := New(Options{URL: url, Token: "secret-token", Lag: 2 * time.Second, Back: 30 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return &world{t: t, fake: f, source: s}
}
