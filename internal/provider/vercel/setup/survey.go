package setup

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
	onvercel "github.com/slipwayhq/slipway/internal/provider/vercel"
	api "github.com/slipwayhq/slipway/internal/vercel"
)

// survey is one look, with what it learned on the way.
type survey struct {
	o       Options
	r       Report
	project api.Project
	hobby   bool
	slots   string
	hooks   []api.Hook
	drains  []api.Drain
	checks  []api.Check
	envs    []api.Variable
	read    map[string]bool // rights by whose use a list was read
}

// unread says that nothing is known of what a list would show, which was not read.
func (s *survey) unread(f Finding, right string) bool {
	if s.read[right] {
		return false
	}
	f.State, f.Remedy, f.Found = Unseen, "", "It could not be read: see above."
	s.add(f)
	return true
}

// Look finds out what an account has and lacks. It only reads.
func Look(ctx context.Context, o Options) Report {
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &survey{o: o, r: Report{Project: o.Project, Team: o.Team}, read: map[string]bool{}}
	if s.reached(ctx) && s.owner(ctx) && s.found(ctx) {
		s.rights(ctx)
		s.way(ctx)
		s.production()
		s.skew()
		s.config(ctx)
		s.bypass()
		s.webhook()
		s.drained()
	}
	for _, f := range s.r.Findings {
		if f.State == Missing {
			s.r.Missing++
		}
	}
	return s.r
}

func (s *survey) add(f Finding) { s.r.Findings = append(s.r.Findings, f) }

// fails adds what a fault of the API comes to, and reports whether there was one.
func (s *survey) fails(f Finding, err error) bool {
	if err == nil {
		return false
	}
	f.State, f.kind, f.Found = Missing, fault.KindOf(err), fault.MessageOf(err)
	if f.kind == fault.NotFound || f.kind == fault.Internal {
		f.kind = fault.Refused
	}
	if fault.Is(err, fault.Unavailable) || fault.Is(err, fault.Limited) {
		f.State = Unseen // Vercel is away: nothing is known
		f.Remedy = or(f.Remedy, "Try again.")
	}
	s.add(f)
	return true
}

// reached asks whether the API answers, to whom, and what time it is there.
func (s *survey) reached(ctx context.Context) bool {
	f := Finding{ID: "api", What: "Vercel's API answers", For: "everything",
		Remedy: "Look at the address (target.vercel.api) and at the way to it; then at Vercel's own status page."}
	token := Finding{ID: "token", What: "The token is known", For: "everything",
		Remedy: "Make a token under Account Settings, Tokens, for the team's scope, and put it into " + s.o.Names.Token + "."}
	at, took, err := s.o.Client.Clock(ctx)
	switch reason := fault.ReasonOf(err); {
	case err == nil || reason == "vercel_contract":
	case reason == "vercel_token" || reason == "secret_missing":
		f.State, f.Found = OK, or(s.o.API, api.API)+" answers."
		if reason == "secret_missing" {
			f.State, f.Found = Unseen, "Nothing was asked without a token."
		}
		s.add(f)
		token.State, token.kind, token.Found = Missing, fault.Unknown, fault.MessageOf(err)
		if reason == "secret_missing" {
			token.Found = s.o.Names.Token + " is not set here."
		}
		s.add(token)
		return false
	default:
		f.State, f.kind, f.Found = Missing, fault.Unavailable, fault.MessageOf(err)
		s.add(f)
		return false
	}
	f.State, f.Remedy = OK, ""
	f.Found = fmt.Sprintf("%s answers in %d ms.", or(s.o.API, api.API), took.Milliseconds())
	s.add(f)
	s.clock(at, took, err)
	return s.whose(ctx, token)
}

// drift is how far clocks may be apart.
const drift = 30 * time.Second

func (s *survey) clock(at time.Time, took time.Duration, err error) {
	f := Finding{ID: "clock", State: OK, What: "The clocks agree", For: "limits, late records and what is older than what"}
	if err != nil {
		f.State, f.Found = Unseen, "Vercel does not say what time it is."
		s.add(f)
		return
	}
	apart := s.o.Now().Sub(at) - took
	f.Found = fmt.Sprintf("They are at most %d s apart.", int(apart.Abs().Seconds())+1)
	if apart.Abs() > drift {
		f.State, f.Found = Missing, fmt.Sprintf("This machine is %s from Vercel's clock.", apart.Round(time.Second))
		f.Remedy = "Set this machine's clock, by NTP."
	}
	s.add(f)
}

// soon is how long before its end a token is to be renewed.
const soon = 7 * 24 * time.Hour

func (s *survey) whose(ctx context.Context, f Finding) bool {
	u, err := s.o.Client.User(ctx)
	if s.fails(f, err) {
		return false
	}
	f.State, f.Remedy = OK, ""
	f.Found = "It is " + or(u.Username, u.ID) + "'s."
	k, err := s.o.Client.Credential(ctx)
	switch {
	case err != nil:
		f.Found += " When it expires is not said."
	case k.Leaked:
		f.State, f.kind, f.Remedy = Missing, fault.Refused, "Revoke it at once and make a new one."
		f.Found += fmt.Sprintf(" Vercel found it in public (%q).", k.Name)
	case !k.Expires.IsZero() && k.Expires.Sub(s.o.Now()) < soon:
		f.State, f.kind, f.Remedy = Missing, fault.Refused, "Make a new one and put it into "+s.o.Names.Token+"."
		f.Found += fmt.Sprintf(" %q ends on %s.", k.Name, k.Expires.UTC().Format(time.DateTime+" UTC"))
	case k.Expires.IsZero():
		f.Found += fmt.Sprintf(" %q never expires.", k.Name)
	default:
		f.Found += fmt.Sprintf(" %q is good until %s.", k.Name, k.Expires.UTC().Format(time.DateOnly))
	}
	s.add(f)
	return true
}

// owner asks for the team and its plan.
func (s *survey) owner(ctx context.Context) bool {
	f := Finding{ID: "team", What: "The team is the token's", For: "everything",
		Remedy: "Name the team's slug or id under target.vercel.team, and make the token for that team's scope."}
	t, err := s.o.Client.Team(ctx)
	if s.fails(f, err) {
		return false
	}
	f.State, f.Remedy = OK, ""
	if t.ID == "" {
		f.Found = "None is named: it is the account of the token's owner."
	} else {
		s.r.Team, s.r.Plan = t.Slug, t.Billing.Plan
		s.hobby = t.Billing.Plan == "hobby"
		f.Found = fmt.Sprintf("%s (%s), plan %s; the token's owner is %s there.", t.Slug, t.ID,
			or(t.Billing.Plan, "not said"), strings.ToLower(or(t.Membership.Role, "not said")))
	}
	s.add(f)
	return true
}

func (s *survey) found(ctx context.Context) bool {
	f := Finding{ID: "project", What: "The project is there", For: "everything",
		Remedy: "Name it as in .vercel/project.json under target.vercel.project, and its team under target.vercel.team."}
	p, err := s.o.Client.Project(ctx, s.o.Project)
	if s.fails(f, err) {
		return false
	}
	s.project = p
	f.State, f.Remedy = OK, ""
	f.Found = fmt.Sprintf("%s (%s).", or(p.Name, s.o.Project), p.ID)
	if p.Link != nil && p.Link.Type != "" {
		f.Found += fmt.Sprintf(" Production is built from %s of %s/%s.", or(p.Link.Branch, "main"), p.Link.Org, p.Link.Repo)
	}
	s.add(f)
	return true
}

// way says which way to a canary results.
func (s *survey) way(ctx context.Context) {
	f := Finding{ID: "canary", What: "A part of the visitors can get a version", For: "canaries",
		Remedy: "Change the plan, or name a Global Config under target.vercel.global_config and add proxy.ts."}
	if s.o.Mode == onvercel.ModeProxy {
		s.r.Way, f.State, f.Remedy = onvercel.ModeProxy, OK, ""
		f.Found = "By the application's proxy.ts, as the strategy says."
		s.add(f)
		return
	}
	slots, have, err := s.o.Client.RollingSlots(ctx, s.project.ID)
	if err != nil && api.StatusOf(err) != http.StatusPaymentRequired && s.fails(f, err) {
		return
	}
	s.slots = or(slots, api.SlotsNone)
	way, err := onvercel.Pick(s.o.Mode, s.project.ID, slots, have, s.o.Config)
	if s.fails(f, err) {
		return
	}
	s.r.Way, f.State, f.Remedy = way, OK, ""
	taken := slots == api.SlotsNone || slots == api.SlotsTaken && !slices.Contains(have, s.project.ID)
	switch {
	case way == onvercel.ModeProxy:
		f.Found = fmt.Sprintf("By the application's proxy.ts: the plan has no rolling release for it (%s).", s.slots)
	case taken:
		f.State, f.kind = Missing, fault.Refused
		f.Found = fmt.Sprintf("The strategy wants rolling releases, and the plan has none for it (%s).", s.slots)
		f.Remedy = "Write canary: auto or proxy with a Global Config, free a slot in another project, or change the plan."
	default:
		f.Found = fmt.Sprintf("By rolling releases (%s).", s.slots)
	}
	s.add(f)
}

// production says what reaches visitors without Slipway.
func (s *survey) production() {
	p := s.project
	f := Finding{ID: "production", State: OK, What: "Something is in production", For: "a canary to be compared with"}
	if p.Production == "" {
		f.State, f.Found, f.Remedy = Missing, "Nothing is.", "Put a first build into production, on Vercel."
	} else {
		f.Found = p.Production + " serves " + or(strings.Join(p.Domains, ", "), p.Address) + "."
	}
	s.add(f)
	gate := slices.IndexFunc(s.checks, func(c api.Check) bool {
		return c.Name == onvercel.CheckName && c.Blocks == "deployment-promotion"
	})
	f = Finding{ID: "gate", State: OK, What: "No build reaches visitors behind Slipway's back", For: "every release",
		Remedy: "Run `slipway target connect`, or turn off Auto-assign Custom Production Domains in the project's settings."}
	switch {
	case p.AutoAssign == nil:
		f.State, f.Found = Missing, "Vercel does not say whether new builds reach production by themselves."
		f.Remedy = "Until it does, Slipway takes production to be pinned: it promotes nothing that it can't see."
	case !*p.AutoAssign && gate >= 0:
		f.Found = "Auto-assignment is off (production is pinned, as after a rollback), and Vercel waits for Slipway's check."
	case !*p.AutoAssign:
		f.Found = "Auto-assignment is off: production is pinned, as after a rollback, until something is promoted."
	case gate >= 0:
		f.Found = "Vercel promotes nothing for which Slipway's check has not passed."
	default:
		f.State = Missing
		f.Found = "A push to the production branch reaches all visitors at once: " +
			"auto-assignment is on, and no check blocks it."
	}
	if f.State == Missing && p.AutoAssign != nil && s.unread(f, "checks") {
		return
	}
	if f.State == OK {
		f.Remedy = ""
	}
	s.add(f)
}

func (s *survey) skew() {
	f := Finding{ID: "skew", State: OK, What: "Skew protection is on", For: "pages that are open while the share changes"}
	switch {
	case s.project.MaxAge > 0:
		f.Found = fmt.Sprintf("An open page keeps its build for %s.", s.project.MaxAge)
		if !s.project.Boundary.IsZero() {
			f.Found += " Builds from before " + s.project.Boundary.UTC().Format(time.DateTime+" UTC") + " get no more visitors."
		}
	case s.hobby:
		f.State = NotNeeded
		f.Found = "The plan has none: an open page may get a part of another build, and then loads again."
	case s.r.Way == onvercel.ModeRolling:
		f.State, f.Found = NotNeeded, "It is off, and the first rolling release turns it on."
	default:
		f.State, f.Found, f.Remedy = Missing, "It is off.", "Turn on Skew Protection in the project's settings, Advanced."
	}
	s.add(f)
}
