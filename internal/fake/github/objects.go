package github

import (
	"fmt"
	"strings"
	"time"
)

// owner is who has the repository, and name what it is called there.
func (g *GitHub) owner() (owner, name string) {
	owner, name, _ = strings.Cut(g.repository, "/")
	return owner, name
}

// repo is the address of something in the repository.
func (g *GitHub) repo(format string, args ...any) string {
	return g.URL + "/repos/" + g.repository + fmt.Sprintf(format, args...)
}

// page is the address that people see of something in the repository.
func (g *GitHub) page(format string, args ...any) string {
	return g.URL + "/" + g.repository + fmt.Sprintf(format, args...)
}

// node is an id of GitHub's other API, which nobody here reads.
func node(kind string, id any) string { return fmt.Sprintf("%s_%v", kind, id) }

// stamp is a time as GitHub writes it.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// addresses adds the addresses below one, each under its name and _url.
func addresses(o Object, base, names string) Object {
	for _, name := range strings.Fields(names) {
		o[name+"_url"] = base + "/" + name
	}
	return o
}

// user is somebody, or something that acts like one.
func (g *GitHub) user(login, kind string) Object {
	at := g.URL + "/users/" + login
	return addresses(Object{"login": login, "id": 7, "node_id": node("U", 7), "avatar_url": at + "/avatar",
		"gravatar_id": "", "url": at, "html_url": g.URL + "/" + login, "type": kind, "site_admin": false}, at,
		"followers following gists starred subscriptions organizations repos events received_events")
}

// bot is the app as it writes.
func (g *GitHub) bot() Object { return g.user("slipway[bot]", "Bot") }

// granted are the permissions of the installation.
func (g *GitHub) granted() Object {
	out := Object{}
	for name, level := range g.permissions {
		out[name] = level
	}
	return out
}

// theApp is the app as it stands in answers.
func (g *GitHub) theApp() Object {
	owner, _ := g.owner()
	asks := g.granted()
	for name, level := range g.asked {
		asks[name] = level
	}
	return Object{"id": g.App, "slug": "slipway", "node_id": node("A", g.App), "owner": g.user(owner, "Organization"),
		"name": "Slipway", "description": nil, "external_url": "https://slipway.example.com",
		"html_url": g.URL + "/apps/slipway", "created_at": stamp(g.born), "updated_at": stamp(g.born),
		"permissions": asks, "events": g.events}
}

// theInstallation is the app's on the repository.
func (g *GitHub) theInstallation() Object {
	owner, _ := g.owner()
	at := fmt.Sprintf("%s/app/installations/%d", g.URL, installation)
	return Object{"id": installation, "account": g.user(owner, "Organization"), "repository_selection": "selected",
		"access_tokens_url": at + "/access_tokens", "repositories_url": g.URL + "/installation/repositories",
		"html_url": g.URL + "/settings/installations/99", "app_id": g.App, "app_slug": "slipway", "target_id": 7,
		"target_type": "Organization", "permissions": g.granted(), "events": g.events, "created_at": stamp(g.born),
		"updated_at": stamp(g.born), "single_file_name": nil, "suspended_by": nil, "suspended_at": nil}
}

// theRepository is what stands in every event.
func (g *GitHub) theRepository() Object {
	owner, name := g.owner()
	o := Object{"id": 42, "node_id": node("R", 42), "name": name, "full_name": g.repository,
		"owner": g.user(owner, "Organization"), "license": nil, "forks": 0, "private": true, "html_url": g.page(""),
		"description": nil, "fork": false, "url": g.repo(""), "git_url": "git://github.example/" + g.repository + ".git",
		"ssh_url": "git@github.example:" + g.repository + ".git", "clone_url": g.page(".git"), "mirror_url": nil,
		"svn_url": g.page(""), "homepage": nil, "language": nil, "default_branch": "main", "created_at": stamp(g.born),
		"updated_at": stamp(g.born), "pushed_at": stamp(g.born)}
	for _, n := range strings.Fields("forks_count stargazers_count watchers_count size open_issues_count open_issues " +
		"watchers") {
		o[n] = 0
	}
	for _, n := range strings.Fields("has_issues has_projects has_wiki has_pages has_downloads archived disabled") {
		o[n] = false
	}
	return addresses(o, g.repo(""), "archive assignees blobs branches collaborators comments commits compare contents "+
		"contributors deployments downloads events forks git_commits git_refs git_tags issue_comment issue_events issues "+
		"keys labels languages merges milestones notifications pulls releases stargazers statuses subscribers "+
		"subscription tags teams trees hooks")
}

// event is what the app's webhook is told.
func (g *GitHub) event(action string, more Object) Object {
	out := Object{"action": action, "repository": g.theRepository(), "sender": g.user("ada", "User"),
		"installation": Object{"id": installation, "node_id": node("I", installation)}}
	for k, v := range more {
		out[k] = v
	}
	return out
}

// Wait has a job wait at the app's rule, and returns the event that tells of it.
func (g *GitHub) Wait(run int64, environment, commit string) Object {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting[fmt.Sprintf("%d/%s", run, environment)] = "waiting"
	g.waits = append(g.waits, job{run, environment, commit, g.now()})
	d := g.deployment(Object{"sha": commit, "ref": "main", "task": "deploy", "environment": environment,
		"payload": Object{}, "description": nil, "production_environment": environment == "production"})
	d["creator"] = g.user("ada", "User")
	return g.event("requested", Object{"environment": environment, "event": "push", "deployment": d,
		"deployment_callback_url": g.repo("/actions/runs/%d/deployment_protection_rule", run), "pull_requests": []Object{}})
}

// workflow is a run of a workflow, of which a job waits.
func (g *GitHub) workflow(j job) Object {
	at := g.repo("/actions/runs/%d", j.run)
	return addresses(Object{"id": j.run, "node_id": node("WFR", j.run), "head_branch": "main", "head_sha": j.commit,
		"path": ".github/workflows/release.yml", "display_title": "Release", "run_number": 1, "event": "push",
		"status": "waiting", "conclusion": nil, "workflow_id": 3, "url": at, "html_url": g.page("/actions/runs/%d", j.run),
		"workflow_url": g.repo("/actions/workflows/3"), "previous_attempt_url": nil,
		"check_suite_url": g.repo("/check-suites/5"),
		"pull_requests":   []Object{}, "created_at": stamp(g.born), "updated_at": stamp(g.born), "head_commit": nil,
		"run_started_at": stamp(j.at), "run_attempt": 1,
		"repository": g.theRepository(), "head_repository": g.theRepository()}, at, "jobs logs artifacts cancel rerun")
}

// Told returns the event that tells of a check run: created, completed, or rerequested by somebody.
func (g *GitHub) Told(action string, run any) Object {
	g.mu.Lock()
	defer g.mu.Unlock()
	r := byID(g.runs, fmt.Sprint(run))
	copied := Object{}
	for k, v := range r {
		copied[k] = v
	}
	return g.event(action, Object{"check_run": copied})
}

// deployment completes one that is new.
func (g *GitHub) deployment(d Object) Object {
	id := g.next()
	for k, v := range (Object{"id": id, "url": g.repo("/deployments/%d", id), "node_id": node("DE", id),
		"original_environment": d["environment"], "transient_environment": false, "creator": g.bot(),
		"created_at": stamp(g.now()), "updated_at": stamp(g.now()), "statuses_url": g.repo("/deployments/%d/statuses", id),
		"repository_url": g.repo("")}) {
		d[k] = v
	}
	return d
}

// status completes what is said of a deployment.
func (g *GitHub) status(d, s Object) Object {
	id := g.next()
	for k, v := range (Object{"id": id, "url": g.repo("/deployments/%v/statuses/%d", d["id"], id),
		"node_id": node("DES", id), "creator": g.bot(),
		"environment": d["environment"], "created_at": stamp(g.now()), "updated_at": stamp(g.now()),
		"deployment_url": d["url"], "repository_url": g.repo(""), "target_url": s["log_url"]}) {
		s[k] = v
	}
	return s
}
