package flag

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/slipwayhq/slipway/internal/fault"
)

// How large things may be. A document of many flags is evaluated for every request and sent to many programs.
const (
	MaxKey        = 128       // characters of the key of a flag or segment, and of a variant's name
	MaxVariants   = 100       // of a flag
	MaxValue      = 64 << 10  // bytes of a variant's value
	MaxDepth      = 32        // levels of a value or of a raw rule
	MaxText       = 2000      // bytes of a description
	MaxTags       = 20        // of a flag
	MaxRules      = 200       // of a config
	MaxConditions = 50        // of a rule, or of a group of a segment
	MaxValues     = 1000      // of a condition; a longer list is a segment
	MaxWord       = 1024      // bytes of one value of a condition, and of a member of a segment
	MaxGroups     = 100       // of a segment
	MaxExcluded   = 10000     // of a segment
	MaxNeeds      = 20        // prerequisites of a config
	MaxChain      = 5         // prerequisites of prerequisites
	MaxInlined    = 100       // flags that one flag asks for, counted as often as they are asked
	MaxTargeting  = 256 << 10 // bytes of a raw rule
)

// Ops returns all operators, in the order of the documentation.
func Ops() []Op {
	return []Op{Equals, StartsWith, EndsWith, Contains, Less, AtMost, More, AtLeast, Version, Before, After, Missing}
}

// complaints collects what is wrong, each with its place, so that everything is said at once.
type complaints struct {
	at     string
	fields *[]fault.Field
}

func newComplaints() complaints { return complaints{fields: new([]fault.Field)} }

// in returns the same collection for a place within this one.
func (c complaints) in(format string, args ...any) complaints {
	place := fmt.Sprintf(format, args...)
	if c.at != "" && !strings.HasPrefix(place, "[") {
		place = "." + place
	}
	return complaints{c.at + place, c.fields}
}

func (c complaints) say(format string, args ...any) {
	*c.fields = append(*c.fields, fault.Field{Path: c.at, Message: fmt.Sprintf(format, args...)})
}

// err is the fault with all complaints, or nil.
func (c complaints) err(reason, what string) error {
	fields := *c.fields
	if len(fields) == 0 {
		return nil
	}
	first := fields[0]
	message := fmt.Sprintf("%s: %s: %s", what, first.Path, first.Message)
	if more := len(fields) - 1; more > 0 {
		message += fmt.Sprintf(" (and %s)", count(more, "more problem", "more problems"))
	}
	f := fault.New(fault.Invalid, reason, "%s", message)
	f.Fields = fields
	return f
}

// count says a number with its noun.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// Validate says everything that is wrong with a flag by itself.
func (f Flag) Validate() error {
	c := newComplaints()
	f.check(c)
	return c.err("flag_invalid", "The flag can't be kept")
}

func (f Flag) check(c complaints) {
	checkKey(c.in("key"), f.Key)
	if !slices.Contains([]Kind{Boolean, String, Number, Object}, f.Kind) {
		c.in("kind").say("%q is no kind: use boolean, string, number or object", f.Kind)
	}
	if len(f.Description) > MaxText {
		c.in("description").say("%d bytes: at most %d", len(f.Description), MaxText)
	}
	if len(f.Owner) > MaxKey {
		c.in("owner").say("%d bytes: at most %d", len(f.Owner), MaxKey)
	}
	if len(f.Tags) > MaxTags {
		c.in("tags").say("%d tags: at most %d", len(f.Tags), MaxTags)
	}
	for i, tag := range f.Tags {
		if tag == "" || len(tag) > MaxKey || strings.TrimSpace(tag) != tag {
			c.in("tags[%d]", i).say("a tag has 1 to %d bytes and no space around it", MaxKey)
		}
	}
	if f.Bucketing != 2 && f.Bucketing != 3 {
		c.in("bucketing").say("version %d: use 2, or 3 for the newer hash", f.Bucketing)
	}
	f.checkVariants(c)
}

func (f Flag) checkVariants(c complaints) {
	if len(f.Variants) == 0 {
		c.in("variants").say("there is none: name at least one")
	}
	if len(f.Variants) > MaxVariants {
		c.in("variants").say("%d variants: at most %d", len(f.Variants), MaxVariants)
	}
	seen := map[string]bool{}
	for i, v := range f.Variants {
		at := c.in("variants[%d]", i)
		checkKey(at.in("name"), v.Name)
		if seen[v.Name] {
			at.in("name").say("%q is there twice: give each variant a name of its own", v.Name)
		}
		seen[v.Name] = true
		if len(v.Description) > MaxText {
			at.in("description").say("%d bytes: at most %d", len(v.Description), MaxText)
		}
		checkValue(at.in("value"), f.Kind, v.Value)
	}
}

// checkKey holds keys and names to what fits into a URL, a file name and every client.
func checkKey(c complaints, key string) {
	switch {
	case key == "":
		c.say("it is empty: use letters, digits, - _ and .")
	case len(key) > MaxKey:
		c.say("%d characters: at most %d", len(key), MaxKey)
	case key == "." || key == "..":
		c.say("%q names a folder: use letters, digits, - _ and .", key)
	default:
		for _, r := range key {
			if !isKeyRune(r) {
				c.say("%q has %q in it: use letters, digits, - _ and .", key, r)
				return
			}
		}
	}
}

func isKeyRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.'
}

// checkValue holds a variant's value to the flag's kind, size and depth.
func checkValue(c complaints, kind Kind, value json.RawMessage) {
	if len(value) > MaxValue {
		c.say("%d bytes: at most %d", len(value), MaxValue)
		return
	}
	if depth, ok := depthOf(value); !ok {
		c.say("it is not JSON: write true, \"text\", 1.5 or {\"a\": 1}")
		return
	} else if depth > MaxDepth {
		c.say("it is nested %d deep: at most %d", depth, MaxDepth)
		return
	}
	if got := kindOf(value); got != kind {
		c.say("it is %s and the flag is of kind %s: all variants have the kind of the flag", nameOfKind(got), kind)
	} else if got == Number {
		if n, err := number(json.Number(bytes.TrimSpace(value))); err != nil || math.IsInf(n, 0) {
			c.say("the number is too large: clients read numbers as 64-bit floats")
		}
	}
}

// kindOf is the kind of a JSON value; null and arrays have none.
func kindOf(value json.RawMessage) Kind {
	value = bytes.TrimSpace(value)
	if len(value) == 0 {
		return ""
	}
	switch value[0] {
	case 't', 'f':
		return Boolean
	case '"':
		return String
	case '{':
		return Object
	case '[':
		return "array"
	case 'n':
		return "null"
	}
	return Number
}

func nameOfKind(k Kind) string {
	switch k {
	case "null":
		return "null"
	case "array", Object:
		return "an " + string(k)
	}
	return "a " + string(k)
}

// depthOf counts the levels of a JSON text without building it, so that a deep one does no harm.
func depthOf(text json.RawMessage) (depth int, valid bool) {
	if !utf8.Valid(text) || !json.Valid(text) {
		return 0, false
	}
	level, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch b := text[i]; {
		case quoted && b == '\\':
			i++
		case b == '"':
			quoted = !quoted
		case quoted:
		case b == '{' || b == '[':
			level++
			depth = max(depth, level)
		case b == '}' || b == ']':
			level--
		}
	}
	return depth, true
}

// number reads what a decoder or a program may have put where a number belongs.
func number(v any) (float64, error) {
	switch v := v.(type) {
	case float64:
		return v, nil
	case int:
		return float64(v), nil
	case int64:
		return float64(v), nil
	case json.Number:
		return v.Float64()
	}
	return 0, fmt.Errorf("%T is no number", v)
}
