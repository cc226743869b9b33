package metric

import (
	"cmp"
	"slices"
	"time"
)

// source is what a Timeline knows of one source.
type source struct {
	first, highest uint64
	seen           map[uint64]struct{} // of the last rememberBatch numbers
	received       uint64              // distinct numbers since first
	complete       int64
	heard          int64 // 0: never

	duplicates, late uint64
	gap              int64 // seconds
}

// SourceCounters say how complete what one source delivered is.
type SourceCounters struct {
	Name       string    `json:"name"`
	Kind       Kind      `json:"kind"`
	Heard      time.Time `json:"heard"`
	Complete   int64     `json:"complete"`   // Unix second: what lies before is final for it
	Batches    uint64    `json:"batches"`    // accepted
	Duplicates uint64    `json:"duplicates"` // delivered again, left out
	Missing    uint64    `json:"missing"`    // never arrived, by the gaps in their numbers
	Late       uint64    `json:"late"`       // requests and values that came after their second was final, left out
	Gap        int64     `json:"gap"`        // seconds without a word of it, beyond what it is waited for
	Silent     bool      `json:"silent"`     // it is not waited for any more
}

// accept notes a sequence number and says whether it is new. One that is too old
// to be remembered is taken for a repetition.
func (s *source) accept(n uint64) bool {
	if _, again := s.seen[n]; again || n+rememberBatch <= s.highest {
		return false
	}
	s.seen[n] = struct{}{}
	s.first = min(s.first, n)
	s.received++
	s.highest = max(s.highest, n)
	if len(s.seen) > 2*rememberBatch {
		for old := range s.seen {
			if old+rememberBatch <= s.highest {
				delete(s.seen, old)
			}
		}
	}
	return true
}

// missing is how many numbers of a source never came. Where nobody asks while nothing is watched, a number between two
// is no delivery that was lost.
func (t *Timeline) missing(s *source) uint64 {
	if s.received == 0 || t.asked {
		return 0
	}
	return s.highest - s.first + 1 - s.received
}

// hear notes a sign of life. A silence that was longer than a source is waited for is a gap.
func (s *source) hear(now, dead int64) {
	s.gap += s.silence(now, dead)
	s.heard = max(s.heard, now)
}

func (s *source) silence(now, dead int64) int64 {
	if silent := now - s.heard; s.heard > 0 && silent > dead {
		return silent
	}
	return 0
}

// Sources returns what is known of every source of every kind, by kind and name.
func (t *Timeline) Sources(now time.Time) []SourceCounters {
	out := t.own(now, Edge)
	for _, k := range others() {
		out = append(out, t.Of(k).own(now, k)...)
	}
	return out
}

func (t *Timeline) own(now time.Time, k Kind) []SourceCounters {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make([]SourceCounters, 0, len(t.sources))
	for name, s := range t.sources {
		silent, gap := s.silence(now.Unix(), t.dead), s.gap
		if t.asked {
			silent, gap = 0, 0
		}
		out = append(out, SourceCounters{
			Name: name, Kind: k, Heard: time.Unix(s.heard, 0).UTC(), Complete: s.complete, Batches: s.received,
			Duplicates: s.duplicates, Missing: t.missing(s), Late: s.late, Gap: gap + silent, Silent: silent > 0,
		})
	}
	slices.SortFunc(out, func(a, b SourceCounters) int { return cmp.Compare(a.Name, b.Name) })
	return out
}
