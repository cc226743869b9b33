package flags_test

import (
	"testing"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/fault"
)

// Whoever may edit the flags of one environment writes them over another one's nowhere, whatever that is called there.
func TestFlagsAreWrittenOnlyWhereTheyMayBeEdited(t *testing.T) {
	const synced = "app: shop\ntarget: {vercel: {project: shop, sync_flags: {production: live}}}\n" +
		"roles: {tester: {may: {\"flag:edit\": [staging]}}}\nenvironments: {staging: {roles: [qa, tester]}}\n"
	each(t, synced, func(t *testing.T, w *world) {
		denied := 0
		for as, reason := range map[string]string{
			"": "no_vercel_flags", "preview": "no_vercel_flags", "live": "permission_missing",
		} {
			for _, dry := range []bool{true, false} {
				_, err := w.Sync(w.ctx, w.as("tester"), api.SyncFlags{Environment: "staging", As: as, DryRun: dry})
				if fault.ReasonOf(err) != reason {
					t.Errorf("as %q: %v, want %s", as, err, reason)
				}
				if reason == "permission_missing" {
					denied++
				}
			}
		}
		if got := w.denials(); got != denied {
			t.Errorf("%d denials are recorded, want %d", got, denied)
		}
	})
}
