package vercel

import (
	"net/http"
	"time"
)

// stage is a share of a rolling release. Duration is in minutes here, and in seconds in a state's answer.
type stage struct {
	Target   float64  `json:"targetPercentage"`
	Approval bool     `json:"requireApproval"`
	Duration *float64 `json:"duration"`
	Linear   bool     `json:"linearShift"`
}

type rollingConfig struct {
	Advancement string
	Stages      []stage
	Header      bool // canaryResponseHeader
	Gate        object
}

func (g *rollingConfig) body() object {
	stages := []any{}
	for _, s := range g.Stages {
		e := object{"targetPercentage": s.Target}
		if s.Approval {
			e["requireApproval"] = true
		}
		if s.Duration != nil {
			e["duration"] = *s.Duration
		}
		if s.Linear {
			e["linearShift"] = true
		}
		stages = append(stages, e)
	}
	b := object{"target": "production", "stages": stages, "canaryResponseHeader": g.Header}
	if g.Gate != nil {
		b["gate"] = g.Gate
	}
	return b
}

// rolling is a rolling release. It keeps the configuration that it began with.
type rolling struct {
	project      *project
	state        string // ACTIVE, COMPLETE or ABORTED
	paused       bool
	config       rollingConfig
	base, canary *deployment
	queued       *deployment
	index        int
	started      int64
	updated      int64
	entered      int64 // when the stage began
	salt         string
	by           string
	gate         gateCount
}

func (p *project) active() *rolling {
	if r := p.lastRolling(""); r != nil && r.state == "ACTIVE" {
		return r
	}
	return nil
}

func (p *project) lastRolling(state string) *rolling {
	for _, r := range reversed(p.releases) {
		if state == "" || r.state == state {
			return r
		}
	}
	return nil
}

func (r *rolling) automatic() bool { return r.config.Advancement == "automatic" }

// share is the percentage of visitors that the canary has now.
func (r *rolling) share(now int64) float64 {
	s := r.config.Stages[r.index]
	if !s.Linear || s.Duration == nil || *s.Duration <= 0 || r.index+1 >= len(r.config.Stages) || r.paused {
		return s.Target
	}
	// (unverified) A linear shift goes from the stage's share to the next one's while the stage lasts.
	part := min(1, float64(now-r.entered)/(*s.Duration*60000))
	return s.Target + (r.config.Stages[r.index+1].Target-s.Target)*part
}

func rollingRoutes() []route {
	const right, path = "Project: rolling release", "/projects/{project}/rolling-release"
	return []route{
		{http.MethodGet, "1", path, right, 0, onProject((*call).getRolling)},
		{http.MethodGet, "1", path + "/config", right, 0, onProject((*call).getRollingConfig)},
		{http.MethodPatch, "1", path + "/config", right, 100, onProject((*call).patchRollingConfig)},
		{http.MethodDelete, "1", path + "/config", right, 100, onProject((*call).dropRollingConfig)},
		{http.MethodGet, "1", path + "/billing", right, 0, onProject((*call).rollingBilling)},
		{http.MethodPost, "1", path + "/start", right, 100, onProject((*call).startRelease)},
		{http.MethodPost, "1", path + "/approve-stage", right, 100, onProject((*call).approveStage)},
		{http.MethodPost, "1", path + "/complete", right, 100, onProject((*call).completeRelease)},
	}
}

func (c *call) getRolling(p *project) reply {
	return ok(object{"rollingRelease": c.w.rollingBody(p.lastRolling(c.query.Get("state")))})
}

func (c *call) getRollingConfig(p *project) reply {
	if p.config == nil {
		return ok(object{"rollingRelease": nil})
	}
	return ok(object{"rollingRelease": p.config.body()})
}

func (c *call) patchRollingConfig(p *project) reply {
	var in struct {
		Enabled     *bool   `json:"enabled"`
		Advancement string  `json:"advancementType"`
		Stages      []stage `json:"stages"`
		Header      *bool   `json:"canaryResponseHeader"`
		Action      string  `json:"disableRolloutAction"`
		Gate        object  `json:"gate"`
	}
	if bad := c.decode(&in); bad != nil {
		return *bad
	}
	if in.Enabled != nil && !*in.Enabled {
		return c.disable(p, in.Action)
	}
	switch reason, _ := c.w.slots(p); reason {
	case "plan_not_supported", "no_available_slots":
		return refuse(http.StatusForbidden, reason, "The plan has no rolling release for this project.") // (unverified)
	}
	next := rollingConfig{Advancement: in.Advancement, Stages: in.Stages, Gate: in.Gate}
	if p.config != nil {
		next.Header = p.config.Header
		if next.Gate == nil {
			next.Gate = p.config.Gate
		}
		if next.Stages == nil {
			next.Stages = p.config.Stages
		}
	}
	if in.Header != nil {
		next.Header = *in.Header
	}
	if next.Advancement == "" {
		next.Advancement = "automatic"
	}
	if why := next.wrong(); why != "" {
		return refuse(http.StatusBadRequest, "bad_request", "%s", why)
	}
	p.config = &next
	if p.maxAge == 0 {
		p.maxAge = 86400 // enabling rolling releases switches skew protection on
	}
	return c.getRollingConfig(p)
}

func (g *rollingConfig) wrong() string {
	last := -1.0
	for i, s := range g.Stages {
		switch final := i == len(g.Stages)-1; {
		case s.Target < 0 || s.Target > 100 || s.Target <= last:
			return "Each stage must have a greater targetPercentage than the one before, from 0 to 100."
		case final && s.Target != 100:
			return "The last stage must have a targetPercentage of 100."
		case g.Advancement == "automatic" && !final && !s.Approval && (s.Duration == nil || *s.Duration <= 0):
			return "A stage that advances automatically needs a duration."
		}
		last = s.Target
	}
	if len(g.Stages) < 2 {
		return "At least two stages are needed."
	}
	if g.Advancement != "automatic" && g.Advancement != "manual-approval" {
		return "advancementType must be automatic or manual-approval."
	}
	return ""
}

func (c *call) disable(p *project, action string) reply {
	p.config = nil
	if r := p.active(); r != nil {
		if action == "complete" {
			c.w.completeRolling(r, c.token.user())
		} else {
			c.w.endRolling(r, "ABORTED")
			c.w.emitRolling("project.rolling-release.aborted", p, r, c.token.user())
		}
	}
	return ok(object{"rollingRelease": nil})
}

func (c *call) dropRollingConfig(p *project) reply { return c.disable(p, "abort") }

// slots says by the plan whether the project may have rolling releases. (unverified) Pro has one.
func (w *World) slots(p *project) (reason string, taken []string) {
	for _, o := range w.projects {
		if o.config != nil {
			taken = append(taken, o.id)
		}
	}
	switch {
	case w.o.Plan == Hobby:
		return "plan_not_supported", nil
	case w.o.Plan == Enterprise:
		return "unlimited_slots", taken
	case len(taken) > 0 && p.config == nil:
		return "no_available_slots", taken
	}
	return "available_slots", taken
}

func (c *call) rollingBilling(p *project) reply {
	reason, taken := c.w.slots(p)
	if taken == nil {
		taken = []string{}
	}
	b := object{"reason": reason, "message": "Rolling releases: " + reason, "availableSlots": 0,
		"enabledProjects": taken}
	switch reason {
	case "unlimited_slots":
		b["availableSlots"] = "unlimited"
	case "available_slots":
		b["availableSlots"] = 1 - len(taken)
	}
	return ok(b)
}

func (c *call) canaryOf() (string, *int, *int, *reply) {
	var in struct {
		Canary string `json:"canaryDeploymentId"`
		Active *int   `json:"activeStageIndex"`
		Next   *int   `json:"nextStageIndex"`
	}
	bad := c.decode(&in)
	return in.Canary, in.Active, in.Next, bad
}

func (c *call) startRelease(p *project) reply {
	id, _, _, bad := c.canaryOf()
	if bad != nil {
		return *bad
	}
	d := c.w.deployment(id)
	switch r := p.active(); {
	case d == nil || d.project != p:
		return missing("Deployment", id)
	case r != nil && r.canary == d:
		return ok(object{"rollingRelease": c.w.rollingBody(r)})
	case r != nil:
		return refuse(http.StatusConflict, "conflict", "Another rolling release is active.")
	case p.config == nil:
		return refuse(http.StatusBadRequest, "rolling_release_not_enabled", "Rolling releases are not enabled.")
	case p.production == nil:
		return refuse(http.StatusUnprocessableEntity, "no_base", "Production has no deployment to start from.")
	case p.production == d:
		return refuse(http.StatusConflict, "conflict", "The deployment is already the current production deployment.")
	case d.state != ready || d.target != production:
		return refuse(http.StatusUnprocessableEntity, "deployment_not_ready", "The deployment is no ready production build.")
	case c.w.blocked(d, "deployment-promotion"):
		return refuse(http.StatusUnprocessableEntity, "checks_blocking", // (unverified)
			"A check that blocks the promotion has not passed.")
	case p.last.open():
		return refuse(http.StatusConflict, "conflict", "Another promotion or rollback is in progress.")
	}
	return ok(object{"rollingRelease": c.w.rollingBody(c.w.startRolling(p, d, c.token.user()))})
}

func (w *World) startRolling(p *project, d *deployment, by string) *rolling {
	if r := p.active(); r != nil {
		r.queued = d
		return r
	}
	now := w.stamp()
	r := &rolling{project: p, state: "ACTIVE", config: *p.config, base: p.production, canary: d, started: now,
		updated: now, entered: w.now(), salt: w.id("rr_"), by: by}
	d.substate, d.aliased = "ROLLING", true
	p.releases = append(p.releases, r)
	w.emitRolling("project.rolling-release.started", p, r, r.by)
	return r
}

func (c *call) approveStage(p *project) reply {
	id, at, next, bad := c.canaryOf()
	if bad != nil {
		return *bad
	}
	r := p.active()
	switch {
	case r == nil:
		return refuse(http.StatusConflict, "rolling_release_not_active", "No rolling release is active.")
	case r.canary.id != id:
		return refuse(http.StatusConflict, "conflict", "Another deployment is the canary.")
	case next == nil:
		return refuse(http.StatusBadRequest, "bad_request", "nextStageIndex is missing.")
	case *next != r.index+1 || at != nil && *at != r.index:
		return refuse(http.StatusConflict, "stage_index_mismatch", "The active stage is %d.", r.index)
	}
	c.w.nextStage(r)
	c.w.emitRolling("project.rolling-release.approved", p, r, c.token.user())
	if r.state == "ACTIVE" && r.config.Stages[r.index].Target >= 100 {
		c.w.completeRolling(r, c.token.user())
	}
	return ok(object{"rollingRelease": c.w.rollingBody(r)})
}

func (w *World) nextStage(r *rolling) {
	r.index++
	r.paused = false
	r.updated = w.stamp()
	r.entered = w.now()
}

func (c *call) completeRelease(p *project) reply {
	id, _, _, bad := c.canaryOf()
	if bad != nil {
		return *bad
	}
	r := p.active()
	switch {
	case r == nil:
		return refuse(http.StatusConflict, "rolling_release_not_active", "No rolling release is active.")
	case r.canary.id != id:
		return refuse(http.StatusConflict, "conflict", "Another deployment is the canary.")
	}
	c.w.completeRolling(r, c.token.user())
	return ok(object{"rollingRelease": c.w.rollingBody(r)})
}

// completeRolling gives everybody the canary, and has a promotion that waited go on.
func (w *World) completeRolling(r *rolling, by string) {
	p := r.project
	r.index = len(r.config.Stages) - 1
	w.endRolling(r, "COMPLETE")
	p.autoAssign = true
	w.request(p, &aliasRequest{kind: "promote", to: r.canary, by: by})
	w.emitRolling("project.rolling-release.completed", p, r, by)
}

func (w *World) endRolling(r *rolling, state string) {
	r.state, r.paused, r.updated = state, false, w.stamp()
	if state == "ABORTED" {
		r.canary.substate = promoted // (unverified) some visitors saw it; its domains never pointed at it
	}
}

// settleRolling lets a rolling release go on by the clock, and starts one that waited.
func (w *World) settleRolling(p *project) {
	r := p.lastRolling("")
	if r == nil {
		return
	}
	if r.state == "ACTIVE" {
		w.settleGate(r)
	}
	for r.state == "ACTIVE" && r.automatic() && !r.paused {
		s := r.config.Stages[r.index]
		if s.Approval || s.Duration == nil {
			break
		}
		due := r.entered + int64(*s.Duration*float64(time.Minute.Milliseconds()))
		if w.now() < due {
			break
		}
		w.nextStage(r)
		r.entered = due
		if r.config.Stages[r.index].Target >= 100 {
			w.completeRolling(r, r.by)
		}
	}
	if q := r.queued; q != nil && r.state != "ACTIVE" && !p.last.open() {
		r.queued = nil
		if r.state == "COMPLETE" && q.state == ready && q != p.production {
			w.serveProduction(p, q, r.by, false)
		}
	}
}
