package edge

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/metric"
)

// backend is a small Next.js-like application with one build id.
type backend struct {
	*httptest.Server
	build string
}

// newBackend serves handle, or when that is nil a page that says which build it is.
func newBackend(t testing.TB, build string, handle http.HandlerFunc) *backend {
	t.Helper()
	if handle == nil {
		handle = func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Rsc") != "" {
				w.Header().Set(buildHeader, build)
			}
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = fmt.Fprintf(w, `<!DOCTYPE html><html data-dpl-id="%s"><body>%s</body></html>`, build, build)
		}
	}
	b := &backend{Server: httptest.NewServer(handle), build: build}
	t.Cleanup(b.Close)
	return b
}

// world is an edge on a real socket with a stable and a canary behind it.
type world struct {
	t       testing.TB
	edge    *Edge
	server  *httptest.Server
	stable  *backend
	canary  *backend
	table   Table
	started time.Time
}

// newWorld starts an edge; both backends know their build ids.
func newWorld(t testing.TB, opts Options, stable, canary http.HandlerFunc, share float64) *world {
	t.Helper()
	w := &world{t: t, started: time.Now()}
	w.stable, w.canary = newBackend(t, "build-a", stable), newBackend(t, "build-b", canary)
	w.table = Table{
		Generation: 1, App: "shop", Salt: "rel_1", Stable: "dep_a", Canary: "dep_b", Share: share,
		Arms: []Arm{
			{ID: "dep_a", Version: "v1", URL: w.stable.URL, BuildIDs: []string{"build-a"}},
			{ID: "dep_b", Version: "v2", URL: w.canary.URL, BuildIDs: []string{"build-b"}},
		},
	}
	var err error
	if w.edge, err = New(opts); err != nil {
		t.Fatal(err)
	}
	if err := w.edge.Apply(w.table); err != nil {
		t.Fatal(err)
	}
	w.server = httptest.NewServer(w.edge)
	t.Cleanup(func() { w.server.Close(); w.edge.Close() })
	return w
}

// change applies the table again with what f changes.
func (w *world) change(f func(*Table)) {
	w.t.Helper()
	w.table = w.table.normal()
	w.table.Generation++
	f(&w.table)
	if err := w.edge.Apply(w.table); err != nil {
		w.t.Fatal(err)
	}
}

// answer is what a client got.
type answer struct {
	status int
	arm    string // the deployment that served
	body   string
	header http.Header
}

// get asks for path with headers given as name, value, name, value.
func (w *world) get(path string, headers ...string) answer {
	w.t.Helper()
	return w.do(http.MethodGet, path, nil, headers...)
}

func (w *world) do(method, path string, body io.Reader, headers ...string) answer {
	w.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, w.server.URL+path, body)
	if err != nil {
		w.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
		}
		req.Header.Add(headers[i], headers[i+1])
	}
	resp, err := w.server.Client().Transport.RoundTrip(req)
	if err != nil {
		w.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatalf("%s %s: read the body: %v", method, path, err)
	}
	return answer{status: resp.StatusCode, arm: resp.Header.Get(DeploymentHeader), body: string(b), header: resp.Header}
}

// page asks for a document as the visitor with a sticky id.
func (w *world) page(id string) answer {
	w.t.Helper()
	return w.get("/", "Accept", "text/html", "Cookie", DefaultCookie+"="+id)
}

// inCanary and inStable return sticky ids that lie in and out of a share.
func (w *world) visitor(share float64, in bool) string {
	w.t.Helper()
	rt, err := compile(Table{
		Salt: w.table.Salt, Stable: "dep_a", Canary: "dep_b", Share: share,
		Arms: []Arm{{ID: "dep_a", URL: "http://a"}, {ID: "dep_b", URL: "http://b"}},
	}, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	for range 100000 {
		if id := randomID(); (rt.draw(id) == rt.canary) == in {
			return id
		}
	}
	w.t.Fatalf("no visitor found for share %g", share)
	return ""
}

// totals adds up everything observed so far, by deployment.
func (w *world) totals() map[string]metric.Bucket {
	w.t.Helper()
	batch, ok := w.edge.Observer().Collect(time.Now().Add(time.Second))
	if !ok {
		w.t.Fatal("no second has finished")
	}
	return sums(batch)
}

func sums(batch metric.Batch) map[string]metric.Bucket {
	out := map[string]metric.Bucket{}
	for _, b := range batch.Buckets {
		t := out[b.Deployment]
		t.Add(b)
		out[b.Deployment] = t
	}
	return out
}

// req: CD-01
func TestSplit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{}, nil, nil, 10)
	in, out := w.visitor(10, true), w.visitor(10, false)
	for range 3 {
		if a := w.page(in); a.status != 200 || a.arm != "dep_b" || !strings.Contains(a.body, "build-b") {
			t.Fatalf("visitor in the canary got %d from %s: %s", a.status, a.arm, a.body)
		}
		if a := w.page(out); a.status != 200 || a.arm != "dep_a" || !strings.Contains(a.body, "build-a") {
			t.Fatalf("visitor outside got %d from %s: %s", a.status, a.arm, a.body)
		}
	}
}

func TestServeStopsGracefully(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}), make(chan struct{})
	w := newWorld(t, Options{}, func(rw http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-release
		_, _ = rw.Write([]byte("late but whole"))
	}, nil, 0)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- w.edge.Serve(ctx, ln) }()
	got := make(chan string, 1)
	go func() {
		resp, err := http.Get("http://" + ln.Addr().String() + "/")
		if err != nil {
			got <- err.Error()
			return
		}
		b, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		got <- string(b)
	}()
	<-entered
	stop()
	close(release)
	if s := <-got; s != "late but whole" {
		t.Fatalf("the running request got %q", s)
	}
	if err := <-served; err != nil {
		t.Fatal(err)
	}
	if c, err := net.Dial("tcp", ln.Addr().String()); err == nil {
		_ = c.Close()
		t.Fatal("the listener still accepts after the stop")
	}
}

// The limits of the server that Serve makes: a huge cookie is refused there, a
// large one passes.
func TestServeLimitsHeaders(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{}, nil, nil, 0)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- w.edge.Serve(ctx, ln) }()
	for size, want := range map[int]int{16 << 10: 200, 40 << 10: 200, 200 << 10: 431} {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+ln.Addr().String()+"/", nil)
		req.Header.Set("Cookie", "a="+strings.Repeat("c", size))
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("a cookie of %d bytes: %d, want %d", size, resp.StatusCode, want)
		}
	}
	stop()
	if err := <-served; err != nil {
		t.Fatal(err)
	}
}
