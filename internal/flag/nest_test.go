package flag_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/bucket"
	"github.com/slipwayhq/slipway/internal/flag"
)

// With the salt of a canary a flag's users are the canary's: whoever is in the smaller share is in the larger, so that
// exposures nest. With its own they are not.
func TestAFlagsShareNestsWithACanarys(t *testing.T) {
	const people, canary, share = 5_000, 5.0, 10.0
	for salt, nests := range map[string]bool{"rel_1": true, "": false} {
		c := flag.Config{App: "shop", Environment: "production", Flag: "checkout", On: true, Default: flag.Serve{Salt: salt,
			Split: []flag.Portion{{Variant: "on", Weight: share * 100}, {Variant: "off", Weight: 10_000 - share*100}}}}
		set := flag.Set{App: "shop", Environment: "production", Configs: []flag.Config{c}, Flags: []flag.Flag{{App: "shop",
			Key: "checkout", Kind: flag.Boolean, Bucketing: 2, Variants: []flag.Variant{{Name: "on", Value: []byte("true")},
				{Name: "off", Value: []byte("false")}}}}}
		doc, err := set.Document()
		if err != nil {
			t.Fatal(err)
		}
		s, err := flag.Compile(doc)
		if err != nil {
			t.Fatal(err)
		}
		out := 0
		for i := range people {
			id := fmt.Sprintf("visitor-%d", i)
			on := s.Evaluate("checkout", flag.NewContext(id, nil), time.Time{}).Variant == "on"
			if on != bucket.Of(c.BucketSalt(), id).In(share) {
				t.Fatalf("salt %q: the edge counts %s for another variant than the flag serves", salt, id)
			}
			if bucket.Of("rel_1", id).In(canary) && !on {
				out++
			}
		}
		if (out == 0) != nests {
			t.Errorf("salt %q: %d of the canary's visitors are not in the flag's larger share", salt, out)
		}
	}
}
