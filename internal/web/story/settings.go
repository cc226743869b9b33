package story

import (
	"fmt"
	"time"

	"github.com/a-h/templ"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/web/page"
)

func roles() []api.Role {
	return []api.Role{
		{Name: "development", Title: "Development", Permissions: []string{"environment:view@*", "release:start@development",
			"release:start@staging", "check:report@*", "log:read@*"}},
		{Name: "qa", Title: "QA", Permissions: []string{"environment:view@*", "check:sign@staging", "check:sign@canary",
			"log:read@*"}},
		{Name: "product", Title: "Product", Permissions: []string{"environment:view@*", "release:approve@production",
			"log:read@*"}},
		{Name: "devops", Title: "DevOps", Permissions: []string{"environment:view@*", "release:start@*", "release:control@*",
			"release:approve@*", "rollback:request@*", "rollback:run@*", "log:read@*"}},
		{Name: "incident", Title: "Incident response", Permissions: []string{"environment:view@*",
			"rollback:approve@production", "incident:manage@*", "log:read@*"}},
		{Name: "admin", Title: "Admin", Permissions: []string{"user:manage@*", "token:manage@*", "log:read@*"}},
	}
}

func users() []api.User {
	mk := func(name, title string, disabled bool, seen time.Duration, roles ...string) api.User {
		u := api.User{ID: "usr_" + name, Name: name, Title: title, Roles: roles, Disabled: disabled,
			Created: before(24 * 90 * time.Hour)}
		if seen > 0 {
			u.LastSeen = ptr(before(seen))
		}
		return u
	}
	return []api.User{
		mk("ada", "Ada Lovelace", false, time.Minute, "devops", "product"), mk("grace", "Grace Hopper", false, time.Hour,
			"development"),
		mk("kim", "Kim Nguyen", false, 0, "incident"), mk("old", "Somebody Who Left", true, 2000*time.Hour, "admin"),
		mk("omar", "عمر الخيام", false, 3*time.Hour, "qa"), mk("eve", hostile, false, time.Hour, "qa"),
		mk("long", long, false, time.Hour, long),
	}
}

func tokens() []api.Token {
	return []api.Token{
		{ID: "tok_1", Name: "ci", Owner: "ada", Scopes: []string{"check:report", "release:start@staging"},
			Created: before(240 * time.Hour), Expires: ptr(Now().Add(80 * 24 * time.Hour)),
			LastUsed: ptr(before(15 * time.Minute))},
		{ID: "tok_2", Name: "edge-1", Owner: "ada", Scopes: []string{"edge:operate"}, Created: before(240 * time.Hour),
			Expires: ptr(Now().Add(8 * 24 * time.Hour)), LastUsed: ptr(before(time.Second))},
		{ID: "tok_3", Name: hostile, Owner: "grace", Scopes: []string{"check:report"}, Created: before(2400 * time.Hour),
			Revoked: ptr(before(time.Hour))},
		{ID: "tok_4", Name: "old-ci", Owner: "grace", Scopes: []string{"check:report"}, Created: before(2400 * time.Hour),
			Expires: ptr(before(time.Hour))},
	}
}

func settingsStories() []Story {
	at := func(name string, p func(page.Frame) templ.Component) Story {
		return Story{Name: "settings/" + name, Page: func(f page.Frame) templ.Component {
			f.Path = "/settings/" + name
			return p(f)
		}}
	}
	made := tokens()[0]
	made.Secret = "slw_7Yq2mN0pVb4cX9sKd3hT6wRzE1uJ8aGf"
	return []Story{
		at("you", page.SettingsMe),
		at("people", func(f page.Frame) templ.Component { return page.SettingsPeople(f, users(), roles(), api.NewUser{}) }),
		at("people-refused", func(f page.Frame) templ.Component {
			f.Problem = &page.Problem{Title: "Nothing was changed", Message: "The input is not right.",
				Fields: []page.Complaint{{Path: "password", Message: "has fewer than 12 characters"}}}
			return page.SettingsPeople(f, users()[:1], roles(), api.NewUser{Name: "lin", Roles: []string{"qa"}})
		}),
		at("person", func(f page.Frame) templ.Component { return page.SettingsPerson(f, users()[0], roles()) }),
		at("tokens", func(f page.Frame) templ.Component { return page.SettingsTokens(f, tokens(), nil, api.NewToken{}) }),
		at("token-made", func(f page.Frame) templ.Component {
			return page.SettingsTokens(f, tokens(), &made,
				api.NewToken{})
		}),
		at("tokens-none", func(f page.Frame) templ.Component { return page.SettingsTokens(f, nil, nil, api.NewToken{}) }),
		at("roles", func(f page.Frame) templ.Component { return page.SettingsRoles(f, roles()) }),
	}
}

func logStories() []Story {
	at := func(name string, p func(page.Frame) templ.Component) Story {
		return Story{Name: "log/" + name, Page: func(f page.Frame) templ.Component {
			f.Path = "/log"
			return p(f)
		}}
	}
	whole := &api.LogReport{OK: true, Events: 4127, Head: hash, Votes: 12}
	cut := &api.LogReport{Events: 4127, Head: hash,
		Problem: "Record 4,102 was altered: its hash does not match its content. Records up to 4,101 are whole."}
	var many []api.Event
	for i := range 200 {
		e := events()[i%6]
		e.Seq, e.At = int64(4127-i), before(time.Duration(i)*11*time.Minute)
		e.Sentence = fmt.Sprintf("%s (%d)", e.Sentence, i)
		many = append(many, e)
	}
	bad := event(1, time.Minute, hostile, hostile, hostile, hostile)
	big := Story{Name: "log/many", Large: true, Page: func(f page.Frame) templ.Component {
		return page.Log(f, api.EventPage{Items: many, Next: "3900"}, page.LogFilter{}, nil)
	}}
	return []Story{
		at("some", func(f page.Frame) templ.Component {
			return page.Log(f, api.EventPage{Items: events(), Next: "4089"}, page.LogFilter{}, nil)
		}),
		at("filtered", func(f page.Frame) templ.Component {
			return page.Log(f, api.EventPage{}, page.LogFilter{Text: hostile, Subject: longID, From: "2026-11-01"}, nil)
		}),
		at("empty", func(f page.Frame) templ.Component { return page.Log(f, api.EventPage{}, page.LogFilter{}, nil) }),
		at("verified", func(f page.Frame) templ.Component {
			return page.Log(f, api.EventPage{Items: events()}, page.LogFilter{}, whole)
		}),
		at("altered", func(f page.Frame) templ.Component {
			return page.Log(f, api.EventPage{Items: events()}, page.LogFilter{}, cut)
		}),
		at("record", func(f page.Frame) templ.Component { return page.Event(f, events()[0]) }),
		at("record-hostile", func(f page.Frame) templ.Component { return page.Event(f, bad) }), big,
	}
}
