package flags

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/checklist"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/store"
)

// configured is the item of the checklist that the flags themselves answer: those of the release exist in production
// with a recorded state.
const configured = "flags_configured"

// workRelease is the engine's kind of work that releases are.
const workRelease = "release"

// Report answers, for a release that names flags, the item of the checklist that they themselves answer, with what
// they do in production. What a person reported stays.
func (w *Writer) Report(ctx context.Context, tx *store.Tx, r release.Release) error {
	listed := slices.ContainsFunc(w.Strategy.Checklist(), func(i checklist.Item) bool { return i.Name == configured })
	if len(r.Flags) == 0 || !listed {
		return nil
	}
	who := access.System("flags")
	had, err := tx.Checks(ctx, w.app(), r.Version)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(had, func(c checklist.Result) bool { return c.Name == configured })
	if i >= 0 && had[i].Actor != who.ID {
		return nil
	}
	c := checklist.Result{App: w.app(), Version: r.Version, Commit: r.Commit, Name: configured, Actor: who.ID,
		At: tx.Now(), Status: checklist.Passed}
	var says []string
	for _, key := range r.Flags {
		state, ok, err := w.state(ctx, tx, key)
		if err != nil {
			return err
		}
		if !ok {
			c.Status = checklist.Failed
		}
		says = append(says, key+": "+state)
	}
	c.Summary = clipped(strings.Join(says, "; "))
	if i >= 0 && had[i].Status == c.Status || i < 0 && c.Status == checklist.Failed {
		return nil // nothing new; or they are not there yet: the gate waits for that, and nothing has failed
	}
	if err := tx.PutCheck(ctx, c); err != nil {
		return err
	}
	if err := w.append(ctx, tx, w.by(who, "check.reported", "", c.Version,
		fmt.Sprintf("The flags of %s report %s: %s (%s)", c.Version, c.Name, c.Status, c.Summary), c)); err != nil {
		return err
	}
	return tx.Schedule(ctx, r.ID, workRelease, tx.Now())
}

// clipped keeps a summary to what a checklist holds.
func clipped(s string) string {
	const most = 500
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// state says what a flag does in production, without what its rules ask for.
func (w *Writer) state(ctx context.Context, tx *store.Tx, key string) (string, bool, error) {
	f, err := tx.Flag(ctx, w.app(), key)
	switch {
	case fault.Is(err, fault.NotFound):
		return "there is no such flag", false, nil
	case err != nil:
		return "", false, err
	case !f.Archived.IsZero():
		return "it is archived", false, nil
	}
	c, err := tx.FlagConfig(ctx, w.app(), production, key)
	if fault.Is(err, fault.NotFound) {
		return "it does nothing in production yet", false, nil
	}
	return stateOf(c), err == nil, err
}

func stateOf(c flag.Config) string {
	if !c.On {
		return "off" + because(c.Reason)
	}
	says := "on, by default " + serve(c.Default)
	if len(c.Rules) > 0 {
		says += ", " + rules(len(c.Rules))
	}
	if used := c.Segments(); len(used) > 0 {
		says += ", segments " + listed(used)
	}
	return says
}

// reportAll answers for the releases that are under way and name a flag.
func (w *Writer) reportAll(ctx context.Context, tx *store.Tx, key string) error {
	active, err := tx.ActiveReleases(ctx, w.app())
	if err != nil {
		return err
	}
	for _, r := range active {
		if slices.Contains(r.Flags, key) {
			if err := w.Report(ctx, tx, r); err != nil {
				return err
			}
		}
	}
	return nil
}
