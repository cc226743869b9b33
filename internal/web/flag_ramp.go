package web

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/web/page"
	"github.com/slipwayhq/slipway/internal/web/ruleform"
)

func (s *Web) flagRamp(v *visit) error {
	x, c, err := s.ramped(v)
	if err != nil {
		return err
	}
	in := page.RampFields{Variant: page.Raised(x, c), Against: page.Against(x, c)}
	for _, step := range s.Desk.Strategy.RampPlan(c.Environment, nil, 0).Steps {
		if step.Share > max(c.Share, 0) {
			in.Steps += ", " + strconv.FormatFloat(step.Share, 'f', -1, 64)
		}
		if step.Bake > 0 && in.Bake == "" {
			in.Bake = shortly(step.Bake)
		}
	}
	in.Steps = strings.TrimPrefix(in.Steps, ", ")
	p, err := s.rampPage(v, x, c, in)
	if err != nil {
		return err
	}
	return v.show(p)
}

// shortly writes a duration as it is typed: 10m, not 10m0s.
func shortly(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// ramped returns a flag and what it does where a ramp is asked for.
func (s *Web) ramped(v *visit) (api.Flag, api.FlagConfig, error) {
	x, err := s.Desk.Flags.Flag(v.r.Context(), v.who, v.r.PathValue("key"))
	if err != nil {
		return x, api.FlagConfig{}, err
	}
	at := v.r.PathValue("environment")
	if i := slices.IndexFunc(x.Environments, func(c api.FlagConfig) bool { return c.Environment == at }); i >= 0 {
		return x, x.Environments[i], nil
	}
	c, err := s.Desk.Flags.Config(v.r.Context(), v.who, x.Key, at) // it knows why
	return x, c, err
}

func (s *Web) rampPage(v *visit, x api.Flag, c api.FlagConfig, in page.RampFields) (templ.Component, error) {
	u, err := s.Desk.Flags.Usage(v.r.Context(), v.who, x.Key, c.Environment, page.UsageHours)
	if err != nil {
		return nil, err
	}
	return page.FlagRampStart(v.frame, x, c, in, &u), nil
}

// flagRampStart begins a release whose lever is the flag's share.
func (s *Web) flagRampStart(v *visit) error {
	x, c, err := s.ramped(v)
	if err != nil {
		return err
	}
	in := page.RampFields{Variant: v.value("variant"), Against: v.value("against"), Steps: v.value("steps"),
		Bake: v.value("bake"), Reason: v.value("reason")}
	send, bad := ruleform.Ramp(in.Steps, in.Bake)
	send.Variant, send.Against, send.Reason = in.Variant, in.Against, in.Reason
	err = complain(bad)
	if err == nil {
		send.Revision, err = v.revision()
	}
	if err == nil {
		_, err = s.Desk.StartRamp(v.r.Context(), v.who, x.Key, c.Environment, send)
	}
	if err != nil {
		return v.again(err, func() (templ.Component, error) { return s.rampPage(v, x, c, in) })
	}
	return v.done("/flags/"+url.PathEscape(x.Key)+"?environment="+url.QueryEscape(c.Environment), "flag-ramp")
}
