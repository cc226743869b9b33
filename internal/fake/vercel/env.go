package vercel

import (
	"encoding/json"
	"net/http"
	"slices"
)

// variable is an environment variable of a project, or one that a team's projects share.
type variable struct {
	ID         string   `json:"-"`
	Key        string   `json:"key"`
	Value      string   `json:"value"`
	Type       string   `json:"type"`
	Target     []string `json:"target"`
	Branch     string   `json:"gitBranch"`
	Customs    []string `json:"customEnvironmentIds"`
	Comment    string   `json:"comment"`
	Visibility string   `json:"visibility"`
	projects   []string // of a shared one
	created    int64
	updated    int64
	by         string
}

// newVariable also takes a single target, as the API does.
type newVariable struct {
	variable
	Targets json.RawMessage `json:"target"`
}

func (n *newVariable) read() variable {
	v := n.variable
	var one string
	if json.Unmarshal(n.Targets, &one) == nil && one != "" {
		v.Target = []string{one}
	} else {
		_ = json.Unmarshal(n.Targets, &v.Target)
	}
	if v.Type == "" {
		v.Type = "encrypted"
	}
	return v
}

func envRoutes() []route {
	const right = "Project: environment variables"
	return []route{
		{http.MethodGet, "8 9 10", "/projects/{project}/env", right, 500, onProject((*call).listEnv)},
		{http.MethodPost, "9 10", "/projects/{project}/env", right, 120, onProject((*call).createEnv)},
		{http.MethodGet, "1", "/projects/{project}/env/{env}", right, 500, onVariable((*call).getEnv)},
		{http.MethodPatch, "9 10", "/projects/{project}/env/{env}", right, 120, onVariable((*call).editEnv)},
		{http.MethodDelete, "9 10", "/projects/{project}/env/{env}", right, 60, onVariable((*call).dropEnv)},
		{http.MethodDelete, "1", "/projects/{project}/env", right, 60, onProject((*call).dropEnvs)},
		{http.MethodGet, "3", "/env/pull/{project}/{target}", right, 500, onProject((*call).pullEnv)},
		{http.MethodGet, "3", "/env/pull/{project}/{target}/{branch...}", right, 500, onProject((*call).pullEnv)},
		{http.MethodGet, "1", "/env", "Shared environment variables", 0, (*call).listShared},
		{http.MethodPost, "1", "/env", "Shared environment variables", 0, (*call).createShared},
		{http.MethodPatch, "1", "/env", "Shared environment variables", 0, (*call).editShared},
		{http.MethodDelete, "1", "/env", "Shared environment variables", 0, (*call).dropShared},
		{http.MethodGet, "1", "/env/{env}", "Shared environment variables", 0, (*call).getShared},
		{http.MethodPatch, "1", "/env/{env}/unlink/{project}", "Shared environment variables", 0, (*call).unlinkShared},
	}
}

func onVariable(do func(*call, *project, *variable) reply) func(*call) reply {
	return onProject(func(c *call, p *project) reply {
		i := slices.IndexFunc(p.variables, func(v *variable) bool { return v.ID == c.PathValue("env") })
		if i < 0 {
			return missing("Environment variable", c.PathValue("env"))
		}
		return do(c, p, p.variables[i])
	})
}

// body is a variable as the API gives it. A sensitive one's value is never given again.
func (v *variable) body(decrypt bool) object {
	b := object{"id": v.ID, "key": v.Key, "type": v.Type, "target": v.Target, "customEnvironmentIds": v.Customs,
		"createdAt": v.created, "updatedAt": v.updated, "createdBy": UserID, "updatedBy": UserID, "securityIssues": []any{},
		"configurationId": nil, "comment": v.Comment, "decrypted": decrypt && v.Type != "sensitive", "value": "",
		"system": false, "lastEditedByDisplayName": v.by}
	if v.Target == nil {
		b["target"] = []string{}
	}
	if v.Customs == nil {
		b["customEnvironmentIds"] = []string{}
	}
	if v.Branch != "" {
		b["gitBranch"] = v.Branch
	}
	switch {
	case v.Type == "sensitive":
		b["visibility"] = "secret"
	case decrypt || v.Type == "plain" || v.Type == "system":
		b["value"] = v.Value
	default:
		b["value"] = "encrypted:" + sign([]byte(v.Value), v.ID)
	}
	return b
}

func (c *call) listEnv(p *project) reply {
	q, list := c.query, []any{}
	for _, v := range p.variables {
		in := func(name string, have []string) bool { return q.Get(name) == "" || slices.Contains(have, q.Get(name)) }
		customs := v.Customs
		if e := p.customEnvironment(q.Get("customEnvironmentSlug")); e != nil && slices.Contains(customs, e.id) {
			customs = append(slices.Clone(customs), e.slug)
		}
		if in("target", v.Target) && in("customEnvironmentId", customs) && in("customEnvironmentSlug", customs) &&
			(q.Get("gitBranch") == "" || v.Branch == "" || v.Branch == q.Get("gitBranch")) {
			list = append(list, v.body(q.Get("decrypt") == "true"))
		}
	}
	return ok(object{"envs": list, "pagination": object{"count": len(list), "next": nil, "prev": nil}})
}

func (c *call) createEnv(p *project) reply {
	var in []newVariable
	single := len(c.body) > 0 && c.body[0] == '{'
	body := c.body
	if single {
		body = slices.Concat([]byte("["), body, []byte("]"))
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return refuse(http.StatusBadRequest, "bad_request", "Invalid request: %v.", err)
	}
	made, not := []any{}, []any{}
	for i := range in {
		v := in[i].read()
		have := p.same(&v)
		if code, why := v.wrong(); code != "" {
			not = append(not, failedEnv(code, why, &v))
		} else if have != nil && c.query.Get("upsert") != "true" {
			v.ID = have.ID
			not = append(not, failedEnv("ENV_CONFLICT", "A variable with this key exists for the target.", &v))
		} else if have != nil && have.Type == "sensitive" && v.Type != "sensitive" {
			v.ID = have.ID
			not = append(not, failedEnv("ENV_SENSITIVE", "A sensitive variable can't be made readable.", &v))
		} else {
			made = append(made, c.putEnv(p, have, v).body(true))
		}
	}
	var out any = made
	if single && len(made) == 1 {
		out = made[0]
	}
	return created(object{"created": out, "failed": not}) // 201 even where some, or all, have failed
}

func (c *call) putEnv(p *project, have *variable, v variable) *variable {
	kind := "project.env-variable.updated"
	v.updated, v.by = c.w.stamp(), c.token.user()
	if have == nil {
		kind = "project.env-variable.created"
		v.ID, v.created = c.w.id("env_"), v.updated
		have = &variable{}
		p.variables = append(p.variables, have)
	} else {
		v.ID, v.created = have.ID, have.created
	}
	*have = v
	c.emitEnv(kind, p, have)
	return have
}

func (c *call) emitEnv(kind string, p *project, v *variable) {
	c.w.emit(kind, p, object{"project": object{"id": p.id, "name": p.name}, "team": object{"id": TeamID},
		"user": object{"id": c.token.user()}, "environmentVariable": object{"id": v.ID, "key": v.Key, "type": v.Type,
			"target": v.Target}})
}

// same is the variable that has the key for one of the same targets.
func (p *project) same(v *variable) *variable {
	for _, o := range p.variables {
		meets := func(a, b []string) bool {
			return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
		}
		if o.Key == v.Key && o.Branch == v.Branch && (meets(o.Target, v.Target) || meets(o.Customs, v.Customs)) {
			return o
		}
	}
	return nil
}

func (v *variable) wrong() (code, why string) {
	switch {
	case v.Key == "":
		return "BAD_REQUEST", "The key is missing."
	case len(v.Target) == 0 && len(v.Customs) == 0:
		return "BAD_REQUEST", "One of target and customEnvironmentIds is needed."
	case v.Branch != "" && !slices.Equal(v.Target, []string{preview}):
		return "BAD_REQUEST", "gitBranch can only be set for preview."
	case v.Type == "sensitive" && slices.Contains(v.Target, "development"):
		return "BAD_REQUEST", "A sensitive variable can't be for development."
	case !slices.Contains([]string{"system", "encrypted", "plain", "sensitive"}, v.Type):
		return "BAD_REQUEST", "The type is unknown."
	}
	return "", ""
}

func failedEnv(code, why string, v *variable) object {
	e := object{"code": code, "message": why, "key": v.Key, "target": v.Target, "value": v.Value}
	if v.ID != "" {
		e["envVarId"], e["envVarKey"] = v.ID, v.Key
	}
	if v.Type == "sensitive" || v.Target == nil {
		delete(e, "value")
		delete(e, "target")
	}
	return object{"error": e}
}

func (c *call) getEnv(_ *project, v *variable) reply { return ok(v.body(true)) }

func (c *call) editEnv(p *project, have *variable) reply {
	in := newVariable{variable: *have}
	if bad := c.decode(&in); bad != nil {
		return *bad
	}
	next := in.variable
	if len(in.Targets) > 0 {
		next.Target = in.read().Target
	}
	if code, why := next.wrong(); code != "" {
		return refuse(http.StatusBadRequest, code, "%s", why)
	}
	return ok(c.putEnv(p, have, next).body(true))
}

func (c *call) dropEnv(p *project, v *variable) reply {
	p.variables = slices.DeleteFunc(p.variables, func(o *variable) bool { return o == v })
	c.emitEnv("project.env-variable.deleted", p, v)
	return ok(v.body(false))
}

func (c *call) dropEnvs(p *project) reply {
	var in struct {
		IDs []string `json:"ids"`
	}
	if bad := c.decode(&in); bad != nil {
		return *bad
	}
	n := 0
	for _, v := range slices.Clone(p.variables) {
		if slices.Contains(in.IDs, v.ID) {
			c.dropEnv(p, v)
			n++
		}
	}
	return ok(object{"deleted": n, "ids": in.IDs})
}

func (c *call) pullEnv(p *project) reply {
	env := object{}
	for _, v := range slices.Concat(c.w.sharedBy(p), p.variables) {
		if slices.Contains(v.Target, c.PathValue("target")) && (v.Branch == "" || v.Branch == c.PathValue("branch")) {
			env[v.Key] = v.Value
			if v.Type == "sensitive" {
				env[v.Key] = ""
			}
		}
	}
	return ok(object{"env": env, "buildEnv": object{}})
}

// environmentOf is what a build is given: values are bound here, and a later change needs another deployment.
func (w *World) environmentOf(d *deployment) map[string]string {
	env := map[string]string{"VERCEL": "1", "VERCEL_ENV": d.environment(), "VERCEL_DEPLOYMENT_ID": d.id,
		"VERCEL_URL": d.url}
	if d.project.maxAge > 0 {
		env["VERCEL_SKEW_PROTECTION_ENABLED"] = "1"
	}
	for secret, b := range d.project.bypass {
		if b["isEnvVar"] == true {
			env["VERCEL_AUTOMATION_BYPASS_SECRET"] = secret
		}
	}
	for _, ofBranch := range []bool{false, true} {
		for _, v := range slices.Concat(w.sharedBy(d.project), d.project.variables) {
			fits := d.custom == "" && slices.Contains(v.Target, d.environment()) ||
				d.custom != "" && slices.Contains(v.Customs, d.custom)
			if fits && (v.Branch != "") == ofBranch && (v.Branch == "" || v.Branch == d.ref) {
				env[v.Key] = v.Value
			}
		}
	}
	return env
}
