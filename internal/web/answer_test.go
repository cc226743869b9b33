package web

import (
	"testing"

	"github.com/slipwayhq/slipway/internal/fault"
)

// A page says what to do on it, and not what to type elsewhere.
func TestARefusalFitsThePage(t *testing.T) {
	t.Parallel()
	v := &visit{}
	status := v.refused(fault.New(fault.Refused, "config_drifted", "Somebody changed it.").
		At(fault.Page, "Tick it.").At(fault.Command, "Go over it (--over).").At(fault.API, "Say over."))
	if want := "Somebody changed it. Tick it."; v.frame.Problem.Message != want || status != 412 {
		t.Errorf("%d: %q, want %q", status, v.frame.Problem.Message, want)
	}
}
