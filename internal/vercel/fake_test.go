package vercel_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	fake "github.com/slipwayhq/slipway/internal/fake/vercel"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/vercel"
)

// open returns the fake with a project, and a client of it.
func open(t *testing.T) (*fake.World, *vercel.Client) {
	t.Helper()
	w := fake.New(fake.Options{Log: t.Logf})
	if err := w.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	shop := fake.ProjectOrder{Name: "shop", ID: "prj_P1", Repository: "acme/shop", Domains: 1}
	if _, err := w.AddProject(shop); err != nil {
		t.Fatal(err)
	}
	g, err := vercel.ParseConnection(w.AddGlobalConfig("shop").Connection)
	if err != nil {
		t.Fatal(err)
	}
	return w, vercel.New(vercel.Options{API: w.URL(), Team: fake.TeamID, Backoff: time.Millisecond, Read: g.Address,
		Token:  func(context.Context) (string, error) { return "token", nil },
		Reader: func(context.Context) (string, error) { return g.Token, nil }})
}

// TestVariablesAreWrittenAsVercelsOwnCommandLineDoes compares with what that was recorded to send.
func TestVariablesAreWrittenAsVercelsOwnCommandLineDoes(t *testing.T) {
	t.Parallel()
	w, c := open(t)
	v := vercel.Variable{Type: "sensitive", Key: "FOO", Value: "bar", Target: []string{"production"}, Visibility: "secret"}
	if err := c.SetEnv(t.Context(), "prj_P1", false, v); err != nil {
		t.Fatal(err)
	}
	list, err := c.Env(t.Context(), "prj_P1", true)
	if err != nil || len(list) != 1 || list[0].Key != "FOO" || list[0].Value != "" {
		t.Errorf("a sensitive value is told again: %+v, %v", list, err)
	}
	if err := c.DropEnv(t.Context(), "prj_P1", list[0].ID); err != nil {
		t.Error(err)
	}
	if err := c.DropEnv(t.Context(), "prj_P1", list[0].ID); err != nil {
		t.Errorf("dropped twice: %v", err)
	}
	var got []string
	for _, r := range w.Requests() {
		if r.Method != http.MethodGet {
			got = append(got, fmt.Sprint(r.Method, " ", r.Path, " ", r.Body))
		}
	}
	drop := "DELETE /v10/projects/prj_P1/env/" + list[0].ID + " "
	want := []string{`POST /v10/projects/prj_P1/env {"type":"sensitive","key":"FOO","value":"bar","target":["production"],` +
		`"visibility":"secret"}`, drop, drop}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	plain := vercel.Variable{Type: "encrypted", Key: "API_URL", Value: "https://a", Target: []string{"production"}}
	for _, value := range []string{"https://a", "https://b"} {
		if plain.Value = value; c.SetEnv(t.Context(), "prj_P1", true, plain, v) != nil {
			t.Error("an upsert fails")
		}
	}
	list, err = c.Env(t.Context(), "prj_P1", true)
	i := slices.IndexFunc(list, func(v vercel.Variable) bool { return v.Key == "API_URL" })
	if err != nil || len(list) != 2 || i < 0 || list[i].Value != "https://b" {
		t.Fatalf("%+v, %v", list, err)
	}
	if err := c.EditEnv(t.Context(), "prj_P1", list[i].ID, vercel.EnvEdit{Value: &plain.Value}); err != nil {
		t.Error(err)
	}
}

func TestTheGlobalConfigIsWrittenAndRead(t *testing.T) {
	t.Parallel()
	w, _ := open(t)
	g, _ := vercel.ParseConnection(w.AddGlobalConfig("other").Connection)
	c := vercel.New(vercel.Options{API: w.URL(), Read: g.Address,
		Token:  func(context.Context) (string, error) { return "token", nil },
		Reader: func(context.Context) (string, error) { return g.Token, nil }})
	var got map[string]int
	if err := c.ReadItem(t.Context(), g.Config, "k", time.Time{}, &got); !fault.Is(err, fault.NotFound) {
		t.Errorf("before it is written: %v", err)
	}
	before, err := c.Digest(t.Context(), g.Config)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.PutItems(t.Context(), g.Config,
		vercel.Item{Operation: "upsert", Key: "k", Value: map[string]int{"n": 1}}); err != nil {
		t.Fatal(err)
	}
	for name, read := range map[string]func() error{
		"at the edge": func() error { return c.ReadItem(t.Context(), g.Config, "k", time.Now(), &got) },
		"by the API":  func() error { return c.Item(t.Context(), g.Config, "k", &got) },
	} {
		if got = nil; read() != nil || got["n"] != 1 {
			t.Errorf("%s: %v", name, got)
		}
	}
	if after, err := c.Digest(t.Context(), g.Config); err != nil || after == before {
		t.Errorf("the digest stays %s: %v", after, err)
	}
}

// TestWhatElseSlipwayAsksFor goes once through the calls that no other test makes.
func TestWhatElseSlipwayAsksFor(t *testing.T) {
	t.Parallel()
	w, c := open(t)
	ctx := t.Context()
	u, err := c.User(ctx)
	if err != nil || u.ID != fake.UserID {
		t.Errorf("%+v, %v", u, err)
	}
	team, err := c.Team(ctx)
	if err != nil || team.Slug != fake.TeamSlug {
		t.Errorf("%+v, %v", team, err)
	}
	h, err := c.CreateHook(ctx, vercel.Hook{URL: "http://127.0.0.1:1/hooks", Events: []string{"deployment.ready"},
		Projects: []string{"prj_P1"}})
	if err != nil {
		t.Fatal(err)
	}
	if list, err := c.Hooks(ctx); err != nil || len(list) != 1 || list[0].ID != h.ID {
		t.Errorf("%+v, %v", list, err)
	}
	if err := c.DropHook(ctx, h.ID); err != nil {
		t.Error(err)
	}
	d, err := c.CreateDrain(ctx, vercel.Drain{Name: "slipway", Projects: "some", IDs: []string{"prj_P1"},
		Schemas: map[string]vercel.Schema{"log": {Version: "v1"}}, Source: map[string]string{"kind": "self-served"},
		Delivery: vercel.Delivery{Type: "http", Endpoint: "http://127.0.0.1:1/ingest", Encoding: "ndjson", Secret: "s"}})
	if err != nil {
		t.Fatal(err)
	}
	if list, err := c.Drains(ctx); err != nil || len(list) != 1 || list[0].ID != d.ID {
		t.Errorf("%+v, %v", list, err)
	}
	if err := c.DropDrain(ctx, d.ID); err != nil {
		t.Error(err)
	}
	if list, err := c.SetBypass(ctx, "prj_P1", "slipway", ""); err != nil || len(list) != 1 ||
		!slices.Equal(list, w.Bypasses("shop")) {
		t.Errorf("%v, %v", list, err)
	}
	b, err := w.Push("shop", "0123456789012345678901234567890123456789", "main", "a change")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Wait(ctx, b.ID); err != nil {
		t.Fatal(err)
	}
	list, err := c.Deployments(ctx, vercel.Filter{Project: "prj_P1", Commit: b.SHA})
	if err != nil || len(list) != 1 || list[0].ID != b.ID || list[0].Commit != b.SHA || list[0].Branch != "main" {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := c.Alias(ctx, b.ID, "canary.shop.example"); err != nil {
		t.Error(err)
	}
	reason, _, err := c.RollingSlots(ctx, "prj_P1")
	if err != nil || reason != vercel.SlotsLeft {
		t.Errorf("%s, %v", reason, err)
	}
}
