package story

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
	fake "github.com/slipwayhq/slipway/internal/fake/vercel"
	"github.com/slipwayhq/slipway/internal/vercel"
)

// theirs asks Vercel's API for a flag, or changes it as another hand does.
func (n *nearby) theirs(method, path string, body any) (flag struct {
	Revision     int64
	Environments map[string]json.RawMessage
}) {
	n.w.t.Helper()
	text, err := json.Marshal(body)
	n.w.ok(err)
	q, err := http.NewRequestWithContext(n.w.ctx, method, n.URL()+"/v1/projects/shop/feature-flags/flags"+path,
		bytes.NewReader(text))
	n.w.ok(err)
	q.Header.Set("Authorization", "Bearer "+n.hand)
	a, err := http.DefaultClient.Do(q)
	n.w.ok(err)
	defer func() { _ = a.Body.Close() }()
	if a.StatusCode < 300 {
		n.w.ok(json.NewDecoder(a.Body).Decode(&flag))
	}
	return flag
}

// actionsOf is what a plan says of each flag.
func actionsOf(s api.FlagSync) map[string]string {
	out := map[string]string{}
	for _, x := range s.Steps {
		out[x.Flag] = x.Action
	}
	return out
}

func shown(s api.FlagSync) *api.SyncShown {
	out := &api.SyncShown{Generation: s.Generation, Revisions: map[string]int64{}}
	for _, x := range s.Steps {
		if x.Action == "create" || x.Action == "change" {
			out.Revisions[x.Flag] = x.Revision
		}
	}
	return out
}

// Flags are written to Vercel Flags as a plan says; what anybody changed since the plan is refused by its name, what
// cannot be said there is named, and what is only there stays.
func TestFlagsAreWrittenToVercelFlags(t *testing.T) {
	t.Parallel()
	n := publishes(t, fake.Pro)
	w, robin := n.w, n.w.by("robin")
	paused := map[string]any{"production": map[string]any{"active": false, "rules": []any{},
		"pausedOutcome": map[string]any{"type": "variant", "variantId": "off"},
		"fallthrough":   map[string]any{"type": "variant", "variantId": "on"}}}
	n.theirs(http.MethodPut, "", map[string]any{"slug": "legacy", "kind": "boolean", "environments": paused})
	for _, key := range []string{"checkout", "banner", "a.dotted"} {
		_, err := robin.CreateFlag(w.ctx, api.CreateFlag{Key: key})
		w.ok(err)
	}
	_, err := robin.TurnFlagOn(w.ctx, "checkout", "production", api.SwitchFlag{Reason: "a story"})
	w.ok(err)
	in := api.SyncFlags{Environment: "production", DryRun: true}
	plan, err := robin.SyncFlags(w.ctx, in)
	w.ok(err)
	if s := actionsOf(plan); plan.Writes != 2 || s["checkout"] != "create" || s["banner"] != "create" ||
		s["legacy"] != "theirs" || s["a.dotted"] != "unsaid" {
		t.Fatalf("the plan: %+v", plan)
	}
	in.DryRun, in.Shown = false, shown(plan)
	out, err := robin.SyncFlags(w.ctx, in)
	w.ok(err)
	made := n.theirs(http.MethodGet, "/checkout", nil)
	if !strings.Contains(string(made.Environments["production"]), `"active":true`) || out.Failed ||
		!strings.Contains(string(made.Environments["preview"]), `"active":false`) {
		t.Fatalf("%s\n%s\n%s", out.Sentence, made.Environments["production"], made.Environments["preview"])
	}
	for _, key := range []string{"checkout", "banner"} { // both differ now
		_, err = robin.TurnFlagOff(w.ctx, key, "production", api.SwitchFlag{Reason: "a story"})
		w.ok(err)
	}
	_, err = robin.TurnFlagOn(w.ctx, "banner", "production", api.SwitchFlag{Reason: "a story"})
	w.ok(err)
	in.DryRun = true
	plan, err = robin.SyncFlags(w.ctx, in)
	w.ok(err)
	n.theirs(http.MethodPatch, "/checkout", map[string]any{"description": "another hand"})
	in.DryRun, in.Shown = false, shown(plan)
	out, err = robin.SyncFlags(w.ctx, in)
	w.ok(err)
	if !out.Failed || len(plan.Steps) != 4 {
		t.Fatalf("%+v", out)
	}
	for _, s := range out.Steps {
		if s.Flag == "banner" && !s.Done || s.Flag == "checkout" && !strings.Contains(s.Problem, "checkout") {
			t.Errorf("%s: %+v", s.Flag, s)
		}
	}
	_, err = robin.TurnFlagOff(w.ctx, "banner", "production", api.SwitchFlag{Reason: "a story"})
	w.ok(err)
	if _, err = robin.SyncFlags(w.ctx, in); err == nil || !strings.Contains(err.Error(), "changed here") {
		t.Errorf("over flags that changed here: %v", err)
	}
	if n.theirs(http.MethodGet, "/legacy", nil).Revision != 1 {
		t.Error("a flag that is only there was touched")
	}
	page, err := robin.Flags(w.ctx, client.FlagQuery{})
	w.ok(err)
	if len(page.Synced) != 1 || page.Synced[0].Written == nil || page.Synced[0].Follows {
		t.Errorf("the list of flags says %+v", page.Synced)
	}
	told := map[string]int{}
	for _, kind := range []string{"flags.syncing", "flags.synced"} {
		events, err := w.admin().Events(w.ctx, client.EventQuery{Kind: kind})
		w.ok(err)
		for _, e := range events.Items {
			if told[kind]++; e.Actor == "" || !strings.Contains(e.Sentence, "Vercel Flags") {
				t.Errorf("%s: %+v", kind, e)
			}
		}
	}
	if told["flags.syncing"] != 2 || told["flags.synced"] != 2 {
		t.Errorf("the log has %v", told)
	}
}

// Where the strategy says so, flags follow by themselves: a kill switch at once. What another hand changed stays and is
// told, until a person has it written.
func TestFlagsFollowToVercelFlags(t *testing.T) {
	t.Parallel()
	n := publishes(t, fake.Pro, ", sync_flags: {production: production}")
	w, robin := n.w, n.w.by("robin")
	_, err := robin.CreateFlag(w.ctx, api.CreateFlag{Key: "checkout"})
	w.ok(err)
	on := func() bool {
		c := n.theirs(http.MethodGet, "/checkout", nil)
		return strings.Contains(string(c.Environments["production"]), `"active":true`)
	}
	_, err = robin.TurnFlagOn(w.ctx, "checkout", "production", api.SwitchFlag{Reason: "a story"})
	w.ok(err)
	w.until("it is on at Vercel", on)
	_, err = robin.TurnFlagOff(w.ctx, "checkout", "production", api.SwitchFlag{Reason: "it fails"})
	w.ok(err)
	w.until("it is off at Vercel", func() bool { return !on() })
	w.until("the row says so", func() bool { s := n.synced(); return s.Same == 1 && s.Follows && !s.Trouble })
	n.hooked()
	n.AddToken(fake.Token{Secret: "grace", User: "grace"})
	n.hand = "grace"
	before := n.theirs(http.MethodPatch, "/checkout", map[string]any{"environments": map[string]any{
		"production": map[string]any{"active": true, "rules": []any{}, "pausedOutcome": outcome("off"),
			"fallthrough": outcome("on")}}})
	w.until("another hand is told at once", func() bool { // it looks by itself every five minutes
		s := n.synced()
		return s.Trouble && len(s.Foreign) == 1 && s.Hands["checkout"] == "grace"
	})
	told := w.events("flags.unsynced")
	if len(told) != 1 || !strings.HasPrefix(told[0].Sentence, "grace changed") {
		t.Errorf("the log has %+v", told)
	}
	_, err = robin.TurnFlagOff(w.ctx, "checkout", "production", api.SwitchFlag{Reason: "again"})
	w.ok(err)
	if now := n.theirs(http.MethodGet, "/checkout", nil); now.Revision != before.Revision {
		t.Errorf("it was written over: revision %d after %d", now.Revision, before.Revision)
	}
	_, err = robin.TurnFlagOn(w.ctx, "checkout", "production", api.SwitchFlag{Reason: "again"})
	w.ok(err)
	_, err = robin.SyncFlags(w.ctx, api.SyncFlags{Environment: "production"})
	w.ok(err)
	w.until("it is taken over", func() bool { return on() && !n.synced().Trouble })
}

func outcome(variant string) map[string]any {
	return map[string]any{"type": "variant", "variantId": variant}
}

// hooked has Vercel tell of its flags from now on.
func (n *nearby) hooked() {
	n.w.t.Helper()
	c := vercel.New(vercel.Options{API: n.URL(), Token: func(context.Context) (string, error) { return "token", nil }})
	h, err := c.CreateHook(n.w.ctx, vercel.Hook{URL: n.w.url + "/hooks/vercel/webhooks",
		Events: []string{"flag.created", "flag.updated", "flag.deleted"}})
	n.w.ok(err)
	n.secret.Store(&h.Secret)
}

func (n *nearby) synced() api.SyncedFlags {
	n.w.t.Helper()
	s, err := n.w.by("ada").Status(n.w.ctx)
	n.w.ok(err)
	if len(s.Synced) != 1 {
		n.w.t.Fatalf("synced: %+v", s.Synced)
	}
	return s.Synced[0]
}
