package words

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/flag"
)

// Change is one difference between two versions of a flag, a configuration or a segment.
type Change struct {
	Path   string // rules/staff/serve: entries with a name of their own are found by it, wherever they stand
	Before json.RawMessage
	After  json.RawMessage
	Words  string // the change in words, without a capital letter and a full stop
}

// Difference is all that changed, and one sentence about it.
type Difference struct {
	Changes  []Change
	Sentence string
}

// differ collects changes.
type differ struct{ changes []Change }

func (d *differ) add(path string, before, after any, format string, args ...any) {
	d.changes = append(d.changes, Change{path, encode(before), encode(after), fmt.Sprintf(format, args...)})
}

// compare adds a change of a plain value, where there is one.
func (d *differ) compare(path string, before, after any, format string, args ...any) {
	if !reflect.DeepEqual(before, after) {
		d.add(path, before, after, format, args...)
	}
}

// encode is a value's JSON; nothing at all stays nothing.
func encode(v any) json.RawMessage {
	if v == nil {
		return nil
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(v) != nil {
		return nil
	}
	return bytes.TrimSpace(b.Bytes())
}

// difference makes the sentence: all of a few changes, the first of many.
func (d *differ) difference() Difference {
	const told = 3
	if len(d.changes) == 0 {
		return Difference{Sentence: "Nothing changes."}
	}
	var parts []string
	for i, c := range d.changes {
		if i == told && len(d.changes) > told+1 {
			parts = append(parts, count(len(d.changes)-i, "more change", "more changes"))
			break
		}
		parts = append(parts, c.Words)
	}
	return Difference{d.changes, sentence(strings.Join(parts, "; "))}
}

// DiffConfigs says what is different between two configurations of a flag. Bookkeeping, as revisions and times, is left
// out, and so is the reason of the last switch.
func DiffConfigs(f *flag.Flag, before, after *flag.Config) Difference {
	d := &differ{}
	if before.On != after.On {
		d.add("on", before.On, after.On, "turned %s", map[bool]string{true: "on", false: "off"}[after.On])
	}
	switch {
	case before.Off == after.Off:
	case after.Off == "":
		d.add("off", before.Off, after.Off, "while off, programs use their own fallback instead of %s", name(f, before.Off))
	default:
		d.add("off", before.Off, after.Off, "while off, everybody gets %s", name(f, after.Off))
	}
	d.needs(before.Needs, after.Needs)
	d.rules(f, before.Rules, after.Rules)
	d.fallthroughs(f, before.Default, after.Default)
	if b, a := compact(before.Targeting), compact(after.Targeting); !bytes.Equal(b, a) {
		words := "the rule in flagd's language changed"
		switch {
		case b == nil:
			words = "a rule in flagd's language decides"
		case a == nil:
			words = "no rule in flagd's language any more"
		}
		d.changes = append(d.changes, Change{"targeting", b, a, words})
	}
	return d.difference()
}

func compact(text json.RawMessage) json.RawMessage {
	var b bytes.Buffer
	if len(text) == 0 || json.Compact(&b, text) != nil {
		return nil
	}
	return b.Bytes()
}

// fallthroughs compares what everybody gets whom no rule serves.
func (d *differ) fallthroughs(f *flag.Flag, before, after flag.Serve) {
	if reflect.DeepEqual(before, after) {
		return
	}
	if variant, from, to := raised(before, after); variant != "" {
		verb := "raised"
		if to < from {
			verb = "lowered"
		}
		d.add("default", before, after, "share of %s %s from %s to %s", name(f, variant), verb, percent(from), percent(to))
		return
	}
	if before.Variant == "" && len(before.Split) == 0 {
		d.add("default", nil, after, "%s for everybody else", Serve(f, after))
		return
	}
	d.add("default", before, after, "%s for everybody else instead of %s", Serve(f, after), Serve(f, before))
}

// raised says whether two ways to serve differ in the share of one variant only, and which: the raised one comes first
// in a split, and is the share of others in a single variant.
func raised(before, after flag.Serve) (variant string, from, to float64) {
	names := map[string]bool{}
	for _, s := range []flag.Serve{before, after} {
		if s.Variant != "" {
			names[s.Variant] = true
		}
		for _, p := range s.Split {
			names[p.Variant] = true
			if variant == "" {
				variant = p.Variant
			}
		}
	}
	if variant == "" || len(names) != 2 || before.By != after.By || len(before.Split) > 0 && len(after.Split) > 0 &&
		(before.Salt != after.Salt || before.Split[0].Variant != after.Split[0].Variant) {
		return "", 0, 0
	}
	from, to = share(before, variant), share(after, variant)
	if from == to {
		return "", 0, 0
	}
	return variant, from, to
}

func share(s flag.Serve, variant string) float64 {
	if s.Variant == variant {
		return 1
	}
	sum, part := 0, 0
	for _, p := range s.Split {
		sum += p.Weight
		if p.Variant == variant {
			part += p.Weight
		}
	}
	if sum == 0 {
		return 0
	}
	return float64(part) / float64(sum)
}

func percent(share float64) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.2f", share*100), "0"), ".") + " %"
}

// rules compares rules by their ids.
func (d *differ) rules(f *flag.Flag, before, after []flag.Rule) {
	gone, added, kept := match(before, after, func(r flag.Rule) string { return r.ID })
	for _, r := range gone {
		d.add("rules/"+r.ID, r, nil, "rule removed: %s", clause(Rule(f, &r)))
	}
	for _, r := range added {
		d.add("rules/"+r.ID, nil, r, "rule added: %s", clause(Rule(f, &r)))
	}
	for _, pair := range kept {
		b, a := pair[0], pair[1]
		at := "rules/" + a.ID
		d.compare(at+"/description", b.Description, a.Description, "rule for %s described anew", Who(a.If))
		if !alike(b.If, a.If) {
			d.add(at+"/if", b.If, a.If, "rule for %s instead of %s", Who(a.If), Who(b.If))
		}
		d.compare(at+"/serve", b.Serve, a.Serve, "%s for %s instead of %s", Serve(f, a.Serve), Who(a.If), Serve(f, b.Serve))
	}
	d.order("rules", idsOf(before), idsOf(after))
}

// alike compares by what is kept: a number is the same whether a program or a decoder wrote it.
func alike(a, b any) bool { return bytes.Equal(encode(a), encode(b)) }

// clause makes a part of a sentence of one.
func clause(sentence string) string {
	text := strings.TrimSuffix(sentence, ".")
	return strings.ToLower(text[:min(1, len(text))]) + text[min(1, len(text)):]
}

// order says that what stands in both versions stands in another order.
func (d *differ) order(path string, before, after []string) {
	both := func(of, in []string) []string {
		return slices.DeleteFunc(slices.Clone(of), func(s string) bool { return !slices.Contains(in, s) })
	}
	if b, a := both(before, after), both(after, before); !slices.Equal(b, a) {
		d.add(path, b, a, "%s in another order", path)
	}
}

func idsOf(rules []flag.Rule) []string {
	ids := make([]string, len(rules))
	for i, r := range rules {
		ids[i] = r.ID
	}
	return ids
}

func namesOf(variants []flag.Variant) []string {
	names := make([]string, len(variants))
	for i, v := range variants {
		names[i] = v.Name
	}
	return names
}

// match divides two lists by a key into what is gone, what is new, and pairs of what is in both.
func match[T any](before, after []T, key func(T) string) (gone, added []T, kept [][2]T) {
	for _, b := range before {
		if i := slices.IndexFunc(after, func(a T) bool { return key(a) == key(b) }); i < 0 {
			gone = append(gone, b)
		} else {
			kept = append(kept, [2]T{b, after[i]})
		}
	}
	for _, a := range after {
		if !slices.ContainsFunc(before, func(b T) bool { return key(a) == key(b) }) {
			added = append(added, a)
		}
	}
	return gone, added, kept
}

func (d *differ) needs(before, after []flag.Prerequisite) {
	gone, added, kept := match(before, after, func(p flag.Prerequisite) string { return p.Flag })
	for _, n := range gone {
		d.add("needs/"+n.Flag, n.Variants, nil, "no longer needs %s", n.Flag)
	}
	for _, n := range added {
		d.add("needs/"+n.Flag, nil, n.Variants, "needs that %s", needs([]flag.Prerequisite{n}))
	}
	for _, pair := range kept {
		b, a := pair[0], pair[1]
		d.compare("needs/"+a.Flag, b.Variants, a.Variants, "needs that %s", needs([]flag.Prerequisite{a}))
	}
}

// DiffFlags says what is different between two versions of a flag.
func DiffFlags(before, after *flag.Flag) Difference {
	d := &differ{}
	d.compare("description", before.Description, after.Description, "described anew")
	d.compare("owner", before.Owner, after.Owner, "owned by %s", orNobody(after.Owner))
	if !slices.Equal(before.Tags, after.Tags) {
		d.add("tags", before.Tags, after.Tags, "tagged %s", orNobody(join(after.Tags, "and")))
	}
	d.compare("client", before.Client, after.Client, "public keys may%s evaluate it",
		map[bool]string{false: " not"}[after.Client])
	d.compare("permanent", before.Permanent, after.Permanent, "%s", map[bool]string{
		true: "kept for good", false: "a step of a rollout, whose code goes one day"}[after.Permanent])
	if !before.Expires.Equal(after.Expires) {
		words := after.Expires.Format("its code should be gone by 2 Jan 2006")
		if after.Expires.IsZero() {
			words = "no day any more by which its code should be gone"
		}
		d.add("expires", day(before.Expires), day(after.Expires), "%s", words)
	}
	d.compare("bucketing", before.Bucketing, after.Bucketing,
		"bucketing version %d: everybody in a split is assigned anew", after.Bucketing)
	d.compare("archived", !before.Archived.IsZero(), !after.Archived.IsZero(), "%s", map[bool]string{
		true: "archived", false: "restored"}[!after.Archived.IsZero()])
	d.variants(before.Variants, after.Variants)
	return d.difference()
}

func orNobody(text string) string {
	if text == "" {
		return "nobody"
	}
	return text
}

func day(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.Format(time.DateOnly)
}

func (d *differ) variants(before, after []flag.Variant) {
	gone, added, kept := match(before, after, func(v flag.Variant) string { return v.Name })
	for _, v := range gone {
		d.add("variants/"+v.Name, v, nil, "variant %q removed", v.Name)
	}
	for _, v := range added {
		d.add("variants/"+v.Name, nil, v, "variant %q added: %s", v.Name, short(v.Value))
	}
	for _, pair := range kept {
		b, a := pair[0], pair[1]
		at := "variants/" + a.Name
		d.compare(at+"/description", b.Description, a.Description, "variant %q described anew", a.Name)
		if x, y := compact(b.Value), compact(a.Value); !bytes.Equal(x, y) {
			d.changes = append(d.changes, Change{at + "/value", x, y,
				fmt.Sprintf("variant %q is %s instead of %s", a.Name, short(y), short(x))})
		}
	}
	d.order("variants", namesOf(before), namesOf(after))
}

// short is a value that a sentence can hold.
func short(value json.RawMessage) string {
	const most = 40
	text := []rune(string(compact(value)))
	if len(text) > most {
		return string(text[:most]) + "…"
	}
	return string(text)
}

// DiffSegments says what is different between two versions of a segment. Its list is told by numbers: names are kept
// apart.
func DiffSegments(before, after *flag.Segment) Difference {
	d := &differ{}
	d.compare("description", before.Description, after.Description, "described anew")
	if before.By != after.By {
		d.add("by", before.By, after.By, "its lists name %s", orID(after.By))
	}
	if before.Listed != after.Listed {
		d.add("listed", before.Listed, after.Listed, "%s instead of %s", count(after.Listed, "listed user", "listed users"),
			count(before.Listed, "user", "users"))
	}
	if !slices.Equal(before.Excluded, after.Excluded) {
		d.add("excluded", before.Excluded, after.Excluded, "%s instead of %d",
			count(len(after.Excluded), "excluded user", "excluded users"), len(before.Excluded))
	}
	if !alike(before.Any, after.Any) {
		b, a := *before, *after
		b.Listed, b.Excluded, a.Listed, a.Excluded = 0, nil, 0, nil
		d.add("any", before.Any, after.Any, "in by condition: %s instead of %s", clause(Segment(&a)), clause(Segment(&b)))
	}
	return d.difference()
}

func orID(attribute string) string {
	if attribute == "" || attribute == "targetingKey" {
		return "ids"
	}
	return attribute
}
