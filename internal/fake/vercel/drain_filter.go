package vercel

import (
	"encoding/json"
	"slices"
)

// drainFilter is what a drain takes of what is logged: of some projects, sources and environments. What is empty takes
// all. The other form, odata, is refused: the fake would have to ignore it.
type drainFilter struct {
	Type    string `json:"type"`
	Project struct {
		IDs []string `json:"ids"`
	} `json:"project"`
	Log struct {
		Sources []string `json:"sources"`
	} `json:"log"`
	Deployment struct {
		Environments []string `json:"environments"`
	} `json:"deployment"`

	wrong string
}

// filter reads a drain's filter.
func (o *newDrain) filter() drainFilter {
	var in struct {
		Version string      `json:"version"`
		Filter  drainFilter `json:"filter"`
	}
	if o.Filter == nil {
		return drainFilter{}
	}
	raw, err := json.Marshal(o.Filter)
	if err == nil {
		err = json.Unmarshal(raw, &in)
	}
	f := in.Filter
	sources := []string{"build", "edge", "lambda", "static", "external", "firewall", "redirect"}
	unknown := func(s string) bool { return !slices.Contains(sources, s) }
	foreign := func(s string) bool { return s != production && s != preview }
	switch {
	case err != nil || in.Version != "v2" || f.Type != "basic":
		f.wrong = "`filter` must be of version v2 and of type basic."
	case slices.ContainsFunc(f.Log.Sources, unknown):
		f.wrong = "`filter.log.sources` has an unknown source."
	case slices.ContainsFunc(f.Deployment.Environments, foreign):
		f.wrong = "`filter.deployment.environments` must be production or preview."
	}
	return f
}

// takes reports whether a row of a deployment passes. Only logs have a source. A custom environment is a preview's.
func (f drainFilter) takes(d *deployment, row object) bool {
	environment := preview
	if d.target == production {
		environment = production
	}
	has := func(list []string, s string) bool { return len(list) == 0 || slices.Contains(list, s) }
	source, logged := row["source"].(string)
	return has(f.Project.IDs, d.project.id) && (!logged || has(f.Log.Sources, source)) &&
		has(f.Deployment.Environments, environment)
}
