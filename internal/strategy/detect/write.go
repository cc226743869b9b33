package detect

import (
	"fmt"
	"strings"

	"github.com/slipwayhq/slipway/internal/strategy/document"
)

// strategy writes the file for what was found. Everything that was guessed says so,
// and what is switched off says how to switch it on.
func (f *findings) strategy() []byte {
	var b strings.Builder
	add := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	add("# How releases of this application reach people, and come back.")
	add("# Every key that is left out has a default: slipway check --explain prints the whole.")
	add("app: %s", f.app)
	add("")
	if f.project != "" {
		add("# The project on Vercel. Visitors get a new version by rolling releases, or by the application's own proxy.ts.")
		if f.team != "" {
			add("target: {vercel: {project: %s, team: %s}}", f.project, f.team)
		} else {
			add("target: {vercel: {project: %s}}", f.project)
		}
	} else {
		add("# The version that runs in production now. Slipway's edge stands in front of it.")
		add("target: {selfhost: {stable: http://127.0.0.1:%s}}", f.port)
	}
	add("")
	f.environments(add)
	add("stages:")
	add("  staging:")
	add("    smoke: core")
	if f.load {
		add("    load: medium      # a load test was found: let it report the check \"load\"")
	} else {
		add("    load: off         # no load test was found; medium asks for the check \"load\"")
	}
	add("    sign_off: qa")
	if f.flags {
		add("    flags: tested     # feature flags were found")
	} else {
		add("    flags: off        # no feature flags were found; tested asks somebody to sign that they were tried")
	}
	add("  # The share rises with time; steps: adaptive lets it rise as soon as the evidence permits. slipway simulate")
	add("  # shows what either would find, and what it would cost.")
	add("  canary: {steps: [5, 10, 25, 50, 100], bake: 10m, guard: default}")
	add("  production: {approve: [product], verify: core, watch: 30m}")
	add("")
	add("# starter asks for unit, integration, review and lint; full for the whole checklist.")
	add("checks: starter")
	add("")
	add("guards:")
	add("  default:")
	add("    error_rate:  {warn: 2%%, critical: 5%%, spike: 10x, compare: {worse_by: 25%%}}")
	if f.project != "" {
		add("    # Logs have no durations. With a drain of traces: sources: {drain: {traces: on}}, and latency_p95 here.")
	} else {
		add("    latency_p95: {warn: 500ms, critical: 1000ms, compare: {worse_by: 10%%}}")
	}
	if f.health != "" {
		add("    health:      {path: %s, critical: 3 in a row}", document.Quote(f.health))
	} else {
		add("    health:      {path: /, critical: 3 in a row}   # no health endpoint was found")
	}
	add("")
	f.suite(add)
	add("# The canary goes back by itself. Production waits for a person.")
	add("rollback: {development: auto, staging: auto, canary: auto, production: approve, approvers: [incident]}")
	add("")
	add("# Quiet times, for example:")
	add("# calendar:")
	add("#   zone: Europe/Berlin")
	add("#   freezes: [{name: weekend, days: [fri], from: \"16:00\", to: \"24:00\"}, {name: weekend, days: [sat, sun]}]")
	return []byte(b.String())
}

func (f *findings) environments(add func(string, ...any)) {
	if f.manifest == "" && f.branch == "main" {
		return
	}
	add("environments:")
	if f.manifest != "" {
		add("  staging: {variables: %s}", document.Quote(f.manifest))
	}
	var keys []string
	if f.manifest != "" {
		keys = append(keys, "variables: "+document.Quote(f.manifest))
	}
	if f.branch != "main" {
		keys = append(keys, fmt.Sprintf("branches: [%s, \"release/*\"]", f.branch))
	}
	add("  production: {%s}", strings.Join(keys, ", "))
	add("")
}

func (f *findings) suite(add func(string, ...any)) {
	pages := f.pages
	if len(pages) == 0 {
		pages = []string{"/"}
	}
	add("smoke:")
	add("  core:")
	for _, p := range pages {
		add("    - %s", document.Quote(p))
	}
	if f.health != "" {
		add("    - {path: %s, status: 200, within: 2s}", document.Quote(f.health))
	}
	add("")
}
