// Package story holds every state of every page as a fixed value: empty, running,
// waiting, refused, failed, rolled back, a thousand rows, very long names, names that
// run from right to left, and hostile ones. The storybook command shows them, golden
// files pin them, and a test looks for what no page may have: inline code, doubled ids,
// unlabeled fields, forms without their token.
package story

import (
	"time"

	"github.com/a-h/templ"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/web/page"
)

// Story is a page in one state.
type Story struct {
	Name  string // group/state, also the golden file's name
	Large bool   // may be larger than a normal page
	Page  func(page.Frame) templ.Component
}

// Now is the time on every story's clock.
func Now() time.Time { return time.Date(2026, 11, 20, 14, 3, 12, 0, time.UTC) }

// Frame returns what the stories' pages know, for a person who may do everything.
func Frame(asset func(string) string) page.Frame {
	zone := time.FixedZone("CET", 3600)
	return page.Frame{
		App: "shop", Slipway: "0.1.0", CSRF: "csrf-token-of-the-story", Path: "/", Zone: zone, Now: Now(), Asset: asset,
		Me: api.Me{
			ID: "usr_0000000000000000ada0", Name: "ada", Roles: []string{"devops", "product"},
			Permissions: []string{
				"environment:view@*", "release:start@*", "release:control@*", "release:approve@production", "check:sign@*",
				"rollback:request@*", "incident:manage@*", "log:read@*", "user:manage@*", "token:manage@*", "issue:report@*",
			},
		},
		Waiting: 1, Open: 0,
	}
}

// All returns the stories in the order in which they are shown.
func All() []Story {
	var all []Story
	for _, group := range [][]Story{
		homeStories(), releaseStories(), formStories(), canaryStories(), approvalStories(), rollbackStories(),
		incidentStories(), flagListStories(), flagStories(),
		flagEditStories(), flagFormStories(), flagImportStories(), segmentStories(), configStories(),
		logStories(), settingsStories(), doorStories(),
	} {
		all = append(all, group...)
	}
	return all
}

// before returns an instant that lies d before now.
func before(d time.Duration) time.Time { return Now().Add(-d) }

// ptr returns a pointer to v.
func ptr[T any](v T) *T { return &v }
