package web

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/web/page"
)

func (s *Web) configs(v *visit) error {
	all, err := s.Desk.Configs.Configs(v.r.Context(), v.who)
	if err != nil {
		return err
	}
	return v.show(page.Configs(v.frame, all))
}

func (s *Web) config(v *visit) error {
	c, err := s.configPage(v, page.ConfigView{})
	if err != nil {
		return err
	}
	return v.show(c)
}

// configPage shows an environment's variables; x says what was typed into a form that is shown again.
func (s *Web) configPage(v *visit, x page.ConfigView) (templ.Component, error) {
	ctx, environment := v.r.Context(), v.r.PathValue("environment")
	var err error
	if x.Config, err = s.Desk.Configs.Config(ctx, v.who, environment); err != nil {
		return nil, err
	}
	if x.Revisions, err = s.Desk.Configs.Revisions(ctx, v.who, environment, v.query("cursor"), 20); err != nil {
		return nil, err
	}
	x.Draft, err = s.Desk.Configs.Draft(ctx, v.who, environment)
	return page.Config(v.frame, x), err
}

func (s *Web) configVariable(v *visit) error {
	c, err := s.variablePage(v, page.VariableFields{Key: v.query("key")})
	if err != nil {
		return err
	}
	return v.show(c)
}

func (s *Web) variablePage(v *visit, in page.VariableFields) (templ.Component, error) {
	environment := v.r.PathValue("environment")
	c, err := s.Desk.Configs.Config(v.r.Context(), v.who, environment)
	if err == nil && len(c.Actions) == 0 {
		err = fault.New(fault.Denied, "config_denied", "You may look at the variables of %.64s, and not change them.",
			environment)
	}
	return page.ConfigVariable(v.frame, c, in), err
}

// configDraft drafts a value of a variable, that it goes, or that it is left alone again. What was typed as a value is
// put back only where its kind is plain: no page holds another.
func (s *Web) configDraft(v *visit) error {
	environment, key, do := v.r.PathValue("environment"), v.value("key"), v.value("do")
	in := page.VariableFields{Key: key, Kind: v.value("kind")}
	value := strings.ReplaceAll(v.r.PostForm.Get("value"), "\r\n", "\n")
	order := api.EditConfigDraft{Seen: v.value("seen")}
	switch do {
	case "set":
		order.Set = []api.SetVariable{{Key: key, Value: value, Kind: in.Kind}}
	case "remove":
		order.Remove = []string{key}
	case "undo":
		order.Undo = []string{key}
	default:
		return fault.New(fault.Invalid, "form_malformed", "The form does not say what to do.")
	}
	if _, err := s.Desk.Configs.EditDraft(v.r.Context(), v.who, environment, order); err != nil {
		if do == "undo" {
			return v.again(err, func() (templ.Component, error) { return s.configPage(v, page.ConfigView{}) })
		}
		if in.Kind == "plain" {
			in.Value = value
		}
		return v.again(err, func() (templ.Component, error) { return s.variablePage(v, in) })
	}
	return v.done(configPath(environment), "config-draft")
}

// configDo applies or discards the draft, takes over what the platform has, or writes again what was wanted.
func (s *Web) configDo(v *visit) error {
	ctx, environment, deed := v.r.Context(), v.r.PathValue("environment"), v.r.PathValue("deed")
	x := page.ConfigView{Deed: deed, Reason: v.value("reason"), Rebuild: v.value("rebuild") == "true"}
	revision, err := strconv.ParseInt(v.value("revision"), 10, 64)
	if err != nil {
		return fault.New(fault.Invalid, "revision_missing", "The form does not say what you looked at. Reload the page.")
	}
	var out api.ConfigChange
	switch deed {
	case "apply":
		out, err = s.Desk.Configs.ApplyDraft(ctx, v.who, environment, api.ApplyConfigDraft{Reason: x.Reason,
			Seen: v.value("seen"), Revision: revision, Over: v.value("over") == "true", Rebuild: x.Rebuild})
	case "discard":
		_, err = s.Desk.Configs.DiscardDraft(ctx, v.who, environment, v.value("seen"))
		out.Done = true
	case "pull":
		out, err = s.Desk.Configs.Pull(ctx, v.who, environment, api.PullConfig{Reason: x.Reason})
	case "rewrite":
		out, err = s.Desk.Configs.Back(ctx, v.who, environment, api.BackConfig{To: revision, Reason: x.Reason,
			Revision: revision, Way: "write"})
	default:
		return s.missing(v)
	}
	return s.configDone(v, out, err, "config-"+deed, func() (templ.Component, error) { return s.configPage(v, x) })
}

func (s *Web) configDone(v *visit, out api.ConfigChange, err error, code string,
	load func() (templ.Component, error)) error {
	switch {
	case err != nil:
		return v.again(err, load)
	case out.Rollback != "":
		return v.done("/rollbacks/"+out.Rollback, "rollback")
	case !out.Done:
		code = "config-same"
	}
	return v.done(configPath(v.r.PathValue("environment")), code)
}

func configPath(environment string) string { return "/config/" + url.PathEscape(environment) }

func (s *Web) configRevision(v *visit) error {
	c, err := s.revisionPage(v, v.r.PathValue("number"), page.ConfigView{Way: "auto"})
	if err != nil {
		return err
	}
	return v.show(c)
}

func (s *Web) revisionPage(v *visit, number string, x page.ConfigView) (templ.Component, error) {
	ctx, environment := v.r.Context(), v.r.PathValue("environment")
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 1 {
		return nil, fault.New(fault.NotFound, "not_found", "There is no such revision.")
	}
	r, err := s.Desk.Configs.Revision(ctx, v.who, environment, n)
	if err != nil {
		return nil, err
	}
	if x.Config, err = s.Desk.Configs.Config(ctx, v.who, environment); err != nil {
		return nil, err
	}
	var diff api.ConfigDiff
	if x.Config.Newest != nil && x.Config.Newest.Number != n {
		diff, err = s.Desk.Configs.Diff(ctx, v.who, environment, x.Config.Newest.Number, n)
	}
	return page.ConfigRevision(v.frame, x, r, diff), err
}

// configBack brings a revision back.
func (s *Web) configBack(v *visit) error {
	in := api.BackConfig{Reason: v.value("reason"), Way: v.value("way")}
	var wrong error
	in.To, wrong = strconv.ParseInt(v.value("to"), 10, 64)
	if wrong == nil {
		in.Revision, wrong = strconv.ParseInt(v.value("revision"), 10, 64)
	}
	if wrong != nil {
		return fault.New(fault.Invalid, "revision_missing", "The form does not say what you looked at. Reload the page.")
	}
	out, err := s.Desk.Configs.Back(v.r.Context(), v.who, v.r.PathValue("environment"), in)
	return s.configDone(v, out, err, "config-rollback", func() (templ.Component, error) {
		return s.revisionPage(v, v.value("to"), page.ConfigView{Way: in.Way, Reason: in.Reason})
	})
}
