//go:build full

package vercel

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	fake "github.com/slipwayhq/slipway/internal/fake/vercel"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/flag/mirror"
	api "github.com/slipwayhq/slipway/internal/vercel"
)

// everything is a flag that asks for all that can be said, with percentages.
func everything() *flag.Set {
	s := &flag.Set{App: "shop", Environment: "production", Lists: map[string][]string{"staff": {"u1", "u2"}}}
	s.Segments = []flag.Segment{{Key: "staff", Listed: 2, Excluded: []string{"u3"}, Any: [][]flag.Condition{{
		{Attribute: "email", Op: flag.EndsWith, Values: []any{"@acme.example"}}}}}}
	for _, key := range []string{"checkout", "banner"} {
		s.Flags = append(s.Flags, flag.Flag{Key: key, Kind: flag.Boolean, Description: "what it is about", Bucketing: 2,
			Tags: []string{"web"}, Variants: []flag.Variant{{Name: "off", Value: json.RawMessage("false")},
				{Name: "on", Value: json.RawMessage("true")}}})
	}
	many := make([]any, 30)
	for i := range many {
		many[i] = string(rune('a' + i%26))
	}
	c := flag.Config{Flag: "checkout", On: true, Off: "off", Default: flag.Serve{Variant: "off"}}
	for i, n := range []flag.Condition{
		{Attribute: "plan", Op: flag.Equals, Values: []any{"pro", "team", 3.0, true}},
		{Attribute: "plan", Op: flag.Equals, Values: many, Not: true},
		{Attribute: "plan", Op: flag.StartsWith, Values: []any{"p"}, Not: true},
		{Attribute: "tags", Op: flag.Contains, Values: []any{"a+b", 2.0}},
		{Attribute: "cart.total", Op: flag.AtLeast, Values: []any{10.5}},
		{Attribute: "age", Op: flag.Less, Values: []any{18.0}, Not: true},
		{Attribute: "plan", Op: flag.Missing}, {Attribute: "plan", Op: flag.Missing, Not: true}, {Segment: "staff"},
	} {
		r := flag.Rule{ID: "r" + string(rune('a'+i)), If: []flag.Condition{n}, Serve: flag.Serve{Variant: "on"}}
		if i == 0 {
			r.Serve = flag.Serve{Split: []flag.Portion{{Variant: "on", Weight: 1}, {Variant: "off", Weight: 3}}}
		}
		c.Rules = append(c.Rules, r)
	}
	s.Configs = []flag.Config{c, {Flag: "banner", Off: "off", Default: flag.Serve{Variant: "on"}}}
	return s
}

// synced writes what differs, and returns what was to be done.
func (s *shop) synced(c *api.Client, set *flag.Set) map[string]mirror.Step {
	s.t.Helper()
	there := mirror.There{Environment: "production"}
	var err error
	there.Environments, err = c.FlagEnvironments(s.t.Context(), "shop")
	s.ok(err)
	list, err := c.Flags(s.t.Context(), "shop")
	s.ok(err)
	for _, raw := range list {
		var f mirror.Flag
		s.ok(json.Unmarshal(raw, &f))
		there.Flags = append(there.Flags, f)
	}
	steps, err := mirror.Compare(set, there, mirror.Options{Splits: true})
	s.ok(err)
	out := map[string]mirror.Step{}
	for _, step := range steps {
		out[step.Flag] = step
		switch step.Action {
		case mirror.Create:
			_, err = c.CreateFlag(s.t.Context(), "shop", step.Body)
		case mirror.Change:
			_, err = c.EditFlag(s.t.Context(), "shop", step.Flag, step.Revision, step.Body)
		}
		s.ok(err)
	}
	return out
}

// What Slipway writes of flags is what the SDK would send, the SDK and the command line read it, and what a hand at the
// command line changes is seen and not written over.
func TestSyncedFlagsAreVercelsOwn(t *testing.T) {
	t.Parallel()
	s := open(t, fake.Options{})
	c := api.New(api.Options{API: s.URL(), Team: fake.TeamID,
		Token: func(context.Context) (string, error) { return "token", nil }})
	set := everything()
	s.ForgetRequests()
	if done := s.synced(c, set); done["checkout"].Action != mirror.Create || done["banner"].Action != mirror.Create {
		t.Fatalf("%+v", done)
	}
	set.Configs[1].On = true
	if done := s.synced(c, set); done["checkout"].Action != mirror.Same || done["banner"].Action != mirror.Change {
		t.Fatalf("%+v", done)
	}
	type sent struct {
		Path string          `json:"path"`
		Body json.RawMessage `json:"body"`
	}
	var bodies []sent
	for _, q := range s.Requests() {
		if q.Method == http.MethodPut || q.Method == http.MethodPatch {
			bodies = append(bodies, sent{q.Path, json.RawMessage(q.Body)})
		}
	}
	text, err := json.Marshal(bodies)
	s.ok(err)
	var report struct {
		Judged int      `json:"judged"`
		Flags  []string `json:"flags"`
		Wrong  []string `json:"wrong"`
	}
	node := func(script, in string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "node", script)
		cmd.Stdin, cmd.Stderr = bytes.NewReader(text), os.Stderr
		cmd.Env = append(os.Environ(), "WORLD="+in)
		out, err := cmd.Output()
		s.ok(err)
		s.ok(json.Unmarshal(out, &report))
	}
	if node("bodies.mjs", ""); report.Judged != 3 || len(report.Wrong) > 0 {
		t.Errorf("%d bodies: %q", report.Judged, report.Wrong)
	}
	if node("synced.mjs", `{"api":"`+s.URL()+`","project":"shop"}`); len(report.Flags) != 2 || len(report.Wrong) > 0 {
		t.Errorf("the SDK reads %v: %q", report.Flags, report.Wrong)
	}
	if out := s.cli("flags", "list"); !strings.Contains(out, "checkout") || !strings.Contains(out, "banner") {
		t.Errorf("the command line lists\n%s", out)
	}
	for _, want := range []string{"user.plan", "cart.total", "what it is about"} {
		if out := s.cli("flags", "inspect", "checkout"); !strings.Contains(out, want) {
			t.Errorf("the command line shows no %s in\n%s", want, out)
		}
	}
	before := s.api("GET", "/v1/projects/shop/feature-flags/flags/banner", "")["revision"].(float64)
	s.cli("flags", "disable", "banner", "--environment", "production", "--message", "by hand")
	_, err = c.EditFlag(t.Context(), "shop", "banner", int64(before), json.RawMessage(`{}`))
	if !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "banner") {
		t.Errorf("over another hand: %v", err)
	}
	if done := s.synced(c, set); done["banner"].Action != mirror.Change ||
		!strings.Contains(strings.Join(done["banner"].Differs, "; "), "on") {
		t.Errorf("after another hand: %+v", done["banner"])
	}
	s.cli("flags", "set", "banner", "--environment", "production", "--variant", "on", "--message", "by hand")
}
