package setup

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/slipwayhq/slipway/internal/fault"
	onvercel "github.com/slipwayhq/slipway/internal/provider/vercel"
	api "github.com/slipwayhq/slipway/internal/vercel"
)

// Step is one thing that is done on Vercel, or is not.
type Step struct {
	Do   string `json:"do"` // make, change, drop, keep, or skip
	What string `json:"what"`
	ID   string `json:"id,omitempty"` // Vercel's own, once it is there
	Why  string `json:"why,omitempty"`

	act func(context.Context, *Step, *made) error
}

// Changes reports whether it changes anything.
func (s Step) Changes() bool { return s.act != nil }

// Secret is a line of the environment that Slipway runs in.
type Secret struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// made is what came of the steps before.
type made struct {
	secrets []Secret
	hook    string // id of the webhook
}

// set says what a variable must be.
func (m *made) set(name, value string) {
	m.secrets = slices.DeleteFunc(m.secrets, func(s Secret) bool { return s.Name == name })
	m.secrets = append(m.secrets, Secret{name, value})
}

// Plan is what would be done.
type Plan struct {
	Project string `json:"project"`
	Steps   []Step `json:"steps"`

	made made
}

// Changes is how many steps change something.
func (p Plan) Changes() int {
	n := 0
	for _, s := range p.Steps {
		if s.Changes() {
			n++
		}
	}
	return n
}

// Secrets are the variables that Slipway must be started with from now on. Some are told once.
func (p *Plan) Secrets() []Secret { return p.made.secrets }

// Make carries the plan out. After a fault the secrets of what was made before are there all the same.
func (p *Plan) Make(ctx context.Context, done func(Step)) error {
	for i := range p.Steps {
		s := &p.Steps[i]
		if s.act == nil {
			continue
		}
		if err := s.act(ctx, s, &p.made); err != nil {
			return fmt.Errorf("%s %s: %w", s.Do, s.What, err)
		}
		done(*s)
	}
	return nil
}

// connection is what there is while a plan is made.
type connection struct {
	o       Options
	project string
	hooks   []api.Hook // of Slipway, the newest first
	drains  []api.Drain
	checks  []api.Check
	hobby   bool
	rotate  bool // what signs is to be changed
	resign  bool // what drains sign with is
	p       *Plan
}

// Connect plans what is missing so that Vercel delivers to Slipway and asks it before it promotes. With rotate, what
// signs is changed, in two runs, so that no delivery is refused in between.
func Connect(ctx context.Context, o Options, rotate bool) (*Plan, error) {
	if err := reachable(o); err != nil {
		return nil, err
	}
	c, err := open(ctx, o)
	if err != nil {
		return nil, err
	}
	c.rotate = rotate
	if err := c.drain(); err != nil { // first, so that a Slipway that can keep nothing says so before anything is made
		return nil, err
	}
	c.hook()
	c.check()
	return c.p, nil
}

// Disconnect plans to take away all that Connect made.
func Disconnect(ctx context.Context, o Options) (*Plan, error) {
	c, err := open(ctx, o)
	if err != nil {
		return nil, err
	}
	for _, k := range c.checks {
		c.add(Step{Do: "drop", What: "the check " + k.Name, ID: k.ID, Why: "Vercel waits for it before it promotes.",
			act: func(ctx context.Context, _ *Step, _ *made) error { return o.Client.DropCheck(ctx, c.project, k.ID) }})
	}
	for _, d := range c.drains {
		c.add(Step{Do: "drop", What: "the drain " + d.Name, ID: d.ID, Why: "It delivers to " + d.Address() + ".",
			act: func(ctx context.Context, _ *Step, _ *made) error { return o.Client.DropDrain(ctx, d.ID) }})
	}
	for _, h := range c.hooks {
		c.dropHook(h, "It delivers to "+h.URL+".")
	}
	return c.p, nil
}

// reachable refuses an address to which Vercel can't deliver.
func reachable(o Options) error {
	u, err := url.Parse(o.Slipway)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery != "" || u.User != nil {
		return fault.New(fault.Invalid, "slipway_address",
			"Say where Vercel reaches Slipway: --url https://slipway.example.com.")
	}
	ip := net.ParseIP(u.Hostname())
	local := u.Hostname() == "localhost" || ip != nil && (ip.IsLoopback() || ip.IsPrivate() || ip.IsUnspecified())
	if (local || u.Scheme == "http") && !o.Client.Plain() {
		return fault.New(fault.Invalid, "slipway_address",
			"Vercel can't deliver to %s: it needs an https address that the internet reaches.", o.Slipway)
	}
	return nil
}

// open reads what there is of Slipway's on Vercel.
func open(ctx context.Context, o Options) (*connection, error) {
	p, err := o.Client.Project(ctx, o.Project)
	if fault.ReasonOf(err) == "vercel_token" { // a release waits for another token; the person who gave it does not
		return nil, fault.Wrap(err, fault.Unknown, "vercel_token", "%s", fault.MessageOf(err))
	}
	if err != nil {
		return nil, err
	}
	t, err := o.Client.Team(ctx)
	if err != nil {
		return nil, err
	}
	c := &connection{o: o, project: p.ID, hobby: t.Billing.Plan == "hobby", p: &Plan{Project: p.Name}}
	checks, err := o.Client.Checks(ctx, p.ID)
	if err != nil {
		return nil, err
	}
	for _, k := range checks {
		if k.Name == onvercel.CheckName {
			c.checks = append(c.checks, k)
		}
	}
	if c.hobby {
		return c, nil
	}
	hooks, err := o.Client.Hooks(ctx)
	if err != nil {
		return nil, err
	}
	for _, h := range hooks {
		if o.ours(h.URL, hookPath) && slices.Contains(h.Projects, p.ID) {
			c.hooks = append(c.hooks, h)
		}
	}
	slices.SortFunc(c.hooks, func(a, b api.Hook) int { return int(b.Created - a.Created) })
	drains, err := o.Client.Drains(ctx)
	if err != nil {
		return nil, err
	}
	for _, w := range o.wantedDrains() {
		for _, d := range drains {
			if w.is(o, d, p.ID) && !slices.ContainsFunc(c.drains, func(x api.Drain) bool { return x.ID == d.ID }) {
				c.drains = append(c.drains, d)
			}
		}
	}
	return c, nil
}

func (c *connection) add(s Step) { c.p.Steps = append(c.p.Steps, s) }

const noSecret = "Its secret cannot be read again: if Slipway has it not, run this again with --rotate."

// hook plans the webhook. Vercel knows no change of one: another is made, and the old one goes once Slipway has the
// secrets of both: at once where Slipway keeps them itself, else with the next run.
func (c *connection) hook() {
	if c.hobby {
		c.add(Step{Do: "skip", What: "a webhook", Why: "The plan has none: Slipway looks every few seconds instead."})
		return
	}
	have, keeps := c.o.secrets(c.o.Names.Webhook), c.o.Keep != nil
	good := slices.IndexFunc(c.hooks, func(h api.Hook) bool { return len(c.o.lacking(h.Events)) == 0 })
	if good < 0 || c.rotate && (keeps || len(c.hooks) == 1) {
		why := "Slipway hears at once of what others change."
		if len(c.hooks) > 0 {
			why = "It takes the place of " + c.hooks[0].ID + "."
			if !keeps {
				why += " That goes with the next run, when Slipway has both secrets."
			}
		}
		c.add(Step{Do: "make", What: "a webhook to " + c.o.Slipway + hookPath, Why: why, act: c.makeHook(have)})
		if keeps {
			c.dropHooks(c.hooks)
		}
		return
	}
	k := Step{Do: "keep", What: "the webhook to " + c.hooks[good].URL, ID: c.hooks[good].ID}
	c.p.made.hook = k.ID
	if !c.o.signed(ofHooks) {
		k.Why = noSecret
	}
	c.add(k)
	if len(have) > 1 || c.rotate || keeps {
		c.dropHooks(slices.Delete(slices.Clone(c.hooks), good, good+1))
	}
	if len(c.hooks) > 1 && len(have) > 1 {
		c.p.made.set(c.o.Names.Webhook, have[len(have)-1])
	}
}

func (c *connection) makeHook(have []string) func(context.Context, *Step, *made) error {
	return func(ctx context.Context, s *Step, m *made) error {
		h, err := c.o.Client.CreateHook(ctx, api.Hook{URL: strings.TrimRight(c.o.Slipway, "/") + hookPath,
			Events: c.o.wanted(), Projects: []string{c.project}})
		if err != nil {
			return err
		}
		s.ID, m.hook = h.ID, h.ID
		if c.o.Keep != nil {
			if err = c.o.Keep(ctx, ofHooks, h.Secret); err == nil {
				return nil
			}
		}
		m.set(c.o.Names.Webhook, strings.Join(append(have, h.Secret), ","))
		return err
	}
}

func (c *connection) dropHooks(list []api.Hook) {
	for _, h := range list {
		c.dropHook(h, "Another has its place.")
	}
}

func (c *connection) dropHook(h api.Hook, why string) {
	c.add(Step{Do: "drop", What: "the webhook to " + h.URL, ID: h.ID, Why: why,
		act: func(ctx context.Context, _ *Step, _ *made) error { return c.o.Client.DropHook(ctx, h.ID) }})
}

// drain plans the drains. All sign with the last secret of the variable.
func (c *connection) drain() error {
	have := c.o.secrets(c.o.Names.Drain)
	var lack []wantedDrain
	var kept []api.Drain
	for _, w := range c.o.wantedDrains() {
		i := slices.IndexFunc(c.drains, func(d api.Drain) bool { return w.is(c.o, d, c.project) })
		switch {
		case i >= 0:
			kept = append(kept, c.drains[i])
		case !w.needed:
			c.add(Step{Do: "skip", What: strings.ToLower(w.what), Why: w.unneeded})
		case c.hobby:
			c.add(Step{Do: "skip", What: strings.ToLower(w.what), Why: "The plan has no drains: guards go by another source."})
		default:
			lack = append(lack, w)
		}
	}
	secret, wait, err := c.signs(have, len(kept) > 0, len(lack) > 0)
	if err != nil {
		return err
	}
	for _, d := range kept {
		c.keepDrain(d, secret, have, wait)
	}
	for _, w := range lack {
		if secret == "" {
			c.add(Step{Do: "skip", What: strings.ToLower(w.what), Why: fmt.Sprintf(
				"%s is not set here, and other drains sign with it: set it, or run this again with --rotate.", c.o.Names.Drain)})
			continue
		}
		c.add(Step{Do: "make", What: fmt.Sprintf("%s to %s%s", strings.ToLower(w.what), c.o.Slipway, drainPath),
			Why: "For " + w.purpose + ".", act: func(ctx context.Context, s *Step, _ *made) error {
				d, err := c.o.Client.CreateDrain(ctx, w.order(c.o, c.project, secret))
				s.ID = d.ID
				return err
			}})
	}
	if c.rotate && c.o.Keep == nil && len(have) > 1 && len(kept) > 0 {
		c.p.made.set(c.o.Names.Drain, secret) // the old one is needed no more
	}
	return nil
}

// signs returns the secret that drains sign with from now on, empty where it is not known and need not be, and whether
// those that are there must wait until Slipway has it.
func (c *connection) signs(have []string, kept, lack bool) (secret string, wait bool, err error) {
	if len(have) > 0 {
		secret = have[len(have)-1]
	}
	if c.o.Keep != nil {
		if !c.rotate && !lack {
			return "", false, nil
		}
		// Nobody can read again what Slipway keeps: all of them sign with a new one.
		if secret, err = invent(); err != nil {
			return "", false, err
		}
		c.resign = true
		c.add(Step{Do: "make", What: "a secret that drains sign with",
			Why: "Slipway keeps it sealed, and takes the one before for another day.",
			act: func(ctx context.Context, _ *Step, _ *made) error { return c.o.Keep(ctx, ofDrains, secret) }})
		return secret, false, nil
	}
	fresh := secret == "" && (lack && !kept || c.rotate) || c.rotate && len(have) == 1 && kept
	if !fresh {
		return secret, false, nil
	}
	if secret, err = invent(); err != nil {
		return "", false, err
	}
	c.p.made.set(c.o.Names.Drain, strings.Join(append(slices.Clone(have), secret), ","))
	return secret, len(have) == 1, nil // Slipway must know the new one first
}

// keepDrain plans what becomes of a drain that is there.
func (c *connection) keepDrain(d api.Drain, secret string, have []string, wait bool) {
	s := Step{Do: "keep", What: "the drain " + d.Name, ID: d.ID}
	switch {
	case !c.resign && !c.rotate && !c.o.signed(ofDrains):
		s.Why = noSecret
	case wait:
		s.Why = "Start Slipway with both secrets first, then run this again with --rotate: then it signs with the new one."
	case c.rotate || c.resign:
		s.Do, s.Why = "change", "It signs with the new secret."
		s.act = func(ctx context.Context, _ *Step, _ *made) error {
			d.Delivery.Secret = api.Secret(secret)
			if d.Delivery.Headers == nil {
				d.Delivery.Headers = map[string]string{}
			}
			return c.o.Client.EditDrain(ctx, d.ID, map[string]any{"delivery": d.Delivery})
		}
	case d.Status != "" && d.Status != "enabled":
		s.Do, s.Why = "change", fmt.Sprintf("It is %s (%s): enable it.", d.Status, or(d.Disabled, "no reason given"))
		s.act = func(ctx context.Context, _ *Step, _ *made) error {
			return c.o.Client.EditDrain(ctx, d.ID, map[string]any{"status": "enabled"})
		}
	}
	c.add(s)
}

// invent makes a secret.
func invent() (string, error) {
	b := make([]byte, 32)
	if _, err := rand.Read(b); err != nil {
		return "", fmt.Errorf("make a secret: %w", err)
	}
	return hex.EncodeToString(b), nil
}

// check plans Slipway's own check of deployments.
func (c *connection) check() {
	if len(c.checks) == 0 {
		c.add(Step{Do: "make", What: "the check " + onvercel.CheckName + ", which blocks promotion",
			Why: "Vercel promotes nothing by itself that Slipway has not passed.",
			act: func(ctx context.Context, s *Step, m *made) error {
				k := onvercel.OwnCheck()
				if m.hook != "" {
					k.Source = &api.CheckSource{Kind: "webhook", Webhook: m.hook}
				}
				k, err := c.o.Client.CreateCheck(ctx, c.project, k)
				s.ID = k.ID
				return err
			}})
		return
	}
	k := c.checks[0]
	s := Step{Do: "keep", What: "the check " + k.Name, ID: k.ID}
	// The webhook that stays is not its own, where one is made now, too: its id is not known before.
	gone := !c.hobby && (k.Source == nil || k.Source.Webhook == "" || k.Source.Webhook != c.p.made.hook)
	want := onvercel.OwnCheck()
	if k.Blocks != want.Blocks || gone {
		s.Do, s.Why = "change", "It blocks "+want.Blocks+", by the webhook that stays."
		s.act = func(ctx context.Context, _ *Step, m *made) error {
			fields := map[string]any{"blocks": want.Blocks}
			if m.hook != "" {
				fields["source"] = api.CheckSource{Kind: "webhook", Webhook: m.hook}
			}
			return c.o.Client.EditCheck(ctx, c.project, k.ID, fields)
		}
	}
	// Before an old webhook goes, so that none is named that is no more.
	at := slices.IndexFunc(c.p.Steps, func(s Step) bool { return s.Do == "drop" })
	if at < 0 {
		at = len(c.p.Steps)
	}
	c.p.Steps = slices.Insert(c.p.Steps, at, s)
}
