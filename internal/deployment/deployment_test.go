package deployment

import (
	"strings"
	"testing"
	"time"
)

// req: RB-36 RB-50 EN-18
func TestLastKnownGoodIsChosenByVerdict(t *testing.T) {
	t.Parallel()
	day := func(n int) time.Time { return time.Date(2026, 3, n, 0, 0, 0, 0, time.UTC) }
	all := []Deployment{
		{ID: "now", Version: "v9", Verdict: Unknown, Promoted: day(9)},
		{ID: "bad", Version: "v8", Verdict: Bad, Why: "12 % errors", Promoted: day(8), Verified: day(8)},
		{ID: "unwatched", Version: "v7", Verdict: Unknown, Promoted: day(7)},
		{ID: "preview", Version: "pr-7", Verdict: Good, Preview: true, Promoted: day(7), Verified: day(7)},
		{ID: "never", Version: "v6", Verdict: Good},
		{ID: "troubled", Version: "v5", Verdict: Good, Promoted: day(5), Verified: day(5)},
		{ID: "good", Version: "v4", Verdict: Good, Promoted: day(4), Verified: day(4)},
		{ID: "older", Version: "v3", Verdict: Good, Promoted: day(6), Verified: day(3)},
	}
	got, candidates := LastKnownGood(all, "now", map[string]string{"troubled": "checkout fails"})
	if got == nil || got.ID != "good" {
		t.Fatalf("chose %+v, want v4: the newest with a recorded good verdict", got)
	}
	if len(candidates) != len(all)-1 || candidates[0].Deployment.ID != "good" ||
		candidates[1].Deployment.ID != "older" {
		t.Errorf("candidates are not all there, best first: %+v", candidates)
	}
	why := map[string]string{"bad": "12 % errors", "unwatched": "never finished", "preview": "preview",
		"never": "never promoted", "troubled": "checkout fails"}
	for _, c := range candidates {
		if want, ok := why[c.Deployment.ID]; ok && (c.Eligible || !strings.Contains(c.Why, want)) {
			t.Errorf("%s: eligible %t because %q, want a reason with %q", c.Deployment.ID, c.Eligible, c.Why, want)
		}
	}
	if got, _ := LastKnownGood(all[:3], "now", nil); got != nil {
		t.Errorf("chose %s though nothing is known good", got.ID)
	}
}
