package logic

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// space reports what JavaScript trims from a text before it reads a number.
func space(r rune) bool {
	switch r {
	case '\t', '\n', '\v', '\f', '\r', ' ', 0xa0, 0xfeff, 0x2028, 0x2029:
		return true
	}
	return unicode.Is(unicode.Zs, r)
}

// parseNumber is JavaScript's Number(s), NaN for what is none.
func parseNumber(s string) float64 {
	s = strings.TrimFunc(s, space)
	if s == "" {
		return 0
	}
	if len(s) > 2 && s[0] == '0' {
		switch s[1] | 0x20 {
		case 'x':
			return parseBase(s[2:], 16)
		case 'o':
			return parseBase(s[2:], 8)
		case 'b':
			return parseBase(s[2:], 2)
		}
	}
	unsigned := strings.TrimPrefix(strings.TrimPrefix(s, "+"), "-")
	if len(s)-len(unsigned) > 1 {
		return math.NaN()
	}
	if unsigned == "Infinity" {
		if s[0] == '-' {
			return math.Inf(-1)
		}
		return math.Inf(1)
	}
	if !decimal(unsigned) {
		return math.NaN()
	}
	f, _ := strconv.ParseFloat(s, 64) // too large is infinite, as there
	return f
}

func parseBase(digits string, base int) float64 {
	if digits[0] == '+' || digits[0] == '-' || strings.Contains(digits, "_") {
		return math.NaN()
	}
	if n, err := strconv.ParseUint(digits, base, 53); err == nil {
		return float64(n)
	}
	if len(digits) > 1<<12 {
		return math.NaN() // far beyond the largest number
	}
	n, ok := new(big.Int).SetString(digits, base)
	if !ok {
		return math.NaN()
	}
	f, _ := new(big.Float).SetInt(n).Float64()
	return f
}

// decimal reports digits with an optional point and exponent.
func decimal(s string) bool {
	i, digits := 0, 0
	run := func() {
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
			digits++
		}
	}
	run()
	if i < len(s) && s[i] == '.' {
		i++
		run()
	}
	if digits == 0 {
		return false
	}
	if i < len(s) && s[i]|0x20 == 'e' {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		digits = 0
		run()
		if digits == 0 {
			return false
		}
	}
	return i == len(s)
}

// formatNumber is JavaScript's String(n).
func formatNumber(n float64) string {
	var b [32]byte
	return string(appendNumber(b[:0], n))
}

func appendNumber(b []byte, n float64) []byte {
	switch {
	case n != n:
		return append(b, "NaN"...)
	case math.IsInf(n, 1):
		return append(b, "Infinity"...)
	case math.IsInf(n, -1):
		return append(b, "-Infinity"...)
	case n == 0:
		return append(b, '0')
	}
	if abs := math.Abs(n); abs >= 1e-6 && abs < 1e21 {
		return strconv.AppendFloat(b, n, 'f', -1, 64)
	}
	b = strconv.AppendFloat(b, n, 'e', -1, 64)
	if i := len(b) - 2; b[i] == '0' && (b[i-1] == '+' || b[i-1] == '-') { // its exponents have two digits at least
		b = append(b[:i], b[i+1])
	}
	return b
}

// ascii reports whether bytes and UTF-16 units are the same.
func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// units counts UTF-16 units.
func units(s string) int {
	n := 0
	for _, r := range s {
		n += max(1, utf16.RuneLen(r))
	}
	return n
}

// cut is the units from i to j; half a pair becomes the replacement character.
func cut(s string, i, j int) string {
	if ascii(s) {
		return s[i:j]
	}
	return string(utf16.Decode(utf16.Encode([]rune(s))[i:j]))
}

// order compares texts by their UTF-16 units.
func order(a, b string) int {
	for a != "" && b != "" {
		r, n := utf8.DecodeRuneInString(a)
		q, m := utf8.DecodeRuneInString(b)
		if r == q {
			a, b = a[n:], b[m:]
			continue
		}
		if r > 0xffff && q <= 0xffff {
			r, _ = utf16.EncodeRune(r)
		} else if q > 0xffff && r <= 0xffff {
			q, _ = utf16.EncodeRune(q)
		}
		if r < q {
			return -1
		}
		return 1
	}
	return len(a) - len(b)
}
