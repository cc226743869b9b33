// Package access says who may do what.
//
// A permission is resource:action, granted in an environment or everywhere ("*").
// Roles are bundles of grants; checks are always by permission, never by role. An
// Actor is somebody who acts: a user with roles, or a token with scopes that are
// never wider than its owner's. Checking is pure and happens in one place, the
// server's front door, for API, pages and streams alike.
package access

import (
	"slices"
	"strings"

	"github.com/slipwayhq/slipway/internal/fault"
)

// Permission is resource:action, e.g. release:start.
type Permission string

// The permissions.
const (
	ViewEnvironment  Permission = "environment:view"
	StartRelease     Permission = "release:start"
	ControlRelease   Permission = "release:control" // pause, resume, lower or raise the share, promote a step, abort
	ApproveRelease   Permission = "release:approve"
	SkipStep         Permission = "release:skip"
	ReportCheck      Permission = "check:report"
	SignCheck        Permission = "check:sign"
	RequestRollback  Permission = "rollback:request"
	ApproveRollback  Permission = "rollback:approve"
	RunRollback      Permission = "rollback:run"
	ManageIncident   Permission = "incident:manage"
	ReadLog          Permission = "log:read"
	ManageUsers      Permission = "user:manage"
	ManageTokens     Permission = "token:manage" // of others; everybody manages their own
	OperateEdge      Permission = "edge:operate" // read the routing table, deliver observations
	ReportIssue      Permission = "issue:report" // a user-reported problem
	ManageDeployment Permission = "deployment:manage"
	WriteMetric      Permission = "metric:write" // report what an application measures: custom metrics, OTLP
	EditFlag         Permission = "flag:edit"    // what a flag or a segment does in an environment
	SwitchFlag       Permission = "flag:switch"  // on and off
	ApproveFlag      Permission = "flag:approve" // changes that wait for it
	ManageFlagKeys   Permission = "flag:keys"    // with which programs evaluate flags
)

// All returns every permission.
func All() []Permission {
	return []Permission{
		ViewEnvironment, StartRelease, ControlRelease, ApproveRelease, SkipStep, ReportCheck, SignCheck,
		RequestRollback, ApproveRollback, RunRollback, ManageIncident, ReadLog, ManageUsers, ManageTokens, OperateEdge,
		ReportIssue, ManageDeployment, WriteMetric, EditFlag, SwitchFlag, ApproveFlag, ManageFlagKeys,
	}
}

// Everywhere is the environment of a grant that holds in all of them.
const Everywhere = "*"

// Grant gives a permission in one environment or Everywhere.
type Grant struct {
	Permission  Permission `json:"permission"`
	Environment string     `json:"environment"`
}

// Role is a named bundle of grants.
type Role struct {
	Name   string  `json:"name"`
	Title  string  `json:"title"`
	Grants []Grant `json:"grants"`
}

// Actor is somebody who acts.
type Actor struct {
	ID     string   `json:"id"`   // user:…, token:… or system:…; goes into the log
	User   string   `json:"user"` // id of the user, or of the token's owner
	Name   string   `json:"name"`
	Roles  []string `json:"roles"`
	Grants []Grant  `json:"grants"` // of all roles; a token's are cut down to its scopes
}

// System returns the actor for what Slipway does by itself, e.g. System("guard").
func System(name string) Actor {
	return Actor{ID: "system:" + name, Name: "Slipway's " + name, Grants: Everything()}
}

// May reports whether the actor holds the permission in the environment. The empty
// environment asks for things that belong to none, such as users.
func (a Actor) May(p Permission, environment string) bool {
	return slices.ContainsFunc(a.Grants, func(g Grant) bool {
		return g.Permission == p && (g.Environment == Everywhere || g.Environment == environment)
	})
}

// MayAnywhere reports whether the actor holds the permission in any environment.
func (a Actor) MayAnywhere(p Permission) bool {
	return slices.ContainsFunc(a.Grants, func(g Grant) bool { return g.Permission == p })
}

// Check returns a Denied fault that names what is missing, or nil.
func (a Actor) Check(p Permission, environment string) error {
	if a.May(p, environment) {
		return nil
	}
	where := ""
	switch environment {
	case "":
	case Everywhere:
		where = " in any environment"
	default:
		where = " in " + environment
	}
	return fault.New(fault.Denied, "permission_missing", "%s may not %s%s: that needs %s.", a.Name, p.words(), where, p)
}

// words turns release:start into "start a release".
func (p Permission) words() string {
	resource, action, _ := strings.Cut(string(p), ":")
	if p == ManageFlagKeys {
		return "manage the keys of flags"
	}
	article := "a"
	if resource != "" && strings.IndexByte("aeio", resource[0]) >= 0 {
		article = "an"
	}
	return action + " " + article + " " + resource
}
