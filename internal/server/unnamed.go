package server

import (
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"
)

// Addresses says whom requests are counted as, and notices a proxy that nobody has named: all who come through it are
// one address then, and share its limits.
type Addresses struct {
	Proxies []netip.Prefix // whose word is believed
	Log     *slog.Logger

	unnamed atomic.Int64 // requests that another one has passed on
	next    atomic.Int64 // Unix time before which it is not said again
}

// tellEvery is how often people are told: whoever likes can send the header.
const tellEvery = time.Hour

// Of is AddressBehind.
func (a *Addresses) Of(r *http.Request) string {
	if r.Header["X-Forwarded-For"] != nil {
		a.passedOn(r, time.Now())
	}
	return AddressBehind(a.Proxies, r)
}

// Unnamed is how many requests came through a proxy that is not named.
func (a *Addresses) Unnamed() int64 { return a.unnamed.Load() }

// passedOn notes a request that says it was passed on, by somebody whose word is not believed.
func (a *Addresses) passedOn(r *http.Request, now time.Time) {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil || isProxy(a.Proxies, host) {
		return
	}
	a.unnamed.Add(1)
	next := a.next.Load()
	if now.Unix() < next || !a.next.CompareAndSwap(next, now.Add(tellEvery).Unix()) {
		return
	}
	// A visitor can send the header too, and their address belongs in no log: only a network's own is named.
	peer := "a public address"
	if at, err := netip.ParseAddr(host); err == nil && (at.IsPrivate() || at.IsLoopback() || at.IsLinkLocalUnicast()) {
		peer = host
	}
	a.Log.Warn("requests for flags come through a proxy that is not named: all behind it count as one address and share "+
		"its limits. Name it: --trusted-proxy", "proxy", peer)
}
