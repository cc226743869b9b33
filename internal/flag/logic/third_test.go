package logic

import (
	"fmt"
	"testing"

	"github.com/slipwayhq/slipway/internal/bucket"
)

// Who is in which part by the third version of fractional, beside the sentence of flagd's decision: the hash of the
// value as CBOR, or of [flagKey, targetingKey] where a rule names none. There is no program to compare with.
func TestThirdVersion(t *testing.T) {
	text := func(s string) string { return string(rune(0x60+len(s))) + s } // up to 23 letters
	seen := map[string]int{}
	for i := range 300 {
		user := fmt.Sprintf("user-%d", i)
		for _, tt := range []struct{ by, encoded string }{
			{``, "\x82" + text("my-flag") + text(user)},
			{`{"var":"targetingKey"},`, text(user)},
			{`{"cat":["salt",{"var":"targetingKey"}]},`, text("salt" + user)},
			{`{"var":"n"},`, "\x19\x03" + string([]byte{byte(i % 256)})},
			{`{"var":"yes"},`, "\xf5"},
			{`{"var":"o"},`, "\xa1" + text("id") + text(user)},
		} {
			l, err := NewLibrary(nil, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			r, err := l.Compile([]byte(`{"fractional":[`+tt.by+`["a",20],["b",30],["c",50]]}`), "targeting", Cbor)
			if err != nil || r.Refused() != "" {
				t.Fatal(err, r.Refused())
			}
			got, _ := r.Run(NewContext(user, map[string]any{
				"n": float64(0x300 + i%256), "yes": true, "o": map[string]any{"id": user},
			}), "my-flag", 1_800_000_000)
			want := "c"
			switch part := uint64(bucket.Hash([]byte(tt.encoded), nil)) * 100 >> 32; {
			case part < 20:
				want = "a"
			case part < 50:
				want = "b"
			}
			if got != want {
				t.Errorf("%s by %q: %q, want %q", user, tt.by, got, want)
			}
			seen[got]++
		}
	}
	if len(seen) != 3 {
		t.Errorf("not every part was seen: %v", seen)
	}
}
