package strategy

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/approval"
	"github.com/slipwayhq/slipway/internal/calendar"
	"github.com/slipwayhq/slipway/internal/strategy/document"
)

// Own types for what a strategy writes down, so that a wrong value is reported at
// its place and with an example.
type (
	amount  float64         // 5 or 5%: percent of visitors
	clock   int             // 16:30, in minutes
	day     time.Weekday    // fri
	address string          // http://127.0.0.1:3001
	quorum  []approval.Rule // [product] or {product: 1, devops: 2}
	status  []int           // 200 or [200, 204]
)

// Read reads amount in the form that people write.
func (x *amount) Read(d *document.Decoder, path []string, n *document.Node) {
	if !d.IsScalar(path, n, "a share") {
		return
	}
	f, ok := document.ParseUnit(strings.TrimSuffix(n.Text, "%"), "")
	if !ok || f <= 0 || f > 100 {
		d.Wrong(n, path, fmt.Sprintf("want a share of visitors above 0 and at most 100, got %q", n.Text),
			"write percent, for example 5 or 0.5")
		return
	}
	*x = amount(f)
}

// Read reads clock in the form that people write.
func (x *clock) Read(d *document.Decoder, path []string, n *document.Node) {
	if !d.IsScalar(path, n, "a time of the day") {
		return
	}
	m, err := calendar.ParseClock(n.Text)
	if err != nil {
		d.Wrong(n, path, fmt.Sprintf("want a time of the day, got %q", n.Text),
			`write for example "16:30"; the day ends at "24:00"`)
		return
	}
	*x = clock(m)
}

// Read reads day in the form that people write.
func (x *day) Read(d *document.Decoder, path []string, n *document.Node) {
	if !d.IsScalar(path, n, "a day of the week") {
		return
	}
	w, err := calendar.ParseDay(n.Text)
	if err != nil {
		d.Wrong(n, path, fmt.Sprintf("%q is no day of the week", n.Text),
			document.Choose(n.Text, []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}))
		return
	}
	*x = day(w)
}

// Read reads address in the form that people write.
func (x *address) Read(d *document.Decoder, path []string, n *document.Node) {
	if !d.IsScalar(path, n, "an address") {
		return
	}
	if why := badURL(n.Text); why != "" {
		d.Wrong(n, path, fmt.Sprintf("%q is not an address that can be asked: %s", n.Text, why),
			"write for example http://127.0.0.1:3001")
		return
	}
	*x = address(strings.TrimSuffix(n.Text, "/"))
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

// Read reads quorum in the form that people write.
func (x *quorum) Read(d *document.Decoder, path []string, n *document.Node) {
	*x = quorum{}
	add := func(at document.Place, here []string, role string, count int) {
		if slices.ContainsFunc(*x, func(r approval.Rule) bool { return r.Role == role }) {
			d.AddAt(at, document.Join(here), fmt.Sprintf("%q is named twice", role),
				fmt.Sprintf("ask for more of one role with {%s: 2}", role))
			return
		}
		*x = append(*x, approval.Rule{Role: role, Count: count})
	}
	switch n.Form {
	case document.Scalar:
		add(n.Place, path, n.Text, 1)
	case document.List:
		for i, item := range n.Items {
			here := append(slices.Clone(path), strconv.Itoa(i))
			if d.IsScalar(here, item, "a role") {
				add(item.Place, here, item.Text, 1)
			}
		}
	case document.Mapping:
		for _, e := range n.Keys {
			here := append(slices.Clone(path), e.Name)
			count, err := strconv.ParseUint(e.Value.Text, 10, 8)
			if err != nil || count < 1 || count > 20 {
				d.Wrong(e.Value, here, fmt.Sprintf("want how many approvals, got %q", e.Value.Text), "write a number from 1 to 20")
				continue
			}
			add(e.Place, here, e.Name, int(count))
		}
	}
}

// Read reads status in the form that people write.
func (x *status) Read(d *document.Decoder, path []string, n *document.Node) {
	items := n.Items
	if n.Form == document.Scalar {
		items = []*document.Node{n}
	}
	if n.Form == document.Mapping {
		d.Wrong(n, path, "want a status or a list of them", "write for example 200 or [200, 204]")
	}
	for _, item := range items {
		v, err := strconv.ParseUint(item.Text, 10, 16)
		if err != nil || v < 100 || v > 599 {
			d.Wrong(item, path, fmt.Sprintf("want an HTTP status, got %q", item.Text), "write for example 200 or [200, 204]")
			continue
		}
		*x = append(*x, int(v))
	}
}

// Schema describes the form of clock.
func (*clock) Schema() map[string]any { return document.TextSchema(`^[0-9]{1,2}:[0-9]{2}$`, "16:30") }

// Schema describes the form of address.
func (*address) Schema() map[string]any {
	return document.TextSchema(`^https?://`, "http://127.0.0.1:3001")
}

// Schema describes the form of day.
func (*day) Schema() map[string]any {
	return document.TextSchema(`^(mon|tue|wed|thu|fri|sat|sun)|[A-Za-z]+day$`, "fri")
}

// Schema describes the form of amount.
func (*amount) Schema() map[string]any {
	return document.AnyOf(map[string]any{"type": "number", "exclusiveMinimum": 0, "maximum": 100},
		document.TextSchema(`^[0-9]+(\.[0-9]+)?%$`, "5%"))
}

// Schema describes the form of quorum.
func (*quorum) Schema() map[string]any {
	return document.AnyOf(
		map[string]any{"type": "string"},
		map[string]any{"type": "array", "items": map[string]any{"type": "string"}},
		map[string]any{"type": "object", "additionalProperties": map[string]any{"type": "integer", "minimum": 1,
			"maximum": 20}},
	)
}

// Schema describes the form of status.
func (*status) Schema() map[string]any {
	one := map[string]any{"type": "integer", "minimum": 100, "maximum": 599}
	return document.AnyOf(one, map[string]any{"type": "array", "items": one})
}
