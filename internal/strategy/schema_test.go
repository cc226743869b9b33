package strategy

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/slipwayhq/slipway/internal/strategy/document"
)

// TestSchema pins what editors get, and that every key has words.
func TestSchema(t *testing.T) {
	t.Parallel()
	b := Schema()
	golden(t, "testdata/schema.json", string(b))
	var doc map[string]any
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatalf("read schema: %v", err)
	}
	described(t, "", doc)
}

func described(t *testing.T, path string, s map[string]any) {
	t.Helper()
	properties, _ := s["properties"].(map[string]any)
	for name, p := range properties {
		one, ok := p.(map[string]any)
		if !ok || one["description"] == "" {
			t.Errorf("%s.%s has no description", path, name)
			continue
		}
		described(t, path+"."+name, one)
	}
	for _, key := range []string{"items", "additionalProperties"} {
		if inner, ok := s[key].(map[string]any); ok {
			described(t, path+"[]", inner)
		}
	}
	all, _ := s["anyOf"].([]any)
	for _, one := range all {
		if inner, ok := one.(map[string]any); ok {
			described(t, path, inner)
		}
	}
}

// TestEveryKeyHasADefault walks the shape of the file: what is not named by the
// user is in the effective tree, except for what only the user can know.
func TestEveryKeyHasADefault(t *testing.T) {
	t.Parallel()
	only := map[string]bool{"github": true, "target.vercel": true, "sources.prometheus": true, "sources.drain": true,
		"sources.app": true, "sources.otlp": true}
	var walk func(path string, typ reflect.Type, n *document.Node)
	walk = func(path string, typ reflect.Type, n *document.Node) {
		for typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct {
			return
		}
		for i := range typ.NumField() {
			name := typ.Field(i).Tag.Get("yaml")
			here := path + "." + name
			if name == "" || name == "*" || only[here[1:]] {
				continue
			}
			v := n.Get(name)
			if v == nil {
				t.Errorf("%s has no default", here[1:])
				continue
			}
			walk(here, typ.Field(i).Type, v)
		}
	}
	walk("", reflect.TypeFor[file](), mustParse(t, least).tree)
}

func TestHashIsOfTheMeaning(t *testing.T) {
	t.Parallel()
	a := mustParse(t, least)
	same := mustParse(t, "# a remark\ntarget:\n  selfhost:\n    stable: \"http://127.0.0.1:3001\"\n"+
		"app: shop\nstages: {canary: {bake: 10m}}\n")
	other := mustParse(t, least+"stages: {canary: {bake: 11m}}\n")
	if a.Hash() != same.Hash() || a.Hash() == other.Hash() || len(a.Hash()) != 64 {
		t.Errorf("hashes %s, %s, %s", a.Hash(), same.Hash(), other.Hash())
	}
	if a.ReleasePlan().Strategy != a.Hash() {
		t.Error("the plan does not name the strategy")
	}
}
