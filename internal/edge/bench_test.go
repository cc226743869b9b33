package edge

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/metric"
)

// BenchmarkProxy is one small document over loopback: client, edge and deployment
// share the machine.
func BenchmarkProxy(b *testing.B) {
	body := []byte(strings.Repeat("x", 1024))
	page := func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write(body) }
	w := newWorld(b, Options{}, page, page, 50)
	cookie := DefaultCookie + "=" + randomID()
	ask := func(b *testing.B, transport *http.Transport, url string) {
		req, err := http.NewRequest(http.MethodGet, url, nil)
		if err != nil {
			b.Fatal(err)
		}
		req.Header.Set("Accept", "text/html")
		req.Header.Set("Cookie", cookie)
		resp, err := transport.RoundTrip(req)
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
	for _, to := range []struct{ name, url string }{{"direct", w.stable.URL}, {"edge", w.server.URL}} {
		b.Run(to.name, func(b *testing.B) {
			transport := &http.Transport{MaxIdleConnsPerHost: 64}
			defer transport.CloseIdleConnections()
			b.ReportAllocs()
			b.SetParallelism(8)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					ask(b, transport, to.url)
				}
			})
		})
	}
}

func BenchmarkObserve(b *testing.B) {
	o := newObserver("edge-1", 300)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		s := sample{deployment: "dep_a", class: metric.Document, status: 200, latency: 3 * time.Millisecond}
		for pb.Next() {
			o.record(time.Now(), s)
		}
	})
}

func BenchmarkApply(b *testing.B) {
	w := newWorld(b, Options{}, nil, nil, 0)
	b.ReportAllocs()
	for b.Loop() {
		w.change(func(tb *Table) { tb.Share = float64(tb.Generation % 101) })
	}
}

func BenchmarkRoute(b *testing.B) {
	w := newWorld(b, Options{}, nil, nil, 50)
	r, _ := http.NewRequest(http.MethodGet, "/products/1?a=b", nil)
	r.Header.Set("Accept", "text/html")
	r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
	r.Header.Set("Cookie", "a=b; "+DefaultCookie+"="+randomID())
	rt := w.edge.routes.Load()
	b.ReportAllocs()
	for b.Loop() {
		x := exchange{edge: w.edge, routes: rt, class: classify(r)}
		if p := w.edge.assign(&x, r); p != nil {
			b.Fatal(p)
		}
	}
}
