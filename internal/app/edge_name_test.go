package app

import (
	"regexp"
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/internal/fault"
)

// An edge under a name that control refuses serves visitors that nobody sees.
func TestEdgesHaveNamesThatControlTakes(t *testing.T) {
	t.Parallel()
	taken := regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`) // of the header in the API
	for _, address := range []string{"127.0.0.1:3981", "[::]:8080", "[fe80::1234:5678:9abc:def0%eth0]:65535",
		strings.Repeat("x", 63)} {
		if got, err := edgeNamed("", address); err != nil || !taken.MatchString(got) {
			t.Errorf("the name at %s is %q, %v", address, got, err)
		}
	}
	if got, err := edgeNamed("fra-1.a_b", ""); err != nil || got != "fra-1.a_b" {
		t.Errorf("a good name becomes %q, %v", got, err)
	}
	for _, name := range []string{"fra 1", "fra:1", "frä", strings.Repeat("x", 65)} {
		if _, err := edgeNamed(name, ""); fault.ReasonOf(err) != "edge_name_invalid" {
			t.Errorf("%q is taken: %v", name, err)
		}
	}
}
