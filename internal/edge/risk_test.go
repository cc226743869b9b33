package edge

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/metric"
)

// A visitor of a version that not everybody has is one user-minute in each minute of the clock, however much they ask;
// files count for nothing, nor does the version that all others have. An arm of a flag counts for itself.
//
// req: N-05
func TestAVisitorIsOneUserMinuteInEachMinute(t *testing.T) {
	t.Parallel()
	o := newObserver("edge-1", 1000)
	for at := range int64(180) { // three minutes of the clock
		for _, visitor := range []string{"ada", "bo"} {
			s := answered("canary", 200)
			s.visitor, s.risk, s.ramps, s.rampRisks = visitor, true, []string{"f=on", "g=off"}, 1
			if visitor == "bo" && at < 120 {
				s.ramps, s.rampRisks = []string{"f=off", "g=off"}, 0
			}
			o.record(time.Unix(6000+at, 0), s)
			s.class = metric.Asset
			o.record(time.Unix(6000+at, 0), s)
			s.class, s.deployment, s.risk = metric.Document, "stable", false
			o.record(time.Unix(6000+at, 0), s)
		}
	}
	s := answered("canary", 200)
	s.visitor, s.risk, s.excluded = "robot", true, true
	o.record(time.Unix(6000, 0), s)
	b, _ := o.Collect(time.Unix(7000, 0))
	got := map[string]uint64{}
	for _, x := range b.Buckets {
		got[x.Deployment] += x.Minutes
		if x.Minutes > 0 && (x.Class != metric.Document || x.Second%60 != 0) {
			t.Errorf("%d user-minutes of %s in second %d", x.Minutes, x.Class, x.Second)
		}
	}
	want := map[string]uint64{"canary": 6, "f=on": 4, "f=off": 0, "g=off": 0, "stable": 0}
	for arm, n := range want {
		if got[arm] != n {
			t.Errorf("%s cost %d user-minutes, want %d", arm, got[arm], n)
		}
	}
}

// More visitors than can be remembered cost too much rather than too little, and so does nobody.
func TestUserMinutesAreNeverTooFew(t *testing.T) {
	t.Parallel()
	var r risks
	n := 0
	for i := range maxRisks + 100 {
		for range 2 {
			if r.first(1, "canary", fmt.Sprint(i)) {
				n++
			}
		}
	}
	if n != maxRisks+200 || len(r.seen) != maxRisks {
		t.Errorf("%d user-minutes, %d remembered", n, len(r.seen))
	}
	if !r.first(1, "canary", "") || !r.first(1, "canary", "") || !r.first(2, "canary", "0") {
		t.Error("who is not known, or new in a minute, counts")
	}
}

// Through the whole edge: visitors of the canary and of a raised variant are counted, once for two pages; at 100 %
// nobody is.
//
// req: N-05
func TestTheEdgeCountsWhoIsAtRisk(t *testing.T) {
	t.Parallel()
	for _, share := range []float64{40, 100} {
		w := newWorld(t, Options{}, nil, nil, share)
		w.change(func(t *Table) { t.Ramps = []Ramp{checkout(share)} })
		canary := uint64(0)
		for i := range 50 {
			cookie := fmt.Sprintf(DefaultCookie+"=%032x", i*7919)
			first := w.get("/", "Accept", "text/html", "Cookie", cookie)
			again := w.get("/cart", "Accept", "text/html", "Cookie", cookie)
			if first.status != http.StatusOK || first.body[:1] != again.body[:1] {
				t.Fatalf("%d: %s, then %s", first.status, first.body, again.body)
			}
		}
		all := w.totals()
		canary = all["dep_b"].Requests / 2
		on := all["flag:production/new-checkout=on"]
		if share == 100 {
			canary, on.Requests = 0, 0
		} else if canary == 0 || on.Requests == 0 {
			t.Fatalf("nobody is on the canary (%d) or the variant (%d)", canary, on.Requests)
		}
		// The minute may turn while the test asks.
		if got := all["dep_b"].Minutes; got < canary || got > 2*canary {
			t.Errorf("at %g %% %d visitors of the canary cost %d user-minutes", share, canary, got)
		}
		if got := on.Minutes; got < on.Requests/2 || got > on.Requests {
			t.Errorf("at %g %% %d requests of the variant cost %d user-minutes", share, on.Requests, got)
		}
		if n := all["dep_a"].Minutes + all["flag:production/new-checkout=off"].Minutes; n > 0 {
			t.Errorf("what everybody has costs %d user-minutes", n)
		}
	}
}
