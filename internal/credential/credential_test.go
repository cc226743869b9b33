package credential

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"math"
	"regexp"
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/internal/fault"
)

func TestTokenHasItsForm(t *testing.T) {
	t.Parallel()
	pattern := regexp.MustCompile("^" + TokenPattern + "$")
	seen := map[string]bool{}
	for range 1000 {
		s := NewToken()
		if !pattern.MatchString(s) || CheckToken(s) != nil || seen[s] {
			t.Fatalf("%s is not a fresh token: %v", s, CheckToken(s))
		}
		seen[s] = true
	}
}

func TestEveryAlteredCharacterOfATokenShows(t *testing.T) {
	t.Parallel()
	s := NewToken()
	for i := range len(s) {
		for _, c := range base62 + "_-" {
			if altered := s[:i] + string(c) + s[i+1:]; altered != s && CheckToken(altered) == nil {
				t.Errorf("character %d may be %c", i, c)
			}
		}
	}
	for _, bad := range []string{"", "slp_", s[1:], s + "0", s[:len(s)-1], " " + s, strings.Repeat("slp_", 1000)} {
		if err := CheckToken(bad); !fault.Is(err, fault.Unknown) {
			t.Errorf("%q gives %v", bad, err)
		} else if len(bad) > 10 && strings.Contains(err.Error(), bad[4:]) {
			t.Errorf("the fault shows the token: %v", err)
		}
	}
}

// The checksum is CRC-32 as in RFC 1952 (check value of "123456789": CBF43926).
func TestChecksumKnownAnswers(t *testing.T) {
	t.Parallel()
	const want = "3jZRME" // 0xCBF43926 = 3421780262 in base 62
	if got := checksum("123456789"); got != want {
		t.Errorf("checksum is %s, want %s", got, want)
	}
	if got := checksum(""); got != "000000" {
		t.Errorf("checksum of nothing is %s", got)
	}
}

func FuzzCheckToken(f *testing.F) {
	f.Add(NewToken())
	f.Add("slp_000000000000000000000000000000_000000")
	pattern := regexp.MustCompile("^" + TokenPattern + "$")
	f.Fuzz(func(t *testing.T, s string) {
		if CheckToken(s) == nil && !pattern.MatchString(s) {
			t.Fatalf("%q is taken for a token", s)
		}
	})
}

func TestRandomCharactersAreEquallyLikely(t *testing.T) {
	t.Parallel()
	const n = 62 * 2000
	counts := map[rune]float64{}
	for _, c := range random62(n) {
		counts[c]++
	}
	chi := 0.0
	for _, c := range base62 {
		chi += math.Pow(counts[c]-n/62, 2) / (n / 62)
	}
	if len(counts) != 62 || chi > 140 { // 61 degrees of freedom: beyond 140 less often than once in ten million runs
		t.Errorf("%d characters, chi square %.0f", len(counts), chi)
	}
}

func TestHashKnownAnswer(t *testing.T) {
	t.Parallel()
	const want = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" // FIPS 180-4, "abc"
	if got := Hash("abc"); got != want {
		t.Errorf("hash is %s", got)
	}
	if !Matches("abc", want) || Matches("abd", want) || Matches("abc", "") || Matches("", "") {
		t.Error("Matches is wrong")
	}
	if NewSession() == NewSession() || len(NewSession()) != 43 || len(NewSetup()) != 43 {
		t.Error("session and set-up secrets are not fresh 43 characters")
	}
}

// RFC 8032, 7.1, tests 1 and 3.
func TestSigningKeyKnownAnswers(t *testing.T) {
	t.Parallel()
	tests := []struct{ seed, public, message, signature string }{
		{
			"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
			"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
			"e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155" +
				"5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
		},
		{
			"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
			"fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
			"6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac" +
				"18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
		},
	}
	for _, tt := range tests {
		key, err := SigningKey(unhex(t, tt.seed))
		if err != nil {
			t.Fatal(err)
		}
		public := key.Public().(ed25519.PublicKey)
		if got := hex.EncodeToString(public); got != tt.public {
			t.Errorf("public key %s, want %s", got, tt.public)
		}
		if got := hex.EncodeToString(ed25519.Sign(key, unhex(t, tt.message))); got != tt.signature {
			t.Errorf("signature %s, want %s", got, tt.signature)
		}
	}
	for _, n := range []int{0, 31, 33, 64} {
		if _, err := SigningKey(make([]byte, n)); err == nil {
			t.Errorf("a seed of %d bytes is taken", n)
		}
	}
	if a, b := NewKey(), NewKey(); len(a) != 32 || bytes.Equal(a, b) {
		t.Error("a new key is not 32 fresh bytes")
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
