package flags_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/engine/flags"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
)

func TestMembersAreAddedRemovedAndReplaced(t *testing.T) {
	each(t, plain, func(t *testing.T, w *world) {
		w.segment("beta", "staging")
		change := func(m flags.Members) flag.Segment {
			t.Helper()
			out, err := w.ChangeSegment(w.ctx, ada(), flags.SegmentOrder{Environment: "staging", Key: "beta", Members: &m},
				flags.When{})
			w.ok(err)
			list, err := w.DB.SegmentMembers(w.ctx, out.Segment, "", 0)
			w.ok(err)
			if len(list) != out.Segment.Listed {
				t.Errorf("%d listed, %d there", out.Segment.Listed, len(list))
			}
			return out.Segment
		}
		names := func(from, to int) (out []string) {
			for i := from; i < to; i++ {
				out = append(out, fmt.Sprintf("user-%05d", i))
			}
			return out
		}
		if s := change(flags.Members{Add: names(0, 12_000)}); s.Listed != 12_000 || s.Revision != 2 {
			t.Errorf("added: %+v", s)
		}
		if s := change(flags.Members{Add: names(0, 5)}); s.Revision != 2 {
			t.Errorf("those that are in it already make a revision: %+v", s)
		}
		if s := change(flags.Members{Remove: names(11_990, 13_000)}); s.Listed != 11_990 {
			t.Errorf("removed: %+v", s)
		}
		if s := change(flags.Members{Add: names(11_000, 12_500), Replace: true}); s.Listed != 1500 {
			t.Errorf("replaced: %+v", s)
		}
		if s := change(flags.Members{Replace: true}); s.Listed != 0 {
			t.Errorf("emptied: %+v", s)
		}
	})
}

// BenchmarkMillionMembers adds a million ids in requests of 25,000, as the API takes them, and reads them as a set.
func BenchmarkMillionMembers(b *testing.B) {
	for _, kind := range storetest.Engines(b) {
		b.Run(kind, func(b *testing.B) {
			for range b.N {
				million(b, storetest.Open(b, kind))
			}
		})
	}
}

func million(b *testing.B, db *store.DB) {
	b.Helper()
	const all, part = 1_000_000, 25_000
	w := &world{writer(b, db, plain), nil, b.Context()}
	if _, err := w.ChangeSegment(w.ctx, ada(), flags.SegmentOrder{Key: "beta", Environment: "production",
		Put: &flag.Segment{}}, flags.When{}); err != nil {
		b.Fatal(err)
	}
	var longest time.Duration
	begin := time.Now()
	for from := 0; from < all; from += part {
		ids := make([]string, part)
		for i := range ids {
			ids[i] = fmt.Sprintf("%08x-0000-4000-8000-%012d", uint32(from+i)*2654435761, from+i)
		}
		one := time.Now()
		if _, err := w.ChangeSegment(w.ctx, ada(), flags.SegmentOrder{Key: "beta", Environment: "production",
			Members: &flags.Members{Add: ids}}, flags.When{}); err != nil {
			b.Fatal(err)
		}
		longest = max(longest, time.Since(one))
	}
	b.ReportMetric(time.Since(begin).Seconds(), "s/million")
	b.ReportMetric(longest.Seconds(), "s/longest-commit")
	begin = time.Now()
	set, err := db.FlagSet(w.ctx, "shop", "production")
	if err != nil || len(set.Lists["beta"]) != all {
		b.Fatalf("%d members, %v", len(set.Lists["beta"]), err)
	}
	b.ReportMetric(time.Since(begin).Seconds(), "s/read")
}

// BenchmarkChangeAmongThousand changes one flag of a thousand: plan, checks and commit.
func BenchmarkChangeAmongThousand(b *testing.B) {
	for _, kind := range storetest.Engines(b) {
		b.Run(kind, func(b *testing.B) {
			db := storetest.Open(b, kind)
			w := &world{writer(b, db, plain), nil, b.Context()}
			for i := range 1000 {
				if _, err := w.Create(w.ctx, ada(), flag.Flag{Key: fmt.Sprintf("flag-%04d", i)}); err != nil {
					b.Fatal(err)
				}
			}
			b.ResetTimer()
			for i := range b.N {
				if _, err := w.do(flags.Order{Kind: flags.Rollout, Flag: "flag-0500", Environment: "production",
					Share: float64(i%10_000) / 100}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
