package drain

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/slipwayhq/slipway/internal/metric"
)

// BenchmarkTake is what reading a drain costs on one core: lines of 1 kB, three for each request, as they come in a
// busy minute, of two versions. Its unit records/s is what docs/benchmarks.md shows.
func BenchmarkTake(b *testing.B) {
	const each = 3000
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	rng := rand.New(rand.NewPCG(1, 1))
	paths := []string{"/", "/cart", "/products/1?ref=a&_rsc=1x2y", "/api/cart", "/_next/static/chunks/main-0a1b2c.js"}
	var bodies [][]byte
	bytes, n := 0, 0
	for s := range 60 {
		var rows []row
		for len(rows) < each {
			n++
			status := 200
			if rng.IntN(50) == 0 {
				status = 500
			}
			r := of(fmt.Sprint("dpl_", 1+rng.IntN(2)), fmt.Sprintf("fra1::iad1::%08x-%d", rng.Uint32(), n), in(int64(s)),
				paths[rng.IntN(len(paths))], status)
			r["message"] = fmt.Sprintf("GET %s took %d ms\n%0400d", r["path"], n, n)
			rows = append(rows, r, r.with(row{"id": fmt.Sprint(n, "b")}), r.with(row{"id": fmt.Sprint(n, "c"), "proxy": nil}))
		}
		bodies = append(bodies, lines(rows...))
		bytes += len(bodies[s])
	}
	b.SetBytes(int64(bytes / 60))
	b.ReportAllocs()
	d, at := opened(Options{}), 0
	for b.Loop() {
		if at == 60 {
			d, at = opened(Options{}), 0
		}
		if err := d.Take(b.Context(), in(int64(at)), bodies[at]); err != nil {
			b.Fatal(err)
		}
		d.Collect(in(int64(at)))
		at++
	}
	b.ReportMetric(float64(b.N)*each/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkFull fills what a Drain remembers at most, and reports how much memory that is.
func BenchmarkFull(b *testing.B) {
	heap := func() float64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc) / 1e6
	}
	one := &read{names: []string{"dpl_1"}, lines: 1, newest: in(0).UnixMilli(), facts: make([]fact, 1000)}
	for b.Loop() {
		before, d := heap(), opened(Options{})
		for n := range maxRequests / 1000 {
			for i := range one.facts {
				o := orderOf(final, 200, in(0).UnixMilli(), metric.API)
				one.facts[i] = fact{request: uint64(n*1000+i) * 0x9e3779b97f4a7c15, order: o, weight: scale}
			}
			if err := d.put(in(0), one, []string{"dep_1"}); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(heap()-before, "MB")
		runtime.KeepAlive(d)
	}
}
