package bucket

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
)

var update = flag.Bool("update", false, "write the file that others compare with")

// TestOthersAssignAlike keeps the points that the package for Next.js holds its own hash to.
func TestOthersAssignAlike(t *testing.T) {
	t.Parallel()
	type vector struct {
		Salt, Visitor string
		Point         Point
	}
	var want []vector
	rnd := rand.New(rand.NewPCG(7, 7))
	for i := range 200 {
		salt, visitor := fmt.Sprintf("rel_%x", rnd.Uint32()>>(i%29)), ""
		for range i % 37 {
			visitor += string([]rune("0123456789abcdefAZ-_.@é€𝄞")[rnd.IntN(25)])
		}
		want = append(want, vector{salt, visitor, Of(salt, visitor)})
	}
	const name = "../../sdk/nextjs/tests/buckets.json"
	if *update {
		src, err := json.MarshalIndent(want, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, append(src, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	src, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var have []vector
	if err := json.Unmarshal(src, &have); err != nil || !slices.Equal(have, want) {
		t.Errorf("%s is not what this hash gives (%v); -update writes it", name, err)
	}
}
