package strategy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/internal/access"
)

// matrix writes who may do what, one line for each role and permission.
func matrix(s *Strategy) string {
	var b strings.Builder
	for _, r := range s.Roles() {
		for _, p := range access.All() {
			var in []string
			for _, g := range r.Grants {
				if g.Permission == p {
					in = append(in, g.Environment)
				}
			}
			if len(in) > 0 {
				fmt.Fprintf(&b, "%-12s %-20s %s\n", r.Name, p, strings.Join(in, " "))
			}
		}
	}
	return b.String()
}

// req: RO-14
func TestRoleMatrix(t *testing.T) {
	t.Parallel()
	golden(t, "testdata/roles.golden", matrix(mustParse(t, least)))
}

// actor returns somebody with one role.
func actor(s *Strategy, role string) access.Actor {
	a := access.Actor{Name: role}
	for _, r := range s.Roles() {
		if r.Name == role {
			a.Grants = r.Grants
		}
	}
	return a
}

// mayAnything reports whether the role holds any permission that is held in
// environments.
func mayAnything(a access.Actor, env string) bool {
	for _, p := range access.All() {
		if !global(p) && a.May(p, env) {
			return true
		}
	}
	return false
}

// req: EN-04 EN-07
func TestOnlyTheAccessListMayViewOrAct(t *testing.T) {
	t.Parallel()
	s := mustParse(t, least)
	want := map[string]string{
		"development": "development", "staging": "development qa product",
		"canary": "development qa product devops incident", "production": "development qa product devops incident",
	}
	for env, roles := range want {
		for _, r := range s.Roles() {
			listed := strings.Contains(" "+roles+" ", " "+r.Name+" ") || r.Name == admin
			a := actor(s, r.Name)
			if got := mayAnything(a, env); got != listed {
				t.Errorf("%s in %s: may anything %t, want %t", r.Name, env, got, listed)
			}
			if got := a.May(access.ViewEnvironment, env); got != listed {
				t.Errorf("%s in %s: may view %t, want %t", r.Name, env, got, listed)
			}
		}
	}
}

// req: RO-14
func TestTeamsDoWhatTheyAreFor(t *testing.T) {
	t.Parallel()
	s := mustParse(t, least+"stages: {canary: {sign_off: qa}}\n")
	tests := []struct {
		role string
		does access.Permission
		env  string
		may  bool
	}{
		{"development", access.StartRelease, "staging", true},
		{"development", access.ApproveRelease, "production", false},
		{"development", access.ControlRelease, "production", false},
		{"qa", access.SignCheck, "staging", true},
		{"qa", access.SignCheck, "canary", true},
		{"qa", access.ApproveRelease, "production", false},
		{"product", access.ApproveRelease, "production", true},
		{"product", access.ApproveRollback, "production", false},
		{"devops", access.ControlRelease, "canary", true},
		{"devops", access.RunRollback, "production", true},
		{"devops", access.ApproveRollback, "production", false},
		{"devops", access.ViewEnvironment, "staging", false},
		{"incident", access.ApproveRollback, "production", true},
		{"incident", access.ManageIncident, "production", true},
		{"admin", access.ManageUsers, "", true},
		{"devops", access.ManageUsers, "", false},
	}
	for _, tt := range tests {
		if got := actor(s, tt.role).May(tt.does, tt.env); got != tt.may {
			t.Errorf("%s, %s in %s: got %t", tt.role, tt.does, tt.env, got)
		}
	}
}

func TestBeingAskedCarriesThePermission(t *testing.T) {
	t.Parallel()
	s := mustParse(t, least+`
stages: {staging: {sign_off: lead}, production: {approve: {lead: 1, devops: 2}}}
rollback: {staging: approve, approvers: [lead]}
environments: {staging: {roles: [lead, development, qa]}, production: {roles: [lead, devops, product]}}
roles: {lead: {title: Technical lead}}
`)
	lead := actor(s, "lead")
	tests := []struct {
		does access.Permission
		env  string
		may  bool
	}{
		{access.SignCheck, "staging", true},
		{access.SignCheck, "production", false},
		{access.ApproveRelease, "production", true},
		{access.ApproveRelease, "staging", false},
		{access.ApproveRollback, "production", true},
		{access.ApproveRollback, "staging", true},
		{access.RunRollback, "production", false},
		{access.ViewEnvironment, "canary", false},
	}
	for _, tt := range tests {
		if got := lead.May(tt.does, tt.env); got != tt.may {
			t.Errorf("lead, %s in %s: got %t", tt.does, tt.env, got)
		}
	}
	if p := s.RollbackPolicy("staging"); p.Auto || len(p.Approve) != 1 || p.Approve[0].Role != "lead" {
		t.Errorf("staging's way back: %+v", p)
	}
}
