package verdict

import (
	"slices"
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/guard"
)

// What is spent of a budget of user-minutes is on the wire and on a terminal; where nobody counts and there is no
// budget nothing is said, and never 0.
//
// req: N-05
func TestSpentUserMinutesAreTold(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		e    guard.Exposure
		want string
	}{
		{guard.Exposure{}, ""},
		{guard.Exposure{Spent: 7, Rate: 2}, "7 user-minutes at risk so far; no budget."},
		{guard.Exposure{Spent: 412, Budget: 3000, Rate: 41.6},
			"412 of 3000 user-minutes at risk are spent, at 42 users a minute."},
		{guard.Exposure{Budget: 3000}, "0 of 3000 user-minutes at risk are spent, at 0 users a minute."},
	} {
		v := Wire(guard.Verdict{Exposure: tt.e}, Context{})
		if (v.Exposure == nil) != (tt.want == "") {
			t.Errorf("%+v: %+v", tt.e, v.Exposure)
		}
		v.Comparison = &api.Comparison{}
		i := slices.IndexFunc(Lines(&v), func(l [2]string) bool { return l[0] == "exposure" })
		switch {
		case i < 0 && tt.want != "", i >= 0 && !strings.Contains(Lines(&v)[i][1], tt.want), i >= 0 && tt.want == "":
			t.Errorf("%+v: %v, want %q", tt.e, Lines(&v), tt.want)
		}
	}
}
