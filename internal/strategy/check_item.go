package strategy

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/approval"
	"github.com/slipwayhq/slipway/internal/metric"
)

func (c checker) checklist() {
	ch := c.file.Checks
	items := c.order("checks", "items")
	made := c.madeItems()
	for _, name := range items {
		here := at("checks", "items", name)
		for _, m := range made {
			if m.Name == name {
				c.at(here, fmt.Sprintf("%q is the name of a step's own item", name), "choose another name")
			}
		}
		if ch.Items[name].Title == "" {
			c.at(here, "the item has no title", `add title: "A statement that is true when it is done"`)
		}
		if role := ch.Items[name].Role; role != "" {
			c.known(append(here, "role"), "role", role, c.order("roles"))
		}
	}
	required := map[string][]string{
		devStage: ch.Required.Development, stgStage: ch.Required.Staging, cnyStage: ch.Required.Canary,
		prodStage: ch.Required.Production,
	}
	for stage, names := range required {
		for i, name := range names {
			here := at("checks", "required", stage, strconv.Itoa(i))
			if !c.known(here, "checklist item", name, items) {
				continue
			}
			if slices.Contains(names[:i], name) {
				c.at(here, fmt.Sprintf("%q is asked for twice", name), "remove one")
			}
			c.role(here, ch.Items[name].Role, stage)
		}
	}
	for name, least := range ch.Coverage {
		here := at("checks", "coverage", name)
		if c.knownKey(here, "checklist item", items) && least > 1 {
			c.at(here, "nothing covers more than 100%", "write for example 80%")
		}
	}
	product := slices.ContainsFunc(c.file.Stages.Production.Approve,
		func(r approval.Rule) bool { return r.Role == flagOwner })
	if ch.Set == "full" && !product {
		c.at(at("stages", prodStage, "approve"), "the full set asks that product approves production",
			"add product, or choose the set starter")
	}
}

func (c checker) guards() {
	for _, name := range c.order("guards") {
		g := c.file.Guards[name]
		here := func(key ...string) []string { return append(at("guards", name), key...) }
		if g.ErrorRate.Critical > 1 || g.ErrorRate.Warn > 1 {
			c.at(here("error_rate"), "an error rate is at most 100%", "write for example warn: 2%, critical: 5%")
		}
		if g.ErrorRate.Critical > 0 && g.ErrorRate.Warn > g.ErrorRate.Critical {
			c.at(here("error_rate", "warn"), "it warns only after it is critical", "make warn the smaller one")
		}
		if g.LatencyP95.Critical > 0 && g.LatencyP95.Warn > g.LatencyP95.Critical {
			c.at(here("latency_p95", "warn"), "it warns only after it is critical", "make warn the smaller one")
		}
		if g.Health.Critical > 0 && g.Health.Warn > g.Health.Critical {
			c.at(here("health", "warn"), "it warns only after it is critical", "make warn the smaller one")
		}
		c.path(here("health", "path"), g.Health.Path)
		c.in(here("health", "every"), g.Health.Every, 100*time.Millisecond, time.Hour)
		c.in(here("health", "timeout"), g.Health.Timeout, 10*time.Millisecond, time.Minute)
		c.in(here("error_rate", "for"), g.ErrorRate.For, 0, 24*time.Hour)
		c.in(here("latency_p95", "for"), g.LatencyP95.For, 0, 24*time.Hour)
		c.in(here("window"), g.Window, time.Second, time.Hour)
		c.in(here("blind"), g.Blind, time.Second, 24*time.Hour)
		c.in(here("cold_start"), g.ColdStart, 0, time.Hour)
		if g.MinRequests < 1 || g.MinRequests > 1_000_000_000 {
			c.at(here("min_requests"), "without a request nothing can pass", "write 1 or more")
		}
		if g.Alpha <= 0 || g.Alpha > 0.5 {
			c.at(here("alpha"), "it is out of range", "write more than 0% and at most 50%, for example 1%")
		}
		if g.ShareSlack <= 0 || g.ShareSlack > 10 {
			c.at(here("share_slack"), "it is out of range", "write more than 0% and at most 1000%, for example 50%")
		}
		if g.Exposure > 0 && g.Source != string(metric.Edge) {
			c.at(here("exposure_budget"), "source: "+g.Source+" knows no users, so nobody could count their minutes",
				"write off, or let Slipway's own edge measure: source: edge")
		}
		c.measured(name, g)
	}
}

// path complains about what is no path on a deployment.
func (c checker) path(path []string, s string) {
	if !strings.HasPrefix(s, "/") || strings.HasPrefix(s, "//") || strings.ContainsAny(s, " \t\r\n\\#") || len(s) > 2000 {
		c.at(path, fmt.Sprintf("%q is no path on the deployment", s), "write for example /api/health")
	}
}

func (c checker) suites() {
	for _, name := range c.order("smoke") {
		suite := c.file.Smoke[name]
		if len(suite) == 0 || len(suite) > 100 {
			c.at(at("smoke", name), fmt.Sprintf("the suite has %d checks", len(suite)), "write 1 to 100")
		}
		for i, one := range suite {
			here := func(key ...string) []string { return append(at("smoke", name, strconv.Itoa(i)), key...) }
			if one.Path == "" {
				c.at(here(), "the check has no path", "add path: /")
				continue
			}
			c.path(here("path"), one.Path)
			c.in(here("within"), one.Within, time.Millisecond, 5*time.Minute)
			c.placeholders(here("body"), one.Body)
			if len(one.Body) > 64<<10 {
				c.at(here("body"), "the body is longer than 64 KiB", "ask with less")
			}
			for header, value := range one.Headers {
				c.header(here("headers", header), header, value)
				c.placeholders(here("headers", header), value)
			}
			for header, value := range one.Header {
				c.header(here("header", header), header, value)
			}
		}
	}
}

func (c checker) header(path []string, name, value string) {
	if !isToken(name) || strings.ContainsAny(value, "\r\n") {
		c.atKey(path, fmt.Sprintf("%q cannot be a header", name), "use letters, digits and -, and a value of one line")
	}
}

// placeholders complains about ${…} that nothing will fill in.
func (c checker) placeholders(path []string, s string) {
	for _, m := range regexp.MustCompile(`\$\{[^}]*\}?`).FindAllString(s, -1) {
		if !regexp.MustCompile(`^\$\{env:[A-Za-z_][A-Za-z0-9_]*\}$`).MatchString(m) {
			c.at(path, fmt.Sprintf("%q is nothing that can be filled in", m), "write ${env:NAME}")
		}
	}
}

// rest checks the short sections.
func (c checker) rest() {
	f := c.file
	c.in(at("approvals", "expires"), f.Approvals.Expires, time.Second, month)
	c.in(at("timing", "look"), f.Timing.Look, 100*time.Millisecond, time.Minute)
	c.in(at("timing", "skew"), f.Timing.Skew, 0, month)
	c.in(at("timing", "retry"), f.Timing.Retry, 10*time.Millisecond, time.Hour)
	if f.Timing.Tries < 1 || f.Timing.Tries > 100 {
		c.at(at("timing", "tries"), fmt.Sprintf("%d tries are out of range", f.Timing.Tries), "write 1 to 100")
	}
	if len(f.Notify.Webhooks) > 20 {
		c.at(at("notify", "webhooks"), "more than 20 addresses", "let one of them tell the others")
	}
	for i, w := range f.Notify.Webhooks {
		here := func(key ...string) []string { return append(at("notify", "webhooks", strconv.Itoa(i)), key...) }
		if w.URL == "" {
			c.at(here(), "the webhook has no url", "add url: https://…")
		}
		if w.Secret != "" && !regexp.MustCompile(`^env:[A-Za-z_][A-Za-z0-9_]*$`).MatchString(w.Secret) {
			c.at(here("secret"), "a key must not stand in the file", "write env:NAME and put the key into that variable")
		}
		for k, e := range w.Events {
			if !regexp.MustCompile(`^(\*|[a-z_]+(\.[a-z_]+)*(\.\*)?)$`).MatchString(e) {
				c.at(here("events", strconv.Itoa(k)), fmt.Sprintf("%q is no kind of event", e),
					"write for example release.* or rollback.requested")
			}
		}
	}
}
