package mirror_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/flag/foreign"
	"github.com/slipwayhq/slipway/internal/flag/mirror"
)

// generator makes flags, and users of whom they know something.
type generator struct{ *rand.Rand }

func pick[T any](g generator, from ...T) T { return from[g.IntN(len(from))] }

func (g generator) condition() flag.Condition {
	n := flag.Condition{Not: g.IntN(3) == 0}
	texts := []any{"pro", "free", "a.b", "p", "x", "", true, 3.0}
	some := func(most int) []any {
		g.Shuffle(len(texts), func(i, j int) { texts[i], texts[j] = texts[j], texts[i] })
		return slices.Clone(texts[:1+g.IntN(most)])
	}
	words := func() (out []any) {
		for range 1 + g.IntN(3) {
			out = append(out, pick[any](g, "p", "pr", "a.", "b", "user-1", "o"))
		}
		return out
	}
	n.Attribute = pick(g, "plan", "targetingKey", "user.team", "cart.note")
	switch g.IntN(7) {
	case 0, 1:
		n.Op, n.Values = flag.Equals, some(4)
		if g.IntN(4) == 0 {
			n.Values = nil
			for i := range 30 {
				n.Values = append(n.Values, fmt.Sprintf("user-%d", i))
			}
		}
	case 2:
		n.Op, n.Values = pick(g, flag.StartsWith, flag.EndsWith), words()
	case 3:
		n.Op, n.Attribute, n.Values = flag.Contains, pick(g, "tags", "plan", "cart.note"), words()
	case 4:
		n.Op, n.Attribute = pick(g, flag.Less, flag.AtMost, flag.More, flag.AtLeast), pick(g, "age", "cart.total")
		n.Values = []any{pick[any](g, 1.0, 18.0, 20.5)}
	case 5:
		n.Op, n.Attribute = pick(g, flag.Before, flag.After), "age"
		n.Values = []any{"1970-01-01T00:00:18Z"}
	case 6:
		n.Op, n.Attribute = flag.Missing, pick(g, "plan", "age", "tags", "vip", "cart.note")
	}
	if g.IntN(5) == 0 {
		return flag.Condition{Segment: pick(g, "staff", "nobody", "friends"), Not: n.Not}
	}
	return n
}

func (g generator) conditions(least int) []flag.Condition {
	var all []flag.Condition
	for range least + g.IntN(3) {
		all = append(all, g.condition())
	}
	return all
}

func (g generator) serve() flag.Serve {
	if g.IntN(5) == 0 {
		return flag.Serve{Split: []flag.Portion{{Variant: "a", Weight: 30}, {Variant: "b", Weight: 70}}}
	}
	return flag.Serve{Variant: pick(g, "a", "b", "c")}
}

// set has flags that ask for all that there is.
func (g generator) set(flags int) *flag.Set {
	s := &flag.Set{App: "shop", Environment: "production", Generation: 1, Lists: map[string][]string{
		"staff": {"user-1", "user-2"}}}
	plain := func(least int) []flag.Condition {
		return slices.DeleteFunc(g.conditions(least), func(n flag.Condition) bool { return n.Segment != "" })
	}
	s.Segments = []flag.Segment{
		{Key: "staff", Listed: 2, Excluded: []string{"user-2"}}, {Key: "nobody"}, {Key: "friends", By: "user.team"},
	}
	for i := range s.Segments {
		s.Segments[i].App, s.Segments[i].Environment = "shop", "production"
		if group := plain(1); i != 1 && len(group) > 0 {
			s.Segments[i].Any = append(s.Segments[i].Any, group)
		}
	}
	for i := range flags {
		f := flag.Flag{App: "shop", Key: fmt.Sprintf("flag-%d", i), Kind: flag.String, Bucketing: 2}
		for _, v := range []string{"a", "b", "c"} {
			f.Variants = append(f.Variants, flag.Variant{Name: v, Value: json.RawMessage(`"` + v + `"`)})
		}
		c := flag.Config{App: "shop", Flag: f.Key, Environment: "production", On: g.IntN(8) > 0,
			Off: pick(g, "", "a", "b"), Default: flag.Serve{Variant: pick(g, "a", "b", "c")}}
		for j := range g.IntN(4) {
			c.Rules = append(c.Rules, flag.Rule{ID: fmt.Sprintf("r%d", j), If: g.conditions(0), Serve: g.serve()})
		}
		if i > 0 && g.IntN(6) == 0 {
			c.Needs = []flag.Prerequisite{{Flag: fmt.Sprintf("flag-%d", g.IntN(i)), Variants: []string{"a", "b"}}}
		}
		s.Flags, s.Configs = append(s.Flags, f), append(s.Configs, c)
	}
	return s
}

// user is somebody as Slipway is told, and as Vercel is.
func (g generator) user(wild bool) (*flag.Context, map[string]any) {
	key := pick(g, "", "user-1", "user-2", "pro", fmt.Sprintf("user-%d", g.IntN(1000)))
	here, user, cart := map[string]any{}, map[string]any{}, map[string]any{}
	put := func(at map[string]any, plain bool, name string, from ...any) {
		if wild {
			from = append(from, nil, 20.0, "19", true, []any{"p"}, []any{20.0}, map[string]any{"x": 1.0}, "")
		}
		if g.IntN(4) == 0 {
			return
		}
		v := pick(g, from...)
		at[name] = v
		if plain {
			here[name] = v
		}
	}
	put(user, true, "plan", "pro", "free", "a.b", "xpro", "p", nil)
	put(user, true, "age", 1.0, 17.0, 18.0, 20.5, 99.0, nil)
	put(user, true, "tags", []any{"p"}, []any{"b", "o"}, []any{}, []any{"x"})
	put(user, true, "vip", true, false)
	put(user, false, "team", "user-1", "pro", "x")
	put(cart, false, "total", 1.0, 18.0, 30.0)
	put(cart, false, "note", "a.b", "axb", "p")
	if key != "" {
		user["id"] = key
	}
	here["cart"], here["user"] = cart, maps.Clone(user)
	return flag.NewContext(key, here), map[string]any{"user": user, "cart": cart}
}

// What is said decides there as it does here, for everybody, by the evaluator of Vercel; and where nothing is taken for
// granted, for users of whom anything is told.
func TestWhatIsSaidDecidesAlikeAtVercel(t *testing.T) {
	t.Parallel()
	said, decided := 0, 0
	for n := range 400 {
		g := generator{rand.New(rand.NewPCG(uint64(n), 7))}
		set := g.set(4)
		snapshot := compiled(t, set)
		for i := range set.Flags {
			f := &set.Flags[i]
			is := mirror.Say(set, f, mirror.Options{})
			if is.Config == nil {
				if is.Why == "" || is.Remedy == "" {
					t.Fatalf("%s is not said, and nobody knows why: %+v", f.Key, is)
				}
				continue
			}
			said++
			for range 40 {
				here, there := g.user(len(is.Assumes) == 0 && g.IntN(2) == 0)
				want := snapshot.Evaluate(f.Key, here, time.Unix(1e9, 0)).Variant
				decided++
				if got := vercel(is.Config, there); got != want {
					t.Fatalf("seed %d, %s: %q here, %q at Vercel of\n%s\nby\n%s\nof\n%s", n, f.Key, want, got, printed(there),
						printed(set.Configs[i]), printed(is.Config))
				}
			}
		}
	}
	if said < 400 {
		t.Errorf("only %d flags could be said, %d times", said, decided)
	}
}

// What was said comes back by the importer as the same flags, percentages too.
func TestWhatIsSaidComesBackAsItWas(t *testing.T) {
	t.Parallel()
	came := 0
	for n := range 200 {
		g := generator{rand.New(rand.NewPCG(uint64(n), 8))}
		set := g.set(4)
		steps, err := mirror.Compare(set, mirror.There{Environment: "production", Environments: []string{"production"}},
			mirror.Options{Splits: true})
		if err != nil {
			t.Fatal(err)
		}
		var bodies []json.RawMessage
		for _, step := range steps {
			if step.Action == mirror.Create {
				bodies = append(bodies, step.Body)
			}
		}
		if len(bodies) == 0 {
			continue
		}
		text, err := json.Marshal(map[string]any{"flags": bodies})
		if err != nil {
			t.Fatal(err)
		}
		back, err := foreign.Read(foreign.Vercel, text, foreign.Options{App: "shop"})
		if err != nil {
			t.Fatal(err)
		}
		beyond := map[string]bool{} // a default of one rule's split that is not the default of all
		for _, e := range back.Entries {
			beyond[e.Flag] = beyond[e.Flag] || strings.Contains(e.What, "put into a part")
		}
		for _, e := range back.Entries {
			if e.Lost && !beyond[e.Flag] {
				t.Fatalf("seed %d: the importer has no words for %+v in\n%s", n, e, text)
			}
		}
		was, is := compiled(t, set), compiled(t, back.Set("production"))
		for _, step := range steps {
			if step.Action != mirror.Create || beyond[step.Flag] {
				continue
			}
			came++
			for range 40 {
				here, there := g.user(false)
				key, _ := there["user"].(map[string]any)["id"].(string)
				want, got := was.Evaluate(step.Flag, here, time.Unix(1e9, 0)), is.Evaluate(step.Flag,
					flag.NewContext(key, there), time.Unix(1e9, 0))
				if want.Variant != got.Variant && !slices.ContainsFunc(step.Notes, func(n string) bool {
					return strings.Contains(n, "own fallback here") && key == ""
				}) {
					t.Fatalf("seed %d, %s: %q was, %q is, of\n%s\nby\n%s", n, step.Flag, want.Variant, got.Variant, printed(there),
						step.Body)
				}
			}
		}
	}
	if came < 200 {
		t.Errorf("only %d flags came back", came)
	}
}

func printed(v any) string {
	text, _ := json.MarshalIndent(v, "", " ")
	return string(text)
}

func compiled(t *testing.T, set *flag.Set) *flag.Snapshot {
	t.Helper()
	if err := set.Validate(); err != nil {
		t.Fatalf("%+v\n%s", err, printed(set))
	}
	doc, err := set.Document()
	if err != nil {
		t.Fatal(err)
	}
	s, err := flag.Compile(doc)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// vercel decides as Vercel's evaluator does: JavaScript's comparisons, and a missing attribute by operator.
func vercel(c *mirror.Config, user map[string]any) string {
	if !c.Active {
		return c.Paused.Variant
	}
	for _, r := range c.Rules {
		if !slices.ContainsFunc(r.Conditions, func(n mirror.Condition) bool { return !holds(n, user) }) {
			return r.Outcome.Variant
		}
	}
	return c.Fallthrough.Variant
}

func holds(n mirror.Condition, user map[string]any) bool {
	of, _ := user[n.Left.Kind].(map[string]any)
	left, there := of[n.Left.Attribute]
	text, isText := left.(string)
	elements, isList := left.([]any)
	equal := func(v any) bool { return there && scalar(left) && left == v }
	some := func(list any, f func(any) bool) bool {
		return slices.ContainsFunc(list.(mirror.List).Items, func(i mirror.Item) bool { return f(i.Value) })
	}
	switch n.Cmp {
	case "ex", "!ex":
		return (left != nil) == (n.Cmp == "ex")
	case "eq":
		return equal(n.Right)
	case "!eq":
		return !equal(n.Right)
	case "oneOf":
		return some(n.Right, equal)
	case "!oneOf":
		return there && !some(n.Right, equal)
	case "startsWith", "!startsWith":
		return isText && strings.HasPrefix(text, n.Right.(string)) == (n.Cmp == "startsWith")
	case "endsWith", "!endsWith":
		return isText && strings.HasSuffix(text, n.Right.(string)) == (n.Cmp == "endsWith")
	case "regex":
		return isText && regexp.MustCompile(n.Right.(mirror.Regex).Pattern).MatchString(text)
	case "containsAnyOf":
		return isList && some(n.Right, func(v any) bool {
			return slices.ContainsFunc(elements, func(e any) bool {
				return scalar(e) && e == v
			})
		})
	}
	return ordered(n.Cmp, left, n.Right)
}

func scalar(v any) bool {
	switch v.(type) {
	case []any, map[string]any:
		return false
	}
	return true
}

// ordered compares as JavaScript does: what is no number is made one.
func ordered(op string, left, right any) bool {
	var a, b float64
	switch v := left.(type) {
	case float64:
		a = v
	case string:
		if _, err := fmt.Sscan(v, &a); err != nil {
			return false
		}
	case bool:
		a = map[bool]float64{true: 1}[v]
	case []any:
		if len(v) != 1 {
			return false
		}
		return ordered(op, v[0], right)
	default:
		return false
	}
	switch v := right.(type) {
	case float64:
		b = v
	case int64:
		b = float64(v)
	}
	return map[string]bool{"lt": a < b, "lte": a <= b, "gt": a > b, "gte": a >= b}[op]
}
