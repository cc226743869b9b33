package flags

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/flag"
)

// sentence is what the log and the history say of a change: names of variants, shares and counts, never what rules
// ask for, because that may name people.
func sentence(who access.Actor, o Order, f flag.Flag, out Outcome) string {
	at := f.Key + " in " + o.Environment
	switch {
	case !out.Changed:
		return at + " stays as it is."
	case o.Kind == Revert:
		return fmt.Sprintf("%s takes %s back to revision %d: %s%s.", who.Name, at, o.To, summary(out.Before, out.After),
			because(o.Reason))
	case o.Kind == Promote:
		return fmt.Sprintf("%s promotes %s from %s to %s: %s%s.", who.Name, f.Key, o.From, o.Environment,
			summary(out.Before, out.After), because(o.Reason))
	case o.Kind == On || o.Kind == Off:
		return fmt.Sprintf("%s turns %s %s%s.", who.Name, at, onOff(out.After.On), because(o.Reason))
	}
	return fmt.Sprintf("%s changes %s: %s%s.", who.Name, at, summary(out.Before, out.After), because(o.Reason))
}

// summary says what differs between two configurations, without what rules ask for.
func summary(a, b flag.Config) string {
	var out []string
	add := func(differs bool, format string, args ...any) {
		if differs {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	add(a.On != b.On, "%s", onOff(b.On))
	add(!equal(a.Default, b.Default), "by default %s, before %s", serve(b.Default), serve(a.Default))
	added, removed, altered, moved := compare(a.Rules, b.Rules)
	add(added > 0, "%s added", rules(added))
	add(removed > 0, "%s removed", rules(removed))
	add(altered > 0, "%s changed", rules(altered))
	add(moved, "rules in another order")
	add(a.Off != b.Off, "off it serves %s", orFallback(b.Off))
	add(!equal(a.Needs, b.Needs), "needs %d other flags, before %d", len(b.Needs), len(a.Needs))
	add(!equal(a.Targeting, b.Targeting), "another rule in flagd's language")
	add(a.Ramp != b.Ramp && b.Ramp != "", "raised by the release %s", b.Ramp)
	add(a.Ramp != b.Ramp && b.Ramp == "", "no longer raised by the release %s", a.Ramp)
	if len(out) == 0 {
		return "nothing"
	}
	return strings.Join(out, "; ")
}

// compare counts the rules that are new, gone and different, and says whether those that stay have another order.
func compare(a, b []flag.Rule) (added, removed, altered int, moved bool) {
	place := map[string]int{}
	for i, r := range a {
		place[r.ID] = i
	}
	last, kept := -1, 0
	for _, r := range b {
		i, known := place[r.ID]
		if !known {
			added++
			continue
		}
		kept++
		moved = moved || i < last
		last = max(last, i)
		if !equal(a[i], r) {
			altered++
		}
	}
	return added, len(a) - kept, altered, moved
}

func rules(n int) string {
	if n == 1 {
		return "1 rule"
	}
	return strconv.Itoa(n) + " rules"
}

// serve says what a Serve gives, in shares.
func serve(s flag.Serve) string {
	if len(s.Split) == 0 {
		return orFallback(s.Variant)
	}
	sum := 0
	for _, p := range s.Split {
		sum += p.Weight
	}
	var out []string
	for _, p := range s.Split {
		out = append(out, fmt.Sprintf("%.4g %% %s", 100*float64(p.Weight)/float64(max(sum, 1)), p.Variant))
	}
	return strings.Join(out, ", ")
}

func orFallback(variant string) string {
	if variant == "" {
		return "the program's own fallback"
	}
	return variant
}

// differs says what changed of a flag itself, empty when nothing did.
func (w *Writer) differs(a, b flag.Flag) string {
	var out []string
	add := func(differs bool, format string, args ...any) {
		if differs {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	add(!equal(a.Variants, b.Variants), "%d variants, before %d", len(b.Variants), len(a.Variants))
	add(a.Bucketing != b.Bucketing, "everybody is assigned anew by bucketing %d, before %d", b.Bucketing, a.Bucketing)
	add(a.Client != b.Client, "public keys %s evaluate it", mayNot(b.Client))
	add(a.Description != b.Description, "description")
	add(a.Owner != b.Owner, "owner")
	add(!equal(a.Tags, b.Tags), "tags")
	add(a.Permanent != b.Permanent || !a.Expires.Equal(b.Expires), "how long it is meant to last")
	return strings.Join(out, "; ")
}

func mayNot(may bool) string {
	if may {
		return "may"
	}
	return "may not"
}

func equal(a, b any) bool {
	x, _ := json.Marshal(a) // both came from JSON or from the API, and go into it
	y, _ := json.Marshal(b)
	return bytes.Equal(x, y)
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return " (" + reason + ")"
}

func them(n int) string {
	if n == 1 {
		return "it"
	}
	return "them"
}

// listed joins names as people do.
func listed(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}
