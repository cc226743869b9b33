package access

import (
	"cmp"
	"slices"
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
