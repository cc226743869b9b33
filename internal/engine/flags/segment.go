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

// SegmentOrder is a change of a segment: of what it is, or of who is named in it.
type SegmentOrder struct {
	Environment string        `json:"environment"`
	Key         string        `json:"key"`
	Revision    int64         `json:"revision,omitempty"` // of what was seen; 0: whatever is there
	Reason      string        `json:"reason,omitempty"`
	Put         *flag.Segment `json:"put,omitempty"`
	Members     *Members      `json:"members,omitempty"`
}

// SegmentOutcome is what came of it.
type SegmentOutcome struct {
	Segment flag.Segment
	Draft   flag.Draft // that waits; with an id unless it was done at once
}

// ChangeSegment carries a change of a segment out. What needs an approval becomes a draft.
func (w *Writer) ChangeSegment(
	ctx context.Context, who access.Actor, o SegmentOrder, when When,
) (SegmentOutcome, error) {
	var out SegmentOutcome
	if err := w.known(o.Environment); err != nil {
		return out, err
	}
	if o.Put != nil {
		o.Put.App, o.Put.Key, o.Put.Environment = w.app(), o.Key, o.Environment
		if err := o.Put.Validate(w.Strategy.Flags().Attributes...); err != nil {
			return out, err
		}
	}
	if o.Members != nil {
		o.Members.Add, o.Members.Remove = ordered(o.Members.Add), ordered(o.Members.Remove)
		if err := flag.ValidateMembers(o.Members.Add); err != nil {
			return out, err
		}
	}
	err := w.DB.Write(ctx, func(tx *store.Tx) error {
		var err error
		out.Segment, err = w.segment(ctx, tx, o.Environment, o.Key)
		if err != nil {
			return err
		}
		held, err := w.holdsSegment(ctx, tx, out.Segment, o)
		if err != nil {
			return err
		}
		if !held && !when.waits() {
			out.Segment, err = w.doSegment(ctx, tx, who, o)
			return err
		}
		if o.Put == nil && out.Segment.Revision == 0 {
			return noSegment(o)
		}
		d := flag.Draft{Segment: o.Key, Environment: o.Environment, Base: out.Segment.Revision, Reason: o.Reason,
			Sentence: o.says()}
		o.Revision = d.Base
		if d.Order, err = json.Marshal(o); err != nil {
			return fmt.Errorf("marshal the order for %s: %w", o.Key, err)
		}
		if o.Put != nil {
			next := altered(out.Segment, *o.Put)
			if d.Before, err = json.Marshal(out.Segment); err == nil {
				d.After, err = json.Marshal(next)
			}
			if err != nil {
				return fmt.Errorf("marshal the segment %s: %w", o.Key, err)
			}
		}
		out.Draft, err = w.keep(ctx, tx, who, d, when, held)
		return err
	})
	return out, err
}

// says is what an approver reads of a change of who is in a segment.
func (o SegmentOrder) says() string {
	switch {
	case o.Put != nil:
		return fmt.Sprintf("%s is %s by rule and leaves %d out.", o.Key, groups(len(o.Put.Any)), len(o.Put.Excluded))
	case o.Members.Replace:
		return fmt.Sprintf("%s: its list becomes one of %d.", o.Key, len(o.Members.Add))
	}
	return fmt.Sprintf("%s: %d more in its list, %d no longer.", o.Key, len(o.Members.Add), len(o.Members.Remove))
}

func noSegment(o SegmentOrder) error {
	return fault.New(fault.NotFound, "not_found", "There is no segment %s in %s.", o.Key, o.Environment)
}

// mostProposed is how many members a change may have that waits for approval: it is kept as a whole until then.
const mostProposed = 10_000

// holdsSegment reports whether a change waits for approval: it changes who is in a segment that a flag asks for, or
// would by a change that waits itself. While nobody asks for a segment it can be filled with a million members.
func (w *Writer) holdsSegment(ctx context.Context, tx *store.Tx, s flag.Segment, o SegmentOrder) (bool, error) {
	if len(w.asks(o.Environment)) == 0 || !alters(s, o) {
		return false, nil
	}
	configs, err := tx.FlagConfigsIn(ctx, w.app(), o.Environment)
	if err != nil {
		return false, err
	}
	open, err := w.proposed(ctx, tx, o.Environment)
	if err != nil {
		return false, err
	}
	if len((&flag.Set{Configs: append(configs, open...)}).SegmentUses(s.Key)) == 0 {
		return false, nil
	}
	if o.Members != nil && len(o.Members.Add)+len(o.Members.Remove) > mostProposed {
		return false, fault.New(fault.Refused, "too_many_members",
			"A change of %s that people approve may name %d users at most. Fill another segment, and propose to ask for that.",
			s.Key, mostProposed)
	}
	return true, nil
}

// alters reports whether an order changes who is in a segment.
func alters(s flag.Segment, o SegmentOrder) bool {
	if o.Put == nil {
		return true
	}
	next := altered(s, *o.Put)
	next.Description = s.Description
	return s.Revision > 0 && !equal(s, next)
}

// altered is a segment with what it shall be.
func altered(s, put flag.Segment) flag.Segment {
	s.Description, s.Any, s.By, s.Excluded = put.Description, put.Any, put.By, put.Excluded
	return s
}

// doSegment changes a segment.
func (w *Writer) doSegment(
	ctx context.Context, tx *store.Tx, who access.Actor, o SegmentOrder,
) (flag.Segment, error) {
	s, err := w.segment(ctx, tx, o.Environment, o.Key)
	if err != nil {
		return s, err
	}
	if err := current(o.Revision, s.Revision, "The segment "+o.Key+" in "+o.Environment); err != nil {
		return s, err
	}
	if err := w.spacious(); err != nil {
		return s, err
	}
	if o.Put == nil {
		if s.Revision == 0 {
			return s, noSegment(o)
		}
		return w.doMembers(ctx, tx, who, s, o)
	}
	next := altered(s, *o.Put)
	what := "changes"
	switch {
	case s.Revision == 0:
		what = "makes"
	case equal(s, next):
		return s, nil
	}
	says := fmt.Sprintf("%s %s the segment %s in %s: %s by rule, %d named, %d left out%s.", who.Name, what,
		s.Key, s.Environment, groups(len(next.Any)), s.Listed, len(next.Excluded), because(o.Reason))
	if err := w.fitsSegment(ctx, tx, next); err != nil {
		return s, err
	}
	err = w.recordSegment(ctx, tx, who, &next, "segment.changed", change{reason: o.Reason, sentence: says})
	return next, err
}

// fitsSegment refuses a segment with which the flags that ask for it could not be evaluated.
func (w *Writer) fitsSegment(ctx context.Context, tx *store.Tx, s flag.Segment) error {
	set, err := tx.FlagSet(ctx, w.app(), s.Environment, noLists)
	if err != nil {
		return err
	}
	used := set.SegmentUses(s.Key)
	if len(used) == 0 {
		return nil
	}
	set.Segments = append(set.Segments, s) // the last one counts
	return set.Fits(used...)
}

// makeSegment carries out the order of a draft, under the name of who asked for it.
func (w *Writer) makeSegment(ctx context.Context, tx *store.Tx, who access.Actor, d flag.Draft) error {
	var o SegmentOrder
	if err := json.Unmarshal(d.Order, &o); err != nil {
		return fmt.Errorf("read the order of %s: %w", d.ID, err)
	}
	if err := who.Check(access.EditFlag, d.Environment); err != nil {
		return err
	}
	_, err := w.doSegment(ctx, tx, who, o)
	return err
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
	if err := w.raise(ctx, tx, s.Environment, false); err != nil {
		return err
	}
	if err := w.wake(ctx, tx, s.Environment, "", s.Key); err != nil {
		return err
	}
	return w.append(ctx, tx, w.by(who, kind, s.Environment, "segment/"+s.Key, ch.sentence, map[string]any{
		"revision": s.Revision, "listed": s.Listed,
	}))
}

// Members is a change of the users that a segment names.
type Members struct {
	Add     []string `json:"add,omitempty"`
	Remove  []string `json:"remove,omitempty"`
	Replace bool     `json:"replace,omitempty"` // the list becomes exactly what is added
}

// doMembers adds and removes users that a segment names.
func (w *Writer) doMembers(
	ctx context.Context, tx *store.Tx, who access.Actor, s flag.Segment, o SegmentOrder,
) (flag.Segment, error) {
	m := *o.Members
	removed, err := 0, error(nil)
	if m.Replace {
		removed, err = w.keepOnly(ctx, tx, s, m.Add)
	} else {
		removed, err = tx.RemoveMembers(ctx, s, m.Remove)
	}
	if err != nil {
		return s, err
	}
	added, err := tx.AddMembers(ctx, s, m.Add)
	if err != nil || added == 0 && removed == 0 {
		return s, err
	}
	s.Listed += added - removed
	says := fmt.Sprintf("%s changes who is named in the segment %s in %s: %d added, %d removed, %d in all%s.",
		who.Name, s.Key, s.Environment, added, removed, s.Listed, because(o.Reason))
	err = w.recordSegment(ctx, tx, who, &s, "segment.members", change{reason: o.Reason, sentence: says})
	return s, err
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
		proposed, err := w.proposed(ctx, tx, environment)
		if err != nil {
			return err
		}
		if used := (&flag.Set{Configs: proposed}).SegmentUses(key); len(used) > 0 {
			return fault.New(fault.Conflict, "segment_used",
				"A change of %s that waits asks for the segment %s in %s. Take it back first.", listed(used), key, environment)
		}
		if err := tx.DeleteSegment(ctx, s); err != nil {
			return err
		}
		if err := tx.DeleteRevisions(ctx, store.SegmentSubject(w.app(), environment, key), s.Revision+1); err != nil {
			return err
		}
		if err := w.raise(ctx, tx, environment, false); err != nil {
			return err
		}
		return w.append(ctx, tx, w.by(who, "segment.deleted", environment, "segment/"+key,
			fmt.Sprintf("%s deletes the segment %s in %s, which named %d users%s.", who.Name, key, environment, s.Listed,
				because(reason)), map[string]any{"listed": s.Listed}))
	})
}
