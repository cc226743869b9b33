package simulate

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/sim/traffic"
)

// Case is what is wrong with the version that is released, or with both.
type Case struct {
	Name   string        `json:"name"`
	Fault  traffic.Fault `json:"fault"`
	Shared bool          `json:"shared,omitempty"` // an incident hits both versions: nothing is wrong with the new one
}

// Healthy says that nothing is wrong with the version: taking it back is false.
func (c Case) Healthy() bool { return c.Fault.None() }

// Nothing says that the fault changes nothing in this traffic: so many times no errors are none.
func (c Case) Nothing(m Model) bool {
	f := c.Fault
	f.Times = 0
	return !c.Fault.None() && f.None() && m.Errors == 0
}

func (c Case) apply(w traffic.World) traffic.World {
	if c.Shared {
		w.Shocks = max(w.Shocks, 2)
	}
	return w
}

// Cases are those of somebody who names none.
func Cases() []Case {
	return []Case{
		{Name: "healthy"},
		{Name: "shared-incident", Shared: true},
		{Name: "errors-1.5x", Fault: traffic.Fault{Times: 1.5}},
		{Name: "errors-2x", Fault: traffic.Fault{Times: 2}},
		{Name: "errors-3x", Fault: traffic.Fault{Times: 3}},
		{Name: "errors-5x", Fault: traffic.Fault{Times: 5}},
		{Name: "errors-10x", Fault: traffic.Fault{Times: 10}},
		{Name: "errors-50-points", Fault: traffic.Fault{Points: 0.5}},
		{Name: "errors-3x-late", Fault: traffic.Fault{Times: 3, Onset: 1200}},
		{Name: "latency-1.1x", Fault: traffic.Fault{Slower: 1.1}},
		{Name: "latency-1.25x", Fault: traffic.Fault{Slower: 1.25}},
		{Name: "latency-2x", Fault: traffic.Fault{Slower: 2}},
		{Name: "slow-route", Fault: traffic.Fault{Route: 3}},
		{Name: "leak", Fault: traffic.Fault{Leak: 0.02}},
	}
}

// ParseCase finds a case by its name, or reads one: [NAME:]KEY=VALUE,… with the keys errors (3x or +5%), latency
// (1.25x), route (3x), leak (2%) and after (20m).
func ParseCase(text string) (Case, error) {
	for _, c := range Cases() {
		if c.Name == text {
			return c, nil
		}
	}
	bad := func(format string, args ...any) (Case, error) {
		return Case{}, fault.New(fault.Invalid, "fault_malformed", "--fault %q: %s. Name one of %s; or define one like "+
			"errors=3x,after=20m with errors (3x or +5%%), latency (1.25x), route (3x), leak (2%%: so much slower each minute) "+
			"and after (a time).", text, fmt.Sprintf(format, args...), listed(Cases(), caseName))
	}
	name, rest, named := strings.Cut(text, ":")
	if !named {
		name, rest = text, text
	}
	c := Case{Name: name}
	if name == "" || len(name) > 60 {
		return bad("a name has 1 to 60 characters")
	}
	for part := range strings.SplitSeq(rest, ",") {
		key, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		if !ok {
			return bad("%q is neither a name nor KEY=VALUE", part)
		}
		if why := c.set(key, value); why != "" {
			return bad("%s", why)
		}
	}
	if c.Fault.None() {
		return bad("nothing is wrong in it")
	}
	return c, nil
}

// set reads one property and says what is wrong with it.
func (c *Case) set(key, value string) string {
	number := func(into *float64, text string, low, high float64) string {
		x, err := strconv.ParseFloat(text, 64)
		if err != nil || !(x >= low && x <= high) {
			return fmt.Sprintf("%s=%s is not a number from %g to %g", key, value, low, high)
		}
		*into = x
		return ""
	}
	times, isTimes := strings.CutSuffix(value, "x")
	percent, isPercent := strings.CutSuffix(strings.TrimPrefix(value, "+"), "%")
	scaled := func(into *float64) string {
		why := number(into, percent, 0.001, 100)
		*into /= 100
		return why
	}
	switch {
	case key == "errors" && isTimes:
		return number(&c.Fault.Times, times, 1, 1e4)
	case key == "errors" && isPercent:
		return scaled(&c.Fault.Points)
	case key == "latency" && isTimes:
		return number(&c.Fault.Slower, times, 1, 100)
	case key == "route" && isTimes:
		return number(&c.Fault.Route, times, 1, 100)
	case key == "leak" && isPercent:
		return scaled(&c.Fault.Leak)
	case key == "after":
		d, err := time.ParseDuration(value)
		if err != nil || d < 0 || d > 48*time.Hour {
			return fmt.Sprintf("after=%s is not a time from 0s to 48h", value)
		}
		c.Fault.Onset = int64(d / time.Second)
		return ""
	}
	return fmt.Sprintf("%s=%s is not understood", key, value)
}
