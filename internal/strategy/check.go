package strategy

import (
	"fmt"
	"net"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/approval"
	"github.com/slipwayhq/slipway/internal/strategy/document"
)

// checker looks for mistakes of meaning, in values that have the right form.
type checker struct {
	*Strategy
	d *document.Decoder
}

// check finds every mistake of meaning.
func (s *Strategy) check(d *document.Decoder) {
	c := checker{s, d}
	c.target()
	c.environments()
	c.stages()
	c.canary()
	c.production()
	c.checklist()
	c.guards()
	c.sources()
	c.suites()
	c.rollback()
	c.roles()
	c.identities()
	c.flags()
	c.rest()
	s.calendar = c.dates()
}

// at records a problem at a path.
func (c checker) at(path []string, message, remedy string) {
	where, isDefault := c.tree.Find(path)
	if !c.noise(path, isDefault) {
		c.d.AddAt(where, document.Join(path), message, remedy)
	}
}

// atKey records a problem at the key that a path ends in.
func (c checker) atKey(path []string, message, remedy string) {
	_, isDefault := c.tree.Find(path)
	if !c.noise(path, isDefault) {
		c.d.AddAt(c.tree.Key(path), document.Join(path), message, remedy)
	}
}

// noise reports whether a problem follows from another: something is wrong at the
// place already, so the value is not what was written; or what is wrong is a
// default, which fits when everything it leans on could be read.
func (c checker) noise(path []string, isDefault bool) bool {
	full := document.Join(path)
	return isDefault && len(c.d.List) > 0 || slices.ContainsFunc(c.d.List, func(p Problem) bool {
		return p.Path != "" && (p.Path == full || strings.HasPrefix(full, p.Path+".") || strings.HasPrefix(p.Path, full+"."))
	})
}

// known complains when name is none of names; what says what it should be.
func (c checker) known(path []string, what, name string, names []string) bool {
	if slices.Contains(names, name) {
		return true
	}
	c.at(path, fmt.Sprintf("there is no %s %q", what, name), document.Choose(name, names))
	return false
}

// knownKey is known for a name that is a key.
func (c checker) knownKey(path []string, what string, names []string) bool {
	name := path[len(path)-1]
	if slices.Contains(names, name) {
		return true
	}
	c.atKey(path, fmt.Sprintf("there is no %s %q", what, name), document.Choose(name, names))
	return false
}

// in complains when a duration is outside its bounds.
func (c checker) in(path []string, d document.Duration, least, most time.Duration) {
	if v := time.Duration(d); v < least || v > most {
		c.at(path, fmt.Sprintf("%s is out of range", document.WriteDuration(v)),
			fmt.Sprintf("write a duration from %s to %s", document.WriteDuration(least), document.WriteDuration(most)))
	}
}

const month = 30 * 24 * time.Hour

func at(parts ...string) []string { return parts }

func (c checker) target() {
	f := c.file
	c.onGitHub()
	switch {
	case f.App == "":
		c.at(at("app"), "the application's name is missing", `add "app: NAME"`)
	case !document.IsName(f.App):
		c.at(at("app"), fmt.Sprintf("%q cannot be a name", f.App),
			fmt.Sprintf("names have 1 to %d lower-case letters, digits, _ and -, a letter first", document.MaxName))
	}
	if f.Target.Vercel != nil {
		c.onVercel()
		return
	}
	own := f.Target.SelfHost
	if own == nil || own.Stable == "" {
		c.at(at("target", "selfhost", "stable"), "the address of the version that runs now is missing",
			"add target: {selfhost: {stable: http://127.0.0.1:3001}}, or target: {vercel: {project: NAME, team: SLUG}}")
	}
	if own == nil {
		return
	}
	if _, port, err := net.SplitHostPort(own.Listen); err != nil || !validPort(port) {
		c.at(at("target", "selfhost", "listen"), fmt.Sprintf("%q is no address to listen on", own.Listen),
			"write HOST:PORT, for example 127.0.0.1:8080")
	}
	if own.Sticky.Cookie == "" {
		c.at(at("target", "selfhost", "sticky", "cookie"), "the cookie's name is missing", "leave the key out for slipway_id")
	}
	for key, name := range map[string]string{
		"cookie": own.Sticky.Cookie, "user_header": own.Sticky.UserHeader, "user_cookie": own.Sticky.UserCookie,
	} {
		if name != "" && !isToken(name) {
			c.at(at("target", "selfhost", "sticky", key), fmt.Sprintf("%q cannot be the name of a cookie or header", name),
				"use letters, digits, - and _")
		}
	}
}

// isToken reports whether s can name a header or a cookie.
func isToken(s string) bool {
	return regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$").MatchString(s)
}

func (c checker) environments() {
	for _, name := range c.order("environments") {
		e := c.file.Environments[name]
		here := func(key ...string) []string { return append(at("environments", name), key...) }
		for i, role := range e.Roles {
			c.known(here("roles", strconv.Itoa(i)), "role", role, append(c.order("roles"), admin))
		}
		c.known(here("guard"), "guard", e.Guard, c.order("guards"))
		if e.URL != "" {
			if why := badURL(e.URL); why != "" {
				c.at(here("url"), fmt.Sprintf("%q is not an address: %s", e.URL, why), "write for example https://shop.example.com")
			}
		}
		if e.Custom != "" {
			c.custom(here("custom"), name, e.Custom)
		}
		for i, pattern := range e.Branches {
			if _, err := path.Match(pattern, "main"); err != nil || pattern == "" {
				c.at(here("branches", strconv.Itoa(i)), fmt.Sprintf("%q is no pattern for branches", pattern),
					"write for example release/*")
			}
		}
	}
}

func (c checker) stages() {
	s := c.file.Stages.Staging
	here := func(key string) []string { return at("stages", stgStage, key) }
	c.suite(here("smoke"), string(s.Smoke))
	if s.Load != "" {
		c.known(here("load"), "tier of the load test", string(s.Load), []string{"light", "medium", "heavy", document.Off})
	}
	c.role(here("sign_off"), string(s.SignOff), stgStage)
	if s.Flags != "" {
		c.known(here("flags"), "word for flags", string(s.Flags), []string{"tested", document.Off})
	}
}

// suite complains about a suite that is not there; the empty name is none.
func (c checker) suite(path []string, name string) {
	if name != "" {
		c.known(path, "smoke suite", name, c.order("smoke"))
	}
}

// role complains about a role that is not there, or that may not see the
// environment in which it is asked for something.
func (c checker) role(path []string, name, env string) {
	if name == "" {
		return
	}
	if !slices.Contains(c.order("roles"), name) {
		if path[len(path)-1] == name {
			c.knownKey(path, "role", c.order("roles"))
		} else {
			c.known(path, "role", name, c.order("roles"))
		}
		return
	}
	if slices.Contains(c.file.Environments[env].Roles, name) {
		return
	}
	if _, isDefault := c.tree.Find(path); isDefault {
		list := at("environments", env, "roles") // where the role was left out is where it is wrong
		where, _ := c.tree.Find(list)
		c.d.AddAt(where, document.Join(list),
			fmt.Sprintf("the role %q is missing, but %s asks for it", name, document.Join(path)),
			fmt.Sprintf("add %s, or name another role in %s", name, document.Join(path)))
		return
	}
	c.at(path, fmt.Sprintf("the role %q is asked, but may not see %s", name, env),
		fmt.Sprintf("add it to environments.%s.roles", env))
}

func (c checker) production() {
	p := c.file.Stages.Production
	here := func(key ...string) []string { return append(at("stages", prodStage), key...) }
	if len(p.Approve) == 0 {
		c.at(here("approve"), "nobody approves production", "name a role, for example approve: [product]")
	}
	c.approvers(here("approve"), p.Approve, prodStage)
	if p.Verify == "" || p.Verify == document.Off {
		c.at(here("verify"), "a release is not complete before it is verified in production",
			"name a smoke suite, for example verify: core")
	}
	c.suite(here("verify"), p.Verify)
	c.in(here("watch"), p.Watch, time.Millisecond, month)
	c.known(here("guard"), "guard", p.Guard, c.order("guards"))
	for i, flag := range p.EnableFlags {
		if flag == "" || len(flag) > document.MaxName || slices.Contains(p.EnableFlags[:i], flag) {
			c.at(here("enable_flags", strconv.Itoa(i)), fmt.Sprintf("%q is no flag, or is there twice", flag),
				"name every flag once")
		}
	}
	if len(p.EnableFlags) > 0 {
		c.role(here("enable_flags"), flagOwner, prodStage)
	}
}

// approvers complains about roles that cannot approve in an environment.
func (c checker) approvers(path []string, rules []approval.Rule, env string) {
	for _, r := range rules {
		if c.find(path, r.Role) {
			c.role(append(slices.Clone(path), r.Role), r.Role, env)
			continue
		}
		c.role(path, r.Role, env)
	}
}

// find reports whether the path has the key: approvers are written as a list or
// with numbers.
func (c checker) find(path []string, key string) bool {
	n := c.tree
	for _, part := range path {
		n = n.Get(part)
	}
	return n.Get(key) != nil
}

func (c checker) rollback() {
	r := c.file.Rollback
	for _, env := range c.order("rollback") {
		how, ok := r.Environments[env]
		if !ok {
			continue
		}
		if !c.knownKey(at("rollback", env), "environment", c.order("environments")) {
			continue
		}
		switch {
		case how == auto && env == prodStage:
			c.at(at("rollback", env), "production never rolls back without a person's approval",
				"write approve; the canary, which is automatic, already protects production's visitors")
		case how == ask && len(r.Approvers) > 0:
			c.approvers(at("rollback", "approvers"), r.Approvers, env)
		}
	}
	if len(r.Approvers) == 0 {
		c.at(at("rollback", "approvers"), "nobody approves rollbacks", "name a role, for example approvers: [incident]")
	}
	if r.Verify == "" || r.Verify == document.Off {
		c.at(at("rollback", "verify"), "a rollback is not done before it is verified",
			"name a smoke suite, for example verify: core")
	}
	c.suite(at("rollback", "verify"), r.Verify)
	c.in(at("rollback", "watch"), r.Watch, 0, month)
	c.known(at("rollback", "guard"), "guard", r.Guard, c.order("guards"))
}

func (c checker) roles() {
	var permissions []string
	for _, p := range access.All() {
		permissions = append(permissions, string(p))
	}
	for _, name := range c.order("roles") {
		if name == admin {
			c.atKey(at("roles", admin), "the role admin holds everything and cannot be changed", "give it another name")
			continue
		}
		r := c.file.Roles[name]
		for _, p := range c.order("roles", name, "may") {
			here := at("roles", name, "may", p)
			if !c.knownKey(here, "permission", permissions) {
				continue
			}
			if global(access.Permission(p)) {
				c.atKey(here, p+" belongs to no environment", "move it to everywhere")
			}
			for i, env := range r.May[p] {
				if env != everywhere {
					c.known(append(here, strconv.Itoa(i)), "environment", env, c.order("environments"))
				}
			}
		}
		for i, p := range r.Everywhere {
			here := at("roles", name, "everywhere", strconv.Itoa(i))
			if c.known(here, "permission", p, permissions) && !global(access.Permission(p)) {
				c.at(here, p+" is held in environments", "write it under may, for example "+p+": all")
			}
		}
	}
}
