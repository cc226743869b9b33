package watch

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/internal/deployment"
	"github.com/slipwayhq/slipway/internal/effect"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/guard"
	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
)

// canary is a release under way: a world that goes on second by second, whoever watches it.
type canary struct {
	t       testing.TB
	rng     *rand.Rand
	db      *store.DB
	r       release.Release
	rules   guard.Rules
	effects map[string]effect.Effect
	batches []metric.Batch
	now     time.Time
	second  int64 // up to which was delivered
	fails   float64
	wide    int64 // seconds of a window, where Prometheus brings the numbers
	open    map[string]metric.Bucket
}

const zero = 1_800_000_000

func newCanary(t testing.TB, db *store.DB, seed uint64) *canary {
	t.Helper()
	return newWideCanary(t, db, seed, 0)
}

func newWideCanary(t testing.TB, db *store.DB, seed uint64, wide int64) *canary {
	t.Helper()
	c := &canary{
		wide: wide, open: map[string]metric.Bucket{},
		t: t, rng: rand.New(rand.NewPCG(seed, 9)), db: db, effects: map[string]effect.Effect{}, second: zero - 200,
		now: time.Unix(zero, 300e6).UTC(), rules: guard.DefaultRules(), fails: 0.01,
	}
	c.rules.Metrics = []guard.MetricRule{{Metric: judge.Metric{Name: "basket", Kind: judge.Mean}, From: metric.App}}
	c.rules.ErrorRate.Warn, c.rules.ErrorRate.Critical, c.rules.ColdStart = 0, 0, 20*time.Second
	if wide > 0 {
		c.rules.Source = metric.Prometheus
	}
	c.r = release.Release{Version: "v2", Deployment: "dep_2", Previous: "dep_1", Exposed: c.now, Phase: release.Running}
	err := db.Write(t.Context(), func(tx *store.Tx) error {
		for i, id := range []string{"dep_1", "dep_2"} {
			d := deployment.Deployment{ID: id, App: "shop", Version: fmt.Sprint("v", i+1), URL: "http://" + id, Created: c.now,
				Verdict: deployment.Good, Environment: "production"}
			if err := tx.InsertDeployment(t.Context(), &d); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	c.measure()
	c.share(5)
	return c
}

// share sets the share: the routing was asked for a little earlier.
func (c *canary) share(percent float64) {
	key := fmt.Sprint("route/", len(c.effects))
	c.effects[key] = effect.Effect{Key: key, Kind: effect.Route, State: effect.Done, Created: c.now.Add(-400 *
		time.Millisecond), Ended: c.now}
	c.r.Share, c.r.ShareSince = percent, c.now
	c.r.Shares = append(c.r.Shares, release.Shift{At: c.now, Share: percent})
}

// measure delivers what happened up to now, one batch for each second.
func (c *canary) measure() {
	for ; c.second < c.now.Unix(); c.second++ {
		b := metric.Batch{Source: "edge-1", Sequence: uint64(len(c.batches) + 1), Complete: c.second + 1}
		share := c.r.Share
		if c.second < zero {
			share = 0
		}
		for _, id := range []string{"dep_1", "dep_2"} {
			part, fails := 1-share/100, 0.01
			if id == "dep_2" {
				part, fails = share/100, c.fails
			}
			if x := c.bucket(id, c.rng.IntN(1+int(120*part)), fails); x.Requests > 0 || id == "dep_1" {
				b.Buckets = append(b.Buckets, x)
			}
		}
		c.bring(b)
		if c.second%3 == 0 {
			c.batches = append(c.batches, metric.Batch{
				Source: "app-1", Kind: metric.App, Sequence: uint64(len(c.batches) + 1), Complete: c.second + 1,
				Values: []metric.Value{{Deployment: []string{"dep_1", "dep_2"}[c.rng.IntN(2)], Metric: "basket", Second: c.second,
					Sums: judge.Sums{N: 3, Sum: c.rng.Float64(), SumSq: c.rng.Float64()}}},
			})
		}
	}
}

// bring delivers the batch of a second, or of a window when it is over.
func (c *canary) bring(b metric.Batch) {
	if c.wide == 0 {
		c.batches = append(c.batches, b)
		return
	}
	for _, x := range b.Buckets {
		sum := c.open[x.Deployment]
		x.Slices, x.Units = nil, x.Errors
		sum.Add(x)
		c.open[x.Deployment] = sum
	}
	if b.Complete%c.wide != 0 {
		return
	}
	w := metric.Batch{
		Source: "prometheus-1", Kind: metric.Prometheus, Sequence: uint64(b.Complete / c.wide), Complete: b.Complete,
	}
	for _, id := range []string{"dep_1", "dep_2"} {
		x := c.open[id]
		x.Deployment, x.Class, x.Second, x.Width = id, metric.Document, b.Complete-c.wide, c.wide
		w.Buckets = append(w.Buckets, x)
	}
	c.batches, c.open = append(c.batches, w), map[string]metric.Bucket{}
}

func (c *canary) bucket(id string, n int, fails float64) metric.Bucket {
	x := metric.Bucket{Deployment: id, Class: metric.Document, Second: c.second, Slices: &metric.Slices{}}
	for range n {
		x.Requests++
		part := c.rng.IntN(judge.Slices)
		x.Slices.Requests[part]++
		if c.rng.Float64() < fails {
			x.Errors++
			x.Units++
			x.Slices.Units[part]++
		}
		if c.rng.IntN(10) == 0 {
			x.New++
		}
		x.Latency.Add(time.Duration(float64(40*time.Millisecond) * (0.5 + c.rng.ExpFloat64())))
	}
	return x
}

// timeline holds all that was delivered by now, from the given batch on.
func (c *canary) deliver(t *metric.Timeline, from int) int {
	for _, b := range c.batches[from:] {
		t.Add(c.now, b)
	}
	return len(c.batches)
}

// node watches the canary as a release of its own name.
type node struct {
	*Watcher
	name string
	seen int // batches
}

func (c *canary) node(name string) *node {
	t := metric.NewTimeline(2*time.Hour, time.Minute)
	return &node{Watcher: New(c.db, t, slog.New(slog.DiscardHandler)), name: name}
}

// look looks, and stores what came of it.
func (c *canary) look(ctx context.Context, n *node) (string, error) {
	n.seen = c.deliver(n.Timeline, n.seen)
	r := c.r
	r.ID = n.name
	v, err := n.Look(ctx, r, c.rules, c.effects, c.now, func(l Look) error {
		return c.db.InsertVerdict(ctx, r.ID, l.Number, l.Verdict, l.Evidence)
	})
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(v)
	return string(text), err
}

// happen lets something happen at random: time goes by, a check answers, the share rises or falls, it gets worse, goes
// to production.
func (c *canary) happen(i int) {
	c.now = c.now.Add(time.Duration(200+c.rng.IntN(2500)) * time.Millisecond)
	c.measure()
	if c.rng.IntN(3) == 0 {
		for _, id := range []string{"dep_1", "dep_2"} {
			p := guard.Probe{At: c.now.Truncate(time.Microsecond), Deployment: id, OK: c.rng.IntN(9) > 0, Took: 3e6}
			if err := c.db.InsertProbe(c.t.Context(), "shop", p); err != nil {
				c.t.Fatal(err)
			}
		}
	}
	switch {
	case i%25 == 24 && c.r.Promoted.IsZero():
		c.share([]float64{10, 25, 5, 50, 100, 40}[c.rng.IntN(6)])
	case i == 60 && c.rng.IntN(2) == 0:
		c.fails = 0.08
	case i == 110:
		c.share(100)
		c.r.Promoted = c.now
	}
}

func (c *canary) check(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// A watcher that is killed at random looks, and another one that goes on from the rows with a memory of its own, say
// the same as one that never stopped, to the last bit; and so does a replay afterwards.
//
// req: N-04
func TestAPassGoesOnFromItsRows(t *testing.T) {
	t.Parallel()
	for _, kind := range storetest.Engines(t) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(6) {
				goOn(t, storetest.Open(t, kind), seed, 0)
			}
			for seed := range uint64(2) { // numbers of a Prometheus
				goOn(t, storetest.Open(t, kind), seed, 5)
			}
		})
	}
}

func goOn(t *testing.T, db *store.DB, seed uint64, wide int64) {
	t.Helper()
	ctx := t.Context()
	c := newWideCanary(t, db, seed, wide)
	whole, killed := c.node("rel_whole"), c.node("rel_killed")
	for i := range 130 {
		c.happen(i)
		want, err := c.look(ctx, whole)
		c.check(err)
		if c.rng.IntN(5) == 0 {
			killed = c.node("rel_killed") // knows nothing but what is stored and what is delivered again
			// And something of seconds that were judged.
			if late := c.batches[len(c.batches)-12-c.rng.IntN(15)]; i > 0 && late.Kind != metric.App {
				late.Sequence, late.Complete = 700, 0
				killed.Timeline.Add(c.now, late)
			}
		}
		if c.rng.IntN(9) == 0 { // killed after the look and before its commit
			lost := c.node("rel_killed")
			lost.seen = c.deliver(lost.Timeline, 0)
			r := c.r
			r.ID = lost.name
			_, err := lost.Look(ctx, r, c.rules, c.effects, c.now, func(Look) error { return context.Canceled })
			if err == nil {
				t.Fatal("a look that was not stored counts")
			}
		}
		got, err := c.look(ctx, killed)
		c.check(err)
		if got != want {
			where, a, b := difference([]byte(want), []byte(got))
			t.Fatalf("seed %d, look %d, %s: %s from one that never stopped, %s from the rows", seed, i, where, a, b)
		}
	}
	agrees(t, db, "rel_killed", 130)
}

// agrees replays a release.
func agrees(t *testing.T, db *store.DB, id string, looks int64) {
	t.Helper()
	r := NewReplay(db, id)
	n, err := r.Next(t.Context(), 1000, func(a Again) error {
		if a.Differs != nil {
			t.Fatalf("%+v", *a.Differs)
		}
		return nil
	})
	if err != nil || n != looks {
		t.Errorf("%d of %d verdicts were made again: %v", n, looks, err)
	}
	part := NewReplay(db, id)
	if err := part.Skip(t.Context(), looks-3); err != nil {
		t.Fatal(err)
	}
	n, err = part.Next(t.Context(), 1000, func(a Again) error {
		if a.Differs != nil {
			t.Errorf("in parts: %+v", *a.Differs)
		}
		return nil
	})
	if err != nil || n != 3 {
		t.Errorf("%d verdicts in the last part: %v", n, err)
	}
}

// Two nodes that look at the same release: one is refused, comes to know it, and nothing counts twice.
func TestTwoNodesDoNotJudgeTwice(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		c := newCanary(t, db, 1)
		alone, a, b := c.node("rel_alone"), c.node("rel_two"), c.node("rel_two")
		refused := 0
		for i := range 60 {
			c.happen(i)
			want, err := c.look(ctx, alone)
			c.check(err)
			now := []*node{a, b}[c.rng.IntN(2)]
			got, err := c.look(ctx, now)
			if fault.ReasonOf(err) == "changed_meanwhile" {
				refused++
				got, err = c.look(ctx, now)
			}
			c.check(err)
			if got != want {
				t.Fatal(cmp.Diff(want, got))
			}
		}
		if refused < 5 {
			t.Errorf("only %d looks were refused", refused)
		}
		agrees(t, db, "rel_two", 60)
	})
}

// A stored byte that was changed is found and named, wherever it is, and the release is judged on all the same.
//
// req: N-04
func TestAReplayFindsAChangedByte(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		c := newCanary(t, db, 2)
		n := c.node("rel_1")
		for i := range 12 {
			c.happen(i)
			_, err := c.look(ctx, n)
			c.check(err)
		}
		rows, err := db.Looks(ctx, "rel_1", 0, 100)
		c.check(err)
		for name, damage := range map[string]func(v *guard.Verdict, evidence []byte){
			"evidence":                 func(_ *guard.Verdict, evidence []byte) { evidence[len(evidence)/2] ^= 1 },
			"report.metrics[0].weight": func(v *guard.Verdict, _ []byte) { v.Report.Metrics[0].Weight += 1e-16 },
			"requests":                 func(v *guard.Verdict, _ []byte) { v.Requests++ },
		} {
			id := "rel_" + strings.Trim(name, "[]0.")
			for _, row := range rows {
				var v guard.Verdict
				text, err := row.Verdict()
				c.check(err)
				c.check(json.Unmarshal(text, &v))
				evidence := slices.Clone(row.Evidence)
				if row.Look == 7 {
					damage(&v, evidence)
				}
				c.check(db.InsertVerdict(ctx, id, row.Look, v, evidence))
			}
			var first *Difference
			_, err := NewReplay(db, id).Next(ctx, 100, func(a Again) error {
				if first == nil {
					first = a.Differs
				}
				return nil
			})
			c.check(err)
			if first == nil || first.Look != 7 || first.Where != name || first.Recorded == first.Again {
				t.Errorf("%s: found %+v", name, first)
			}
		}
		other := c.node("rel_evidence")
		_, err = c.look(ctx, other)
		c.check(err)
		c.happen(13)
		_, err = c.look(ctx, other)
		c.check(err)
		var bad []int64
		_, err = NewReplay(db, "rel_evidence").Next(ctx, 100, func(a Again) error {
			if a.Differs != nil {
				bad = append(bad, a.Look)
			}
			return nil
		})
		if diff := cmp.Diff([]int64{7, 8, 9, 10, 11, 12}, bad); diff != "" || err != nil {
			t.Errorf("what comes after is judged from its own beginning on: %s %v", diff, err)
		}
	})
}
