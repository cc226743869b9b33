package desk

import (
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/deployment"
)

// TestATargetSaysWhatIsWrongFirst and never that all is well on an old answer.
func TestATargetSaysWhatIsWrongFirst(t *testing.T) {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	stable, canary := api.TargetArm{ID: "dpl_1", Version: "v1"}, &api.TargetArm{ID: "dpl_2"}
	for name, tt := range map[string]struct {
		target  deployment.Target
		canary  *api.TargetArm
		trouble bool
		want    string
	}{
		"not looked at": {deployment.Target{}, nil, false, "Vercel was not looked at yet."},
		"as routed":     {deployment.Target{Seen: now, Row: 1}, nil, false, "v1 has everybody."},
		"pinned": {deployment.Target{Seen: now, Row: 1, Pinned: true}, nil, false,
			"v1 has everybody. New builds do not reach production by themselves."},
		"a canary": {deployment.Target{Seen: now, Row: 1, Share: 2.5}, canary, false,
			"dpl_2 has 2.5 % of the visitors, v1 the rest."},
		"silent": {deployment.Target{Seen: now, Row: 1, Silent: now, Why: "no route", Foreign: "x"}, nil, true,
			"What Vercel serves is not known: no route"},
		"foreign": {deployment.Target{Seen: now, Row: 1, Foreign: "Ada did it.", Since: now}, canary, true, "Ada did it."},
		"paused": {deployment.Target{Seen: now, Row: 1, Foreign: "A gate did it.", Since: now, Paused: true}, canary, true,
			"A gate did it."},
		"old": {deployment.Target{Seen: now.Add(-time.Hour), Row: 1}, nil, true,
			"Vercel was not looked at for a while: does the engine run?"},
	} {
		trouble, say, since := targetSentence(tt.target, api.Target{Stable: stable, Canary: tt.canary}, now)
		if trouble != tt.trouble || say != tt.want || trouble && since == nil {
			t.Errorf("%s: %v %q %v", name, trouble, say, since)
		}
		remedy := targetRemedy(tt.target, "hold")
		if told := tt.target.Foreign != ""; told != (remedy != "") ||
			strings.Contains(remedy, "release retry") != (name == "foreign") {
			t.Errorf("%s: to do is %q", name, remedy)
		}
		if name == "foreign" && !strings.Contains(targetRemedy(tt.target, "undo"), "by itself") {
			t.Error("a release that goes back is said to wait")
		}
	}
}
