package edge

import "hash/maphash"

// maxRisks bounds how many visitors are remembered within a minute. Beyond that every request counts as a visitor: a
// budget may be spent too early then, never too late.
const maxRisks = 200_000

// risks tells whether a visitor of a version that not everybody has was counted in this minute already.
type risks struct {
	minute int64
	seed   maphash.Seed
	seen   map[risk64]struct{}
}

// risk64 is a visitor of a version, by a hash of this process.
type risk64 struct{ deployment, visitor uint64 }

// first says whether a visitor is new on a version in a minute of the clock. Who can't be told from others always is.
func (r *risks) first(minute int64, deployment, visitor string) bool {
	if r.seen == nil {
		r.seed, r.seen = maphash.MakeSeed(), map[risk64]struct{}{}
	}
	if minute != r.minute {
		r.minute = minute
		clear(r.seen)
	}
	if visitor == "" {
		return true
	}
	key := risk64{maphash.String(r.seed, deployment), maphash.String(r.seed, visitor)}
	if _, known := r.seen[key]; known {
		return false
	}
	if len(r.seen) < maxRisks {
		r.seen[key] = struct{}{}
	}
	return true
}
