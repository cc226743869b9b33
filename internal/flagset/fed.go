package flagset

import (
	"crypto/sha256"
	"log/slog"

	"github.com/slipwayhq/slipway/internal/flag"
)

// followed is the name of the environment of a keeper that is fed: the key that it is fed with names the real one.
const followed = "followed"

// Fed returns a keeper that reads no store: documents are put into it, as an edge gets them. Programs prove themselves
// with the secret of the server key by which the edge gets them.
func Fed(secret string, log *slog.Logger) *Keeper {
	k := New(Options{Environments: []string{followed}, Log: log})
	k.keys.Store(&keys{by: map[[sha256.Size]byte]*Key{
		sha256.Sum256([]byte(secret)): {ID: followed, Name: followed, Environment: followed},
	}})
	return k
}

// Put puts a document with its snapshot in the place of the one before, in a keeper that is fed.
func (k *Keeper) Put(generation int64, doc *flag.Document, snapshot *flag.Snapshot, text []byte) {
	k.places[followed].set.Store(newSet(followed, generation, doc, snapshot, text))
	k.tell(followed)
}
