// Package vercel moves the traffic of an application that runs on Vercel, in two ways: by Vercel's rolling releases, or
// by a table in Global Config that the application's own proxy reads (see docs/vercel-proxy-table.md).
//
// What is wanted is stored first, under its generation, which refuses older ones. Then the platform is moved: its state
// is read, [decide] says the one call that is missing, the call is made, and the state is read again, until nothing is
// missing. So a crash between two calls, a repeated try and an answer that got lost all end alike. Vercel has no
// compare-and-set: before each call the stored generation is looked at once more, and a call that was overtaken all the
// same makes true what is wanted by then. Other people can change production by Vercel's own means: a raise refuses to
// go over what it finds then. Only going back goes over everything.
package vercel

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/provider"
	api "github.com/slipwayhq/slipway/internal/vercel"
)

var _ provider.Platform = (*Provider)(nil)

// The ways to a canary.
const (
	ModeRolling = "rolling"
	ModeProxy   = "proxy"
	ModeAuto    = "auto" // rolling where the plan has it, else proxy
)

// CheckName is the name of Slipway's own check on Vercel.
const CheckName = "slipway"

// Options are what a Provider stands on.
type Options struct {
	Client  *api.Client
	Project string // id or name
	Mode    string
	Domain  string                       // host at which visitors come in; empty: what Vercel names first
	Config  string                       // id of the Global Config; needed for ModeProxy
	Bypass  func(context.Context) string // secret that opens protected deployments; nil or empty: none is needed
	Gate    bool                         // Vercel is told by a check of its own what Slipway has not passed
	Address string                       // of Slipway, for the check's link
	// Publish stores what is wanted and returns what is stored for the generation. Faults: Conflict stale_generation.
	Publish func(ctx context.Context, app string, generation uint64, doc json.RawMessage) (json.RawMessage, error)
	// Wanted returns the newest that was published. Faults: NotFound.
	Wanted  func(ctx context.Context, app string) (uint64, json.RawMessage, error)
	Now     func() time.Time
	Poll    time.Duration // between looks while Vercel is at it; 250 ms
	Confirm time.Duration // how long a call waits for Vercel; 20 s
	Writes  int           // to the Global Config in a day; 400 of the 480 that a paid plan has
}

// Provider is an application on Vercel.
type Provider struct {
	o Options

	mu    sync.Mutex
	hosts map[string]bool // that Vercel named as this project's
	// strange are hosts that it did not, and until when that holds.
	strange map[string]time.Time
	names   map[string]string // id of a build that was made again → the one that it stands for
	mode    string            // what ModeAuto has come to
	until   time.Time         // of mode
	high    high
	check   string // id of Slipway's check
	known   string // id of the project

	plan      string // of the team
	planUntil time.Time
}

// New returns a provider.
func New(o Options) *Provider {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Poll == 0 {
		o.Poll = 250 * time.Millisecond
	}
	if o.Confirm == 0 {
		o.Confirm = 20 * time.Second
	}
	if o.Writes == 0 {
		o.Writes = 400
	}
	return &Provider{o: o, hosts: map[string]bool{}, strange: map[string]time.Time{}, names: map[string]string{}}
}

// Route stores the routing and makes it true on Vercel.
func (p *Provider) Route(ctx context.Context, key string, r provider.Routing) error {
	if r.Back {
		ctx = api.Urgent(ctx)
	}
	w, err := p.publish(ctx, r)
	if err != nil {
		return fmt.Errorf("publish routing %d for %s: %w", r.Generation, key, err)
	}
	m := &mover{p: p, w: w}
	err = m.move(ctx)
	if overtaken := p.fence(ctx, w); overtaken != nil {
		if m.wrote { // a call of this routing may have come after those of the newer one
			p.repair(ctx, w.App)
		}
		return fmt.Errorf("route %s: %w", key, overtaken)
	}
	if err != nil {
		return marked(fmt.Errorf("route %s: %w", key, err))
	}
	return nil
}

// fence refuses to go on once something newer is wanted.
func (p *Provider) fence(ctx context.Context, w wanted) error {
	newest, _, err := p.o.Wanted(context.WithoutCancel(ctx), w.App)
	if err != nil {
		return err
	}
	if newest != w.Generation {
		return fault.New(fault.Conflict, "stale_generation", "Generation %d is in force; %d comes too late.", newest,
			w.Generation)
	}
	return nil
}

// repair makes true what is wanted by now. What comes of it is seen by whoever wanted it.
func (p *Provider) repair(ctx context.Context, app string) {
	_, doc, err := p.o.Wanted(ctx, app)
	if err != nil {
		return
	}
	if w, err := decode(doc); err == nil {
		_ = (&mover{p: p, w: w}).move(ctx)
	}
}

// way is how the canary of a routing gets its visitors.
func (p *Provider) way(ctx context.Context, w wanted) (string, error) {
	if w.Mode != "" { // a canary goes on as it began, whatever the strategy says by now
		return w.Mode, nil
	}
	if p.o.Mode != ModeAuto && p.o.Mode != "" {
		return p.o.Mode, nil
	}
	now := p.o.Now()
	p.mu.Lock()
	mode, until := p.mode, p.until
	p.mu.Unlock()
	if mode != "" && now.Before(until) {
		return mode, nil
	}
	id, err := p.id(ctx)
	if err != nil {
		return "", err
	}
	slots, have, err := p.o.Client.RollingSlots(ctx, id)
	if err != nil && api.StatusOf(err) != http.StatusPaymentRequired {
		return "", err
	}
	if mode, err = Pick(p.o.Mode, id, slots, have, p.o.Config); err != nil {
		return "", err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mode, p.until = mode, now.Add(10*time.Minute)
	return mode, nil
}

// Pick returns the way to a canary that the strategy names, or that a project's plan leaves. slots and have are
// Vercel's words on rolling releases: what the plan has, and which projects use it.
func Pick(mode, project, slots string, have []string, config string) (string, error) {
	switch {
	case mode == ModeRolling || mode == ModeProxy:
		return mode, nil
	case slots == api.SlotsUnlimited || slots == api.SlotsLeft, slots == api.SlotsTaken && slices.Contains(have, project):
		return ModeRolling, nil
	case config != "":
		return ModeProxy, nil
	}
	return "", fault.New(fault.Refused, "canary_impossible",
		"The plan on Vercel has no rolling release for the project (%s), and no Global Config is named: add "+
			"target.vercel.global_config with the application's proxy.ts, or change the plan.", or(slots, "no word on it"))
}

// id is the project's id, which never changes.
func (p *Provider) id(ctx context.Context) (string, error) {
	p.mu.Lock()
	known := p.known
	p.mu.Unlock()
	if known != "" {
		return known, nil
	}
	project, err := p.o.Client.Project(ctx, p.o.Project)
	if err == nil {
		p.keep(project.ID)
	}
	return project.ID, err
}

func (p *Provider) keep(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known = id
}

// Access returns the header that opens a protected deployment, for hosts that Vercel itself names as this project's.
func (p *Provider) Access(ctx context.Context, address string) http.Header {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || p.o.Bypass == nil || u.Scheme != "https" && !p.o.Client.Plain() {
		return nil
	}
	secret := p.o.Bypass(ctx)
	if secret == "" || !p.ours(ctx, u) {
		return nil
	}
	return http.Header{"X-Vercel-Protection-Bypass": {secret}}
}

// ours says whether a host is this project's. Another node may have met it, or this one before it was started again: so
// Vercel is asked, now and then.
func (p *Provider) ours(ctx context.Context, u *url.URL) bool {
	now := p.o.Now()
	p.mu.Lock()
	known, asked := p.hosts[u.Host], now.Before(p.strange[u.Host])
	p.mu.Unlock()
	if known || asked {
		return known
	}
	_, err := p.Find(ctx, provider.Ref{URL: "https://" + u.Host}) // which learns what Vercel calls the deployment
	p.mu.Lock()
	defer p.mu.Unlock()
	if known = p.hosts[u.Host]; !known && (err == nil || fault.Is(err, fault.NotFound)) {
		if len(p.strange) > 2000 {
			clear(p.strange)
		}
		p.strange[u.Host] = now.Add(time.Minute)
	}
	return known
}

// learn keeps hosts that Vercel named.
func (p *Provider) learn(hosts ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.hosts) > 2000 {
		clear(p.hosts)
	}
	for _, h := range hosts {
		if h != "" {
			p.hosts[h] = true
		}
	}
}

// address makes an address of a host.
func (p *Provider) address(host string) string {
	if host == "" {
		return ""
	}
	if p.o.Client.Plain() {
		return "http://" + host
	}
	return "https://" + host
}
