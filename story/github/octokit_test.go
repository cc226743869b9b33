//go:build full

package github

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	fake "github.com/slipwayhq/slipway/internal/fake/github"
	api "github.com/slipwayhq/slipway/internal/github"
)

const commit = "9fceb02d0ae598e95dc970b74767f19372d61af8"

// The times of a check run, and the workflow's runs that wait for an answer.
var (
	from = time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC)
	to   = from.Add(20 * time.Minute)
	runs = map[string]int64{"approved": 71, "rejected": 72}
)

// town is a GitHub where two jobs wait.
func town(t *testing.T) (*fake.GitHub, []fake.Object) {
	t.Helper()
	g, err := fake.New("acme/shop", commit)
	ok(t, err)
	t.Cleanup(g.Close)
	return g, []fake.Object{g.Wait(runs["approved"], "production", commit), g.Wait(runs["rejected"], "production", commit)}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// report is what Octokit says of its calls.
type report struct {
	Hook  string `json:"hook"`
	Calls []struct {
		Operation string          `json:"operation"`
		Status    int             `json:"status"`
		Body      json.RawMessage `json:"body"`
	} `json:"calls"`
	Bought struct {
		Permissions  map[string]string `json:"permissions"`
		Repositories []string          `json:"repositories"`
	} `json:"bought"`
	Before    int    `json:"before"`
	After     []any  `json:"after"`
	Paged     int    `json:"paged"`
	Signed    string `json:"signed"`
	Signature string `json:"signature"`
}

// octokit is GitHub's own client, which goes on taking deliveries until end is called.
type octokit struct {
	report
	heard func() []map[string]any
}

func start(t *testing.T, g *fake.GitHub) octokit {
	t.Helper()
	world, err := json.Marshal(map[string]any{"api": g.URL, "app": g.App, "key": g.Key(), "secret": g.Secret,
		"commit": commit, "runs": runs, "from": from.Format(time.RFC3339), "to": to.Format(time.RFC3339)})
	ok(t, err)
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(stop)
	cmd := exec.CommandContext(ctx, "node", "octokit.mjs")
	cmd.Env = append(os.Environ(), "WORLD="+string(world))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	ok(t, err)
	out, err := cmd.StdoutPipe()
	ok(t, err)
	ok(t, cmd.Start())
	lines := bufio.NewReader(out)
	var o octokit
	read := func(into any) {
		t.Helper()
		line, err := lines.ReadBytes('\n')
		if err != nil {
			for _, c := range g.Calls() {
				t.Logf("%d %s %s", c.Status, c.Method, c.Path)
			}
			t.Fatalf("Octokit stopped: %v", err)
		}
		ok(t, json.Unmarshal(line, into))
	}
	read(&o.report)
	o.heard = func() []map[string]any {
		t.Helper()
		ok(t, in.Close())
		var last struct {
			Heard []map[string]any `json:"heard"`
		}
		read(&last)
		ok(t, cmd.Wait())
		return last.Heard
	}
	return o
}

// value is one that GitHub's types judge.
type value struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Value any    `json:"value"`
}

func judge(t *testing.T, list []value) {
	t.Helper()
	text, err := json.Marshal(list)
	ok(t, err)
	cmd := exec.CommandContext(t.Context(), "node", "judge.mjs")
	cmd.Stdin, cmd.Stderr = bytes.NewReader(text), os.Stderr
	out, err := cmd.Output()
	ok(t, err)
	var said struct {
		Judged int      `json:"judged"`
		Wrong  []string `json:"wrong"`
	}
	ok(t, json.Unmarshal(out, &said))
	for _, w := range said.Wrong {
		t.Error(w)
	}
	if t.Logf("%d values by GitHub's types", said.Judged); said.Judged != len(list) {
		t.Errorf("%d of %d values were judged", said.Judged, len(list))
	}
}

// same makes the calls of octokit.mjs by Slipway's own client.
func same(t *testing.T, g *fake.GitHub) {
	t.Helper()
	c := api.New(api.Options{API: g.URL, App: g.App, Repository: "acme/shop",
		Key: func(context.Context) (string, error) { return g.Key(), nil }})
	ctx := t.Context()
	for range 2 { // Octokit buys one of its own beside
		_, _, err := c.Installed(ctx)
		ok(t, err)
	}
	sha, err := c.Commit(ctx, commit[:9])
	ok(t, err)
	run := api.Run{Name: "Slipway", Commit: sha, External: "rel_1", Status: api.Queued,
		Details: "https://slipway.example.com/releases/rel_1",
		Output:  api.Output{Title: "v2 is about to begin", Summary: "0 of 8 steps are done."}}
	find := func(want bool) {
		t.Helper()
		_, found, err := c.Run(ctx, sha, run.Name, run.External)
		if ok(t, err); found != want {
			t.Errorf("a check run is found: %t", found)
		}
	}
	find(false)
	made, err := c.CreateRun(ctx, run)
	ok(t, err)
	find(true)
	run.Status, run.Started, run.Output = api.InProgress, &from, api.Output{Title: "v2", Summary: "It goes on."}
	ok(t, c.UpdateRun(ctx, made.ID, run))
	run.Status, run.Conclusion, run.Completed = api.Completed, api.Success, &to
	ok(t, c.UpdateRun(ctx, made.ID, run))
	place := func(want bool) {
		t.Helper()
		_, found, err := c.Deployment(ctx, sha, "production", "rel_1")
		if ok(t, err); found != want {
			t.Errorf("a deployment is found: %t", found)
		}
	}
	place(false)
	d, err := c.CreateDeployment(ctx, api.Deployment{Commit: sha, Environment: "production",
		Payload: api.Payload{Release: "rel_1"}}, true, "10 % of the visitors have v2.")
	ok(t, err)
	place(true)
	state := func(want string) {
		t.Helper()
		s, err := c.Status(ctx, d.ID)
		if ok(t, err); s.State != want {
			t.Errorf("the deployment is %q, want %q", s.State, want)
		}
	}
	state("")
	ok(t, c.AddStatus(ctx, d.ID, api.Status{State: api.Success, Description: "v2 is in production.",
		URL: "https://shop.example.com", Log: "https://slipway.example.com/releases/rel_1"}))
	state(api.Success)
	waiting, err := c.WaitingRuns(ctx)
	ok(t, err)
	if len(waiting) != 2 || waiting[0].Commit != commit {
		t.Fatalf("the runs %+v wait", waiting)
	}
	environments, err := c.WaitsFor(ctx, waiting[0].ID)
	if ok(t, err); !slices.Equal(environments, []string{"production"}) {
		t.Errorf("a run waits for %q", environments)
	}
	ok(t, c.Review(ctx, runs["approved"], "production", true, "v2 has passed."))
	ok(t, c.Review(ctx, runs["rejected"], "production", false, "v2 has passed."))
	_, _, err = c.Hook(ctx)
	ok(t, err)
}

// asked is a call as it is compared: with its query in order, and its body read.
type asked struct {
	Call, Version, Accept string
	Body                  any
}

func requests(t *testing.T, g *fake.GitHub) []asked {
	t.Helper()
	var out []asked
	for _, c := range g.Calls() {
		if c.Status > 299 {
			t.Errorf("%s %s was answered %d", c.Method, c.Path, c.Status)
		}
		u, err := url.Parse(c.Path)
		ok(t, err)
		a := asked{Call: c.Method + " " + strings.TrimSuffix(u.Path+"?"+u.Query().Encode(), "?"), Version: c.Version,
			Accept: c.Accept}
		if c.Body != "" {
			ok(t, json.Unmarshal([]byte(c.Body), &a.Body))
		}
		out = append(out, a)
	}
	return out
}

// GitHub's own client makes every call that Slipway makes, and GitHub's types judge what the fake answers and tells,
// and what Slipway sends. For the same intent both ask the same.
func TestOctokitAndSlipwayAskTheSame(t *testing.T) {
	t.Parallel()
	g, events := town(t)
	o := start(t, g)
	if o.Before != 0 || fmt.Sprint(o.After) != "[true rel_1 success]" || o.Paged != 1 {
		t.Errorf("before %d things are seen, after %v, %d by pages", o.Before, o.After, o.Paged)
	}
	if o.Bought.Permissions["checks"] != "write" ||
		!slices.Equal(o.Bought.Repositories, []string{"acme/shop"}) {
		t.Errorf("Octokit bought %+v", o.Bought)
	}
	seen(t, g)
	theirs := requests(t, g)
	events = append(events, g.Told("rerequested", g.Runs()[0]["id"]), g.Told("completed", g.Runs()[0]["id"]))
	delivered(t, g, o, events)

	ours, _ := town(t)
	same(t, ours)
	seen(t, ours)
	asks := requests(t, ours)
	if diff := cmp.Diff(known(theirs), known(asks)); diff != "" {
		t.Errorf("for the same intents (-Octokit +Slipway):\n%s", diff)
	}
	values := judged(t, o, asks)
	for i, kind := range []string{"deployment-protection-rule-requested", "deployment-protection-rule-requested",
		"check-run-rerequested", "check-run-completed"} {
		values = append(values, value{"event " + kind, fmt.Sprintf("Event<%q>", "webhook-"+kind), events[i]})
	}
	judge(t, values)
}

// known leaves out what Octokit's own ways bring about: it buys its tokens by itself, and looks at a page more.
func known(list []asked) []asked {
	var out []asked
	seen := map[string]bool{}
	for _, a := range list {
		method, path, _ := strings.Cut(a.Call, " ")
		token := strings.Contains(path, "access_tokens") || strings.HasSuffix(path, "/installation")
		if strings.HasSuffix(path, "per_page=1") && strings.Contains(path, "check-runs") || token && seen[method+path] {
			continue
		}
		if token { // auth-app asks in a way of its own
			a.Version, a.Accept = "", ""
		}
		seen[method+path] = true
		out = append(out, a)
	}
	return out
}

// seen looks whether the calls moved what is there.
func seen(t *testing.T, g *fake.GitHub) {
	t.Helper()
	list, places := g.Runs(), g.Deployments()
	if len(list) != 1 || list[0]["status"] != "completed" || list[0]["conclusion"] != "success" || len(places) != 1 ||
		fmt.Sprint(g.States(places[0]["id"])) != "[success]" {
		t.Errorf("there are the check runs %v and the deployments %v", list, places)
	}
	for state, run := range runs {
		if got, why := g.Job(run, "production"), g.Comment(run, "production"); got != state || why != "v2 has passed." {
			t.Errorf("job %d is %s: %s", run, got, why)
		}
	}
}

// judged are Octokit's answers and Slipway's requests, with their types.
func judged(t *testing.T, o octokit, asks []asked) []value {
	t.Helper()
	var out []value
	operations := []string{}
	for _, c := range o.Calls {
		operations = append(operations, c.Operation)
		if c.Status != http.StatusNoContent {
			out = append(out, value{c.Operation, fmt.Sprintf("Answer<%q, %d>", c.Operation, c.Status), c.Body})
		}
	}
	for i, a := range known(asks) {
		if i >= len(operations) {
			t.Fatalf("Slipway makes %d calls, Octokit %d", len(asks), len(operations))
		}
		if _, q, some := strings.Cut(a.Call, "?"); some {
			query, err := url.ParseQuery(q)
			ok(t, err)
			one := map[string]any{}
			for k := range query {
				one[k] = query.Get(k)
				if n, err := strconv.Atoi(query.Get(k)); err == nil {
					one[k] = n
				}
			}
			out = append(out, value{"the query of " + operations[i], fmt.Sprintf("Query<%q>", operations[i]), one})
		}
		if a.Body != nil {
			out = append(out, value{"the body of " + operations[i], fmt.Sprintf("Body<%q>", operations[i]), a.Body})
		}
	}
	return out
}

// delivered has Octokit take what the fake sends, and Slipway what Octokit signs.
func delivered(t *testing.T, g *fake.GitHub, o octokit, events []fake.Object) {
	t.Helper()
	g.Hook(o.Hook)
	send := func(id, kind string, event fake.Object, want int) {
		t.Helper()
		status, err := g.Deliver(t.Context(), id, kind, event)
		if ok(t, err); status != want {
			t.Errorf("delivery %s was answered %d, want %d", id, status, want)
		}
	}
	send("a", "deployment_protection_rule", events[0], http.StatusOK)
	send("b", "check_run", events[2], http.StatusOK)
	right := g.Secret
	g.Secret = "another"
	send("c", "check_run", events[2], http.StatusBadRequest)
	g.Secret = right
	heard := o.heard()
	if len(heard) != 2 || heard[0]["name"] != "deployment_protection_rule" || heard[1]["id"] != "b" {
		t.Fatalf("Octokit heard %v", heard)
	}
	want, err := json.Marshal(events[0])
	ok(t, err)
	got, err := json.Marshal(heard[0]["payload"])
	ok(t, err)
	if string(got) != string(want) {
		t.Errorf("Octokit read %s", got)
	}
	for _, e := range []struct {
		kind string
		body []byte
		want api.Event
	}{
		{"deployment_protection_rule", want, api.Event{Type: api.Waiting, Repository: "acme/shop",
			Environment: "production", Run: runs["approved"], Commit: commit}},
		{"check_run", []byte(o.Signed), api.Event{Type: api.Rerequested, External: "rel_1"}},
	} {
		ev, err := api.DecodeEvent(e.kind, e.body)
		if ok(t, err); ev != e.want {
			t.Errorf("Slipway reads %+v, want %+v", ev, e.want)
		}
	}
	if !api.Signed([]byte(o.Signed), o.Signature, g.Secret) || api.Signed([]byte(o.Signed+" "), o.Signature, g.Secret) {
		t.Errorf("Slipway does not know what Octokit signed: %s", o.Signature)
	}
}
