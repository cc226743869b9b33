package flags

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/credential"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/ident"
	"github.com/slipwayhq/slipway/internal/store"
)

// The kinds of keys with which programs evaluate flags.
const (
	ServerKey = "server"
	PublicKey = "public"
)

// mostKeys is how many keys an environment may have that are not revoked.
const mostKeys = 500

// CreateKey makes a key and returns it with its secret, which is kept nowhere.
func (w *Writer) CreateKey(ctx context.Context, who access.Actor, k store.FlagKey) (store.FlagKey, string, error) {
	if err := w.checkKey(&k); err != nil {
		return k, "", err
	}
	prefix := credential.ServerKey
	if k.Kind == PublicKey {
		prefix = credential.PublicKey
	}
	secret := credential.NewFlagKey(prefix)
	k.ID, k.App, k.Hash, k.CreatedBy = ident.New("fky", time.Now()), w.app(), credential.Hash(secret), who.ID
	err := w.DB.Write(ctx, func(tx *store.Tx) error {
		others, err := tx.FlagKeys(ctx, w.app())
		if err != nil {
			return err
		}
		used := 0
		for _, o := range others {
			if o.Environment != k.Environment || !o.Revoked.IsZero() {
				continue
			}
			if used++; o.Name == k.Name {
				return fault.New(fault.Conflict, "name_taken", "%s has a key named %s already. Revoke it, or take another name.",
					k.Environment, k.Name)
			}
		}
		if used >= mostKeys {
			return fault.New(fault.Refused, "too_many_keys", "%s has %d keys: revoke those that nobody uses.", k.Environment,
				used)
		}
		k.Created = tx.Now()
		if err := tx.InsertFlagKey(ctx, k); err != nil {
			return err
		}
		return w.append(ctx, tx, w.by(who, "flag_key.created", k.Environment, k.ID,
			fmt.Sprintf("%s makes the %s key %s for the flags of %s.", who.Name, k.Kind, k.Name, k.Environment),
			map[string]any{"name": k.Name, "kind": k.Kind, "origins": k.Origins}))
	})
	return k, secret, err
}

func (w *Writer) checkKey(k *store.FlagKey) error {
	if err := w.known(k.Environment); err != nil {
		return err
	}
	if k.Kind != ServerKey && k.Kind != PublicKey {
		return fault.New(fault.Invalid, "kind_unknown", "A key is for a server or public, not %.40q.", k.Kind)
	}
	k.Name = strings.TrimSpace(k.Name)
	control := func(r rune) bool { return r < ' ' || r == 0x7f }
	if k.Name == "" || len(k.Name) > 128 || strings.ContainsFunc(k.Name, control) {
		return fault.New(fault.Invalid, "name_malformed", "A key's name has 1 to 128 characters on one line.")
	}
	if k.Kind == ServerKey && len(k.Origins) > 0 {
		return fault.New(fault.Invalid, "origins_useless", "No page may use a server key: origins are for public ones.")
	}
	for i, o := range k.Origins {
		u, err := url.Parse(o)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || o != u.Scheme+"://"+u.Host {
			return fault.New(fault.Invalid, "origin_malformed",
				"%.100q is no origin: write the beginning of a page's address without a path, e.g. https://shop.example.", o)
		}
		k.Origins[i] = strings.ToLower(o)
	}
	slices.Sort(k.Origins)
	k.Origins = slices.Compact(k.Origins)
	return nil
}

// RevokeKey ends a key at once. Ending it twice is no error.
func (w *Writer) RevokeKey(ctx context.Context, who access.Actor, id string) (store.FlagKey, error) {
	var k store.FlagKey
	err := w.DB.Write(ctx, func(tx *store.Tx) (err error) {
		if k, err = tx.FlagKey(ctx, id); err != nil || !k.Revoked.IsZero() {
			return err
		}
		k.Revoked = tx.Now()
		if err := tx.RevokeFlagKey(ctx, k, k.Revoked); err != nil {
			return err
		}
		return w.append(ctx, tx, w.by(who, "flag_key.revoked", k.Environment, k.ID,
			fmt.Sprintf("%s revokes the %s key %s of %s.", who.Name, k.Kind, k.Name, k.Environment),
			map[string]any{"name": k.Name, "kind": k.Kind}))
	})
	return k, err
}

// AddUsage adds to what was seen of flags, in steps of time.
func (w *Writer) AddUsage(ctx context.Context, list []store.FlagUsage) error {
	if len(list) == 0 {
		return nil
	}
	return w.DB.Write(ctx, func(tx *store.Tx) error { return tx.AddFlagUsage(ctx, list) })
}

// How long usage is kept in steps of which length.
const (
	usageMinutes = 48 * time.Hour
	usageHours   = 400 * 24 * time.Hour
)

// KeepUsage sums old minutes into hours and forgets what is older than a year.
func (w *Writer) KeepUsage(ctx context.Context) error {
	return w.DB.Write(ctx, func(tx *store.Tx) error {
		if err := tx.RollFlagUsage(ctx, 60, 3600, tx.Now().Add(-usageMinutes)); err != nil {
			return err
		}
		_, err := tx.PruneFlagUsage(ctx, 3600, tx.Now().Add(-usageHours))
		return err
	})
}
