package document

import (
	"reflect"
	"strings"
)

// SchemaOf describes a type; def is its default, for the description of keys.
func SchemaOf(t reflect.Type, def *Node) map[string]any {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	x := reflect.New(t).Interface()
	if r, ok := x.(Reader); ok {
		return r.Schema()
	}
	out := map[string]any{}
	switch t.Kind() {
	case reflect.Struct:
		out = structSchema(t, def)
	case reflect.Map:
		out["type"] = "object"
		out["additionalProperties"] = SchemaOf(t.Elem(), nil)
	case reflect.Slice:
		out["type"] = "array"
		out["items"] = SchemaOf(t.Elem(), nil)
	case reflect.String:
		out["type"] = "string"
	case reflect.Bool:
		return AnyOf(map[string]any{"type": "boolean"}, map[string]any{"enum": []any{"on", "off"}})
	case reflect.Int:
		out["type"] = "integer"
	case reflect.Float64:
		out["type"] = "number"
	}
	if e, ok := x.(Expander); ok {
		return AnyOf(e.Short(), out)
	}
	return out
}

func structSchema(t reflect.Type, def *Node) map[string]any {
	properties := map[string]any{}
	out := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	for i := range t.NumField() {
		f := t.Field(i)
		name := f.Tag.Get("yaml")
		if name == "" {
			continue
		}
		if name == "*" {
			rest := SchemaOf(f.Type.Elem(), nil)
			describe(rest, f)
			out["additionalProperties"] = rest
			continue
		}
		under := def.Get(name)
		one := SchemaOf(f.Type, under)
		describe(one, f)
		if under != nil && (under.Form == Scalar || under.Form == List) {
			one["default"] = under.Any()
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

// TextSchema describes a text of a pattern.
func TextSchema(pattern, example string) map[string]any {
	return map[string]any{"type": "string", "pattern": pattern, "examples": []any{example}}
}

// ListOf describes a list of a type.
func ListOf[T any]() map[string]any {
	return map[string]any{"type": "array", "items": SchemaOf(reflect.TypeFor[T](), nil)}
}

// AnyOf describes what fits one of several schemas.
func AnyOf(s ...map[string]any) map[string]any {
	out := make([]any, len(s))
	for i, x := range s {
		out[i] = x
	}
	return map[string]any{"anyOf": out}
}
