// Package workloadtest is a platform that gives its runs OpenID Connect tokens, for the tests of whoever lets them in.
//
// It is a real issuer with a key of its own: discovery, keys and signed tokens, over HTTP.
package workloadtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// Issuer is a platform that gives out tokens, as GitHub Actions does.
type Issuer struct {
	*httptest.Server
	Key   *ecdsa.PrivateKey
	Asked atomic.Int64
	Down  atomic.Bool // it answers with 502
}

// Open starts an issuer that ends with the test.
func Open(t testing.TB) *Issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i := &Issuer{Key: key}
	i.Server = httptest.NewServer(i)
	t.Cleanup(i.Close)
	return i
}

// ServeHTTP answers what issuers publish.
func (i *Issuer) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	i.Asked.Add(1)
	if i.Down.Load() {
		rw.WriteHeader(http.StatusBadGateway)
		return
	}
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		_ = json.NewEncoder(rw).Encode(map[string]any{"issuer": i.URL, "jwks_uri": i.URL + "/keys"})
	case "/keys":
		pub, _ := i.Key.PublicKey.Bytes() // 4, x, y
		_ = json.NewEncoder(rw).Encode(map[string]any{"keys": []any{map[string]any{
			"kty": "EC", "crv": "P-256", "kid": "k1", "alg": "ES256", "use": "sig",
			"x": encode(pub[1:33]), "y": encode(pub[33:]),
		}}})
	}
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// Token signs claims; key stands in the place of the issuer's own where it is given.
func (i *Issuer) Token(claims map[string]any, kid string, key *ecdsa.PrivateKey) string {
	all := map[string]any{"iss": i.URL, "aud": "slipway", "sub": "repo:acme/shop:ref:refs/heads/main",
		"repository": "acme/shop", "ref": "refs/heads/main", "run_id": "42", "exp": time.Now().Add(time.Hour).Unix(),
		"iat": time.Now().Unix()}
	maps.Copy(all, claims)
	head, _ := json.Marshal(map[string]string{"alg": "ES256", "kid": kid, "typ": "JWT"})
	body, _ := json.Marshal(all)
	text := encode(head) + "." + encode(body)
	if key == nil {
		key = i.Key
	}
	sum := sha256.Sum256([]byte(text))
	r, s, _ := ecdsa.Sign(rand.Reader, key, sum[:])
	sig := make([]byte, 64)
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	return text + "." + encode(sig)
}
