package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/slipwayhq/slipway/internal/effect"
	"github.com/slipwayhq/slipway/internal/engine/flags"
	"github.com/slipwayhq/slipway/internal/engine/incidents"
	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/incident"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/store"
)

// served is what a process that reads the store at this moment would serve.
func served(ctx context.Context, db *store.DB, environment, key string) incidents.Serving {
	set, err := db.FlagSet(ctx, "shop", environment, func(*flag.Segment) bool { return false })
	if err != nil {
		return incidents.Serving{}
	}
	doc, err := set.Document()
	if err != nil {
		return incidents.Serving{}
	}
	snapshot, err := flag.Compile(doc)
	if err != nil {
		return incidents.Serving{}
	}
	e := snapshot.Evaluate(key, nil, time.Now())
	return incidents.Serving{Known: true, Generation: set.Generation, Variant: e.Variant,
		Everybody: e.Reason == flag.Static || e.Reason == flag.DisabledReason}
}

// troubled is a flagged world with an incident, where the guard watches for half a minute what was done.
func troubled(t *testing.T) (*climb, string) {
	t.Helper()
	c := flagged(t)
	c.die()
	c.Strategy = c.plan("rollback: {watch: 500ms", "rollback: {watch: 40s", "window: 2s", "window: 10s", "blind: 10s",
		"blind: 30s", "min_requests: 10", "min_requests: 30")
	c.again()
	id, err := c.ReportIssue(c.ctx, person("kim", "incident"), Issue{Environment: "production", Title: "Orders fail"})
	c.ok(err)
	return c, id
}

func (c *climb) turnOff(id, reason string) {
	c.t.Helper()
	c.ok(c.Incidents.TurnOff(c.ctx, person("kim", "incident"), incidents.Order{Incident: id, Flag: "checkout",
		Environment: "production", Reason: reason}))
}

// proven lets time pass until every flag that was turned off is looked at, and returns the last.
func (c *climb) proven(id string) incident.FlagOff {
	c.t.Helper()
	for range 200 {
		list := c.incident(id).FlagsOff
		if !slices.ContainsFunc(list, func(f incident.FlagOff) bool { return f.Phase != incident.Proven }) {
			return list[len(list)-1]
		}
		time.Sleep(time.Second)
	}
	c.t.Fatalf("not proven: %+v\n%s", c.incident(id).FlagsOff, c.logs)
	return incident.FlagOff{}
}

func (c *climb) timeline(id string) (out []string) {
	for _, e := range c.events("") {
		if e.Subject == id && strings.HasPrefix(e.Kind, "incident.") {
			out = append(out, e.Kind)
		}
	}
	return out
}

// A flag is turned off from an incident, in one commit with its record there; that is confirmed, smoked and watched,
// each once, though the node is killed again and again. Its ramp ends.
//
// req: RB-47 FF-25
func TestAFlagIsTurnedOffFromAnIncidentThoughTheNodeDies(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, id := troubled(t)
		ramp := c.ramp()
		c.turnOff(id, "orders fail")
		for died := 0; c.incident(id).FlagsOff[0].Phase != incident.Proven; died++ {
			c.die()
			c.again()
			time.Sleep(3 * time.Second)
			if died == 30 {
				t.Fatalf("not proven: %+v", c.incident(id).FlagsOff)
			}
		}
		f := c.proven(id)
		if f.Served.Finding != incident.Good || f.Smoked.Finding != incident.Good || f.Watched.Finding != incident.Good {
			t.Errorf("found %+v, %+v, %+v", f.Served, f.Smoked, f.Watched)
		}
		want := []string{"incident.opened", "incident.flag_off", "incident.flag_served", "incident.flag_checked",
			"incident.flag_watched"}
		if got := c.timeline(id); !slices.Equal(got, want) {
			t.Errorf("the timeline has %v", got)
		}
		if got := c.config(); got.On || got.Reason != "orders fail" || got.Ramp != "" {
			t.Errorf("the flag: %+v", got)
		}
		if r := c.release(ramp.ID); r.Phase != release.Aborted {
			t.Errorf("the ramp: %s: %s", r.Phase, r.Sentence)
		}
		if n := len(c.effects(id, effect.Smoke)); n != 1 {
			t.Errorf("%d smoke effects", n)
		}
		var at [2]int64
		for _, e := range c.events("") {
			switch {
			case e.Kind == "flag.switched" && strings.Contains(e.Sentence, " off "):
				at[0] = e.Seq
			case e.Kind == "incident.flag_off":
				at[1] = e.Seq
			}
		}
		if at[0] == 0 || at[1] != at[0]+1 {
			t.Errorf("the flag's event is %d, the incident's %d", at[0], at[1])
		}
	})
}

// What does not help says so at once; what could not be measured is no success; and a flag that is turned on again
// ends the watch.
//
// req: RB-47
func TestAFlagThatWasNotTheCauseIsSaidToBeNone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, id := troubled(t)
		c.mu.Lock()
		c.fails = func(float64) (float64, float64) { return 0.5, 0.5 }
		c.mu.Unlock()
		time.Sleep(15 * time.Second)
		c.turnOff(id, "orders fail")
		began := time.Now()
		f := c.proven(id)
		if f.Watched.Finding != incident.Bad || !strings.Contains(f.Sentence, "did not mend it") ||
			time.Since(began) >= 40*time.Second {
			t.Errorf("after %v: %+v", time.Since(began), f)
		}

		c.turnOff(id, "once more") // it is off: that is said, and looked at all the same
		c.turnOff(id, "and once more")
		list := c.incident(id).FlagsOff
		if len(list) != 2 || !list[1].Already {
			t.Fatalf("%d flags: %+v", len(list), list)
		}
		last := slices.DeleteFunc(c.events("incident.flag_off"), func(e event.Event) bool { return e.Subject != id })
		if says := last[len(last)-1].Sentence; len(last) != 2 || !strings.Contains(says, "It is off there already, since") ||
			!strings.Contains(says, "(orders fail)") {
			t.Errorf("%d: %s", len(last), says)
		}
		time.Sleep(3 * time.Second)
		c.order(flags.Order{Kind: flags.On, Reason: "it was not that"})
		if f := c.proven(id); f.Watched.Finding != "" || !strings.Contains(f.Sentence, "turned checkout on again") {
			t.Errorf("turned on again: %+v", f)
		}

		c.mu.Lock()
		c.rate = 0
		c.mu.Unlock()
		time.Sleep(time.Minute)
		c.turnOff(id, "nobody is there")
		if f := c.proven(id); f.Served.Finding != incident.Good || f.Watched.Finding != incident.Unknown {
			t.Errorf("without visitors: %+v", f)
		}

		c.ok(c.Incidents.Resolve(c.ctx, person("kim"), id, "it was the database"))
		err := c.Incidents.TurnOff(c.ctx, person("kim"), incidents.Order{Incident: id, Flag: "checkout",
			Environment: "production", Reason: "late"})
		if !fault.Is(err, fault.Conflict) || fault.ReasonOf(err) != "incident_resolved" {
			t.Errorf("a resolved incident: %v", err)
		}
	})
}

// However far it came when the process died, the next one goes on from there, and a person who asks again gets the
// same: the whole is done once, with the process killed after each of its commits in turn.
//
// req: RB-47
func TestTurningAFlagOffSurvivesACrashAtEveryCommit(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		id, err := w.ReportIssue(w.ctx, person("kim"), Issue{Environment: "production", Title: "Orders fail"})
		w.ok(err)
		crashes := 0
		for n := 1; ; n++ {
			key := fmt.Sprintf("flag-%d", n)
			_, err := w.Flags.Create(w.ctx, person("ada"), flag.Flag{Key: key, Kind: flag.Boolean})
			w.ok(err)
			_, err = w.Flags.Do(w.ctx, person("ada"), flags.Order{Kind: flags.On, Flag: key, Environment: "production"},
				flags.How{})
			w.ok(err)
			was := len(w.events(""))
			crashed := w.offWithACrash(id, key, n)
			got := kinds(slices.DeleteFunc(w.events("")[was:], func(e event.Event) bool {
				return strings.HasPrefix(e.Kind, "effect.") // how often it was tried
			}))
			want := []string{"flag.switched", "incident.flag_off", "incident.flag_served", "incident.flag_checked",
				"incident.flag_watched"}
			if !slices.Equal(got, want) || len(w.effects(id, effect.Smoke)) != n {
				t.Errorf("killed after commit %d: %v, %d smoke effects of %d", n, got,
					len(w.effects(id, effect.Smoke)), n)
			}
			if !crashed {
				break
			}
			crashes++
		}
		if crashes < 5 {
			t.Errorf("it was killed %d times only", crashes)
		}
	}, "rollback: {watch: 500ms", "rollback: {watch: 20ms")
}

// offWithACrash turns a flag off in a process that is killed after n commits, and lets another finish.
func (w *world) offWithACrash(id, key string, n int) (crashed bool) {
	ctx, cancel := context.WithCancel(w.ctx)
	defer cancel()
	commits := 0
	w.DB.OnCommit(func(event.Head) {
		if commits++; commits == n {
			cancel()
		}
	})
	o := incidents.Order{Incident: id, Flag: key, Environment: "production", Reason: "orders fail"}
	w.until(key+" is proven", func() bool {
		list := w.incident(id).FlagsOff
		switch {
		case ctx.Err() != nil && !crashed: // another process, and a person who saw no answer
			crashed, ctx = true, w.ctx
			w.Engine = w.node(w.DB, w.Strategy)
			if n == 1 {
				w.ok(w.Incidents.TurnOff(ctx, person("kim"), o))
			}
		case len(list) == 0 || list[len(list)-1].Flag != key:
			_ = w.Incidents.TurnOff(ctx, person("kim"), o)
		case list[len(list)-1].Phase == incident.Proven:
			return true
		}
		_, _ = w.Incidents.Look(ctx, id)
		pending, _ := w.DB.EffectsPending(ctx)
		for _, x := range pending {
			_, _ = w.carryOut(ctx, x.Key)
		}
		return false
	})
	return crashed && commits >= n
}

func (w *world) incident(id string) incident.Incident {
	w.t.Helper()
	i, err := w.DB.Incident(w.ctx, id)
	w.ok(err)
	return i
}

// Nothing of it is done when a part can't be: an unknown flag, and a store that fails between the two records.
func TestAFlagIsNotTurnedOffByHalf(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		_, err := w.Flags.Create(w.ctx, person("ada"), flag.Flag{Key: "checkout", Kind: flag.Boolean})
		w.ok(err)
		_, err = w.Flags.Do(w.ctx, person("ada"), flags.Order{Kind: flags.On, Flag: "checkout",
			Environment: "production"}, flags.How{})
		w.ok(err)
		id, err := w.ReportIssue(w.ctx, person("kim"), Issue{Environment: "production", Title: "Orders fail"})
		w.ok(err)
		o := incidents.Order{Incident: id, Flag: "chekout", Environment: "production", Reason: "orders fail"}
		if err := w.Incidents.TurnOff(w.ctx, person("kim"), o); !fault.Is(err, fault.NotFound) {
			t.Errorf("an unknown flag: %v", err)
		}
		o.Flag = "checkout"
		broken := incidents.New(w.Incidents.Options)
		broken.Append = func(context.Context, *store.Tx, event.Draft) (event.Event, error) {
			return event.Event{}, context.DeadlineExceeded
		}
		if err := broken.TurnOff(w.ctx, person("kim"), o); err == nil {
			t.Error("it was recorded by half")
		}
		c, err := w.DB.FlagConfig(w.ctx, "shop", "production", "checkout")
		w.ok(err)
		if i, err := w.DB.Incident(w.ctx, id); err != nil || !c.On || len(i.FlagsOff) > 0 {
			t.Errorf("on %t, %d flags off, %v", c.On, len(i.FlagsOff), err)
		}
		w.ok(w.Incidents.TurnOff(w.ctx, person("kim"), o))
	})
}
