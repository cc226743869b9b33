package web

import (
	"slices"
	"time"

	"github.com/a-h/templ"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/desk/flags"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/web/page"
	"github.com/slipwayhq/slipway/internal/web/ruleform"
)

// editing is a flag in an environment with what the editor shows of it.
type editing struct {
	flag   api.Flag
	config api.FlagConfig
	page.FlagEditor
}

// editing loads what the editor needs beside its form.
func (s *Web) editing(v *visit) (*editing, error) {
	ctx, environment := v.r.Context(), v.r.PathValue("environment")
	x, err := s.Desk.Flags.Flag(ctx, v.who, v.r.PathValue("key"))
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(x.Environments, func(c api.FlagConfig) bool { return c.Environment == environment })
	if i < 0 {
		_, err := s.Desk.Flags.Config(ctx, v.who, x.Key, environment) // it knows why
		return nil, err
	}
	e := &editing{flag: x, config: x.Environments[i]}
	rules := s.Desk.Strategy.Flags()
	e.Later, e.Approval, e.Attributes = true, len(rules.Approve[environment]) > 0, rules.Attributes
	segments, err := s.Desk.Flags.Segments(ctx, v.who, environment)
	if err != nil {
		return nil, err
	}
	for _, g := range segments[:min(len(segments), offered)] {
		e.Segments = append(e.Segments, g.Key)
	}
	others, err := s.Desk.Flags.Flags(ctx, v.who, flags.Query{Limit: offered})
	if err != nil {
		return nil, err
	}
	for _, o := range others.Items {
		if o.Key != x.Key {
			e.Flags = append(e.Flags, o.Key)
		}
	}
	return e, nil
}

// offered is how many names a field suggests.
const offered = 100

func (e *editing) variants() []string {
	var out []string
	for _, x := range e.flag.Variants {
		out = append(out, x.Name)
	}
	return out
}

func (e *editing) page(f page.Frame) templ.Component {
	return page.FlagEdit(f, e.flag, e.config, e.FlagEditor)
}

func (s *Web) flagEdit(v *visit) error {
	e, err := s.editing(v)
	if err != nil {
		return err
	}
	e.Form = ruleform.Of(e.config, e.variants())
	s.try(v, e)
	return v.show(e.page(v.frame))
}

// flagEdited answers every button of the editor. All but saving change nothing but the page.
func (s *Web) flagEdited(v *visit) error {
	e, err := s.editing(v)
	if err != nil {
		return err
	}
	e.Form = ruleform.Read(ruleform.Fields(v.r.PostForm), e.variants())
	do := v.value("do")
	if form, ok := e.Form.Do(do); ok {
		e.Form = form
		s.try(v, e)
		return v.show(e.page(v.frame))
	}
	if do != "save" && do != "schedule" {
		s.try(v, e)
		return v.show(e.page(v.frame))
	}
	in, bad := e.Form.Config()
	change := api.FlagChange{}
	if err = complain(bad); err == nil {
		change, err = s.keep(v, e, do, in)
	}
	if err == nil {
		return v.flagDone(e.flag.Key, e.config.Environment, "flag-"+do, change)
	}
	status := v.refused(err)
	if fault.Is(err, fault.Conflict) && e.config.Revision != e.Form.Revision {
		e.Theirs, e.Form.Revision = &e.config, e.config.Revision
	}
	s.try(v, e)
	return v.render(status, e.page(v.frame))
}

// keep saves a configuration, or has it saved later.
func (s *Web) keep(v *visit, e *editing, do string, in api.PutFlagConfig) (api.FlagChange, error) {
	if do == "save" {
		return s.Desk.Flags.Put(v.r.Context(), v.who, e.flag.Key, e.config.Environment, in)
	}
	at, err := time.ParseInLocation("2006-01-02T15:04", e.Form.At,
		v.frame.Zone) // the field has no zone: it is the viewer's
	if err != nil {
		return api.FlagChange{}, complain([]ruleform.Complaint{{Path: "at", Message: "Say when: a day and a time."}})
	}
	return s.Desk.Flags.Schedule(v.r.Context(), v.who, e.flag.Key, e.config.Environment,
		api.ScheduleFlag{At: &at, Config: &in, Reason: in.Reason, Revision: in.Revision})
}

// try evaluates the form for its sample users. What is not right is said beside them: it refuses no page.
func (s *Web) try(v *visit, e *editing) {
	in, bad := e.Form.Config()
	users, worse := ruleform.Users(e.Form.Samples)
	if bad = append(bad, worse...); len(bad) > 0 {
		e.Untried = page.PlaceOf(bad[0].Path) + ": " + bad[0].Message
		return
	}
	trial, err := s.Desk.Flags.Try(v.r.Context(), v.who, e.flag.Key, e.config.Environment,
		api.TryFlag{Config: &in, Contexts: users})
	if err != nil {
		e.Untried = fault.MessageOf(err)
		if fault.Is(err, fault.Internal) {
			e.Untried += " Its id is " + v.record(err) + "."
		}
		return
	}
	e.Trial, e.Cost = page.Tried(users, trial), page.Cost(trial)
}
