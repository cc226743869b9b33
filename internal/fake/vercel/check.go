package vercel

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
)

// check is what each of a project's deployments has to pass.
type check struct {
	id            string
	name          string
	requires      string // none, build-ready or deployment-url
	blocks        string // none, build-start, deployment-start, deployment-alias or deployment-promotion
	targets       []string
	source        object
	timeout       int64 // seconds
	rerequestable bool
	created       int64
	updated       int64
}

// run is a check of one deployment.
type run struct {
	id         string
	check      check // as it was when the run began
	deployment *deployment
	status     string // queued, running or completed
	conclusion string
	text       string
	extra      object
	created    int64
	updated    int64
	completed  int64
}

func checkRoutes() []route {
	const ofProject, ofDeployment = "Project: checks", "Deployment: checks"
	const runs = "/deployments/{deployment}/check-runs"
	return []route{
		{http.MethodGet, "2", "/projects/{project}/checks", ofProject, 0, onProject((*call).listChecks)},
		{http.MethodPost, "2", "/projects/{project}/checks", ofProject, 0, onProject((*call).createCheck)},
		{http.MethodGet, "2", "/projects/{project}/checks/{check}", ofProject, 0, onCheck((*call).getCheck)},
		{http.MethodPatch, "2", "/projects/{project}/checks/{check}", ofProject, 0, onCheck((*call).editCheck)},
		{http.MethodDelete, "2", "/projects/{project}/checks/{check}", ofProject, 0, onCheck((*call).dropCheck)},
		{http.MethodGet, "2", "/projects/{project}/checks/{check}/runs", ofProject, 500, onCheck((*call).runsOfCheck)},
		{http.MethodGet, "2", runs, ofDeployment, 500, onDeployment((*call).listRuns)},
		{http.MethodPost, "2", runs, ofDeployment, 0, onDeployment((*call).createRun)},
		{http.MethodGet, "2", runs + "/{run}", ofDeployment, 500, onRun(func(c *call, r *run) reply { return ok(r.body()) })},
		{http.MethodPatch, "2", runs + "/{run}", ofDeployment, 0, onRun((*call).editRun)},
	}
}

func onCheck(do func(*call, *project, *check) reply) func(*call) reply {
	return onProject(func(c *call, p *project) reply {
		for _, k := range p.checks {
			if k.id == c.PathValue("check") {
				return do(c, p, k)
			}
		}
		return missing("Check", c.PathValue("check"))
	})
}

func onRun(do func(*call, *run) reply) func(*call) reply {
	return onDeployment(func(c *call, d *deployment) reply {
		for _, r := range d.project.runs {
			if r.id == c.PathValue("run") && r.deployment == d {
				return do(c, r)
			}
		}
		return missing("Check run", c.PathValue("run"))
	})
}

func (k *check) body(p *project) object {
	return object{"id": k.id, "name": k.name, "ownerId": TeamID, "projectId": p.id, "requires": k.requires,
		"blocks": k.blocks, "targets": k.targets, "source": k.source, "sourceKind": k.source["kind"],
		"timeout": k.timeout, "isRerequestable": k.rerequestable, "createdAt": k.created, "updatedAt": k.updated}
}

func (c *call) listChecks(p *project) reply {
	list := []any{}
	for _, k := range p.checks {
		if b := c.query.Get("blocks"); b == "" || b == k.blocks {
			list = append(list, k.body(p))
		}
	}
	return ok(object{"checks": list})
}

func (c *call) createCheck(p *project) reply {
	k := &check{id: c.w.id("chk_"), requires: "deployment-url", blocks: "deployment-alias", timeout: 300,
		source: object{"kind": "webhook"}, targets: []string{production}, created: c.w.stamp()}
	out := c.editCheck(p, k)
	if out.status == http.StatusOK {
		p.checks = append(p.checks, k)
	}
	return out
}

func (c *call) getCheck(p *project, k *check) reply { return ok(k.body(p)) }

func (c *call) editCheck(p *project, k *check) reply {
	var in struct {
		Name     string   `json:"name"`
		Requires string   `json:"requires"`
		Blocks   string   `json:"blocks"`
		Targets  []string `json:"targets"`
		Source   object   `json:"source"`
		Timeout  int64    `json:"timeout"`
		Again    *bool    `json:"isRerequestable"`
	}
	if bad := c.decode(&in); bad != nil {
		return *bad
	}
	next := *k
	next.name, next.requires = cmp.Or(in.Name, k.name), cmp.Or(in.Requires, k.requires)
	next.blocks, next.timeout = cmp.Or(in.Blocks, k.blocks), cmp.Or(in.Timeout, k.timeout)
	if in.Targets != nil {
		next.targets = in.Targets
	}
	if in.Source != nil {
		next.source = in.Source
	}
	if in.Again != nil {
		next.rerequestable = *in.Again
	}
	blocks := []string{"none", "build-start", "deployment-start", "deployment-alias", "deployment-promotion"}
	if next.name == "" || !slices.Contains([]string{"none", "build-ready", "deployment-url"}, next.requires) ||
		!slices.Contains(blocks, next.blocks) {
		return refuse(http.StatusBadRequest, "bad_request", "The name, requires or blocks is wrong.")
	}
	next.updated = c.w.stamp()
	*k = next
	return ok(k.body(p))
}

func (c *call) dropCheck(p *project, k *check) reply {
	p.checks = slices.DeleteFunc(p.checks, func(o *check) bool { return o == k })
	p.runs = slices.DeleteFunc(p.runs, func(r *run) bool { return r.check.id == k.id && r.status != "completed" })
	return ok(object{"success": true})
}

func (r *run) body() object {
	b := object{"id": r.id, "checkId": r.check.id, "name": r.check.name, "deploymentId": r.deployment.id,
		"projectId": r.deployment.project.id, "ownerId": TeamID, "requires": r.check.requires, "blocks": r.check.blocks,
		"targets": r.check.targets, "source": r.check.source, "timeout": r.check.timeout, "status": r.status,
		"createdAt": r.created, "updatedAt": r.updated}
	maps.Copy(b, r.extra)
	if r.conclusion != "" {
		b["conclusion"], b["completedAt"] = r.conclusion, r.completed
	}
	if r.text != "" {
		b["conclusionText"] = r.text
	}
	return b
}

func bodies(runs []*run, want func(*run) bool) reply {
	list := []any{}
	for _, r := range runs {
		if want(r) {
			list = append(list, r.body())
		}
	}
	return ok(object{"runs": list})
}

func (c *call) runsOfCheck(p *project, k *check) reply {
	return bodies(p.runs, func(r *run) bool { return r.check.id == k.id })
}

func (c *call) listRuns(d *deployment) reply {
	return bodies(d.project.runs, func(r *run) bool { return r.deployment == d })
}

func (c *call) createRun(d *deployment) reply {
	var in struct {
		Check string `json:"checkId"`
	}
	if bad := c.decode(&in); bad != nil {
		return *bad
	}
	for _, k := range d.project.checks {
		if k.id == in.Check {
			return ok(c.w.newRun(d, k).body())
		}
	}
	return missing("Check", in.Check)
}

func (c *call) editRun(r *run) reply {
	var in struct {
		Status     string `json:"status"`
		Conclusion string `json:"conclusion"`
		Text       string `json:"conclusionText"`
	}
	extra := object{}
	for _, into := range []any{&in, &extra} {
		if bad := c.decode(into); bad != nil {
			return *bad
		}
	}
	known := []string{"", "succeeded", "failed", "neutral", "skipped", "canceled", "timeout"}
	switch {
	case r.status == "completed":
		return refuse(http.StatusConflict, "conflict", "The run has ended.") // (unverified)
	case !slices.Contains([]string{"", "queued", "running", "completed"}, in.Status),
		!slices.Contains(known, in.Conclusion), in.Status == "completed" && in.Conclusion == "":
		return refuse(http.StatusBadRequest, "bad_request", "The status or the conclusion is wrong.")
	}
	r.extra = object{}
	for _, k := range []string{"externalId", "externalUrl", "output"} {
		if v, found := extra[k]; found {
			r.extra[k] = v
		}
	}
	r.status, r.text, r.updated = cmp.Or(in.Status, r.status), in.Text, c.w.stamp()
	if r.status == "completed" {
		c.w.conclude(r, in.Conclusion)
	}
	return ok(r.body())
}

func (w *World) newRun(d *deployment, k *check) *run {
	r := &run{id: w.id("run_"), check: *k, deployment: d, status: "queued", created: w.now()}
	r.updated = w.stamp()
	d.project.runs = append(d.project.runs, r)
	w.emit("deployment.checkrun.start", d.project, object{"checkRun": object{"id": r.id, "checkId": k.id},
		"deployment": object{"id": d.id, "url": d.url, "name": d.project.name, "meta": d.metaBody()},
		"project":    object{"id": d.project.id}, "team": object{"id": TeamID}, "target": d.target})
	return r
}

func (w *World) conclude(r *run, conclusion string) {
	r.status, r.conclusion, r.completed = "completed", conclusion, w.stamp()
	switch _, all := w.checksOf(r.deployment); all {
	case "succeeded":
		w.emitDeployment("deployment.checks.succeeded", r.deployment, UserName)
		w.emitDeployment("deployment.succeeded", r.deployment, UserName)
	case "failed":
		w.emitDeployment("deployment.checks.failed", r.deployment, UserName)
	}
}

// registerChecks begins those runs that wait for nothing.
func (w *World) registerChecks(d *deployment) { w.begins(d, "none") }

// startRuns begins those that wait for the build or its address.
func (w *World) startRuns(d *deployment) { w.begins(d, "build-ready", "deployment-url") }

func (w *World) begins(d *deployment, requires ...string) {
	for _, k := range d.project.checks {
		if slices.Contains(requires, k.requires) && slices.Contains(k.targets, d.environment()) {
			w.newRun(d, k)
		}
	}
}

// settleChecks ends runs that took too long.
func (w *World) settleChecks(p *project) {
	for _, r := range p.runs {
		if r.status != "completed" && w.now()-r.created >= r.check.timeout*1000 {
			w.conclude(r, "timeout")
		}
	}
}

// blocked reports whether a check stands in the way.
func (w *World) blocked(d *deployment, what string) bool {
	for _, r := range d.project.runs {
		if r.deployment == d && r.check.blocks == what &&
			!slices.Contains([]string{"succeeded", "neutral", "skipped"}, r.conclusion) {
			return true
		}
	}
	return what == "deployment-alias" && slices.ContainsFunc(d.checks, func(k *checkV1) bool {
		return k.Blocking && !slices.Contains([]string{"succeeded", "neutral", "skipped"}, k.Conclusion)
	})
}

// checksOf sums up a deployment's checks, of both generations.
func (w *World) checksOf(d *deployment) (state, conclusion string) {
	var status, ends []string
	for _, r := range d.project.runs {
		if r.deployment == d {
			status, ends = append(status, r.status), append(ends, r.conclusion)
		}
	}
	for _, k := range d.checks {
		status, ends = append(status, k.Status), append(ends, k.Conclusion)
	}
	done := func(s string) bool { return s == "completed" }
	switch {
	case len(status) == 0:
		return "", ""
	case !slices.ContainsFunc(status, func(s string) bool { return s == "running" || done(s) }):
		return "registered", ""
	case slices.ContainsFunc(status, func(s string) bool { return !done(s) }):
		return "running", ""
	case slices.Contains(ends, "failed") || slices.Contains(ends, "timeout"):
		return "completed", "failed"
	case slices.Contains(ends, "canceled"):
		return "completed", "canceled"
	}
	return "completed", "succeeded"
}
