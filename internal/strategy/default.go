package strategy

import (
	"reflect"
	"time"

	"github.com/slipwayhq/slipway/internal/strategy/document"
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
    variables: "", custom: "", roles: [development], guard: default, flags: on}
  staging:
    {purpose: Try the whole of a release before any visitor does, trigger: release, branches: [staging], url: "",
    database: "", variables: "", custom: "", roles: [development, qa, product], guard: default, flags: on}
  canary:
    {purpose: Show a release to a small part of the visitors, trigger: release, branches: ["canary/*"], url: "",
    database: "", variables: "", custom: "",
    roles: [development, qa, product, devops, incident], guard: default, flags: off}
  production:
    {purpose: Serve everybody, trigger: schedule, branches: [main, "release/*"], url: "", database: "",
    variables: "", custom: "", roles: [development, qa, product, devops, incident], guard: default, flags: off}
stages:
  development: {}
  staging: {smoke: core, load: medium, sign_off: qa, flags: tested}
  canary:
    {smoke: core, sign_off: off, steps: [5, 10, 25, 50, 100], shorten: off, bake: 10m, at_max: hold, holdback: off,
    harm_budget: off, reaction: 10s, guard: default}
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
    performance: {title: "Performance is assessed: load result against baseline", group: quality, role: ""}
    flags_declared: {title: New features sit behind declared flags, group: flags, role: development}
    flags_configured: {title: The flags exist in the target with a recorded state, group: flags, role: development}
    flags_tested: {title: The flags have been tested, group: flags, role: qa}
    migrations_reviewed: {title: The migrations are reviewed, group: database, role: development}
    migrations_down: {title: Every migration has a way down, group: database, role: ""}
    backup: {title: "A database backup is made and its id recorded", group: database, role: devops}
    api_docs: {title: Changes of the API are documented, group: documents, role: development}
    feature_docs: {title: New features are documented, group: documents, role: development}
    notes: {title: Deployment notes are prepared, group: documents, role: development}
    product_owner: {title: The product owner approves, group: approvals, role: product}
    tech_lead: {title: The technical lead approves, group: approvals, role: devops}
    security_approval: {title: "Security approves, or it is recorded why not", group: approvals, role: devops}
    rollback_plan: {title: The way back is described and attached, group: rollback, role: devops}
    rollback_tested: {title: The way back was tried outside production for this release, group: rollback, role: devops}
guards:
  default:
    error_rate: {warn: 2%, critical: 5%, for: 5m, spike: 10x, compare: {worse_by: 25%}}
    latency_p95: {warn: 500ms, critical: 1000ms, for: off, compare: {worse_by: 10%, at_least: 10ms}}
    health: {path: /api/health, every: 5s, timeout: 2s, warn: 1 in a row, critical: 3 in a row}
    min_requests: 100
    window: 1m
    blind: 60s
    alpha: 1%
    share_slack: 50%
    exposure_budget: off
    cold_start: 75s
    source: edge
    fallback: none
    blind_undo: off
sources: {}
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
      flag:edit: [development, staging]
      flag:switch: [development, staging]
      flag:keys: [development, staging]
    everywhere: [check:report, issue:report]
  qa:
    title: QA
    may:
      environment:view: all
      log:read: all
      check:sign: all
      release:skip: [staging]
      rollback:request: all
      flag:edit: [staging]
      flag:switch: [staging]
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
      flag:edit: all
      flag:switch: all
      flag:approve: all
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
      flag:switch: all
      flag:keys: all
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
      flag:switch: all
    everywhere: [issue:report]
flags:
  approve: {}
  attributes: []
  stale: {rolled_out: 14d, unseen: 28d}
  ramp:
    {steps: [5, 25, 50, 100], shorten: off, bake: 15m, at_max: hold, harm_budget: off, reaction: 10s, watch: 30m,
    guard: default}
approvals: {expires: 24h, author_counts: false}
calendar: {zone: UTC, freezes: [], windows: []}
identities: {}
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
  [flags_tested, performance, notes, rollback_plan, rollback_tested, backup, product_owner, tech_lead,
  security_approval]
`
	none         = `{development: [], staging: [], canary: [], production: []}`
	fullCoverage = `{unit: 80%, integration: 70%}`
)

// effective lays the user's tree over the defaults, also over those that follow
// from other values.
func effective(user *document.Node) *document.Node {
	t := reflect.TypeFor[file]()
	tree := document.Merge(t, document.ParseText(defaults), user)
	oneTarget(tree, user)
	checkSet(tree, user)
	drained(tree, user)
	guards(tree, user)
	defaultQueries(tree)
	core(tree)
	for _, c := range []*document.Node{tree.Get("stages").Get("canary"), tree.Get("flags").Get("ramp")} {
		longSteps(c)
		maxBake(c)
	}
	document.Arrange(t, tree)
	return tree
}

// checkSet fills in what the chosen set of checks asks for.
func checkSet(tree, user *document.Node) {
	c := tree.Get("checks")
	if c == nil || c.Form != document.Mapping {
		return
	}
	set, coverage := starter, ""
	if s := c.Get("set"); s != nil {
		switch s.Text {
		case "full":
			set, coverage = full, fullCoverage
		case "none":
			set = none
		}
	}
	own := user.Get("checks")
	if own != nil {
		own = (*checks)(nil).Expand(own)
	}
	c.Set("required", own.PlaceOf("required"), document.Merge(reflect.TypeFor[required](), document.ParseText(set),
		own.Get("required")))
	if coverage != "" {
		c.Set("coverage", own.PlaceOf("coverage"),
			document.Merge(reflect.TypeFor[map[string]document.Percent](), document.ParseText(coverage), own.Get("coverage")))
	}
}

// guards lays every other guard over the default one: a team says once what is
// normal, and where it is stricter.
func guards(tree, user *document.Node) {
	all := tree.Get("guards")
	base := all.Get("default")
	if all == nil || all.Form != document.Mapping || base == nil {
		return
	}
	for i, e := range all.Keys {
		if e.Name == "default" {
			continue
		}
		under := base.Copy()
		under.Forget()
		all.Keys[i].Value = document.Merge(reflect.TypeFor[guardSpec](), under, user.Get("guards").Get(e.Name))
	}
}

// core gives the suite core its checks, the start page and the health path, when
// the file does not define it.
func core(tree *document.Node) {
	suites := tree.Get("smoke")
	if suites == nil || suites.Form != document.Mapping || suites.Get("core") != nil {
		return
	}
	path := tree.Get("guards").Get("default").Get("health").Get("path")
	if path == nil || path.Form != document.Scalar {
		return
	}
	text := "core: [{name: start page, path: /, method: GET, status: 200, within: 10s}, " +
		"{name: health, path: " + document.Quote(path.Text) + ", method: GET, status: 200, within: 10s}]"
	suites.Set("core", document.Place{}, document.ParseText(text).Get("core"))
}

// maxBake is six times the longest bake, an hour at least.
func maxBake(c *document.Node) {
	bake := c.Get("bake")
	if bake == nil || c.Get("max_bake") != nil {
		return
	}
	longest, err := document.ParseDuration(bake.Text)
	if err != nil {
		longest = 0 // it is complained about where it stands
	}
	if steps := c.Get("steps"); steps != nil {
		for _, s := range steps.Items {
			if own := s.Get("bake"); own != nil {
				if d, err := document.ParseDuration(own.Text); err == nil {
					longest = max(longest, d)
				}
			}
		}
	}
	c.Set("max_bake", document.Place{}, document.ParseText("max_bake: "+document.WriteDuration(max(time.Hour,
		6*longest))).Get("max_bake"))
}
