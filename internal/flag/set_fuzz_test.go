package flag

import (
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"
)

// FuzzSet holds any environment to this: what Validate accepts becomes a document that compiles, whose rules evaluate
// without an error for any user, and that can be tried.
func FuzzSet(f *testing.F) {
	for seed := range uint64(8) {
		d := dice{rand.New(rand.NewPCG(seed, 7))}
		set, err := json.Marshal(d.environment())
		if err != nil {
			f.Fatal(err)
		}
		user, err := json.Marshal(d.user())
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(set), string(user))
	}
	raw := shop()
	raw.Configs[2].On = true
	raw.Configs[2].Targeting = json.RawMessage(`{"if":[{"$ref":"segment/staff"},"red",{"fractional":[["blue",1]]}]}`)
	set, err := json.Marshal(raw)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(set), `{"targetingKey":"ada"}`)
	f.Fuzz(func(t *testing.T, set, user string) {
		var s Set
		var attributes map[string]any
		if json.Unmarshal([]byte(set), &s) != nil || json.Unmarshal([]byte(user), &attributes) != nil {
			return
		}
		if s.Validate() != nil {
			return
		}
		d, err := s.Document()
		if err != nil {
			t.Fatal(err)
		}
		snapshot, err := Compile(d)
		if err != nil {
			t.Fatalf("%v\n%s", err, d.JSON())
		}
		x := s.index()
		for key := range d.Flags {
			now := time.Unix(1_800_000_000, 0)
			got := snapshot.Evaluate(key, contextOf(attributes), now)
			c := x.configs[key]
			if got.Reason == ErrorReason && (c == nil || len(c.Targeting) == 0) {
				t.Errorf("%s: %+v\n%s", key, got, d.Flags[key].Targeting)
			}
			trial, err := s.Try(key)
			if err != nil {
				t.Fatal(err)
			}
			if o := trial.For(contextOf(attributes), now); o.Variant != got.Variant || o.Sentence == "" {
				t.Errorf("%s: %+v, tried %+v", key, got, o)
			}
		}
	})
}
