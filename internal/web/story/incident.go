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
	mended := incident()
	mended.FlagsOff = flagsOff()
	form := &page.FlagOffForm{Suspects: suspects(), Elsewhere: []string{"staging"}}
	none := &page.FlagOffForm{Suspects: api.FlagSuspects{Environment: "production"}}
	wrong := &page.FlagOffForm{Suspects: suspects(), In: api.TurnFlagOff{Flag: "no-such", Reason: "payments fail"}}
	return []Story{
		at("incidents/some", "/incidents", func(f page.Frame) templ.Component {
			return page.IncidentList(f, api.IncidentPage{Items: []api.Incident{incident(), resolved, bad}, Next: "inc_5"}, "")
		}),
		at("incidents/empty", "/incidents", func(f page.Frame) templ.Component {
			f.Open = 0
			return page.IncidentList(f, api.IncidentPage{}, "")
		}),
		at("incident/open", "/incidents/1", func(f page.Frame) templ.Component {
			return page.Incident(f, incident(), form)
		}),
		at("incident/resolved", "/incidents/1", func(f page.Frame) templ.Component {
			return page.Incident(f, resolved, nil)
		}),
		at("incident/hostile", "/incidents/1", func(f page.Frame) templ.Component { return page.Incident(f, bad, none) }),
		at("incident/flags-off", "/incidents/1", func(f page.Frame) templ.Component {
			return page.Incident(f, mended, form)
		}),
		at("incident/flag-refused", "/incidents/1", func(f page.Frame) templ.Component {
			f.Problem = &page.Problem{Title: "It is not there", Message: "There is no flag no-such."}
			return page.Incident(f, incident(), wrong)
		}),
		at("incident/report", "/incidents/new", func(f page.Frame) templ.Component {
			return page.IncidentReport(f, api.ReportIssue{Environment: "production"},
				[]string{"production", "canary", "staging"})
		}),
	}
}

func suspects() api.FlagSuspects {
	return api.FlagSuspects{Environment: "production", Since: before(7 * 24 * time.Hour), Items: []api.FlagSuspect{
		{Flag: "new-checkout", On: true, Recent: true, Changed: ptr(before(14 * time.Minute)), Ramp: longID,
			Sentence: "Slipway changes new-checkout in production: by default 25 % on, 75 % off, before 5 % on, 95 % off."},
		{Flag: "search-v3", On: true, Recent: true, Changed: ptr(before(26 * time.Hour)),
			Sentence: "Ada Lovelace turns search-v3 in production on (asked for by support)."},
		{Flag: "banner", On: true}, {Flag: "old-cart"},
	}}
}

func flagsOff() []api.FlagOff {
	good := func(minutes int, says string) *api.FlagOffFound {
		return &api.FlagOffFound{At: before(time.Duration(minutes) * time.Minute), Finding: "good", Sentence: says}
	}
	bad := good(8, "Turning search-v3 off in production did not mend it: 6.2 % of requests fail; the limit is 5 %.")
	bad.Finding = "bad"
	unknown := good(9, "No smoke suite ran without search-v3: the strategy names no suite (rollback.verify).")
	unknown.Finding = "unknown"
	return []api.FlagOff{
		{Flag: "search-v3", Environment: "production", Reason: "it changed yesterday", Actor: "user:kim", At: before(10 *
			time.Minute), Phase: "done", Confirmed: good(9, "Confirmed: search-v3 is served off in production. "+
			"Everybody gets “off” (generation 41 of the flags)."), Smoked: unknown, Watched: bad, Sentence: bad.Sentence},
		{Flag: "new-checkout", Environment: "production", Reason: "payments fail since it is at 25 %", Actor: "user:kim",
			At: before(2 * time.Minute), Phase: "watching", Until: ptr(Now().Add(8 * time.Minute)), Confirmed: good(2,
				"Confirmed: new-checkout is served off in production. Everybody gets “off” (generation 42 of the flags)."),
			Smoked: good(1, "Without new-checkout, v1 passes the smoke suite \"core\": 5 checks passed in 214 ms.")},
	}
}
