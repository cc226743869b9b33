package vercel

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	fake "github.com/slipwayhq/slipway/internal/fake/vercel"
	"github.com/slipwayhq/slipway/internal/provider"
	"github.com/slipwayhq/slipway/internal/provider/providertest"
	api "github.com/slipwayhq/slipway/internal/vercel"
)

// city is the fake, with a project whose builds are called by the contract's names.
type city struct {
	*fake.World
	t      *testing.T
	shelf  *shelf
	config api.Connection

	mu     sync.Mutex
	builds map[string]fake.Deployment // by Slipway's id
}

func newCity(t *testing.T, edit ...func(*fake.Options)) *city {
	t.Helper()
	o := fake.Options{AliasDelay: 3 * time.Millisecond, Log: t.Logf}
	for _, e := range edit {
		e(&o)
	}
	c := &city{World: fake.New(o), t: t, shelf: &shelf{}, builds: map[string]fake.Deployment{}}
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if _, err := c.AddProject(fake.ProjectOrder{Name: "shop", Repository: "acme/shop", Domains: 1}); err != nil {
		t.Fatal(err)
	}
	config, err := api.ParseConnection(c.AddGlobalConfig("shop").Connection)
	if err != nil {
		t.Fatal(err)
	}
	c.config = config
	for _, id := range []string{"dep_a", "dep_b"} {
		c.push(id)
		if id == "dep_a" {
			c.wait(func() bool { p, _ := c.Project("shop"); return p.Production != "" })
			client := c.client()
			if err := client.SetProject(t.Context(), "shop", map[string]any{"autoAssignCustomDomains": false}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return c
}

// wait lets the world go on until something is so.
func (c *city) wait(so func() bool) {
	c.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-c.t.Context().Done():
			c.t.Fatal("it never comes")
		case <-tick.C:
			c.Settle()
		}
	}
}

// push has a build made for production.
func (c *city) push(id string) {
	c.t.Helper()
	d, err := c.Push("shop", strings.Repeat(id[len(id)-1:], 40), "main", id)
	if err == nil {
		d, err = c.Wait(c.t.Context(), d.ID)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	c.builds[id] = d
}

func (c *city) client() *api.Client {
	return api.New(api.Options{API: c.URL(), Backoff: time.Millisecond,
		Token: func(context.Context) (string, error) { return "token", nil },
		Read:  c.config.Address, Reader: func(context.Context) (string, error) { return c.config.Token, nil }})
}

func (c *city) node(mode string, edit ...func(*Options)) *named {
	o := Options{Client: c.client(), Project: "shop", Mode: mode, Publish: c.shelf.publish, Wanted: c.shelf.wanted,
		Poll: 2 * time.Millisecond, Confirm: 10 * time.Second}
	if mode != ModeRolling {
		o.Config = c.config.Config
	}
	for _, e := range edit {
		e(&o)
	}
	return &named{c, New(o)}
}

// named is a provider whose deployments the contract names.
type named struct {
	city *city
	*Provider
}

// Route implements provider.Provider.
func (n *named) Route(ctx context.Context, key string, r provider.Routing) error {
	name := func(a *provider.Arm) {
		d := n.city.builds[a.ID]
		a.External, a.URL = d.ID, "http://"+d.URL
	}
	name(&r.Stable)
	if r.Canary != nil {
		c := *r.Canary
		name(&c)
		r.Canary = &c
	}
	r.Retired = slices.Clone(r.Retired)
	for i := range r.Retired {
		name(&r.Retired[i])
	}
	return n.Provider.Route(ctx, key, r)
}

// served asks a provider what is served, and names it as the contract does.
func (c *city) served(p *named) providertest.Served {
	s, err := p.Serving(c.t.Context())
	if err != nil {
		c.t.Error(err)
	}
	generation, _, _ := c.shelf.wanted(c.t.Context(), "shop")
	out := providertest.Served{Generation: generation, Share: s.Share}
	for id, d := range c.builds {
		switch d.ID {
		case s.Stable:
			out.Stable = id
		case s.Canary:
			out.Canary = id
		}
	}
	return out
}

func (c *city) writes() []fake.Request {
	return slices.DeleteFunc(c.Requests(), func(r fake.Request) bool { return r.Method == http.MethodGet })
}

func (c *city) contract(mode string) providertest.World {
	p := c.node(mode)
	return providertest.World{
		Provider: p, Platform: true, Serves: func() providertest.Served { return c.served(c.node(mode)) },
		Changes: func() int { return len(c.writes()) },
		Late: func(late bool) {
			if c.Heal(); late {
				c.Fail(fake.Trouble{Method: http.MethodPost, Times: -1, Status: 503})
				c.Fail(fake.Trouble{Method: http.MethodPatch, Times: -1, Status: 503})
			}
		},
		Silence: func() { c.Outage(true) },
	}
}

func TestBothWaysKeepTheContractOverTheFake(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{ModeRolling, ModeProxy} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			providertest.Run(t, func(t *testing.T) providertest.World { return newCity(t).contract(mode) })
		})
	}
}
