package workload

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/slipwayhq/slipway/internal/fault"
)

// asks fetches what issuers publish, each address once in a while: a token with an unknown key makes the library ask
// for the keys again, and anybody can make up such tokens.
type asks struct {
	client *http.Client
	now    func() time.Time

	mu  sync.Mutex
	had map[string]answer // by address; only addresses of named issuers are ever asked for
}

type answer struct {
	at     time.Time
	status int
	header http.Header
	body   []byte
	err    error
}

// context returns ctx for the library to ask with.
func (a *asks) context(ctx context.Context) context.Context {
	return oidc.ClientContext(context.WithoutCancel(ctx), &http.Client{Transport: a, Timeout: 10 * time.Second})
}

// RoundTrip implements http.RoundTripper.
func (a *asks) RoundTrip(r *http.Request) (*http.Response, error) {
	address := r.URL.String()
	a.mu.Lock()
	defer a.mu.Unlock() // who comes meanwhile gets the same answer
	x, ok := a.had[address]
	if !ok || a.now().Sub(x.at) >= keepKeys {
		fresh := a.ask(r)
		if fresh.err != nil && ok && x.err == nil { // keys that held a minute ago are better than none
			x.at = a.now()
			fresh = x
		}
		x = fresh
		a.had[address] = x
	}
	if x.err != nil {
		return nil, x.err
	}
	return &http.Response{StatusCode: x.status, Status: http.StatusText(x.status), Header: x.header, Request: r,
		Body: io.NopCloser(bytes.NewReader(x.body))}, nil
}

func (a *asks) ask(r *http.Request) answer {
	x := answer{at: a.now()}
	res, err := a.client.Do(r)
	if err != nil {
		x.err = fmt.Errorf("ask %s: %w", r.URL.Host, err)
		return x
	}
	defer func() { _ = res.Body.Close() }()
	x.status, x.header = res.StatusCode, res.Header
	if x.body, x.err = io.ReadAll(io.LimitReader(res.Body, maxAnswer)); x.err == nil && res.StatusCode >= 500 {
		x.err = fmt.Errorf("%s answers %d", r.URL.Host, res.StatusCode)
	}
	return x
}

// failed returns why an issuer's keys could not be read, if that is why.
func (a *asks) failed(issuer string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for address, x := range a.had {
		if x.err != nil && strings.HasPrefix(address, strings.TrimRight(issuer, "/")+"/") {
			return fault.Wrap(x.err, fault.Unavailable, "issuer_unavailable",
				"%s does not answer, so its tokens cannot be checked. Try again, or use an API token.", issuer)
		}
	}
	return nil
}
