package configs

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/internal/configuration"
	fake "github.com/slipwayhq/slipway/internal/fake/vercel"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
	"github.com/slipwayhq/slipway/internal/strategy"
	"github.com/slipwayhq/slipway/internal/vercel"
)

// ask calls the platform's API as somebody else does, and decodes what it answers.
func (x *town) ask(method, path string, body, into any) {
	x.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		x.t.Fatal(err)
	}
	q, err := http.NewRequestWithContext(x.t.Context(), method, x.world.URL()+path, bytes.NewReader(raw))
	if err != nil {
		x.t.Fatal(err)
	}
	q.Header.Set("Authorization", "Bearer token")
	q.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		x.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode/100 != 2 {
		x.t.Fatalf("%s %s: %s", method, path, answer.Status)
	}
	if err := json.NewDecoder(answer.Body).Decode(into); err != nil {
		x.t.Fatal(err)
	}
}

// lived is what is known of an environment.
func (x *town) lived(environment string) configuration.Live {
	x.t.Helper()
	x.look()
	live, err := x.DB.ConfigLive(x.t.Context(), "shop", environment)
	if err != nil {
		x.t.Fatal(err)
	}
	return live
}

// req: EN-17
func TestAnEnvironmentOfTheTeamsOwnHasItsVariables(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		x, ctx := open(t, db), t.Context()
		plan, err := strategy.Parse("test.yaml", []byte("app: shop\ntarget: {vercel: {project: shop, canary: rolling}}\n"+
			"environments: {staging: {custom: stage}, acceptance: {custom: acceptance}}\n"))
		if err != nil {
			t.Fatal(err)
		}
		x.Strategy = plan
		if live := x.lived("staging"); !strings.Contains(live.Why, "no environment of the team's own that is named stage") {
			t.Errorf("before it is made: %+v", live)
		}
		var made struct {
			ID string `json:"id"`
		}
		x.ask(http.MethodPost, "/v9/projects/shop/custom-environments", map[string]any{"slug": "stage",
			"branchMatcher": map[string]string{"type": "equals", "pattern": "stage"}}, &made)
		set := func(v vercel.Variable) {
			if err := x.client.SetEnv(ctx, "shop", true, v); err != nil {
				t.Fatal(err)
			}
		}
		set(vercel.Variable{Key: "A", Value: "of-both", Type: "encrypted", Target: []string{"preview"},
			Custom: []string{made.ID}})
		set(vercel.Variable{Key: "B", Value: "of-preview", Type: "encrypted", Target: []string{"preview"}})
		if live := x.lived("staging"); live.Revision != 1 || live.Why != "" {
			t.Fatalf("after the first look: %+v", live)
		}
		if r, err := db.ConfigNumber(ctx, "shop", "staging", 1); err != nil || len(r.Variables) != 1 {
			t.Fatalf("revision 1: %+v, %v", r, err)
		}
		out, err := x.Push(ctx, ada(), Order{Environment: "staging", Reason: "a test", Set: []Set{
			{Key: "A", Value: "of-stage"}, {Key: "C", Value: "new"}}})
		if err != nil {
			t.Fatal(err)
		}
		if err := x.carry(out.Revision); err != nil {
			t.Fatal(err)
		}
		build := func(ref string) map[string]string {
			d, err := x.world.Push("shop", strings.Repeat("d", 40), ref, "a build")
			if err == nil {
				d, err = x.world.Wait(ctx, d.ID)
			}
			if err != nil {
				t.Fatal(err)
			}
			return d.Env
		}
		if env := build("stage"); env["A"] != "of-stage" || env["C"] != "new" || env["B"] != "" {
			t.Errorf("a build for it was given %v", env)
		}
		if env := build("feature"); env["A"] != "of-both" || env["B"] != "of-preview" || env["C"] != "" {
			t.Errorf("a build for a preview was given %v", env)
		}
		if live := x.lived("staging"); live.Revision != 2 || len(live.Drift) > 0 {
			t.Errorf("after it was written: %+v", live)
		}
		set(vercel.Variable{Key: "B", Value: "another", Type: "encrypted", Target: []string{"preview"}})
		set(vercel.Variable{Key: "C", Value: "eve", Type: "sensitive", Custom: []string{made.ID}})
		if live := x.lived("staging"); len(live.Drift) != 1 || live.Drift[0].Key != "C" {
			t.Errorf("drift: %+v", live.Drift)
		}
	})
}

// req: EN-17
func TestWhatTheTeamSharesIsToldAndNeverWritten(t *testing.T) {
	t.Parallel()
	x, ctx := open(t, storetest.Open(t, "sqlite")), t.Context()
	var project struct {
		ID string `json:"id"`
	}
	x.ask(http.MethodGet, "/v9/projects/shop", nil, &project)
	share := func(key, value string, projects ...string) string {
		var made struct {
			Created []struct {
				ID string `json:"id"`
			} `json:"created"`
		}
		x.ask(http.MethodPost, "/v1/env", map[string]any{"evs": []map[string]string{{"key": key, "value": value}},
			"type": "encrypted", "target": []string{"production"}, "projectId": projects}, &made)
		return made.Created[0].ID
	}
	id := share("TEAM_URL", "of-the-team", project.ID)
	share("ELSEWHERE", "of-another", "prj_other")
	x.start()
	if _, err := x.Pull(ctx, ada(), "production", "the values"); err != nil {
		t.Fatal(err)
	}
	live := x.lived("production")
	if len(live.Shared) != 1 || live.Shared[0].Key != "TEAM_URL" || len(live.Drift) > 0 {
		t.Fatalf("shared: %+v, drift %+v", live.Shared, live.Drift)
	}
	order := Order{Environment: "production", Reason: "a test", Over: true, Set: []Set{{Key: "TEAM_URL", Value: "mine"}}}
	if _, err := x.Push(ctx, ada(), order); fault.ReasonOf(err) != "variable_shared" {
		t.Errorf("a shared variable is written over: %v", err)
	}
	x.ask(http.MethodPatch, "/v1/env", map[string]any{"updates": map[string]any{id: map[string]string{
		"value": "changed"}}}, &struct{}{})
	live = x.lived("production")
	if len(live.Drift) != 1 || !live.Drift[0].Shared ||
		!strings.Contains(live.Sentence(), "TEAM_URL (shared by the team)") {
		t.Fatalf("drift: %+v: %s", live.Drift, live.Sentence())
	}
	order.Over, order.Set = false, []Set{{Key: "PORT", Value: "3001"}}
	if _, err := x.Push(ctx, ada(), order); fault.ReasonOf(err) != "config_drifted" {
		t.Errorf("a push over what the team changed: %v", err)
	}
	out, err := x.Pull(ctx, ada(), "production", "seen")
	if err != nil || out.Revision.Number != 0 {
		t.Fatalf("taken note of: %+v, %v", out, err)
	}
	if live = x.lived("production"); len(live.Drift) > 0 {
		t.Errorf("after it was taken note of: %+v", live.Drift)
	}
	pushed, err := x.Push(ctx, ada(), order)
	if err != nil {
		t.Fatal(err)
	}
	if err := x.carry(pushed.Revision); err != nil {
		t.Fatal(err)
	}
	if env := x.built("production"); env["TEAM_URL"] != "changed" || env["PORT"] != "3001" {
		t.Errorf("a build was given %v", env)
	}
	// A token that may not read them reads the others, and what was known stays.
	x.world.AddToken(fake.Token{Secret: "token", Lacks: []string{"Shared environment variables"}})
	live = x.lived("production")
	if live.Unread == "" || len(live.Drift) > 0 || !slices.ContainsFunc(live.Shared, func(s configuration.Shared) bool {
		return s.Key == "TEAM_URL"
	}) {
		t.Errorf("with a token that may not read them: %+v", live)
	}
}
