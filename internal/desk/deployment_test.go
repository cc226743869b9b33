package desk

import (
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/incident"
)

// A push calls the API: the branch decides the environment, and nobody clicks.
//
// req: EN-02 EN-16
func TestAPushRecordsADeployment(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ci := may(access.ManageDeployment, "development")
		for range 2 { // a push is delivered twice: one deployment
			d, err := w.RegisterDeployment(w.ctx, ci, api.NewDeployment{
				Version: "feature-7", Commit: "abc1234", URL: w.url, Branch: "dev",
			})
			w.ok(err)
			if d.Environment != "development" || d.Verdict != "unknown" {
				t.Errorf("%+v", d)
			}
		}
		list, err := w.Deployments(w.ctx, w.as("development"), "development")
		w.ok(err)
		if len(list) != 1 || list[0].Version != "feature-7" || list[0].Commit != "abc1234" {
			t.Errorf("recorded %+v", list)
		}
		if n := len(w.events("deployment.recorded")); n != 1 {
			t.Errorf("%d events tell of it", n)
		}
		_, err = w.RegisterDeployment(w.ctx, ci, api.NewDeployment{Version: "x", URL: w.url, Branch: "nobody/knows"})
		if fault.ReasonOf(err) != "branch_unmapped" {
			t.Errorf("a branch that maps nowhere: %v", err)
		}
	})
}

// req: RB-30
func TestPlanHelpsToDecide(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		p, err := w.PlanRollback(w.ctx, w.as("incident"), "production")
		w.ok(err)
		says := map[string]string{}
		for _, e := range p.Aid {
			says[e.Name] = e.Says
		}
		for _, name := range []string{"Severity", "Impact", "Time to roll back", "Hotfix instead", "Data"} {
			if says[name] == "" {
				t.Errorf("nothing is said of %s: %v", name, says)
			}
		}
		b, err := w.RequestRollback(w.ctx, w.as("incident"), api.RequestRollback{Reason: "r"})
		w.ok(err)
		w.ok(w.Engine.Incidents.Raise(w.ctx, b.Incident, incident.Signs{ErrorRate: 0.6, Requests: 100}))
		b, err = w.Rollback(w.ctx, w.as("incident"), b.ID)
		w.ok(err)
		if aid := b.Plan.Aid[0]; aid.Name != "Severity" || !strings.HasPrefix(aid.Says, "SEV1: ") {
			t.Errorf("its incident is SEV1, and what helps to decide says %+v", aid)
		}
	})
}
