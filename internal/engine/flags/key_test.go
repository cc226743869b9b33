package flags_test

import (
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/internal/credential"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
)

func TestKeysAreShownOnceAndEnd(t *testing.T) {
	each(t, plain, func(t *testing.T, w *world) {
		k, secret, err := w.CreateKey(w.ctx, ada(), store.FlagKey{
			Environment: "production", Kind: "public", Name: "web",
			Origins: []string{"https://Shop.example", "https://a.example", "https://a.example"},
		})
		w.ok(err)
		if !strings.HasPrefix(secret, credential.PublicKey) || !credential.Matches(secret, k.Hash) {
			t.Errorf("the secret %.9s… does not fit its hash", secret)
		}
		if got := strings.Join(k.Origins, " "); got != "https://a.example https://shop.example" {
			t.Errorf("origins %s", got)
		}
		_, _, err = w.CreateKey(w.ctx, ada(), store.FlagKey{Environment: "production", Kind: "server", Name: "web"})
		w.refused(err, fault.Conflict, "name_taken")
		for range 2 {
			got, err := w.RevokeKey(w.ctx, ada(), k.ID)
			w.ok(err)
			if got.Revoked.IsZero() {
				t.Error("it was not revoked")
			}
		}
		_, err = w.RevokeKey(w.ctx, ada(), "fky_none")
		w.refused(err, fault.NotFound, "not_found")
		if _, _, err = w.CreateKey(w.ctx, ada(), store.FlagKey{
			Environment: "production", Kind: "server", Name: "web",
		}); err != nil {
			t.Errorf("the name is free again: %v", err)
		}
		events, err := w.DB.Events(w.ctx, store.EventFilter{Kind: "flag_key.", Limit: 10})
		w.ok(err)
		if len(events) != 3 {
			t.Errorf("%d events", len(events))
		}
		for _, e := range events {
			if strings.Contains(e.Sentence+string(e.Data), secret[10:]) {
				t.Error("the log has the secret")
			}
		}
	})
}

func TestKeysAreChecked(t *testing.T) {
	w := newWorld(t, storetest.Open(t, store.SQLite), plain)
	for _, test := range []struct {
		reason string
		key    store.FlagKey
	}{
		{"environment_unknown", store.FlagKey{Environment: "moon", Kind: "server", Name: "a"}},
		{"kind_unknown", store.FlagKey{Environment: "production", Kind: "client", Name: "a"}},
		{"name_malformed", store.FlagKey{Environment: "production", Kind: "server", Name: " "}},
		{"name_malformed", store.FlagKey{Environment: "production", Kind: "server", Name: "a\nb"}},
		{"origins_useless", store.FlagKey{Environment: "production", Kind: "server", Name: "a",
			Origins: []string{"https://a.example"}}},
		{"origin_malformed", store.FlagKey{Environment: "production", Kind: "public", Name: "a",
			Origins: []string{"https://a.example/"}}},
		{"origin_malformed", store.FlagKey{Environment: "production", Kind: "public", Name: "a", Origins: []string{"*"}}},
		{"origin_malformed", store.FlagKey{Environment: "production", Kind: "public", Name: "a",
			Origins: []string{"file:///etc"}}},
	} {
		_, _, err := w.CreateKey(w.ctx, ada(), test.key)
		w.refused(err, fault.Invalid, test.reason)
	}
}
