package vercel

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/provider"
	api "github.com/slipwayhq/slipway/internal/vercel"
)

// The names under which a build keeps whose it is.
const (
	metaRelease = "slipwayRelease"
	metaVersion = "slipwayVersion"
	metaCommit  = "slipwayCommit"
	metaConfig  = "slipwayConfig" // the revision of its variables
	metaAgain   = "slipwayAgain"  // id of the build that it was made from again
)

// Find returns the newest build that ref names; of a commit, the newest for production before any preview.
func (p *Provider) Find(ctx context.Context, ref provider.Ref) (provider.Build, error) {
	project, err := p.id(ctx)
	if err != nil {
		return provider.Build{}, marked(err)
	}
	name := ref.External
	if ref.URL != "" {
		u, err := url.Parse(ref.URL)
		if err != nil || u.Host == "" {
			return provider.Build{}, fault.New(fault.Invalid, "deployment_url_invalid", "%q is no address.", ref.URL)
		}
		name = u.Host
	}
	if name == "" {
		return p.ofCommit(ctx, project, ref.Commit)
	}
	d, err := p.o.Client.Deployment(ctx, name)
	switch {
	case err != nil:
		return provider.Build{}, marked(err)
	case d.Project != project: // of another's deployment, Vercel may say no project
		return provider.Build{}, fault.New(fault.NotFound, "build_unknown", "%s is a build of another project.", name)
	}
	return p.build(d), nil
}

func (p *Provider) ofCommit(ctx context.Context, project, commit string) (provider.Build, error) {
	none := fault.New(fault.NotFound, "build_unknown", "Vercel has no build of the commit %q.", commit)
	if commit == "" {
		return provider.Build{}, none
	}
	list, err := p.o.Client.Deployments(ctx, api.Filter{Project: project, Commit: commit})
	if err != nil {
		return provider.Build{}, err
	}
	var best *api.Deployment
	for _, d := range list { // the newest first; what failed only where nothing else is
		if d.Commit != commit {
			continue
		}
		if best == nil || rank(d) > rank(*best) {
			best = &d
		}
	}
	if best == nil {
		return provider.Build{}, none
	}
	return p.build(*best), nil
}

func rank(d api.Deployment) int {
	n := 0
	if d.Target == "production" {
		n += 2
	}
	if stateOf(d) != provider.Failed {
		n++
	}
	return n
}

func stateOf(d api.Deployment) provider.State {
	switch d.State {
	case api.Ready:
		return provider.Ready
	case "ERROR", "CANCELED", "BLOCKED", "DELETED":
		return provider.Failed
	}
	return provider.Building
}

func (p *Provider) build(d api.Deployment) provider.Build {
	p.learn(d.URL)
	b := provider.Build{External: d.ID, URL: p.address(d.URL), Commit: d.Commit, Branch: d.Branch, By: d.Creator,
		State: stateOf(d), Gone: d.State == "DELETED", Preview: d.Target != "production", Created: d.Created,
		Config: d.Meta[metaConfig]}
	b.Version = d.Meta[metaVersion]
	if b.Version == "" && len(d.Commit) >= 7 {
		b.Version = d.Commit[:7]
	}
	b.Version = or(b.Version, d.ID)
	switch b.State {
	case provider.Failed:
		b.Why = or(d.Error, "Vercel says "+d.State+".")
	case provider.Building:
		b.Why = "Vercel says " + strings.ToLower(d.State) + "."
	}
	return b
}

// Create has a build made for production that nobody is sent to, unless it is there.
func (p *Provider) Create(ctx context.Context, o provider.Order) (provider.Build, error) {
	project, err := p.o.Client.Project(ctx, p.o.Project)
	if err != nil {
		return provider.Build{}, err
	}
	list, err := p.o.Client.Deployments(ctx, api.Filter{Project: project.ID, Commit: o.Commit, Limit: 100})
	if err != nil {
		return provider.Build{}, err
	}
	for _, d := range list {
		if stateOf(d) != provider.Failed && made(d, o) {
			return p.build(d), nil
		}
	}
	hidden := false
	n := api.NewDeployment{Name: or(project.Name, p.o.Project), AutoAssign: &hidden, Meta: map[string]string{}}
	for name, v := range map[string]string{metaRelease: o.Release, metaVersion: o.Version, metaCommit: o.Commit,
		metaConfig: o.Config} {
		if v != "" {
			n.Meta[name] = v
		}
	}
	if o.Production {
		n.Target = "production"
	}
	switch {
	case o.From != "":
		n.DeploymentID, n.Meta["action"], n.Meta[metaAgain] = o.From, "redeploy", o.From
	case o.Commit == "":
		return provider.Build{}, fault.New(fault.Invalid, "commit_missing", "A build needs a commit.")
	case project.Link == nil || project.Link.Type == "":
		return provider.Build{}, fault.New(fault.Invalid, "project_unlinked",
			"%s is connected with no repository on Vercel: connect it, or name a build that is there.", p.o.Project)
	default:
		n.Project = project.ID
		n.GitSource = &api.Source{Type: project.Link.Type, RepoID: project.Link.RepoID, SHA: o.Commit,
			Ref: or(o.Branch, or(project.Link.Branch, "main"))}
	}
	d, err := p.o.Client.Create(ctx, n)
	if err != nil {
		return provider.Build{}, err
	}
	if o.From != "" {
		p.standsFor(d.ID, o.From)
	}
	return p.build(d), nil
}

// made reports whether a build is what was ordered.
func made(d api.Deployment, o provider.Order) bool {
	if (d.Target == "production") != o.Production {
		return false
	}
	if o.From != "" {
		return d.Meta[metaAgain] == o.From && d.Meta[metaRelease] == o.Release
	}
	return d.Commit == o.Commit && d.Meta[metaAgain] == ""
}

// Serving says what production serves now.
func (p *Provider) Serving(ctx context.Context) (provider.Serving, error) {
	v, err := p.look(ctx)
	if err != nil {
		return provider.Serving{}, err
	}
	s := provider.Serving{
		Stable: v.project.Production, Busy: v.project.Last.Open(), At: v.project.Last.At(),
		Pinned: v.project.AutoAssign == nil || !*v.project.AutoAssign, // who does not say so is taken to be pinned
	}
	r := v.rolling
	if r.Live() {
		s.Stable, s.Canary, s.Share, s.Paused = r.Base, r.Canary, r.Share, r.Paused
	}
	if r != nil && r.Updated.After(s.At) {
		s.At = r.Updated
	}
	if p.o.Config != "" && p.o.Mode != ModeRolling && !r.Live() {
		newest := p.newest("table")
		t, err := p.readTable(ctx)
		if err != nil {
			return s, err
		}
		if t != nil && t.Canary != nil {
			if err := p.seen("table", stampOf(t.Generation), newest); err != nil {
				return s, err
			}
			s.Canary, s.Share = t.Canary.ID, t.Share
			if s.Stable == s.Canary { // promoted, and the table not written yet
				s.Canary, s.Share = "", 0
			}
		}
	}
	if s.Stable == "" {
		return s, fault.New(fault.Unavailable, "production_empty",
			"Nothing is in production of %s yet: put a first build there, on Vercel.", p.o.Project)
	}
	s.Gone, err = p.gone(ctx, s.Canary)
	return s, err
}

// gone is the build when it was deleted: Vercel still names it as what visitors are sent to.
func (p *Provider) gone(ctx context.Context, id string) (string, error) {
	if id == "" {
		return "", nil
	}
	d, err := p.o.Client.Deployment(ctx, id)
	switch {
	case fault.Is(err, fault.NotFound), err == nil && d.State == "DELETED":
		return id, nil
	}
	return "", err
}

// original is the build that another one was made from again, where Slipway had that done to go back.
func (p *Provider) original(ctx context.Context, id string) (string, error) {
	p.mu.Lock()
	old, known := p.names[id]
	p.mu.Unlock()
	if known || id == "" {
		return or(old, id), nil
	}
	d, err := p.o.Client.Deployment(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return id, nil
	}
	if err != nil {
		return "", err
	}
	if !strings.HasPrefix(d.Meta[metaRelease], "back-") {
		d.Meta[metaAgain] = ""
	}
	p.standsFor(id, d.Meta[metaAgain])
	return or(d.Meta[metaAgain], id), nil
}

// high keeps the newest that Vercel ever said: an answer that is older comes from a part of it that is behind.
type high struct {
	at    map[string]time.Time
	since map[string]time.Time // when the answers began to be older
}

// behind is how long older answers are taken for a part that is behind; after that they are what is.
const behind = 30 * time.Second

// newest is the newest that was said of it when a question is asked: answers to questions that were asked at once may
// overtake each other.
func (p *Provider) newest(what string) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.high.at[what]
}

// seen refuses a state that is older than what was known when it was asked for.
func (p *Provider) seen(what string, at, known time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	h, now := &p.high, p.o.Now()
	if h.at == nil {
		h.at, h.since = map[string]time.Time{}, map[string]time.Time{}
	}
	if !at.Before(known) {
		if at.After(h.at[what]) {
			h.at[what] = at
		}
		delete(h.since, what)
		return nil
	}
	if h.since[what].IsZero() {
		h.since[what] = now
	}
	if now.Sub(h.since[what]) >= behind {
		h.at[what] = at
		delete(h.since, what)
		return nil
	}
	return fault.New(fault.Unavailable, "vercel_backwards",
		"Vercel says what it said before %s, and something newer already: nothing is done until it agrees with itself.",
		h.at[what].UTC().Format(time.TimeOnly))
}

// stampOf makes a time of a table's generation, which rises too.
func stampOf(generation uint64) time.Time {
	return time.Unix(0, int64(min(generation, 1<<62))) //nolint:gosec // bounded
}

// Host returns the host at which visitors come in.
func (p *Provider) Host(ctx context.Context) (string, error) {
	if p.o.Domain != "" {
		return p.o.Domain, nil
	}
	project, err := p.o.Client.Project(ctx, p.o.Project)
	if err != nil {
		return "", err
	}
	for _, d := range project.Domains {
		if !strings.HasSuffix(d, ".vercel.app") {
			return d, nil
		}
	}
	if len(project.Domains) > 0 {
		return project.Domains[0], nil
	}
	return project.Address, nil
}
