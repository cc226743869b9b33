package incident

import (
	"fmt"
	"strings"

	"github.com/slipwayhq/slipway/internal/guard"
)

// Cause is what an incident is opened for, as it is known then.
type Cause struct {
	Version string         // what is taken back; empty: a person reports something of which no version is known
	Share   float64        // percent of visitors that it reached
	Back    string         // what visitors have instead, or are to have; empty: nothing is known good
	Asked   bool           // people are asked: visitors are not back yet
	Why     string         // in the words of who decided
	Finding *guard.Finding // of the guard, where it rests on one
	Flag    string         // whose ramp is taken back; empty: a deployment is
}

// Happened says what happened: which version, which rule, its numbers, and what it was taken back to.
func (c Cause) Happened() string {
	why := strings.TrimRight(strings.TrimPrefix(c.Why, c.Version+" is worse. "), ".") + "."
	if c.Version == "" {
		return why
	}
	by := ""
	if c.Finding != nil {
		by = " by the guard (" + c.Finding.Rule + ")"
	}
	back := c.Back
	if back == "" {
		back = "no known good version"
	}
	switch {
	case c.Asked:
		return fmt.Sprintf("A rollback from %s to %s is asked for%s: %s", c.Version, back, by, why)
	case c.Flag != "":
		return fmt.Sprintf("%s reached %s of visitors; %s was taken back%s to what it served before: %s", c.Version,
			percent(c.Share), c.Flag, by, why)
	}
	return fmt.Sprintf("%s reached %s of visitors and was taken back to %s%s: %s", c.Version, percent(c.Share), back, by,
		why)
}

// ResolvedWhen says what must be true for the incident to be over: of the thing for which it was opened.
func (c Cause) ResolvedWhen(environment string) string {
	mended := "it is known what is wrong with " + c.Version
	if c.Version == "" {
		mended = "what was reported is gone"
	}
	f := c.Finding
	switch rule := c.rule(); {
	case rule == "":
		return mended
	case rule == "error_rate":
		return fmt.Sprintf("no more than %s of the requests to %s fail, and %s", percent(100*f.Limit), environment, mended)
	case strings.HasPrefix(rule, "error_"):
		return fmt.Sprintf("no more requests to %s fail than before %s, and %s", environment, c.Version, mended)
	case rule == "latency_p95":
		return fmt.Sprintf("95 %% of the requests to %s are answered within %.0f ms, and %s", environment, f.Limit, mended)
	case strings.HasPrefix(rule, "latency_"):
		return fmt.Sprintf("%s answers as fast as before %s, and %s", environment, c.Version, mended)
	case rule == "health":
		return fmt.Sprintf("the health checks of %s pass, and %s", environment, mended)
	case rule == "exposure":
		return "it is known why " + c.Version + " spent its budget of user-minutes without proof"
	case rule == "blind":
		return "what is measured of " + c.Version + " arrives again"
	case strings.HasPrefix(rule, "metric:"):
		return fmt.Sprintf("%s in %s is as it was before %s, and %s", strings.TrimPrefix(rule, "metric:"), environment,
			c.Version, mended)
	}
	return mended
}

func (c Cause) rule() string {
	if c.Finding == nil {
		return ""
	}
	return c.Finding.Rule
}

// Signs adds to what is known what the cause itself says of response times.
func (c Cause) Signs(s Signs) Signs {
	rule := c.rule()
	s.Slow = rule == "latency_p95"
	s.Slower = !s.Slow && strings.HasPrefix(rule, "latency_")
	return s
}

func percent(p float64) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", p), ".0") + " %" }
