package remote

import (
	"strings"
	"testing"
)

func TestCleanLeavesOneLineInItsOrder(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Bad credentials":                           "Bad credentials",
		"a\x1b[2Jb\r\nc\x00":                        "a [2Jb  c ",
		"says \u202egnihton\u2066 \u2028more\u061c": "says  gnihton   more ",
		"the token slp_1 of عائشة":                  "the token … of عائشة",
		strings.Repeat("é", 400):                    strings.Repeat("é", 300) + "…",
	} {
		if got := Clean(in, "slp_1"); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}
