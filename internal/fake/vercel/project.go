package vercel

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// project is an application on Vercel.
type project struct {
	id          string
	name        string
	created     int64
	updated     int64
	repo        string // owner/name; empty: no repository is connected
	repoID      int64
	branch      string // production's
	autoAssign  bool
	last        *aliasRequest
	target      *aliasRequest // of a rollback that is being carried out, and nil again afterwards
	description object
	boundary    int64
	maxAge      int64 // of skew protection in seconds; 0: off
	bypass      map[string]object
	protected   bool
	production  *deployment
	domains     []*domain
	failing     map[string]bool // domains that will not follow
	config      *rollingConfig
	releases    []*rolling
	variables   []*variable
	customs     []*custom
	checks      []*check
	runs        []*run
	flags       flagStore
	settings    object // what was set and means nothing here
}

// ProjectOrder says what a new project is like.
type ProjectOrder struct {
	Name       string
	ID         string // made when empty
	Repository string // owner/name
	Branch     string // production's; main when empty
	Protected  bool   // deployments demand the bypass; production's domains never do
	Domains    int    // of production, each with a listener of its own
	Skew       int64  // maximal age of skew protection in seconds; 0: off
}

// Project is a project as a test sees it.
type Project struct {
	ID         string
	Name       string
	Domains    []string // host and port
	Production string   // id of the deployment that production's domains point at
	AutoAssign bool
}

// AddProject makes a project. The world must have been started.
func (w *World) AddProject(o ProjectOrder) (Project, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.newProject(o.Name)
	if o.ID != "" {
		p.id = o.ID
	}
	if o.Branch != "" {
		p.branch = o.Branch
	}
	p.repo, p.protected, p.maxAge = o.Repository, o.Protected, o.Skew
	for range o.Domains {
		if _, err := w.newDomain(p, ""); err != nil {
			return Project{}, err
		}
	}
	return p.view(), nil
}

func (w *World) newProject(name string) *project {
	p := &project{id: w.id("prj_"), name: name, created: w.stamp(), branch: "main", repoID: 4711, autoAssign: true,
		bypass: map[string]object{}, failing: map[string]bool{}, settings: object{}}
	p.updated = p.created
	w.projects = append(w.projects, p)
	return p
}

// Project returns a project as it is now.
func (w *World) Project(idOrName string) (Project, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.settle()
	p := w.project(idOrName)
	if p == nil {
		return Project{}, false
	}
	return p.view(), true
}

func (p *project) view() Project {
	v := Project{ID: p.id, Name: p.name, AutoAssign: p.autoAssign}
	for _, d := range p.domains {
		if d.production() {
			v.Domains = append(v.Domains, d.name)
		}
	}
	if p.production != nil {
		v.Production = p.production.id
	}
	return v
}

func (w *World) project(idOrName string) *project {
	for _, p := range w.projects {
		if p.id == idOrName || p.name == idOrName {
			return p
		}
	}
	return nil
}

// onProject answers for the project that the path names.
func onProject(do func(*call, *project) reply) func(*call) reply {
	return func(c *call) reply {
		p := c.w.project(c.PathValue("project"))
		if p == nil {
			return missing("Project", c.PathValue("project"))
		}
		return do(c, p)
	}
}

func projectRoutes() []route {
	return []route{
		{http.MethodGet, "9 10", "/projects", "Project: read", 0, (*call).listProjects},
		{http.MethodPost, "9 11", "/projects", "Project: create", 0, (*call).createProject},
		{http.MethodGet, "9 -", "/projects/{project}", "Project: read", 0, onProject((*call).getProject)},
		{http.MethodPatch, "9", "/projects/{project}", "Project: update", 0, onProject((*call).patchProject)},
		{http.MethodPatch, "1", "/projects/{project}/protection-bypass", "Project: protection bypass", 0,
			onProject((*call).patchBypass)},
	}
}

func (c *call) listProjects() reply {
	found, words := page(c, reversed(c.w.projects), func(p *project) int64 { return p.created })
	list := []any{}
	for _, p := range found {
		if s := c.query.Get("search"); s == "" || strings.Contains(p.name, s) {
			list = append(list, c.w.projectBody(p, false))
		}
	}
	return ok(object{"projects": list, "pagination": words})
}

func (c *call) createProject() reply {
	var in struct {
		Name string `json:"name"`
	}
	if bad := c.decode(&in); bad != nil {
		return *bad
	}
	switch {
	case in.Name == "":
		return refuse(http.StatusBadRequest, "bad_request", "`name` is missing.")
	case c.w.project(in.Name) != nil:
		return refuse(http.StatusConflict, "conflict", "Project %q already exists.", in.Name)
	}
	return ok(c.w.projectBody(c.w.newProject(in.Name), false))
}

func (c *call) getProject(p *project) reply {
	b := c.w.projectBody(p, c.query.Get("rollbackInfo") == "true")
	b["permissions"] = c.token.permissions()
	return ok(b)
}

func (c *call) patchProject(p *project) reply {
	in := object{}
	if bad := c.decode(&in); bad != nil {
		return *bad
	}
	for k, v := range in {
		switch v := v.(type) {
		case bool:
			if k == "autoAssignCustomDomains" {
				p.autoAssign = v
			}
		case float64:
			switch k {
			case "skewProtectionBoundaryAt":
				p.boundary = int64(v)
			case "skewProtectionMaxAge":
				p.maxAge = int64(v)
			}
		case string:
			if k == "name" {
				p.name = v
			}
		}
		if k == "ssoProtection" || k == "passwordProtection" {
			p.protected = v != nil
		}
		p.settings[k] = v
	}
	p.updated = c.w.stamp()
	return ok(c.w.projectBody(p, false))
}

func (c *call) patchBypass(p *project) reply {
	var in struct {
		Generate *struct {
			Note   string `json:"note"`
			Secret string `json:"secret"`
		} `json:"generate"`
		Revoke *struct {
			Secret     string `json:"secret"`
			Regenerate bool   `json:"regenerate"`
		} `json:"revoke"`
		Update *struct {
			Secret   string `json:"secret"`
			IsEnvVar *bool  `json:"isEnvVar"`
			Note     string `json:"note"`
		} `json:"update"`
	}
	if bad := c.decode(&in); bad != nil {
		return *bad
	}
	again := in.Generate != nil
	if in.Revoke != nil {
		if p.bypass[in.Revoke.Secret] == nil {
			return missing("Secret", "of the bypass")
		}
		delete(p.bypass, in.Revoke.Secret)
		again = again || in.Revoke.Regenerate
	}
	if again {
		secret, note := c.w.id("")[:24]+"bypass12", ""
		if in.Generate != nil {
			note = in.Generate.Note
			if in.Generate.Secret != "" {
				secret = in.Generate.Secret
			}
		}
		p.bypass[secret] = object{"scope": "automation-bypass", "createdAt": c.w.now(), "createdBy": UserID,
			"isEnvVar": len(p.bypass) == 0, "note": note}
	}
	if in.Update != nil && p.bypass[in.Update.Secret] != nil {
		if in.Update.IsEnvVar != nil {
			p.bypass[in.Update.Secret]["isEnvVar"] = *in.Update.IsEnvVar
		}
		p.bypass[in.Update.Secret]["note"] = in.Update.Note
	}
	return ok(object{"protectionBypass": maps.Clone(p.bypass)})
}

func (w *World) projectBody(p *project, rollback bool) object {
	b := object{}
	maps.Copy(b, p.settings)
	maps.Copy(b, object{
		"id": p.id, "name": p.name, "accountId": TeamID, "createdAt": p.created, "updatedAt": p.updated,
		"autoAssignCustomDomains": p.autoAssign, "autoAssignCustomDomainsUpdatedBy": "system",
		"framework": "nextjs", "nodeVersion": "22.x", "directoryListing": false, "live": false,
		"defaultResourceConfig": object{"functionDefaultRegions": []string{"iad1"}},
		"resourceConfig":        object{"functionDefaultRegions": []string{"iad1"}},
		"deploymentExpiration":  object{}, "alias": w.productionAliases(p), "latestDeployments": []any{},
		"protectionBypass": maps.Clone(p.bypass), "rollingRelease": nil, "targets": object{},
	})
	if p.repo != "" {
		org, repo, _ := strings.Cut(p.repo, "/")
		b["link"] = object{"type": "github", "repo": repo, "repoId": p.repoID, "org": org, "repoOwnerId": 1,
			"productionBranch": p.branch, "deployHooks": []any{}, "gitCredentialId": "cred_1", "createdAt": p.created,
			"updatedAt": p.created, "sourceless": true}
	}
	if p.boundary != 0 {
		b["skewProtectionBoundaryAt"] = p.boundary
	}
	if p.protected && b["ssoProtection"] == nil && b["passwordProtection"] == nil {
		b["ssoProtection"] = object{"deploymentType": "all"}
	}
	if p.maxAge != 0 {
		b["skewProtectionMaxAge"] = p.maxAge
	}
	if p.config != nil {
		b["rollingRelease"] = p.config.body()
	}
	if d := p.production; d != nil {
		t := w.targetBody(d)
		t["alias"], t["type"] = p.view().Domains, "LAMBDAS"
		b["targets"] = object{"production": t}
	}
	if latest := w.latest(p); latest != nil {
		b["latestDeployments"] = []any{w.targetBody(latest)}
	}
	if rollback {
		b["lastAliasRequest"], b["lastRollbackTarget"] = p.last.body(), p.target.body()
		if p.description != nil {
			b["rollbackDescription"] = p.description
		}
	}
	return b
}

func (w *World) productionAliases(p *project) []any {
	list := []any{}
	for _, d := range p.domains {
		if !d.production() {
			continue
		}
		e := object{"domain": d.name, "environment": "production", "target": "PRODUCTION", "deployment": nil,
			"configuredBy": "A", "configuredChangedAt": p.created, "createdAt": p.created}
		if p.production != nil {
			e["deployment"] = w.targetBody(p.production)
		}
		list = append(list, e)
	}
	return list
}

// targetBody is a deployment as a project tells of it.
func (w *World) targetBody(d *deployment) object {
	b := w.deploymentBody(d)
	b["deploymentHostname"], b["private"] = d.url, false
	return b
}

func (w *World) latest(p *project) *deployment {
	i := slices.IndexFunc(reversed(w.deployments), func(d *deployment) bool { return d.project == p })
	if i < 0 {
		return nil
	}
	return w.deployments[len(w.deployments)-1-i]
}
