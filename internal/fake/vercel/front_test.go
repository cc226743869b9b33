package vercel

import (
	"bufio"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// stage has a commit built for production that nothing points at, and returns its id.
func (r *room) stage(sha string) string {
	r.t.Helper()
	id := r.must(200, "POST", "/v13/deployments", `{"name":"shop","target":"production","autoAssignCustomDomains":false,
		"gitSource":{"type":"github","ref":"main","sha":"`+sha+`"}}`)["id"].(string)
	if _, err := r.Wait(r.t.Context(), id); err != nil {
		r.t.Fatal(err)
	}
	r.clock.pass(time.Second)
	return id
}

func TestSkewProtectionServesWhoeverHasAnOldPage(t *testing.T) {
	t.Parallel()
	r := open(t)
	r.must(200, "PATCH", "/v9/projects/shop", `{"skewProtectionMaxAge":3600}`)
	old := r.push("a1")
	now := r.push("b2")
	page := "http://" + r.shop.Domains[0] + "/"
	script := []string{"Sec-Fetch-Dest", "script"}
	for name, c := range map[string]struct {
		query  string
		header []string
		want   string
	}{
		"a script by its query":         {"?dpl=" + old, script, old},
		"a request by its header":       {"", append(script, "X-Deployment-Id", old), old},
		"the header comes first":        {"?dpl=" + now, append(script, "X-Deployment-Id", old), old},
		"a cookie":                      {"", append(script, "Cookie", "__vdpl="+old), old},
		"a page by its cookie":          {"", []string{"Sec-Fetch-Dest", "document", "Cookie", "__vdpl=" + old}, old},
		"a page by nothing else":        {"?dpl=" + old, []string{"Sec-Fetch-Dest", "document", "X-Deployment-Id", old}, now},
		"another site's page pins none": {"?dpl=" + old, append(script, "Sec-Fetch-Site", "cross-site"), now},
		"who names nothing":             {"", script, now},
		"what never was":                {"?dpl=dpl_unknown", script, ""},
	} {
		if id, resp := r.visit(http.DefaultClient, page+c.query, "10.0.0.1", c.header...); id != c.want ||
			(c.want == "") != (resp.StatusCode == http.StatusNotFound) {
			t.Errorf("%s: %d by %q, want %q", name, resp.StatusCode, id, c.want)
		}
	}
	pinned := func() int {
		_, resp := r.visit(http.DefaultClient, page+"?dpl="+old, "10.0.0.1", script...)
		return resp.StatusCode
	}
	d := r.must(200, "GET", "/v13/deployments/"+now, "")
	r.must(200, "PATCH", "/v9/projects/shop", `{"skewProtectionBoundaryAt":`+itoa(int(d["createdAt"].(float64)))+`}`)
	if s := pinned(); s != http.StatusNotFound {
		t.Errorf("behind the boundary it is answered %d", s)
	}
	r.must(200, "PATCH", "/v9/projects/shop", `{"skewProtectionBoundaryAt":1}`)
	if s := pinned(); s != http.StatusOK {
		t.Errorf("before the boundary it is answered %d", s)
	}
	r.clock.pass(time.Hour)
	if s := pinned(); s != http.StatusNotFound {
		t.Errorf("too old it is answered %d", s)
	}
	r.must(200, "PATCH", "/v9/projects/shop", `{"skewProtectionMaxAge":0}`)
	if id, _ := r.visit(http.DefaultClient, page+"?dpl="+old, "10.0.0.1", script...); id != now {
		t.Errorf("without skew protection it is answered by %s", id)
	}
}

func TestProtectedDeploymentsOpenByTheBypassOnly(t *testing.T) {
	t.Parallel()
	r := open(t)
	id := r.push("a1")
	d, _ := r.World.Deployment(id)
	r.must(200, "PATCH", "/v9/projects/shop", `{"ssoProtection":{"deploymentType":"preview"}}`)
	r.must(200, "PATCH", "/v1/projects/shop/protection-bypass", `{"generate":{"note":"tests"}}`)
	secret := r.Bypasses("shop")[0]
	own, name := "http://"+d.URL+"/", "X-Vercel-Protection-Bypass"
	status := func(c *http.Client, url string, header ...string) int {
		_, resp := r.visit(c, url, "10.0.0.1", header...)
		return resp.StatusCode
	}
	jar := browser(t)
	for what, c := range map[string][2]int{
		"nothing":       {401, status(jar, own)},
		"a wrong one":   {401, status(jar, own, name, "wrong")},
		"the domain":    {200, status(jar, "http://"+r.shop.Domains[0]+"/")},
		"the header":    {200, status(jar, own, name, secret)},
		"not kept":      {401, status(jar, own)},
		"the query":     {200, status(jar, own+"?x-vercel-protection-bypass="+secret)},
		"to be kept":    {200, status(jar, own, name, secret, "X-Vercel-Set-Bypass-Cookie", "true")},
		"by its cookie": {200, status(jar, own)},
	} {
		if c[0] != c[1] {
			t.Errorf("%s is answered %d, want %d", what, c[1], c[0])
		}
	}
	r.must(200, "PATCH", "/v1/projects/shop/protection-bypass", `{"revoke":{"secret":"`+secret+`","regenerate":true}}`)
	if s := status(http.DefaultClient, own, name, secret); s != 401 {
		t.Errorf("a secret that was taken back is answered %d", s)
	}
	if s := status(http.DefaultClient, own, name, r.Bypasses("shop")[0]); s != 200 {
		t.Errorf("the new one is answered %d", s)
	}
}

func TestVisitorsStayOnTheirSideOfARollingRelease(t *testing.T) {
	t.Parallel()
	r := open(t)
	base := r.push("a1")
	r.must(200, "PATCH", "/v1/projects/shop/rolling-release/config", `{"enabled":true,"advancementType":"manual-approval",
		"canaryResponseHeader":true,"stages":[{"targetPercentage":30},{"targetPercentage":70},{"targetPercentage":100}]}`)
	canary := r.push("b2")
	page := "http://" + r.shop.Domains[0] + "/"
	var list []*http.Client
	var side []string
	for i := range 60 {
		c := browser(t)
		id, resp := r.visit(c, page, "10.0.2."+itoa(i))
		if said := resp.Header.Get("X-Vercel-Canary") == "true"; said != (id == canary) {
			t.Fatalf("the header says %t of %s", said, id)
		}
		u, _ := url.Parse(page)
		if k := c.Jar.Cookies(u); len(k) != 1 || !strings.HasPrefix(k[0].Name, "_vcrr") ||
			!strings.HasPrefix(k[0].Value, canary+"|") {
			t.Fatalf("the cookies are %v", k)
		}
		list, side = append(list, c), append(side, id)
	}
	check := func(when string, move bool) (in int) {
		t.Helper()
		for i, c := range list {
			id, _ := r.visit(c, page, "172.16.9.9") // all from one address now
			if id != side[i] && (!move || id != canary) {
				t.Errorf("%s a visitor goes from %s to %s", when, side[i], id)
			}
			if side[i] = id; id == canary {
				in++
			}
		}
		return in
	}
	first := check("at the same stage", false)
	r.must(200, "POST", "/v1/projects/shop/rolling-release/approve-stage",
		`{"nextStageIndex":1,"canaryDeploymentId":"`+canary+`"}`)
	if second := check("at the next stage", true); first < 6 || second <= first || second == len(list) {
		t.Errorf("of %d visitors %d and then %d have the canary", len(list), first, second)
	}
	forced := browser(t)
	for _, f := range []struct{ query, want string }{
		{"?vcrrForceStable=true", base}, {"", base}, {"?vcrrForceCanary=true", canary}, {"", canary},
	} {
		if id, _ := r.visit(forced, page+f.query, "10.0.0.1"); id != f.want {
			t.Errorf("%q is answered by %s, want %s", f.query, id, f.want)
		}
	}
	r.must(201, "POST", "/v9/projects/shop/rollback/"+base, `{}`)
	for i, c := range list {
		if id, _ := r.visit(c, page, "10.0.2."+itoa(i)); id != base {
			t.Fatalf("after the abort a visitor has %s", id)
		}
	}
	r.must(201, "POST", "/v10/projects/shop/promote/"+r.stage("c3"), `{}`)
	moved := 0
	for i, c := range list { // the last release's cookie counts no more
		if id, _ := r.visit(c, page, "10.0.2."+itoa(i)); (id == base) != (side[i] == base) {
			moved++
		}
	}
	if moved == 0 {
		t.Error("the next release has the same visitors")
	}
}

// TestBuildsReallyServe: what a build made answers, as it comes, with the headers of the platform.
func TestBuildsReallyServe(t *testing.T) {
	t.Parallel()
	more := make(chan struct{})
	upstream := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		if req.Header.Get("X-Forwarded-Host") != req.Host || req.Header.Get("X-Vercel-Deployment-Url") == "" ||
			req.Header.Get("X-Forwarded-For") == "" || req.Header.Get("X-Real-Ip") == "" {
			t.Errorf("the build hears %v", req.Header)
		}
		rw.Header().Set("Content-Type", "text/plain") // a proxy may think that it has time, as the length is known
		rw.Header().Set("Content-Length", "13")
		rw.Header().Add("Set-Cookie", "a=1")
		rw.Header().Add("Set-Cookie", "b=2")
		rw.WriteHeader(http.StatusAccepted)
		_, _ = rw.Write([]byte("first\n"))
		_ = http.NewResponseController(rw).Flush()
		select {
		case <-more:
		case <-req.Context().Done():
		}
		_, _ = rw.Write([]byte("second\n"))
	}))
	t.Cleanup(upstream.Close)
	r := open(t, func(o *Options) {
		o.Build = func(_ context.Context, d Deployment) (string, error) {
			if d.SHA == "bad" {
				return "", errors.New("it does not compile")
			}
			return upstream.URL, nil
		}
	})
	i := r.inbox()
	r.must(200, "POST", "/v1/webhooks", `{"url":"`+i.URL+`","events":["deployment.error"]}`)
	good, err := r.Push("shop", "a1", "main", "good")
	if err != nil || good.State != "BUILDING" {
		t.Fatalf("%+v, %v", good, err)
	}
	if good, err = r.Wait(t.Context(), good.ID); err != nil || good.State != "READY" {
		t.Fatalf("%+v, %v", good, err)
	}
	bad, err := r.Push("shop", "bad", "main", "bad")
	if err == nil {
		bad, err = r.Wait(t.Context(), bad.ID)
	}
	if err != nil || bad.State != "ERROR" || r.serving() != good.ID {
		t.Fatalf("%+v, %v; %s serves", bad, err, r.serving())
	}
	if told := r.must(200, "GET", "/v13/deployments/"+bad.ID, ""); told["errorMessage"] != "it does not compile" {
		t.Errorf("the failed build says %v", told["errorMessage"])
	}
	if _, kind, p := i.next().event(t); kind != "deployment.error" || at(p, "deployment", "id") != bad.ID {
		t.Errorf("the webhook says %s of %v", kind, p)
	}
	if _, resp := r.visit(http.DefaultClient, "http://"+bad.URL+"/", "10.0.0.1"); resp.StatusCode != 404 {
		t.Errorf("a failed build answers %d", resp.StatusCode)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+r.shop.Domains[0]+"/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req) // it comes back before the build has said all
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewScanner(resp.Body)
	if !lines.Scan() || lines.Text() != "first" {
		t.Fatalf("the first line is %q", lines.Text())
	}
	close(more)
	if !lines.Scan() || lines.Text() != "second" || resp.StatusCode != http.StatusAccepted ||
		len(resp.Header.Values("Set-Cookie")) != 2 || resp.Header.Get("X-Vercel-Id") == "" {
		t.Errorf("%q, %s, %v", lines.Text(), resp.Status, resp.Header)
	}
	upstream.Close()
	if _, resp := r.visit(http.DefaultClient, "http://"+r.shop.Domains[0]+"/", "10.0.0.1"); resp.StatusCode != 502 {
		t.Errorf("a build that is gone is answered %d", resp.StatusCode)
	}
}
