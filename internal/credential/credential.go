// Package credential makes and checks what people and machines prove themselves
// with: passwords, API tokens, sessions, set-up links, CSRF tokens and the key that
// Slipway signs approvals with.
//
// Passwords are kept as Argon2id in the PHC string format and hashed a few at a
// time, so that a flood of logins cannot take the machine's memory. Random secrets
// are never kept: only their SHA-256 is, which is enough because they carry at
// least 178 bits from the system's generator. Every comparison with something
// secret takes constant time.
//
// The package stores nothing, knows no user and reads no clock: throttling, expiry
// and revocation belong to the rooms that keep the hashes.
package credential

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"hash/crc32"
	"strings"

	"github.com/slipwayhq/slipway/internal/fault"
)

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// The parts of an API token.
const (
	tokenPrefix = "slp_"
	tokenBody   = 30 // base-62 characters, 178 bits
	tokenCheck  = 6  // base-62 characters of the CRC-32
)

// TokenPattern is the regular expression for secret scanners: what matches it and
// passes CheckToken is one of Slipway's tokens.
const TokenPattern = `slp_[0-9A-Za-z]{30}_[0-9A-Za-z]{6}`

// The beginnings of the keys with which programs evaluate feature flags.
const (
	ServerKey = "slwf_srv_" // of programs that keep it to themselves
	PublicKey = "slwf_pub_" // stands in pages and apps: everybody can read it
)

// FlagKeyPattern is the regular expression for secret scanners, as TokenPattern is.
const FlagKeyPattern = `slwf_(?:srv|pub)_[0-9A-Za-z]{30}_[0-9A-Za-z]{6}`

// NewToken returns a fresh API token: slp_, 30 random characters, an underscore and
// the checksum of all before it, by which a scanner or a typing mistake is told
// from a token without asking anybody.
func NewToken() string { return newSecret(tokenPrefix) }

// NewFlagKey returns a fresh key for flags, with ServerKey or PublicKey at its
// beginning and otherwise made as a token is.
func NewFlagKey(prefix string) string { return newSecret(prefix) }

func newSecret(prefix string) string {
	head := prefix + random62(tokenBody)
	return head + "_" + checksum(head)
}

// CheckToken returns a fault when s has not the form of a token or its checksum
// does not fit. It says nothing about whether the token is in use.
func CheckToken(s string) error {
	if !strings.HasPrefix(s, tokenPrefix) {
		return fault.New(fault.Unknown, "token_malformed", "A token begins with %s.", tokenPrefix)
	}
	const head = len(tokenPrefix) + tokenBody
	if len(s) != head+1+tokenCheck || s[head] != '_' || !all62(s[len(tokenPrefix):head]) {
		return fault.New(fault.Unknown, "token_malformed", "The token is incomplete: it has %d characters, not %d.",
			head+1+tokenCheck, len(s))
	}
	if checksum(s[:head]) != s[head+1:] {
		return fault.New(fault.Unknown, "token_malformed", "The token's checksum does not fit: it was altered on its way.")
	}
	return nil
}

// NewSession returns a fresh secret for a session cookie, 256 bits.
func NewSession() string { return random62(43) }

// NewSetup returns a fresh secret for the one-time set-up link, 256 bits.
func NewSetup() string { return random62(43) }

// Hash returns the SHA-256 of a random secret in hexadecimal, which is what is
// kept. It is not for passwords, which carry too little chance: see Hasher.
func Hash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// Matches reports in constant time whether the secret has this hash.
func Matches(secret, hash string) bool {
	return subtle.ConstantTimeCompare([]byte(Hash(secret)), []byte(hash)) == 1
}

// random62 returns n characters of base 62, each equally likely.
func random62(n int) string {
	out := make([]byte, 0, n)
	buf := make([]byte, n+n/4)
	for len(out) < n {
		_, _ = rand.Read(buf) // never fails: see crypto/rand
		for _, b := range buf {
			if b &= 63; b < 62 && len(out) < n { // 62 and 63 are thrown again, a remainder would favor some
				out = append(out, base62[b])
			}
		}
	}
	return string(out)
}

// checksum returns the CRC-32 of s as six characters of base 62.
func checksum(s string) string {
	sum := crc32.ChecksumIEEE([]byte(s))
	var out [tokenCheck]byte
	for i := len(out) - 1; i >= 0; i-- {
		out[i] = base62[sum%62]
		sum /= 62
	}
	return string(out[:])
}

func all62(s string) bool {
	for i := range len(s) {
		if strings.IndexByte(base62, s[i]) < 0 {
			return false
		}
	}
	return true
}
