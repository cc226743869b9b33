package provider

import (
	"errors"
	"fmt"
	"testing"

	"github.com/slipwayhq/slipway/internal/fault"
)

// TestAwayIsAMarkOnAFault that stays a fault, wherever it is wrapped, and is on no other.
func TestAwayIsAMarkOnAFault(t *testing.T) {
	t.Parallel()
	down := fault.New(fault.Unavailable, "vercel_down", "Vercel does not answer.")
	marked := Away(fmt.Errorf("promote: %w", down))
	for _, err := range []error{marked, fmt.Errorf("route: %w", marked), errors.Join(errors.New("x"), marked)} {
		if !IsAway(err) || fault.KindOf(err) != fault.Unavailable || fault.ReasonOf(err) != "vercel_down" ||
			!errors.Is(err, down) {
			t.Errorf("%v: away %v, %s %s", err, IsAway(err), fault.KindOf(err), fault.ReasonOf(err))
		}
	}
	for _, err := range []error{nil, down, errors.New("x"), errors.Unwrap(marked)} {
		if IsAway(err) {
			t.Errorf("%v is away", err)
		}
	}
	if err := Away(nil); err != nil {
		t.Errorf("no fault becomes %v", err)
	}
}
