package mirror

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/flag/mirror"
	"github.com/slipwayhq/slipway/internal/store"
)

// Done is what came of one write. Err is nil where it stands there now.
type Done struct {
	Flag     string
	Revision int64
	Err      error
}

// Shown is the plan that somebody looked at: what it was about must still be so.
type Shown struct {
	Generation int64            // of the flags here
	Revisions  map[string]int64 // there, of each flag that is to be written; 0 where it is not there yet
}

// Apply carries a plan out, as far as it is still what was shown. A flag that somebody else changed there is refused by
// its name, and the others are written.
func (m *Mirror) Apply(ctx context.Context, who access.Actor, o Order, shown *Shown) (Plan, []Done, error) {
	p, err := m.Plan(ctx, o)
	if err != nil {
		return p, nil, err
	}
	if shown != nil && shown.Generation != p.Generation {
		return p, nil, fault.New(fault.Conflict, "flags_changed",
			"The flags of %s have changed here since the plan was made. Look at it again.", o.Environment)
	}
	var writes []mirror.Step
	var done []Done
	for _, s := range p.Writes() {
		if shown != nil {
			if seen, named := shown.Revisions[s.Flag]; !named || seen != s.Revision {
				done = append(done, Done{Flag: s.Flag, Err: fault.New(fault.Conflict, "vercel_flag_changed",
					"Somebody changed %s at Vercel since the plan was made: it has revision %d now. Look at it again.", s.Flag,
					s.Revision)})
				continue
			}
		}
		writes = append(writes, s)
	}
	row, err := m.DB.Follower(ctx, m.Strategy.App, o.Environment)
	if err != nil {
		return p, nil, err
	}
	now, err := m.DB.Now(ctx)
	if err != nil {
		return p, nil, err
	}
	settle(&row, p, now)
	carried, err := m.carryOut(ctx, who.ID, who.Name, p, &row, writes)
	done = append(done, carried...)
	slices.SortFunc(done, func(a, b Done) int { return strings.Compare(a.Flag, b.Flag) })
	return p, done, err
}

// carryOut records what is written, writes it, and records what came of it.
func (m *Mirror) carryOut(
	ctx context.Context, by, name string, p Plan, row *flag.Follower, writes []mirror.Step,
) ([]Done, error) {
	if len(writes) == 0 {
		return nil, m.put(ctx, row, nil)
	}
	row.Writing, row.By, row.Trouble, row.Since = nil, by, "", time.Time{}
	for _, s := range writes {
		row.Writing = append(row.Writing, s.Flag)
	}
	tell := m.event(by, p, "flags.syncing", fmt.Sprintf("%s writes %s of %s to Vercel Flags: %s.", name,
		count(len(writes), "flag"), p.Environment, listed(row.Writing)))
	tell.Data = map[string]any{"flags": row.Writing, "generation": p.Generation, "there": p.There}
	if err := m.put(ctx, row, tell); err != nil {
		return nil, err
	}
	var done []Done
	for i, s := range writes {
		d := Done{Flag: s.Flag}
		if s.Action == mirror.Create {
			d.Revision, d.Err = m.Create(ctx, s.Body)
		} else {
			d.Revision, d.Err = m.Edit(ctx, s.Flag, s.Revision, s.Body)
		}
		done = append(done, d)
		if d.Err != nil && hopeless(d.Err) {
			for _, rest := range writes[i+1:] {
				done = append(done, Done{Flag: rest.Flag, Err: fault.New(fault.KindOf(d.Err), "not_tried",
					"Not tried, since %s could not be written.", s.Flag)})
			}
			break
		}
	}
	return done, m.came(ctx, by, p, row, done)
}

// hopeless reports whether the next flag would fail for the same reason.
func hopeless(err error) bool {
	switch fault.KindOf(err) {
	case fault.Unavailable, fault.Limited, fault.Denied, fault.Internal:
		return true
	}
	return false
}

// came records what came of the writes, also when whoever asked has gone.
func (m *Mirror) came(ctx context.Context, by string, p Plan, row *flag.Follower, done []Done) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	now, err := m.DB.Now(ctx)
	if err != nil {
		return err
	}
	var wrote, not, open []string
	revisions := map[string]int64{}
	for _, d := range done {
		if d.Err != nil {
			if not = append(not, d.Flag); fault.Is(d.Err, fault.Unavailable) {
				open = append(open, d.Flag) // it may stand there all the same
			}
			continue
		}
		wrote = append(wrote, d.Flag)
		row.Known[d.Flag], revisions[d.Flag] = d.Revision, d.Revision
		row.Foreign = slices.DeleteFunc(row.Foreign, func(key string) bool { return key == d.Flag })
	}
	row.Writing = open
	row.Same, row.Behind = row.Same+len(wrote), row.Behind-len(wrote)
	say := ""
	if len(wrote) > 0 {
		row.Written = now
		say = fmt.Sprintf("%s of %s stand at Vercel Flags as they are here: %s.", count(len(wrote), "flag"), p.Environment,
			listed(wrote))
	}
	if len(not) > 0 {
		say = strings.TrimSpace(fmt.Sprintf("%s Not written: %s. %s", say, listed(not), first(done)))
	}
	tell := m.event(by, p, "flags.synced", say)
	tell.Data = map[string]any{"written": revisions, "not": not, "generation": p.Generation, "there": p.There}
	return m.put(ctx, row, tell)
}

// first is the reason of the first that was not written.
func first(done []Done) string {
	for _, d := range done {
		if d.Err != nil {
			return fault.MessageOf(d.Err)
		}
	}
	return ""
}

// settle takes into the row what a comparison found. What was being written when the process ended, or when Vercel did
// not answer, may have got there: then it is not somebody else's.
func settle(row *flag.Follower, p Plan, now time.Time) {
	open := row.Writing
	row.There, row.Generation, row.Seen, row.Writing = p.There, p.Generation, now, nil
	row.Unsaid, row.Stuck, row.Foreign, row.Same, row.Behind = nil, nil, nil, 0, 0
	dropped := row.Dropped
	row.Hands, row.Dropped = map[string]string{}, map[string]string{}
	if row.Known = maps.Clone(row.Known); row.Known == nil {
		row.Known = map[string]int64{}
	}
	is := map[string]bool{}
	for _, s := range p.Steps {
		is[s.Flag] = true
		known, ours := row.Known[s.Flag]
		switch s.Action {
		case mirror.Same:
			row.Same++
			row.Known[s.Flag] = s.Revision
		case mirror.Absent:
			row.Same++
			delete(row.Known, s.Flag)
		case mirror.Unsaid:
			if row.Unsaid = append(row.Unsaid, s.Flag); s.Revision > 0 {
				row.Stuck = append(row.Stuck, s.Flag)
			}
		case mirror.Create, mirror.Change:
			row.Behind++
			mine := known == s.Revision || known+1 == s.Revision && slices.Contains(open, s.Flag)
			if s.Action == mirror.Create && ours || s.Action == mirror.Change && !mine {
				row.Foreign = append(row.Foreign, s.Flag)
				by := s.By
				if by == "" && dropped[s.Flag] != "" {
					by = dropped[s.Flag]
					row.Dropped[s.Flag] = by
				}
				if by != "" {
					row.Hands[s.Flag] = by
				}
			}
		}
	}
	for key := range row.Known {
		if !is[key] {
			delete(row.Known, key)
		}
	}
}

// put records the row, and tells the log.
func (m *Mirror) put(ctx context.Context, row *flag.Follower, tell *event.Draft) error {
	return m.Write(ctx, func(tx *store.Tx) error {
		if err := tx.PutFollower(ctx, row); err != nil || tell == nil {
			return err
		}
		_, err := m.Append(ctx, tx, *tell)
		return err
	})
}

func (m *Mirror) event(by string, p Plan, kind, sentence string) *event.Draft {
	return &event.Draft{Kind: kind, Actor: by, App: m.Strategy.App, Environment: p.Environment,
		Subject: "flags/" + p.Environment, Sentence: sentence}
}

func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// listed is a list for people, with an end where it is long.
func listed(names []string) string {
	const most = 10
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}
