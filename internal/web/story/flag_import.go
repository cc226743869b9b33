package story

import (
	"github.com/a-h/templ"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/web/page"
)

// flagImportStories are the forms that bring flags in, have them changed later, and ask from where to where.
func flagImportStories() []Story {
	places := []string{"development", "staging", "production"}
	in := page.ImportFields{Source: "launchdarkly", Export: `{"flags": {}}`, Rename: "prod = production", Seen: "ab"}
	looked := &api.FlagImport{
		Sentence: "2 flags and 1 segment come in; 1 part is lost.",
		Plan: api.FlagPlan{Drift: true, Sentence: "1 to create, 1 to change, 1 as it is.",
			Steps: []api.FlagStep{
				{What: "create", Flag: "new-search", Sentence: "It is new."},
				{What: "change", Flag: "new-search", Environment: "production", Sentence: "Turned on.",
					Changes: []api.Change{{Path: "on", Before: raw("false"), After: raw("true"), Words: "turned on"}}},
				{What: "unchanged", Segment: "staff", Environment: "production", Sentence: "Nothing changes."},
			}},
		Remarks: []api.ImportRemark{
			{Flag: "new-search", Environment: "production", What: "a rule with a regular expression",
				Done: "left out; the flag is off here", Lost: true},
			{Flag: "new-search", Environment: "production", What: "a percentage split",
				Done: "the shares are the same, and users are assigned anew"},
		}}
	failed := &api.FlagImport{Sentence: looked.Sentence, Plan: api.FlagPlan{Drift: true, Sentence: looked.Plan.Sentence,
		Steps: []api.FlagStep{
			{What: "create", Flag: "new-search", Sentence: "It is new.", Done: true},
			{What: "change", Flag: "new-search", Environment: "production", Sentence: "Turned on.", Problem: "It is not yours."},
		}}}
	form := func(in page.ImportFields, plan *api.FlagImport) func(page.Frame) templ.Component {
		return func(f page.Frame) templ.Component { return page.FlagImport(f, in, plan, places) }
	}
	x := checkout()
	under := []api.Release{{ID: "rel_1", Version: "v2", Stage: "canary"},
		{ID: "rel_2", Version: hostile, Stage: "staging"}}
	revives := &api.FlagImport{Sentence: "1 flag comes in.", Plan: api.FlagPlan{Drift: true, Sentence: "1 to change.",
		Steps: []api.FlagStep{{What: "change", Flag: "new-search", Environment: "production", TurnsOn: true,
			Sentence: "Turned on. Somebody turned it off at 2026-03-03 02:11 UTC (orders fail): this turns it on again."}}}}
	return []Story{
		flagAt("flag-import/form", "/flag-import", form(page.ImportFields{}, nil)),
		flagAt("flag-import/looked", "/flag-import", form(in, looked)),
		flagAt("flag-import/revives", "/flag-import", form(in, revives)),
		flagAt("flag-import/nothing", "/flag-import", form(in, &api.FlagImport{Sentence: "2 flags come in."})),
		flagAt("flag-import/failed", "/flag-import", form(page.ImportFields{}, failed)),
		flagAt("flag-import/hostile", "/flag-import", form(page.ImportFields{Export: hostile, Rename: hostile}, looked)),
		flagAt("flag-schedule/form", "/flags/new-checkout", func(f page.Frame) templ.Component {
			return page.FlagSchedule(f, x, x.Environments[2], page.ScheduleFields{Do: "off"}, under)
		}),
		flagAt("flag-schedule/wrong", "/flags/new-checkout", func(f page.Frame) templ.Component {
			f.Problem = &page.Problem{Title: "Something in it is not right", Message: "Nothing was saved.",
				Fields: []page.Complaint{{Path: "at", Message: "Say when: a day and a time, or a release."}}}
			return page.FlagSchedule(f, x, x.Environments[2], page.ScheduleFields{Do: "share", Percent: "25"}, nil)
		}),
		flagAt("flag-promote/choose", "/flags/new-checkout/promote", func(f page.Frame) templ.Component {
			return page.FlagPromoteChoose(f, x, "staging", "production")
		}),
	}
}
