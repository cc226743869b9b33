package flag

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// req: FF-27
func TestStale(t *testing.T) {
	now := time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)
	ago := func(days int) time.Time { return now.AddDate(0, 0, -days) }
	on, off := Serve{Variant: "on"}, Serve{Variant: "off"}
	pro := []Condition{{Attribute: "plan", Op: Equals, Values: []any{"pro"}}}
	half := Serve{Split: []Portion{{"on", 1}, {"off", 1}}}
	whole := Serve{Split: []Portion{{"on", 10000}, {"off", 0}}}
	served := func(days int, s Serve, rules ...Rule) Config {
		return Config{On: true, Updated: ago(days), Default: s, Rules: rules}
	}
	const day, everybody = 24 * time.Hour, `Everybody has had "on" for `
	tests := []struct {
		name    string
		flag    Flag
		configs []Config
		seen    time.Time
		says    string
	}{
		{"in use", Flag{Created: ago(90)}, []Config{served(40, half)}, ago(1), ""},
		{"rolled out", Flag{}, []Config{served(20, on), served(14, whole)}, ago(0), everybody},
		{"rolled out lately", Flag{}, []Config{served(20, on), served(13, on)}, ago(0), ""},
		{"at an unknown time", Flag{}, []Config{{On: true, Default: on}}, ago(0), ""},
		{"not everywhere", Flag{}, []Config{served(20, on), served(20, off)}, ago(0), ""},
		{"rules that agree", Flag{}, []Config{served(20, on, Rule{If: pro, Serve: on})}, ago(0), everybody},
		{"rules that don't", Flag{}, []Config{served(20, on, Rule{If: pro, Serve: off})}, ago(0), ""},
		{"a rule for everybody", Flag{},
			[]Config{served(20, off, Rule{If: pro, Serve: on}, Rule{Serve: on}, Rule{If: pro, Serve: off})},
			ago(0), everybody},
		{"off everywhere", Flag{}, []Config{{Updated: ago(30)}}, ago(0), "off everywhere for 30 days"},
		{"needs", Flag{}, []Config{{On: true, Default: on, Updated: ago(30), Needs: []Prerequisite{{"x", nil}}}},
			ago(0), ""},
		{"past its date", Flag{Expires: ago(1)}, []Config{served(1, half)}, ago(0), "gone by 29 Nov 2026"},
		{"on its date", Flag{Expires: now}, []Config{served(1, half)}, ago(0), ""},
		{"unseen", Flag{Created: ago(90)}, []Config{served(1, half)}, ago(28), "for 28 days"},
		{"never seen", Flag{Created: ago(28)}, nil, time.Time{}, "since it was created 28 days ago"},
		{"new", Flag{Created: ago(2)}, nil, time.Time{}, ""},
		{"permanent", Flag{Permanent: true, Expires: ago(1)}, []Config{served(20, on)}, ago(90), ""},
		{"archived", Flag{Archived: ago(1), Expires: ago(1)}, nil, ago(90), ""},
		{"in a ramp", Flag{}, []Config{{On: true, Default: on, Updated: ago(30), Ramp: "rel_1"}}, ago(90), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Stale(&tt.flag, tt.configs, tt.seen, now, StaleRules{RolledOut: 14 * day, Unseen: 28 * day})
			if !strings.Contains(got, tt.says) || (got == "") != (tt.says == "") {
				t.Errorf("it says %q", got)
			}
		})
	}
	if got := Stale(&Flag{}, []Config{served(20, on)}, ago(99), now, StaleRules{}); got != "" {
		t.Errorf("the rules are switched off: %q", got)
	}
}

func TestPromote(t *testing.T) {
	from := shop().Configs[0]
	from.Needs = []Prerequisite{{"search", []string{"on"}}, {"gone", []string{"on"}}}
	from.Ramp, from.Revision, from.Reason = "rel_1", 12, "why"
	target := shop()
	target.Environment, target.Segments = "eu", nil
	to := Config{Flag: "checkout", App: "shop", Environment: "eu", Reason: "killed", Revision: 3,
		Default: Serve{Variant: "on"}}
	next, missing := Promote(from, to, target)
	want := from
	want.App, want.Environment = "shop", "eu"
	want.On, want.Ramp, want.Reason, want.Revision = false, "", "killed", 3
	if diff := cmp.Diff(want, next); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"segment staff", "flag gone"}, missing); diff != "" {
		t.Error(diff)
	}
	next.Rules[0].If[0].Segment = "other"
	if from.Rules[0].If[0].Segment != "staff" {
		t.Error("the copy shares its rules with what it was copied from")
	}
}
