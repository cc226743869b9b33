package github

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// answer is what a call gets.
type answer struct {
	status int
	body   any
}

func no(status int, format string, args ...any) answer {
	return answer{status, Object{"message": fmt.Sprintf(format, args...), "status": strconv.Itoa(status)}}
}

// request is a call that may be made.
type request struct {
	*http.Request
	in Object
}

func (q request) text(key string) string { s, _ := q.in[key].(string); return s }

func (g *GitHub) routes() http.Handler {
	mux := http.NewServeMux()
	in := "/repos/{owner}/{repo}"
	for pattern, e := range map[string]struct {
		right string // permission:level; empty: as the app itself
		do    func(request) answer
	}{
		"GET /app":                                                     {"", g.app},
		"GET /app/hook/config":                                         {"", g.hookConfig},
		"GET " + in + "/installation":                                  {"", g.installation},
		"POST /app/installations/{id}/access_tokens":                   {"", g.newToken},
		"GET " + in + "/commits/{sha}":                                 {"contents:read", g.commit},
		"GET " + in + "/commits/{sha}/check-runs":                      {"checks:read", g.listRuns},
		"POST " + in + "/check-runs":                                   {"checks:write", g.createRun},
		"PATCH " + in + "/check-runs/{id}":                             {"checks:write", g.updateRun},
		"GET " + in + "/deployments":                                   {"deployments:read", g.listDeployments},
		"POST " + in + "/deployments":                                  {"deployments:write", g.createDeployment},
		"GET " + in + "/deployments/{id}/statuses":                     {"deployments:read", g.listStatuses},
		"POST " + in + "/deployments/{id}/statuses":                    {"deployments:write", g.addStatus},
		"POST " + in + "/actions/runs/{id}/deployment_protection_rule": {"deployments:write", g.review},
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { g.serve(w, r, e.right, e.do) })
	}
	return mux
}

func (g *GitHub) serve(w http.ResponseWriter, r *http.Request, right string, do func(request) answer) {
	text, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	g.mu.Lock()
	a := g.judge(r, text, right, do)
	lose := g.lost > 0 && a.status < 300 && r.Method != http.MethodGet && right != ""
	if lose {
		g.lost--
	}
	g.calls = append(g.calls, Call{r.Method, r.URL.RequestURI(), a.status, string(text)})
	g.mu.Unlock()
	if lose {
		panic(http.ErrAbortHandler) // it ends the connection without an answer
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("X-RateLimit-Limit", "5000")
	w.Header().Set("X-RateLimit-Remaining", "4999")
	w.Header().Set("X-RateLimit-Reset", strconv.FormatInt(g.now().Add(time.Hour).Unix(), 10))
	if a.status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "1")
	}
	w.WriteHeader(a.status)
	if a.body != nil {
		_ = json.NewEncoder(w).Encode(a.body)
	}
}

// judge answers a call, or says why it is not.
func (g *GitHub) judge(r *http.Request, text []byte, right string, do func(request) answer) answer {
	switch {
	case g.outage != 0:
		return no(g.outage, "Unicorn!")
	case g.limited > 0:
		g.limited--
		return no(http.StatusTooManyRequests, "You have exceeded a secondary rate limit.")
	}
	proof := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if t, ok := strings.CutPrefix(r.Header.Get("Authorization"), "token "); ok { // which Octokit writes
		proof = t
	}
	if right == "" {
		if !g.proven(proof) {
			return no(http.StatusUnauthorized, "A JSON web token could not be decoded")
		}
	} else {
		if ends, ok := g.tokens[proof]; !ok || !g.now().Before(ends) {
			return no(http.StatusUnauthorized, "Bad credentials")
		}
		name, level, _ := strings.Cut(right, ":")
		if has := g.permissions[name]; has == "" || level == "write" && has != "write" {
			return no(http.StatusForbidden, "Resource not accessible by integration")
		}
	}
	if owner := r.PathValue("owner"); owner != "" &&
		!strings.EqualFold(owner+"/"+r.PathValue("repo"), g.repository) {
		return no(http.StatusNotFound, "Not Found")
	}
	q := request{Request: r, in: Object{}}
	if len(text) > 0 && json.Unmarshal(text, &q.in) != nil {
		return no(http.StatusBadRequest, "Problems parsing JSON")
	}
	return do(q)
}

func (g *GitHub) next() int64 { g.serial++; return g.serial }

func (g *GitHub) app(request) answer {
	return answer{http.StatusOK, Object{"id": g.App, "slug": "slipway", "permissions": g.permissions,
		"events": []string{"check_run", "deployment_protection_rule"}}}
}

func (g *GitHub) hookConfig(request) answer {
	return answer{http.StatusOK, Object{"url": g.hook, "content_type": "json", "insecure_ssl": "0"}}
}

func (g *GitHub) installation(request) answer {
	return answer{http.StatusOK, Object{"id": 99, "app_id": g.App, "permissions": g.permissions}}
}

func (g *GitHub) newToken(q request) answer {
	if q.PathValue("id") != "99" {
		return no(http.StatusNotFound, "Not Found")
	}
	token, ends := fmt.Sprintf("ghs_%d", g.next()), g.now().Add(time.Hour).Truncate(time.Second)
	g.tokens[token] = ends
	granted := map[string]string{}
	for k, v := range g.permissions {
		granted[k] = v
	}
	return answer{http.StatusCreated, Object{"token": token, "expires_at": ends.UTC(), "permissions": granted,
		"repository_selection": "selected"}}
}

func (g *GitHub) find(sha string, whole bool) (string, bool) {
	i := slices.IndexFunc(g.commits, func(c string) bool {
		return c == sha || !whole && len(sha) > 6 && strings.HasPrefix(c, sha)
	})
	if i < 0 {
		return "", false
	}
	return g.commits[i], true
}

func (g *GitHub) commit(q request) answer {
	sha, ok := g.find(q.PathValue("sha"), false)
	if !ok {
		return no(http.StatusUnprocessableEntity, "No commit found for SHA: %s", q.PathValue("sha"))
	}
	return answer{http.StatusOK, Object{"sha": sha, "commit": Object{"message": "a commit"}}}
}

func (g *GitHub) listRuns(q request) answer {
	list, name := []Object{}, q.URL.Query().Get("check_name")
	for _, r := range slices.Backward(g.runs) {
		if r["head_sha"] == q.PathValue("sha") && (name == "" || r["name"] == name) {
			list = append(list, r)
		}
	}
	return answer{http.StatusOK, Object{"total_count": len(list), "check_runs": list}}
}

// run checks what a check run is said to be, and writes it down.
func (g *GitHub) run(r Object, q request) *answer {
	status, conclusion := q.text("status"), q.text("conclusion")
	if conclusion != "" && status == "" {
		status = "completed"
	}
	refuse := func(format string, args ...any) *answer {
		a := no(http.StatusUnprocessableEntity, format, args...)
		return &a
	}
	switch {
	case status != "" && !slices.Contains([]string{"queued", "in_progress", "completed"}, status):
		return refuse("%q is no status", status)
	case status == "completed" && !slices.Contains([]string{"success", "failure", "cancel" + "led", "neutral", "skipped",
		"timed_out", "action_required"}, conclusion):
		return refuse("a completed run needs a conclusion, not %q", conclusion)
	}
	if out, ok := q.in["output"].(map[string]any); ok {
		title, _ := out["title"].(string)
		summary, _ := out["summary"].(string)
		if title == "" || summary == "" || len(summary) > 65535 {
			return refuse("output needs a title and a summary of at most 65535 characters")
		}
		r["output"] = Object{"title": title, "summary": summary}
	}
	for _, key := range []string{"name", "external_id", "details_url", "started_at", "completed_at"} {
		if v, ok := q.in[key]; ok {
			r[key] = v
		}
	}
	if status != "" {
		r["status"], r["conclusion"] = status, nil
		if status == "completed" {
			r["conclusion"] = conclusion
		}
	}
	return nil
}

func (g *GitHub) createRun(q request) answer {
	sha, ok := g.find(q.text("head_sha"), true)
	if !ok || q.text("name") == "" {
		return no(http.StatusUnprocessableEntity, "No commit found for SHA: %s", q.text("head_sha"))
	}
	r := Object{"id": g.next(), "head_sha": sha, "status": "queued", "conclusion": nil, "app": Object{"id": g.App}}
	if a := g.run(r, q); a != nil {
		return *a
	}
	g.runs = append(g.runs, r)
	return answer{http.StatusCreated, r}
}

func byID(list []Object, id string) Object {
	for _, o := range list {
		if fmt.Sprint(o["id"]) == id {
			return o
		}
	}
	return nil
}

func (g *GitHub) updateRun(q request) answer {
	r := byID(g.runs, q.PathValue("id"))
	if r == nil {
		return no(http.StatusNotFound, "Not Found")
	}
	if a := g.run(r, q); a != nil {
		return *a
	}
	return answer{http.StatusOK, r}
}

func (g *GitHub) listDeployments(q request) answer {
	list, v := []Object{}, q.URL.Query()
	for _, d := range slices.Backward(g.deployments) {
		fits := true
		for _, key := range []string{"sha", "environment", "task"} {
			fits = fits && (!v.Has(key) || v.Get(key) == d[key])
		}
		if fits {
			list = append(list, d)
		}
	}
	return answer{http.StatusOK, list}
}

func (g *GitHub) createDeployment(q request) answer {
	sha, ok := g.find(q.text("ref"), true)
	if !ok {
		return no(http.StatusUnprocessableEntity, "No ref found for: %s", q.text("ref"))
	}
	if len([]rune(q.text("description"))) > 140 {
		return no(http.StatusUnprocessableEntity, "description is too long (maximum is 140 characters)")
	}
	if _, none := q.in["required_contexts"].([]any); !none { // then every status must have succeeded
		return no(http.StatusConflict, "Conflict: Commit status checks failed for %s.", sha)
	}
	d := Object{"id": g.next(), "sha": sha, "ref": q.text("ref"), "task": q.text("task"),
		"environment": q.text("environment"), "payload": q.in["payload"], "description": q.text("description"),
		"production_environment": q.in["production_environment"]}
	g.deployments = append(g.deployments, d)
	return answer{http.StatusCreated, d}
}

func (g *GitHub) listStatuses(q request) answer {
	d := byID(g.deployments, q.PathValue("id"))
	if d == nil {
		return no(http.StatusNotFound, "Not Found")
	}
	id, _ := d["id"].(int64)
	return answer{http.StatusOK, append([]Object{}, g.statuses[id]...)}
}

func (g *GitHub) addStatus(q request) answer {
	d := byID(g.deployments, q.PathValue("id"))
	if d == nil {
		return no(http.StatusNotFound, "Not Found")
	}
	state := q.text("state")
	if !slices.Contains([]string{"error", "failure", "inactive", "in_progress", "queued", "pending", "success"}, state) ||
		len([]rune(q.text("description"))) > 140 {
		return no(http.StatusUnprocessableEntity, "Validation Failed")
	}
	id, _ := d["id"].(int64)
	s := Object{"id": g.next(), "state": state, "description": q.text("description"),
		"environment_url": q.text("environment_url"), "log_url": q.text("log_url")}
	g.statuses[id] = append([]Object{s}, g.statuses[id]...)
	if state != "success" {
		return answer{http.StatusCreated, s}
	}
	for _, o := range g.deployments { // what it replaced serves nobody any more
		other, _ := o["id"].(int64)
		if before := g.statuses[other]; other != id && o["environment"] == d["environment"] && len(before) > 0 &&
			before[0]["state"] == "success" {
			g.statuses[other] = append([]Object{{"id": g.next(), "state": "inactive", "description": "",
				"environment_url": before[0]["environment_url"]}}, before...)
		}
	}
	return answer{http.StatusCreated, s}
}

func (g *GitHub) review(q request) answer {
	job, state := q.PathValue("id")+"/"+q.text("environment_name"), q.text("state")
	switch {
	case state != "approved" && state != "rejected":
		return no(http.StatusUnprocessableEntity, "%q is no state", state)
	case g.waiting[job] == "":
		return no(http.StatusNotFound, "Not Found")
	case g.waiting[job] != "waiting":
		return no(http.StatusUnprocessableEntity, "No pending deployment requests to approve or reject")
	}
	g.waiting[job] = state + ": " + q.text("comment")
	return answer{http.StatusNoContent, nil}
}
