package app

import (
	"bytes"
	"compress/gzip"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/engine/secrets"
	"github.com/slipwayhq/slipway/internal/strategy"
	"github.com/slipwayhq/slipway/internal/vercel"
)

// TestADoorTakesWhatAKeptSecretSigns, the one before for another day, and nothing that an old one does.
func TestADoorTakesWhatAKeptSecretSigns(t *testing.T) {
	t.Parallel()
	plan, err := strategy.Parse("slipway.yaml", []byte("app: shop\ntarget: {vercel: {project: shop}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	a, err := Open(t.Context(), Options{Database: filepath.Join(t.TempDir(), "a.db"), Strategy: plan, Control: ln,
		Log: slog.New(slog.DiscardHandler), Env: func(string) (string, bool) { return "", false }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.DB.Close() })
	deliver := func(secret, id string) int {
		body := []byte(`{"id":"` + id + `","deploymentId":"dpl_1","source":"lambda","host":"h","timestamp":1795375000000,` +
			`"projectId":"prj_1","level":"info"}`)
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		_, _ = z.Write(body)
		_ = z.Close()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/hooks/vercel/drains", &packed)
		r.Header.Set(vercel.SignatureHeader, vercel.Signature(packed.Bytes(), secret))
		r.Header.Set("Content-Encoding", "gzip")
		w := httptest.NewRecorder()
		a.hooks.ServeHTTP(w, r)
		_, _ = io.Copy(io.Discard, w.Body)
		return w.Code
	}
	if got := deliver("first", "1"); got != http.StatusForbidden {
		t.Errorf("without any secret: %d", got)
	}
	who := access.System("test")
	for i, want := range []map[string]int{
		{"first": 200, "second": 403, "": 403}, {"first": 200, "second": 200, "third": 403, "first,second": 403},
		{"first": 403, "second": 200, "third": 200},
	} {
		name := []string{"first", "second", "third"}[i]
		if err := a.Engine.Secrets.Change(t.Context(), who, secrets.TargetDrain, name); err != nil {
			t.Fatal(err)
		}
		for secret, status := range want {
			if got := deliver(secret, name+secret); got != status {
				t.Errorf("after the %s, what %q signs: %d, want %d", name, secret, got, status)
			}
		}
	}
	if s := a.drainSource(time.Now()); s.Signed != "packed" {
		t.Errorf("a delivery was signed %q", s.Signed)
	}
	for after, want := range map[time.Duration][]string{time.Hour: {"third", "second"}, 25 * time.Hour: {"third"}} {
		got, err := a.Engine.Secrets.Valid(t.Context(), secrets.TargetDrain, time.Now().Add(after))
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("after %s: %q, %v", after, got, err)
		}
	}
	if err := a.Engine.Secrets.Change(t.Context(), who, secrets.TargetDrain, "a,b"); err == nil {
		t.Error("a secret that is two is kept")
	}
}
