package flags

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/store"
)

// unasked refuses to change by the way what is served where people are asked first: who gets which value is a matter
// of configurations there, and of those that are proposed. Adding a variant serves nobody.
func (w *Writer) unasked(ctx context.Context, tx *store.Tx, before, after flag.Flag) error {
	var other []string // variants that mean something else, or are gone
	for _, v := range before.Variants {
		i := slices.IndexFunc(after.Variants, func(o flag.Variant) bool { return o.Name == v.Name })
		if i < 0 || !equal(v.Value, after.Variants[i].Value) {
			other = append(other, v.Name)
		}
	}
	shows := after.Client && !before.Client // to everybody who reads a page's key; hiding it is always possible
	if before.Bucketing == after.Bucketing && len(other) == 0 && !shows {
		return nil
	}
	configs, err := tx.FlagConfigs(ctx, w.app(), before.Key)
	if err != nil {
		return err
	}
	for _, c := range configs {
		if len(w.asks(c.Environment)) == 0 {
			continue
		}
		if c.On && shows {
			return fault.New(fault.Refused, "approval_needed",
				"%s is on in %s, where changes need approval: turn it off, let clients evaluate it, and propose to turn it on.",
				c.Flag, c.Environment)
		}
		if c.On || slices.Contains(other, c.Off) {
			return fault.New(fault.Refused, "approval_needed",
				"%s is served in %s, where changes need approval: add a variant with the new value, and propose to serve it.",
				c.Flag, c.Environment)
		}
		open, err := w.proposed(ctx, tx, c.Environment)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(open, func(p flag.Config) bool { return p.Flag == c.Flag }) {
			return fault.New(fault.Refused, "approval_needed",
				"A change of %s in %s waits: people look at what it serves. Take it back first.", c.Flag, c.Environment)
		}
	}
	return nil
}

// proposed are the configurations that changes of an environment's flags would make which wait for approval or for
// their time.
func (w *Writer) proposed(ctx context.Context, tx *store.Tx, environment string) ([]flag.Config, error) {
	open, err := tx.OpenFlagDrafts(ctx, w.app())
	if err != nil {
		return nil, err
	}
	var out []flag.Config
	for _, d := range open {
		if d.Flag == "" || d.Environment != environment {
			continue
		}
		var c flag.Config
		if err := json.Unmarshal(d.After, &c); err != nil {
			return nil, fmt.Errorf("read the draft %s: %w", d.ID, err)
		}
		c.Flag = d.Flag
		out = append(out, c)
	}
	return out, nil
}
