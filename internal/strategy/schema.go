package strategy

import (
	"encoding/json"
	"reflect"
	"strings"
)

// Schema returns the JSON Schema of the file, for editors. It is made from the same
// types that read the file, so it cannot say something else.
func Schema() []byte {
	root := schemaOf(reflect.TypeFor[file](), parseText(defaults))
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "slipway.yaml"
	root["description"] = "How an application's releases reach people, and come back."
	root["required"] = []string{"app", "target"}
	b, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		return nil // the schema is made of maps, lists and texts
	}
	return append(b, '\n')
}

// schemaOf describes a type; def is its default, for the description of keys.
func schemaOf(t reflect.Type, def *node) map[string]any {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	x := reflect.New(t).Interface()
	if r, ok := x.(reader); ok {
		return r.schema()
	}
	out := map[string]any{}
	switch t.Kind() {
	case reflect.Struct:
		out = structSchema(t, def)
	case reflect.Map:
		out["type"] = "object"
		out["additionalProperties"] = schemaOf(t.Elem(), nil)
	case reflect.Slice:
		out["type"] = "array"
		out["items"] = schemaOf(t.Elem(), nil)
	case reflect.String:
		out["type"] = "string"
	case reflect.Bool:
		return anyOf(map[string]any{"type": "boolean"}, map[string]any{"enum": []any{"on", off}})
	case reflect.Int:
		out["type"] = "integer"
	case reflect.Float64:
		out["type"] = "number"
	}
	if e, ok := x.(expander); ok {
		return anyOf(e.short(), out)
	}
	return out
}

func structSchema(t reflect.Type, def *node) map[string]any {
	properties := map[string]any{}
	out := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	for i := range t.NumField() {
		f := t.Field(i)
		name := f.Tag.Get("yaml")
		if name == "" {
			continue
		}
		if name == "*" {
			rest := schemaOf(f.Type.Elem(), nil)
			describe(rest, f)
			out["additionalProperties"] = rest
			continue
		}
		under := def.get(name)
		one := schemaOf(f.Type, under)
		describe(one, f)
		if under != nil && (under.form == scalar || under.form == list) {
			one["default"] = under.value()
		}
		properties[name] = one
	}
	return out
}

func describe(s map[string]any, f reflect.StructField) {
	s["description"] = f.Tag.Get("doc")
	if words := f.Tag.Get("enum"); words != "" {
		s["enum"] = strings.Split(words, ",")
	}
}
