// Package workload lets machines in with what they are, instead of with a token that somebody keeps for them: the
// OpenID Connect tokens that GitHub Actions, Vercel and other platforms give to each run.
//
// A rule of the strategy names an issuer, an audience and claims, and says what a run that shows them may do. A token
// is good for as long as its issuer says, minutes as a rule. Keys are read from the issuer
// and kept; a flood of false tokens makes no requests.
package workload

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/fault"
)

// Rule says who a run is, and what it may do.
type Rule struct {
	Name     string
	Issuer   string            // as in the token's iss
	Audience string            // as in the token's aud
	Match    map[string]string // every claim that must be there; * at the end stands for the rest
	Scopes   []access.Scope
}

const (
	maxToken  = 16 << 10
	maxKnown  = 1000             // tokens that were found good lately
	remember  = time.Minute      // for which a good token is not looked at again
	keepKeys  = 30 * time.Second // an issuer is asked once in so long at most
	maxAnswer = 1 << 20
)

// Verifier checks tokens against rules.
type Verifier struct {
	rules []Rule
	asks  *asks
	now   func() time.Time

	mu        sync.Mutex
	providers map[string]*oidc.Provider
	known     map[[sha256.Size]byte]good
}

type good struct {
	who   access.Actor
	until time.Time
}

// New returns a verifier. The client asks issuers for their keys.
func New(rules []Rule, client *http.Client, now func() time.Time) *Verifier {
	return &Verifier{
		rules: rules, asks: &asks{client: client, now: now, had: map[string]answer{}}, now: now,
		providers: map[string]*oidc.Provider{}, known: map[[sha256.Size]byte]good{},
	}
}

func refused(format string, args ...any) error {
	return fault.New(fault.Unknown, "identity_refused", format, args...)
}

// Actor returns who shows a token. Faults: Unknown (identity_refused) with what does not fit, Unavailable when the
// issuer does not answer.
func (v *Verifier) Actor(ctx context.Context, raw string) (access.Actor, error) {
	if len(raw) > maxToken {
		return access.Actor{}, refused("The token is longer than any that a platform gives.")
	}
	now, sum := v.now(), sha256.Sum256([]byte(raw))
	v.mu.Lock()
	g, ok := v.known[sum]
	v.mu.Unlock()
	if ok && now.Before(g.until) {
		return g.who, nil
	}
	issuer, err := issuerOf(raw)
	if err != nil {
		return access.Actor{}, err
	}
	i := slices.IndexFunc(v.rules, func(r Rule) bool { return r.Issuer == issuer })
	if i < 0 {
		return access.Actor{}, refused("No identity of the strategy has the issuer %.100q.", issuer)
	}
	t, err := v.verify(ctx, issuer, raw)
	if err != nil {
		return access.Actor{}, err
	}
	who, err := v.match(t)
	if err != nil {
		return access.Actor{}, err
	}
	until := now.Add(remember)
	if t.Expiry.Before(until) {
		until = t.Expiry
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.known) >= maxKnown {
		clear(v.known)
	}
	v.known[sum] = good{who, until}
	return who, nil
}

// issuerOf reads whose a token says it is, which is not believed yet.
func issuerOf(raw string) (string, error) {
	_, rest, _ := strings.Cut(raw, ".")
	body, _, _ := strings.Cut(rest, ".")
	var claims struct {
		Issuer string `json:"iss"`
	}
	b, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil || json.Unmarshal(b, &claims) != nil || claims.Issuer == "" {
		return "", refused("The token cannot be read.")
	}
	return claims.Issuer, nil
}

func (v *Verifier) verify(ctx context.Context, issuer, raw string) (*oidc.IDToken, error) {
	p, err := v.provider(ctx, issuer)
	if err != nil {
		return nil, err
	}
	// The audience is compared with each rule below.
	t, err := p.VerifierContext(v.asks.context(ctx), &oidc.Config{SkipClientIDCheck: true, Now: v.now,
		SupportedSigningAlgs: []string{oidc.RS256, oidc.ES256}}).Verify(v.asks.context(ctx), raw)
	if err != nil {
		if e := v.asks.failed(issuer); e != nil {
			return nil, e
		}
		return nil, refused("The token does not hold: %s.", strings.TrimPrefix(err.Error(), "oidc: "))
	}
	return t, nil
}

func (v *Verifier) provider(ctx context.Context, issuer string) (*oidc.Provider, error) {
	v.mu.Lock()
	p := v.providers[issuer]
	v.mu.Unlock()
	if p != nil {
		return p, nil
	}
	p, err := oidc.NewProvider(v.asks.context(ctx), issuer)
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "issuer_unavailable",
			"%s does not say by which keys its tokens are checked. Try again, or use an API token.", issuer)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.providers[issuer] = p
	return p, nil
}

// match finds the rule whose claims a token shows.
func (v *Verifier) match(t *oidc.IDToken) (access.Actor, error) {
	claims := map[string]any{}
	if err := t.Claims(&claims); err != nil {
		return access.Actor{}, refused("The token's claims cannot be read.")
	}
	why := ""
	for _, r := range v.rules {
		if r.Issuer != t.Issuer {
			continue
		}
		if !slices.Contains(t.Audience, r.Audience) {
			why = fmt.Sprintf("%s asks for the audience %q, and the token has %q", r.Name, r.Audience, t.Audience)
			continue
		}
		if missing := lacks(r, claims); missing != "" {
			why = missing
			continue
		}
		return r.actor(t, claims), nil
	}
	return access.Actor{}, refused("No identity of the strategy fits the token: %s.", why)
}

// lacks says which claim does not fit, without saying what would.
func lacks(r Rule, claims map[string]any) string {
	for _, name := range slices.Sorted(maps.Keys(r.Match)) {
		want := r.Match[name]
		have, isText := claims[name].(string)
		prefix, open := strings.CutSuffix(want, "*")
		if !isText || have != want && !(open && strings.HasPrefix(have, prefix)) {
			return fmt.Sprintf("%s asks for another %s than %.100q", r.Name, name, have)
		}
	}
	return ""
}

func (r Rule) actor(t *oidc.IDToken, claims map[string]any) access.Actor {
	var about []string
	for _, name := range []string{"repository", "project", "environment", "workflow", "run_id"} {
		if s, ok := claims[name].(string); ok && s != "" && len(s) <= 100 {
			about = append(about, plain(s))
		}
	}
	if len(about) == 0 {
		about = []string{fmt.Sprintf("%.100s", plain(t.Subject))}
	}
	grants := make([]access.Grant, 0, len(r.Scopes))
	for _, s := range r.Scopes {
		grants = append(grants, access.Grant{Permission: s.Permission, Environment: s.Environment})
	}
	return access.Actor{
		ID: "workload:" + r.Name, Name: fmt.Sprintf("%s (%s)", r.Name, strings.Join(about, ", ")), Grants: grants,
	}
}

// plain leaves out what would make a name look like something else: a workflow is called what its author likes.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || strings.ContainsRune("(),", r) || r == utf8.RuneError {
			return -1
		}
		return r
	}, s)
}
