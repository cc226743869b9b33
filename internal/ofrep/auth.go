package ofrep

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flagset"
)

// caller is who asks, and about what.
type caller struct {
	environment string
	public      bool
	lists       bool         // of a token: who holds it may read segments, or make a key that may
	key         *flagset.Key // nil for an API token
	token       string       // its hash; empty for a key
	address     string       // that it comes from, where something is counted by address
	secret      string       // as it was sent; empty for a ticket
	until       time.Time    // when its ticket ends; zero: it does not
	now         time.Time
}

// problem is why a request is refused.
type problem struct {
	status int
	failure
}

func refuse(status int, details string) *problem { return &problem{status, failure{Details: details}} }

// admit finds out who asks, whether they may, and whether not too often.
func (d *Door) admit(w http.ResponseWriter, r *http.Request, origin string, c *caller) *problem {
	c.now = time.Now()
	secret := r.Header.Get("X-Api-Key")
	if h := r.Header.Get("Authorization"); h != "" {
		scheme, rest, _ := strings.Cut(h, " ")
		if secret = strings.TrimSpace(rest); !strings.EqualFold(scheme, "Bearer") {
			secret = ""
		}
	}
	var p *problem
	switch {
	case secret == "" && r.URL.Path == eventsPath: // a browser's EventSource cannot send headers
		p = d.byAddress(w, r, c)
	case strings.HasPrefix(secret, "slwf_"):
		p = d.byKey(secret, c)
	case secret != "":
		p = d.byToken(w, r, secret, c)
	default:
		p = refuse(http.StatusUnauthorized, "Send a key: Authorization: Bearer slwf_…")
	}
	if p == nil {
		p = d.fromPage(w, origin, c)
	} else if origin != "" { // so that the page can read why
		w.Header().Set("Access-Control-Allow-Origin", origin)
	}
	if p != nil {
		d.refused.Add(1)
		if p.status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", `Bearer realm="slipway flags"`)
		}
		return p
	}
	if c.key == nil {
		return nil
	}
	c.key.Use(c.now)
	if c.public { // one visitor must not use up what all have: everybody can read the key
		c.address = d.Address(r)
		if wait := d.askers.of(c.address).Take(c.now, d.Rate/tenth); wait > 0 {
			d.limited.Add(1)
			retry(w, wait)
			return refuse(http.StatusTooManyRequests, "This address asks too often.")
		}
	}
	if wait := c.key.Rate.Take(c.now, d.Rate); wait > 0 {
		d.limited.Add(1)
		retry(w, wait)
		return refuse(http.StatusTooManyRequests, "This key asks too often.")
	}
	return nil
}

// fromPage lets pages of the key's origins read the answer, and refuses others.
func (d *Door) fromPage(w http.ResponseWriter, origin string, c *caller) *problem {
	switch {
	case origin == "":
		return nil
	case c.key == nil && c.secret != "": // a token: what a page of this server may do with it, it may
		return nil
	case !c.public && c.secret != "":
		return refuse(http.StatusForbidden,
			"A server key must not be in a page. Use a public key there, and revoke this one.")
	case c.public && !c.key.From(origin):
		return refuse(http.StatusForbidden, "Pages of this origin may not use this key.")
	}
	h := w.Header()
	h["Access-Control-Allow-Origin"] = []string{origin}
	h["Access-Control-Expose-Headers"] = []string{"ETag, Retry-After"}
	return nil
}

func (d *Door) byKey(secret string, c *caller) *problem {
	k := d.Flags.Key(secret)
	if k == nil {
		return refuse(http.StatusUnauthorized, "The key is unknown or revoked.")
	}
	c.key, c.environment, c.public, c.secret = k, k.Environment, k.Public, secret
	return nil
}

func (d *Door) byToken(w http.ResponseWriter, r *http.Request, secret string, c *caller) *problem {
	if d.Token == nil || len(secret) > 256 {
		return refuse(http.StatusUnauthorized, "The token is not valid.")
	}
	sum := sha256.Sum256([]byte(secret))
	c.token = hex.EncodeToString(sum[:])
	who, p := d.holder(w, r, c, func(ctx context.Context) (access.Actor, error) { return d.Token(ctx, secret) })
	if p != nil {
		return p
	}
	c.environment = r.URL.Query().Get("environment")
	if c.environment == "" {
		c.environment = only(who)
	}
	if c.environment == "" {
		return &problem{http.StatusBadRequest, failure{
			Code: "GENERAL", Details: "A token is for several environments: name one with ?environment=.",
		}}
	}
	if !who.May(access.ViewEnvironment, c.environment) {
		return refuse(http.StatusForbidden, "The token may not see this environment.")
	}
	c.secret = secret
	c.lists = who.May(access.EditFlag, c.environment) || who.May(access.ManageFlagKeys, c.environment)
	return nil
}

// holder returns who acts by the caller's token.
func (d *Door) holder(
	w http.ResponseWriter, r *http.Request, c *caller, ask func(context.Context) (access.Actor, error),
) (access.Actor, *problem) {
	who, wait, err := d.tokens.actor(r.Context(), ask, c.token, func() string { return d.Address(r) }, c.now)
	switch {
	case wait > 0:
		d.limited.Add(1)
		retry(w, wait)
		return who, refuse(http.StatusTooManyRequests, "Too many unknown tokens come from there. Try again later.")
	case fault.Is(err, fault.Unknown):
		return who, refuse(http.StatusUnauthorized, "The token is not valid.")
	case err != nil:
		return who, refuse(http.StatusServiceUnavailable, "The token cannot be checked now.")
	}
	return who, nil
}

// only is the environment that an actor may see, if there is no more than one.
func only(who access.Actor) string {
	out := ""
	for _, g := range who.Grants {
		if g.Permission != access.ViewEnvironment {
			continue
		}
		if g.Environment == access.Everywhere || out != "" && out != g.Environment {
			return ""
		}
		out = g.Environment
	}
	return out
}

// A ticket stands in the address of an event stream in the place of a secret. It ends with the hour after the next, so
// that the address stays the same for an hour.
const ticketHour = time.Hour

// tokenMark stands before the hash of a token in a ticket, in the place of the id of a key: a ticket opens nothing any
// more when that which it was given to ends.
const tokenMark = "#"

// ticketEnd is when a ticket ends that is given at a moment.
func ticketEnd(now time.Time) int64 { return now.Truncate(ticketHour).Add(2 * ticketHour).Unix() }

// ticket returns one for the events of the caller's environment.
func (d *Door) ticket(c *caller) string {
	id := tokenMark + c.token
	if c.key != nil {
		id = c.key.ID
	}
	body := c.environment + "~" + id + "~" + strconv.FormatInt(ticketEnd(c.now), 10)
	return base64.RawURLEncoding.EncodeToString([]byte(body)) + "." + d.sign(body)
}

func (d *Door) sign(body string) string {
	mac := hmac.New(sha256.New, d.Secret)
	mac.Write([]byte(body))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:20])
}

// byAddress reads the public key or the ticket in the address of a stream.
func (d *Door) byAddress(w http.ResponseWriter, r *http.Request, c *caller) *problem {
	q := r.URL.Query()
	if key := q.Get("key"); strings.HasPrefix(key, "slwf_pub_") {
		return d.byKey(key, c)
	}
	wrong := refuse(http.StatusUnauthorized, "Send a key, or ask for the address of the stream again: this one has ended.")
	text, mac, _ := strings.Cut(q.Get("ticket"), ".")
	body, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || !hmac.Equal([]byte(mac), []byte(d.sign(string(body)))) {
		return wrong
	}
	parts := strings.Split(string(body), "~")
	if len(parts) != 3 {
		return wrong
	}
	end, err := strconv.ParseInt(parts[2], 10, 64)
	if err != nil || c.now.Unix() >= end {
		return wrong
	}
	c.environment, c.until = parts[0], time.Unix(end, 0)
	hash, ofToken := strings.CutPrefix(parts[1], tokenMark)
	if !ofToken {
		if c.key = d.Flags.KeyByID(parts[1]); c.key == nil {
			return wrong
		}
		return nil
	}
	if d.TokenOf == nil {
		return wrong
	}
	c.token = hash
	who, p := d.holder(w, r, c, func(ctx context.Context) (access.Actor, error) { return d.TokenOf(ctx, hash) })
	if p == nil && !who.May(access.ViewEnvironment, c.environment) {
		return wrong
	}
	return p
}
