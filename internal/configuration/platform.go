package configuration

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Found is a variable as the platform keeps it.
type Found struct {
	ID      string
	Key     string
	Kind    Kind
	Value   string
	Told    bool     // Value is what it says
	Targets []string // production, preview, development
	Custom  []string // ids of environments of the team's own
	Branch  string   // it holds for this branch only
	By      string   // who changed it last, where that is known
	Updated time.Time
}

// Place is where the platform keeps the variables that an environment's builds get: a target of its own, or an
// environment of the team's own.
type Place struct {
	Target string // production, preview or development; empty for one of the team's own
	Custom string // id of that
}

// covers reports whether it holds for a place, and is ours to compare.
func (f Found) covers(p Place) bool {
	return f.Branch == "" && f.Kind != System && (p.Custom != "" && slices.Contains(f.Custom, p.Custom) ||
		p.Custom == "" && slices.Contains(f.Targets, p.Target))
}

// Elsewhere returns the targets and environments that it goes on to hold for without a place.
func (f Found) Elsewhere(p Place) (targets, custom []string) {
	return without(f.Targets, p.Target), without(f.Custom, p.Custom)
}

func without(list []string, s string) []string {
	out := []string{}
	for _, x := range list {
		if x != s {
			out = append(out, x)
		}
	}
	return out
}

// several reports whether it holds for more than one place.
func (f Found) several() bool { return len(f.Targets)+len(f.Custom) > 1 }

// Of returns what the platform has for a place, by key.
func Of(found []Found, p Place) []Found {
	var out []Found
	for _, f := range found {
		if f.covers(p) {
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b Found) int { return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.ID, b.ID)) })
	return out
}

// Mark is what a variable on the platform was when it was last known to have a value that was wanted: a value that the
// platform never tells is taken to be that one while the mark is the same.
type Mark struct {
	Of      string    `json:"of"` // which value: see [Variable.Name]
	ID      string    `json:"id"`
	Updated time.Time `json:"updated"`
}

// Name tells the values that a variable had over time apart, without being one.
func (v Variable) Name() string {
	if v.Sealed != "" {
		return v.Sealed
	}
	return v.Since.UTC().Format(time.RFC3339Nano)
}

// MarksOf marks what the platform has for a place as the values of a revision.
func MarksOf(r Revision, found []Found, p Place) map[string]Mark {
	out := map[string]Mark{}
	for _, f := range Of(found, p) {
		if v, ok := r.Get(f.Key); ok {
			out[f.Key] = Mark{Of: v.Name(), ID: f.ID, Updated: f.Updated}
		}
	}
	return out
}

// Live is what is known of an environment's variables on the platform.
type Live struct {
	App         string          `json:"app"`
	Environment string          `json:"environment"`
	Revision    int64           `json:"revision"` // number of the newest that the platform had; 0: none
	ID          string          `json:"id"`       // of that revision
	Marks       map[string]Mark `json:"marks"`    // by key, from when it had it
	Drift       []Difference    `json:"drift,omitempty"`
	By          string          `json:"by,omitempty"`   // who changed a variable last, by a webhook
	Of          string          `json:"of,omitempty"`   // key of that variable
	Heard       time.Time       `json:"heard,omitzero"` // when it came
	Author      string          `json:"author,omitempty"`
	Since       time.Time       `json:"since,omitzero"` // of Drift
	Seen        time.Time       `json:"seen,omitzero"`
	Silent      time.Time       `json:"silent,omitzero"` // since when it can't be read
	Why         string          `json:"why,omitempty"`   // of Silent
	// Shared are the variables that the team shares with the project there; nil before they were looked at. Taken are
	// the marks of those that were there when the revision was written or taken over.
	Shared []Shared        `json:"shared,omitempty"`
	Taken  map[string]Mark `json:"taken"`
	Unread string          `json:"unread,omitempty"` // why shared ones can't be read
	// Split are the marks, as they were before, of variables that Slipway itself takes away from another place.
	Split map[string]Mark `json:"split,omitempty"`
	Row   int64           `json:"-"`
}

// Difference is a variable that is not on the platform as the newest revision says.
type Difference struct {
	Key     string    `json:"key"`
	What    string    `json:"what"` // added, changed, kind or removed, on the platform
	Mark    Mark      `json:"mark,omitzero"`
	By      string    `json:"by,omitempty"` // who changed it, by the platform's word
	Updated time.Time `json:"updated,omitzero"`
	Shared  bool      `json:"shared,omitempty"` // the team's, not the project's: nothing here writes it
}

// Alike says whether a value is that of a variable, and false for known where that can't be told.
type Alike func(v Variable, value string) (alike, known bool)

// Drift says how what the platform has for a place differs from a revision.
func Drift(r Revision, marks map[string]Mark, found []Found, p Place, alike Alike) []Difference {
	var out []Difference
	there := map[string]bool{}
	for _, f := range Of(found, p) {
		if there[f.Key] {
			continue
		}
		there[f.Key] = true
		d := Difference{Key: f.Key, Mark: Mark{ID: f.ID, Updated: f.Updated}, By: f.By, Updated: f.Updated}
		v, wanted := r.Get(f.Key)
		switch {
		case !wanted:
			d.What = Added
		case !asWanted(v, f, marks[f.Key], alike):
			d.What = Changed
		case v.Kind != f.Kind:
			d.What = Kinds
		default:
			continue
		}
		out = append(out, d)
	}
	for _, v := range r.Variables {
		if !there[v.Key] {
			out = append(out, Difference{Key: v.Key, What: Removed})
		}
	}
	slices.SortFunc(out, func(a, b Difference) int { return cmp.Compare(a.Key, b.Key) })
	return out
}

// asWanted reports whether what is on the platform is a variable's value.
func asWanted(v Variable, f Found, m Mark, alike Alike) bool {
	if f.Told {
		if ok, known := alike(v, f.Value); known {
			return ok
		}
	}
	return m.Of == v.Name() && m.ID == f.ID && m.Updated.Equal(f.Updated)
}

// SameDrift reports whether two looks found the same.
func SameDrift(a, b []Difference) bool {
	return slices.EqualFunc(a, b, func(x, y Difference) bool {
		return x.Key == y.Key && x.What == y.What && x.Shared == y.Shared && x.Mark.ID == y.Mark.ID &&
			x.Mark.Updated.Equal(y.Mark.Updated)
	})
}

// Do is what a step does.
type Do string

// The steps.
const (
	Create Do = "create"
	Edit   Do = "edit"   // of its value or kind
	Narrow Do = "narrow" // it goes on to hold elsewhere, and not for the place any more
	Drop   Do = "drop"
)

// Step is one call that is missing.
type Step struct {
	Do       Do
	Variable Variable // of Create and Edit
	Found    Found    // of all but Create
}

// Plan says which calls make the platform have a revision for a place. It is worked out anew from what is there
// before each try, so that a crash between two calls and a call that was not taken end alike. Variables whose value is
// not held stay as they are; lost names those that are not there either.
func Plan(r Revision, marks map[string]Mark, found []Found, p Place, alike Alike) (steps []Step, lost []string) {
	there := map[string]Found{}
	for _, f := range Of(found, p) {
		v, wanted := r.Get(f.Key)
		_, twice := there[f.Key]
		switch {
		case !wanted || twice:
			steps = append(steps, away(f))
			continue
		}
		there[f.Key] = f
		ok := asWanted(v, f, marks[f.Key], alike)
		switch {
		case ok && v.Kind == f.Kind:
		case !v.Held():
			if !ok {
				lost = append(lost, v.Key)
			}
		case f.several():
			steps = append(steps, Step{Do: Narrow, Found: f}, Step{Do: Create, Variable: v})
		case f.Kind != v.Kind && (f.Kind == Sensitive || v.Kind == Sensitive):
			steps = append(steps, Step{Do: Drop, Found: f}, Step{Do: Create, Variable: v})
		default:
			steps = append(steps, Step{Do: Edit, Variable: v, Found: f})
		}
	}
	for _, v := range r.Variables {
		if _, ok := there[v.Key]; ok {
			continue
		}
		if !v.Held() {
			lost = append(lost, v.Key)
			continue
		}
		steps = append(steps, Step{Do: Create, Variable: v})
	}
	// What goes away goes first: the platform refuses a second variable of a name and target.
	order := map[Do]int{Narrow: 0, Drop: 0, Edit: 1, Create: 2}
	slices.SortStableFunc(steps, func(a, b Step) int { return cmp.Compare(order[a.Do], order[b.Do]) })
	return steps, lost
}

// away takes a variable away from a place.
func away(f Found) Step {
	if f.several() {
		return Step{Do: Narrow, Found: f}
	}
	return Step{Do: Drop, Found: f}
}

// Sentence says what differs, by name, and whose doing it is.
func (l Live) Sentence() string {
	if len(l.Drift) == 0 {
		return ""
	}
	var list []Change
	for _, d := range l.Drift {
		c := Change{Key: d.Key, What: d.What}
		if d.Shared {
			c.Key += " (shared by the team)"
		}
		list = append(list, c)
	}
	who := cmp.Or(l.Author, "Somebody")
	return fmt.Sprintf("%s changed variables of %s on the platform, and not through Slipway: against revision %d it %s.",
		who, l.Environment, l.Revision, Words(list))
}
