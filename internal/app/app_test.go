package app

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/strategy"
)

// slow is an application whose page /slow is answered when the test says so.
type slow struct {
	*httptest.Server
	asked, answer chan struct{}
}

func openSlow(t *testing.T) *slow {
	t.Helper()
	s := &slow{asked: make(chan struct{}, 1), answer: make(chan struct{})}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			s.asked <- struct{}{}
			<-s.answer
		}
		_, _ = io.WriteString(w, "the shop")
	}))
	t.Cleanup(s.Close)
	return s
}

// started is a program that runs.
type started struct {
	*App
	t     *testing.T
	log   *countingLog
	stop  func()
	ended chan error
}

func start(t *testing.T, database, shop string) *started {
	t.Helper()
	plan, err := strategy.Parse("test.yaml", fmt.Appendf(nil, "app: shop\ntarget: {selfhost: {stable: %q}}\n", shop))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	log := &countingLog{}
	a, err := Open(ctx, Options{
		Database: database, Strategy: plan, Control: anyPort(t), Edge: anyPort(t), Adopt: "v1", Stop: 5 * time.Second,
		Log: slog.New(slog.NewTextHandler(log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	s := &started{App: a, t: t, log: log, ended: make(chan error, 1)}
	go func() { s.ended <- a.Run(ctx) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-s.ended:
			if err != nil {
				t.Errorf("it ended: %v", err)
			}
		case <-time.After(15 * time.Second):
			t.Error("it does not stop")
		}
	})
	t.Cleanup(s.stop)
	return s
}

// countingLog counts the lines of a log.
type countingLog struct{ lines atomic.Int64 }

func (l *countingLog) Write(p []byte) (int, error) {
	l.lines.Add(1)
	return len(p), nil
}

func anyPort(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// get asks once, over a connection of its own.
func get(url string) (int, string) {
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	res, err := c.Get(url)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close() //nolint:errcheck // read to its end
	b, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(b)
}

func (s *started) until(what string, true func() bool) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !true() {
		select {
		case <-ctx.Done():
			s.t.Fatalf("waited for %s in vain", what)
		case <-tick.C:
		}
	}
}

func (s *started) open() {
	s.t.Helper()
	s.until("the edge and the control plane", func() bool {
		shop, _ := get(s.EdgeURL() + "/")
		ready, _ := get(s.URL() + "/readyz")
		return shop == http.StatusOK && ready == http.StatusOK
	})
}

// signIn sets the first user up and returns a cookie.
func (s *started) signIn() string {
	s.t.Helper()
	const password = "correct horse battery"
	ctx := s.t.Context()
	secret, _, err := s.People.SetupSecret(ctx)
	if err == nil {
		_, err = s.People.Setup(ctx, secret, api.NewUser{Name: "you", Password: password})
	}
	if err != nil {
		s.t.Fatal(err)
	}
	session, err := s.People.Login(ctx, "you", password, "127.0.0.1", "test")
	if err != nil {
		s.t.Fatal(err)
	}
	return "slipway_session=" + session.Cookie
}

// A visitor's request and somebody's stream are under way when the program is told to
// stop: the request is answered, the stream ends, and nothing stays behind.
func TestItStopsInOrder(t *testing.T) {
	shop := openSlow(t)
	goroutines := runtime.NumGoroutine()
	s := start(t, filepath.Join(t.TempDir(), "slipway.db"), shop.URL)
	s.open()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL()+"/api/v1/events?after=0", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Cookie", s.signIn())
	lines := &http.Transport{DisableKeepAlives: true}
	stream, err := lines.RoundTrip(req)
	if err != nil || stream.StatusCode != http.StatusOK {
		t.Fatalf("the stream: %v %v", stream, err)
	}
	defer stream.Body.Close() //nolint:errcheck // it ends by itself
	if _, err := bufio.NewReader(stream.Body).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	type answer struct {
		code int
		body string
	}
	answers := make(chan answer, 1)
	go func() {
		code, body := get(s.EdgeURL() + "/slow")
		answers <- answer{code, body}
	}()
	<-shop.asked
	stopped := make(chan struct{})
	go func() { s.stop(); close(stopped) }()
	s.until("new visitors to be refused", func() bool { code, _ := get(s.EdgeURL() + "/"); return code == 0 })
	close(shop.answer)
	if got := <-answers; got.code != http.StatusOK || got.body != "the shop" {
		t.Errorf("the request that was under way got %d %s", got.code, got.body)
	}
	if _, err := io.Copy(io.Discard, stream.Body); err != nil && ctx.Err() != nil {
		t.Errorf("the stream does not end: %v", err)
	}
	<-stopped
	if code, _ := get(s.URL() + "/healthz"); code != 0 {
		t.Errorf("after the stop it answers %d", code)
	}
	if err := s.DB.Ping(t.Context()); err == nil {
		t.Error("the store is still open")
	}
	s.until("its goroutines to end", func() bool { return runtime.NumGoroutine() <= goroutines+3 })
}

func TestASecondStartServesTheSameAtOnce(t *testing.T) {
	t.Parallel()
	shop := openSlow(t)
	database := filepath.Join(t.TempDir(), "slipway.db")
	first := start(t, database, shop.URL)
	first.open()
	table := first.Edge.Table()
	first.stop()
	second := start(t, database, shop.URL)
	began := time.Now()
	if code, body := get(second.EdgeURL() + "/"); code != http.StatusOK {
		t.Errorf("the first visitor got %d %s", code, body)
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("it took %s", took)
	}
	if got := second.Edge.Table(); got.Generation != table.Generation || got.Stable != table.Stable {
		t.Errorf("it serves generation %d of %s, before it was %d of %s", got.Generation, got.Stable, table.Generation,
			table.Stable)
	}
}

// req: RB-28
func TestTheEdgeServesOnWithoutTheStore(t *testing.T) {
	t.Parallel()
	shop := openSlow(t)
	s := start(t, filepath.Join(t.TempDir(), "slipway.db"), shop.URL)
	s.open()
	table := s.Edge.Table().Generation
	if err := s.DB.Close(); err != nil {
		t.Fatal(err)
	}
	s.until("the control plane to say so", func() bool {
		code,
			_ := get(s.URL() + "/readyz")
		return code == http.StatusServiceUnavailable
	})
	for range 20 {
		if code, body := get(s.EdgeURL() + "/"); code != http.StatusOK || !strings.Contains(body, "the shop") {
			t.Fatalf("a visitor gets %d %s", code, body)
		}
	}
	if s.Edge.Table().Generation != table {
		t.Error("the edge has lost its table")
	}
	lines := s.log.lines.Load()
	looks := time.NewTimer(time.Second) // five looks for the table, two hundred for work
	defer looks.Stop()
	<-looks.C
	if n := s.log.lines.Load() - lines; n > 15 {
		t.Errorf("%d lines a second say that the store is away", n)
	}
}
