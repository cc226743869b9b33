package story

import (
	"slices"
	"time"

	"github.com/a-h/templ"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/web/page"
)

func sorted(names []string) []string {
	slices.Sort(names)
	return names
}

// flagListStories are the lists about flags.
func flagListStories() []Story {
	some := []api.Flag{checkout(), ramping(), palette(), staleFlag(), killed(),
		simple("legacy-export", "", [3]bool{true, false, false}, 0), arabicFlag(), archived()}
	some[1].Key = "one-click-buy"
	some[4].Key = "invoice-pdf"
	list := func(items []api.Flag, q page.FlagFilter, next string) func(page.Frame) templ.Component {
		return func(f page.Frame) templ.Component {
			return page.FlagList(f, api.FlagPage{Items: items, Next: next}, q, []string{"checkout", "q4"})
		}
	}
	many := flagAt("flags/thousand", "/flags", list(thousandFlags(), page.FlagFilter{}, ""))
	many.Large = true
	return []Story{
		flagAt("flags/some", "/flags", list(some, page.FlagFilter{}, "")),
		flagAt("flags/published", "/flags", func(f page.Frame) templ.Component {
			return page.FlagList(f, api.FlagPage{Items: some[:2], Published: publishedFlags(), Synced: syncedFlags()},
				page.FlagFilter{}, nil)
		}),
		flagAt("flags/empty", "/flags", list(nil, page.FlagFilter{}, "")),
		flagAt("flags/none-match", "/flags?q=x", list(nil, page.FlagFilter{Text: hostile, State: "stale"}, "")),
		flagAt("flags/page-of-thousand", "/flags", func(f page.Frame) templ.Component {
			return page.FlagList(f, api.FlagPage{Items: thousandFlags()[:40], Next: "flag-0039",
				Sentence: "1,000 flags; 3 ramp in production; 112 could go."}, page.FlagFilter{}, nil)
		}), many,
		flagAt("flags/hostile", "/flags", list([]api.Flag{hostileFlag(), longFlag()}, page.FlagFilter{}, "")),
		flagAt("flags/stale", "/flags/stale", func(f page.Frame) templ.Component {
			due := simple("xmas-banner", "growth", [3]bool{true, true, true}, time.Hour)
			due.Expires, due.Stale = ptr(before(200*time.Hour)), "Its day was 8 days ago."
			unseen := simple("legacy-export", "", [3]bool{true, false, false}, 0)
			unseen.Stale = "Nobody has asked for it in any environment for 60 days."
			return page.FlagStale(f, []api.Flag{staleFlag(), due, unseen})
		}),
		flagAt("flags/none-stale", "/flags/stale", func(f page.Frame) templ.Component { return page.FlagStale(f, nil) }),
		flagAt("flags/drafts", "/flag-drafts", func(f page.Frame) templ.Component {
			return page.FlagDrafts(f, api.FlagDraftPage{Items: drafts(), Next: "fdr_3"}, "")
		}),
		flagAt("flags/drafts-failed", "/flag-drafts?state=failed", func(f page.Frame) templ.Component {
			return page.FlagDrafts(f, api.FlagDraftPage{Items: drafts()[2:]}, "failed")
		}),
		flagAt("flags/no-drafts", "/flag-drafts", func(f page.Frame) templ.Component {
			return page.FlagDrafts(f,
				api.FlagDraftPage{}, "")
		}),
	}
}

// flagStories are the page of one flag in its states.
func flagStories() []Story {
	const path = "/flags/new-checkout"
	two := map[string]int64{"on": 152, "off": 456}
	parts := func() page.FlagParts {
		return page.FlagParts{MayRamp: true, Usage: usage("new-checkout", two, ""), History: history()}
	}
	show := func(x api.Flag, p page.FlagParts) func(page.Frame) templ.Component {
		return func(f page.Frame) templ.Component { return page.Flag(f, x, p) }
	}
	waiting := parts()
	waiting.Drafts = drafts()[:1]
	ramp := parts()
	ramp.Usage = usage("new-checkout", two, "on")
	ramp.Ramp, ramp.Canary = ptr(rampRelease()), ptr(rampCanary())
	worse, last := rampRelease(), parts()
	worse.Phase, worse.Verdict, worse.Ended = "aborted", nil, ptr(before(3*time.Hour))
	worse.Sentence = "The ramp of new-checkout was taken back: “on” is worse. 18 of 36 requests failed."
	last.Ramp = &worse
	five := page.FlagParts{Usage: usage("search-ranking", map[string]int64{"control": 210, "bm25": 190, "vector": 160,
		"hybrid": 120, "hybrid-rerank": 60}, "vector")}
	return []Story{
		flagAt("flag/share", path, show(checkout(), parts())),
		flagAt("flag/fresh", path, show(simple("new-checkout", "product", [3]bool{true, false, false}, 0),
			page.FlagParts{Environment: "development"})),
		flagAt("flag/waiting", path, show(checkout(), waiting)),
		flagAt("flag/ramping", path, show(ramping(), ramp)),
		flagAt("flag/last-ramp", path, show(checkout(), last)),
		flagAt("flag/killed", path, show(killed(), parts())),
		flagAt("flag/synced", path, show(syncedFlag(false), parts())),
		flagAt("flag/changed-at-vercel", path, show(syncedFlag(true), parts())),
		flagAt("flag/stale", path, show(staleFlag(), parts())),
		flagAt("flag/five-variants", "/flags/search-ranking", show(palette(), five)),
		flagAt("flag/archived", path, show(archived(), page.FlagParts{})),
		flagAt("flag/imported", path, show(imported(), parts())),
		flagAt("flag/hostile", path, show(hostileFlag(), page.FlagParts{Usage: usage(hostile, map[string]int64{hostile: 50},
			hostile),
			History: api.FlagHistory{Items: []api.FlagRevision{{Revision: 1, At: before(time.Hour), By: hostile, Reason: hostile,
				Sentence: hostile, Changes: []api.Change{{Path: hostile, Before: raw(`"` + `<b>` + `"`), After: raw(`{}`)}}}}}})),
		flagAt("flag/long", path, show(longFlag(), parts())),
		flagAt("flag/right-to-left", path, show(arabicFlag(), page.FlagParts{})),
		flagAt("flag/refused", path, func(f page.Frame) templ.Component {
			f.Problem = &page.Problem{Title: "Not now", Message: "A ramp raises its share: only the kill switch may change " +
				"it until it ends."}
			return page.Flag(f, ramping(), ramp)
		}),
		{Name: "flag/release", Page: func(f page.Frame) templ.Component {
			f.Path = "/releases/" + longID
			return page.Release(f, rampRelease(), page.ReleaseParts{Canary: ptr(rampCanary())})
		}},
		{Name: "flag/onlooker", Page: func(f page.Frame) templ.Component {
			f.Path, f.Me.Permissions = path, []string{"environment:view@*"}
			return page.Flag(f, checkout(), parts())
		}},
	}
}

func imported() api.Flag {
	x := checkout()
	c := &x.Environments[2]
	c.Rules, c.Share, c.Default = nil, -1, api.FlagServe{Variant: "off"}
	c.Targeting = raw(`{"if":[{"in":["@example.com",{"var":"email"}]},"on",{"fractional":[["on",10],["off",90]]}]}`)
	c.Sentence = "A rule in flagd’s own language decides; where it says nothing, everybody sees “off”."
	return x
}

// rampRelease is the release that raises the flag's share.
func rampRelease() api.Release {
	r := release("canary/share-25", "running", "“on” of new-checkout is at 25 % in production. No worse than “off” "+
		"so far; "+
		"about 8 minutes more.")
	r.Version, r.Deployment, r.URL = "new-checkout=on", "flag:production/new-checkout=on", ""
	r.Flag = &api.ReleaseFlag{Key: "new-checkout", Environment: "production", Variant: "on", Against: "off", Before: 5}
	r.Steps = slices.DeleteFunc(r.Steps, func(s api.Step) bool { return s.Kind != "share" })
	r.Verdict = verdict("better_or_equal", "continue", "“on” is no worse than “off”: 0.41 % of 1,840 requests "+
		"failed, 0.49 % of "+
		"5,520.")
	return r
}

// rampCanary is what was measured of the ramp: the canary's twenty minutes, on to 25 %.
func rampCanary() api.Canary {
	c := canary(0, 0)
	for i := range c.Shares {
		if c.Shares[i].Share == 10 {
			c.Shares[i].Share = 25
		}
	}
	for i := range c.Measured {
		if m := &c.Measured[i]; m.Intended == 10 {
			off := m.Share - m.Intended
			m.Intended, m.Share, m.Low, m.High = 25, 25+off, 25+off-0.9, 25+off+0.9
		}
	}
	return c
}

// syncedFlags are flags at a platform's own system: alike, one that another hand changed, and none yet.
func syncedFlags() []api.SyncedFlags {
	return []api.SyncedFlags{
		{Environment: "production", As: "production", Follows: true, Same: 12, Seen: ptr(before(3 * time.Minute)),
			Sentence: "12 flags decide alike."},
		{Environment: "staging", As: "preview", Same: 11, Behind: 1, Foreign: []string{"checkout"}, Trouble: true,
			Seen:     ptr(before(2 * time.Hour)),
			Sentence: "11 flags decide alike. Changed or made there by somebody else, and left so: checkout."},
		{Environment: hostile, Follows: true, Sentence: "Not written yet."},
	}
}

// syncedFlag is a flag that stands at a platform's own system as well: as here, or not any more.
func syncedFlag(trouble bool) api.Flag {
	x := checkout()
	seen, written := ptr(before(3*time.Minute)), ptr(before(26*time.Hour))
	x.Synced = []api.FlagSynced{
		{Environment: "staging", As: "preview", State: "unsaid", Seen: seen, Written: written,
			Sentence: "It is not there: it cannot be said there as it is here; the plan says why.",
			Command:  "slipway flag sync vercel --dry-run -e staging"},
		{Environment: "production", As: "production", Follows: true, State: "same", Revision: 7, Seen: seen, Written: written,
			Sentence: "It decides there as here, as revision 7 of production."},
	}
	if trouble {
		x.Synced[0] = api.FlagSynced{Environment: hostile, As: hostile, State: "unknown", Trouble: true,
			Sentence: "It does not follow. Vercel does not answer. Before that: not looked at there yet."}
		x.Synced[1].State, x.Synced[1].Trouble, x.Synced[1].By = "changed", true, "lin"
		x.Synced[1].Sentence = "lin changed it there, and it stays so until a person writes it there again."
		x.Synced[1].Command = "slipway flag sync vercel -e production"
	}
	return x
}

// publishedFlags are flags at a platform's edge: the newest, old ones, and none yet.
func publishedFlags() []api.PublishedFlags {
	return []api.PublishedFlags{
		{Environment: "production", Generation: 42, Written: ptr(before(time.Minute)),
			Sentence: "The newest stand there (generation 42)."},
		{Environment: "staging", Generation: 40, Written: ptr(before(3 * time.Hour)), Trouble: true,
			Since: ptr(before(2 * time.Hour)), Sentence: "Generation 40 stands there, not the newest. The flags of staging " +
				"have 70,112 bytes, and the plan's Global Config takes 65,536."},
		{Environment: hostile, Sentence: "Not published yet."},
	}
}
