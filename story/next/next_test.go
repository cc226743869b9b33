//go:build full

package next

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
)

// story is everything that plays in it.
type story struct {
	*slipway
	t       *testing.T
	shops   map[string]*shop
	browser *browser
	crowd   *crowd
	you     *page // the administrator
	pia     *page // of product, at the dashboard
	guest   *page // has the shop open since before the release
	tabs    []*tab
}

// req: EN-21 EN-13 CD-01 CD-02 CD-03 CD-04 CD-05 CD-06 CD-11 CD-18 CD-19 WF-09 RB-01
func TestAGoodReleaseGoesOutAndAFaultyOneComesBack(t *testing.T) {
	begin := time.Now()
	s := &story{t: t, shops: map[string]*shop{}}
	chapter := func(name string, tell func()) {
		t.Helper()
		from := time.Now()
		tell()
		t.Logf("%s: %.1f s", name, time.Since(from).Seconds())
	}
	chapter("build", func() {
		buildShops(t, "v1", "v2", "v2-faulty")
		s.slipway = buildSlipway(t)
	})
	chapter("open", s.open)
	chapter("the good release", s.good)
	chapter("after the good release", s.afterGood)
	chapter("the faulty release", s.faulty)
	chapter("the end", s.end)
	t.Logf("together: %.1f s", time.Since(begin).Seconds())
}

// open starts the shops, Slipway, the browser and the visitors.
func (s *story) open() {
	for _, v := range []string{"v1", "v2", "v2-faulty"} {
		s.shops[v] = openShop(s.t, v)
		warmUp(s.t, s.shops[v])
	}
	s.run(s.writeStrategy(s.shops["v1"].url))
	s.browser = openBrowser(s.t)

	s.you = s.browser.person("you")
	you := s.you
	you.open(s.invite)
	you.fill("input[name=name]", "you")
	you.fill("input[name=password]", password)
	you.click("form button.primary")
	you.until("set up", `location.pathname !== "/setup" && document.readyState === "complete"`)
	you.open(s.invite)
	if body := you.body(); strings.Contains(body, "You are the first") {
		s.t.Errorf("the one-time link works twice: %s", body)
	}
	s.people()

	until(s.t, 20*time.Second, "the shop is open", func() bool {
		st := ask[api.Status](s.slipway, "you", "status")
		return len(st.Edges) > 0 && st.Edges[0].Generation > 0 && st.Edges[0].Generation == st.Edges[0].Wanted
	})
	s.crowd = openCrowd(s.t, s.edge, 200, 14)
	s.tabs = s.crowd.tabs(20)
	s.guest = s.browser.person("guest")
	s.guest.open(s.edge + "/")
	s.guest.until("on v1", `document.getElementById("version").textContent === "v1"`)
	s.pia = s.browser.person("pia")
	s.pia.signIn(s.url, "pia")
}

// watch follows a release at the command line until it ends.
func (s *story) watch(version string) (ended func() (out string, code int)) {
	type result struct {
		out  string
		code int
	}
	done := make(chan result, 1)
	go func() {
		out, said, code := s.command("ada", "", "release", "watch", version)
		done <- result{out + said, code}
	}()
	return func() (string, int) {
		s.t.Helper()
		select {
		case r := <-done:
			return r.out, r.code
		case <-time.After(2 * time.Minute):
			s.t.Fatalf("%s does not end: %s", version, s.release(version).Sentence)
			return "", 0
		}
	}
}

// good takes v2 through everything, with one approval in the page and one at the
// command line.
func (s *story) good() {
	from := time.Now()
	s.begin("v2", s.shops["v2"])
	ended := s.watch("v2")
	s.pia.open(s.url + "/releases/v2")
	s.pia.says(`window.same = "never loaded again"`)
	canary := s.browser.tab(s.pia, "pia's canary page")
	until(s.t, 30*time.Second, "v2 has its first visitors", func() bool { return s.release("v2").Share > 0 })
	if r := s.release("v2"); r.Shares[0].Share != 5 {
		s.t.Errorf("the first share is %g %%, want 5: %+v", r.Shares[0].Share, r.Shares)
	}
	canary.open(s.url + "/releases/v2/canary")
	canary.says(`window.same = "never loaded again"`)
	s.pia.until("the page shows the canary's share",
		`/(5|10|25|50|100)\s%/.test(document.querySelector(".tuple").innerText) && !!document.querySelector("#canary svg")`)
	before := canary.says(`document.querySelector("#plots").innerHTML`)
	canary.until("the pictures move", `!!document.querySelector("#plots svg path")`)

	var shopper *page
	until(s.t, 60*time.Second, "somebody is on v2", func() bool {
		k := s.crowd.on("v2")
		if k == nil {
			return false
		}
		shopper = s.browser.person("shopper on v2")
		shopper.become(s.edge, k)
		return true
	})
	s.shop(shopper, "v2", "Put it in the basket")
	until(s.t, 20*time.Second, "the canary page moves while v2 has visitors", func() bool {
		return canary.says(`document.querySelector("#plots").innerHTML`) != before
	})
	s.approve()
	out, code := ended()
	s.t.Logf("watch:\n%s", out)
	if code != 0 {
		s.t.Fatalf("watching v2 ended with exit %d, want 0", code)
	}
	s.pia.until("the page shows the end by itself", `/completed/i.test(document.querySelector("main").innerText)`)
	for _, p := range []*page{s.pia, canary} {
		if same := p.says("window.same"); p == canary && same != "never loaded again" {
			s.t.Errorf("%s was loaded again: %s", p.name, same)
		}
		p.quiet()
	}
	shopper.quiet()
	s.noHarm("v2", s.crowd.between(from, time.Now()))
	s.order("v1", "v2")
	s.shares("v2")
	s.judged("v2", out)
}

// approve waits for the question in the open page, answers it there, and lets the
// second person answer at the command line.
func (s *story) approve() {
	s.t.Helper()
	var r api.Release
	defer func() {
		if s.t.Failed() {
			s.t.Logf("v2 is at %g %% since %v: %s; its verdict: %+v", r.Share, r.Shares, r.Sentence, r.Verdict)
		}
	}()
	until(s.t, 3*time.Minute, "v2 asks for approval", func() bool {
		r = s.release("v2")
		if r.Ended != nil {
			s.t.Fatalf("v2 ended %s: %s", r.Phase, r.Reason)
		}
		return r.Approval != nil
	})
	s.pia.until("the page asks for a decision", `!!document.querySelector(".act.call a.primary")`)
	if same := s.pia.says("window.same"); same != "never loaded again" {
		s.t.Errorf("the release page was loaded again: %s", same)
	}
	s.pia.click(".act.call a.primary")
	s.pia.until("the request is shown", `location.pathname.startsWith("/approvals/")`)
	s.pia.picture(s.url, map[string]string{"approval": s.pia.says("location.pathname")})
	s.pia.click("#act-approve summary")
	s.pia.click("#act-approve button")
	s.pia.until("the vote is shown", `document.querySelector("#votes").innerText.includes("pia")`)
	s.pia.says(`window.same = "never loaded again"`)
	if _, said, code := s.command("ada", "", "release", "approve", "v2", "--yes"); code == 0 {
		s.t.Errorf("the author approved her own release: %s", said)
	}
	out := s.must("paul", "", "release", "approve", "v2", "--yes", "--reason", "looks right")
	if !strings.Contains(out, "The request is approved") {
		s.t.Errorf("approving at the command line said:\n%s", out)
	}
	s.pia.until("the second vote shows by itself", `document.querySelector("#votes").innerText.includes("paul")`)
	if same := s.pia.says("window.same"); same != "never loaded again" {
		s.t.Errorf("the approval page was loaded again: %s", same)
	}
	s.pia.open(s.url + "/releases/v2")
}

// shop goes through the shop in a browser: the script takes over, navigates within
// the page and sends a server action.
func (s *story) shop(p *page, version, button string) {
	s.t.Helper()
	on := fmt.Sprintf(`document.getElementById("version").textContent === %q`, version)
	p.open(s.edge + "/")
	p.until("on "+version, on)
	p.says(`window.same = "never loaded again"`)
	p.click(`a[href="/products/mug"]`)
	p.until("the product is shown",
		`location.pathname === "/products/mug" && !!document.querySelector(".product form button")`)
	if text := p.says(`document.querySelector(".product form button").textContent`); text != button {
		s.t.Errorf("%s: the button says %q, want %q", p.name, text, button)
	}
	p.click(".product form button")
	p.until("the action put it into the cart",
		`location.pathname === "/cart" && document.querySelector(".lines").innerText.includes("Mug")`)
	p.click(`nav a[href="/reviews"]`)
	p.until("the streamed page is there", `!!document.querySelector("#older blockquote")`)
	if same := p.says("window.same"); same != "never loaded again" {
		s.t.Errorf("%s: the page was loaded again on the way: %s", p.name, same)
	}
	p.until("still on "+version, on)
	until(s.t, 10*time.Second, "all pictures are there", func() bool {
		return p.says(`[...document.images].every((i) => i.complete && i.naturalWidth > 0)`) == "true"
	})
}

// noHarm says that nobody had a failure or another build's answer.
func (s *story) noHarm(version string, answers []answer) {
	s.t.Helper()
	by, kinds, bad := map[string]int{}, map[string]int{}, 0
	for _, a := range answers {
		by[a.by]++
		kinds[a.kind]++
		if a.failed != "" || a.wrong != "" {
			if bad++; bad <= 5 {
				s.t.Errorf("while %s went out: %s at %s by %q: %s%s",
					version, a.kind, a.at.Format("15:04:05.000"), a.by, a.failed, a.wrong)
			}
		}
	}
	s.t.Logf("%s: %d answers, %d bad; by version %v; by kind %v", version, len(answers), bad, by, kinds)
	if version != "v2" {
		return
	}
	for _, kind := range []string{"document", "asset", "navigation", "api", "image", "action", "stream", "sse"} {
		if kinds[kind] == 0 {
			s.t.Errorf("while %s went out no visitor made a request of kind %s", version, kind)
		}
	}
}

// order checks that nobody went to and fro: every visitor was shown a part of the
// way in its order, and some were taken along its last change.
func (s *story) order(way ...string) {
	s.t.Helper()
	seen := s.crowd.seen()
	s.t.Logf("visitors by what they were shown: %v", seen)
	for order, n := range seen {
		at := 0
		for version := range strings.SplitSeq(order, " → ") {
			i := slices.Index(way[at:], version)
			if i < 0 {
				s.t.Errorf("%d visitors were shown %s: the way was %v", n, order, way)
				break
			}
			at += i + 1
		}
	}
	if last := strings.Join(way[len(way)-2:], " → "); s.came(last) == 0 {
		s.t.Errorf("no visitor was shown %s", last)
	}
}

// came counts the visitors who were last taken along a change.
func (s *story) came(change string) (count int) {
	for order, n := range s.crowd.seen() {
		if strings.HasSuffix(order, change) {
			count += n
		}
	}
	return count
}

// shares checks that a completed release rose step by step and says why it ended.
func (s *story) shares(version string) {
	s.t.Helper()
	r := s.release(version)
	var rose []float64
	for _, x := range r.Shares {
		rose = append(rose, x.Share)
	}
	if want := []float64{5, 10, 25, 50, 100}; r.Phase != "completed" || !slices.Equal(rose[:min(len(rose), 5)], want) {
		s.t.Errorf("%s is %s (%s) over the shares %v, want completed over %v", version, r.Phase, r.Reason, rose, want)
	}
	for _, step := range r.Steps {
		if step.Status != "passed" {
			s.t.Errorf("step %s of %s is %s: %s", step.ID, version, step.Status, step.Sentence)
		}
	}
}

// judged checks that health and metrics of both versions were what the canary was
// judged by.
func (s *story) judged(version, watched string) {
	s.t.Helper()
	if !strings.Contains(watched, version+" is no worse than v1") {
		s.t.Errorf("nobody said that %s is no worse than v1", version)
	}
	reader, err := client.New(s.url, client.Options{Token: s.viewToken})
	if err != nil {
		s.t.Fatal(err)
	}
	c, err := reader.Canary(s.t.Context(), s.release(version).ID)
	if err != nil {
		s.t.Fatal(err)
	}
	looks := map[string]int{}
	for _, h := range c.Health {
		looks[h.Arm]++
		if !h.OK {
			s.t.Errorf("health of %s failed: %s", h.Arm, h.Problem)
		}
	}
	requests := func(points []api.CanaryPoint) (n uint64) {
		for _, p := range points {
			n += p.Requests
		}
		return n
	}
	few := min(looks["stable"], looks["canary"]) < 5 || min(requests(c.Stable), requests(c.Canary)) < 200
	if few || len(c.Measured) == 0 {
		s.t.Errorf("judged by health looks %v, %d requests on v1, %d on %s, %d measured shares: too few",
			looks, requests(c.Stable), requests(c.Canary), version, len(c.Measured))
	}
}

// afterGood looks at what visitors have when the release is complete: everybody is
// on v2, and pages that were opened on v1 are still answered by v1.
func (s *story) afterGood() {
	from := time.Now()
	s.crowd.use(s.tabs)
	s.guest.says(`window.same = "never loaded again"`)
	s.guest.click(`a[href="/products/lamp"]`)
	s.guest.until("the old page goes on",
		`location.pathname === "/products/lamp" && !!document.querySelector(".product form button")`)
	button := s.guest.says(`document.querySelector(".product form button").textContent`)
	if same := s.guest.says("window.same"); same != "never loaded again" || button != "Add to cart" {
		s.t.Errorf("the page that was opened on v1 went on with the button %q (%s)", button, same)
	}
	s.guest.quiet()
	s.guest.open(s.edge + "/")
	s.guest.until("a new page is v2", `document.getElementById("version").textContent === "v2"`)
	s.more(from, 400)
	after := s.crowd.between(from, time.Now())
	s.noHarm("nothing more after v2", after)
	for _, a := range after {
		if a.kind == "document" && a.by != "v2" {
			s.t.Errorf("after v2 a document came from %q", a.by)
		}
	}
	for _, e := range ask[api.Status](s.slipway, "inez", "status").Environments {
		if e.Name == "production" && (e.Deployment == nil || e.Deployment.Version != "v2") {
			s.t.Errorf("production is said to run %+v, want v2", e.Deployment)
		}
	}
}

// more waits for n answers since a time.
func (s *story) more(since time.Time, n int) {
	s.t.Helper()
	until(s.t, time.Minute, "there were visitors enough", func() bool {
		return len(s.crowd.between(since, time.Now())) > n
	})
}

// faulty lets v2-faulty go to its first visitors and come back.
func (s *story) faulty() {
	s.begin("v2-faulty", s.shops["v2-faulty"])
	ended := s.watch("v2-faulty")
	s.pia.open(s.url + "/releases/v2-faulty")
	s.pia.says(`window.same = "never loaded again"`)
	out, code := ended()
	s.t.Logf("watch:\n%s", out)
	if code != 6 {
		s.t.Fatalf("watching v2-faulty ended with exit %d, want 6 (aborted)", code)
	}
	r := s.release("v2-faulty")
	if r.Phase != "aborted" || r.Share != 0 || r.Detected == nil || r.Restored == nil || r.Reached == 0 || r.Reason == "" {
		s.t.Fatalf("v2-faulty ended so: %+v", r)
	}
	s.t.Logf("it reached %g %%, and was back %v after the decision: %s", r.Reached, r.Restored.Sub(*r.Detected), r.Reason)
	s.pia.until("the page shows the end by itself",
		`window.same === "never loaded again" && /aborted/i.test(document.body.innerText)`)
	s.pia.quiet()

	s.more(*r.Restored, 400)
	until(s.t, time.Minute, "somebody who had v2-faulty came again", func() bool {
		return s.came("v2-faulty → v2") > 0
	})
	felt := 0
	for _, a := range s.crowd.between(r.Created, time.Now()) {
		switch {
		case a.failed != "" && a.at.Before(*r.Restored):
			felt++
			if a.by != "v2-faulty" {
				s.t.Errorf("%q failed too: %s: %s", a.by, a.kind, a.failed)
			}
		case a.failed != "":
			s.t.Errorf("after all was back: %s by %q: %s", a.kind, a.by, a.failed)
		case a.kind == "document" && a.at.After(*r.Restored) && a.by != "v2":
			s.t.Errorf("after all was back a document came from %q", a.by)
		}
	}
	s.t.Logf("%d requests of visitors failed on v2-faulty", felt)
	if felt == 0 {
		s.t.Error("the faulty version harmed nobody: then what took it back?")
	}
	s.order("v1", "v2", "v2-faulty", "v2")
	incidents := ask[api.IncidentPage](s.slipway, "inez", "incident", "list")
	if len(incidents.Items) != 1 || incidents.Items[0].Release != r.ID || incidents.Items[0].Severity == "" {
		s.t.Fatalf("incidents: %+v, want one about %s", incidents.Items, r.ID)
	}
	i := ask[api.Incident](s.slipway, "inez", "incident", "show", incidents.Items[0].ID)
	if len(i.Timeline) < 3 {
		s.t.Errorf("the incident's timeline has %d events: %+v", len(i.Timeline), i)
	}
	if _, said, code := s.command("ada", "", "release", "start", "--version", "v2-faulty", "--commit", "4f2a9c1",
		"--deployment", s.shops["v2-faulty"].url, "--unscheduled", "again"); code == 0 {
		s.t.Error("the deployment that was taken back went out again")
	} else {
		s.t.Logf("again: %s", said)
	}
}

// end looks at the record, and stops Slipway.
func (s *story) end() {
	out := s.must("inez", "", "log", "verify")
	if !strings.Contains(out, "The log is whole") {
		s.t.Errorf("log verify said: %s", out)
	}
	report := ask[api.LogReport](s.slipway, "inez", "log", "verify")
	if !report.OK || report.Votes != 2 || report.BadVotes != 0 {
		s.t.Errorf("the log: %+v, want whole with 2 votes", report)
	}
	incident := ask[api.IncidentPage](s.slipway, "inez", "incident", "list").Items[0].ID
	s.you.picture(s.url, map[string]string{
		"home": "/", "releases": "/releases", "release-completed": "/releases/v2", "release-aborted": "/releases/v2-faulty",
		"canary-completed": "/releases/v2/canary", "canary-aborted": "/releases/v2-faulty/canary",
		"approvals": "/approvals", "checks": "/checks/v2", "rollbacks": "/rollbacks", "rollback-new": "/rollbacks/new",
		"incidents": "/incidents", "incident": "/incidents/" + incident, "log": "/log", "settings": "/settings",
		"people": "/settings/people", "roles": "/settings/roles", "status": "/status", "keys": "/keys",
	})
	s.you.quiet()
	s.crowd.stop()
	if err := s.up.stop(); err != nil {
		s.t.Errorf("slipway up ended with: %v", err)
	}
}
