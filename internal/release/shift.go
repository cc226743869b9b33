package release

import (
	"cmp"
	"slices"
	"time"

	"github.com/slipwayhq/slipway/internal/effect"
	"github.com/slipwayhq/slipway/internal/guard"
)

// Watched says what the guard must know of the release beside what was measured: since when which share of the visitors
// has it, and which shares come next. Both versions are compared from the first visitor on; after the promotion there
// is nothing left to compare with. The effects are the release's.
func (r Release) Watched(now time.Time, effects map[string]effect.Effect) guard.Evidence {
	ev := guard.Evidence{Now: now, Since: r.Exposed, ShareSince: r.ShareSince, Share: r.Share, Version: r.Version}
	if !r.Promoted.IsZero() {
		ev.Since, ev.ShareSince = r.Promoted, r.Promoted
	}
	ev.Shares = make([]guard.ShareChange, 0, len(r.Shares))
	for _, s := range r.Shares {
		ev.Shares = append(ev.Shares, guard.ShareChange{At: s.At, Share: s.Share})
	}
	for _, s := range r.Plan.Steps[min(r.Cursor+1, len(r.Plan.Steps)):] {
		if s.Kind == KindShare {
			ev.Ladder = append(ev.Ladder, s.Share)
		}
	}
	for _, x := range effects {
		if x.Kind == effect.Route && x.State != effect.Superseded {
			ev.Moves = append(ev.Moves, guard.Move{From: x.Created.UTC(), To: x.Ended.UTC()})
		}
	}
	slices.SortFunc(ev.Moves, func(a, b guard.Move) int {
		return cmp.Or(a.From.Compare(b.From), a.To.Compare(b.To))
	})
	return ev
}

// ShareOver returns the percent of visitors that was in force from a Unix second up to before another, and false when
// it changed in between or was not set yet.
func (r Release) ShareOver(from, to int64) (share float64, steady bool) {
	for _, s := range r.Shares {
		switch at := s.At.Unix(); {
		case at >= to:
			return share, steady
		case at >= from:
			return 0, false
		}
		share, steady = s.Share, true
	}
	return share, steady
}
