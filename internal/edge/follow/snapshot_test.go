package follow

import "testing"

// A snapshot is taken only as a whole.
func FuzzParseSnapshot(f *testing.F) {
	f.Add([]byte(`{"sha256":"","table":{}}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if tb, _, err := parseSnapshot(b); err == nil && tb.Validate() != nil {
			t.Fatalf("took %+v", tb)
		}
	})
}
