package strategy

import (
	"fmt"
	"maps"
	"net/url"
	"slices"

	"github.com/slipwayhq/slipway/internal/access"
)

// Identity lets the runs of a platform in by the OpenID Connect tokens that it gives them.
type Identity struct {
	Name     string
	Issuer   string
	Audience string
	Match    map[string]string // claims that a token must have; * at the end stands for the rest
	Scopes   []access.Scope
}

// identity is a machine that needs no kept token, e.g. ci.
type identity struct {
	Issuer   string            `yaml:"issuer" doc:"Whose tokens they are, as in the claim iss; https."`
	Audience string            `yaml:"audience" doc:"For whom they are made, as in the claim aud."`
	Match    map[string]string `yaml:"match" doc:"Claims that a token must have; * at the end stands for the rest."`
	Scopes   []string          `yaml:"scopes" doc:"What a run may do: permission@environment."`
}

// Template returns what identity is where nothing is written.
func (*identity) Template() string { return `{issuer: "", audience: slipway, match: {}, scopes: []}` }

// forPeople reports whether no machine is let in for a permission: it is people who answer for it.
func forPeople(p access.Permission) bool {
	switch p {
	case access.ApproveRelease, access.ApproveRollback, access.ApproveFlag, access.SkipStep, access.ManageUsers,
		access.ManageTokens, access.SignCheck:
		return true
	}
	return false
}

// Identities returns who is let in by what they are, in the file's order.
func (s *Strategy) Identities() []Identity {
	var out []Identity
	for _, name := range (checker{s, nil}).order("identities") {
		i := s.file.Identities[name]
		scopes, err := access.ParseScopes(i.Scopes)
		if err != nil {
			continue // checked when the file was read
		}
		out = append(out, Identity{Name: name, Issuer: i.Issuer, Audience: i.Audience, Match: i.Match, Scopes: scopes})
	}
	return out
}

func (c checker) identities() {
	for _, name := range c.order("identities") {
		i := c.file.Identities[name]
		here := func(key ...string) []string { return append(at("identities", name), key...) }
		u, err := url.Parse(i.Issuer)
		loopback := u != nil && (u.Hostname() == "127.0.0.1" || u.Hostname() == "localhost")
		if err != nil || u.Host == "" || u.Scheme != "https" && !(u.Scheme == "http" && loopback) {
			c.at(here("issuer"), fmt.Sprintf("%.100q is no issuer", i.Issuer),
				"write its address as in the tokens, e.g. https://token.actions.githubusercontent.com")
		}
		if i.Audience == "" {
			c.at(here("audience"), "the audience is missing",
				"leave the key out for slipway, and ask for tokens with that audience")
		}
		if !slices.ContainsFunc(slices.Collect(maps.Values(i.Match)), func(v string) bool { return v != "" && v != "*" }) {
			c.at(here("match"), "every token of the issuer would fit, whoever asked for it",
				"name your repository or project, e.g. match: {repository: acme/shop}")
		}
		scopes, err := access.ParseScopes(i.Scopes)
		switch {
		case err != nil:
			c.at(here("scopes"), err.Error(), "write permission@environment, e.g. release:start@staging")
		case len(scopes) == 0:
			c.at(here("scopes"), "it may do nothing", "add scopes, e.g. [check:report, release:start@staging]")
		}
		for _, s := range scopes {
			if forPeople(s.Permission) {
				c.at(here("scopes"), fmt.Sprintf("%s is for people: somebody answers for it by name", s.Permission),
					"take it out")
			}
		}
	}
}
