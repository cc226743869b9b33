package desk

import (
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/internal/deployment"
	"github.com/slipwayhq/slipway/internal/rollback"
)

// req: EN-17
func TestARollbackSaysWithWhichVariablesItRuns(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ from, to, want string }{
		"other variables": {"12/cfg_b", "11/cfg_a", "v1 runs with revision 11 of them, v2 with revision 12"},
		"not known now":   {"", "11/cfg_a", "v1 runs with revision 11 of them, v2 with others"},
		"the same":        {"11/cfg_a", "11/cfg_a", "both run with revision 11"},
		"not known":       {"12/cfg_b", "", "configuration and flags stay"},
	} {
		got := goesBack(rollback.Plan{From: deployment.Deployment{Version: "v2", Config: c.from},
			To: &deployment.Deployment{Version: "v1", Config: c.to}})
		if !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
