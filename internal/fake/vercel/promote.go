package vercel

import (
	"net/http"
	"slices"
)

// aliasRequest is a promotion or a rollback, which takes its time.
type aliasRequest struct {
	kind        string // promote or rollback
	from        string
	to          *deployment
	rolling     string // canary of the rolling release that a rollback left
	requested   int64
	status      string // pending, in-progress, succeeded or failed
	aliases     []*aliasChange
	by          string
	description string
}

type aliasChange struct{ id, alias, status string }

func (a *aliasRequest) open() bool {
	return a != nil && (a.status == "pending" || a.status == "in-progress")
}

func (a *aliasRequest) body() any {
	if a == nil {
		return nil
	}
	b := object{"type": a.kind, "jobStatus": a.status, "fromDeploymentId": a.from, "toDeploymentId": a.to.id,
		"requestedAt": a.requested}
	if a.rolling != "" {
		b["fromRollingReleaseId"] = a.rolling
	}
	return b
}

func promoteRoutes() []route {
	const promotion, rollback = "Project: deployment promotion", "Project: deployment rollback"
	return []route{
		{http.MethodPost, "9 10", "/projects/{project}/promote/{deployment}", promotion, 500, onBoth((*call).promote)},
		{http.MethodPost, "1 9", "/projects/{project}/rollback/{deployment}", rollback, 500, onBoth((*call).rollback)},
		{http.MethodPatch, "1", "/projects/{project}/rollback/{deployment}/update-description", rollback, 0,
			onBoth((*call).describe)},
		{http.MethodGet, "1 9", "/projects/{project}/promote/aliases", "Project: read", 0,
			onProject(func(c *call, p *project) reply { return c.changes(p, "promote") })},
		{http.MethodGet, "1 9", "/projects/{project}/rollback/aliases", "Project: read", 0,
			onProject(func(c *call, p *project) reply { return c.changes(p, "rollback") })},
	}
}

// onBoth answers for the project and its deployment that the path names.
func onBoth(do func(*call, *project, *deployment) reply) func(*call) reply {
	return onProject(func(c *call, p *project) reply {
		d := c.w.deployment(c.PathValue("deployment"))
		if d == nil || d.project != p {
			return missing("Deployment", c.PathValue("deployment"))
		}
		return do(c, p, d)
	})
}

func (c *call) promote(p *project, d *deployment) reply {
	w := c.w
	switch r := p.active(); {
	case d.state != ready:
		return refuse(http.StatusUnprocessableEntity, "deployment_not_ready", "The deployment is %s.", d.state)
	case d.target != production:
		return refuse(http.StatusUnprocessableEntity, "not_production", // (unverified) the command line builds anew instead
			"Only deployments that were built for production can be promoted.")
	case w.blocked(d, "deployment-promotion"):
		return refuse(http.StatusUnprocessableEntity, "checks_blocking", // (unverified)
			"A check that blocks the promotion has not passed.")
	case r != nil && r.canary == d:
		w.completeRolling(r, c.token.user())
		return empty(http.StatusCreated)
	case r != nil:
		r.queued = d
		r.updated = w.stamp()
		return empty(http.StatusAccepted)
	case p.last.open():
		return refuse(http.StatusConflict, "conflict", "Another promotion or rollback is in progress.")
	case p.production == d:
		return refuse(http.StatusConflict, "conflict", "The deployment is already the current production deployment.")
	}
	w.serveProduction(p, d, c.token.user(), true)
	return empty(http.StatusCreated)
}

// serveProduction has production's domains point at a deployment: by a rolling release where the project has them.
func (w *World) serveProduction(p *project, d *deployment, by string, asked bool) {
	if p.config != nil && p.production != nil {
		if asked {
			p.autoAssign = true
		}
		w.startRolling(p, d, by)
		return
	}
	w.request(p, &aliasRequest{kind: "promote", to: d, by: by})
	if asked {
		p.autoAssign = true
	}
}

func (c *call) rollback(p *project, d *deployment) reply {
	w := c.w
	r := p.active()
	switch {
	case p.last.open():
		return refuse(http.StatusConflict, "conflict", "Another promotion or rollback is in progress.")
	case d.deleted():
		return refuse(http.StatusGone, "deployment_deleted", "The deployment was deleted.")
	case d.state != ready || d.servedAt == 0:
		return refuse(http.StatusUnprocessableEntity, "not_rollback_candidate",
			"The deployment never served production's domains.")
	case r == nil && p.production == d:
		return refuse(http.StatusConflict, "conflict", "The deployment is already the current production deployment.")
	case r == nil && w.o.Plan == Hobby && d != w.previous(p):
		return refuse(http.StatusPaymentRequired, "payment_required",
			"On the Hobby plan only the previous production deployment can be rolled back to.")
	}
	a := &aliasRequest{kind: "rollback", to: d, by: c.token.user(), description: c.query.Get("description")}
	if r != nil {
		a.rolling = r.canary.id
		w.endRolling(r, "ABORTED")
		w.emitRolling("project.rolling-release.aborted", p, r, a.by)
	}
	p.autoAssign = false
	p.target = a
	if a.description != "" {
		p.description = object{"description": a.description, "createdAt": w.now(), "userId": UserID,
			"username": a.by}
	}
	w.request(p, a)
	// Told when it is accepted, before any visitor is moved.
	w.emit("deployment.rollback", p, object{"project": object{"id": p.id}, "fromDeploymentId": a.from,
		"toDeploymentId": d.id, "user": object{"id": a.by}, "team": object{"id": TeamID}})
	return empty(http.StatusCreated)
}

func (c *call) describe(p *project, d *deployment) reply {
	var in struct {
		Description string `json:"description"`
	}
	if bad := c.decode(&in); bad != nil {
		return *bad
	}
	if p.last == nil || p.last.kind != "rollback" || p.last.to != d {
		return missing("Rollback to", d.id)
	}
	p.description = object{"description": in.Description, "createdAt": c.w.now(), "userId": UserID,
		"username": c.token.user()}
	return empty(http.StatusOK)
}

// previous is the deployment that served production before the one that does.
func (w *World) previous(p *project) *deployment {
	var best *deployment
	for _, d := range w.deployments {
		if d.project == p && d != p.production && d.servedAt != 0 && (best == nil || d.servedAt > best.servedAt) {
			best = d
		}
	}
	return best
}

// candidate reports whether the plan lets a rollback go to the deployment.
func (w *World) candidate(d *deployment) bool {
	return d.state == ready && d.servedAt != 0 && d != d.project.production &&
		(w.o.Plan != Hobby || d == w.previous(d.project))
}

func (w *World) request(p *project, a *aliasRequest) {
	a.status, a.requested = "pending", w.now()
	if p.production != nil {
		a.from = p.production.id
	}
	for _, d := range p.domains {
		if d.production() {
			a.aliases = append(a.aliases, &aliasChange{id: w.id("als_"), alias: d.name, status: "pending"})
		}
	}
	p.last = a
}

// FailDomains has domains not follow the next promotions and rollbacks; none heals them.
func (w *World) FailDomains(idOrName string, domains ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p := w.project(idOrName); p != nil {
		p.failing = map[string]bool{}
		for _, d := range domains {
			p.failing[d] = true
		}
	}
}

// settleAliases carries a promotion or a rollback on.
func (w *World) settleAliases(p *project) {
	a := p.last
	if !a.open() {
		return
	}
	passed, delay := w.now()-a.requested, w.o.AliasDelay.Milliseconds()
	if a.status == "pending" && passed*3 >= delay {
		a.status = "in-progress"
		for _, c := range a.aliases {
			c.status = "in-progress"
		}
	}
	if passed < delay {
		return
	}
	a.status = "succeeded"
	for _, c := range a.aliases {
		c.status = "completed"
		if p.failing[c.alias] {
			c.status, a.status = "failed", "failed"
			continue
		}
		w.aliases[c.alias] = &alias{id: c.id, name: c.alias, project: p, deployment: a.to, created: w.stamp()}
	}
	p.target = nil
	followed := func(c *aliasChange) bool { return c.status == "completed" }
	if len(a.aliases) > 0 && !slices.ContainsFunc(a.aliases, followed) {
		return
	}
	w.nowServes(p, a.to)
	if a.kind == "promote" {
		w.emitDeployment("deployment.promoted", a.to, a.by)
	}
}

func (w *World) nowServes(p *project, d *deployment) {
	p.production = d
	d.servedAt, d.aliased, d.substate = w.stamp(), true, promoted
	for _, dom := range p.domains {
		if a := w.aliases[dom.name]; dom.production() && a == nil {
			w.aliases[dom.name] = &alias{id: w.id("als_"), name: dom.name, project: p, deployment: d, created: w.stamp()}
		}
	}
}

// changes lists what became of each domain.
func (c *call) changes(p *project, kind string) reply {
	list := []any{}
	if p.last != nil && p.last.kind == kind {
		for _, a := range p.last.aliases {
			if c.query.Get("failedOnly") == "true" && a.status != "failed" {
				continue
			}
			// (unverified) The schema says a string here; the command line prints alias.alias, so expects an object.
			list = append(list, object{"id": a.id, "alias": a.alias, "status": a.status})
		}
	}
	return ok(object{"aliases": list, "pagination": object{"count": len(list), "next": nil, "prev": nil}})
}
