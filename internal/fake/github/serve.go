package github

import (
	"bytes"
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
	header map[string]string
}

func no(status int, format string, args ...any) answer {
	return answer{status: status, body: Object{"message": fmt.Sprintf(format, args...), "status": strconv.Itoa(status),
		"documentation_url": "https://docs.github.com/rest"}}
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
		"GET " + in + "/installation":                                  {"", g.installed},
		"POST /app/installations/{id}/access_tokens":                   {"", g.newToken},
		"GET " + in + "/commits/{sha}":                                 {"contents:read", g.commit},
		"GET " + in + "/commits/{sha}/check-runs":                      {"checks:read", g.listRuns},
		"POST " + in + "/check-runs":                                   {"checks:write", g.createRun},
		"PATCH " + in + "/check-runs/{id}":                             {"checks:write", g.updateRun},
		"GET " + in + "/deployments":                                   {"deployments:read", g.listDeployments},
		"POST " + in + "/deployments":                                  {"deployments:write", g.createDeployment},
		"GET " + in + "/deployments/{id}/statuses":                     {"deployments:read", g.listStatuses},
		"POST " + in + "/deployments/{id}/statuses":                    {"deployments:write", g.addStatus},
		"GET " + in + "/actions/runs":                                  {"actions:read", g.listWaiting},
		"GET " + in + "/actions/runs/{id}/pending_deployments":         {"actions:read", g.waitsFor},
		"POST " + in + "/actions/runs/{id}/deployment_protection_rule": {"deployments:write", g.review},
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { g.serve(w, r, e.right, e.do) })
	}
	g.identities(mux)
	return mux
}

func (g *GitHub) serve(w http.ResponseWriter, r *http.Request, right string, do func(request) answer) {
	text, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	g.mu.Lock()
	a := g.judge(r, text, right, do)
	changed := a.status < 300 && r.Method != http.MethodGet && right != ""
	lose := g.lost > 0 && changed
	if lose {
		g.lost--
	}
	_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	c := Call{r.Method, r.URL.RequestURI(), a.status, string(text), r.Header.Get("X-GitHub-Api-Version"),
		r.Header.Get("Accept"), token}
	g.calls = append(g.calls, c)
	after, now := g.after, g.now()
	var body bytes.Buffer // written while nothing changes
	if a.body != nil {
		_ = json.NewEncoder(&body).Encode(a.body)
	}
	g.mu.Unlock()
	if changed && after != nil {
		after(c)
	}
	if lose {
		panic(http.ErrAbortHandler) // it ends the connection without an answer
	}
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Date", now.UTC().Format(http.TimeFormat))
	h.Set("X-RateLimit-Limit", "5000")
	h.Set("X-RateLimit-Remaining", "4999")
	h.Set("X-RateLimit-Reset", strconv.FormatInt(now.Add(time.Hour).Unix(), 10))
	for name, v := range a.header {
		h.Set(name, v)
	}
	w.WriteHeader(a.status)
	_, _ = body.WriteTo(w)
}

// refuse says that a limit is reached, in the way that was asked for.
func (g *GitHub) refuse() answer {
	g.limited--
	a := no(http.StatusForbidden, "You have exceeded a secondary rate limit. Please wait a few minutes.")
	switch g.limit {
	case RetryAfter:
		a.status, a.header = http.StatusTooManyRequests, map[string]string{"Retry-After": "1"}
	case Reset:
		a = no(http.StatusForbidden, "API rate limit exceeded for installation ID %d.", installation)
		a.header = map[string]string{"X-RateLimit-Remaining": "0",
			"X-RateLimit-Reset": strconv.FormatInt(g.now().Add(30*time.Minute).Unix(), 10)}
	}
	return a
}

// judge answers a call, or says why it is not.
func (g *GitHub) judge(r *http.Request, text []byte, right string, do func(request) answer) answer {
	switch {
	case g.outage != 0:
		return no(g.outage, "Unicorn!")
	case g.limited > 0:
		return g.refuse()
	case r.UserAgent() == "":
		return no(http.StatusForbidden, "Request forbidden by administrative rules.")
	case r.Header.Get("X-GitHub-Api-Version") != "" && r.Header.Get("X-GitHub-Api-Version") != "2022-11-28":
		return no(http.StatusBadRequest, "This API version is not supported.")
	}
	scheme, proof, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if s := strings.ToLower(scheme); s != "bearer" && s != "token" {
		return no(http.StatusUnauthorized, "Requires authentication")
	}
	if right == "" {
		if status, why := g.unproven(proof); status != 0 {
			return no(status, "%s", why)
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
	name := r.PathValue("owner") + "/" + r.PathValue("repo")
	switch {
	case name == "/" || strings.EqualFold(name, g.repository):
	case strings.EqualFold(name, g.former):
		a := no(http.StatusMovedPermanently, "Moved Permanently")
		a.header = map[string]string{"Location": strings.Replace(g.URL+r.URL.RequestURI(), name, g.repository, 1)}
		return a
	default:
		return no(http.StatusNotFound, "Not Found")
	}
	q := request{Request: r, in: Object{}}
	if len(text) > 0 && json.Unmarshal(text, &q.in) != nil {
		return no(http.StatusBadRequest, "Problems parsing JSON")
	}
	return do(q)
}

func (g *GitHub) next() int64 { g.serial++; return g.serial }

func (g *GitHub) app(request) answer { return answer{status: http.StatusOK, body: g.theApp()} }

func (g *GitHub) hookConfig(request) answer {
	return answer{status: http.StatusOK, body: Object{"url": g.hook, "content_type": "json", "insecure_ssl": "0",
		"secret": "********"}}
}

func (g *GitHub) installed(request) answer {
	return answer{status: http.StatusOK, body: g.theInstallation()}
}

func (g *GitHub) newToken(q request) answer {
	if q.PathValue("id") != strconv.Itoa(installation) {
		return no(http.StatusNotFound, "Not Found")
	}
	if g.suspended {
		return no(http.StatusForbidden, "This installation has been suspended")
	}
	_, name := g.owner()
	if list, ok := q.in["repositories"].([]any); ok && (len(list) != 1 || !strings.EqualFold(fmt.Sprint(list[0]), name)) {
		return no(http.StatusUnprocessableEntity, "There is at least one repository that does not exist or is not "+
			"accessible to the parent installation.")
	}
	token, ends := g.issue()
	out := Object{"token": token, "expires_at": stamp(ends), "permissions": g.granted(),
		"repository_selection": "selected"}
	if q.in["repositories"] != nil {
		out["repositories"] = []Object{g.theRepository()}
	}
	return answer{status: http.StatusCreated, body: out}
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
	at, who := g.repo("/commits/%s", sha), Object{"name": "Ada", "email": "ada@example.com", "date": stamp(g.born)}
	return answer{status: http.StatusOK, body: Object{"sha": sha, "node_id": node("C", sha), "url": at,
		"html_url": g.page("/commit/%s", sha), "comments_url": at + "/comments", "author": nil, "committer": nil,
		"parents": []Object{}, "commit": Object{"message": "a commit", "author": who, "committer": who, "comment_count": 0,
			"url": at, "tree": Object{"sha": sha, "url": g.repo("/git/trees/%s", sha)}}}}
}

func (g *GitHub) listRuns(q request) answer {
	v := q.URL.Query()
	list, seen := []Object{}, map[any]bool{}
	for _, r := range slices.Backward(g.runs) {
		if r["head_sha"] != q.PathValue("sha") || v.Has("check_name") && r["name"] != v.Get("check_name") ||
			v.Has("app_id") && v.Get("app_id") != strconv.FormatInt(g.App, 10) ||
			v.Get("filter") != "all" && seen[r["name"]] { // else the latest of each name
			continue
		}
		seen[r["name"]] = true
		list = append(list, r)
	}
	part, header := paged(q, list)
	return answer{http.StatusOK, Object{"total_count": len(list), "check_runs": part}, header}
}

// paged is the page of a list that is asked for, and where the next one is.
func paged(q request, list []Object) ([]Object, map[string]string) {
	v := q.URL.Query()
	size, page := 30, 1
	if n, err := strconv.Atoi(v.Get("per_page")); err == nil && n > 0 {
		size = min(n, 100)
	}
	if n, err := strconv.Atoi(v.Get("page")); err == nil && n > 0 {
		page = n
	}
	from, to := min((page-1)*size, len(list)), min(page*size, len(list))
	header := map[string]string{}
	if to < len(list) {
		v.Set("page", strconv.Itoa(page+1))
		header["Link"] = fmt.Sprintf(`<http://%s%s?%s>; rel="next"`, q.Host, q.URL.Path, v.Encode())
	}
	return list[from:to], header
}

// run checks what a check run is said to be, and writes it down.
func (g *GitHub) run(r Object, q request) *answer {
	status, conclusion := q.text("status"), q.text("conclusion")
	if conclusion != "" {
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
		r["output"] = Object{"title": title, "summary": summary, "text": nil, "annotations_count": 0,
			"annotations_url": fmt.Sprint(r["url"]) + "/annotations"}
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
	id := g.next()
	r := Object{"id": id, "node_id": node("CR", id), "head_sha": sha, "url": g.repo("/check-runs/%d", id),
		"html_url": g.page("/runs/%d", id), "details_url": g.theApp()["external_url"], "external_id": "", "name": "",
		"status": "queued", "conclusion": nil, "started_at": stamp(g.now()), "completed_at": nil,
		"output": Object{"title": nil, "summary": nil, "text": nil, "annotations_count": 0,
			"annotations_url": g.repo("/check-runs/%d/annotations", id)},
		"check_suite": Object{"id": 5}, "app": g.theApp(), "pull_requests": []Object{}}
	if a := g.run(r, q); a != nil {
		return *a
	}
	g.runs = append(g.runs, r)
	return answer{status: http.StatusCreated, body: r}
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
	return answer{status: http.StatusOK, body: r}
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
	part, header := paged(q, list)
	return answer{http.StatusOK, part, header}
}

func (g *GitHub) createDeployment(q request) answer {
	sha, ok := g.find(q.text("ref"), true)
	if !ok {
		return no(http.StatusUnprocessableEntity, "No ref found for: %s", q.text("ref"))
	}
	if len([]rune(q.text("description"))) > 140 {
		return no(http.StatusUnprocessableEntity, "description is too long (maximum is 140 characters)")
	}
	if _, some := q.in["required_contexts"].([]any); !some { // then everything that there is must have succeeded
		for _, r := range g.runs {
			if r["head_sha"] == sha && r["conclusion"] != "success" {
				return no(http.StatusConflict, "Conflict: Commit status checks failed for %s.", sha)
			}
		}
	}
	d := Object{"sha": sha, "ref": q.text("ref"), "task": "deploy", "environment": "production", "payload": Object{},
		"description": ""}
	for key := range d {
		if v, ok := q.in[key]; ok && key != "sha" {
			d[key] = v
		}
	}
	d["production_environment"] = d["environment"] == "production"
	if v, ok := q.in["production_environment"].(bool); ok {
		d["production_environment"] = v
	}
	g.deployments = append(g.deployments, g.deployment(d))
	return answer{status: http.StatusCreated, body: d}
}

func (g *GitHub) listStatuses(q request) answer {
	d := byID(g.deployments, q.PathValue("id"))
	if d == nil {
		return no(http.StatusNotFound, "Not Found")
	}
	id, _ := d["id"].(int64)
	part, header := paged(q, g.statuses[id])
	return answer{http.StatusOK, append([]Object{}, part...), header}
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
	s := g.status(d, Object{"state": state, "description": q.text("description"),
		"environment_url": q.text("environment_url"), "log_url": q.text("log_url")})
	g.statuses[id] = append([]Object{s}, g.statuses[id]...)
	if state != "success" || q.in["auto_inactive"] == false {
		return answer{status: http.StatusCreated, body: s}
	}
	for _, o := range g.deployments { // GitHub does this for environments that are not production
		other, _ := o["id"].(int64)
		if before := g.statuses[other]; other != id && o["environment"] == d["environment"] && len(before) > 0 &&
			before[0]["state"] == "success" && o["production_environment"] != true {
			g.statuses[other] = append([]Object{g.status(o, Object{"state": "inactive", "description": "",
				"environment_url": before[0]["environment_url"], "log_url": before[0]["log_url"]})}, before...)
		}
	}
	return answer{status: http.StatusCreated, body: s}
}

func (g *GitHub) listWaiting(q request) answer {
	list, seen := []Object{}, map[int64]bool{}
	for _, j := range slices.Backward(g.waits) {
		if g.waiting[fmt.Sprintf("%d/%s", j.run, j.environment)] == "waiting" && !seen[j.run] {
			list = append(list, g.workflow(j))
		}
		seen[j.run] = true
	}
	part, header := paged(q, list)
	return answer{http.StatusOK, Object{"total_count": len(list), "workflow_runs": part}, header}
}

func (g *GitHub) waitsFor(q request) answer {
	list := []Object{}
	for _, j := range g.waits {
		if fmt.Sprint(j.run) == q.PathValue("id") && g.waiting[fmt.Sprintf("%d/%s", j.run, j.environment)] == "waiting" {
			list = append(list, Object{"wait_timer": 0, "wait_timer_started_at": nil, "current_user_can_approve": false,
				"reviewers": []Object{}, "environment": Object{"id": 8, "node_id": node("EN", 8), "name": j.environment,
					"url": g.repo("/environments/%s", j.environment), "html_url": g.page("/deployments")}})
		}
	}
	return answer{status: http.StatusOK, body: list}
}

func (g *GitHub) review(q request) answer {
	job, state := q.PathValue("id")+"/"+q.text("environment_name"), q.text("state")
	switch {
	case state == "" && q.text("comment") != "": // a report on the way, which answers nothing
		return answer{status: http.StatusNoContent}
	case state != "approved" && state != "rejected":
		return no(http.StatusUnprocessableEntity, "%q is no state", state)
	case g.waiting[job] == "":
		return no(http.StatusNotFound, "Not Found")
	case g.waiting[job] != "waiting":
		return no(http.StatusUnprocessableEntity, "No pending deployment requests to approve or reject")
	}
	g.waiting[job] = state + ": " + q.text("comment")
	return answer{status: http.StatusNoContent}
}
