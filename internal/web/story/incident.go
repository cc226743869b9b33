package story

import (
	"time"

	"github.com/a-h/templ"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/web/page"
)

func incidentStories() []Story {
	at := func(name, path string, p func(page.Frame) templ.Component) Story {
		return Story{Name: name, Page: func(f page.Frame) templ.Component {
			f.Path, f.Open = path, 1
			return p(f)
		}}
	}
	resolved := incident()
	resolved.State, resolved.Resolved = "resolved", ptr(before(time.Minute))
	resolved.Sentence = "Resolved after 11 minutes: v2 was taken back; the fix is in v2.1."
	bad := incident()
	bad.Title, bad.Criterion = hostile, hostile
	return []Story{
		at("incidents/some", "/incidents", func(f page.Frame) templ.Component {
			return page.IncidentList(f, api.IncidentPage{Items: []api.Incident{incident(), resolved, bad}, Next: "inc_5"}, "")
		}),
		at("incidents/empty", "/incidents", func(f page.Frame) templ.Component {
			return page.IncidentList(f,
				api.IncidentPage{}, "")
		}),
		at("incident/open", "/incidents/1", func(f page.Frame) templ.Component { return page.Incident(f, incident()) }),
		at("incident/resolved", "/incidents/1", func(f page.Frame) templ.Component { return page.Incident(f, resolved) }),
		at("incident/hostile", "/incidents/1", func(f page.Frame) templ.Component { return page.Incident(f, bad) }),
		at("incident/report", "/incidents/new", func(f page.Frame) templ.Component {
			return page.IncidentReport(f, api.ReportIssue{Environment: "production"},
				[]string{"production", "canary", "staging"})
		}),
	}
}
