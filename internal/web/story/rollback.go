package story

import (
	"time"

	"github.com/a-h/templ"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/web/page"
)

func rollbackPlan() api.RollbackPlan {
	return api.RollbackPlan{
		App: "shop", Environment: "production", From: *deployment("v2", commit2, "production", "bad", time.Hour),
		To:  deployment("v1", commit1, "production", "good", 26*time.Hour),
		Why: "v1 is the newest deployment that was verified in production and watched without a finding.",
		Candidates: []api.TargetAnalysis{
			{Deployment: "dep_0d6r3k8m2n4p5q7s9v1", Version: "v1", Eligible: true,
				Why: "Verified and watched in production, 26 hours ago; still up."},
			{Deployment: "dep_0d6r3k8m2n4p5q7s9v0", Version: "v0.9", Eligible: true, Why: "Known good, 9 days ago; still up."},
			{Deployment: "dep_0d6r3k8m2n4p5q7s9vx", Version: "v1.1", Why: "Taken back by the guard on 18 November: error rate."},
		},
		Steps: []string{"Check that v1 answers as itself.", "Send all visitors to v1.", "Verify: smoke checks core.",
			"Watch error rate and health for 10 minutes.", "Open an incident with the timeline."},
		Aid: []api.Evidence{
			{Name: "Severity", Says: "SEV2: more than 5 % of requests fail for some visitors."},
			{Name: "Hotfix or rollback", Says: "Rollback: it takes seconds; no hotfix is on its way."},
			{Name: "Data", Says: "v2 has no migration: nothing is lost."},
		},
		Hash: hash,
	}
}

func rollbackSteps(statuses ...string) []api.RollbackStep {
	titles := []string{"Approve", "v1 answers as itself", "Send all visitors to v1", "Verify: smoke checks",
		"Watch for 10 minutes"}
	var out []api.RollbackStep
	for i, t := range titles {
		s := api.RollbackStep{Name: t, Title: t, Status: "pending"}
		if i < len(statuses) {
			s.Status, s.Started = statuses[i], ptr(before(time.Duration(5-i)*time.Minute))
			if s.Status == "passed" || s.Status == "failed" {
				s.Ended = ptr(before(time.Duration(4-i) * time.Minute))
			}
		}
		out = append(out, s)
	}
	return out
}

func rollbackStories() []Story {
	one := func(name string, r api.Rollback) Story {
		r.Plan = rollbackPlan()
		return Story{Name: "rollback/" + name, Page: func(f page.Frame) templ.Component {
			f.Path = "/rollbacks/" + r.ID
			f.Me.Permissions = append(f.Me.Permissions, "flag:switch@*")
			return page.Rollback(f, r)
		}}
	}
	list := func(name string, items ...api.Rollback) Story {
		return Story{Name: "rollbacks/" + name, Page: func(f page.Frame) templ.Component {
			f.Path = "/rollbacks"
			return page.RollbackList(f, api.RollbackPage{Items: items})
		}}
	}
	ask := func(name string, p api.RollbackPlan, in api.RequestRollback) Story {
		return Story{Name: "rollback/" + name, Page: func(f page.Frame) templ.Component {
			f.Path = "/rollbacks/new"
			return page.RollbackRequest(f, p, in)
		}}
	}
	waiting := rollback()
	waiting.Approval = ptr(approval())
	waiting.Approval.Kind, waiting.Approval.Version = "rollback", "v1"
	waiting.Steps = rollbackSteps("waiting")
	waiting.Steps[0].Sentence = "Waits for 1 of incident response."
	waiting.Actions = []api.Action{{Name: "cancel", Title: "Cancel the request", Reason: true,
		Effect: "Nothing moves; production stays on v2.", Undo: "Request it again."}}
	broken := rollback()
	broken.Phase, broken.Sentence = "failed", "Rolling back to v1 failed: v1 does not answer. All visitors are still "+
		"on v2."
	broken.Steps = rollbackSteps("passed", "failed")
	broken.Steps[1].Sentence = "GET http://127.0.0.1:3001/api/health: connection refused, 3 times."
	broken.Next = []string{"Start v1 again and retry.", "Go to v0.9, which is known good and answers.",
		"Ship a hotfix: start a release of v2.1 as urgent."}
	broken.Actions = []api.Action{
		{Name: "retry", Title: "Try again", Primary: true, Effect: "Runs the failed step again against v1.", Undo: "Cancel."},
		{Name: "retarget", Title: "Go to another deployment", Dangers: true, Reason: true,
			Effect: "Asks for approval again, for the deployment that you name.", Undo: "Cancel the request."},
	}
	done := rollback()
	done.Phase, done.Sentence = "done", "Production is back on v1 since "+clock(before(4*time.Minute))+
		", 1 minute after it was detected. Verified."
	done.Steps, done.Executed, done.Ended = rollbackSteps("passed", "passed", "passed", "passed",
		"passed"), ptr(before(4*time.Minute)), ptr(before(time.Minute))
	none := rollbackPlan()
	none.To, none.Candidates = nil, none.Candidates[2:]
	bad := waiting
	bad.From, bad.To, bad.Trigger, bad.Requested = hostile, hostile, hostile, hostile
	return []Story{
		list("some", waiting, broken, done), list("empty"), one("waiting", waiting), one("failed", broken), one("done", done),
		one("hostile", bad),
		ask("request", rollbackPlan(), api.RequestRollback{}),
		ask("request-without-target", none, api.RequestRollback{Reason: "Cart is empty."}),
	}
}
