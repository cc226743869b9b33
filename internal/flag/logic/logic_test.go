package logic

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"testing"
	"time"
)

func decode(t testing.TB, text string) value {
	t.Helper()
	var x any
	if err := json.Unmarshal([]byte(text), &x); err != nil {
		t.Fatal(err)
	}
	return of(x)
}

// The vectors are those of RFC 8949's appendix A and of flagd's decision on the third version of fractional.
func TestCBOR(t *testing.T) {
	e := env{fuel: fuel}
	for _, tt := range []struct{ in, want string }{
		{`true`, "f5"}, {`false`, "f4"}, {`null`, "f6"}, {`"hello"`, "6568656c6c6f"}, {`""`, "60"}, {`"\u00fc"`, "62c3bc"},
		{`"\u6c34"`, "63e6b0b4"}, {`0`, "00"}, {`1`, "01"}, {`1.0`, "01"}, {`-0.0`, "00"}, {`-2`, "21"}, {`23`,
			"17"}, {`24`, "1818"},
		{`255`, "18ff"}, {`256`, "190100"}, {`65535`, "19ffff"}, {`65536`, "1a00010000"}, {`4294967295`, "1affffffff"},
		{`4294967296`, "1b0000000100000000"}, {`9007199254740991`, "1b001fffffffffffff"}, {`-100`, "3863"}, {`-1000`,
			"3903e7"},
		{`1.25`, "f93d00"}, {`1.5`, "f93e00"}, {`3.14`, "fb40091eb851eb851f"}, {`0.1`, "fb3fb999999999999a"},
		{`65504.0`, "19ffe0"},
		{`5.960464477539063e-8`, "f90001"}, {`0.00006103515625`, "f90400"}, {`-4.1`, "fbc010666666666666"},
		{`3.4028234663852886e38`, "fa7f7fffff"}, {`3.5e38`, "fb47f074f8c4d3cd7b"}, {`1.0e300`, "fb7e37e43c8800759c"},
		{`18446744073709551616`, "fa5f800000"}, {`{"b":2,"a":1}`, "a2616101616202"}, {`{"aa":1,"b":2}`, "a261620262616101"},
		{`{"user":{"id":7,"admin":true},"tags":["x","y"]}`,
			"a2647461677382617861796475736572a2626964076561646d696ef5"},
		{`["my-flag","user-123"]`, "82676d792d666c616768757365722d313233"}, {`[]`, "80"}, {`{}`, "a0"},
	} {
		if got := hex.EncodeToString(e.cbor(nil, decode(t, tt.in))); got != tt.want {
			t.Errorf("%s is %s, want %s", tt.in, got, tt.want)
		}
	}
}

func TestNumbersAsText(t *testing.T) {
	for _, tt := range []struct {
		n    float64
		want string
	}{
		{0, "0"}, {math.Copysign(0, -1), "0"}, {1, "1"}, {-1.5, "-1.5"}, {1e20, "100000000000000000000"}, {1e21, "1e+21"},
		{1.5e300, "1.5e+300"}, {1e-6, "0.000001"}, {1e-7, "1e-7"}, {-1.25e-10, "-1.25e-10"}, {123456789.125,
			"123456789.125"},
		{math.NaN(), "NaN"}, {math.Inf(1), "Infinity"}, {math.Inf(-1), "-Infinity"}, {0.30000000000000004,
			"0.30000000000000004"},
	} {
		if got := formatNumber(tt.n); got != tt.want {
			t.Errorf("%g is %s, want %s", tt.n, got, tt.want)
		}
	}
}

func TestTextsAsNumbers(t *testing.T) {
	for _, tt := range []struct {
		s    string
		want float64
	}{
		{"", 0}, {" \n\ufeff7\u00a0", 7}, {"0x1F", 31}, {"0b11", 3}, {"0o17", 15}, {"1e3", 1000}, {".5", 0.5}, {"5.",
			5}, {"-5", -5},
		{"+5", 5}, {"Infinity", math.Inf(1)}, {"-Infinity", math.Inf(-1)}, {"1e999", math.Inf(1)},
		{"0x20000000000000", 1 << 53},
	} {
		if got := parseNumber(tt.s); got != tt.want {
			t.Errorf("%q is %g, want %g", tt.s, got, tt.want)
		}
	}
	for _, s := range []string{"x", "1_0", "0x", "0xg", "-0x1", "1e", ".", "inf", "nan", "1 2", "--1", "+-1",
		"0x+1", "infinity"} {
		if got := parseNumber(s); got == got {
			t.Errorf("%q is %g, want NaN", s, got)
		}
	}
}

func TestSet(t *testing.T) {
	var list []value
	for i := range 5000 {
		list = append(list, text(fmt.Sprintf("id-%d", i%4000)), number(float64(i)))
	}
	long := string(make([]byte, 1000))
	s := newSet(append(list, null(), boolean(true), number(math.NaN()), text(""), text(long)))
	for i := range 6000 {
		if got := s.has(text(fmt.Sprintf("id-%d", i))); got != (i < 4000) {
			t.Fatalf("id-%d: %v", i, got)
		}
		if got := s.has(number(float64(i))); got != (i < 5000) {
			t.Fatalf("%d: %v", i, got)
		}
	}
	for _, v := range []value{null(), boolean(true), number(math.NaN()), text(""), text(long)} {
		if !s.has(v) {
			t.Errorf("%v is not there", v.k)
		}
	}
	for _, v := range []value{{}, boolean(false), text("true"), text("null"), array(nil), {k: kObject}} {
		if s.has(v) {
			t.Errorf("%v is there", v)
		}
	}
	if newSet(list[:0]).has(text("x")) || newSet([]value{array(nil)}) != nil {
		t.Error("an empty set, or one of lists")
	}
}

// A named list is made a set once, whoever uses it, and as a rule it is compiled once.
func TestSharedLists(t *testing.T) {
	ids := `["a","b","c","d","e","f","g","h","i","j"]`
	l, err := NewLibrary([]string{"rule", "list"}, map[string]json.RawMessage{
		"rule": json.RawMessage(`{"in":[{"var":"id"},` + ids + `]}`), "list": json.RawMessage(ids),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	compile := func(rule string) *node {
		r, err := l.Compile([]byte(rule), "targeting", 2)
		if err != nil || r.Refused() != "" {
			t.Fatal(err, r.Refused())
		}
		return r.root
	}
	one, two := compile(`{"!":{"$ref":"rule"}}`), compile(`{"!":[{"$ref":"rule"}]}`)
	if one.args[0] != two.args[0] || one.args[0].set == nil {
		t.Error("a named rule is compiled for each who uses it")
	}
	three, four := compile(`{"in":[{"var":"id"},{"$ref":"list"}]}`), compile(`{"in":[{"var":"other"},{"$ref":"list"}]}`)
	if three.set == nil || three.set != four.set {
		t.Error("a named list is made a set for each who uses it")
	}
}

// FuzzRule compiles any rule and evaluates it over any context: it never panics, and never takes long.
func FuzzRule(f *testing.F) {
	for _, rule := range []string{
		`{"if":[{"==":[{"var":"plan"},"pro"]},"a",{"fractional":[["a",1],["b",{"var":"n"}]]}]}`,
		`{"reduce":[{"var":"l"},{"cat":[{"var":"accumulator"},{"var":"../../plan"}]},""]}`,
		`{"map":[{"var":"l"},{"substr":[{"var":"../index"},-1,{"var":""}]}]}`,
		`{"sem_ver":[{"var":"v"},"^","1.2"]}`, `{"missing_some":[1,["a","b.c"]]}`,
		`{"filter":[[1,"2",null],{">=":[{"var":""},1,{"%":[7,2]}]}]}`,
		`{"all":[{"merge":[{"var":"l"},[[]]]},{"!":{"in":[{"var":""},"abc"]}}]}`, `{"$ref":"r"}`,
	} {
		f.Add(rule, `{"plan":"pro","n":3,"l":["a",2,[3],{"k":null}],"v":"1.2.3-rc"}`,
			`{"or":[{"var":"plan"},{"$ref":"s"}]}`)
	}
	f.Fuzz(func(t *testing.T, rule, context, named string) {
		var attributes map[string]any
		if json.Unmarshal([]byte(context), &attributes) != nil || !json.Valid([]byte(named)) {
			return
		}
		start := time.Now()
		l, err := NewLibrary([]string{"r", "s"}, map[string]json.RawMessage{
			"r": json.RawMessage(named), "s": json.RawMessage(`{"min":[1,{"var":"n"}]}`)}, nil)
		if err != nil {
			return
		}
		for _, edition := range []int{2, 3} {
			r, err := l.Compile([]byte(rule), "targeting", edition)
			if err != nil {
				return
			}
			for _, key := range []string{"", "user"} {
				first, outcome := r.Run(NewContext(key, attributes), "flag", 1_800_000_000)
				again, same := r.Run(NewContext(key, attributes), "flag", 1_800_000_000)
				if first != again || outcome != same {
					t.Fatalf("%q and %q", first, again)
				}
			}
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Fatalf("it took %v", took)
		}
	})
}
