package vercel

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
)

// flagStore is what a project has of Vercel Flags.
type flagStore struct {
	flags    []*flag
	segments []*segment
	keys     []object
	settings object
	seen     map[string][]string // by deployment, the flags that its code declares
}

// flag is a flag with its history.
type flag struct {
	slug     string
	body     object
	revision int
	versions []object
}

type segment struct {
	slug string
	body object
}

func flagRoutes() []route {
	const path, right = "/projects/{project}/feature-flags", "Flags"
	var list []route
	for _, r := range []route{
		{http.MethodPut, "1", "/flags", right, 0, onProject((*call).createFlag)},
		{http.MethodGet, "1 2", "/flags", right, 0, onProject((*call).listFlags)},
		{http.MethodGet, "1", "/flags/{flag}", right, 0, onFlag(func(_ *call, _ *project, f *flag) reply {
			return reply{status: http.StatusOK, body: f.body, tag: f.tag()}
		})},
		{http.MethodPatch, "1", "/flags/{flag}", right, 0, onFlag((*call).editFlag)},
		{http.MethodDelete, "1", "/flags/{flag}", right, 0, onFlag((*call).dropFlag)},
		{http.MethodGet, "1", "/flags/{flag}/versions", right, 0, onFlag((*call).flagVersions)},
		{http.MethodPut, "1", "/segments", right, 0, onProject((*call).createSegment)},
		{http.MethodGet, "1", "/segments", right, 0, onProject((*call).listSegments)},
		{http.MethodGet, "1", "/segments/{segment}", right, 0, onSegment(func(_ *call, _ *project, s *segment) reply {
			return ok(s.body)
		})},
		{http.MethodPatch, "1", "/segments/{segment}", right, 0, onSegment((*call).editSegment)},
		{http.MethodDelete, "1", "/segments/{segment}", right, 0, onSegment((*call).dropSegment)},
		{http.MethodGet, "1", "/settings", right, 0, onProject((*call).flagSettings)},
		{http.MethodPatch, "1", "/settings", right, 0, onProject((*call).editFlagSettings)},
		{http.MethodGet, "1", "/sdk-keys", right, 0, onProject((*call).listKeys)},
		{http.MethodPut, "1", "/sdk-keys", right, 0, onProject((*call).createKey)},
		{http.MethodDelete, "1", "/sdk-keys/{key}", right, 0, onProject((*call).dropKey)},
	} {
		r.path = path + r.path
		list = append(list, r)
	}
	return append(list, route{http.MethodGet, "1", "/deployments/{deployment}/feature-flags", right, 0,
		onDeployment((*call).declaredFlags)})
}

func onFlag(do func(*call, *project, *flag) reply) func(*call) reply {
	return onProject(func(c *call, p *project) reply {
		name := c.PathValue("flag")
		for _, f := range p.flags.flags {
			if f.slug == name || f.body["id"] == name {
				return do(c, p, f)
			}
		}
		return missing("Flag", name)
	})
}

func onSegment(do func(*call, *project, *segment) reply) func(*call) reply {
	return onProject(func(c *call, p *project) reply {
		name := c.PathValue("segment")
		for _, s := range p.flags.segments {
			if s.slug == name || s.body["id"] == name {
				return do(c, p, s)
			}
		}
		return missing("Segment", name)
	})
}

func (c *call) createFlag(p *project) reply {
	in := object{}
	if bad := c.decode(&in); bad != nil {
		return *bad
	}
	slug, _ := in["slug"].(string)
	kind, _ := in["kind"].(string)
	environments, _ := in["environments"].(map[string]any)
	switch {
	case slug == "" || environments == nil || !slices.Contains([]string{"boolean", "string", "number", "json"}, kind):
		return refuse(http.StatusBadRequest, "bad_request", "slug, kind and environments are needed.")
	case slices.ContainsFunc(p.flags.flags, func(f *flag) bool { return f.slug == slug }):
		return refuse(http.StatusConflict, "flag_exists", "There is a flag %q.", slug)
	}
	f := &flag{slug: slug, body: object{"seed": 1, "state": "active"}}
	if kind == "boolean" && in["variants"] == nil {
		in["variants"] = []any{object{"id": "off", "value": false}, object{"id": "on", "value": true}}
	}
	maps.Copy(f.body, in)
	if bad := nameless(f.body); bad != nil {
		return *bad
	}
	maps.Copy(f.body, object{"id": c.w.id("flag_"), "typeName": "flag", "ownerId": TeamID, "projectId": p.id,
		"createdAt": c.w.now(), "createdBy": UserID})
	p.flags.flags = append(p.flags.flags, f)
	c.keepFlag(p, f, in, "flag.created")
	return created(f.body)
}

// tag is what guards a write. Nobody says of what Vercel makes it, so it is not the revision.
func (f *flag) tag() string {
	sum := sha256.Sum256(fmt.Append(nil, f.slug, f.revision, f.body["updatedAt"]))
	return fmt.Sprintf("%q", hex.EncodeToString(sum[:8]))
}

// succeed gives an environment's configuration the next revision, unless it stands in place of another than was read.
func succeed(name string, old, next any) *reply {
	was, _ := old.(map[string]any)
	is, ok := next.(map[string]any)
	before, _ := was["revision"].(float64)
	if read, told := is["revision"].(float64); told && read != before {
		r := refuse(http.StatusConflict, "revision_conflict", "%s has revision %v, not %v.", name, before, read)
		return &r
	}
	if ok {
		is["revision"] = before + 1
	}
	return nil
}

// nameless refuses a flag that serves a variant which it does not have.
func nameless(f object) *reply {
	known := map[string]bool{}
	variants, _ := f["variants"].([]any)
	for _, v := range variants {
		if v, is := v.(object); is {
			known[fmt.Sprint(v["id"])] = true
		}
	}
	var walk func(v any) string
	walk = func(v any) string {
		switch v := v.(type) {
		case []any:
			for _, inner := range v {
				if bad := walk(inner); bad != "" {
					return bad
				}
			}
		case map[string]any:
			for k, inner := range v {
				name, text := inner.(string)
				if text && slices.Contains([]string{"variantId", "defaultVariantId"}, k) && !known[name] {
					return name
				}
				if bad := walk(inner); bad != "" {
					return bad
				}
			}
		}
		return ""
	}
	if bad := walk(f["environments"]); bad != "" {
		r := refuse(http.StatusBadRequest, "bad_request", "There is no variant %q.", bad)
		return &r
	}
	return nil
}

// keepFlag makes a version of a flag.
func (c *call) keepFlag(p *project, f *flag, in object, kind string) {
	f.revision++
	changed := []string{}
	if e, is := in["environments"].(map[string]any); is {
		changed = slices.Sorted(maps.Keys(e))
	}
	f.body["revision"], f.body["updatedAt"], f.body["updatedBy"] = f.revision, c.w.stamp(), c.token.user()
	data := object{}
	for _, k := range []string{"description", "environments", "seed", "state", "variants", "tags", "permanent"} {
		if v, found := f.body[k]; found {
			data[k] = v
		}
	}
	v := object{"id": c.w.id("flv_"), "flagId": f.body["id"], "revision": f.revision, "createdAt": c.w.now(),
		"createdBy": UserID, "changedEnvironments": changed, "data": data}
	if m, is := in["message"].(string); is {
		v["message"] = m
	}
	if by, is := in["createdBy"].(string); is {
		v["createdBy"] = by
	}
	f.versions = append(f.versions, v)
	c.w.emit(kind, p, object{"project": object{"id": p.id}, "flag": object{"id": f.body["id"], "slug": f.slug},
		"user": object{"id": c.token.user()}, "team": object{"id": TeamID}})
}

func (c *call) listFlags(p *project) reply {
	list := []any{}
	for _, f := range p.flags.flags {
		if s := c.query.Get("state"); s == "" || s == f.body["state"] {
			list = append(list, f.body)
		}
	}
	limit, err := strconv.Atoi(c.query.Get("limit"))
	from, _ := strconv.Atoi(c.query.Get("cursor"))
	from = min(max(from, 0), len(list))
	words := object{"next": nil}
	list = list[from:]
	if err == nil && limit > 0 && limit < len(list) {
		list, words["next"] = list[:limit], strconv.Itoa(from+limit)
	}
	return ok(object{"data": list, "pagination": words})
}

func (c *call) editFlag(p *project, f *flag) reply {
	in := object{}
	if bad := c.decode(&in); bad != nil {
		return *bad
	}
	if m := cmp.Or(c.Header.Get("If-Match"), c.query.Get("ifMatch")); m != "" && m != f.tag() {
		return refuse(http.StatusPreconditionFailed, "precondition_failed", "The flag has been changed.")
	}
	next := maps.Clone(f.body) // versions keep what was
	for k, v := range in {
		if k != "message" && k != "createdBy" && k != "environments" {
			next[k] = v
		}
	}
	if changed, is := in["environments"].(map[string]any); is {
		environments := object{}
		if old, is := f.body["environments"].(map[string]any); is {
			maps.Copy(environments, old)
		}
		for name, c := range changed {
			if bad := succeed(name, environments[name], c); bad != nil {
				return *bad
			}
		}
		maps.Copy(environments, changed)
		next["environments"] = environments
	}
	if bad := nameless(next); bad != nil {
		return *bad
	}
	f.body = next
	c.keepFlag(p, f, in, "flag.updated")
	return ok(f.body)
}

func (c *call) dropFlag(p *project, f *flag) reply {
	p.flags.flags = slices.DeleteFunc(p.flags.flags, func(o *flag) bool { return o == f })
	c.keepFlag(p, f, object{}, "flag.deleted")
	return empty(http.StatusNoContent)
}

func (c *call) flagVersions(_ *project, f *flag) reply {
	return ok(object{"versions": reversed(f.versions), "pagination": object{"next": nil}})
}

func (c *call) createSegment(p *project) reply {
	s := &segment{body: object{"hint": "", "data": object{}}}
	if bad := c.decode(&s.body); bad != nil {
		return *bad
	}
	s.slug, _ = s.body["slug"].(string)
	if s.slug == "" || s.body["label"] == nil {
		return refuse(http.StatusBadRequest, "bad_request", "slug and label are needed.")
	}
	maps.Copy(s.body, object{"id": c.w.id("seg_"), "typeName": "segment", "projectId": p.id, "createdAt": c.w.now(),
		"updatedAt": c.w.now()})
	p.flags.segments = append(p.flags.segments, s)
	return created(s.body)
}

func (c *call) listSegments(p *project) reply {
	list := []any{}
	for _, s := range p.flags.segments {
		list = append(list, s.body)
	}
	return ok(object{"data": list})
}

func (c *call) editSegment(_ *project, s *segment) reply {
	if bad := c.decode(&s.body); bad != nil {
		return *bad
	}
	s.body["updatedAt"] = c.w.stamp()
	return ok(s.body)
}

func (c *call) dropSegment(p *project, s *segment) reply {
	p.flags.segments = slices.DeleteFunc(p.flags.segments, func(o *segment) bool { return o == s })
	return empty(http.StatusNoContent)
}

func (c *call) flagSettings(p *project) reply {
	active := 0
	for _, f := range p.flags.flags {
		if f.body["state"] == "active" {
			active++
		}
	}
	b := object{"enabled": true, "entities": []any{}, "environments": []string{production, preview, "development"}}
	maps.Copy(b, p.flags.settings)
	maps.Copy(b, object{"projectId": p.id, "ownerId": TeamID, "typeName": "settings", "metadata": object{
		"activeFlagCount": active, "archivedFlagCount": len(p.flags.flags) - active, "packSizeInBytes": 0,
		"segmentCount": len(p.flags.segments)}})
	return ok(b)
}

func (c *call) editFlagSettings(p *project) reply {
	if p.flags.settings == nil {
		p.flags.settings = object{}
	}
	if bad := c.decode(&p.flags.settings); bad != nil {
		return *bad
	}
	return c.flagSettings(p)
}

func (c *call) listKeys(p *project) reply {
	list := []any{}
	for _, k := range p.flags.keys {
		k = maps.Clone(k)
		delete(k, "keyValue") // told once
		list = append(list, k)
	}
	return ok(object{"data": list})
}

func (c *call) createKey(p *project) reply {
	var in struct {
		Type        string `json:"sdkKeyType"`
		Environment string `json:"environment"`
		Label       string `json:"label"`
	}
	if bad := c.decode(&in); bad != nil {
		return *bad
	}
	if !slices.Contains([]string{"server", "client", "mobile"}, in.Type) || in.Environment == "" {
		return refuse(http.StatusBadRequest, "bad_request", "sdkKeyType and environment are needed.")
	}
	value := c.w.id("vf_" + in.Type + "_")
	k := object{"hashKey": c.w.id(""), "partialKeyValue": value[:12], "keyValue": value, "type": in.Type,
		"environment": in.Environment, "label": in.Label, "projectId": p.id, "createdAt": c.w.now(), "createdBy": UserID,
		"updatedAt": c.w.now()}
	p.flags.keys = append(p.flags.keys, k)
	return ok(k)
}

func (c *call) dropKey(p *project) reply {
	p.flags.keys = slices.DeleteFunc(p.flags.keys, func(k object) bool { return k["hashKey"] == c.PathValue("key") })
	return empty(http.StatusNoContent)
}

// DeclareFlags says which flags the code of a deployment declares.
func (w *World) DeclareFlags(deployment string, slugs ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if d := w.deployment(deployment); d != nil {
		if d.project.flags.seen == nil {
			d.project.flags.seen = map[string][]string{}
		}
		d.project.flags.seen[d.id] = slugs
	}
}

func (c *call) declaredFlags(d *deployment) reply {
	list, slugs := []any{}, d.project.flags.seen[d.id]
	for _, s := range slugs {
		list = append(list, object{"slug": s, "key": s})
	}
	return ok(object{"flags": list, "status": object{"createdAt": d.created, "deploymentId": d.id,
		"flagCount": len(list), "projectId": d.project.id, "responseStatus": 200}})
}
