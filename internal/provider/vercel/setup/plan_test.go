package setup

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	fake "github.com/slipwayhq/slipway/internal/fake/vercel"
	"github.com/slipwayhq/slipway/internal/fault"
	api "github.com/slipwayhq/slipway/internal/vercel"
)

func all(o *Options) { o.Traces, o.Vitals = true, true }

// TestConnectedTwiceIsConnectedOnce, and Vercel then delivers what the secrets fit.
func TestConnectedTwiceIsConnectedOnce(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	did := a.connect(false, all)
	want := []string{"make drain", "make drain", "make drain", "make webhook", "make check"}
	if diff := cmp.Diff(want, did); diff != "" {
		t.Errorf("the first time (-want +got):\n%s", diff)
	}
	if did := a.connect(false, all); len(did) != 0 {
		t.Errorf("the second time: %v", did)
	}
	if r := a.look(all); r.Err() != nil {
		t.Error(r.Err())
	}
	p, _ := a.Project("shop")
	q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+p.Domains[0]+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if _, err := a.Push("shop", strings.Repeat("b", 40), "main", "second"); err != nil {
		t.Fatal(err)
	}
	came := func(path string) (delivery, bool) {
		a.mu.Lock()
		defer a.mu.Unlock()
		for _, d := range a.delivered {
			if d.path == path {
				return d, true
			}
		}
		return delivery{}, false
	}
	for path, secret := range map[string]string{
		hookPath: a.env["HOOK"], drainPath: a.env["DRAIN"], drainPath + "/v1/traces": a.env["DRAIN"],
	} {
		a.until(func() bool { _, ok := came(path); return ok })
		d, _ := came(path)
		if !api.Signed(d.body, d.signature, secret) || d.packed != (path == drainPath) {
			t.Errorf("%s: signed wrongly, packed %t", path, d.packed)
		}
	}
}

// TestSecretsChangeWithoutALoss: at each moment Slipway knows what signs.
func TestSecretsChangeWithoutALoss(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	a.connect(false)
	first, hook := a.env["DRAIN"], a.env["HOOK"]
	if did := a.connect(true); !slices.Equal(did, []string{"make webhook", "change check"}) {
		t.Errorf("the first run: %v", did)
	}
	if !strings.HasPrefix(a.env["DRAIN"], first+",") || !strings.HasPrefix(a.env["HOOK"], hook+",") {
		t.Errorf("the secrets are %q and %q", a.env["DRAIN"], a.env["HOOK"])
	}
	second := strings.Split(a.env["DRAIN"], ",")[1]
	did := a.connect(true)
	if !slices.Equal(did, []string{"change drain", "drop webhook"}) {
		t.Errorf("the second run: %v", did)
	}
	if a.env["DRAIN"] != second || strings.Contains(a.env["HOOK"], ",") || a.env["HOOK"] == hook {
		t.Errorf("afterwards: %q and %q", a.env["DRAIN"], a.env["HOOK"])
	}
	if did := a.connect(false); len(did) != 0 {
		t.Errorf("then: %v", did)
	}
	hooks, err := a.options().Client.Hooks(t.Context())
	if err != nil || len(hooks) != 1 {
		t.Fatalf("%d webhooks, %v", len(hooks), err)
	}
	checks, err := a.options().Client.Checks(t.Context(), "shop")
	if err != nil || len(checks) != 1 || checks[0].Source == nil || checks[0].Source.Webhook != hooks[0].ID {
		t.Errorf("the check is of %+v, %v", checks, err)
	}
}

// TestASlipwayThatKeepsSecretsNeedsOneRun, and is told of a new one before anything is signed with it.
func TestASlipwayThatKeepsSecretsNeedsOneRun(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	kept := map[string][]string{}
	keeps := func(o *Options) {
		o.Kept = func(which string) bool { return len(kept[which]) > 0 }
		o.Keep = func(_ context.Context, which, secret string) error {
			kept[which] = append(kept[which], secret)
			return nil
		}
	}
	want := []string{"make secret", "make drain", "make webhook", "make check"}
	if did := a.connect(false, keeps); !slices.Equal(did, want) || len(a.env) != 0 {
		t.Errorf("the first time: %v, %v", did, a.env)
	}
	if did := a.connect(false, keeps); len(did) != 0 {
		t.Errorf("the second time: %v", did)
	}
	if r := a.look(keeps); r.Err() != nil {
		t.Error(r.Err())
	}
	want = []string{"make secret", "change drain", "make webhook", "change check", "drop webhook"}
	if diff := cmp.Diff(want, a.connect(true, keeps)); diff != "" {
		t.Errorf("changed (-want +got):\n%s", diff)
	}
	want = []string{"make secret", "change drain", "make drain"}
	if diff := cmp.Diff(want, a.connect(false, keeps, func(o *Options) { o.Traces = true })); diff != "" {
		t.Errorf("one more drain (-want +got):\n%s", diff)
	}
	if len(kept[ofHooks]) != 2 || len(kept[ofDrains]) != 3 || slices.Contains(kept[ofDrains][1:], kept[ofDrains][0]) {
		t.Errorf("%d and %d secrets", len(kept[ofHooks]), len(kept[ofDrains]))
	}
	for _, q := range a.Requests() {
		if q.Method == http.MethodPatch && strings.HasPrefix(q.Path, "/v1/drains/") &&
			!strings.Contains(q.Body, kept[ofDrains][1]) && !strings.Contains(q.Body, kept[ofDrains][2]) {
			t.Errorf("a drain signs with what nobody keeps: %s", q.Path)
		}
	}
}

// TestASecretThatSlipwayMayHaveIsNotChanged: who looks from a machine without the secrets breaks nothing.
func TestASecretThatSlipwayMayHaveIsNotChanged(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	a.connect(false)
	a.env = map[string]string{}
	if did := a.connect(false, all); len(did) != 0 || len(a.env) != 0 {
		t.Errorf("did %v, secrets %v", did, a.env)
	}
}

// TestAWebhookThatLeavesSomethingOutIsReplaced by one that does not.
func TestAWebhookThatLeavesSomethingOutIsReplaced(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	p, _ := a.Project("shop")
	old, err := a.options().Client.CreateHook(t.Context(), api.Hook{URL: a.slipway + hookPath,
		Events: []string{"deployment.ready"}, Projects: []string{p.ID}})
	if err != nil {
		t.Fatal(err)
	}
	a.env["HOOK"] = old.Secret
	if did := a.connect(false); !slices.Contains(did, "make webhook") {
		t.Errorf("did %v", did)
	}
	if got := a.look().in(Missing); len(got) != 0 {
		t.Errorf("both are there, and missing is %v", got)
	}
	if did := a.connect(false); !slices.Equal(did, []string{"drop webhook"}) || strings.Contains(a.env["HOOK"], ",") {
		t.Errorf("then %v, %v", did, a.env["HOOK"])
	}
	if a.flags = true; !slices.Contains(a.connect(false), "make webhook") {
		t.Error("flags follow now, and nobody tells of theirs")
	}
}

// TestWhatOthersHaveStays when Slipway goes.
func TestWhatOthersHaveStays(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	p, _ := a.Project("shop")
	c := a.options().Client
	foreign := wantedDrain{name: "axiom", schema: "log"}.order(Options{Slipway: "https://elsewhere.example"}, p.ID, "x")
	foreign.Delivery.Endpoint = "https://elsewhere.example/logs"
	_, err := c.CreateDrain(t.Context(), foreign)
	if err == nil {
		_, err = c.CreateHook(t.Context(), api.Hook{URL: "https://elsewhere.example/h",
			Events: []string{"deployment.ready"}})
	}
	if err == nil {
		_, err = c.CreateCheck(t.Context(), p.ID, api.Check{Name: "lighthouse", Blocks: "deployment-alias"})
	}
	if err != nil {
		t.Fatal(err)
	}
	a.connect(false, all)
	plan, err := Disconnect(t.Context(), a.options(all))
	if err != nil {
		t.Fatal(err)
	}
	did := a.carryOut(plan)
	want := []string{"drop check", "drop drain", "drop drain", "drop drain", "drop webhook"}
	if diff := cmp.Diff(want, did); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	hooks, _ := c.Hooks(t.Context())
	drains, _ := c.Drains(t.Context())
	checks, _ := c.Checks(t.Context(), p.ID)
	if len(hooks) != 1 || len(drains) != 1 || len(checks) != 1 {
		t.Errorf("left are %d webhooks, %d drains, %d checks", len(hooks), len(drains), len(checks))
	}
}

// TestAnAddressThatVercelCannotReachIsRefused before anything is made.
func TestAnAddressThatVercelCannotReachIsRefused(t *testing.T) {
	t.Parallel()
	real := Options{Client: api.New(api.Options{Token: known})}
	for address, good := range map[string]bool{
		"": false, "slipway.example.com": false, "http://slipway.example.com": false, "https://localhost:4400": false,
		"https://127.0.0.1": false, "https://10.0.0.7": false, "https://u:p@slipway.example.com": false,
		"https://slipway.example.com": true, "https://slipway.example.com/at": true,
	} {
		real.Slipway = address
		if err := reachable(real); (err == nil) != good || err != nil && !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", address, err)
		}
	}
}

// TestSecretsOfWhatWasMadeAreNotLost when a later step fails.
func TestSecretsOfWhatWasMadeAreNotLost(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	a.Fail(fake.Trouble{Method: http.MethodPost, Path: "/v2/projects/*/checks", Status: 403, Code: "forbidden"})
	p, err := Connect(t.Context(), a.options(), false)
	if err != nil {
		t.Fatal(err)
	}
	err = p.Make(t.Context(), func(Step) {})
	if !fault.Is(err, fault.Denied) || len(p.Secrets()) != 2 {
		t.Errorf("%v, %d secrets", err, len(p.Secrets()))
	}
}

// TestLivePointsOverTheFake: the fake is what Slipway takes Vercel to be, so nothing may differ, and what can be seen
// is seen.
func TestLivePointsOverTheFake(t *testing.T) {
	t.Parallel()
	a := newAccount(t, func(_ *fake.Options, p *fake.ProjectOrder) { p.Protected = true })
	a.connect(false)
	secrets, err := a.options().Client.SetBypass(t.Context(), "shop", "slipway", "")
	if err != nil {
		t.Fatal(err)
	}
	a.env["BYPASS"], a.env["GLOBAL_CONFIG"] = secrets[0], a.config.Connection
	config := strings.SplitN(strings.SplitN(a.config.Connection, "/", 4)[3], "?", 2)[0]
	a.ForgetRequests()
	var asked []string
	sure := false
	o := LiveOptions{Options: a.options(func(o *Options) { o.Config = config }), Sure: func(what string) bool {
		asked = append(asked, what)
		return sure
	}, Signed: func(context.Context) (string, error) {
		a.mu.Lock()
		defer a.mu.Unlock()
		for _, d := range a.delivered {
			if sure && d.packed && api.Signed(d.body, d.signature, a.env["DRAIN"]) {
				return "packed", nil
			}
		}
		return "", nil
	}}
	states := func() map[string]Seen {
		points, err := Live(t.Context(), o)
		if err != nil || Differ(points) != nil {
			t.Fatal(err, Differ(points))
		}
		out := map[string]Seen{}
		for _, p := range points {
			out[p.ID] = p.State
		}
		return out
	}
	want := map[string]Seen{"auto_assign": Holds, "permissions": Holds, "token": Holds, "limits": Holds,
		"dimension": Holds, "bypass": Holds, "identity": Holds, "skew": Holds, "force": NotSeen, "canary_header": NotSeen,
		"config": NotSeen, "signature": NotSeen, "release": NotSeen}
	if diff := cmp.Diff(want, states()); diff != "" {
		t.Errorf("without consent (-want +got):\n%s", diff)
	}
	for _, q := range a.Requests() {
		if q.Method != http.MethodGet {
			t.Errorf("without consent it sends %s %s", q.Method, q.Path)
		}
	}
	if len(asked) != 2 {
		t.Errorf("it asked for %q", asked)
	}
	sure = true
	want["config"], want["signature"] = Holds, Holds
	if diff := cmp.Diff(want, states()); diff != "" {
		t.Errorf("with consent (-want +got):\n%s", diff)
	}
	var left string
	if err := o.Client.Item(t.Context(), config, checkKey, &left); !fault.Is(err, fault.NotFound) {
		t.Errorf("the item is still there: %v", err)
	}
}
