package app

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/desk"
	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/ident"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/strategy"
)

// benchEvents is how long the log of BenchmarkPages is; SLIPWAY_BENCH_EVENTS says
// otherwise.
const benchEvents = 20_000

// BenchmarkPages times the dashboard's pages on the server with 1,000 releases and a
// long log: the whole answer of the handler, session check included.
func BenchmarkPages(b *testing.B) {
	a, cookie := longLived(b)
	var last string
	page, err := a.Desk.Releases(b.Context(), admin(), deskQuery())
	if err != nil {
		b.Fatal(err)
	}
	last = page.Items[0].ID
	for _, path := range []string{"/", "/releases", "/releases/" + last, "/releases/" + last + "/canary", "/approvals",
		"/rollbacks", "/incidents", "/log"} {
		name := path
		if len(path) > 20 {
			name = "/releases/ID" + path[len("/releases/"+last):]
		}
		b.Run(name, func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, path, nil)
				r.RemoteAddr = fmt.Sprintf("10.%d.%d.1:4000", i/250%250, i%250) // one client is limited
				r.AddCookie(cookie)
				w := httptest.NewRecorder()
				a.Handler().ServeHTTP(w, r)
				if w.Code != http.StatusOK {
					b.Fatalf("%s answers %d: %.200s", path, w.Code, w.Body)
				}
			}
		})
	}
}

// longLived returns a program whose database has seen much, and a session's cookie.
func longLived(b *testing.B) (*App, *http.Cookie) {
	b.Helper()
	s, err := strategy.Parse(
		"bench.yaml",
		[]byte("app: shop\ntarget: {selfhost: {stable: \"http://127.0.0.1:3001\"}}\n"),
	)
	if err != nil {
		b.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = ln.Close() })
	a, err := Open(b.Context(), Options{Database: filepath.Join(b.TempDir(), "bench.db"), Strategy: s, Control: ln,
		Version: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = a.DB.Close() })
	if err := a.Engine.Adopt(b.Context(), "v0", s.Stable); err != nil {
		b.Fatal(err)
	}
	fill(b, a, s)
	secret, _, err := a.People.SetupSecret(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	if _, err := a.People.Setup(b.Context(), secret, api.NewUser{Name: "bo",
		Password: "a long enough password"}); err != nil {
		b.Fatal(err)
	}
	session, err := a.People.Login(b.Context(), "bo", "a long enough password", "127.0.0.1", "bench")
	if err != nil {
		b.Fatal(err)
	}
	return a, &http.Cookie{Name: "slipway_session", Value: session.Cookie}
}

// fill writes 1,000 releases and the log.
func fill(b *testing.B, a *App, s *strategy.Strategy) {
	b.Helper()
	events := benchEvents
	if n, err := strconv.Atoi(os.Getenv("SLIPWAY_BENCH_EVENTS")); err == nil {
		events = n
	}
	const releases = 1000
	at := time.Now().Add(-releases * time.Hour)
	for i := range releases {
		at = at.Add(time.Hour)
		r := release.New(release.Release{
			ID: ident.New("rel", at), App: "shop", Version: fmt.Sprintf("v%d", i+1), Commit: "0123abc", Author: "usr_x",
			Deployment: "dep_x",
			Previous:   "dep_x", URL: "http://127.0.0.1:3002", Plan: s.ReleasePlan(),
		}, at)
		r.Phase, r.Ended, r.Sentence = release.Completed, at, r.Version+" is in production, verified and watched."
		if i == releases-1 {
			r.Phase, r.Ended = release.Paused, time.Time{}
		}
		err := a.DB.Write(b.Context(), func(tx *store.Tx) error {
			if err := tx.InsertRelease(b.Context(), &r); err != nil {
				return err
			}
			for j := range events / releases {
				if _, err := tx.Append(b.Context(), event.Draft{
					Kind: "release.step_passed", Actor: "system:engine", App: "shop", Environment: "staging", Subject: r.ID,
					Sentence: fmt.Sprintf("Step %d of %s passed.", j, r.Version), Data: map[string]any{"step": j},
				}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

func admin() access.Actor { return access.System("bench") }

func deskQuery() desk.ReleaseQuery { return desk.ReleaseQuery{Limit: 1} }
