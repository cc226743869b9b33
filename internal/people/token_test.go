package people

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/credential"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/store"
)

// req: AU-02
func TestTokensAreNarrowExpiringAndRevocable(t *testing.T) { each(t, testTokensAreNarrow) }

func testTokensAreNarrow(t *testing.T, p *People) {
	ctx := t.Context()
	add(t, p, "root", "admin")
	dev := add(t, p, "dev", "devops")
	_, err := p.CreateToken(ctx, dev, api.NewToken{Name: "ci", Scopes: []string{"user:manage"}})
	wantFault(t, err, fault.Denied, "scope_wider")
	_, err = p.CreateToken(ctx, dev, api.NewToken{Name: "ci", Scopes: []string{"king:be"}})
	wantFault(t, err, fault.Invalid, "scope_invalid")
	tok, err := p.CreateToken(ctx, dev, api.NewToken{Name: "ci", Scopes: []string{"check:report@staging"}, Days: 7})
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.CreateToken(ctx, dev, api.NewToken{Name: "ci", Scopes: []string{"check:report"}})
	wantFault(t, err, fault.Conflict, "name_taken")
	if d := tok.Expires.Sub(tok.Created); d < 6*24*time.Hour || d > 8*24*time.Hour {
		t.Error("lasts", d)
	}
	who, err := p.FromToken(ctx, tok.Secret)
	if err != nil || !who.May(access.ReportCheck, "staging") || who.May(access.ReportCheck, "production") ||
		who.May(access.StartRelease, "staging") {
		t.Fatalf("%+v %v", who, err)
	}
	if who.ID != "token:dev/ci" || who.User != dev.User || who.Name != "dev (token ci)" {
		t.Errorf("%+v", who)
	}
	child, err := p.CreateToken(ctx, who, api.NewToken{Name: "child", Scopes: []string{"check:report"}})
	if err != nil || strings.Join(child.Scopes, " ") != "check:report@staging" {
		t.Errorf("a token made a wider one: %v %v", child.Scopes, err)
	}
	keyboard := tokenName(store.User{Name: "dev", Title: "Dev"}, store.Token{Name: "cli-laptop-1"})
	if keyboard != "Dev" { // the log still names the token: see tokenActor
		t.Errorf("who logged in on a laptop is called %s", keyboard)
	}
	list, err := p.Tokens(ctx, dev)
	raw, merr := json.Marshal(list)
	if err != nil || merr != nil || len(list) != 2 || list[0].LastUsed == nil || strings.Contains(string(raw), "slp_") ||
		list[0].Owner != "dev" {
		t.Errorf("%s %v", raw, err)
	}
	none := []string{}
	if _, err := p.ChangeUser(ctx, access.System("test"), "dev", api.ChangeUser{Roles: &none}); err != nil {
		t.Fatal(err)
	}
	if who, err = p.FromToken(ctx, tok.Secret); err != nil || len(who.Grants) != 0 {
		t.Errorf("a token is wider than its owner: %+v %v", who.Grants, err)
	}
	if _, err := p.RevokeToken(ctx, dev, tok.ID); err != nil {
		t.Fatal(err)
	}
	_, err = p.FromToken(ctx, tok.Secret)
	wantFault(t, err, fault.Unknown, "token_invalid")
	_, err = p.FromToken(ctx, credential.NewToken())
	wantFault(t, err, fault.Unknown, "token_invalid")
	_, err = p.FromToken(ctx, strings.Replace(tok.Secret, "slp_", "slp_A", 1))
	wantFault(t, err, fault.Unknown, "token_malformed")
}

func TestTokensEndWithTimeAndOwner(t *testing.T) {
	p := open(t)
	ctx := t.Context()
	add(t, p, "root", "admin")
	dev := add(t, p, "dev", "devops")
	stranger := add(t, p, "stranger", "qa")
	old := credential.NewToken()
	err := p.Write(ctx, func(tx *store.Tx) error {
		return tx.InsertToken(ctx, store.Token{
			ID: "tok_old", Name: "old", Owner: dev.User, Hash: credential.Hash(old), Scopes: []string{"check:report@*"},
			Created: time.Now().Add(-time.Hour), Expires: time.Now().Add(-time.Second),
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.FromToken(ctx, old)
	wantFault(t, err, fault.Unknown, "token_invalid")
	tok, err := p.CreateToken(ctx, dev, api.NewToken{Name: "ci", Scopes: []string{"check:report"}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.RevokeToken(ctx, stranger, tok.ID)
	wantFault(t, err, fault.Denied, "permission_missing")
	if list, err := p.Tokens(ctx, stranger); err != nil || len(list) != 0 {
		t.Error("a stranger sees tokens", list, err)
	}
	disabled := true
	if _, err := p.ChangeUser(ctx, access.System("test"), "dev", api.ChangeUser{Disabled: &disabled}); err != nil {
		t.Fatal(err)
	}
	_, err = p.FromToken(ctx, tok.Secret)
	wantFault(t, err, fault.Unknown, "token_invalid")
	_, err = p.CreateToken(ctx, access.System("x"), api.NewToken{Name: "y", Scopes: []string{"check:report"}})
	wantFault(t, err, fault.Denied, "no_owner")
}
