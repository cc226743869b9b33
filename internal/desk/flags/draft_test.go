package flags_test

import (
	"testing"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/desk/flags"
	"github.com/slipwayhq/slipway/internal/fault"
)

func TestWhoMayScheduleAndTakeBack(t *testing.T) {
	each(t, asking, func(t *testing.T, w *world) {
		_, err := w.Create(w.ctx, w.as("admin"), api.CreateFlag{Key: "checkout"})
		w.ok(err)
		now, err := w.DB.Now(w.ctx)
		w.ok(err)
		at, on := now.Add(time.Hour), true
		_, err = w.Schedule(w.ctx, w.as("development"), "checkout", "production", api.ScheduleFlag{At: &at, On: &on})
		w.refused(err, fault.Denied, "permission_missing")
		_, err = w.Schedule(w.ctx, w.as("incident"), "checkout", "production", api.ScheduleFlag{At: &at,
			Rollout: &api.RolloutFlag{Percent: 5}})
		w.refused(err, fault.Denied, "permission_missing")
		for reason, in := range map[string]api.ScheduleFlag{
			"change_unclear": {At: &at}, "time_unclear": {On: &on},
			"not_found": {AfterRelease: "rel_none", On: &on},
		} {
			if _, err := w.Schedule(w.ctx, w.as("product"), "checkout", "staging", in); fault.ReasonOf(err) != reason {
				t.Errorf("%v, want %s", err, reason)
			}
		}
		staged, err := w.Schedule(w.ctx, w.as("qa"), "checkout", "staging", api.ScheduleFlag{At: &at, Reason: "test",
			Rollout: &api.RolloutFlag{Percent: 5}})
		w.ok(err)
		asked, err := w.Schedule(w.ctx, w.as("product"), "checkout", "production", api.ScheduleFlag{At: &at, On: &on})
		w.ok(err)
		if staged.Done || staged.Draft == "" || staged.Approval != "" || asked.Approval == "" {
			t.Errorf("scheduled: %+v, %+v", staged, asked)
		}
		list, err := w.Drafts(w.ctx, w.as("development"), flags.DraftQuery{State: "open"})
		w.ok(err)
		if len(list.Items) != 2 || list.Items[1].State != "scheduled" || list.Items[0].State != "waiting" ||
			len(list.Items[1].Changes) != 1 || list.Items[1].At == nil {
			t.Errorf("drafts: %+v", list.Items)
		}
		_, err = w.Discard(w.ctx, w.as("devops"), asked.Draft, "")
		w.refused(err, fault.Denied, "permission_missing")
		_, err = w.Discard(w.ctx, w.as("devops"), staged.Draft, "")
		w.refused(err, fault.Denied, "permission_missing")
		_, err = w.Discard(w.ctx, w.as("qa"), staged.Draft, "done")
		w.ok(err)
		_, err = w.Draft(w.ctx, w.as("qa"), staged.Draft)
		w.ok(err)
		if d, err := w.Draft(w.ctx, w.as("incident"), staged.Draft); !fault.Is(err, fault.Denied) {
			t.Errorf("who may not see staging sees %+v, %v", d, err)
		}
		d, err := w.Discard(w.ctx, w.as("product"), asked.Draft, "not yet")
		w.ok(err)
		if d.State != "discarded" || d.Why == "" {
			t.Errorf("taken back: %+v", d)
		}
		_, err = w.Discard(w.ctx, w.as("product"), asked.Draft, "")
		w.refused(err, fault.Conflict, "draft_ended")
	})
}

func TestSegmentHistoryCountsWhoIsNamed(t *testing.T) {
	each(t, plain, func(t *testing.T, w *world) {
		root := w.as("admin")
		_, err := w.PutSegment(w.ctx, root, "beta", "staging", api.PutSegment{})
		w.ok(err)
		many := make([]string, 45_000)
		for i := range many {
			many[i] = time.Unix(int64(i), 0).UTC().Format(time.RFC3339)
		}
		s, err := w.ChangeMembers(w.ctx, root, "beta", "staging", api.SegmentMembers{Add: many, Reason: "list"})
		w.ok(err)
		if s.Listed != len(many) || s.Revision != 4 {
			t.Errorf("in parts of 20,000: %d listed at revision %d", s.Listed, s.Revision)
		}
		got, err := w.SegmentHistory(w.ctx, root, "beta", "staging", "", 0)
		w.ok(err)
		if len(got.Items) != 4 || len(got.Items[0].Changes) != 1 || got.Items[0].Changes[0].Path != "listed" {
			t.Errorf("history: %+v", got.Items)
		}
		page, err := w.Members(w.ctx, root, "beta", "staging", many[10], 2)
		w.ok(err)
		if len(page.Items) != 2 || page.Items[0] != many[11] || page.Next != many[12] {
			t.Errorf("members: %+v", page)
		}
		_, err = w.Members(w.ctx, w.as("devops"), "beta", "production", "", 0)
		w.refused(err, fault.Denied, "permission_missing")
	})
}
