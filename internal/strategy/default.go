package strategy

import (
	"reflect"
	"slices"
	"time"
)

// defaults is the strategy of a file that says nothing: the user's file is laid
// over it, key by key. It is a text in the file's own form, and not code, so that
// it reads like what it stands for and check --explain prints it as it is.
const defaults = `
target:
  selfhost:
    listen: 127.0.0.1:8080
    sticky: {cookie: slipway_id, user_header: "", user_cookie: ""}
environments:
  development:
    {purpose: Build features behind flags and test them, trigger: push, branches: [dev], url: "", database: "",
    variables: "", roles: [development], guard: default, flags: on}
  staging:
    {purpose: Try the whole of a release before any visitor does, trigger: release, branches: [staging], url: "",
    database: "", variables: "", roles: [development, qa, product], guard: default, flags: on}
  canary:
    {purpose: Show a release to a small part of the visitors, trigger: release, branches: ["canary/*"], url: "",
    database: "", variables: "", roles: [development, qa, product, devops, incident], guard: default, flags: off}
  production:
    {purpose: Serve everybody, trigger: schedule, branches: [main, "release/*"], url: "", database: "",
    variables: "", roles: [development, qa, product, devops, incident], guard: default, flags: off}
stages:
  development: {}
  staging: {smoke: core, load: medium, sign_off: qa, flags: tested}
  canary: {smoke: core, sign_off: off, steps: [5, 10, 25, 50, 100], bake: 10m, guard: default}
  production: {approve: [product], window: on, enable_flags: [], verify: core, watch: 30m, guard: default}
checks:
  set: starter
  coverage: {}
  items:
    unit: {title: Unit tests pass, group: tests, role: ""}
    integration: {title: Integration tests pass, group: tests, role: ""}
    e2e: {title: End-to-end tests pass, group: tests, role: ""}
    critical_paths: {title: End-to-end tests cover the critical paths, group: tests, role: ""}
    load: {title: The load test keeps its limits, group: tests, role: ""}
    review: {title: "The code is reviewed and approved, with the reviewers' names", group: quality, role: ""}
    lint: {title: The code meets the development standards, group: quality, role: ""}
    security: {title: "No known vulnerability: the dependency audit is attached", group: quality, role: ""}
    performance: {title: "The effect on performance is assessed: load result against baseline", group: quality, role: ""}
    flags_declared: {title: New features sit behind declared flags, group: flags, role: development}
    flags_configured: {title: The flags exist in the target environment with a recorded initial state, group: flags, role: development}
    flags_tested: {title: The flags have been tested, group: flags, role: qa}
    migrations_reviewed: {title: The migrations are reviewed, group: database, role: development}
    migrations_down: {title: Every migration has a way down, group: database, role: ""}
    backup: {title: "A database backup is made and its id recorded", group: database, role: devops}
    api_docs: {title: Changes of the API are documented, group: documents, role: development}
    feature_docs: {title: New features are documented, group: documents, role: development}
    notes: {title: Deployment notes are prepared, group: documents, role: development}
    product_owner: {title: The product owner approves, group: approvals, role: product}
    tech_lead: {title: The technical lead approves, group: approvals, role: devops}
    security_approval: {title: "Security approves, or it is recorded why that does not apply", group: approvals, role: devops}
    rollback_plan: {title: The way back is described and attached, group: rollback, role: devops}
    rollback_tested: {title: The way back was tried outside production for this release, group: rollback, role: devops}
guards:
  default:
    error_rate: {warn: 2%, critical: 5%, for: 5m, spike: 10x, compare: {worse_by: 25%}}
    latency_p95: {warn: 500ms, critical: 1000ms, for: off, compare: {worse_by: 10%}}
    health: {path: /api/health, every: 5s, timeout: 2s, warn: 1 in a row, critical: 3 in a row}
    min_requests: 100
    window: 1m
    blind: 60s
    alpha: 1%
    share_slack: 50%
    cold_start: 75s
smoke: {}
rollback:
  development: auto
  staging: auto
  canary: auto
  production: approve
  approvers: [incident]
  verify: core
  watch: 5m
  guard: default
roles:
  development:
    title: Development
    may:
      environment:view: all
      log:read: all
      release:start: [development, staging]
      release:control: [development, staging]
      check:sign: all
      rollback:request: all
      rollback:run: [development, staging]
      deployment:manage: [development, staging]
    everywhere: [check:report, issue:report]
  qa:
    title: QA
    may:
      environment:view: all
      log:read: all
      check:sign: all
      release:skip: [staging]
      rollback:request: all
    everywhere: [issue:report]
  product:
    title: Product
    may:
      environment:view: all
      log:read: all
      release:start: [staging]
      release:approve: all
      release:skip: all
      check:sign: all
      rollback:request: all
    everywhere: [issue:report]
  devops:
    title: DevOps
    may:
      environment:view: all
      log:read: all
      release:start: [canary, production]
      release:control: [canary, production]
      release:skip: [canary, production]
      check:sign: all
      rollback:request: all
      rollback:run: all
      deployment:manage: [canary, production]
      incident:manage: all
    everywhere: [check:report, issue:report, edge:operate]
  incident:
    title: Incident response
    may:
      environment:view: all
      log:read: all
      release:control: [canary, production]
      rollback:request: all
      rollback:approve: all
      rollback:run: all
      incident:manage: all
    everywhere: [issue:report]
approvals: {expires: 24h, author_counts: false}
calendar: {zone: UTC, freezes: [], windows: []}
notify: {webhooks: []}
timing: {look: 1s, skew: 24h, retry: 2s, tries: 5}
`

// The sets of items that checks may name.
const (
	starter = `{development: [unit, integration], staging: [unit, integration, review, lint], canary: [], production: []}`
	full    = `
development: [unit, integration]
staging:
  [unit, integration, e2e, critical_paths, review, lint, security, flags_declared, flags_configured,
  migrations_reviewed, migrations_down, api_docs, feature_docs]
canary: []
production:
  [flags_tested, performance, notes, rollback_plan, rollback_tested, backup, product_owner, tech_lead, security_approval]
`
	none         = `{development: [], staging: [], canary: [], production: []}`
	fullCoverage = `{unit: 80%, integration: 70%}`
)

// effective lays the user's tree over the defaults, also over those that follow
// from other values.
func effective(user *node) *node {
	t := reflect.TypeFor[file]()
	tree := merge(t, parseText(defaults), user)
	checkSet(tree, user)
	guards(tree, user)
	core(tree)
	maxBake(tree)
	arrange(t, tree)
	return tree
}

// arrange brings keys into the order of the file's shape, so that the order in
// which somebody wrote them means nothing. Names in a mapping keep theirs.
func arrange(t reflect.Type, n *node) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if n == nil || isReader(t) {
		return
	}
	if t.Kind() == reflect.Slice {
		for _, item := range n.items {
			arrange(t.Elem(), item)
		}
		return
	}
	if t.Kind() == reflect.Struct {
		slices.SortStableFunc(n.keys, func(a, b entry) int { return rank(t, a.name) - rank(t, b.name) })
	}
	if t.Kind() == reflect.Struct || t.Kind() == reflect.Map {
		for _, e := range n.keys {
			arrange(elementType(t, e.name), e.value)
		}
	}
}

// rank is where a key stands in its struct; those that are no field come first.
func rank(t reflect.Type, name string) int { return fieldOf(t, name) }

// checkSet fills in what the chosen set of checks asks for.
func checkSet(tree, user *node) {
	c := tree.get("checks")
	if c == nil || c.form != mapping {
		return
	}
	set, coverage := starter, ""
	if s := c.get("set"); s != nil {
		switch s.text {
		case "full":
			set, coverage = full, fullCoverage
		case "none":
			set = none
		}
	}
	own := expand(reflect.TypeFor[checks](), user.get("checks"))
	c.set("required", placeIn(own, "required"), merge(reflect.TypeFor[required](), parseText(set), own.get("required")))
	if coverage != "" {
		c.set("coverage", placeIn(own, "coverage"),
			merge(reflect.TypeFor[map[string]percent](), parseText(coverage), own.get("coverage")))
	}
}

// guards lays every other guard over the default one: a team says once what is
// normal, and where it is stricter.
func guards(tree, user *node) {
	all := tree.get("guards")
	base := all.get("default")
	if all == nil || all.form != mapping || base == nil {
		return
	}
	for i, e := range all.keys {
		if e.name == "default" {
			continue
		}
		under := base.copy()
		under.forget()
		all.keys[i].value = merge(reflect.TypeFor[guardSpec](), under, user.get("guards").get(e.name))
	}
}

// core gives the suite core its checks, the start page and the health path, when
// the file does not define it.
func core(tree *node) {
	suites := tree.get("smoke")
	if suites == nil || suites.form != mapping || suites.get("core") != nil {
		return
	}
	path := tree.get("guards").get("default").get("health").get("path")
	if path == nil || path.form != scalar {
		return
	}
	text := "core: [{name: start page, path: /, method: GET, status: 200, within: 10s}, " +
		"{name: health, path: " + quote(path.text) + ", method: GET, status: 200, within: 10s}]"
	suites.set("core", place{}, parseText(text).get("core"))
}

// maxBake is six times the longest bake, an hour at least.
func maxBake(tree *node) {
	c := tree.get("stages").get("canary")
	bake := c.get("bake")
	if bake == nil || c.get("max_bake") != nil {
		return
	}
	longest, err := parseDuration(bake.text)
	if err != nil {
		longest = 0 // it is complained about where it stands
	}
	if steps := c.get("steps"); steps != nil {
		for _, s := range steps.items {
			if own := s.get("bake"); own != nil {
				if d, err := parseDuration(own.text); err == nil {
					longest = max(longest, d)
				}
			}
		}
	}
	c.set("max_bake", place{}, parseText("max_bake: "+writeDuration(max(time.Hour, 6*longest))).get("max_bake"))
}

// placeIn returns the place of a key in n.
func placeIn(n *node, key string) place {
	if n == nil {
		return place{}
	}
	if e := n.has(key); e != nil {
		return e.place
	}
	return place{}
}

// copy returns a deep copy.
func (n *node) copy() *node {
	if n == nil {
		return nil
	}
	out := *n
	out.keys = make([]entry, len(n.keys))
	for i, e := range n.keys {
		out.keys[i] = entry{e.name, e.place, e.value.copy()}
	}
	out.items = make([]*node, len(n.items))
	for i, item := range n.items {
		out.items[i] = item.copy()
	}
	return &out
}
