package watch

import (
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/guard"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/store/storetest"
)

// silence is a drain that stops, and Vercel's own counts that stand in for it.
type silence struct {
	c             *canary
	n             *node
	stops, begins int64 // the drain; seconds after zero
	counts        int64 // Vercel counts up to then
	fault         int64 // of the canary
	told          int64 // up to which the drain has told
	asked         int64 // minutes
	look          Look
}

func newSilence(t *testing.T) *silence {
	t.Helper()
	const never = 1 << 40
	c := newCanary(t, storetest.Open(t, "sqlite"), 1)
	c.now, c.r.Shares, c.r.Exposed = time.Unix(zero, 0).UTC(), nil, time.Unix(zero, 0).UTC()
	c.share(20)
	c.rules = guard.DefaultRules()
	c.rules.Source, c.rules.Fallback = metric.Drain, metric.Observability
	c.rules.LatencyP95, c.rules.Health = guard.Limits{}, guard.HealthRule{}
	s := &silence{c: c, n: c.node("rel_" + t.Name()), stops: never, begins: never, counts: never, fault: never}
	s.n.Timeline = metric.NewTimeline(2*time.Hour, 15*time.Second)
	s.n.Watcher.Timeline, s.told = s.n.Timeline, -600
	return s
}

// served is what both versions did in a second.
func (s *silence) served(second int64) []metric.Bucket {
	stable := metric.Bucket{Deployment: "dep_1", Class: metric.Document, Second: zero + second, Requests: 20}
	if second%10 == 0 {
		stable.Errors, stable.Units = 1, 1
	}
	if second < 0 {
		return []metric.Bucket{stable}
	}
	changed := metric.Bucket{Deployment: "dep_2", Class: metric.Document, Second: zero + second, Requests: 5}
	if second%40 == 0 || second >= s.fault && second%2 == 0 {
		changed.Errors, changed.Units = 1, 1
	}
	return []metric.Bucket{stable, changed}
}

// at goes to a second, in which the guard looks.
func (s *silence) at(second int64) guard.Verdict {
	s.c.t.Helper()
	s.c.now = time.Unix(zero+second, 0).UTC()
	if second < s.stops || second >= s.begins {
		b := metric.Batch{Source: "drain-1", Kind: metric.Drain, Sequence: uint64(second + 1), Complete: zero + second - 30}
		for ; s.told < second-30; s.told++ {
			b.Buckets = append(b.Buckets, s.served(s.told)...)
		}
		s.n.Timeline.Add(s.c.now, b)
	}
	for ; s.asked*60+120 <= second && (s.asked+1)*60 <= s.counts; s.asked++ {
		b := metric.Batch{Source: "vercel", Kind: metric.Observability, Sequence: uint64(zero/60 + s.asked),
			Complete: zero + s.asked*60 + 60}
		sums := map[string]metric.Bucket{}
		for i := range int64(60) {
			for _, x := range s.served(s.asked*60 + i) {
				sum := sums[x.Deployment]
				sum.Add(x)
				sums[x.Deployment] = sum
			}
		}
		for id, x := range sums {
			x.Deployment, x.Class, x.Second, x.Width = id, metric.Document, zero+s.asked*60, 60
			b.Buckets = append(b.Buckets, x)
		}
		for range 2 { // by another node as well
			s.n.Timeline.Add(s.c.now, b)
		}
	}
	r := s.c.r
	r.ID = s.n.name
	v, err := s.n.Look(s.c.t.Context(), r, s.c.rules, s.c.effects, s.c.now, func(l Look) error {
		s.look = l
		return s.c.db.InsertVerdict(s.c.t.Context(), r.ID, l.Number, l.Verdict, l.Evidence)
	})
	s.c.check(err)
	return *v
}

// While a drain is silent the guard goes by Vercel's own counts, and says so; each second counts once, whoever told of
// it.
func TestVercelsCountsStandInForASilentDrain(t *testing.T) {
	t.Parallel()
	s := newSilence(t)
	s.stops, s.begins = 317, 1000
	blind, stoodIn := 0, 0
	var v guard.Verdict
	for second := int64(0); second <= 1500; second += 5 {
		switch v = s.at(second); {
		case v.Action == guard.Undo:
			t.Fatalf("%d: a healthy version is taken back: %s", second, v.Sentence)
		case v.From == metric.Observability:
			stoodIn++
			want := "The drain is silent since " + time.Unix(zero+285, 0).UTC().Format("15:04:05") +
				" UTC: judged from Vercel's own counts, "
			if second < s.stops || second >= s.begins || !strings.Contains(v.Sentence, want) {
				t.Errorf("%d: %s", second, v.Sentence)
			}
			if v.Word != guard.BetterOrEqual || v.Behind < time.Minute || v.Behind > 125*time.Second {
				t.Errorf("%d: %s, %s behind: %s", second, v.Word, v.Behind, v.Sentence)
			}
		case v.Word == guard.Broken:
			blind++
		}
	}
	if stoodIn < 120 || blind > 15 || v.From != "" || v.Word != guard.BetterOrEqual {
		t.Errorf("it stood in for %d looks and was blind for %d; at the end %s", stoodIn, blind, v.Sentence)
	}
	// The minute in which the drain stopped is judged up to there.
	const torn = 300 - 285
	if got, want := s.look.Summary.CanaryRequests, uint64(5*(s.look.Summary.Complete-zero-torn)); got != want {
		t.Errorf("%d requests of the canary are judged, of %d", got, want)
	}
	agrees(t, s.c.db, s.n.name, s.look.Number)
}

// A fault that begins while the drain is silent is found by the counts alone.
func TestAFaultIsFoundWhileTheDrainIsSilent(t *testing.T) {
	t.Parallel()
	s := newSilence(t)
	s.stops, s.fault = 317, 600
	for second := int64(0); second <= 1500; second += 5 {
		if v := s.at(second); v.Action == guard.Undo {
			if second < s.fault || second > s.fault+240 || v.From != metric.Observability || v.Cause != guard.Proven {
				t.Errorf("%d: %s (%s)", second, v.Sentence, v.Cause)
			}
			return
		}
	}
	t.Error("it is not found")
}

// Where neither tells anything, nothing passes: it waits, or goes back when the rules say so.
func TestNeitherDrainNorCountsIsNoPass(t *testing.T) {
	t.Parallel()
	for name, undo := range map[string]time.Duration{"waits": 0, "goes back": 5 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSilence(t)
			s.stops, s.counts, s.c.rules.BlindUndo = 317, 600, undo
			for second := int64(0); second <= 1200; second += 5 {
				v := s.at(second)
				if second < 600+180+5 {
					continue
				}
				// The last minute that is known of ends at 600.
				want := guard.Hold
				if undo > 0 && second-600 >= int64(undo.Seconds()) {
					want = guard.Undo
				}
				if v.Word != guard.Broken || v.Action != want || v.Cause != guard.Unseen ||
					!strings.Contains(v.Sentence, "neither from the drain nor from Vercel's own counts") {
					t.Fatalf("%d: %s %s: %s", second, v.Word, v.Action, v.Sentence)
				}
			}
		})
	}
}

// Without a stand-in nothing is asked for one, however much it has told.
func TestNobodyStandsInUnasked(t *testing.T) {
	t.Parallel()
	s := newSilence(t)
	s.stops, s.c.rules.Fallback = 317, ""
	for second := int64(0); second <= 700; second += 5 {
		if v := s.at(second); v.From != "" || second > 400 && v.Word != guard.Broken {
			t.Fatalf("%d: %s", second, v.Sentence)
		}
	}
}

// The normal period and whoever takes over are the same with a stand-in: a watcher that begins in the middle goes on.
func TestAStandInIsTakenOver(t *testing.T) {
	t.Parallel()
	s := newSilence(t)
	s.stops = 317
	for second := int64(0); second <= 700; second += 5 {
		s.at(second)
	}
	before := s.look.Summary
	s.n.Forget(s.n.name)
	if v := s.at(705); v.From != metric.Observability || s.look.Summary.CanaryRequests < before.CanaryRequests {
		t.Errorf("%s: %d requests, before %d", v.Sentence, s.look.Summary.CanaryRequests, before.CanaryRequests)
	}
}
