package page

import (
	"slices"
	"strings"

	"github.com/slipwayhq/slipway/api"
)

// rolesSentence says which roles somebody has.
func rolesSentence(roles []string) string {
	switch len(roles) {
	case 0:
		return "without a role."
	case 1:
		return "with the role " + roles[0] + "."
	}
	return "with the roles " + list(roles) + "."
}

// personSentence is what the page of a person begins with.
func personSentence(f Frame, u api.User) string {
	if u.Disabled {
		return u.Name + " is disabled."
	}
	s := u.Name + ", " + rolesSentence(u.Roles)
	if u.LastSeen != nil {
		s += " Last seen " + ago(*u.LastSeen, f.Now) + "."
	}
	return s
}

func tokenMark(f Frame, t api.Token) mark {
	switch {
	case t.Revoked != nil:
		return mark{"stop", "quiet", "Revoked"}
	case t.Expires != nil && !t.Expires.After(f.Now):
		return mark{"stop", "quiet", "Expired"}
	case t.Expires != nil:
		return mark{"done", "good", "Until " + t.Expires.In(f.Zone).Format("2 Jan 2006")}
	}
	return mark{"done", "good", "Works"}
}

func scopesText(scopes []string) string { return strings.Join(scopes, "\n") }

// matrixRow is a permission with what each role has of it: "*", names of
// environments, or nothing.
type matrixRow struct {
	permission string
	cells      []string
}

// matrix turns roles into rows of permissions, ordered by resource.
func matrix(roles []api.Role) []matrixRow {
	at := map[string][][]string{}
	for i, r := range roles {
		for _, p := range r.Permissions {
			name, env, ok := strings.Cut(p, "@")
			if !ok {
				env = "*"
			}
			if at[name] == nil {
				at[name] = make([][]string, len(roles))
			}
			at[name][i] = append(at[name][i], env)
		}
	}
	var rows []matrixRow
	for _, name := range keysOf(at) {
		row := matrixRow{permission: name}
		for _, envs := range at[name] {
			cell := strings.Join(envs, ", ")
			if slices.Contains(envs, "*") {
				cell = "*"
			}
			row.cells = append(row.cells, cell)
		}
		rows = append(rows, row)
	}
	return rows
}

// peopleSentence counts who can sign in.
func peopleSentence(users []api.User) string {
	n := 0
	for _, u := range users {
		if !u.Disabled {
			n++
		}
	}
	if n == 1 {
		return "One person can sign in."
	}
	return count(n) + " people can sign in."
}

// settingsTabs are the pages of the settings that the viewer can open.
func (f Frame) settingsTabs() []crumb {
	tabs := []crumb{{"You", "/settings"}}
	if f.May("user:manage") {
		tabs = append(tabs, crumb{"People", "/settings/people"})
	}
	tabs = append(tabs, crumb{"Tokens", "/settings/tokens"})
	if f.May("environment:view") {
		tabs = append(tabs, crumb{"Roles", "/settings/roles"})
	}
	return tabs
}
