// Package vault seals secrets so that whoever reads the database alone can read none of them.
//
// A secret is sealed with AES-256 in Galois/Counter mode under a master key that stands in the environment or in a
// file, never in the database. The application and the secret's name are bound to it: an envelope that is moved under
// another name can't be opened. Several keys may be valid at a time: the first seals, all open, so that keys can be
// changed while it runs. A sum says whether two values are alike without keeping either.
package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"sync"

	"github.com/slipwayhq/slipway/internal/fault"
)

// EnvKeys is the environment variable that holds the master keys, parted by commas; EnvFile names a file with them.
const (
	EnvKeys = "SLIPWAY_VAULT_KEY"
	EnvFile = "SLIPWAY_VAULT_KEY_FILE"
)

const (
	keySize  = 32
	mark     = "slv1" // begins an envelope
	sumBytes = 16
)

// Options say where the master keys are. Keys win over File.
type Options struct {
	Keys func() string // the text of EnvKeys
	File string        // path; empty: none
	Make bool          // File may be made where it is missing
}

// Vault seals and opens. It is safe for concurrent use, and reads the keys when they are first needed.
type Vault struct {
	o Options

	mu   sync.Mutex
	keys []key
}

// key is a master key, as the keys that are derived from it.
type key struct {
	id   string
	seal cipher.AEAD
	sum  []byte
}

// New returns a vault.
func New(o Options) *Vault {
	if o.Keys == nil {
		o.Keys = func() string { return "" }
	}
	return &Vault{o: o}
}

// bound is what an envelope is tied to. The parts can't run into one another.
func bound(app, name string) []byte {
	sum := sha256.Sum256([]byte(app))
	return append(sum[:], name...)
}

// Seal closes a secret under a name of the application. fresh says that nothing was ever sealed: only then a missing
// key may be made, because another one would open nothing.
func (v *Vault) Seal(app, name string, secret []byte, fresh bool) (string, error) {
	keys, err := v.load(fresh)
	if err != nil {
		return "", err
	}
	k := keys[0]
	nonce := make([]byte, k.seal.NonceSize())
	if _, err := rand.Read(nonce); err != nil {
		return "", fault.Wrap(err, fault.Internal, "random", "There is no randomness to seal with.")
	}
	box := k.seal.Seal(nonce, nonce, secret, bound(app, name))
	return mark + "." + k.id + "." + base64.RawURLEncoding.EncodeToString(box), nil
}

// Open returns the secret in an envelope. Faults: Unavailable when its key is not there, Invalid when it was changed or
// belongs to another name.
func (v *Vault) Open(app, name, envelope string) ([]byte, error) {
	id, body, err := parts(envelope)
	if err != nil {
		return nil, err
	}
	k, err := v.find(id)
	if err != nil {
		return nil, err
	}
	box, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil || len(box) < k.seal.NonceSize() {
		return nil, broken()
	}
	n := k.seal.NonceSize()
	secret, err := k.seal.Open(nil, box[:n], box[n:], bound(app, name))
	if err != nil {
		return nil, broken()
	}
	return secret, nil
}

func parts(envelope string) (id, body string, err error) {
	p := strings.Split(envelope, ".")
	if len(p) != 3 || p[0] != mark || p[1] == "" {
		return "", "", broken()
	}
	return p[1], p[2], nil
}

func broken() error {
	return fault.New(fault.Invalid, "vault_broken",
		"A sealed secret was changed, or belongs to another name: it can't be opened. Set it again.")
}

// KeyOf is the id of the key that an envelope, or a sum, was made with; empty when it is neither.
func KeyOf(text string) string {
	p := strings.Split(text, ".")
	if len(p) != 3 || p[0] != mark {
		return ""
	}
	return p[1]
}

// Current is the id of the key that seals. Faults: as Seal.
func (v *Vault) Current(fresh bool) (string, error) {
	keys, err := v.load(fresh)
	if err != nil {
		return "", err
	}
	return keys[0].id, nil
}

// Sum is a mark of a value under a name: alike for like values, and of no use to whoever has no key.
func (v *Vault) Sum(app, name, value string, fresh bool) (string, error) {
	keys, err := v.load(fresh)
	if err != nil {
		return "", err
	}
	return keys[0].mark(app, name, value), nil
}

// Alike reports whether a sum is that of a value. Known is false where the sum's key is not there any more.
func (v *Vault) Alike(app, name, value, sum string) (alike, known bool, err error) {
	id, _, err := parts(sum)
	if err != nil {
		return false, false, nil //nolint:nilerr // it is no sum: then nothing is known
	}
	k, err := v.find(id)
	if fault.ReasonOf(err) == "vault_key_unknown" {
		return false, false, nil
	}
	if err != nil {
		return false, false, err
	}
	return hmac.Equal([]byte(k.mark(app, name, value)), []byte(sum)), true, nil
}

func (k key) mark(app, name, value string) string {
	h := hmac.New(sha256.New, k.sum)
	h.Write(bound(app, name))
	h.Write([]byte{0})
	h.Write([]byte(value))
	return mark + "." + k.id + "." + hex.EncodeToString(h.Sum(nil)[:sumBytes])
}

// derive makes the keys of a purpose out of a master key.
func derive(master []byte, purpose string) []byte {
	h := hmac.New(sha256.New, master)
	h.Write([]byte("slipway vault " + purpose))
	return h.Sum(nil)
}

func newKey(master []byte) (key, error) {
	block, err := aes.NewCipher(derive(master, "seal"))
	if err != nil {
		return key{}, fault.Wrap(err, fault.Internal, "vault_key", "The vault's key can't be used.")
	}
	seal, err := cipher.NewGCM(block)
	if err != nil {
		return key{}, fault.Wrap(err, fault.Internal, "vault_key", "The vault's key can't be used.")
	}
	return key{id: hex.EncodeToString(derive(master, "id")[:5]), seal: seal, sum: derive(master, "sum")}, nil
}
