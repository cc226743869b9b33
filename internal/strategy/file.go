package strategy

import "github.com/slipwayhq/slipway/internal/strategy/document"

// The shape of slipway.yaml. Every key has a doc tag, from which the JSON Schema
// takes its description; what it is when it is left out stands in default.go.

type file struct {
	App          string                 `yaml:"app" doc:"Name of the application."`
	Target       target                 `yaml:"target" doc:"Where the application runs."`
	Environments map[string]environment `yaml:"environments" doc:"The environments, each with its own rules."`
	Stages       stages                 `yaml:"stages" doc:"What a release does on its way."`
	Checks       checks                 `yaml:"checks" doc:"The checklist: what must be true before a deployment."`
	Guards       map[string]guardSpec   `yaml:"guards" doc:"Limits under which a version is watched."`
	Sources      sources                `yaml:"sources" doc:"Where numbers come from, beside the edge."`
	Smoke        map[string][]smoke     `yaml:"smoke" doc:"Suites of HTTP checks."`
	Rollback     rollback               `yaml:"rollback" doc:"The way back."`
	Roles        map[string]role        `yaml:"roles" doc:"What people may do."`
	Identities   map[string]identity    `yaml:"identities" doc:"Machines that come in by tokens of their platform."`
	Flags        flagSpec               `yaml:"flags" doc:"How feature flags are changed."`
	Approvals    approvals              `yaml:"approvals" doc:"What approvals are worth."`
	Calendar     calendarSpec           `yaml:"calendar" doc:"When production may change."`
	GitHub       *gitHub                `yaml:"github" doc:"What is shown at GitHub, where the code is."`
	Notify       notify                 `yaml:"notify" doc:"Who is told."`
	Timing       timing                 `yaml:"timing" doc:"General durations."`
}

type target struct {
	SelfHost *selfHost `yaml:"selfhost" doc:"The application runs behind Slipway's own edge."`
	Vercel   *vercel   `yaml:"vercel" doc:"The application runs on Vercel."`
}

type selfHost struct {
	Stable address `yaml:"stable" doc:"Address of the version that runs in production now."`
	Listen string  `yaml:"listen" doc:"Address on which the edge takes visitors, as HOST:PORT."`
	Sticky sticky  `yaml:"sticky" doc:"What a visitor is recognized by, so that everybody stays on one version."`
}

type sticky struct {
	Cookie     string `yaml:"cookie" doc:"Name of the cookie that the edge sets for visitors it does not know."`
	UserHeader string `yaml:"user_header" doc:"Request header that carries the user's id."`
	UserCookie string `yaml:"user_cookie" doc:"Cookie of the application that carries the user's id."`
}

type environment struct {
	Purpose   string   `yaml:"purpose" doc:"What it is for."`
	Trigger   string   `yaml:"trigger" doc:"What deploys to it: push, release or schedule." enum:"push,release,schedule"`
	Branches  []string `yaml:"branches" doc:"Branches that belong to it; * stands for a part of a name."`
	URL       string   `yaml:"url" doc:"Where it answers."`
	Database  string   `yaml:"database" doc:"Name of its database."`
	Variables string   `yaml:"variables" doc:"File that lists its variables, in the style of .env.example."`
	Custom    string   `yaml:"custom" doc:"Slug of the team's own environment on Vercel whose variables it has."`
	Roles     []string `yaml:"roles" doc:"Roles that may see it, and act in it as far as their permissions go."`
	Guard     string   `yaml:"guard" doc:"Guard whose limits hold in it."`
	Flags     bool     `yaml:"flags" doc:"Whether new feature flags start on in it."`
}

// Template returns what environment is where nothing is written.
func (*environment) Template() string {
	return `{purpose: "", trigger: release, branches: [], url: "", database: "", variables: "",
  custom: "", roles: [development], guard: default, flags: off}`
}

type stages struct {
	Development development `yaml:"development" doc:"Before anything is deployed for others."`
	Staging     staging     `yaml:"staging" doc:"Tried by people and tests."`
	Canary      canary      `yaml:"canary" doc:"Tried by a part of the visitors."`
	Production  production  `yaml:"production" doc:"For everybody."`
}

type development struct{}

type staging struct {
	Smoke   document.Toggle `yaml:"smoke" doc:"Suite that runs after the deployment, or off."`
	Load    document.Toggle `yaml:"load" doc:"Load test, reported as the check load: light, medium, heavy or off."`
	SignOff document.Toggle `yaml:"sign_off" doc:"Role that signs it off, or off."`
	Flags   document.Toggle `yaml:"flags" doc:"tested: somebody signs that flags were tested; or off."`
}

type production struct {
	Approve     quorum            `yaml:"approve" doc:"Roles that approve, or how many of each."`
	Window      bool              `yaml:"window" doc:"Whether releases wait for their schedule and the calendar."`
	EnableFlags []string          `yaml:"enable_flags" doc:"Feature flags whose ramps begin in production."`
	Verify      string            `yaml:"verify" doc:"Suite that runs after the promotion."`
	Watch       document.Duration `yaml:"watch" doc:"How long production is watched before the release is complete."`
	Guard       string            `yaml:"guard" doc:"Guard that watches it."`
}

type checks struct {
	Set      string                      `yaml:"set" doc:"Items that are asked for." enum:"starter,full,none"`
	Required required                    `yaml:"required" doc:"Items asked for, by stage."`
	Coverage map[string]document.Percent `yaml:"coverage" doc:"Least coverage that an item must report."`
	Items    map[string]item             `yaml:"items" doc:"The items there are; your own may be added."`
}

// Expand returns the long form of checks.
func (*checks) Expand(n *document.Node) *document.Node {
	if n.Form == document.Scalar {
		return document.Wrap("set", n)
	}
	return n
}

// Short describes the short form of checks.
func (*checks) Short() map[string]any {
	return map[string]any{"type": "string", "enum": []any{"starter", "full", "none"}}
}

type required struct {
	Development []string `yaml:"development" doc:"Before the release leaves development."`
	Staging     []string `yaml:"staging" doc:"Before it is deployed to staging."`
	Canary      []string `yaml:"canary" doc:"Before it is deployed as a canary."`
	Production  []string `yaml:"production" doc:"Before people are asked to approve it."`
}

type item struct {
	Title string `yaml:"title" doc:"A statement that is true when the item is done."`
	Group string `yaml:"group" doc:"Under which it is shown."`
	Role  string `yaml:"role" doc:"Role that signs it; empty when an outside check reports it."`
}

// Template returns what item is where nothing is written.
func (*item) Template() string { return `{title: "", group: quality, role: ""}` }

type guardSpec struct {
	ErrorRate   rateLimits        `yaml:"error_rate" doc:"Share of requests that fail."`
	LatencyP95  latencyLimits     `yaml:"latency_p95" doc:"Time within which 95 of 100 answers begin."`
	Health      health            `yaml:"health" doc:"The application's own health endpoint."`
	MinRequests int               `yaml:"min_requests" doc:"Requests to a version before it can pass."`
	Window      document.Duration `yaml:"window" doc:"Time over which rates are taken."`
	Blind       document.Duration `yaml:"blind" doc:"Time without data after which the measurement counts as broken."`
	Alpha       document.Percent  `yaml:"alpha" doc:"How often at most the comparison may call a good version worse."`
	ShareSlack  document.Percent  `yaml:"share_slack" doc:"How far the measured share may be from the intended one."`
	Exposure    budget            `yaml:"exposure_budget" doc:"User-minutes before everybody has it, or off."`
	ColdStart   document.Duration `yaml:"cold_start" doc:"Time after each rise in which durations are not judged."`

	Source     string                `yaml:"source" doc:"Where errors and durations are measured." enum:"edge,prometheus,otlp,drain"`
	Fallback   string                `yaml:"fallback" doc:"What the guard goes by while a drain is silent." enum:"none,observability"`
	BlindUndo  document.Duration     `yaml:"blind_undo" doc:"Blind for this long, a version is taken back; off: it waits."`
	Prometheus queries               `yaml:"prometheus" doc:"What Prometheus is asked, with source: prometheus."`
	Metrics    map[string]metricSpec `yaml:"metrics" doc:"Custom metrics that are compared, by their name."`
	WebVitals  map[string]vital      `yaml:"web_vitals" doc:"What browsers measure: lcp, inp, cls, fcp and ttfb."`
	Weights    map[string]float64    `yaml:"weights" doc:"How errors, latency, web_vitals and metrics divide the total."`
}

type rateLimits struct {
	Warn     document.Percent  `yaml:"warn" doc:"Limit of a warning."`
	Critical document.Percent  `yaml:"critical" doc:"Limit above which the version is taken back."`
	For      document.Duration `yaml:"for" doc:"How long critical must hold before it counts."`
	Spike    document.Factor   `yaml:"spike" doc:"Critical at this many times the normal rate."`
	Compare  compare           `yaml:"compare" doc:"Comparison with the stable version over the same minutes."`
}

type latencyLimits struct {
	Warn     document.Duration `yaml:"warn" doc:"Limit of a warning."`
	Critical document.Duration `yaml:"critical" doc:"Limit above which the version is taken back."`
	For      document.Duration `yaml:"for" doc:"How long critical must hold before it counts."`
	Compare  compareLatency    `yaml:"compare" doc:"Comparison with the stable version over the same minutes."`
}

type compareLatency struct {
	WorseBy document.Percent  `yaml:"worse_by" doc:"How much slower is tolerated."`
	AtLeast document.Duration `yaml:"at_least" doc:"What is tolerated in any case, however fast the stable version is."`
}

// Expand returns the long form of compareLatency.
func (*compareLatency) Expand(n *document.Node) *document.Node { return (*compare)(nil).Expand(n) }

// Short describes the short form of compareLatency.
func (*compareLatency) Short() map[string]any { return (*compare)(nil).Short() }

type compare struct {
	WorseBy document.Percent `yaml:"worse_by" doc:"How much worse is tolerated."`
}

// Expand returns the long form of compare.
func (*compare) Expand(n *document.Node) *document.Node {
	if n.Form == document.Scalar {
		return document.Wrap("worse_by", n)
	}
	return n
}

// Short describes the short form of compare.
func (*compare) Short() map[string]any { return (*document.Percent)(nil).Schema() }

type health struct {
	Path     string            `yaml:"path" doc:"Its path."`
	Every    document.Duration `yaml:"every" doc:"Between two looks."`
	Timeout  document.Duration `yaml:"timeout" doc:"After which a look has failed."`
	Warn     document.Row      `yaml:"warn" doc:"Failures in a row that warn."`
	Critical document.Row      `yaml:"critical" doc:"Failures in a row that take the version back."`
}

type smoke struct {
	Name    string            `yaml:"name" doc:"What it is called; its method and path when left out."`
	Method  string            `yaml:"method" doc:"HTTP method." enum:"GET,HEAD,POST,PUT,PATCH,DELETE,OPTIONS"`
	Path    string            `yaml:"path" doc:"Path on the deployment, with its query."`
	Headers map[string]string `yaml:"headers" doc:"Request headers; ${env:NAME} is filled in when it runs."`
	Body    string            `yaml:"body" doc:"Request body; ${env:NAME} is filled in when it runs."`
	Status  status            `yaml:"status" doc:"Statuses that are right."`
	Text    string            `yaml:"text" doc:"Text that the answer must contain."`
	NotText string            `yaml:"not_text" doc:"Text that the answer must not contain."`
	Header  map[string]string `yaml:"header" doc:"Answer headers and what they must contain."`
	Within  document.Duration `yaml:"within" doc:"Time in which the whole answer must be there."`
	JSON    map[string]any    `yaml:"json" doc:"Values at paths of a JSON answer, such as db.ok: true."`
}

// Expand returns the long form of smoke.
func (*smoke) Expand(n *document.Node) *document.Node {
	if n.Form == document.Scalar {
		return document.Wrap("path", n)
	}
	return n
}

// Short describes the short form of smoke.
func (*smoke) Short() map[string]any { return document.TextSchema("^/", "/api/health") }

// Template returns what smoke is where nothing is written.
func (*smoke) Template() string { return `{method: GET, status: 200, within: 10s}` }

type rollback struct {
	Environments map[string]string `yaml:"*" doc:"auto or approve, by environment." enum:"auto,approve"`
	Approvers    quorum            `yaml:"approvers" doc:"Roles that approve a rollback, or how many of each."`
	Verify       string            `yaml:"verify" doc:"Suite that runs after it."`
	Watch        document.Duration `yaml:"watch" doc:"How long the error rate is watched after it."`
	Guard        string            `yaml:"guard" doc:"Guard that watches it."`
}

type role struct {
	Title      string            `yaml:"title" doc:"What people call it."`
	May        map[string]places `yaml:"may" doc:"Permissions, each with the environments it holds in."`
	Everywhere []string          `yaml:"everywhere" doc:"Permissions that belong to no environment, such as edge:operate."`
}

type approvals struct {
	Expires      document.Duration `yaml:"expires" doc:"How long a request stands."`
	AuthorCounts bool              `yaml:"author_counts" doc:"Whether the yes of a release's author counts."`
}

type calendarSpec struct {
	Zone    string   `yaml:"zone" doc:"Time zone by its IANA name, such as Europe/Berlin."`
	Freezes []freeze `yaml:"freezes" doc:"Times in which nothing goes out."`
	Windows []window `yaml:"windows" doc:"Times in which releases go out; always, when there is none."`
}

type freeze struct {
	Name string `yaml:"name" doc:"What it is called."`
	From string `yaml:"from" doc:"Its beginning: a date, a date with a time, or a time of the day when it repeats."`
	To   string `yaml:"to" doc:"Its end, not inside it."`
	Days []day  `yaml:"days" doc:"Days of the week, when it repeats."`
	Zone string `yaml:"zone" doc:"Its own time zone."`
}

type window struct {
	Name string `yaml:"name" doc:"What it is called."`
	Days []day  `yaml:"days" doc:"Days of the week; every day when left out."`
	From clock  `yaml:"from" doc:"Time of the day."`
	To   clock  `yaml:"to" doc:"Time of the day, not inside it."`
	Zone string `yaml:"zone" doc:"Its own time zone."`
}

type notify struct {
	Webhooks []webhook `yaml:"webhooks" doc:"Addresses that get events as signed JSON."`
}

type webhook struct {
	URL    address  `yaml:"url" doc:"Where it is sent."`
	Secret string   `yaml:"secret" doc:"Where the key of its signature is found: env:NAME. Never the key itself."`
	Events []string `yaml:"events" doc:"Kinds of event, such as release.completed or rollback.*; all when left out."`
}

// Expand returns the long form of webhook.
func (*webhook) Expand(n *document.Node) *document.Node {
	if n.Form == document.Scalar {
		return document.Wrap("url", n)
	}
	return n
}

// Short describes the short form of webhook.
func (*webhook) Short() map[string]any { return (*address)(nil).Schema() }

type timing struct {
	Look  document.Duration `yaml:"look" doc:"Between two looks of a guard."`
	Skew  document.Duration `yaml:"skew" doc:"How long a replaced version stays up for the sessions that began on it."`
	Retry document.Duration `yaml:"retry" doc:"Between two tries of something that failed."`
	Tries int               `yaml:"tries" doc:"Tries before it has failed."`
}
