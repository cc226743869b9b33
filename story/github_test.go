package story

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
	fake "github.com/slipwayhq/slipway/internal/fake/github"
	"github.com/slipwayhq/slipway/internal/sim"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
)

// forge is a GitHub where the code of the shop is, beside a site.
type forge struct {
	*fake.GitHub
	s *site
}

// sha is the commit of a version.
func sha(version string) string { return version + strings.Repeat("0", 40-len(version)) }

// coded opens a site of some nodes, whose releases are shown at a GitHub. GitHub reaches whichever node answers.
func coded(t *testing.T, kind string, nodes int) *forge {
	t.Helper()
	g, err := fake.New("acme/shop", sha("2"), sha("3"), sha("4"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	o := options{rate: 60, crowd: 150, edit: []string{"timing:", fmt.Sprintf("github: {app_id: %d, "+
		"repository: acme/shop, api: %q, deployments: on, protection: [production]}\ntiming:", g.App, g.URL), "bake: 300ms", "bake: 1500ms"}}
	f := &forge{g, open(t, kind, prepared(t, kind), o, nodes)}
	for _, n := range f.s.nodes {
		n.revive, n.Log = true, filepath.Join(t.TempDir(), "log")
		n.Env = map[string]string{"GITHUB_APP_PRIVATE_KEY": g.Key(), "GITHUB_WEBHOOK_SECRET": g.Secret}
	}
	front := httptest.NewServer(&httputil.ReverseProxy{Transport: f.s.http.Transport,
		Director: func(r *http.Request) { r.URL.Scheme, r.URL.Host = "http", "control.test" }})
	t.Cleanup(front.Close)
	g.Hook(front.URL + "/hooks/github")
	f.s.opens(o)
	return f
}

// push is what a pipeline does after a push: it starts the release of what it built.
func (f *forge) push(version string) api.Release {
	f.s.t.Helper()
	in := api.StartRelease{Version: "v" + version, Commit: sha(version), Deployment: f.s.shop("v" + version).URL(),
		Unscheduled: "a story"}
	var r api.Release
	f.s.until(in.Version+" to begin", func() bool { // the process may die of it
		_, _ = f.s.by("ada").StartRelease(f.s.ctx, in)
		var err error
		r, err = f.s.admin().Release(f.s.ctx, in.Version)
		return err == nil
	})
	return r
}

// passes lets the team do what stands before the canary.
func (f *forge) passes(r api.Release) {
	f.s.t.Helper()
	f.s.says("ada", r, "unit")
	f.s.says("ada", r, "review")
	f.s.signs("quinn", r)
}

// deliver sends an event to Slipway, signed, and returns the status of the answer.
func (f *forge) deliver(id, kind string, ev fake.Object) int {
	f.s.t.Helper()
	status, err := f.Deliver(f.s.ctx, id, kind, ev)
	f.s.ok(err)
	return status
}

// run is the only check run of a version, as it stands.
func (f *forge) run(version string) (state, text string) {
	f.s.t.Helper()
	for _, r := range f.Runs() {
		if r["head_sha"] != sha(version) {
			continue
		}
		if state != "" {
			f.s.t.Fatalf("there are two check runs of v%s", version)
		}
		o, _ := r["output"].(fake.Object)
		state = strings.TrimSuffix(fmt.Sprintf("%v %v", r["status"], r["conclusion"]), " <nil>")
		text = fmt.Sprintf("%v\n%v", o["title"], o["summary"])
	}
	return state, text
}

// shown waits until a check run stands as it should, and returns what it says.
func (f *forge) shown(version, want string) (text string) {
	f.s.t.Helper()
	f.s.until(fmt.Sprintf("v%s to be shown as %s", version, want), func() bool {
		var state string
		state, text = f.run(version)
		return state == want
	})
	return text
}

// told are the states that a check run was given, in order and each once.
func (f *forge) told(version string) []string {
	var out []string
	for _, c := range f.Calls() {
		var b struct {
			Status, Conclusion, Commit string
			External                   string `json:"external_id"`
			Output                     struct{ Title string }
		}
		if c.Status < 300 && strings.Contains(c.Path, "/check-runs") && json.Unmarshal([]byte(c.Body), &b) == nil &&
			strings.HasPrefix(b.Output.Title, "v"+version) {
			out = append(out, strings.TrimSpace(b.Status+" "+b.Conclusion))
		}
	}
	return slices.Compact(out)
}

// stands is what was last said of a version in an environment, of the only deployment there is.
func (f *forge) stands(version, environment string) string {
	f.s.t.Helper()
	state := ""
	for _, d := range f.Deployments() {
		if d["sha"] != sha(version) || d["environment"] != environment {
			continue
		}
		if state != "" {
			f.s.t.Fatalf("there are two deployments of v%s to %s", version, environment)
		}
		states := f.States(d["id"])
		state = "nothing"
		if len(states) > 0 {
			state = states[len(states)-1]
		}
	}
	return state
}

func (f *forge) standsAs(version, environment, want string) {
	f.s.t.Helper()
	f.s.until(fmt.Sprintf("v%s in %s to be %s", version, environment, want), func() bool {
		return f.stands(version, environment) == want
	})
}

// dies kills the node that makes something at GitHub, once: when it is made, and before the node hears of that.
func (f *forge) dies(path string, of func(fake.Call) *node) {
	var once sync.Once
	f.After(func(c fake.Call) {
		if c.Method == http.MethodPost && strings.HasSuffix(c.Path, path) {
			once.Do(of(c).kill)
		}
	})
}

// started waits until the nodes were started so often in all.
func (f *forge) started(want int) {
	f.s.t.Helper()
	f.s.until("a process to be started again", func() bool {
		n := 0
		for _, x := range f.s.nodes {
			n += x.started()
		}
		return n == want
	})
}

// counted is how often something was made at GitHub, or tried.
func (f *forge) counted(method, path string) int {
	n := 0
	for _, c := range f.Calls() {
		if c.Method == method && strings.HasSuffix(c.Path, path) {
			n++
		}
	}
	return n
}

const rule = "deployment_protection_rule"

// A release is shown at GitHub from its start to its end, and a job that waits there runs only when Slipway has
// passed it. The process is killed when it has made the check run and when it has let the job run, before it hears of
// either: there is one check run and one deployment of each environment all the same.
func TestAReleaseIsShownAtGitHub(t *testing.T) {
	t.Parallel()
	f := coded(t, store.SQLite, 1)
	s := f.s
	only := func(fake.Call) *node { return s.nodes[0] }
	f.dies("/check-runs", only)
	r := f.push("2")
	f.started(2)
	if text := f.shown("2", "in_progress"); !strings.Contains(text, "0 of ") {
		t.Errorf("at its beginning it says %q", text)
	}
	f.hears(t)
	f.passes(r)
	s.exposed(r.ID, 50)
	s.until("the share to be shown", func() bool { _, text := f.run("2"); return strings.Contains(text, "**50 %**") })
	f.standsAs("2", "production", "in_progress")
	f.dies("/"+rule, only)
	q := s.asked(r.ID)
	if got := f.Job(7, "production"); got != "waiting" {
		t.Errorf("before the approval the job is %s", got)
	}
	s.approves("pia", q)
	f.started(3)
	s.ends(r.ID, "completed")
	text := f.shown("2", "completed success")
	f.standsAs("2", "production", "success")
	f.standsAs("2", "staging", "success")
	s.until("the answer to be known", func() bool { return len(s.events("github.answered")) == 1 })
	f.answered(t, "approved", "v2")
	if told := f.told("2"); slices.Index(told, "completed success") != len(told)-1 {
		t.Errorf("the check run was %q in turn", told)
	}
	// Somebody asks for the check run again, and the app is told of its own: it is said anew, and stays one.
	said, id := f.counted(http.MethodPatch, ""), f.Runs()[0]["id"]
	for i, action := range []string{"created", "completed", "rerequested"} {
		if got := f.deliver(fmt.Sprint("own ", i), "check_run", f.Told(action, id)); got != http.StatusOK {
			t.Errorf("a check run that is %s: %d", action, got)
		}
	}
	s.until("it to be said anew", func() bool { return f.counted(http.MethodPatch, "") > said })
	if again := f.shown("2", "completed success"); again != text {
		t.Errorf("asked again it says %q, before %q", again, text)
	}
	events, _ := s.sound(t, []string{"release.started", "release.completed", "github.asked", "github.answered"})
	f.secretsAreKept(t, events)
	if n := s.failures(); n > 0 {
		t.Errorf("%d requests of visitors failed", n)
	}
}

// secretsAreKept looks for secrets in what the process wrote, to its log and to ours.
func (f *forge) secretsAreKept(t *testing.T, events []api.Event) {
	t.Helper()
	said, err := os.ReadFile(f.s.nodes[0].Log)
	f.s.ok(err)
	written, err := json.Marshal(events)
	f.s.ok(err)
	all := string(said) + string(written)
	if !strings.Contains(all, "a delivery has no right signature") {
		t.Error("the log does not tell of the delivery that was refused")
	}
	_, key, _ := strings.Cut(f.Key(), "\n")
	for _, secret := range []string{"PRIVATE KEY", key[:40], f.Secret, f.Token(), "eyJ"} {
		if strings.Contains(all, secret) {
			t.Errorf("%.12s… is told to whoever reads the log", secret)
		}
	}
}

// answered looks at what the job was told.
func (f *forge) answered(t *testing.T, want, says string) {
	t.Helper()
	got, why := f.Job(7, "production"), f.Comment(7, "production")
	if got != want || !strings.Contains(why, says) {
		t.Errorf("the job is %s: %s", got, why)
	}
}

// hears has a job of v2 wait, of which Slipway is told: by whom it is not, and again.
func (f *forge) hears(t *testing.T) {
	t.Helper()
	ev := f.Wait(7, "production", sha("2"))
	right := f.Secret
	f.Secret = "another"
	f.s.until("a delivery to be refused", func() bool { return f.deliver("a", rule, ev) == http.StatusForbidden })
	f.Secret = right
	for _, id := range []string{"a", "a", "b"} { // once more, and under another id
		if got := f.deliver(id, rule, ev); got != http.StatusOK {
			t.Errorf("a delivery is answered %d", got)
		}
	}
	if got := f.deliver("c", rule, fake.Object{"action": "requested"}); got != http.StatusBadRequest {
		t.Errorf("a delivery that says nothing is answered %d", got)
	}
	if n := len(f.s.events("github.asked")); n != 1 {
		t.Errorf("of one job Slipway heard %d times", n)
	}
}

// What visitors suffer from is taken back, and GitHub shows why; what nobody had is canceled; what people take back
// later is no success any more.
func TestWhatIsTakenBackIsShownAtGitHub(t *testing.T) {
	t.Parallel()
	f := coded(t, store.SQLite, 1)
	s := f.s
	bad := f.push("2")
	f.deliver("a", rule, f.Wait(7, "production", sha("2")))
	f.passes(bad)
	s.exposed(bad.ID, 50)
	s.shops["v2"].Break(sim.Fault{Errors: 0.6})
	bad = s.ends(bad.ID, "aborted")
	text := f.shown("2", "completed failure")
	if !strings.Contains(text, "was taken back") || strings.Count(text, bad.Reason) != 1 {
		t.Errorf("taken back by the guard (%s) it says %q", bad.Reason, text)
	}
	f.standsAs("2", "production", "inactive")
	s.until("the job to be answered", func() bool { return f.Job(7, "production") != "waiting" })
	f.answered(t, "rejected", "requests failed")

	dropped := f.push("3")
	s.act("you", dropped.ID, "abort", api.ReleaseAction{Reason: "it is the wrong branch"})
	if text := f.shown("3", "completed cancel"+"led"); !strings.Contains(text, "the wrong branch") {
		t.Errorf("aborted it says %q", text)
	}
	if got := f.stands("3", "production"); got != "" {
		t.Errorf("what no visitor had is %s in production", got)
	}

	good := f.push("4")
	f.passes(good)
	s.approves("pia", s.asked(good.ID))
	s.ends(good.ID, "completed")
	f.shown("4", "completed success")
	s.until("production to go back", func() bool { b, ok := s.takesBack(); return ok && b.Phase == "done" })
	if text := f.shown("4", "completed failure"); !strings.Contains(text, "was rolled back") {
		t.Errorf("rolled back it says %q", text)
	}
	f.standsAs("4", "production", "inactive")
	if told := f.told("4"); !slices.Equal(told[len(told)-2:], []string{"completed success", "completed failure"}) {
		t.Errorf("the check run was %q in turn", told)
	}
}

// Two nodes on one database. The one that makes the check run dies before it hears of that, and then GitHub refuses for
// a limit: nothing is made twice, no release waits, and what GitHub shows in the end is how the release stands.
func TestTwoNodesShowAReleaseOnceAtGitHub(t *testing.T) {
	t.Parallel()
	if !slices.Contains(storetest.Engines(t), store.PostgreSQL) {
		return // Engines has said so
	}
	f := coded(t, store.PostgreSQL, 2)
	s := f.s
	tokens := map[string]*node{}
	for _, n := range s.nodes { // whoever looks buys a token of its own
		c, err := client.New("http://"+n.address, client.Options{Token: s.tokens["dora"]})
		s.ok(err)
		if _, err = c.GitHub(s.ctx); err != nil {
			t.Fatal(err)
		}
		tokens[f.Token()] = n
	}
	f.dies("/check-runs", func(c fake.Call) *node { return tokens[c.Token] })
	r := f.push("2")
	f.started(3)
	f.shown("2", "in_progress")
	f.passes(r)
	s.exposed(r.ID, 50)
	f.Limit(3, fake.RetryAfter)
	s.approves("pia", s.asked(r.ID))
	s.ends(r.ID, "completed")
	f.shown("2", "completed success")
	f.standsAs("2", "production", "success")
	if n := f.counted(http.MethodPost, "/check-runs"); n != 1 {
		t.Errorf("check runs were made %d times", n)
	}
	s.sound(t, []string{"release.started", "release.completed"})
}
