package mirror

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"github.com/slipwayhq/slipway/internal/flag"
)

// Options say what is good enough.
type Options struct {
	// Splits lets percentages be written: the shares are the same, the users who get them are others, since Vercel
	// hashes otherwise.
	Splits bool
}

// Said is what Vercel must have so that a flag decides there as it does here, or why that cannot be.
type Said struct {
	Kind        string
	Description string
	Tags        []string
	Seed        uint32
	Variants    []Variant
	Config      *Config  // nil: it cannot be said
	Static      bool     // everybody gets one variant, although it has more to say here
	Off         string   // the variant for while it is off, where one is named
	Assumes     []string // what is taken for granted of attributes
	Notes       []string // what is otherwise, and decides nothing or was asked for
	Fallback    bool     // the program's own fallback is served here: as if the flag were not there
	Why         string
	Remedy      string
	Command     string // that does it on the command line, where one does
}

// teller says one flag.
type teller struct {
	*asked
	set    *flag.Set
	flag   *flag.Flag
	o      Options
	listed int // members of segments so far
}

// Say says a flag of a valid set. Lists of segments may be missing from the set: what asks for them cannot be said.
func Say(set *flag.Set, f *flag.Flag, o Options) Said {
	t := &teller{asked: newAsked(), set: set, flag: f, o: o}
	kinds := map[flag.Kind]string{flag.Boolean: "boolean", flag.String: "string", flag.Number: "number",
		flag.Object: "json"}
	s := Said{Kind: kinds[f.Kind], Description: f.Description, Tags: f.Tags, Seed: seed(f.Key)}
	for _, v := range f.Variants {
		s.Variants = append(s.Variants, Variant{ID: v.Name, Value: v.Value})
	}
	c := t.config(f.Key)
	no := t.slug(f.Key)
	if no == nil {
		no = t.say(&s, c)
	}
	if no != nil {
		s.Config, s.Why, s.Remedy, s.Command = nil, no.why, no.remedy, no.command
	}
	return s
}

// seed is where a flag's splits begin there. Flags with the same salt have the same, so that their exposures nest.
func seed(salt string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(salt))
	return h.Sum32() % 100_000
}

// slug refuses a key that Vercel has no room for.
func (t *teller) slug(key string) *refusal {
	if strings.Contains(key, ".") {
		return refuse("use a key of letters, digits, - and _ in the code that asks Vercel",
			"a key at Vercel has no dots: %s", key)
	}
	return nil
}

func (t *teller) config(key string) *flag.Config {
	for i := range t.set.Configs {
		if t.set.Configs[i].Flag == key {
			return &t.set.Configs[i]
		}
	}
	return nil
}

// nameless refuses a flag that serves the program's own fallback while it is off.
func (t *teller) nameless(why string) *refusal {
	return refuse("name the variant that it serves while it is off", "%s", why).
		by("slipway flag set " + t.flag.Key + " --off VARIANT")
}

func (t *teller) say(s *Said, c *flag.Config) *refusal {
	if c == nil || !c.On && c.Off == "" {
		s.Fallback = true
		return t.nameless("it is off and names no variant for that: the program's own fallback is served")
	}
	s.Off = c.Off
	s.Config = &Config{Active: true, Paused: variant(t.paused(c)), Rules: []Rule{}, Targets: map[string]struct{}{}}
	if !c.On {
		s.Config.Active, s.Config.Fallthrough = false, variant(c.Off)
		return nil
	}
	if one, ok := t.constant(c, flag.MaxChain); ok {
		if one == "" {
			s.Fallback = true
			return t.nameless("a flag that it needs is not served, and it names no variant for off")
		}
		s.Static = len(c.Rules)+len(c.Needs)+len(c.Targeting) > 0
		s.Config.Fallthrough = variant(one)
		return nil
	}
	if len(c.Targeting) > 0 {
		return refuse("write it as rules", "its rule is in flagd's own language")
	}
	if no := t.met(c); no != nil {
		return no
	}
	if no := t.rules(s, c); no != nil {
		return no
	}
	s.Assumes = t.assumed()
	return nil
}

// paused is the variant for when somebody pauses it there; it decides nothing until then.
func (t *teller) paused(c *flag.Config) string {
	if c.Off != "" {
		return c.Off
	}
	for _, v := range t.flag.Variants {
		if string(v.Value) == "false" {
			return v.Name
		}
	}
	return t.flag.Variants[0].Name
}

// constant is the one variant that everybody gets of a flag that is on, whatever is asked about users; empty where that
// is the program's fallback.
func (t *teller) constant(c *flag.Config, deep int) (string, bool) {
	if len(c.Targeting) > 0 {
		return "", false
	}
	all := t.served(c)
	slices.Sort(all)
	all = slices.Compact(all)
	if len(all) != 1 || all[0] == "" {
		return "", false // nobody knows whether the empty one is met
	}
	for _, need := range c.Needs {
		switch is, known := t.need(need, deep); {
		case known && !is:
			return c.Off, true
		case !known && c.Off != all[0]:
			return "", false
		}
	}
	return all[0], true
}

// served are the variants that rules and default may serve; empty for the program's fallback.
func (t *teller) served(c *flag.Config) []string {
	var all []string
	add := func(s flag.Serve) {
		if s.Variant != "" {
			all = append(all, s.Variant)
			return
		}
		for _, p := range s.Split {
			if p.Weight > 0 {
				all = append(all, p.Variant)
			}
		}
		all = append(all, c.Default.Variant) // for users who are in no part
	}
	for _, r := range c.Rules {
		add(r.Serve)
		if len(r.If) == 0 && r.Serve.Variant != "" {
			return all
		}
	}
	add(c.Default)
	return all
}

// need reports whether a needed flag serves what is asked of it, where that is the same for everybody.
func (t *teller) need(n flag.Prerequisite, deep int) (is, known bool) {
	c := t.config(n.Flag)
	there := slices.ContainsFunc(t.set.Flags, func(f flag.Flag) bool { return f.Key == n.Flag && f.Archived.IsZero() })
	if !there || c == nil || len(c.Targeting) > 0 || !c.On {
		return there && c != nil && len(c.Targeting) == 0 && c.Off != "" && slices.Contains(n.Variants, c.Off), true
	}
	if deep == 0 {
		return false, false
	}
	one, ok := t.constant(c, deep-1)
	return ok && one != "" && slices.Contains(n.Variants, one), ok
}

// met refuses a flag that needs another one which is not the same for everybody.
func (t *teller) met(c *flag.Config) *refusal {
	for _, need := range c.Needs {
		switch is, known := t.need(need, flag.MaxChain); {
		case !known:
			return refuse("repeat the conditions of that flag in its rules, or wait until that is the same for all",
				"it needs %s, and Vercel has no prerequisites", need.Flag)
		case !is:
			return refuse("name the variant for off", "it needs %s, which does not serve that", need.Flag)
		}
	}
	return nil
}

// rules says the rules in their order, and what everybody else gets.
func (t *teller) rules(s *Said, c *flag.Config) *refusal {
	rest, ids := c.Default, map[string]bool{}
	for _, r := range c.Rules {
		if len(r.If) == 0 {
			rest = r.Serve
			break
		}
		w, no := t.all(r.If)
		if no != nil {
			return no
		}
		out, no := t.outcome(s, c, r.Serve)
		if no != nil {
			return no
		}
		for _, conditions := range w {
			id := r.ID
			for n := 2; ids[id]; n++ {
				id = fmt.Sprintf("%s-%d", r.ID, n)
			}
			ids[id] = true
			s.Config.Rules = append(s.Config.Rules, Rule{ID: id, Conditions: conditions, Outcome: out})
		}
		if len(s.Config.Rules) > maxRules {
			return refuse("ask for fewer alternatives", "it would become more than %d rules", maxRules)
		}
	}
	out, no := t.outcome(s, c, rest)
	s.Config.Fallthrough = out
	return no
}

// outcome says what is served.
func (t *teller) outcome(s *Said, c *flag.Config, serve flag.Serve) (Outcome, *refusal) {
	if serve.Variant != "" {
		return variant(serve.Variant), nil
	}
	if !t.o.Splits {
		return Outcome{}, refuse("have the same shares written, with other users in them (splits)",
			"it has percentages, and Vercel would choose other users for them")
	}
	by := serve.By
	if by == "" {
		by = targetingKey
	}
	e, no := t.name(by)
	if no != nil {
		return Outcome{}, no
	}
	lacking := c.Default.Variant
	if lacking == "" {
		lacking = c.Off
		s.note("users without %s.%s get %s there, and the program's own fallback here", e.Kind, e.Attribute, lacking)
	}
	if lacking == "" {
		return Outcome{}, refuse("name a variant for off, which they get then",
			"Vercel needs a variant for users without %s.%s, who get the program's own fallback here", e.Kind, e.Attribute)
	}
	if serve.Salt != "" {
		s.Seed = seed(serve.Salt)
	}
	weights := map[string]int{}
	for _, p := range serve.Split {
		weights[p.Variant] = p.Weight
	}
	s.note("its percentages are the same there, and other users are in them")
	return Outcome{Type: "split", Base: &e, Weights: weights, Default: lacking}, nil
}

func (s *Said) note(format string, args ...any) {
	if say := fmt.Sprintf(format, args...); !slices.Contains(s.Notes, say) {
		s.Notes = append(s.Notes, say)
	}
}

// same reports whether two JSON values are equal, however they are written.
func same(a, b json.RawMessage) bool {
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	one, err := json.Marshal(x)
	other, err2 := json.Marshal(y)
	return err == nil && err2 == nil && string(one) == string(other)
}
