package watch

import (
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
)

// BenchmarkHour looks once a second at a canary of about 60 requests a second with placebo slices, and says how large
// what is stored of it becomes in an hour: the packed evidence, and the database as a whole.
func BenchmarkHour(b *testing.B) {
	for b.Loop() {
		db := storetest.Open(b, store.SQLite)
		c := newCanary(b, db, 1)
		n := c.node("rel_1")
		const looks = 900
		var evidence, largest int
		before, err := db.Stats(b.Context())
		c.check(err)
		for range looks {
			c.now = c.now.Add(time.Second)
			c.measure()
			_, err := c.look(b.Context(), n)
			c.check(err)
		}
		rows := 0
		for after := int64(0); ; {
			list, err := db.Looks(b.Context(), "rel_1", after, page)
			c.check(err)
			for _, row := range list {
				evidence += len(row.Evidence)
				largest = max(largest, len(row.Evidence))
				after = row.Look
				rows++
			}
			if len(list) < page {
				break
			}
		}
		after, err := db.Stats(b.Context())
		c.check(err)
		b.ReportMetric(float64(evidence)*3600/looks/1e6, "evidence-MB/h")
		b.ReportMetric(float64(after.Bytes-before.Bytes)*3600/looks/1e6, "database-MB/h")
		b.ReportMetric(float64(evidence)/float64(rows), "evidence-B/look")
	}
}

// BenchmarkResume is what it takes to go on with a canary of 900 looks from its rows.
func BenchmarkResume(b *testing.B) {
	db := storetest.Open(b, store.SQLite)
	c := newCanary(b, db, 1)
	n := c.node("rel_1")
	for range 900 {
		c.now = c.now.Add(time.Second)
		c.measure()
		_, err := c.look(b.Context(), n)
		c.check(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		_, err := c.node("rel_1").resume(b.Context(), "rel_1")
		c.check(err)
	}
}
