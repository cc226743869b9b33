package access

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Resolve returns what somebody with these roles may do: the union of the bundles.
// A name that the strategy no longer knows gives nothing. Admin gives everything.
func Resolve(roles []Role, names []string) []Grant {
	var out []Grant
	for _, name := range names {
		if name == Admin {
			return tidy(Everything())
		}
		for _, r := range roles {
			if r.Name == name {
				out = append(out, r.Grants...)
			}
		}
	}
	return tidy(out)
}

// Everything returns every permission Everywhere.
func Everything() []Grant {
	var out []Grant
	for _, p := range All() {
		out = append(out, Grant{p, Everywhere})
	}
	return out
}

// tidy sorts the grants and leaves out those that another covers.
func tidy(grants []Grant) []Grant {
	out := slices.Clone(grants)
	slices.SortFunc(out, func(a, b Grant) int {
		return cmp.Or(cmp.Compare(a.Permission, b.Permission), cmp.Compare(a.Environment, b.Environment))
	})
	out = slices.Compact(out)
	return slices.DeleteFunc(out, func(g Grant) bool {
		return g.Environment != Everywhere && slices.Contains(grants, Grant{g.Permission, Everywhere})
	})
}

// Matrix writes who may do what as a text table for people and golden files: a line
// for each permission and environment, a column for each role. The line whose
// environment is "-" is for what belongs to none.
func Matrix(roles []Role, environments []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-18s %-12s", "permission", "environment")
	for _, r := range roles {
		fmt.Fprintf(&b, " %s", r.Name)
	}
	b.WriteByte('\n')
	for _, p := range All() {
		for _, env := range append([]string{""}, environments...) {
			fmt.Fprintf(&b, "%-18s %-12s", p, cmp.Or(env, "-"))
			for _, r := range roles {
				mark := "."
				if (Actor{Grants: Resolve(roles, []string{r.Name})}).May(p, env) {
					mark = "x"
				}
				fmt.Fprintf(&b, " %*s", len(r.Name), mark)
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}
