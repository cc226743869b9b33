package desk

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/guard"
	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
)

func TestStatusIsQuietOnlyWhenNothingIsWrong(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 2, 3, 0, 0, 0, time.UTC)
	runs := func(requests uint64, errors float64) []api.Environment {
		return []api.Environment{{Name: "production", Deployment: &api.Deployment{Version: "v1"}, Requests: requests,
			ErrorRate: errors}}
	}
	tests := []struct {
		name   string
		status api.Status
		want   string
	}{
		{"quiet", api.Status{Environments: runs(100, 0.01)}, "All quiet: production runs v1."},
		{"failing", api.Status{Environments: runs(200, 0.4)},
			"Production is failing: 40 % of 200 requests to v1 failed in the last minute."},
		{"one failure at night", api.Status{Environments: runs(3, 0.34)}, "All quiet: production runs v1."},
		{"nobody came", api.Status{Environments: runs(0, -1)}, "All quiet: production runs v1."},
		{"silent edge", api.Status{Environments: runs(0, -1), Edges: []api.EdgeStatus{{Seen: now.Add(-time.Hour)}}},
			"1 edge silent: what visitors get there is not seen."},
		{"edge behind", api.Status{Environments: runs(9, 0), Edges: []api.EdgeStatus{{Seen: now, Generation: 3, Wanted: 4}}},
			"1 edge behind: the newest routing is not in force there."},
		{"rollback failed", api.Status{Environments: runs(9, 0), Rollbacks: []api.Rollback{{From: "v2", To: "v1",
			Sentence: "It failed."}}}, "Rollback from v2 to v1: It failed."},
		{"who waits is named", api.Status{Releases: []api.Release{{Version: "v4", Sentence: "Waits for the canary."}}},
			"v4: Waits for the canary."},
		{"one disk is full once", api.Status{Disk: "The disk is full: make room.", Releases: []api.Release{{Version: "v4",
			Sentence: "v4 waits. The disk is full. It goes on by itself when there is room."}}},
			"The disk is full: make room. v4 waits. It goes on by itself when there is room."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.status.Now = now
			if got := summary(tt.status, "The disk is full."); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

// A release that waits for the canary has been deployed to it, but gets no visitors.
func TestEnvironmentsShowWhoHasTheVisitors(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		first := w.exposed("v2")
		second := w.start("v3")
		_, err := w.ReportCheck(w.ctx, access.System("test"), api.ReportCheck{Version: "v3", Commit: "c", Name: "unit",
			Status: "passed"})
		w.ok(err)
		w.until("the sign-off of v3", func() bool { return w.release(second.ID).Step().Kind == release.KindSignOff })
		at := w.release(second.ID).Step().ID
		signed, err := w.Act(w.ctx, w.as("qa"), second.ID, "sign", api.ReleaseAction{Passed: true, Reason: "fine"})
		w.ok(err)
		if signed.Step == at || strings.Contains(signed.Sentence, "nothing reported yet") {
			t.Errorf("who signs is told: at %s, %q", signed.Step, signed.Sentence)
		}
		w.until("v3 to wait for the canary", func() bool { return strings.Contains(w.release(second.ID).Sentence, "v2") })
		list, err := w.Environments(w.ctx, access.System("test"))
		w.ok(err)
		seen := 0
		for _, e := range list {
			switch e.Name {
			case "canary":
				seen++
				if e.Release != first.ID || e.Share != 50 || e.Deployment == nil || e.Deployment.Version != "v2" {
					t.Errorf("the canary shows release %s with %v %% of %v, not v2 that has the visitors", e.Release, e.Share,
						e.Deployment)
				}
			case "production":
				seen++
				if want := "v1 has 50 % of visitors, v2 has 50 %."; e.Sentence != want {
					t.Errorf("production says %q, want %q", e.Sentence, want)
				}
			}
		}
		if seen != 2 {
			t.Errorf("%d of canary and production are listed", seen)
		}
	})
}

// On a full disk a release's page offers what lowers the risk, and says why nothing else can be done.
func TestOnAFullDiskWhatLetsAReleaseGoOnIsExplained(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.Open(t, store.SQLite))
	r := w.release(w.exposed("v2").ID)
	w.ok(w.DB.KeepReserve(1 << 50)) // which no disk holds
	off := 0
	for _, a := range w.releaseActions(w.as("devops"), r) {
		said := strings.Contains(a.Disabled, "The disk is full. Until there is room a release can be paused")
		lowers := slices.Contains([]string{"pause", "share", "abort"}, a.Name)
		if lowers && said || !lowers && a.Disabled == "" {
			t.Errorf("%s: %q", a.Name, a.Disabled)
		}
		if said {
			off++
		}
	}
	w.ok(w.DB.KeepReserve(1 << 20))
	for _, a := range w.releaseActions(w.as("devops"), r) {
		if off == 0 || strings.Contains(a.Disabled, "disk") {
			t.Errorf("with room again %s: %q; before %d were off", a.Name, a.Disabled, off)
		}
	}
}

// A source that no guard goes by is in no trouble while it is silent; one that a guard needs is.
func TestASilentSourceThatNobodyNeedsIsNoTrouble(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, needed := range []bool{false, true} {
			w.Sources = func() []api.MetricSource {
				return []api.MetricSource{{Name: "edge-1", Kind: "edge", Trouble: true},
					{Name: "otlp-1", Kind: "otlp", Trouble: true, Sentence: "Nothing has arrived yet."}}
			}
			w.Watched = func() []guard.MetricRule {
				if needed {
					return []guard.MetricRule{{Metric: judge.Metric{Name: "lcp"}, From: metric.OTLP}}
				}
				return nil
			}
			got, err := w.Metrics(w.ctx, access.System("test"))
			w.ok(err)
			if len(got.Sources) != 2 || !got.Sources[0].Trouble || got.Sources[1].Trouble != needed ||
				strings.Contains(got.Sources[1].Sentence, "No guard") == needed {
				t.Errorf("needed %v: %+v", needed, got.Sources)
			}
			if shown := w.sources(); (len(shown) == 1) != needed {
				t.Errorf("needed %v: the status shows %+v", needed, shown)
			}
		}
	})
}
