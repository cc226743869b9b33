package credential

import (
	"context"
	"encoding/hex"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"

	"github.com/slipwayhq/slipway/internal/fault"
)

// cheap costs keep the tests short; the format and the code path are the same.
func cheap() *Hasher { return newHasher(params{memory: 64, time: 1, threads: 1}) }

// The vectors are those of the reference implementation (phc-winner-argon2, test.c,
// version 0x13). RFC 9106, 5.3 uses a secret and associated data, which Go's
// function does not take.
func TestArgon2idKnownAnswers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name           string
		time, memory   uint32
		threads        uint8
		password, salt string
		want           string
	}{
		{"64 MiB", 2, 1 << 16, 1, "password", "somesalt",
			"09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7"},
		{"one lane", 2, 1 << 8, 1, "password", "somesalt",
			"9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe"},
		{"two lanes", 2, 1 << 8, 2, "password", "somesalt",
			"6d093c501fd5999645e0ea3bf620d7b8be7fd2db59c20d9fff9539da2bf57037"},
		{"other password", 2, 1 << 16, 1, "differentpassword", "somesalt",
			"0b84d652cf6b0c4beaef0dfe278ba6a80df6696281d7e0d2891b817d8c458fde"},
		{"other salt", 2, 1 << 16, 1, "password", "diffsalt",
			"bdf32b05ccc42eb15d58fd19b1f856b113da1e9a5874fdcc544308565aa8141c"},
	}
	for _, tt := range tests {
		got := hex.EncodeToString(argon2.IDKey([]byte(tt.password), []byte(tt.salt), tt.time, tt.memory, tt.threads, 32))
		if got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestReferenceHashVerifies(t *testing.T) {
	t.Parallel()
	const kept = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	h := NewHasher()
	for password, want := range map[string]bool{"password": true, "Password": false, "": false} {
		if ok, err := h.Verify(t.Context(), kept, password); ok != want || err != nil {
			t.Errorf("verify %q: %t %v, want %t", password, ok, err, want)
		}
	}
	if !h.Outdated(kept) {
		t.Error("a hash with two passes and a short salt is not outdated")
	}
}

func TestHashIsSaltedAndCurrent(t *testing.T) {
	t.Parallel()
	h := NewHasher()
	a, err := h.Hash(t.Context(), "four words in a row")
	if err != nil {
		t.Fatal(err)
	}
	b, _ := h.Hash(t.Context(), "four words in a row")
	if a == b {
		t.Error("two hashes of one password are equal")
	}
	if !strings.HasPrefix(a, "$argon2id$v=19$m=65536,t=3,p=4$") {
		t.Errorf("%s has not the second recommended costs of RFC 9106", a)
	}
	if h.Outdated(a) || !cheap().Outdated(a) {
		t.Error("a fresh hash is outdated, or other costs are not")
	}
	if ok, err := h.Verify(t.Context(), a, "four words in a row"); !ok || err != nil {
		t.Errorf("the password does not verify: %t %v", ok, err)
	}
}

func TestNobodyAndTooLongAreNeverRight(t *testing.T) {
	t.Parallel()
	h := cheap()
	empty, err := h.Hash(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, kept, password string }{
		{"no such user", "", ""},
		{"no such user, with password", "", "four words in a row"},
		{"too long a password", empty, strings.Repeat("x", maxPasswordBytes+1)},
	} {
		if ok, err := h.Verify(t.Context(), tt.kept, tt.password); ok || err != nil {
			t.Errorf("%s: %t %v, want false", tt.name, ok, err)
		}
	}
}

func TestParsePHC(t *testing.T) {
	t.Parallel()
	const salt, tag = "c29tZXNhbHQ", "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	good := "$argon2id$v=19$m=65536,t=3,p=4$" + salt + "$" + tag
	if p, err := parsePHC(good); err != nil || p.String() != good {
		t.Fatalf("%v %v", p, err)
	}
	tests := map[string]string{
		"empty":            "",
		"other algorithm":  strings.Replace(good, "argon2id", "argon2i", 1),
		"old version":      strings.Replace(good, "v=19", "v=16", 1),
		"no version":       strings.Replace(good, "v=19$", "", 1),
		"4 GiB":            strings.Replace(good, "m=65536", "m=4194304", 1),
		"memory wraps":     strings.Replace(good, "m=65536", "m=4294967297", 1),
		"no memory":        strings.Replace(good, "m=65536", "m=0", 1),
		"memory for lanes": strings.Replace(good, "m=65536", "m=31", 1),
		"no pass":          strings.Replace(good, "t=3", "t=0", 1),
		"nine passes":      strings.Replace(good, "t=3", "t=9", 1),
		"300 lanes":        strings.Replace(good, "p=4", "p=300", 1),
		"leading zero":     strings.Replace(good, "t=3", "t=03", 1),
		"sign":             strings.Replace(good, "t=3", "t=+3", 1),
		"other order":      strings.Replace(good, "t=3,p=4", "p=4,t=3", 1),
		"fourth cost":      strings.Replace(good, "p=4", "p=4,k=1", 1),
		"padding":          good + "=",
		"line break":       good[:len(good)-4] + "\n" + good[len(good)-4:],
		"loose bits":       good[:len(good)-1] + "d",
		"short tag":        "$argon2id$v=19$m=65536,t=3,p=4$" + salt + "$CTFh",
		"short salt":       "$argon2id$v=19$m=65536,t=3,p=4$c29t$" + tag,
		"trailing part":    good + "$x",
		"huge":             good + strings.Repeat("A", 1000),
	}
	for name, s := range tests {
		if p, err := parsePHC(s); err == nil {
			t.Errorf("%s: %q is read as %+v", name, s, p)
		} else if strings.Contains(err.Error(), tag) {
			t.Errorf("%s: the fault shows the hash: %v", name, err)
		}
	}
}

func FuzzParsePHC(f *testing.F) {
	f.Add("$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
	f.Add("$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA")
	f.Add("$argon2id$v=19$m=,t=,p=$$")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := parsePHC(s)
		if err == nil && (p.String() != s || p.memory > maxMemory || p.time > maxTime || p.threads > maxThreads) {
			t.Fatalf("%q is read as %+v", s, p)
		}
	})
}

func TestHasherWaitsForASlot(t *testing.T) {
	t.Parallel()
	h := cheap()
	h.slots <- struct{}{}
	h.slots <- struct{}{}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := h.Hash(ctx, "four words in a row"); !fault.Is(err, fault.Unavailable) {
		t.Fatalf("a third hash at once gives %v, want an unavailable fault", err)
	}
	<-h.slots
	if _, err := h.Hash(t.Context(), "four words in a row"); err != nil {
		t.Errorf("a free slot is not used: %v", err)
	}
	if len(h.slots) != 1 {
		t.Errorf("%d slots are taken, want 1: a slot was not given back", len(h.slots))
	}
}

func TestManyHashesAtOnceAllEnd(t *testing.T) {
	t.Parallel()
	h := cheap()
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := h.Hash(t.Context(), "four words in a row"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(h.slots) != 0 {
		t.Errorf("%d slots are still taken", len(h.slots))
	}
}

func TestCheckPassword(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, password, reason string }{
		{"words", "harbor lamp quiet seven", ""},
		{"twelve letters", "vqkzjxwplmtg", ""},
		{"twelve characters, not bytes", "шлюпканаволне", ""},
		{"eleven", "vqkzjxwplmt", "password_too_short"},
		{"eleven characters, 22 bytes", "шлюпканавол", "password_too_short"},
		{"256", strings.Repeat("vqkzjxwplmtgdfha", 16), ""},
		{"257", strings.Repeat("vqkzjxwplmtgdfha", 16) + "x", "password_too_long"},
		{"not UTF-8", "vqkzjxwplmtg\xff", "password_malformed"},
		{"emoji", "🚢⚓🌊🐟🦀🪝🧭🗺🌅🐚🏝🐬", ""},
		{"same character", "aaaaaaaaaaaaaa", "password_common"},
		{"counting", "123456789012", "password_common"},
		{"counting down", "zyxwvutsrqponm", "password_common"},
		{"keyboard rows", "qwertyuiopasdf", "password_common"},
		{"repetition", "passwordpassword", "password_common"},
		{"year", "Password2024!", "password_common"},
		{"digits for letters", "P@ssw0rd!!!!", "password_common"},
		{"digits for letters and a year", "Pa55w0rd2024", "password_common"},
		{"listed", "CorrectHorseBatteryStaple", "password_common"},
		{"a telephone", "+49 30 1234567", "password_common"},
		{"the name", "AdaLovelace1815", "password_common"},
		{"name in words", "adalovelace wrote notes", ""},
		{"the word inside words", "my password is a boat", ""},
		{"signs and digits", "8!3#9$2%7^1&6*", ""},
	}
	for _, tt := range tests {
		got := ""
		if err := CheckPassword(tt.password, "adalovelace", ""); err != nil {
			got = fault.ReasonOf(err)
		}
		if got != tt.reason {
			t.Errorf("%s: %q gives %q, want %q", tt.name, tt.password, got, tt.reason)
		}
	}
}

func BenchmarkHash(b *testing.B) {
	h := NewHasher()
	for b.Loop() {
		if _, err := h.Hash(b.Context(), "four words in a row"); err != nil {
			b.Fatal(err)
		}
	}
}
