package guard

import (
	"cmp"
	"fmt"
	"time"

	"github.com/slipwayhq/slipway/internal/judge"
)

// spoken is when the values of a custom metric came, by version: canary, stable.
type spoken struct {
	metric string
	to     int64     // what begins before was taken
	last   [2]int64  // the end of the last value
	seen   [2]uint64 // of the other version since then
	due    [2]float64

	// How often values come now: nights are quieter than days. The window before and the present one.
	from [2]int64
	n    [2]uint64
}

const (
	lateValues    = 2 * time.Minute // that values may take, where nothing is said
	missingValues = 20              // chance makes no gap in which so many are missing
	fewestValues  = 5               // of the other version, however small its share is
	valuesWindow  = 600             // seconds
)

// hears takes a span of values; what was taken before is left out.
func (p *Pass) hears(v *judge.Value) {
	i := 0
	for i < len(p.spoken) && p.spoken[i].metric != v.Metric {
		i++
	}
	if i == len(p.spoken) {
		at := [2]int64{v.Second, v.Second}
		p.spoken = append(p.spoken, spoken{metric: v.Metric, last: at, from: at})
	}
	s := &p.spoken[i]
	if v.Second < s.to {
		return
	}
	s.to = v.Second + max(v.Width, 1)
	if v.Second >= s.from[1]+valuesWindow {
		s.from, s.n = [2]int64{s.from[1], v.Second}, [2]uint64{s.n[1], 0}
	}
	odds := v.Share / max(1-v.Share, 1e-9)
	for arm, n := range [2]uint64{v.Canary.N, v.Stable.N} {
		n = min(n, most)
		s.n[1] += n
		s.seen[1-arm] += n
		if arm == 1 {
			s.due[0] += float64(n) * odds
		} else {
			s.due[1] += float64(n) / max(odds, 1e-9)
		}
		if n > 0 {
			s.last[arm], s.seen[arm], s.due[arm] = s.to, 0, 0
		}
	}
}

// unspoken says whether a custom metric that decides has fallen silent, of both versions or of one of them: an
// application that stopped reporting must not look like one whose visitors buy as before. A metric of which little ever
// came has no silence to tell.
func (x *exam) unspoken(f Finding, limit int64) (Finding, bool) {
	if x.alone() {
		return f, false
	}
	limit += int64(cmp.Or(x.rules.Late, lateValues) / time.Second)
	for _, rule := range x.rules.Metrics {
		for i := range x.pass.spoken {
			s := &x.pass.spoken[i]
			if rule.Signal || s.metric != rule.Name {
				continue
			}
			arm, silent := s.silent(x.end, limit)
			if silent == 0 {
				continue
			}
			f.Level, f.Arm, f.Value, f.Limit = Critical, arm, float64(silent), float64(limit)
			of := ""
			if arm != "both" {
				of = " of " + x.name(arm)
			}
			f.Sentence = fmt.Sprintf("No value of %s%s for %s: `slipway metric list` says what arrives.", short(rule.Name),
				of, span(silent))
			return f, true
		}
	}
	return f, false
}

// silent returns whose values are missing and for how many seconds; 0 when none are.
func (s *spoken) silent(end, limit int64) (arm string, seconds int64) {
	last := max(s.last[0], s.last[1])
	rate := float64(s.n[0]+s.n[1]) / float64(max(last-s.from[0], 1))
	if gap := end - last; gap >= limit && rate*float64(gap) >= missingValues {
		return "both", gap
	}
	for i, arm := range []string{canary, stable} {
		gap := end - s.last[i]
		if gap >= limit && s.seen[i] >= fewestValues && s.due[i] >= missingValues {
			return arm, gap
		}
	}
	return "", 0
}
