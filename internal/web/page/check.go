package page

import (
	"fmt"

	"github.com/slipwayhq/slipway/api"
)

// checkGroup is a group of a checklist.
type checkGroup struct {
	name   string
	checks []api.Check
}

// groups puts checks into their groups, in the order in which they first appear.
func groups(all []api.Check) []checkGroup {
	var out []checkGroup
	at := map[string]int{}
	for _, c := range all {
		i, ok := at[c.Group]
		if !ok {
			i = len(out)
			at[c.Group] = i
			out = append(out, checkGroup{name: c.Group})
		}
		out[i].checks = append(out[i].checks, c)
	}
	return out
}

// checkLead says how far a version's checklist is.
func checkLead(version string, all []api.Check) string {
	failed, missing := 0, 0
	for _, c := range all {
		switch {
		case len(c.Required) == 0:
		case c.Status == "failed":
			failed++
		case c.Status == "missing" || c.Status == "running":
			missing++
		}
	}
	switch {
	case failed > 0:
		return fmt.Sprintf("%s: %s failed, %s still open.", version, plural(failed, "required item"), plural(missing, "item"))
	case missing > 0:
		return fmt.Sprintf("%s: %s still open.", version, plural(missing, "required item"))
	}
	return version + ": everything that is required is satisfied."
}
