package app

import (
	"bytes"
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/internal/fault"
)

// The address of a database may hold its password: help shows the flag, not what the
// environment says.
func TestHelpTellsNoSecret(t *testing.T) {
	t.Setenv("SLIPWAY_DATABASE_URL", "postgres://slipway:hunter2@db/slipway")
	var out bytes.Buffer
	cmd := UpCommand(&out, &out, "test")
	cmd.SetOut(&out)
	cmd.SetArgs([]string{"--help"})
	if err := cmd.Execute(); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "hunter2") || !strings.Contains(out.String(), "--database-url") {
		t.Error(out.String())
	}
}

func TestTheDatabaseOfTheEnvironmentIsUsed(t *testing.T) {
	t.Setenv("SLIPWAY_DATABASE_URL", "")
	for flag, want := range map[string]string{"": "slipway.db", "my.db": "my.db"} {
		if got := database(flag); got != want {
			t.Errorf("%q: %q, want %q", flag, got, want)
		}
	}
	t.Setenv("SLIPWAY_DATABASE_URL", "postgres://db/slipway")
	for flag, want := range map[string]string{"": "postgres://db/slipway", "my.db": "my.db"} {
		if got := database(flag); got != want {
			t.Errorf("%q: %q, want %q", flag, got, want)
		}
	}
}

// TestADatabaseThatIsAwayIsNamed at the start: where it is looked for, why in vain, and never its password.
func TestADatabaseThatIsAwayIsNamed(t *testing.T) {
	t.Parallel()
	_, err := Open(t.Context(), Options{Database: "postgres://slipway:hunter2@127.0.0.1:1/slipway"})
	said := fault.MessageOf(err)
	if !fault.Is(err, fault.Unavailable) || !strings.Contains(said, "127.0.0.1:1 cannot be reached") ||
		!strings.Contains(said, "--database-url") || strings.Contains(said, "hunter2") {
		t.Errorf("%v", err)
	}
}
