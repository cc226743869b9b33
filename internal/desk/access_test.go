package desk

import (
	"slices"
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/metric"
)

// method is one way into the desk: what it needs, and a call of it.
type method struct {
	name        string
	needs       access.Permission
	environment string // "any": one environment is enough
	call        func(w *world, who access.Actor, r api.Release) error
}

// anywhere stands for methods that leave out what one may not see.
const anywhere = "any"

func methods() []method {
	view := access.ViewEnvironment
	act := func(action string) func(*world, access.Actor, api.Release) error {
		return func(w *world, who access.Actor, r api.Release) error {
			_, err := w.Act(w.ctx, who, r.ID, action, api.ReleaseAction{Revision: 99999})
			return err
		}
	}
	return []method{
		{"Status", view, anywhere, func(w *world, a access.Actor, _ api.Release) error {
			_,
				err := w.Status(w.ctx, a)
			return err
		}},
		{"Environments", view, anywhere, func(w *world, a access.Actor, _ api.Release) error {
			_,
				err := w.Environments(w.ctx, a)
			return err
		}},
		{"Releases", view, anywhere, func(w *world, a access.Actor, _ api.Release) error {
			_, err := w.Releases(w.ctx, a, ReleaseQuery{})
			return err
		}},
		{"Release", view, "development", func(w *world, a access.Actor, r api.Release) error {
			_,
				err := w.Release(w.ctx, a, r.ID)
			return err
		}},
		{"Canary", view, "development", func(w *world, a access.Actor, r api.Release) error {
			_,
				err := w.Canary(w.ctx, a, r.ID)
			return err
		}},
		{"StartRelease", access.StartRelease, "development", func(w *world, a access.Actor, _ api.Release) error {
			_, err := w.StartRelease(w.ctx, a, api.StartRelease{Version: "v1", Deployment: "http://127.0.0.1:9"})
			return err
		}},
		{"pause", access.ControlRelease, "development", act("pause")},
		{"abort", access.ControlRelease, "development", act("abort")},
		{"share", access.ControlRelease, "development", act("share")},
		{"skip", access.SkipStep, "development", act("skip")},
		{"Checks", view, anywhere, func(w *world, a access.Actor, _ api.Release) error {
			_,
				err := w.Checks(w.ctx, a, "v2")
			return err
		}},
		{"ReportCheck", access.ReportCheck, "development", func(w *world, a access.Actor, _ api.Release) error {
			_, err := w.ReportCheck(w.ctx, a, api.ReportCheck{Version: "v9", Name: "unit", Status: "running"})
			return err
		}},
		{"Approvals", view, anywhere, func(w *world, a access.Actor, _ api.Release) error {
			_,
				err := w.Approvals(w.ctx, a, "")
			return err
		}},
		{"Rollbacks", view, anywhere, func(w *world, a access.Actor, _ api.Release) error {
			_, err := w.Rollbacks(w.ctx, a, "", 0)
			return err
		}},
		{"PlanRollback", view, "production", func(w *world, a access.Actor, _ api.Release) error {
			_, err := w.PlanRollback(w.ctx, a, "")
			return err
		}},
		{"RequestRollback", access.RequestRollback, "production", func(w *world, a access.Actor, _ api.Release) error {
			_, err := w.RequestRollback(w.ctx, a, api.RequestRollback{Reason: "r", To: "dep_none"})
			return err
		}},
		{"Deployments", view, anywhere, func(w *world, a access.Actor, _ api.Release) error {
			_,
				err := w.Deployments(w.ctx, a, "")
			return err
		}},
		{"RegisterDeployment", access.ManageDeployment, "staging", func(w *world, a access.Actor, _ api.Release) error {
			_, err := w.RegisterDeployment(w.ctx, a, api.NewDeployment{Version: "v7", URL: "http://127.0.0.1:9",
				Environment: "staging"})
			return err
		}},
		{"Incidents", view, anywhere, func(w *world, a access.Actor, _ api.Release) error {
			_, err := w.Incidents(w.ctx, a, IncidentQuery{})
			return err
		}},
		{"FlagSuspects", view, "production", func(w *world, a access.Actor, _ api.Release) error {
			_, err := w.FlagSuspects(w.ctx, a, w.incident(), "")
			return err
		}},
		{"TurnFlagOff", access.SwitchFlag, "staging", func(w *world, a access.Actor, _ api.Release) error {
			a.Grants = append(slices.Clone(a.Grants), access.Grant{Permission: view, Environment: "production"})
			_, err := w.TurnFlagOff(w.ctx, a, w.incident(), api.TurnFlagOff{Flag: "none", Environment: "staging",
				Reason: "a test"})
			return err
		}},
		{"ReportIssue", access.ReportIssue, "production", func(w *world, a access.Actor, _ api.Release) error {
			_, err := w.ReportIssue(w.ctx, a, api.ReportIssue{Title: "it is slow"})
			return err
		}},
		{"Events", access.ReadLog, anywhere, func(w *world, a access.Actor, _ api.Release) error {
			_, err := w.Events(w.ctx, a, EventQuery{})
			return err
		}},
		{"VerifyLog", access.ReadLog, anywhere, func(w *world, a access.Actor, _ api.Release) error {
			_,
				err := w.VerifyLog(w.ctx, a)
			return err
		}},
		{"Users", access.ManageUsers, "", func(w *world, a access.Actor, _ api.Release) error {
			_,
				err := w.Users(w.ctx, a)
			return err
		}},
		{"CreateUser", access.ManageUsers, "", func(w *world, a access.Actor, _ api.Release) error {
			_, err := w.CreateUser(w.ctx, a, api.NewUser{})
			return err
		}},
		{"ChangeUser", access.ManageUsers, "", func(w *world, a access.Actor, _ api.Release) error {
			_, err := w.ChangeUser(w.ctx, a, "usr_x", api.ChangeUser{})
			return err
		}},
		{"Roles", view, anywhere, func(w *world, a access.Actor, _ api.Release) error {
			_,
				err := w.Roles(w.ctx, a)
			return err
		}},
		{"EdgeTable", access.OperateEdge, "production", func(w *world, a access.Actor, _ api.Release) error {
			_, _,
				err := w.EdgeTable(w.ctx, a)
			return err
		}},
		{"PushMetrics", access.WriteMetric, "production", func(w *world, a access.Actor, _ api.Release) error {
			_, err := w.PushMetrics(w.ctx, a, api.PushMetrics{})
			return err
		}},
		{"Metrics", view, anywhere, func(w *world, a access.Actor, _ api.Release) error {
			_, err := w.Metrics(w.ctx, a)
			return err
		}},
		{"EdgeObserve", access.OperateEdge, "production", func(w *world, a access.Actor, _ api.Release) error {
			return w.EdgeObserve(w.ctx, a, "edge-1", 1, metric.Batch{})
		}},
	}
}

func allowed(who access.Actor, m method) bool {
	if m.environment == anywhere {
		return who.MayAnywhere(m.needs)
	}
	return who.May(m.needs, m.environment)
}

// req: RO-15 RO-16 RO-18 EN-04 EN-07
func TestEveryMethodAsksForItsPermission(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		r := w.start("v2")
		seen := map[bool]int{}
		for _, role := range w.Strategy.Roles() {
			for _, m := range methods() {
				who := w.as(role.Name)
				w.holds(who, m, r)
				seen[allowed(who, m)]++
			}
		}
		nobody := access.Actor{ID: "user:nobody", User: "usr_nobody", Name: "Nobody", Roles: []string{"admin"}}
		for _, m := range methods() {
			w.holds(nobody, m, r)
			place := m.environment
			if place == anywhere || place == "" {
				place = access.Everywhere
			}
			w.holds(may(m.needs, place), m, r) // this alone is enough
			if m.environment != anywhere && m.environment != "" {
				w.holds(may(m.needs, "elsewhere"), m, r)
			}
		}
		if seen[true] < 50 || seen[false] < 50 {
			t.Errorf("the matrix is one-sided: %v", seen)
		}
	})
}

// holds calls a method and wants exactly what the grants say, and every denial logged.
func (w *world) holds(who access.Actor, m method, r api.Release) {
	w.t.Helper()
	before := len(w.events("access.denied"))
	err := m.call(w, who, r)
	denials := w.events("access.denied")[before:]
	if !allowed(who, m) {
		if !fault.Is(err, fault.Denied) || len(denials) != 1 || denials[0].Actor != who.ID ||
			!strings.Contains(string(denials[0].Data), string(m.needs)) {
			w.t.Errorf("%s as %s gives %v and %d denials in the log", m.name, who.Name, err, len(denials))
		}
		return
	}
	if fault.ReasonOf(err) == "permission_missing" || len(denials) > 0 || fault.Is(err, fault.Internal) {
		w.t.Errorf("%s as %s, who may, gives %v and %d denials", m.name, who.Name, err, len(denials))
	}
}

// What one may not see is in no list, no page of the log and no summary, and looking
// for it is not a denial that fills the log.
func TestWhatOneMayNotSeeIsNowhere(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		r := w.exposed("v2")
		_, err := w.ReportIssue(w.ctx, access.System("test"), api.ReportIssue{Title: "it is slow"})
		w.ok(err)
		who := access.Actor{ID: "user:dev", User: "usr_dev", Name: "Dev", Grants: []access.Grant{
			{Permission: access.ViewEnvironment, Environment: "development"}, {Permission: access.ReadLog,
				Environment: "development"},
		}}
		status, err := w.Status(w.ctx, who)
		w.ok(err)
		releases, err := w.Releases(w.ctx, who, ReleaseQuery{})
		w.ok(err)
		incidents, err := w.Incidents(w.ctx, who, IncidentQuery{})
		w.ok(err)
		deployments, err := w.Deployments(w.ctx, who, "")
		w.ok(err)
		n := len(status.Releases) + len(status.Incidents) + len(releases.Items) + len(incidents.Items) + len(deployments)
		if n > 0 {
			t.Errorf("a developer sees %d things of canary and production", n)
		}
		if len(status.Environments) != 1 || status.Environments[0].Name != "development" || strings.Contains(status.Sentence,
			"v2") {
			t.Errorf("the status shows %+v", status)
		}
		page, err := w.Events(w.ctx, who, EventQuery{Limit: 200})
		w.ok(err)
		if slices.ContainsFunc(page.Items, func(e api.Event) bool {
			return e.Environment != "" && e.Environment != "development"
		}) {
			t.Error("the log shows other environments")
		}
		if n := len(w.events("access.denied")); n > 0 {
			t.Errorf("reading lists left %d denials", n)
		}
		if _, err := w.Release(w.ctx, who, r.ID); !fault.Is(err, fault.Denied) || len(w.events("access.denied")) != 1 {
			t.Errorf("the release itself gives %v", err)
		}
	})
}
