// Package secrets is the part of the engine that keeps secrets: it seals them, opens them for the parts that need
// them, and seals all of them again under a new key.
//
// The log knows who set what and when, and never a value.
package secrets

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/vault"
)

// TargetToken is the name of the token with which the target's API is spoken to.
const TargetToken = "target/token" //nolint:gosec // a name

// The names of the secrets that the target signs its deliveries with.
const (
	TargetDrain   = "target/drain"
	TargetWebhook = "target/webhook"
)

// The names of the secrets that Slipway opens the target with, beside its token.
const (
	TargetBypass     = "target/bypass"     // opens protected deployments
	TargetConnection = "target/connection" // reads the Global Config: its connection string
)

// The names of GitHub's secrets: the app's private key, and what its deliveries are signed with.
const (
	GitHubKey     = "github/key"
	GitHubWebhook = "github/webhook"
)

// Overlap is how long the secret before is valid beside a new one: as long as the target delivers again what was
// signed with it.
const Overlap = 24 * time.Hour

// Options are what a Keeper stands on.
type Options struct {
	DB    *store.DB
	App   string
	Vault *vault.Vault
	// Signing reads EnvSigning; nil: nothing stands there.
	Signing func() string
	Write   func(context.Context, func(*store.Tx) error) error
	Append  func(context.Context, *store.Tx, event.Draft) (event.Event, error)
}

// Keeper keeps secrets.
type Keeper struct{ Options }

// New returns a Keeper. Without a vault every secret is refused for want of a key.
func New(o Options) *Keeper {
	if o.Vault == nil {
		o.Vault = vault.New(vault.Options{})
	}
	return &Keeper{o}
}

// Fresh reports whether nothing was ever sealed here, so that a key may be made.
func (k *Keeper) Fresh(ctx context.Context) (bool, error) {
	keys, err := k.DB.SealedKeys(ctx)
	return len(keys) == 0, err
}

// Seal closes a secret under a name. It is kept by [Keeper.Put].
func (k *Keeper) Seal(ctx context.Context, who access.Actor, name, secret string) (store.Sealed, error) {
	fresh, err := k.Fresh(ctx)
	if err != nil {
		return store.Sealed{}, err
	}
	box, err := k.Vault.Seal(k.App, name, []byte(secret), fresh)
	if err != nil {
		return store.Sealed{}, err
	}
	return store.Sealed{Name: name, Key: vault.KeyOf(box), Envelope: box, Actor: who.ID}, nil
}

// Open returns a secret. Faults: NotFound when none was set.
func (k *Keeper) Open(ctx context.Context, name string) (string, error) {
	s, err := k.DB.Sealed(ctx, k.App, name)
	if err != nil {
		return "", err
	}
	secret, err := k.Vault.Open(k.App, name, s.Envelope)
	if err == nil {
		k.used(ctx, k.App, s)
	}
	return string(secret), err
}

// used notes that a secret was opened, once an hour: who reads the list learns what is still needed. That it can't be
// noted keeps nobody from the secret.
func (k *Keeper) used(ctx context.Context, app string, s store.Sealed) {
	if now, err := k.DB.Now(ctx); err == nil && now.Sub(s.Used) >= time.Hour {
		_ = k.DB.TouchSealed(ctx, app, s.Name, now)
	}
}

// longest is how long a secret of Slipway's own may be.
const longest = 4096

// Set keeps a secret of Slipway's own, such as the target's token, over the one that was there.
func (k *Keeper) Set(ctx context.Context, who access.Actor, name, secret string) error {
	switch {
	case strings.TrimSpace(secret) != secret || strings.ContainsAny(secret, "\r\n\x00"):
		return fault.New(fault.Invalid, "secret_malformed", "A token has no spaces around it and is one line.")
	case secret == "":
		return fault.New(fault.Invalid, "secret_missing", "The token is empty.")
	case len(secret) > longest:
		return fault.New(fault.Invalid, "secret_too_long", "A token has at most %d characters.", longest)
	}
	s, err := k.Seal(ctx, who, name, secret)
	if err != nil {
		return err
	}
	return k.Write(ctx, func(tx *store.Tx) error {
		s.Since = tx.Now()
		if err := tx.PutSealed(ctx, k.App, s); err != nil {
			return err
		}
		return k.tell(ctx, tx, who, "secret.set", name, fmt.Sprintf("%s set the secret %s. It is sealed.", who.Name, name))
	})
}

// Change keeps a secret that deliveries are signed with, and the one before beside it for the time of Overlap.
func (k *Keeper) Change(ctx context.Context, who access.Actor, name, secret string) error {
	if strings.ContainsAny(secret, ", ") {
		return fault.New(fault.Invalid, "secret_malformed",
			"A secret that deliveries are signed with has no spaces or commas.")
	}
	old, err := k.Open(ctx, name)
	switch {
	case err == nil:
		old, _, _ = strings.Cut(old, ",")
	case !fault.Is(err, fault.NotFound):
		return err
	}
	if old != "" && old != secret {
		secret += "," + old
	}
	return k.Set(ctx, who, name, secret)
}

// Valid returns what a delivery may be signed with now, the newest first; nothing where none is kept.
func (k *Keeper) Valid(ctx context.Context, name string, now time.Time) ([]string, error) {
	s, err := k.DB.Sealed(ctx, k.App, name)
	if err != nil {
		if fault.Is(err, fault.NotFound) {
			err = nil
		}
		return nil, err
	}
	text, err := k.Vault.Open(k.App, name, s.Envelope)
	if err != nil {
		return nil, err
	}
	k.used(ctx, k.App, s)
	list := strings.Split(string(text), ",")
	if now.Sub(s.Since) > Overlap {
		list = list[:1]
	}
	return list, nil
}

// Forget deletes a secret.
func (k *Keeper) Forget(ctx context.Context, who access.Actor, name string) error {
	return k.Write(ctx, func(tx *store.Tx) error {
		if _, err := tx.Sealed(ctx, k.App, name); err != nil {
			return err
		}
		if err := tx.DeleteSealed(ctx, k.App, name); err != nil {
			return err
		}
		return k.tell(ctx, tx, who, "secret.forgotten", name, fmt.Sprintf("%s had the secret %s forgotten.", who.Name, name))
	})
}

func (k *Keeper) tell(ctx context.Context, tx *store.Tx, who access.Actor, kind, subject, sentence string) error {
	_, err := k.Append(ctx, tx, event.Draft{Kind: kind, Actor: who.ID, App: k.App, Subject: subject, Sentence: sentence})
	return err
}

// Rotation is what came of a change of keys.
type Rotation struct {
	Key    string   // that seals now
	Sealed int      // secrets that were sealed again
	Old    []string // ids of keys that still hold a secret, of another application in this database
	Made   bool     // Slipway made the key itself
}

// batch is how many secrets are sealed again in one commit: a commit is short.
const batch = 200

// Rotate makes a new key where the keys are Slipway's own file, and seals every secret again with the key that is first
// now. It may be stopped anywhere and called again: old keys still open. Nothing is made while a secret stands on a key
// that is lost: another file in the place of the one that is sought would hide it.
func (k *Keeper) Rotate(ctx context.Context, who access.Actor) (Rotation, error) {
	out := Rotation{Made: k.Vault.Own()}
	if err := k.openable(ctx); err != nil {
		return out, err
	}
	fresh, err := k.Fresh(ctx)
	if err != nil {
		return out, err
	}
	if out.Key, err = k.Vault.Renew(fresh); err != nil {
		return out, err
	}
	for n := batch; n == batch; out.Sealed += n {
		if n, err = k.some(ctx, k.App, out.Key); err != nil {
			return out, err
		}
	}
	n, err := k.some(ctx, Server, out.Key)
	if out.Sealed += n; err != nil {
		return out, err
	}
	keys, err := k.DB.SealedKeys(ctx)
	if err != nil {
		return out, err
	}
	delete(keys, out.Key)
	out.Old = slices.Sorted(maps.Keys(keys))
	return out, k.Write(ctx, func(tx *store.Tx) error {
		return k.tell(ctx, tx, who, "vault.rotated", "vault", fmt.Sprintf("%s changed the vault's key: %d secrets are "+
			"sealed with %s now.", who.Name, out.Sealed, out.Key))
	})
}

// openable faults where a secret of this application, or of the server, stands on a key that the vault has not.
func (k *Keeper) openable(ctx context.Context) error {
	for _, app := range []string{k.App, Server} {
		list, err := k.DB.SealedOld(ctx, app, "", batch)
		if err != nil {
			return err
		}
		for _, s := range list {
			if err := k.Vault.Knows(s.Key); err != nil {
				return err
			}
		}
	}
	return nil
}

// some seals a number of secrets again, in one commit, and returns how many.
func (k *Keeper) some(ctx context.Context, app, key string) (n int, err error) {
	err = k.Write(ctx, func(tx *store.Tx) error {
		list, err := tx.SealedOld(ctx, app, key, batch)
		n = len(list)
		for _, s := range list {
			if err := k.again(ctx, tx, app, s); err != nil {
				return err
			}
		}
		return err
	})
	return n, err
}

// again seals a secret with the key that is first now.
func (k *Keeper) again(ctx context.Context, tx *store.Tx, app string, s store.Sealed) error {
	secret, err := k.Vault.Open(app, s.Name, s.Envelope)
	if err != nil {
		return err
	}
	if s.Envelope, err = k.Vault.Seal(app, s.Name, secret, false); err != nil {
		return err
	}
	s.Key = vault.KeyOf(s.Envelope)
	return tx.PutSealed(ctx, app, s)
}
