package desk

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/approval"
	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/store"
)

// The reference values are Newcombe's (1998, table I, method 3) and exact ones for
// nothing and everything.
func TestWilsonAgainstReferences(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		k, n      uint64
		low, high float64
	}{
		{81, 263, 0.2553, 0.3662}, {15, 148, 0.0624, 0.1605}, {0, 20, 0, 0.1611}, {1, 29, 0.0061, 0.1718}, {29, 29, 0.8830,
			1},
	} {
		low, high := wilson(tt.k, tt.n)
		if math.Abs(low-tt.low) > 6e-5 || math.Abs(high-tt.high) > 6e-5 {
			t.Errorf("%d of %d: %.4f to %.4f, want %.4f to %.4f", tt.k, tt.n, low, high, tt.low, tt.high)
		}
	}
}

// seconds returns buckets of one deployment, one a second, with gaps where n is 0.
func seconds(at time.Time, requests ...uint64) []metric.Bucket {
	out := []metric.Bucket{}
	for i, n := range requests {
		if n > 0 {
			b := metric.Bucket{Second: at.Unix() + int64(i), Requests: n, Errors: n / 10, Latency: judge.Sketch{}}
			out = append(out, b)
		}
	}
	return out
}

// req: CD-17
func TestCanaryDrawsGapsAsGapsAndMeasuresTheShare(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	r := release.Release{Shares: []release.Shift{{At: at.Add(2 * time.Second), Share: 5},
		{At: at.Add(4 * time.Second), Share: 25}}}
	out := api.Canary{}
	(&Desk{}).draw(&out, r, seconds(at, 100, 95, 95, 0, 75, 0), seconds(at, 0, 0, 5, 0, 25, 0), at, at.Add(5*time.Second),
		time.Second)
	if len(out.Stable) != 4 || len(out.Canary) != 2 || len(out.Measured) != 4 {
		t.Fatalf("%d, %d and %d points; a second without data is no point", len(out.Stable), len(out.Canary),
			len(out.Measured))
	}
	for i, want := range []struct{ share, intended float64 }{{0, 0}, {0, 0}, {5, 5}, {25, 25}} {
		m := out.Measured[i]
		if m.Share != want.share || m.Intended != want.intended || m.Low > m.Share || m.High < m.Share {
			t.Errorf("point %d: %+v, want %+v", i, m, want)
		}
	}
	p := out.Canary[1]
	if p.Rate != 2.0/25 || p.RateLow >= p.Rate || p.RateHigh <= p.Rate || !p.At.Equal(at.Add(4*time.Second)) {
		t.Errorf("%+v", p)
	}
}

func TestAxisHasAtMostAsManyPointsAsAPlotShows(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	for _, long := range []time.Duration{time.Second, time.Minute, time.Hour, 72 * time.Hour} {
		from, to, step := axis(release.Release{Created: at, Exposed: at}, at.Add(long))
		n := to.Sub(from) / step
		if !from.Before(at) || to.Before(at.Add(long)) || step < time.Second || step%time.Second != 0 || n > points {
			t.Errorf("%s: from %s to %s in steps of %s (%d)", long, from, to, step, n)
		}
	}
}

func TestTheLogTellsOfAForgedVote(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.start("v2")
		who := access.System("test")
		report, err := w.VerifyLog(w.ctx, who)
		w.ok(err)
		if !report.OK || report.Votes != 0 || report.Events == 0 {
			t.Fatalf("an untouched log: %+v", report)
		}
		b, err := w.RequestRollback(w.ctx, w.as("incident"), api.RequestRollback{Reason: "r"})
		w.ok(err)
		vote := approval.Vote{User: "usr_x", Name: "X", Role: "incident", Approve: true, Hash: "h", Signature: "00"}
		w.ok(w.Engine.Write(w.ctx, func(tx *store.Tx) error { // as somebody with the database's password does
			_, err := tx.Append(w.ctx, event.Draft{Kind: "approval.voted", Actor: "user:x", App: "shop", Subject: b.ID,
				Sentence: "X approves", Data: map[string]any{"request": "apr_x", "vote": vote}})
			return err
		}))
		report, err = w.VerifyLog(w.ctx, who)
		w.ok(err)
		if report.OK || report.BadVotes != 1 || report.Problem == "" {
			t.Errorf("a forged vote: %+v", report)
		}
	})
}

func TestAnIncidentTellsItsStoryInOrder(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		r := w.exposed("v2")
		i, err := w.ReportIssue(w.ctx, w.as("devops"), api.ReportIssue{Title: "it is slow", Critical: true})
		w.ok(err)
		w.until("the canary to go", func() bool { return w.release(r.ID).Phase == release.Aborted })
		i, err = w.ResolveIncident(w.ctx, access.System("test"), i.ID, api.ResolveIncident{Resolution: "v2 was taken back"})
		w.ok(err)
		seen := map[string]int{}
		for n, e := range i.Timeline {
			if n > 0 && e.Seq <= i.Timeline[n-1].Seq {
				t.Fatalf("event %d stands after %d", e.Seq, i.Timeline[n-1].Seq)
			}
			seen[e.Kind] = n + 1
		}
		order := []string{"release.started", "incident.opened", "release.undoing", "release.aborted", "incident.resolved"}
		for n := 1; n < len(order); n++ {
			if seen[order[n-1]] == 0 || seen[order[n-1]] >= seen[order[n]] {
				t.Errorf("%s does not stand before %s: %v", order[n-1], order[n], seen)
			}
		}
	})
}

func TestActionsSayWhatTheyDoAndWhyNot(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		r := w.exposed("v2")
		list, err := w.Release(w.ctx, w.as("product"), r.ID)
		w.ok(err)
		if len(list.Actions) == 0 {
			t.Fatal("there are no actions at 50 %")
		}
		who := w.as("product")
		for _, a := range list.Actions {
			may := who.May(access.ControlRelease, "canary")
			if a.Name == "skip" {
				may = who.May(access.SkipStep, "canary")
			}
			if a.Effect == "" || a.Undo == "" || (a.Disabled == "") != may {
				t.Errorf("%+v", a)
			}
		}
		now := time.Now() // whoever came for a second came so often in the last minute, and not so often a minute
		w.Timeline.Add(now, metric.Batch{Source: "e", Sequence: 1, Complete: now.Unix(), Buckets: []metric.Bucket{
			{Deployment: r.Deployment, Class: metric.Document, Second: now.Unix() - 1, Requests: 40}}})
		r, err = w.Release(w.ctx, w.as("admin"), r.ID)
		w.ok(err)
		if i := slices.IndexFunc(r.Actions, func(a api.Action) bool { return a.Name == "abort" }); i < 0 ||
			!strings.Contains(r.Actions[i].Effect, "visitors, of whom about 40 requests came in the last minute, back to") {
			t.Errorf("%+v", r.Actions)
		}
		names := map[string]bool{}
		for _, a := range r.Actions {
			names[a.Name] = true
			if a.Disabled != "" {
				t.Errorf("who may everything may not %s: %s", a.Name, a.Disabled)
			}
		}
		for _, n := range []string{"pause", "share", "abort", "promote"} {
			if !names[n] {
				t.Errorf("%s is not offered at 50 %%: %v", n, names)
			}
		}
	})
}

func TestWhoSignsAndWhoSkipsIsOffered(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ada := w.as("admin")
		r, err := w.StartRelease(w.ctx, ada, api.StartRelease{Version: "v2", Commit: "c", Deployment: w.url,
			Unscheduled: "x"})
		w.ok(err)
		_, err = w.ReportCheck(w.ctx, ada, api.ReportCheck{Version: "v2", Commit: "c", Name: "unit", Status: "passed"})
		w.ok(err)
		w.until("the sign-off", func() bool {
			return w.release(r.ID).Step().Kind == release.KindSignOff && w.release(r.ID).State().Status == release.StepWaiting
		})
		offered := func(who access.Actor, name string) string {
			seen, err := w.Release(w.ctx, who, r.ID)
			w.ok(err)
			i := slices.IndexFunc(seen.Actions, func(a api.Action) bool { return a.Name == name })
			if i < 0 {
				t.Fatalf("%s is not offered to %s: %+v", name, who.Name, seen.Actions)
			}
			return seen.Actions[i].Disabled
		}
		if why := offered(w.as("qa"), "sign"); why != "" {
			t.Errorf("QA may not sign: %s", why)
		}
		if why := offered(w.as("development"), "sign"); why == "" {
			t.Error("a developer is offered QA's verdict")
		}
		if why := offered(ada, "skip"); !strings.Contains(why, "author") {
			t.Errorf("the author is offered to skip: %q", why)
		}
	})
}

// What a canary can know is told before it has visitors, beside the approval as well, and no longer once it has; the
// evidence over time is what the stored looks say.
//
// req: N-04
func TestWhatACanaryCanKnowIsToldBefore(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		r := w.start("v2")
		seen, err := w.Release(w.ctx, access.System("test"), r.ID)
		w.ok(err)
		if seen.Outlook == nil || seen.Outlook.Known || seen.Outlook.Sentence == "" || len(seen.Outlook.Shares) != 1 {
			t.Fatalf("without traffic: %+v", seen.Outlook)
		}
		now := time.Now()
		b := metric.Batch{Source: "edge", Sequence: 1, Complete: now.Unix()}
		for i := range int64(60) {
			b.Buckets = append(b.Buckets, metric.Bucket{Second: now.Unix() - 60 + i, Deployment: w.release(r.ID).Previous,
				Class: metric.Compared()[0], Requests: 100, Errors: 1, Units: 1, Latency: judge.Sketch{}})
		}
		w.Timeline.Add(now, b)
		seen, err = w.Release(w.ctx, access.System("test"), r.ID)
		w.ok(err)
		o := seen.Outlook
		if o == nil || !o.Known || o.Rate < 60 || o.Rate > 110 || math.Abs(o.Errors-0.01) > 1e-9 {
			t.Fatalf("with 100 requests a second of which 1 fails: %+v", o)
		}
		if s := o.Shares[0]; s.Share != 50 || s.BakeSeconds != 3600 || len(s.Effects) == 0 || !s.Effects[0].Within {
			t.Errorf("half of a hundred requests a second tell of a doubling within an hour: %+v", s)
		}
		_, err = w.Act(w.ctx, access.System("test"), r.ID, "abort", api.ReleaseAction{Reason: "another one comes"})
		w.ok(err)
		w.until("the end", func() bool { return w.release(r.ID).Phase.Final() })
		x := w.exposed("v3")
		if x.Outlook != nil {
			t.Errorf("it has visitors, and is foretold still: %+v", x.Outlook)
		}
		w.until("two looks", func() bool {
			c, err := w.Canary(w.ctx, access.System("test"), x.ID)
			w.ok(err)
			return len(c.Evidence) > 0 && len(c.Warming) == 1 && c.Limits.TakeBack == 100 && c.Limits.Tolerated > 1 &&
				c.Limits.Suspicious == 10
		})
	})
}

// A canary of a few seconds is seen whole, wherever it began on the grid of the samples.
func TestASeriesOfAFewSecondsIsWhole(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		begin := time.Now().Unix()/10*10 - 59
		for s := begin; s < begin+5; s++ {
			w.Timeline.Add(time.Unix(s, 0), metric.Batch{Source: "e", Sequence: uint64(s), Complete: s + 1,
				Buckets: []metric.Bucket{{Deployment: "dep_x", Class: metric.API, Second: s, Requests: 1}}})
		}
		list, err := w.series(w.ctx, "dep_x", time.Unix(begin-5, 0), time.Unix(begin+10, 0))
		w.ok(err)
		if len(list) != 5 {
			t.Errorf("%d seconds, want 5", len(list))
		}
	})
}

// What is in memory and was rolled up as well counts once, and so does what was rolled up further.
func TestASeriesCountsNothingTwice(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		now := time.Now().Unix()
		seam := now - now%60 - 120
		var sequence uint64
		for s := seam - 7; s < now-10; s++ { // memory begins in the middle of a sample
			sequence++
			w.Timeline.Add(time.Unix(now, 0), metric.Batch{Source: "e", Sequence: sequence, Complete: s + 1,
				Buckets: []metric.Bucket{{Deployment: "dep_x", Class: metric.API, Second: s, Requests: 1}}})
		}
		var want uint64
		for _, x := range []struct {
			second, span int64
			counts       bool
		}{{seam - 3600 - 5400, 3600, false}, {seam - 1740, 60, true}, {seam - 60, 10, true}, {seam - 10, 10, true},
			{seam, 10, false}, {seam + 10, 10, false}} {
			x.second -= x.second % x.span
			doc, err := json.Marshal(metric.Bucket{Requests: 1000})
			w.ok(err)
			w.ok(w.DB.PutSample(w.ctx, store.Sample{App: "shop", Deployment: "dep_x", Class: "api", Second: x.second,
				Span: x.span, Doc: doc}))
			if x.counts {
				want += 1000
			}
		}
		want += uint64(now - 10 - seam)
		list, err := w.series(w.ctx, "dep_x", time.Unix(seam-1800, 0), time.Unix(now, 0))
		w.ok(err)
		var got uint64
		for _, b := range list {
			got += b.Requests
		}
		if got != want || list[0].Width != 60 {
			t.Errorf("%d requests, the first by %d s, want %d", got, list[0].Width, want)
		}
	})
}

// What stood in for a silent source is drawn from what was kept, with nothing in memory; when nobody can say any more
// where it stood in, it fills what is empty.
func TestAChartShowsWhatStoodInAfterARestart(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const zero = 1_800_000_000
		put := func(class string, second, span int64, requests uint64) {
			doc, err := json.Marshal(metric.Bucket{Second: second, Requests: requests, Width: span})
			w.ok(err)
			w.ok(w.DB.PutSample(w.ctx, store.Sample{App: "shop", Deployment: "dep_x", Class: class, Second: second,
				Span: span, Doc: doc}))
		}
		for s := int64(0); s < 180; s += 10 { // then it fell silent, in the middle of a minute
			put("document", zero+s, 10, 10)
		}
		for s := int64(0); s < 600; s += 60 {
			put("observability/document", zero+s, 60, 66)
		}
		c := api.Canary{From: time.Unix(zero, 0), To: time.Unix(zero+600, 0)}
		own, err := w.series(w.ctx, "dep_x", c.From, c.To)
		w.ok(err)
		drawn := func() (requests uint64) {
			list, err := w.instead(w.ctx, slices.Clone(own), metric.Observability, "dep_x", c)
			w.ok(err)
			for _, b := range list {
				requests += b.Requests
			}
			return requests
		}
		if got := drawn(); got != 180+7*66 {
			t.Errorf("%d requests are drawn where nobody knows what stood in", got)
		}
		c.Evidence = []api.EvidencePoint{{}}
		if got := drawn(); got != 180 {
			t.Errorf("%d requests are drawn where nothing stood in", got)
		}
		c.StoodIn = []api.Stretch{{From: time.Unix(zero+120, 0), To: time.Unix(zero+480, 0)}}
		if got := drawn(); got != 120+6*66 {
			t.Errorf("%d requests are drawn where something stood in", got)
		}
	})
}
