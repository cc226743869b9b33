package configs

import (
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/configuration"
)

// TestWhoChangedAVariable: the platform says who set a variable, and only a webhook who deleted one. Slipway's own
// writes are told of as well, as done by whomever the token is of, who is not to be named for what somebody else did.
func TestWhoChangedAVariable(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	set := configuration.Difference{Key: "A", What: "changed", By: "Ada", Updated: now}
	gone := configuration.Difference{Key: "B", What: "removed"}
	for _, tt := range []struct {
		name  string
		live  configuration.Live
		drift []configuration.Difference
		want  string
	}{
		{"set", configuration.Live{By: "Owner", Of: "A", Heard: now}, []configuration.Difference{set}, "Ada"},
		{"deleted", configuration.Live{By: "Eve", Of: "B", Heard: now}, []configuration.Difference{gone}, "Eve"},
		{"ours", configuration.Live{By: "Owner", Of: "A", Heard: now}, []configuration.Difference{gone}, ""},
		{"old", configuration.Live{By: "Eve", Of: "B", Heard: now.Add(-recently)}, []configuration.Difference{gone}, ""},
		{"both", configuration.Live{By: "Eve", Of: "B", Heard: now}, []configuration.Difference{gone, set}, "Ada"},
	} {
		if got := author(tt.live, tt.drift, now); got != tt.want {
			t.Errorf("%s: %q is named, want %q", tt.name, got, tt.want)
		}
	}
}
