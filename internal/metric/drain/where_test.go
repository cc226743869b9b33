package drain

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/slipwayhq/slipway/internal/metric"
)

// failed is a request that failed, of a visitor.
func failed(n int, at time.Time, ip, agent string) row {
	r := of("dpl_1", fmt.Sprint("r", n), at, "/cart", 500)
	return r.with(row{"proxy.clientIp": ip, "proxy.userAgent": []string{agent}})
}

// A visitor who fails again within a minute counts once, as far as a record says who it was.
func TestAVisitorWhoFailsAgainCountsOnce(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		ip, agent func(i int) string
		units     uint64 // of 30 failures within 30 s, and one 70 s later
	}{
		"one":                {word("203.0.113.7"), word("a"), 2},
		"two browsers":       {word("203.0.113.7"), func(i int) string { return "ab"[i%2 : i%2+1] }, 3},
		"each one":           {func(i int) string { return fmt.Sprint("203.0.113.", i) }, word("a"), 31},
		"one network":        {func(i int) string { return fmt.Sprintf("2001:db8:1:2::%x", i) }, word("a"), 2},
		"two networks":       {func(i int) string { return fmt.Sprintf("2001:db8:1:%x::1", i%2) }, word("a"), 3},
		"mapped":             {func(i int) string { return []string{"", "::ffff:"}[i%2] + "203.0.113.7" }, word("a"), 2},
		"hidden":             {word(""), word("a"), 31},
		"no address":         {word("Berlin"), word("a"), 31},
		"without an agent":   {word("203.0.113.7"), word(""), 31},
		"an address of many": {word(strings.Repeat("2", 100)), word("a"), 31},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := opened(Options{})
			for i := range 31 {
				second := int64(i)
				if i == 30 {
					second = 100
				}
				r := failed(i, in(second), tt.ip(i), tt.agent(i))
				take(t, d, in(second), body(r, r.with(row{"id": "again", "proxy": nil})))
				take(t, d, in(second), body(r))
			}
			if all, _ := sum(d, in(101), "dep_1"); all.Errors != 31 || all.Units != tt.units {
				t.Errorf("%d visitors failed %d times, want %d and 31", all.Units, all.Errors, tt.units)
			}
		})
	}
}

func word(s string) func(int) string { return func(int) string { return s } }

// Whoever failed where is the same in whatever order lines come, and however often.
func TestWhoFailedWhereKnowsNoOrder(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 3))
	var rows []row
	for i := range 400 {
		r := failed(i, in(rng.Int64N(20)), fmt.Sprint("203.0.113.", rng.IntN(9)), "a")
		if rng.IntN(3) == 0 { // a function fails, and the proxy answers from elsewhere
			r = r.with(row{"proxy.statusCode": 200})
		}
		path := fmt.Sprintf("/p%c", 'a'+rune(rng.IntN(5)))
		r = r.with(row{"path": path, "proxy.path": path, "executionRegion": []string{"fra1", "iad1"}[rng.IntN(2)]})
		rows = append(rows, r, r.with(row{"id": "x", "executionRegion": "cdg1"}), r.with(row{"id": "f", "proxy": nil}),
			r.with(row{"id": "m", "edgeType": "middleware", "path": "/middleware"}))
	}
	played := func() []metric.Bucket {
		d := opened(Options{})
		d.read.seed = opened(Options{}).read.seed
		for _, r := range slices.Concat(rows, rows[:50]) {
			take(t, d, in(21), body(r))
		}
		rng.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		d.newest = in(1000).Unix()
		d.counters.Heard = in(100)
		b, _ := d.Collect(in(100))
		return b.Buckets
	}
	want := played()
	units, errors := uint64(0), uint64(0)
	for _, b := range want {
		units, errors = units+b.Units, errors+b.Errors
	}
	if units != 9 || errors < 200 {
		t.Errorf("%d visitors failed %d times", units, errors)
	}
	for range 3 {
		if diff := cmp.Diff(want, played(), cmpopts.IgnoreFields(metric.Bucket{}, "Latency")); diff != "" {
			t.Fatal(diff)
		}
	}
}

// Where the release was hurt is said by route and region, the most frequent first, and what names one thing of many is
// left out.
func TestWhereRequestsFailed(t *testing.T) {
	t.Parallel()
	d, n := opened(Options{}), 0
	fail := func(times int, path string, change row) {
		for range times {
			n++
			r := of("dpl_1", fmt.Sprint("r", n), in(1), path, 500).with(change)
			take(t, d, in(1), body(r))
		}
	}
	fail(12, "/checkout?step=2", nil)
	fail(5, "/orders/4711/lines", row{"executionRegion": "iad1"})
	fail(4, "/products/[id]", row{"proxy.path": "/products/17", "proxy.method": "POST"})
	fail(3, "/u/me@shop.example", row{"executionRegion": "<b>", "proxy.region": "cdg1"})
	all, _ := sum(d, in(2), "dep_1")
	want := []metric.Hurt{
		{Class: metric.Document, Route: "GET /checkout", Region: "fra1", Errors: 12},
		{Class: metric.Document, Route: "GET /orders/…/lines", Region: "iad1", Errors: 5},
		{Class: metric.Action, Route: "POST /products/[id]", Region: "fra1", Errors: 4},
		{Class: metric.Document, Route: "GET /u/…", Region: "cdg1", Errors: 3},
	}
	if diff := cmp.Diff(want, all.Hurt); diff != "" {
		t.Error(diff)
	}
}

// What somebody asks for is shown to others, on pages and in terminals: of a path only what reads like a name is.
func TestARouteHoldsNoOnesWords(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/shop/[[...slug]]/[id]":      "GET /shop/[[...slug]]/[id]",
		"/u/[me@shop.example]":        "GET /u/…",
		"/u/[" + "Ada Lovelace" + "]": "GET /u/…",
		"/a/\x1b]0;owned\x07":         "GET /a/…",
		"/a/\u202egnp.exe":            "GET /a/…",
		"/a/\u2028b/c":                "GET /a/…/c",
		"/bücher/über-uns":            "GET /bücher/über-uns",
	} {
		if got := route([]byte("GET"), []byte(path)); got != want {
			t.Errorf("%q is %q, want %q", path, got, want)
		}
	}
}

// Who fails is remembered for two minutes, of so many visitors at most: beyond, each failure counts.
func TestVisitorsWhoFailedAreBounded(t *testing.T) {
	t.Parallel()
	d := opened(Options{})
	for i := range maxDetails {
		d.failed[failing{9, uint32(i)}] = 0
	}
	s := &sums{}
	s.fail(detail{visitor: 7}, 1)
	for second := range int64(3) {
		if n := d.units(cell{place: 1, second: second}, s); n != 1 || len(d.failed) != maxDetails {
			t.Fatalf("%d failures count, %d visitors are remembered", n, len(d.failed))
		}
	}
}

// However many places are asked for, few are kept, and the sum stays right.
func TestPlacesAreBounded(t *testing.T) {
	t.Parallel()
	d, n := opened(Options{}), 0
	for range 4 {
		var rows []row
		for range 3 * maxSpots {
			n++
			path := "/" + strings.Repeat("x", n%90) + string(rune('a'+n%26))
			rows = append(rows, of("dpl_1", fmt.Sprint("r", n), in(1), path, 500))
		}
		take(t, d, in(1), body(rows...))
	}
	for _, s := range d.cells {
		if len(s.hurt) > mostInCell {
			t.Errorf("%d places of a second", len(s.hurt))
		}
	}
	all, _ := sum(d, in(2), "dep_1")
	if all.Errors != uint64(n) || len(all.Hurt) == 0 || len(all.Hurt) > metric.MostHurt {
		t.Errorf("%d errors in %d places", all.Errors, len(all.Hurt))
	}
	d.Collect(in(3600))
	if len(d.details) != 0 {
		t.Errorf("%d failures are remembered after an hour", len(d.details))
	}
	for _, h := range all.Hurt {
		if len(h.Route) > maxRoute+len("GET …") {
			t.Errorf("a route of %d bytes", len(h.Route))
		}
	}
}
