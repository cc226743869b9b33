package story

import (
	"time"

	"github.com/a-h/templ"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/web/page"
)

func approvalStories() []Story {
	one := func(name string, a api.Approval) Story {
		return Story{Name: "approval/" + name, Page: func(f page.Frame) templ.Component {
			f.Path = "/approvals/" + a.ID
			return page.Approval(f, a, nil)
		}}
	}
	many := func(name string, all ...api.Approval) Story {
		return Story{Name: "approvals/" + name, Page: func(f page.Frame) templ.Component {
			f.Path = "/approvals"
			f.Waiting = len(all)
			return page.ApprovalList(f, all)
		}}
	}
	author := approval()
	author.MayDecide, author.WhyNot = false, "You started this release: its author never counts."
	voided := approval()
	voided.State, voided.Why, voided.Closed, voided.MayDecide = "voided", "The deployment changed after it was opened; "+
		"a new request was made.", ptr(before(time.Minute)), false
	rejected := approval()
	rejected.State, rejected.Why, rejected.Closed, rejected.MayDecide = "rejected", "kim (product) rejected it: the "+
		"sale starts tonight.", ptr(before(time.Minute)), false
	rejected.Votes = append(rejected.Votes, api.Vote{Name: "kim", Role: "product", Reason: "The sale starts tonight.",
		At: before(time.Minute), Signature: hash})
	rejected.Missing = nil
	again := approval()
	again.Changed = map[string]string{"commit": "9f1c2d7e4a → 3be81a90c7",
		"evidence": "Canary: was “not enough evidence”, is “better or equal”"}
	demo := approval()
	demo.Action = "put v2 into production for everybody"
	demo.Evidence = nil
	for _, name := range []string{"canary/share-10", "canary/share-100", "canary/share-5", "check/qa_staging", "note"} {
		demo.Evidence = append(demo.Evidence, api.Evidence{Name: name, Says: "passed: v2 is no worse than v1 so far."})
	}
	early := approval()
	early.Action, early.Environment, early.Outlook = "Let v2 reach 5 % of visitors", "canary", outlook()
	early.Evidence = early.Evidence[2:]
	change := flagApproval()
	bad := approval()
	bad.Version, bad.Author, bad.App, bad.Votes[0].Reason = hostile, hostile, hostile, hostile
	return []Story{
		many("open", approval()), many("none"), many("two", approval(), author, change),
		one("open", approval()), one("evidence", demo), one("author", author),
		one("before-canary", early), one("voided", voided), one("rejected",
			rejected),
		one("changed", again), one("hostile", bad),
		{Name: "approval/flag", Page: func(f page.Frame) templ.Component {
			f.Path = "/approvals/" + change.ID
			return page.Approval(f, change, ptr(drafts()[0]))
		}},
	}
}

// flagApproval asks for a change of a flag.
func flagApproval() api.Approval {
	a := approval()
	a.Kind, a.Subject, a.Action, a.Author = "flag", "fdr_1", "Change the flag new-checkout in production", "grace"
	a.Version, a.Commit, a.Deployment = "", "", ""
	a.Evidence = []api.Evidence{{Name: "change", Says: drafts()[0].Sentence}, {Name: "made for", Says: "revision 7"},
		{Name: "when", Says: "as soon as it is approved"}}
	return a
}
