package calendar

import (
	"testing"
	"time"
)

// BenchmarkCheck is the worst there is: a calendar that never changes, so that the
// whole horizon is searched.
func BenchmarkCheck(b *testing.B) {
	z := load(b, "Europe/Berlin")
	c := Calendar{Windows: []Window{{Weekly: Weekly{nil, 0, Day, z}}}}
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, z)
	for b.Loop() {
		if s := c.Check(now); !s.Open {
			b.Fatal(s.Sentence)
		}
	}
}
