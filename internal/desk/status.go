package desk

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/approval"
	"github.com/slipwayhq/slipway/internal/deployment"
	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/guard"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/strategy"
)

// silent is how long after its last word an edge counts as away.
const silent = 30 * time.Second

// production is the environment that the first sentence speaks of.
const production = "production"

// How much must fail in production within a minute before the first sentence says so.
const (
	enough   = 20
	alarming = 0.05
)

// Status returns everything at a glance, as far as the caller may see it.
func (d *Desk) Status(ctx context.Context, who access.Actor) (api.Status, error) {
	var err error
	out := api.Status{App: d.Strategy.App, Now: time.Now().UTC(), Slipway: d.Version, Releases: []api.Release{},
		Approvals: []api.Approval{}, Incidents: []api.Incident{}, Rollbacks: []api.Rollback{}}
	if out.Environments, err = d.Environments(ctx, who); err != nil {
		return out, err
	}
	active, err := d.DB.ActiveReleases(ctx, d.Strategy.App)
	if err != nil {
		return out, err
	}
	for _, r := range active {
		if who.May(access.ViewEnvironment, r.Step().Environment) {
			x, err := d.release(ctx, who, r)
			if err != nil {
				return out, err
			}
			out.Releases = append(out.Releases, x)
		}
	}
	open, err := d.Approvals(ctx, who, "")
	if err != nil {
		return out, err
	}
	for _, a := range open {
		if a.MayDecide {
			out.Approvals = append(out.Approvals, a)
		}
	}
	page, err := d.Incidents(ctx, who, IncidentQuery{State: "open", Limit: 20})
	if err != nil {
		return out, err
	}
	out.Incidents = page.Items
	back, err := d.DB.ActiveRollbacks(ctx, d.Strategy.App)
	if err != nil {
		return out, err
	}
	for _, b := range back {
		if who.May(access.ViewEnvironment, b.Environment) {
			x, err := d.rollback(ctx, who, b)
			if err != nil {
				return out, err
			}
			out.Rollbacks = append(out.Rollbacks, x)
		}
	}
	if out.Edges, err = d.edges(ctx); err != nil {
		return out, err
	}
	out.Sources = d.sources()
	if out.Target, err = d.target(ctx, out.Now); err == nil {
		out.GitHub, err = d.github(ctx)
	}
	if err != nil {
		return out, err
	}
	if out.Synced, err = d.Flags.Synced(ctx, who, out.Now); err != nil {
		return out, err
	}
	if out.Published, err = d.Flags.Published(ctx, who, out.Now); err != nil {
		return out, err
	}
	d.ills(ctx, &out)
	out.Sentence = summary(out, d.DB.Room().Cause())
	return out, nil
}

// Short says that the database has no room; empty while it has some.
func (d *Desk) Short() string {
	if room := d.DB.Room(); room.Full() {
		return room.Cause()
	}
	return ""
}

// ills says what Slipway itself suffers from.
func (d *Desk) ills(ctx context.Context, out *api.Status) {
	if room := d.DB.Room(); room.Full() {
		out.Disk = room.Sentence()
	}
	if lost := d.Engine.Secrets.Lost(ctx); strings.HasPrefix(fault.ReasonOf(lost), "vault_") {
		out.Votes = "Votes are refused: the key that they are signed with can't be opened; slipway vault show says why."
	}
}

// sources are those beside the edges that are heard, or that a guard goes by.
func (d *Desk) sources() []api.MetricSource {
	return slices.DeleteFunc(d.origins(), func(s api.MetricSource) bool {
		return s.Kind == string(metric.Edge) || s.Heard == nil && !d.relied(s.Kind)
	})
}

// origins are all sources. One that no guard goes by is in no trouble while it is silent: nothing rests on it.
func (d *Desk) origins() []api.MetricSource {
	out := []api.MetricSource{}
	if d.Sources == nil {
		return out
	}
	for _, s := range d.Sources() {
		if s.Trouble && !d.relied(s.Kind) {
			s.Trouble, s.Sentence = false, s.Sentence+" No guard goes by it."
		}
		out = append(out, s)
	}
	return out
}

// relied reports whether a guard goes by sources of a kind. Edges serve visitors, and a Prometheus is there because it
// is asked.
func (d *Desk) relied(kind string) bool {
	if kind == string(metric.Edge) || kind == string(metric.Prometheus) {
		return true
	}
	for _, step := range d.Strategy.ReleasePlan().Steps {
		if string(step.Rules.Source) == kind || string(step.Rules.Fallback) == kind {
			return true
		}
	}
	return slices.ContainsFunc(d.metricRules(), func(m guard.MetricRule) bool {
		return string(cmp.Or(m.From, metric.App)) == kind
	})
}

// summary says the most pressing thing first. It is quiet only when nothing is under
// way and nothing that Slipway sees is wrong. That there is no room is said once, and not of each release that waits.
func summary(s api.Status, cause string) string {
	var parts []string
	if s.Disk != "" {
		parts = append(parts, s.Disk)
	}
	if s.Votes != "" {
		parts = append(parts, s.Votes)
	}
	if n := len(s.Incidents); n == 1 {
		parts = append(parts, fmt.Sprintf("1 incident open: %s.", s.Incidents[0].Title))
	} else if n > 0 {
		parts = append(parts, fmt.Sprintf("%s open.", count(n, "incident")))
	}
	if n := len(s.Approvals); n > 0 {
		parts = append(parts, fmt.Sprintf("%s for you.", strings.Replace(count(n, "approval"), "approval", "approval waiting",
			1)))
	}
	for _, b := range s.Rollbacks {
		parts = append(parts, fmt.Sprintf("Rollback from %s to %s: %s", b.From, cmp.Or(b.To, "nothing known good"),
			b.Sentence))
	}
	for _, r := range s.Releases {
		say := r.Sentence
		if s.Disk != "" {
			say = strings.Replace(say, cause+" ", "", 1)
		}
		if !strings.Contains(say, r.Version) {
			say = r.Version + ": " + say
		}
		parts = append(parts, say)
	}
	parts = append(parts, troubles(s)...)
	if len(parts) == 0 {
		for _, e := range s.Environments {
			if e.Name == production && e.Deployment != nil {
				return "All quiet: production runs " + e.Deployment.Version + "."
			}
		}
		return "Nothing is under way."
	}
	return strings.Join(parts, " ")
}

// troubles names what is wrong while no release, rollback or incident speaks of it:
// failures in production, and edges of which Slipway does not know what they serve.
func troubles(s api.Status) []string {
	var parts []string
	for _, e := range s.Environments {
		if e.Name == production && e.Deployment != nil && e.Requests >= enough && e.ErrorRate >= alarming {
			parts = append(parts, fmt.Sprintf("Production is failing: %.0f %% of %d requests to %s failed in the last minute.",
				100*e.ErrorRate, e.Requests, e.Deployment.Version))
		}
	}
	if s.Target != nil && s.Target.Trouble {
		parts = append(parts, s.Target.Sentence)
	}
	if s.GitHub != nil && s.GitHub.Trouble {
		parts = append(parts, s.GitHub.Sentence)
	}
	for _, p := range s.Published {
		if p.Trouble {
			parts = append(parts, "Flags of "+p.Environment+" at the edge: "+p.Sentence)
		}
	}
	for _, x := range s.Synced {
		if x.Trouble {
			parts = append(parts, "Flags of "+x.Environment+" at Vercel Flags: "+x.Sentence)
		}
	}
	away, behind := 0, 0
	for _, e := range s.Edges {
		switch {
		case s.Now.Sub(e.Seen) > silent:
			away++
		case e.Generation < e.Wanted:
			behind++
		}
	}
	if away > 0 {
		parts = append(parts, count(away, "edge")+" silent: what visitors get there is not seen.")
	}
	if behind > 0 {
		parts = append(parts, count(behind, "edge")+" behind: the newest routing is not in force there.")
	}
	return parts
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// Environments lists the environments that the caller may see.
func (d *Desk) Environments(ctx context.Context, who access.Actor) ([]api.Environment, error) {
	if err := d.seeAny(ctx, who); err != nil {
		return nil, err
	}
	states, err := d.DB.EnvironmentStates(ctx, d.Strategy.App)
	if err != nil {
		return nil, err
	}
	byName := map[string]store.EnvironmentState{}
	for _, s := range states {
		byName[s.Name] = s
	}
	active, err := d.DB.ActiveReleases(ctx, d.Strategy.App)
	if err != nil {
		return nil, err
	}
	out := []api.Environment{}
	for _, e := range d.Strategy.Environments() {
		if !who.May(access.ViewEnvironment, e.Name) {
			continue
		}
		x, err := d.environment(ctx, e, byName[e.Name], active)
		if err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	return out, nil
}

func (d *Desk) environment(ctx context.Context, e strategy.Environment, s store.EnvironmentState,
	active []release.Release) (api.Environment, error) {
	out := api.Environment{
		Name: e.Name, Purpose: e.Purpose, Trigger: e.Trigger, Checks: append([]string{}, e.Checks...),
		Roles: append([]string{}, e.Roles...),
		URL:   e.URL, AutoUndo: e.AutoUndo, ErrorRate: -1, P95: -1, Sentence: "Nothing runs here.",
	}
	for _, r := range active {
		if r.Flag == nil && r.Step().Environment == e.Name {
			out.Release, out.Share = r.ID, r.Share
		}
	}
	trial := exposed(active)
	if e.Name == "canary" && trial != nil { // who waits behind it has been deployed, and gets nobody
		out.Release, out.Share, s.Deployment, s.Since = trial.ID, trial.Share, trial.Deployment, trial.Exposed
	}
	if s.Deployment == "" {
		return out, nil
	}
	dep, err := d.DB.Deployment(ctx, s.Deployment)
	if err != nil {
		return out, err
	}
	x := deploy(dep)
	out.Deployment, out.Since = &x, instant(s.Since)
	out.Sentence = dep.Version + " runs here."
	if dep.Verdict == deployment.Bad {
		out.Sentence = dep.Version + " runs here. It is recorded as bad."
	}
	if e.Name != production && e.Name != "canary" {
		return out, nil
	}
	now := time.Now()
	b := d.measured().Sum(dep.ID, now.Add(-time.Minute).Unix(), now.Unix(), metric.Compared()...)
	out.Requests = b.Requests
	if rate, ok := b.ErrorRate(); ok {
		out.ErrorRate = rate
	}
	if b.Latency.Count() > 0 {
		out.P95 = b.Latency.Quantile(0.95)
	}
	if e.Name == production {
		out.Share = 100
		if trial != nil {
			out.Share -= trial.Share
			out.Sentence = fmt.Sprintf("%s has %g %% of visitors, %s has %g %%.", dep.Version, out.Share, trial.Version,
				trial.Share)
			if out.Share == 0 {
				out.Sentence = fmt.Sprintf("%s stands by: %s has all visitors, as a canary.", dep.Version, trial.Version)
			}
		}
	}
	return out, nil
}

// exposed returns the release that has a share of the visitors as a canary; nil when
// none has.
func exposed(active []release.Release) *release.Release {
	for i, r := range active {
		if r.Flag == nil && r.Promoted.IsZero() && r.Share > 0 {
			return &active[i]
		}
	}
	return nil
}

func (d *Desk) edges(ctx context.Context) ([]api.EdgeStatus, error) {
	wanted, _, err := d.DB.Route(ctx, d.Strategy.App)
	if _, err = ifFound(err); err != nil {
		return nil, err
	}
	list, err := d.DB.Edges(ctx)
	if err != nil {
		return nil, err
	}
	now, err := d.DB.Now(ctx)
	if err != nil {
		return nil, err
	}
	out := []api.EdgeStatus{}
	for _, e := range list {
		x := api.EdgeStatus{Name: e.Name, Generation: e.Generation, Wanted: wanted, Seen: e.Seen.UTC(),
			Sentence: "Serves the routing that it should."}
		switch {
		case now.Sub(e.Seen) > silent:
			x.Sentence = "Silent: it keeps serving its last table, whatever that is."
		case e.Generation < wanted:
			x.Sentence = "Behind: it serves an older table."
		}
		out = append(out, x)
	}
	return out, nil
}

// EdgeTable returns the routing table for edges, with its generation.
func (d *Desk) EdgeTable(ctx context.Context, who access.Actor) (uint64, json.RawMessage, error) {
	if err := d.check(ctx, who, access.OperateEdge, "production"); err != nil {
		return 0, nil, err
	}
	return d.DB.Route(ctx, d.Strategy.App)
}

// EdgeObserve takes an edge's observations and what it serves.
func (d *Desk) EdgeObserve(ctx context.Context, who access.Actor, edge string, generation uint64,
	b metric.Batch) error {
	if err := d.check(ctx, who, access.OperateEdge, "production"); err != nil {
		return err
	}
	if edge != "" {
		if err := d.Engine.EdgeSeen(ctx, edge, generation); err != nil {
			return err
		}
	}
	if b.Source == "" {
		return nil
	}
	return d.Engine.Observe(ctx, b)
}

// signers are the keys that genuine votes are signed with.
func (d *Desk) signers(ctx context.Context) ([]ed25519.PublicKey, error) {
	if d.Key != nil {
		return []ed25519.PublicKey{d.Key}, nil
	}
	return d.Engine.Secrets.Signers(ctx)
}

// verifyVote checks the signature that a recorded vote carries.
func verifyVote(e event.Event, signers []ed25519.PublicKey, out *api.LogReport) {
	var data struct {
		Request string        `json:"request"`
		Vote    approval.Vote `json:"vote"`
	}
	out.Votes++
	genuine := func(key ed25519.PublicKey) bool { return data.Vote.Genuine(data.Request, key) }
	if json.Unmarshal(e.Data, &data) != nil || !slices.ContainsFunc(signers, genuine) {
		out.BadVotes++
	}
}

func sortEvents(list []api.Event) {
	slices.SortFunc(list, func(a, b api.Event) int { return int(a.Seq - b.Seq) })
}
