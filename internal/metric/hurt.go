package metric

import (
	"cmp"
	"slices"
)

// Hurt says where requests failed. A list of them holds the most frequent only: what is missing to a bucket's errors
// failed elsewhere, or nobody knows where.
type Hurt struct {
	Class  Class  `json:"class"`
	Route  string `json:"route,omitempty"`  // such as GET /products/[id]; empty: unknown
	Region string `json:"region,omitempty"` // where it ran, such as fra1; empty: unknown
	Errors uint64 `json:"errors"`
}

// MostHurt is how many places one bucket names.
const MostHurt = 20

// Hurts returns the places of both lists added up, the most frequent first. Neither list is changed.
func Hurts(a, b []Hurt) []Hurt {
	sums := make(map[Hurt]uint64, len(a)+len(b))
	for _, list := range [2][]Hurt{a, b} {
		for _, h := range list {
			n := h.Errors
			h.Errors = 0
			sums[h] += n
		}
	}
	out := make([]Hurt, 0, len(sums))
	for h, n := range sums {
		if h.Errors = n; n > 0 {
			out = append(out, h)
		}
	}
	slices.SortFunc(out, func(a, b Hurt) int {
		return cmp.Or(cmp.Compare(b.Errors, a.Errors), cmp.Compare(a.Route, b.Route), cmp.Compare(a.Region, b.Region),
			cmp.Compare(a.Class, b.Class))
	})
	return slices.Clip(out[:min(len(out), MostHurt)])
}
