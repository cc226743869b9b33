// Package configuration is the noun for the environment variables of an application where a platform keeps them.
//
// A platform has the variables of today and no history, and binds them when it builds: what runs has the values of its
// build. So the history is here. A [Revision] is the whole of one environment's variables as somebody wanted them, with
// author and reason. Values are sealed elsewhere, under [Variable].Sealed; a value that is not ours has a sum only, by
// which a change is seen. Everything here is values: comparing, planning and checking do nothing by themselves.
package configuration

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
)

// Kind says how a platform treats a value.
type Kind string

// The kinds.
const (
	Plain     Kind = "plain"     // shown to everybody who may look
	Encrypted Kind = "encrypted" // told to who may read it
	Sensitive Kind = "sensitive" // never told again by the platform
	System    Kind = "system"    // the platform's own; never written
)

// Variable is one variable of a revision.
type Variable struct {
	Key    string    `json:"key"`
	Kind   Kind      `json:"kind"`
	Value  string    `json:"value,omitempty"`  // of Plain only
	Sealed string    `json:"sealed,omitempty"` // name that its value is sealed under
	Sum    string    `json:"sum,omitempty"`    // by which its value is compared; empty where it was never told
	Since  time.Time `json:"since"`            // when it got this value, as far as is known
	By     string    `json:"by"`               // who gave it
	// Forgotten says that its value was here, and was deleted since no revision needed it any more.
	Forgotten bool `json:"forgotten,omitempty"`
}

// Held reports whether the value is here, so that it can be written again.
func (v Variable) Held() bool { return v.Kind == Plain || v.Sealed != "" }

// State is what became of a revision.
type State string

// The states of a revision.
const (
	Waiting  State = "waiting"  // being written to the platform
	Applied  State = "applied"  // the platform has it
	Failed   State = "failed"   // the platform did not take it, or only in part
	Replaced State = "replaced" // a later one came before it was written
)

// Revision is the whole of an environment's variables as somebody wanted them.
type Revision struct {
	ID          string     `json:"id"`
	App         string     `json:"app"`
	Environment string     `json:"environment"`
	Number      int64      `json:"number"`
	Source      string     `json:"source"`         // push, back or adopted
	From        int64      `json:"from,omitempty"` // number of the revision that back brought back
	Variables   []Variable `json:"variables"`      // by key
	Author      string     `json:"author"`         // id
	Name        string     `json:"name"`           // of the author, as it was then
	Reason      string     `json:"reason"`
	State       State      `json:"state"`
	Why         string     `json:"why,omitempty"` // of Failed
	Created     time.Time  `json:"created"`
	Written     time.Time  `json:"written,omitzero"` // when the platform had it
	Row         int64      `json:"-"`
}

// The sources of a revision.
const (
	Push    = "push"
	Back    = "back"
	Adopted = "adopted" // it was found on the platform
)

// Ref names the revision where a deployment says what it was built with: its number and id.
func (r Revision) Ref() string { return strconv.FormatInt(r.Number, 10) + "/" + r.ID }

// Named takes a reference apart; 0 and nothing where it is none.
func Named(ref string) (number int64, id string) {
	n, id, _ := strings.Cut(ref, "/")
	number, err := strconv.ParseInt(n, 10, 64)
	if err != nil || number < 1 {
		return 0, ""
	}
	return number, id
}

// Get returns the variable with the key.
func (r Revision) Get(key string) (Variable, bool) {
	for _, v := range r.Variables {
		if v.Key == key {
			return v, true
		}
	}
	return Variable{}, false
}

// Sort puts variables into their order.
func Sort(list []Variable) {
	slices.SortFunc(list, func(a, b Variable) int { return cmp.Compare(a.Key, b.Key) })
}

// Change is how a variable differs between two sets.
type Change struct {
	Key  string
	What string // added, changed, kind or removed
	Old  *Variable
	New  *Variable
}

// What can be different.
const (
	Added   = "added"
	Changed = "changed"
	Kinds   = "kind" // the value is the same
	Removed = "removed"
)

// Diff says what b changes of a.
func Diff(a, b []Variable) []Change {
	out := []Change{}
	find := func(list []Variable, key string) *Variable {
		for i := range list {
			if list[i].Key == key {
				return &list[i]
			}
		}
		return nil
	}
	for i := range a {
		switch n := find(b, a[i].Key); {
		case n == nil:
			out = append(out, Change{Key: a[i].Key, What: Removed, Old: &a[i]})
		case !same(a[i], *n):
			out = append(out, Change{Key: a[i].Key, What: Changed, Old: &a[i], New: n})
		case a[i].Kind != n.Kind:
			out = append(out, Change{Key: a[i].Key, What: Kinds, Old: &a[i], New: n})
		}
	}
	for i := range b {
		if find(a, b[i].Key) == nil {
			out = append(out, Change{Key: b[i].Key, What: Added, New: &b[i]})
		}
	}
	slices.SortFunc(out, func(x, y Change) int { return cmp.Compare(x.Key, y.Key) })
	return out
}

// same reports whether two variables have the same value. Where sums can't tell, because the vault's key was changed
// in between, the time at which the value was given does.
func same(a, b Variable) bool {
	if a.Kind == Plain && b.Kind == Plain {
		return a.Value == b.Value
	}
	if a.Sealed != "" && a.Sealed == b.Sealed {
		return true
	}
	if a.Sum != "" && b.Sum != "" && keyOf(a.Sum) == keyOf(b.Sum) {
		return a.Sum == b.Sum
	}
	return a.Since.Equal(b.Since)
}

// keyOf is the part of a sum that names its key.
func keyOf(sum string) string {
	i := strings.LastIndexByte(sum, '.')
	return sum[:max(i, 0)]
}

// Words says changes in a sentence, by name only.
func Words(list []Change) string {
	var parts []string
	for _, what := range []string{Added, Changed, Kinds, Removed} {
		var keys []string
		for _, c := range list {
			if c.What == what {
				keys = append(keys, c.Key)
			}
		}
		if more := len(keys) - 6; more > 0 {
			keys = append(keys[:6:6], fmt.Sprintf("%d more", more))
		}
		verb := map[string]string{Added: "adds", Changed: "changes", Kinds: "changes the kind of", Removed: "removes"}[what]
		if len(keys) > 0 {
			parts = append(parts, verb+" "+strings.Join(keys, ", "))
		}
	}
	if len(parts) == 0 {
		return "changes nothing"
	}
	return strings.Join(parts, "; ")
}

// Limits of what is taken.
const (
	MostVariables = 1000
	longestValue  = 64 << 10
)

// CheckName refuses what is no name of a variable that may be written.
func CheckName(key string) error {
	switch {
	case !regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,255}$`).MatchString(key):
		return fault.New(fault.Invalid, "variable_name", "%.80q is no name of a variable: letters, digits and underscores, "+
			"and no digit first.", key)
	case strings.HasPrefix(key, "VERCEL_") || key == "VERCEL":
		return fault.New(fault.Refused, "variable_reserved", "%s is the platform's own: it can't be written.", key)
	}
	return nil
}

// CheckValue refuses a value that can't be written. The value is in no fault.
func CheckValue(key string, kind Kind, value string) error {
	switch {
	case kind != Plain && kind != Encrypted && kind != Sensitive:
		return fault.New(fault.Invalid, "variable_kind", "%s: a kind is plain, encrypted or sensitive, not %.20q.", key, kind)
	case len(value) > longestValue:
		return fault.New(fault.Invalid, "variable_long", "The value of %s has more than %d KiB.", key, longestValue>>10)
	case strings.ContainsRune(value, 0):
		return fault.New(fault.Invalid, "variable_nul", "The value of %s holds a NUL character.", key)
	}
	return nil
}
