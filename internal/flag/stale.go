package flag

import (
	"fmt"
	"slices"
	"time"
)

// StaleRules say when a flag's code may go. Zero switches a rule off.
type StaleRules struct {
	RolledOut time.Duration // since when everybody gets one and the same variant
	Unseen    time.Duration // since when nobody evaluates it
}

// Stale says why the code of a flag may go, nothing when it is in use. The configs are those of all environments. Seen
// is when it was evaluated last in any of them, zero for never. A flag that is permanent, archived, or raised by a
// release at present is never stale.
func Stale(f *Flag, configs []Config, seen, now time.Time, r StaleRules) string {
	raised := slices.ContainsFunc(configs, func(c Config) bool { return c.Ramp != "" })
	if f.Permanent || !f.Archived.IsZero() || raised {
		return ""
	}
	if !f.Expires.IsZero() && now.After(f.Expires) {
		return fmt.Sprintf("Its code should have been gone by %s.", f.Expires.Format("2 Jan 2006"))
	}
	variant, since, one := rolledOut(configs)
	if one && r.RolledOut > 0 && !since.IsZero() && now.Sub(since) >= r.RolledOut {
		if variant == "" {
			return fmt.Sprintf("It has been off everywhere for %s: the fallback's branch can stay alone.",
				days(now.Sub(since)))
		}
		return fmt.Sprintf("Everybody has had %q for %s: the other branches can go.", variant, days(now.Sub(since)))
	}
	last, words := seen, "Nobody has evaluated it for %s."
	if seen.IsZero() {
		last, words = f.Created, "Nobody has evaluated it since it was created %s ago."
	}
	if r.Unseen > 0 && !last.IsZero() && now.Sub(last) >= r.Unseen {
		return fmt.Sprintf(words, days(now.Sub(last)))
	}
	return ""
}

func days(d time.Duration) string { return count(int(d/(24*time.Hour)), "day", "days") }

// rolledOut is the variant that everybody gets in every environment, and since when. A flag without configurations has
// not been rolled out.
func rolledOut(configs []Config) (variant string, since time.Time, one bool) {
	for i := range configs {
		v, ok := configs[i].Only()
		if !ok || i > 0 && v != variant {
			return "", time.Time{}, false
		}
		variant = v
		if configs[i].Updated.After(since) {
			since = configs[i].Updated
		}
	}
	return variant, since, len(configs) > 0
}

// Only is the variant that everybody gets who can be put into a part of a split: empty for the program's own fallback.
// It is false where it depends on the user, on other flags, or on a raw rule.
func (c *Config) Only() (string, bool) {
	if !c.On {
		return c.Off, true
	}
	if len(c.Needs) > 0 || len(c.Targeting) > 0 {
		return "", false
	}
	ways := make([]*Serve, 0, len(c.Rules)+1)
	for i := range c.Rules {
		ways = append(ways, &c.Rules[i].Serve)
		if len(c.Rules[i].If) == 0 {
			break
		}
	}
	if last := len(ways) - 1; last < 0 || len(c.Rules[last].If) > 0 {
		ways = append(ways, &c.Default)
	}
	variant, ok := ways[0].only()
	for _, way := range ways {
		if v, one := way.only(); !one || v != variant {
			return "", false
		}
	}
	return variant, ok
}

// only is the variant of a way to serve that leaves no choice.
func (s *Serve) only() (string, bool) {
	if s.Variant != "" {
		return s.Variant, true
	}
	variant, parts := "", 0
	for _, p := range s.Split {
		if p.Weight > 0 {
			variant = p.Variant
			parts++
		}
	}
	return variant, parts == 1
}
