package flag

import (
	"slices"

	"github.com/slipwayhq/slipway/internal/fault"
)

// Fits says whether some flags, and those that need them, can be evaluated as they are configured in a valid set. A
// rule grows when it is translated: by the segments that it asks for, the flags that it needs, and each of its values.
// One that grows beyond the evaluator's bounds would have the whole document refused, and with it every later change.
// Lists of segments are not looked at: however long, they are one expression.
func (s *Set) Fits(keys ...string) error {
	x := s.index()
	take := map[string]bool{}
	var with func(string)
	with = func(key string) {
		if x.flags[key] == nil || take[key] {
			return
		}
		take[key] = true
		if c := x.configs[key]; c != nil {
			for _, need := range c.Needs {
				with(need.Flag)
			}
		}
	}
	for i := range s.Flags {
		key := s.Flags[i].Key
		if slices.ContainsFunc(keys, func(changed string) bool { return key == changed || x.leads(key, changed) }) {
			with(key)
		}
	}
	some := Set{App: s.App, Environment: s.Environment, Configs: s.Configs, Segments: s.Segments,
		Lists: make(map[string][]string, len(s.Segments))}
	for i := range s.Flags {
		if take[s.Flags[i].Key] {
			some.Flags = append(some.Flags, s.Flags[i])
		}
	}
	for i := range s.Segments {
		some.Lists[s.Segments[i].Key] = []string{"somebody"}
	}
	d, err := some.Document()
	if err == nil {
		_, err = Compile(d)
	}
	if err != nil {
		return fault.New(fault.Invalid, "flags_too_large",
			"It can't be evaluated: %s Ask for fewer values, or name the users in a segment's list.", fault.MessageOf(err))
	}
	return nil
}
