package flagset

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/slipwayhq/slipway/internal/flag"
)

// keys are all that hold now.
type keys struct {
	generation int64
	by         map[[sha256.Size]byte]*Key
}

// Key lets programs evaluate the flags of one environment.
type Key struct {
	ID, Name, Environment string
	Public                bool     // everybody can read it: it evaluates what is for clients, and sees no rules
	Origins               []string // of pages that may use it; empty: any

	Rate  Rate
	Count Rate         // of what is reported with it
	used  atomic.Int64 // Unix second
	noted int64        // the second that the store knows of
	ended atomic.Bool
}

// Ended reports whether the key was revoked.
func (k *Key) Ended() bool { return k.ended.Load() }

// Use remembers that the key was used.
func (k *Key) Use(now time.Time) {
	if s := now.Unix(); k.used.Load() != s {
		k.used.Store(s)
	}
}

// From reports whether a page of an origin may use the key.
func (k *Key) From(origin string) bool {
	return len(k.Origins) == 0 || slices.Contains(k.Origins, strings.ToLower(origin))
}

// Key returns the key with a secret, nil when there is none or it was revoked.
func (k *Keeper) Key(secret string) *Key {
	return k.keys.Load().by[sha256.Sum256([]byte(secret))]
}

// KeyByID returns the key with an id, nil when there is none or it was revoked. It looks at each.
func (k *Keeper) KeyByID(id string) *Key {
	for _, key := range k.keys.Load().by {
		if key.ID == id {
			return key
		}
	}
	return nil
}

// renewKeys reads the keys. One that was there stays the same, with what it has used of its rate.
func (k *Keeper) renewKeys(ctx context.Context, generation int64) error {
	list, err := k.DB.FlagKeys(ctx, k.App)
	if err != nil {
		return err
	}
	before := map[string]*Key{}
	for _, key := range k.keys.Load().by {
		before[key.ID] = key
	}
	now := &keys{generation: generation, by: map[[sha256.Size]byte]*Key{}}
	for _, row := range list {
		var hash [sha256.Size]byte
		if n, err := hex.Decode(hash[:], []byte(row.Hash)); !row.Revoked.IsZero() || err != nil || n != len(hash) {
			continue
		}
		key := before[row.ID]
		if key == nil {
			key = &Key{
				ID: row.ID, Name: row.Name, Environment: row.Environment, Public: row.Kind != "server", Origins: row.Origins,
			}
		}
		delete(before, row.ID)
		now.by[hash] = key
	}
	k.keys.Store(now)
	for _, gone := range before {
		gone.ended.Store(true)
	}
	return nil
}

// noteKeys writes down which keys were used since the last time.
func (k *Keeper) noteKeys(ctx context.Context) error {
	for _, key := range k.keys.Load().by {
		used := key.used.Load()
		if used == key.noted {
			continue
		}
		if err := k.DB.TouchFlagKey(ctx, key.ID, time.Unix(used, 0)); err != nil {
			return err
		}
		key.noted = used
	}
	return nil
}

// Rate bounds how often something happens, without a lock: it holds the moment up to which what is allowed has been
// used.
type Rate struct{ until atomic.Int64 }

// Take uses one of perSecond, of which two seconds' worth may come at once. It returns 0, or how long to wait.
func (r *Rate) Take(now time.Time, perSecond float64) time.Duration {
	return r.TakeMany(now, perSecond, 1)
}

// TakeMany uses many at once. More than two seconds' worth never fit.
func (r *Rate) TakeMany(now time.Time, perSecond float64, many int64) time.Duration {
	at, each := now.UnixNano(), int64(float64(time.Second)/perSecond*float64(many))
	for {
		until := r.until.Load()
		next := max(until, at) + each
		if ahead := next - at; ahead > int64(2*time.Second) {
			return time.Duration(ahead - int64(2*time.Second))
		}
		if r.until.CompareAndSwap(until, next) {
			return 0
		}
	}
}

// Back gives one of perSecond back that was taken.
func (r *Rate) Back(perSecond float64) { r.until.Add(-int64(float64(time.Second) / perSecond)) }

// timed reports whether a rule of the document may ask for the time.
func timed(d *flag.Document) bool {
	for _, f := range d.Flags {
		if bytes.Contains(f.Targeting, []byte("$flagd")) {
			return true
		}
	}
	for _, rule := range d.Evaluators {
		if bytes.Contains(rule, []byte("$flagd")) {
			return true
		}
	}
	return false
}
