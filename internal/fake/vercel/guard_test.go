package vercel

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"
)

// check makes a check of the project, and returns its id.
func (r *room) check(blocks, targets string) string {
	r.t.Helper()
	return r.must(200, "POST", "/v2/projects/shop/checks", `{"name":"gate","requires":"deployment-url","blocks":"`+
		blocks+`","targets":["`+targets+`"],"timeout":300,"source":{"kind":"webhook"}}`)["id"].(string)
}

// run is the path of a deployment's only run of a check.
func (r *room) run(deployment string) string {
	r.t.Helper()
	list := r.must(200, "GET", "/v2/deployments/"+deployment+"/check-runs", "")["runs"].([]any)
	if len(list) != 1 {
		r.t.Fatalf("the runs are %v", list)
	}
	return "/v2/deployments/" + deployment + "/check-runs/" + at(list[0], "id").(string)
}

func TestChecksReallyBlockAPromotion(t *testing.T) {
	t.Parallel()
	for conclusion, passes := range map[string]bool{
		"succeeded": true, "neutral": true, "skipped": true, "failed": false, "canceled": false, "timeout": false,
	} {
		r := open(t)
		base := r.push("a1")
		r.check("deployment-promotion", "production")
		pushed := r.push("b2") // would reach production by itself
		promote := "/v10/projects/shop/promote/" + pushed
		r.must(422, "POST", promote, "{}")
		r.clock.pass(time.Minute)
		if r.Settle(); r.serving() != base {
			t.Fatalf("%s serves although its check waits", r.serving())
		}
		r.must(400, "PATCH", r.run(pushed), `{"status":"completed"}`)
		r.must(200, "PATCH", r.run(pushed), `{"status":"running"}`)
		r.must(422, "POST", promote, "{}")
		if conclusion == "timeout" {
			r.clock.pass(5 * time.Minute)
			r.Settle()
		} else {
			r.must(200, "PATCH", r.run(pushed), `{"status":"completed","conclusion":"`+conclusion+`"}`)
		}
		r.must(409, "PATCH", r.run(pushed), `{"status":"completed","conclusion":"succeeded"}`)
		if !passes {
			r.must(422, "POST", promote, "{}")
		}
		d := r.must(200, "GET", "/v13/deployments/"+pushed, "")
		if (r.serving() == pushed) != passes || d["checksState"] != "completed" {
			t.Errorf("%s: %s serves; checks are %v %v", conclusion, r.serving(), d["checksState"], d["checksConclusion"])
		}
	}
}

func TestChecksBlockNamesAndRollingReleases(t *testing.T) {
	t.Parallel()
	r := open(t)
	base := r.push("a1")
	k := r.check("deployment-alias", "preview")
	side, err := r.Push("shop", "b2", "feature", "a preview")
	if err != nil {
		t.Fatal(err)
	}
	aliased := func(id string) any { return r.must(200, "GET", "/v13/deployments/"+id, "")["aliasAssigned"] }
	if aliased(side.ID) != false {
		t.Error("a preview has its names although its check waits")
	}
	r.must(200, "PATCH", r.run(side.ID), `{"status":"completed","conclusion":"succeeded"}`)
	if aliased(side.ID) != true {
		t.Error("a preview whose check passed has no names")
	}
	r.must(200, "DELETE", "/v2/projects/shop/checks/"+k, "")
	r.check("deployment-promotion", "production")
	staged := r.stage("c3")
	if aliased(staged) != true || r.serving() != base {
		t.Errorf("a staged build's names: %v, and %s serves", aliased(staged), r.serving())
	}
	r.must(200, "PATCH", "/v1/projects/shop/rolling-release/config", `{"enabled":true,"advancementType":"manual-approval",
		"stages":[{"targetPercentage":10},{"targetPercentage":100}]}`)
	start := `{"canaryDeploymentId":"` + staged + `"}`
	r.must(422, "POST", "/v1/projects/shop/rolling-release/start", start)
	r.must(200, "PATCH", r.run(staged), `{"status":"completed","conclusion":"succeeded"}`)
	r.must(200, "POST", "/v1/projects/shop/rolling-release/start", start)
}

// faulty is a room whose builds answer 500, but for the first.
func faulty(t *testing.T) *room {
	t.Helper()
	return open(t, func(o *Options) {
		o.Build = func(_ context.Context, d Deployment) (string, error) {
			s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
				if d.SHA != "a1" && req.URL.Path != "/healthy" {
					rw.WriteHeader(http.StatusInternalServerError)
				}
			}))
			t.Cleanup(s.Close)
			return s.URL, nil
		}
	})
}

func TestTheGateOfARollingRelease(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		gate, path, state, sub string
		each                   int // requests of the canary a minute
	}{
		"pauses":         {`"action":"pause"`, "/", "ACTIVE", "PAUSED", 12},
		"goes back":      {`"action":"rollback"`, "/", "ABORTED", "", 12},
		"only tells":     {`"action":"rollback","dryRun":true`, "/", "ACTIVE", "", 12},
		"has too few":    {`"action":"rollback"`, "/", "ACTIVE", "", 8},
		"leaves paths":   {`"action":"rollback"`, "/left", "ACTIVE", "", 12},
		"sees no faults": {`"action":"rollback"`, "/healthy", "ACTIVE", "", 12},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := faulty(t)
			base, err := r.Wait(t.Context(), r.push("a1"))
			if err != nil {
				t.Fatal(err)
			}
			r.Settle()
			r.must(200, "PATCH", "/v1/projects/shop/rolling-release/config", `{"enabled":true,"advancementType":"automatic",
				"stages":[{"targetPercentage":50,"duration":30},{"targetPercentage":100}],"gate":{"enabled":true,`+c.gate+`,
				"windowSize":5,"failureThreshold":3,"checks":[{"type":"error-rate-5xx","minSampleSize":10,
				"ingestWatermarkSeconds":30,"excludePaths":["/left"]}]}}`)
			canary := r.stage("b2")
			r.must(200, "POST", "/v1/projects/shop/rolling-release/start", `{"canaryDeploymentId":"`+canary+`"}`)
			for range 6 {
				for range c.each {
					r.visit(http.DefaultClient, "http://"+r.shop.Domains[0]+c.path+"?vcrrForceCanary=true", "10.0.0.1")
				}
				r.clock.pass(time.Minute)
				r.Settle()
			}
			roll := r.must(200, "GET", "/v1/projects/shop/rolling-release", "")["rollingRelease"]
			sub, _ := at(roll, "substate").(string)
			if at(roll, "state") != c.state || sub != c.sub || r.serving() != base.ID {
				t.Fatalf("it is %v %q, and %s serves", at(roll, "state"), sub, r.serving())
			}
			p, _ := r.World.Project("shop")
			if gone := c.state == "ABORTED"; p.AutoAssign == gone {
				t.Errorf("new builds reach production by themselves: %t", p.AutoAssign)
			}
			r.clock.pass(time.Hour) // what is paused does not go on by the clock
			roll = r.must(200, "GET", "/v1/projects/shop/rolling-release", "")["rollingRelease"]
			if done := at(roll, "state") == "COMPLETE"; done != (c.state == "ACTIVE" && c.sub == "") {
				t.Errorf("an hour later it is %v", at(roll, "state"))
			}
		})
	}
}

func TestCustomEnvironments(t *testing.T) {
	t.Parallel()
	r := open(t)
	base := r.push("a1")
	r.must(201, "POST", "/v10/projects/shop/env", `{"key":"ALL","value":"1","type":"plain","target":["production"]}`)
	e := r.must(201, "POST", "/v9/projects/shop/custom-environments", `{"slug":"canary","copyEnvVarsFrom":"production",
		"branchMatcher":{"type":"startsWith","pattern":"canary/"}}`)
	id := e["id"].(string)
	r.must(400, "POST", "/v9/projects/shop/custom-environments", `{"slug":"production"}`)
	r.must(201, "POST", "/v10/projects/shop/env", `{"key":"OWN","value":"2","type":"sensitive",
		"customEnvironmentIds":["`+id+`"]}`)
	domain, err := r.AddDomain("shop")
	if err != nil {
		t.Fatal(err)
	}
	r.must(200, "PATCH", "/v9/projects/shop/domains/"+domain, `{"customEnvironmentId":"`+id+`"}`)
	r.must(200, "PATCH", "/v9/projects/shop/custom-environments/canary", `{"description":"for a few"}`)
	for _, make := range []func() string{
		func() string {
			return r.must(200, "POST", "/v13/deployments", `{"name":"shop","customEnvironmentSlugOrId":"canary","gitSource":
				{"type":"github","ref":"main","sha":"b2"}}`)["id"].(string)
		},
		func() string {
			d, err := r.Push("shop", "c3", "canary/next", "matched by its branch")
			if err != nil {
				t.Fatal(err)
			}
			return d.ID
		},
	} {
		made := make()
		d, _ := r.World.Deployment(made)
		told := r.must(200, "GET", "/v13/deployments/"+made, "")
		if d.Env["ALL"] != "1" || d.Env["OWN"] != "2" || at(told, "customEnvironment", "id") != id ||
			told["target"] != nil || told["aliasAssigned"] != true {
			t.Errorf("it was built with %v: %v", d.Env, told)
		}
		if got, _ := r.visit(http.DefaultClient, "http://"+domain+"/", "10.0.0.1"); got != made || r.serving() != base {
			t.Errorf("its domain is answered by %s, production by %s", got, r.serving())
		}
	}
	other, err := r.Push("shop", "d4", "feature", "not matched")
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := r.visit(http.DefaultClient, "http://"+domain+"/", "10.0.0.1"); got == other.ID || other.Env["OWN"] != "" {
		t.Errorf("another branch is in the environment: %+v", other)
	}
	r.must(404, "POST", "/v13/deployments", `{"name":"shop","customEnvironmentSlugOrId":"none"}`)
}

func TestDomainsThatDoNotFollow(t *testing.T) {
	t.Parallel()
	r := open(t)
	base := r.push("a1")
	second, err := r.AddDomain("shop")
	if err != nil {
		t.Fatal(err)
	}
	next := r.stage("b2")
	r.FailDomains("shop", second)
	r.must(201, "POST", "/v10/projects/shop/promote/"+next, "{}")
	p := r.must(200, "GET", "/v9/projects/shop?rollbackInfo=true", "")
	if at(p, "lastAliasRequest", "jobStatus") != "failed" {
		t.Errorf("the request is %v", p["lastAliasRequest"])
	}
	list := r.must(200, "GET", "/v9/projects/shop/promote/aliases?failedOnly=true", "")["aliases"].([]any)
	if len(list) != 1 || at(list[0], "alias") != second || at(list[0], "status") != "failed" {
		t.Errorf("what failed is %v", list)
	}
	if all := r.must(200, "GET", "/v9/projects/shop/promote/aliases", "")["aliases"].([]any); len(all) != 2 {
		t.Errorf("all are %v", all)
	}
	answers := func() (got []string) {
		for _, d := range []string{r.shop.Domains[0], second} {
			id, _ := r.visit(http.DefaultClient, "http://"+d+"/", "10.0.0.1")
			got = append(got, id)
		}
		return got
	}
	if got := answers(); !slices.Equal(got, []string{next, base}) {
		t.Errorf("the domains are answered by %v", got)
	}
	r.FailDomains("shop")
	r.must(201, "POST", "/v9/projects/shop/rollback/"+base, "{}")
	r.must(201, "POST", "/v10/projects/shop/promote/"+next, "{}")
	if got := answers(); !slices.Equal(got, []string{next, next}) {
		t.Errorf("healed, the domains are answered by %v", got)
	}
}
