package flag

import (
	"math/rand/v2"
	"time"
)

// Random is a random environment with users and what each gets, for tests that ask others about its document.
type Random struct {
	Set   *Set
	Users []map[string]any
	Want  []map[string]string // by user and flag: the variant, or (none)
}

// Dice throws a random environment.
func Dice(seed uint64, users int, now time.Time) Random {
	d := dice{rand.New(rand.NewPCG(seed, 1))}
	r := Random{Set: d.environment()}
	for range users {
		user, want := d.user(), map[string]string{}
		for _, f := range r.Set.Flags {
			want[f.Key] = interpreter{r.Set, now}.variant(f.Key, user)
		}
		r.Users, r.Want = append(r.Users, user), append(r.Want, want)
	}
	return r
}
