package foreign

import (
	"encoding/json"
	"slices"
)

// vercelLive is what Vercel's API says of a project's flags: {"flags": […], "segments": […]}, its lists as they came.
type vercelLive struct {
	Flags []struct {
		Slug     string
		State    string
		Variants []struct {
			ID    string
			Value json.RawMessage
		}
		Environments map[string]vercelLiveConfig
	}
	Segments []struct {
		ID, Slug string
		Data     struct {
			Rules            []vercelLiveRule
			Include, Exclude map[string]map[string][]vercelItem
		}
	}
}

type vercelLiveConfig struct {
	Active bool
	Reuse  struct {
		Active      bool
		Environment string
	}
	Targets       map[string]map[string]map[string][]vercelItem // by variant, kind of entity and attribute
	PausedOutcome vercelLiveOutcome
	Rules         []vercelLiveRule
	Fallthrough   vercelLiveOutcome
}

type vercelItem struct{ Value any }

type vercelLiveRule struct {
	Conditions []struct {
		LHS        struct{ Type, Kind, Attribute string }
		Cmp        string
		RHS        json.RawMessage
		CmpOptions struct{ IgnoreCase bool }
	}
	Outcome vercelLiveOutcome
}

type vercelLiveOutcome struct {
	Type             string
	VariantID        string
	Base             struct{ Kind, Attribute string }
	Weights          map[string]float64
	DefaultVariantID string
}

// isVercelLive reports whether a text is what the API says, and not what flags are evaluated from.
func isVercelLive(text []byte) bool {
	var top struct {
		Flags []struct {
			Slug         string
			Environments map[string]json.RawMessage
		}
	}
	return json.Unmarshal(text, &top) == nil && len(top.Flags) > 0 && top.Flags[0].Slug != "" &&
		top.Flags[0].Environments != nil
}

// unpackVercel makes of it what flags are evaluated from, where variants are numbers. Archived flags are left out.
func unpackVercel(text []byte) (vercelFile, error) {
	var live vercelLive
	var file vercelFile
	if err := json.Unmarshal(text, &live); err != nil {
		return file, err
	}
	file.Definitions, file.Segments = map[string]vercelDefinition{}, map[string]vercelSegment{}
	slugs := map[string]string{} // of segments, by id too
	for _, s := range live.Segments {
		slugs[s.ID], slugs[s.Slug] = s.Slug, s.Slug
	}
	for _, f := range live.Flags {
		if f.State == "archived" {
			continue
		}
		u := unpacking{slugs: slugs}
		d := vercelDefinition{Environments: map[string]json.RawMessage{}}
		for _, v := range f.Variants {
			u.ids, d.Variants = append(u.ids, v.ID), append(d.Variants, v.Value)
		}
		d.Names = u.ids
		for name, c := range f.Environments {
			d.Environments[name] = u.config(c)
		}
		file.Definitions[f.Slug] = d
	}
	for _, s := range live.Segments {
		u := unpacking{slugs: slugs, segment: true}
		file.Segments[s.Slug] = vercelSegment{Rules: u.rules(s.Data.Rules), Include: values(s.Data.Include),
			Exclude: values(s.Data.Exclude)}
	}
	return file, nil
}

// unpacking is of one flag, whose variants have ids, or of a segment.
type unpacking struct {
	ids     []string
	slugs   map[string]string
	segment bool
}

func packed(v any) json.RawMessage {
	text, err := json.Marshal(v)
	if err != nil {
		return nil // not reached: all of it came from JSON
	}
	return text
}

func (u unpacking) config(c vercelLiveConfig) json.RawMessage {
	switch {
	case !c.Active:
		return u.outcome(c.PausedOutcome)
	case c.Reuse.Active:
		return packed(map[string]any{"reuse": c.Reuse.Environment})
	}
	targets := make([]vercelTargets, len(u.ids))
	for id, by := range c.Targets {
		if i := slices.Index(u.ids, id); i >= 0 {
			targets[i] = values(by)
		}
	}
	return packed(map[string]any{"targets": targets, "rules": u.rules(c.Rules), "fallthrough": u.outcome(c.Fallthrough)})
}

func values(by map[string]map[string][]vercelItem) vercelTargets {
	out := vercelTargets{}
	for kind, attributes := range by {
		out[kind] = map[string][]string{}
		for attribute, items := range attributes {
			for _, i := range items {
				if text, ok := i.Value.(string); ok {
					out[kind][attribute] = append(out[kind][attribute], text)
				}
			}
		}
	}
	return out
}

func (u unpacking) rules(list []vercelLiveRule) []vercelRule {
	out := make([]vercelRule, 0, len(list))
	for _, r := range list {
		to := vercelRule{Outcome: u.outcome(r.Outcome)}
		for _, n := range r.Conditions {
			var left any = []string{n.LHS.Kind, n.LHS.Attribute}
			if n.LHS.Type == "segment" {
				left = "segment"
			}
			op := n.Cmp
			if n.CmpOptions.IgnoreCase {
				op = "ignoring case, " + op // which nothing here can say
			}
			to.Conditions = append(to.Conditions, []json.RawMessage{packed(left), packed(op),
				u.right(n.RHS, n.LHS.Type == "segment")})
		}
		out = append(out, to)
	}
	return out
}

// right is the right side of a condition: a list's values without what people noted beside them.
func (u unpacking) right(raw json.RawMessage, segment bool) json.RawMessage {
	var list struct{ Items []vercelItem }
	var id string
	switch {
	case json.Unmarshal(raw, &list) == nil && list.Items != nil:
		var all []any
		for _, i := range list.Items {
			if text, ok := i.Value.(string); ok && segment && u.slugs[text] != "" {
				i.Value = u.slugs[text]
			}
			all = append(all, i.Value)
		}
		return packed(all)
	case segment && json.Unmarshal(raw, &id) == nil && u.slugs[id] != "":
		return packed(u.slugs[id])
	case len(raw) == 0:
		return json.RawMessage("null")
	}
	return raw
}

// outcome is a variant's number, everybody of a segment, or what is left to be said that it can't be.
func (u unpacking) outcome(o vercelLiveOutcome) json.RawMessage {
	at := func(id string) int { return slices.Index(u.ids, id) }
	switch {
	case u.segment && o.Type == "all":
		return json.RawMessage("1")
	case o.Type == "variant" && at(o.VariantID) >= 0:
		return packed(at(o.VariantID))
	case o.Type == "split" && !u.segment && at(o.DefaultVariantID) >= 0:
		weights := make([]float64, len(u.ids))
		for i, id := range u.ids {
			weights[i] = o.Weights[id]
		}
		return packed(map[string]any{"type": "split", "base": []string{o.Base.Kind, o.Base.Attribute}, "weights": weights,
			"defaultVariant": at(o.DefaultVariantID)})
	}
	return packed(map[string]any{"type": o.Type})
}
