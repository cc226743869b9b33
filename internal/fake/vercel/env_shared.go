package vercel

import (
	"net/http"
	"slices"
	"strings"
)

// sharedBy returns the team's variables that a project is linked to.
func (w *World) sharedBy(p *project) []*variable {
	var out []*variable
	for _, v := range w.shared {
		if slices.Contains(v.projects, p.id) {
			out = append(out, v)
		}
	}
	return out
}

func (v *variable) sharedBody() object {
	b := v.body(false)
	b["created"], b["projectId"], b["securityIssues"] = stampText(v.created), v.projects, []any{}
	b["ownerId"] = TeamID
	return b
}

func (w *World) sharedAt(id string) int {
	return slices.IndexFunc(w.shared, func(v *variable) bool { return v.ID == id })
}

func (c *call) listShared() reply {
	found, words := page(c, reversed(c.w.shared), func(v *variable) int64 { return v.created })
	list := make([]any, len(found))
	for i, v := range found {
		list[i] = v.sharedBody()
	}
	return ok(object{"data": list, "pagination": words})
}

func (c *call) createShared() reply {
	var in struct {
		Evs []struct {
			Key     string `json:"key"`
			Value   string `json:"value"`
			Comment string `json:"comment"`
		} `json:"evs"`
		Type     string   `json:"type"`
		Target   []string `json:"target"`
		Projects []string `json:"projectId"`
	}
	if bad := c.decode(&in); bad != nil {
		return *bad
	}
	made, not := []any{}, []any{}
	for _, e := range in.Evs {
		v := &variable{Key: e.Key, Value: e.Value, Comment: e.Comment, Type: in.Type, Target: in.Target,
			projects: in.Projects, by: c.token.user()}
		if v.Type == "" {
			v.Type = "encrypted"
		}
		if code, why := v.wrong(); code != "" {
			not = append(not, failedEnv(code, why, v))
			continue
		}
		v.ID, v.created = c.w.id("env_"), c.w.stamp()
		v.updated = v.created
		c.w.shared = append(c.w.shared, v)
		made = append(made, v.sharedBody())
	}
	return created(object{"created": made, "failed": not})
}

func (c *call) editShared() reply {
	var in struct {
		Updates map[string]struct {
			Value    *string  `json:"value"`
			Target   []string `json:"target"`
			Projects []string `json:"projectId"`
		} `json:"updates"`
	}
	if bad := c.decode(&in); bad != nil {
		return *bad
	}
	changed, not := []any{}, []any{}
	for id, u := range in.Updates {
		i := c.w.sharedAt(id)
		if i < 0 {
			not = append(not, failedEnv("not_found", "There is no such variable.", &variable{ID: id}))
			continue
		}
		v := c.w.shared[i]
		if u.Value != nil {
			v.Value = *u.Value
		}
		if u.Target != nil {
			v.Target = u.Target
		}
		if u.Projects != nil {
			v.projects = u.Projects
		}
		v.updated = c.w.stamp()
		changed = append(changed, v.sharedBody())
	}
	return ok(object{"updated": changed, "failed": not})
}

func (c *call) dropShared() reply {
	var in struct {
		IDs []string `json:"ids"`
	}
	if bad := c.decode(&in); bad != nil {
		return *bad
	}
	gone, not := []string{}, []any{}
	for _, id := range in.IDs {
		if i := c.w.sharedAt(id); i >= 0 {
			c.w.shared = slices.Delete(c.w.shared, i, i+1)
			gone = append(gone, id)
		} else {
			not = append(not, failedEnv("not_found", "There is no such variable.", &variable{ID: id}))
		}
	}
	return ok(object{"deleted": gone, "failed": not})
}

func (c *call) getShared() reply {
	i := c.w.sharedAt(c.PathValue("env"))
	if i < 0 {
		return missing("Environment variable", c.PathValue("env"))
	}
	return ok(c.w.shared[i].sharedBody())
}

func (c *call) unlinkShared() reply {
	i := c.w.sharedAt(c.PathValue("env"))
	if i < 0 {
		return missing("Environment variable", c.PathValue("env"))
	}
	v := c.w.shared[i]
	v.projects = slices.DeleteFunc(slices.Clone(v.projects), func(p string) bool { return p == c.PathValue("project") })
	return ok(object{"id": v.ID})
}

// custom is a custom environment.
type custom struct {
	id          string
	slug        string
	description string
	matcher     object
	created     int64
	updated     int64
}

func (p *project) customEnvironment(slugOrID string) *custom {
	for _, e := range p.customs {
		if slugOrID != "" && (e.id == slugOrID || e.slug == slugOrID) {
			return e
		}
	}
	return nil
}

// matching is the custom environment that a branch's pushes are built for; nil: none.
func (p *project) matching(ref string) *custom {
	for _, e := range p.customs {
		pattern, _ := e.matcher["pattern"].(string)
		switch e.matcher["type"] {
		case "equals":
			if ref == pattern {
				return e
			}
		case "startsWith":
			if strings.HasPrefix(ref, pattern) {
				return e
			}
		case "endsWith":
			if strings.HasSuffix(ref, pattern) {
				return e
			}
		}
	}
	return nil
}

func customRoutes() []route {
	const path, read, write = "/projects/{project}/custom-environments", "Project: read", "Project: update"
	return []route{
		{http.MethodGet, "9 -", path, read, 0, onProject((*call).listCustoms)},
		{http.MethodPost, "9", path, write, 0, onProject((*call).createCustom)},
		{http.MethodGet, "9", path + "/{custom}", read, 0, onCustom((*call).getCustom)},
		{http.MethodPatch, "9", path + "/{custom}", write, 0, onCustom((*call).editCustom)},
		{http.MethodDelete, "9", path + "/{custom}", write, 0, onCustom((*call).dropCustom)},
	}
}

func onCustom(do func(*call, *project, *custom) reply) func(*call) reply {
	return onProject(func(c *call, p *project) reply {
		if e := p.customEnvironment(c.PathValue("custom")); e != nil {
			return do(c, p, e)
		}
		return missing("Custom environment", c.PathValue("custom"))
	})
}

func (w *World) customBody(p *project, e *custom) object {
	domains, current := []any{}, []string{}
	for _, d := range p.domains {
		if d.custom == e.id {
			domains = append(domains, domainBody(p, d))
			current = append(current, d.name)
		}
	}
	b := object{"id": e.id, "slug": e.slug, "type": preview, "description": e.description, "createdAt": e.created,
		"updatedAt": e.updated, "domains": domains, "currentDeploymentAliases": current}
	if e.matcher != nil {
		b["branchMatcher"] = e.matcher
	}
	return b
}

func (c *call) listCustoms(p *project) reply {
	list := []any{}
	for _, e := range p.customs {
		list = append(list, c.w.customBody(p, e))
	}
	return ok(object{"accountLimit": object{"total": 12}, "environments": list})
}

func (c *call) createCustom(p *project) reply {
	e := &custom{id: c.w.id("env_"), created: c.w.stamp()}
	var in struct {
		Copy string `json:"copyEnvVarsFrom"`
	}
	if bad := c.decode(&in); bad != nil {
		return *bad
	}
	out := c.editCustom(p, e)
	if out.status != http.StatusOK {
		return out
	}
	if e.slug == "" || slices.Contains([]string{production, preview, "development"}, e.slug) {
		return refuse(http.StatusBadRequest, "bad_request", "The slug is missing or taken.")
	}
	p.customs = append(p.customs, e)
	for _, v := range slices.Clone(p.variables) {
		if in.Copy != "" && slices.Contains(v.Target, in.Copy) {
			twin := *v
			twin.ID, twin.Target, twin.Customs = c.w.id("env_"), nil, []string{e.id}
			p.variables = append(p.variables, &twin)
		}
	}
	return created(c.w.customBody(p, e))
}

func (c *call) getCustom(p *project, e *custom) reply { return ok(c.w.customBody(p, e)) }

func (c *call) editCustom(p *project, e *custom) reply {
	var in struct {
		Slug        *string `json:"slug"`
		Description *string `json:"description"`
		Matcher     *object `json:"branchMatcher"`
	}
	in.Slug, in.Description, in.Matcher = &e.slug, &e.description, &e.matcher
	if bad := c.decode(&in); bad != nil {
		return *bad
	}
	e.updated = c.w.stamp()
	return ok(c.w.customBody(p, e))
}

func (c *call) dropCustom(p *project, e *custom) reply {
	b := c.w.customBody(p, e)
	p.customs = slices.DeleteFunc(p.customs, func(o *custom) bool { return o == e })
	return ok(b)
}
