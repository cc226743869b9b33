package story

import (
	"time"

	"github.com/a-h/templ"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/web/page"
)

// doorStories are the pages before the door, and those that stand in for another.
func doorStories() []Story {
	out := func(name string, p func(page.Frame) templ.Component) Story {
		return Story{Name: "door/" + name, Page: func(f page.Frame) templ.Component {
			f.Me, f.App = api.Me{}, "shop"
			return p(f)
		}}
	}
	fail := func(name, title, message, id string) Story {
		return Story{Name: "failure/" + name, Page: func(f page.Frame) templ.Component {
			return page.Failure(f, title, message, id)
		}}
	}
	good := page.Health{App: "shop", Components: []page.Component{{Name: "Website"},
		{Name: "Newest version, for some visitors"}}}
	bad := page.Health{App: "shop", Components: []page.Component{{Name: "Website", Bad: true}}, Troubles: []page.Trouble{{
		Sentence: "Some requests fail. We are looking into it.", Since: before(12 * time.Minute),
	}}}
	return []Story{
		out("login", func(f page.Frame) templ.Component { return page.Login(f, "", "/", false) }),
		out("login-refused", func(f page.Frame) templ.Component {
			f.Problem = &page.Problem{Title: "Not signed in", Message: "Name or password is wrong."}
			return page.Login(f, "ada", "/", false)
		}),
		out("login-pending", func(f page.Frame) templ.Component { return page.Login(f, "", "/", true) }),
		out("setup", func(f page.Frame) templ.Component { return page.Setup(f, "secret-of-the-link", api.NewUser{}) }),
		out("status", func(f page.Frame) templ.Component { return page.PublicStatus(f, good) }),
		out("status-bad", func(f page.Frame) templ.Component { return page.PublicStatus(f, bad) }),
		fail("denied", "That is not yours to do",
			"ada may not manage a user: that needs user:manage. Your roles are devops and product. An admin can give another.",
			""),
		fail("missing", "There is no such page",
			"There is no release rel_1. It may have been named differently; all are in the list.", ""),
		fail("broken", "Something went wrong inside Slipway",
			"What you asked for was not done, as far as is known. Look before you try again.", "req_0d6r3k8m2n4p5q7s9tv0"),
		{Name: "keys", Page: page.Keys},
	}
}
