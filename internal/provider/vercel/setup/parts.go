package setup

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
	onvercel "github.com/slipwayhq/slipway/internal/provider/vercel"
	api "github.com/slipwayhq/slipway/internal/vercel"
)

// config looks at the Global Config, and at who can read it.
func (s *survey) config(ctx context.Context) {
	f := Finding{ID: "config", State: OK, What: "The Global Config holds the table", For: "canary: proxy",
		Remedy: "Name it under target.vercel.global_config: Storage, on Vercel, lists them with their ids."}
	if s.o.Config == "" {
		f.State, f.Remedy, f.Found = NotNeeded, "", "The strategy names none."
		if s.r.Way == onvercel.ModeProxy {
			f.State = Missing
		}
		s.add(f)
		return
	}
	store, err := s.o.Client.Config(ctx, s.o.Config)
	if s.fails(f, err) {
		return
	}
	var t onvercel.Table
	switch err := s.o.Client.Item(ctx, s.o.Config, onvercel.TableKey, &t); {
	case fault.Is(err, fault.NotFound):
		f.Found = store.Slug + " is there, without a table yet: the first release writes it."
	case s.fails(f, err):
		return
	default:
		f.Found = fmt.Sprintf("%s holds the table of generation %d.", store.Slug, t.Generation)
	}
	f.Remedy = ""
	s.add(f)
	s.reads(ctx)
	s.seenByProxy()
}

// reads looks whether Slipway can read the table from where visitors' requests read it.
func (s *survey) reads(ctx context.Context) {
	f := Finding{ID: "config.read", State: OK, What: "The table can be read where visitors' requests read it",
		For: "confirming a share within seconds; without it by the API, twenty times a minute",
		Remedy: fmt.Sprintf("Make a read token in the Global Config, and put its connection string into %s.",
			s.o.Names.Read)}
	connection := ""
	if s.o.Secret != nil {
		connection = s.o.Secret(s.o.Names.Read)
	}
	if connection == "" {
		f.State, f.Found, f.kind = Missing, s.o.Names.Read+" is not set here.", fault.Refused
		s.add(f)
		return
	}
	k, err := api.ParseConnection(connection)
	if s.fails(f, err) {
		return
	}
	if k.Config != s.o.Config {
		f.State, f.Found = Missing, fmt.Sprintf("%s is of %s, and the strategy names %s.", s.o.Names.Read, k.Config,
			s.o.Config)
		s.add(f)
		return
	}
	var any struct{}
	err = s.o.Client.ReadItem(ctx, s.o.Config, onvercel.TableKey, time.Time{}, &any)
	if !fault.Is(err, fault.NotFound) && s.fails(f, err) {
		return
	}
	f.Found, f.Remedy = "It can.", ""
	s.add(f)
}

// seenByProxy looks whether the application is given a connection string.
func (s *survey) seenByProxy() {
	if s.r.Way != onvercel.ModeProxy {
		return
	}
	f := Finding{ID: "config.app", State: OK, What: "The application can read the table", For: "its proxy.ts"}
	for _, v := range s.envs {
		if (v.Key == "GLOBAL_CONFIG" || v.Key == "EDGE_CONFIG") && slices.Contains(v.Target, "production") {
			f.Found = "It has " + v.Key + " in production."
			s.add(f)
			return
		}
	}
	if s.unread(f, "env") {
		return
	}
	f.State, f.Found = Missing, "It has neither GLOBAL_CONFIG nor EDGE_CONFIG in production."
	f.Remedy = "Connect the Global Config to the project on Vercel, and build again."
	s.add(f)
}

func (s *survey) bypass() {
	f := Finding{ID: "bypass", State: OK, What: "Protected deployments can be opened",
		For: "smoke tests, and canary: proxy",
		Remedy: fmt.Sprintf("Make a secret in the project's settings, Deployment Protection, and put it into %s.",
			s.o.Names.Bypass)}
	secrets := s.o.secrets(s.o.Names.Bypass)
	known := slices.ContainsFunc(secrets, func(x string) bool { return slices.Contains(s.project.Bypass, x) })
	switch protected := s.project.Protected; {
	case protected == "" || protected == "preview":
		f.State, f.Remedy = NotNeeded, ""
		f.Found = "Builds for production are not protected."
	case len(secrets) == 0:
		f.State, f.Found = Missing, fmt.Sprintf("Deployments are protected (%s), and %s is not set here.", protected,
			s.o.Names.Bypass)
	case s.project.Bypass == nil:
		f.State, f.Remedy = Unseen, ""
		f.Found = s.o.Names.Bypass + " is set; Vercel does not say whether it is the project's."
	case !known:
		f.State, f.Found = Missing, s.o.Names.Bypass+" is none of the project's secrets."
	default:
		f.Remedy, f.Found = "", "It is the project's, and sent as a header only."
	}
	s.add(f)
}

func (s *survey) webhook() {
	f := Finding{ID: "webhook", State: OK, What: "Vercel tells of changes at once", For: "changes by another hand",
		Remedy: "Run `slipway target connect --url ADDRESS`."}
	if s.hobby {
		f.State, f.Remedy = NotNeeded, ""
		f.Found = "The plan has no webhooks: Slipway looks every ten seconds while a release has visitors, else each minute."
		s.add(f)
		return
	}
	if s.unread(f, "webhooks") {
		return
	}
	var mine *api.Hook
	for _, h := range s.hooks {
		if s.o.ours(h.URL, hookPath) && (len(h.Projects) == 0 || slices.Contains(h.Projects, s.project.ID)) {
			mine = &h
		}
	}
	switch {
	case mine == nil:
		f.State, f.Found = Missing, "There is no webhook to Slipway."
		f.Found += s.elsewhere(hookPath)
	case len(s.o.lacking(mine.Events)) > 0:
		f.State, f.Found = Missing, fmt.Sprintf("%s delivers to %s and leaves out %s.", mine.ID, mine.URL,
			strings.Join(s.o.lacking(mine.Events), ", "))
	case !s.o.signed(ofHooks):
		f.State, f.Found = Missing, fmt.Sprintf("%s delivers to %s, and its secret is neither in %s here nor kept.",
			mine.ID, mine.URL, s.o.Names.Webhook)
		f.Remedy = "Set the secret that was told when it was made, or make another: slipway target connect --rotate."
	default:
		f.Remedy, f.Found = "", fmt.Sprintf("%s delivers to %s.", mine.ID, mine.URL)
	}
	s.add(f)
}

// lacking are the events that a webhook does not deliver and Slipway wants.
func (o Options) lacking(events []string) []string {
	var out []string
	for _, e := range o.wanted() {
		if !slices.Contains(events, e) {
			out = append(out, e)
		}
	}
	return out
}

// elsewhere names where deliveries go that look like Slipway's and are not to this one.
func (s *survey) elsewhere(path string) string {
	var to []string
	for _, h := range s.hooks {
		if strings.HasSuffix(h.URL, path) {
			to = append(to, h.URL)
		}
	}
	for _, d := range s.drains {
		if strings.HasSuffix(d.Address(), path) {
			to = append(to, d.Address())
		}
	}
	if len(to) == 0 {
		return ""
	}
	return " Others deliver to " + strings.Join(to, ", ") + "."
}

// drained looks at the drains.
func (s *survey) drained() {
	for _, d := range s.o.wantedDrains() {
		f := Finding{ID: "drain." + d.schema, State: OK, What: d.what, For: d.purpose,
			Remedy: "Run `slipway target connect --url ADDRESS`."}
		switch {
		case !d.needed:
			f.State, f.Remedy, f.Found = NotNeeded, "", d.unneeded
		case s.hobby:
			f.State, f.Found = Missing, "The plan has no drains."
			f.Remedy = "Change the plan, or let guards go by another source (guards: {default: {source: otlp}})."
		case s.unread(f, "drains"):
			continue
		default:
			s.drain(&f, d)
		}
		s.add(f)
	}
}

func (s *survey) drain(f *Finding, want wantedDrain) {
	var mine *api.Drain
	for _, d := range s.drains {
		if want.is(s.o, d, s.project.ID) {
			mine = &d
		}
	}
	switch {
	case mine == nil:
		f.State, f.Found = Missing, "There is no such drain to Slipway."+s.elsewhere(drainPath)
	case mine.Status != "" && mine.Status != "enabled":
		f.State, f.Found = Missing, fmt.Sprintf("%s is %s (%s).", mine.ID, mine.Status, or(mine.Disabled, "no reason given"))
		f.Remedy = "Mend what it says, and enable it on Vercel: Team Settings, Drains."
	case !s.o.signed(ofDrains):
		f.State, f.Found = Missing, fmt.Sprintf("%s delivers to %s, and its secret is neither in %s here nor kept.",
			mine.ID, mine.Address(), s.o.Names.Drain)
		f.Remedy = "Set the secret that it signs with, or another: slipway target connect --rotate."
	default:
		f.Remedy, f.Found = "", fmt.Sprintf("%s delivers to %s.", mine.ID, mine.Address())
	}
}
