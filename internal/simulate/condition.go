package simulate

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
)

// Condition is a limit that a result may not be beyond: METRIC[(FAULT)] > VALUE, or with >=, < or <=.
type Condition struct {
	Text   string `json:"condition"`
	Metric string `json:"metric"`
	Fault  string `json:"fault,omitempty"` // name of the case; empty: every one that the metric is about
	op     string
	value  float64
}

// unit is how a metric's values are written.
type unit int

const (
	part  unit = iota // 1%
	times             // 45m
	plain             // 20
)

// measure is a metric that conditions may name.
type measure struct {
	name, says string
	unit       unit
	of         func(r *Result) (value float64, known bool)
}

func measures() []measure {
	healthy := func(f func(*Result) float64) func(*Result) (float64, bool) {
		return func(r *Result) (float64, bool) { return f(r), r.Healthy }
	}
	faulty := func(f func(*Result) float64) func(*Result) (float64, bool) {
		return func(r *Result) (float64, bool) { return f(r), !r.Healthy }
	}
	// of a spread of those that were found; who was not found counts as never
	found := func(s func(*Result) *Spread, p90 bool) func(*Result) (float64, bool) {
		return faulty(func(r *Result) float64 {
			x, lost := s(r), 1-r.Stopped
			switch {
			case x == nil || p90 && lost > 0.1 || lost > 0.5:
				return math.Inf(1)
			case p90:
				return x.P90
			}
			return x.Median
		})
	}
	promote := func(p90 bool) func(*Result) (float64, bool) {
		return healthy(func(r *Result) float64 {
			switch {
			case r.Promote == nil:
				return math.Inf(1)
			case p90:
				return r.Promote.P90
			}
			return r.Promote.Median
		})
	}
	mean := func(s *Spread) float64 {
		if s == nil {
			return 0
		}
		return s.Mean
	}
	return []measure{
		{"false_rollback", "part of the healthy releases that was taken back", part,
			healthy(func(r *Result) float64 { return r.Stopped })},
		{"false_rollback_upper", "its upper 95 % limit", part, healthy(func(r *Result) float64 { return r.Upper })},
		{"missed", "part of the faulty releases that stayed in production", part,
			faulty(func(r *Result) float64 { return r.Missed })},
		{"late", "part of the faulty releases that was taken back only when everybody had them for good", part,
			faulty(func(r *Result) float64 { return r.Production })},
		{"held", "part that waits for a person", part, func(r *Result) (float64, bool) { return r.Held, true }},
		{"detection", "median time from the fault's beginning until it was found", times,
			found(func(r *Result) *Spread { return r.Detection }, false)},
		{"detection_p90", "the same for nine of ten", times, found(func(r *Result) *Spread { return r.Detection }, true)},
		{"requests", "median requests of the new version until it was found", plain,
			found(func(r *Result) *Spread { return r.Requests }, false)},
		{"requests_p90", "the same for nine of ten", plain, found(func(r *Result) *Spread { return r.Requests }, true)},
		{"harm", "failed requests because of the fault, on average", plain,
			faulty(func(r *Result) float64 { return mean(r.Failed) })},
		{"harm_ratio", "harm divided by what no judge could have avoided", plain, func(r *Result) (float64, bool) {
			if r.Healthy || r.Floor <= 0 {
				return 0, false
			}
			return mean(r.Failed) / r.Floor, true
		}},
		{"slowed", "requests that took longer because of the fault, on average", plain,
			faulty(func(r *Result) float64 { return mean(r.Slowed) })},
		{"time_to_promote", "median time from the first visitor until it is the stable version", times, promote(false)},
		{"time_to_promote_p90", "the same for nine of ten", times, promote(true)},
	}
}

// MeasureHelp lists the metrics of conditions, one a line.
func MeasureHelp() string {
	var b strings.Builder
	for _, m := range measures() {
		fmt.Fprintf(&b, "  %-21s %s\n", m.name, m.says)
	}
	return b.String()
}

// ParseCondition reads a condition. Cases are those that are tried: a fault that is none of them is refused.
func ParseCondition(text string, cases []Case) (Condition, error) {
	c := Condition{Text: text}
	rest := text
	bad := func(at string, format string, args ...any) (Condition, error) {
		return Condition{}, fault.New(fault.Invalid, "condition_malformed", "--fail-if %q, at character %d: %s.", text,
			len([]rune(text[:len(text)-len(at)]))+1, fmt.Sprintf(format, args...))
	}
	skip := func() { rest = strings.TrimLeft(rest, " \t") }
	word := func(ok func(r rune) bool) string {
		i := strings.IndexFunc(rest, func(r rune) bool { return !ok(r) })
		if i < 0 {
			i = len(rest)
		}
		w := rest[:i]
		rest = rest[i:]
		return w
	}
	skip()
	from := rest
	c.Metric = word(func(r rune) bool { return r == '_' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' })
	all := measures()
	i := slices.IndexFunc(all, func(m measure) bool { return m.name == c.Metric })
	if i < 0 {
		return bad(from, "there is no metric %q. There are: %s", c.Metric,
			listed(all, func(m measure) string { return m.name }))
	}
	if skip(); strings.HasPrefix(rest, "(") {
		rest = rest[1:]
		from = rest
		end := strings.IndexByte(rest, ')')
		if end < 0 {
			return bad(from, "the bracket is not closed")
		}
		c.Fault, rest = strings.TrimSpace(rest[:end]), rest[end+1:]
		if !slices.ContainsFunc(cases, func(k Case) bool { return k.Name == c.Fault }) {
			return bad(from, "no fault %q is tried. Tried are: %s", c.Fault, listed(cases, caseName))
		}
	}
	skip()
	from = rest
	if c.op = word(func(r rune) bool { return r == '<' || r == '>' || r == '=' }); !slices.Contains(
		[]string{">", ">=", "<", "<="}, c.op) {
		return bad(from, "want >, >=, < or <=, got %q", c.op)
	}
	skip()
	value, why := all[i].unit.read(strings.TrimSpace(rest))
	if why != "" {
		return bad(rest, "%s", why)
	}
	c.value = value
	return c, nil
}

// read reads a value and says what is wrong with it.
func (u unit) read(text string) (float64, string) {
	if u == times {
		d, err := time.ParseDuration(text)
		if err != nil || d < 0 {
			return 0, fmt.Sprintf("%q is not a time like 90s, 45m or 1h30m", text)
		}
		return d.Seconds(), ""
	}
	number, percent := strings.CutSuffix(text, "%")
	x, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	switch {
	case err != nil || !(x >= 0) || math.IsInf(x, 0):
		return 0, fmt.Sprintf("%q is not a number%s", text, map[unit]string{part: " like 1%"}[u])
	case u == part && percent:
		x /= 100
	case percent:
		return 0, fmt.Sprintf("%q: this metric is a number, not a part", text)
	}
	if u == part && x > 1 {
		return 0, fmt.Sprintf("%q is more than all of them: write 1%% or 0.01", text)
	}
	return x, ""
}

// listed names what there is to choose from.
func listed[T any](list []T, name func(T) string) string {
	names := make([]string, 0, len(list))
	for _, x := range list {
		names = append(names, name(x))
	}
	return strings.Join(names, ", ")
}

func caseName(c Case) string { return c.Name }

// Violation is a condition that a result is beyond.
type Violation struct {
	Condition
	Strategy string   `json:"strategy"`
	Case     string   `json:"case"`
	Value    *float64 `json:"value"` // null: never
	Sentence string   `json:"sentence"`
}

// Against returns what is beyond the conditions. A condition that nothing was tried for is one as well: no data is
// never a pass.
func (r Report) Against(list []Condition) []Violation {
	out := []Violation{}
	for _, c := range list {
		i := slices.IndexFunc(measures(), func(m measure) bool { return m.name == c.Metric })
		if i < 0 {
			continue
		}
		m, asked := measures()[i], false
		for k := range r.Results {
			x := &r.Results[k]
			v, known := m.of(x)
			if !known || c.Fault != "" && x.Case.Name != c.Fault {
				continue
			}
			if x.Runs == 0 {
				asked = false
				break
			}
			if asked = true; c.beyond(v) {
				out = append(out, m.violation(c, x, v))
			}
		}
		if !asked {
			out = append(out, Violation{Condition: c, Sentence: fmt.Sprintf(
				"%s: nothing was tried that could tell. Leave the fault out, or name one that the metric is about.", c.Text)})
		}
	}
	return out
}

func (c Condition) beyond(v float64) bool {
	switch c.op {
	case ">":
		return v > c.value
	case ">=":
		return v >= c.value
	case "<":
		return v < c.value
	}
	return v <= c.value
}

func (m measure) violation(c Condition, x *Result, v float64) Violation {
	said := number(v)
	switch {
	case math.IsInf(v, 0):
		said = "never reached"
	case m.unit == part:
		said = percent(v)
	case m.unit == times:
		said = duration(v)
	}
	out := Violation{Condition: c, Strategy: x.Strategy, Case: x.Case.Name, Sentence: fmt.Sprintf(
		"%s: %s(%s) is %s in %d runs.", x.Strategy, c.Metric, x.Case.Name, said, x.Runs)}
	if !math.IsInf(v, 0) {
		out.Value = &v
	}
	return out
}
