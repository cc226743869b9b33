// Package bucket is the one assignment function of Slipway.
//
// Canary shares, flag percentages and experiments all decide with Of who is in:
// a key (a visitor or a user) is hashed to a point in [0, Size) once per salt,
// and is in a share when the point lies below it. So an assignment is monotone
// (who is in at 5 % stays in at 10 %), needs no stored state, and exposures that
// use the same salt nest.
//
// The hash is MurmurHash3 x86 32-bit with seed 0 over salt and key, mapped to the
// range by the multiply-shift that flagd's fractional operator uses in its second
// version: point = (hash × Size) >> 32.
package bucket

import (
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// Size is the number of points: a point is one hundredth of a percent.
const Size = 10000

// Point is a place in [0, Size).
type Point int

// Of returns the point of key under salt. It allocates nothing.
func Of(salt, key string) Point { return Point(Scale(Hash(salt, key), Size)) }

// In reports whether the point lies in a share of percent (0 to 100). A share in whole hundredths of a percent has
// exactly so many points, as a flag's weights have: 0.07 × 100 is a little more than 7 in binary.
func (p Point) In(percent float64) bool { return float64(p) < percent*(Size/100)-1e-9 }

// Scale maps a hash to [0, size).
func Scale(hash uint32, size uint32) uint32 { return uint32((uint64(hash) * uint64(size)) >> 32) }

// Hash returns MurmurHash3 x86 32-bit, seed 0, of the concatenation of a and b,
// without making it.
func Hash[T string | []byte](a, b T) uint32 {
	var h uint32
	n := len(a) + len(b)
	for len(a) >= 4 {
		h = mix(h, uint32(a[0])|uint32(a[1])<<8|uint32(a[2])<<16|uint32(a[3])<<24)
		a = a[4:]
	}
	for len(a) > 0 && len(a)+len(b) >= 4 {
		var k uint32
		for shift := 0; shift < 32; shift += 8 {
			if len(a) > 0 {
				k |= uint32(a[0]) << shift
				a = a[1:]
			} else {
				k |= uint32(b[0]) << shift
				b = b[1:]
			}
		}
		h = mix(h, k)
	}
	for len(b) >= 4 {
		h = mix(h, uint32(b[0])|uint32(b[1])<<8|uint32(b[2])<<16|uint32(b[3])<<24)
		b = b[4:]
	}
	var k uint32
	shift := 0
	for ; len(a) > 0; a = a[1:] {
		k |= uint32(a[0]) << shift
		shift += 8
	}
	for ; len(b) > 0; b = b[1:] {
		k |= uint32(b[0]) << shift
		shift += 8
	}
	return finish(h^scramble(k), n)
}

const c1, c2 = 0xcc9e2d51, 0x1b873593

func scramble(k uint32) uint32 { return bits.RotateLeft32(k*c1, 15) * c2 }

func mix(h, k uint32) uint32 { return bits.RotateLeft32(h^scramble(k), 13)*5 + 0xe6546b64 }

func finish(h uint32, n int) uint32 {
	h ^= uint32(n)
	h ^= h >> 16
	h *= 0x85ebca6b
	h ^= h >> 13
	h *= 0xc2b2ae35
	return h ^ h>>16
}

// HashUnits is Hash as flagd's JavaScript core computes it: over the UTF-16 units of
// the concatenation where others take its UTF-8 bytes. The two differ outside ASCII.
func HashUnits(a, b string) uint32 {
	if ascii(a) && ascii(b) {
		return Hash(a, b)
	}
	u := utf16.Encode([]rune(a + b))
	n := len(u)
	var h uint32
	for ; len(u) >= 4; u = u[4:] {
		last := uint32(u[3])
		h = mix(h, uint32(u[0])^uint32(u[1])<<8^uint32(u[2])<<16^last<<24^last>>8)
	}
	var k uint32
	for i, c := range u {
		k ^= uint32(c) << (8 * i)
	}
	if int32(k) > 0 { // it takes the rest for a signed number, and leaves it out when it is negative
		h ^= scramble(k)
	}
	return finish(h, n)
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
