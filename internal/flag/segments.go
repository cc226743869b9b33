package flag

import (
	"encoding/json"
	"slices"
	"strings"
)

const (
	segmentPrefix = "segment/" // of the names of segments among a document's evaluators
	targetingKey  = "targetingKey"
)

// Segments returns the keys of the segments that a config asks for, sorted.
func (c *Config) Segments() []string {
	var keys []string
	for _, r := range c.Rules {
		for _, n := range r.If {
			if n.Segment != "" {
				keys = append(keys, n.Segment)
			}
		}
	}
	if len(c.Targeting) > 0 {
		var rule any
		if json.Unmarshal(c.Targeting, &rule) == nil {
			for _, name := range references(rule) {
				if key, ok := strings.CutPrefix(name, segmentPrefix); ok {
					keys = append(keys, key)
				}
			}
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}
