package edge

import (
	"math"
	"slices"

	"github.com/slipwayhq/slipway/internal/bucket"
)

// The limits of ramps in a table. An arm's name is a ramp's id, "=" and a variant.
const (
	maxRamps = 16
	maxArm   = 320
)

// Ramp is a flag whose share is being raised. It changes nothing of who serves whom: the application evaluates the
// flag. Each answer is counted for the arm that its visitor was assigned to as well, whatever the application made of
// it: see DESIGN.md, "Flags".
type Ramp struct {
	ID      string  `json:"id"`      // flag:ENVIRONMENT/KEY
	Salt    string  `json:"salt"`    // of the flag's split
	Share   float64 `json:"share"`   // percent of visitors that get the variant
	Variant string  `json:"variant"` // whose share is raised
	Against string  `json:"against"` // what the others get
}

// validateRamps checks what could not be counted.
func (t Table) validateRamps() error {
	if len(t.Ramps) > maxRamps {
		return invalid("a table has at most %d ramps, not %d", maxRamps, len(t.Ramps))
	}
	for i, r := range t.Ramps {
		switch {
		case !isText(r.Salt):
			return invalid("the salt of ramp %q needs 1 to %d printable characters", r.ID, maxWord)
		case math.IsNaN(r.Share) || r.Share < 0 || r.Share > 100:
			return invalid("the share of ramp %q is a percentage from 0 to 100", r.ID)
		case !isText(r.Variant) || !isText(r.Against) || r.Variant == r.Against:
			return invalid("ramp %q needs two variants", r.ID)
		case !isArmText(r.arm(r.Variant)) || !isArmText(r.arm(r.Against)) || r.ID == "":
			return invalid("the arms of ramp %q need 1 to %d printable characters", r.ID, maxArm)
		case slices.ContainsFunc(t.Ramps[:i], func(o Ramp) bool { return o.ID == r.ID }):
			return invalid("ramp %q is listed twice", r.ID)
		}
	}
	return nil
}

// arm is what the visitors who get a variant are counted as.
func (r Ramp) arm(variant string) string { return r.ID + "=" + variant }

// ramp is a Ramp made ready for requests.
type ramp struct {
	salt             string
	points           bucket.Point // of bucket.Size, as the flag's split is weighed
	variant, against string       // names of the arms
	part             bool         // not everybody gets the variant
}

func compileRamps(list []Ramp) []ramp {
	out := make([]ramp, 0, len(list))
	for _, r := range list {
		out = append(out, ramp{
			salt: r.Salt, points: bucket.Point(math.Round(r.Share * (bucket.Size / 100))),
			variant: r.arm(r.Variant), against: r.arm(r.Against), part: r.Share < 100,
		})
	}
	return out
}

// drawRamps returns the arms of a visitor: one for each ramp, none for nobody; and a bit for each that is a variant
// which not everybody gets.
func (rt *routes) drawRamps(visitor string) (arms []string, risks uint32) {
	if len(rt.ramps) == 0 || visitor == "" {
		return nil, 0
	}
	arms = make([]string, 0, len(rt.ramps))
	for i, r := range rt.ramps {
		if bucket.Of(r.salt, visitor) < r.points {
			arms = append(arms, r.variant)
			if r.part {
				risks |= 1 << i
			}
		} else {
			arms = append(arms, r.against)
		}
	}
	return arms, risks
}
