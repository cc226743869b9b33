package openfeature

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"
	"time"

	of "github.com/open-feature/go-sdk/openfeature"
)

// Attributes are what encoding/json would read of them at the other end, and the caller's map stays as it is.
func TestAttributesAreThoseOfJSON(t *testing.T) {
	given := of.FlattenedContext{
		of.TargetingKey: "ada", "int": 7, "small": int8(7), "single": float32(0.1), "time": time.Unix(0, 0).UTC(),
		"list": []string{"a"}, "map": map[string]int{"a": 1}, "none": nil, "yes": true,
	}
	for name, want := range map[string]string{
		of.TargetingKey: `"ada"`, "int": "7", "small": "7", "single": "0.1", "time": `"1970-01-01T00:00:00Z"`,
		"list": `["a"]`, "map": `{"a":1}`, "none": "null", "yes": "true",
	} {
		v, err := plain(given[name])
		if err != nil {
			t.Fatal(name, err)
		}
		switch v.(type) {
		case nil, bool, string, float64, []any, map[string]any:
		default:
			t.Errorf("%s is a %T", name, v)
		}
		if got := fmt.Sprintf("%v", v); got != fmt.Sprintf("%v", decoded(t, want)) {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	if _, err := contextOf(given); err != nil || given["int"] != 7 {
		t.Errorf("%v %v", given, err)
	}
	for _, bad := range []any{func() {}, make(chan int), nan()} {
		if _, err := contextOf(of.FlattenedContext{"x": bad}); err == nil {
			t.Errorf("a %T is taken", bad)
		}
	}
}

func decoded(t *testing.T, text string) (v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func nan() float64 { return math.NaN() }
