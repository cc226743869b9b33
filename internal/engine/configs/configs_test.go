package configs

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/configuration"
	"github.com/slipwayhq/slipway/internal/deployment"
	"github.com/slipwayhq/slipway/internal/effect"
	"github.com/slipwayhq/slipway/internal/engine/secrets"
	"github.com/slipwayhq/slipway/internal/event"
	fake "github.com/slipwayhq/slipway/internal/fake/vercel"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/ident"
	onvercel "github.com/slipwayhq/slipway/internal/provider/vercel"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
	"github.com/slipwayhq/slipway/internal/strategy"
	"github.com/slipwayhq/slipway/internal/vault"
	"github.com/slipwayhq/slipway/internal/vercel"
)

const manifest = `# Where payments go. URL
PAY_URL=https://pay.example
DB_PASSWORD=
PORT=3000
# development only
DEBUG_BAR=1
# optional
SENTRY_DSN=
`

// town is a writer over a Vercel that serves.
type town struct {
	*Writer
	t      *testing.T
	world  *fake.World
	client *vercel.Client
	wire   *wire
	dumped bytes.Buffer // every fault
}

func open(t *testing.T, db *store.DB) *town {
	t.Helper()
	x := &town{t: t, wire: &wire{}, world: fake.New(fake.Options{Log: t.Logf, AliasDelay: time.Millisecond})}
	if err := x.world.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(x.world.Close)
	if _, err := x.world.AddProject(fake.ProjectOrder{Name: "shop", Repository: "acme/shop", Domains: 1}); err != nil {
		t.Fatal(err)
	}
	return x.node(db)
}

// beside is another node of the same Slipway.
func (x *town) beside(db *store.DB) *town {
	x.t.Helper()
	return (&town{t: x.t, wire: &wire{}, world: x.world}).node(db)
}

func (x *town) node(db *store.DB) *town {
	t := x.t
	t.Helper()
	token := func(context.Context) (string, error) { return "token", nil }
	x.client = vercel.New(vercel.Options{API: x.world.URL(), Token: token})
	ours := vercel.New(vercel.Options{API: x.world.URL(), Token: token, HTTP: &http.Client{Transport: x.wire},
		Backoff: time.Microsecond})
	plan, err := strategy.Parse("test.yaml", []byte("app: shop\ntarget: {vercel: {project: shop, canary: rolling}}\n"+
		"environments: {production: {variables: .env.example}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	key := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))
	k := secrets.New(secrets.Options{DB: db, App: "shop", Write: db.Write, Append: add,
		Vault: vault.New(vault.Options{Keys: func() string { return key }})})
	x.Writer = New(Options{DB: db, Strategy: plan, Secrets: k, Write: db.Write, Append: add,
		Platform: onvercel.New(onvercel.Options{Client: ours, Project: "shop", Mode: onvercel.ModeRolling}),
		Effects: func(ctx context.Context, tx *store.Tx, list []effect.Effect, _ string) error {
			for i := range list {
				if _, err := tx.InsertEffect(ctx, &list[i]); err != nil {
					return err
				}
			}
			return nil
		},
		Register: func(ctx context.Context, _ access.Actor, d deployment.Deployment) (deployment.Deployment, error) {
			err := db.Write(ctx, func(tx *store.Tx) error {
				if known, err := tx.DeploymentByURL(ctx, "shop", d.Version, d.URL); err == nil {
					d = known
					return nil
				}
				d.ID, d.App, d.Created, d.Verdict = ident.New("dep", tx.Now()), "shop", tx.Now(), deployment.Unknown
				return tx.InsertDeployment(ctx, &d)
			})
			return d, err
		},
		File: func(string) ([]byte, error) { return []byte(manifest), nil },
	})
	return x
}

func add(ctx context.Context, tx *store.Tx, d event.Draft) (event.Event, error) {
	return tx.Append(ctx, d)
}

func ada() access.Actor { return access.Actor{ID: "user:ada", User: "ada", Name: "Ada"} }

// theirs is what somebody sets in Vercel's own pages.
func (x *town) theirs(key, value, kind string, targets ...string) {
	x.t.Helper()
	if err := x.client.SetEnv(x.t.Context(), "shop", true, vercel.Variable{Key: key, Value: value, Type: kind,
		Target: targets}); err != nil {
		x.t.Fatal(err)
	}
}

func (x *town) look() configuration.Live {
	x.t.Helper()
	if _, err := x.Look(x.t.Context(), Work); err != nil {
		x.t.Fatal(err)
	}
	live, err := x.DB.ConfigLive(x.t.Context(), "shop", "production")
	if err != nil {
		x.t.Fatal(err)
	}
	return live
}

// push has variables of production changed; it must be taken.
func (x *town) push(o Order) Outcome {
	x.t.Helper()
	o.Environment, o.Reason = "production", "a test"
	out, err := x.Push(x.t.Context(), ada(), o)
	if err != nil {
		x.t.Fatal(err)
	}
	return out
}

// carry tries the effect of a revision once.
func (x *town) carry(r configuration.Revision) error {
	x.t.Helper()
	e, err := x.DB.Effect(x.t.Context(), effectKey(r))
	if err != nil {
		x.t.Fatal(err)
	}
	_, err = x.Apply(x.t.Context(), e)
	_, _ = fmt.Fprintln(&x.dumped, err)
	return err
}

// built is what a build for production is given now.
func (x *town) built(target string) map[string]string {
	x.t.Helper()
	ref := map[string]string{"production": "main", "preview": "feature"}[target]
	d, err := x.world.Push("shop", strings.Repeat("c", 40), ref, "a build")
	if err == nil {
		d, err = x.world.Wait(x.t.Context(), d.ID)
	}
	if err != nil {
		x.t.Fatal(err)
	}
	out := map[string]string{}
	for key, v := range d.Env {
		if !strings.HasPrefix(key, "VERCEL") {
			out[key] = v
		}
	}
	return out
}

func same(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		t.Errorf("%s: %s, want %s", what, g, w)
	}
}

// start gives the project variables, and has them looked at.
func (x *town) start() {
	x.t.Helper()
	both := []string{"production", "preview"}
	x.theirs("PAY_URL", "https://pay.one", "plain", "production")
	x.theirs("DB_PASSWORD", "hunter2-of-production", "encrypted", "production")
	x.theirs("SIGNING", "sensitive-of-before", "sensitive", "production")
	x.theirs("SHARED", "for-both-places", "encrypted", both...)
	x.theirs("PORT", "3000", "plain", both...)
	x.theirs("OLD", "to-be-removed", "encrypted", both...)
	if live := x.look(); live.Revision != 1 || len(live.Drift) > 0 || live.Why != "" {
		x.t.Fatalf("after the first look: %+v", live)
	}
}

// change is the order of these tests: one variable each of what can happen.
func change() Order {
	return Order{Set: []Set{
		{Key: "PAY_URL", Value: "https://pay.two"}, {Key: "DB_PASSWORD", Value: "new-hunter3", Kind: configuration.Sensitive},
		{Key: "SHARED", Value: "for-production-only"}, {Key: "NEW_TOKEN", Value: "tok-brand-new"},
		{Key: "SIGNING", Value: "sensitive-of-after"},
	}, Remove: []string{"OLD"}}
}

func after() map[string]string {
	return map[string]string{"PAY_URL": "https://pay.two", "DB_PASSWORD": "new-hunter3", "PORT": "3000",
		"SHARED": "for-production-only", "NEW_TOKEN": "tok-brand-new", "SIGNING": "sensitive-of-after"}
}

// req: RB-45 EN-17
func TestARevisionIsWrittenAndNothingElse(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		x := open(t, db)
		x.start()
		first, err := db.ConfigNumber(t.Context(), "shop", "production", 1)
		if err != nil || first.State != configuration.Applied || len(first.Variables) != 6 {
			t.Fatalf("revision 1: %+v, %v", first, err)
		}
		for _, v := range first.Variables {
			if v.Kind != configuration.Plain && v.Held() {
				t.Errorf("the value of %s was kept, though nobody asked for that", v.Key)
			}
		}
		out := x.push(change())
		words := "adds NEW_TOKEN; changes DB_PASSWORD, PAY_URL, SHARED, SIGNING; removes OLD"
		if got := configuration.Words(out.Changes); got != words {
			t.Errorf("it %s, want %s", got, words)
		}
		if err := x.carry(out.Revision); err != nil {
			t.Fatal(err)
		}
		same(t, "a build for production", x.built("production"), after())
		same(t, "a build for a preview", x.built("preview"), map[string]string{"SHARED": "for-both-places", "PORT": "3000",
			"OLD": "to-be-removed"})
		if live := x.look(); live.Revision != 2 || len(live.Drift) > 0 {
			t.Errorf("after it was written: %+v", live)
		}
		list, err := x.client.Env(t.Context(), "shop", true)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range list {
			if v.Key == "DB_PASSWORD" && (v.Type != "sensitive" || v.Told()) {
				t.Errorf("DB_PASSWORD is %+v, want it never told again", v)
			}
		}
		x.nothingTold("hunter2-of-production", "sensitive-of-before", "for-both-places", "new-hunter3", "tok-brand-new",
			"for-production-only", "sensitive-of-after")
	})
}

// nothingTold looks for values where nobody may find them.
func (x *town) nothingTold(values ...string) {
	x.t.Helper()
	events, err := x.DB.Events(x.t.Context(), store.EventFilter{Limit: 200})
	if err != nil || len(events) == 0 {
		x.t.Fatalf("%d events, %v", len(events), err)
	}
	page, _, err := x.DB.Configs(x.t.Context(), "shop", "production", "", 100)
	if err != nil {
		x.t.Fatal(err)
	}
	e, err := x.DB.EffectsPending(x.t.Context())
	if err != nil {
		x.t.Fatal(err)
	}
	all, err := json.Marshal([]any{events, page, e})
	if err != nil {
		x.t.Fatal(err)
	}
	x.dumped.Write(all)
	for _, v := range values {
		if strings.Contains(x.dumped.String(), v) {
			x.t.Errorf("the value %s is in an event, a revision, an effect or a fault", v)
		}
	}
}

// req: RB-44
func TestACrashBetweenTwoCallsDoesNoHarm(t *testing.T) {
	t.Parallel()
	for _, done := range []bool{false, true} {
		calls := 1
		for lose := 1; lose <= calls; lose++ {
			x := open(t, storetest.Open(t, store.SQLite))
			x.start()
			r := x.push(change()).Revision
			x.wire.lose, x.wire.done = lose, done
			if err := x.carry(r); err == nil {
				t.Fatalf("call %d got no answer, and nobody noticed", lose)
			}
			x.wire.mu.Lock()
			x.wire.lose = 0
			x.wire.mu.Unlock()
			for range 2 { // the second finds nothing to do
				if err := x.carry(r); err != nil {
					t.Fatalf("after call %d: %v", lose, err)
				}
			}
			same(t, fmt.Sprintf("call %d, done %t", lose, done), x.built("production"), after())
			if live := x.look(); live.Revision != 2 || len(live.Drift) > 0 {
				t.Errorf("after call %d: %+v", lose, live)
			}
			if lose == 1 {
				calls = x.callsOf(r)
			}
		}
		if calls < 5 {
			t.Errorf("only %d calls were tried", calls)
		}
	}
}

// callsOf counts the calls that wrote.
func (x *town) callsOf(configuration.Revision) int {
	n := 0
	for _, q := range x.world.Requests() {
		if strings.Contains(q.Path, "/env") && q.Method != http.MethodGet {
			n++
		}
	}
	return n - 6 // those of the other hand
}

// req: RB-43
func TestAnotherHandIsNoticedAndNotGoneOver(t *testing.T) {
	t.Parallel()
	x := open(t, storetest.Open(t, store.SQLite))
	x.start()
	if err := x.carry(x.push(change()).Revision); err != nil {
		t.Fatal(err)
	}
	x.world.AddToken(fake.Token{Secret: "eve", User: "eve@shop"})
	token := func(context.Context) (string, error) { return "eve", nil }
	eve := vercel.New(vercel.Options{API: x.world.URL(), Token: token})
	for _, v := range []vercel.Variable{
		{Key: "PAY_URL", Value: "https://pay.eve", Type: "plain", Target: []string{"production"}},
		{Key: "SIGNING", Value: "sensitive-of-eve", Type: "sensitive", Target: []string{"production"}},
	} {
		if err := eve.SetEnv(t.Context(), "shop", true, v); err != nil {
			t.Fatal(err)
		}
	}
	live := x.look()
	if got := live.Sentence(); !strings.Contains(got, "eve@shop") || !strings.Contains(got, "changes PAY_URL, SIGNING") {
		t.Fatalf("it is told as %q, want eve's change of both", got)
	}
	if again := x.look(); again.Row != live.Row {
		t.Error("the same drift was recorded twice")
	}
	_, err := x.Push(t.Context(), ada(), Order{Environment: "production", Set: []Set{{Key: "NEW_TOKEN", Value: "x"}}})
	if fault.ReasonOf(err) != "config_drifted" {
		t.Fatalf("a push over it: %v", err)
	}
	for at, want := range map[fault.Surface]string{fault.Page: "tick “Write it all the same”.",
		fault.Command: "(slipway config pull -e production), or go over it (--over).", fault.API: "or go over it (over)."} {
		got := fault.MessageAt(err, at)
		if !strings.HasSuffix(got, want) || strings.Contains(got, "--") != (at == fault.Command) {
			t.Errorf("at the %s it says: %s", at, got)
		}
	}
	if _, _, err := x.Back(t.Context(), ada(), Order{Environment: "production", Reason: "eve"}, 2); err != nil {
		t.Fatal(err)
	}
	r, err := x.DB.ConfigNewest(t.Context(), "shop", "production")
	if err != nil || r.From != 2 || r.Number != 3 {
		t.Fatalf("brought back: %+v, %v", r, err)
	}
	if err := x.carry(r); err != nil {
		t.Fatal(err)
	}
	same(t, "after it was brought back", x.built("production"), after())
	if live := x.look(); len(live.Drift) > 0 {
		t.Errorf("there is drift still: %+v", live.Drift)
	}
	if _, _, err := x.Back(t.Context(), ada(), Order{Environment: "production", Reason: "too far"}, 1); fault.ReasonOf(
		err) != "config_value_lost" || !strings.Contains(err.Error(), "DB_PASSWORD") {
		t.Errorf("revision 1, of which there are sums only: %v", err)
	}
	x.nothingTold("sensitive-of-eve", "sensitive-of-after")
}

// req: RB-44
func TestWhatWasPulledCanBeBroughtBack(t *testing.T) {
	t.Parallel()
	x := open(t, storetest.Open(t, store.SQLite))
	x.start()
	out, err := x.Pull(t.Context(), ada(), "production", "to have the values")
	if err != nil || out.Revision.Number != 2 {
		t.Fatalf("pulled %+v, %v", out, err)
	}
	before := x.built("production")
	order := Order{Set: []Set{{Key: "DB_PASSWORD", Value: "wrong"}, {Key: "EXTRA", Value: "y"}}, Remove: []string{"OLD"}}
	if err := x.carry(x.push(order).Revision); err != nil {
		t.Fatal(err)
	}
	got, with, err := x.Back(t.Context(), ada(), Order{Environment: "production", Reason: "wrong password"}, 2)
	if err != nil || with != nil {
		t.Fatalf("back: %+v, %v, %v", got, with, err)
	}
	if err := x.carry(got.Revision); err != nil {
		t.Fatal(err)
	}
	same(t, "after it was brought back", x.built("production"), before)
}

// req: E-11
func TestARevisionIsBuiltInOnceAndTheBuildSaysSo(t *testing.T) {
	t.Parallel()
	x := open(t, storetest.Open(t, store.SQLite))
	x.start()
	d, err := x.world.Push("shop", strings.Repeat("a", 40), "main", "first")
	if err == nil {
		d, err = x.world.Wait(t.Context(), d.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	err = x.Write(t.Context(), func(tx *store.Tx) error {
		now := tx.Now()
		stable := deployment.Deployment{ID: ident.New("dep", now), App: "shop", Version: "v1", URL: "http://" + d.URL,
			External: d.ID, Environment: "production", Verdict: deployment.Good, Created: now, Promoted: now}
		if err := tx.InsertDeployment(t.Context(), &stable); err != nil {
			return err
		}
		return tx.SetEnvironment(t.Context(), store.EnvironmentState{App: "shop", Name: "production",
			Deployment: stable.ID, Since: now})
	})
	if err != nil {
		t.Fatal(err)
	}
	order := change()
	order.Rebuild = true
	r := x.push(order).Revision
	for range 2 {
		if err := x.carry(r); err != nil {
			t.Fatal(err)
		}
	}
	var made []fake.Deployment
	for _, b := range x.world.Deployments() {
		if b.From == d.ID {
			made = append(made, b)
		}
	}
	if len(made) != 1 || made[0].Meta["slipwayConfig"] != r.Ref() || made[0].Env["DB_PASSWORD"] != "new-hunter3" {
		t.Fatalf("built again: %+v, want one with the revision", made)
	}
	got, err := x.DB.DeploymentByExternal(t.Context(), "shop", made[0].ID)
	if err != nil || got.Config != r.Ref() || got.Version != "v1+config.2" {
		t.Errorf("recorded as %+v, %v", got, err)
	}
	x.flipped(got)
}

// flipped has the variables of a deployment that is known good brought back: no other build is made for that.
func (x *town) flipped(d deployment.Deployment) {
	x.t.Helper()
	ctx := x.t.Context()
	err := x.Write(ctx, func(tx *store.Tx) error {
		d.Verdict, d.Promoted, d.Verified = deployment.Good, tx.Now(), tx.Now()
		return tx.UpdateDeployment(ctx, &d)
	})
	if err != nil {
		x.t.Fatal(err)
	}
	if err := x.carry(x.push(Order{Set: []Set{{Key: "PAY_URL", Value: "https://pay.three"}}}).Revision); err != nil {
		x.t.Fatal(err)
	}
	before := len(x.world.Deployments())
	out, with, err := x.Back(ctx, ada(), Order{Environment: "production", Reason: "three is wrong", Rebuild: true}, 2)
	if err != nil || with == nil || with.ID != d.ID {
		x.t.Fatalf("back goes to %+v, %v; want the deployment that was built with it", with, err)
	}
	if err := x.carry(out.Revision); err != nil {
		x.t.Fatal(err)
	}
	if n := len(x.world.Deployments()); n != before {
		x.t.Errorf("%d builds were made for what is there", n-before)
	}
}
