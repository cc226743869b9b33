package credential

import (
	"crypto/ed25519"
	"crypto/rand"

	"github.com/slipwayhq/slipway/internal/fault"
)

// NewKey returns 32 random bytes: the seed of a signing key (see SigningKey).
func NewKey() []byte {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails: see crypto/rand
	return key
}

// SigningKey returns the Ed25519 key of a seed of 32 bytes, the form in which it is
// kept (RFC 8032, 5.1.5).
func SigningKey(seed []byte) (ed25519.PrivateKey, error) {
	if len(seed) != ed25519.SeedSize {
		return nil, fault.New(fault.Internal, "signing_key_malformed", "The signing key has %d bytes, not %d.",
			len(seed), ed25519.SeedSize)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}
