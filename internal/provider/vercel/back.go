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

// rollback has production serve a build that it served before, at once; where Vercel refuses or fails, by another of
// its means. Which one it was is told.
func (m *mover) rollback(ctx context.Context, id string, v view) error {
	d, err := m.p.o.Client.Deployment(ctx, id)
	gone := fault.Is(err, fault.NotFound)
	if err != nil && !gone && api.StatusOf(err) < 500 && fault.ReasonOf(err) != "vercel_unreachable" {
		return err
	}
	why := "it is not there any more"
	if !gone && d.Substate != api.Staged { // what visitors never saw can't be rolled back to: it is promoted
		err := m.p.o.Client.Rollback(ctx, v.project.ID, id)
		if err == nil {
			if err = m.follow(ctx, "rollback", id); err == nil || fault.ReasonOf(err) == provider.UnderWay {
				m.describe(ctx, v.project.ID, id)
				return err
			}
		}
		switch {
		case api.StatusOf(err) == http.StatusConflict:
			return err // such as that it is current: that is read next
		case fault.ReasonOf(err) == "vercel_token" || ctx.Err() != nil:
			return err // no other call would fare better
		}
		why = fault.MessageOf(err)
	} else if !gone {
		why = "visitors never saw it"
	}
	return m.otherwise(ctx, id, v, gone, why)
}

// otherwise goes back without an instant rollback: by ending the rolling release, by promoting the old build, by
// building it again.
func (m *mover) otherwise(ctx context.Context, id string, v view, gone bool, why string) error {
	if now, err := m.p.look(ctx); err == nil {
		v = now // a call whose answer was lost may have been carried out
	}
	if !v.rolling.Live() && v.project.Production == id {
		return nil
	}
	if v.project.Last.Open() {
		return nil // it is waited for
	}
	// Where rolling releases are on, a promotion would begin one: nobody goes back by percentages.
	config, err := m.p.o.Client.RollingConfig(ctx, v.project.ID)
	if v.rolling.Live() || err == nil && config != nil && config.Enabled {
		off := map[string]any{"enabled": false, "disableRolloutAction": "abort"}
		if err := m.p.o.Client.EndRolling(ctx, v.project.ID, off); err != nil {
			return err
		}
	}
	if v.rolling.Live() {
		provider.Note(ctx, fmt.Sprintf("Instant rollback failed (%s); the rolling release was ended instead.", why))
		return nil // what is missing is decided anew
	}
	if !gone {
		_, err := m.p.o.Client.Promote(ctx, v.project.ID, id)
		if err == nil {
			err = m.follow(ctx, "promote", id)
		}
		if err == nil || fault.ReasonOf(err) == provider.UnderWay {
			provider.Note(ctx, fmt.Sprintf("Instant rollback was not possible (%s); %s was promoted instead.", why, id))
			return err
		}
		if api.StatusOf(err) == http.StatusConflict || fault.Is(err, fault.Unavailable) {
			return err
		}
	}
	return m.rebuild(ctx, id, v, why)
}

// rebuild makes the old build again and promotes that: the last resort, and the slow one.
func (m *mover) rebuild(ctx context.Context, id string, v view, why string) error {
	b, err := m.p.Create(ctx, provider.Order{From: id, Production: true,
		Release: fmt.Sprintf("back-%d", m.w.Generation)})
	if err != nil {
		return err
	}
	if b.State == provider.Failed {
		return fault.New(fault.Refused, "build_failed", "%s could not be built again: %s", id, b.Why)
	}
	if b.State == provider.Building {
		return fault.New(fault.Unavailable, provider.UnderWay,
			"%s can't be gone back to (%s); it is being built again as %s.", id,
			why, b.External)
	}
	m.p.standsFor(b.External, id)
	m.made = b.External
	if _, err := m.p.o.Client.Promote(ctx, v.project.ID, b.External); err != nil {
		return err
	}
	if err := m.follow(ctx, "promote", b.External); err != nil {
		return err
	}
	provider.Note(ctx, fmt.Sprintf("%s could not be gone back to (%s); it was built again as %s and promoted.", id, why,
		b.External))
	return nil
}

func (p *Provider) standsFor(id, old string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.names) > 1000 {
		clear(p.names)
	}
	p.names[id] = old
}

// serves is the build that a build counts as.
func (p *Provider) serves(id string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return or(p.names[id], id)
}

// describe says in Vercel's own pages who went back. Nothing rests on it.
func (m *mover) describe(ctx context.Context, project, id string) {
	_ = m.p.o.Client.Describe(ctx, project, id, "Slipway took production back.")
}

// seal keeps what was taken back from the visitors that are pinned to it, and from being promoted again: Vercel's
// boundary of skew protection is moved behind it, and Slipway's check of it fails.
func (m *mover) seal(ctx context.Context, v view) error {
	var boundary time.Time
	for i, id := range m.w.Banned {
		if i == 4 { // older ones were sealed when they were taken back
			break
		}
		d, err := m.p.o.Client.Deployment(ctx, id)
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if at := d.Created.Add(time.Millisecond); !d.Created.IsZero() && at.After(boundary) {
			boundary = at
		}
		if err := m.pass(ctx, v.project, id, false); err != nil {
			return err
		}
	}
	if !boundary.After(v.project.Boundary) {
		return nil
	}
	err := m.p.o.Client.SetProject(ctx, v.project.ID, map[string]any{"skewProtectionBoundaryAt": boundary.UnixMilli()})
	switch fault.KindOf(err) {
	case "", fault.Unavailable, fault.Limited:
		return err
	}
	provider.Note(ctx, "Visitors with an open page of what was taken back may still get it: "+fault.MessageOf(err))
	return nil
}

// conclude tells Vercel by Slipway's own check whether a build may be promoted.
func (p *Provider) conclude(ctx context.Context, project api.Project, id string, ok bool, w wanted) error {
	if !p.o.Gate {
		return nil
	}
	check, err := p.ownCheck(ctx, project.ID)
	if err != nil {
		return err
	}
	conclusion, text := api.Succeeded, "Slipway lets it into production."
	if !ok {
		conclusion, text = api.Failing, "Slipway has taken it back."
	}
	runs, err := p.o.Client.Runs(ctx, id)
	if err != nil {
		return err
	}
	var run api.Run
	for _, r := range runs {
		if r.CheckID == check || r.CheckID == "" && r.Name == CheckName {
			run = r
		}
	}
	if run.Status == "completed" && run.Conclusion == conclusion {
		return nil
	}
	if run.ID == "" || run.Status == "completed" {
		if run, err = p.o.Client.CreateRun(ctx, id, check); err != nil {
			return err
		}
	}
	return p.o.Client.Conclude(ctx, id, run.ID, conclusion, text, w.Salt, p.o.Address)
}

// ownHook is the webhook by which Vercel tells Slipway, nil where there is none.
func (p *Provider) ownHook(ctx context.Context) *api.CheckSource {
	if p.o.Address == "" {
		return nil
	}
	list, err := p.o.Client.Hooks(ctx)
	if err != nil {
		return nil // whoever may see no webhook has the check made without one
	}
	for _, h := range list {
		if strings.HasPrefix(h.URL, strings.TrimRight(p.o.Address, "/")+"/") {
			return &api.CheckSource{Kind: "webhook", Webhook: h.ID}
		}
	}
	return nil
}

// OwnCheck is Slipway's check as it is made on Vercel. A release may take a day.
func OwnCheck() api.Check {
	return api.Check{Name: CheckName, Requires: "deployment-url", Blocks: "deployment-promotion",
		Targets: []string{"production"}, Timeout: 86400}
}

// ownCheck returns the id of Slipway's check, which is made when it is missing.
func (p *Provider) ownCheck(ctx context.Context, project string) (string, error) {
	p.mu.Lock()
	known := p.check
	p.mu.Unlock()
	if known != "" {
		return known, nil
	}
	list, err := p.o.Client.Checks(ctx, project)
	if err != nil {
		return "", err
	}
	id := ""
	for _, c := range list {
		if c.Name == CheckName {
			id = c.ID
		}
	}
	if id == "" {
		own := OwnCheck()
		own.Source = p.ownHook(ctx)
		c, err := p.o.Client.CreateCheck(ctx, project, own)
		if err != nil {
			return "", err
		}
		id = c.ID
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.check = id
	return id, nil
}
