package logic

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// A rule that an earlier library kept means the same as one that is made anew, wherever it is used.
func TestKept(t *testing.T) {
	var ids strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&ids, `,"id-%05d"`, i)
	}
	list := "[" + ids.String()[1:] + "]"
	member := `{"in":[{"var":"id"},` + list + `]}`
	for name, tt := range map[string]struct {
		rule string
		kept bool
	}{
		"in":            {member, true},
		"or":            {`{"or":[` + member + `,{"==":[{"var":"plan"},"pro"]}]}`, true},
		"missing":       {`{"or":[` + member + `,{"missing":["plan"]}]}`, true},
		"and not":       {`{"and":[{"!":{"in":[{"var":"id"},["x"]]}},` + member + `]}`, true},
		"of constants":  {`{"in":["id-00001",` + list + `]}`, false},
		"with a fold":   {`{"or":[` + member + `,{"in":["a",{"cat":["b","a"]}]}]}`, false},
		"with another":  {`{"or":[` + member + `,{"$ref":"small"}]}`, false},
		"climbing":      {`{"or":[` + member + `,{"==":[{"var":"../../plan"},"pro"]}]}`, false},
		"a list":        {list, false},
		"two operators": {member[:len(member)-1] + `,"or":[]}`, false},
		"a sum":         {`{"+":[{"var":"accumulator"},{"var":"current"}],"x":` + list + `}`, false},
		"a choice":      {`{"if":[` + member + `,"a","b"]}`, false},
		"unknown":       {`{"unknown":[` + member + `]}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			library := func(rule string, earlier Kept) *Library {
				l, err := NewLibrary([]string{"large", "small"}, map[string]json.RawMessage{
					"large": json.RawMessage(rule), "small": json.RawMessage(`{"==":[{"var":"plan"},"x"]}`),
				}, earlier)
				if err != nil {
					t.Fatal(err)
				}
				return l
			}
			first := library(tt.rule, nil)
			answers(t, first)
			if kept := len(first.Kept()) == 1; kept != tt.kept {
				t.Fatalf("kept: %t", kept)
			}
			want, second := answers(t, library(tt.rule, nil)), library(tt.rule, first.Kept())
			if got := answers(t, second); got != want {
				t.Errorf("kept:\n%s\nmade anew:\n%s", got, want)
			}
			was, is := first.resolved[0], second.resolved[0]
			if was.size != is.size || was.depth != is.depth {
				t.Errorf("size %d and depth %d became %d and %d", was.size, was.depth, is.size, is.depth)
			}
			if tt.kept && library(tt.rule, second.Kept()).resolved[0] != is {
				t.Error("it is not kept for the library after the next")
			}
			other := library(strings.Replace(tt.rule, "id-00001", "id-other", 1), second.Kept())
			if answers(t, other); tt.kept && other.resolved[0].made != nil {
				t.Error("another rule is taken for the one that was kept")
			}
		})
	}
}

// answers are what rules say that use a large named rule in every way.
func answers(t *testing.T, l *Library) string {
	t.Helper()
	var all strings.Builder
	for _, rule := range []string{
		`{"$ref":"large"}`, `{"!":{"$ref":"large"}}`, `{"if":[{"$ref":"large"},"a","b"]}`,
		`{"if":["x",{"$ref":"large"},"b"]}`, `{"and":[{"$ref":"large"},{"$ref":"small"}]}`,
		`{"map":[["id-00001","x"],{"$ref":"large"}]}`, `{"map":[{"$ref":"large"},{"var":""}]}`, `{"map":{"$ref":"large"}}`,
		`{"filter":[{"var":"l"},{"$ref":"large"}]}`, `{"filter":{"$ref":"large"}}`,
		`{"reduce":[{"var":"l"},{"$ref":"large"},0]}`, `{"reduce":{"$ref":"large"}}`,
		`{"all":[{"var":"l"},{"$ref":"large"}]}`,
		`{"var":{"$ref":"large"}}`, `{"missing":{"$ref":"large"}}`, `{"in":["id-00001",{"$ref":"large"}]}`,
		`{"==":[{"$ref":"large"},true]}`, `{"===":[false,{"$ref":"large"},1]}`, `{"fractional":{"$ref":"large"}}`,
		`{"fractional":[{"$ref":"large"},["a",1]]}`, `{"merge":{"$ref":"large"}}`, `{"cat":[{"$ref":"large"},"x"]}`,
		`{"+":{"$ref":"large"}}`, `{"sem_ver":{"$ref":"large"}}`,
	} {
		r, err := l.Compile([]byte(rule), "targeting", 2)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&all, "%s %q", rule, r.Refused())
		if r.Refused() == "" {
			for _, id := range []string{"id-00001", "id-9", ""} {
				who := NewContext("u", map[string]any{"id": id, "plan": "pro", "l": []any{"id-00001", "x", 1.0}})
				said, outcome := r.Run(who, "flag", 1_800_000_000)
				fmt.Fprintf(&all, " %q %v", said, outcome)
			}
		}
		all.WriteByte('\n')
	}
	return all.String()
}
