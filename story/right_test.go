package story

import (
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
)

// attempt is something that somebody tries. It is made so that it changes nothing for
// those who may do it: it is refused for another reason, or only reads.
type attempt struct {
	name string
	who  string // space-separated: those of the five roles' people who may
	try  func(w *world, c *client.Client, r api.Release, b api.Rollback) error
}

// elsewhere is a revision that no release has: who may act hears of it.
const elsewhere = 1 << 40

func acts(action string) func(*world, *client.Client, api.Release, api.Rollback) error {
	return func(w *world, c *client.Client, r api.Release, _ api.Rollback) error {
		_, err := c.ActOnRelease(w.ctx, r.ID, action, api.ReleaseAction{Reason: "r", Revision: elsewhere})
		return err
	}
}

// attempts are tried on a release that waits in staging and a rollback that failed.
func attempts() []attempt {
	return []attempt{
		{"see a release in staging", "ada quinn pia", func(w *world, c *client.Client, r api.Release, _ api.Rollback) error {
			_, err := c.Release(w.ctx, r.ID)
			return err
		}},
		{"pause it", "ada", acts("pause")},
		{"abort it", "ada", acts("abort")},
		{"skip its step", "quinn pia", acts("skip")},
		{"start a release", "ada", func(w *world, c *client.Client, _ api.Release, _ api.Rollback) error {
			_, err := c.StartRelease(w.ctx, api.StartRelease{Version: "v3", Deployment: "ftp://nowhere"})
			return err
		}},
		{"report an outside check", "ada dora", func(w *world, c *client.Client, _ api.Release, _ api.Rollback) error {
			_, err := c.ReportCheck(w.ctx, api.ReportCheck{Version: "v7", Name: "unit", Status: "passed"})
			return err
		}},
		{"record a deployment in development", "ada", func(w *world, c *client.Client, _ api.Release, _ api.Rollback) error {
			_, err := c.RegisterDeployment(w.ctx, api.NewDeployment{Version: "v7", URL: "ftp://nowhere", Branch: "dev"})
			return err
		}},
		{"plan a rollback", "ada quinn pia dora inez", func(w *world, c *client.Client, _ api.Release, _ api.Rollback) error {
			_, err := c.PlanRollback(w.ctx, "")
			return err
		}},
		{"request a rollback", "ada quinn pia dora inez", func(
			w *world, c *client.Client, _ api.Release, _ api.Rollback,
		) error {
			_, err := c.RequestRollback(w.ctx, api.RequestRollback{Reason: " "})
			return err
		}},
		{"run a rollback", "dora inez", func(w *world, c *client.Client, _ api.Release, b api.Rollback) error {
			_, err := c.ActOnRollback(w.ctx, b.ID, "retry", api.RollbackAction{Revision: elsewhere})
			return err
		}},
		{"resolve an incident", "dora inez", func(w *world, c *client.Client, _ api.Release, b api.Rollback) error {
			_, err := c.ResolveIncident(w.ctx, b.Incident, api.ResolveIncident{Resolution: " "})
			return err
		}},
		{"see all users", "", func(w *world, c *client.Client, _ api.Release, _ api.Rollback) error {
			_, err := c.Users(w.ctx)
			return err
		}},
		{"make a user", "", func(w *world, c *client.Client, _ api.Release, _ api.Rollback) error {
			_, err := c.CreateUser(w.ctx, api.NewUser{Name: "eve", Password: password, Roles: []string{"admin"}})
			return err
		}},
		{"become administrator", "", func(w *world, c *client.Client, _ api.Release, _ api.Rollback) error {
			me, err := c.Me(w.ctx)
			w.ok(err)
			_, err = c.ChangeUser(w.ctx, me.Name, api.ChangeUser{Roles: &[]string{"admin"}})
			return err
		}},
	}
}

// Every role may do what it is for, in the environments it works in, and nothing
// else; what is denied is answered with 403 and recorded.
//
// req: EN-04 EN-07 RO-14 RO-15 RO-16 RO-18
func TestRolesMayWhatTheyAreFor(t *testing.T) {
	each(t, options{idle: true}, func(t *testing.T, w *world) {
		r := w.start("v2")
		w.report("ada", "v2", "unit", "passed")
		w.report("ada", "v2", "review", "passed")
		r = w.arrives(r.ID, "staging/sign-off")
		_, err := w.admin().RequestRollback(w.ctx, api.RequestRollback{Reason: "to have one"})
		w.ok(err)
		b := w.comes("failed")
		for _, who := range []string{"ada", "quinn", "pia", "dora", "inez"} {
			for _, a := range attempts() {
				w.tries(t, who, a, r, b)
			}
		}
		seen := map[string][]string{}
		for _, who := range []string{"ada", "quinn", "pia", "dora", "inez"} {
			list, err := w.by(who).Environments(w.ctx)
			w.ok(err)
			for _, e := range list {
				seen[who] = append(seen[who], e.Name)
			}
		}
		want := map[string][]string{
			"ada":   {"development", "staging", "canary", "production"},
			"quinn": {"staging", "canary", "production"},
			"pia":   {"staging", "canary", "production"},
			"dora":  {"canary", "production"},
			"inez":  {"canary", "production"},
		}
		if diff := cmp.Diff(want, seen); diff != "" {
			t.Error("the environments that people see: " + diff)
		}
	})
}

// tries lets somebody try something, and looks whether it is allowed or denied and
// recorded.
func (w *world) tries(t *testing.T, who string, a attempt, r api.Release, b api.Rollback) {
	t.Helper()
	denials := func() []api.Event {
		page, err := w.admin().Events(w.ctx, client.EventQuery{Kind: "access.denied", Limit: 200})
		w.ok(err)
		return page.Items
	}
	before := len(denials())
	err := a.try(w, w.by(who), r, b)
	p, _ := err.(*client.Problem) //nolint:errorlint // the client returns it as it is
	denied := p != nil && p.Status == http.StatusForbidden
	after := denials()
	switch may := slices.Contains(strings.Fields(a.who), who); {
	case may && denied:
		t.Errorf("%s may %s and is denied: %v", who, a.name, err)
	case may && len(after) != before:
		t.Errorf("%s may %s and a denial is recorded: %s", who, a.name, after[0].Sentence)
	case !may && !denied:
		t.Errorf("%s may not %s, and the answer is %v", who, a.name, err)
	case !may && len(after) != before+1:
		t.Errorf("%s may not %s, and %d denials are recorded", who, a.name, len(after)-before)
	case !may && !strings.Contains(after[0].Actor, who):
		t.Errorf("%s may not %s, and %s is recorded as the one who tried", who, a.name, after[0].Actor)
	}
}

// A token does what its scopes name, less when its owner may less, nothing once it is
// revoked, and is never wider than its owner.
//
// req: RO-16
func TestTokenIsAsNarrowAsItsScopes(t *testing.T) {
	each(t, options{idle: true}, func(t *testing.T, w *world) {
		_, err := w.by("ada").CreateToken(w.ctx, api.NewToken{Name: "wide", Scopes: []string{"release:approve@production"}})
		if err == nil {
			t.Error("a developer made a token that approves")
		}
		made, err := w.by("ada").CreateToken(w.ctx, api.NewToken{Name: "ci", Scopes: []string{"check:report"}, Days: 1})
		w.ok(err)
		ci := w.with(made.Secret)
		report := api.ReportCheck{Version: "v2", Name: "unit", Status: "passed", Summary: "412 passed"}
		c, err := ci.ReportCheck(w.ctx, report)
		w.ok(err)
		if c.Actor != "token:ada/ci" {
			t.Errorf("the report is kept as by %s", c.Actor)
		}
		_, err = ci.StartRelease(w.ctx, api.StartRelease{Version: "v2", Deployment: "http://127.0.0.1:9"})
		w.refused(err, "permission_missing")
		_, err = ci.Status(w.ctx)
		w.refused(err, "permission_missing")
		none := []string{"qa"}
		_, err = w.admin().ChangeUser(w.ctx, "ada", api.ChangeUser{Roles: &none})
		w.ok(err)
		_, err = ci.ReportCheck(w.ctx, report)
		w.refused(err, "permission_missing")
		back := []string{"development"}
		_, err = w.admin().ChangeUser(w.ctx, "ada", api.ChangeUser{Roles: &back})
		w.ok(err)
		_, err = ci.ReportCheck(w.ctx, report)
		w.ok(err)
		_, err = w.by("ada").RevokeToken(w.ctx, made.ID)
		w.ok(err)
		_, err = ci.ReportCheck(w.ctx, report)
		if p, ok := err.(*client.Problem); !ok || p.Status != http.StatusUnauthorized { //nolint:errorlint // as above
			t.Errorf("a revoked token: %v", err)
		}
	})
}

// Without credentials nothing can be reached but the public status page, health, and
// the doors.
//
// req: RO-15
func TestNothingIsReachableWithoutCredentials(t *testing.T) {
	each(t, options{idle: true}, func(t *testing.T, w *world) {
		doors := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		ask := func(method, path string) (int, string) {
			req, err := http.NewRequestWithContext(w.ctx, method, w.url+path, strings.NewReader("{}"))
			w.ok(err)
			req.Header.Set("Content-Type", "application/json")
			res, err := doors.Do(req)
			w.ok(err)
			_ = res.Body.Close()
			return res.StatusCode, res.Header.Get("Location")
		}
		for _, path := range []string{"/status", "/healthz", "/readyz", "/login"} {
			if got, _ := ask(http.MethodGet, path); got != http.StatusOK {
				t.Errorf("GET %s answers %d", path, got)
			}
		}
		for method, paths := range operations(t) {
			for _, path := range paths {
				public := method == http.MethodPost && (path == "/api/v1/sessions" || path == "/api/v1/setup")
				if got, _ := ask(method, path); (got == http.StatusUnauthorized) == public || got < 400 {
					t.Errorf("%s %s answers %d without credentials", method, path, got)
				}
			}
		}
		for _, path := range []string{
			"/", "/releases", "/releases/x", "/releases/x/canary", "/approvals", "/approvals/x", "/rollbacks",
			"/rollbacks/x", "/incidents", "/incidents/x", "/log", "/settings", "/environments", "/live", "/checks",
		} {
			got, to := ask(http.MethodGet, path)
			if got != http.StatusNotFound && got != http.StatusUnauthorized && !strings.HasPrefix(to, "/login") {
				t.Errorf("GET %s answers %d to %q without credentials", path, got, to)
			}
			if got, _ := ask(http.MethodPost, path); got < 300 {
				t.Errorf("POST %s answers %d without credentials", path, got)
			}
		}
	})
}

// operations are the API's, by method, from its description.
func operations(t *testing.T) map[string][]string {
	t.Helper()
	doc, err := os.ReadFile("../api/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var description struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(doc, &description); err != nil || len(description.Paths) < 30 {
		t.Fatalf("%d paths in the description: %v", len(description.Paths), err)
	}
	out := map[string][]string{}
	for path, methods := range description.Paths {
		for m := range methods {
			if m = strings.ToUpper(m); slices.Contains([]string{"GET", "POST", "PUT", "PATCH", "DELETE"}, m) {
				out[m] = append(out[m], strings.ReplaceAll(path, "{id}", "x"))
			}
		}
	}
	return out
}
