package secrets_test

import (
	"bytes"
	"encoding/base64"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/approval"
	"github.com/slipwayhq/slipway/internal/engine"
	"github.com/slipwayhq/slipway/internal/engine/secrets"
	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
	"github.com/slipwayhq/slipway/internal/strategy"
	"github.com/slipwayhq/slipway/internal/vault"
)

// place is a database at which Slipways start, each with its own environment.
type place struct {
	t  *testing.T
	db *store.DB
}

func key(b byte) string { return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, 32)) }

// node is a Slipway that starts, with the vault's keys and the seed of its environment.
func (p *place) node(vaultKeys, signing string) (k *secrets.Keeper, unsealed error) {
	p.t.Helper()
	plan, err := strategy.Parse("test.yaml", []byte("app: shop\ntarget: {selfhost: {stable: \"http://127.0.0.1:1\"}}\n"))
	p.ok(err)
	k = engine.New(engine.Options{DB: p.db, Strategy: plan, Log: slog.New(slog.DiscardHandler),
		Vault: vault.New(vault.Options{Keys: func() string { return vaultKeys }}),
		Env:   func(name string) (string, bool) { return signing, name == secrets.EnvSigning && signing != "" },
	}).Secrets
	unsealed, err = k.Begin(p.t.Context())
	p.ok(err)
	return k, unsealed
}

func (p *place) ok(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// vote is what a Slipway signs, as it stands in the log; genuine are how many of all it takes for that.
func (p *place) vote(k *secrets.Keeper) approval.Vote {
	p.t.Helper()
	signer, err := k.Signer(p.t.Context())
	p.ok(err)
	v := approval.Vote{User: "usr_1", Approve: true, Hash: "h"}.Sign("apr_1", signer)
	p.ok(p.db.Write(p.t.Context(), func(tx *store.Tx) error {
		_, err := tx.Append(p.t.Context(), event.Draft{Kind: "approval.voted", Actor: "user:ada", App: "shop",
			Sentence: "Yes.", Data: map[string]any{"request": "apr_1", "vote": v}})
		return err
	}))
	return v
}

func (p *place) genuine(k *secrets.Keeper, votes ...approval.Vote) (n int) {
	p.t.Helper()
	signers, err := k.Signers(p.t.Context())
	p.ok(err)
	for _, v := range votes {
		for _, s := range signers {
			if v.Genuine("apr_1", s) {
				n++
			}
		}
	}
	return n
}

func (p *place) stands(k *secrets.Keeper, want string) {
	p.t.Helper()
	got, err := k.Standing(p.t.Context())
	p.ok(err)
	_, err = p.db.Secret(p.t.Context(), "signing-key")
	if bare := !fault.Is(err, fault.NotFound); got != want || bare != (want == secrets.Bare) {
		p.t.Errorf("it is %s, and in the database as it is: %v; want %s", got, bare, want)
	}
}

func each(t *testing.T, test func(p *place)) {
	t.Helper()
	t.Parallel()
	for _, kind := range storetest.Engines(t) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			test(&place{t, storetest.Open(t, kind)})
		})
	}
}

// The key that votes are signed with is sealed as soon as the vault has a key, also one that was kept before; what any
// of them signed stays genuine, on every node, when the vault's key and when the key itself is changed.
func TestTheSigningKeyIsSealedAndChanged(t *testing.T) {
	each(t, func(p *place) {
		ctx, who := p.t.Context(), access.Actor{ID: "user:ada", Name: "Ada"}
		k, unsealed := p.node("", "") // as PostgreSQL without a key
		if p.stands(k, secrets.Bare); fault.ReasonOf(unsealed) != "vault_key_missing" {
			p.t.Errorf("nobody is told: %v", unsealed)
		}
		votes := []approval.Vote{p.vote(k)}
		k, unsealed = p.node(key(1), "")
		if p.stands(k, secrets.Sealed); unsealed != nil {
			p.t.Error(unsealed)
		}
		for _, used := range []bool{false, true} { // who looks at it does not use it, and who signs does
			p.ok(k.Lost(ctx))
			if used {
				_, err := k.Signer(ctx)
				p.ok(err)
			}
			if s, err := p.db.Sealed(ctx, secrets.Server, secrets.SigningKey); err != nil || s.Used.IsZero() == used {
				p.t.Errorf("used %v: the list says %v, %v", used, s.Used, err)
			}
		}
		again, _ := p.node(key(1), "")
		if votes = append(votes, p.vote(again)); votes[0].Signature != votes[1].Signature {
			p.t.Error("another start has another key")
		}
		other, _ := p.node(key(1), "")
		public, err := k.RenewSigning(ctx, who)
		p.ok(err)
		votes = append(votes, p.vote(other)) // of a node that runs on
		if votes[2].Signature == votes[1].Signature || !votes[2].Genuine("apr_1", public) {
			p.t.Error("it signs on with the old one")
		}
		rotated, _ := p.node(key(2)+","+key(1), "")
		r, err := rotated.Rotate(ctx, who)
		if p.ok(err); r.Sealed != 1 || len(r.Old) > 0 {
			p.t.Errorf("%+v", r)
		}
		k, _ = p.node(key(2), "")
		if votes = append(votes, p.vote(k)); p.genuine(k, votes...) != 4 {
			p.t.Errorf("%d of 4 votes are genuine", p.genuine(k, votes...))
		}
		forged := votes[0]
		forged.Approve = false
		if p.genuine(k, forged) != 0 {
			p.t.Error("a changed vote is genuine")
		}
		list, err := p.db.Events(ctx, store.EventFilter{})
		p.ok(err)
		signer, err := k.Signer(ctx)
		p.ok(err)
		for _, e := range list {
			if strings.Contains(e.Sentence+string(e.Data), base64.StdEncoding.EncodeToString(signer.Seed())) {
				p.t.Errorf("the log has it: %s", e.Sentence)
			}
		}
	})
}

// Where the vault's key is lost, votes are refused until another signing key is made, which takes no more than another
// key of the vault; the environment's own is used before what is kept.
func TestALostVaultKeyIsNoEnd(t *testing.T) {
	each(t, func(p *place) {
		ctx, who := p.t.Context(), access.Actor{ID: "user:ada", Name: "Ada"}
		k, _ := p.node(key(1), "")
		votes := []approval.Vote{p.vote(k)}
		k, unsealed := p.node(key(2), "")
		if _, err := k.Signer(ctx); fault.ReasonOf(err) != "vault_key_unknown" || unsealed != nil {
			p.t.Errorf("%v, %v", err, unsealed)
		}
		if _, err := k.Rotate(ctx, who); fault.ReasonOf(err) != "vault_key_unknown" {
			p.t.Errorf("rotated while a secret can't be opened: %v", err)
		}
		file := filepath.Join(p.t.TempDir(), "slipway.db.key")
		lost := *k
		lost.Vault = vault.New(vault.Options{File: file, Make: true})
		if _, err := lost.Rotate(ctx, who); fault.ReasonOf(err) != "vault_key_missing" {
			p.t.Errorf("rotated without the file: %v", err)
		}
		if _, err := os.Stat(file); err == nil {
			p.t.Error("another key was made in the place of the lost one")
		}
		_, err := k.RenewSigning(ctx, who)
		p.ok(err)
		votes = append(votes, p.vote(k))
		k, _ = p.node("", key(8)+" , "+key(9))
		p.stands(k, secrets.Environs)
		if votes = append(votes, p.vote(k)); p.genuine(k, votes...) != 3 {
			p.t.Errorf("%d of 3 votes are genuine", p.genuine(k, votes...))
		}
		if _, err := k.RenewSigning(ctx, who); fault.ReasonOf(err) != "signing_key_given" {
			p.t.Errorf("the environment's key is changed: %v", err)
		}
	})
}

// The addresses of event streams hold on every node and after every start, whichever of them can open the signing key.
func TestNodesShareTheAddressesOfStreams(t *testing.T) {
	each(t, func(p *place) {
		first, _ := p.node(key(1), "")
		want, err := first.Streams(p.t.Context())
		p.ok(err)
		lost, _ := p.node(key(2), "")
		if lost.Lost(p.t.Context()) == nil {
			p.t.Error("it opens the key without the vault's")
		}
		_, err = first.RenewSigning(p.t.Context(), access.Actor{ID: "user:ada", Name: "Ada"})
		p.ok(err)
		for _, k := range []*secrets.Keeper{first, lost} {
			if got, err := k.Streams(p.t.Context()); err != nil || len(got) != 32 || !bytes.Equal(got, want) {
				p.t.Errorf("another node makes addresses with %x, %v: want %x", got, err, want)
			}
		}
	})
}

// Keys that signed no vote are forgotten when there is a new one, but for the newest before it; what was signed stays
// genuine, however many there were since.
func TestKeysThatSignedNothingAreForgotten(t *testing.T) {
	each(t, func(p *place) {
		ctx, who := p.t.Context(), access.Actor{ID: "user:ada", Name: "Ada"}
		k, _ := p.node(key(1), "")
		vote := p.vote(k)
		for range 5 {
			_, err := k.RenewSigning(ctx, who)
			p.ok(err)
		}
		before, err := k.Signer(ctx)
		p.ok(err)
		_, err = k.RenewSigning(ctx, who)
		p.ok(err)
		under := approval.Vote{User: "usr_1", Hash: "h"}.Sign("apr_1", before) // under way while the key was renewed
		signers, err := k.Signers(ctx)
		p.ok(err)
		if n := p.genuine(k, vote, under, p.vote(k)); n != 3 || len(signers) != 3 {
			p.t.Errorf("%d of 3 votes are genuine, by %d keys; want 3", n, len(signers))
		}
	})
}
