package logic

import (
	"strings"
	"unicode"
)

// version is a semantic version, or the beginning of one.
type version struct {
	parts [3]float64
	pre   string
}

// semVer compares two versions: [a, operator, b].
func (e *env) semVer(in []value) value {
	if e.data.k != kRoot {
		return thrown()
	}
	if len(in) != 3 {
		return null()
	}
	a, ok := e.version(in[0])
	if !ok {
		return null()
	}
	b, ok := e.version(in[2])
	if !ok {
		return null()
	}
	c := a.compare(b)
	switch e.text(in[1]) {
	case "=":
		return boolean(c == 0)
	case "!=":
		return boolean(c != 0)
	case "<":
		return boolean(c < 0)
	case "<=":
		return boolean(c <= 0)
	case ">":
		return boolean(c > 0)
	case ">=":
		return boolean(c >= 0)
	case "^":
		return boolean(a.parts[0] == b.parts[0])
	case "~":
		return boolean(a.parts[0] == b.parts[0] && a.parts[1] == b.parts[1])
	}
	return null()
}

// version is the version that a value is as a text.
func (e *env) version(v value) (version, bool) {
	if v.k == kNumber {
		var stack [32]byte
		w, ok := parseVersion(string(appendNumber(stack[:0], v.n)))
		return version{parts: w.parts}, ok // a number has nothing else, and so its text needn't be kept
	}
	return parseVersion(e.text(v))
}

// parseVersion reads a version; one or two numbers are enough.
func parseVersion(s string) (version, bool) {
	if s != "" && s[0]|0x20 == 'v' {
		s = s[1:]
	}
	if len(s) > 256 && units(s) > 256 {
		return version{}, false
	}
	if v, ok := wholeVersion(strings.TrimFunc(s, space)); ok {
		return v, true
	}
	if dots := strings.Count(s, "."); dots < 2 && !strings.ContainsFunc(s, func(r rune) bool {
		return r != '.' && (r > unicode.MaxASCII || r < '0' || r > '9')
	}) {
		major, minor, _ := strings.Cut(s, ".")
		if minor == "" && dots == 0 {
			minor = "0"
		}
		var v version
		for i, part := range []string{major, minor} {
			if !numeral(part) || len(part) > 16 {
				return v, false
			}
			if v.parts[i] = parseNumber(part); v.parts[i] > maxInteger {
				return v, false
			}
		}
		return v, true
	}
	return version{}, false
}

// maxInteger is the largest number of a version.
const maxInteger = 1<<53 - 1

func wholeVersion(s string) (version, bool) {
	var v version
	s, build, built := strings.Cut(strings.TrimPrefix(s, "v"), "+")
	core, pre, early := strings.Cut(s, "-")
	for i := range v.parts {
		part, rest, more := strings.Cut(core, ".")
		if more != (i < 2) || !numeral(part) {
			return v, false
		}
		v.parts[i], core = parseNumber(part), rest
		if v.parts[i] > maxInteger {
			return v, false
		}
	}
	if built && !identifiers(build, false) || early && !identifiers(pre, true) {
		return v, false
	}
	v.pre = pre
	return v, true
}

// numeral reports digits without a leading zero.
func numeral(s string) bool { return digits(s) && (len(s) == 1 || s[0] != '0') }

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// identifiers reports words with dots between them.
func identifiers(s string, numbers bool) bool {
	for word := range strings.SplitSeq(s, ".") {
		for i := range len(word) {
			c := word[i] | 0x20
			if (c < 'a' || c > 'z') && (word[i] < '0' || word[i] > '9') && word[i] != '-' {
				return false
			}
		}
		if word == "" || numbers && digits(word) && !numeral(word) {
			return false
		}
	}
	return true
}

func (v version) compare(w version) int {
	for i := range v.parts {
		if v.parts[i] != w.parts[i] {
			if v.parts[i] < w.parts[i] {
				return -1
			}
			return 1
		}
	}
	switch {
	case v.pre == w.pre:
		return 0
	case v.pre == "":
		return 1
	case w.pre == "":
		return -1
	}
	a, b := v.pre, w.pre
	for a != "" && b != "" {
		var x, y string
		x, a, _ = strings.Cut(a, ".")
		y, b, _ = strings.Cut(b, ".")
		if c := compareWords(x, y); c != 0 {
			return c
		}
	}
	return len(a) - len(b)
}

// compareWords puts numbers before words.
func compareWords(x, y string) int {
	switch n, m := digits(x), digits(y); {
	case n && m:
		if f, g := parseNumber(x), parseNumber(y); f != g {
			if f < g {
				return -1
			}
			return 1
		}
		return 0
	case n:
		return -1
	case m:
		return 1
	}
	return strings.Compare(x, y)
}
