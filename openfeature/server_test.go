package openfeature_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	of "github.com/open-feature/go-sdk/openfeature"
	"github.com/open-feature/go-sdk/openfeature/isolated"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/openfeature"
)

const key = "slwf_srv_x"

// slipway is a small real server of the three addresses that a program asks, which can die, lie and come back.
type slipway struct {
	t    testing.TB
	addr string
	http *http.Server

	mu       sync.Mutex
	document string
	etag     string
	status   int           // of the document when not 0
	noStream bool          // there is no event stream, as behind some proxies
	moved    chan struct{} // closed when something changed
	fetched  int
	streams  int
	reports  []api.ReportFlagUsage
	sent     int
	usage    int // status of reports when not 0
}

// flags is a document of a generation: checkout is as named, and a few of each kind.
func flags(generation int, checkout string) string {
	return fmt.Sprintf(`{"flags": {
		"checkout": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": %q,
			"metadata": {"owner": "shop"}},
		"color": {"state": "ENABLED", "variants": {"red": "#f00", "blue": "#00f"}, "defaultVariant": "blue"},
		"limit": {"state": "ENABLED", "variants": {"few": 5, "half": 0.5}, "defaultVariant": "few"},
		"rate": {"state": "ENABLED", "variants": {"half": 0.5}, "defaultVariant": "half"},
		"layout": {"state": "ENABLED", "variants": {"wide": {"columns": 3}}, "defaultVariant": "wide"},
		"away": {"state": "DISABLED", "variants": {"on": true}, "defaultVariant": "on"},
		"open": {"state": "ENABLED", "variants": {"on": true}, "defaultVariant": null}
	}, "metadata": {"flagSetId": "shop/production", "version": "%d"}}`, checkout, generation)
}

func serve(t testing.TB) *slipway {
	t.Helper()
	s := &slipway{t: t, moved: make(chan struct{})}
	s.put(flags(1, "off"))
	s.up()
	t.Cleanup(s.down)
	return s
}

// up listens, at the same address as before.
func (s *slipway) up() {
	s.t.Helper()
	at := s.addr
	if at == "" {
		at = "127.0.0.1:0"
	}
	ln, err := net.Listen("tcp", at)
	if err != nil {
		s.t.Fatal(err)
	}
	s.addr = ln.Addr().String()
	s.http = &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}
	running := s.http
	go func() { _ = running.Serve(ln) }()
}

func (s *slipway) down() { _ = s.http.Close() }

func (s *slipway) url() string { return "http://" + s.addr }

// put changes what is served and tells the streams.
func (s *slipway) put(document string) { s.set(func() { s.document = document }) }

func (s *slipway) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	s.etag = fmt.Sprintf("%q", fmt.Sprint(len(s.document), s.document))
	s.etag = fmt.Sprintf("\"%x\"", s.etag)
	close(s.moved)
	s.moved = make(chan struct{})
}

func (s *slipway) get(read func() int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return read()
}

func (s *slipway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+key {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	switch r.Method + " " + r.URL.Path {
	case "GET /flags/v1/document":
		s.mu.Lock()
		s.fetched++
		document, etag, status := s.document, s.etag, s.status
		s.mu.Unlock()
		w.Header().Set("ETag", etag)
		switch {
		case status != 0:
			w.WriteHeader(status)
		case r.Header.Get("If-None-Match") == etag:
			w.WriteHeader(http.StatusNotModified)
		default:
			_, _ = io.WriteString(w, document)
		}
	case "GET /flags/v1/events":
		s.stream(w, r)
	case "POST /flags/v1/usage":
		var in api.ReportFlagUsage
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			s.t.Error(err)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.sent++
		if s.usage != 0 {
			w.WriteHeader(s.usage)
			return
		}
		s.reports = append(s.reports, in)
	default:
		http.NotFound(w, r)
	}
}

func (s *slipway) stream(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.streams++
	moved, none := s.moved, s.noStream
	s.mu.Unlock()
	if none {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	_, _ = io.WriteString(w, ": hello\n\nevent: message\ndata: {\"type\":\"of a later server\"}\n\n")
	for {
		_ = http.NewResponseController(w).Flush()
		select {
		case <-r.Context().Done():
			return
		case <-moved:
		}
		s.mu.Lock()
		moved = s.moved
		s.mu.Unlock()
		_, _ = io.WriteString(w, "id: 1\nevent: message\ndata: {\"type\":\n"+`data: "refetchEvaluation"}`+"\n\n")
	}
}

// program is one that evaluates, through the real SDK.
type program struct {
	*of.Client
	t      *testing.T
	sdk    *of.EvaluationAPI
	events chan string
}

// begin starts a program, whose provider may have to do without a server.
func begin(t *testing.T, url string, options ...openfeature.Option) (*program, error) {
	t.Helper()
	p, err := openfeature.New(url, key, append([]openfeature.Option{
		openfeature.WithRetry(5*time.Millisecond, 50*time.Millisecond), openfeature.WithReports(0),
	}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	sdk := isolated.NewAPI()
	g := &program{t: t, sdk: sdk, events: make(chan string, 1000)}
	for _, kind := range []of.EventType{of.ProviderReady, of.ProviderStale, of.ProviderError, of.ProviderConfigChange} {
		handler := func(d of.EventDetails) { g.events <- fmt.Sprint(kind, " ", d.FlagChanges) }
		sdk.AddHandler(kind, &handler)
	}
	err = sdk.SetProviderAndWait(t.Context(), p)
	t.Cleanup(func() { _ = sdk.Shutdown(context.WithoutCancel(t.Context())) })
	g.Client = sdk.NewClient()
	return g, err
}

// ready starts a program that finds its server.
func ready(t *testing.T, url string, options ...openfeature.Option) *program {
	t.Helper()
	g, err := begin(t, url, options...)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// await waits for an event.
func (g *program) await(want string) {
	g.t.Helper()
	limit := time.NewTimer(10 * time.Second)
	defer limit.Stop()
	var seen []string
	for {
		select {
		case got := <-g.events:
			if got == want {
				return
			}
			seen = append(seen, got)
		case <-limit.C:
			g.t.Fatalf("%q did not come, but %q", want, seen)
		}
	}
}

// checkout is what the flag of that name is.
func (g *program) checkout() bool {
	return g.Boolean(g.t.Context(), "checkout", false, of.NewEvaluationContext("ada", nil))
}

// until waits until something holds, or fails.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	limit := time.NewTimer(10 * time.Second)
	defer limit.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-limit.C:
			t.Fatal("never: " + what)
		}
	}
}
