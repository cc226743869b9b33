package vercel

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
)

// hook is a webhook of the account.
type hook struct {
	id       string
	url      string
	secret   string
	events   []string
	projects []string
	created  int64
}

func (h *hook) body() object {
	b := object{"id": h.id, "url": h.url, "events": h.events, "ownerId": TeamID, "createdAt": h.created,
		"updatedAt": h.created}
	if len(h.projects) > 0 {
		b["projectIds"] = h.projects
	}
	return b
}

func webhookRoutes() []route {
	return []route{
		{http.MethodPost, "1", "/webhooks", "Webhook: create", 60, (*call).createHook},
		{http.MethodGet, "1", "/webhooks", "Webhook: read", 0, (*call).listHooks},
		{http.MethodGet, "1", "/webhooks/{hook}", "Webhook: read", 0, (*call).getHook},
		{http.MethodDelete, "1", "/webhooks/{hook}", "Webhook: delete", 60, (*call).dropHook},
	}
}

func (c *call) createHook() reply {
	var in struct {
		URL      string   `json:"url"`
		Events   []string `json:"events"`
		Projects []string `json:"projectIds"`
	}
	if bad := c.decode(&in); bad != nil {
		return *bad
	}
	switch {
	case c.w.o.Plan == Hobby:
		return refuse(http.StatusForbidden, "forbidden", "Account webhooks need Pro or Enterprise.")
	case in.URL == "" || len(in.Events) == 0:
		return refuse(http.StatusBadRequest, "bad_request", "url and events are needed.")
	}
	h := &hook{id: c.w.id("hook_"), url: in.URL, events: in.Events, projects: in.Projects, secret: c.w.id("whsec_"),
		created: c.w.stamp()}
	c.w.hooks = append(c.w.hooks, h)
	b := h.body()
	b["secret"] = h.secret // told here, and never again
	return ok(b)
}

func (c *call) listHooks() reply {
	list := []any{}
	for _, h := range c.w.hooks {
		b := h.body()
		b["projectsMetadata"] = nil
		if p := c.query.Get("projectId"); p == "" || slices.Contains(h.projects, p) {
			list = append(list, b)
		}
	}
	return ok(list)
}

func (c *call) hook() int {
	return slices.IndexFunc(c.w.hooks, func(h *hook) bool { return h.id == c.PathValue("hook") })
}

func (c *call) getHook() reply {
	i := c.hook()
	if i < 0 {
		return missing("Webhook", c.PathValue("hook"))
	}
	return ok(c.w.hooks[i].body())
}

func (c *call) dropHook() reply {
	i := c.hook()
	if i < 0 {
		return missing("Webhook", c.PathValue("hook"))
	}
	c.w.hooks = slices.Delete(c.w.hooks, i, i+1)
	return empty(http.StatusNoContent)
}

// emit tells every webhook that wants it what happened.
func (w *World) emit(kind string, p *project, payload object) {
	for _, h := range w.hooks {
		if !slices.Contains(h.events, kind) || p.id != "" && len(h.projects) > 0 && !slices.Contains(h.projects, p.id) {
			continue
		}
		body, err := json.Marshal(object{"id": w.id("evt_"), "type": kind, "createdAt": w.now(), "region": nil,
			"payload": payload})
		if err != nil {
			w.o.Log("webhook %s: %v", kind, err)
			continue
		}
		w.post(&parcel{url: h.url, body: body, hook: h, header: http.Header{
			"Content-Type": {"application/json"}, "X-Vercel-Signature": {sign(body, h.secret)}}})
	}
}

func (w *World) emitDeployment(kind string, d *deployment, by string) {
	var target any
	if d.target != "" {
		target = d.target
	}
	payload := object{
		"deployment": object{"id": d.id, "url": d.url, "name": d.project.name, "meta": d.metaBody()},
		"project":    object{"id": d.project.id, "name": d.project.name}, "team": object{"id": TeamID},
		"user": object{"id": by}, "target": target, "plan": w.o.Plan, "regions": []string{"iad1"},
		"links": object{"deployment": d.url, "project": d.project.name},
	}
	w.emit(kind, d.project, payload)
}

// emitRolling tells of a rolling release, in a shape of its own. That it names a person is (unverified).
func (w *World) emitRolling(kind string, p *project, r *rolling, by string) {
	i := object{"state": r.state, "activeStageIndex": r.index, "default": object{
		"baseDeploymentId": r.base.id, "targetDeploymentId": r.canary.id, "targetPercentage": r.share(w.now()),
		"targetStartAt": r.started, "targetUpdatedAt": r.updated}}
	w.emit(kind, p, maps.Clone(object{"projectId": p.id, "projectName": p.name, "rollingRelease": i,
		"project": object{"id": p.id}, "user": object{"id": by}, "team": object{"id": TeamID}}))
}
