package access

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/slipwayhq/slipway/internal/fault"
)

// Admin is the reserved role that holds every permission everywhere, whatever the
// strategy says: a mistake in the file must not lock everybody out.
const Admin = "admin"

const (
	maxScopes      = 256
	maxEnvironment = 64
)

// Scope is what a token is asked to be for: a permission in one environment or
// Everywhere. It gives nothing by itself: see Narrow.
type Scope struct {
	Permission  Permission
	Environment string
}

// String returns permission@environment.
func (s Scope) String() string { return string(s.Permission) + "@" + s.Environment }

// ParseScope reads permission@environment; the permission alone means Everywhere.
// There is no wildcard for permissions: a token must not gain one that a later
// version of Slipway invents.
func ParseScope(text string) (Scope, error) {
	permission, environment, at := strings.Cut(text, "@")
	if !at {
		environment = Everywhere
	}
	s := Scope{Permission(permission), environment}
	if !slices.Contains(All(), s.Permission) {
		return Scope{}, fault.New(fault.Invalid, "scope_unknown", "There is no permission %s. There are: %s.",
			short(permission), strings.Join(names(All()), ", "))
	}
	if !validEnvironment(environment) {
		return Scope{}, fault.New(fault.Invalid, "scope_malformed",
			"%s is no environment. A scope is permission@environment, e.g. %s@staging, or %s@* for all of them.",
			short(environment), permission, permission)
	}
	return s, nil
}

// ParseScopes reads a list of scopes, each element one scope or several with
// commas or spaces between. The answer is sorted and names nothing twice; the fault
// names every element that is wrong.
func ParseScopes(texts []string) ([]Scope, error) {
	var scopes []Scope
	var fields []fault.Field
	for i, text := range texts {
		parts := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' })
		if len(scopes)+len(parts) > maxScopes || len(fields) > 10 {
			many := fmt.Sprintf("A token has at most %d scopes.", maxScopes)
			fields = append(fields, fault.Field{Path: "scopes", Message: many})
			break
		}
		for _, part := range parts {
			s, err := ParseScope(part)
			if err != nil {
				fields = append(fields, fault.Field{Path: fmt.Sprintf("scopes[%d]", i), Message: fault.MessageOf(err)})
				continue
			}
			scopes = append(scopes, s)
		}
	}
	if len(fields) > 0 {
		err := fault.New(fault.Invalid, "scope_invalid", "%s", fields[0].Message)
		err.Fields = fields
		return nil, err
	}
	slices.SortFunc(scopes, func(a, b Scope) int { return cmp.Compare(a.String(), b.String()) })
	return slices.Compact(scopes), nil
}

// FormatScopes returns the scopes as text, for keeping and showing.
func FormatScopes(scopes []Scope) []string {
	out := make([]string, len(scopes))
	for i, s := range scopes {
		out[i] = s.String()
	}
	return out
}

// Narrow returns what a token may do: what its owner may do now and its scopes
// name. It is never wider than either, so that a token shrinks with its owner and
// one without scopes can do nothing.
func Narrow(owner []Grant, scopes []Scope) []Grant {
	var out []Grant
	for _, s := range scopes {
		for _, g := range owner {
			if common, ok := meet(g.Environment, s.Environment); ok && g.Permission == s.Permission {
				out = append(out, Grant{g.Permission, common})
			}
		}
	}
	return tidy(out)
}

// Idle returns the scopes that would give a token of this owner nothing, so that
// they can be refused when it is made instead of failing later.
func Idle(owner []Grant, scopes []Scope) []Scope {
	return slices.DeleteFunc(slices.Clone(scopes), func(s Scope) bool { return len(Narrow(owner, []Scope{s})) > 0 })
}

// meet returns the environments that both name.
func meet(a, b string) (string, bool) {
	switch {
	case a == Everywhere:
		return b, true
	case b == Everywhere, a == b:
		return a, true
	default:
		return "", false
	}
}

// short quotes what somebody sent without letting them fill the page.
func short(s string) string {
	if len(s) > 2*maxEnvironment {
		s = s[:2*maxEnvironment] + "…"
	}
	return fmt.Sprintf("%q", s)
}

func names(permissions []Permission) []string {
	out := make([]string, len(permissions))
	for i, p := range permissions {
		out[i] = string(p)
	}
	return out
}

// validEnvironment reports whether s can be the name of an environment. Which names
// there are is the strategy's business and may change during a token's life.
func validEnvironment(s string) bool {
	if s == Everywhere {
		return true
	}
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || i > 0 && (c == '-' || c == '_' || c == '.')) {
			return false
		}
	}
	return s != "" && len(s) <= maxEnvironment
}
