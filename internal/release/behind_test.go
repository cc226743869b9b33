package release

import (
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/guard"
)

// What a source beside the edge has not delivered yet is no time under watch.
//
// req: CD-03
func TestWhatIsNotDeliveredPassesNoBake(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		at, behind, want time.Duration
	}{{time.Minute, 0, time.Minute}, {time.Minute, 40 * time.Second, 20 * time.Second}, {time.Second, time.Minute, 0}} {
		if got := measured(&guard.Verdict{Behind: tt.behind}, tt.at); got != tt.want {
			t.Errorf("%s at a share, %s behind: %s are known, want %s", tt.at, tt.behind, got, tt.want)
		}
	}
	if got := measured(nil, time.Minute); got != time.Minute {
		t.Errorf("without a verdict: %s", got)
	}
}
