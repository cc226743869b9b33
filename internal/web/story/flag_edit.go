package story

import (
	"fmt"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/web/page"
	"github.com/slipwayhq/slipway/internal/web/ruleform"
)

// editorOf is the editor as it opens on the last environment of a flag.
func editorOf(x api.Flag) (api.FlagConfig, page.FlagEditor) {
	var names []string
	for _, v := range x.Variants {
		names = append(names, v.Name)
	}
	c := x.Environments[len(x.Environments)-1]
	return c, page.FlagEditor{Form: ruleform.Of(c, names), Segments: []string{"staff", "beta"},
		Flags: []string{"payments-v2"}, Later: true}
}

func tried() []page.FlagTried {
	return []page.FlagTried{
		{User: "ada", Result: api.FlagResult{Variant: "on", Rule: "r2",
			Sentence: "Rule 2: plan is team or enterprise and country " +
				"is DE or AT."}},
		{User: "grace", Result: api.FlagResult{Variant: "off", Rule: "r3",
			Sentence: "Rule 3: app.version is a version < 2.4.0."}},
		{User: "somebody", Result: api.FlagResult{Variant: "off", Sentence: "No rule: falls into the 75 % that get “off”."}},
		{User: "somebody without a key", Result: api.FlagResult{Error: "TARGETING_KEY_MISSING",
			Sentence: "A share needs a key to draw by."}},
	}
}

// flagEditStories are the editor in its states.
func flagEditStories() []Story {
	const path = "/flags/new-checkout/environments/production"
	edit := func(x api.Flag, change func(*page.FlagEditor)) func(page.Frame) templ.Component {
		return func(f page.Frame) templ.Component {
			c, e := editorOf(x)
			if change != nil {
				change(&e)
			}
			return page.FlagEdit(f, x, c, e)
		}
	}
	theirs := checkout().Environments[2]
	theirs.By, theirs.Updated, theirs.Revision = "user:lin", ptr(before(40*time.Second)), 8
	theirs.Default, theirs.Share = split(50), 50
	many := checkout()
	for i := range 40 {
		c := &many.Environments[2]
		c.Rules = append(c.Rules, api.FlagRule{ID: fmt.Sprint("m", i), If: []api.FlagCondition{{Attribute: "country",
			Op:     "equals",
			Values: []any{strings.Repeat("X", i+1)}}}, Serve: api.FlagServe{Variant: "on"}})
	}
	big := flagAt("flag-edit/many-rules", path, edit(many, nil))
	big.Large = true
	return []Story{
		flagAt("flag-edit/rules", path, edit(checkout(), func(e *page.FlagEditor) { e.Trial = tried() })),
		flagAt("flag-edit/fresh", path, edit(simple("new-checkout", "product", [3]bool{}, 0), nil)),
		flagAt("flag-edit/five-variants", path, edit(palette(), nil)),
		flagAt("flag-edit/refused", path, func(f page.Frame) templ.Component {
			f.Problem = &page.Problem{Title: "Something in it is not right", Message: "Nothing was saved.",
				Fields: []page.Complaint{
					{Path: "rules[1].if[1].values", Message: "Name at least one value."},
					{Path: "default.split", Message: "The parts add up to 90 %, not to 100 %."}}}
			return edit(checkout(), func(e *page.FlagEditor) {
				e.Form.Rules[1].If[1].Values = ""
				e.Form.Default.Parts[1].Weight = "65"
				e.Untried = "What is not right above has to be mended before it can be tried."
			})(f)
		}),
		flagAt("flag-edit/conflict", path, func(f page.Frame) templ.Component {
			f.Problem = &page.Problem{Title: "Nothing was done: it has changed",
				Message: "lin saved revision 8 while you were editing " +
					"revision 7."}
			return edit(checkout(), func(e *page.FlagEditor) { e.Theirs = &theirs })(f)
		}),
		flagAt("flag-edit/approval", path, edit(checkout(), func(e *page.FlagEditor) { e.Approval = true })),
		flagAt("flag-edit/scheduled", path, edit(checkout(), func(e *page.FlagEditor) { e.Form.At = "2026-12-01T09:00" })),
		flagAt("flag-edit/imported", path, edit(imported(), nil)),
		flagAt("flag-edit/hostile", path, edit(hostileFlag(), func(e *page.FlagEditor) {
			e.Segments, e.Flags, e.Untried = []string{hostile}, []string{hostile}, hostile
			e.Form.Samples, e.Form.Reason = hostile, hostile
		})),
		flagAt("flag-edit/long", path, edit(longFlag(), nil)),
		flagAt("flag-edit/right-to-left", path, edit(arabicFlag(), nil)),
		big,
	}
}

// flagFormStories are the other forms about flags.
func flagFormStories() []Story {
	x := checkout()
	from := page.FieldsOf(x)
	change := api.FlagChange{Sentence: "Production gets the rules of staging: half of all users see “on”.",
		Config: x.Environments[2],
		Changes: append([]api.Change{{Path: "rules[0]",
			Before: raw(`{"if":[{"segment":"staff"}],"serve":{"variant":"on"}}`)}},
			history().Items[0].Changes...)}
	missing := change
	missing.Missing = []string{"segment staff", "flag payments-v2"}
	ramp := page.RampFields{Variant: "on", Against: "off", Steps: "5, 25, 100", Bake: "10m"}
	two := usage("new-checkout", map[string]int64{"on": 152, "off": 456}, "")
	calm := x.Environments[2]
	key := api.FlagKey{ID: "fky_1", Environment: "production", Kind: "server", Name: "web", Created: before(time.Hour),
		Used: ptr(before(20 * time.Second))}
	public := api.FlagKey{ID: "fky_2", Environment: "production", Kind: "public", Name: "browser",
		Created: before(90 * time.Hour),
		Origins: []string{"https://shop.example"}}
	old := api.FlagKey{ID: "fky_3", Environment: "staging", Kind: "public", Name: hostile,
		Created: before(900 * time.Hour),
		Revoked: ptr(before(time.Hour))}
	made := key
	made.Secret = "slwf_srv_the-secret-of-the-story"
	environments := []string{"development", "staging", "production"}
	return []Story{
		flagAt("flag-form/new", "/new-flag", func(f page.Frame) templ.Component {
			return page.FlagNew(f,
				page.FlagFields{})
		}),
		flagAt("flag-form/refused", "/new-flag", func(f page.Frame) templ.Component {
			f.Problem = &page.Problem{Title: "Something in it is not right", Message: "The flag was not made.",
				Fields: []page.Complaint{
					{Path: "key", Message: "holds a space"}, {Path: "variants", Message: "Line 2: “sky is no JSON value."}}}
			return page.FlagNew(f, page.FlagFields{Key: "new checkout", Kind: "object", Variants: "a = {}\nb = sky",
				Description: hostile})
		}),
		flagAt("flag-form/describe", "/flags/new-checkout/edit", func(f page.Frame) templ.Component {
			return page.FlagDescribe(f, x, from)
		}),
		flagAt("flag-form/promote", "/flags/new-checkout/promote", func(f page.Frame) templ.Component {
			return page.FlagPromote(f, x, "staging", "production", change)
		}),
		flagAt("flag-form/promote-missing", "/flags/new-checkout/promote", func(f page.Frame) templ.Component {
			return page.FlagPromote(f, x, "staging", "production", missing)
		}),
		flagAt("flag-form/promote-same", "/flags/new-checkout/promote", func(f page.Frame) templ.Component {
			return page.FlagPromote(f, x, "staging", "production", api.FlagChange{})
		}),
		flagAt("flag-form/ramp", "/flags/new-checkout/environments/production/ramp", func(f page.Frame) templ.Component {
			return page.FlagRampStart(f, x, calm, ramp, two)
		}),
		flagAt("flag-form/ramp-blind", "/flags/new-checkout/environments/production/ramp",
			func(f page.Frame) templ.Component {
				c := calm
				c.On = false
				return page.FlagRampStart(f, x, c, ramp, nil)
			}),
		flagAt("flag-keys/some", "/flag-keys", func(f page.Frame) templ.Component {
			return page.FlagKeys(f, []api.FlagKey{key, public, old}, nil, api.CreateFlagKey{}, environments)
		}),
		flagAt("flag-keys/made", "/flag-keys", func(f page.Frame) templ.Component {
			return page.FlagKeys(f, []api.FlagKey{key}, &made, api.CreateFlagKey{}, environments)
		}),
		flagAt("flag-keys/empty", "/flag-keys", func(f page.Frame) templ.Component {
			return page.FlagKeys(f, nil, nil, api.CreateFlagKey{}, environments)
		}),
	}
}

func segment() api.Segment {
	return api.Segment{
		Key: "staff", Environment: "production", Description: "Everybody who works here, and two friends who test.",
		Any: [][]api.FlagCondition{
			{{Attribute: "email", Op: "ends_with", Values: []any{"@shop.example"}}},
			{{Attribute: "role", Op: "equals", Values: []any{"tester"}}, {Attribute: "country", Op: "equals",
				Values: []any{"DE"}}},
		},
		Listed: 2, Excluded: []string{"eve@shop.example"}, Uses: []string{"new-checkout", "search-ranking"}, Revision: 4,
		Sentence: "2 listed users, and whoever has an address at @shop.example or tests in Germany; never eve@shop.example.",
		Updated:  before(60 * time.Hour), UpdatedBy: "user:ada",
	}
}

// segmentStories are the pages about segments.
func segmentStories() []Story {
	s := segment()
	big := s
	big.Key, big.Listed, big.Any, big.Excluded, big.Uses = "million", 1000000, nil, nil, nil
	big.Sentence = "1,000,000 listed users."
	var first []string
	for i := range 50 {
		first = append(first, fmt.Sprintf("customer-%07d", i))
	}
	bad := s
	bad.Key, bad.Description, bad.Sentence, bad.Environment = hostile, hostile, hostile, hostile
	bad.Uses, bad.Excluded, bad.By = []string{hostile}, []string{hostile}, hostile
	bad.Any = [][]api.FlagCondition{{{Attribute: hostile, Op: hostile, Values: []any{hostile}}}}
	theirs := s
	theirs.UpdatedBy, theirs.Revision, theirs.Updated = "user:lin", 5, before(20*time.Second)
	const path = "/segments/production/staff"
	return []Story{
		flagAt("segments/some", "/segments", func(f page.Frame) templ.Component {
			return page.SegmentList(f, []api.Segment{s, big, bad})
		}),
		flagAt("segments/empty", "/segments", func(f page.Frame) templ.Component { return page.SegmentList(f, nil) }),
		flagAt("segment/rules", path, func(f page.Frame) templ.Component {
			return page.Segment(f, s, []string{"kim", "omar"}, history())
		}),
		flagAt("segment/million", path, func(f page.Frame) templ.Component {
			return page.Segment(f, big, first, api.FlagHistory{})
		}),
		flagAt("segment/hostile", path, func(f page.Frame) templ.Component {
			return page.Segment(f, bad, []string{hostile}, api.FlagHistory{})
		}),
		flagAt("segment/edit", path+"/edit", func(f page.Frame) templ.Component {
			return page.SegmentEdit(f, ruleform.OfSegment(s), nil, nil)
		}),
		flagAt("segment/new", "/new-segment", func(f page.Frame) templ.Component {
			return page.SegmentEdit(f, ruleform.Segment{}, nil, []string{"development", "production"})
		}),
		flagAt("segment/conflict", path+"/edit", func(f page.Frame) templ.Component {
			f.Problem = &page.Problem{Title: "Nothing was done: it has changed", Message: "lin saved revision 5 meanwhile."}
			return page.SegmentEdit(f, ruleform.OfSegment(s), &theirs, nil)
		}),
	}
}
