package strategy

import (
	"cmp"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/approval"
	"github.com/slipwayhq/slipway/internal/guard"
	"github.com/slipwayhq/slipway/internal/probe"
)

// Environment is a place where deployments run, with its own rules.
type Environment struct {
	Name      string
	Purpose   string
	Trigger   string   // push, release or schedule
	Branches  []string // that belong to it; * stands for a part of a name
	URL       string
	Database  string // its name
	Variables string // the file that lists its variables
	Custom    string // slug of the team's own environment on the platform whose variables it has
	FlagsOn   bool   // whether new feature flags start on
	Checks    []string
	Roles     []string        // the access list
	AutoUndo  bool            // goes back without asking
	Approve   []approval.Rule // who approves what enters it; empty: nobody is asked
	Rules     guard.Rules     // its thresholds
}

// Environments returns the environments in the order of a release's way, then the
// team's own.
func (s *Strategy) Environments() []Environment {
	var out []Environment
	for _, name := range s.order("environments") {
		e := s.file.Environments[name]
		env := Environment{
			Name: name, Purpose: e.Purpose, Trigger: e.Trigger, Branches: slices.Clone(e.Branches), URL: e.URL,
			Database: e.Database, Variables: e.Variables, Custom: e.Custom, FlagsOn: e.Flags, Checks: s.checksOf(name),
			Roles: append([]string{}, e.Roles...), AutoUndo: s.file.Rollback.Environments[name] == auto, Rules: s.rules(e.Guard),
		}
		if name == prodStage {
			env.Approve = append(env.Approve, s.file.Stages.Production.Approve...)
		}
		out = append(out, env)
	}
	return out
}

// checksOf says in words what is required in an environment.
func (s *Strategy) checksOf(env string) []string {
	out := []string{}
	add := func(when bool, what string) {
		if when {
			out = append(out, what)
		}
	}
	st := s.file.Stages
	switch env {
	case devStage:
		out = append(out, s.file.Checks.Required.Development...)
	case stgStage:
		out = append(out, s.file.Checks.Required.Staging...)
		add(st.Staging.Smoke != "", "smoke: "+string(st.Staging.Smoke))
		add(st.Staging.Load != "", "load: "+string(st.Staging.Load))
		add(st.Staging.SignOff != "", "sign-off: "+string(st.Staging.SignOff))
		add(st.Staging.Flags != "", "flags: tested")
	case cnyStage:
		out = append(out, s.file.Checks.Required.Canary...)
		add(st.Canary.Smoke != "", "smoke: "+string(st.Canary.Smoke))
		add(st.Canary.SignOff != "", "sign-off: "+string(st.Canary.SignOff))
		out = append(out, "health checks", "metrics compared with production")
	case prodStage:
		out = append(out, s.file.Checks.Required.Production...)
		add(st.Production.Window, "schedule and calendar")
		out = append(out, "approval: "+approval.Describe(st.Production.Approve), "verification: "+st.Production.Verify,
			"watch")
	}
	return out
}

// EnvironmentOf returns the environment that a branch belongs to: the one with the
// most exact pattern, and false when there is none.
func (s *Strategy) EnvironmentOf(branch string) (string, bool) {
	found, best := "", -1
	for _, name := range s.order("environments") {
		for _, pattern := range s.file.Environments[name].Branches {
			ok, err := path.Match(pattern, branch)
			if exact := len(strings.ReplaceAll(pattern, "*", "")); err == nil && ok && exact > best {
				found, best = name, exact
			}
		}
	}
	return found, found != ""
}

// Suite returns the smoke suite called name, empty when there is none.
func (s *Strategy) Suite(name string) probe.Suite {
	out := probe.Suite{Name: name}
	for _, c := range s.file.Smoke[name] {
		out.Checks = append(out.Checks, probe.Check{
			Name: cmp.Or(c.Name, c.Method+" "+c.Path), Method: c.Method, Path: c.Path, Headers: c.Headers, Body: c.Body,
			Want: probe.Want{
				Status: c.Status, Text: c.Text, NotText: c.NotText, Header: c.Header, Within: time.Duration(c.Within), JSON: c.JSON,
			},
		})
	}
	return out
}
