package flag

import (
	"slices"
	"strings"
)

// checkNeeds holds prerequisites to flags that are there and that can be asked within this one's rule.
func (x *index) checkNeeds(c complaints, config *Config) {
	if len(config.Needs) > MaxNeeds {
		c.say("%d flags: at most %d", len(config.Needs), MaxNeeds)
	}
	seen := map[string]bool{}
	for i, need := range config.Needs {
		at := c.in("[%d]", i)
		f := x.flags[need.Flag]
		switch {
		case need.Flag == config.Flag:
			at.in("flag").say("a flag can't need itself")
			continue
		case f == nil:
			at.in("flag").say("there is no flag %q: create it first", need.Flag)
			continue
		case !f.Archived.IsZero():
			at.in("flag").say("%q is archived: restore it, or need another", need.Flag)
		case seen[need.Flag]:
			at.in("flag").say("%q is there twice: name its variants in one place", need.Flag)
		}
		seen[need.Flag] = true
		if len(need.Variants) == 0 {
			at.in("variants").say("there is none: name the variants that suffice")
		}
		for j, name := range need.Variants {
			checkVariant(at.in("variants[%d]", j), f, name)
		}
		x.checkNeeded(at.in("flag"), x.flags[config.Flag], f)
	}
	if len(config.Needs) == 0 {
		return
	}
	if circle := x.circle(config.Flag); circle != nil {
		c.say("the flags need each other in a circle: %s; take one of them out", strings.Join(circle, " → "))
		return
	}
	if depth, inlined := x.chain(config.Flag); depth > MaxChain {
		c.say("the chain of needed flags is %d long: at most %d", depth, MaxChain)
	} else if inlined > MaxInlined {
		c.say("%d flags are asked for in all, some of them repeatedly: at most %d", inlined, MaxInlined)
	}
}

// checkNeeded refuses a flag that would answer otherwise inside another's rule than by itself.
func (x *index) checkNeeded(c complaints, f, needed *Flag) {
	config := x.configs[needed.Key]
	if config == nil {
		return // off: the need is not met
	}
	if len(config.Targeting) > 0 {
		c.say("%q has a raw rule, which can't be asked within another: turn it into rules first", needed.Key)
	}
	splits := len(config.Default.Split) > 0 ||
		slices.ContainsFunc(config.Rules, func(r Rule) bool { return len(r.Serve.Split) > 0 })
	if splits && (f.Bucketing != 2 || needed.Bucketing != 2) {
		c.say("%q has a split: both flags need bucketing version 2 for that", needed.Key)
	}
}

// checkUses holds a config to what the flags that need its flag depend upon.
func (x *index) checkUses(c complaints, config *Config) {
	for _, key := range x.FlagUses(config.Flag) {
		if f := x.flags[key]; f != nil && f.Archived.IsZero() && key != config.Flag {
			x.checkNeeded(c.in("flag"), f, x.flags[config.Flag])
		}
	}
	if len(config.Needs) == 0 || x.circle(config.Flag) != nil {
		return
	}
	for i := range x.Configs {
		key := x.Configs[i].Flag
		if key == config.Flag || x.circle(key) != nil || !x.leads(key, config.Flag) {
			continue
		}
		if depth, inlined := x.chain(key); depth > MaxChain || inlined > MaxInlined {
			c.in("needs").say("%q, which leads to this flag, would ask for %s in a chain of %d: at most %d and %d",
				key, count(inlined, "flag", "flags"), depth, MaxInlined, MaxChain)
		}
	}
}

// leads says whether a flag needs another, itself or through others.
func (x *index) leads(from, to string) bool {
	seen := map[string]bool{}
	var walk func(string) bool
	walk = func(key string) bool {
		config := x.configs[key]
		if config == nil || seen[key] {
			return false
		}
		seen[key] = true
		return slices.ContainsFunc(config.Needs, func(n Prerequisite) bool { return n.Flag == to || walk(n.Flag) })
	}
	return walk(from)
}

// circle returns the keys of a circle that a flag is part of or leads to, or nil.
func (x *index) circle(key string) []string {
	const open, done = 1, 2
	state := map[string]int{}
	var path []string
	var walk func(string) []string
	walk = func(key string) []string {
		state[key] = open
		path = append(path, key)
		if config := x.configs[key]; config != nil {
			for _, need := range config.Needs {
				switch state[need.Flag] {
				case open:
					return append(slices.Clone(path[slices.Index(path, need.Flag):]), need.Flag)
				case done:
				default:
					if found := walk(need.Flag); found != nil {
						return found
					}
				}
			}
		}
		path = path[:len(path)-1]
		state[key] = done
		return nil
	}
	return walk(key)
}

// chain returns how long the longest chain of needed flags is and how many stand in the rule when all are written
// out. There must be no circle.
func (x *index) chain(key string) (depth, inlined int) {
	type length struct{ depth, inlined int }
	known := map[string]length{}
	var walk func(string) length
	walk = func(key string) length {
		if l, ok := known[key]; ok {
			return l
		}
		var l length
		if config := x.configs[key]; config != nil {
			for _, need := range config.Needs {
				below := walk(need.Flag)
				l.depth = max(l.depth, below.depth+1)
				l.inlined = min(l.inlined+below.inlined+1, MaxInlined+1) // doubling chains must not overflow
			}
		}
		known[key] = l
		return l
	}
	l := walk(key)
	return l.depth, l.inlined
}

// FlagUses returns the keys of the flags that need a flag in this environment.
func (s *Set) FlagUses(key string) []string {
	return s.uses(func(c *Config) bool {
		return slices.ContainsFunc(c.Needs, func(n Prerequisite) bool { return n.Flag == key })
	})
}

// SegmentUses returns the keys of the flags that ask for a segment in this environment.
func (s *Set) SegmentUses(key string) []string {
	return s.uses(func(c *Config) bool { return slices.Contains(c.Segments(), key) })
}

func (s *Set) uses(asks func(*Config) bool) []string {
	var keys []string
	for i := range s.Configs {
		if asks(&s.Configs[i]) {
			keys = append(keys, s.Configs[i].Flag)
		}
	}
	slices.Sort(keys)
	return keys
}
