package target

import (
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/deployment"
	"github.com/slipwayhq/slipway/internal/provider"
)

// TestWhoIsNamed is about what a platform tells of, late and in any order, Slipway's own changes among it: they bear
// the name of whomever the token is of ("Owner"), who is never to be named for what somebody else did.
func TestWhoIsNamed(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	canary := wanted{stable: "dpl_1", canary: "dpl_2", share: 50, since: ago(10 * time.Minute)}
	calm := wanted{stable: "dpl_2", since: ago(10 * time.Minute)}
	second := ago(time.Second)
	for _, tt := range []struct {
		name    string
		told    deployment.Hand
		s       provider.Serving
		w       wanted
		foreign time.Time // when the difference was first seen; zero: now
		want    string
	}{
		{"a promotion", deployment.Hand{By: "Ada", Stable: "dpl_3", At: second},
			provider.Serving{Stable: "dpl_3"}, calm, time.Time{}, "Ada"},
		{"a promotion behind which the table still has a canary", deployment.Hand{By: "Ada", Stable: "dpl_3", At: second},
			provider.Serving{Stable: "dpl_3", Canary: "dpl_2", Share: 50}, canary, time.Time{}, "Ada"},
		{"ours of before", deployment.Hand{By: "Owner", Stable: "dpl_2", At: second},
			provider.Serving{Stable: "dpl_3"}, calm, time.Time{}, "Somebody"},
		{"one of ours that was ours long ago", deployment.Hand{By: "Owner", Stable: "dpl_1", At: ago(11 * time.Minute)},
			provider.Serving{Stable: "dpl_1"}, calm, ago(10 * time.Minute), "Somebody"},
		{"at the very moment of ours", deployment.Hand{By: "Owner", Stable: "dpl_1", At: ago(10 * time.Minute)},
			provider.Serving{Stable: "dpl_1"}, calm, ago(9 * time.Minute), "Somebody"},
		{"a share", deployment.Hand{By: "Ada", Canary: "dpl_2", Share: 90, At: second},
			provider.Serving{Stable: "dpl_1", Canary: "dpl_2", Share: 90}, canary, time.Time{}, "Ada"},
		{"our own share", deployment.Hand{By: "Owner", Canary: "dpl_2", Share: 50, At: second},
			provider.Serving{Stable: "dpl_1", Canary: "dpl_2", Share: 90}, canary, time.Time{}, "Somebody"},
		{"another canary of the same share", deployment.Hand{By: "Owner", Canary: "dpl_2", Share: 50, At: second},
			provider.Serving{Stable: "dpl_1", Canary: "dpl_4", Share: 50}, canary, time.Time{}, "Somebody"},
		{"back", deployment.Hand{By: "Ada", Stable: "dpl_1", At: second},
			provider.Serving{Stable: "dpl_1"}, canary, time.Time{}, "Ada"},
		{"ours that made stable what is stable", deployment.Hand{By: "Owner", Stable: "dpl_1", At: second},
			provider.Serving{Stable: "dpl_1", Canary: "dpl_2", Share: 90}, canary, time.Time{}, "Somebody"},
		{"deleted", deployment.Hand{By: "Ada", Gone: "dpl_2", At: second},
			provider.Serving{Stable: "dpl_1", Canary: "dpl_2", Share: 50, Gone: "dpl_2"}, canary, time.Time{}, "Ada"},
		{"another was deleted", deployment.Hand{By: "Ada", Gone: "dpl_9", At: second},
			provider.Serving{Stable: "dpl_1", Canary: "dpl_2", Share: 90}, canary, time.Time{}, "Somebody"},
		{"it says nothing", deployment.Hand{By: "Ada", At: second}, provider.Serving{}, wanted{}, time.Time{}, "Somebody"},
		{"nobody is named", deployment.Hand{Stable: "dpl_3", At: second},
			provider.Serving{Stable: "dpl_3"}, calm, time.Time{}, "Somebody"},
		{"just in time", deployment.Hand{By: "Ada", Stable: "dpl_3", At: ago(5*time.Minute - 1)},
			provider.Serving{Stable: "dpl_3"}, calm, time.Time{}, "Ada"},
		{"too long ago", deployment.Hand{By: "Ada", Stable: "dpl_3", At: ago(5 * time.Minute)},
			provider.Serving{Stable: "dpl_3"}, calm, time.Time{}, "Somebody"},
		{"who was named stays so while it lasts", deployment.Hand{By: "Ada", Stable: "dpl_3", At: ago(9 * time.Minute)},
			provider.Serving{Stable: "dpl_3"}, calm, ago(8 * time.Minute), "Ada"},
	} {
		known := deployment.Target{Hand: tt.told}
		if !tt.foreign.IsZero() {
			known.Foreign, known.Since = "Somebody did.", tt.foreign
		}
		if got := author(known, tt.s, tt.w, now); got != tt.want {
			t.Errorf("%s: %q is named, want %q", tt.name, got, tt.want)
		}
	}
}

// TestHowWhatIsServedDiffers from what was routed, in words, and that nothing is said where it does not.
func TestHowWhatIsServedDiffers(t *testing.T) {
	t.Parallel()
	canary := wanted{stable: "dpl_1", canary: "dpl_2", share: 50, version: "v2"}
	calm := wanted{stable: "dpl_2"}
	for _, tt := range []struct {
		s    provider.Serving
		w    wanted
		want string
	}{
		{provider.Serving{Stable: "dpl_1", Canary: "dpl_2", Share: 50}, canary, ""},
		{provider.Serving{Stable: "dpl_2"}, calm, ""},
		{provider.Serving{Stable: "dpl_1", Canary: "dpl_2", Share: 100}, calm, ""},
		{provider.Serving{Stable: "dpl_2"}, canary, "Ada gave everybody v2, and not through Slipway."},
		{provider.Serving{Stable: "dpl_3"}, canary, "Ada made dpl_3 what everybody gets, and not through Slipway."},
		{provider.Serving{Stable: "dpl_1"}, canary, "Ada took v2 back, and not through Slipway."},
		{provider.Serving{Stable: "dpl_1", Canary: "dpl_3", Share: 50}, canary,
			"Ada shows visitors dpl_3, and not through Slipway."},
		{provider.Serving{Stable: "dpl_1", Canary: "dpl_2", Share: 50, Gone: "dpl_2"}, canary,
			"Ada deleted v2, and not through Slipway."},
		{provider.Serving{Stable: "dpl_1", Canary: "dpl_2", Share: 50, Gone: "dpl_1"}, canary, ""},
		{provider.Serving{Stable: "dpl_1", Canary: "dpl_2", Share: 90}, canary,
			"Ada gave v2 90 % of the visitors, not 50 %, and not through Slipway."},
		{provider.Serving{Stable: "dpl_1", Canary: "dpl_2", Share: 50, Paused: true}, canary,
			"A gate of the platform's own has paused v2 at 50 %: it goes on when somebody lets it go on there."},
	} {
		if got := tt.w.differs(tt.s, "Ada").String(); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.s, got, tt.want)
		}
	}
}
