package ofrep_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/credential"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/ofrep"
	"github.com/slipwayhq/slipway/internal/store"
)

// from has a door take a header for the address, as if there were a proxy before it.
func from(o *ofrep.Options) {
	o.Address = func(r *http.Request) string { return r.Header.Get("X-From") }
}

func TestAFloodOfUnknownTokensCostsTheStoreLittle(t *testing.T) {
	var asked atomic.Int64
	w := newWorld(t, from, func(o *ofrep.Options) {
		know := o.Token
		o.Token = func(ctx context.Context, secret string) (access.Actor, error) {
			asked.Add(1)
			return know(ctx, secret)
		}
	})
	ask := func(address, secret string) int {
		return w.ask(http.MethodPost, "/ofrep/v1/evaluate/flags", "{}", "X-From", address, "Authorization",
			"Bearer "+secret).status
	}
	if got := ask("mallory", token); got != 200 {
		t.Fatalf("a token: %d", got)
	}
	limited := 0
	for i := range 500 {
		switch got := ask("mallory", fmt.Sprintf("slp_%d", i)); got {
		case http.StatusTooManyRequests:
			limited++
		case http.StatusUnauthorized:
		default:
			t.Fatalf("an unknown token: %d", got)
		}
	}
	if n := asked.Load(); n > 60 || limited < 440 {
		t.Errorf("the store was asked %d times, %d were refused", n, limited)
	}
	if got := ask("mallory", token); got != 200 {
		t.Errorf("who is known from the same address: %d", got)
	}
	for i := range 2000 {
		ask(fmt.Sprint("of many ", i), fmt.Sprintf("slp_many_%d", i))
	}
	if n := asked.Load(); n > 1000 {
		t.Errorf("of many addresses the store was asked %d times", n)
	}
}

func TestWhoRepeatsAWrongTokenHoldsNobodyUp(t *testing.T) {
	w := newWorld(t)
	ask := func(secret string) int {
		return w.ask(http.MethodPost, "/ofrep/v1/evaluate/flags", "{}", "Authorization", "Bearer "+secret).status
	}
	for range 50 {
		if got := ask("slp_same"); got != http.StatusUnauthorized {
			t.Fatalf("the same wrong token: %d", got)
		}
	}
	if got := ask(token); got != http.StatusOK {
		t.Errorf("another from the same address: %d", got)
	}
}

func TestNeitherAKeyNorAnAddressTakesAllStreams(t *testing.T) {
	w := newWorld(t, from, func(o *ofrep.Options) { o.Streams, o.KeyStreams, o.AddressStreams = 10, 6, 2 })
	other := w.key("public", "other")
	open := func(key, address string) int { return w.listen("/flags/v1/events?key="+key, "X-From", address).status }
	status := []int{}
	for i := range 9 {
		status = append(status, open(w.public, fmt.Sprint(i/3)))
	}
	status = append(status, open(other, "a"), open(other, "b"), open(other, "c"))
	for range 3 {
		status = append(status, w.listen("/flags/v1/events", "X-API-Key", w.server).status)
	}
	if got, want := fmt.Sprint(status), "[200 200 429 200 200 429 200 200 429 200 200 503 200 200 503]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestOneVisitorDoesNotUseUpAPublicKey(t *testing.T) {
	w := newWorld(t, from, func(o *ofrep.Options) { o.Rate = 50 })
	ask := func(address string) int { return w.bulk(w.public, "{}", "X-From", address).status }
	limited := 0
	for range 40 {
		if ask("mallory") == http.StatusTooManyRequests {
			limited++
		}
	}
	if limited < 20 || ask("ada") != 200 {
		t.Errorf("%d of 40 were too many, and another gets %d", limited, ask("ada"))
	}
}

func TestWhatAPublicKeyCountsIsBounded(t *testing.T) {
	w := newWorld(t, from)
	report := func(key, address string, n int) int {
		return w.ask(http.MethodPost, "/flags/v1/usage", fmt.Sprintf(
			`{"items":[{"flag":"checkout","variant":"on","exposures":%d}]}`, n), "X-API-Key", key, "X-From", address).status
	}
	for _, test := range []struct {
		name, key, address string
		counts, status     int
	}{
		{"a page", w.public, "ada", 20, 200},
		{"far too much", w.public, "ada", 1_000_000, 400},
		{"much", w.public, "mallory", 2000, 200},
		{"and more", w.public, "mallory", 1900, 429},
		{"another page", w.public, "ada", 20, 200},
		{"a server", w.server, "", 1_000_000, 200},
	} {
		if got := report(test.key, test.address, test.counts); got != test.status {
			t.Errorf("%s: %d", test.name, got)
		}
	}
	limited := 0
	for i := range 100 {
		if report(w.public, fmt.Sprint("one of many ", i), 2000) == http.StatusTooManyRequests {
			limited++
		}
	}
	if limited < 50 {
		t.Errorf("of many addresses %d of 100 were too many", limited)
	}
}

func TestStreamsEndSoonAfterTheToken(t *testing.T) {
	for _, how := range []string{"revoked", "not to look there"} {
		t.Run(how, func(t *testing.T) {
			var ended atomic.Bool
			var w *world
			of := func(ctx context.Context, hash string) (access.Actor, error) {
				if ended.Load() && how == "revoked" || hash != credential.Hash(token) {
					return access.Actor{}, fault.New(fault.Unknown, "token_invalid", "no")
				}
				who, err := w.actor(ctx, token)
				if ended.Load() {
					who.Grants = nil
				}
				return who, err
			}
			w = newWorld(t, func(o *ofrep.Options) {
				o.TokenOf = of
				o.Token = func(ctx context.Context, s string) (access.Actor, error) { return of(ctx, credential.Hash(s)) }
			})
			ticket := w.list(w.ask(http.MethodPost, "/ofrep/v1/evaluate/flags", "{}", "Authorization",
				"Bearer "+token)).EventStreams[0].Endpoint.RequestURI
			streams := []*stream{w.listen(ticket), w.listen("/flags/v1/events", "Authorization", "Bearer "+token)}
			for _, s := range streams {
				s.next("data: ")
			}
			ended.Store(true)
			for _, s := range streams {
				if l := s.next("never"); l != "" {
					t.Errorf("it says %s", l)
				}
			}
			if s := w.listen(ticket); s.status != 401 {
				t.Errorf("its ticket: %d", s.status)
			}
		})
	}
}

// A key is for its environment, whatever else a request names.
func TestAKeyDoesNotCrossEnvironments(t *testing.T) {
	w := newWorld(t)
	staging := "slwf_srv_of-staging"
	w.write(func(tx *store.Tx) error {
		return tx.InsertFlagKey(t.Context(), store.FlagKey{ID: "fky_staging", App: "shop", Environment: "staging",
			Kind: "server", Name: "staging", Hash: credential.Hash(staging), Created: tx.Now()})
	})
	w.until("the key holds", func() bool { return w.flags.Key(staging) != nil })
	for _, path := range []string{
		"/flags/v1/document?environment=production", "/flags/v1/document?environment=production&flagConfigEtag=%2299-a",
	} {
		got := w.ask(http.MethodGet, path, "", "X-API-Key", staging, "X-Environment", "production")
		if got.status != 200 || strings.Contains(got.body, "production") || !strings.Contains(got.body, "shop/staging") {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	ticket := w.list(w.ask(http.MethodPost, "/ofrep/v1/evaluate/flags", "{}", "X-API-Key",
		w.server)).EventStreams[0].Endpoint.RequestURI
	text, mac, _ := strings.Cut(strings.TrimPrefix(ticket, "/flags/v1/events?ticket="), ".")
	body, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	forged := base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(body), "production", "staging", 1)))
	if s := w.listen("/flags/v1/events?ticket=" + forged + "." + mac); s.status != http.StatusUnauthorized {
		t.Errorf("a ticket for another environment: %d", s.status)
	}
}
