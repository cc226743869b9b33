package flags

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/flag"
)

// seen is what the usage of flags adds to them: when they were evaluated last, and whether their code could go.
type seen struct {
	now  time.Time
	used map[[2]string]time.Time // by environment and flag
	most map[string]time.Time    // by flag, in any environment
	flag.StaleRules
}

// seen reads when flags were evaluated last; with a key, that flag alone.
func (d *Desk) seen(ctx context.Context, key string) (seen, error) {
	rules := d.Strategy.Flags()
	k := seen{StaleRules: flag.StaleRules{RolledOut: rules.RolledOut, Unseen: rules.Unseen}}
	var err error
	if k.now, err = d.DB.Now(ctx); err != nil {
		return k, err
	}
	var environments []string
	for _, e := range d.Strategy.Environments() {
		environments = append(environments, e.Name)
	}
	if k.used, err = d.DB.FlagsUsed(ctx, d.Strategy.App, key, environments); err != nil {
		return k, err
	}
	k.most = make(map[string]time.Time, len(k.used))
	for at := range k.used {
		if last := k.last(at[0], at[1]); last.After(k.most[at[1]]) {
			k.most[at[1]] = last
		}
	}
	return k, nil
}

// last is when a flag was evaluated last in an environment; never in the future, whatever a step of time lasts.
func (k seen) last(environment, key string) time.Time {
	at := k.used[[2]string{environment, key}]
	if at.After(k.now) {
		return k.now
	}
	return at
}

// stale says why the code of a flag could go; empty when it is in use.
func (k seen) stale(f flag.Flag, configs []flag.Config) string {
	return flag.Stale(&f, configs, k.most[f.Key], k.now, k.StaleRules)
}

// tally says how many flags there are, how many ramp where most people are, and how many could go.
func (k seen) tally(list []flag.Flag, configs map[string][]flag.Config, environment string) string {
	n, ramps, stale := 0, 0, 0
	for _, f := range list {
		if !f.Archived.IsZero() {
			continue
		}
		n++
		if slices.ContainsFunc(configs[f.Key], func(c flag.Config) bool {
			return c.Environment == environment && c.Ramp != ""
		}) {
			ramps++
		}
		if k.stale(f, configs[f.Key]) != "" {
			stale++
		}
	}
	parts := []string{thousands(n) + " flags"}
	if n == 1 {
		parts[0] = "1 flag"
	}
	switch ramps {
	case 0:
	case 1:
		parts = append(parts, "1 ramps in "+environment)
	default:
		parts = append(parts, thousands(ramps)+" ramp in "+environment)
	}
	if stale > 0 {
		parts = append(parts, thousands(stale)+" could go")
	}
	return strings.Join(parts, "; ") + "."
}

// thousands writes a number with its thousands apart.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
