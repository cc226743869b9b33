package workload

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/workload/workloadtest"
)

func rule(i *workloadtest.Issuer) Rule {
	return Rule{Name: "main", Issuer: i.URL, Audience: "slipway",
		Match:  map[string]string{"repository": "acme/shop", "ref": "refs/heads/*"},
		Scopes: []access.Scope{{Permission: access.StartRelease, Environment: "staging"}}}
}

func TestARunIsLetInByItsClaims(t *testing.T) {
	i := workloadtest.Open(t)
	v := New([]Rule{rule(i)}, i.Client(), time.Now)
	who, err := v.Actor(t.Context(), i.Token(nil, "k1", nil))
	if err != nil || who.ID != "workload:main" || who.Name != "main (acme/shop, 42)" || who.User != "" {
		t.Fatalf("it is %+v, %v", who, err)
	}
	if !who.May(access.StartRelease, "staging") || who.May(access.StartRelease, "production") ||
		who.May(access.ApproveRelease, "staging") {
		t.Errorf("it may %v", who.Grants)
	}
	asked := i.Asked.Load()
	for range 100 {
		if _, err := v.Actor(t.Context(), i.Token(nil, "k1", nil)); err != nil {
			t.Fatal(err)
		}
	}
	if i.Asked.Load() != asked {
		t.Errorf("the issuer was asked %d times more", i.Asked.Load()-asked)
	}
}

func TestWhatDoesNotFitIsRefused(t *testing.T) {
	i, other := workloadtest.Open(t), workloadtest.Open(t)
	v := New([]Rule{rule(i)}, i.Client(), time.Now)
	good := i.Token(nil, "k1", nil)
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + good[strings.Index(good, "."):strings.LastIndex(good, ".")+1]
	hmac := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","kid":"k1"}`)) + good[strings.Index(good, "."):]
	for name, raw := range map[string]string{
		"another audience":    i.Token(map[string]any{"aud": "other"}, "k1", nil),
		"another repository":  i.Token(map[string]any{"repository": "acme/shop-fork"}, "k1", nil),
		"a claim of a kind":   i.Token(map[string]any{"repository": []string{"acme/shop"}}, "k1", nil),
		"no such claim":       i.Token(map[string]any{"ref": nil}, "k1", nil),
		"another branch kind": i.Token(map[string]any{"ref": "refs/pull/1/merge"}, "k1", nil),
		"over":                i.Token(map[string]any{"exp": time.Now().Add(-time.Minute).Unix()}, "k1", nil),
		"not yet":             i.Token(map[string]any{"nbf": time.Now().Add(time.Hour).Unix()}, "k1", nil),
		"another's key":       i.Token(nil, "k1", other.Key),
		"an unknown key":      i.Token(nil, "k2", other.Key),
		"another issuer":      other.Token(nil, "k1", nil),
		"an issuer's word":    other.Token(map[string]any{"iss": i.URL}, "k1", nil),
		"no signature":        none, "a signature by text": hmac, "nonsense": "ey.ey.ey", "empty": "..",
		"long": good + strings.Repeat("a", maxToken),
	} {
		if who, err := v.Actor(t.Context(), raw); !fault.Is(err, fault.Unknown) {
			t.Errorf("%s is %+v, %v", name, who, err)
		} else if strings.Contains(err.Error(), raw) {
			t.Errorf("%s: the token stands in the error", name)
		}
	}
	if other.Asked.Load() != 0 {
		t.Error("an issuer that nobody named was asked")
	}
}

// TestARuleIsOfItsIssuerAlone: who may sign for one rule says nothing of another, whatever the claims are.
func TestARuleIsOfItsIssuerAlone(t *testing.T) {
	i, other := workloadtest.Open(t), workloadtest.Open(t)
	theirs := rule(other)
	theirs.Match = map[string]string{"repository": "acme/other"}
	v := New([]Rule{theirs, rule(i)}, i.Client(), time.Now)
	if who, err := v.Actor(t.Context(), i.Token(nil, "k1", nil)); err != nil || who.ID != "workload:main" {
		t.Fatalf("its own token is %+v, %v", who, err)
	}
	if who, err := v.Actor(t.Context(), other.Token(nil, "k1", nil)); !fault.Is(err, fault.Unknown) {
		t.Errorf("another's token is %+v, %v", who, err)
	}
}

// TestATokenEndsWhenItSays, also one that was found good a moment before.
func TestATokenEndsWhenItSays(t *testing.T) {
	i := workloadtest.Open(t)
	now := time.Now()
	v := New([]Rule{rule(i)}, i.Client(), func() time.Time { return now })
	raw := i.Token(map[string]any{"exp": now.Add(remember / 2).Unix()}, "k1", nil)
	if _, err := v.Actor(t.Context(), raw); err != nil {
		t.Fatal(err)
	}
	now = now.Add(remember * 3 / 4)
	if who, err := v.Actor(t.Context(), raw); !fault.Is(err, fault.Unknown) {
		t.Errorf("a token that is over is %+v, %v", who, err)
	}
}

// TestANameIsWhatItLooksLike: a workflow is called what whoever writes it likes, and the log shows it for good.
func TestANameIsWhatItLooksLike(t *testing.T) {
	i := workloadtest.Open(t)
	v := New([]Rule{rule(i)}, i.Client(), time.Now)
	who, err := v.Actor(t.Context(), i.Token(map[string]any{
		"workflow": "deploy\n\x1b[2K\u202eAnna)\u0000 (approved", "run_id": strings.Repeat("é", 80)}, "k1", nil))
	if want := "main (acme/shop, deploy[2KAnna approved)"; err != nil || who.Name != want {
		t.Errorf("it is %q, want %q (%v)", who.Name, want, err)
	}
}

// TestAFloodOfFalseTokensAsksNobody makes up keys, each of which the library would ask the issuer for.
func TestAFloodOfFalseTokensAsksNobody(t *testing.T) {
	i, other := workloadtest.Open(t), workloadtest.Open(t)
	v := New([]Rule{rule(i)}, i.Client(), time.Now)
	for range 200 {
		_, _ = v.Actor(t.Context(), i.Token(nil, "made-up", other.Key))
	}
	if n := i.Asked.Load(); n > 2 {
		t.Errorf("the issuer was asked %d times", n)
	}
}

// TestAnIssuerThatIsAway is unavailable at first, and missed by nobody once its keys are known.
func TestAnIssuerThatIsAway(t *testing.T) {
	i := workloadtest.Open(t)
	now := time.Now()
	v := New([]Rule{rule(i)}, i.Client(), func() time.Time { return now })
	i.Down.Store(true)
	if _, err := v.Actor(t.Context(), i.Token(nil, "k1", nil)); !fault.Is(err, fault.Unavailable) {
		t.Errorf("without keys it gives %v", err)
	}
	i.Down.Store(false)
	now = now.Add(keepKeys)
	if _, err := v.Actor(t.Context(), i.Token(nil, "k1", nil)); err != nil {
		t.Fatalf("it does not come back: %v", err)
	}
	i.Down.Store(true)
	now = now.Add(2 * remember)
	if _, err := v.Actor(t.Context(), i.Token(nil, "k1", nil)); err != nil {
		t.Errorf("keys that were known are forgotten: %v", err)
	}
}

func FuzzActor(f *testing.F) {
	f.Add("eyJhbGciOiJub25lIn0.eyJpc3MiOiJ4In0.")
	f.Add("ey.ey.ey")
	v := New([]Rule{{Name: "x", Issuer: "http://127.0.0.1:1", Audience: "a"}},
		&http.Client{Timeout: time.Millisecond}, time.Now)
	f.Fuzz(func(t *testing.T, raw string) {
		if who, err := v.Actor(t.Context(), raw); err == nil {
			t.Errorf("%q is %+v", raw, who)
		}
	})
}
