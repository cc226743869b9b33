package web

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/desk"
	"github.com/slipwayhq/slipway/internal/desk/flags"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/web/page"
	"github.com/slipwayhq/slipway/internal/web/ruleform"
)

// flagsShown is how many flags a page lists: what fits into a page's 60 KB.
const flagsShown = 30

func (s *Web) flags(v *visit) error {
	q := page.FlagFilter{Text: v.query("q"), State: v.query("state"), Tag: v.query("tag"),
		Environment: v.query("environment"), Cursor: v.query("cursor")}
	p, err := s.Desk.Flags.Flags(v.r.Context(), v.who, flags.Query{Text: q.Text, State: q.State, Tag: q.Tag,
		Environment: q.Environment, Cursor: q.Cursor, Limit: flagsShown})
	if err != nil {
		return err
	}
	var tags []string
	for _, x := range p.Items {
		tags = append(tags, x.Tags...)
	}
	slices.Sort(tags)
	return v.show(page.FlagList(v.frame, p, q, slices.Compact(tags)))
}

func (s *Web) flagsStale(v *visit) error {
	p, err := s.Desk.Flags.Flags(v.r.Context(), v.who, flags.Query{State: "stale", Limit: 200})
	if err != nil {
		return err
	}
	return v.show(page.FlagStale(v.frame, p.Items))
}

func (s *Web) flag(v *visit) error {
	c, err := s.flagPage(v, v.query("environment"))
	if err != nil {
		return err
	}
	return v.show(c)
}

// flagPage gathers what the page of a flag shows, looking at an environment.
func (s *Web) flagPage(v *visit, environment string) (templ.Component, error) {
	ctx, key := v.r.Context(), v.r.PathValue("key")
	x, err := s.Desk.Flags.Flag(ctx, v.who, key)
	if err != nil {
		return nil, err
	}
	parts := page.FlagParts{Environment: environment, MayRamp: true}
	c := page.FlagFocus(x, environment)
	if c.Environment == "" {
		return page.Flag(v.frame, x, parts), nil
	}
	if parts.History, err = s.Desk.Flags.History(ctx, v.who, key, c.Environment, v.query("cursor"), 10); err != nil {
		return nil, err
	}
	drafts, err := s.Desk.Flags.Drafts(ctx, v.who, flags.DraftQuery{Flag: key, Environment: c.Environment, State: "open"})
	if err != nil {
		return nil, err
	}
	parts.Drafts = drafts.Items
	hours, _ := strconv.Atoi(v.query("hours")) // what is no number asks for what is shown first
	parts.Hours = cmp.Or(min(max(hours, 0), 30*24), page.UsageHours)
	u, err := s.Desk.Flags.Usage(ctx, v.who, key, c.Environment, parts.Hours)
	if err != nil {
		return nil, err
	}
	parts.Usage = &u
	if parts.Ramp, err = s.lastRamp(v, x, c); err != nil {
		return nil, err
	}
	if r := parts.Ramp; c.Ramp != "" {
		if r.Reached > 0 {
			canary, err := s.Desk.Canary(ctx, v.who, r.ID)
			if err != nil {
				return nil, err
			}
			parts.Canary = &canary
		}
	}
	return page.Flag(v.frame, x, parts), nil
}

func (s *Web) flagNew(v *visit) error {
	return v.show(page.FlagNew(v.frame, page.FlagFields{Key: v.query("key")}))
}

// lastRamp is the ramp of a flag: the one that runs, else the last.
func (s *Web) lastRamp(v *visit, x api.Flag, c api.FlagConfig) (*api.Release, error) {
	if c.Ramp != "" {
		r, err := s.Desk.Release(v.r.Context(), v.who, c.Ramp)
		return &r, err
	}
	p, err := s.Desk.Releases(v.r.Context(), v.who, desk.ReleaseQuery{Version: x.Key + "=" + page.Raised(x, c), Limit: 20})
	for _, r := range p.Items {
		if r.Flag != nil && r.Flag.Environment == c.Environment && r.Ended != nil {
			return &r, err
		}
	}
	return nil, err
}

// fields reads the form about a flag.
func (v *visit) fields() page.FlagFields {
	in := page.FlagFields{
		Key: v.value("key"), Kind: v.value("kind"), Description: v.value("description"), Owner: v.value("owner"),
		Tags: v.value("tags"), Variants: v.value("variants"), Expires: v.value("expires"),
		Client: v.value("client") == "true", Permanent: v.value("permanent") == "true",
	}
	in.Bucketing, _ = strconv.Atoi(v.value("bucketing")) // checked by the desk, as all of it
	in.Revision, _ = strconv.ParseInt(v.value("revision"), 10, 64)
	return in
}

// expires reads the day that a flag's code should be gone by.
func (v *visit) expires(day string) (*time.Time, error) {
	if day == "" {
		return nil, nil //nolint:nilnil // a flag may have no such day
	}
	at, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return nil, fault.New(fault.Invalid, "expires_invalid", "The day cannot be read.")
	}
	return &at, nil
}

func (s *Web) flagMake(v *visit) error {
	in := v.fields()
	expires, err := v.expires(in.Expires)
	variants, bad := ruleform.Variants(in.Variants, cmp.Or(in.Kind, "boolean"))
	if err == nil {
		err = complain(bad)
	}
	if err == nil {
		_, err = s.Desk.Flags.Create(v.r.Context(), v.who, api.CreateFlag{
			Key: in.Key, Kind: cmp.Or(in.Kind, "boolean"), Description: in.Description, Owner: in.Owner,
			Tags: ruleform.Lines(in.Tags), Variants: variants, Client: in.Client, Permanent: in.Permanent, Expires: expires,
		})
	}
	if err != nil {
		return v.again(err, func() (templ.Component, error) { return page.FlagNew(v.frame, in), nil })
	}
	return v.done("/flags/"+url.PathEscape(in.Key), "flag")
}

func (s *Web) flagDescribe(v *visit) error {
	x, err := s.Desk.Flags.Flag(v.r.Context(), v.who, v.r.PathValue("key"))
	if err != nil {
		return err
	}
	return v.show(page.FlagDescribe(v.frame, x, page.FieldsOf(x)))
}

// flagChange sends only what differs: to change variants, bucketing or publicity more permissions are needed.
func (s *Web) flagChange(v *visit) error {
	key, in := v.r.PathValue("key"), v.fields()
	x, err := s.Desk.Flags.Flag(v.r.Context(), v.who, key)
	if err != nil {
		return err
	}
	was := page.FieldsOf(x)
	send := api.ChangeFlag{Revision: in.Revision, Tags: ruleform.Lines(in.Tags)}
	differing(&send.Description, was.Description, in.Description)
	differing(&send.Owner, was.Owner, in.Owner)
	differing(&send.Client, was.Client, in.Client)
	differing(&send.Permanent, was.Permanent, in.Permanent)
	if send.Tags == nil {
		send.Tags = []string{}
	}
	if in.Bucketing != x.Bucketing {
		send.Bucketing = in.Bucketing
	}
	if in.Expires != was.Expires {
		if send.Expires, err = v.expires(in.Expires); send.Expires == nil {
			send.Expires = &time.Time{}
		}
	}
	if err == nil && strings.ReplaceAll(in.Variants, "\r\n", "\n") != was.Variants {
		var bad []ruleform.Complaint
		send.Variants, bad = ruleform.Variants(in.Variants, x.Kind)
		err = complain(bad)
	}
	if err == nil {
		_, err = s.Desk.Flags.Change(v.r.Context(), v.who, key, send)
	}
	if err != nil {
		return v.again(err, func() (templ.Component, error) { return page.FlagDescribe(v.frame, x, in), nil })
	}
	return v.done("/flags/"+url.PathEscape(key), "saved")
}

// differing points to a value when it is not what it was.
func differing[T comparable](to **T, was, is T) {
	if was != is {
		*to = &is
	}
}

// complain is a refusal with what is wrong with a form's fields, or nil.
func complain(bad []ruleform.Complaint) error {
	if len(bad) == 0 {
		return nil
	}
	err := fault.New(fault.Invalid, "form_invalid", "Nothing was saved.")
	for _, c := range bad {
		err.Fields = append(err.Fields, fault.Field{Path: c.Path, Message: c.Message})
	}
	return err
}

// flagArchive takes a flag out of use or brings it back.
func (s *Web) flagArchive(v *visit) error {
	key, action := v.r.PathValue("key"), v.r.PathValue("action")
	if action != "archive" && action != "restore" {
		return s.missing(v)
	}
	if _, err := s.Desk.Flags.Archive(v.r.Context(), v.who, key, v.value("reason"), action == "archive"); err != nil {
		return v.again(err, func() (templ.Component, error) { return s.flagPage(v, "") })
	}
	return v.done("/flags/"+url.PathEscape(key), action)
}

// flagAct does what a button about a flag in an environment says.
func (s *Web) flagAct(v *visit) error {
	key, environment, action := v.r.PathValue("key"), v.r.PathValue("environment"), v.r.PathValue("action")
	revision, err := v.revision()
	reason, change := v.value("reason"), api.FlagChange{}
	switch {
	case err != nil:
	case action == "on" || action == "off":
		change, err = s.Desk.Flags.Switch(v.r.Context(), v.who, key, environment, action == "on",
			api.SwitchFlag{Reason: reason, Revision: revision})
	case action == "rollout":
		var x api.Flag
		var c api.FlagConfig
		if x, c, err = s.ramped(v); err != nil {
			break
		}
		in := api.RolloutFlag{Variant: page.Raised(x, c), Against: page.Against(x, c), Reason: reason,
			Revision: revision} // as the form said
		if in.Percent, err = strconv.ParseFloat(v.value("percent"), 64); err != nil || !(in.Percent >= 0 &&
			in.Percent <= 100) {
			err = fault.New(fault.Invalid, "share_invalid", "A share is a number of percent between 0 and 100.")
			break
		}
		change, err = s.Desk.Flags.Rollout(v.r.Context(), v.who, key, environment, in)
	case action == "revert":
		in := api.RevertFlag{Reason: reason, Revision: revision}
		if in.To, err = strconv.ParseInt(v.value("to"), 10, 64); err == nil {
			change, err = s.Desk.Flags.Revert(v.r.Context(), v.who, key, environment, in)
		}
	default:
		return s.missing(v)
	}
	if err != nil {
		return v.again(err, func() (templ.Component, error) { return s.flagPage(v, environment) })
	}
	return v.flagDone(key, environment, "flag-"+action, change)
}

// revision is that of what stood beside the form: what changed since is not changed again unseen.
func (v *visit) revision() (int64, error) {
	n, err := strconv.ParseInt(v.value("revision"), 10, 64)
	if err != nil {
		return 0, fault.New(fault.Invalid, "revision_missing",
			"The form does not say what you looked at. Reload the page.")
	}
	return n, nil
}

// flagDone leads back to a flag after a change; what waits for approval says so.
func (v *visit) flagDone(key, environment, code string, change api.FlagChange) error {
	if change.Draft != "" && (change.Approval != "" || code != "flag-schedule") {
		code = "flag-draft"
	}
	return v.done("/flags/"+url.PathEscape(key)+"?environment="+url.QueryEscape(environment), code)
}

func (s *Web) flagPromote(v *visit) error {
	c, err := s.promotePage(v, v.query("from"), v.query("to"))
	if err != nil {
		return err
	}
	return v.show(c)
}

func (s *Web) promotePage(v *visit, from, to string) (templ.Component, error) {
	key := v.r.PathValue("key")
	x, err := s.Desk.Flags.Flag(v.r.Context(), v.who, key)
	if err != nil {
		return nil, err
	}
	if from == "" || to == "" || from == to {
		return page.FlagPromoteChoose(v.frame, x, from, cmp.Or(to, page.Following(x, from))), nil
	}
	change, err := s.Desk.Flags.Promote(v.r.Context(), v.who, key, api.PromoteFlag{From: from, To: to, DryRun: true})
	if err != nil {
		return nil, err
	}
	return page.FlagPromote(v.frame, x, from, to, change), nil
}

func (s *Web) flagPromoteDo(v *visit) error {
	key := v.r.PathValue("key")
	in := api.PromoteFlag{From: v.value("from"), To: v.value("to"), Reason: v.value("reason")}
	var err error
	if in.Revision, err = strconv.ParseInt(v.value("revision"), 10, 64); err != nil {
		return fault.New(fault.Invalid, "revision_missing", "The form does not say what you looked at. Reload the page.")
	}
	change, err := s.Desk.Flags.Promote(v.r.Context(), v.who, key, in)
	if err != nil {
		return v.again(err, func() (templ.Component, error) { return s.promotePage(v, in.From, in.To) })
	}
	return v.flagDone(key, in.To, "flag-promote", change)
}
