package strategy

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/approval"
	"github.com/slipwayhq/slipway/internal/strategy/document"
)

// admin holds everything and cannot be changed: somebody must be able to mend a
// strategy that locks everybody out.
const admin = "admin"

// everywhere is written for every environment whose access list names the role.
const everywhere = "all"

// places are the environments in which a permission holds: all, or a list.
type places []string

// Read reads places in the form that people write.
func (x *places) Read(d *document.Decoder, path []string, n *document.Node) {
	*x = places{}
	switch n.Form {
	case document.Scalar:
		if n.Text != everywhere {
			d.Wrong(n, path, fmt.Sprintf("want all or a list of environments, got %q", n.Text),
				"write all, or [staging, production]")
			return
		}
		*x = places{everywhere}
	case document.List:
		for i, item := range n.Items {
			if d.IsScalar(append(slices.Clone(path), strconv.Itoa(i)), item, "an environment") {
				*x = append(*x, item.Text)
			}
		}
	default:
		d.Wrong(n, path, "want all or a list of environments, got "+n.Form.String(), "write all, or [staging, production]")
	}
}

// Schema describes the form of places.
func (*places) Schema() map[string]any {
	return document.AnyOf(map[string]any{"const": everywhere}, map[string]any{"type": "array",
		"items": map[string]any{"type": "string"}})
}

// global reports whether a permission belongs to no environment.
func global(p access.Permission) bool {
	switch p {
	case access.ManageUsers, access.ManageTokens, access.OperateEdge, access.ReportCheck, access.ReportIssue,
		access.WriteMetric:
		return true
	}
	return false
}

// Roles returns the roles, admin last. A permission holds in an environment when
// the role has it there and the environment's access list names the role. Being
// asked for an approval or a signature by the strategy carries the permission.
func (s *Strategy) Roles() []access.Role { return slices.Clone(s.roles) }

func (s *Strategy) makeRoles() []access.Role {
	var out []access.Role
	for _, name := range s.order("roles") {
		if name == admin {
			continue
		}
		r := s.file.Roles[name]
		role := access.Role{Name: name, Title: s.roleTitle(name), Grants: []access.Grant{}}
		for _, p := range access.All() {
			if slices.Contains(r.Everywhere, string(p)) {
				role.Grants = append(role.Grants, access.Grant{Permission: p, Environment: access.Everywhere})
				continue
			}
			for _, env := range s.order("environments") {
				if s.holds(name, p, env) {
					role.Grants = append(role.Grants, access.Grant{Permission: p, Environment: env})
				}
			}
		}
		out = append(out, role)
	}
	all := access.Role{Name: admin, Title: "Administration"}
	for _, p := range access.All() {
		all.Grants = append(all.Grants, access.Grant{Permission: p, Environment: access.Everywhere})
	}
	return append(out, all)
}

// holds reports whether a role has a permission in an environment.
func (s *Strategy) holds(role string, p access.Permission, env string) bool {
	if global(p) || !slices.Contains(s.file.Environments[env].Roles, role) {
		return false
	}
	where := s.file.Roles[role].May[string(p)]
	return slices.Contains(where, everywhere) || slices.Contains(where, env) || s.asked(role, p, env)
}

// asked reports whether the strategy asks the role for something that needs p.
func (s *Strategy) asked(role string, p access.Permission, env string) bool {
	st := s.file.Stages
	names := func(rules []approval.Rule) bool {
		return slices.ContainsFunc(rules, func(r approval.Rule) bool { return r.Role == role })
	}
	switch p {
	case access.ViewEnvironment:
		return true
	case access.ApproveRelease:
		return env == prodStage && names(st.Production.Approve)
	case access.ApproveRollback:
		return s.file.Rollback.Environments[env] != auto && names(s.file.Rollback.Approvers)
	case access.ApproveFlag:
		return names(s.file.Flags.Approve[env])
	case access.SignCheck:
		for _, item := range s.items {
			if item.Role == role && slices.Contains(item.Stages, env) {
				return true
			}
		}
	}
	return false
}
