package flag_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/flag"
)

// A row says what a rule comes to for the one context below: the name of a variant, or one of these.
const (
	none   = "<none>"   // no variant: the default is served
	broken = "<broken>" // GENERAL: it can't be evaluated for this context
	absurd = "<absurd>" // PARSE_ERROR: it can't be understood
)

// somebody has an attribute of every type.
func somebody() dict {
	return dict{
		"targetingKey": "user-1", "plan": "pro", "age": 42, "share": 0.5, "yes": true, "no": false, "nothing": nil,
		"empty": "",
		"tags":  list{"a", "b"}, "numbers": list{1, 2, 3}, "void": list{}, "email": "ann@example.com", "version": "1.4.2",
		"address": dict{"country": "DE", "at": dict{"zip": "10115"}}, "text": "42",
		"people": list{dict{"name": "Ann", "old": 30}, dict{"name": "Bob", "old": 10}},
	}
}

type row struct{ rule, want string }

// operators has rows for each operator: where it fits, where what it looks at is missing, and where that is of a wrong
// type. The differential test asks flagd's core about them too.
func operators() []row {
	return []row{
		// var
		{`{"var":"plan"}`, "pro"}, {`{"var":["plan"]}`, "pro"}, {`{"var":"missing"}`, none}, {`{"var":"nothing"}`, none},
		{`{"var":["missing","other"]}`, "other"}, {`{"var":["nothing","other"]}`, none},
		{`{"var":"address.country"}`, "DE"},
		{`{"var":"address.at.zip"}`, "10115"}, {`{"var":"address.missing.zip"}`, none}, {`{"var":"plan.length"}`, "3"},
		{`{"var":"tags.1"}`, "b"}, {`{"var":"tags.7"}`, none}, {`{"var":"people.0.name"}`, "Ann"},
		{`{"var":""}`, "[object Object]"},
		{`{"var":"$flagd.flagKey"}`, "f"}, {`{"var":"$flagd.timestamp"}`, "1800000000"}, {`{"var":{"var":"plan"}}`, none},
		{`{"var":true}`, broken}, {`{"var":"yes"}`, "true"}, {`{"var":"tags"}`, "a,b"}, {`{"var":"age.x"}`, none},
		// missing, missing_some
		{`{"missing":["plan","x","y.z"]}`, "x,y.z"}, {`{"missing":"plan"}`, ""}, {`{"missing":["nothing"]}`, ""},
		{`{"missing":[]}`, ""},
		{`{"missing":[1]}`, "1"}, {`{"missing":{"merge":["x",["plan"]]}}`, "x"},
		{`{"missing_some":[1,["plan","x"]]}`, ""}, {`{"missing_some":[2,["plan","x"]]}`, "x"},
		{`{"missing_some":[1]}`, broken},
		{`{"missing_some":[1,5]}`, ""}, {`{"missing_some":["1",["x"]]}`, "x"},
		// if
		{`{"if":[{"var":"yes"},"a","b"]}`, "a"}, {`{"if":[{"var":"missing"},"a","b"]}`, "b"},
		{`{"if":[{"var":"void"},"a","b"]}`, "b"},
		{`{"if":[{"var":"no"},"a"]}`, none}, {`{"if":[{"var":"no"},"a",{"var":"no"},"b","c"]}`, "c"}, {`{"if":["a"]}`, "a"},
		{`{"if":[]}`, none}, {`{"if":"a"}`, broken}, {`{"if":[{"var":"empty"},"a","b"]}`, "b"},
		{`{"if":[{"var":"address"},"a","b"]}`, "a"},
		{`{"if":[{"var":"yes"},"a",{"/":[1,0]}]}`, broken},
		{`{"if":[{"var":"yes"},"a",{"var":"no"},{"/":[1,0]},"b"]}`, "a"},
		// ==, !=
		{`{"==":[{"var":"plan"},"pro"]}`, "true"}, {`{"==":[{"var":"missing"},"pro"]}`, "false"},
		{`{"==":[{"var":"age"},"pro"]}`, broken},
		{`{"==":[{"var":"age"},"42"]}`, "true"}, {`{"==":[{"var":"yes"},1]}`, "true"},
		{`{"==":[{"var":"missing"},0]}`, "true"},
		{`{"==":[{"var":"missing"},null]}`, "true"}, {`{"==":[{"var":"tags"},"a"]}`, broken},
		{`{"==":[{"var":"plan"}]}`, broken},
		{`{"==":"pro"}`, broken}, {`{"!=":[{"var":"plan"},"pro"]}`, "false"}, {`{"!=":[{"var":"missing"},"pro"]}`, "true"},
		{`{"!=":[{"var":"address"},1]}`, broken}, {`{"==":[1,1,1]}`, "true"}, {`{"==":["1",1]}`, "true"},
		// ===, !==
		{`{"===":[{"var":"age"},42]}`, "true"}, {`{"===":[{"var":"age"},"42"]}`, "false"},
		{`{"===":[{"var":"missing"},null]}`, "true"},
		{`{"===":[{"var":"tags"},{"var":"tags"}]}`, "true"}, {`{"===":[[1],[1]]}`, "false"},
		{`{"!==":[{"var":"age"},"42"]}`, "true"},
		{`{"!==":[{"var":"missing"},1]}`, "true"}, {`{"!==":[{"var":"yes"},true]}`, "false"},
		// <, <=, >, >=
		{`{"<":[{"var":"age"},50]}`, "true"}, {`{"<":[{"var":"text"},50]}`, "true"},
		{`{"<":[{"var":"missing"},50]}`, "true"},
		{`{"<":[{"var":"plan"},50]}`, broken}, {`{"<":["a",{"var":"plan"}]}`, "true"},
		{`{"<":[1,{"var":"age"},50]}`, "true"},
		{`{"<=":[{"var":"age"},42]}`, "true"}, {`{"<=":[{"var":"missing"},-1]}`, "false"},
		{`{"<=":[{"var":"tags"},1]}`, broken},
		{`{">":[{"var":"age"},42]}`, "false"}, {`{">":[{"var":"missing"},-1]}`, "true"},
		{`{">":[{"var":"address"},1]}`, broken},
		{`{">=":[{"var":"age"},42]}`, "true"}, {`{">=":[{"var":"missing"},"x"]}`, "false"},
		{`{">=":[{"var":"numbers"},1]}`, broken},
		// !, !!
		{`{"!":{"var":"no"}}`, "true"}, {`{"!":[{"var":"missing"}]}`, "true"}, {`{"!":[{"var":"void"}]}`, "true"},
		{`{"!":[]}`, "true"},
		{`{"!":[{"var":"plan"}]}`, "false"}, {`{"!!":{"var":"missing"}}`, "false"}, {`{"!!":[{"var":"age"}]}`, "true"},
		{`{"!!":"0"}`, "true"}, {`{"!!":[[]]}`, "false"},
		// and, or
		{`{"and":[{"var":"yes"},{"var":"plan"}]}`, "pro"}, {`{"and":[{"var":"missing"},"a"]}`, none},
		{`{"and":[{"var":"no"},"a"]}`, "false"},
		{`{"and":[]}`, none}, {`{"and":"a"}`, broken}, {`{"or":[{"var":"missing"},{"var":"plan"}]}`, "pro"},
		{`{"or":[]}`, none},
		{`{"or":[{"var":"missing"},{"var":"void"}]}`, ""}, {`{"or":{"var":"tags"}}`, broken},
		{`{"or":["a",{"/":[1,0]}]}`, "a"},
		// + - * / %
		{`{"+":[1,{"var":"age"}]}`, "43"}, {`{"+":[1,{"var":"missing"}]}`, "1"}, {`{"+":["1",{"var":"text"}]}`, "43"},
		{`{"+":[1,{"var":"plan"}]}`, broken}, {`{"+":{"var":"text"}}`, "42"}, {`{"+":{"var":"numbers"}}`, "6"},
		{`{"+":[]}`, "0"},
		{`{"-":[50,{"var":"age"}]}`, "8"}, {`{"-":{"var":"age"}}`, "-42"}, {`{"-":[1,{"var":"missing"}]}`, "1"},
		{`{"-":[1,{"var":"tags"}]}`, broken}, {`{"-":[]}`, broken}, {`{"*":[2,{"var":"age"}]}`, "84"},
		{`{"*":[2,{"var":"missing"}]}`, "0"},
		{`{"*":[2,{"var":"plan"}]}`, broken}, {`{"*":[]}`, "1"}, {`{"/":[{"var":"age"},4]}`, "10.5"},
		{`{"/":[1,{"var":"missing"}]}`, broken},
		{`{"/":[1,{"var":"plan"}]}`, broken}, {`{"/":[4]}`, "0.25"}, {`{"%":[{"var":"age"},5]}`, "2"},
		{`{"%":[{"var":"missing"},5]}`, "0"},
		{`{"%":[1,{"var":"address"}]}`, broken}, {`{"%":[1]}`, broken}, {`{"%":[-7,5]}`, "-2"},
		{`{"*":[1e10,1e11]}`, "1e+21"},
		{`{"/":[1,10000000]}`, "1e-7"}, {`{"+":[0.1,0.2]}`, "0.30000000000000004"},
		// min, max
		{`{"min":[3,{"var":"share"}]}`, "0.5"}, {`{"min":[{"var":"missing"},1]}`, broken}, {`{"min":[]}`, broken},
		{`{"max":[3,{"var":"age"}]}`, "42"}, {`{"max":["3",1]}`, broken}, {`{"max":{"var":"numbers"}}`, "3"},
		// map, filter, reduce, all, none, some
		{`{"map":[{"var":"numbers"},{"*":[{"var":""},2]}]}`, "2,4,6"}, {`{"map":[{"var":"missing"},1]}`, ""},
		{`{"map":[{"var":"plan"},1]}`, broken},
		{`{"map":[{"var":"people"},{"var":"name"}]}`, "Ann,Bob"},
		{`{"map":[{"var":"tags"},{"var":"../../plan"}]}`, "pro,pro"},
		{`{"filter":[{"var":"numbers"},{">":[{"var":""},1]}]}`, "2,3"}, {`{"filter":[{"var":"missing"},{"var":""}]}`, ""},
		{`{"filter":[{"var":"age"},{"var":""}]}`, broken}, {`{"filter":[{"var":"numbers"},false]}`, ""},
		{`{"reduce":[{"var":"numbers"},{"+":[{"var":"current"},{"var":"accumulator"}]},0]}`, "6"},
		{`{"reduce":[{"var":"tags"},{"cat":[{"var":"accumulator"},{"var":"current"}]},"-"]}`, "-ab"},
		{`{"reduce":[{"var":"missing"},{"var":"current"},"x"]}`, "x"},
		{`{"reduce":[{"var":"missing"},{"var":"current"}]}`, broken},
		{`{"reduce":[{"var":"plan"},{"var":"current"},0]}`, broken},
		{`{"all":[{"var":"numbers"},{">":[{"var":""},0]}]}`, "true"},
		{`{"all":[{"var":"missing"},true]}`, "false"}, {`{"all":[{"var":"age"},false]}`, "true"}, {`{"all":"x"}`, broken},
		{`{"none":[{"var":"numbers"},{">":[{"var":""},5]}]}`, "true"}, {`{"none":[{"var":"missing"},true]}`, "true"},
		{`{"some":[{"var":"people"},{"<":[{"var":"old"},18]}]}`, "true"}, {`{"some":[{"var":"missing"},true]}`, "false"},
		{`{"some":[{"var":"age"},true]}`, "false"}, {`{"some":[{"var":"plan"},{"==":[{"var":""},"r"]}]}`, "true"},
		{`{"some":[{"var":"tags"},{"starts_with":[{"var":""},"a"]}]}`, broken},
		// merge, in, cat, substr
		{`{"merge":[{"var":"tags"},"c",{"var":"missing"}]}`, "a,b,c,"}, {`{"merge":1}`, "1"}, {`{"merge":[]}`, ""},
		{`{"in":[{"var":"plan"},["free","pro"]]}`, "true"}, {`{"in":[{"var":"missing"},["free","pro"]]}`, "false"},
		{`{"in":[{"var":"age"},[41,42,43,44,45,46,47,48]]}`, "true"},
		{`{"in":[{"var":"text"},[41,42,43,44,45,46,47,48]]}`, "false"},
		{`{"in":[{"var":"missing"},["a","b","c","d","e","f","g",null]]}`, "true"}, {`{"in":["r",{"var":"plan"}]}`, "true"},
		{`{"in":["a",{"var":"tags"}]}`, "true"}, {`{"in":["a",{"var":"missing"}]}`, "false"},
		{`{"in":["a",{"var":"age"}]}`, broken},
		{`{"in":[4,{"var":"text"}]}`, "true"}, {`{"in":["a"]}`, "false"},
		{`{"cat":["p-",{"var":"age"},{"var":"missing"}]}`, "p-42"}, {`{"cat":{"var":"missing"}}`, broken},
		{`{"cat":[{"var":"tags"},"!"]}`, "a,b!"},
		{`{"cat":{"var":"tags"}}`, "ab"}, {`{"cat":["x",{"var":"address"}]}`, "x[object Object]"}, {`{"cat":[]}`, ""},
		{`{"substr":[{"var":"plan"},1]}`, "ro"}, {`{"substr":[{"var":"plan"},-2,1]}`, "r"},
		{`{"substr":[{"var":"plan"},0,-1]}`, "pr"},
		{`{"substr":[{"var":"missing"},1]}`, broken}, {`{"substr":[{"var":"age"},1]}`, broken},
		{`{"substr":[{"var":"plan"},"x"]}`, "pro"},
		// starts_with, ends_with, sem_ver
		{`{"starts_with":[{"var":"email"},"ann@"]}`, "true"}, {`{"starts_with":[{"var":"missing"},"a"]}`, none},
		{`{"starts_with":[{"var":"age"},"4"]}`, none}, {`{"starts_with":["a"]}`, none},
		{`{"ends_with":[{"var":"email"},".com"]}`, "true"},
		{`{"ends_with":[{"var":"email"},".org"]}`, "false"}, {`{"ends_with":[{"var":"missing"},""]}`, none},
		{`{"ends_with":"x"}`, none},
		{`{"sem_ver":[{"var":"version"},">=","1.4"]}`, "true"}, {`{"sem_ver":[{"var":"version"},"^","v1"]}`, "true"},
		{`{"sem_ver":[{"var":"version"},"~","1.3.0"]}`, "false"},
		{`{"sem_ver":[{"var":"version"},"=","1.4.2+build"]}`, "true"},
		{`{"sem_ver":[{"var":"version"},"!=","1.4.2-rc.1"]}`, "true"},
		{`{"sem_ver":["1.0.0-rc.2","<","1.0.0-rc.10"]}`, "true"},
		{`{"sem_ver":[{"var":"missing"},">","1.0.0"]}`, none}, {`{"sem_ver":[{"var":"plan"},">","1.0.0"]}`, none},
		{`{"sem_ver":[{"var":"age"},">","2"]}`, "true"}, {`{"sem_ver":[{"var":"version"},"==","1"]}`, none},
		{`{"sem_ver":["1","<"]}`, none},
		{`{"sem_ver":["1.2.3.4","=","1.2.3.4"]}`, none}, {`{"sem_ver":["01.0.0","=","1.0.0"]}`, none},
		// fractional
		{`{"fractional":[["a",100],["b",0]]}`, "a"}, {`{"fractional":[["a"],["a"]]}`, "a"},
		{`{"fractional":[["a",0]]}`, none},
		{`{"fractional":[{"var":"email"},["a",1]]}`, "a"}, {`{"fractional":[{"var":"missing"},["a",1]]}`, none},
		{`{"fractional":[{"var":"age"},["a",1]]}`, none}, {`{"fractional":[["a",-5],["b",1]]}`, "b"},
		{`{"fractional":[["a",1.5]]}`, none},
		{`{"fractional":[["a","1"]]}`, none}, {`{"fractional":[["a",2147483648]]}`, none},
		{`{"fractional":[[true,1]]}`, "true"},
		{`{"fractional":[[null,1]]}`, none}, {`{"fractional":[]}`, none}, {`{"fractional":"a"}`, none},
		{`{"fractional":[["a",1,2]]}`, none},
		{`{"fractional":[[{"var":"plan"},{"var":"age"}],["b",0]]}`, "pro"},
		{`{"fractional":[["a",{"-":[{"var":"$flagd.timestamp"},1900000000]}],["b",1]]}`, "b"},
		// What is no operator.
		{`{"nope":[1]}`, absurd}, {`{"if":[true,{"nope":1},"a"]}`, absurd}, {`{"$ref":"nowhere"}`, absurd},
		{`{"var":"plan","x":1}`, broken},
		{`"a"`, "a"}, {`["a","b"]`, "a,b"}, {`true`, none}, {`{}`, none},
	}
}

// document has the rule as the targeting of f. Its default is no variant, so that none can be told.
func (r row) document() dict {
	return dict{"flags": dict{"f": dict{
		"state": "ENABLED", "variants": dict{r.want: r.want}, "targeting": json.RawMessage(r.rule),
	}}}
}

func read(t testing.TB, document any) *flag.Snapshot {
	t.Helper()
	d, err := flag.ParseDocument(encode(document))
	if err != nil {
		t.Fatal(err)
	}
	return compiled(t, d)
}

// outcome is what a row wants of an evaluation.
func outcome(e flag.Evaluation) string {
	switch {
	case e.Code == flag.General:
		return broken
	case e.Code == flag.ParseError:
		return absurd
	case e.Reason != flag.TargetingMatch:
		return none
	}
	return e.Variant
}

// req: FF-04 FF-06
func TestOperators(t *testing.T) {
	who := flag.NewContext("", decoded(t, somebody()))
	for _, r := range operators() {
		got := read(t, r.document()).Evaluate("f", who, time.Unix(1_800_000_000, 0))
		if outcome(got) != r.want {
			t.Errorf("%s is %s (%s), want %s", r.rule, outcome(got), got.Detail, r.want)
		}
	}
}

// decoded is a value as encoding/json makes it.
func decoded(t testing.TB, v dict) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(encode(v), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// A flag that is off says so whatever its targeting is, and so does one that is not there.
func TestDisabledAndUnknown(t *testing.T) {
	who := flag.NewContext("user-1", decoded(t, somebody()))
	for _, r := range operators() {
		d := r.document()
		f := d["flags"].(dict)["f"].(dict)
		f["state"], f["defaultVariant"] = "DISABLED", r.want
		s := read(t, d)
		got := s.Evaluate("f", who, time.Unix(0, 0))
		if got.Reason != flag.DisabledReason || got.Value != nil || got.Code != "" {
			t.Errorf("%s while disabled: %v", r.rule, got)
		}
		if got := s.Evaluate("g", who, time.Unix(0, 0)); got.Code != flag.NotFound || got.Reason != flag.ErrorReason {
			t.Errorf("an unknown flag: %v", got)
		}
	}
}

// Whoever has no attributes at all gets what a missing key gives, and never a panic.
func TestNobody(t *testing.T) {
	for _, r := range operators() {
		s := read(t, r.document())
		strange := map[string]any{"targetingKey": fmt.Print, "plan": struct{}{}}
		for _, who := range []*flag.Context{flag.NewContext("", nil), flag.NewContext("", strange)} {
			if got := s.Evaluate("f", who, time.Unix(0, 0)); got.Reason == "" {
				t.Errorf("%s: no reason", r.rule)
			}
		}
	}
}
