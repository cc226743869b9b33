package setup

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/slipwayhq/slipway/internal/fault"
	onvercel "github.com/slipwayhq/slipway/internal/provider/vercel"
	api "github.com/slipwayhq/slipway/internal/vercel"
)

// right is something that Slipway does on Vercel, and what the token needs for it.
type right struct {
	id, what, purpose string
	unneeded          string // why it is not needed; empty: it is
	try               func(context.Context) error
	// may are the permissions in the project's own words; team has those that Vercel may leave out of a project's.
	may, team []permission
}

// permission is a kind of thing and what is done with it: read, write, or both.
type permission struct {
	thing string
	write bool
}

func writes(things ...string) []permission {
	var out []permission
	for _, t := range things {
		out = append(out, permission{t, true})
	}
	return out
}

// allows reports whether Vercel lists what is needed, and whether it says anything of the thing at all.
func (p permission) allows(list api.Permissions) (allowed, said bool) {
	verbs, said := list[p.thing]
	for _, v := range verbs {
		if p.write && (v == "create" || v == "update") || !p.write && (v == "read" || v == "list") {
			return true, true
		}
	}
	return false, said
}

// rights tries what only reads, and holds what Vercel says of the token against what Slipway does with it.
func (s *survey) rights(ctx context.Context) {
	for _, r := range s.needs() {
		f := Finding{ID: "right." + r.id, State: OK, What: r.what, For: r.purpose}
		if r.unneeded != "" {
			f.State, f.Found = NotNeeded, r.unneeded
			s.add(f)
			continue
		}
		var err error
		if r.try != nil {
			err = r.try(ctx)
		}
		if fault.Is(err, fault.NotFound) {
			err = nil // nothing is there yet, and it may be looked for
		}
		f.Remedy = "Give the right to the token's owner on Vercel (role " + role(r.id) + "), or use another's token."
		if api.StatusOf(err) == http.StatusPaymentRequired {
			f.Remedy = "Change the plan, or do without."
		}
		if s.fails(f, err) {
			continue
		}
		s.read[r.id] = true
		s.add(s.allowed(f, r))
	}
}

// allowed adds to a finding what Vercel says of the token's permissions.
func (s *survey) allowed(f Finding, r right) Finding {
	list := s.project.Permissions
	var lacks, silent []string
	for i, p := range append(slices.Clone(r.may), r.team...) {
		ok, said := p.allows(list)
		switch {
		case ok:
		case list == nil, i >= len(r.may) && !said:
			silent = append(silent, p.thing)
		default:
			lacks = append(lacks, p.thing)
		}
	}
	switch {
	case len(lacks) > 0:
		f.State, f.kind = Missing, fault.Denied
		f.Found = fmt.Sprintf("Vercel lists no right of the token to it: %s.", strings.Join(lacks, ", "))
	case len(silent) > 0:
		f.State, f.Remedy = Unseen, ""
		f.Found = "Vercel does not say whether the token may change it: the first use will tell."
		if r.try != nil {
			f.Found = "Reading works. " + f.Found
		}
	default:
		f.Remedy = ""
	}
	return f
}

// role is the smallest role of a team that has a right, as Vercel's documents describe them.
func role(id string) string {
	switch id {
	case "deployments", "observability":
		return "Viewer"
	case "create":
		return "Developer"
	}
	return "Member, or Project Administrator"
}

// needs is everything that Slipway does on Vercel.
func (s *survey) needs() []right {
	c, id := s.o.Client, s.project.ID
	rolling, config, hobby := "", "", ""
	if s.o.Mode == onvercel.ModeProxy {
		rolling = "The strategy says canary: proxy."
	}
	if s.o.Config == "" {
		config = "The strategy names no Global Config."
	}
	if s.hobby {
		hobby = "The plan has none."
	}
	drains := hobby
	if drains == "" && !s.o.Drains && !s.o.Traces && !s.o.Vitals {
		drains = "No guard goes by them."
	}
	list := []right{
		{id: "deployments", what: "Read deployments", purpose: "finding the build of a commit",
			try: func(ctx context.Context) error {
				_, err := c.Deployments(ctx, api.Filter{Project: id, Limit: 1})
				return err
			}, may: []permission{{"deployment", false}}},
		{id: "create", what: "Create deployments", purpose: "building a commit, and building again with other variables",
			may: writes("deployment")},
		{id: "promote", what: "Promote deployments", purpose: "the end of a release", may: writes("deploymentPromote")},
		{id: "rollback", what: "Roll back", purpose: "every way back", may: writes("deploymentRollback")},
		{id: "settings", what: "Change the project's settings",
			purpose: "a bad build that pages which are open hold on to, and auto-assignment", may: writes("project")},
		{id: "rolling", what: "Plan and move rolling releases", purpose: "canary: rolling", unneeded: rolling,
			try: func(ctx context.Context) error {
				if _, err := c.RollingConfig(ctx, id); err != nil {
					return err
				}
				_, err := c.RollingRelease(ctx, id)
				return err
			}, may: writes("projectRollingRelease")},
		{id: "env", what: "Read and write environment variables", purpose: "configuration, and taking it back",
			try: func(ctx context.Context) (err error) { s.envs, err = c.Env(ctx, id, false); return err },
			may: writes("projectEnvVars", "projectEnvVarsProduction")},
		{id: "checks", what: "Have a check of deployments", purpose: "Vercel promotes nothing that Slipway has not passed",
			try: func(ctx context.Context) (err error) { s.checks, err = c.Checks(ctx, id); return err },
			may: writes("projectCheck", "projectCheckRun")},
		{id: "bypass", what: "Make a secret that opens protected deployments", purpose: "smoke tests, and canary: proxy",
			may: writes("projectProtectionBypass")},
		{id: "config", what: "Write to the Global Config", purpose: "canary: proxy, and flags at Vercel's edge",
			unneeded: config, try: func(ctx context.Context) error { _, err := c.Config(ctx, s.o.Config); return err },
			team: writes("edgeConfig", "edgeConfigItem")},
		{id: "webhooks", what: "Have a webhook", purpose: "hearing of changes at once", unneeded: hobby,
			try:  func(ctx context.Context) (err error) { s.hooks, err = c.Hooks(ctx); return err },
			team: writes("webhook")},
		{id: "drains", what: "Have drains", purpose: "errors and web vitals by deployment", unneeded: drains,
			try:  func(ctx context.Context) (err error) { s.drains, err = c.Drains(ctx); return err },
			team: writes("drain")},
		{id: "observability", what: "Ask Vercel's observability", purpose: "numbers where no drain delivers",
			unneeded: hobby, try: func(ctx context.Context) error { _, err := c.MetricSchema(ctx, ""); return err },
			team: []permission{{"observabilityData", false}}},
	}
	if s.o.Flags {
		list = append(list, right{id: "flags", what: "Write flags", purpose: "sync_flags: flags that follow to Vercel Flags",
			try: func(ctx context.Context) error { _, err := c.FlagEnvironments(ctx, id); return err },
			may: writes("projectFlags", "projectFlagsProduction")})
	}
	return list
}
