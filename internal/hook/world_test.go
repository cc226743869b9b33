package hook

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	fake "github.com/slipwayhq/slipway/internal/fake/vercel"
	"github.com/slipwayhq/slipway/internal/vercel"
)

// box keeps what was handed on. The first three times it fails.
type box struct {
	mu     sync.Mutex
	list   []vercel.Event
	failed int
}

func (b *box) put(_ context.Context, e vercel.Event) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failed < 3 {
		b.failed++
		return context.DeadlineExceeded
	}
	b.list = append(b.list, e)
	return nil
}

func (b *box) events() []vercel.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.list)
}

// What the world of the fake tells of a push and a promotion arrives, each once, although it tells everything twice and
// the last first, and the first tries fail.
func TestTheWorldsWebhooksArrive(t *testing.T) {
	t.Parallel()
	var clock struct {
		sync.Mutex
		ahead time.Duration
	}
	w := fake.New(fake.Options{Log: t.Logf, Now: func() time.Time {
		clock.Lock()
		defer clock.Unlock()
		return time.Now().Add(clock.ahead)
	}})
	if err := w.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	if _, err := w.AddProject(fake.ProjectOrder{Name: "shop", Domains: 1}); err != nil {
		t.Fatal(err)
	}
	var secret string
	got := &box{}
	d := node(database(t), Options{Hook: got.put, Secrets: func(context.Context, Kind) ([]string, error) {
		return []string{secret}, nil
	}})
	door := httptest.NewServer(d)
	t.Cleanup(door.Close)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.URL()+"/v1/webhooks",
		strings.NewReader(`{"url":"`+door.URL+`/hooks/vercel/webhooks","events":["deployment.created","deployment.ready",`+
			`"deployment.promoted"]}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer token")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	var made struct{ Secret string }
	if err := json.NewDecoder(resp.Body).Decode(&made); err != nil || made.Secret == "" {
		t.Fatalf("no webhook: %v", err)
	}
	_ = resp.Body.Close()
	secret = made.Secret
	w.Disturb(fake.Disorder{Twice: true, Reverse: true})
	pushed, err := w.Push("shop", "c1", "main", "a change")
	if err != nil {
		t.Fatal(err)
	}
	// The world gives a delivery up after a day: a clock that ran without a tick once passed that on a busy machine, and
	// the event was gone. Two minutes of ticks are seven hours.
	tick, end := time.NewTicker(5*time.Millisecond), time.Now().Add(2*time.Minute)
	defer tick.Stop()
	for (len(got.events()) < 3 || w.Undelivered() > 0) && time.Now().Before(end) {
		<-tick.C
		clock.Lock()
		clock.ahead += time.Second // what failed is due again
		clock.Unlock()
	}
	kinds := map[string]int{}
	for _, e := range got.events() {
		kinds[e.Type]++
		if e.Deployment != pushed.ID || !e.Of("shop") || e.Of("blog") || e.ID == "" {
			t.Errorf("handed on: %+v", e)
		}
	}
	if len(kinds) != 3 || kinds["deployment.created"]+kinds["deployment.ready"]+kinds["deployment.promoted"] != 3 {
		t.Errorf("handed on %v, want each of three once", kinds)
	}
	if s := d.Status(Webhooks); s.Repeated == 0 || s.Failed != 3 || s.Refused != 0 {
		t.Errorf("counted %+v", s)
	}
}
