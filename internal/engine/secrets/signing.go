package secrets

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/credential"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/vault"
)

// Server is the application that secrets of the whole database stand under: no application has such a name.
const Server = "*"

// SigningKey is the name of the seed of the key that votes are signed with.
const SigningKey = "server/signing-key"

// EnvSigning is the environment variable that the seed may stand in instead, in base64; several, parted by commas:
// the first signs, and votes that any of them signed are genuine.
const EnvSigning = "SLIPWAY_SIGNING_KEY"

// EnvVault is the environment variable that holds the keys of the vault.
const EnvVault = vault.EnvKeys

// Names in the table of the server's own: the seed as it was kept before it was sealed, and the public keys of all
// seeds that signed a vote.
const (
	bareSeed   = "signing-key"
	publicKeys = "signing-public"
)

// The places where the seed may be.
const (
	Sealed   = "sealed"
	Bare     = "bare" // in the database, as it is
	Environs = "environment"
)

// Standing says where the key that votes are signed with is.
func (k *Keeper) Standing(ctx context.Context) (string, error) {
	if seeds, err := k.given(); err != nil || len(seeds) > 0 {
		return Environs, err
	}
	if _, err := k.DB.Sealed(ctx, Server, SigningKey); !fault.Is(err, fault.NotFound) {
		return Sealed, err
	}
	return Bare, nil
}

// given are the seeds of the environment.
func (k *Keeper) given() ([][]byte, error) {
	var out [][]byte
	if k.Signing == nil {
		return nil, nil
	}
	for text := range strings.SplitSeq(k.Signing(), ",") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		seed, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(seed) != ed25519.SeedSize {
			return nil, fault.New(fault.Invalid, "signing_key_malformed",
				"%s holds no key: it is 32 bytes in base64, as `openssl rand -base64 32` makes.", EnvSigning)
		}
		out = append(out, seed)
	}
	return out, nil
}

// Signer returns the key that votes are signed with now, and notes that it is used. It is read each time: another node
// may have made a new one.
func (k *Keeper) Signer(ctx context.Context) (ed25519.PrivateKey, error) {
	return k.signer(ctx, func(s store.Sealed) { k.used(ctx, Server, s) })
}

// Lost returns why the key that votes are signed with can't be read, or nil. That it is looked at is no use of it.
func (k *Keeper) Lost(ctx context.Context) error {
	_, err := k.signer(ctx, func(store.Sealed) {})
	return err
}

func (k *Keeper) signer(ctx context.Context, opened func(store.Sealed)) (ed25519.PrivateKey, error) {
	seeds, err := k.given()
	if err != nil {
		return nil, err
	}
	if len(seeds) > 0 {
		return credential.SigningKey(seeds[0])
	}
	s, err := k.DB.Sealed(ctx, Server, SigningKey)
	switch {
	case fault.Is(err, fault.NotFound):
		seed, err := k.DB.Secret(ctx, bareSeed)
		if err != nil {
			return nil, err
		}
		return credential.SigningKey(seed)
	case err != nil:
		return nil, err
	}
	seed, err := k.Vault.Open(Server, SigningKey, s.Envelope)
	if err != nil {
		return nil, err
	}
	opened(s)
	return credential.SigningKey(seed)
}

// Begin makes the seed at the first start, and seals one that was kept before there was a vault for it, or while the
// vault had no key. Where it still has none the seed stays in the database as it is, and why is returned: it works, and
// whoever reads the database could sign.
func (k *Keeper) Begin(ctx context.Context) (unsealed, err error) {
	seeds, err := k.given()
	if err != nil {
		return nil, err
	}
	if len(seeds) > 0 {
		return nil, k.Write(ctx, func(tx *store.Tx) error { return announce(ctx, tx, seeds...) })
	}
	_, err = k.DB.Sealed(ctx, Server, SigningKey)
	known := err == nil
	if err != nil && !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	seed, err := k.DB.Secret(ctx, bareSeed)
	none := fault.Is(err, fault.NotFound)
	switch {
	case none && known:
		return nil, nil
	case none: // sealed before it is written anywhere: what a file once held can be read in it for long
		seed = credential.NewKey()
	case err != nil:
		return nil, err
	}
	var box store.Sealed
	if !known {
		if box, unsealed = k.sealSeed(ctx, access.System("engine"), seed); unsealed != nil {
			return unsealed, k.Write(ctx, func(tx *store.Tx) error {
				if seed, err = tx.PutSecretOnce(ctx, bareSeed, seed); err != nil {
					return err
				}
				return announce(ctx, tx, seed)
			})
		}
	}
	err = k.Write(ctx, func(tx *store.Tx) error { // a node of before may have made one beside the sealed one
		if _, err := tx.Sealed(ctx, Server, SigningKey); fault.Is(err, fault.NotFound) {
			box.Since = tx.Now()
			if err := tx.PutSealed(ctx, Server, box); err != nil {
				return err
			}
		} else if err != nil || none {
			return err
		}
		if err := announce(ctx, tx, seed); err != nil {
			return err
		}
		return tx.DeleteSecret(ctx, bareSeed)
	})
	if err == nil && !none {
		_ = k.DB.Scrub(ctx) // in vain: then what it was is overwritten by and by
	}
	return nil, err
}

func (k *Keeper) sealSeed(ctx context.Context, who access.Actor, seed []byte) (store.Sealed, error) {
	fresh, err := k.Fresh(ctx)
	if err != nil {
		return store.Sealed{}, err
	}
	box, err := k.Vault.Seal(Server, SigningKey, seed, fresh)
	return store.Sealed{Name: SigningKey, Key: vault.KeyOf(box), Envelope: box, Actor: who.ID}, err
}

// RenewSigning makes another key that votes are signed with from now on, on every node. What the ones before signed
// stays genuine. The one before need not be there any more: this is also the way on when the vault's key is lost.
func (k *Keeper) RenewSigning(ctx context.Context, who access.Actor) (ed25519.PublicKey, error) {
	if at, err := k.Standing(ctx); err != nil || at == Environs {
		if err == nil {
			err = fault.New(fault.Refused, "signing_key_given", "The key that signs stands in %s: put a new one before it "+
				"there (NEW,OLD), and start every node again.", EnvSigning)
		}
		return nil, err
	}
	seed := credential.NewKey()
	public, err := publicOf(seed)
	if err != nil {
		return nil, err
	}
	box, err := k.sealSeed(ctx, who, seed)
	if err != nil {
		return nil, err
	}
	err = k.Write(ctx, func(tx *store.Tx) error {
		box.Since = tx.Now()
		if err := tx.PutSealed(ctx, Server, box); err != nil {
			return err
		}
		if err := tx.DeleteSecret(ctx, bareSeed); err != nil {
			return err
		}
		if err := announce(ctx, tx, seed); err != nil {
			return err
		}
		return k.tell(ctx, tx, who, "signing.renewed", "vault", fmt.Sprintf("%s had another key made that votes are signed "+
			"with. Its public half is %s.", who.Name, hex.EncodeToString(public)))
	})
	if err != nil {
		return nil, err
	}
	_ = k.DB.Scrub(ctx) // likewise
	return public, nil
}
