package vercel

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// clock is a time that only the test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// room is a world with one project, shop, that has one domain.
type room struct {
	*World
	t     *testing.T
	clock *clock
	shop  Project
}

func open(t *testing.T, edit ...func(*Options)) *room {
	t.Helper()
	r := &room{t: t, clock: &clock{now: time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)}}
	o := Options{Now: r.clock.Now, Log: t.Logf}
	for _, e := range edit {
		e(&o)
	}
	r.World = New(o)
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	p, err := r.AddProject(ProjectOrder{Name: "shop", Repository: "acme/shop", Domains: 1})
	if err != nil {
		t.Fatal(err)
	}
	r.shop = p
	return r
}

// push has a commit built for production, and returns its id.
func (r *room) push(sha string) string {
	r.t.Helper()
	d, err := r.Push("shop", sha, "main", "a change")
	if err != nil {
		r.t.Fatal(err)
	}
	r.Settle()
	r.clock.pass(time.Second)
	return d.ID
}

// call asks the API, and returns the status and the answer.
func (r *room) call(method, path, body string) (int, map[string]any) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.URL()+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer token")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil
	}
	defer func() { _ = resp.Body.Close() }()
	out := map[string]any{}
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	if len(data) > 0 && data[0] == '[' {
		data = append(append([]byte(`{"list":`), data...), '}')
	}
	if len(data) > 0 && json.Unmarshal(data, &out) != nil {
		out["text"] = string(data)
	}
	return resp.StatusCode, out
}

// must asks the API, and wants the status.
func (r *room) must(status int, method, path, body string) map[string]any {
	r.t.Helper()
	got, out := r.call(method, path, body)
	if got != status {
		r.t.Fatalf("%s %s: %d %v, want %d", method, path, got, out, status)
	}
	r.Settle()
	return out
}

// at follows a path of names through an answer.
func at(v any, names ...string) any {
	for _, n := range names {
		m, _ := v.(map[string]any)
		v = m[n]
	}
	return v
}

func (r *room) serving() string {
	r.t.Helper()
	p, _ := r.World.Project("shop")
	return p.Production
}

// visit asks a domain as a browser at an address does, and returns the id of who answered, and the answer.
func (r *room) visit(c *http.Client, url, address string, header ...string) (string, *http.Response) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, url, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("X-Forwarded-For", address)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := c.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.Header.Get("X-Vercel-Deployment-Id"), resp
}

func browser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar}
}

func TestPromotionTakesItsTimeAndRollbackPins(t *testing.T) {
	t.Parallel()
	r := open(t, func(o *Options) { o.AliasDelay = 3 * time.Second })
	first := r.push("a1")
	r.clock.pass(5 * time.Second)
	r.Settle()
	if r.serving() != first {
		t.Fatalf("the first build does not serve: %q", r.serving())
	}
	second := r.must(200, "POST", "/v13/deployments", `{"name":"shop","target":"production","gitSource":{"type":"github",
		"ref":"main","sha":"b2"},"autoAssignCustomDomains":false}`)["id"].(string)
	if d, _ := r.World.Deployment(second); d.Substate != "STAGED" || d.State != "READY" || r.serving() != first {
		t.Fatalf("a staged build is %+v", d)
	}
	r.must(422, "POST", "/v9/projects/shop/rollback/"+second, `{}`)
	r.must(201, "POST", "/v10/projects/shop/promote/"+second, `{}`)
	status := func() any {
		return at(r.must(200, "GET", "/v9/projects/shop?rollbackInfo=true", ""), "lastAliasRequest", "jobStatus")
	}
	if s := status(); s != "pending" || r.serving() != first {
		t.Errorf("at once it is %v", s)
	}
	r.must(409, "POST", "/v10/projects/shop/promote/"+second, `{}`)
	r.clock.pass(1500 * time.Millisecond)
	if s := status(); s != "in-progress" {
		t.Errorf("then it is %v", s)
	}
	r.clock.pass(2 * time.Second)
	if s := status(); s != "succeeded" || r.serving() != second {
		t.Errorf("at last it is %v", s)
	}
	r.must(409, "POST", "/v10/projects/shop/promote/"+second, `{}`)
	r.must(201, "POST", "/v9/projects/shop/rollback/"+first, `{}`)
	r.clock.pass(4 * time.Second)
	p := r.must(200, "GET", "/v9/projects/shop?rollbackInfo=true", "")
	if r.serving() != first || p["autoAssignCustomDomains"] != false || p["lastRollbackTarget"] != nil {
		t.Errorf("after the rollback: %s, %v, %v", r.serving(), p["autoAssignCustomDomains"], p["lastRollbackTarget"])
	}
	third := r.push("c3")
	if r.serving() != first {
		t.Error("a push overwrote the rollback")
	}
	r.must(201, "POST", "/v10/projects/shop/promote/"+third, `{}`)
	r.clock.pass(4 * time.Second)
	r.Settle()
	if p, _ := r.World.Project("shop"); !p.AutoAssign || p.Production != third {
		t.Errorf("the promotion did not turn assignment on again: %+v", p)
	}
}

func TestRollingRelease(t *testing.T) {
	t.Parallel()
	r := open(t)
	base := r.push("a1")
	r.must(200, "PATCH", "/v1/projects/shop/rolling-release/config", `{"enabled":true,"advancementType":"manual-approval",
		"stages":[{"targetPercentage":10,"requireApproval":true},{"targetPercentage":50,"requireApproval":true},
		{"targetPercentage":100}]}`)
	canary := r.push("b2") // by itself: a push promotes, and a promotion rolls out
	get := func(names ...string) any {
		state := r.must(200, "GET", "/v1/projects/shop/rolling-release", "")
		return at(state, append([]string{"rollingRelease"}, names...)...)
	}
	if get("state") != "ACTIVE" || get("canaryDeployment", "id") != canary || get("currentDeployment", "id") != base {
		t.Fatalf("it did not start: %v", get())
	}
	other := r.must(200, "POST", "/v13/deployments", `{"name":"shop","target":"production","autoAssignCustomDomains":false,
		"gitSource":{"type":"github","ref":"main","sha":"c3"}}`)["id"].(string)
	r.must(202, "POST", "/v10/projects/shop/promote/"+other, `{}`)
	r.must(200, "POST", "/v1/projects/shop/rolling-release/start", `{"canaryDeploymentId":"`+canary+`"}`)
	r.must(409, "POST", "/v1/projects/shop/rolling-release/start", `{"canaryDeploymentId":"`+other+`"}`)
	approve := `{"nextStageIndex":1,"canaryDeploymentId":"` + canary + `"}`
	r.must(200, "POST", "/v1/projects/shop/rolling-release/approve-stage", approve)
	r.must(409, "POST", "/v1/projects/shop/rolling-release/approve-stage", approve)
	if get("activeStage", "targetPercentage") != 50.0 || get("queuedDeploymentId") != other {
		t.Errorf("after the approval: %v", get())
	}
	in := 0
	for i := range 400 {
		id, _ := r.visit(http.DefaultClient, "http://"+r.shop.Domains[0]+"/", "10.0.1."+itoa(i))
		if id == canary {
			in++
		}
	}
	if in < 150 || in > 250 {
		t.Errorf("%d of 400 visitors have the canary at 50 %%", in)
	}
	r.must(201, "POST", "/v9/projects/shop/rollback/"+base, `{}`)
	p := r.must(200, "GET", "/v9/projects/shop?rollbackInfo=true", "")
	if get("state") != "ABORTED" || get("activeStage") != nil || p["autoAssignCustomDomains"] != false ||
		at(p, "lastAliasRequest", "fromRollingReleaseId") != canary {
		t.Errorf("after the abort: %v\n%v", get(), p["lastAliasRequest"])
	}
	for i := range 50 {
		if id, _ := r.visit(http.DefaultClient, "http://"+r.shop.Domains[0]+"/", "10.0.1."+itoa(i)); id != base {
			t.Fatalf("a visitor still has %s", id)
		}
	}
}

func itoa(i int) string { b, _ := json.Marshal(i); return string(b) }

func TestStagesAdvanceByTheClockAndThePromotionThatWaitedGoesOn(t *testing.T) {
	t.Parallel()
	r := open(t)
	r.push("a1")
	r.must(200, "PATCH", "/v1/projects/shop/rolling-release/config", `{"enabled":true,"advancementType":"automatic",
		"stages":[{"targetPercentage":10,"duration":5},{"targetPercentage":50,"duration":10,"linearShift":true},
		{"targetPercentage":100}]}`)
	canary := r.push("b2")
	state := func(name string) any {
		return at(r.must(200, "GET", "/v1/projects/shop/rolling-release", ""), "rollingRelease", name)
	}
	if at(state("activeStage"), "duration") != 300.0 {
		t.Errorf("the state's duration is in seconds: %v", state("activeStage"))
	}
	r.clock.pass(5 * time.Minute)
	if at(state("activeStage"), "index") != 1.0 {
		t.Errorf("after five minutes: %v", state("activeStage"))
	}
	r.clock.pass(5 * time.Minute)
	if share := state("currentCanaryPercentage").(float64); share < 74 || share > 76 {
		t.Errorf("half the shift is %v", share)
	}
	r.clock.pass(5 * time.Minute)
	if state("state") != "COMPLETE" || r.serving() != canary {
		t.Errorf("at the end: %v, %s serves", state("state"), r.serving())
	}
	third := r.push("c3")
	r.must(201, "POST", "/v10/projects/shop/promote/"+third, `{}`) // promoting the canary completes it
	if state("state") != "COMPLETE" || r.serving() != third {
		t.Errorf("promoting the canary: %v, %s serves", state("state"), r.serving())
	}
}

func TestTroubleOnRequest(t *testing.T) {
	t.Parallel()
	r := open(t)
	r.push("a1")
	r.Fail(Trouble{Method: "GET", Path: "/v9/projects/*", Status: 500, Times: 2})
	r.must(500, "GET", "/v9/projects/shop", "")
	r.must(500, "GET", "/v9/projects/shop", "")
	r.must(200, "GET", "/v9/projects/shop", "")
	r.Fail(Trouble{Reset: true})
	// The client may ask a GET again by itself.
	if status, _ := r.call("GET", "/v9/projects/shop", ""); status != 0 && status != 200 {
		t.Errorf("a cut connection: %d", status)
	}
	r.Outage(true)
	r.must(503, "GET", "/v2/user", "")
	r.Outage(false)
	r.Remember("/v9/projects/shop")
	old := r.must(200, "GET", "/v9/projects/shop", "")
	second := r.push("b2")
	r.Lie("/v9/projects/shop", 1)
	lie, truth := r.must(200, "GET", "/v9/projects/shop", ""), r.must(200, "GET", "/v9/projects/shop", "")
	if at(lie, "targets", "production", "id") != at(old, "targets", "production", "id") ||
		at(truth, "targets", "production", "id") != second {
		t.Error("the state did not go backwards once")
	}
	r.Limit("GET /user", 1)
	r.must(200, "GET", "/v2/user", "")
	r.must(429, "GET", "/v2/user", "")
	r.clock.pass(time.Minute)
	r.must(200, "GET", "/v2/user", "")
	r.AddToken(Token{Secret: "token", Lacks: []string{"Project: read"}})
	r.must(403, "GET", "/v9/projects/shop", "")
	r.Fail(Trouble{Hang: true})
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.URL()+"/v2/user", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := http.DefaultClient.Do(req); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a call that hangs ended with %v", err)
	}
}

// TestAnotherDeploymentAnswers: an application's own proxy passes a request on to another build of it, which says so in
// its own record.
func TestAnotherDeploymentAnswers(t *testing.T) {
	t.Parallel()
	var canary atomic.Value
	canary.Store("")
	r := open(t, func(o *Options) {
		o.Name = func(d Deployment) string { return "dpl-" + d.SHA }
		o.Build = func(ctx context.Context, d Deployment) (string, error) {
			s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
				to := "http://" + canary.Load().(string)
				rw.Header().Set("X-Middleware-Rewrite", to)
				if d.SHA == "b2" {
					return
				}
				req, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodGet, to, nil)
				if err != nil {
					t.Error(err)
					return
				}
				res, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Error(err)
					return
				}
				_ = res.Body.Close()
				for k, v := range res.Header {
					rw.Header()[k] = v
				}
			}))
			t.Cleanup(s.Close)
			return s.URL, nil
		}
	})
	base := r.push("a1")
	d, err := r.Push("shop", "b2", "elsewhere", "b2")
	if err == nil {
		d, err = r.Wait(t.Context(), d.ID)
	}
	if err != nil || base != "dpl-a1" || d.ID != "dpl-b2" {
		t.Fatalf("the builds are %s and %+v, %v", base, d, err)
	}
	canary.Store(d.URL)
	id, res := r.visit(http.DefaultClient, "http://"+r.shop.Domains[0]+"/", "10.0.0.1")
	if got := res.Header.Values("X-Vercel-Deployment-Id"); id != d.ID || len(got) != 1 {
		t.Errorf("it was answered by %v, want %s", got, d.ID)
	}
	if leak := res.Header.Get("X-Middleware-Rewrite"); leak != "" {
		t.Errorf("a visitor is told where the other build is: %s", leak)
	}
}
