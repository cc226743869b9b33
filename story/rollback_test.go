package story

import (
	"slices"
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/sim"
)

// watched keeps a release in its watch in production.
var watched = []string{"watch: 300ms", "watch: 1h"} //nolint:gochecknoglobals // read only

// rollback waits until the newest rollback is as wanted.
func (w *world) rollback(what string, as func(api.Rollback) bool) api.Rollback {
	w.t.Helper()
	var b api.Rollback
	w.until(what, func() bool {
		page, err := w.by("inez").Rollbacks(w.ctx, "", 1)
		w.ok(err)
		if len(page.Items) == 0 {
			return false
		}
		b = page.Items[0]
		return as(b)
	})
	return b
}

// comes waits until the newest rollback is in a phase.
func (w *world) comes(phase string) api.Rollback {
	w.t.Helper()
	return w.rollback("a rollback that is "+phase, func(b api.Rollback) bool {
		if b.Phase == "failed" && phase != "failed" {
			w.t.Fatalf("the rollback failed: %s%s", b.Sentence, w.newest())
		}
		return b.Phase == phase
	})
}

// requested waits until people are asked to approve a rollback.
func (w *world) requested() api.Rollback {
	w.t.Helper()
	return w.rollback("a request for a rollback", func(b api.Rollback) bool {
		return b.Approval != nil &&
			b.Approval.State == "open"
	})
}

// Production goes back only when people say so, and then for good.
//
// req: RB-01 RB-22 RB-23 RB-25 RB-26 RB-32 RB-36 RB-38 RB-50 RB-52 IR-45 N-08 WF-10
func TestBadProductionGoesBackAfterApproval(t *testing.T) {
	each(t, options{edit: watched}, func(t *testing.T, w *world) {
		r := w.promoted("v2")
		w.pass(100)
		w.shops["v2"].Break(sim.Fault{Errors: 0.5})
		b := w.requested()
		if b.Release != r.ID || b.From != "v2" || b.To != "v1" || b.Requested != "system:guard" || b.Trigger == "" ||
			b.Incident == "" {
			t.Errorf("requested: %+v", b)
		}
		if q := b.Approval; len(q.Evidence) < 3 || q.Environment != "production" || len(b.Plan.Steps) == 0 ||
			len(b.Plan.Aid) == 0 {
			t.Errorf("people are shown %+v with plan %+v", q.Evidence, b.Plan)
		}
		w.pass(200)
		if w.runs("production") != "v2" || w.release(r.ID).Phase != "running" {
			t.Fatal("production went back before anybody approved")
		}
		for _, who := range []string{"pia", "dora", "ada"} {
			_, err := w.by(who).Approve(w.ctx, b.Approval.ID, api.Decision{Hash: b.Approval.Hash})
			w.refused(err, "permission_missing")
		}
		_, err := w.by("inez").Approve(w.ctx, b.Approval.ID, api.Decision{Hash: "another"})
		w.refused(err, "content_changed")
		_, err = w.by("dora").ActOnRollback(w.ctx, b.ID, "run", api.RollbackAction{})
		w.refused(err, "approval_missing")
		w.approves("inez", *b.Approval)
		b = w.comes("done")
		w.wentBack(t, r.ID, b)
	})
}

// wentBack looks at what a rollback from v2 to v1 leaves behind.
func (w *world) wentBack(t *testing.T, release string, b api.Rollback) {
	t.Helper()
	if b.Executed == nil || b.Detected == nil || b.Ended == nil || b.Executed.Before(*b.Detected) {
		t.Errorf("detected %v, executed %v, ended %v", b.Detected, b.Executed, b.Ended)
	}
	for _, s := range b.Steps {
		if s.Status != "passed" {
			t.Errorf("%s is %s: %s", s.Name, s.Status, s.Sentence)
		}
	}
	if r := w.release(release); r.Phase != "rolled_back" || r.Share != 0 || r.Restored == nil {
		t.Errorf("the release is %s at %g %%, restored %v", r.Phase, r.Share, r.Restored)
	}
	if w.runs("production") != "v1" || w.deployment("v2").Verdict != "bad" || w.deployment("v1").Verdict != "good" {
		t.Errorf("production runs %s; v2 is %s, v1 is %s", w.runs("production"), w.deployment("v2").Verdict,
			w.deployment("v1").Verdict)
	}
	i, err := w.admin().Incident(w.ctx, b.Incident)
	w.ok(err)
	if i.Rollback != b.ID || i.Release != release || i.State != "open" {
		t.Errorf("the incident: %+v", i)
	}
	w.pass(20)
	failed, served := w.failures(), w.shops["v2"].Served()
	w.pass(200)
	if w.failures() != failed || w.shops["v2"].Served() != served {
		t.Errorf("after the way back %d requests failed and v2 served %d", w.failures()-failed, w.shops["v2"].Served()-served)
	}
	resolved, err := w.by("inez").ResolveIncident(w.ctx, b.Incident, api.ResolveIncident{Resolution: "v2 was taken back"})
	w.ok(err)
	if resolved.State != "resolved" {
		t.Errorf("the incident is %s", resolved.State)
	}
}

// A rejected rollback is tracked as an incident, and the release goes on.
//
// req: RB-24 RB-26
func TestRejectedRollbackIsTracked(t *testing.T) {
	each(t, options{edit: []string{"watch: 300ms", "watch: 2s"}}, func(t *testing.T, w *world) {
		r := w.promoted("v2")
		w.shops["v2"].Break(sim.Fault{Errors: 0.5})
		b := w.requested()
		_, err := w.by("inez").Reject(w.ctx, b.Approval.ID, api.Decision{Hash: b.Approval.Hash})
		w.refused(err, "reason_required")
		_, err = w.by("inez").Reject(w.ctx, b.Approval.ID, api.Decision{Hash: b.Approval.Hash,
			Reason: "the supplier mends it now"})
		w.ok(err)
		b = w.comes("rejected")
		if w.runs("production") != "v2" || w.release(r.ID).Phase != "running" {
			t.Errorf("production runs %s, the release is %s", w.runs("production"), w.release(r.ID).Phase)
		}
		i, err := w.admin().Incident(w.ctx, b.Incident)
		w.ok(err)
		if i.State != "open" || !slices.ContainsFunc(i.Timeline,
			func(e api.Event) bool { return e.Kind == "rollback.rejected" }) {
			t.Errorf("the incident is %s and does not tell of the rejection: %d events", i.State, len(i.Timeline))
		}
		w.shops["v2"].Break(sim.Fault{})
		w.ends(r.ID, "completed")
	})
}

// Without a known good deployment a rollback fails, and says what can be done.
//
// req: RB-29 RB-49
func TestRollbackWithoutTargetSaysWhatNext(t *testing.T) {
	each(t, options{idle: true}, func(t *testing.T, w *world) {
		b, err := w.by("dora").RequestRollback(w.ctx, api.RequestRollback{Reason: "something is wrong"})
		w.ok(err)
		b = w.comes("failed")
		if len(b.Next) < 2 || b.Plan.To != nil || b.Incident == "" {
			t.Errorf("next %v, target %v, incident %q", b.Next, b.Plan.To, b.Incident)
		}
		if w.runs("production") != "v1" {
			t.Errorf("production runs %s", w.runs("production"))
		}
		_, err = w.by("dora").RequestRollback(w.ctx, api.RequestRollback{Reason: "once more"})
		w.refused(err, "rollback_under_way")
		_, err = w.by("dora").ActOnRollback(w.ctx, b.ID, "cancel", api.RollbackAction{Reason: "fixed by hand"})
		w.ok(err)
		w.comes("canceled")
	})
}

// The way back is chosen by recorded verdict: of three versions the one that was
// replaced last is bad, and an older one is the target. Whoever asks for a rollback
// does not approve it.
//
// req: RB-36 RB-50 RB-29 N-08
func TestTargetIsChosenByVerdict(t *testing.T) {
	each(t, options{edit: watched}, func(t *testing.T, w *world) {
		two := w.promoted("v2")
		b, err := w.by("inez").RequestRollback(w.ctx, api.RequestRollback{Reason: "customers complain"})
		w.ok(err)
		b = w.requested()
		_, err = w.by("inez").Approve(w.ctx, b.Approval.ID, api.Decision{Hash: b.Approval.Hash})
		w.refused(err, "own_release")
		w.approves("ivan", *b.Approval)
		w.comes("done")
		w.ends(two.ID, "rolled_back")
		w.promoted("v3")
		plan, err := w.by("inez").PlanRollback(w.ctx, "")
		w.ok(err)
		if plan.From.Version != "v3" || plan.To == nil || plan.To.Version != "v1" {
			t.Fatalf("from %s to %+v", plan.From.Version, plan.To)
		}
		for _, c := range plan.Candidates {
			if c.Version == "v2" && (c.Eligible || !strings.Contains(c.Why, "bad")) {
				t.Errorf("v2 is eligible: %s", c.Why)
			}
		}
	})
}
