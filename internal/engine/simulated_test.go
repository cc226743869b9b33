package engine

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/internal/approval"
	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/provider"
	"github.com/slipwayhq/slipway/internal/provider/providertest"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/sim/traffic"
	simworld "github.com/slipwayhq/slipway/internal/sim/world"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
	"github.com/slipwayhq/slipway/internal/strategy"
)

// played is the strategy that the engine and the virtual world carry out.
const played = `app: shop
target: {selfhost: {stable: "http://stable.test"}}
checks: none
stages:
  staging:    {smoke: off, sign_off: off, load: off, flags: off}
  canary:     {steps: %s, bake: 2m, smoke: off}
  production: {approve: [product], window: off, verify: core, watch: 2m}
`

const (
	routing = 2 * time.Second // until a routing is in force
	before  = 600             // seconds of history
)

// roundTrip answers requests without a network, which a virtual clock would wait for.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestSimulatedRunsDecideAsTheEngineDoes plays the same traffic to the engine with its store and its loop, on a virtual
// clock, and to a trial of `slipway simulate`: the same shares, the same ends, at the same seconds.
//
// req: N-10
func TestSimulatedRunsDecideAsTheEngineDoes(t *testing.T) {
	t.Parallel()
	if !long() {
		return
	}
	plain := traffic.World{Rate: 60, Errors: 0.01}
	outage := plain
	outage.Shocks = 12
	for _, test := range []struct {
		name, steps string
		world       traffic.World
		fault       traffic.Fault
		end         simworld.End
	}{
		{"healthy", "[5, 25, 100]", plain, traffic.Fault{}, simworld.Promoted},
		{"adaptive", "adaptive", plain, traffic.Fault{}, simworld.Promoted},
		{"ten times the errors", "[5, 25, 100]", plain, traffic.Fault{Times: 10}, simworld.TakenBack},
		{"slower", "[5, 25, 100]", plain, traffic.Fault{Slower: 1.5}, simworld.TakenBack},
		{"an outage of both", "[5, 50]", outage, traffic.Fault{}, ""},
		{"bad when everybody has it", "[5, 50]", plain, traffic.Fault{Points: 0.3, Onset: 300}, simworld.RolledBack},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s, err := strategy.Parse("slipway.yaml", fmt.Appendf(nil, played, test.steps))
			if err != nil {
				t.Fatal(err)
			}
			past := traffic.New(test.world, traffic.Fault{}, judge.SketchBins(), 5)
			var ticks []judge.Tick
			h := simworld.NewHistory()
			for second := int64(-before); second < 0; second++ {
				var x judge.Tick
				past.Next(second, 0, &x)
				h.Add(&x)
				x.Stable.Latency = append([]uint32(nil), x.Stable.Latency...)
				units, slow := *x.SliceUnits, *x.SliceSlow
				x.SliceUnits, x.SliceSlow = &units, &slow
				ticks = append(ticks, x)
			}
			o := simworld.Run(simworld.Trial{
				Plan: s.ReleasePlan(), Items: s.Checklist(), Source: past.Fork(test.fault, 9), Before: h.Before(s.ReleasePlan()),
				Reaction: routing, Lag: time.Second,
			})
			if test.end != "" && o.End != test.end {
				t.Errorf("the trial ended as %s: %s", o.End, o.Reason)
			}
			want := story(o)
			synctest.Test(t, func(t *testing.T) {
				p := &player{t: t, source: past.Fork(test.fault, 9)}
				if diff := cmp.Diff(want, p.play(s, ticks)); diff != "" {
					t.Errorf("the trial (-) and the engine (+) differ: %s\n%s", diff, o.Reason)
				}
			})
		})
	}
}

// story is what happened, each with its second after the first visitor.
func story(o simworld.Outcome) []string {
	var out []string
	for _, s := range o.Shares {
		out = append(out, fmt.Sprintf("%d share %g", s.At.Unix()-o.Shares[0].At.Unix(), s.Share))
	}
	if o.Promoted >= 0 {
		out = append(out, fmt.Sprintf("%d stable", o.Promoted))
	}
	if o.Stopped() {
		out = append(out, fmt.Sprintf("%d found", o.At))
	}
	return append(out, string(o.End))
}

// player runs a real engine in virtual time.
type player struct {
	t        *testing.T
	e        *Engine
	edge     *providertest.Fake
	source   *traffic.Traffic
	sequence uint64
	exposed  int64
}

func (p *player) play(s *strategy.Strategy, history []judge.Tick) []string {
	p.edge = &providertest.Fake{Before: func(ctx context.Context, _ string, r provider.Routing) error {
		if r.Canary != nil || p.exposed > 0 { // the first one makes the stable version known
			time.Sleep(routing)
		}
		return ctx.Err()
	}}
	ok := func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader("")), Request: r}, nil
	}
	p.e = New(Options{
		DB: storetest.Open(p.t, store.SQLite), Strategy: s, Provider: p.edge,
		Timeline: metric.NewTimeline(3*time.Hour, 15*time.Second), Client: &http.Client{Transport: roundTrip(ok)},
		Key: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32)), Log: slog.New(slog.DiscardHandler),
	})
	ctx, cancel := context.WithCancel(p.t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- p.e.Run(ctx) }()
	p.ok(p.e.Adopt(ctx, "v1", "http://stable.test"))
	time.Sleep(time.Second)
	first := p.deployment("production")
	time.Sleep(500 * time.Millisecond) // what is measured arrives between two looks
	for i := range history {
		time.Sleep(time.Second)
		history[i].Second = time.Now().Unix() - 1
		p.deliver(first, "", &history[i])
	}
	time.Sleep(500 * time.Millisecond)
	r, err := p.e.Start(ctx, person("ada", "development"), release.Release{
		Version: "v2", Commit: "c", URL: "http://canary.test", Unscheduled: "a test",
	}, nil)
	p.ok(err)
	out := p.follow(ctx, r.ID, first)
	cancel()
	p.ok(<-done)
	return out
}

func (p *player) ok(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *player) deployment(environment string) string {
	states, err := p.e.DB.EnvironmentStates(p.t.Context(), "shop")
	p.ok(err)
	for _, s := range states {
		if s.Name == environment {
			return s.Deployment
		}
	}
	return ""
}

// deliver brings what both versions measured in a second.
func (p *player) deliver(stable, canary string, x *judge.Tick) {
	p.sequence++
	b := metric.Batch{Source: "edge", Sequence: p.sequence, Sent: time.Now(), Complete: x.Second + 1}
	if x.Stable.Requests > 0 {
		bucket := simworld.Bucket(stable, x.Second, x.Stable, x.SliceUnits, x.SliceSlow)
		bucket.Class = metric.Document
		b.Buckets = append(b.Buckets, bucket)
	}
	if x.Canary.Requests > 0 {
		bucket := simworld.Bucket(canary, x.Second, x.Canary, nil, nil)
		bucket.Class = metric.Document
		b.Buckets = append(b.Buckets, bucket)
	}
	p.ok(p.e.Observe(p.t.Context(), b))
}

// follow lets visitors come until the release has ended, answers what people are asked, and tells what happened.
func (p *player) follow(ctx context.Context, id, first string) []string {
	share, before := 0.0, 0.0 // in the second that begins, and in the one that has just ended
	for range 3600 {
		time.Sleep(500 * time.Millisecond)
		if last := time.Now().Unix() - 1; p.exposed > 0 && last >= p.exposed {
			r, err := p.e.DB.Release(ctx, id)
			p.ok(err)
			var x judge.Tick
			p.source.Next(last-p.exposed, before, &x)
			x.Second = last
			p.deliver(first, r.Deployment, &x)
		}
		time.Sleep(500 * time.Millisecond)
		synctest.Wait()
		r, err := p.e.DB.Release(ctx, id)
		p.ok(err)
		if p.exposed == 0 && !r.Exposed.IsZero() {
			p.exposed = r.Exposed.Unix()
		}
		if r.Request != "" {
			if q, err := p.e.DB.Approval(ctx, r.Request); err == nil && q.State == approval.Open {
				_, err := p.e.Vote(ctx, person("pia", "product"), q.ID, true, q.Hash, "")
				p.ok(err)
				synctest.Wait()
			}
		}
		if at := p.ended(r); at != nil {
			return at
		}
		before, share = share, p.share(r)
	}
	p.t.Fatal("it does not end")
	return nil
}

func (p *player) share(r release.Release) float64 {
	serves := p.edge.Serves()
	if serves.Stable == r.Deployment {
		return 1
	}
	return serves.Share / 100
}

// ended tells what happened once it is over.
func (p *player) ended(r release.Release) []string {
	var out []string
	for _, s := range r.Shares {
		out = append(out, fmt.Sprintf("%d share %g", s.At.Unix()-p.exposed, s.Share))
	}
	if !r.Promoted.IsZero() {
		out = append(out, fmt.Sprintf("%d stable", r.Promoted.Unix()-p.exposed))
	}
	found := fmt.Sprintf("%d found", r.Detected.Unix()-p.exposed)
	switch {
	case r.Phase == release.Completed:
		return append(out, string(simworld.Promoted))
	case r.Phase == release.Aborted:
		return append(out, found, string(simworld.TakenBack))
	case !r.Promoted.IsZero() && !r.Detected.IsZero():
		return append(out, found, string(simworld.RolledBack))
	}
	return nil
}
