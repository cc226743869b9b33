package mirror

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/flag/mirror"
)

const engine = "system:engine"

// Look lets the flags of an environment follow. It writes what Slipway wrote or saw alike before, and what is new; what
// somebody else changed there stays, and is told.
func (m *Mirror) Look(ctx context.Context, id string) (time.Time, error) {
	environment := strings.TrimPrefix(id, Work+"/")
	if !slices.Contains(m.Followed(), environment) {
		return time.Time{}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, asking)
	defer cancel()
	row, err := m.DB.Follower(ctx, m.Strategy.App, environment)
	if err != nil {
		return time.Time{}, err
	}
	v, _ := m.Strategy.Vercel()
	p, err := m.Plan(ctx, Order{Environment: environment, Splits: v.SyncSplits})
	if err != nil {
		p.Order = Order{Environment: environment, There: v.SyncFlags[environment]}
		return m.trouble(ctx, p, row, err)
	}
	now, err := m.DB.Now(ctx)
	if err != nil {
		return time.Time{}, err
	}
	next := row
	settle(&next, p, now)
	writes := slices.DeleteFunc(p.Writes(), func(s mirror.Step) bool { return slices.Contains(next.Foreign, s.Flag) })
	next.Trouble, next.Since = "", time.Time{}
	tell := m.strangers(p, &next)
	if len(writes) == 0 {
		if tell == nil && now.Sub(row.Seen) < recheck/2 && sameRow(row, next) {
			return now.Add(recheck), nil
		}
		return now.Add(recheck), m.put(ctx, &next, tell)
	}
	if tell != nil {
		if err := m.put(ctx, &next, tell); err != nil {
			return time.Time{}, err
		}
	}
	done, err := m.carryOut(ctx, engine, "Slipway", p, &next, writes)
	if err != nil {
		return time.Time{}, err
	}
	for _, d := range done {
		if d.Err != nil && !fault.Is(d.Err, fault.Conflict) {
			return m.trouble(ctx, p, next, d.Err)
		}
	}
	if slices.ContainsFunc(done, func(d Done) bool { return d.Err != nil }) {
		return now.Add(retry), nil // the next comparison names who was faster
	}
	return now.Add(recheck), nil
}

func sameRow(a, b flag.Follower) bool {
	return a.Row > 0 && a.Generation == b.Generation && a.There == b.There && a.Same == b.Same &&
		a.Behind == b.Behind && a.Trouble == b.Trouble && slices.Equal(a.Foreign, b.Foreign) &&
		slices.Equal(a.Unsaid, b.Unsaid) && slices.Equal(a.Stuck, b.Stuck) && len(a.Writing) == 0 &&
		maps.Equal(a.Known, b.Known) && maps.Equal(a.Hands, b.Hands) && maps.Equal(a.Dropped, b.Dropped)
}

// strangers tells of flags that differ there and stay so, whenever they are others or changed once more: what somebody
// else changed, and what cannot be said there any more.
func (m *Mirror) strangers(p Plan, row *flag.Follower) *event.Draft {
	var revisions []int64
	for _, s := range p.Steps {
		if slices.Contains(row.Foreign, s.Flag) {
			revisions = append(revisions, s.Revision)
		}
	}
	sum := sha256.Sum256(fmt.Append(nil, row.Foreign, revisions, row.Stuck))
	told := hex.EncodeToString(sum[:8])
	if row.Told == told || row.Told == "" && len(row.Foreign)+len(row.Stuck) == 0 {
		return nil
	}
	row.Told = told
	say := ""
	if len(row.Foreign) > 0 {
		say = fmt.Sprintf("%s changed, made or dropped %s of %s at Vercel Flags: %s. They stay as they are there until a "+
			"person has them written. ", Hand(row), count(len(row.Foreign), "flag"), p.There, listed(row.Foreign))
	}
	if len(row.Stuck) > 0 {
		say += fmt.Sprintf("%s cannot be said at Vercel Flags as it is here, and stays as it was there: %s.",
			count(len(row.Stuck), "flag"), listed(row.Stuck))
	}
	if say == "" {
		return m.event(engine, p, "flags.synced", "No flag of "+p.Environment+" differs at Vercel Flags any more.")
	}
	tell := m.event(engine, p, "flags.unsynced", strings.TrimSpace(say))
	tell.Data = map[string]any{"foreign": row.Foreign, "stuck": row.Stuck, "by": row.Hands}
	return tell
}

// trouble records why the flags do not follow, and says when to look again.
func (m *Mirror) trouble(ctx context.Context, p Plan, row flag.Follower, cause error) (time.Time, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	now, err := m.DB.Now(ctx)
	if err != nil {
		return time.Time{}, err
	}
	if row.Trouble == "" {
		row.Since = now
	}
	was := row.Trouble
	row.Trouble, row.There = fault.MessageOf(cause), p.There
	next := now.Add(min(max(now.Sub(row.Since), retry), recheck)) // a little later each time
	final := slices.Contains([]fault.Kind{fault.Invalid, fault.Refused, fault.Denied}, fault.KindOf(cause))
	var tell *event.Draft
	if told := "trouble: " + row.Trouble; row.Told != told && (final || now.Sub(row.Since) >= lasting) {
		row.Told = told
		tell = m.event(engine, p, "flags.unsynced", fmt.Sprintf("The flags of %s do not follow to Vercel Flags: %s",
			p.Environment, row.Trouble))
	}
	if tell == nil && was == row.Trouble {
		return next, nil
	}
	return next, m.put(ctx, &row, tell)
}

// Hand names who changed the flags that somebody else changed there, as far as Vercel says it.
func Hand(f *flag.Follower) string {
	var names []string
	unnamed := false
	for _, key := range f.Foreign {
		by := f.Hands[key]
		if unnamed = unnamed || by == ""; by != "" && !slices.Contains(names, by) {
			names = append(names, by)
		}
	}
	switch {
	case len(names) == 0:
		return "Somebody else"
	case unnamed:
		names = append(names, "somebody else")
	}
	slices.Sort(names)
	if n := len(names); n > 1 {
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
	return names[0]
}
