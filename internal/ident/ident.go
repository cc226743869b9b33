// Package ident makes the ids of Slipway's things.
//
// An id is a short prefix that names the kind of thing, an underscore and 20
// characters of lower-case base 32: 50 bits of time in units of 1/32 ms, then 50
// random bits. Ids of one kind sort by their time of creation, need no
// coordination, and can be read aloud: the alphabet has no i, l, o or u.
package ident

import (
	"crypto/rand"
	"encoding/binary"
	"strings"
	"time"
)

const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"

// New returns a fresh id such as "rel_0a1b2c3d4e5f6g7h8j9k" for the time now.
func New(prefix string, now time.Time) string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails: see crypto/rand
	return prefix + "_" + base32(uint64(now.UnixMicro())*32/1000) + base32(binary.BigEndian.Uint64(b[:]))
}

// Valid reports whether s has the form of an id with the given prefix.
func Valid(prefix, s string) bool {
	body, ok := strings.CutPrefix(s, prefix+"_")
	if !ok || len(body) != 20 {
		return false
	}
	for i := range len(body) {
		if strings.IndexByte(alphabet, body[i]) < 0 {
			return false
		}
	}
	return true
}

// base32 returns the low 50 bits of v as ten characters.
func base32(v uint64) string {
	var out [10]byte
	for i := len(out) - 1; i >= 0; i-- {
		out[i] = alphabet[v&31]
		v >>= 5
	}
	return string(out[:])
}
