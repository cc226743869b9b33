package guard

import (
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/metric"
)

// req: CD-17
func TestShareRule(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		flat flat
		want want
	}{
		{"as meant", flat{n: 120, share: 10, canary: 10, stable: 90}, want{BetterOrEqual, Continue, "", "", ""}},
		{"within the slack", flat{n: 120, share: 10, canary: 14, stable: 86}, want{BetterOrEqual, Continue, "", "", ""}},
		{"too much", flat{n: 120, share: 10, canary: 16, stable: 84},
			want{Broken, Hold, "share", Critical, "v2 gets too many requests: 16 % of 6,000 requests"}},
		{"too little", flat{n: 120, share: 10, canary: 4, stable: 96},
			want{Broken, Hold, "share", Critical, "v2 gets too few requests: 4 % of 6,000 requests"}},
		{"none", flat{n: 120, share: 10, canary: 0, stable: 100},
			want{Broken, Hold, "blind", Critical, "No requests on v2 for 2 min, although v1 had some"}},
		{"too little while sessions end", flat{n: 50, share: 10, canary: 4, stable: 96},
			want{BetterOrEqual, Continue, "", "", ""}},
		{"too much at once", flat{n: 50, share: 10, canary: 30, stable: 70}, want{Broken, Hold, "share", Critical, "30 %"}},
		{"too few requests to tell", flat{n: 120, share: 1, canary: 1, stable: 40},
			want{BetterOrEqual, Continue, "", "", ""}},
		{"nearly all", flat{n: 120, share: 90, canary: 90, stable: 10}, want{BetterOrEqual, Continue, "", "", ""}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			check(t, Evaluate(absolute(), test.flat.evidence()), test.want)
		})
	}
}

// req: CD-17
func TestASwingingShareIsInconsistent(t *testing.T) {
	t.Parallel()
	ev := flat{n: 400, share: 10, canary: 10, stable: 90}.evidence()
	for i := range ev.Canary { // by half minutes all of 2 % and of 18 %
		n := uint64(2)
		if (int64(i)-400)/30%2 == 0 {
			n = 18
		}
		ev.Canary[i], ev.Stable[i] = one(int64(i), n, 0, 50), one(int64(i), 100-n, 0, 50)
	}
	check(t, Evaluate(absolute(), ev), want{Broken, Hold, "share", Critical, "swings from minute to minute"})
}

// Returning visitors are not new: of 20,000 requests ten came from new ones.
//
// req: CD-17
func TestSilenceIsNoticedThoughFewVisitorsAreNew(t *testing.T) {
	t.Parallel()
	ev := flat{n: 200, share: 10, canary: 0, stable: 100}.evidence()
	for i := range 10 {
		ev.Stable[i].New = 1
	}
	check(t, Evaluate(absolute(), ev), want{Broken, Hold, "blind", Critical, "No requests on v2"})
}

func TestMeasuredShare(t *testing.T) {
	t.Parallel()
	ev := flat{n: 60, share: 10, canary: 12, stable: 88}.evidence()
	if v := Evaluate(absolute(), ev); v.MeasuredShare != 12 {
		t.Errorf("the measured share is %g, want 12", v.MeasuredShare)
	}
	ev.Canary, ev.Stable = nil, nil
	if v := Evaluate(absolute(), ev); v.MeasuredShare != -1 {
		t.Errorf("the measured share of nothing is %g, want -1", v.MeasuredShare)
	}
}

// req: N-04
func TestBlindRule(t *testing.T) {
	t.Parallel()
	good := flat{n: 200, share: 10, canary: 10, stable: 90}
	tests := []struct {
		name   string
		change func(*Evidence)
		want   want
	}{
		{"data arrives", func(*Evidence) {}, want{BetterOrEqual, Continue, "", "", ""}},
		{"59 s behind", func(ev *Evidence) { ev.Now = ev.Now.Add(59 * time.Second) },
			want{BetterOrEqual, Continue, "", "", ""}},
		{"60 s behind", func(ev *Evidence) { ev.Now = ev.Now.Add(60 * time.Second) },
			want{Broken, Hold, "blind", Critical, "so nothing is known. No complete measurement for 60 s."}},
		{"both silent", func(ev *Evidence) { ev.Canary, ev.Stable = ev.Canary[:140], ev.Stable[:140] },
			want{Broken, Hold, "blind", Critical, "No requests to compare for 60 s"}},
		{"both silent, while other requests come", func(ev *Evidence) {
			ev.Canary, ev.Stable, ev.Aside = ev.Canary[:140], ev.Stable[:140], 120
		}, want{Broken, Hold, "blind", Critical,
			"This traffic can't be compared, so nothing is known. No requests to compare for 60 s. Only 120 others"}},
		{"canary silent", func(ev *Evidence) { ev.Canary = ev.Canary[:140] },
			want{Broken, Hold, "blind", Critical, "No requests on v2 for 60 s, although v1 had some"}},
		{"stable silent", func(ev *Evidence) { ev.Stable = ev.Stable[:140] },
			want{Broken, Hold, "blind", Critical, "No requests on v1 for 60 s, although v2 had some"}},
		{"buckets without requests are silence", func(ev *Evidence) {
			for i := range ev.Canary[140:] {
				ev.Canary[140+i] = metric.Bucket{Second: ev.Canary[140+i].Second}
			}
		}, want{Broken, Hold, "blind", Critical, "No requests on v2"}},
		{"nothing at all", func(ev *Evidence) { ev.Canary, ev.Stable = nil, nil },
			want{Broken, Hold, "blind", Critical, "No requests to compare"}},
		{"alone and silent", func(ev *Evidence) { ev.Share, ev.Canary, ev.Stable = 100, ev.Canary[:140], nil },
			want{Broken, Hold, "blind", Critical, "No requests to compare"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ev := good.evidence()
			test.change(&ev)
			check(t, Evaluate(absolute(), ev), test.want)
		})
	}
	quiet := flat{n: 200, share: 5, canary: 0, stable: 0}.evidence()
	for i := range 20 { // six requests a minute: at 5 % none in a minute is nothing special
		quiet.Stable[i*10] = one(int64(i*10), 1, 0, 50)
	}
	check(t, Evaluate(absolute(), quiet), want{NotEnough, Hold, "", "", "v2 had 0 of 100 requests at this share"})
	young := flat{n: 30, share: 5, canary: 0, stable: 0}.evidence()
	check(t, Evaluate(absolute(), young), want{NotEnough, Hold, "", "", "Not enough is known yet"})
}

// req: N-04
func TestABrokenLimitCountsWhileTheMeasurementIsBroken(t *testing.T) {
	t.Parallel()
	r := DefaultRules()
	ev := flat{n: 200, share: 10, canary: 10, stable: 90, canaryProbes: "++++---", stableProb: "+++++++"}.evidence()
	ev.Stable = ev.Stable[:100]
	check(t, Evaluate(r, ev), want{Worse, Undo, "health", Critical, "v2 is worse. The health check"})
}

// Before the measurement counts as broken its silence must pass no bake either.
//
// req: N-04
func TestSilentEdgesPassNoBake(t *testing.T) {
	t.Parallel()
	for lag, want := range map[int64]time.Duration{2: 0, 40: 40 * time.Second} {
		ev := flat{n: 300, share: 10, canary: 10, stable: 90}.evidence()
		ev.Now = time.Unix(ev.Complete+lag, 0)
		if v := Evaluate(absolute(), ev); v.Word == Broken || v.Behind != want {
			t.Errorf("%d s behind: %s of the bake are not known, want %s: %s", lag, v.Behind, want, v.Sentence)
		}
	}
}
