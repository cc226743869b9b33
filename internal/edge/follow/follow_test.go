package follow

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/internal/edge"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/metric"
)

// world is an edge on a real socket with a stable and a canary deployment.
type world struct {
	t      *testing.T
	edge   *edge.Edge
	server *httptest.Server
	table  edge.Table
}

// newWorld starts an edge with a table of generation 1, or without one.
func newWorld(t *testing.T, opts edge.Options, applied bool) *world {
	t.Helper()
	w := &world{t: t, table: edge.Table{
		Generation: 1, App: "shop", Salt: "rel_1", Stable: "dep_a", Canary: "dep_b", Share: 10,
		Arms: []edge.Arm{{ID: "dep_a", Version: "v1"}, {ID: "dep_b", Version: "v2"}},
	}}
	for i := range w.table.Arms {
		app := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		t.Cleanup(app.Close)
		w.table.Arms[i].URL = app.URL
	}
	w.start(opts)
	if applied {
		if err := w.edge.Apply(w.table); err != nil {
			t.Fatal(err)
		}
	}
	w.server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter,
		r *http.Request) {
		w.edge.ServeHTTP(rw, r)
	}))
	t.Cleanup(w.server.Close)
	return w
}

// start puts a fresh edge, as of a new process, in place.
func (w *world) start(opts edge.Options) {
	w.t.Helper()
	e, err := edge.New(opts)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(e.Close)
	w.edge = e
}

// get returns the status and the deployment that served.
func (w *world) get(path string) (int, string) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, w.server.URL+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode, resp.Header.Get(edge.DeploymentHeader)
}

// stands says whether control answers, and how many batches were lost since that changed.
func (f *Follower) stands() (connected bool, lost uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.connected, f.lost
}

// control is a small control plane: a long poll for tables, and a place to put
// observations. Everything it sees comes out of seen and batches.
type control struct {
	*httptest.Server
	seen    chan string // "generation name" of each question
	batches chan metric.Batch

	mu      sync.Mutex
	table   []byte
	etag    string
	changed chan struct{} // closed when table changes
	status  int           // answers everything with it unless 0
}

func newControl(t *testing.T) *control {
	t.Helper()
	c := &control{
		seen: make(chan string, 1000), batches: make(chan metric.Batch, 1000), changed: make(chan struct{}),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+TablePath, c.serveTable)
	mux.HandleFunc("POST "+ObservationsPath, c.serveObservations)
	c.Server = httptest.NewServer(mux)
	t.Cleanup(c.Close)
	return c
}

func (c *control) set(generation uint64, table []byte, status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.table, c.etag, c.status = table, fmt.Sprintf("%q", fmt.Sprint(generation)), status
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *control) publish(t *testing.T, tb edge.Table) {
	t.Helper()
	b, err := json.Marshal(tb)
	if err != nil {
		t.Fatal(err)
	}
	c.set(tb.Generation, b, 0)
}

func (c *control) state() (table []byte, etag string, status int, changed chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.table, c.etag, c.status, c.changed
}

func (c *control) serveTable(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer edge-token" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	select {
	case c.seen <- r.Header.Get(GenerationHeader) + " " + r.Header.Get(NameHeader):
	default:
	}
	table, etag, status, changed := c.state()
	if status == 0 && (etag == r.Header.Get("If-None-Match") || table == nil) {
		select {
		case <-changed:
		case <-time.After(2 * time.Second):
		case <-r.Context().Done():
			return
		}
		table, etag, status, _ = c.state()
	}
	switch {
	case status != 0:
		w.WriteHeader(status)
	case table == nil || etag == r.Header.Get("If-None-Match"):
		w.WriteHeader(http.StatusNotModified)
	default:
		w.Header().Set("ETag", etag)
		_, _ = w.Write(table)
	}
}

func (c *control) serveObservations(w http.ResponseWriter, r *http.Request) {
	if _, _, status, _ := c.state(); status != 0 {
		w.WriteHeader(status)
		return
	}
	z, err := gzip.NewReader(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	var b metric.Batch
	if json.NewDecoder(z).Decode(&b) != nil || r.Header.Get("Authorization") != "Bearer edge-token" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	c.batches <- b
	w.WriteHeader(http.StatusAccepted)
}

// waitFor returns when c has a question that starts with the generation.
func (c *control) waitFor(t *testing.T, generation string) {
	t.Helper()
	limit := time.NewTimer(10 * time.Second)
	defer limit.Stop()
	for {
		select {
		case s := <-c.seen:
			if strings.HasPrefix(s, generation+" ") {
				return
			}
		case <-limit.C:
			t.Fatalf("no question with generation %s", generation)
		}
	}
}

// follow runs a follower for w's edge until the test ends or stop is called.
func follow(t *testing.T, e *edge.Edge, c *control, file string) (f *Follower, stop func()) {
	t.Helper()
	f, err := New(e, Options{
		Control: c.URL, Token: "edge-token", Name: "edge-test", File: file, Backlog: 3,
		Every: 20 * time.Millisecond, MinRetry: 10 * time.Millisecond, MaxRetry: 40 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(stop)
	return f, stop
}

func TestFollowerTakesTablesAndDelivers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, edge.Options{Source: "edge-x"}, false)
	w.table.Share = 0
	c := newControl(t)
	c.publish(t, w.table)
	f, stop := follow(t, w.edge, c, filepath.Join(t.TempDir(), "table.json"))
	c.waitFor(t, "1") // the question after the table was applied says so
	if _, arm := w.get("/"); arm != "dep_a" {
		t.Fatalf("from %q", arm)
	}
	w.table.Generation, w.table.Share = 2, 100
	c.publish(t, w.table)
	c.waitFor(t, "2")
	if _, arm := w.get("/"); arm != "dep_b" {
		t.Fatalf("from %q", arm)
	}
	stop() // delivers the running second
	close(c.batches)
	requests, last, complete := uint64(0), uint64(0), int64(0)
	for b := range c.batches {
		if last > 0 && b.Sequence == last {
			continue // its answer was lost in the stop, so it was delivered again: it counts once by its number
		}
		if b.Source != "edge-x" || b.Sequence != last+1 || b.Complete <= complete {
			t.Errorf("batch %d of %s after %d, complete %d after %d", b.Sequence, b.Source, last, b.Complete, complete)
		}
		last, complete = b.Sequence, b.Complete
		for _, x := range b.Buckets {
			requests += x.Requests
		}
	}
	if requests != 2 {
		t.Errorf("%d requests were delivered, want 2", requests)
	}
	if connected, lost := f.stands(); !connected || lost != 0 {
		t.Errorf("connected: %v, lost: %d", connected, lost)
	}
}

// The edge of a new process serves, and honors learned pins, from its file while
// control is away, and catches up when it is back.
func TestControlAwayAndBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, edge.Options{}, false)
	file := filepath.Join(t.TempDir(), "table.json")
	c := newControl(t)
	w.table.Generation, w.table.Share = 7, 0
	w.edge.Restore(w.table, map[string][]string{"dep_b": {"build-b"}}) // as if learned from answers
	c.publish(t, w.table)
	_, stop := follow(t, w.edge, c, file)
	c.waitFor(t, "7")
	stop()

	c.set(7, nil, http.StatusServiceUnavailable)
	w.start(edge.Options{})
	f, stop := follow(t, w.edge, c, file)
	c.waitFor(t, "7") // asks control, which is away
	if status, arm := w.get("/"); status != 200 || arm != "dep_a" {
		t.Fatalf("without control: %d from %q", status, arm)
	}
	if _, arm := w.get("/_next/static/x.js?dpl=build-b"); arm != "dep_b" {
		t.Fatalf("what was learned before the restart is lost: from %q", arm)
	}
	if connected, _ := f.stands(); connected {
		t.Error("control counts as connected")
	}
	w.table.Generation, w.table.Share = 8, 100
	c.publish(t, w.table)
	c.waitFor(t, "8")
	if _, arm := w.get("/"); arm != "dep_b" {
		t.Errorf("control is back: from %q", arm)
	}
	if connected, _ := f.stands(); !connected {
		t.Error("control is back, and does not count as connected")
	}
	stop()
	if tb, builds, found, err := loadSnapshot(file); err != nil || !found || tb.Generation != 8 || builds["dep_b"] == nil {
		t.Errorf("file: generation %d, builds %v, %v, %v", tb.Generation, builds, found, err)
	}
}

func TestBadTablesFromControl(t *testing.T) {
	t.Parallel()
	w := newWorld(t, edge.Options{}, true)
	w.table.Generation = 2
	if err := w.edge.Apply(w.table); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "table.json")
	c := newControl(t)
	older := w.table
	older.Generation = 1
	invalidTable := w.table
	invalidTable.Generation, invalidTable.Stable = 9, "dep_z"
	oldJSON, _ := json.Marshal(older)
	invalidJSON, _ := json.Marshal(invalidTable)
	_, stop := follow(t, w.edge, c, file)
	for i, b := range [][]byte{oldJSON, invalidJSON, invalidJSON[:len(invalidJSON)/2], []byte("null"), []byte("<html>")} {
		c.set(100+uint64(i), b, 0)
		for len(c.seen) > 0 {
			<-c.seen
		}
		c.waitFor(t, "2") // this one is answered with the bad table,
		c.waitFor(t, "2") // and now it has been dealt with
		if got := w.edge.Table(); got.Generation != 2 || got.Share != 10 {
			t.Fatalf("table %d is in force: %+v", i, got)
		}
	}
	stop()
	if tb, _, found, err := loadSnapshot(file); err != nil || !found || tb.Generation != 2 {
		t.Errorf("file: generation %d, %v, %v", tb.Generation, found, err)
	}
}

func TestDamagedSnapshotIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, edge.Options{}, true)
	file := filepath.Join(t.TempDir(), "table.json")
	if err := saveSnapshot(file, w.edge.Table(), nil); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if tb, _, found, err := loadSnapshot(file); err != nil || !found || cmp.Diff(tb, w.edge.Table()) != "" {
		t.Fatalf("%v %v %+v", found, err, tb)
	}
	if _, _, found, err := loadSnapshot(file + ".none"); err != nil || found {
		t.Errorf("a missing file: %v, %v", found, err)
	}
	damages := map[string]string{
		"empty":     "",
		"half":      string(good[:len(good)/2]),
		"one digit": strings.Replace(string(good), `"share":10`, `"share":90`, 1),
		"garbage":   strings.Repeat("\x00", len(good)),
		"huge":      strings.Repeat(" ", 3*edge.MaxTableBytes),
	}
	for name, text := range damages {
		if text == string(good) {
			t.Fatalf("%s damages nothing", name)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, found, err := loadSnapshot(file); found || fault.ReasonOf(err) != "snapshot_damaged" {
			t.Errorf("%s: %v, %v", name, found, err)
		}
		// A running edge keeps what it has, a starting one waits for control.
		if _, err := New(w.edge, Options{Control: "http://127.0.0.1:1", File: file}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if w.edge.Table().Share != 10 {
			t.Errorf("%s: share %g is in force", name, w.edge.Table().Share)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(file), ".edge-table-*")); len(left) != 0 {
		t.Errorf("left over: %v", left)
	}
	if _, err := New(w.edge, Options{Control: "ftp://x"}); err == nil {
		t.Error("an address that is not http is taken")
	}
}

func TestRejectedBatchesAreDropped(t *testing.T) {
	t.Parallel()
	w := newWorld(t, edge.Options{}, true)
	c := newControl(t)
	c.set(1, nil, http.StatusUnprocessableEntity)
	f, err := New(w.edge, Options{Control: c.URL, Token: "edge-token"})
	if err != nil {
		t.Fatal(err)
	}
	waiting := &backlog{limit: 10}
	f.collect(waiting, time.Unix(5000, 0))
	if len(waiting.batches) != 1 || !f.flush(t.Context(), waiting) || len(waiting.batches) != 0 || len(c.batches) != 0 {
		t.Errorf("%d wait, %d arrived", len(waiting.batches), len(c.batches))
	}
}

func TestRetryGrowsToItsLimit(t *testing.T) {
	t.Parallel()
	r := retry{least: 10 * time.Millisecond, most: 80 * time.Millisecond}
	for _, limit := range []time.Duration{10, 20, 40, 80, 80, 80} {
		if d := r.next(); d < limit*time.Millisecond/2 || d > limit*time.Millisecond {
			t.Errorf("%v, want %v to %v ms", d, limit/2, limit)
		}
	}
	if r.reset(); r.next() > 10*time.Millisecond {
		t.Error("a reset does not start over")
	}
}

func TestBacklogDropsTheOldest(t *testing.T) {
	t.Parallel()
	b := &backlog{limit: 3}
	var dropped uint64
	for i := range 10 {
		dropped += b.push(metric.Batch{Sequence: uint64(i)})
	}
	if dropped != 7 || len(b.batches) != 3 || b.batches[0].Sequence != 7 {
		t.Errorf("dropped %d, kept %+v", dropped, b.batches)
	}
}

// What had to be dropped while control was away is told when it answers again.
func TestWhatWasLostIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t, edge.Options{}, true)
	var said bytes.Buffer
	f, err := New(w.edge, Options{Control: "http://127.0.0.1:9", Log: slog.New(slog.NewTextHandler(&said, nil))})
	if err != nil {
		t.Fatal(err)
	}
	f.noteConnected(nil)
	waiting := &backlog{limit: 2}
	for i := range 5 {
		if i == 3 { // it took no observations before it took no question either
			f.noteConnected(errors.New("away"))
		}
		f.collect(waiting, time.Unix(5000+int64(i), 0))
	}
	f.noteConnected(nil)
	if !strings.Contains(said.String(), "control answers") || !strings.Contains(said.String(), "batches_lost=3") {
		t.Errorf("it says %s", said.String())
	}
	if connected, lost := f.stands(); !connected || lost != 0 {
		t.Errorf("connected: %v, lost: %d", connected, lost)
	}
}

// While control is away batches wait; when it is back they arrive in order.
func TestBacklogIsDeliveredInOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, edge.Options{}, true)
	c := newControl(t)
	c.set(1, nil, http.StatusBadGateway)
	f, err := New(w.edge, Options{Control: c.URL, Token: "edge-token"})
	if err != nil {
		t.Fatal(err)
	}
	waiting, start := &backlog{limit: 10}, time.Unix(5000, 0)
	for i := range 4 {
		f.collect(waiting, start.Add(time.Duration(i)*time.Second))
		if f.flush(t.Context(), waiting) {
			t.Fatal("control is away and yet nothing waits")
		}
	}
	c.set(1, nil, 0)
	if !f.flush(t.Context(), waiting) || len(c.batches) != 4 || len(waiting.batches) != 0 {
		t.Fatalf("%d wait, %d arrived", len(waiting.batches), len(c.batches))
	}
	for i := range 4 {
		if b := <-c.batches; b.Sequence != uint64(i+1) || b.Complete != 5000+int64(i) {
			t.Errorf("batch %d, complete %d", b.Sequence, b.Complete)
		}
	}
}
