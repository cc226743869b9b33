package engine

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/slipwayhq/slipway/internal/engine/incidents"
	"github.com/slipwayhq/slipway/internal/guard"
	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/provider/providertest"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
	"github.com/slipwayhq/slipway/internal/strategy"
)

// climb is a world on a fake clock: the real engine with its loop, store, guard and judge. Visitors are drawn second by
// second, by the routing that is in force.
type climb struct {
	*world
	address string
	stop    func() // the engine's loop
	end     func() // the visitors

	mu    sync.Mutex
	node  *Engine // that edges deliver to; nil while there is none
	rate  float64 // requests a second
	fails func(share float64) (stable, canary float64)
	flags map[string][2]float64 // how often the arms of a ramp fail: against, variant
}

// long says whether the longest climbs go too. They are left to the run without the race detector, which would take
// minutes for them: the shorter ones go the same ways.
func long() bool { return !testing.Short() }

// nowhere answers for every deployment without a socket, on which a fake clock would stand still.
type nowhere struct{}

func (nowhere) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Status: "200 OK", Header: http.Header{}, Request: r,
		Body: io.NopCloser(strings.NewReader("{}"))}, nil
}

// climbs opens the world inside a bubble. Steps is the canary of the strategy.
func climbs(t *testing.T, canary string) *climb {
	t.Helper()
	c := &climb{
		world: &world{
			t: t, ctx: t.Context(), edge: &providertest.Fake{}, logs: &syncBuffer{}, shops: map[string]*shop{},
		},
		address: storetest.Address(t, "sqlite"), rate: 100,
		fails: func(float64) (float64, float64) { return 0.02, 0.02 },
	}
	for _, v := range []string{"v1", "v2"} {
		c.shops[v] = &shop{Server: &httptest.Server{URL: "http://" + v + ".test"}}
	}
	s := c.plan("steps: [50], bake: 300ms, smoke: off", canary+", smoke: off", "every: 100ms", "every: 5s",
		"{warn: 3%, critical: 10%, for: 1s, spike: 10x, compare: {worse_by: 25%}}",
		"{warn: 50%, critical: 60%, for: 10s, compare: {worse_by: 5%}}",
		"min_requests: 10", "min_requests: 30", "window: 2s", "window: 10s", "blind: 10s", "blind: 30s",
		"look: 100ms", "look: 1s", "watch: 300ms", "watch: 1m")
	c.Engine = c.open(s)
	c.ok(c.Adopt(c.ctx, "v1", c.shops["v1"].URL))
	c.begin()
	c.visitors()
	time.Sleep(time.Minute) // what is normal
	return c
}

// open returns a node on the world's database.
func (c *climb) open(s *strategy.Strategy) *Engine {
	db := storetest.OpenAt(c.t, c.address)
	return New(Options{
		DB: db, Strategy: s, Provider: c.edge, Serves: func(environment, key string) incidents.Serving {
			return served(c.ctx, db, environment, key)
		},
		Timeline: metric.NewTimeline(3*time.Hour, 15*time.Second), Client: &http.Client{Transport: nowhere{}},
		Key: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32)),
		Log: slog.New(slog.NewTextHandler(c.logs, nil)), Pace: Pace{Poll: 500 * time.Millisecond},
	})
}

func (c *climb) begin() {
	c.stop = c.run(c.Engine)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.node = c.Engine
}

// die is a kill: the next node finds on the disk what was there at this moment, and nothing that the dying one does
// afterwards. Visitors are served on, and what edges saw meanwhile is lost.
func (c *climb) die() {
	c.t.Helper()
	synctest.Wait()
	c.mu.Lock()
	c.node = nil
	c.mu.Unlock()
	old, left := strings.TrimPrefix(c.address, "sqlite:"), filepath.Join(c.t.TempDir(), "left.db")
	for _, part := range []string{"", "-wal"} {
		raw, err := os.ReadFile(old + part)
		if err == nil {
			err = os.WriteFile(left+part, raw, 0o600)
		}
		c.ok(err)
	}
	c.address = "sqlite:" + left
	c.stop()
}

// again starts another node on the database.
func (c *climb) again() {
	c.Engine = c.open(c.Strategy)
	c.begin()
}

func (c *climb) visitors() {
	ctx, cancel := context.WithCancel(c.ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		r := rand.New(rand.NewPCG(7, 11))
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for n := uint64(1); ; n++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			c.second(r, n, time.Now().Unix()-1)
		}
	}()
	c.end = sync.OnceFunc(func() { cancel(); <-done })
	c.t.Cleanup(c.end)
}

// second is what one edge saw in a second.
func (c *climb) second(r *rand.Rand, n uint64, at int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.node == nil {
		return
	}
	serves := c.edge.Serves()
	ps, pc := c.fails(serves.Share)
	list := []metric.Bucket{arrivals(r, serves.Stable, at, c.rate*(1-serves.Share/100), ps)}
	if serves.Canary != "" && serves.Share > 0 {
		list = append(list, arrivals(r, serves.Canary, at, c.rate*serves.Share/100, pc))
	}
	for _, p := range c.edge.Ramps() {
		fails := c.flags[p.ID]
		list = append(list, arrivals(r, p.ID+"="+p.Against, at, c.rate*(1-p.Share/100), fails[0]),
			arrivals(r, p.ID+"="+p.Variant, at, c.rate*p.Share/100, fails[1]))
	}
	if err := c.node.Observe(c.ctx, metric.Batch{Source: "edge-1", Sequence: n, Sent: time.Now(), Complete: at + 1,
		Buckets: list}); err != nil && c.ctx.Err() == nil {
		c.t.Errorf("deliver: %v", err)
	}
}

// arrivals draws a version's second: about mean requests, of which a part fails, each by another visitor.
func arrivals(r *rand.Rand, deployment string, at int64, mean, fails float64) metric.Bucket {
	b := metric.Bucket{Deployment: deployment, Class: metric.Document, Second: at, Slices: &metric.Slices{}}
	for wait := r.ExpFloat64(); wait < mean; wait += r.ExpFloat64() {
		b.Requests++
		b.New++
		b.Minutes++
		part := r.IntN(len(b.Slices.Units))
		b.Slices.Requests[part]++
		if r.Float64() < fails {
			b.Errors++
			b.Units++
			b.Slices.Units[part]++
		}
		b.Latency.Add(time.Duration(80 * math.Exp(0.6*r.NormFloat64()) * float64(time.Millisecond)))
	}
	return b
}

// out starts the release, and waits until it has visitors.
func (c *climb) out() release.Release {
	c.t.Helper()
	r, err := c.Start(c.ctx, person("ada", "development"), release.Release{
		Version: "v2", Commit: "c-v2", URL: c.shops["v2"].URL, Unscheduled: "a test",
	}, nil)
	c.ok(err)
	c.report("v2", "passed")
	return c.wait(r.ID, time.Minute, "it has visitors", func(r release.Release) bool { return r.Share > 0 })
}

// wait lets time pass until something holds of the release.
func (c *climb) wait(id string, longest time.Duration, what string, holds func(release.Release) bool) release.Release {
	c.t.Helper()
	for began := time.Now(); ; time.Sleep(time.Second) {
		r := c.release(id)
		if holds(r) {
			return r
		}
		if time.Since(began) > longest || r.Phase.Final() {
			c.t.Fatalf("waited %v until %s: it is %s at %g %%: %s\n%s", time.Since(began), what, r.Phase, r.Share,
				r.Sentence, c.logs)
		}
	}
}

func at(share float64) func(release.Release) bool {
	return func(r release.Release) bool { return r.Share == share }
}

// ladder checks that the shares were taken one by one, each held for its least time, each on a verdict that permits it,
// and says when each was reached.
func (c *climb) ladder(r release.Release, want ...float64) {
	c.t.Helper()
	verdicts, err := c.DB.VerdictsOf(c.ctx, r.ID, r.Exposed, 5000)
	c.ok(err)
	var got []float64
	said := []string{}
	for i, s := range r.Shares {
		got = append(got, s.Share)
		said = append(said, fmt.Sprintf("%g %% after %v", s.Share, s.At.Sub(r.Exposed).Round(time.Second)))
		if i == 0 || s.Share < r.Shares[i-1].Share {
			continue
		}
		least := 20 * time.Second
		if s.Share > 50 {
			least = 2 * time.Minute
		}
		if held := s.At.Sub(r.Shares[i-1].At); held < least {
			c.t.Errorf("%g %% was held for %v only", r.Shares[i-1].Share, held)
		}
		step := r.Plan.Steps[slices.IndexFunc(r.Plan.Steps, func(x release.Step) bool { return x.Share == s.Share })-1]
		permits := slices.ContainsFunc(verdicts, func(j store.Judged) bool {
			v, ago := j.Verdict, s.At.Sub(j.Verdict.At)
			return ago >= 0 && ago < 3*time.Second && v.Action == guard.Continue && v.State != judge.Suspicious &&
				(v.ClearedTo >= s.Share || !step.Adaptive)
		})
		if !permits && step.AtMax != release.GoOn {
			c.t.Errorf("no verdict permits the rise to %g %%", s.Share)
		}
	}
	if !slices.Equal(got, want) {
		c.t.Errorf("the shares were %v, want %v", got, want)
	}
	c.t.Logf("%s", strings.Join(said, ", "))
}

// The whole way of a healthy version by evidence: no bake is set that would take long, and no step is left out, though
// the node is killed at every share and another one goes on.
//
// req: CD-07 CD-16 CD-04
func TestAnAdaptiveCanaryClimbsByEvidence(t *testing.T) {
	t.Parallel()
	if !long() {
		return
	}
	synctest.Test(t, func(t *testing.T) {
		c := climbs(t, "steps: adaptive, bake: 1m, max_bake: 1h")
		id := c.out().ID
		for i, share := range []float64{5, 10, 25, 50} {
			c.wait(id, 10*time.Minute, fmt.Sprintf("it is at %g %%", share), at(share))
			time.Sleep(time.Duration(i) * 6500 * time.Millisecond) // at once, and later
			c.die()
			time.Sleep(20 * time.Second)
			c.again()
			if r := c.release(id); r.Share != share {
				t.Errorf("nobody decided, and the share is %g instead of %g", r.Share, share)
			}
		}
		r := c.wait(id, 30*time.Minute, "everybody has it", at(100))
		if waited := r.ShareSince.Sub(r.Exposed); waited < 3*time.Minute || waited > 20*time.Minute {
			t.Errorf("it took %v", waited)
		}
		c.ladder(r, 5, 10, 25, 50, 100)
		r = c.wait(id, 10*time.Minute, "people are asked", func(r release.Release) bool { return r.Request != "" })
		_, err := c.Vote(c.ctx, person("pia", "product"), r.Request, true, c.request(r.Request).Hash, "")
		c.ok(err)
		c.wait(id, 10*time.Minute, "it is watched in production", func(r release.Release) bool {
			return r.Step().Kind == release.KindWatch && strings.Contains(r.Sentence, "Watches v2")
		})
		c.wait(id, 10*time.Minute, "it is done", func(r release.Release) bool { return r.Phase == release.Completed })
		raised := 0
		for _, e := range c.events("release.step_passed") {
			if strings.Contains(e.Sentence, "the evidence permits") {
				raised++
			}
		}
		if raised != 4 {
			t.Errorf("the log names the evidence for %d rises of 4", raised)
		}
	})
}

// A version that fails three times as often from half of the visitors on is taken back there.
func TestAnAdaptiveCanaryIsTakenBackWhereItFails(t *testing.T) {
	t.Parallel()
	if !long() {
		return
	}
	synctest.Test(t, func(t *testing.T) {
		c := climbs(t, "steps: adaptive, bake: 1m, max_bake: 1h")
		c.mu.Lock()
		c.fails = func(share float64) (float64, float64) {
			if share >= 50 {
				return 0.02, 0.06
			}
			return 0.02, 0.02
		}
		c.mu.Unlock()
		id := c.out().ID
		c.wait(id, 20*time.Minute, "half have it", at(50))
		for began := time.Now(); !c.release(id).Phase.Final(); time.Sleep(time.Second) {
			if r := c.release(id); r.Share > 50 || time.Since(began) > 4*time.Minute {
				t.Fatalf("at %g %% after %v: %s", r.Share, time.Since(began), r.Sentence)
			}
		}
		r := c.release(id)
		c.ladder(r, 5, 10, 25, 50, 0)
		if r.Phase != release.Aborted || !strings.Contains(r.Reason, "no method can know before") {
			t.Errorf("%s: %s", r.Phase, r.Reason)
		}
		t.Log(r.Reason)
	})
}

// What breaks both versions holds the climb and is in the log with its cause; then the climb goes on where it was.
//
// req: N-04
func TestAnOutageHoldsTheClimb(t *testing.T) {
	t.Parallel()
	if !long() {
		return
	}
	synctest.Test(t, func(t *testing.T) {
		c := climbs(t, "steps: adaptive, bake: 1m, max_bake: 1h")
		id := c.out().ID
		c.wait(id, 10*time.Minute, "a tenth has it", at(10))
		set := func(part float64) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.fails = func(float64) (float64, float64) { return part, part }
		}
		set(0.8)
		began := time.Now()
		c.wait(id, time.Minute, "it is held", func(release.Release) bool {
			v, err := c.DB.LatestVerdict(c.ctx, id)
			return err == nil && v.Verdict.Cause == guard.Incident && v.Verdict.Action == guard.Hold
		})
		for time.Since(began) < 90*time.Second {
			if r := c.release(id); r.Share != 10 || r.Phase.Final() {
				t.Fatalf("in the outage it is %s at %g %%: %s", r.Phase, r.Share, r.Sentence)
			}
			time.Sleep(time.Second)
		}
		set(0.02)
		c.wait(id, 20*time.Minute, "everybody has it", at(100))
		c.ladder(c.release(id), 5, 10, 25, 50, 100)
		told := 0
		for _, e := range c.events("guard.verdict") {
			if strings.Contains(string(e.Data), `"cause":"incident"`) {
				told++
			}
		}
		if told == 0 || told > 6 {
			t.Errorf("the log tells of it %d times", told)
		}
	})
}

// What a strategy says of evidence holds in the whole program: budget, longest bake and what follows it, a holdback,
// and fixed steps that evidence may shorten.
//
// req: CD-05 CD-07 CD-16
func TestWhatAStrategySaysOfEvidenceHolds(t *testing.T) {
	t.Parallel()
	if !long() {
		return
	}
	for _, tt := range []struct {
		name, canary string
		rate         float64
		shares       []float64
		ends         release.Phase // of the wait; Running when it waits for people
		says         string
	}{
		{"a budget that the first rise would break", "steps: adaptive, bake: 1m, max_bake: 4m, harm_budget: 1", 100,
			[]float64{5}, release.Running, "Waits for a person"},
		{"a budget with room", "steps: adaptive, bake: 1m, max_bake: 1h, harm_budget: 400", 100,
			[]float64{5, 10, 25, 50, 100}, release.Running, ""},
		{"too little is known, and people are asked", "steps: adaptive, bake: 1m, max_bake: 90s, at_max: hold", 3,
			[]float64{5}, release.Running, "Waits for a person"},
		{"too little is known, and it goes on", "steps: adaptive, bake: 1m, max_bake: 150s, at_max: promote", 3,
			[]float64{5, 10, 25, 50, 100}, release.Running, ""},
		{"too little is known, and it comes back", "steps: adaptive, bake: 1m, max_bake: 90s, at_max: undo", 3,
			[]float64{5, 0}, release.Aborted, "did not prove itself"},
		{"some stay on the old version until the end", "steps: adaptive, bake: 1m, max_bake: 1h, holdback: 10%", 100,
			[]float64{5, 10, 25, 50, 90, 100}, release.Running, ""},
		{"fixed steps are shortened, but the last", "steps: [5, 25, 50, 100], bake: 5m, max_bake: 1h, shorten: on", 100,
			[]float64{5, 25, 50, 100}, release.Running, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := climbs(t, tt.canary)
				c.mu.Lock()
				c.rate = tt.rate
				c.mu.Unlock()
				id := c.out().ID
				r := c.release(id)
				for began := time.Now(); time.Since(began) < 40*time.Minute; time.Sleep(time.Second) {
					if r = c.release(id); r.Phase.Final() || r.Share == 100 || tt.says != "" && strings.Contains(r.Sentence, tt.says) {
						break
					}
				}
				if r.Phase != tt.ends || !strings.Contains(r.Sentence, tt.says) {
					t.Errorf("%s at %g %%: %s", r.Phase, r.Share, r.Sentence)
				}
				c.ladder(r, tt.shares...)
				if strings.Contains(tt.canary, "shorten") {
					held := r.ShareSince.Sub(r.Shares[2].At)
					if early := r.Shares[2].At.Sub(r.Exposed); early > 4*time.Minute || held < 5*time.Minute {
						t.Errorf("half had it after %v, everybody %v later", early, held)
					}
				}
			})
		})
	}
}
