package engine

import (
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/effect"
	"github.com/slipwayhq/slipway/internal/incident"
	"github.com/slipwayhq/slipway/internal/metric"
)

// A rollback is asked for at the first sign; what follows while people decide is
// what the incident's severity says.
// req: IR-01
func TestAnIncidentIsRaisedWhilePeopleDecide(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		r := w.promoted("v2")
		fail := func(sequence, errors uint64) {
			now := time.Now().Unix()
			w.ok(w.Observe(w.ctx, metric.Batch{Source: "edge", Sequence: sequence, Complete: now + 1, Buckets: []metric.Bucket{
				{Deployment: r.Deployment, Class: metric.Document, Second: now, Requests: 1000, Errors: errors},
			}}))
		}
		fail(1, 5)
		b, err := w.RequestRollback(w.ctx, person("inez", "incident"), "production", "it fails", "")
		w.ok(err)
		severity := func() incident.Severity {
			w.settleBack(b.ID)
			i, err := w.DB.Incident(w.ctx, b.Incident)
			w.ok(err)
			return i.Severity
		}
		if got := severity(); got != incident.SEV4 {
			t.Errorf("0.5 %% of requests fail: %s", got)
		}
		fail(2, 595)
		if got := severity(); got != incident.SEV2 {
			t.Errorf("30 %% of requests fail: %s", got)
		}
		fail(3, 0)
		if got := severity(); got != incident.SEV2 {
			t.Errorf("it is never lowered, but is %s", got)
		}
		if n := len(w.events("incident.raised")); n != 1 {
			t.Errorf("the log tells of it %d times", n)
		}
	})
}

// A fault that began seconds ago is not averaged away over the minute before it.
func TestSeverityIsTakenFromTheWorstSeconds(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		d := w.promoted("v2").Deployment
		now := time.Now()
		w.ok(w.Observe(w.ctx, metric.Batch{Source: "edge", Sequence: 1, Complete: now.Unix() + 1, Buckets: []metric.Bucket{
			{Deployment: d, Class: metric.Document, Second: now.Unix() - 40, Requests: 3000},
			{Deployment: d, Class: metric.Document, Second: now.Unix() - 2, Requests: 100, Errors: 40},
		}}))
		if got := w.signs(now, now, d); got.Requests != 100 || got.ErrorRate != 0.4 {
			t.Errorf("%d requests, of which %v fail; 40 of the last 100 do", got.Requests, got.ErrorRate)
		}
	})
}

// A notice that is late is no news: only one that was given up is in the log.
func TestALateNoticeLeavesNoTrace(t *testing.T) {
	away := openHook(t, "")
	away.fail = 100
	from, to := hooks(`{url: "` + away.URL + `", events: [release.*]}`)
	each(t, func(t *testing.T, w *world) {
		r := w.start("v2")
		w.act()
		if n := len(w.events("effect.pending")); n != 0 {
			t.Errorf("%d records of notices that are tried again", n)
		}
		for range 10 {
			w.act()
		}
		list := w.effects(r.ID, effect.Notify)
		if n := len(w.events("effect.failed")); n == 0 || n < len(list)/2 {
			t.Errorf("%d of %d notices that were given up are in the log", n, len(list))
		}
	}, from, to)
}
