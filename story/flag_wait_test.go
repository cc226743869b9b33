package story

import (
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
)

// waits returns a draft when it waits no longer.
func (w *world) waits(id string) api.FlagDraft {
	w.t.Helper()
	var found api.FlagDraft
	w.until("the draft "+id+" waits no longer", func() bool {
		page, err := w.admin().FlagDrafts(w.ctx, client.DraftQuery{})
		w.ok(err)
		for _, d := range page.Items {
			if d.ID == id {
				found = d
			}
		}
		return found.ID != "" && found.State != "waiting" && found.State != "scheduled"
	})
	return found
}

// Where the strategy asks for it, nobody changes a flag alone: not its rules, not who is in a segment. Off never waits.
func TestAFlagInProductionChangesWhenSomebodyElseApproves(t *testing.T) {
	asks := []string{"flags: {ramp", "flags: {approve: {production: [product]}, ramp"}
	each(t, options{noEdge: true, edit: asks}, func(t *testing.T, w *world) {
		const env = "production"
		pia, paul := w.by("pia"), w.by("paul")
		_, err := pia.CreateFlag(w.ctx, api.CreateFlag{Key: "checkout"})
		w.ok(err)
		asked, err := pia.TurnFlagOn(w.ctx, "checkout", env, api.SwitchFlag{Reason: "launch"})
		w.ok(err)
		if asked.Done || asked.Draft == "" || asked.Approval == "" {
			t.Fatalf("it was done alone: %+v", asked)
		}
		q, err := pia.Approval(w.ctx, asked.Approval)
		w.ok(err)
		if q.Kind != "flag" || q.MayDecide {
			t.Fatalf("its author may approve it: %+v", q)
		}
		_, err = pia.Approve(w.ctx, q.ID, api.Decision{Hash: q.Hash})
		w.refused(err, "own_release")
		_, err = w.by("dora").Approve(w.ctx, q.ID, api.Decision{Hash: q.Hash})
		w.refused(err, "permission_missing")
		w.approves("paul", q)
		if d := w.waits(asked.Draft); d.State != "applied" || !strings.HasPrefix(d.Author, "Pia") {
			t.Fatalf("approved: %+v", d)
		}
		c, err := paul.FlagConfig(w.ctx, "checkout", env)
		w.ok(err)
		if !c.On {
			t.Fatalf("approved and not made: %+v", c)
		}
		off, err := w.by("inez").TurnFlagOff(w.ctx, "checkout", env, api.SwitchFlag{Reason: "orders fail"})
		w.ok(err)
		if !off.Done {
			t.Fatalf("the kill switch waits: %+v", off)
		}
		rise, err := pia.RollOutFlag(w.ctx, "checkout", env, api.RolloutFlag{Percent: 5})
		w.ok(err)
		d, err := pia.DiscardFlagDraft(w.ctx, rise.Draft, "a slip")
		w.ok(err)
		if d.State != "discarded" || len(d.Changes) == 0 {
			t.Fatalf("taken back: %+v", d)
		}
		if q, err = pia.Approval(w.ctx, rise.Approval); err != nil || q.State != "voided" {
			t.Fatalf("its request is %s, %v", q.State, err)
		}
	})
}

// A change follows the release that brings its code: in staging when staging has passed, in production at the end.
// req: WF-14
func TestFlagsFollowTheirRelease(t *testing.T) {
	each(t, options{}, func(t *testing.T, w *world) {
		pia := w.by("pia")
		_, err := pia.CreateFlag(w.ctx, api.CreateFlag{Key: "checkout"})
		w.ok(err)
		r := w.start("v2")
		on := true
		after, err := pia.ScheduleFlag(w.ctx, "checkout", "production", api.ScheduleFlag{AfterRelease: r.ID, On: &on})
		w.ok(err)
		staged, err := pia.ScheduleFlag(w.ctx, "checkout", "staging", api.ScheduleFlag{AfterRelease: r.ID,
			Rollout: &api.RolloutFlag{Percent: 50}})
		w.ok(err)
		later := time.Now().Add(time.Hour)
		_, err = pia.ScheduleFlag(w.ctx, "checkout", "production", api.ScheduleFlag{AfterRelease: r.ID, At: &later, On: &on})
		w.refused(err, "time_unclear")
		w.gates(r)
		w.asked(r.ID)
		if d := w.waits(staged.Draft); d.State != "applied" {
			t.Fatalf("after staging: %+v", d)
		}
		if c, err := pia.FlagConfig(w.ctx, "checkout", "production"); err != nil || c.On {
			t.Fatalf("before the release is complete: %+v, %v", c, err)
		}
		w.approves("paul", w.asked(r.ID))
		w.ends(r.ID, "completed")
		if d := w.waits(after.Draft); d.State != "applied" {
			t.Fatalf("after the release: %+v", d)
		}
		if c, err := pia.FlagConfig(w.ctx, "checkout", "production"); err != nil || !c.On || c.By == "system:engine" {
			t.Fatalf("after the release: %+v, %v", c, err)
		}
	})
}
