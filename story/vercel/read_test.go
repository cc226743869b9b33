//go:build full

package vercel

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"reflect"
	"testing"
	"time"

	fake "github.com/slipwayhq/slipway/internal/fake/vercel"
	api "github.com/slipwayhq/slipway/internal/vercel"
)

// proof is a proof of access to an application's flags as Vercel's flags take it: claims, encrypted for the secret
// (JWE, alg dir, enc A256GCM).
func proof(t *testing.T, secret []byte, claims map[string]any) string {
	t.Helper()
	b64 := base64.RawURLEncoding.EncodeToString
	body, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	nonce := make([]byte, gcm.NonceSize())
	_, _ = rand.Read(nonce)
	head := b64([]byte(`{"alg":"dir","enc":"A256GCM"}`))
	sealed := gcm.Seal(nil, nonce, body, []byte(head))
	end := len(sealed) - gcm.Overhead()
	return head + ".." + b64(nonce) + "." + b64(sealed[:end]) + "." + b64(sealed[end:])
}

// What Slipway writes to a Global Config is read by Vercel's own client: at once where it asks for that, else when the
// write has come to where visitors read. And a proof that is made in Go opens an application's list of flags.
func TestVercelsClientsReadWhatIsWritten(t *testing.T) {
	t.Parallel()
	secret, other := make([]byte, 32), make([]byte, 32)
	_, _ = rand.Read(secret)
	_, _ = rand.Read(other)
	later, before := time.Now().Add(time.Hour).Unix(), time.Now().Add(-time.Hour).Unix()
	proofs := []string{
		proof(t, secret, map[string]any{"pur": "proof", "exp": later}),
		proof(t, other, map[string]any{"pur": "proof", "exp": later}),
		proof(t, secret, map[string]any{"pur": "proof", "exp": before}),
		proof(t, secret, map[string]any{"pur": "overrides", "exp": later}),
	}
	for name, delay := range map[string]time.Duration{"far": time.Hour, "near": 0} {
		s := open(t, fake.Options{Propagation: delay})
		g := s.AddGlobalConfig("flags")
		client := api.New(api.Options{API: s.URL(), Token: func(context.Context) (string, error) { return "token", nil }})
		value := map[string]any{"pct": 5.0, "on": true, "names": []any{"a", "ü"}}
		s.ok(client.PutItems(t.Context(), g.ID, api.Item{Operation: "upsert", Key: "canary", Value: value}))
		world, err := json.Marshal(map[string]any{"connection": g.Connection, "proofs": proofs,
			"secret": base64.RawURLEncoding.EncodeToString(secret)})
		s.ok(err)
		cmd := exec.CommandContext(t.Context(), "node", "read.mjs")
		cmd.Env = append(os.Environ(), "WORLD="+string(world))
		cmd.Stderr = os.Stderr
		text, err := cmd.Output()
		s.ok(err)
		var got struct {
			Plain, Consistent any
			All, Some         map[string]any
			Has               []bool
			Digest            string
			Access            []any
		}
		s.ok(json.Unmarshal(text, &got))
		all := map[string]any{"canary": value}
		if !reflect.DeepEqual(got.Consistent, any(value)) || !reflect.DeepEqual(got.All, all) ||
			!reflect.DeepEqual(got.Some, all) || !reflect.DeepEqual(got.Has, []bool{true, false}) || got.Digest == "" {
			t.Errorf("%s: Vercel's client reads %s", name, text)
		}
		if here := reflect.DeepEqual(got.Plain, any(value)); here != (delay == 0) || delay > 0 && got.Plain != nil {
			t.Errorf("%s: a plain read gives %v", name, got.Plain)
		}
		if got.Access[0] != true || got.Access[1] == true || got.Access[2] == true || got.Access[3] == true {
			t.Errorf("the proofs are judged %v", got.Access)
		}
	}
}
