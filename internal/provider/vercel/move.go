package vercel

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/provider"
	api "github.com/slipwayhq/slipway/internal/vercel"
)

// maxCalls bounds what one try does: a rolling release has fewer stages.
const maxCalls = 64

// mover makes one routing true.
type mover struct {
	p     *Provider
	w     wanted
	wrote bool   // something was asked for: Vercel may still do it
	moved bool   // production's domains were moved
	made  string // id of the build that was made again to go back to
	tried bool   // to go back without seeing
}

// look reads what Vercel says of production. Who serves it is read last: a call that follows rests on that.
func (p *Provider) look(ctx context.Context) (view, error) {
	var v view
	var err error
	moved, rolled := p.newest("project"), p.newest("rolling")
	v.rolling, err = p.o.Client.RollingRelease(ctx, p.o.Project)
	switch status := api.StatusOf(err); {
	case status == http.StatusPaymentRequired, status == http.StatusNotFound, // the plan has none
		status == http.StatusForbidden && p.o.Mode == ModeProxy: // nobody needs the right
		err = nil
	}
	if err != nil {
		return v, err
	}
	if v.project, err = p.o.Client.Project(ctx, p.o.Project); err != nil {
		return v, err
	}
	p.keep(v.project.ID)
	if err := p.seen("project", v.project.Last.At(), moved); err != nil {
		return v, err
	}
	if v.project.Production, err = p.original(ctx, v.project.Production); err != nil {
		return v, err
	}
	p.learn(v.project.Address)
	p.learn(v.project.Domains...)
	if v.rolling != nil {
		p.learn(v.rolling.BaseURL, v.rolling.URL)
		err = p.seen("rolling", v.rolling.Updated, rolled)
	}
	return v, err
}

// move makes the calls that are missing.
func (m *mover) move(ctx context.Context) error {
	mode, err := m.p.way(ctx, m.w)
	if !m.w.Back {
		if err != nil {
			return err
		}
		if _, err = m.production(ctx, mode); err == nil && mode == ModeProxy {
			err = m.table(ctx)
		}
		return err
	}
	// The table turns at once, and production need not have changed at all; neither waits for the other.
	var late error
	if mode == ModeProxy || err != nil && m.p.o.Config != "" {
		late = m.table(ctx)
	}
	v, err := m.production(ctx, mode)
	if err != nil {
		return err
	}
	if late != nil {
		return late
	}
	return m.seal(ctx, v)
}

// production makes call after call until nothing is missing.
func (m *mover) production(ctx context.Context, mode string) (view, error) {
	ctx, cancel := context.WithTimeout(ctx, m.p.o.Confirm)
	defer cancel()
	var last error
	var refused, ready call
	for range maxCalls {
		v, err := m.p.look(ctx)
		if err != nil && m.blind(ctx, mode, err) {
			continue
		}
		if err != nil {
			return v, err
		}
		c, err := decide(m.w, v, mode)
		switch {
		case err != nil:
			return v, err
		case c.verb == done:
			return v, m.settled(ctx, v)
		case c.verb == wait:
			if err := m.pause(ctx); err != nil {
				return v, err
			}
			continue
		}
		if err := m.p.fence(ctx, m.w); err != nil {
			return v, err
		}
		if c != ready { // between the last look and the call there is nothing else
			if err := m.prepare(ctx, c, v); err != nil {
				return v, err
			}
			if ready = c; c.verb == start || c.verb == promote || c.verb == complete {
				continue
			}
		}
		last = m.do(ctx, c, v)
		// A refusal may only say that the state is another than the one that was read, such as the one that is wanted.
		switch status := api.StatusOf(last); {
		case last == nil:
		case status == http.StatusConflict,
			(status == http.StatusBadRequest || status == http.StatusUnprocessableEntity) && refused != c:
			refused = c
			if err := m.pause(ctx); err != nil {
				return v, last
			}
		default:
			return v, last
		}
	}
	return view{}, fault.Wrap(last, fault.Unavailable, "vercel_unsettled", "Vercel takes the calls and does not follow.")
}

// blind goes back once without seeing where production is: Vercel refuses what is so already, and a way back does not
// wait until Vercel can say what it serves. It is confirmed by what is read afterwards all the same.
func (m *mover) blind(ctx context.Context, mode string, unseen error) bool {
	if was := m.w.Before; mode == ModeProxy && was != nil && was.Canary != "" {
		return false // the table is all that has to turn
	}
	m.p.mu.Lock()
	project := m.p.known
	m.p.mu.Unlock()
	if !m.w.Back || m.tried || project == "" || fault.ReasonOf(unseen) == "vercel_token" || m.p.fence(ctx, m.w) != nil {
		return false
	}
	m.tried, m.wrote = true, true
	_ = m.p.o.Client.Rollback(ctx, project, m.w.Stable.ID)
	return true
}

// prepare does what a call needs and no visitor sees: the build is looked at, the stages are planned, Slipway's own
// check lets it pass.
func (m *mover) prepare(ctx context.Context, c call, v view) error {
	if c.verb != start && c.verb != promote && c.verb != complete {
		return nil
	}
	m.wrote = true
	if err := m.p.fit(ctx, c.id, v.project.ID); err != nil {
		return err
	}
	if c.verb == start {
		if err := m.plan(ctx, v.project.ID); err != nil {
			return err
		}
	}
	return m.pass(ctx, v.project, c.id, true)
}

// pass concludes Slipway's check of a build. That Vercel has no checks, or lets nobody use them, stops nothing.
func (m *mover) pass(ctx context.Context, project api.Project, id string, ok bool) error {
	err := m.p.conclude(ctx, project, id, ok, m.w)
	switch fault.KindOf(err) {
	case "", fault.Unavailable, fault.Limited:
		return err
	}
	provider.Note(ctx, fault.MessageOf(err))
	return nil
}

// plan says that a rolling release goes by the strategy's steps.
func (m *mover) plan(ctx context.Context, project string) error {
	have, err := m.p.o.Client.RollingConfig(ctx, project)
	if err != nil {
		return err
	}
	want := api.RollingConfig{Enabled: true, AdvancementType: "manual-approval", Stages: stages(m.w)}
	if same(have, want) {
		return nil
	}
	return m.p.o.Client.SetRollingConfig(ctx, project, want)
}

// pause waits for Vercel between two looks.
func (m *mover) pause(ctx context.Context) error {
	t := time.NewTimer(m.p.o.Poll)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return fault.Wrap(ctx.Err(), fault.Unavailable, provider.UnderWay, "Vercel is still moving production's domains.")
	case <-t.C:
		return nil
	}
}

// do makes one call and waits until Vercel has carried it out.
func (m *mover) do(ctx context.Context, c call, v view) error {
	project := v.project.ID
	m.wrote = true
	switch c.verb {
	case start:
		return m.p.o.Client.StartRolling(ctx, project, c.id)
	case approve:
		return m.p.o.Client.ApproveStage(ctx, project, c.id, c.index)
	case complete:
		if err := m.p.o.Client.CompleteRolling(ctx, project, c.id); err != nil {
			return err
		}
		return m.completed(ctx, c.id)
	case promote:
		return m.promote(ctx, c.id, v)
	case rollback:
		return m.rollback(ctx, c.id, v)
	}
	return nil
}

func same(have *api.RollingConfig, want api.RollingConfig) bool {
	if have == nil || !have.Enabled || len(have.Stages) != len(want.Stages) {
		return false
	}
	for i, s := range want.Stages {
		h := have.Stages[i]
		if h.TargetPercentage != s.TargetPercentage || h.RequireApproval != s.RequireApproval || h.Duration != nil {
			return false
		}
	}
	return true
}

// completed waits until everybody has what was the canary.
func (m *mover) completed(ctx context.Context, id string) error {
	for {
		v, err := m.p.look(ctx)
		if err != nil {
			return err
		}
		if !v.rolling.Live() && v.project.Production == id {
			m.moved = true
			return nil
		}
		if !v.rolling.Live() && !v.project.Last.Open() && v.rolling != nil && v.rolling.State == api.Aborted {
			return nil // somebody was faster: it is decided anew
		}
		if err := m.pause(ctx); err != nil {
			return err
		}
	}
}

// fit refuses a build that can't be given to production's visitors.
func (p *Provider) fit(ctx context.Context, id, project string) error {
	d, err := p.o.Client.Deployment(ctx, id)
	switch {
	case err != nil:
		return err
	case d.Project != "" && d.Project != project:
		return fault.New(fault.Invalid, "deployment_foreign", "%s is a build of another project.", id)
	case d.State != api.Ready:
		return fault.New(fault.Refused, "build_unready", "%s is %s on Vercel: %s.", id, d.State, or(d.Error, "not ready"))
	case d.Target != "production":
		return fault.New(fault.Invalid, "deployment_preview",
			"%s was built for a preview: on Vercel promoting it would build it again, and what was tried is not what is served.",
			id)
	}
	return nil
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// promote has production's domains point at a build, which turns automatic assignment on again after a rollback.
func (m *mover) promote(ctx context.Context, id string, v view) error {
	queued, err := m.p.o.Client.Promote(ctx, v.project.ID, id)
	if err != nil {
		return err // Vercel refuses to promote what is current: that is read next
	}
	if queued {
		return elsewhere("a rolling release is active, and Vercel has put the promotion in a queue")
	}
	if err := m.follow(ctx, "promote", id); err != nil {
		return err
	}
	now, err := m.p.look(ctx)
	if last := now.project.Last; err == nil && last != nil && last.To == id && last.From != "" &&
		last.From != v.project.Production {
		provider.Note(ctx, "In the same moment another hand had put "+last.From+" into production; it was replaced.")
	}
	return err
}

// follow waits until Vercel has moved every domain, by the rules of its own command line.
func (m *mover) follow(ctx context.Context, verb, id string) error {
	served := m.p.serves(id)
	for {
		v, err := m.p.look(ctx)
		if err != nil {
			return err
		}
		last := v.project.Last
		mine := last != nil && last.Type == verb && last.To == id
		switch {
		case mine && last.Status == "failed":
			return m.p.failures(ctx, v.project.ID, verb, id)
		case mine && last.Status == "skipped":
			return fault.New(fault.Conflict, "vercel_skipped", "Vercel has left out to %s %s.", verb, id)
		case (!mine || last.Status == "succeeded") && !last.Open() && !v.rolling.Live() && v.project.Production == served:
			m.moved = true
			return nil
		case v.rolling.Live() && v.rolling.Canary == id && verb == "promote":
			return nil // the project turns promotions into rolling releases: that one is completed next
		}
		if err := m.pause(ctx); err != nil {
			return err
		}
	}
}

// failures names each domain that did not follow.
func (p *Provider) failures(ctx context.Context, project, verb, id string) error {
	list, err := p.o.Client.Failures(ctx, project, verb)
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "aliases_failed",
			"Not every domain points at %s, and Vercel does not say which.", id)
	}
	var names []string
	for _, f := range list {
		names = append(names, fmt.Sprintf("%s (%s)", f.Alias, f.Status))
	}
	return fault.New(fault.Unavailable, "aliases_failed", "These domains do not point at %s: %s.", id,
		or(strings.Join(names, ", "), "Vercel names none"))
}

// settled looks whether production's domains are there once production was moved: a build that is current may not be
// assigned yet. New builds reach production by themselves as they did before a rollback ended that.
func (m *mover) settled(ctx context.Context, v view) error {
	if a := m.w.Auto; m.w.canary() == "" && !m.w.Back && a != nil && *a != *v.project.AutoAssign {
		if err := m.p.o.Client.SetProject(ctx, v.project.ID, map[string]any{"autoAssignCustomDomains": *a}); err != nil {
			return err
		}
	}
	if !m.moved {
		return nil
	}
	for {
		d, err := m.p.o.Client.Deployment(ctx, or(m.made, m.w.target()))
		switch {
		case err != nil:
			return err
		case d.AliasError != "":
			return fault.New(fault.Unavailable, "aliases_failed", "Vercel could not point the domains at %s: %s.", d.ID,
				d.AliasError)
		case d.Aliased:
			return nil
		}
		if err := m.pause(ctx); err != nil {
			return err
		}
	}
}

// target is what everybody gets once the routing is true.
func (w wanted) target() string {
	if w.Share >= 100 && w.Canary != nil {
		return w.Canary.ID
	}
	return w.Stable.ID
}
