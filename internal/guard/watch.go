package guard

import (
	"reflect"
	"slices"

	"github.com/slipwayhq/slipway/internal/judge"
)

// Pass is one way of the judge through the evidence of one change, from its first visitor on. It is kept between two
// looks; the zero value begins anew. It is not safe for concurrent use.
type Pass struct {
	j        *judge.Judge
	settings judge.Settings
	start    int64
	fed      int64 // every second before this is judged
	last     int64 // the last one with requests
	shares   []ShareChange
}

// judge returns the pass's judge, a new one when what was judged does not belong to this evidence: other rules, another
// beginning, or other shares than were known when its seconds were judged.
func (p *Pass) judge(x *exam) *judge.Judge {
	settings := x.rules.Settings(x.ev.Background)
	if p.j == nil || p.start != x.start || x.end < p.fed || !reflect.DeepEqual(p.settings, settings) ||
		!slices.Equal(sharesBefore(p.shares, p.fed), sharesBefore(x.shares, p.fed)) {
		*p = Pass{j: judge.New(settings), settings: settings, start: x.start, fed: x.start, last: x.start - 1}
	}
	p.shares = x.shares
	return p.j
}

// sharesBefore are the changes that say something of the seconds before one.
func sharesBefore(list []ShareChange, second int64) []ShareChange {
	var out []ShareChange
	for _, c := range list {
		if c.At.Unix() < second {
			out = append(out, ShareChange{At: c.At.UTC(), Share: c.Share})
		}
	}
	return out
}
