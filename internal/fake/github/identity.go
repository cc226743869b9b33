package github

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"time"
)

// Issuer is who signs what runs of workflows are known by.
func (g *GitHub) Issuer() string { return g.URL + "/identities" }

// Start starts a run of a workflow that may have a token of its own (id-token: write), and returns what it finds in its
// environment. Claims stand in the place of the usual ones.
func (g *GitHub) Start(run int64, claims Object) (environment []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	owner, _ := g.owner()
	all := Object{"iss": g.Issuer(), "jti": node("run", run), "sub": "repo:" + g.repository + ":ref:refs/heads/main",
		"ref": "refs/heads/main", "ref_type": "branch", "sha": g.commits[0], "repository": g.repository,
		"repository_owner": owner, "repository_id": "42", "repository_owner_id": "7", "repository_visibility": "private",
		"run_id": fmt.Sprint(run), "run_number": "1", "run_attempt": "1", "actor": "ada", "actor_id": "7", "head_ref": "",
		"base_ref": "", "event_name": "push", "workflow": "Release", "runner_environment": "github-hosted",
		"job_workflow_ref": g.repository + "/.github/workflows/release.yml@refs/heads/main"}
	for k, v := range claims {
		all[k] = v
	}
	secret := fmt.Sprintf("run-secret-%d", g.next())
	g.started[secret] = all
	return []string{"GITHUB_ACTIONS=true", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=" + secret,
		"ACTIONS_ID_TOKEN_REQUEST_URL=" + g.Issuer() + "/token?api-version=2.0"}
}

// identities are the addresses of the issuer, and the one at which a run asks for its token.
func (g *GitHub) identities(mux *http.ServeMux) {
	b := base64.RawURLEncoding.EncodeToString
	mux.HandleFunc("GET /identities/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(Object{"issuer": g.Issuer(), "jwks_uri": g.Issuer() + "/.well-known/jwks",
			"response_types_supported": []string{"id_token"}, "subject_types_supported": []string{"public", "pairwise"},
			"id_token_signing_alg_values_supported": []string{"RS256"}, "scopes_supported": []string{"openid"}})
	})
	mux.HandleFunc("GET /identities/.well-known/jwks", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(Object{"keys": []Object{{"kty": "RSA", "alg": "RS256", "use": "sig",
			"kid": "actions", "n": b(g.key.N.Bytes()), "e": b(big.NewInt(int64(g.key.E)).Bytes())}}})
	})
	mux.HandleFunc("GET /identities/token", func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		claims, ok := g.started[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
		now := g.now()
		g.mu.Unlock()
		if !ok {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		audience := r.URL.Query().Get("audience")
		if audience == "" {
			audience = "https://github.com/" + fmt.Sprint(claims["repository_owner"])
		}
		text, err := g.sign(claims, audience, now)
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(Object{"count": len(text), "value": text})
	})
}

// sign makes the token of a run, which lasts some minutes.
func (g *GitHub) sign(claims Object, audience string, now time.Time) (string, error) {
	all := Object{"aud": audience, "iat": now.Unix(), "nbf": now.Add(-10 * time.Minute).Unix(),
		"exp": now.Add(5 * time.Minute).Unix()}
	for k, v := range claims {
		all[k] = v
	}
	body, err := json.Marshal(all)
	if err != nil {
		return "", fmt.Errorf("write the claims: %w", err)
	}
	b := base64.RawURLEncoding.EncodeToString
	text := b([]byte(`{"typ":"JWT","alg":"RS256","kid":"actions"}`)) + "." + b(body)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, g.key, crypto.SHA256, sum[:])
	if err != nil {
		return "", fmt.Errorf("sign the claims: %w", err)
	}
	return text + "." + b(signature), nil
}
