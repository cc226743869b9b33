package flags_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/engine"
	"github.com/slipwayhq/slipway/internal/engine/flags"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/strategy"
)

const asking = plain + `flags: {approve: {production: [product]}}
approvals: {expires: 1h}
`

// node is an engine that runs.
func (w *world) node(text string) (e *engine.Engine, stop func()) {
	w.t.Helper()
	s, err := strategy.Parse("test.yaml", []byte(text))
	w.ok(err)
	e = engine.New(engine.Options{
		DB: w.DB, Strategy: s, Log: slog.New(slog.DiscardHandler), Timeline: metric.NewTimeline(time.Hour, time.Second),
		Key: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32)), Pace: engine.Pace{Poll: 5 * time.Millisecond},
	})
	ctx, cancel := context.WithCancel(w.ctx)
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	stop = func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("the engine ended: %v", err)
		}
	}
	return e, stop
}

func (w *world) until(what string, true func() bool) {
	w.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); <-tick.C {
		if true() {
			return
		}
	}
	w.t.Fatalf("it did not come to this: %s", what)
}

func (w *world) draft(id string) flag.Draft {
	w.t.Helper()
	d, err := w.DB.FlagDraft(w.ctx, id)
	w.ok(err)
	return d
}

func (w *world) ended(id string, state flag.DraftState) flag.Draft {
	w.t.Helper()
	w.until("the draft is "+string(state), func() bool { return w.draft(id).State.Final() })
	d := w.draft(id)
	if d.State != state {
		w.t.Fatalf("the draft is %s (%s), want %s", d.State, d.Why, state)
	}
	return d
}

func pia() access.Actor {
	return access.Actor{ID: "user:pia", User: "usr_pia", Name: "Pia", Roles: []string{"product"}}
}

func (w *world) vote(e *engine.Engine, who access.Actor, request string, yes bool) error {
	w.t.Helper()
	q, err := w.DB.Approval(w.ctx, request)
	w.ok(err)
	_, err = e.Vote(w.ctx, who, request, yes, q.Hash, "because")
	return err
}

func TestAChangeThatNeedsApprovalIsMadeWhenOthersApproveExactlyIt(t *testing.T) {
	each(t, asking, func(t *testing.T, w *world) {
		e, stop := w.node(asking)
		defer stop()
		w.create("checkout")
		const env = "production"
		author := ada()
		author.Roles = []string{"product"}
		out, err := w.Do(w.ctx, author, flags.Order{Kind: flags.On, Flag: "checkout", Environment: env}, flags.How{})
		w.ok(err)
		if out.Done || out.Draft.State != flag.Waiting || w.config("checkout", env).On {
			t.Fatalf("a change was made that waits: %+v", out)
		}
		w.refused(w.vote(e, author, out.Draft.Request, true), fault.Denied, "own_release")
		w.ok(w.vote(e, pia(), out.Draft.Request, true))
		w.ended(out.Draft.ID, flag.Applied)
		c := w.config("checkout", env)
		if !c.On || c.By != "user:ada" || c.Revision != 2 {
			t.Errorf("approved: %+v", c)
		}
		off, err := w.Do(w.ctx, author, flags.Order{Kind: flags.Off, Flag: "checkout", Environment: env, Reason: "broken"},
			flags.How{})
		w.ok(err)
		if !off.Done {
			t.Error("the kill switch waits for approval")
		}
		rise := flags.Order{Kind: flags.Rollout, Flag: "checkout", Environment: env, Share: 10}
		first, err := w.Do(w.ctx, author, rise, flags.How{})
		w.ok(err)
		rise.Share = 20
		second, err := w.Do(w.ctx, author, rise, flags.How{})
		w.ok(err)
		w.ok(w.vote(e, pia(), second.Draft.Request, true))
		w.ended(second.Draft.ID, flag.Applied)
		d := w.ended(first.Draft.ID, flag.Failed) // what it was made for has changed
		if q, err := w.DB.Approval(w.ctx, d.Request); err != nil || q.State != "voided" {
			t.Errorf("the request that lost its ground is %s, %v", q.State, err)
		}
		rise.Share = 30
		third, err := w.Do(w.ctx, author, rise, flags.How{})
		w.ok(err)
		w.ok(w.vote(e, pia(), third.Draft.Request, false))
		if d := w.ended(third.Draft.ID, flag.Rejected); !strings.Contains(d.Why, "Pia rejects it (because)") {
			t.Errorf("why: %s", d.Why)
		}
		if c := w.config("checkout", env); c.Default.Split[0].Weight != 2000 {
			t.Errorf("in the end: %+v", c)
		}
		_, err = w.Change(w.ctx, author, "checkout", 0, func(f *flag.Flag) { f.Variants[0].Value = []byte("false") })
		w.ok(err) // it is off: nobody gets that variant
		w.refusedWhileOn(e, author)
	})
}

// refusedWhileOn turns the flag on and tries to change what its variants are.
func (w *world) refusedWhileOn(e *engine.Engine, author access.Actor) {
	w.t.Helper()
	out, err := w.Do(w.ctx, author, flags.Order{Kind: flags.On, Flag: "checkout", Environment: "production",
		Reason: "mended"}, flags.How{})
	w.ok(err)
	w.ok(w.vote(e, pia(), out.Draft.Request, true))
	w.ended(out.Draft.ID, flag.Applied)
	_, err = w.Change(w.ctx, author, "checkout", 0, func(f *flag.Flag) { f.Variants[0].Value = []byte("true") })
	w.refused(err, fault.Refused, "approval_needed")
	_, err = w.Archive(w.ctx, author, "checkout", "")
	w.ok(err)
	_, err = w.Restore(w.ctx, author, "checkout", "")
	w.ok(err)
	if w.config("checkout", "production").On {
		w.t.Error("archived and restored, it is on without approval")
	}
}

func TestSegmentsNeedApprovalToo(t *testing.T) {
	each(t, asking, func(t *testing.T, w *world) {
		e, stop := w.node(asking)
		defer stop()
		w.segment("beta", "production")
		free, err := w.ChangeSegment(w.ctx, ada(), flags.SegmentOrder{Key: "beta", Environment: "production",
			Members: &flags.Members{Add: []string{"u0"}}}, flags.When{})
		w.ok(err)
		if free.Draft.ID != "" || free.Segment.Listed != 1 {
			t.Fatalf("a change waits of what no flag asks for: %+v", free)
		}
		w.create("checkout")
		ask := w.config("checkout", "production")
		ask.Rules = []flag.Rule{{If: []flag.Condition{{Segment: "beta"}}, Serve: flag.Serve{Variant: "on"}}}
		asked, err := w.Do(w.ctx, ada(), flags.Order{Kind: flags.Put, Flag: "checkout", Environment: "production",
			Config: ask}, flags.How{})
		w.ok(err)
		if asked.Draft.ID == "" { // from here on the segment is not filled alone, before this is approved
			t.Fatalf("a change did not wait: %+v", asked)
		}
		out, err := w.ChangeSegment(w.ctx, ada(), flags.SegmentOrder{Key: "beta", Environment: "production",
			Members: &flags.Members{Add: []string{"u2", "u1", "u2"}}}, flags.When{})
		w.ok(err)
		if out.Draft.ID == "" || out.Segment.Listed != 1 {
			t.Fatalf("members were added that wait: %+v", out)
		}
		w.ok(w.vote(e, pia(), out.Draft.Request, true))
		w.ended(out.Draft.ID, flag.Applied)
		s, err := w.DB.Segment(w.ctx, "shop", "production", "beta")
		w.ok(err)
		if s.Listed != 3 || s.UpdatedBy != "user:ada" {
			t.Errorf("approved: %+v", s)
		}
		many := make([]string, 10_001)
		for i := range many {
			many[i] = fmt.Sprint("x", i)
		}
		_, err = w.ChangeSegment(w.ctx, ada(), flags.SegmentOrder{Key: "beta", Environment: "production",
			Members: &flags.Members{Add: many}}, flags.When{})
		w.refused(err, fault.Refused, "too_many_members")
		out, err = w.ChangeSegment(w.ctx, ada(), flags.SegmentOrder{Key: "beta", Environment: "production",
			Put: &flag.Segment{Excluded: []string{"u1"}}}, flags.When{})
		w.ok(err)
		d, err := w.Discard(w.ctx, ada(), out.Draft.ID, "a slip")
		w.ok(err)
		if q, err := w.DB.Approval(w.ctx, d.Request); err != nil || q.State != "voided" || d.State != flag.Discarded {
			t.Errorf("taken back: %s, %s, %v", d.State, q.State, err)
		}
	})
}

// A scheduled change is made once, by whichever node is there, also after all were gone.
func TestScheduledChangesAreMadeOnce(t *testing.T) {
	each(t, plain, func(t *testing.T, w *world) {
		w.create("checkout")
		const env = "production"
		now, err := w.DB.Now(w.ctx)
		w.ok(err)
		at := flags.How{When: flags.When{At: now.Add(1500 * time.Millisecond)}}
		var ids []string
		for range 5 {
			for _, o := range []flags.Order{{Kind: flags.On}, {Kind: flags.Rollout, Share: 40}} {
				o.Flag, o.Environment, o.Reason = "checkout", env, "launch"
				out, err := w.Do(w.ctx, ada(), o, at)
				w.ok(err)
				if out.Done || out.Draft.State != flag.Scheduled {
					t.Fatalf("made at once: %+v", out)
				}
				ids = append(ids, out.Draft.ID)
			}
		}
		w.until("all are due while nobody is there", func() bool {
			now, err := w.DB.Now(w.ctx)
			w.ok(err)
			return now.After(at.When.At)
		})
		_, stopOne := w.node(plain)
		defer stopOne()
		_, stopTwo := w.node(plain)
		defer stopTwo()
		for _, id := range ids {
			w.ended(id, flag.Applied)
		}
		c := w.config("checkout", env)
		if !c.On || c.Revision != 3 || c.By != "user:ada" || c.Reason != "launch" {
			t.Errorf("after ten drafts of two changes: %+v", c)
		}
		_, err = w.Do(w.ctx, ada(), flags.Order{Kind: flags.Off, Flag: "checkout", Environment: env, Reason: "x"},
			flags.How{When: flags.When{At: now}})
		w.refused(err, fault.Invalid, "time_past")
	})
}

// A whole configuration is made for what was seen: it never covers what somebody did meanwhile.
func TestAScheduledConfigurationFailsOnWhatItWasNotMadeFor(t *testing.T) {
	each(t, plain, func(t *testing.T, w *world) {
		w.create("checkout")
		now, err := w.DB.Now(w.ctx)
		w.ok(err)
		put := w.config("checkout", "staging")
		put.Default = flag.Serve{Variant: "off"}
		out, err := w.Do(w.ctx, ada(), flags.Order{Kind: flags.Put, Flag: "checkout", Environment: "staging", Config: put},
			flags.How{When: flags.When{At: now.Add(400 * time.Millisecond)}})
		w.ok(err)
		w.done(flags.Order{Kind: flags.Rollout, Flag: "checkout", Environment: "staging", Share: 7})
		_, stop := w.node(plain)
		defer stop()
		if d := w.ended(out.Draft.ID, flag.Failed); !strings.Contains(d.Why, "revision 2") {
			t.Errorf("why: %s", d.Why)
		}
	})
}

// req: WF-14
func TestChangesFollowAReleaseWhereItSucceeds(t *testing.T) {
	each(t, plain, func(t *testing.T, w *world) {
		w.create("checkout")
		s, err := strategy.Parse("test.yaml", []byte(plain))
		w.ok(err)
		now, err := w.DB.Now(w.ctx)
		w.ok(err)
		start := func(id string) release.Release {
			r := release.New(release.Release{ID: id, App: "shop", Version: id, Deployment: "d", Plan: s.ReleasePlan()}, now)
			w.ok(w.DB.Write(w.ctx, func(tx *store.Tx) error { return tx.InsertRelease(w.ctx, &r) }))
			return r
		}
		good, bad := start("rel_good"), start("rel_bad")
		follow := func(r release.Release, environment string, on bool) string {
			kind := flags.Off
			if on {
				kind = flags.On
			}
			out, err := w.Do(w.ctx, ada(), flags.Order{Kind: kind, Flag: "checkout", Environment: environment, Reason: "x"},
				flags.How{When: flags.When{Release: r.ID}})
			w.ok(err)
			return out.Draft.ID
		}
		staging, production := follow(good, "staging", false), follow(good, "production", true)
		never := follow(bad, "production", true)
		_, stop := w.node(plain)
		defer stop()
		record := func(r *release.Release) {
			w.ok(w.DB.Write(w.ctx, func(tx *store.Tx) error {
				if err := tx.UpdateRelease(w.ctx, r); err != nil {
					return err
				}
				return w.After(w.ctx, tx, *r)
			}))
		}
		for i, p := range good.Plan.Steps {
			if p.Environment == "staging" {
				good.States[i].Status = release.StepPassed
			}
		}
		record(&good)
		w.ended(staging, flag.Applied)
		if w.config("checkout", "staging").On || w.draft(production).State != flag.Scheduled {
			t.Error("a change does not wait for the release's success in its own environment")
		}
		good.Phase, bad.Phase = release.Completed, release.Aborted
		record(&bad)
		w.ended(never, flag.Discarded)
		record(&good)
		w.ended(production, flag.Applied)
		if !w.config("checkout", "production").On {
			t.Error("the release is complete and the flag is off")
		}
		_, err = w.Do(w.ctx, ada(), flags.Order{Kind: flags.On, Flag: "checkout", Environment: "staging",
			Reason: "again"}, flags.How{When: flags.When{Release: good.ID}})
		w.refused(err, fault.Conflict, "release_ended")
	})
}

// A node that dies with a draft in its hands keeps nobody from making the change, once.
func TestADraftOutlivesTheNodeThatHeldIt(t *testing.T) {
	each(t, plain, func(t *testing.T, w *world) {
		w.create("checkout")
		now, err := w.DB.Now(w.ctx)
		w.ok(err)
		out, err := w.Do(w.ctx, ada(), flags.Order{Kind: flags.On, Flag: "checkout", Environment: "production"},
			flags.How{When: flags.When{At: now.Add(400 * time.Millisecond)}})
		w.ok(err)
		var held []store.Work
		w.until("a node takes it", func() bool {
			now, err := w.DB.Now(w.ctx)
			w.ok(err)
			held, err = w.DB.Claim(w.ctx, "dead", []string{flags.Work}, 1, 200*time.Millisecond, now)
			w.ok(err)
			return len(held) == 1
		})
		if _, err := w.Look(w.ctx, out.Draft.ID); err != nil { // it got as far as the commit, and no further
			t.Fatal(err)
		}
		_, stop := w.node(plain)
		defer stop()
		w.ended(out.Draft.ID, flag.Applied)
		w.until("the lease has run out and the next has looked", func() bool {
			due, err := w.DB.NextDue(w.ctx, []string{flags.Work})
			w.ok(err)
			return due.IsZero()
		})
		if c := w.config("checkout", "production"); !c.On || c.Revision != 2 {
			t.Errorf("made more than once: %+v", c)
		}
	})
}

// A change that was approved still waits for its time.
func TestApprovedIsNotYetDue(t *testing.T) {
	each(t, asking, func(t *testing.T, w *world) {
		e, stop := w.node(asking)
		defer stop()
		w.create("checkout")
		now, err := w.DB.Now(w.ctx)
		w.ok(err)
		at := now.Add(1500 * time.Millisecond)
		out, err := w.Do(w.ctx, ada(), flags.Order{Kind: flags.On, Flag: "checkout", Environment: "production"},
			flags.How{When: flags.When{At: at}})
		w.ok(err)
		w.ok(w.vote(e, pia(), out.Draft.Request, true))
		w.until("it is approved", func() bool { return w.draft(out.Draft.ID).State != flag.Waiting })
		if d := w.ended(out.Draft.ID, flag.Applied); d.Ended.Before(at) {
			t.Errorf("made at %s, scheduled for %s", d.Ended, at)
		}
	})
}

// What was shown is what is made, whatever became of where it was copied from.
func TestWhatIsApprovedIsWhatWasShown(t *testing.T) {
	each(t, asking, func(t *testing.T, w *world) {
		e, stop := w.node(asking)
		defer stop()
		w.create("checkout")
		w.done(flags.Order{Kind: flags.Rollout, Flag: "checkout", Environment: "staging", Share: 5})
		out, err := w.Do(w.ctx, ada(), flags.Order{Kind: flags.Promote, Flag: "checkout", Environment: "production",
			From: "staging"}, flags.How{})
		w.ok(err)
		w.done(flags.Order{Kind: flags.Rollout, Flag: "checkout", Environment: "staging", Share: 90})
		w.ok(w.vote(e, pia(), out.Draft.Request, true))
		w.ended(out.Draft.ID, flag.Applied)
		if c := w.config("checkout", "production"); c.Default.Split[0].Weight != 500 {
			t.Errorf("approved at 5 %%, made: %+v", c.Default)
		}
	})
}

// Who turns a flag off means it: what was to turn it on before that comes to nothing.
func TestTheKillSwitchWinsOverWhatWasScheduledBefore(t *testing.T) {
	each(t, plain, func(t *testing.T, w *world) {
		w.create("checkout")
		const env = "production"
		now, err := w.DB.Now(w.ctx)
		w.ok(err)
		out, err := w.Do(w.ctx, ada(), flags.Order{Kind: flags.On, Flag: "checkout", Environment: env},
			flags.How{When: flags.When{At: now.Add(300 * time.Millisecond)}})
		w.ok(err)
		w.done(flags.Order{Kind: flags.On, Flag: "checkout", Environment: env})
		w.done(flags.Order{Kind: flags.Off, Flag: "checkout", Environment: env, Reason: "payments fail"})
		_, stop := w.node(plain)
		defer stop()
		d := w.ended(out.Draft.ID, flag.Failed)
		if !strings.Contains(d.Why, "payments fail") || w.config("checkout", env).On {
			t.Errorf("it is on again: %s", d.Why)
		}
	})
}
