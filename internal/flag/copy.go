package flag

import (
	"fmt"
	"slices"
)

// Promote is the configuration that the target gets when it takes over what a flag does in another environment:
// needs, rules, default and what it serves while off. Its own switch stays as it is, so that nothing is turned on by
// the way, and nothing that was killed there comes back. Missing names what the target lacks: until it is there,
// Validate refuses the configuration. The set is the target's.
func Promote(from, to Config, target *Set) (next Config, missing []string) {
	next = to
	next.Flag, next.App, next.Environment = from.Flag, target.App, target.Environment
	next.Off = from.Off
	next.Needs = slices.Clone(from.Needs)
	for i := range next.Needs {
		next.Needs[i].Variants = slices.Clone(next.Needs[i].Variants)
	}
	next.Rules = make([]Rule, len(from.Rules))
	for i, r := range from.Rules {
		next.Rules[i] = r
		next.Rules[i].If = slices.Clone(r.If)
		next.Rules[i].Serve.Split = slices.Clone(r.Serve.Split)
	}
	next.Default = from.Default
	next.Default.Split = slices.Clone(from.Default.Split)
	next.Targeting = slices.Clone(from.Targeting)

	x := target.index()
	for _, key := range from.Segments() {
		if x.segments[key] == nil {
			missing = append(missing, fmt.Sprintf("segment %s", key))
		}
	}
	for _, need := range from.Needs {
		switch f, c := x.flags[need.Flag], x.configs[need.Flag]; {
		case f == nil || !f.Archived.IsZero():
			missing = append(missing, fmt.Sprintf("flag %s", need.Flag))
		case c == nil:
			missing = append(missing, fmt.Sprintf("configuration of flag %s, which is needed", need.Flag))
		}
	}
	return next, missing
}
