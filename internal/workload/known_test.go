package workload

import (
	"crypto/sha256"
	"encoding/binary"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/workload/workloadtest"
)

// TestWhatIsRememberedIsBounded: whoever gets many good tokens fills no memory, and what is forgotten is only asked
// again.
func TestWhatIsRememberedIsBounded(t *testing.T) {
	i := workloadtest.Open(t)
	v := New([]Rule{rule(i)}, i.Client(), time.Now)
	for n := range maxKnown - 1 { // as if as many had come
		var sum [sha256.Size]byte
		binary.BigEndian.PutUint64(sum[:], uint64(n))
		v.known[sum] = good{until: time.Now().Add(time.Hour)}
	}
	for n, want := range []int{maxKnown, 1, 2} {
		token := i.Token(map[string]any{"jti": n}, "k1", nil)
		if _, err := v.Actor(t.Context(), token); err != nil {
			t.Fatal(err)
		}
		if len(v.known) != want {
			t.Errorf("after %d more, %d are remembered, want %d", n+1, len(v.known), want)
		}
		if _, ok := v.known[sha256.Sum256([]byte(token))]; !ok {
			t.Error("the newest is not")
		}
	}
}
