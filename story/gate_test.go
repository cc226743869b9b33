package story

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
)

// Nothing passes a gate that is not satisfied, and only who may signs, skips and
// approves; every attempt is in the log.
//
// req: WF-07 WF-08 CK-01 CK-23 CD-09 RO-18
func TestGatesHold(t *testing.T) {
	edit := []string{"staging: [review]", "staging: [review, lint, security]"}
	each(t, options{idle: true, edit: edit}, func(t *testing.T, w *world) {
		r := w.start("v2")
		w.arrives(r.ID, "development/checks")
		w.report("ada", "v2", "unit", "failed")
		w.reaches(r.ID, "go back for a fix", func(r api.Release) bool {
			return strings.Contains(r.Sentence, "Unit tests pass")
		})
		w.report("ada", "v2", "unit", "running")
		w.report("ada", "v2", "unit", "passed")
		w.arrives(r.ID, "staging/checks")
		_, err := w.by("ada").ReportCheck(w.ctx, api.ReportCheck{
			Version: "v2", Commit: "c-v2", Name: "security", Status: "not_applicable",
		})
		w.refused(err, "reason_required")
		w.report("ada", "v2", "security", "not_applicable")
		w.report("ada", "v2", "review", "passed")
		if w.release(r.ID).Step != "staging/checks" || w.runs("staging") != "" {
			t.Error("it went on although lint is missing")
		}
		w.report("ada", "v2", "lint", "passed")
		w.arrives(r.ID, "staging/sign-off")
		w.signOffs(t, r)
		r = w.reaches(r.ID, "canary", func(r api.Release) bool { return r.Stage == "canary" })
		checks, err := w.admin().Checks(w.ctx, "v2")
		w.ok(err)
		for _, c := range checks {
			if c.Name == "review" && (c.Actor == "" || c.At == nil || c.URL == "" || c.Summary == "" || c.Status != "passed") {
				t.Errorf("the review is kept as %+v", c)
			}
		}
	})
}

// signOffs lets everybody but QA try to pass QA's gate, and then QA.
func (w *world) signOffs(t *testing.T, r api.Release) {
	t.Helper()
	sign := api.ReleaseAction{Step: "staging/sign-off", Passed: true}
	denied := len(w.events("access.denied"))
	for who, reason := range map[string]string{
		"ada": "role_missing", "pia": "role_missing", "inez": "permission_missing",
	} {
		_, err := w.by(who).ActOnRelease(w.ctx, r.ID, "sign", sign)
		w.refused(err, reason)
	}
	if n := len(w.events("access.denied")); n != denied+3 {
		t.Errorf("%d denials are in the log, want 3", n-denied)
	}
	skip := api.ReleaseAction{Step: "staging/sign-off", Reason: "QA is on a trip"}
	for who, reason := range map[string]string{"ada": "permission_missing", "dora": "permission_missing"} {
		_, err := w.by(who).ActOnRelease(w.ctx, r.ID, "skip", skip)
		w.refused(err, reason)
	}
	_, err := w.by("quinn").ActOnRelease(w.ctx, r.ID, "skip", api.ReleaseAction{Step: "staging/sign-off"})
	w.refused(err, "reason_required")
	_, err = w.by("quinn").ActOnRelease(w.ctx, r.ID, "skip", api.ReleaseAction{Step: "canary/smoke", Reason: "later"})
	w.refused(err, "not_at_step")
	w.act("quinn", r.ID, "sign", api.ReleaseAction{Step: "staging/sign-off", Reason: "the cart is empty"}) // does not pass
	w.reaches(r.ID, "hear of the refusal", func(r api.Release) bool {
		return strings.Contains(r.Sentence, "fail") || strings.Contains(r.Sentence, "fix")
	})
	w.act("quinn", r.ID, "skip", skip)
	skipped := w.events("release.step_skipped")
	if len(skipped) != 1 || !strings.Contains(skipped[0].Actor, "quinn") ||
		!strings.Contains(skipped[0].Sentence, "QA is on a trip") {
		t.Errorf("the skip is kept as %+v", skipped)
	}
}

// The author of a release neither approves nor skips, whatever roles they have; what
// was approved is void when its evidence changes; of several decisions at the same
// moment exactly one counts.
//
// req: N-08 RB-26 CK-24 WF-07
func TestApprovalIsOfExactlyThis(t *testing.T) {
	each(t, options{edit: []string{"approve: [product]", "approve: {product: 2}"}}, func(t *testing.T, w *world) {
		w.shop("v2")
		r, err := w.by("robin").StartRelease(w.ctx, api.StartRelease{
			Version: "v2", Commit: "c-v2", Deployment: w.shops["v2"].URL(), Unscheduled: "a story",
		})
		w.ok(err)
		w.report("ada", "v2", "unit", "passed")
		w.report("ada", "v2", "review", "passed")
		w.arrives(r.ID, "staging/sign-off")
		_, err = w.by("robin").ActOnRelease(w.ctx, r.ID, "skip", api.ReleaseAction{
			Step: "staging/sign-off", Reason: "I know it works",
		})
		w.refused(err, "own_release")
		w.signs("quinn", r)
		first := w.asked(r.ID)
		_, err = w.by("robin").Approve(w.ctx, first.ID, api.Decision{Hash: first.Hash})
		w.refused(err, "own_release")
		_, err = w.by("quinn").Approve(w.ctx, first.ID, api.Decision{Hash: first.Hash})
		w.refused(err, "permission_missing")
		w.approves("pia", first)
		_, err = w.by("pia").Approve(w.ctx, first.ID, api.Decision{Hash: first.Hash})
		w.refused(err, "already_decided")
		w.report("ada", "v2", "lint", "failed")
		var second api.Approval
		w.reaches(r.ID, "be asked again", func(r api.Release) bool {
			if r.Approval != nil {
				second = *r.Approval
			}
			return second.ID != "" && second.ID != first.ID && second.State == "open"
		})
		if second.Hash == first.Hash || len(second.Votes) != 0 {
			t.Errorf("asked again with hash %s and %d votes", second.Hash, len(second.Votes))
		}
		_, err = w.by("paul").Approve(w.ctx, first.ID, api.Decision{Hash: first.Hash})
		w.refused(err, "request_closed")
		_, err = w.by("paul").Approve(w.ctx, second.ID, api.Decision{Hash: first.Hash})
		w.refused(err, "content_changed")
		w.approves("pia", second)
		w.oneOutcome(t, second)
	})
}

// oneOutcome lets one approve and many reject at the same moment.
func (w *world) oneOutcome(t *testing.T, q api.Approval) {
	t.Helper()
	var all sync.WaitGroup
	var mu sync.Mutex
	counted := 0
	paul := w.by("paul")
	for i := range 8 {
		all.Go(func() {
			var err error
			if i%2 == 0 {
				_, err = paul.Approve(w.ctx, q.ID, api.Decision{Hash: q.Hash})
			} else {
				_, err = paul.Reject(w.ctx, q.ID, api.Decision{Hash: q.Hash, Reason: "no"})
			}
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				counted++
			} else if r := reasonOf(err); r != "request_closed" && r != "already_decided" {
				t.Errorf("the answer is %s: %v", r, err)
			}
		})
	}
	all.Wait()
	now, err := w.admin().Approval(w.ctx, q.ID)
	w.ok(err)
	if counted != 1 || len(now.Votes) != 2 || now.State != "approved" && now.State != "rejected" {
		t.Fatalf("%d decisions counted, %d votes, state %s", counted, len(now.Votes), now.State)
	}
	r := w.reaches(q.Subject, "the end", func(r api.Release) bool { return r.Ended != nil })
	if (now.State == "approved") != (r.Phase == "completed") {
		t.Errorf("the request is %s and the release %s", now.State, r.Phase)
	}
}

// A freeze and a schedule hold production, not the way back; an unscheduled release
// needs a reason.
//
// req: EN-11
func TestCalendarHoldsProductionOnly(t *testing.T) {
	from := time.Now().UTC().Add(-time.Hour)
	freeze := fmt.Sprintf("timing:\ncalendar: {freezes: [{name: Sale, from: %q, to: %q}]}\ntiming:",
		from.Format("2006-01-02 15:04"), from.Add(48*time.Hour).Format("2006-01-02 15:04"))
	edit := []string{"timing:", strings.TrimPrefix(freeze, "timing:\n")}
	each(t, options{edit: edit}, func(t *testing.T, w *world) {
		w.shop("v2")
		r, err := w.by("ada").StartRelease(w.ctx, api.StartRelease{
			Version: "v2", Commit: "c-v2", Deployment: w.shops["v2"].URL(),
			Scheduled: time.Now().Add(4 * time.Second).Format(time.RFC3339),
		})
		w.ok(err)
		_, err = w.by("ada").StartRelease(w.ctx, api.StartRelease{
			Version: "v9", Deployment: "http://127.0.0.1:9", Urgent: true, Unscheduled: "now",
		})
		w.refused(err, "permission_missing")
		w.gates(r)
		w.reaches(r.ID, "hear of the freeze", func(r api.Release) bool { return strings.Contains(r.Sentence, "Sale") })
		if w.runs("production") != "v1" {
			t.Fatal("it went into production in a freeze")
		}
		// The way back is free: of the canary at once, of production on request.
		w.act("inez", r.ID, "abort", api.ReleaseAction{Reason: "not today"})
		w.ends(r.ID, "aborted")
		u, err := w.by("dora").StartRelease(w.ctx, api.StartRelease{Version: "v3", Deployment: w.shop("v3").URL()})
		w.refused(err, "permission_missing")
		u, err = w.by("robin").StartRelease(w.ctx, api.StartRelease{
			Version: "v3", Commit: "c-v3", Deployment: w.shops["v3"].URL(), Urgent: true, Unscheduled: "a hole is open",
		})
		w.ok(err)
		w.gates(u)
		w.approves("pia", w.asked(u.ID))
		w.ends(u.ID, "completed")
		_, err = w.by("inez").RequestRollback(w.ctx, api.RequestRollback{Reason: "worse than the hole"})
		w.ok(err)
		w.approves("ivan", *w.requested().Approval)
		w.comes("done")
		if w.runs("production") != "v1" || w.release(u.ID).Phase != "rolled_back" {
			t.Errorf("production runs %s, the release is %s", w.runs("production"), w.release(u.ID).Phase)
		}
	})
}

// A release that nothing was scheduled for waits until somebody says why it goes out.
//
// req: EN-11
func TestUnscheduledReleaseWaitsForReason(t *testing.T) {
	each(t, options{}, func(t *testing.T, w *world) {
		w.shop("v2")
		r, err := w.by("ada").StartRelease(w.ctx, api.StartRelease{
			Version: "v2", Commit: "c-v2", Deployment: w.shops["v2"].URL(),
		})
		w.ok(err)
		w.gates(r)
		w.reaches(r.ID, "wait for a reason", func(r api.Release) bool {
			return r.Step == "production/window" && strings.Contains(r.Sentence, "recorded reason")
		})
		_, err = w.by("dora").ActOnRelease(w.ctx, r.ID, "promote", api.ReleaseAction{})
		w.refused(err, "reason_required")
		w.act("dora", r.ID, "promote", api.ReleaseAction{Reason: "the fair begins"})
		w.asked(r.ID)
		page, err := w.admin().Events(w.ctx, client.EventQuery{Kind: "release.unscheduled"})
		w.ok(err)
		if len(page.Items) != 1 || !strings.Contains(page.Items[0].Sentence, "the fair begins") {
			t.Errorf("the reason is kept as %+v", page.Items)
		}
	})
}
