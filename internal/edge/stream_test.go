package edge

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Each chunk is sent only after the client has read the one before: buffering
// anywhere would stop the test.
func TestStreamArrivesChunkByChunk(t *testing.T) {
	t.Parallel()
	next := make(chan struct{})
	w := newWorld(t, Options{}, func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/events" {
			rw.Header().Set("Content-Type", "text/event-stream")
		} else {
			rw.Header().Set("Content-Type", "text/html")
		}
		for i := range 5 {
			_, _ = fmt.Fprintf(rw, "chunk %d\n", i)
			_ = http.NewResponseController(rw).Flush()
			select {
			case <-next:
			case <-r.Context().Done():
				return
			}
		}
	}, nil, 0)
	for _, path := range []string{"/page", "/events"} {
		resp, err := http.Get(w.server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewReader(resp.Body)
		for i := range 5 {
			line, err := lines.ReadString('\n')
			if want := fmt.Sprintf("chunk %d\n", i); line != want || err != nil {
				t.Fatalf("%s: got %q, want %q: %v", path, line, want, err)
			}
			next <- struct{}{}
		}
		_ = resp.Body.Close()
	}
}

// The body of a request streams too: the deployment answers a line before the
// next one is sent.
func TestUploadStreams(t *testing.T) {
	t.Parallel()
	arrived := make(chan string)
	w := newWorld(t, Options{}, func(_ http.ResponseWriter, r *http.Request) {
		lines := bufio.NewScanner(r.Body)
		for lines.Scan() {
			arrived <- lines.Text()
		}
	}, nil, 0)
	pr, pw := io.Pipe()
	done := make(chan error, 1)
	go func() {
		resp, err := http.Post(w.server.URL+"/api/up", "text/plain", pr)
		if err == nil {
			err = resp.Body.Close()
		}
		done <- err
	}()
	for i := range 3 {
		_, _ = fmt.Fprintf(pw, "line %d\n", i)
		if got := <-arrived; got != fmt.Sprintf("line %d", i) {
			t.Fatalf("got %q", got)
		}
	}
	_ = pw.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// zeros is a reader of n bytes that no memory holds. It calls look on every MiB.
func zeros(n int64, look func()) io.Reader { return io.LimitReader(&zeroReader{look: look}, n) }

type zeroReader struct {
	look func()
	n    int
}

func (z *zeroReader) Read(p []byte) (int, error) {
	if z.n += len(p); z.n > 1<<20 {
		z.n = 0
		z.look()
	}
	clear(p)
	return len(p), nil
}

func TestLargeBodiesNeedNoMemory(t *testing.T) {
	const size = 64 << 20
	var peak atomic.Uint64
	sample := func() {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		if m.HeapInuse > peak.Load() {
			peak.Store(m.HeapInuse)
		}
	}
	w := newWorld(t, Options{}, func(rw http.ResponseWriter, r *http.Request) {
		h := sha256.New()
		n, err := io.Copy(h, r.Body)
		if err != nil {
			http.Error(rw, err.Error(), http.StatusBadRequest)
			return
		}
		rw.Header().Set("X-Got", fmt.Sprint(n))
		_, _ = io.Copy(rw, zeros(size, sample))
	}, nil, 0)
	runtime.GC()
	sample()
	before := peak.Load()
	resp, err := http.Post(w.server.URL+"/api/echo", "application/octet-stream", zeros(size, sample))
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	if err != nil || n != size || resp.Header.Get("X-Got") != fmt.Sprint(size) {
		t.Fatalf("down %d bytes (%v), up %s", n, err, resp.Header.Get("X-Got"))
	}
	if grown := int64(peak.Load()) - int64(before); grown > 16<<20 {
		t.Errorf("the heap grew by %d MiB for 128 MiB of bodies", grown>>20)
	}
	w.server.Close()
	if b := w.totals()["dep_a"]; b.Bytes != size || b.Requests != 1 || b.Errors != 0 {
		t.Errorf("counted %d bytes, %d requests, %d errors", b.Bytes, b.Requests, b.Errors)
	}
}

// upgrader answers an upgrade and echoes lines in capitals until the end.
func upgrader(rw http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Upgrade") != "echo" {
		http.Error(rw, "no upgrade asked for", http.StatusBadRequest)
		return
	}
	conn, buf, err := http.NewResponseController(rw).Hijack()
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	_, _ = buf.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	_ = buf.Flush()
	for {
		line, err := buf.ReadString('\n')
		if err != nil {
			return
		}
		_, _ = buf.WriteString(strings.ToUpper(line))
		_ = buf.Flush()
	}
}

// dialTunnel opens an upgraded connection through the edge.
func (w *world) dialTunnel(headers string) (net.Conn, *bufio.Reader, *http.Response) {
	w.t.Helper()
	c, err := net.Dial("tcp", w.server.Listener.Addr().String())
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = io.WriteString(c, "GET /ws HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade\r\nUpgrade: echo\r\n"+headers+"\r\n")
	r := bufio.NewReader(c)
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return c, r, resp
}

func TestUpgradeTunnel(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{}, upgrader, upgrader, 50)
	id := w.visitor(50, true)
	c, r, resp := w.dialTunnel("Cookie: " + DefaultCookie + "=" + id + "\r\n")
	if resp.StatusCode != 101 || resp.Header.Get(DeploymentHeader) != "dep_b" {
		t.Fatalf("%d from %q", resp.StatusCode, resp.Header.Get(DeploymentHeader))
	}
	say := func() {
		t.Helper()
		_, _ = io.WriteString(c, "hello\n")
		if line, err := r.ReadString('\n'); line != "HELLO\n" || err != nil {
			t.Fatalf("got %q, %v", line, err)
		}
	}
	say()
	w.change(func(tb *Table) { tb.Share = 0 })
	say() // a change of the share cuts no tunnel
	if n := w.edge.Stats().Tunnels; n != 1 {
		t.Errorf("%d tunnels", n)
	}
	_, stable, _ := w.dialTunnel("")
	w.change(func(tb *Table) { tb.Arms[1].Banned = true })
	if _, err := r.ReadString('\n'); err == nil {
		t.Error("the tunnel outlives the abort")
	}
	if n := w.edge.Stats().Tunnels; n != 1 {
		t.Errorf("%d tunnels after the abort, want stable's", n)
	}
	w.edge.Close()
	if _, err := stable.ReadString('\n'); err == nil {
		t.Error("the tunnel outlives the edge")
	}
	if b := w.totals()["dep_b"]; b.Requests != 1 || b.Errors != 0 {
		t.Errorf("%+v", b)
	}
}

func TestTrailersAndEarlyHints(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{}, func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Link", "</a.js>; rel=preload")
		rw.WriteHeader(http.StatusEarlyHints)
		rw.Header().Set("Trailer", "X-End")
		_, _ = rw.Write([]byte("body"))
		rw.Header().Set("X-End", "yes")
	}, nil, 0)
	hints := ""
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(_ int, h textproto.MIMEHeader) error { hints = h.Get("Link"); return nil },
	})
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, w.server.URL+"/", nil)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if hints != "</a.js>; rel=preload" {
		t.Errorf("early hints %q", hints)
	}
	if err != nil || string(b) != "body" || resp.Trailer.Get("X-End") != "yes" {
		t.Errorf("%q %v %v", b, resp.Trailer, err)
	}
}

func TestLookerReadsCompressedDocuments(t *testing.T) {
	t.Parallel()
	page := `<!DOCTYPE html><html lang="en" data-dpl-id="build-7">` + strings.Repeat("<p>text</p>", 1000)
	for _, encoding := range []string{"", "gzip"} {
		h := http.Header{"Content-Type": {"text/html; charset=utf-8"}}
		body := []byte(page)
		if encoding != "" {
			h.Set("Content-Encoding", encoding)
			body = gzipped(t, page)
		}
		l := newLooker(h)
		var found string
		for chunk := range slices.Chunk(body, 37) {
			build, more := l.see(chunk)
			if build != "" {
				found = build
			}
			if !more {
				break
			}
		}
		if found != "build-7" {
			t.Errorf("%q: found %q", encoding, found)
		}
	}
	if newLooker(http.Header{"Content-Type": {"application/json"}}) != nil {
		t.Error("JSON is looked into")
	}
	if got := buildIn([]byte(`<script src="/_next/static/a.js?dpl=build-8"></script>`)); got != "build-8" {
		t.Errorf("from an asset: %q", got)
	}
}

func TestRequestBodyIsNotRetried(t *testing.T) {
	t.Parallel()
	var bodies atomic.Int64
	w := newWorld(t, Options{}, func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		bodies.Add(int64(len(b)))
		panic(http.ErrAbortHandler)
	}, nil, 0)
	a := w.do(http.MethodPost, "/api/pay", bytes.NewReader([]byte("once")))
	if a.status != 502 || bodies.Load() != 4 {
		t.Errorf("%d; the deployment saw %d bytes, want 4", a.status, bodies.Load())
	}
}

func gzipped(t *testing.T, s string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, s)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
