package vercel

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// States of a deployment.
const (
	queued     = "QUEUED"
	building   = "BUILDING"
	ready      = "READY"
	failed     = "ERROR"
	canceled   = "CANCELED"
	deleted    = "DELETED"
	staged     = "STAGED"
	promoted   = "PROMOTED"
	production = "production"
	preview    = "preview"
)

// deployment is a build that is kept.
type deployment struct {
	id         string
	url        string // host and port of its own listener
	project    *project
	target     string // production, staging or empty: a preview
	custom     string // id of a custom environment
	state      string
	substate   string
	source     string
	by         string
	why        string // of failed
	created    int64
	readyAt    int64
	servedAt   int64 // when production's domains last were pointed at it; 0: never
	aliased    bool
	aliasError object
	auto       bool // domains may be assigned by themselves
	pending    bool // they will be, once nothing stands in the way
	sha, ref   string
	message    string
	meta       map[string]string
	env        map[string]string
	from       string // id of the deployment that it repeats
	upstream   string
	checks     []*checkV1
	logs       []object
	rows       []object
	stop       context.CancelFunc
}

// Deployment is a deployment as a test or a Build sees it.
type Deployment struct {
	ID       string
	URL      string // host and port
	Project  string // id
	Target   string // production, staging or empty
	State    string
	Substate string
	SHA      string
	Ref      string
	From     string // id of the deployment that it repeats
	Meta     map[string]string
	Env      map[string]string // what the build was given, sensitive values as well
}

func (d *deployment) view() Deployment {
	return Deployment{ID: d.id, URL: d.url, Project: d.project.id, Target: d.target, State: d.state,
		Substate: d.substate, SHA: d.sha, Ref: d.ref, From: d.from, Meta: maps.Clone(d.meta), Env: maps.Clone(d.env)}
}

func (d *deployment) deleted() bool { return d.state == deleted }

// environment is the word for it in variables and drains.
func (d *deployment) environment() string { return cmp.Or(d.target, preview) }

// Deployments returns all deployments, the oldest first.
func (w *World) Deployments() []Deployment {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.settle()
	out := make([]Deployment, len(w.deployments))
	for i, d := range w.deployments {
		out[i] = d.view()
	}
	return out
}

// Deployment returns a deployment by its id or host.
func (w *World) Deployment(idOrHost string) (Deployment, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.settle()
	if d := w.deployment(idOrHost); d != nil {
		return d.view(), true
	}
	return Deployment{}, false
}

func (w *World) deployment(idOrHost string) *deployment {
	for _, d := range w.deployments {
		if d.id == idOrHost || d.url == idOrHost {
			return d
		}
	}
	if a := w.aliases[idOrHost]; a != nil {
		return a.deployment
	}
	return nil
}

// Push is what a push to the repository does: a build for production on its branch, else a preview.
func (w *World) Push(idOrName, sha, ref, message string) (Deployment, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.project(idOrName)
	d := &deployment{project: p, source: "git", sha: sha, ref: ref, message: message, auto: true, by: UserName,
		meta: map[string]string{}}
	if ref == p.branch {
		d.target = production
	} else if e := p.matching(ref); e != nil {
		d.custom = e.id
	}
	if err := w.begin(d); err != nil {
		return Deployment{}, err
	}
	w.build(d)
	return d.view(), nil
}

// begin gives a deployment its place. The lock is held.
func (w *World) begin(d *deployment) error {
	d.id, d.created, d.state = w.id("dpl_"), w.stamp(), queued
	if d.source == "git" || d.source == "api-trigger-git-deploy" {
		d.gitMeta()
	}
	if w.o.Name != nil {
		if id := w.o.Name(d.view()); id != "" && w.deployment(id) == nil {
			d.id = id
		}
	}
	address, err := w.listen(w.servesDeployment(d))
	if err != nil {
		return err
	}
	d.url = address
	d.env = w.environmentOf(d)
	w.deployments = append(w.deployments, d)
	w.registerChecks(d)
	w.emitDeployment("deployment.created", d, d.by)
	return nil
}

func (d *deployment) gitMeta() {
	org, repo, _ := strings.Cut(d.project.repo, "/")
	for k, v := range map[string]string{"githubCommitSha": d.sha, "githubCommitRef": d.ref, "githubDeployment": "1",
		"githubCommitMessage": d.message, "githubCommitAuthorLogin": d.by, "githubCommitOrg": org,
		"githubCommitRepo": repo, "githubOrg": org, "githubRepo": repo} {
		if v != "" {
			d.meta[k] = v
		}
	}
}

// build has what the deployment serves made, beside everything else. The lock is held.
func (w *World) build(d *deployment) {
	ctx, stop := context.WithCancel(w.ctx)
	d.stop = stop
	d.log("Build started")
	if w.o.Build == nil {
		w.built(d, "", nil)
		return
	}
	d.state = building
	v := d.view()
	w.wg.Go(func() {
		upstream, err := w.o.Build(ctx, v)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.built(d, upstream, err)
	})
}

// built is the end of a build.
func (w *World) built(d *deployment, upstream string, err error) {
	if d.state == canceled || d.deleted() {
		return
	}
	d.readyAt = w.stamp()
	if err != nil {
		d.state, d.why = failed, err.Error()
		d.log("Error: " + d.why)
		w.emitDeployment("deployment.error", d, d.by)
		return
	}
	d.log("Build Completed")
	d.state, d.upstream = ready, upstream
	if d.target == production {
		d.substate = staged
	}
	w.emitDeployment("deployment.ready", d, d.by)
	w.startRuns(d)
	d.pending = true
	w.assign(d)
}

// assign points at a ready deployment what points at it by itself. It is asked again while the deployment is pending.
// Then its aliasAssigned is true, also of a build that stays staged: the command line waits for it, after --skip-domain
// as well, and has no other good end. Whether production's domains point at a build is told by its substate and the
// project's targets.
func (w *World) assign(d *deployment) {
	p := d.project
	switch {
	case !d.pending || w.blocked(d, "deployment-alias"):
		return
	case d.target != production:
		d.aliased, d.pending = true, false
		w.pointBranch(d)
		return
	case !d.auto || !p.autoAssign || d.state != ready:
		d.aliased, d.pending = d.state == ready, false // its own names are; it stays staged
		return
	case w.blocked(d, "deployment-promotion") || p.last.open():
		return
	}
	d.pending = false
	if newer := w.newest(p); newer != nil && newer.created > d.created {
		d.aliased = true
		return // it was overtaken
	}
	w.serveProduction(p, d, d.by, false)
}

// newest is the newest deployment that production's domains were pointed at.
func (w *World) newest(p *project) *deployment {
	var best *deployment
	for _, d := range w.deployments {
		if d.project == p && d.servedAt != 0 && (best == nil || d.created > best.created) {
			best = d
		}
	}
	return best
}

func (d *deployment) log(text string) {
	at := d.created + int64(len(d.logs))
	d.logs = append(d.logs, object{"type": "stdout", "created": at, "date": at, "serial": fmt.Sprint(at), "id": d.id,
		"deploymentId": d.id, "text": text,
		"info": object{"type": "build", "name": "build", "entrypoint": "."}})
}

// deploymentBody is a deployment as the single call gives it.
func (w *World) deploymentBody(d *deployment) object {
	b := object{
		"id": d.id, "uid": d.id, "name": d.project.name, "url": d.url, "projectId": d.project.id, "ownerId": TeamID,
		"readyState": d.state, "status": d.state, "createdAt": d.created, "source": d.source, "target": nil,
		"aliasAssigned": d.aliased, "aliasError": nil, "alias": w.aliasesOf(d), "meta": d.metaBody(), "type": "LAMBDAS",
		"version": 2, "plan": w.o.Plan, "public": false, "regions": []string{"iad1"}, "routes": nil, "env": []string{},
		"build": object{"env": []string{}}, "projectSettings": object{"framework": "nextjs"}, "bootedAt": d.created,
		"buildingAt": d.created, "buildSkipped": false, "createdIn": "iad1", "inspectorUrl": nil,
		"isInConcurrentBuildsQueue": false, "isInSystemBuildsQueue": false, "createdAtTimestamp": d.created,
		"creator": object{"uid": UserID, "username": d.by, "email": d.by + "@example.com"},
		"team":    object{"id": TeamID, "name": "Acme", "slug": TeamSlug},
		"project": object{"id": d.project.id, "name": d.project.name, "framework": "nextjs"},
	}
	if d.target != "" {
		b["target"] = d.target
	}
	if d.readyAt != 0 {
		b["ready"] = d.readyAt
	}
	if d.substate != "" && d.state == ready {
		b["readySubstate"] = d.substate
	}
	if d.aliasError != nil {
		b["aliasError"] = d.aliasError
	}
	if d.state == failed {
		b["errorCode"], b["errorMessage"], b["errorStep"] = "BUILD_FAILED", d.why, "buildStep"
	}
	if d.sha != "" && d.meta["githubDeployment"] != "" {
		b["gitSource"] = object{"type": "github", "repoId": d.project.repoID, "ref": d.ref, "sha": d.sha, "prId": nil}
	}
	if state, conclusion := w.checksOf(d); state != "" {
		b["checksState"] = state
		if conclusion != "" {
			b["checksConclusion"] = conclusion
		}
	}
	if d.custom != "" {
		b["customEnvironment"] = object{"id": d.custom}
	}
	return b
}

func (d *deployment) metaBody() object {
	m := object{}
	for k, v := range d.meta {
		m[k] = v
	}
	return m
}

// listed is a deployment as the list gives it: it says uid, created and state.
func (w *World) listed(d *deployment) object {
	b := w.deploymentBody(d)
	for _, k := range []string{"id", "env", "build", "routes", "regions", "ownerId", "version", "plan", "alias", "team",
		"status", "public", "project"} {
		delete(b, k)
	}
	b["created"], b["state"], b["isRollbackCandidate"] = d.created, d.state, w.candidate(d)
	return b
}

func (w *World) aliasesOf(d *deployment) []string {
	list := []string{}
	for _, a := range w.aliases {
		if a.deployment == d {
			list = append(list, a.name)
		}
	}
	slices.Sort(list)
	return list
}
