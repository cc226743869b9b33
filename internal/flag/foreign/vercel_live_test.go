package foreign

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What the API says of a flag and what it is evaluated from are the same flag.
func TestVercelLiveAndPackedAreTheSameFlags(t *testing.T) {
	t.Parallel()
	const live = `{"flags":[{"slug":"checkout","state":"active","kind":"string","variants":[
		{"id":"old","value":"old"},{"id":"new","value":"new"}],"environments":{
		"production":{"active":true,"revision":3,"pausedOutcome":{"type":"variant","variantId":"old"},
			"targets":{"new":{"user":{"id":[{"value":"u1","note":"Ada"}]}}},
			"rules":[{"id":"r1","conditions":[{"lhs":{"type":"entity","kind":"user","attribute":"plan"},"cmp":"oneOf",
				"rhs":{"type":"list/inline","items":[{"value":"pro"},{"value":"team"}]}},
				{"lhs":{"type":"segment"},"cmp":"eq","rhs":"seg_1"}],"outcome":{"type":"variant","variantId":"new"}}],
			"fallthrough":{"type":"split","base":{"type":"entity","kind":"user","attribute":"id"},
				"weights":{"new":25,"old":75},"defaultVariantId":"old"}},
		"preview":{"active":false,"pausedOutcome":{"type":"variant","variantId":"new"},"rules":[],
			"fallthrough":{"type":"variant","variantId":"old"}},
		"development":{"active":true,"reuse":{"active":true,"environment":"preview"},"rules":[],
			"pausedOutcome":{"type":"variant","variantId":"old"},"fallthrough":{"type":"variant","variantId":"old"}}}},
		{"slug":"gone","state":"archived","kind":"boolean","variants":[],"environments":{}}],
		"segments":[{"id":"seg_1","slug":"staff","data":{"rules":[],"include":{"user":{"id":[{"value":"u2"}]}}}}]}`
	const packed = `{"definitions":{"checkout":{"variants":["old","new"],"environments":{
		"production":{"targets":[{},{"user":{"id":["u1"]}}],
			"rules":[{"conditions":[[["user","plan"],"oneOf",["pro","team"]],["segment","eq","staff"]],"outcome":1}],
			"fallthrough":{"type":"split","base":["user","id"],"weights":[75,25],"defaultVariant":0}},
		"preview":1,"development":{"reuse":"preview"}}}},
		"segments":{"staff":{"rules":[],"include":{"user":{"id":["u2"]}},"exclude":{}}}}`
	if got := Detect([]byte(live)); got != Vercel {
		t.Errorf("it is taken for %q", got)
	}
	want, err := Read(Vercel, []byte(packed), Options{App: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := Read(Vercel, []byte(live), Options{App: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-packed +live):\n%s", diff)
	}
}

// What has no words here comes in switched off, and is reported.
func TestWhatVercelLiveSaysMoreIsReported(t *testing.T) {
	t.Parallel()
	rollout := `{"type":"rollout","base":{"type":"entity","kind":"user","attribute":"id"},"startTimestamp":1,` +
		`"rollFromVariantId":"a","rollToVariantId":"b","defaultVariantId":"a","slots":[]}`
	plain, rules := `{"type":"variant","variantId":"a"}`, `[]`
	for name, edit := range map[string]func(){
		"rollout":    func() { plain = rollout },
		"experiment": func() { plain = `{"type":"experiment"}` },
		"case": func() {
			rules = `[{"id":"r","conditions":[{"lhs":{"type":"entity","kind":"user","attribute":"plan"},"cmp":"eq",` +
				`"rhs":"pro","cmpOptions":{"ignoreCase":true}}],"outcome":{"type":"variant","variantId":"b"}}]`
		},
		"unknown variant": func() { plain = `{"type":"variant","variantId":"z"}` },
	} {
		plain, rules = `{"type":"variant","variantId":"a"}`, `[]`
		edit()
		text := `{"flags":[{"slug":"f","variants":[{"id":"a","value":1},{"id":"b","value":2}],"environments":{"production":` +
			`{"active":true,"pausedOutcome":{"type":"variant","variantId":"a"},"rules":` + rules + `,"fallthrough":` +
			plain + `}}}]}`
		if !json.Valid([]byte(text)) {
			t.Fatal(text)
		}
		got, err := Read(Vercel, []byte(text), Options{App: "shop"})
		if err != nil {
			t.Fatal(err)
		}
		lost := false
		for _, e := range got.Entries {
			lost = lost || e.Lost
		}
		if !lost || len(got.Configs) != 1 || got.Configs[0].On {
			t.Errorf("%s: %+v, %+v", name, got.Configs, got.Entries)
		}
	}
}
