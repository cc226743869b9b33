package vercel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/provider"
	"github.com/slipwayhq/slipway/internal/provider/providertest"
	api "github.com/slipwayhq/slipway/internal/vercel"
)

type object = map[string]any

// town is the little of Vercel that decides what production serves, in memory, so that a test can stop it between any
// two calls and let another hand in. It keeps Vercel's rules as they are written down in the facts.
type town struct {
	mu         sync.Mutex
	clock      int64 // rises with every change, as Vercel's own stamps do
	production string
	auto       bool
	noAuto     bool // autoAssignCustomDomains is missing
	last       object
	base       string // of the rolling release
	canary     string
	state      string
	paused     bool
	stage      int
	stages     []object
	config     object
	boundary   float64
	rolled     int64 // when the rolling release changed
	table      json.RawMessage
	gone       map[string]bool
	foreign    map[string]string // projects of deployments that are others'
	targets    map[string]string
	made       []object
	runs       map[string]string
	slots      string

	writes int
	log    []string
	before func(method, path string) (status int) // a status refuses; -1: no answer, and nothing done
	after  func(method, path string)              // once it is done: another hand
	lost   func(method, path string) bool         // done, and the answer is lost
}

func newTown() *town {
	return &town{production: "dpl_a", auto: true, gone: map[string]bool{}, targets: map[string]string{},
		runs: map[string]string{}, slots: "available_slots", clock: 1795375000000}
}

func (w *town) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	body, _ := io.ReadAll(r.Body)
	w.mu.Lock()
	defer w.mu.Unlock()
	line := r.Method + " " + r.URL.Path
	if r.URL.RawQuery != "" && r.Method == http.MethodGet {
		line += "?" + r.URL.Query().Encode()
	}
	if len(body) > 0 {
		line += " " + string(body)
	}
	w.log = append(w.log, line)
	if w.before != nil {
		if status := w.before(r.Method, r.URL.Path); status == -1 {
			return nil, errors.New("connection refused")
		} else if status != 0 {
			return answer(status, object{"error": object{"code": "refused", "message": "no"}}), nil
		}
	}
	if r.Method != http.MethodGet {
		w.writes++
		w.clock += 1000
	}
	var in object
	_ = json.Unmarshal(body, &in)
	status, out := w.serve(r.Method, r.URL, in)
	if w.after != nil {
		w.after(r.Method, r.URL.Path)
	}
	if w.lost != nil && w.lost(r.Method, r.URL.Path) {
		return nil, errors.New("connection reset")
	}
	return answer(status, out), nil
}

func answer(status int, out any) *http.Response {
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(out)
	return w.Result()
}

func no(status int) (int, any) {
	return status, object{"error": object{"code": "refused", "message": "no"}}
}

func (w *town) active() bool { return w.state == api.Active }

func (w *town) share() float64 {
	if !w.active() {
		return 0
	}
	return w.stages[w.stage]["targetPercentage"].(float64)
}

func (w *town) move(kind, to string) {
	w.last = object{"type": kind, "jobStatus": "succeeded", "fromDeploymentId": w.production, "toDeploymentId": to,
		"requestedAt": w.clock}
	if w.active() {
		w.last["fromRollingReleaseId"] = w.canary
		w.state, w.rolled = api.Aborted, w.clock
	}
	w.production, w.auto = to, kind == "promote"
}

func (w *town) deployment(id string) object {
	if host, ok := strings.CutSuffix(id, ".vercel.app"); ok {
		id = "dpl_" + host
	}
	d := object{"id": id, "uid": id, "name": "shop", "url": id[4:] + ".vercel.app", "readyState": "READY",
		"projectId":     "prj_P1",
		"readySubstate": "PROMOTED", "aliasAssigned": id == w.production, "target": "production", "meta": object{},
		"createdAt": 1795370000000 + float64(id[len(id)-1])}
	if t := w.targets[id]; t != "" {
		d["target"] = t
	}
	if project, foreign := w.foreign[id]; foreign {
		d["projectId"] = project
	}
	return d
}

func (w *town) serve(method string, u *url.URL, in object) (int, any) {
	path := strings.Split(strings.Trim(u.Path, "/"), "/")
	last := path[len(path)-1]
	switch {
	case last == "user":
		return 200, object{"user": object{"id": "usr_1"}}
	case path[0] == "ecfg_1":
		return w.edge()
	case strings.Contains(u.Path, "global-config"):
		item := in["items"].([]any)[0].(object)
		w.table, _ = json.Marshal(item["value"])
		return 200, object{"status": "ok"}
	case strings.Contains(u.Path, "rolling-release"):
		return w.rollingCall(method, last, in)
	case strings.Contains(u.Path, "check"):
		return w.check(method, path, in)
	case path[1] == "deployments":
		return w.deployments(method, path, in)
	case path[1] == "projects" && len(path) == 3 && method == http.MethodPatch:
		if at, ok := in["skewProtectionBoundaryAt"].(float64); ok {
			w.boundary = at
		}
		if auto, ok := in["autoAssignCustomDomains"].(bool); ok {
			w.auto = auto
		}
		return 200, object{}
	case path[1] == "projects" && len(path) == 3:
		p := object{"id": "prj_P1", "name": "shop", "autoAssignCustomDomains": w.auto, "lastAliasRequest": w.last,
			"targets": object{"production": object{"id": w.production, "url": w.production[4:] + ".vercel.app",
				"alias": []string{"shop.example"}}}, "skewProtectionBoundaryAt": w.boundary,
			"link": object{"type": "github", "repoId": 7, "productionBranch": "main"}}
		if w.noAuto {
			delete(p, "autoAssignCustomDomains")
		}
		return 200, p
	case path[1] == "projects" && path[3] == "promote" && last == "aliases", last == "update-description":
		return 200, object{"aliases": []object{{"alias": object{"alias": "shop.example"}, "status": "failed"},
			{"alias": "www.shop.example", "status": "failed"}}}
	case path[1] == "projects" && path[3] == "promote" && method == http.MethodPost:
		switch {
		case w.active() && w.canary == last:
			w.state, w.production, w.rolled = api.Complete, last, w.clock
			return 201, nil
		case w.active():
			return 202, nil
		case w.production == last:
			return no(409)
		}
		w.move("promote", last)
		return 201, nil
	case path[1] == "projects" && path[3] == "rollback" && method == http.MethodPost:
		if !w.active() && w.production == last {
			return no(409)
		}
		w.move("rollback", last)
		return 201, nil
	}
	return no(404)
}

func (w *town) edge() (int, any) {
	if w.table == nil {
		return no(404)
	}
	return 200, w.table
}

func (w *town) deployments(method string, path []string, in object) (int, any) {
	switch {
	case method == http.MethodPost:
		id := fmt.Sprintf("dpl_made%d", len(w.made))
		d := w.deployment(id)
		d["meta"], d["target"] = in["meta"], in["target"]
		w.made = append(w.made, d)
		return 200, d
	case len(path) == 2:
		return 200, object{"deployments": w.made, "pagination": object{"next": nil}}
	case w.gone[path[2]]:
		return no(404)
	}
	for _, d := range w.made {
		if d["id"] == path[2] {
			d["aliasAssigned"] = w.production == path[2]
			return 200, d
		}
	}
	return 200, w.deployment(path[2])
}

func (w *town) rollingCall(method, last string, in object) (int, any) {
	canary, _ := in["canaryDeploymentId"].(string)
	if method != http.MethodGet {
		w.rolled = w.clock
	}
	switch {
	case last == "billing":
		return 200, object{"reason": w.slots, "availableSlots": 1}
	case last == "config" && method == http.MethodGet:
		return 200, object{"rollingRelease": w.config}
	case last == "config":
		if in["enabled"] == false {
			if w.active() && in["disableRolloutAction"] == "abort" {
				w.state = api.Aborted
			}
			w.config = nil
			return 200, object{}
		}
		w.config = in
		return 200, object{"rollingRelease": in}
	case last == "start":
		if w.active() {
			if w.canary == canary {
				return 200, object{}
			}
			return no(409)
		}
		w.base, w.canary, w.state, w.stage, w.paused = w.production, canary, api.Active, 0, false
		w.stages = nil
		for i, s := range w.config["stages"].([]any) {
			s := s.(object)
			w.stages = append(w.stages, object{"index": i, "targetPercentage": s["targetPercentage"]})
		}
		return 200, object{}
	case last == "approve-stage":
		next, ok := in["nextStageIndex"].(float64)
		if !w.active() || w.canary != canary || !ok || int(next) != w.stage+1 || int(next) >= len(w.stages) {
			return no(409)
		}
		w.stage++
		return 200, object{}
	case last == "complete":
		if !w.active() || w.canary != canary {
			return no(409)
		}
		w.state, w.production = api.Complete, canary
		return 200, object{}
	}
	if w.state == "" {
		return 200, object{"rollingRelease": nil}
	}
	r := object{"state": w.state, "currentDeployment": object{"id": w.base}, "canaryDeployment": object{"id": w.canary},
		"stages": w.stages, "updatedAt": w.rolled, "currentCanaryPercentage": w.share()}
	if w.active() {
		r["activeStage"] = w.stages[w.stage]
	}
	if w.paused {
		r["substate"] = api.Paused
	}
	return 200, object{"rollingRelease": r}
}

func (w *town) check(method string, path []string, in object) (int, any) {
	switch {
	case path[1] == "projects" && method == http.MethodGet:
		return 200, object{"checks": []object{}}
	case path[1] == "projects":
		return 200, object{"id": "chk_1"}
	case method == http.MethodGet:
		if c := w.runs[path[2]]; c != "" {
			return 200, object{"runs": []object{{"id": "run_1", "checkId": "chk_1", "status": "completed", "conclusion": c}}}
		}
		return 200, object{"runs": []object{}}
	case method == http.MethodPost:
		return 200, object{"id": "run_1", "status": "running"}
	}
	w.runs[path[2]], _ = in["conclusion"].(string)
	return 200, object{}
}

// shelf is where routings are published.
type shelf struct {
	mu         sync.Mutex
	generation uint64
	doc        json.RawMessage
}

func (s *shelf) publish(_ context.Context, _ string, g uint64, doc json.RawMessage) (json.RawMessage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case g < s.generation:
		return nil, fault.New(fault.Conflict, "stale_generation", "%d is older than %d.", g, s.generation)
	case g == s.generation:
		return s.doc, nil
	}
	s.generation, s.doc = g, doc
	return doc, nil
}

func (s *shelf) wanted(context.Context, string) (uint64, json.RawMessage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.generation == 0 {
		return 0, nil, fault.New(fault.NotFound, "not_found", "nothing yet")
	}
	return s.generation, s.doc, nil
}

// node returns a provider of a node: nodes share the shelf and the town.
func (w *town) node(s *shelf, mode string, edit ...func(*Options)) *Provider {
	token := func(context.Context) (string, error) { return "vcp_token", nil }
	o := Options{
		Client: api.New(api.Options{Team: "team_T1", Token: token, Reader: token, HTTP: &http.Client{Transport: w},
			Backoff: time.Millisecond}),
		Project: "prj_P1", Mode: mode, Publish: s.publish, Wanted: s.wanted, Poll: time.Millisecond,
		Confirm: 10 * time.Second, Gate: true,
	}
	if mode != ModeRolling {
		o.Config = "ecfg_1"
	}
	for _, e := range edit {
		e(&o)
	}
	return New(o)
}

// hasty gives up soon.
func hasty(o *Options) { o.Confirm = 40 * time.Millisecond }

// served says what visitors get.
func (w *town) served(s *shelf) providertest.Served {
	generation, _, _ := s.wanted(context.Background(), "")
	w.mu.Lock()
	defer w.mu.Unlock()
	out := providertest.Served{Generation: generation, Stable: w.production}
	if w.active() {
		out.Stable, out.Canary, out.Share = w.base, w.canary, w.share()
	}
	if w.table != nil {
		var t Table
		_ = json.Unmarshal(w.table, &t)
		out.Stable, out.Generation = t.Stable.ID, t.Generation
		if t.Canary != nil {
			out.Canary, out.Share = t.Canary.ID, t.Share
		}
	}
	out.Stable = strings.Replace(out.Stable, "dpl_", "dep_", 1)
	out.Canary = strings.Replace(out.Canary, "dpl_", "dep_", 1)
	return out
}

func TestBothWaysKeepTheContract(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{ModeRolling, ModeProxy} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			providertest.Run(t, func(*testing.T) providertest.World {
				w, s := newTown(), &shelf{}
				p := w.node(s, mode, func(o *Options) { o.Gate = false })
				refuse := func(status int, reads bool) {
					w.mu.Lock()
					defer w.mu.Unlock()
					w.before = func(method, _ string) int {
						if method == http.MethodGet && !reads {
							return 0
						}
						return status
					}
				}
				return providertest.World{
					Provider: p, Platform: true, Serves: func() providertest.Served { return w.served(s) },
					Changes: func() int { w.mu.Lock(); defer w.mu.Unlock(); return w.writes },
					Late: func(late bool) {
						if refuse(503, false); !late {
							refuse(0, false)
						}
					},
					Silence: func() { refuse(-1, true) },
				}
			})
		})
	}
}

// route makes a routing of the contract's application.
func route(t *testing.T, p *Provider, r provider.Routing) error {
	t.Helper()
	return p.Route(t.Context(), fmt.Sprint("key", r.Generation), r)
}

func mustRoute(t *testing.T, p *Provider, r provider.Routing) {
	t.Helper()
	if err := route(t, p, r); err != nil {
		t.Fatal(err)
	}
}

// goingBack is the routing that takes a canary back.
func goingBack(generation uint64, stable, banned string) provider.Routing {
	r := providertest.Routing(generation, stable, "", 0)
	r.Back = true
	r.Retired = []provider.Arm{{ID: banned, External: strings.Replace(banned, "dep_", "dpl_", 1), Banned: true}}
	return r
}
