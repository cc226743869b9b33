package vercel

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// config is a Global Config: a small table that visitors' requests read.
type config struct {
	id      string
	slug    string
	items   map[string]item
	digest  string
	schema  object
	purpose object
	tokens  []readToken
	backups []backup // oldest first; the last is what is there now
	writes  []time.Time
	created int64
	updated int64
}

type item struct {
	Value       any    `json:"value"`
	Description string `json:"description,omitempty"`
	CreatedAt   int64  `json:"createdAt"`
	UpdatedAt   int64  `json:"updatedAt"`
}

type readToken struct {
	id, token, label string
	created          int64
}

// backup is a version: what the table held from a time on.
type backup struct {
	id     string
	at     int64
	digest string
	items  map[string]item
}

// GlobalConfig is a Global Config as a test sees it.
type GlobalConfig struct {
	ID         string
	Connection string // with a token to read it
}

// AddGlobalConfig makes a Global Config with a token to read it.
func (w *World) AddGlobalConfig(slug string) GlobalConfig {
	w.mu.Lock()
	defer w.mu.Unlock()
	g := w.newConfig(slug)
	t := w.newReadToken(g, "slipway")
	return GlobalConfig{ID: g.id, Connection: "http://" + w.address + "/" + g.id + "?token=" + t.token}
}

func (w *World) newConfig(slug string) *config {
	g := &config{id: w.id("ecfg_"), slug: slug, items: map[string]item{}, created: w.stamp()}
	w.configs = append(w.configs, g)
	w.keepVersion(g)
	return g
}

func (w *World) newReadToken(g *config, label string) readToken {
	t := readToken{id: w.id("ect_"), token: w.id(""), label: label, created: w.now()}
	g.tokens = append(g.tokens, t)
	return t
}

// keepVersion makes a version of what the table holds now.
func (w *World) keepVersion(g *config) {
	g.updated = w.now()
	data, err := json.Marshal(g.items)
	if err != nil {
		w.o.Log("global config: %v", err)
	}
	g.digest = sign(data, g.slug)
	g.backups = append(g.backups, backup{id: w.id("v"), at: g.updated, digest: g.digest, items: maps.Clone(g.items)})
}

func configRoutes() []route {
	const path, read, write = "/global-config/{config}", "Edge Config: read", "Edge Config: update"
	list := []route{
		{http.MethodGet, "1", "/global-config", read, 0, (*call).listConfigs},
		{http.MethodPost, "1", "/global-config", write, 0, (*call).createConfig},
		{http.MethodGet, "1", path, read, 0, onConfig((*call).getConfig)},
		{http.MethodPut, "1", path, write, 0, onConfig((*call).renameConfig)},
		{http.MethodDelete, "1", path, write, 0, onConfig((*call).dropConfig)},
		{http.MethodGet, "1", path + "/items", read, 20, onConfig((*call).listItems)},
		{http.MethodPatch, "1", path + "/items", write, 0, onConfig((*call).patchItems)},
		{http.MethodGet, "1", path + "/item/{key}", read, 20, onConfig((*call).getItem)},
		{http.MethodGet, "1", path + "/schema", read, 0, onConfig((*call).getSchema)},
		{http.MethodPost, "1", path + "/schema", write, 0, onConfig((*call).putSchema)},
		{http.MethodDelete, "1", path + "/schema", write, 0, onConfig((*call).dropSchema)},
		{http.MethodPost, "1", path + "/token", write, 0, onConfig((*call).createReadToken)},
		{http.MethodGet, "1", path + "/tokens", read, 0, onConfig((*call).listReadTokens)},
		{http.MethodGet, "1", path + "/token/{token}", read, 0, onConfig((*call).getReadToken)},
		{http.MethodDelete, "1", path + "/tokens", write, 0, onConfig((*call).dropReadTokens)},
		{http.MethodGet, "1", path + "/backups", read, 60, onConfig((*call).listBackups)},
		{http.MethodGet, "1", path + "/backups/{backup}", read, 60, onConfig((*call).getBackup)},
		{http.MethodPost, "1", path + "/backups/{backup}/restore", write, 0, onConfig((*call).restoreBackup)},
	}
	for _, r := range slices.Clone(list) { // the old name of the same
		r.path = strings.Replace(r.path, "/global-config", "/edge-config", 1)
		list = append(list, r)
	}
	return list
}

func onConfig(do func(*call, *config) reply) func(*call) reply {
	return func(c *call) reply {
		for _, g := range c.w.configs {
			if g.id == c.PathValue("config") {
				return do(c, g)
			}
		}
		return missing("Global Config", c.PathValue("config"))
	}
}

func (g *config) size() int {
	data, _ := json.Marshal(g.items)
	return len(data)
}

func (g *config) body() object {
	b := object{"id": g.id, "slug": g.slug, "ownerId": TeamID, "digest": g.digest, "itemCount": len(g.items),
		"sizeInBytes": g.size(), "createdAt": g.created, "updatedAt": g.updated}
	if g.schema != nil {
		b["schema"] = g.schema
	}
	if g.purpose != nil {
		b["purpose"] = g.purpose
	}
	return b
}

func (c *call) listConfigs() reply {
	list := []any{}
	for _, g := range c.w.configs {
		list = append(list, g.body())
	}
	return ok(list)
}

func (c *call) createConfig() reply {
	var in struct {
		Slug    string         `json:"slug"`
		Items   map[string]any `json:"items"`
		Purpose object         `json:"purpose"`
	}
	if bad := c.decode(&in); bad != nil {
		return *bad
	}
	if most := map[string]int{Hobby: 1, Pro: 3, Enterprise: 10}[c.w.o.Plan]; len(c.w.configs) >= most {
		return refuse(http.StatusPaymentRequired, "payment_required", "The plan has %d Global Configs.", most)
	}
	g := c.w.newConfig(in.Slug)
	for k, v := range in.Items {
		g.items[k] = item{Value: v, CreatedAt: c.w.now(), UpdatedAt: c.w.now()}
	}
	g.purpose = in.Purpose
	if len(in.Items) > 0 {
		c.w.keepVersion(g)
	}
	return created(g.body())
}

func (c *call) getConfig(g *config) reply { return ok(g.body()) }

func (c *call) renameConfig(g *config) reply {
	var in struct {
		Slug string `json:"slug"`
	}
	if bad := c.decode(&in); bad != nil {
		return *bad
	}
	g.slug = in.Slug
	return ok(g.body())
}

func (c *call) dropConfig(g *config) reply {
	c.w.configs = slices.DeleteFunc(c.w.configs, func(o *config) bool { return o == g })
	return empty(http.StatusNoContent)
}

func (g *config) itemBody(key string) object {
	i := g.items[key]
	b := object{"key": key, "value": i.Value, "edgeConfigId": g.id, "createdAt": i.CreatedAt, "updatedAt": i.UpdatedAt}
	if i.Description != "" {
		b["description"] = i.Description
	}
	return b
}

func (c *call) listItems(g *config) reply {
	list := []any{}
	for _, key := range slices.Sorted(maps.Keys(g.items)) {
		list = append(list, g.itemBody(key))
	}
	return ok(list)
}

func (c *call) getItem(g *config) reply {
	key := c.PathValue("key")
	if _, found := g.items[key]; !found {
		return missing("Item", key)
	}
	return ok(g.itemBody(key))
}

// spend counts a write of the day or, on Hobby, of the month; all stores of a team share them.
func (w *World) spend(g *config) bool {
	most, span := 480, 24*time.Hour
	if w.o.Plan == Hobby {
		most, span = 250, 30*24*time.Hour
	}
	now, used := w.o.Now(), 0
	for _, o := range w.configs {
		o.writes = slices.DeleteFunc(o.writes, func(t time.Time) bool { return now.Sub(t) >= span })
		used += len(o.writes)
	}
	if used >= most {
		return false
	}
	g.writes = append(g.writes, now)
	return true
}

func (c *call) patchItems(g *config) reply {
	var in struct {
		Items []struct {
			Operation   string `json:"operation"`
			Key         string `json:"key"`
			Value       any    `json:"value"`
			Description string `json:"description"`
		} `json:"items"`
	}
	if bad := c.decode(&in); bad != nil {
		return *bad
	}
	next, name := maps.Clone(g.items), regexp.MustCompile(`^[\w-]{1,256}$`)
	for _, i := range in.Items {
		old, have := next[i.Key]
		switch {
		case !name.MatchString(i.Key):
			return refuse(http.StatusBadRequest, "bad_request", "The key %q is not allowed.", i.Key)
		case i.Operation == "create" && have:
			return refuse(http.StatusConflict, "edge_config_item_exists", "The item %q exists.", i.Key)
		case (i.Operation == "update" || i.Operation == "delete") && !have:
			return refuse(http.StatusNotFound, "edge_config_item_not_found", "There is no item %q.", i.Key)
		case i.Operation == "delete":
			delete(next, i.Key)
		case slices.Contains([]string{"create", "update", "upsert"}, i.Operation):
			at := old.CreatedAt
			if !have {
				at = c.w.now()
			}
			next[i.Key] = item{Value: i.Value, Description: cmp.Or(i.Description, old.Description), CreatedAt: at,
				UpdatedAt: c.w.now()}
		default:
			return refuse(http.StatusBadRequest, "bad_request", "The operation %q is unknown.", i.Operation)
		}
	}
	most := map[string]int{Hobby: 8 << 10, Pro: 64 << 10, Enterprise: 512 << 10}[c.w.o.Plan]
	if size := (&config{items: next}).size(); size > most {
		return refuse(http.StatusPaymentRequired, "edge_config_too_large", "%d bytes: the plan has %d.", size, most)
	}
	if !c.w.spend(g) {
		return refuse(http.StatusTooManyRequests, "rate_limited", "The writes of the plan are used up.")
	}
	g.items = next
	c.w.keepVersion(g)
	c.w.emit("edge-config.items.updated", &project{}, object{"edgeConfig": object{"id": g.id, "digest": g.digest},
		"user": object{"id": c.token.user()}, "team": object{"id": TeamID}})
	return ok(object{"status": "ok"})
}

// read answers where visitors' requests read: after the time a write needs to get there, unless the caller asks for
// an answer that is no older than its own write.
func (w *World) read(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	out := w.readConfig(rw.Header(), r)
	data := out.encode()
	w.mu.Unlock()
	if out.status == http.StatusOK || out.status == http.StatusNotFound {
		rw.Header().Set("Content-Type", "application/json")
	}
	w.note(r, nil, out.status)
	rw.WriteHeader(out.status)
	if r.Method != http.MethodHead {
		_, _ = rw.Write(data)
	}
}

func (w *World) readConfig(h http.Header, r *http.Request) reply {
	var g *config
	id, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	for _, o := range w.configs {
		if o.id == id {
			g = o
		}
	}
	token := cmp.Or(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), r.URL.Query().Get("token"))
	known := func(t readToken) bool { return t.token == token }
	switch {
	case g == nil:
		return missing("Global Config", id)
	case !slices.ContainsFunc(g.tokens, known):
		return refuse(http.StatusUnauthorized, "unauthorized", "The token does not open this Global Config.")
	}
	least, _ := strconv.ParseInt(r.Header.Get("x-edge-config-min-updated-at"), 10, 64)
	seen := g.backups[0]
	for _, b := range g.backups {
		if w.now()-b.at >= w.o.Propagation.Milliseconds() {
			seen = b
		}
	}
	if seen.at < least {
		seen = g.backups[len(g.backups)-1]
	}
	h.Set("X-Edge-Config-Digest", `"`+seen.digest+`"`)
	h.Set("X-Edge-Config-Updated-At", strconv.FormatInt(seen.at, 10))
	h.Set("Etag", `"`+seen.digest+`"`)
	switch what, key, _ := strings.Cut(rest, "/"); what {
	case "digest":
		return ok(seen.digest)
	case "items":
		all := object{}
		keys := r.URL.Query()["key"]
		for k, i := range seen.items {
			if len(keys) == 0 || slices.Contains(keys, k) {
				all[k] = i.Value
			}
		}
		return ok(all)
	case "item":
		if i, found := seen.items[key]; found {
			return ok(i.Value)
		}
		return refuse(http.StatusNotFound, "edge_config_item_not_found", "There is no item %q.", key)
	}
	return missing("Path", r.URL.Path)
}
