package credential

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"

	"github.com/slipwayhq/slipway/internal/fault"
)

// NewKey returns 32 random bytes: a signing key's seed (see SigningKey) or the
// secret that Derive makes keys from.
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

// EncodePublic writes a public key as text, e.g. for an API answer:
// "ed25519:" and base64url without padding.
func EncodePublic(key ed25519.PublicKey) string {
	return publicPrefix + base64.RawURLEncoding.EncodeToString(key)
}

// ParsePublic reads what EncodePublic wrote and refuses every other spelling.
func ParsePublic(s string) (ed25519.PublicKey, error) {
	malformed := fault.New(fault.Invalid, "public_key_malformed",
		"A public key is %q and 43 characters of base64url.", publicPrefix)
	if len(s) < len(publicPrefix) || s[:len(publicPrefix)] != publicPrefix {
		return nil, malformed
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s[len(publicPrefix):])
	if err != nil || len(b) != ed25519.PublicKeySize || EncodePublic(b) != s {
		return nil, malformed
	}
	return b, nil
}

const publicPrefix = "ed25519:"

// KeyID returns a short name for a public key: the first 16 hexadecimal digits of
// its SHA-256.
func KeyID(key ed25519.PublicKey) string {
	sum := sha256.Sum256(key)
	return hex.EncodeToString(sum[:8])
}

// Derive returns a key of 32 bytes for one purpose, by HKDF-SHA-256 (RFC 5869), so
// that one kept secret serves many uses and none learns another's key.
func Derive(secret []byte, purpose string) ([]byte, error) {
	key, err := hkdf.Key(sha256.New, secret, nil, "slipway/"+purpose, 32)
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "key_derivation", "No key for %s can be derived.", purpose)
	}
	return key, nil
}

// CSRF returns the token that forms of this session carry: an HMAC, so that it
// needs no store, is worth nothing in another session and ends with it. It is the
// same for the whole session, so that a page that is rendered again is the same
// page; answers that hold it must therefore not be compressed together with text
// that a stranger chooses.
func CSRF(key []byte, session string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("csrf\x00" + session))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// CheckCSRF reports in constant time whether token is the session's. It is false
// for an empty session: a form without one is nobody's.
func CheckCSRF(key []byte, session, token string) bool {
	return session != "" && hmac.Equal([]byte(CSRF(key, session)), []byte(token))
}
