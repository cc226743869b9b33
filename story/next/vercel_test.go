//go:build full

package next

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
	fake "github.com/slipwayhq/slipway/internal/fake/vercel"
	"github.com/slipwayhq/slipway/internal/vercel"
)

// onVercel is the strategy of the stories on Vercel, whose guards go by a drain alone.
const onVercel = `app: shop
target: {vercel: {project: shop, team: acme, canary: %s, global_config: %s, api: "%s"}}
checks: {required: {development: [unit], staging: [], canary: [], production: []}}
stages:
  staging:    {smoke: core, sign_off: qa, load: off, flags: off}
  canary:     {steps: [{share: 25, bake: %s}, 100], bake: 4s, guard: default}
  production: {approve: [product], verify: core, watch: 2s}
guards:
  default:
    source: drain
    error_rate: {warn: 5%%, critical: 12%%, for: 1s, spike: 10x, compare: {worse_by: 25%%}}
    health:     {path: /api/health, every: 1s, timeout: 4s, critical: 5 in a row}
    min_requests: 40 # on a machine that is busy a bake of seconds sees a handful, which proves nothing
    window: 10s
    blind: 20s
    cold_start: 0s
sources: {drain: {late: 5s}}
rollback: {watch: 500ms, approvers: [incident]}
timing: {look: 250ms, retry: 500ms, skew: 1h}
`

// drainSecret is what the drain of the stories signs with.
const drainSecret = "tide-table"

// shopOnVercel is a Vercel with the real shop, the real program beside it, and visitors.
type shopOnVercel struct {
	*town
	*slipway
	t     *testing.T
	crowd *crowd
	gated bool // Vercel asks Slipway before it promotes, and nobody has tried to yet
}

// The real shop on Vercel, in both ways to a canary: a good release goes out, a faulty one is found by what the drain
// delivers alone and taken back, other people's changes by Vercel's own command line are noticed, and a rollback gives
// back the old build with its old variables. A visitor in a browser notices nothing of all that.
//
// req: CD-03
func TestOnVercel(t *testing.T) {
	t.Parallel()
	buildShops(t, "v1", "v2", "v2-faulty")
	program := buildSlipway(t)
	for _, way := range []string{"rolling", "proxy"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			begin := time.Now()
			s := openOnVercel(t, way, program)
			chapter := func(name string, tell func()) {
				from := time.Now()
				tell()
				t.Logf("%s: %.1f s", name, time.Since(from).Seconds())
			}
			chapter("the good release", func() { s.good(way) })
			if way == "proxy" { // by rolling releases it is told in package story, with shops that take less time
				chapter("the faulty release", s.faulty)
			}
			chapter("the rollback", s.rollback)
			if way == "rolling" {
				chapter("another hand", s.afterwards)
			}
			t.Logf("together: %.1f s", time.Since(begin).Seconds())
		})
	}
}

// openOnVercel opens everything, with v1 in production.
func openOnVercel(t *testing.T, way string, program *slipway) *shopOnVercel {
	t.Helper()
	skew, bake := int64(86400), "4s"
	if way == "proxy" {
		skew = 0     // the plan has none: the proxy keeps open pages with their build
		bake = "20s" // somebody else acts meanwhile
	}
	s := &shopOnVercel{town: openTown(t, skew), slipway: &slipway{t: t, dir: t.TempDir(), bin: program.bin}, t: t}
	port := freePort(t)
	hook, err := s.hand.CreateHook(t.Context(), vercel.Hook{URL: "http://127.0.0.1:" + port + "/hooks/vercel/webhooks",
		Projects: []string{s.project.ID}, Events: []string{"deployment.promoted", "deployment.rollback",
			"project.rolling-release.started", "project.rolling-release.completed", "project.rolling-release.aborted"}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(s.dir, "slipway.yaml")
	text := fmt.Sprintf(onVercel, way, s.config.ID, s.URL(), bake)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.up = start(t, "slipway up", exec.Command(s.bin, "up", "--strategy", file, "--database-url",
		filepath.Join(s.dir, "slipway.db"), "--listen", "127.0.0.1:"+port, "--log-level", "warn"),
		append(s.env("nobody"), "VERCEL_TOKEN=token", "VERCEL_AUTOMATION_BYPASS_SECRET="+s.bypass,
			"VERCEL_DRAIN_SECRET="+drainSecret, "VERCEL_WEBHOOK_SECRET="+hook.Secret,
			"GLOBAL_CONFIG="+s.config.Connection)...)
	find := func(pattern string) string {
		if m := regexp.MustCompile(pattern).FindStringSubmatch(s.up.text()); m != nil {
			return m[1]
		}
		return ""
	}
	until(t, 30*time.Second, "slipway up says where it is", func() bool {
		s.slipway.url, s.invite = find(`dashboard +(http://\S+)\n`), find(`(http://\S+/setup\?\S+)\n`)
		return s.slipway.url != "" && s.invite != ""
	})
	s.setUp()
	s.people()
	s.connect()
	until(t, 30*time.Second, "production is known", func() bool { return s.runs() == "dpl-v1" })
	s.edge = s.domain
	s.crowd = openCrowdFrom(t, s.domain, 120, 12, func(i int) string { return fmt.Sprintf("198.18.0.%d", i+1) })
	return s
}

// setUp makes the first administrator.
func (s *shopOnVercel) setUp() {
	s.t.Helper()
	link, err := url.Parse(s.invite)
	if err != nil {
		s.t.Fatal(err)
	}
	anyone, err := client.New(s.slipway.url, client.Options{})
	if err == nil {
		_, err = anyone.Setup(s.t.Context(), api.Setup{Secret: link.Query().Get("secret"), Name: "you", Title: "You",
			Password: password})
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// connect has Vercel tell Slipway of what happens, and of what it serves.
func (s *shopOnVercel) connect() {
	s.t.Helper()
	_, err := s.hand.CreateDrain(s.t.Context(), vercel.Drain{Name: "slipway", Projects: "some",
		IDs: []string{s.project.ID}, Schemas: map[string]vercel.Schema{"log": {Version: "v1"}},
		Delivery: vercel.Delivery{Type: "http", Endpoint: s.slipway.url + "/hooks/vercel/drains", Encoding: "ndjson",
			Compression: "gzip", Secret: drainSecret}})
	if err == nil {
		err = s.hand.SetProject(s.t.Context(), s.project.ID, map[string]any{"autoAssignCustomDomains": false})
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// gate has Vercel promote nothing, by whichever hand, that Slipway's check has not passed.
func (s *shopOnVercel) gate() {
	s.t.Helper()
	if _, err := s.hand.CreateCheck(s.t.Context(), s.project.ID, vercel.Check{Name: "slipway", Requires: "deployment-url",
		Blocks: "deployment-promotion", Targets: []string{"production"}, Timeout: 86400}); err != nil {
		s.t.Fatal(err)
	}
	s.gated = true
}

// runs is the version that production runs, as Slipway records it; v1 was there before, by Vercel's id.
func (s *shopOnVercel) runs() string {
	s.t.Helper()
	for _, e := range ask[api.Status](s.slipway, "you", "status").Environments {
		if e.Name == "production" && e.Deployment != nil {
			return e.Deployment.Version
		}
	}
	return ""
}

// release has a commit built by Vercel, and its release taken to its first visitors. Whoever promotes the build before
// is refused by Vercel itself, where it asks Slipway.
func (s *shopOnVercel) release(version string) {
	s.t.Helper()
	s.set("SHOP_NOTICE", "of "+version)
	before := s.served()
	d := s.push(version)
	if now := s.served(); now != before {
		s.t.Errorf("a push reached production by itself: %s", now)
	}
	if s.gated {
		s.gated = false // once is enough
		if said := s.vc("promote", named(d)); !strings.Contains(said, "A check that blocks the promotion has not passed") {
			s.t.Errorf("another hand is not kept from promoting what Slipway has not passed: %s", said)
		}
	}
	s.must("ada", "", "release", "start", "--version", version, "--commit", "c-"+version, "--unscheduled", "a story")
	s.must("ci", "", "check", "report", version, "unit", "passed", "--commit", "c-"+version, "--coverage", "92")
	until(s.t, 40*time.Second, version+" waits for QA", func() bool {
		r := s.slipway.release(version)
		return slices.ContainsFunc(r.Steps, func(x api.Step) bool { return x.ID == r.Step && x.Kind == "sign_off" })
	})
	s.answersItself(d, version)
	s.must("quinn", "", "release", "sign", version, "--reason", "clicked through the shop")
	until(s.t, 40*time.Second, version+" has visitors", func() bool {
		r := s.slipway.release(version)
		if r.Ended != nil {
			s.t.Fatalf("%s ended %s: %s", version, r.Phase, r.Reason)
		}
		return r.Share > 0
	})
}

// answersItself says that whoever asks for a build by its own address, as Slipway's smoke tests do, gets that build and
// not the one that the table names.
func (s *shopOnVercel) answersItself(d fake.Deployment, version string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "http://"+d.URL, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("X-Vercel-Protection-Bypass", s.bypass)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	_ = res.Body.Close()
	if by := res.Header.Get("X-App-Version"); by != version {
		s.t.Errorf("the smoke test of %s was answered by %s", version, by)
	}
}

// good takes v2 all the way. By the proxy, somebody else promotes it in the middle, and takes that back.
func (s *shopOnVercel) good(way string) {
	b := openBrowser(s.t)
	guest := b.person("guest")
	guest.open(s.domain + "/")
	guest.until("on v1", `document.getElementById("version").textContent === "v1"`)
	from := time.Now()
	if way == "rolling" {
		s.gate()
	}
	s.release("v2")
	if way == "proxy" {
		shopper := b.person("shopper on v2")
		until(s.t, 30*time.Second, "somebody is on v2", func() bool {
			k := s.crowd.on("v2")
			if k != nil {
				shopper.become(s.domain, k)
			}
			return k != nil
		})
		s.unshared()
		s.otherHand()
		s.gate()
		(&story{slipway: s.slipway, t: s.t}).shop(shopper, "v2", "Put it in the basket")
		shopper.quiet()
	}
	if way == "proxy" {
		s.again()
	}
	until(s.t, 60*time.Second, "v2 asks for approval", func() bool { return s.slipway.release("v2").Approval != nil })
	s.must("pia", "", "release", "approve", "v2", "--yes")
	s.ends("v2", "completed")
	if s.served() != "dpl-v2" || s.runs() != "v2" || s.notice() != "v2: of v2" {
		s.t.Errorf("Vercel serves %s (%s), Slipway records %s", s.served(), s.notice(), s.runs())
	}
	s.unharmed("v2", from)
	guest.says(`window.same = "never loaded again"`)
	guest.click(`a[href="/products/lamp"]`)
	guest.until("the old page goes on",
		`location.pathname === "/products/lamp" && !!document.querySelector(".product form button")`)
	// Without skew protection the old build is gone with its release: Next loads the page anew.
	if same := guest.says("window.same"); way == "rolling" && same != "never loaded again" {
		s.t.Errorf("the page that was opened on v1 was loaded again: %s", same)
	}
	guest.quiet()
}

// ends waits until a release ends.
func (s *shopOnVercel) ends(version, phase string) api.Release {
	s.t.Helper()
	var r api.Release
	defer func() {
		if s.t.Failed() {
			verdict, _ := json.Marshal(r.Verdict)
			s.t.Logf("%s at last, at %g %%: %s\n%s", version, r.Share, r.Sentence, verdict)
		}
	}()
	until(s.t, 3*time.Minute, version+" ends", func() bool {
		r = s.slipway.release(version)
		return r.Ended != nil
	})
	if r.Phase != phase {
		s.t.Fatalf("%s ended %s: %s", version, r.Phase, r.Reason)
	}
	return r
}

// unharmed says that nobody had a failure or another build's answer. Next itself answers 307 where a navigation without
// the router's state, as these visitors make it, comes by way of another deployment: the browser's goes through.
func (s *shopOnVercel) unharmed(version string, from time.Time) {
	s.t.Helper()
	answers := slices.DeleteFunc(s.crowd.between(from, time.Now()), func(a answer) bool {
		return a.kind == "navigation" && strings.HasSuffix(a.wrong, " of a page of "+a.by+": status 307 from "+a.by)
	})
	(&story{slipway: s.slipway, t: s.t, crowd: s.crowd}).noHarm(version, answers)
}

// otherHand promotes by Vercel's own command line in the middle of a canary, which waits until that is taken back.
func (s *shopOnVercel) otherHand() {
	s.t.Helper()
	s.cli("promote", "dpl-v2")
	until(s.t, 30*time.Second, "the other hand is noticed", func() bool {
		return strings.Contains(s.slipway.release("v2").Sentence, "not through Slipway")
	})
	r := s.slipway.release("v2")
	if r.Ended != nil || r.Share != 25 || !strings.Contains(r.Sentence, "grace") {
		s.t.Errorf("it is %s at %g %%: %s", r.Phase, r.Share, r.Sentence)
	}
	s.cli("rollback", "dpl-v1")
	until(s.t, 60*time.Second, "v2 goes on", func() bool {
		return !strings.Contains(s.slipway.release("v2").Sentence, "not through Slipway")
	})
}

// again has v2 routed on: since somebody else went back by Vercel's means, Slipway asks a person before it moves
// production again.
func (s *shopOnVercel) again() {
	s.t.Helper()
	until(s.t, 60*time.Second, "the next share waits for a person", func() bool {
		return strings.Contains(fmt.Sprint(s.slipway.release("v2")), "changed by another hand")
	})
	s.must("you", "", "release", "retry", "v2", "--reason", "grace has taken it back")
}

// faulty lets v2-faulty go to its first visitors: what the drain delivers of them is enough to take it back.
func (s *shopOnVercel) faulty() {
	s.release("v2-faulty")
	r := s.ends("v2-faulty", "aborted")
	if r.Reached != 25 || r.Restored == nil || !strings.Contains(r.Reason, "requests failed on v2-faulty") {
		s.t.Errorf("v2-faulty reached %g %% and ended because: %s", r.Reached, r.Reason)
	}
	s.t.Logf("v2-faulty: %s", r.Reason)
	if s.served() != "dpl-v2" || s.runs() != "v2" {
		s.t.Errorf("Vercel serves %s, Slipway records %s", s.served(), s.runs())
	}
	from := r.Restored.Add(4 * time.Second) // proxies ask for the table every two
	until(s.t, time.Minute, "there were visitors enough", func() bool {
		return len(s.crowd.between(from, time.Now())) > 150
	})
	for _, a := range s.crowd.between(from, time.Now()) {
		if a.failed != "" || a.kind == "document" && a.by != "v2" {
			s.t.Errorf("after all was back: %s by %q %s", a.kind, a.by, a.failed)
		}
	}
}

// rollback goes back to v1: the build that was kept, with the variables that it was built with.
func (s *shopOnVercel) rollback() {
	builds := len(s.Deployments())
	asked := ask[api.Rollback](s.slipway, "you", "rollback", "request", "--reason", "the basket is wrong")
	s.must("inez", "", "rollback", "approve", asked.ID, "--yes")
	from := time.Now()
	until(s.t, 30*time.Second, "v1 is served again", func() bool { return s.served() == "dpl-v1" })
	s.t.Logf("v1 was served %.1f s after it was approved", time.Since(from).Seconds())
	until(s.t, 30*time.Second, "v1 is recorded", func() bool { return s.runs() == "dpl-v1" })
	until(s.t, 10*time.Second, "the old build answers with its old variable", func() bool {
		return s.notice() == "v1: of v1"
	})
	if n := len(s.Deployments()) - builds; n != 0 {
		s.t.Errorf("%d builds were made for it", n)
	}
}

// afterwards lets somebody else go back to v2 while no release is under way: what they did is the stable version.
func (s *shopOnVercel) afterwards() {
	s.cli("rollback", "dpl-v2")
	until(s.t, 30*time.Second, "v2 is adopted", func() bool { return s.runs() == "v2" })
	log := ask[api.EventPage](s.slipway, "you", "log", "show", "--kind", "target.adopted")
	if len(log.Items) == 0 || !strings.HasPrefix(log.Items[0].Sentence, "grace put v2 ") {
		s.t.Errorf("who put it there is told as %+v", log.Items)
	}
}
