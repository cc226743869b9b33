package story

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/web/page"
)

// flagAt is a story at an address.
func flagAt(name, path string, p func(page.Frame) templ.Component) Story {
	return Story{Name: name, Page: func(f page.Frame) templ.Component {
		f.Path = path
		f.Me.Permissions = append(f.Me.Permissions, "flag:edit@*", "flag:switch@*", "flag:approve@*", "flag:keys@*")
		return p(f)
	}}
}

func raw(s string) json.RawMessage { return json.RawMessage(s) }

func onOff() []api.FlagVariant {
	return []api.FlagVariant{{Name: "on", Value: raw("true")}, {Name: "off", Value: raw("false")}}
}

// split serves on to a share of users.
func split(percent float64) api.FlagServe {
	on := int(percent * 100)
	return api.FlagServe{Split: []api.FlagPortion{{Variant: "on", Weight: on}, {Variant: "off", Weight: 10000 - on}}}
}

func config(flag, environment string, on bool, serve api.FlagServe, sentence string,
	seen time.Duration) api.FlagConfig {
	c := api.FlagConfig{
		Flag: flag, Environment: environment, On: on, Off: "off", Default: serve, Sentence: sentence, Share: -1, Revision: 7,
		Updated: ptr(before(26 * time.Hour)), By: "user:grace",
	}
	if len(serve.Split) > 0 {
		c.Share = float64(serve.Split[0].Weight) / 100
	}
	if seen > 0 {
		c.Evaluated = ptr(before(seen))
	}
	return c
}

// checkout is the flag of most stories: on for some before production, at a share there.
func checkout() api.Flag {
	const key = "new-checkout"
	production := config(key, "production", true, split(25),
		"Staff and the team plan in Germany or Austria see “on”; of everybody else 25 % see “on”, 75 % “off”.", 4*time.Second)
	production.Rules = []api.FlagRule{
		{ID: "r1", Description: "Our own people first.", If: []api.FlagCondition{{Segment: "staff"}},
			Serve: api.FlagServe{Variant: "on"}},
		{ID: "r2", If: []api.FlagCondition{
			{Attribute: "plan", Op: "equals", Values: []any{"team", "enterprise"}},
			{Attribute: "country", Op: "equals", Values: []any{"DE", "AT"}},
		}, Serve: api.FlagServe{Variant: "on"}},
		{ID: "r3", If: []api.FlagCondition{
			{Attribute: "app.version", Op: "version", Values: []any{"< 2.4.0"}},
			{Attribute: "email", Op: "ends_with", Values: []any{"@example.com"}, Not: true},
		}, Serve: api.FlagServe{Variant: "off"}},
	}
	production.Needs = []api.FlagPrerequisite{{Flag: "payments-v2", Variants: []string{"on"}}}
	return api.Flag{
		Key: key, Kind: "boolean", Description: "One page instead of four steps. Watch the payment errors.", Owner: "product",
		Tags: []string{"checkout", "q4"}, Variants: onOff(), Client: true, Bucketing: 2, Created: before(500 * time.Hour),
		CreatedBy: "user:grace", Updated: before(26 * time.Hour), Revision: 3,
		Sentence: "25 % of production see “on”.",
		Environments: []api.FlagConfig{
			config(key, "development", true, api.FlagServe{Variant: "on"}, "Everybody sees “on”.", time.Hour),
			config(key, "staging", true, split(50), "Half of all users see “on”.", 2*time.Minute), production,
		},
	}
}

func palette() api.Flag {
	const key = "search-ranking"
	serve := api.FlagServe{Split: []api.FlagPortion{
		{Variant: "control", Weight: 2500}, {Variant: "bm25", Weight: 2500}, {Variant: "vector", Weight: 2500},
		{Variant: "hybrid", Weight: 1500}, {Variant: "hybrid-rerank", Weight: 1000}}}
	x := api.Flag{
		Key: key, Kind: "string", Description: "Which ranking answers a search.", Owner: "search", Bucketing: 2,
		Variants: []api.FlagVariant{{Name: "control", Value: raw(`"control"`)}, {Name: "bm25", Value: raw(`"bm25"`)},
			{Name: "vector", Value: raw(`"vector"`)}, {Name: "hybrid", Value: raw(`"hybrid"`)},
			{Name: "hybrid-rerank", Value: raw(`"hybrid-rerank"`), Description: "with the second model"}},
		Created: before(900 * time.Hour), CreatedBy: "user:lin", Updated: before(50 * time.Hour), Revision: 2,
		Environments: []api.FlagConfig{
			config(key, "development", true, api.FlagServe{Variant: "hybrid"}, "Everybody sees “hybrid”.", time.Minute),
			config(key, "staging", true, serve, "Five variants share all users.", time.Minute),
			config(key, "production", true, serve, "Five variants share all users.", time.Second),
		},
	}
	return x
}

func simple(key, owner string, on [3]bool, seen time.Duration) api.Flag {
	x := api.Flag{Key: key, Kind: "boolean", Owner: owner, Variants: onOff(), Bucketing: 2,
		Created:   before(2000 * time.Hour),
		CreatedBy: "user:ada", Updated: before(300 * time.Hour), Revision: 1}
	for i, e := range []string{"development", "staging", "production"} {
		s := "Off: everybody sees “off”."
		if on[i] {
			s = "Everybody sees “on”."
		}
		x.Environments = append(x.Environments, config(key, e, on[i], api.FlagServe{Variant: "on"}, s, seen))
	}
	return x
}

func staleFlag() api.Flag {
	x := simple("payments-v2", "payments", [3]bool{true, true, true}, time.Second)
	x.Stale = "Everybody has seen “on” in every environment for 41 days: its code can go."
	return x
}

func ramping() api.Flag {
	x := checkout()
	c := &x.Environments[2]
	c.Ramp, c.Rules = longID, c.Rules[:1]
	c.Sentence = "Staff see “on”; of everybody else 25 % see “on”, rising under guard."
	return x
}

func killed() api.Flag {
	x := checkout()
	c := &x.Environments[2]
	c.On, c.Reason, c.Since = false, "payment errors rise with it (INC-12)", ptr(before(12*time.Minute))
	c.Sentence = "Off since 12 minutes: everybody sees “off”."
	return x
}

func archived() api.Flag {
	x := simple("old-banner", "growth", [3]bool{false, false, false}, 0)
	x.Archived = ptr(before(90 * time.Hour))
	return x
}

func hostileFlag() api.Flag {
	x := checkout()
	x.Key, x.Description, x.Owner, x.Tags, x.Stale = hostile, hostile, hostile, []string{hostile}, hostile
	for i := range x.Variants {
		x.Variants[i].Name, x.Variants[i].Description, x.Variants[i].Value = hostile, hostile,
			raw(`"<script>alert(1)</script>"`)
	}
	for i := range x.Environments {
		c := &x.Environments[i]
		c.Flag, c.Environment, c.Sentence, c.Reason, c.Off = hostile, hostile+fmt.Sprint(i), hostile, hostile, hostile
		c.Needs = []api.FlagPrerequisite{{Flag: hostile, Variants: []string{hostile}}}
		c.Default = api.FlagServe{Split: []api.FlagPortion{{Variant: hostile, Weight: 1}, {Variant: hostile, Weight: 3}},
			By: hostile}
		c.Rules = []api.FlagRule{{ID: hostile, Description: hostile, If: []api.FlagCondition{
			{Attribute: hostile, Op: hostile, Values: []any{hostile, 3.5, true, nil}}, {Segment: hostile}}, Serve: c.Default}}
	}
	return x
}

func longFlag() api.Flag {
	x := checkout()
	x.Key, x.Owner, x.Description = long, long, strings.Repeat(long+" ", 6)
	x.Variants = []api.FlagVariant{{Name: long, Value: raw(`"` + strings.Repeat(long, 4) + `"`)}, {Name: "b",
		Value: raw(`"b"`)}}
	for i := range x.Environments {
		c := &x.Environments[i]
		c.Environment, c.Sentence = fmt.Sprintf("environment-with-a-very-long-name-number-%d", i), strings.Repeat(long+" ", 5)
		c.Default = api.FlagServe{Split: []api.FlagPortion{{Variant: long, Weight: 3333}, {Variant: "b", Weight: 6667}}}
	}
	return x
}

func arabicFlag() api.Flag {
	x := simple("checkout-ar", "المنتج", [3]bool{true, true, false}, time.Minute)
	x.Description = "صفحة دفع جديدة بخطوة واحدة (v2)"
	x.Environments[2].Rules = []api.FlagRule{{ID: "a", Description: "سكان الرياض أولاً", If: []api.FlagCondition{
		{Attribute: "city", Op: "equals", Values: []any{"الرياض", "جدة"}}}, Serve: api.FlagServe{Variant: "on"}}}
	x.Environments[2].Reason = "أخطاء الدفع ترتفع"
	return x
}

// usage is half an hour of evaluations in steps of a minute.
func usage(flag string, variants map[string]int64, failing string) *api.FlagUsage {
	u := &api.FlagUsage{Flag: flag, Environment: "production", Last: ptr(before(2 * time.Second)), StepSeconds: 60,
		Sentence: "Asked for 18,240 times in half an hour, last 2 seconds ago."}
	names := []string{}
	for i := range 30 {
		p := api.UsagePoint{At: before(time.Duration(30-i) * time.Minute), Variants: map[string]int64{}}
		for name, n := range variants {
			p.Variants[name] = n + int64((i*7+len(name)*13)%23) - 11
		}
		u.Points = append(u.Points, p)
	}
	for name := range variants {
		names = append(names, name)
	}
	for _, name := range sorted(names) {
		v := api.VariantUsage{Variant: name, Evaluations: variants[name] * 30, Exposures: variants[name] * 12,
			Errors: variants[name] / 40}
		if name == failing {
			v.Errors *= 9
		}
		u.Variants = append(u.Variants, v)
	}
	return u
}

func history() api.FlagHistory {
	return api.FlagHistory{Items: []api.FlagRevision{
		{Revision: 7, At: before(26 * time.Hour), By: "user:grace", Sentence: "The share of “on” rose from 10 % to 25 %.",
			Reason: "a day without a payment error", Changes: []api.Change{
				{Path: "default.split[0].weight", Before: raw("1000"), After: raw("2500"),
					Words: "“on” gets 25 % instead of 10 %."},
				{Path: "default.split[1].weight", Before: raw("9000"), After: raw("7500")}}},
		{Revision: 6, At: before(50 * time.Hour), By: "user:ada", Sentence: "Rule 3 was added: old versions see “off”.",
			Changes: []api.Change{{Path: "rules[2]",
				After: raw(`{"if":[{"attribute":"app.version","op":"version","values":["< 2.4.0"]}],"serve":{"variant":"off"}}`)}}},
		{Revision: 5, At: before(51 * time.Hour), By: "token:ci", Sentence: "Turned on.", Reason: "checked by QA on staging",
			Changes: []api.Change{{Path: "on", Before: raw("false"), After: raw("true")}}},
	}}
}

func drafts() []api.FlagDraft {
	return []api.FlagDraft{
		{ID: "fdr_1", Flag: "new-checkout", Environment: "production", State: "waiting", Author: "grace",
			Reason:   "a week without errors",
			Sentence: "The share of “on” rises from 25 % to 50 %.", Approval: "apr_1", Created: before(40 * time.Minute),
			Changes: history().Items[0].Changes},
		{ID: "fdr_2", Flag: "search-ranking", Environment: "production", State: "scheduled", Author: "lin",
			At: ptr(Now().Add(17 * time.Hour)), Sentence: "“hybrid” gets everybody.", Created: before(3 * time.Hour),
			Changes: []api.Change{{Path: "default.variant", After: raw(`"hybrid"`)}}},
		{ID: "fdr_3", Segment: "staff", Environment: "production", State: "failed", Author: "kim",
			Sentence: "Two members are added.", Why: "it had changed meanwhile", Created: before(30 * time.Hour)},
	}
}

func thousandFlags() []api.Flag {
	out := make([]api.Flag, 0, 1000)
	for i := range 1000 {
		x := simple(fmt.Sprintf("flag-%04d", i), "team-"+fmt.Sprint(i%7), [3]bool{true, i%2 == 0, i%3 == 0},
			time.Duration(i+1)*time.Minute)
		out = append(out, x)
	}
	return out
}
