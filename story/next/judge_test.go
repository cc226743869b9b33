//go:build full

package next

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
)

// judging is a strategy in which the comparison decides: no limit on failures is near. Only slowness of everything,
// which breaks a limit on both versions, holds.
const judging = `app: harbor-shop
target: {selfhost: {stable: "%s"}}
checks: {required: {development: [], staging: [], canary: [], production: []}}
stages:
  staging:    {smoke: core, sign_off: off, load: off, flags: off}
  canary:     {smoke: off, steps: [25, 50], bake: 12s, guard: default}
  production: {approve: [product], verify: core, watch: 4s}
guards:
  default:
    error_rate:  {warn: 70%%, critical: 80%%, for: 10s, compare: {worse_by: 5%%}}
    latency_p95: {warn: 400ms, critical: 450ms, for: 3s, compare: {worse_by: 50%%}}
    health:      {path: /api/health, every: 1s, timeout: 3s, critical: 5 in a row}
    min_requests: 30
    window: 8s
    blind: 20s
    cold_start: 5s
rollback: {watch: 4s, approvers: [incident]}
timing: {look: 500ms, retry: 500ms, skew: 1h}
`

// The judge's promise with a real application: 20 views a second of the dynamic page, of which one in ten fails on v1.
// A version on which one in five fails is taken back by the comparison alone. At shares of 25 and 50 % any method needs
// about 147 and 231 requests of it for that, which is half a minute (judge.WaldLimit); a doubled 1 % would take hours.
// Then the database that both versions ask is slow for a while, with time-outs: the good version is held, is not
// blamed, and goes on.
//
// req: N-04 CD-03
func TestTheJudgeTellsAWorseVersionFromASlowDatabase(t *testing.T) {
	begin := time.Now()
	buildShops(t, "v1", "v2", "v2-faulty")
	s := &story{t: t, shops: map[string]*shop{}, slipway: buildSlipway(t)}
	database := openDatabase(t)
	for version, rate := range map[string]string{"v1": "0.1", "v2": "0.1", "v2-faulty": "0.2"} {
		s.shops[version] = openShop(t, version, "SHOP_FAULT_RATE="+rate, "SHOP_FAULT_DELAY_MS=0",
			"SHOP_FAULT_SEED="+version, "SHOP_DATABASE_URL="+database)
		warmUp(t, s.shops[version])
	}
	file := filepath.Join(s.dir, "slipway.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, judging, s.shops["v1"].url), 0o644); err != nil {
		t.Fatal(err)
	}
	s.run(file)
	s.setUp()
	s.people()
	until(t, 20*time.Second, "the shop is open", func() bool {
		st := ask[api.Status](s.slipway, "you", "status")
		return len(st.Edges) > 0 && st.Edges[0].Generation > 0 && st.Edges[0].Generation == st.Edges[0].Wanted
	})
	s.crowd = &crowd{t: t, edge: s.edge}
	s.stroll(20, 3000)
	t.Logf("open after %.1f s", time.Since(begin).Seconds())

	s.worse()
	s.slowDatabase(database)
	t.Logf("together %.1f s", time.Since(begin).Seconds())
}

// openDatabase starts what all versions ask.
func openDatabase(t *testing.T) string {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatalf("Node is needed: %v (script/setup installs it)", err)
	}
	port := freePort(t)
	script := filepath.Join(root, "examples", "nextjs", "scripts", "database.mjs")
	start(t, "database", exec.Command(node, script), "PORT="+port)
	at := "http://127.0.0.1:" + port
	until(t, 10*time.Second, "the database answers", func() bool {
		res, err := http.Get(at + "/stock/mug")
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	return at
}

// slow makes every answer of the database wait so long, and up to spread longer.
func slow(t *testing.T, database string, least, spread time.Duration) {
	t.Helper()
	at := fmt.Sprintf("%s/slow?ms=%d&spread=%d", database, least.Milliseconds(), spread.Milliseconds())
	res, err := http.Post(at, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
}

// warmUp lets a version translate its code, as a start-up script does, so that a cold one is not compared with a warm
// one.
func warmUp(t *testing.T, s *shop) {
	t.Helper()
	for range 60 {
		res, err := http.Get(s.url + "/products/mug")
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
	}
}

// setUp makes the first administrator with the one-time link.
func (s *story) setUp() {
	s.t.Helper()
	link, err := url.Parse(s.invite)
	if err != nil {
		s.t.Fatal(err)
	}
	anyone, err := client.New(s.url, client.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := anyone.Setup(s.t.Context(), api.Setup{Secret: link.Query().Get("secret"), Name: "you",
		Password: password}); err != nil {
		s.t.Fatal(err)
	}
}

// stroll lets n visitors look at products until the test ends: so many pages a second, whoever comes.
func (s *story) stroll(rate float64, n int) {
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	for range n {
		jar, err := cookiejar.New(nil)
		if err != nil {
			s.t.Fatal(err)
		}
		s.crowd.visitors = append(s.crowd.visitors, &visitor{http: &http.Client{Transport: transport, Jar: jar,
			Timeout: 20 * time.Second}})
	}
	ctx, ended := s.t.Context(), make(chan struct{})
	stop := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(time.Duration(float64(time.Second) / rate))
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			v, path := s.crowd.visitors[rand.IntN(n)], []string{"mug", "lamp", "chair", "clock"}[i%4]
			go s.crowd.get(ctx, v, "document", "/products/"+path, document())
		}
	}()
	s.t.Cleanup(func() { close(stop); <-ended; transport.CloseIdleConnections() })
}

// goOut starts a release and lets it go to its first visitors.
func (s *story) goOut(version string) {
	s.t.Helper()
	s.must("ada", "", "release", "start", "--version", version, "--deployment", s.shops[version].url, "--commit",
		"4f2a9c1", "--build-id", "dpl-"+version, "--unscheduled", "to see what the judge says")
	until(s.t, 30*time.Second, version+" has visitors", func() bool { return s.release(version).Share > 0 })
}

// worse lets the version go out on which twice as many pages fail.
func (s *story) worse() {
	from := time.Now()
	s.goOut("v2-faulty")
	s.t.Logf("v2-faulty has visitors after %.1f s", time.Since(from).Seconds())
	until(s.t, 150*time.Second, "v2-faulty was taken back", func() bool { return s.release("v2-faulty").Ended != nil })
	r := s.release("v2-faulty")
	seen := map[string][2]int{}
	for _, a := range s.crowd.between(r.Created, time.Now()) {
		n := seen[a.by]
		n[0]++
		if a.failed != "" {
			n[1]++
		}
		seen[a.by] = n
	}
	s.t.Logf("after %.1f s at up to %g %%: %s\nvisitors saw %v", time.Since(from).Seconds(), r.Reached, r.Reason, seen)
	if r.Phase != "aborted" || r.Share != 0 {
		s.t.Fatalf("v2-faulty ended so: %+v", r)
	}
	for _, says := range []string{"is worse", "failed on v2-faulty", "on v1", "An equally good one looks so bad",
		"no method can know before about"} {
		if !strings.Contains(r.Reason, says) {
			s.t.Errorf("the release does not say %q: %s", says, r.Reason)
		}
	}
	v := r.Verdict
	if v == nil || v.Cause != "worse" || v.Comparison == nil {
		s.t.Fatalf("its verdict: %+v", v)
	}
	// A sequential test may stop early, and what it has seen by then looks worse than it is: the bounds are wide.
	if f := v.Findings[0]; f.Rule != "error_compare" || f.Level != "critical" || f.Value < 1.2 || f.Value > 8 {
		s.t.Errorf("it was not the comparison that took it back: %+v", f)
	}
	if c := v.Comparison; c.Canary.Requests < 30 || c.Limit < 15 || v.State != "bad" || c.E < 1/c.Alpha {
		s.t.Errorf("its numbers: %+v", c)
	}
	for _, f := range v.Findings[1:] {
		if f.Level == "critical" {
			s.t.Errorf("a limit was broken too: %+v", f)
		}
	}
}

// slowDatabase lets the good version go out, with the database slow in the middle.
func (s *story) slowDatabase(database string) {
	from := time.Now()
	s.goOut("v2")
	until(s.t, 30*time.Second, "something is known of v2", func() bool {
		v := s.release("v2").Verdict
		return v != nil && v.Requests >= 20
	})
	slow(s.t, database, 500*time.Millisecond, 550*time.Millisecond)
	began := time.Now()
	var held api.Release
	said := ""
	until(s.t, 40*time.Second, "v2 is held, and not for its own fault", func() bool {
		held = s.release("v2")
		if held.Ended != nil {
			s.t.Fatalf("v2 ended: %s", held.Reason)
		}
		if now := string(held.Verdict.Cause) + ": " + held.Verdict.Sentence; now != said {
			said = now
			s.t.Logf("%.1f s at %g %%: %s", time.Since(began).Seconds(), held.Share, said)
		}
		// Where few came to v2 before, the verdict says first that v1 is broken since then.
		return held.Verdict.Cause == "incident" &&
			strings.Contains(held.Verdict.Sentence, "Both versions are in trouble")
	})
	s.t.Logf("held after %.1f s: %s", time.Since(began).Seconds(), held.Sentence)
	if held.Verdict.Action != "hold" || held.Share != 25 || !strings.Contains(held.Sentence, "not held against v2") {
		s.t.Errorf("it is held so: %+v", held)
	}
	until(s.t, 30*time.Second, "the bake is over", func() bool { return time.Since(held.Shares[0].At) > 16*time.Second })
	if r := s.release("v2"); r.Share != 25 || r.Ended != nil {
		s.t.Errorf("while the database is slow v2 is at %g %%: %s", r.Share, r.Sentence)
	}
	slow(s.t, database, 0, 0)
	well := time.Now()
	said = ""
	until(s.t, 60*time.Second, "v2 goes on", func() bool {
		r := s.release("v2")
		if now := r.Verdict.Cause + ": " + r.Verdict.Sentence[:min(40, len(r.Verdict.Sentence))]; now != said {
			said = now
			s.t.Logf("%.1f s: %s", time.Since(well).Seconds(), r.Verdict.Sentence)
		}
		if r.Ended != nil {
			s.t.Fatalf("v2 ended: %s", r.Reason)
		}
		return r.Share > 25
	})
	s.t.Logf("it went on %.1f s after the database was well", time.Since(well).Seconds())
	until(s.t, 60*time.Second, "v2 asks for approval", func() bool { return s.release("v2").Approval != nil })
	s.must("pia", "", "release", "approve", "v2", "--yes")
	until(s.t, 60*time.Second, "v2 is in production", func() bool { return s.release("v2").Ended != nil })
	if r := s.release("v2"); r.Phase != "completed" {
		s.t.Fatalf("v2 ended so: %s: %s", r.Phase, r.Reason)
	}
	log := ask[api.EventPage](s.slipway, "inez", "log", "show", "--kind", "guard.verdict", "--subject", held.ID)
	told := 0
	for _, e := range log.Items {
		if strings.Contains(e.Sentence, "not held against v2") || strings.Contains(e.Sentence, "v1 is broken, v2 is not") {
			told++
		}
	}
	if told == 0 {
		s.t.Errorf("the log does not say why v2 was held: %+v", log.Items)
	}
	s.t.Logf("v2 is in production after %.1f s; the log says why it was held in %d of %d verdicts",
		time.Since(from).Seconds(), told, len(log.Items))
}
