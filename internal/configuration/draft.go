package configuration

import (
	"cmp"
	"slices"
	"time"
)

// Draft is what is gathered for an environment's next revision: one for each environment, that everybody who may
// change its variables works at. Nothing of it is on the platform.
type Draft struct {
	ID          string      `json:"id"` // of this state of it: another one after each change
	App         string      `json:"app"`
	Environment string      `json:"environment"`
	Base        int64       `json:"base"`  // number of the newest revision when it was changed last
	Edits       []Amendment `json:"edits"` // by key
	Author      string      `json:"author"`
	Name        string      `json:"name"` // of who changed it last
	Changed     time.Time   `json:"changed"`
	Row         int64       `json:"-"`
}

// Amendment is what a draft does with one variable.
type Amendment struct {
	Variable Variable `json:"variable"` // its key only, where it is removed
	Remove   bool     `json:"remove,omitempty"`
}

// Get returns what the draft does with a variable.
func (d Draft) Get(key string) (Amendment, bool) {
	for _, e := range d.Edits {
		if e.Variable.Key == key {
			return e, true
		}
	}
	return Amendment{}, false
}

// With returns the draft with an amendment over the one that it had for the same variable.
func (d Draft) With(e Amendment) Draft {
	d = d.Without(e.Variable.Key)
	d.Edits = append(d.Edits, e)
	slices.SortFunc(d.Edits, func(a, b Amendment) int { return cmp.Compare(a.Variable.Key, b.Variable.Key) })
	return d
}

// Without returns the draft without what it does with a variable.
func (d Draft) Without(key string) Draft {
	d.Edits = slices.DeleteFunc(slices.Clone(d.Edits), func(e Amendment) bool { return e.Variable.Key == key })
	return d
}

// Over returns the variables that the draft makes of others. What is not there any more is not removed again.
func (d Draft) Over(list []Variable) []Variable {
	out := []Variable{}
	for _, v := range list {
		if _, edited := d.Get(v.Key); !edited {
			out = append(out, v)
		}
	}
	for _, e := range d.Edits {
		if !e.Remove {
			out = append(out, e.Variable)
		}
	}
	Sort(out)
	return out
}

// Foreign are the differences of the platform that a write undoes, beside what it changes itself.
func Foreign(changes []Change, drift []Difference) []Difference {
	out := []Difference{}
	for _, d := range drift {
		if !d.Shared && !slices.ContainsFunc(changes, func(c Change) bool { return c.Key == d.Key }) {
			out = append(out, d)
		}
	}
	return out
}
