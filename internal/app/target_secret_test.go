package app

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/api"
)

func TestSecretsOfTheTargetAreKeptAndListed(t *testing.T) {
	t.Parallel()
	x, ctx := onVercel(t), t.Context()
	if got := x.bypass(ctx, "NONE"); got != "" || x.vercel.CanRead(ctx) {
		t.Fatalf("before any is kept: %q, %v", got, x.vercel.CanRead(ctx))
	}
	if _, err := x.to.SetTargetSecret(ctx, "connection", "no-address"); err == nil {
		t.Error("what is no connection string is kept")
	}
	const connection = "https://edge-config.example/ecfg_1?token=read-token-of-it"
	kept := map[string]string{"bypass": "first-bypass", "connection": connection, "drain": "first-drain-secret"}
	for name, secret := range kept {
		if _, err := x.to.SetTargetSecret(ctx, name, secret); err != nil {
			t.Fatal(err)
		}
	}
	if got := x.bypass(ctx, "NONE"); got != "first-bypass" || !x.vercel.CanRead(ctx) {
		t.Errorf("kept: %q, %v", got, x.vercel.CanRead(ctx))
	}
	if got := x.bypass(ctx, "VERCEL_TOKEN"); got != "token" {
		t.Errorf("with the environment's: %q", got)
	}
	if _, err := x.to.SetTargetSecret(ctx, "bypass", "second-bypass"); err != nil {
		t.Fatal(err)
	}
	if got := x.bypass(ctx, "NONE"); got != "second-bypass" {
		t.Errorf("changed: %q", got)
	}
	list, err := x.to.Secrets(ctx)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]api.Secret{}
	for _, s := range list {
		found[s.Name] = s
	}
	used := found["target/bypass"]
	if len(found) != 4 || found["server/signing-key"].Since == nil ||
		used.Used == nil || used.Since == nil || found["target/drain"].Used != nil {
		t.Errorf("listed: %+v", list)
	}
	all, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"bypass-", "second-bypass", "read-token-of-it", "first-drain-secret"} {
		if strings.Contains(string(all), secret) {
			t.Errorf("the list holds %q", secret)
		}
	}
}
