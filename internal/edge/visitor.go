package edge

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/slipwayhq/slipway/internal/metric"
)

// stickyLength is the length of the ids that the edge hands out: 128 bits in hex.
const stickyLength = 32

// visitor is who asks, as far as the assignment is concerned.
type visitor struct {
	id    string // what is hashed
	fresh bool   // the id was made for this request: hand it out with the answer
	first bool   // and nothing says that this visitor was here before
}

// visitorOf identifies who sent r. See DESIGN.md, "Who is a visitor".
func (e *Edge) visitorOf(rt *routes, r *http.Request, class metric.Class) visitor {
	s := rt.table.Sticky
	if s.UserHeader != "" {
		if v := r.Header.Get(s.UserHeader); v != "" {
			return visitor{id: v}
		}
	}
	if s.UserCookie != "" {
		if v := cookieValue(r.Header, s.UserCookie); v != "" {
			return visitor{id: v}
		}
	}
	if v := cookieValue(r.Header, rt.cookie); isSticky(v) {
		return visitor{id: v}
	}
	switch {
	case class != metric.Document:
		return visitor{id: e.addressID(r)}
	case fromHere(r):
		// The page before this one offered the cookie and it did not come back:
		// this client keeps none. It is still offered, with the id that it has.
		return visitor{id: e.addressID(r), fresh: true}
	}
	return visitor{id: randomID(), fresh: true, first: true}
}

// fromHere reports whether a document was asked for from a page of this host.
func fromHere(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin":
		return true
	case "":
		u, err := url.Parse(r.Header.Get("Referer"))
		return err == nil && u.Host != "" && u.Host == r.Host
	}
	return false
}

// addressID is the id of a client without cookies: its address and user agent.
func (e *Edge) addressID(r *http.Request) string {
	sum := sha256.Sum256([]byte(e.clientIP(r) + "\n" + r.UserAgent()))
	return hex.EncodeToString(sum[:stickyLength/2])
}

// randomID returns 128 random bits in hex.
func randomID() string {
	var b [stickyLength / 2]byte
	_, _ = rand.Read(b[:]) // never fails: see crypto/rand
	return hex.EncodeToString(b[:])
}

// isSticky reports whether v has the form of the ids that the edge hands out.
func isSticky(v string) bool {
	if len(v) != stickyLength {
		return false
	}
	for i := range len(v) {
		if c := v[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// stickyCookie is the cookie that hands out an id.
func stickyCookie(name, id string, secure bool) string {
	c := name + "=" + id + "; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax"
	if secure {
		c += "; Secure"
	}
	return c
}

// trusts reports whether r comes straight from a trusted proxy.
func (e *Edge) trusts(r *http.Request) bool {
	return len(e.opts.TrustedProxies) > 0 && e.trustedAddr(remoteIP(r))
}

func (e *Edge) trustedAddr(ip string) bool {
	a, err := netip.ParseAddr(ip)
	if err != nil {
		return false
	}
	for _, p := range e.opts.TrustedProxies {
		if p.Contains(a.Unmap()) {
			return true
		}
	}
	return false
}

// clientIP returns the address of the client: the peer, or behind trusted proxies
// the last address in X-Forwarded-For that is not one of them.
func (e *Edge) clientIP(r *http.Request) string {
	ip := remoteIP(r)
	if !e.trusts(r) {
		return ip
	}
	hops := strings.Split(strings.Join(r.Header["X-Forwarded-For"], ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop := strings.TrimSpace(hops[i])
		if _, err := netip.ParseAddr(hop); err != nil {
			break
		}
		if ip = hop; !e.trustedAddr(hop) {
			break
		}
	}
	return ip
}

// isSecure reports whether the client reached the site over TLS, as far as r's
// peer can be believed. An untrusted X-Forwarded-Proto may only make the cookie
// stricter for its own sender, so it is believed for that.
func isSecure(r *http.Request) bool {
	return r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}

func remoteIP(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	if host, _, ok := strings.Cut(host, "%"); ok {
		return host // a zone is of no use to anybody else
	}
	return host
}
