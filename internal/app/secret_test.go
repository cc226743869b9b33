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

// A database that comes back without the vault's key serves and says at a glance that votes are refused; its vault can
// be looked at, and no other key is made in the place of the lost one.
func TestALostVaultKeyIsSeenAtAGlance(t *testing.T) {
	t.Parallel()
	plan, err := strategy.Parse("test.yaml", []byte("app: shop\ntarget: {selfhost: {stable: \"http://127.0.0.1:1\"}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "a.db")
	for _, lost := range []bool{false, true} {
		ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if lost {
			if err := os.Remove(file + ".key"); err != nil {
				t.Fatal(err)
			}
		}
		a, err := Open(t.Context(), Options{Database: file, Strategy: plan, Control: ln,
			Log: slog.New(slog.DiscardHandler), Env: func(string) (string, bool) { return "", false }})
		if err != nil {
			t.Fatal(err)
		}
		who := access.System("test")
		s, err := a.Desk.Status(t.Context(), who)
		if err != nil || strings.Contains(s.Sentence, "Votes are refused") != lost || (s.Votes != "") != lost {
			t.Errorf("lost %v: %q, %v", lost, s.Sentence, err)
		}
		v, err := a.Desk.Vault(t.Context(), who)
		if err != nil || len(v.Keys) != 1 || v.Keys[0].Missing != lost ||
			strings.Contains(v.Signing.Sentence, "votes are refused") != lost {
			t.Errorf("lost %v: %+v, %v", lost, v, err)
		}
		if _, err = a.Desk.RotateVault(t.Context(), who); lost && fault.ReasonOf(err) != "vault_key_missing" {
			t.Errorf("rotated: %v", err)
		}
		if _, err := os.Stat(file + ".key"); lost && err == nil {
			t.Error("another key was made")
		}
		_, _ = a.DB.Close(), ln.Close()
	}
}
