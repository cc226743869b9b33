package secrets

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"slices"

	"github.com/slipwayhq/slipway/internal/approval"
	"github.com/slipwayhq/slipway/internal/credential"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/store"
)

// Signers returns the public keys that a genuine vote may be signed with: those of all seeds that signed one that the
// log has, and the newest.
func (k *Keeper) Signers(ctx context.Context) ([]ed25519.PublicKey, error) {
	list, err := k.DB.Secret(ctx, publicKeys)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	return keysOf(list), nil
}

// Known refuses a key of which no vote would be taken for genuine: one that was renewed more than once since it was
// read, by several nodes at the same moment.
func Known(ctx context.Context, tx *store.Tx, key ed25519.PrivateKey) error {
	list, err := tx.Secret(ctx, publicKeys)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	if !slices.ContainsFunc(keysOf(list), func(k ed25519.PublicKey) bool { return k.Equal(key.Public()) }) {
		return fault.New(fault.Conflict, "changed_meanwhile", "The key that votes are signed with was renewed meanwhile, or "+
			"this node has another one than the others.")
	}
	return nil
}

func keysOf(list []byte) []ed25519.PublicKey {
	var out []ed25519.PublicKey
	for key := range slices.Chunk(list, ed25519.PublicKeySize) {
		out = append(out, ed25519.PublicKey(key))
	}
	return out
}

// announce adds the public keys of seeds to those that are known. When there is a new one, those that signed no vote
// are forgotten: all but the newest before it, which another node may sign with this moment.
func announce(ctx context.Context, tx *store.Tx, seeds ...[]byte) error {
	list, err := tx.Secret(ctx, publicKeys)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	known := keysOf(list)
	var fresh, stay []ed25519.PublicKey
	for _, seed := range seeds {
		public, err := publicOf(seed)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(known, func(k ed25519.PublicKey) bool { return k.Equal(public) }) {
			fresh = append(fresh, public)
		}
		stay = append(stay, public)
	}
	if len(fresh) == 0 {
		return nil
	}
	if len(known) > 0 {
		stay = append(stay, known[len(known)-1])
	}
	if known, err = needed(ctx, tx, known, stay); err != nil {
		return err
	}
	if err := tx.DeleteSecret(ctx, publicKeys); err != nil {
		return err
	}
	_, err = tx.PutSecretOnce(ctx, publicKeys, slices.Concat(toBytes(known), toBytes(fresh)))
	return err
}

func toBytes(keys []ed25519.PublicKey) []byte {
	var out []byte
	for _, k := range keys {
		out = append(out, k...)
	}
	return out
}

// votesAtATime is how many votes are read from the log in one go.
const votesAtATime = 500

// needed returns those of the keys that stay, or that a vote in the log was signed with, in their order.
func needed(ctx context.Context, tx *store.Tx, keys, stay []ed25519.PublicKey) ([]ed25519.PublicKey, error) {
	doubtful := slices.DeleteFunc(slices.Clone(keys), func(k ed25519.PublicKey) bool {
		return slices.ContainsFunc(stay, func(s ed25519.PublicKey) bool { return s.Equal(k) })
	})
	for after := int64(0); len(doubtful) > 0; {
		list, err := tx.Events(ctx, store.EventFilter{Kind: "approval.voted", After: after, Limit: votesAtATime})
		if err != nil {
			return nil, err
		}
		for _, e := range list {
			var data struct {
				Request string        `json:"request"`
				Vote    approval.Vote `json:"vote"`
			}
			after = e.Seq
			if json.Unmarshal(e.Data, &data) != nil {
				continue // it is no vote of anybody
			}
			doubtful = slices.DeleteFunc(doubtful, func(k ed25519.PublicKey) bool {
				return data.Vote.Genuine(data.Request, k)
			})
		}
		if len(list) < votesAtATime {
			break
		}
	}
	return slices.DeleteFunc(slices.Clone(keys), func(k ed25519.PublicKey) bool {
		return slices.ContainsFunc(doubtful, func(d ed25519.PublicKey) bool { return d.Equal(k) })
	}), nil
}

func publicOf(seed []byte) (ed25519.PublicKey, error) {
	key, err := credential.SigningKey(seed)
	if err != nil {
		return nil, err
	}
	return key.Public().(ed25519.PublicKey), nil //nolint:forcetypeassert // Ed25519 says so
}

// streams is the name, in the table of the server's own, of what the addresses of event streams are made with.
const streams = "stream-addresses"

// Streams returns what the addresses of event streams are made with, the same on every node. It lies in the database as
// it is, and opens nothing that the database does not hold: so that a node without the vault's key, or with another
// signing key, refuses no address that another one gave.
func (k *Keeper) Streams(ctx context.Context) ([]byte, error) {
	secret, err := k.DB.Secret(ctx, streams)
	if err == nil || !fault.Is(err, fault.NotFound) {
		return secret, err
	}
	err = k.Write(ctx, func(tx *store.Tx) (err error) {
		secret, err = tx.PutSecretOnce(ctx, streams, credential.NewKey())
		return err
	})
	return secret, err
}
