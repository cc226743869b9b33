package prometheus

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/metric/metrictest"
)

// always answers every question alike.
type always []byte

func (a always) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(a)), Request: r,
		Header: http.Header{}}, nil
}

// hostile asks for everything there is of a server that answers every question alike.
func hostile(t testing.TB, body []byte) (*Source, []metric.Batch) {
	t.Helper()
	s, err := New(Options{URL: "http://127.0.0.1:9"})
	if err != nil {
		t.Fatal(err)
	}
	s.http.Transport = always(body)
	expressions := metric.Queries{Requests: "a[$window]", Errors: "b[$window]", Latency: "c[$window]"}
	metrics := []Query{{Name: "mean", Kind: judge.Mean, Query: "m"}, {Name: "rate", Kind: judge.Rate, Query: "x / y"},
		{Name: "time", Kind: judge.Durations, Query: "t[$window]"}}
	var out []metric.Batch
	for i := range int64(3) {
		for _, q := range []metric.Queries{selectors(), expressions} {
			list, _ := s.Collect(t.Context(), at(600+30*i), []Target{{"dep_1", "v1", q, metrics}})
			out = append(out, list...)
		}
	}
	for _, b := range out {
		if _, err := json.Marshal(b); err != nil {
			t.Fatalf("a batch cannot be stored: %v", err)
		}
		for _, k := range b.Buckets {
			if k.Errors > k.Requests {
				t.Fatalf("%d errors of %d requests", k.Errors, k.Requests)
			}
		}
	}
	for name, x := range s.carry {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			t.Fatalf("%s carries %g: what is measured later is lost", name, x)
		}
	}
	return s, out
}

// answer is a matrix of one series.
func answer(of string) []byte {
	return []byte(`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"le":"0.1"},` + of + `}]}}`)
}

func TestHostileAnswersBreakNothing(t *testing.T) {
	t.Parallel()
	sample := func(value string) string {
		return fmt.Sprintf(`[%d,"%s"],[%d,"%s"]`, metrictest.Start+570, value, metrictest.Start+585, value)
	}
	histogram := func(low, high, count string) string {
		return fmt.Sprintf(`"histograms":[[%d,{"buckets":[[0,"%s","%s","%s"]]}]]`, metrictest.Start+585, low, high, count)
	}
	for name, of := range map[string]string{
		"floats and histograms of one series": `"values":[` + sample("5") + `],` + histogram("0", "1", "5"),
		"more histograms than floats":         `"value":[1,"5"],` + histogram("0", "1", "5"),
		"a count that is no number":           histogram("0", "1", "NaN"),
		"a count without end":                 histogram("0", "1", "+Inf"),
		"a negative count":                    histogram("0", "1", "-5"),
		"a bound that is no number":           histogram("NaN", "1", "5"),
		"a bound without end":                 histogram("+Inf", "+Inf", "5"),
		"a large bound":                       histogram("1e307", "1e308", "1e12"),
		"a large value":                       `"values":[` + sample("1e308") + `]`,
		"many large values":                   `"values":[` + sample("1.7e308") + `,` + sample("1.7e308") + `]`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hostile(t, answer(of))
		})
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(answer(fmt.Sprintf(`"values":[[%d,"5"]]`, metrictest.Start+585)))
	f.Add(answer(fmt.Sprintf(`"histograms":[[%d,{"buckets":[[0,"0.1","0.2","5"]]}]]`, metrictest.Start+585)))
	f.Add([]byte(`{"status":"success","data":{"resultType":"scalar","result":[1800000585,"5"]}}`))
	f.Add([]byte(`{"status":"error","error":"no"}`))
	f.Fuzz(func(t *testing.T, body []byte) { hostile(t, body) })
}

// A server that answers with millions of empty series does not fill the memory before they are counted.
func TestMillionsOfEmptySeriesAreRefused(t *testing.T) {
	t.Parallel()
	body := `{"status":"success","data":{"resultType":"matrix","result":[` + strings.Repeat("{},", 2_000_000) + `{}]}}`
	s, err := New(Options{URL: "http://127.0.0.1:9"})
	if err != nil {
		t.Fatal(err)
	}
	s.http.Transport = always(body)
	_, err = s.ask(t.Context(), "query", url.Values{})
	if !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "objects") {
		t.Errorf("got %v", err)
	}
}

// Whatever versions come and go, what is remembered of them goes too.
func TestVersionsThatAreGoneAreForgotten(t *testing.T) {
	t.Parallel()
	s, err := New(Options{URL: "http://127.0.0.1:9"})
	if err != nil {
		t.Fatal(err)
	}
	queries := metric.Queries{Requests: "a[$window]", Errors: "b[$window]", Latency: "c[$window]"}
	for i := range int64(50) {
		now := metrictest.Start + 600 + 60*i
		body := fmt.Sprintf(`"values":[[%d,"5.3"],[%d,"5.3"],[%d,"5.3"],[%d,"5.3"]]`, now-15, now-30, now-45, now-60)
		s.http.Transport = always(answer(body))
		list, _ := s.Collect(t.Context(), at(600+60*i), []Target{{fmt.Sprintf("dep_%d", i), "v", queries, nil}})
		if len(list) == 0 {
			t.Fatal("nothing is measured")
		}
	}
	if len(s.carry) == 0 || len(s.carry) > 10 || len(s.phase) > 10 {
		t.Errorf("%d and %d numbers are remembered of one version", len(s.carry), len(s.phase))
	}
}

// A secret that went out over TLS does not go out again in the clear.
func TestCredentialsDoNotLeaveTLS(t *testing.T) {
	t.Parallel()
	s, err := New(Options{URL: "https://prometheus.example", Token: "secret-token"})
	if err != nil {
		t.Fatal(err)
	}
	s.http.Transport = downgrade{t}
	if _, err := s.ask(t.Context(), "query", url.Values{}); err == nil {
		t.Error("a redirect is an answer")
	}
}

// downgrade sends everybody to the same host without TLS.
type downgrade struct{ t *testing.T }

func (d downgrade) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" {
		d.t.Errorf("%s is asked, with %q", r.URL, r.Header.Get("Authorization"))
	}
	return &http.Response{StatusCode: http.StatusTemporaryRedirect, Body: http.NoBody, Request: r,
		Header: http.Header{"Location": {"http://prometheus.example/api/v1/query"}}}, nil
}
