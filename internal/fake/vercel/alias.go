package vercel

import (
	"net/http"
	"slices"
	"strings"
)

// alias is a name that points at a deployment.
type alias struct {
	id         string
	name       string
	project    *project
	deployment *deployment
	created    int64
}

// domain is a name that a project has. Each has a listener of its own, if the world made it.
type domain struct {
	name     string // host and port, or a name that nobody can reach
	branch   string
	custom   string // id of a custom environment
	redirect string
	created  int64
}

func (d *domain) production() bool { return d.branch == "" && d.custom == "" }

// AddDomain gives a project another domain of production, and returns its host and port.
func (w *World) AddDomain(idOrName string) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	d, err := w.newDomain(w.project(idOrName), "")
	if err != nil {
		return "", err
	}
	return d.name, nil
}

// newDomain adds a domain to a project; without a name, one of loopback with a listener.
func (w *World) newDomain(p *project, name string) (*domain, error) {
	d := &domain{name: name, created: w.stamp()}
	if name == "" {
		address, err := w.listen(w.servesDomain(d))
		if err != nil {
			return nil, err
		}
		d.name = address
	}
	p.domains = append(p.domains, d)
	if p.production != nil {
		w.point(d.name, p.production)
	}
	return d, nil
}

// point has a name point at a deployment, and returns what it pointed at before.
func (w *World) point(name string, d *deployment) (*alias, *deployment) {
	var old *deployment
	if a := w.aliases[name]; a != nil {
		old = a.deployment
	}
	a := &alias{id: w.id("als_"), name: name, project: d.project, deployment: d, created: w.stamp()}
	w.aliases[name] = a
	return a, old
}

// pointBranch has the domains of a branch or a custom environment follow a preview.
func (w *World) pointBranch(d *deployment) {
	for _, dom := range d.project.domains {
		if dom.branch != "" && dom.branch == d.ref && d.custom == "" || dom.custom != "" && dom.custom == d.custom {
			w.point(dom.name, d)
		}
	}
}

func aliasRoutes() []route {
	const read, create = "Alias: read", "Alias: create"
	return []route{
		{http.MethodPost, "2", "/deployments/{deployment}/aliases", create, 120, onDeployment((*call).assignAlias)},
		{http.MethodPost, "-", "/now/deployments/{deployment}/aliases", create, 120, onDeployment((*call).assignAlias)},
		{http.MethodGet, "2", "/deployments/{deployment}/aliases", read, 500, onDeployment((*call).deploymentAliases)},
		{http.MethodGet, "4", "/aliases", read, 500, (*call).listAliases},
		{http.MethodGet, "4", "/aliases/{alias}", read, 500, (*call).getAlias},
		{http.MethodDelete, "2", "/aliases/{alias}", "Alias: delete", 0, (*call).dropAlias},
		{http.MethodGet, "5", "/domains/{domain}", "Domain: read", 0, (*call).accountDomain},
		{http.MethodGet, "9", "/projects/{project}/domains", "Project: read", 0, onProject((*call).listDomains)},
		{http.MethodPost, "9 10", "/projects/{project}/domains", "Project: update", 0, onProject((*call).addDomain)},
		{http.MethodGet, "9", "/projects/{project}/domains/{domain}", "Project: read", 0, onDomain((*call).getDomain)},
		{http.MethodPatch, "9", "/projects/{project}/domains/{domain}", "Project: update", 0,
			onDomain((*call).patchDomain)},
		{http.MethodDelete, "9", "/projects/{project}/domains/{domain}", "Project: update", 0,
			onDomain((*call).dropDomain)},
		{http.MethodPost, "9", "/projects/{project}/domains/{domain}/verify", "Project: update", 0,
			onDomain((*call).getDomain)},
	}
}

func (c *call) assignAlias(d *deployment) reply {
	var in struct {
		Alias string `json:"alias"`
	}
	if bad := c.decode(&in); bad != nil {
		return *bad
	}
	switch {
	case in.Alias == "":
		return refuse(http.StatusBadRequest, "bad_request", "`alias` is missing.")
	case d.state != ready:
		return refuse(http.StatusBadRequest, "deployment_not_ready", "The deployment is %s.", d.state)
	}
	a, old := c.w.point(in.Alias, d)
	b := object{"uid": a.id, "alias": a.name, "created": stampText(a.created)}
	if old != nil {
		b["oldDeploymentId"] = old.id
	}
	return ok(b)
}

func (w *World) aliasBody(a *alias) object {
	return object{"uid": a.id, "alias": a.name, "created": stampText(a.created), "createdAt": a.created,
		"deploymentId": a.deployment.id, "projectId": a.project.id, "redirect": nil,
		"deployment": object{"id": a.deployment.id, "url": a.deployment.url}}
}

func (c *call) deploymentAliases(d *deployment) reply {
	list := []any{}
	for _, name := range c.w.aliasesOf(d) {
		list = append(list, c.w.aliasBody(c.w.aliases[name]))
	}
	return ok(object{"aliases": list})
}

func (c *call) listAliases() reply {
	var all []*alias
	for _, a := range c.w.aliases {
		if id := c.query.Get("projectId"); id == "" || a.project.id == id {
			all = append(all, a)
		}
	}
	slices.SortFunc(all, func(a, b *alias) int { return int(b.created - a.created) })
	found, words := page(c, all, func(a *alias) int64 { return a.created })
	list := make([]any, len(found))
	for i, a := range found {
		list[i] = c.w.aliasBody(a)
	}
	return ok(object{"aliases": list, "pagination": words})
}

func (c *call) alias() *alias {
	name := c.PathValue("alias")
	for _, a := range c.w.aliases {
		if a.name == name || a.id == name {
			return a
		}
	}
	return nil
}

func (c *call) getAlias() reply {
	if a := c.alias(); a != nil {
		return ok(c.w.aliasBody(a))
	}
	return missing("Alias", c.PathValue("alias"))
}

func (c *call) dropAlias() reply {
	a := c.alias()
	if a == nil {
		return missing("Alias", c.PathValue("alias"))
	}
	delete(c.w.aliases, a.name)
	return ok(object{"status": "SUCCESS"})
}

// accountDomain is what the command line asks before it sets an alias. The account owns whatever it asks for.
func (c *call) accountDomain() reply {
	name := c.PathValue("domain")
	return ok(object{"domain": object{"id": "dom_" + name, "name": name, "verified": true, "serviceType": "external",
		"createdAt": 1700000000000, "expiresAt": nil, "boughtAt": nil, "transferredAt": nil, "nameservers": []any{},
		"intendedNameservers": []any{}, "creator": object{"id": UserID, "username": UserName, "email": "ada@example.com"},
		"userId": UserID, "teamId": TeamID, "renew": false}})
}

// onDomain answers for the project's domain that the path names.
func onDomain(do func(*call, *project, *domain) reply) func(*call) reply {
	return onProject(func(c *call, p *project) reply {
		i := slices.IndexFunc(p.domains, func(d *domain) bool { return d.name == c.PathValue("domain") })
		if i < 0 {
			return missing("Domain", c.PathValue("domain"))
		}
		return do(c, p, p.domains[i])
	})
}

func domainBody(p *project, d *domain) object {
	apex := d.name
	if parts := strings.Split(d.name, "."); len(parts) > 2 && !strings.Contains(d.name, ":") {
		apex = strings.Join(parts[len(parts)-2:], ".")
	}
	b := object{"name": d.name, "apexName": apex, "projectId": p.id, "verified": true, "redirect": nil,
		"redirectStatusCode": nil, "gitBranch": nil, "customEnvironmentId": nil, "createdAt": d.created,
		"updatedAt": d.created}
	for k, v := range map[string]string{"redirect": d.redirect, "gitBranch": d.branch, "customEnvironmentId": d.custom} {
		if v != "" {
			b[k] = v
		}
	}
	return b
}

func (c *call) listDomains(p *project) reply {
	list := []any{}
	for _, d := range p.domains {
		list = append(list, domainBody(p, d))
	}
	return ok(object{"domains": list, "pagination": object{"count": len(list), "next": nil, "prev": nil}})
}

func (c *call) getDomain(p *project, d *domain) reply { return ok(domainBody(p, d)) }

func (c *call) addDomain(p *project) reply {
	var in struct {
		Name string `json:"name"`
	}
	if bad := c.decode(&in); bad != nil {
		return *bad
	}
	if in.Name == "" || slices.ContainsFunc(p.domains, func(d *domain) bool { return d.name == in.Name }) {
		return refuse(http.StatusBadRequest, "bad_request", "The domain's name is missing or taken.")
	}
	d, err := c.w.newDomain(p, in.Name)
	if err != nil {
		return refuse(http.StatusInternalServerError, "internal_server_error", "%v", err)
	}
	return c.patchDomain(p, d)
}

func (c *call) patchDomain(p *project, d *domain) reply {
	var in struct {
		Branch   *string `json:"gitBranch"`
		Custom   *string `json:"customEnvironmentId"`
		Redirect *string `json:"redirect"`
	}
	if bad := c.decode(&in); bad != nil {
		return *bad
	}
	for at, v := range map[*string]*string{&d.branch: in.Branch, &d.custom: in.Custom, &d.redirect: in.Redirect} {
		if v != nil {
			*at = *v
		}
	}
	if !d.production() {
		delete(c.w.aliases, d.name)
	}
	return ok(domainBody(p, d))
}

func (c *call) dropDomain(p *project, d *domain) reply {
	p.domains = slices.DeleteFunc(p.domains, func(o *domain) bool { return o == d })
	delete(c.w.aliases, d.name)
	return ok(object{})
}
