package flags

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/store"
)

// mostSegments is how many segments an environment may have.
const mostSegments = 1000

// PutSegment makes a segment or changes what it is. A revision other than 0 must be its present one.
func (w *Writer) PutSegment(
	ctx context.Context, who access.Actor, s flag.Segment, revision int64, reason string,
) (flag.Segment, error) {
	if err := w.known(s.Environment); err != nil {
		return s, err
	}
	s.App = w.app()
	if err := s.Validate(); err != nil {
		return s, err
	}
	err := w.DB.Write(ctx, func(tx *store.Tx) error {
		have, err := w.segment(ctx, tx, s.Environment, s.Key)
		if err != nil {
			return err
		}
		next := have
		next.Description, next.Any, next.By, next.Excluded = s.Description, s.Any, s.By, s.Excluded
		if err := current(revision, have.Revision, "The segment "+s.Key+" in "+s.Environment); err != nil {
			return err
		}
		what := "changes"
		switch {
		case have.Revision == 0:
			what = "makes"
		case equal(have, next):
			s = have
			return nil
		}
		s = next
		says := fmt.Sprintf("%s %s the segment %s in %s: %s by rule, %d named, %d left out%s.", who.Name, what,
			s.Key, s.Environment, groups(len(s.Any)), s.Listed, len(s.Excluded), because(reason))
		return w.recordSegment(ctx, tx, who, &s, "segment.changed", change{reason: reason, sentence: says})
	})
	return s, err
}

func groups(n int) string {
	if n == 1 {
		return "1 group"
	}
	return fmt.Sprintf("%d groups", n)
}

// segment reads a segment; one that is not there has revision 0.
func (w *Writer) segment(ctx context.Context, tx *store.Tx, environment, key string) (flag.Segment, error) {
	s, err := tx.Segment(ctx, w.app(), environment, key)
	if !fault.Is(err, fault.NotFound) {
		return s, err
	}
	all, err := tx.Segments(ctx, w.app(), environment)
	if len(all) >= mostSegments {
		return s, fault.New(fault.Refused, "too_many_segments", "%s has %d segments: delete those that no flag asks for.",
			environment, len(all))
	}
	return flag.Segment{App: w.app(), Key: key, Environment: environment}, err
}

// recordSegment writes a segment, its revision, the environment's generation and the event.
func (w *Writer) recordSegment(
	ctx context.Context, tx *store.Tx, who access.Actor, s *flag.Segment, kind string, ch change,
) error {
	s.Revision, s.Updated, s.UpdatedBy = s.Revision+1, tx.Now(), who.ID
	write := tx.UpdateSegment
	if s.Row == 0 {
		write = tx.InsertSegment
	}
	if err := write(ctx, s); err != nil {
		return err
	}
	doc, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("marshal segment %s: %w", s.Key, err)
	}
	if err := tx.InsertRevision(ctx, store.SegmentSubject(s.App, s.Environment, s.Key), store.FlagRevision{
		Revision: s.Revision, At: s.Updated, Actor: who.ID, Name: who.Name, Reason: ch.reason, Sentence: ch.sentence,
		Doc: doc,
	}); err != nil {
		return err
	}
	if _, err := tx.RaiseGeneration(ctx, s.App, s.Environment); err != nil {
		return err
	}
	return w.append(ctx, tx, w.by(who, kind, s.Environment, "segment/"+s.Key, ch.sentence, map[string]any{
		"revision": s.Revision, "listed": s.Listed,
	}))
}

// Members is a change of the users that a segment names.
type Members struct {
	Add, Remove []string
	Replace     bool // the list becomes exactly what is added
	Reason      string
}

// ChangeMembers adds and removes users that a segment names.
func (w *Writer) ChangeMembers(
	ctx context.Context, who access.Actor, environment, key string, m Members,
) (flag.Segment, error) {
	if err := w.known(environment); err != nil {
		return flag.Segment{}, err
	}
	m.Add, m.Remove = ordered(m.Add), ordered(m.Remove)
	if err := flag.ValidateMembers(m.Add); err != nil {
		return flag.Segment{}, err
	}
	var out flag.Segment
	err := w.DB.Write(ctx, func(tx *store.Tx) error {
		s, err := tx.Segment(ctx, w.app(), environment, key)
		if err != nil {
			return err
		}
		removed, before := 0, s.Listed
		if m.Replace {
			removed, err = w.keepOnly(ctx, tx, s, m.Add)
		} else {
			removed, err = tx.RemoveMembers(ctx, s, m.Remove)
		}
		if err != nil {
			return err
		}
		added, err := tx.AddMembers(ctx, s, m.Add)
		if err != nil {
			return err
		}
		if out = s; added == 0 && removed == 0 {
			return nil
		}
		s.Listed = before - removed + added
		says := fmt.Sprintf("%s changes who is named in the segment %s in %s: %d added, %d removed, %d in all%s.",
			who.Name, key, environment, added, removed, s.Listed, because(m.Reason))
		err = w.recordSegment(ctx, tx, who, &s, "segment.members", change{reason: m.Reason, sentence: says})
		out = s
		return err
	})
	return out, err
}

// keepOnly removes every member that is not among those that stay, which are in order.
func (w *Writer) keepOnly(ctx context.Context, tx *store.Tx, s flag.Segment, stay []string) (int, error) {
	const some = 10_000
	removed, after := 0, ""
	for {
		have, err := tx.SegmentMembers(ctx, s, after, some)
		if err != nil || len(have) == 0 {
			return removed, err
		}
		after = have[len(have)-1]
		gone := slices.DeleteFunc(have, func(m string) bool {
			_, there := slices.BinarySearch(stay, m)
			return there
		})
		n, err := tx.RemoveMembers(ctx, s, gone)
		if err != nil {
			return removed, err
		}
		removed += n
	}
}

// ordered are the members in order, each once: rows that come in order are written faster.
func ordered(members []string) []string {
	out := slices.Clone(members)
	slices.Sort(out)
	return slices.Compact(out)
}

// DeleteSegment forgets a segment that no flag of its environment asks for.
func (w *Writer) DeleteSegment(ctx context.Context, who access.Actor, environment, key, reason string) error {
	if err := w.known(environment); err != nil {
		return err
	}
	return w.DB.Write(ctx, func(tx *store.Tx) error {
		s, err := tx.Segment(ctx, w.app(), environment, key)
		if err != nil {
			return err
		}
		configs, err := tx.FlagConfigsIn(ctx, w.app(), environment)
		if err != nil {
			return err
		}
		if used := (&flag.Set{Configs: configs}).SegmentUses(key); len(used) > 0 {
			return fault.New(fault.Conflict, "segment_used", "The segment %s is asked for by %s in %s. Change %s first.", key,
				listed(used), environment, them(len(used)))
		}
		if err := tx.DeleteSegment(ctx, s); err != nil {
			return err
		}
		if err := tx.DeleteRevisions(ctx, store.SegmentSubject(w.app(), environment, key), s.Revision+1); err != nil {
			return err
		}
		if _, err := tx.RaiseGeneration(ctx, w.app(), environment); err != nil {
			return err
		}
		return w.append(ctx, tx, w.by(who, "segment.deleted", environment, "segment/"+key,
			fmt.Sprintf("%s deletes the segment %s in %s, which named %d users%s.", who.Name, key, environment, s.Listed,
				because(reason)), map[string]any{"listed": s.Listed}))
	})
}
