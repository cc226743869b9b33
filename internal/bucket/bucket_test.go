package bucket

import (
	"fmt"
	"math"
	"testing"
)

// The vectors are those that MurmurHash3's public test programs agree upon.
func TestHashVectors(t *testing.T) {
	tests := []struct {
		in   string
		want uint32
	}{
		{"", 0},
		{"test", 0xba6bd213},
		{"Hello, world!", 0xc0363e43},
		{"The quick brown fox jumps over the lazy dog", 0x2e4ff723},
	}
	for _, tt := range tests {
		if got := Hash(tt.in, ""); got != tt.want {
			t.Errorf("Hash(%q) = %#x, want %#x", tt.in, got, tt.want)
		}
	}
}

// req: CD-18
func TestShareIsMonotone(t *testing.T) {
	t.Parallel()
	shares := []float64{0, 0.01, 5, 10, 25, 50, 99.99, 100}
	for i := range 20000 {
		p := Of("rel_1", fmt.Sprintf("visitor-%d", i))
		in := false
		for _, s := range shares {
			now := p.In(s)
			if in && !now {
				t.Fatalf("point %d is in a smaller share but not in %g %%", p, s)
			}
			in = now
		}
		if p.In(0) || !p.In(100) {
			t.Fatalf("point %d: nobody is in 0 %%, everybody is in 100 %%", p)
		}
	}
}

// A share in hundredths of a percent has the points that a flag's weight of the same number has.
func TestShareHasItsPoints(t *testing.T) {
	t.Parallel()
	for weight := range Size + 1 {
		share := float64(weight) / (Size / 100)
		if weight > 0 && !Point(weight-1).In(share) || Point(weight).In(share) {
			t.Fatalf("%g %% does not end at point %d", share, weight)
		}
	}
}

// req: EN-10
func TestShareIsTrue(t *testing.T) {
	t.Parallel()
	const n = 200000
	for _, share := range []float64{1, 5, 10, 50} {
		in := 0
		for i := range n {
			if Of("salt", fmt.Sprintf("v%d", i)).In(share) {
				in++
			}
		}
		p := share / 100
		if got, slack := float64(in)/n, 5*math.Sqrt(p*(1-p)/n); math.Abs(got-p) > slack {
			t.Errorf("share %g %%: measured %.4f, off by more than five standard errors (%.4f)", share, got, slack)
		}
	}
}

func TestSaltsAreIndependent(t *testing.T) {
	t.Parallel()
	const n = 100000
	both := 0
	for i := range n {
		k := fmt.Sprintf("v%d", i)
		if Of("a", k).In(10) && Of("b", k).In(10) {
			both++
		}
	}
	if got := float64(both) / n; math.Abs(got-0.01) > 5*math.Sqrt(0.01*0.99/n) {
		t.Errorf("overlap of two 10 %% shares is %.4f, want 0.01", got)
	}
}

func FuzzOf(f *testing.F) {
	f.Add("salt", "key")
	f.Fuzz(func(t *testing.T, salt, key string) {
		if p := Of(salt, key); p < 0 || p >= Size {
			t.Fatalf("Of(%q, %q) = %d", salt, key, p)
		}
		if Hash(salt, key) != Hash(salt+key, "") {
			t.Fatal("the hash of two parts differs from the hash of their concatenation")
		}
	})
}

func BenchmarkOf(b *testing.B) {
	for b.Loop() {
		Of("rel_0a1b2c3d4e5f6g7h8j9k", "v_0a1b2c3d4e5f6g7h8j9k")
	}
}

// The vectors are what the JavaScript package that flagd's core uses computes.
func TestHashUnitsVectors(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want uint32
	}{
		{"", "é", 0x44c6d4b2},
		{"flag", "пользователь-7", 0xffb8a},
		{"日本", "語", 0x85f0b427},
		{"a", "鿿", 0x68b76f42},
		{"ab", "鿿鿿", 0x1cdbfaec},
		{"", "鿿鿿鿿", 0x85f0b427},
		{"x", "🚀", 0x85f0b427},
		{"salt-", "ключ-ü", 0x5897addb},
	} {
		if got := HashUnits(tt.a, tt.b); got != tt.want {
			t.Errorf("HashUnits(%q, %q) = %#x, want %#x", tt.a, tt.b, got, tt.want)
		}
	}
	if HashUnits("flag", "user-1") != Hash("flag", "user-1") {
		t.Error("within ASCII the two differ")
	}
}

func TestHashOfBytes(t *testing.T) {
	for i := range 40 {
		s := string(make([]byte, i)) + "x"
		if Hash(s, "") != Hash([]byte(s), nil) {
			t.Errorf("%d bytes differ from the text", i)
		}
	}
}
