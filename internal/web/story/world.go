package story

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/api"
)

const (
	commit1 = "9f1c2d7e4ab80d1f5c63a2b7e90d4418c2f6a135"
	commit2 = "3be81a90c7d24f6fb1e5a0c98d7743b2f60e9d11"
	hash    = "5f0c9e7f3b2d41a8c6e0975d13fa8b24e6c70d9183b5f4a2c1d0e9f8a7b6c5d4"
	longID  = "rel_0d6r3k8m2n4p5q7s9tv"
)

// plan is the strategy of the stories: what each step is called.
type planned struct {
	stage, id, kind, title string
	share                  float64
}

func plan() []planned {
	return []planned{
		{"development", "development/checks", "checks", "Checks of the build", 0},
		{"staging", "staging/deploy", "deploy", "Deploy to staging", 0},
		{"staging", "staging/smoke", "smoke", "Smoke checks: core", 0},
		{"staging", "staging/load", "checks", "Load test: medium", 0},
		{"staging", "staging/sign-off", "sign_off", "QA signs off", 0},
		{"canary", "canary/deploy", "deploy", "Deploy beside stable", 0},
		{"canary", "canary/smoke", "smoke", "Smoke checks at 0 %", 0},
		{"canary", "canary/share-5", "share", "5 % of visitors", 5},
		{"canary", "canary/share-10", "share", "10 % of visitors", 10},
		{"canary", "canary/share-25", "share", "25 % of visitors", 25},
		{"canary", "canary/share-50", "share", "50 % of visitors", 50},
		{"canary", "canary/share-100", "share", "100 % of visitors", 100},
		{"production", "production/window", "window", "Release window", 0},
		{"production", "production/approval", "approval", "Product approves", 0},
		{"production", "production/promote", "promote", "Promote to stable", 0},
		{"production", "production/smoke", "smoke", "Smoke checks: core", 0},
		{"production", "production/watch", "watch", "Watch for 30 minutes", 0},
	}
}

// release returns v2 on its way, at the step with the status; all before it passed.
func release(step, status, sentence string) api.Release {
	r := api.Release{
		ID: longID, App: "shop", Version: "v2", Commit: commit2, Author: "grace", Deployment: "dep_0d6r3k8m2n4p5q7s9aaa",
		URL: "http://127.0.0.1:3002", Previous: "v1", Phase: "running", Step: step, Sentence: sentence, Measured: -1,
		Note: "New checkout. Watch the payment errors.", Created: before(42 * time.Minute), Updated: before(3 * time.Second),
		Revision: 31,
	}
	at, reached := r.Created, false
	for _, p := range plan() {
		s := api.Step{ID: p.id, Stage: p.stage, Environment: p.stage, Kind: p.kind, Title: p.title, Status: "pending",
			Share: p.share}
		switch {
		case p.id == step:
			reached = true
			s.Status, s.Sentence, s.Started = status, sentence, ptr(at)
			r.Stage = p.stage
		case !reached:
			s.Status, s.Sentence, s.Started = "passed", "Passed.", ptr(at)
			at = at.Add(97 * time.Second)
			s.Ended = ptr(at)
			if p.kind == "sign_off" {
				s.Actor, s.Sentence = "lin", "lin (qa) signed off: all flows walked through on a phone and a laptop."
			}
		}
		if p.share > 0 && s.Status != "pending" {
			r.Share, r.Reached = p.share, p.share
			r.Measured = p.share * 0.992
			r.Shares = append(r.Shares, api.Shift{At: *s.Started, Share: p.share, By: "engine"})
		}
		r.Steps = append(r.Steps, s)
	}
	r.Actions = runningActions(r)
	if step == "staging/sign-off" && status == "waiting" {
		sign := api.Action{Name: "sign", Title: "Record your verdict", Primary: true,
			Effect: "QA signs off: your name and verdict are recorded. When it passed, the release goes on; when it failed, " +
				"it waits.",
			Undo: "Record another verdict."}
		r.Actions = append([]api.Action{sign}, r.Actions...)
	}
	return r
}

func runningActions(r api.Release) []api.Action {
	back := "Sends " + fmt.Sprintf("%.0f", r.Share) +
		" % of visitors, about 1,200 people, back to v1 now and ends the release."
	if r.Share == 0 {
		back = "Ends the release. No visitor has seen v2."
	}
	return []api.Action{
		{
			Name: "promote", Title: "Go on now", Reason: true,
			Effect: "It goes on to the next step without waiting for the rest of this one.",
			Undo:   "Lower the share or abort.",
		},
		{
			Name: "pause", Title: "Pause",
			Effect: "Keeps the share where it is; nothing advances until somebody resumes. The guard still takes it back " +
				"when it must.",
			Undo: "Resume.",
		},
		{
			Name: "share", Title: "Lower the share",
			Effect: "Fewer visitors see v2; it is paused there.", Undo: "Resume.",
		},
		{
			Name: "skip", Title: "Skip this step", Reason: true, Dangers: true,
			Effect: "Counts the step as done without its proof. Your name and reason go into the log and into the approval.",
		},
		{Name: "abort", Title: "Abort and go back", Dangers: true, Reason: true, Effect: back,
			Undo: "Start a new release of v2."},
	}
}

func verdict(word, action, sentence string) *api.Verdict {
	return &api.Verdict{
		At: before(2 * time.Second), Word: word, Action: action, Sentence: sentence, Requests: 1840, More: 1400,
		MoreSeconds: 200, Sureness: 0.28,
		Findings: []api.Finding{
			{Rule: "error_rate", Arm: "canary", Level: "info", Value: 0.0041, Limit: 0.05, Unit: "fraction",
				Sentence: "Error rate 0.41 %, below 2 %."},
			{Rule: "latency_p95", Arm: "canary", Level: "info", Value: 212, Limit: 500, Unit: "ms",
				Sentence: "p95 is 212 ms, below 500 ms."},
			{Rule: "health", Arm: "canary", Level: "info", Value: 0, Limit: 3, Unit: "failures",
				Sentence: "Health is answered."},
		},
	}
}

func checks() []api.Check {
	at := before(50 * time.Minute)
	mk := func(name, title, group, status, summary, actor, role string, stages ...string) api.Check {
		c := api.Check{
			Name: name, Title: title, Group: group, Version: "v2", Commit: commit2, Status: status, Summary: summary,
			Actor: actor, Required: stages, Role: role,
		}
		if status != "missing" {
			c.At = &at
			c.URL = "https://ci.example.com/runs/4711"
		}
		return c
	}
	unit := mk("unit", "Unit tests pass", "tests", "passed", "1,204 tests in 48 s", "token:ci", "", "development",
		"staging")
	unit.Coverage = ptr(87.4)
	return []api.Check{
		unit,
		mk("integration", "Integration tests pass", "tests", "passed", "212 tests", "token:ci", "", "staging"),
		mk("e2e", "End-to-end tests pass", "tests", "running", "chromium 31 of 60", "token:ci", "", "canary"),
		mk("review", "Code is reviewed", "quality", "passed", "2 approvals on #812", "user:lin", "", "staging"),
		mk("security", "No known vulnerability", "quality", "failed", "1 high: left-pad 1.3.0", "token:ci", "", "production"),
		mk("migration", "Migration is reversible", "database", "not_applicable", "no migration in v2", "user:grace", "devops",
			"production"),
		mk("docs", "Release notes are written", "documents", "missing", "", "", "product", "production"),
		mk("browsers", "Browsers are tried", "tests", "missing", "", "", "", nil...),
	}
}

func event(seq int64, ago time.Duration, kind, actor, env, sentence string) api.Event {
	data, _ := json.Marshal(map[string]any{"share": 10, "revision": 31, "by": actor})
	return api.Event{
		Seq: seq, At: before(ago), Kind: kind, Actor: actor, App: "shop", Environment: env, Subject: longID,
		Sentence: sentence, Data: data, Hash: hash,
	}
}

func events() []api.Event {
	return []api.Event{
		event(4127, 2*time.Minute, "release.share_set", "system:engine", "canary",
			"v2 has 10 % of visitors; the edge confirmed it after 3 ms."),
		event(4126, 2*time.Minute+4*time.Second, "guard.verdict", "system:guard", "canary",
			"Better or equal at 5 %: error rate 0.4 % against 0.5 %, p95 212 ms against 208 ms."),
		event(4119, 14*time.Minute, "release.share_set", "system:engine", "canary",
			"v2 has 5 % of visitors; the edge confirmed it after 4 ms."),
		event(4118, 15*time.Minute, "check.reported", "token:ci", "", "End-to-end tests of v2 are running."),
		event(4111, 20*time.Minute, "release.step_passed", "user:lin", "staging",
			"lin (qa) signed off v2: all flows walked through on a phone and a laptop."),
		event(4102, 42*time.Minute, "release.started", "user:grace", "", "grace started the release of v2 (3be81a90c7)."),
		event(4090, 26*time.Hour, "release.completed", "system:engine", "production",
			"v1 is in production, verified and watched for 30 minutes."),
	}
}

// takenBackEvents is how a release went that the guard took back, newest first.
func takenBackEvents() []api.Event {
	return []api.Event{
		event(4131, 12*time.Minute, "incident.opened", "system:engine", "production",
			"SEV3 is open: v2 was taken back from 10 % of visitors."),
		event(4130, backSince-time.Second, "release.aborted", "system:engine", "canary",
			"v2 has 0 % of visitors; the edge confirmed it after 4 ms."),
		event(4129, backSince, "guard.verdict", "system:guard", "canary", worseSays(takenBack())),
		event(4127, backSince+6*time.Minute, "release.share_set", "system:engine", "canary",
			"v2 has 10 % of visitors; the edge confirmed it after 3 ms."),
		event(4119, backSince+16*time.Minute, "release.share_set", "system:engine", "canary",
			"v2 has 5 % of visitors; the edge confirmed it after 4 ms."),
		event(4102, 42*time.Minute, "release.started", "user:grace", "", "grace started the release of v2 (3be81a90c7)."),
	}
}

// quiet is the environments while no canary is under way.
func quiet() []api.Environment {
	all := environments()
	e := &all[2]
	e.Deployment, e.Since, e.Release, e.Share, e.Requests, e.ErrorRate, e.P95 = nil, nil, "", 0, 0, -1, -1
	e.Sentence = "Nothing runs here."
	return all
}

func deployment(version, commit, env, verdict string, ago time.Duration) *api.Deployment {
	return &api.Deployment{
		ID: "dep_0d6r3k8m2n4p5q7s9" + version, App: "shop", Version: version, Commit: commit, URL: "http://127.0.0.1:3001",
		Environment: env, Verdict: verdict, Created: before(ago), Promoted: ptr(before(ago)),
	}
}

func environments() []api.Environment {
	none := -1.0
	return []api.Environment{
		{
			Name: "development", Purpose: "Every push", Roles: []string{"development", "devops"}, AutoUndo: true,
			Deployment: deployment("v3-pre4", commit1, "development", "unknown", 18*time.Minute),
			Since:      ptr(before(18 * time.Minute)),
			Sentence:   "v3-pre4 runs here since a push to develop.", ErrorRate: none, P95: none,
		},
		{
			Name: "staging", Purpose: "Rehearsal", Roles: []string{"development", "qa", "devops"}, AutoUndo: true,
			Deployment: deployment("v2", commit2, "staging", "unknown", 40*time.Minute), Since: ptr(before(40 * time.Minute)),
			Sentence: "v2 passed its smoke checks and QA signed it off.", ErrorRate: none, P95: none,
		},
		{
			Name: "canary", Purpose: "A share of visitors", Roles: []string{"qa", "devops"}, AutoUndo: true,
			Deployment: deployment("v2", commit2, "canary", "unknown", 14*time.Minute), Since: ptr(before(14 * time.Minute)),
			Release: longID, Share: 10, Sentence: "v2 is at 10 %. Not enough evidence yet.", Requests: 1241, ErrorRate: 0.0041,
			P95: 212,
		},
		{
			Name: "production", Purpose: "Everybody", Roles: []string{"product", "devops", "incident response"},
			Deployment: deployment("v1", commit1, "production", "good", 26*time.Hour), Since: ptr(before(26 * time.Hour)),
			Sentence: "v1 is stable and known to be good.", Requests: 11170, ErrorRate: 0.0049, P95: 208,
		},
	}
}

func approval() api.Approval {
	return api.Approval{
		ID: "apr_0d6r3k8m2n4p5q7s9tv0", Kind: "release", Subject: longID, Action: "promote", App: "shop",
		Environment: "production",
		Version:     "v2", Commit: commit2, Deployment: "dep_0d6r3k8m2n4p5q7s9aaa", Plan: "1c9e" + hash[4:], Hash: hash,
		State:  "open",
		Author: "grace",
		Evidence: []api.Evidence{
			{Name: "Canary", Says: "Better or equal at 5, 10, 25, 50 and 100 %, over 126,290 requests."},
			{Name: "comparison", Says: "At 50 %: 63,080 requests of v2 are compared with 63,210 of the stable version. Ruled " +
				"out: 2 times as many errors or more, all that must be. Nothing speaks against v2. No request failed beyond the " +
				"rate of the stable version."},
			{Name: "Checks", Says: "6 of 6 required checks are satisfied."},
			{Name: "QA", Says: "lin (qa) signed off: all flows walked through."},
			{Name: "Rollback", Says: "v1 is up, known good, and takes all traffic within 5 ms."},
		},
		Rules:   []api.ApprovalRule{{Role: "product", Count: 1}, {Role: "devops", Count: 2}},
		Missing: []api.ApprovalRule{{Role: "product", Count: 1}, {Role: "devops", Count: 1}},
		Votes: []api.Vote{{
			Name: "max", Role: "devops", Approve: true, Reason: "Looked at the graphs of 50 %.", At: before(3 * time.Minute),
			Signature: "ab12" + hash[4:],
		}},
		Opened: before(6 * time.Minute), Expires: Now().Add(23*time.Hour + 54*time.Minute), MayDecide: true,
		Changed: map[string]string{},
	}
}

func incident() api.Incident {
	c := takenBack()
	bad, _ := lately(c.Canary)
	return api.Incident{
		ID: "inc_0d6r3k8m2n4p5q7s9tv0", App: "shop", Title: "v2 was taken back from 10 % of visitors", Severity: "SEV3",
		Criterion: "error rate from 1 % to 10 %: " + part(bad) + " of requests fail", State: "open",
		Opened: before(12 * time.Minute), Release: longID, Environment: "production", Rule: "error_rate",
		Sentence: "v2 reached 10 % of visitors and was taken back to v1 by the guard (error_rate): " +
			strings.TrimPrefix(worseSays(c), "v2 is worse. ") +
			" SEV3 because error rate from 1 % to 10 %: " + part(bad) + " of requests fail.",
		ResolvedWhen: "no more than 5 % of the requests to production fail, and it is known what is wrong with v2",
		ReviewDue:    ptr(Now().Add(4 * 24 * time.Hour)), Timeline: takenBackEvents(),
	}
}

func rollback() api.Rollback {
	return api.Rollback{
		ID: "rbk_0d6r3k8m2n4p5q7s9tv0", App: "shop", Environment: "production", Release: longID, From: "v2", To: "v1",
		Phase: "requested", Sentence: "Roll back production from v2 to v1: waits for 1 of incident response.",
		Trigger: "Error rate 6.2 % for 5 minutes (critical at 5 %).", Requested: "ada", Created: before(4 * time.Minute),
		Detected: ptr(before(5 * time.Minute)), Incident: "inc_0d6r3k8m2n4p5q7s9tv0", Revision: 3,
	}
}

// hostile is a name as somebody who means harm would choose it.
const hostile = `<script>alert(1)</script>"><img src=x onerror=alert(2)>'`

// long is a name as a machine would choose it.
const long = "2026.11.20-feature-checkout-redesign-with-express-payment-and-a-name-nobody-shortened-build.4711"
