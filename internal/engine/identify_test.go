package engine

import (
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/internal/fault"
)

func TestBuildIDIsReadFromTheDocument(t *testing.T) {
	t.Parallel()
	tests := []struct{ html, want string }{
		{`<!doctype html><html lang="en" data-dpl-id="dpl-v1"><head>`, "dpl-v1"},
		{`<html data-dpl-id="dpl_2.0" class="x">`, "dpl_2.0"},
		{`<html lang="en"><p>data-dpl-id="no"</p>`, ""},
		{`<html data-dpl-id="<script>">`, ""},
		{``, ""},
	}
	for _, tt := range tests {
		got := ""
		if m := buildID().FindStringSubmatch(tt.html); m != nil {
			got = m[1]
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.html, got, tt.want)
		}
	}
}

func TestBuildIDsThatAnEdgeWouldRefuse(t *testing.T) {
	t.Parallel()
	if err := goodBuilds([]string{"dpl-v1", "dpl_2.0"}); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "bad id", "dpl\n", "dplé", strings.Repeat("a", 129)} {
		if err := goodBuilds([]string{bad}); fault.ReasonOf(err) != "build_id_invalid" {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
