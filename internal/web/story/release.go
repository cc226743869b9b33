package story

import (
	"fmt"
	"slices"
	"time"

	"github.com/a-h/templ"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/web/page"
)

func releaseStories() []Story {
	rel := func(name string, r api.Release, parts page.ReleaseParts) Story {
		return Story{Name: "release/" + name, Page: func(f page.Frame) templ.Component {
			f.Path = "/releases/" + r.ID
			if parts.Canary != nil && r.Share == 10 {
				return page.Release(f, measured(r, *parts.Canary), parts)
			}
			return page.Release(f, r, parts)
		}}
	}
	all := page.ReleaseParts{Checks: checks(), Events: events(), Canary: ptr(canary(0, 0))}
	running := release("canary/share-10", "running", baking)
	running.Verdict = compared(evidence(canary(0, 0)), "watching", "not_enough_evidence", "hold", "Nothing is worse so "+
		"far, but a rise of the error rate by 25 % cannot be ruled out yet.")
	waiting := release("production/approval", "waiting", "v2 waits for approval: 1 of product and 1 more of devops; "+
		"max approved 3 minutes ago.")
	waiting.Approval = ptr(approval())
	waiting.Actions = waiting.Actions[4:]
	signing := release("staging/sign-off", "waiting", "v2 waits: QA signs off staging: nothing reported yet.")
	signing.Outlook = outlook()
	worse := page.ReleaseParts{Checks: checks(), Events: takenBackEvents(), Canary: ptr(takenBack())}
	return []Story{
		rel("running", running, all), rel("verdict", signing, page.ReleaseParts{Checks: checks(), Events: events()}),
		rel("onlooker", onlooker(running), all),
		rel("waiting", waiting, all), rel("started", started(), page.ReleaseParts{Checks: checks()}),
		short(signing), rel("aborted", aborted(), worse), rel("rolled-back", rolledBack(), all),
		rel("failed", failed(), page.ReleaseParts{Checks: checks(), Events: events()}),
		rel("completed", completed(), all), rel("paused", paused(), all), rel("displaced", displaced(), all),
		rel("hostile", named(hostile), all), rel("long", named(long), all),
		rel("right-to-left", named("إصدار-٢"), all), stale(running, all),
		releaseList("some", []api.Release{running, waiting, aborted(), rolledBack(), completed()}, ""),
		releaseList("empty", nil, ""), releaseList("none-failed", nil, "failed"), thousand(),
	}
}

func started() api.Release {
	r := release("staging/load", "waiting", "v2 waits for the load test: nothing reported yet for commit 3be81a90c7.")
	r.Outlook = &api.Outlook{Sentence: "What it can know is not known: nothing was measured of the stable version yet."}
	r.Actions[0].Disabled = "The load test of v2 has not been reported: a CI reports it, or a named approver skips it."
	return r
}

func aborted() api.Release {
	c := takenBack()
	bad, _ := lately(c.Canary)
	good, _ := lately(c.Stable)
	r := release("canary/share-10", "failed", "Worse than v1: error rate "+part(bad)+" against "+part(good)+".")
	r.Detected, r.Restored = ptr(before(backSince)), ptr(before(backSince-time.Second))
	r.Phase, r.Sentence = "aborted", "v2 was taken back from 10 % of visitors. Everybody is on v1 since "+
		clock(*r.Restored)+"."
	r.Reason = "The guard took it back: the error rate of v2 was " + part(bad) + ", critical at 5 %, and v1 had " +
		part(good) + " over the same minutes."
	r.Share, r.Measured = 0, 0
	r.Ended = ptr(before(12 * time.Minute))
	r.Verdict = verdict("worse", "undo", worseSays(c))
	r.Verdict.At = c.To
	own, _ := arms(c, Now())
	r.Verdict.Requests = own.Requests
	r.Actions = nil
	return r
}

func rolledBack() api.Release {
	r := release("production/watch", "failed", "Error rate 6.2 % for 5 minutes.")
	r.Phase, r.Sentence = "rolled_back", "v2 was in production for 11 minutes and was rolled back. Everybody is on v1."
	r.Reason = "ada asked for a rollback, kim (incident response) approved it: error rate 6.2 % for 5 minutes."
	r.Share, r.Ended, r.Actions = 0, ptr(before(3*time.Minute)), nil
	r.Detected, r.Restored = ptr(before(8*time.Minute)), ptr(before(4*time.Minute))
	return r
}

func failed() api.Release {
	r := release("staging/smoke", "failed", "Smoke check “Sign in” failed: status 500 instead of 200 after 41 ms.")
	r.Phase, r.Sentence = "failed", "v2 stopped in staging: the smoke check “Sign in” failed. No visitor has seen it."
	r.Reason, r.Ended = "Smoke check “Sign in” failed: status 500 instead of 200 after 41 ms.", ptr(before(30*time.Minute))
	r.Actions = []api.Action{{Name: "retry", Title: "Try the step again", Primary: true,
		Effect: "Runs the smoke checks of staging again.", Undo: "Nothing to undo."}}
	return r
}

func completed() api.Release {
	r := release("production/watch", "passed", "Watched for 30 minutes.")
	r.Phase, r.Sentence, r.Share, r.Measured, r.Ended = "completed", "v2 is in production, verified and watched for "+
		"30 minutes.", 100, 100, ptr(before(time.Minute))
	r.Steps[len(r.Steps)-1].Ended = r.Ended
	r.Actions = nil
	return r
}

func paused() api.Release {
	r := release("canary/share-25", "running", "v2 is paused at 25 % by ada since 4 minutes: “looking at a customer’s "+
		"report”.")
	r.Phase = "paused"
	r.Actions[0] = api.Action{Name: "resume", Title: "Resume", Primary: true,
		Effect: "The bake at 25 % goes on where it stopped.", Undo: "Pause again."}
	return r
}

// displaced is a release whose visitors somebody moved by the platform's own means.
func displaced() api.Release {
	r := release("canary/share-10", "waiting", "Grace gave v2 50 % of the visitors, not 10 %, and not through Slipway."+
		waitsForAPerson)
	r.Actions = append([]api.Action{{Name: "retry", Title: "Route it again", Primary: true,
		Effect: "Visitors are sent where the release had them, over what somebody else changed.",
		Undo:   "Abort."}}, r.Actions...)
	return r
}

// named returns a release whose every free text is the name.
func named(name string) api.Release {
	r := release("canary/share-10", "running", name+" is at 10 %.")
	r.Version, r.Author, r.Note, r.Unscheduled, r.Commit, r.Previous, r.App = name, name, name, name, name, name, name
	r.URL = "javascript:alert(1)"
	for i := range r.Steps {
		r.Steps[i].Title += " " + name
	}
	return r
}

func stale(r api.Release, parts page.ReleaseParts) Story {
	return Story{Name: "release/stale", Page: func(f page.Frame) templ.Component {
		f.Problem = &page.Problem{
			Title:   "Nothing was done",
			Message: "v2 has changed since you looked: it went from 5 % to 10 %. Look again, then decide.",
		}
		return page.Release(f, r, parts)
	}}
}

// short is a release while the database has no room.
func short(r api.Release) Story {
	return Story{Name: "release/full", Page: func(f page.Frame) templ.Component {
		f.Path, f.Short = "/releases/"+r.ID, "The disk is full."
		return page.Release(f, r, page.ReleaseParts{Checks: checks(), Events: events()})
	}}
}

func releaseList(name string, items []api.Release, phase string) Story {
	return Story{Name: "releases/" + name, Page: func(f page.Frame) templ.Component {
		f.Path = "/releases"
		return page.ReleaseList(f, api.ReleasePage{Items: items}, phase)
	}}
}

func thousand() Story {
	var items []api.Release
	for i := range 1000 {
		r := []api.Release{completed(), aborted(), rolledBack()}[i*i%3]
		r.ID, r.Version, r.Created = fmt.Sprintf("rel_%020d", i), fmt.Sprintf("v1.%d",
			1000-i), before(time.Duration(i)*7*time.Hour)
		r.Steps, r.Actions = nil, nil
		items = append(items, r)
	}
	s := releaseList("thousand", items, "")
	s.Large = true
	return s
}

// onlooker returns the release as somebody sees it who may do nothing with it.
func onlooker(r api.Release) api.Release {
	r.Actions = slices.Clone(r.Actions)
	for i := range r.Actions {
		r.Actions[i].Disabled = "Quinn (QA) may not control a release in canary: that needs release:control."
	}
	r.Actions[3].Disabled = "Quinn (QA) may not skip a release in canary: that needs release:skip."
	return r
}
