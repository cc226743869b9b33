package openfeature

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	of "github.com/open-feature/go-sdk/openfeature"
)

// A stream that says nothing is gone, whatever the network thinks, and one that is old is opened anew. Each time the
// flags are fetched, because something may have changed.
func TestAStreamIsOpenedAnew(t *testing.T) {
	for name, impatient := range map[string]Option{
		"silent": func(p *Provider) { p.silence = 10 * time.Millisecond },
		"old":    func(p *Provider) { p.age = 10 * time.Millisecond },
	} {
		t.Run(name, func(t *testing.T) {
			var streams, fetched atomic.Int32
			often := make(chan struct{})
			ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == documentPath {
					fetched.Add(1)
					_, _ = fmt.Fprint(w, `{"flags":{},"metadata":{"flagSetId":"shop/production","version":"1"}}`)
					return
				}
				if _ = http.NewResponseController(w).Flush(); streams.Add(1) == 5 {
					close(often)
				}
				<-r.Context().Done()
			}))
			defer ts.Close()
			p, err := New(ts.URL, "slwf_srv_x", impatient, WithRetry(time.Millisecond, time.Millisecond), WithReports(0))
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Init(of.EvaluationContext{}); err != nil {
				t.Fatal(err)
			}
			defer p.Shutdown()
			select {
			case <-often:
			case <-time.After(10 * time.Second):
				t.Fatalf("%d streams", streams.Load())
			}
			if fetched.Load() < 4 {
				t.Errorf("%d streams, %d fetches", streams.Load(), fetched.Load())
			}
			for len(p.events) > 0 {
				if e := <-p.events; e.EventType != of.ProviderReady {
					t.Errorf("%+v", e)
				}
			}
		})
	}
}

// Attributes are what encoding/json would read of them at the other end, and the caller's map stays as it is.
func TestAttributesAreThoseOfJSON(t *testing.T) {
	given := of.FlattenedContext{
		of.TargetingKey: "ada", "int": 7, "small": int8(7), "single": float32(0.1), "time": time.Unix(0, 0).UTC(),
		"list": []string{"a"}, "map": map[string]int{"a": 1}, "none": nil, "yes": true,
	}
	for name, want := range map[string]string{
		of.TargetingKey: `"ada"`, "int": "7", "small": "7", "single": "0.1", "time": `"1970-01-01T00:00:00Z"`,
		"list": `["a"]`, "map": `{"a":1}`, "none": "null", "yes": "true",
	} {
		v, err := plain(given[name])
		if err != nil {
			t.Fatal(name, err)
		}
		switch v.(type) {
		case nil, bool, string, float64, []any, map[string]any:
		default:
			t.Errorf("%s is a %T", name, v)
		}
		if got := fmt.Sprintf("%v", v); got != fmt.Sprintf("%v", decoded(t, want)) {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	if _, err := contextOf(given); err != nil || given["int"] != 7 {
		t.Errorf("%v %v", given, err)
	}
	for _, bad := range []any{func() {}, make(chan int), nan()} {
		if _, err := contextOf(of.FlattenedContext{"x": bad}); err == nil {
			t.Errorf("a %T is taken", bad)
		}
	}
}

func decoded(t *testing.T, text string) (v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func nan() float64 { return math.NaN() }
