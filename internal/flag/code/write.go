package code

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/strategy/document"
)

const head = `# Feature flags as code: slipway flag apply reconciles what there is with this file.
# Where "on" is left out, whoever switched the flag last decides. Where segments have
# no "members", those whom they name stay.
`

// YAML writes a file that Parse reads the same. What is as it is by itself is left out, and so are ids of rules.
func (f *File) YAML() string {
	tree := &document.Node{Form: document.Mapping}
	add(tree, "app", text(f.App), f.App != "")
	flags, segments := mapping(), mapping()
	for _, one := range f.Flags {
		add(flags, one.Key, one.node(), true)
	}
	for _, g := range f.Segments {
		at := segments.Get(g.Key)
		if at == nil {
			at = mapping()
			add(at, "environments", mapping(), true)
			add(segments, g.Key, at, true)
		}
		add(at.Get("environments"), g.Environment, groups(g), true)
	}
	add(tree, "segments", segments, len(segments.Keys) > 0)
	add(tree, "flags", flags, true)
	return head + document.Write(tree, "")
}

func mapping() *document.Node { return &document.Node{Form: document.Mapping} }

func text(s string) *document.Node { return &document.Node{Form: document.Scalar, Text: s} }

func plain(s string) *document.Node {
	return &document.Node{Form: document.Scalar, Text: s, Plain: true}
}

func yes(b bool) *document.Node { return plain(strconv.FormatBool(b)) }

func list(items ...*document.Node) *document.Node {
	return &document.Node{Form: document.List, Items: items}
}

func textList(items []string) *document.Node {
	out := list()
	for _, s := range items {
		out.Items = append(out.Items, text(s))
	}
	return out
}

// add adds a key where there is something to say.
func add(to *document.Node, key string, v *document.Node, say bool) {
	if say {
		to.Keys = append(to.Keys, document.Entry{Name: key, Value: v})
	}
}

func (f Flag) node() *document.Node {
	n := mapping()
	add(n, "kind", text(string(f.Kind)), f.Kind != flag.Boolean)
	add(n, "description", text(f.Description), f.Description != "")
	add(n, "owner", text(f.Owner), f.Owner != "")
	add(n, "tags", textList(f.Tags), len(f.Tags) > 0)
	add(n, "client", yes(true), f.Client)
	add(n, "permanent", yes(true), f.Permanent)
	expires := f.Expires.UTC().Format(time.RFC3339Nano)
	if day := f.Expires.UTC(); day.Truncate(24 * time.Hour).Equal(day) {
		expires = day.Format(time.DateOnly)
	}
	add(n, "expires", text(expires), !f.Expires.IsZero())
	add(n, "bucketing", plain(strconv.Itoa(f.Bucketing)), f.Bucketing != 2)
	variants, about := mapping(), mapping()
	usual := onAndOff()
	asUsual := f.Kind == flag.Boolean && len(f.Variants) == len(usual)
	for i, v := range f.Variants {
		add(variants, v.Name, value(v.Value), true)
		add(about, v.Name, text(v.Description), v.Description != "")
		asUsual = asUsual && v.Name == usual[i].Name && bytes.Equal(bytes.TrimSpace(v.Value), usual[i].Value)
	}
	add(n, "variants", variants, !asUsual)
	add(n, "about", about, len(about.Keys) > 0)
	environments := mapping()
	for _, c := range f.Configs {
		add(environments, c.Environment, c.node(), true)
	}
	add(n, "environments", environments, len(f.Configs) > 0)
	return n
}

func (c Config) node() *document.Node {
	n := mapping()
	add(n, "on", yes(c.On), c.Switched)
	add(n, "off", text(c.Off), c.Off != "")
	needs := mapping()
	for _, p := range c.Needs {
		add(needs, p.Flag, textList(p.Variants), true)
	}
	add(n, "needs", needs, len(c.Needs) > 0)
	rules := list()
	for _, r := range c.Rules {
		one := mapping()
		add(one, "description", text(r.Description), r.Description != "")
		add(one, "if", lines(r.If), true)
		add(one, "serve", serving(r.Serve), true)
		rules.Items = append(rules.Items, one)
	}
	add(n, "rules", rules, len(c.Rules) > 0)
	add(n, "default", serving(c.Default), true)
	add(n, "targeting", value(c.Targeting), len(c.Targeting) > 0)
	return n
}

func lines(group []flag.Condition) *document.Node {
	out := list()
	for _, c := range group {
		out.Items = append(out.Items, text(ConditionText(c)))
	}
	return out
}

func serving(s flag.Serve) *document.Node {
	if len(s.Split) == 0 && s.By == "" && s.Salt == "" {
		return text(s.Variant)
	}
	n, split := mapping(), mapping()
	for _, p := range s.Split {
		add(split, p.Variant, plain(strconv.Itoa(p.Weight)), true)
	}
	add(n, "variant", text(s.Variant), s.Variant != "")
	add(n, "split", split, len(s.Split) > 0)
	add(n, "by", text(s.By), s.By != "")
	add(n, "salt", text(s.Salt), s.Salt != "")
	return n
}

func groups(g Segment) *document.Node {
	n, all := mapping(), list()
	for _, group := range g.Any {
		all.Items = append(all.Items, lines(group))
	}
	add(n, "description", text(g.Description), g.Description != "")
	add(n, "by", text(g.By), g.By != "")
	add(n, "any", all, len(g.Any) > 0)
	add(n, "excluded", textList(g.Excluded), len(g.Excluded) > 0)
	if g.Members != nil {
		add(n, "members", textList(*g.Members), true)
	}
	return n
}

// value is a JSON value as a node.
func value(raw json.RawMessage) *document.Node {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return &document.Node{}
	}
	return tree(v)
}

func tree(v any) *document.Node {
	switch v := v.(type) {
	case string:
		return text(v)
	case bool:
		return yes(v)
	case float64:
		return plain(strconv.FormatFloat(v, 'g', -1, 64))
	case []any:
		out := list()
		for _, x := range v {
			out.Items = append(out.Items, tree(x))
		}
		return out
	case map[string]any:
		out := mapping()
		for _, key := range slices.Sorted(maps.Keys(v)) {
			add(out, key, tree(v[key]), true)
		}
		return out
	}
	return &document.Node{} // null
}
