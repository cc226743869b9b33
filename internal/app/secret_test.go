package app

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/strategy"
)

// bearer is a Vercel that only notes with which tokens it was asked.
type bearer struct {
	mu   sync.Mutex
	seen []string
}

func (b *bearer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen = append(b.seen, r.Header.Get("Authorization"))
	http.Error(w, `{"error":{"code":"forbidden","message":"no such token: `+r.Header.Get("Authorization")+`"}}`, 403)
}

func (b *bearer) last() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.seen) == 0 {
		return ""
	}
	return b.seen[len(b.seen)-1]
}

func TestATokenIsKeptSealedAndChangedWhileItRuns(t *testing.T) {
	t.Parallel()
	const first, second, env = "vcp_first-token-of-the-shop", "vcp_second-token-of-the-shop", "vcp_from-the-environment"
	var there bearer
	api := httptest.NewServer(&there)
	t.Cleanup(api.Close)
	plan, err := strategy.Parse("test.yaml", fmt.Appendf(nil,
		"app: shop\ntarget: {vercel: {project: shop, canary: rolling, api: %q}}\n", api.URL))
	if err != nil {
		t.Fatal(err)
	}
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	var log bytes.Buffer
	file, set := filepath.Join(t.TempDir(), "a.db"), map[string]string{}
	a, err := Open(t.Context(), Options{Database: file, Strategy: plan, Control: ln,
		Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Env: func(name string) (string, bool) { s, ok := set[name]; return s, ok }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.DB.Close() })
	ask := func() error {
		_, err := VercelClient(vercelOf(t, plan), a.opts.Env, a.kept, nil).User(t.Context())
		return err
	}
	if err := ask(); fault.ReasonOf(err) != "secret_missing" || !strings.Contains(err.Error(), "target token set") {
		t.Fatalf("with no token at all: %v", err)
	}
	who := access.System("test")
	var told []error
	keep := func(token string) {
		t.Helper()
		if err := a.Engine.Secrets.Set(t.Context(), who, "target/token", token); err != nil {
			t.Fatal(err)
		}
	}
	for _, token := range []string{first, second} {
		keep(token)
		if told = append(told, ask()); there.last() != "Bearer "+token {
			t.Fatalf("asked with %q, want the token that was set last", there.last())
		}
	}
	before, err := a.DB.Sealed(t.Context(), "shop", "target/token")
	if err != nil {
		t.Fatal(err)
	}
	r, err := a.Engine.Secrets.Rotate(t.Context(), who)
	if err != nil || r.Sealed != 2 || r.Key == before.Key {
		t.Fatalf("rotation: %+v, %v", r, err)
	}
	if told = append(told, ask()); there.last() != "Bearer "+second {
		t.Fatalf("after the rotation asked with %q", there.last())
	}
	moved(t, a, before)
	set["VERCEL_TOKEN"] = env
	if told = append(told, ask()); there.last() != "Bearer "+env {
		t.Fatalf("asked with %q, want the environment's before the kept one", there.last())
	}
	log.WriteString(fmt.Sprint(told))
	for _, secret := range []string{first, second, env} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("%s is in the log or in a fault: %s", secret, log.String())
		}
		for _, f := range []string{file, file + "-wal"} {
			raw, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(raw, []byte(secret)) {
				t.Errorf("%s is in %s", secret, filepath.Base(f))
			}
		}
	}
}

// moved puts an envelope under another name: it must not open there.
func moved(t *testing.T, a *App, s store.Sealed) {
	t.Helper()
	s.Name = "target/other"
	put := func(tx *store.Tx) error { return tx.PutSealed(t.Context(), "shop", s) }
	if err := a.Engine.Write(t.Context(), put); err != nil {
		t.Fatal(err)
	}
	if got, err := a.Engine.Secrets.Open(context.WithoutCancel(t.Context()), s.Name); err == nil {
		t.Errorf("an envelope that was moved opens as %q", got)
	}
}

func vercelOf(t *testing.T, s *strategy.Strategy) strategy.Vercel {
	t.Helper()
	v, ok := s.Vercel()
	if !ok {
		t.Fatal("the strategy names no Vercel")
	}
	return v
}
