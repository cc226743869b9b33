package vercel

import (
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/provider"
)

// marked marks the faults that pass by themselves, or once somebody has given Slipway another token: whoever asked
// waits for that, and takes nothing for done or refused.
func marked(err error) error {
	switch fault.ReasonOf(err) {
	case "vercel_unreachable", "vercel_down", "vercel_resting", "vercel_limited", "vercel_budget", "vercel_answer",
		"vercel_contract", "vercel_backwards", "pin_unknown", "table_late", "vercel_token", "vercel_right", "secret_missing":
		return provider.Away(err)
	}
	return err
}
