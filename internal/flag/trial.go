package flag

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Trial evaluates one flag of a set for sample users, and says which rule decided.
type Trial struct {
	flag   *Flag
	config *Config
	served *Snapshot // what clients evaluate
	marked *Snapshot // the same conditions, each of which serves a mark that names it
}

// Outcome is what a sample user gets.
type Outcome struct {
	Evaluation
	Rule     string // id of the rule that served it; empty: the default, or no rule at all
	Sentence string
}

// The marks that a marked rule serves.
const (
	markNeed    = "need "
	markRule    = "rule "
	markDefault = "default"
)

// Try makes a trial of a flag. The set holds the configuration that is tried, saved or not.
func (s *Set) Try(key string) (*Trial, error) {
	x := s.index()
	t := &Trial{flag: x.flags[key], config: x.configs[key]}
	if t.config == nil {
		t.config = &Config{Flag: key}
	}
	served, err := s.only(key).Document()
	if err != nil {
		return nil, err
	}
	if t.served, err = Compile(served); err != nil {
		return nil, err
	}
	if t.flag == nil || !t.config.On || len(t.config.Targeting) > 0 {
		return t, nil
	}
	marked, err := marks(x, served, t.config)
	if err != nil {
		return nil, err
	}
	t.marked, err = Compile(marked)
	return t, err
}

// Cost measures by a clock how many nanoseconds an evaluation takes, as clients do it: the fastest of a few rounds, in
// which the machine did nothing else. It ends soon also where rules are as slow as rules may be.
func (t *Trial) Cost(users []*Context, now time.Time, clock func() time.Time) float64 {
	const rounds, each, longest = 5, 64, 10 * time.Millisecond
	if len(users) == 0 || t.flag == nil {
		return 0
	}
	var best time.Duration
	for round, begin := 0, clock(); round < rounds && clock().Sub(begin) < longest; round++ {
		from := clock()
		for i := range each {
			t.served.Evaluate(t.flag.Key, users[i%len(users)], now)
		}
		if took := clock().Sub(from); round == 0 || took < best {
			best = took
		}
	}
	return float64(best.Nanoseconds()) / each
}

// only is the set without the flags that one flag does not ask for.
func (s *Set) only(key string) *Set {
	x := s.index()
	asked := map[string]bool{}
	var ask func(string)
	ask = func(key string) {
		if asked[key] {
			return
		}
		asked[key] = true
		if c := x.configs[key]; c != nil {
			for _, need := range c.Needs {
				ask(need.Flag)
			}
		}
	}
	ask(key)
	part := *s
	part.Flags = slices.DeleteFunc(slices.Clone(s.Flags), func(f Flag) bool { return !asked[f.Key] })
	return &part
}

// marks is a document of one flag whose variants are marks: which need is not met, or which rule holds first.
func marks(x *index, served *Document, c *Config) (*Document, error) {
	t := translation{index: x, key: c.Flag}
	var args []node
	for i := range c.Needs {
		one := Config{Needs: c.Needs[i : i+1]}
		args = append(args, call("!", t.needs(&one)), markNeed+strconv.Itoa(i))
	}
	for i, r := range c.Rules {
		args = append(args, allOf(r.If), markRule+strconv.Itoa(i))
	}
	rule, err := marshal(call("if", append(args, true, markDefault, nil)...))
	if err != nil {
		return nil, err
	}
	variants := map[string]json.RawMessage{markDefault: json.RawMessage(`""`)}
	for i := range c.Needs {
		variants[markNeed+strconv.Itoa(i)] = json.RawMessage(`""`)
	}
	for i := range c.Rules {
		variants[markRule+strconv.Itoa(i)] = json.RawMessage(`""`)
	}
	return &Document{
		Flags:      map[string]Definition{c.Flag: {State: Enabled, Variants: variants, Targeting: rule}},
		Evaluators: served.Evaluators,
	}, nil
}

// For is what a user gets at now.
func (t *Trial) For(user *Context, now time.Time) Outcome {
	o := Outcome{Evaluation: t.served.Evaluate(t.config.Flag, user, now)}
	got := strconv.Quote(o.Variant)
	if o.Variant == "" {
		got = "The program's own fallback"
	}
	switch {
	case o.Reason == ErrorReason:
		o.Sentence = "No variant: " + o.Detail + "."
		return o
	case !t.config.On:
		o.Sentence = got + ": the flag is off."
		return o
	case t.marked == nil:
		o.Sentence = got + " by the rule in flagd's language."
		if o.Reason == DefaultReason {
			o.Sentence = got + " by the default: the rule in flagd's language names no variant."
		}
		return o
	}
	mark := t.marked.Evaluate(t.config.Flag, user, now).Variant
	if i, ok := markIndex(mark, markNeed); ok {
		need := t.config.Needs[i]
		o.Sentence = fmt.Sprintf("%s: %s does not serve %s.", got, need.Flag, strings.Join(need.Variants, " or "))
		return o
	}
	i, ok := markIndex(mark, markRule)
	if !ok {
		o.Sentence = got + " by the default: no rule holds."
		if len(t.config.Rules) == 0 {
			o.Sentence = got + " by the default."
		}
		if len(t.config.Default.Split) > 0 && o.Variant == "" {
			o.Sentence = got + ": the user has no " + by(t.config.Default) + " to be put into a part of the split."
		}
		return o
	}
	r := t.config.Rules[i]
	if len(r.Serve.Split) > 0 && !bucketed(r.Serve, user) {
		o.Sentence = fmt.Sprintf(
			"%s by the default: rule %d holds, but the user has no %s to be put into a part of its split.",
			got, i+1, by(r.Serve))
		return o
	}
	o.Rule = r.ID
	o.Sentence = fmt.Sprintf("%s by rule %d of %d.", got, i+1, len(t.config.Rules))
	return o
}

func markIndex(mark, kind string) (int, bool) {
	text, ok := strings.CutPrefix(mark, kind)
	i, err := strconv.Atoi(text)
	return i, ok && err == nil
}

// by is the attribute that a split puts users into parts by.
func by(s Serve) string {
	if s.By == "" {
		return targetingKey
	}
	return s.By
}

// bucketed says whether a user can be put into a part of a split: by a string that is not empty, or by a number. An id
// must be a string.
func bucketed(s Serve, user *Context) bool {
	if by(s) == targetingKey {
		return user.TargetingKey() != ""
	}
	var v any = user.Attributes()
	for part := range strings.SplitSeq(s.By, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return false
		}
		v = m[part]
	}
	if text, ok := v.(string); ok {
		return text != ""
	}
	_, err := number(v)
	return err == nil
}
