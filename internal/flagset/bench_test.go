package flagset

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/slipwayhq/slipway/internal/flag"
)

// BenchmarkChange is a change of one flag beside a segment that names 1,000,000 users: made ready as a whole, as at the
// start, and sharing what the set before has.
func BenchmarkChange(b *testing.B) {
	group := flag.Segment{App: "shop", Key: "friends", Environment: "production", Listed: 1_000_000, Revision: 1}
	members := make([]string, group.Listed)
	for i := range members {
		members[i] = fmt.Sprintf("member-%07d", i)
	}
	raw := flag.Set{
		App: "shop", Environment: "production", Segments: []flag.Segment{group},
		Flags: []flag.Flag{{
			App: "shop", Key: "checkout", Kind: flag.Boolean, Bucketing: 2,
			Variants: []flag.Variant{{Name: "on", Value: []byte("true")}, {Name: "off", Value: []byte("false")}},
		}},
		Configs: []flag.Config{{
			App: "shop", Flag: "checkout", Environment: "production", On: true, Default: flag.Serve{Variant: "off"},
			Rules: []flag.Rule{{If: []flag.Condition{{Segment: "friends"}}, Serve: flag.Serve{Variant: "on"}}},
		}},
	}
	ready := func(before *Set) *Set {
		raw.Generation++
		set, err := compile(&raw, before)
		if err != nil {
			b.Fatal(err)
		}
		return set
	}
	b.Run("whole", func(b *testing.B) {
		raw.Lists, raw.Rules = map[string][]string{"friends": members}, nil
		b.ReportAllocs()
		for b.Loop() {
			ready(nil)
		}
	})
	b.Run("shared", func(b *testing.B) {
		rule, err := group.Rule(members)
		if err != nil {
			b.Fatal(err)
		}
		raw.Lists, raw.Rules = nil, map[string]json.RawMessage{"friends": rule}
		set := ready(nil)
		b.ReportAllocs()
		for b.Loop() {
			set = ready(set)
		}
	})
}
