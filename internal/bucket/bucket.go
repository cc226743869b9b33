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

import "math/bits"

// Size is the number of points: a point is one hundredth of a percent.
const Size = 10000

// Point is a place in [0, Size).
type Point int

// Of returns the point of key under salt. It allocates nothing.
func Of(salt, key string) Point {
	h := sum32(salt, key)
	return Point((uint64(h) * Size) >> 32)
}

// In reports whether the point lies in a share of percent (0 to 100).
func (p Point) In(percent float64) bool { return float64(p) < percent*(Size/100) }

// sum32 returns MurmurHash3 x86 32-bit, seed 0, of the concatenation of a and b,
// without making it.
func sum32(a, b string) uint32 {
	const c1, c2 = 0xcc9e2d51, 0x1b873593
	n := len(a) + len(b)
	at := func(i int) uint32 {
		if i < len(a) {
			return uint32(a[i])
		}
		return uint32(b[i-len(a)])
	}
	var h uint32
	i := 0
	for ; i+4 <= n; i += 4 {
		k := at(i) | at(i+1)<<8 | at(i+2)<<16 | at(i+3)<<24
		h ^= bits.RotateLeft32(k*c1, 15) * c2
		h = bits.RotateLeft32(h, 13)*5 + 0xe6546b64
	}
	var k uint32
	switch n & 3 {
	case 3:
		k ^= at(i+2) << 16
		fallthrough
	case 2:
		k ^= at(i+1) << 8
		fallthrough
	case 1:
		k ^= at(i)
		h ^= bits.RotateLeft32(k*c1, 15) * c2
	}
	h ^= uint32(n)
	h ^= h >> 16
	h *= 0x85ebca6b
	h ^= h >> 13
	h *= 0xc2b2ae35
	return h ^ h>>16
}
