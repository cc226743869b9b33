package story

import (
	"github.com/a-h/templ"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/web/page"
)

// formStories are the form that starts a release and the checklist.
func formStories() []Story {
	at := func(name, path string, p func(page.Frame) templ.Component) Story {
		return Story{Name: name, Page: func(f page.Frame) templ.Component {
			f.Path = path
			return p(f)
		}}
	}
	bad := checks()
	for i := range bad {
		bad[i].Title, bad[i].Summary, bad[i].URL, bad[i].Actor = hostile, hostile, "javascript:alert(1)", hostile
	}
	return []Story{
		at("start/form", "/releases/new", func(f page.Frame) templ.Component {
			return page.ReleaseStart(f,
				api.StartRelease{})
		}),
		at("start/refused", "/releases/new", func(f page.Frame) templ.Component {
			f.Problem = &page.Problem{
				Title: "The release was not started", Message: "Two things are not right.",
				Fields: []page.Complaint{{Path: "version", Message: "holds a space"},
					{Path: "deployment_url", Message: "is not an address"}},
			}
			return page.ReleaseStart(f, api.StartRelease{Version: "v 2", Deployment: hostile, Note: hostile})
		}),
		at("checks/some", "/checks/v2", func(f page.Frame) templ.Component { return page.Checks(f, "v2", checks()) }),
		at("checks/hostile", "/checks/v2", func(f page.Frame) templ.Component { return page.Checks(f, hostile, bad) }),
	}
}
