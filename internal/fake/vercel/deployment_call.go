package vercel

import (
	"bytes"
	"cmp"
	"crypto/sha1" //nolint:gosec // the digest that the API is defined by
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

func deploymentRoutes() []route {
	const read, create = "Deployment: read", "Deployment: create"
	return []route{
		{http.MethodPost, "13", "/deployments", create, 120, (*call).createDeployment},
		{http.MethodPost, "2", "/files", create, 0, (*call).uploadFile},
		{http.MethodGet, "13 -", "/deployments/{deployment}", read, 500, onDeployment((*call).getDeployment)},
		{http.MethodGet, "6 7", "/deployments", read, 1000, (*call).listDeployments},
		{http.MethodGet, "2 3", "/deployments/{deployment}/events", read, 0, onDeployment((*call).events)},
		{http.MethodPatch, "12", "/deployments/{deployment}/cancel", create, 0, onDeployment((*call).cancel)},
		{http.MethodDelete, "13", "/deployments/{deployment}", "Deployment: delete", 0, onDeployment((*call).remove)},
		{http.MethodGet, "1", "/projects/{project}/deployments/{deployment}/runtime-logs", read, 100,
			onBoth(func(c *call, _ *project, d *deployment) reply { return lines(d.rows) })},
	}
}

// onDeployment answers for the deployment that the path names by id or host.
func onDeployment(do func(*call, *deployment) reply) func(*call) reply {
	return func(c *call) reply {
		d := c.w.deployment(c.PathValue("deployment"))
		if d == nil {
			return missing("Deployment", c.PathValue("deployment"))
		}
		return do(c, d)
	}
}

// newDeployment is what a creation asks for.
type newDeployment struct {
	Name         string         `json:"name"`
	Project      string         `json:"project"`
	Target       string         `json:"target"`
	DeploymentID string         `json:"deploymentId"`
	Custom       string         `json:"customEnvironmentSlugOrId"`
	Meta         map[string]any `json:"meta"`
	Source       string         `json:"source"`
	AutoAssign   *bool          `json:"autoAssignCustomDomains"`
	LatestCommit bool           `json:"withLatestCommit"`
	Git          *struct {
		Type string `json:"type"`
		Ref  string `json:"ref"`
		SHA  string `json:"sha"`
	} `json:"gitSource"`
	Files []struct {
		File     string  `json:"file"`
		SHA      string  `json:"sha"`
		Data     *string `json:"data"`
		Encoding string  `json:"encoding"`
	} `json:"files"`
}

func (c *call) createDeployment() reply {
	var in newDeployment
	if bad := c.decode(&in); bad != nil {
		return *bad
	}
	d := &deployment{auto: in.AutoAssign == nil || *in.AutoAssign, target: in.Target, by: c.token.user(),
		meta: map[string]string{}}
	if d.target == preview {
		d.target = ""
	}
	if bad := c.sourceOf(d, in); bad != nil {
		return *bad
	}
	for k, v := range in.Meta {
		if s, is := v.(string); is {
			d.meta[k] = s
		}
	}
	if d.project == nil {
		d.project = c.w.project(cmp.Or(in.Project, in.Name))
	}
	if d.project == nil {
		if in.Name == "" {
			return refuse(http.StatusBadRequest, "bad_request", "`name` is missing.")
		}
		d.project = c.w.newProject(in.Name)
	}
	if in.Custom != "" {
		e := d.project.customEnvironment(in.Custom)
		if e == nil {
			return missing("Custom environment", in.Custom)
		}
		d.custom, d.target = e.id, ""
	}
	if in.LatestCommit {
		c.w.latestCommit(d)
	}
	if err := c.w.begin(d); err != nil {
		return refuse(http.StatusInternalServerError, "internal_server_error", "%v", err)
	}
	body := c.w.deploymentBody(d)
	c.w.build(d)
	return ok(body)
}

// sourceOf reads what is to be built: an old deployment, a commit or files.
func (c *call) sourceOf(d *deployment, in newDeployment) *reply {
	var bad reply
	switch {
	case in.DeploymentID != "":
		old := c.w.deployment(in.DeploymentID)
		if old == nil || old.deleted() {
			bad = missing("Deployment", in.DeploymentID)
			return &bad
		}
		d.project, d.from, d.sha, d.ref, d.message = old.project, old.id, old.sha, old.ref, old.message
		d.meta = maps.Clone(old.meta)
		d.source = "redeploy"
	case in.Git != nil:
		if in.Git.Type == "" || in.Git.Ref == "" && in.Git.SHA == "" {
			bad = refuse(http.StatusBadRequest, "bad_request", "gitSource needs type and ref.")
			return &bad
		}
		d.sha, d.ref, d.source = in.Git.SHA, in.Git.Ref, "api-trigger-git-deploy"
		if d.sha == "" {
			d.sha = c.w.id("")[:24] + "0123456789abcdef"
		}
	default:
		d.source = cmp.Or(in.Source, "cli")
		gone := []string{}
		for _, f := range in.Files {
			if f.Data != nil {
				c.w.keepInline(*f.Data, f.Encoding)
			} else if _, found := c.w.files[f.SHA]; !found && !slices.Contains(gone, f.SHA) {
				gone = append(gone, f.SHA)
			}
		}
		if len(gone) > 0 {
			bad = refuseWith(http.StatusBadRequest, "missing_files", "Missing files", object{"missing": gone})
			return &bad
		}
		if sha, is := in.Meta["githubCommitSha"].(string); is {
			d.sha = sha
		}
	}
	return nil
}

// latestCommit has a repetition be of its branch's newest commit.
func (w *World) latestCommit(d *deployment) {
	for _, o := range reversed(w.deployments) {
		if o.project == d.project && o.ref == d.ref && o.sha != "" {
			d.sha, d.message = o.sha, o.message
			d.meta["githubCommitSha"] = o.sha
			return
		}
	}
}

func (w *World) keepInline(data, encoding string) {
	b := []byte(data)
	if encoding == "base64" {
		if raw, err := base64.StdEncoding.DecodeString(data); err == nil {
			b = raw
		}
	}
	sum := sha1.Sum(b)
	w.files[hex.EncodeToString(sum[:])] = b
}

func (c *call) uploadFile() reply {
	want := cmp.Or(c.Header.Get("X-Now-Digest"), c.Header.Get("X-Vercel-Digest"))
	sum := sha1.Sum(c.body)
	if got := hex.EncodeToString(sum[:]); got != want {
		return refuse(http.StatusBadRequest, "invalid_sha", "The digest is %s, not %s.", got, want)
	}
	c.w.files[want] = bytes.Clone(c.body)
	return ok(object{"urls": []string{}})
}

func (c *call) getDeployment(d *deployment) reply { return ok(c.w.deploymentBody(d)) }

func (c *call) listDeployments() reply {
	var fit []*deployment
	for _, d := range reversed(c.w.deployments) {
		if c.wanted(d) {
			fit = append(fit, d)
		}
	}
	found, words := page(c, fit, func(d *deployment) int64 { return d.created })
	list := make([]any, len(found))
	for i, d := range found {
		list[i] = c.w.listed(d)
	}
	return ok(object{"deployments": list, "pagination": words})
}

func (c *call) wanted(d *deployment) bool {
	q := c.query
	projects := slices.Concat(q["projectIds"], q["projectIds[]"])
	if p := q.Get("projectId"); p != "" {
		projects = append(projects, p)
	}
	if len(projects) > 0 && !slices.Contains(projects, d.project.id) && !slices.Contains(projects, d.project.name) {
		return false
	}
	states := strings.Split(q.Get("state"), ",")
	for k, v := range q {
		if name, is := strings.CutPrefix(k, "meta-"); is && d.meta[name] != v[0] {
			return false
		}
	}
	is := func(name, have string) bool { return q.Get(name) == "" || q.Get(name) == have }
	return is("app", d.project.name) && is("target", d.environment()) && is("branch", d.ref) && is("sha", d.sha) &&
		is("users", UserID) && (q.Get("state") == "" && !d.deleted() || slices.Contains(states, d.state)) &&
		(q.Get("rollbackCandidate") != "true" || c.w.candidate(d))
}

func (c *call) events(d *deployment) reply {
	logs := slices.Clone(d.logs)
	if c.query.Get("direction") == "backward" {
		slices.Reverse(logs)
	}
	if n, err := strconv.Atoi(c.query.Get("limit")); err == nil && n > 0 && n < len(logs) {
		logs = logs[:n]
	}
	if c.query.Get("follow") == "1" {
		return lines(logs)
	}
	if logs == nil {
		logs = []object{}
	}
	return ok(logs)
}

// lines answers with one JSON object a line.
func lines(rows []object) reply {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	for _, r := range rows {
		if err := e.Encode(r); err != nil {
			return refuse(http.StatusInternalServerError, "internal_server_error", "%v", err)
		}
	}
	return reply{status: http.StatusOK, raw: b.Bytes(), kind: "application/stream+json"}
}

func (c *call) cancel(d *deployment) reply {
	if d.state != queued && d.state != building {
		return refuse(http.StatusBadRequest, "bad_request", "The deployment is %s: it can't be canceled.", d.state)
	}
	d.state = canceled
	d.stop()
	c.w.emitDeployment("deployment.canceled", d, c.token.user())
	return ok(c.w.deploymentBody(d))
}

func (c *call) remove(d *deployment) reply {
	d.state = deleted
	d.stop()
	for name, a := range c.w.aliases {
		if a.deployment == d {
			delete(c.w.aliases, name)
		}
	}
	c.w.emitDeployment("deployment.cleanup", d, c.token.user())
	return ok(object{"uid": d.id, "state": deleted})
}
