package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
	"github.com/slipwayhq/slipway/internal/fault"
)

// What is wrong with a platform is said with since when, what it was last seen to serve, and what to do.
func TestStatusSaysWhatAPlatformServed(t *testing.T) {
	t.Parallel()
	since := time.Date(2026, 3, 2, 3, 0, 0, 0, time.Local)
	seen := since.Add(-10 * time.Second)
	x := api.Target{
		Project: "shop", Sentence: "What Vercel serves is not known: it is down.", Trouble: true, Since: &since, Seen: &seen,
		Share: 10, Stable: api.TargetArm{ID: "dpl_1", Version: "v1"}, Canary: &api.TargetArm{ID: "dpl_2"}, Remedy: "Wait.",
	}
	var out bytes.Buffer
	c := &cli{Options: Options{Out: &out}}
	c.showStatus(api.Status{Target: &x})
	for _, want := range []string{"What Vercel serves is not known: it is down.\n", "Since 2026-03-02 03:00:00.\n",
		"At 2026-03-02 02:59:50 Vercel served dpl_2 to 10 % of the visitors, v1 (dpl_1) to the rest.\n", "  Wait.\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not said:\n%s", want, out.String())
		}
	}
	out.Reset()
	x.Trouble, x.Canary = false, nil
	c.showStatus(api.Status{Target: &x})
	if strings.Contains(out.String(), "Since") {
		t.Errorf("nothing is wrong:\n%s", out.String())
	}
}

// TestARefusalFitsTheCommandLine: what is typed is said in the words of the command line, where the server has some.
func TestARefusalFitsTheCommandLine(t *testing.T) {
	t.Parallel()
	refused := fault.New(fault.Refused, "config_drifted", "It drifted.").At(fault.Page, "Tick it.").
		At(fault.Command, "Go over it (--over).")
	for _, test := range []struct {
		err  error
		want string
	}{
		{&client.Problem{Message: "It drifted. Say over.", Command: "It drifted. Go over it (--over)."},
			"slipway: It drifted. Go over it (--over).\n"},
		{&client.Problem{Message: "No."}, "slipway: No.\n"},
		{&client.Problem{Message: "No room.", Remedy: "try again later"},
			"slipway: No room.\nWhat to do: try again later.\n"},
		{&client.Problem{Message: "No room.", Command: "No room. Make some.", Remedy: "try again later"},
			"slipway: No room. Make some.\n"}, // two remedies would contradict each other
		{refused, "slipway: It drifted. Go over it (--over).\n"},
	} {
		var out bytes.Buffer
		if Report(&out, test.err, false); out.String() != test.want {
			t.Errorf("%q, want %q", out.String(), test.want)
		}
	}
}
