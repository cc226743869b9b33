package app

import (
	"crypto/sha256"
	"time"

	"github.com/slipwayhq/slipway/internal/engine/incidents"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/flagset"
	"github.com/slipwayhq/slipway/internal/ofrep"
	"github.com/slipwayhq/slipway/internal/server"
	"github.com/slipwayhq/slipway/internal/telemetry"
)

// openFlags makes what programs evaluate flags at. All nodes have the same seed, so that the address of an
// event stream holds at each of them, whichever of them lacks a key of the vault.
func (a *App) openFlags(seed []byte, m *telemetry.Metrics) {
	var environments []string
	for _, e := range a.opts.Strategy.Environments() {
		environments = append(environments, e.Name)
	}
	a.flags = flagset.New(flagset.Options{
		DB: a.DB, Live: a.live, App: a.opts.Strategy.App, Environments: environments, Log: a.opts.Log,
		Write: a.Engine.Flags.AddUsage, Keep: a.Engine.Flags.KeepUsage,
	})
	secret := sha256.Sum256(append([]byte("the addresses of event streams of flags\n"), seed...))
	addresses := &server.Addresses{Proxies: a.opts.Proxies, Log: a.opts.Log}
	m.Counter("slipway_flag_unnamed_proxy_total", "Requests that a proxy passed on which --trusted-proxy does not name.",
		func() float64 { return float64(addresses.Unnamed()) })
	a.door = ofrep.New(ofrep.Options{
		Flags: a.flags, Token: a.People.FromToken, TokenOf: a.People.FromTokenHash, Secret: secret[:], Log: a.opts.Log,
		Stop: a.stop, Panicked: m.Panic,
		Address: addresses.Of,
	})
	m.Gauge("slipway_flag_streams", "Event streams of flags that are open.",
		func() float64 { return float64(a.door.Numbers().Streams) })
	m.Counter("slipway_flag_requests_total", "Requests to evaluate one flag or all.",
		func() float64 { return float64(a.door.Numbers().Evaluations) })
	m.Counter("slipway_flag_evaluations_total", "Flags that were evaluated for requests.",
		func() float64 { return float64(a.door.Numbers().Flags) })
	m.Counter("slipway_flag_evaluation_seconds_total", "How long evaluating them took, in all.",
		func() float64 { return a.door.Numbers().Took.Seconds() })
	m.Counter("slipway_flag_unchanged_total", "Requests for all flags that were answered without evaluating.",
		func() float64 { return float64(a.door.Numbers().Unchanged) })
	m.Counter("slipway_flag_unauthorized_total", "Requests for flags without a key that holds there.",
		func() float64 { return float64(a.door.Numbers().Refused) })
	m.Counter("slipway_flag_limited_total", "Requests for flags that a key's rate refused.",
		func() float64 { return float64(a.door.Numbers().Limited) })
	m.Counter("slipway_flag_sets_refused_total", "Sets of flags that did not compile: the last good one stayed.",
		func() float64 { all, _ := a.flags.Refused(); return float64(all) })
	m.Gauge("slipway_flag_set_wrong", "1 while the newest flags of an environment do not compile.", func() float64 {
		if _, now := a.flags.Refused(); now {
			return 1
		}
		return 0
	})
}

// serving is what programs that ask this process are given of a flag.
func (a *App) serving(environment, key string) incidents.Serving {
	set := a.flags.Set(environment)
	if set == nil {
		return incidents.Serving{}
	}
	e := set.Snapshot.Evaluate(key, nil, time.Now())
	return incidents.Serving{Known: true, Generation: set.Generation, Variant: e.Variant,
		Everybody: e.Reason == flag.Static || e.Reason == flag.DisabledReason}
}
