package drain

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/internal/metric"
)

// failures are what a drain counted of a deployment: errors, visitors, and addresses by their slices.
func failures(buckets []metric.Bucket, deployment string) (errors, visitors uint64, s metric.Slices) {
	for _, b := range buckets {
		if b.Deployment == deployment {
			errors, visitors = errors+b.Errors, visitors+b.Units
			s.Add(*b.Slices)
		}
	}
	return errors, visitors, s
}

// collected is all that is final after so many seconds.
func collected(d *Drain, after int64) []metric.Bucket {
	d.newest, d.counters.Heard = in(after).Unix(), in(after)
	b, _ := d.Collect(in(after))
	return b.Buckets
}

// An address counts once a minute on both versions together. Where a thousand people share one and all fail alike, the
// canary has as large a part of what counts as of the people; counted on each version for itself it would have several
// times as much, because the other version can't fail more often than once a minute.
func TestAnAddressCountsWhereItFailedFirst(t *testing.T) {
	t.Parallel()
	const part, addresses, minutes = 0.1, 40, 60
	d, rng, n := opened(Options{Late: 24 * time.Hour}), rand.New(rand.NewPCG(8, 8)), 0
	for second := range int64(60 * minutes) {
		for range 4 {
			if n++; rng.IntN(200) == 0 { // no address: all of them count as one
				take(t, d, in(second), body(failed(n, in(second), "", "a").with(row{"deploymentId": "dpl_1"})))
			}
			r := failed(n<<20, in(second), fmt.Sprint("203.0.113.", rng.IntN(addresses)), "a")
			if rng.Float64() < part {
				r["deploymentId"] = "dpl_2"
			}
			take(t, d, in(second), body(r))
		}
	}
	d.o.Late = time.Second
	out := collected(d, 3700)
	_, stable, first := failures(out, "dep_1")
	_, canary, second := failures(out, "dep_2")
	k := first.Visitors() + second.Visitors()
	if limit := uint64((addresses + 1) * minutes); k > limit || k < limit*8/10 {
		t.Errorf("%d addresses counted, of %d in as many minutes", k, limit)
	}
	if got := float64(second.Visitors()) / float64(k); got < 0.07 || got > 0.13 {
		t.Errorf("the canary has %.3f of the addresses, and %.1f of the people", got, part)
	}
	if got := float64(canary) / float64(canary+stable); got < 2*part {
		t.Errorf("counted on each version for itself it has %.3f: this shows nothing", got)
	}
	t.Logf("the canary has %.3f of what counts, and would have %.3f counted for itself; of the people it has %.1f",
		float64(second.Visitors())/float64(k), float64(canary)/float64(canary+stable), part)
	for i, u := range first.Units {
		if u > uint32(k/4) {
			t.Errorf("slice %d has %d of %d addresses", i, u, k)
		}
	}
}

// Who failed on both versions in one second is counted by lot, whichever version was heard of first.
func TestWhoFailsOnBothAtOnceIsCountedByLot(t *testing.T) {
	t.Parallel()
	for _, order := range [][]string{{"dpl_1", "dpl_2"}, {"dpl_2", "dpl_1"}} {
		d, n := opened(Options{Late: 24 * time.Hour}), 0
		for second := range int64(300) {
			for range 3 {
				n++
				ip := fmt.Sprintf("203.0.%d.%d", n/250, n%250)
				for _, id := range order {
					n++
					take(t, d, in(second), body(failed(n, in(second), ip, "a").with(row{"deploymentId": id})))
				}
			}
		}
		d.o.Late = time.Second
		out := collected(d, 400)
		_, _, a := failures(out, "dep_1")
		_, _, b := failures(out, "dep_2")
		if a.Visitors()+b.Visitors() != 900 || a.Visitors() < 390 || b.Visitors() < 390 {
			t.Errorf("%v: %d and %d of 900 addresses", order, a.Visitors(), b.Visitors())
		}
	}
}

// The slice of an address is the same in every process, and so are the counts whatever the order of the lines.
func TestSlicesAreTheSameInEveryProcess(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(9, 9))
	var rows []row
	for i := range 300 {
		r := failed(i, in(rng.Int64N(20)), fmt.Sprint("2001:db8:1:", rng.IntN(200), "::1"), "a")
		rows = append(rows, r, r.with(row{"id": "f", "proxy": nil}), r)
	}
	played := func() (out metric.Slices) {
		d := opened(Options{})
		rng.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		for _, r := range rows {
			take(t, d, in(21), body(r))
		}
		_, _, out = failures(collected(d, 100), "dep_1")
		return out
	}
	want := played()
	if n := want.Visitors(); n < 100 || n > 200 {
		t.Errorf("%d addresses", n)
	}
	for range 3 {
		if diff := cmp.Diff(want, played()); diff != "" {
			t.Fatal(diff)
		}
	}
}

// A second in which nothing failed says that there were slices, and takes no room for them.
func TestNoFailureTakesNoRoom(t *testing.T) {
	t.Parallel()
	d := opened(Options{})
	take(t, d, in(1), body(failed(1, in(1), "203.0.113.1", "a").with(row{"statusCode": 200, "proxy": nil})))
	raw, err := json.Marshal(collected(d, 100))
	if err != nil || strings.Count(string(raw), `"slices":{}`) != 1 || len(raw) > 300 {
		t.Errorf("%v: %s", err, raw)
	}
}
