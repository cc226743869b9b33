package guard

import (
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/metric"
)

// counted is a change of 10 % to which each second brings so many user-minutes.
func counted(n int64, each uint64) Evidence {
	ev := flat{n: n, share: 10, canary: 10, stable: 90}.evidence()
	for i := range ev.Canary {
		ev.Canary[i].Minutes = each
	}
	return ev
}

// A budget of user-minutes is spent by what was measured. When it is, the change is taken back, however healthy it
// looks, and also while nothing else can be known.
//
// req: N-05 N-03
func TestABudgetOfUserMinutes(t *testing.T) {
	t.Parallel()
	blind := func(ev *Evidence) { ev.Now = ev.Now.Add(5 * time.Minute) }
	tests := []struct {
		name   string
		budget uint64
		each   uint64
		change func(*Evidence)
		want   want
		cause  Cause
	}{
		{"none", 0, 2, nil, want{BetterOrEqual, Continue, "", "", ""}, Sound},
		{"enough is left", 1000, 2, nil, want{BetterOrEqual, Continue, "", "", ""}, Sound},
		{"little is left", 300, 2, nil,
			want{BetterOrEqual, Continue, "exposure", Warn, "no worse than v1"}, Sound},
		{"spent", 240, 2, nil, want{NotEnough, Undo, "exposure", Critical, "240 of 240 user-minutes at risk are spent."},
			Spent},
		{"overspent and blind", 100, 2, blind, want{NotEnough, Undo, "exposure", Critical, "240 of 100"}, Spent},
		{"nobody counts", 100, 0, nil, want{NotEnough, Hold, "exposure", Info, "Nobody counts"}, Doubtful},
		{"everybody has it", 240, 2, func(ev *Evidence) { ev.Share = 100 }, want{BetterOrEqual, Continue, "", "", ""}, Sound},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rules, ev := absolute(), counted(120, tt.each)
			rules.Exposure = tt.budget
			if tt.change != nil {
				tt.change(&ev)
			}
			v := Evaluate(rules, ev)
			if tt.want.level == Info { // check looks at what is more than that
				tt.want.rule, tt.want.level = "", ""
			}
			check(t, v, tt.want)
			if v.Cause != tt.cause {
				t.Errorf("cause %q, want %q", v.Cause, tt.cause)
			}
		})
	}
}

// A pass adds up each second once, over all shares below 100, and says the present rate; a worse version is worse and
// no matter of a budget.
//
// req: N-05
func TestUserMinutesAddUp(t *testing.T) {
	t.Parallel()
	rules := absolute()
	rules.Exposure = 10_000
	ev := counted(120, 2)
	var p Pass
	p.Evaluate(rules, ev)
	ev.Shares = []ShareChange{{At: ev.Since, Share: 10}, {At: time.Unix(zero+120, 0), Share: 20}}
	ev.ShareSince, ev.Share = time.Unix(zero+120, 0), 20
	for i := int64(120); i < 150; i++ {
		c := one(i, 20, 0, 50)
		c.Minutes = 4
		ev.Canary, ev.Stable = append(ev.Canary, c), append(ev.Stable, one(i, 80, 0, 50))
	}
	ev.Complete, ev.Now = zero+150, time.Unix(zero+150, 0)
	v := p.Evaluate(rules, ev)
	if want := (Exposure{Spent: 360, Budget: 10_000, Rate: 240}); v.Exposure != want {
		t.Errorf("%+v, want %+v", v.Exposure, want)
	}
	ev.Share, ev.ShareSince, ev.Stable = 100, time.Unix(zero+150, 0), nil
	ev.Shares = append(ev.Shares, ShareChange{At: ev.ShareSince, Share: 100})
	late := one(155, 100, 0, 50)
	late.Minutes = 100
	ev.Canary = append(ev.Canary, late)
	ev.Complete, ev.Now = zero+160, time.Unix(zero+160, 0)
	if v = p.Evaluate(rules, ev); v.Exposure.Spent != 360 || v.Exposure.Rate != 0 {
		t.Errorf("who has it after everybody does is no risk: %+v", v.Exposure)
	}

	rules.Exposure = 1
	bad := counted(120, 2)
	for i := range bad.Canary {
		bad.Canary[i].Errors = 5
	}
	rules.ErrorRate = Limits{Critical: 0.1}
	if v := Evaluate(rules, bad); v.Word != Worse || v.Cause != Proven || strings.Contains(v.Sentence, "budget") {
		t.Errorf("%s: %s", v.Word, v.Sentence)
	}
	var sum metric.Bucket
	sum.Add(metric.Bucket{Minutes: 3})
	sum.Add(metric.Bucket{Minutes: 4})
	if sum.Minutes != 7 {
		t.Errorf("two edges add up to %d", sum.Minutes)
	}
}
