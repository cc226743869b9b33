package strategy

import (
	"slices"
	"strings"

	"github.com/slipwayhq/slipway/internal/checklist"
	"github.com/slipwayhq/slipway/internal/strategy/document"
)

// Items that steps of their own ask for.
const (
	loadItem    = "load"
	flagsTested = "flags_tested"
	enableFlags = "enable_flags" // made by the strategy, from production's list
)

// signOffItem is the name of the item that holds a sign-off's verdict.
func signOffItem(role, stage string) string {
	return strings.ReplaceAll(role, "-", "_") + "_" + stage
}

// Checklist returns every item there is, those that no gate asks for included:
// their Stages are empty.
func (s *Strategy) Checklist() []checklist.Item { return slices.Clone(s.items) }

func (s *Strategy) makeItems() []checklist.Item {
	st := s.file.Stages
	asked := map[string][]string{}
	ask := func(stage string, names ...string) {
		for _, name := range names {
			if !slices.Contains(asked[name], stage) {
				asked[name] = append(asked[name], stage)
			}
		}
	}
	r := s.file.Checks.Required
	ask(devStage, r.Development...)
	ask(stgStage, r.Staging...)
	if st.Staging.Load != "" {
		ask(stgStage, loadItem)
	}
	if st.Staging.Flags != "" {
		ask(stgStage, flagsTested)
	}
	ask(cnyStage, r.Canary...)
	ask(prodStage, r.Production...)
	var out []checklist.Item
	for _, name := range s.order("checks", "items") {
		i := s.file.Checks.Items[name]
		out = append(out, checklist.Item{
			Name: name, Title: i.Title, Group: i.Group, Role: i.Role, Coverage: 100 * float64(s.file.Checks.Coverage[name]),
			Stages: append([]string{}, asked[name]...),
		})
	}
	return append(out, s.madeItems()...)
}

// madeItems are the items that stages bring with them.
func (s *Strategy) madeItems() []checklist.Item {
	var out []checklist.Item
	sign := func(role document.Toggle, stage string) {
		if role != "" {
			out = append(out, checklist.Item{
				Name: signOffItem(string(role), stage), Title: s.roleTitle(string(role)) + " signs off " + stage,
				Group: "approvals", Role: string(role), Stages: []string{stage},
			})
		}
	}
	sign(s.file.Stages.Staging.SignOff, stgStage)
	sign(s.file.Stages.Canary.SignOff, cnyStage)
	if flags := s.file.Stages.Production.EnableFlags; len(flags) > 0 {
		out = append(out, checklist.Item{
			Name: enableFlags, Title: "The flags are enabled in production: " + strings.Join(flags, ", "), Group: "flags",
			Role: flagOwner, Stages: []string{prodStage},
		})
	}
	return out
}

// flagOwner signs that flags are enabled: product owns how a flag is rolled out.
const flagOwner = "product"

// order returns the keys of a mapping in the order of the file, defaults first.
func (s *Strategy) order(path ...string) []string {
	n := s.tree
	for _, key := range path {
		n = n.Get(key)
	}
	if n == nil {
		return nil
	}
	out := make([]string, 0, len(n.Keys))
	for _, e := range n.Keys {
		out = append(out, e.Name)
	}
	return out
}

// roleTitle is what people call a role.
func (s *Strategy) roleTitle(name string) string {
	if t := s.file.Roles[name].Title; t != "" {
		return t
	}
	return name
}
