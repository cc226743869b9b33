package publish

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/provider"
	"github.com/slipwayhq/slipway/internal/store"
)

// settle reads what stands there and writes what differs.
func (l *look) settle(ctx context.Context) (time.Time, error) {
	if l.doc.Generation < l.doc.Newest && l.was.Wanted < l.doc.Newest {
		return l.now.Add(time.Second), l.put(ctx, nil) // this node has heard of it and not read it yet
	}
	off, err := l.turnsOff(ctx)
	if err != nil {
		return time.Time{}, err
	}
	have, err := l.stands(ctx)
	switch {
	case err != nil && !off: // a kill switch is written without knowing what stands there
		return l.trouble(ctx, err)
	case have == nil:
	case have.set != l.set():
		return l.trouble(ctx, fault.New(fault.Refused, "flags_foreign",
			"Under %s stand the flags of %.80q, which another Slipway keeps. Name another Global Config, or delete the item.",
			l.Key(l.is.Environment), have.set))
	case have.generation > l.doc.Newest:
		return l.trouble(ctx, fault.New(fault.Refused, "flags_ahead",
			"Flags of generation %d stand at the edge, and Slipway is at %d: they follow another database, such as one that a "+
				"backup has replaced. Delete the item %s.", have.generation, l.doc.Newest, l.Key(l.is.Environment)))
	case have.generation > l.doc.Generation:
		return l.now.Add(time.Second), nil // another node has read more than this one
	case have.digest == l.digest:
		return l.confirmed(ctx, have.generation, false)
	case have.generation < l.was.Generation: // a node that hung has written late: what it undid may be a kill switch
		off = true
	}
	return l.renew(ctx, off)
}

// renew writes the document, if it may be written now; at once where it turns something off.
func (l *look) renew(ctx context.Context, off bool) (time.Time, error) {
	if l.was.Refused == l.digest && l.now.Before(l.was.Next) {
		return l.was.Next, l.put(ctx, nil)
	}
	room, err := l.Near.NearRoom(ctx)
	if err != nil {
		return l.trouble(ctx, err)
	}
	l.is.Left, l.is.Lapses = room.Left, room.Until
	if need := len(l.doc.Text) + len(l.Key(l.is.Environment)); room.Bytes > 0 && need > room.Bytes {
		return l.trouble(ctx, fault.New(fault.Refused, "flags_too_large",
			"The flags of %s have %d bytes, and the plan's Global Config takes %d. The last ones that fit stay: archive flags, "+
				"shorten lists of segments, or change the plan.", l.is.Environment, need, room.Bytes))
	}
	if next := l.was.Written.Add(pace(room, l.now)); !off && l.now.Before(next) {
		l.is.Next = next
		if room.Left == 0 {
			l.is.Next = room.Until
			return l.trouble(ctx, fault.New(fault.Limited, "flags_budget",
				"The writes that flags have are used up until %s UTC. A kill switch still gets there.",
				room.Until.UTC().Format(time.DateTime)))
		}
		return next, l.put(ctx, nil)
	}
	l.is.Trying = l.doc.Generation
	if err := l.put(ctx, nil); err != nil {
		return time.Time{}, err
	}
	if err := ctx.Err(); err != nil {
		return time.Time{}, err // the lease is lost: whoever has it now has read more
	}
	err = l.Near.WriteNear(ctx, provider.NearDocument{Key: l.Key(l.is.Environment), Value: l.doc.Text, Urgent: off,
		Note: fmt.Sprintf("Slipway, flags of %s, generation %d", l.is.Environment, l.doc.Generation)})
	if err != nil {
		return l.trouble(ctx, err)
	}
	l.is.Left = max(0, room.Left-1)
	return l.confirmed(ctx, l.doc.Generation, true)
}

// pace is how far two writes are apart: by little while most of the period's writes are left, and later so that they
// last until its end.
func pace(room provider.NearRoom, now time.Time) time.Duration {
	rest := max(room.Until.Sub(now), 0)
	switch {
	case room.Left <= 0:
		return max(rest, apart)
	case room.Left*2 > room.All:
		return apart
	}
	return max(rest/time.Duration(room.Left), apart)
}

// confirmed records what stands there.
func (l *look) confirmed(ctx context.Context, generation int64, wrote bool) (time.Time, error) {
	p := &l.is
	p.Generation, p.Digest, p.Seen, p.Taken = generation, l.digest, l.now, l.now
	p.Trying, p.Refused, p.Next, p.Trouble, p.Since = 0, "", time.Time{}, "", time.Time{}
	told := p.Told
	p.Told = false
	if wrote {
		p.Written = l.now
	}
	if l.doc.Generation < l.doc.Newest {
		p.Trouble, p.Since = "The newest flags do not compile: the last good ones stay.", l.now
		if l.was.Trouble == p.Trouble {
			p.Since = l.was.Since
		}
	}
	var say string
	switch {
	case wrote:
		say = fmt.Sprintf("The flags of %s stand at the edge as of generation %d.", p.Environment, generation)
	case told:
		say = fmt.Sprintf("The flags of %s at the edge are the newest again.", p.Environment)
	}
	var tell *event.Draft
	if say != "" {
		tell = l.event("flags.published", say)
	}
	if err := l.put(ctx, tell); err != nil {
		return time.Time{}, err
	}
	return l.now.Add(recheck), nil
}

// trouble records why what stands there is not the newest, and says when to look again.
func (l *look) trouble(ctx context.Context, cause error) (time.Time, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	p := &l.is
	if p.Since.IsZero() || p.Trouble == "" {
		p.Since = l.now
	}
	p.Trouble, p.Trying = fault.MessageOf(cause), 0
	final := false
	next := l.now.Add(min(max(l.now.Sub(p.Since), retry), recheck)) // a little later each time
	switch kind := fault.KindOf(cause); {
	case fault.ReasonOf(cause) == "flags_budget":
		next = p.Next
	case kind == fault.Refused || kind == fault.Invalid || kind == fault.Denied:
		final = true
		p.Refused, next = l.digest, l.now.Add(refused)
		p.Next = next
	}
	var tell *event.Draft
	if !p.Told && (final || l.now.Sub(p.Since) >= lasting) {
		p.Told = true
		tell = l.event("flags.unpublished", fmt.Sprintf("The newest flags of %s are not at the edge: %s", p.Environment,
			p.Trouble))
	}
	return next, l.put(ctx, tell)
}

func (l *look) event(kind, sentence string) *event.Draft {
	return &event.Draft{Kind: kind, Actor: "system:engine", App: l.is.App, Environment: l.is.Environment,
		Subject: "flags/" + l.is.Environment, Sentence: sentence,
		Data: map[string]any{"generation": l.is.Generation, "wanted": l.is.Wanted, "digest": l.is.Digest}}
}

// put records the row over the one that was read, unless nothing but the time has changed. Who was overtaken has
// everything looked at again, since its call may have come last.
func (l *look) put(ctx context.Context, tell *event.Draft) error {
	same := l.is
	same.Seen, same.Taken, same.Row = l.was.Seen, l.was.Taken, l.was.Row
	if same == l.was && tell == nil && l.was.Row > 0 && l.is.Seen.Sub(l.was.Seen) < recheck/2 {
		return nil
	}
	err := l.Write(ctx, func(tx *store.Tx) error {
		if err := tx.PutPublication(ctx, &l.is); err != nil {
			return err
		}
		if tell == nil {
			return nil
		}
		_, err := l.Append(ctx, tx, *tell)
		return err
	})
	if err == nil {
		l.was = l.is
		return nil
	}
	if fault.Is(err, fault.Conflict) {
		_ = l.Write(ctx, func(tx *store.Tx) error { // else the next look in time finds it
			return tx.Schedule(ctx, Work+"/"+l.is.Environment, Work, tx.Now())
		})
	}
	return err
}

// turnsOff reports whether something was turned off that is still on at the edge.
func (l *look) turnsOff(ctx context.Context) (bool, error) {
	configs, err := l.DB.FlagConfigsIn(ctx, l.is.App, l.is.Environment)
	if err != nil {
		return false, err
	}
	for _, c := range configs {
		if Killed(c) && c.Since.After(l.was.Taken) {
			return true, nil
		}
	}
	return false, nil
}

// Killed reports whether a flag is off because it was turned off, and not because nobody has turned it on yet.
func Killed(c flag.Config) bool { return !c.On && c.Revision > 1 }

// standing is what stands under an environment's key.
type standing struct {
	set        string
	generation int64
	digest     string
}

func (l *look) set() string { return l.is.App + "/" + l.is.Environment }

// stands reads it; nil when nothing does, or nothing that was ever flags.
func (l *look) stands(ctx context.Context) (*standing, error) {
	text, err := l.Near.ReadNear(ctx, l.Key(l.is.Environment))
	if err != nil || text == nil {
		return nil, err
	}
	var head struct {
		Metadata map[string]any `json:"metadata"`
	}
	if json.Unmarshal(text, &head) != nil || head.Metadata == nil {
		return nil, nil
	}
	s := &standing{}
	s.set, _ = head.Metadata[flag.MetaSet].(string)
	version, _ := head.Metadata[flag.MetaVersion].(string)
	if s.generation, err = strconv.ParseInt(version, 10, 64); err != nil || s.set == "" {
		return nil, nil
	}
	s.digest, err = Digest(text)
	return s, err
}

// Digest is the same for documents that decide alike: their generation and how they are written out do not count.
func Digest(text []byte) (string, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var doc map[string]any
	if err := d.Decode(&doc); err != nil {
		return "", fault.Wrap(err, fault.Internal, "flag_document", "The flags cannot be read as JSON.")
	}
	if m, ok := doc["metadata"].(map[string]any); ok {
		delete(m, flag.MetaVersion)
	}
	plain, err := json.Marshal(doc)
	if err != nil {
		return "", fault.Wrap(err, fault.Internal, "flag_document", "The flags cannot be written as JSON.")
	}
	sum := sha256.Sum256(plain)
	return hex.EncodeToString(sum[:16]), nil
}
