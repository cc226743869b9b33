package document

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/internal/fault"
)

// garden is a shape with one of everything.
type garden struct {
	Name    string            `yaml:"name" doc:"Its name."`
	Kind    string            `yaml:"kind" doc:"Its kind." enum:"kitchen,flower"`
	Beds    map[string]bed    `yaml:"beds" doc:"Its beds."`
	Water   Duration          `yaml:"water" doc:"Between two waterings."`
	Labels  map[string]string `yaml:"labels" doc:"Anything."`
	Values  map[string]any    `yaml:"values" doc:"Anything else."`
	Fenced  bool              `yaml:"fenced" doc:"Whether there is a fence."`
	Trees   int               `yaml:"trees" doc:"How many."`
	Area    float64           `yaml:"area" doc:"In square meters."`
	Share   Percent           `yaml:"share" doc:"Planted."`
	Yield   Factor            `yaml:"yield" doc:"Of the seed."`
	Frosts  Row               `yaml:"frosts" doc:"Endured."`
	Shed    Toggle            `yaml:"shed" doc:"Which."`
	Visits  []visit           `yaml:"visits" doc:"When."`
	Gate    *gate             `yaml:"gate" doc:"The gate."`
	Anyones map[string]int    `yaml:"*" doc:"The rest."`
}

type bed struct {
	Crop string `yaml:"crop" doc:"What grows."`
	Rows int    `yaml:"rows" doc:"How many."`
}

func (*bed) Template() string { return "{crop: nothing, rows: 1}" }

type visit struct {
	At string `yaml:"at" doc:"When."`
}

func (*visit) Expand(n *Node) *Node {
	if n.Form == Scalar {
		return Wrap("at", n)
	}
	return n
}

func (*visit) Short() map[string]any { return TextSchema("^.+$", "dawn") }

type gate struct {
	Open bool `yaml:"open" doc:"Whether it is open."`
}

const base = "name: garden\nkind: kitchen\nbeds: {north: {crop: beans, rows: 3}}\nwater: 1d\n"

// decode reads a file over the defaults of base.
func decode(src string) (garden, *Node, *Problems) {
	user, p := Read("garden.yaml", []byte(src))
	var g garden
	if user == nil {
		return g, nil, p
	}
	t := reflect.TypeFor[garden]()
	tree := Merge(t, ParseText(base), user)
	Arrange(t, tree)
	d := &Decoder{Problems: p}
	d.Decode(tree, &g)
	p.Sort()
	return g, tree, p
}

func TestDecodeOverDefaults(t *testing.T) {
	t.Parallel()
	g, tree, p := decode(`
beds: {north: {rows: 4}, south: {crop: leek}}
labels: {"Any Key": x}
values: {n: 1.5, s: "1.5", b: true, l: [a, 2]}
fenced: on
trees: 3
area: 12.5
share: 40%
yield: 12x
frosts: 3 in a row
shed: off
visits: [dawn, {at: dusk}]
gate: {open: true}
other: 7
`)
	if len(p.List) > 0 {
		t.Fatal(p)
	}
	want := garden{
		Name: "garden", Kind: "kitchen", Beds: map[string]bed{"north": {"beans", 4}, "south": {"leek", 1}},
		Water: Duration(24 * time.Hour), Labels: map[string]string{"Any Key": "x"},
		Values: map[string]any{"n": 1.5, "s": "1.5", "b": true, "l": []any{"a", 2.0}},
		Fenced: true, Trees: 3, Area: 12.5, Share: 0.4, Yield: 12, Frosts: 3, Visits: []visit{{"dawn"}, {"dusk"}},
		Gate: &gate{true}, Anyones: map[string]int{"other": 7},
	}
	if d := cmp.Diff(want, g); d != "" {
		t.Error(d)
	}
	text := Write(tree, "garden.yaml")
	for _, line := range []string{"crop: beans", "# default", "rows: 4", "# garden.yaml:2", `"Any Key": x`, `s: "1.5"`} {
		if !strings.Contains(text, line) {
			t.Errorf("the written file lacks %q:\n%s", line, text)
		}
	}
	again, _, p := decode(text)
	if d := cmp.Diff(want, again); d != "" || len(p.List) > 0 {
		t.Errorf("written and read again:\n%s\n%v", d, p.List)
	}
}

func TestEveryProblemIsReportedWithItsPlace(t *testing.T) {
	t.Parallel()
	_, _, p := decode("nmae: x\nkind: desert\nwater: often\nbeds: {North: {}, south: {crp: x}}\n" +
		"trees: 1.5\ntrees: 2\nshare: 4\nOther Key: 1\n")
	var got []string
	for _, one := range p.List {
		got = append(got, one.String())
	}
	want := []string{
		`garden.yaml:1:7: nmae: want a whole number, got "x"; write digits only`,
		`garden.yaml:2:7: kind: "desert" is none of the words known here; there are: kitchen, flower`,
		`garden.yaml:3:8: water: want a duration, got "often"; write for example 500ms, 30s, 10m, 24h or 7d`,
		`garden.yaml:4:8: beds.North: "North" cannot be a name; ` +
			`names have 1 to 64 lower-case letters, digits, _ and -, a letter first`,
		`garden.yaml:4:27: beds.south.crp: unknown key "crp"; did you mean "crop"?`,
		`garden.yaml:5:8: trees: want a whole number, got "1.5"; write digits only`,
		`garden.yaml:6:1: trees: the key "trees" is here for the second time; remove one: the first is in line 5`,
		`garden.yaml:7:8: share: want a percentage, got "4"; write for example 2% or 0.5%, with the sign`,
		`garden.yaml:8:1: Other Key: unknown key "Other Key"; ` + p.List[len(p.List)-1].Remedy,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	var f *fault.Error
	if !errors.As(error(p), &f) || f.Kind != fault.Invalid || f.Reason != "document_invalid" ||
		len(f.Fields) != len(want) {
		t.Errorf("as a fault: %+v", f)
	}
}

func TestProblemsAreBounded(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range 200 {
		b.WriteString(strings.Repeat("x", 1+i%50) + strings.Repeat("Y", 1+i/50) + ": 1\n")
	}
	_, _, p := decode(b.String())
	if len(p.List) != maxProblems || !strings.Contains(p.Error(), "perhaps more") {
		t.Errorf("%d problems", len(p.List))
	}
}

func TestQuoteIsReadBack(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"", "a", "on", "null", "5", "0x1f", "1e3", "~", "- a", "a: b", "a #b", "'", `"`, `\`, "\n\t\r\x01\x7f", "日本",
		"\u2028", "{a}", "[",
		"@x", "%x", "*x", "&x", "!x", " a ", "a,b", "2026-01-01", ".5", ".a", "=", "<<", "?", "true", "Yes", "\ufeff",
	} {
		n := ParseText("k: " + Quote(s)).Get("k")
		in := ParseText("{k: [" + Quote(s) + ", 1], m: {" + Quote(s) + ": 1}}")
		if in == nil || in.Get("m").Get(s) == nil {
			t.Errorf("%q in braces is written %s and read as %+v", s, Quote(s), in)
			continue
		}
		if n == nil || n.Form != Scalar || n.Text != s || in.Get("k").Items[0].Text != s {
			t.Errorf("%q is written %s and read as %+v", s, Quote(s), n)
		}
	}
}

func TestDurationsReadAsWritten(t *testing.T) {
	t.Parallel()
	for _, d := range []time.Duration{0, time.Millisecond, 90 * time.Second, time.Minute, time.Hour, 90 * time.Minute,
		24 * time.Hour, 72 * time.Hour} {
		if got, err := ParseDuration(WriteDuration(d)); err != nil || got != d {
			t.Errorf("%s is written %s and read as %s, %v", d, WriteDuration(d), got, err)
		}
	}
	for _, s := range []string{"", "5", "-5m", "0", "+1h", "1.5d", "9999999d", "1e3s", "5 m"} {
		if got, err := ParseDuration(s); err == nil {
			t.Errorf("%q is read as %s", s, got)
		}
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	names := []string{"canary", "core", "qa", "steps"}
	for got, want := range map[string]string{"canery": "canary", "cnaary": "canary", "setps": "steps", "aq": "qa",
		"zebra": "", "": ""} {
		if n := nearest(got, names); n != want {
			t.Errorf("%s: got %q, want %q", got, n, want)
		}
	}
}
