package server

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// A proxy that passes requests on without being named is counted and told of once in an hour, with the setting to
// change. One that is named is not, nor is who says nothing of being passed on; and the address of a stranger is in no
// log.
func TestAnUnnamedProxyIsNoticed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, peer, forwarded, address, says string
		unnamed                              int64
	}{
		{"nobody between", "203.0.113.9:5000", "", "203.0.113.9", "", 0},
		{"a named proxy", "10.0.0.7:5000", "203.0.113.9", "203.0.113.9", "", 0},
		{"an unnamed proxy", "192.168.1.7:5000", "203.0.113.9", "192.168.1.7", "proxy=192.168.1.7", 3},
		{"a stranger's joke, or a CDN", "198.51.100.4:5000", "203.0.113.9", "198.51.100.4", `proxy="a public address"`, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			a := &Addresses{Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
				Log: slog.New(slog.NewTextHandler(&out, nil))}
			r := httptest.NewRequest(http.MethodPost, "/ofrep/v1/evaluate/flags", nil)
			r.RemoteAddr = tt.peer
			if tt.forwarded != "" {
				r.Header.Set("X-Forwarded-For", tt.forwarded)
			}
			for range 3 {
				if got := a.Of(r); got != tt.address {
					t.Errorf("counted as %s, want %s", got, tt.address)
				}
			}
			said := out.String()
			if a.Unnamed() != tt.unnamed || strings.Count(said, "--trusted-proxy") != min(int(tt.unnamed), 1) ||
				!strings.Contains(said, tt.says) || strings.Contains(said, "203.0.113.9") || strings.Contains(said, "198.51") {
				t.Errorf("%d times: %s", a.Unnamed(), said)
			}
			if tt.unnamed == 0 {
				return
			}
			a.passedOn(r, time.Now().Add(tellEvery-time.Minute))
			a.passedOn(r, time.Now().Add(tellEvery+time.Minute))
			if n := strings.Count(out.String(), "--trusted-proxy"); n != 2 {
				t.Errorf("an hour later it was told %d times", n)
			}
		})
	}
}
