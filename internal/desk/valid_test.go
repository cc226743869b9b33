package desk

import (
	"math"
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/fault"
)

// A form of the pages is held to the limits of the API.
func TestWishesAreHeldToTheirLimits(t *testing.T) {
	t.Parallel()
	nan, wide := math.NaN(), strings.Repeat("ü", 101)
	good := api.StartRelease{Version: "v2", Deployment: "http://127.0.0.1:3002", Note: "two\nlines\tand a tab"}
	with := func(change func(*api.StartRelease)) api.StartRelease {
		r := good
		change(&r)
		return r
	}
	tests := []struct {
		name  string
		in    any
		field string // that is wrong; empty for none
	}{
		{"good", good, ""},
		{"no version: the build's own", with(func(r *api.StartRelease) { r.Version = "" }), ""},
		{"a version that leads away", with(func(r *api.StartRelease) { r.Version = "../v2" }), "version"},
		{"a long note", with(func(r *api.StartRelease) { r.Note = strings.Repeat("n", 2001) }), "note"},
		{"a note that clears the screen", with(func(r *api.StartRelease) { r.Note = "\x1b[2J" }), "note"},
		{"a note that is no text", with(func(r *api.StartRelease) { r.Note = "\xff" }), "note"},
		{"a long build id", with(func(r *api.StartRelease) { r.BuildIDs = []string{strings.Repeat("b", 300)} }), "build_ids"},
		{"many build ids", with(func(r *api.StartRelease) { r.BuildIDs = make([]string, 9) }), "build_ids"},
		{"a check", api.ReportCheck{Version: "v2", Name: "unit", Status: "passed"}, ""},
		{"a status that there is not", api.ReportCheck{Version: "v2", Name: "unit", Status: "banana"}, "status"},
		{"a coverage that is no number", api.ReportCheck{Version: "v2", Name: "unit", Status: "passed", Coverage: &nan},
			"coverage"},
		{"a share that is no number", api.ReleaseAction{Share: nan}, "share"},
		{"a vote without a hash", api.Decision{}, "hash"},
		{"an untitled issue", api.ReportIssue{}, "title"},
		{"a long name", api.ChangeUser{Title: &wide}, "title"},
		{"no change", api.ChangeUser{}, ""},
	}
	for _, tt := range tests {
		err := wellFormed(tt.in)
		if tt.field == "" {
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
			continue
		}
		if !fault.Is(err, fault.Invalid) || !strings.Contains(fault.MessageOf(err), "body."+tt.field+":") {
			t.Errorf("%s: %v, want a complaint about %s", tt.name, err, tt.field)
		}
	}
}
