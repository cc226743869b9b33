package hook

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	fake "github.com/slipwayhq/slipway/internal/fake/vercel"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/metric/drain"
)

// order asks the fake's API for something, as its owner.
func order(t *testing.T, w *fake.World, path, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer token")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if _ = resp.Body.Close(); resp.StatusCode != http.StatusOK {
		t.Fatalf("%s answers %d", path, resp.StatusCode)
	}
}

// What the fake's world serves to visitors comes by its drains, twice and the last first: each request counts once, its
// duration comes from its trace, and what a browser measured is told.
func TestTheWorldsDrainsArrive(t *testing.T) {
	t.Parallel()
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/broken" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	t.Cleanup(shop.Close)
	w := fake.New(fake.Options{Log: t.Logf, Build: func(context.Context, fake.Deployment) (string, error) {
		return shop.URL, nil
	}})
	if err := w.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	project, err := w.AddProject(fake.ProjectOrder{Name: "shop", Domains: 1})
	if err != nil {
		t.Fatal(err)
	}
	d := node(database(t), Options{})
	vitals := make(chan float64, 10)
	d.o.Drain = drain.New(drain.Options{Source: "drain-1",
		Find:  func(_ context.Context, e string) (string, error) { return e, nil },
		Vital: func(_ time.Time, _, _, _ string, _ int64, value float64) { vitals <- value },
	})
	door := httptest.NewServer(d)
	t.Cleanup(door.Close)
	for schema, delivery := range map[string]string{
		"log":            `"type":"http","encoding":"ndjson","compression":"gzip","endpoint":"%s/hooks/vercel/drains"`,
		"speed_insights": `"type":"http","encoding":"json","endpoint":"%s/hooks/vercel/drains"`,
		"trace":          `"type":"otlphttp","encoding":"json","endpoint":{"traces":"%s/hooks/vercel/drains"}`,
	} {
		order(t, w, "/v1/drains", fmt.Sprintf(`{"name":"slipway","projects":"some","projectIds":["%s"],`+
			`"schemas":{"%s":{"version":"v1"}},"delivery":{`+delivery+`,"secret":"new-drains"}}`, project.ID, schema, door.URL))
	}
	w.Disturb(fake.Disorder{Twice: true, Reverse: true})
	pushed, err := w.Push("shop", "c1", "main", "a change")
	if err != nil {
		t.Fatal(err)
	}
	if pushed, err = w.Wait(t.Context(), pushed.ID); err != nil {
		t.Fatal(err)
	}
	for i := range 40 {
		path := []string{"/cart", "/broken", "/api/x", "/"}[i%4]
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+project.Domains[0]+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	w.Console(pushed.ID, "error", "a line that is no request")
	w.WebVital(pushed.ID, "LCP", "/cart", 1800)
	tick, end := time.NewTicker(5*time.Millisecond), time.Now().Add(20*time.Second)
	defer tick.Stop()
	for c := d.o.Drain.Counters(); (c.Requests < 40 || w.Undelivered() > 0) && time.Now().Before(end); {
		<-tick.C
		c = d.o.Drain.Counters()
	}
	if got := <-vitals; got != 1800 {
		t.Errorf("a browser measured %g", got)
	}
	b, _ := d.o.Drain.Collect(time.Now().Add(34 * time.Second))
	var sum metric.Bucket
	for _, k := range b.Buckets {
		if k.Deployment != pushed.ID {
			t.Errorf("counted for %s", k.Deployment)
		}
		sum.Add(k)
	}
	if sum.Requests != 40 || sum.Errors != 10 || sum.Latency.Count() != 40 {
		t.Errorf("%d requests, %d errors, %d durations; want 40, 10, 40: %+v", sum.Requests, sum.Errors,
			sum.Latency.Count(), d.o.Drain.Counters())
	}
	if s := d.Status(Drains); s.Refused != 0 || s.Failed != 0 || s.Repeated == 0 {
		t.Errorf("counted %+v", s)
	}
}
