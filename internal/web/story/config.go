package story

import (
	"time"

	"github.com/a-h/templ"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/web/page"
)

func variables() []api.ConfigVariable {
	return []api.ConfigVariable{
		{Key: "API_URL", Kind: "plain", Value: "https://api.shop.example", Held: true,
			Since: before(400 * time.Hour), By: "ada"},
		{Key: "DATABASE_URL", Kind: "encrypted", Held: true, Since: before(2 * time.Hour), By: "pia"},
		{Key: "PAYMENT_KEY", Kind: "sensitive", Held: true, Since: before(20 * time.Minute), By: "ada"},
		{Key: "SIGNING_KEY", Kind: "sensitive", Since: before(9000 * time.Hour), By: "unknown"},
	}
}

func configRevision(n int64, edit ...func(*api.ConfigRevision)) api.ConfigRevision {
	r := api.ConfigRevision{ID: "cfg_0000000000000000c0f" + string(rune('0'+n)), Environment: "production", Number: n,
		Source: "push", Author: "ada", Reason: "the key was rotated", State: "applied", Created: before(20 * time.Minute),
		Written: ptr(before(19 * time.Minute)), Sentence: "It changes PAYMENT_KEY.", Deployments: []string{},
		Variables: []api.ConfigVariable{}}
	for _, e := range edit {
		e(&r)
	}
	return r
}

func variablesOf() (api.Config, api.ConfigPage) {
	newest := configRevision(4)
	newest.Variables = variables()
	c := api.Config{Environment: "production", Place: "production", Newest: &newest, Written: 4,
		Drift: []api.ConfigDrift{}, Sentence: "The platform has revision 4.", Seen: ptr(before(30 * time.Second)),
		Manifest: ".env.example", Problems: []api.ConfigProblem{}, Actions: []api.Action{},
		Running: &api.ConfigRunning{Version: "v41", Revision: 3,
			Behind: true, Sentence: "v41 runs with revision 3. The platform has 4: what is built from now on has that."}}
	return c, api.ConfigPage{Items: []api.ConfigRevision{configRevision(4),
		configRevision(3, func(r *api.ConfigRevision) {
			r.Source, r.From, r.Reason, r.Sentence = "back", 1, "2 broke the mailer", "It changes MAIL_HOST."
			r.Created, r.Deployments = before(30*time.Hour), []string{"v41"}
		}),
		configRevision(2, func(r *api.ConfigRevision) {
			r.State, r.Reason = "failed", "new mailer"
			r.Why = "Vercel did not take MAIL_HOST (BAD_REQUEST); the others are written."
			r.Sentence, r.Created = "It changes MAIL_HOST.", before(31*time.Hour)
		}),
		configRevision(1, func(r *api.ConfigRevision) {
			r.Source, r.Author, r.Reason = "adopted", "Slipway's engine", "what the platform had when Slipway first looked"
			r.Sentence, r.Created = "It adds API_URL, DATABASE_URL, MAIL_HOST, PAYMENT_KEY, SIGNING_KEY.", before(500*time.Hour)
		}),
	}}
}

func configStories() []Story {
	at := func(name, path string, show func(page.Frame) templ.Component) Story {
		return Story{Name: name, Page: func(f page.Frame) templ.Component {
			f.Path = path
			return show(f)
		}}
	}
	c, revisions := variablesOf()
	c.Shared = []api.ConfigShared{{Key: "TEAM_URL", Kind: "encrypted", By: "lea", At: ptr(before(90 * time.Hour))},
		{Key: "API_URL", Kind: "encrypted", Hidden: true}}
	drifted := c
	drifted.Trouble, drifted.Since = true, ptr(before(3*time.Minute))
	drifted.Sentence = "eve changed variables of production on the platform, and not through Slipway: against revision " +
		"4 it changes DATABASE_URL; removes API_URL."
	drifted.Drift = []api.ConfigDrift{{Key: "API_URL", What: "removed"},
		{Key: "DATABASE_URL", What: "changed", By: "eve", At: ptr(before(3 * time.Minute))},
		{Key: "TEAM_URL", What: "changed", By: "lea", At: ptr(before(2 * time.Minute)), Shared: true}}
	drifted.Unread = "Vercel refused to list shared environment variables (403)."
	wrong := c
	wrong.Trouble, wrong.Sentence = true, "MAIL_HOST is missing."
	wrong.Problems = []api.ConfigProblem{{Key: "MAIL_HOST", Sentence: "MAIL_HOST is missing.", Where: ".env.example:12"},
		{Key: "DEBUG_BAR", Sentence: "DEBUG_BAR is for development only: take it out of production.",
			Where: ".env.example:20"}}
	fresh := api.Config{Environment: "staging", Place: "preview", Drift: []api.ConfigDrift{},
		Problems: []api.ConfigProblem{}, Sentence: "The platform's variables were not looked at yet.",
		Actions: []api.Action{}}
	bad := c
	newest := configRevision(4)
	newest.Variables = []api.ConfigVariable{{Key: hostile, Kind: "plain", Value: hostile, Held: true,
		Since: before(time.Hour), By: hostile}}
	bad.Newest = &newest
	may := func(c api.Config) api.Config {
		c.Actions = []api.Action{{Name: "push"}, {Name: "pull"}, {Name: "rollback"}}
		return c
	}
	view := func(c api.Config) page.ConfigView { return page.ConfigView{Config: c, Revisions: revisions} }
	show := func(name string, x page.ConfigView) Story {
		return at("config/"+name, "/config/"+x.Config.Environment, func(f page.Frame) templ.Component {
			if x.Deed != "" {
				f.Problem = &page.Problem{Title: "Not now", Message: "Nothing was written: MAIL_HOST is missing."}
			}
			return page.Config(f, x)
		})
	}
	drafted := page.ConfigView{Config: may(drifted), Revisions: revisions, Draft: configDraft()}
	refused := page.ConfigView{Config: may(wrong), Revisions: revisions, Draft: configDraft(), Deed: "apply",
		Reason: "the mailer is gone", Rebuild: true}
	refused.Draft.Problems = wrong.Problems
	stories := []Story{
		at("config/list", "/config", func(f page.Frame) templ.Component {
			return page.Configs(f, []api.Config{fresh, drifted})
		}),
		at("config/none", "/config", func(f page.Frame) templ.Component { return page.Configs(f, nil) }),
		show("one", view(may(c))), show("drifted", view(may(drifted))), show("wrong", view(wrong)),
		show("first", page.ConfigView{Config: fresh}), show("hostile", view(may(bad))),
		show("drafted", drafted), show("refused", refused),
	}
	return append(stories, configForms(may(c), may(bad))...)
}

func configDraft() api.ConfigDraft {
	v := variables()
	changed := v[0]
	changed.Value = "https://api.two.example"
	return api.ConfigDraft{ID: "cfg_0000000000000000d0f1", Environment: "production", Base: 4, Newest: 4, Author: "pia",
		Changed: ptr(before(5 * time.Minute)), Keys: []string{"API_URL", "MAIL_HOST", "PAYMENT_KEY"},
		Changes: []api.ConfigDifference{{Key: "API_URL", What: "changed", Old: &v[0], New: &changed},
			{Key: "MAIL_HOST", What: "added", New: &api.ConfigVariable{Key: "MAIL_HOST", Kind: "plain", Value: "mail.example"}},
			{Key: "PAYMENT_KEY", What: "removed", Old: &v[2]}},
		Foreign:  []api.ConfigDrift{{Key: "DATABASE_URL", What: "changed", By: "eve"}},
		Problems: []api.ConfigProblem{},
		Sentence: "Against revision 4 it adds MAIL_HOST; changes API_URL; removes PAYMENT_KEY. It also undoes what was " +
			"changed on the platform by another hand."}
}

// configForms are the forms of a variable and the page of a revision.
func configForms(c, bad api.Config) []Story {
	variable := func(name string, c api.Config, in page.VariableFields) Story {
		return Story{Name: "config/" + name, Page: func(f page.Frame) templ.Component {
			f.Path = "/config/" + c.Environment + "/variable"
			if name == "variable-refused" {
				f.Problem = &page.Problem{Title: "Something in it is not right", Message: "9LIVES is no name of a variable."}
			}
			return page.ConfigVariable(f, c, in)
		}}
	}
	older := configRevision(3)
	older.Variables, older.Deployments = variables(), []string{"v41"}
	older.Variables[0].Value = "https://old.example"
	diff := api.ConfigDiff{From: 4, To: 3, Changes: []api.ConfigDifference{{Key: "API_URL", What: "changed",
		Old: &c.Newest.Variables[0], New: &older.Variables[0]}}}
	return []Story{
		variable("variable-new", c, page.VariableFields{}),
		variable("variable-known", c, page.VariableFields{Key: "PAYMENT_KEY"}),
		variable("variable-refused", c, page.VariableFields{Key: "9LIVES", Value: "on", Kind: "plain"}),
		variable("variable-hostile", bad, page.VariableFields{Key: hostile}),
		{Name: "config/revision", Page: func(f page.Frame) templ.Component {
			f.Path = "/config/production/revisions/3"
			return page.ConfigRevision(f, page.ConfigView{Config: c, Way: "auto"}, older, diff)
		}},
	}
}
