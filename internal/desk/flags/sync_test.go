package flags_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/engine/mirror"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/store"
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

// What environments share there is another value in production too, whether production follows by itself or is written
// by hand: it takes the right to edit flags in all of them.
func TestSharedValuesAreWrittenOnlyByWhoMayEditEverywhere(t *testing.T) {
	const byHand = "app: shop\ntarget: {vercel: {project: shop}}\n" +
		"roles: {tester: {may: {\"flag:edit\": [staging]}}}\nenvironments: {staging: {roles: [qa, tester]}}\n"
	each(t, byHand, func(t *testing.T, w *world) {
		for who, reason := range map[string]string{"tester": "permission_missing", "admin": "no_vercel_flags"} {
			for _, dry := range []bool{true, false} {
				_, err := w.Sync(w.ctx, w.as(who), api.SyncFlags{Environment: "staging", Shared: true, DryRun: dry})
				if fault.ReasonOf(err) != reason {
					t.Errorf("%s, dry %t: %v, want %s", who, dry, err, reason)
				}
			}
		}
	})
}

// What is said of one flag that stands at the platform's own system as well, of each state it may be in.
func TestWhatIsSaidOfOneFlagAtThePlatform(t *testing.T) {
	const synced = "app: shop\ntarget: {vercel: {project: shop, sync_flags: {production: live}}}\n"
	each(t, synced, func(t *testing.T, w *world) {
		const key = "checkout"
		w.Engine.Mirror.Read = func(context.Context) (mirror.Kept, error) { return mirror.Kept{}, nil }
		_, err := w.Create(w.ctx, w.as("admin"), api.CreateFlag{Key: key})
		w.ok(err)
		said := func() api.FlagSynced {
			t.Helper()
			x, err := w.Flag(w.ctx, w.as("admin"), key)
			w.ok(err)
			if len(x.Synced) != 1 {
				t.Fatalf("%+v", x.Synced)
			}
			return x.Synced[0]
		}
		if s := said(); s.State != "unknown" || s.Trouble || !s.Follows || s.As != "live" {
			t.Errorf("before the first look: %+v", s)
		}
		newest, err := w.DB.FlagGeneration(w.ctx, "shop", "production")
		w.ok(err)
		now, err := w.DB.Now(w.ctx)
		w.ok(err)
		row := int64(0)
		for _, tt := range []struct {
			edit    func(f *flag.Follower)
			state   string
			trouble bool
			says    string
		}{
			{func(f *flag.Follower) { f.Known[key] = 7 }, "same", false, "as revision 7 of live"},
			{func(*flag.Follower) {}, "absent", false, "their own fallback"},
			{func(f *flag.Follower) { f.Behind = 1 }, "behind", false, "differed"},
			{func(f *flag.Follower) { f.Known[key], f.Generation = 7, newest-1 }, "behind", false, "about to be written"},
			{func(f *flag.Follower) { f.Writing = []string{key} }, "writing", false, "being written"},
			{func(f *flag.Follower) { f.Foreign = []string{key} }, "changed", true, "Somebody else changed"},
			{func(f *flag.Follower) {
				f.Foreign, f.Hands, f.Dropped = []string{key}, map[string]string{key: "eve"}, map[string]string{key: "eve"}
			}, "changed", true, "eve dropped"},
			{func(f *flag.Follower) { f.Unsaid = []string{key} }, "unsaid", false, "not there"},
			{func(f *flag.Follower) { f.Unsaid, f.Stuck = []string{key}, []string{key} }, "stuck", true, "as it was"},
			{func(f *flag.Follower) { f.Known[key], f.Trouble = 7, "Vercel is down." }, "same", true,
				"It does not follow. Vercel is down. Before that: it decides there as here"},
			{func(f *flag.Follower) { f.Known[key], f.Seen = 7, now.Add(-time.Hour) }, "same", true, "does the engine run"},
		} {
			f := flag.Follower{App: "shop", Environment: "production", There: "live", Generation: newest, Seen: now,
				Known: map[string]int64{}, Row: row}
			tt.edit(&f)
			w.ok(w.DB.Write(w.ctx, func(tx *store.Tx) error { return tx.PutFollower(w.ctx, &f) }))
			row = f.Row
			if s := said(); s.State != tt.state || s.Trouble != tt.trouble || !strings.Contains(s.Sentence, tt.says) {
				t.Errorf("want %s, %q: %+v", tt.state, tt.says, s)
			}
		}
	})
}
