package strategy

import (
	"fmt"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/approval"
	"github.com/slipwayhq/slipway/internal/calendar"
)

// Own types for what a strategy writes down, so that a wrong value is reported at
// its place and with an example.
type (
	duration time.Duration   // 500ms, 10m, 24h, 2d; off is 0
	percent  float64         // 2% is 0.02; off is 0
	factor   float64         // 10x; off is 0
	row      int             // 3 in a row; off is 0
	amount   float64         // 5 or 5%: percent of visitors
	clock    int             // 16:30, in minutes
	day      time.Weekday    // fri
	address  string          // http://127.0.0.1:3001
	quorum   []approval.Rule // [product] or {product: 1, devops: 2}
	toggle   string          // a name, or off
	status   []int           // 200 or [200, 204]
)

const off = "off"

func (x *duration) read(d *decoder, path []string, n *node) {
	if !d.isScalar(path, n, "a duration") {
		return
	}
	v, err := parseDuration(n.text)
	if err != nil {
		d.wrong(n, path, fmt.Sprintf("want a duration, got %q", n.text), "write for example 500ms, 30s, 10m, 24h or 7d")
		return
	}
	*x = duration(v)
}

// parseDuration is time.ParseDuration with days and off, and nothing negative.
func parseDuration(s string) (time.Duration, error) {
	if s == off {
		return 0, nil
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 12)
		return time.Duration(n) * 24 * time.Hour, err
	}
	d, err := time.ParseDuration(s)
	if err == nil && (d < 0 || s == "0" || strings.HasPrefix(s, "+")) {
		return 0, fmt.Errorf("parse duration %q: out of range", s)
	}
	return d, err
}

// parseUnit reads a number with a unit after it.
func parseUnit(s, unit string) (float64, bool) {
	if s == off {
		return 0, true
	}
	digits, ok := strings.CutSuffix(s, unit)
	if !ok || !regexp.MustCompile(`^[0-9]+(\.[0-9]+)?$`).MatchString(strings.TrimSpace(digits)) {
		return 0, false
	}
	f, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
	return f, err == nil && !math.IsInf(f, 0)
}

func (x *percent) read(d *decoder, path []string, n *node) {
	if !d.isScalar(path, n, "a percentage") {
		return
	}
	f, ok := parseUnit(n.text, "%")
	if !ok {
		d.wrong(n, path, fmt.Sprintf("want a percentage, got %q", n.text), "write for example 2% or 0.5%, with the sign")
		return
	}
	*x = percent(f / 100)
}

func (x *factor) read(d *decoder, path []string, n *node) {
	if !d.isScalar(path, n, "a factor") {
		return
	}
	f, ok := parseUnit(n.text, "x")
	if !ok || f != 0 && f <= 1 {
		d.wrong(n, path, fmt.Sprintf("want a factor above 1, got %q", n.text), "write for example 10x, or off")
		return
	}
	*x = factor(f)
}

func (x *row) read(d *decoder, path []string, n *node) {
	if !d.isScalar(path, n, "a number in a row") {
		return
	}
	text := strings.TrimSpace(strings.TrimSuffix(n.text, "in a row"))
	v, err := strconv.ParseUint(text, 10, 16)
	if text == off {
		v, err = 0, nil
	}
	if err != nil || v > 1000 {
		d.wrong(n, path, fmt.Sprintf("want a number in a row, got %q", n.text), "write for example 3 in a row, or off")
		return
	}
	*x = row(v)
}

func (x *amount) read(d *decoder, path []string, n *node) {
	if !d.isScalar(path, n, "a share") {
		return
	}
	f, ok := parseUnit(strings.TrimSuffix(n.text, "%"), "")
	if !ok || f <= 0 || f > 100 {
		d.wrong(n, path, fmt.Sprintf("want a share of visitors above 0 and at most 100, got %q", n.text),
			"write percent, for example 5 or 0.5")
		return
	}
	*x = amount(f)
}

func (x *clock) read(d *decoder, path []string, n *node) {
	if !d.isScalar(path, n, "a time of the day") {
		return
	}
	m, err := calendar.ParseClock(n.text)
	if err != nil {
		d.wrong(n, path, fmt.Sprintf("want a time of the day, got %q", n.text), `write for example "16:30"; the day ends at "24:00"`)
		return
	}
	*x = clock(m)
}

func (x *day) read(d *decoder, path []string, n *node) {
	if !d.isScalar(path, n, "a day of the week") {
		return
	}
	w, err := calendar.ParseDay(n.text)
	if err != nil {
		d.wrong(n, path, fmt.Sprintf("%q is no day of the week", n.text),
			choose(n.text, []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}))
		return
	}
	*x = day(w)
}

func (x *address) read(d *decoder, path []string, n *node) {
	if !d.isScalar(path, n, "an address") {
		return
	}
	if why := badURL(n.text); why != "" {
		d.wrong(n, path, fmt.Sprintf("%q is not an address that can be asked: %s", n.text, why),
			"write for example http://127.0.0.1:3001")
		return
	}
	*x = address(strings.TrimSuffix(n.text, "/"))
}

// badURL says why s is no http address of a host, or nothing.
func badURL(s string) string {
	if !strings.HasPrefix(s, "http://") && !strings.HasPrefix(s, "https://") {
		return "it does not begin with http:// or https://"
	}
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return "it cannot be read"
	case u.Hostname() == "":
		return "it names no host"
	case u.User != nil:
		return "it carries a user name or password"
	case u.Port() != "" && !validPort(u.Port()):
		return "its port is not between 1 and 65535"
	}
	return ""
}

func validPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}

func (x *quorum) read(d *decoder, path []string, n *node) {
	*x = quorum{}
	add := func(at place, here []string, role string, count int) {
		if slices.ContainsFunc(*x, func(r approval.Rule) bool { return r.Role == role }) {
			d.addAt(at, join(here), fmt.Sprintf("%q is named twice", role), fmt.Sprintf("ask for more of one role with {%s: 2}", role))
			return
		}
		*x = append(*x, approval.Rule{Role: role, Count: count})
	}
	switch n.form {
	case scalar:
		add(n.place, path, n.text, 1)
	case list:
		for i, item := range n.items {
			here := append(slices.Clone(path), strconv.Itoa(i))
			if d.isScalar(here, item, "a role") {
				add(item.place, here, item.text, 1)
			}
		}
	case mapping:
		for _, e := range n.keys {
			here := append(slices.Clone(path), e.name)
			count, err := strconv.ParseUint(e.value.text, 10, 8)
			if err != nil || count < 1 || count > 20 {
				d.wrong(e.value, here, fmt.Sprintf("want how many approvals, got %q", e.value.text), "write a number from 1 to 20")
				continue
			}
			add(e.place, here, e.name, int(count))
		}
	}
}

func (x *toggle) read(d *decoder, path []string, n *node) {
	if !d.isScalar(path, n, "a name, or off") {
		return
	}
	switch n.text {
	case off, "false":
		*x = ""
	default:
		*x = toggle(n.text)
	}
}

func (x *status) read(d *decoder, path []string, n *node) {
	items := n.items
	if n.form == scalar {
		items = []*node{n}
	}
	if n.form == mapping {
		d.wrong(n, path, "want a status or a list of them", "write for example 200 or [200, 204]")
	}
	for _, item := range items {
		v, err := strconv.ParseUint(item.text, 10, 16)
		if err != nil || v < 100 || v > 599 {
			d.wrong(item, path, fmt.Sprintf("want an HTTP status, got %q", item.text), "write for example 200 or [200, 204]")
			continue
		}
		*x = append(*x, int(v))
	}
}

func text(pattern, example string) map[string]any {
	return map[string]any{"type": "string", "pattern": pattern, "examples": []any{example}}
}

func (*duration) schema() map[string]any {
	return text(`^(off|[0-9]+d|([0-9.]+(ns|us|µs|ms|s|m|h))+)$`, "10m")
}
func (*percent) schema() map[string]any { return text(`^(off|[0-9]+(\.[0-9]+)?%)$`, "2%") }
func (*factor) schema() map[string]any  { return text(`^(off|[0-9]+(\.[0-9]+)?x)$`, "10x") }
func (*clock) schema() map[string]any   { return text(`^[0-9]{1,2}:[0-9]{2}$`, "16:30") }
func (*address) schema() map[string]any { return text(`^https?://`, "http://127.0.0.1:3001") }
func (*toggle) schema() map[string]any  { return text(`^[a-z][a-z0-9_-]{0,63}$`, "core") }
func (*day) schema() map[string]any {
	return text(`^(mon|tue|wed|thu|fri|sat|sun)|[A-Za-z]+day$`, "fri")
}

func (*row) schema() map[string]any {
	return anyOf(text(`^(off|[0-9]+( in a row)?)$`, "3 in a row"), map[string]any{"type": "integer", "minimum": 0})
}

func (*amount) schema() map[string]any {
	return anyOf(map[string]any{"type": "number", "exclusiveMinimum": 0, "maximum": 100}, text(`^[0-9]+(\.[0-9]+)?%$`, "5%"))
}

func (*quorum) schema() map[string]any {
	return anyOf(
		map[string]any{"type": "string"},
		map[string]any{"type": "array", "items": map[string]any{"type": "string"}},
		map[string]any{"type": "object", "additionalProperties": map[string]any{"type": "integer", "minimum": 1, "maximum": 20}},
	)
}

func (*status) schema() map[string]any {
	one := map[string]any{"type": "integer", "minimum": 100, "maximum": 599}
	return anyOf(one, map[string]any{"type": "array", "items": one})
}

func anyOf(s ...map[string]any) map[string]any {
	out := make([]any, len(s))
	for i, x := range s {
		out[i] = x
	}
	return map[string]any{"anyOf": out}
}
