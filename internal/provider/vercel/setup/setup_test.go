package setup

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	fake "github.com/slipwayhq/slipway/internal/fake/vercel"
	"github.com/slipwayhq/slipway/internal/fault"
	api "github.com/slipwayhq/slipway/internal/vercel"
)

// account is an account on the fake, with a project that serves something, and the environment of who looks at it.
type account struct {
	*fake.World
	t      *testing.T
	config fake.GlobalConfig
	env    map[string]string
	token  string
	flags  bool // they follow

	mu        sync.Mutex
	delivered []delivery
	slipway   string
}

// delivery is something that came to where Slipway would be.
type delivery struct {
	path, signature string
	body            []byte
	packed          bool
}

func newAccount(t *testing.T, edit ...func(*fake.Options, *fake.ProjectOrder)) *account {
	t.Helper()
	o, p := fake.Options{AliasDelay: time.Millisecond, DrainDelay: time.Millisecond, Log: t.Logf}, fake.ProjectOrder{
		Name: "shop", Repository: "acme/shop", Domains: 1, Skew: 86400}
	for _, e := range edit {
		e(&o, &p)
	}
	a := &account{World: fake.New(o), t: t, env: map[string]string{}, token: "token"}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	if _, err := a.AddProject(p); err != nil {
		t.Fatal(err)
	}
	a.config = a.AddGlobalConfig("shop")
	d, err := a.Push("shop", strings.Repeat("a", 40), "main", "first")
	if err == nil {
		_, err = a.Wait(t.Context(), d.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	a.until(func() bool { p, _ := a.Project("shop"); return p.Production != "" })
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		a.mu.Lock()
		defer a.mu.Unlock()
		a.delivered = append(a.delivered, delivery{r.URL.Path, r.Header.Get(api.SignatureHeader), body,
			r.Header.Get("Content-Encoding") == "gzip"})
	}))
	t.Cleanup(s.Close)
	a.slipway = s.URL
	return a
}

// until lets the world go on until something is so.
func (a *account) until(so func() bool) {
	a.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-a.t.Context().Done():
			a.t.Fatal("it never comes")
		case <-tick.C:
			a.Settle()
		}
	}
}

func (a *account) options(edit ...func(*Options)) Options {
	o := api.Options{API: a.URL(), Team: fake.TeamSlug, Backoff: time.Millisecond,
		Token: func(context.Context) (string, error) { return a.token, nil }}
	if k, err := api.ParseConnection(a.env["GLOBAL_CONFIG"]); err == nil {
		o.Read, o.Reader = k.Address, func(context.Context) (string, error) { return k.Token, nil }
	}
	out := Options{Client: api.New(o), API: a.URL(), Project: "shop", Team: fake.TeamSlug, Mode: "auto",
		Slipway: a.slipway,
		Names:   Names{"VERCEL_TOKEN", "GLOBAL_CONFIG", "BYPASS", "DRAIN", "HOOK"}, Drains: true, Flags: a.flags,
		Secret: func(name string) string { return a.env[name] }}
	for _, e := range edit {
		e(&out)
	}
	return out
}

// look finds out what there is, and holds that nothing was changed by that.
func (a *account) look(edit ...func(*Options)) Report {
	a.t.Helper()
	a.ForgetRequests()
	r := Look(a.t.Context(), a.options(edit...))
	for _, q := range a.Requests() {
		if q.Method != http.MethodGet {
			a.t.Errorf("it changes something: %s %s", q.Method, q.Path)
		}
	}
	return r
}

func (r Report) in(state State) []string {
	var ids []string
	for _, f := range r.Findings {
		if f.State == state {
			ids = append(ids, f.ID)
		}
	}
	return ids
}

// connect makes a plan and carries it out, and has Slipway know the secrets.
func (a *account) connect(rotate bool, edit ...func(*Options)) (did []string) {
	a.t.Helper()
	p, err := Connect(a.t.Context(), a.options(edit...), rotate)
	if err != nil {
		a.t.Fatal(err)
	}
	return a.carryOut(p)
}

func (a *account) carryOut(p *Plan) (did []string) {
	a.t.Helper()
	if err := p.Make(a.t.Context(), func(s Step) { did = append(did, s.Do+" "+strings.Fields(s.What)[1]) }); err != nil {
		a.t.Fatal(err)
	}
	for _, s := range p.Secrets() {
		a.env[s.Name] = s.Value
	}
	return did
}

// TestATokenWithTooFewRightsIsFound takes each right away and looks whether it is named with what it is needed for,
// by reading only.
func TestATokenWithTooFewRightsIsFound(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	a.flags = true
	a.connect(false)
	a.env["GLOBAL_CONFIG"] = a.config.Connection
	named := func(o *Options) {
		o.Config = strings.SplitN(strings.SplitN(a.config.Connection, "/", 4)[3], "?", 2)[0]
		o.Flags = true
	}
	if r := a.look(named); r.Missing != 0 || r.Err() != nil || r.Way != "rolling" {
		t.Fatalf("with all rights: %v", r.Err())
	}
	for right, want := range map[string][]string{
		"Deployment: read":               {"right.deployments"},
		"Deployment: create":             {"right.create"},
		"Project: deployment promotion":  {"right.promote"},
		"Project: deployment rollback":   {"right.rollback"},
		"Project: update":                {"right.settings"},
		"Project: rolling release":       {"right.rolling", "canary"},
		"Project: environment variables": {"right.env"},
		"Project: checks":                {"right.checks"},
		"Project: protection bypass":     {"right.bypass"},
		"Edge Config: read":              {"right.config", "config"},
		"Webhook: read":                  {"right.webhooks"},
		"Flags":                          {"right.flags"},
		"Drain: read":                    {"right.drains"},
		"Observability: read":            {"right.observability"},
		"Team: read":                     {"team"},
		"Project: read":                  {"project"},
	} {
		a.AddToken(fake.Token{Secret: "token", Lacks: []string{right}})
		r := a.look(named)
		if diff := cmp.Diff(want, r.in(Missing)); diff != "" {
			t.Errorf("without %q (-want +got):\n%s", right, diff)
		}
		if err := r.Err(); fault.KindOf(err) != fault.Denied {
			t.Errorf("without %q: %v", right, err)
		}
		for _, f := range r.Findings {
			if f.State == Missing && (f.For == "" || f.Found == "" || f.Remedy == "") {
				t.Errorf("without %q: %+v says too little", right, f)
			}
			if f.State == OK && f.Remedy != "" {
				t.Errorf("%s is there and has a remedy", f.ID)
			}
		}
	}
}

// TestWhatIsOnlyChangedIsNotClaimed: where Vercel does not list permissions, what a token may change is not known.
func TestWhatIsOnlyChangedIsNotClaimed(t *testing.T) {
	t.Parallel()
	s := &survey{o: Options{Names: Names{}}}
	r := right{id: "promote", may: writes("deploymentPromote"), team: writes("drain")}
	for _, tt := range []struct {
		list api.Permissions
		want State
	}{
		{nil, Unseen},
		{api.Permissions{"deploymentPromote": {"create"}}, Unseen}, // of the team's things nothing is said
		{api.Permissions{"deploymentPromote": {"update"}, "drain": {"create"}}, OK},
		{api.Permissions{"deploymentPromote": {"read", "list"}, "drain": {"create"}}, Missing},
		{api.Permissions{"deploymentPromote": {"create"}, "drain": {}}, Missing},
		{api.Permissions{"drain": {"create"}}, Missing},
		{api.Permissions{}, Missing},
	} {
		s.project.Permissions = tt.list
		if got := s.allowed(Finding{State: OK}, r); got.State != tt.want {
			t.Errorf("%v: %s, want %s", tt.list, got.State, tt.want)
		}
	}
}

// TestAVercelThatFailsHalfway is not taken for one where nothing is there, nor for one where all is.
func TestAVercelThatFailsHalfway(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	a.connect(false)
	for path, want := range map[string][]string{
		"/v1/drains":                  {"right.drains", "drain.log"},
		"/v1/webhooks":                {"right.webhooks", "webhook"},
		"/v2/projects/*/checks":       {"right.checks", "gate"},
		"/v2/observability/schema":    {"right.observability"},
		"/v1/projects/*/rolling-re*/": nil,
	} {
		a.Heal()
		a.Fail(fake.Trouble{Path: path, Status: 503, Times: -1})
		r := a.look()
		if diff := cmp.Diff(want, r.in(Unseen)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
		err := r.Err()
		if r.Missing != 0 || (err == nil) != (want == nil) || err != nil && !fault.Is(err, fault.Unavailable) {
			t.Errorf("%s: %d missing, %v", path, r.Missing, err)
		}
	}
}

// TestWhatStandsInTheWayFirstIsSaidFirst: who gets no answer is not told of forty rights.
func TestWhatStandsInTheWayFirstIsSaidFirst(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	for name, tt := range map[string]struct {
		edit func(*Options)
		do   func()
		want fault.Kind
		last string
	}{
		"no address": {edit: func(o *Options) {
			o.Client = api.New(api.Options{API: "http://127.0.0.1:1", Token: known})
		}, want: fault.Unavailable, last: "api"},
		"no token": {do: func() { a.token = "stranger" }, want: fault.Unknown, last: "token"},
		"no team": {edit: func(o *Options) {
			o.Client = api.New(api.Options{API: a.URL(), Team: "others", Token: known})
		}, want: fault.Refused, last: "team"},
		"no project": {edit: func(o *Options) { o.Project = "sop" }, want: fault.Refused, last: "project"},
		"token ends": {do: func() {
			a.AddToken(fake.Token{Secret: "token", Expires: time.Now().Add(time.Hour)})
		}, want: fault.Refused},
		"clock wrong": {edit: func(o *Options) {
			o.Now = func() time.Time { return time.Now().Add(-2 * time.Minute) }
		}, want: fault.Refused},
	} {
		a.token = "token"
		a.AddToken(fake.Token{Secret: "token"})
		if tt.do != nil {
			tt.do()
		}
		edit := func(o *Options) {
			if tt.edit != nil {
				tt.edit(o)
			}
		}
		r := a.look(edit)
		if err := r.Err(); fault.KindOf(err) != tt.want {
			t.Errorf("%s: %v", name, err)
		}
		if last := r.Findings[len(r.Findings)-1].ID; tt.last != "" && last != tt.last {
			t.Errorf("%s: it goes on to %s", name, last)
		}
	}
}

func known(context.Context) (string, error) { return "token", nil }

// TestThePlanDecides: what a plan has not is not asked for, and the way to a canary is that of the plan.
func TestThePlanDecides(t *testing.T) {
	t.Parallel()
	a := newAccount(t, func(o *fake.Options, p *fake.ProjectOrder) { o.Plan, p.Skew = fake.Hobby, 0 })
	r := a.look()
	if got := r.in(Missing); !slices.Equal(got, []string{"canary", "gate", "drain.log"}) {
		t.Errorf("on Hobby without a Global Config: %v", got)
	}
	config := strings.SplitN(strings.SplitN(a.config.Connection, "/", 4)[3], "?", 2)[0]
	a.env["GLOBAL_CONFIG"] = a.config.Connection
	r = a.look(func(o *Options) { o.Config, o.Drains = config, false })
	if r.Way != "proxy" || !slices.Equal(r.in(Missing), []string{"gate", "config.app"}) {
		t.Errorf("with one: %s, %v", r.Way, r.in(Missing))
	}
	if err := a.options().Client.SetEnv(t.Context(), "shop", true, api.Variable{Key: "EDGE_CONFIG", Value: "x",
		Type: "encrypted", Target: []string{"production"}}); err != nil {
		t.Fatal(err)
	}
	did := a.connect(false, func(o *Options) { o.Config, o.Drains = config, false })
	if !slices.Equal(did, []string{"make check"}) {
		t.Errorf("connected: %v", did)
	}
	r = a.look(func(o *Options) { o.Config, o.Drains = config, false })
	if r.Err() != nil {
		t.Errorf("all is there: %v", r.Err())
	}
	a.env["GLOBAL_CONFIG"] = strings.Replace(a.config.Connection, "ecfg_", "ecfg_x", 1)
	r = a.look(func(o *Options) { o.Config, o.Drains = config, false })
	if !slices.Equal(r.in(Missing), []string{"config.read"}) {
		t.Errorf("a connection string of another: %v", r.in(Missing))
	}
}

// TestProtectedDeploymentsNeedTheirSecret, and it must be the project's.
func TestProtectedDeploymentsNeedTheirSecret(t *testing.T) {
	t.Parallel()
	a := newAccount(t, func(_ *fake.Options, p *fake.ProjectOrder) { p.Protected = true })
	a.connect(false)
	if got := a.look().in(Missing); !slices.Equal(got, []string{"bypass"}) {
		t.Errorf("without it: %v", got)
	}
	a.env["BYPASS"] = "guess"
	if got := a.look().in(Missing); !slices.Equal(got, []string{"bypass"}) {
		t.Errorf("with a wrong one: %v", got)
	}
	secrets, err := a.options().Client.SetBypass(t.Context(), "shop", "slipway", "")
	if err != nil {
		t.Fatal(err)
	}
	a.env["BYPASS"] = secrets[0]
	r := a.look()
	if r.Err() != nil {
		t.Error(r.Err())
	}
	for _, f := range r.Findings {
		if strings.Contains(f.Found+f.Remedy, secrets[0]) || strings.Contains(f.Found+f.Remedy, a.env["DRAIN"]) {
			t.Errorf("%s tells a secret", f.ID)
		}
	}
}
