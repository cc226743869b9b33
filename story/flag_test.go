package story

import (
	"testing"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
)

// A developer makes a flag and tries it in staging; product takes it to production, turns it off when it hurts, and
// finds out later what was done.
// req: FF-01 FF-02 FF-03 FF-05 FF-06 FF-07 FF-08 FF-14
func TestAFlagFromTheFirstRuleToTheKillSwitch(t *testing.T) {
	each(t, options{noEdge: true}, func(t *testing.T, w *world) {
		dev, product := w.by("ada"), w.by("pia")
		f, err := dev.CreateFlag(w.ctx, api.CreateFlag{Key: "checkout", Owner: "product", Tags: []string{"shop"}})
		w.ok(err)
		on := map[string]bool{}
		for _, c := range f.Environments {
			on[c.Environment] = c.On
		}
		if !on["staging"] || on["production"] || f.Kind != "boolean" || len(f.Variants) != 2 {
			t.Fatalf("a new flag: %+v", f)
		}
		_, err = dev.PutSegment(w.ctx, "staff", "staging", api.PutSegment{Description: "Us."})
		w.ok(err)
		_, err = dev.ChangeSegmentMembers(w.ctx, "staff", "staging", api.SegmentMembers{Add: []string{"u-1", "u-2"}})
		w.ok(err)
		put := api.PutFlagConfig{On: true, Off: "off", Default: api.FlagServe{Variant: "off"}, Rules: []api.FlagRule{
			{If: []api.FlagCondition{{Segment: "staff"}}, Serve: api.FlagServe{Variant: "on"}},
			{If: []api.FlagCondition{{Attribute: "plan", Op: "equals", Values: []any{"pro"}}},
				Serve: api.FlagServe{Variant: "on"}},
		}}
		done, err := dev.PutFlagConfig(w.ctx, "checkout", "staging", put)
		w.ok(err)
		if !done.Done || done.Config.Revision != 2 {
			t.Fatalf("put: %+v", done)
		}
		put.Revision = 1
		_, err = dev.PutFlagConfig(w.ctx, "checkout", "staging", put)
		w.refused(err, "changed_meanwhile")

		_, err = dev.TurnFlagOn(w.ctx, "checkout", "production", api.SwitchFlag{})
		w.refused(err, "permission_missing")
		promote := api.PromoteFlag{From: "staging", To: "production", DryRun: true}
		plan, err := product.PromoteFlag(w.ctx, "checkout", promote)
		w.ok(err)
		if plan.Done || len(plan.Changes) == 0 || len(plan.Missing) != 1 {
			t.Fatalf("what promoting would do: %+v", plan)
		}
		_, err = product.PutSegment(w.ctx, "staff", "production", api.PutSegment{Description: "Us."})
		w.ok(err)
		promote.DryRun = false
		_, err = product.PromoteFlag(w.ctx, "checkout", promote)
		w.ok(err)
		_, err = product.TurnFlagOn(w.ctx, "checkout", "production", api.SwitchFlag{Reason: "launch"})
		w.ok(err)
		_, err = product.TurnFlagOff(w.ctx, "checkout", "production", api.SwitchFlag{})
		w.refused(err, "reason_required")
		off, err := w.by("inez").TurnFlagOff(w.ctx, "checkout", "production", api.SwitchFlag{Reason: "orders fail"})
		w.ok(err)
		if off.Config.On || off.Config.Reason != "orders fail" || off.Config.Since == nil {
			t.Fatalf("the kill switch: %+v", off.Config)
		}
		backTo(t, w, product)
	})
}

// backTo reads the history and goes back to where the flag had no rules.
func backTo(t *testing.T, w *world, product *client.Client) {
	t.Helper()
	past, err := product.FlagHistory(w.ctx, "checkout", "production", "", 0)
	w.ok(err)
	if len(past.Items) != 4 || past.Items[0].Reason != "orders fail" || len(past.Items[2].Changes) < 2 {
		t.Fatalf("history: %+v", past)
	}
	back, err := product.RevertFlag(w.ctx, "checkout", "production", api.RevertFlag{To: 1, Reason: "clean"})
	w.ok(err)
	if back.Config.Revision != 5 || len(back.Config.Rules) != 0 {
		t.Fatalf("reverted: %+v", back)
	}
	_, err = product.DeleteSegment(w.ctx, "staff", "production", "")
	w.ok(err)
	_, err = w.by("ada").DeleteSegment(w.ctx, "staff", "staging", "")
	w.refused(err, "segment_used")
	for _, kind := range []string{"flag.created", "flag.changed", "flag.promoted", "flag.switched", "flag.reverted",
		"segment.changed", "segment.members", "segment.deleted"} {
		if len(w.events(kind)) == 0 {
			t.Errorf("the log has no %s", kind)
		}
	}
}
