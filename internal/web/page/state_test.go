package page

import (
	"testing"

	"github.com/slipwayhq/slipway/api"
)

// Who looks over a list sees which releases wait, and which stopped.
func TestAReleaseThatWaitsDoesNotLookAsIfItRan(t *testing.T) {
	t.Parallel()
	for _, x := range []struct{ phase, status, want string }{
		{"running", "running", "Running"}, {"running", "waiting", "Waiting"}, {"running", "failed", "Stopped"},
		{"running", "pending", "Running"}, {"paused", "waiting", "Paused"}, {"aborted", "failed", "Aborted"},
	} {
		steps := []api.Step{{ID: "a", Status: "waiting"}, {ID: "b", Status: x.status}}
		r := api.Release{Phase: x.phase, Step: "b", Steps: steps}
		if got := releaseMark(r); got.word != x.want {
			t.Errorf("%s at a step that is %s: %q, want %q", x.phase, x.status, got.word, x.want)
		}
	}
}
