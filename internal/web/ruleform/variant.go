package ruleform

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/slipwayhq/slipway/api"
)

// VariantsText writes variants as they are typed: one a line, "name = value", with what it is after "//".
func VariantsText(all []api.FlagVariant) string {
	var lines []string
	for _, v := range all {
		line := v.Name + " = " + string(v.Value)
		if v.Description != "" {
			line += " // " + v.Description
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// Variants reads variants, one a line. The value of a string needs no quotes, and is its name when it is left out.
func Variants(text, kind string) ([]api.FlagVariant, []Complaint) {
	var out []api.FlagVariant
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		v, why := variantOf(line, kind)
		if why == "" && slices.ContainsFunc(out, func(o api.FlagVariant) bool { return o.Name == v.Name }) {
			why = "“" + v.Name + "” is there twice."
		}
		if why != "" {
			return out, []Complaint{{"variants", fmt.Sprintf("Line %d: %s", i+1, why)}}
		}
		out = append(out, v)
	}
	return out, nil
}

func variantOf(line, kind string) (api.FlagVariant, string) {
	name, value, valued := strings.Cut(line, "=")
	if !valued {
		name, line, _ = strings.Cut(line, " //")
		return variant(strings.TrimSpace(name), "", line, kind)
	}
	value = strings.TrimSpace(value)
	// The value ends where a JSON value ends, so that an address within a string is no description.
	d := json.NewDecoder(strings.NewReader(value))
	var read json.RawMessage
	if err := d.Decode(&read); err == nil {
		rest := strings.TrimSpace(value[d.InputOffset():])
		if said, ok := strings.CutPrefix(rest, "//"); ok || rest == "" {
			return variant(strings.TrimSpace(name), string(read), said, kind)
		}
	}
	plain, said, _ := strings.Cut(value, " //")
	return variant(strings.TrimSpace(name), strings.TrimSpace(plain), said, kind)
}

// variant puts a value into the kind of its flag.
func variant(name, value, said, kind string) (api.FlagVariant, string) {
	v := api.FlagVariant{Name: name, Description: strings.TrimSpace(said)}
	if name == "" {
		return v, "a variant needs a name: write name = value."
	}
	if value == "" && kind == "string" {
		value = quote(name)
	}
	var read any
	err := json.Unmarshal([]byte(value), &read)
	if _, text := read.(string); kind == "string" && (err != nil || !text) {
		value, read, err = quote(value), value, nil
	}
	if err != nil {
		return v, "“" + value + "” is no JSON value."
	}
	fits := false
	switch read.(type) {
	case bool:
		fits = kind == "boolean"
	case string:
		fits = kind == "string"
	case float64:
		fits = kind == "number"
	case map[string]any:
		fits = kind == "object"
	}
	if !fits {
		return v, "the value of “" + name + "” is no " + kind + "."
	}
	v.Value = json.RawMessage(value)
	return v, ""
}
