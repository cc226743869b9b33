package flags_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/desk/flags"
	"github.com/slipwayhq/slipway/internal/engine"
	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/store/storetest"
	"github.com/slipwayhq/slipway/internal/strategy"
)

const plain = `app: shop
target: {selfhost: {stable: "http://127.0.0.1:3001"}}
`

// world is a desk for flags over a real store.
type world struct {
	*flags.Desk
	t   *testing.T
	ctx context.Context
}

func each(t *testing.T, text string, test func(t *testing.T, w *world)) {
	t.Helper()
	t.Parallel()
	for _, kind := range storetest.Engines(t) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s, err := strategy.Parse("test.yaml", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			db := storetest.Open(t, kind)
			e := engine.New(engine.Options{DB: db, Strategy: s, Log: slog.New(slog.DiscardHandler)})
			test(t, &world{&flags.Desk{DB: db, Engine: e, Strategy: s}, t, t.Context()})
		})
	}
}

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) refused(err error, kind fault.Kind, reason string) {
	w.t.Helper()
	if !fault.Is(err, kind) || fault.ReasonOf(err) != reason {
		w.t.Fatalf("%v, want %s %s", err, kind, reason)
	}
}

// as returns somebody who holds a role of the strategy.
func (w *world) as(role string) access.Actor {
	return access.Actor{
		ID: "user:" + role, User: "usr_" + role, Name: role, Roles: []string{role},
		Grants: access.Resolve(w.Strategy.Roles(), []string{role}),
	}
}

func (w *world) denials() int {
	w.t.Helper()
	n := 0
	w.ok(w.DB.EachEvent(w.ctx, func(e event.Event) error {
		if e.Kind == "access.denied" {
			n++
		}
		return nil
	}))
	return n
}

// req: FF-13 FF-23 FF-24
func TestEveryChangeAsksForItsPermissionWhereItIsMade(t *testing.T) {
	each(t, plain, func(_ *testing.T, w *world) {
		_, err := w.Create(w.ctx, w.as("development"), api.CreateFlag{Key: "checkout"})
		w.ok(err)
		environments := []string{"development", "staging", "canary", "production"}
		may := func(role string, try func(who access.Actor, environment string) error) (in []string) {
			for _, environment := range environments {
				before := w.denials()
				err := try(w.as(role), environment)
				switch {
				case err == nil:
					in = append(in, environment)
				case fault.Is(err, fault.Denied):
					if w.denials() != before+1 {
						w.t.Errorf("%s in %s: a denial that is not in the log", role, environment)
					}
				default:
					w.t.Errorf("%s in %s: %v", role, environment, err)
				}
			}
			return in
		}
		n := 0.0
		edit := func(who access.Actor, environment string) error {
			n++
			_, err := w.Rollout(w.ctx, who, "checkout", environment, api.RolloutFlag{Percent: n})
			return err
		}
		turn := func(who access.Actor, environment string) error {
			c, err := w.Config(w.ctx, w.as("admin"), "checkout", environment)
			w.ok(err)
			_, err = w.Switch(w.ctx, who, "checkout", environment, !c.On, api.SwitchFlag{Reason: "a test"})
			return err
		}
		segment := func(who access.Actor, environment string) error {
			_, err := w.PutSegment(w.ctx, who, "beta", environment, api.PutSegment{Description: who.Name})
			return err
		}
		beyond := []string{"canary", "production"}
		all := []string{"staging", "canary", "production"} // of those that product is on the access list of
		for _, c := range []struct {
			role            string
			edits, switches []string
		}{
			{"development", []string{"development", "staging"}, []string{"development", "staging"}},
			{"qa", []string{"staging"}, []string{"staging"}},
			{"product", all, all},
			{"devops", nil, beyond},
			{"incident", nil, beyond},
			{"admin", environments, environments},
		} {
			for what, got := range map[string][2][]string{
				"edits": {may(c.role, edit), c.edits}, "switches": {may(c.role, turn), c.switches},
				"segments": {may(c.role, segment), c.edits},
			} {
				if !slices.Equal(got[0], got[1]) {
					w.t.Errorf("%s: %s in %v, want %v", c.role, what, got[0], got[1])
				}
			}
		}
	})
}

// A whole configuration that turns a flag on is a switch too.
func TestPutNeedsWhatItDoes(t *testing.T) {
	each(t, plain, func(_ *testing.T, w *world) {
		root := w.as("admin")
		_, err := w.Create(w.ctx, root, api.CreateFlag{Key: "checkout"})
		w.ok(err)
		const env = "production"
		only := func(p access.Permission) access.Actor {
			return access.Actor{ID: "user:one", User: "usr_one", Name: "One", Grants: []access.Grant{
				{Permission: p, Environment: env}, {Permission: access.ViewEnvironment, Environment: env},
			}}
		}
		put := api.PutFlagConfig{On: true, Off: "off", Default: api.FlagServe{Variant: "on"}}
		_, err = w.Put(w.ctx, only(access.EditFlag), "checkout", env, put)
		w.refused(err, fault.Denied, "permission_missing")
		_, err = w.Put(w.ctx, only(access.SwitchFlag), "checkout", env, put)
		w.refused(err, fault.Denied, "permission_missing")
		put.On, put.Default = false, api.FlagServe{Variant: "off"}
		out, err := w.Put(w.ctx, only(access.EditFlag), "checkout", env, put)
		w.ok(err)
		if !out.Done || len(out.Changes) != 1 || out.Config.Revision != 2 {
			w.t.Errorf("put: %+v", out)
		}
		_, err = w.Archive(w.ctx, w.as("devops"), "checkout", "", true)
		w.refused(err, fault.Denied, "permission_missing")
		_, err = w.Switch(w.ctx, root, "checkout", env, true, api.SwitchFlag{})
		w.ok(err)
		client := true
		_, err = w.Change(w.ctx, w.as("development"), "checkout", api.ChangeFlag{Client: &client})
		w.refused(err, fault.Denied, "permission_missing")
		description := "The new checkout."
		f, err := w.Change(w.ctx, w.as("development"), "checkout", api.ChangeFlag{Description: &description})
		w.ok(err)
		if f.Description != description || f.Revision != 2 {
			w.t.Errorf("changed: %+v", f)
		}
		_, err = w.Change(w.ctx, root, "checkout", api.ChangeFlag{Variants: []api.FlagVariant{
			{Name: "yes", Value: json.RawMessage("true")},
		}})
		w.refused(err, fault.Conflict, "variant_in_use")
	})
}

func TestListFiltersAndPages(t *testing.T) {
	each(t, plain, func(_ *testing.T, w *world) {
		root := w.as("admin")
		for _, key := range []string{"a", "b", "c", "d"} {
			_, err := w.Create(w.ctx, root, api.CreateFlag{Key: key, Tags: []string{"tag-" + key}, Owner: "owner-of-" + key})
			w.ok(err)
		}
		_, err := w.Archive(w.ctx, root, "d", "done", true)
		w.ok(err)
		_, err = w.Switch(w.ctx, root, "b", "production", true, api.SwitchFlag{})
		w.ok(err)
		keys := func(q flags.Query) []string {
			page, err := w.Flags(w.ctx, root, q)
			w.ok(err)
			var out []string
			for _, f := range page.Items {
				out = append(out, f.Key)
			}
			return append(out, page.Next)
		}
		for _, c := range []struct {
			q    flags.Query
			want []string
		}{
			{flags.Query{}, []string{"a", "b", "c", ""}},
			{flags.Query{Limit: 2}, []string{"a", "b", "b"}},
			{flags.Query{Limit: 2, Cursor: "b"}, []string{"c", ""}},
			{flags.Query{Tag: "tag-c"}, []string{"c", ""}},
			{flags.Query{Text: "OWNER-OF-A"}, []string{"a", ""}},
			{flags.Query{State: "archived"}, []string{"d", ""}},
			{flags.Query{State: "on", Environment: "production"}, []string{"b", ""}},
			{flags.Query{State: "off", Environment: "production"}, []string{"a", "c", ""}},
			{flags.Query{State: "ramping"}, []string{""}},
		} {
			if diff := cmp.Diff(c.want, keys(c.q)); diff != "" {
				w.t.Errorf("%+v (-want +got):\n%s", c.q, diff)
			}
		}
		page, err := w.Flags(w.ctx, w.as("qa"), flags.Query{})
		w.ok(err)
		if n := len(page.Items[0].Environments); n != 3 {
			w.t.Errorf("qa sees %d environments, not staging, canary and production", n)
		}
	})
}

func TestHistorySaysWhatEachRevisionChanged(t *testing.T) {
	each(t, plain, func(_ *testing.T, w *world) {
		root := w.as("admin")
		_, err := w.Create(w.ctx, root, api.CreateFlag{Key: "checkout"})
		w.ok(err)
		for _, percent := range []float64{5, 25} {
			_, err := w.Rollout(w.ctx, root, "checkout", "production", api.RolloutFlag{Percent: percent, Reason: "step"})
			w.ok(err)
		}
		got, err := w.History(w.ctx, root, "checkout", "production", "", 2)
		w.ok(err)
		if len(got.Items) != 2 || got.Next != "2" || got.Items[0].Revision != 3 || got.Items[0].Reason != "step" ||
			len(got.Items[0].Changes) != 1 || got.Items[0].Changes[0].Words == "" {
			w.t.Errorf("history: %+v", got)
		}
		got, err = w.History(w.ctx, root, "checkout", "production", got.Next, 2)
		w.ok(err)
		if len(got.Items) != 1 || got.Items[0].Revision != 1 || got.Next != "" {
			w.t.Errorf("the page behind: %+v", got)
		}
	})
}

// Requests and stored flags are the same JSON, so that one becomes the other by reading it again.
func TestWireTypesSayTheSame(t *testing.T) {
	t.Parallel()
	rule := `{"id":"r","description":"d","if":[{"attribute":"plan","op":"equals","values":["pro",1,true],"not":true},` +
		`{"segment":"beta"}],"serve":{"split":[{"variant":"on","weight":1}],"by":"company","salt":"s"}}`
	var wire api.FlagRule
	var kept flag.Rule
	for _, v := range []any{&wire, &kept} {
		if err := json.Unmarshal([]byte(rule), v); err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(v)
		if err != nil || string(text) != rule {
			t.Errorf("%T says %s, %v", v, text, err)
		}
	}
}

// The list is kept between requests: every kind of change must be in it at once.
func TestTheListShowsEveryChangeAtOnce(t *testing.T) {
	each(t, plain, func(t *testing.T, w *world) {
		root := w.as("admin")
		list := func() api.Flag {
			t.Helper()
			p, err := w.Flags(w.ctx, root, flags.Query{})
			w.ok(err)
			if len(p.Items) != 1 {
				t.Fatalf("%d flags", len(p.Items))
			}
			one, err := w.Flag(w.ctx, root, p.Items[0].Key)
			w.ok(err)
			if d := cmp.Diff(one, p.Items[0]); d != "" {
				t.Errorf("the list is not what the flag is: %s", d)
			}
			return p.Items[0]
		}
		if p, err := w.Flags(w.ctx, root, flags.Query{}); err != nil || len(p.Items) != 0 {
			t.Fatalf("%+v, %v", p, err)
		}
		_, err := w.Create(w.ctx, root, api.CreateFlag{Key: "checkout"})
		w.ok(err)
		list()
		text := "About it"
		_, err = w.Change(w.ctx, root, "checkout", api.ChangeFlag{Description: &text})
		w.ok(err)
		if f := list(); f.Description != text {
			t.Errorf("%+v", f)
		}
		_, err = w.Switch(w.ctx, root, "checkout", "production", true, api.SwitchFlag{})
		w.ok(err)
		list()
		_, err = w.Archive(w.ctx, root, "checkout", "", true)
		w.ok(err)
		if p, err := w.Flags(w.ctx, root, flags.Query{}); err != nil || len(p.Items) != 0 {
			t.Errorf("archived: %+v, %v", p, err)
		}
		_, err = w.Archive(w.ctx, root, "checkout", "", false)
		w.ok(err)
		list()
	})
}

func TestAnEarlierRevisionOfASegmentComesBack(t *testing.T) {
	each(t, plain+"flags: {attributes: [plan], approve: {production: [product]}}\n", func(t *testing.T, w *world) {
		root := w.as("admin")
		put := func(plan string) api.Segment {
			t.Helper()
			s, err := w.PutSegment(w.ctx, root, "beta", "staging", api.PutSegment{Description: "As of " + plan,
				Any: [][]api.FlagCondition{{{Attribute: "plan", Op: "equals", Values: []any{plan}}}}})
			w.ok(err)
			return s
		}
		first := put("pro")
		_, err := w.ChangeMembers(w.ctx, root, "beta", "staging", api.SegmentMembers{Add: []string{"ada"}})
		w.ok(err)
		last := put("team")
		_, err = w.RevertSegment(w.ctx, root, "beta", "staging", api.RevertFlag{To: 1, Revision: last.Revision - 1})
		w.refused(err, fault.Conflict, "changed_meanwhile")
		_, err = w.RevertSegment(w.ctx, root, "beta", "staging", api.RevertFlag{To: 9})
		w.refused(err, fault.NotFound, "not_found")
		_, err = w.RevertSegment(w.ctx, w.as("qa"), "beta", "production", api.RevertFlag{To: 1})
		w.refused(err, fault.Denied, "permission_missing")
		back, err := w.RevertSegment(w.ctx, root, "beta", "staging", api.RevertFlag{To: 1, Reason: "too many"})
		w.ok(err)
		if back.Revision != last.Revision+1 || back.Listed != 1 || back.Description != first.Description ||
			!cmp.Equal(back.Any, first.Any) {
			t.Errorf("%+v", back)
		}
		h, err := w.SegmentHistory(w.ctx, root, "beta", "staging", "", 0)
		w.ok(err)
		if h.Items[0].Reason != "back to revision 1: too many" {
			t.Errorf("%+v", h.Items[0])
		}
	})
}
