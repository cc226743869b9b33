// Package demo shows the main job on embedded defaults: Slipway with a fresh
// database, its own edge, two versions of a sample application and visitors.
//
// It is a user like any other: it sets Slipway up through the one-time secret, makes
// people, and lets them act through the public client. Nothing in it reaches around
// the API but the switch that makes the new version misbehave.
package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
	"github.com/slipwayhq/slipway/internal/app"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/sim"
	"github.com/slipwayhq/slipway/internal/strategy"
	"github.com/slipwayhq/slipway/openfeature"
)

// Options say how the demo goes.
type Options struct {
	Scenario    string // good, errors, latency, crash, outage, flag or hand
	Target      string // where the versions run: selfhost, also when empty, or vercel
	GitHub      bool   // the release is shown at a GitHub
	AutoApprove bool   // the demo's people decide by themselves
	Exit        bool   // end when the release has ended
	JSON        bool   // end with one object on Out; progress goes to Err
	Listen      string // of the dashboard
	Rate        float64
	Out, Err    io.Writer
	Log         *slog.Logger
	Version     string
}

// Summary is how the demo ended.
type Summary struct {
	Outcome  string  `json:"outcome"` // completed, aborted, rolled_back or failed
	Reason   string  `json:"reason"`
	Reached  float64 `json:"share_reached"`
	Requests uint64  `json:"requests"`
	Failed   uint64  `json:"failed_requests"`
	Seconds  float64 `json:"seconds"`
	// Held are the times in which it was held for something that was not its fault.
	Held []string `json:"held"`
}

// Scenarios returns what the new version can do, with the outcome that a good
// strategy brings about and what happens in words.
func Scenarios() []Scenario {
	return []Scenario{
		{"good", "completed", "v2 is as good as v1"},
		{"errors", "aborted", "v2 answers every sixth request with an error as soon as visitors come"},
		{"latency", "aborted", "v2 becomes 700 ms slower at 10 % of visitors"},
		{"crash", "aborted", "v2's process dies at 10 % of visitors"},
		{"outage", "completed", "both versions become slow for some seconds; v2 must not be blamed"},
		{flagScenario, "aborted", "the share of a flag is raised; the new checkout behind it fails every sixth time"},
		{handScenario, "aborted", "on Vercel somebody else promotes v2 in the middle; it is noticed and taken back"},
	}
}

// Scenario is one of the things the new version can do.
type Scenario struct {
	Name, Outcome, Words string
}

// scenario finds a scenario by its name.
func scenario(name string) (Scenario, error) {
	for _, s := range Scenarios() {
		if s.Name == name {
			return s, nil
		}
	}
	return Scenario{}, fault.New(fault.Invalid, "scenario_unknown",
		"There is no scenario %q: use good, errors, latency, crash, outage, flag or hand.", name)
}

// world is the running demo.
type world struct {
	opts     Options
	scenario Scenario
	app      *app.App
	v1, v2   *sim.Shop
	crowd    *sim.Crowd
	town     *town // nil behind our own edge
	hub      *hub  // nil: nothing is shown at a GitHub
	password string
	as       map[string]*client.Client // by user name
	flags    *openfeature.Provider     // of the shop; nil in other scenarios
	started  time.Time

	wellAt    time.Time // when a fault that passes is over
	holds     []hold
	inTrouble bool
}

// Run runs the demo until it is done or ctx ends.
func Run(ctx context.Context, opts Options) (Summary, error) {
	s, err := scenario(opts.Scenario)
	if err == nil {
		err = s.on(opts.target())
	}
	if err != nil {
		return Summary{}, err
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	dir, err := os.MkdirTemp("", "slipway-demo-")
	if err != nil {
		return Summary{}, fault.Wrap(err, fault.Unavailable, "no_space",
			"The demo needs a temporary folder, and none can be made.")
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a leftover in the temporary folder harms nobody
	w := &world{opts: opts, scenario: s, as: map[string]*client.Client{}, password: rand.Text()[:16]}
	if err := w.open(ctx, dir); err != nil {
		return Summary{}, err
	}
	defer w.v1.Close()
	defer w.v2.Close()
	defer w.forget()
	defer w.leave()
	running, stop := context.WithCancel(ctx)
	defer stop()
	var parts sync.WaitGroup
	ended := make(chan error, 1)
	parts.Go(func() { ended <- w.app.Run(running) })
	summary, err := w.play(running, &parts)
	stop()
	parts.Wait()
	if e := <-ended; e != nil && err == nil {
		err = e
	}
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		err = nil // a person ended it
	}
	return summary, err
}

// open builds everything; nothing runs yet but the two versions.
func (w *world) open(ctx context.Context, dir string) error {
	var err error
	if w.v1, err = sim.OpenShop("v1"); err != nil {
		return err
	}
	if w.v2, err = sim.OpenShop("v2"); err != nil {
		return err
	}
	plan, err := w.strategy(ctx)
	if err != nil {
		return err
	}
	control, err := net.Listen("tcp", w.opts.Listen)
	if err != nil {
		if control, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return fault.Wrap(err, fault.Unavailable, "no_port", "No port on 127.0.0.1 is free for the dashboard.")
		}
	}
	o := app.Options{
		Database: filepath.Join(dir, "slipway.db"), Strategy: plan, Control: control, Log: w.opts.Log,
		Version: w.opts.Version, Env: w.env, Adopt: "v1",
	}
	if w.town == nil {
		if o.Edge, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return fault.Wrap(err, fault.Unavailable, "no_port", "No port on 127.0.0.1 is free for the edge.")
		}
	}
	if w.app, err = app.Open(ctx, o); err != nil {
		return err
	}
	if w.hub != nil {
		w.hub.Hook(w.app.URL() + "/hooks/github")
	}
	shop, _ := w.shop()
	w.crowd = sim.NewCrowd(shop, 4000, w.opts.Rate, 1)
	return nil
}

// strategy is the demo's strategy for its target, which is opened for it.
func (w *world) strategy(ctx context.Context) (*strategy.Strategy, error) {
	text, at := demoStrategy, w.v1.URL()
	if w.opts.target() == onVercel {
		if err := w.openTown(ctx); err != nil {
			return nil, err
		}
		text, at = vercelStrategy().Replace(text), w.town.URL()
	}
	if w.opts.GitHub {
		section, err := w.openHub()
		if err != nil {
			return nil, err
		}
		text += section
	}
	return strategy.Parse("demo.yaml", fmt.Appendf(nil, text, at))
}

// leave ends what the versions ran on.
func (w *world) leave() {
	if w.town != nil {
		w.town.Close()
	}
	if w.hub != nil {
		w.hub.Close()
	}
}

// ready waits until the shop is open.
func (w *world) ready(ctx context.Context) error {
	if w.town != nil {
		return w.connect(ctx)
	}
	for w.app.Edge.Table().Generation == 0 {
		if err := w.settle(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// play sets the people up, starts the release and goes along with it.
func (w *world) play(ctx context.Context, parts *sync.WaitGroup) (Summary, error) {
	if err := w.people(ctx); err != nil {
		return Summary{}, err
	}
	if err := w.ready(ctx); err != nil { // visitors come when the shop is open
		return Summary{}, err
	}
	parts.Go(func() { w.crowd.Run(ctx) })
	w.welcome()
	if err := w.settle(ctx, 2*time.Second); err != nil { // some traffic on v1 first: that is what normal looks like
		return Summary{}, err
	}
	w.started = time.Now()
	r, err := w.begin(ctx)
	if err != nil {
		return Summary{}, err
	}
	if w.hub != nil {
		if err := w.job(ctx); err != nil {
			return Summary{}, err
		}
	}
	r, err = w.follow(ctx, r)
	if err != nil {
		return w.summary(r), err
	}
	w.line("done", r.Sentence)
	if w.scenario.Name == flagScenario {
		if err := w.confirm(ctx); err != nil {
			return w.summary(r), err
		}
	}
	if !w.opts.Exit {
		w.line("", "Everything keeps running: look around at "+w.app.URL()+". Ctrl-C ends it.")
		<-ctx.Done()
	}
	return w.summary(r), nil
}

// begin starts what the scenario is about.
func (w *world) begin(ctx context.Context) (api.Release, error) {
	if w.scenario.Name == flagScenario {
		return w.ramp(ctx)
	}
	if w.town != nil {
		return w.released(ctx)
	}
	return w.as["ada"].StartRelease(ctx, api.StartRelease{
		Version: "v2", Commit: commitV2[:7], Deployment: w.v2.URL(), Note: "New product page",
		Unscheduled: "to show how a release goes",
	})
}

// settle waits for a time.
func (w *world) settle(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

func (w *world) summary(r api.Release) Summary {
	all, failed := w.crowd.Requests()
	outcome := r.Phase
	switch outcome {
	case "completed", "aborted", "rolled_back":
	default:
		outcome = "failed"
	}
	return Summary{
		Outcome: outcome, Reason: r.Reason, Reached: r.Reached, Requests: all, Failed: failed,
		Seconds: float64(time.Since(w.started).Round(time.Millisecond)) / float64(time.Second),
		Held:    w.held(),
	}
}

// hold is a time in which the release was held for something behind both versions.
type hold struct {
	from, to time.Time
	sentence string
}

// note keeps in mind when and why the release is held for something that is not its fault.
func (w *world) note(v *api.Verdict) {
	switch {
	case v == nil || v.Cause != "incident":
		w.inTrouble = false
		return
	case !w.inTrouble:
		w.inTrouble = true
		w.holds = append(w.holds, hold{from: v.At})
	}
	h := &w.holds[len(w.holds)-1]
	h.to = v.At
	if h.sentence == "" || strings.HasPrefix(v.Sentence, "Both") && !strings.HasPrefix(h.sentence, "Both") {
		h.sentence = v.Sentence
	}
}

// held puts the holds into words.
func (w *world) held() []string {
	out := []string{}
	for _, h := range w.holds {
		out = append(out, fmt.Sprintf("from %s to %s UTC. %s", h.from.UTC().Format("15:04:05"),
			h.to.UTC().Format("15:04:05"), h.sentence))
	}
	return out
}

// Expected reports whether a summary is what the scenario's good strategy brings
// about.
func (s Summary) Expected(name string) bool {
	want, err := scenario(name)
	return err == nil && want.Outcome == s.Outcome
}
