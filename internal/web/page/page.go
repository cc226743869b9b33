// Package page is what the dashboard shows: every page as a pure function from wire
// types to a typed component.
//
// A page gets a Frame (who looks, when, in which zone) and the values of api that the
// caller may see, turns them into a small view where the order or the words need
// thought, and renders that with templ. Nothing here reads a request, a clock or a
// store, and no HTML is ever put together from strings, so a name such as <script>
// is only ever text. Sentences about states come from the api values: one state reads
// the same here, on the command line and in a notification.
package page

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/api"
)

// Frame is what every page knows beside its own content.
type Frame struct {
	App     string         // name of the application
	Slipway string         // version of Slipway
	Me      api.Me         // who looks; an empty ID is nobody
	CSRF    string         // value of the hidden field of every form
	Path    string         // path and query of this page
	Theme   string         // "light", "dark" or empty for the system's
	Zone    *time.Location // the viewer's; UTC when unknown
	Now     time.Time
	Head    int64                    // number of the newest event when the page was made; its stream begins there
	Asset   func(name string) string // address of a static file
	Done    string                   // sentence about what was just done
	Problem *Problem                 // why what was asked for did not happen
	Waiting int                      // approvals that wait for this person
	Open    int                      // incidents that are open
	Short   string                   // says that the database has no room; empty while it has some
}

// short is what every page but Home, which says more, says of a database without room.
func (f Frame) short() string {
	if path, _, _ := strings.Cut(f.Path, "?"); path == "/" {
		return ""
	}
	return f.Short
}

// Problem is why something did not happen.
type Problem struct {
	Title   string
	Message string
	Fields  []Complaint
}

// Complaint is a problem with one place of the input.
type Complaint struct {
	Path    string // name of the form's field
	Message string
}

// May reports whether the viewer holds the permission anywhere. It only decides what is
// shown: whether it may be done is checked again where it is done.
func (f Frame) May(permission string) bool {
	return slices.ContainsFunc(f.Me.Permissions, func(p string) bool {
		name, _, _ := strings.Cut(p, "@")
		return name == permission
	})
}

// complaint returns the complaint about a form's field, or the empty string.
func (f Frame) complaint(field string) string {
	if f.Problem == nil {
		return ""
	}
	for _, c := range f.Problem.Fields {
		if c.Path == field || strings.HasSuffix(c.Path, "."+field) {
			return c.Message
		}
	}
	return ""
}

// at returns whether the page lies under the path, for the mark in the navigation.
func (f Frame) at(path string) bool {
	p, _, _ := strings.Cut(f.Path, "?")
	if path == "/" {
		return p == "/"
	}
	if path == "/flags" && slices.ContainsFunc([]string{"/segments", "/flag-drafts", "/flag-keys", "/new-flag",
		"/flag-import", "/new-segment"}, f.at) {
		return true // what flags are made of stands beside them
	}
	return p == path || strings.HasPrefix(p, path+"/")
}

// head is what a page's frame shows of it.
type head struct {
	title   string // of the window
	tick    string // seconds between looks while the page is open; empty: the page does not move
	refresh string // seconds until the page is loaded anew; for pages that nobody has to sign in for
	plain   bool   // without the navigation: sign-in, set-up, public pages
}

// headText writes the number of the newest event for the script.
func (f Frame) headText() string { return strconv.FormatInt(f.Head, 10) }

// tab is an entry of the navigation.
type tab struct {
	name, path, key string
	count           int
}

func (f Frame) tabs() []tab {
	return []tab{
		{"Home", "/", "h", 0}, {"Releases", "/releases", "r", 0}, {"Flags", "/flags", "f", 0},
		{"Approvals", "/approvals", "a", f.Waiting},
		{"Rollbacks", "/rollbacks", "b", 0}, {"Incidents", "/incidents", "i", f.Open}, {"Log", "/log", "l", 0},
		{"Settings", "/settings", "s", 0},
	}
}

// query returns path with the pairs of names and values that are not empty.
func query(path string, pairs ...string) string {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			v.Set(pairs[i], pairs[i+1])
		}
	}
	if len(v) == 0 {
		return path
	}
	return path + "?" + v.Encode()
}

// to joins path segments, each escaped.
func to(segments ...string) string {
	var b strings.Builder
	for _, s := range segments {
		b.WriteString("/" + url.PathEscape(s))
	}
	return b.String()
}

// Policy is the content security policy of every page: nothing runs and nothing is
// drawn that Slipway did not serve itself.
func Policy() string {
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
		"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
}

// windowTitle names the page in a browser's tab: the most particular first.
func windowTitle(f Frame, h head) string {
	if f.Problem != nil { // what is read out first
		h.title = f.Problem.Title + ": " + h.title
	}
	if f.App == "" || h.plain {
		return h.title + " · Slipway"
	}
	return h.title + " · " + f.App + " · Slipway"
}
