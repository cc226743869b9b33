package desk

import (
	"math"
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/store"
)

// Whatever text comes in, from whatever door, is answered as a mistake of the request
// and never as a defect; nothing of it is recorded.
func TestHostileTextIsRefused(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		r, root := w.start("v2"), access.System("test")
		b, err := w.RequestRollback(w.ctx, w.as("incident"), api.RequestRollback{Reason: "r"})
		w.ok(err)
		hostile := map[string]string{
			"long": strings.Repeat("a", 1<<20), "nul": "a\x00b", "broken": "a\xff\xfeb", "escape": "\x1b]0;title\a",
			"quotes": `'";--<script>`, "wide": strings.Repeat("\u202e𝕏", 3000), "percent": "%s%d%!",
			"path": "../../etc/passwd",
		}
		for name, x := range hostile {
			calls := map[string]func() error{
				"Release":   func() error { _, err := w.Release(w.ctx, root, x); return err },
				"Canary":    func() error { _, err := w.Canary(w.ctx, root, x); return err },
				"Approval":  func() error { _, err := w.Approval(w.ctx, root, x); return err },
				"Rollback":  func() error { _, err := w.Rollback(w.ctx, root, x); return err },
				"Incident":  func() error { _, err := w.Incident(w.ctx, root, x); return err },
				"Decide":    func() error { _, err := w.Decide(w.ctx, root, x, true, api.Decision{Hash: x}); return err },
				"action":    func() error { _, err := w.Act(w.ctx, root, r.ID, x, api.ReleaseAction{}); return err },
				"roll back": func() error { _, err := w.ActRollback(w.ctx, root, b.ID, x, api.RollbackAction{}); return err },
				"retarget": func() error {
					_, err := w.ActRollback(w.ctx, root, b.ID, "retarget", api.RollbackAction{To: x, Reason: x})
					return err
				},
				"StartRelease": func() error {
					_, err := w.StartRelease(w.ctx, root, api.StartRelease{Version: x, Deployment: w.url, Scheduled: x})
					return err
				},
				"StartRelease at": func() error {
					_, err := w.StartRelease(w.ctx, root, api.StartRelease{Version: "v5", Deployment: x})
					return err
				},
				"RequestRollback": func() error {
					_, err := w.RequestRollback(w.ctx, root, api.RequestRollback{Reason: "r", Environment: x, To: x})
					return err
				},
				"PlanRollback": func() error { _, err := w.PlanRollback(w.ctx, root, x); return err },
				"RegisterDeployment": func() error {
					_, err := w.RegisterDeployment(w.ctx, root, api.NewDeployment{Version: "v5", URL: "http://127.0.0.1:9",
						Environment: x})
					return err
				},
				"RegisterDeployment at": func() error {
					_, err := w.RegisterDeployment(w.ctx, root, api.NewDeployment{Version: x, URL: "http://127.0.0.1:9"})
					return err
				},
				"ReportIssue": func() error {
					_, err := w.ReportIssue(w.ctx, root, api.ReportIssue{Environment: x, Title: "slow"})
					return err
				},
				"ReportCheck": func() error {
					_, err := w.ReportCheck(w.ctx, root, api.ReportCheck{Version: "v2", Name: x, Status: x})
					return err
				},
				"CreateUser": func() error {
					_, err := w.CreateUser(w.ctx, root, api.NewUser{Name: x, Password: "a long enough password"})
					return err
				},
			}
			for method, call := range calls {
				if err := call(); err == nil || fault.Is(err, fault.Internal) {
					t.Errorf("%s with %s text: %.200v", method, name, err)
				}
			}
			reads := map[string]func() error{
				"Releases": func() error {
					_, err := w.Releases(w.ctx, root, ReleaseQuery{Phase: x, Version: x, Cursor: x})
					return err
				},
				"Events": func() error {
					_, err := w.Events(w.ctx, root, EventQuery{Kind: x, Subject: x, Actor: x, Environment: x, Text: x})
					return err
				},
				"Incidents":   func() error { _, err := w.Incidents(w.ctx, root, IncidentQuery{State: x, Cursor: x}); return err },
				"Rollbacks":   func() error { _, err := w.Rollbacks(w.ctx, root, x, -5); return err },
				"Checks":      func() error { _, err := w.Checks(w.ctx, root, x); return err },
				"Deployments": func() error { _, err := w.Deployments(w.ctx, root, x); return err },
			}
			for method, call := range reads {
				if err := call(); fault.Is(err, fault.Internal) {
					t.Errorf("%s with %s text: %.200v", method, name, err)
				}
			}
		}
		if err := func() error {
			_, err := w.Act(w.ctx, root, r.ID, "share", api.ReleaseAction{Share: math.NaN()})
			return err
		}(); !fault.Is(err, fault.Invalid) {
			t.Errorf("a share that is no number: %v", err)
		}
	})
}

// What somebody gives as a reason is no line of somebody else's: on a terminal and in a message it would look like one.
func TestAReasonIsOneLine(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		r, err := w.Act(w.ctx, access.System("test"), w.exposed("v2").ID, "abort",
			api.ReleaseAction{Reason: "x\nSlipway's guard:\u202e all is well"})
		w.ok(err)
		list, err := w.DB.Events(w.ctx, store.EventFilter{Limit: 5, Descending: true})
		w.ok(err)
		said := []string{r.Sentence, r.Reason}
		for _, e := range list {
			said = append(said, e.Sentence)
		}
		if strings.ContainsAny(strings.Join(said, ""), "\n\u202e") || !strings.Contains(said[0], "x Slipway's guard: all") {
			t.Errorf("%q", said)
		}
		i, err := w.ReportIssue(w.ctx, w.as("incident"), api.ReportIssue{Title: "orders fail\nSEV1: all of them"})
		w.ok(err)
		i, err = w.ResolveIncident(w.ctx, w.as("incident"), i.ID, api.ResolveIncident{Resolution: "ok\n\nSEV1: fake"})
		if err != nil ||
			i.Title != "orders fail SEV1: all of them" || i.Sentence != "Resolved: ok SEV1: fake" {
			t.Errorf("%q %q %v", i.Title, i.Sentence, err)
		}
	})
}
