package story

import (
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/api"
)

// People hold a canary, lower it, let it go on early and take it back.
//
// req: CD-08 CD-12 CD-05 RB-29
func TestPeopleSteerTheCanary(t *testing.T) {
	each(t, options{edit: []string{"bake: 300ms", "bake: 1h", "[50]", "[5, 20, 50]"}}, func(t *testing.T, w *world) {
		r := w.start("v2")
		w.gates(r)
		w.exposed(r.ID, 5)
		_, err := w.by("inez").ActOnRelease(w.ctx, r.ID, "promote", api.ReleaseAction{})
		w.refused(err, "reason_required")
		w.goOn(r.ID)
		w.exposed(r.ID, 20)
		w.act("inez", r.ID, "pause", api.ReleaseAction{Reason: "lunch"})
		_, err = w.by("inez").ActOnRelease(w.ctx, r.ID, "promote", api.ReleaseAction{Reason: "now"})
		w.refused(err, "release_paused")
		w.pass(100)
		if r = w.release(r.ID); r.Phase != "paused" || r.Share != 20 || w.shops["v2"].Served() == 0 {
			t.Fatalf("%s at %g %%", r.Phase, r.Share)
		}
		_, err = w.by("inez").ActOnRelease(w.ctx, r.ID, "share", api.ReleaseAction{Share: 60})
		w.refused(err, "share_not_lower")
		w.act("inez", r.ID, "share", api.ReleaseAction{Share: 3, Reason: "carefully"})
		r = w.exposed(r.ID, 3)
		if r.Phase != "paused" || w.environment("production").Share != 97 {
			t.Errorf("%s, production has %g %%", r.Phase, w.environment("production").Share)
		}
		w.act("inez", r.ID, "resume", api.ReleaseAction{})
		w.exposed(r.ID, 5)
		stale := r.Revision
		w.act("dora", r.ID, "promote", api.ReleaseAction{Reason: "I take it upon me"}) // she may skip: no evidence needed
		w.exposed(r.ID, 20)
		_, err = w.by("inez").ActOnRelease(w.ctx, r.ID, "abort", api.ReleaseAction{Reason: "no", Revision: stale})
		w.refused(err, "changed_since")
		_, err = w.by("inez").ActOnRelease(w.ctx, r.ID, "abort", api.ReleaseAction{})
		w.refused(err, "reason_required")
		w.act("inez", r.ID, "abort", api.ReleaseAction{Reason: "wrong pictures"})
		r = w.ends(r.ID, "aborted")
		if r.Share != 0 || !strings.Contains(r.Reason, "wrong pictures") || r.Restored == nil {
			t.Errorf("%g %%, restored %v: %s", r.Share, r.Restored, r.Reason)
		}
		_, err = w.by("inez").ActOnRelease(w.ctx, r.ID, "resume", api.ReleaseAction{})
		w.refused(err, "release_ended")
	})
}

// goOn ends the bake early by somebody who needs the evidence for it.
func (w *world) goOn(id string) {
	w.t.Helper()
	w.until("evidence to go on", func() bool {
		_, err := w.by("inez").ActOnRelease(w.ctx, id, "promote", api.ReleaseAction{Reason: "it is good"})
		if err != nil && reasonOf(err) != "evidence_missing" {
			w.ok(err)
		}
		return err == nil
	})
}

// A critical problem that a person reports takes a canary back; in production it
// asks for a rollback. A vulnerability is reason enough.
//
// req: RB-13 RB-29 RB-31 CD-10
func TestReportedProblemTakesBack(t *testing.T) {
	each(t, options{edit: append([]string{"watch: 300ms", "watch: 1h"}, "bake: 300ms", "bake: 2s")},
		func(t *testing.T, w *world) {
			r := w.start("v2")
			w.gates(r)
			w.exposed(r.ID, 50)
			small, err := w.by("pia").ReportIssue(w.ctx, api.ReportIssue{Environment: "canary", Title: "a typo"})
			w.ok(err)
			if w.release(r.ID).Phase != "running" || small.Severity != "SEV4" {
				t.Errorf("a typo is %s and the release is %s", small.Severity, w.release(r.ID).Phase)
			}
			i, err := w.by("quinn").ReportIssue(w.ctx, api.ReportIssue{Environment: "canary", Title: "nobody can pay",
				Critical: true})
			w.ok(err)
			r = w.ends(r.ID, "aborted")
			if !strings.Contains(r.Reason, "nobody can pay") || i.Severity != "SEV2" || i.Release != r.ID {
				t.Errorf("%s: %s, of %s", r.Reason, i.Severity, i.Release)
			}
			w.promoted("v3")
			_, err = w.by("quinn").ReportIssue(w.ctx, api.ReportIssue{Environment: "production", Title: "a hole",
				Security: true})
			w.ok(err)
			b := w.requested()
			if b.From != "v3" || b.To != "v1" || !strings.Contains(b.Trigger, "a hole") {
				t.Errorf("from %s to %s: %s", b.From, b.To, b.Trigger)
			}
		})
}
