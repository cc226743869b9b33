package github

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
)

// proof is what a call is made with: a proof of the app, or the token of its installation.
func (c *Client) proof(ctx context.Context, k call) (string, error) {
	if k.app {
		return c.assertion(ctx)
	}
	c.mu.Lock()
	token, ends := c.token, c.ends
	c.mu.Unlock()
	if token != "" && c.o.Now().Before(ends.Add(-early)) {
		return token, nil
	}
	return c.renew(ctx)
}

// forget drops the token that GitHub no longer knows.
func (c *Client) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.token = ""
}

// renew buys a token of the app's installation on the repository. Two at once buy two, which does no harm.
func (c *Client) renew(ctx context.Context) (string, error) {
	var at struct {
		ID int64 `json:"id"`
	}
	err := c.do(ctx, call{do: "find the app's installation on " + c.o.Repository, right: "Metadata: read",
		method: http.MethodGet, path: c.repo("/installation"), app: true}, &at)
	if err == nil && at.ID == 0 {
		err = lacks("the installation", "its id")
	}
	if err != nil {
		return "", err
	}
	var got struct {
		Token       string            `json:"token"`
		Ends        time.Time         `json:"expires_at"`
		Permissions map[string]string `json:"permissions"`
	}
	_, name, _ := strings.Cut(c.o.Repository, "/")
	err = c.do(ctx, call{do: "get a token of the installation", right: "Metadata: read", method: http.MethodPost,
		path: fmt.Sprintf("/app/installations/%d/access_tokens", at.ID), app: true, safe: true,
		body: map[string]any{"repositories": []string{name}}}, &got)
	if err == nil && (got.Token == "" || got.Ends.IsZero()) {
		err = lacks("the token", "itself or its end")
	}
	if err != nil {
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.token, c.ends, c.rights, c.at = got.Token, got.Ends, got.Permissions, at.ID
	return got.Token, nil
}

// Installed returns the app's installation on the repository, and what it grants, such as checks: write.
func (c *Client) Installed(ctx context.Context) (id int64, rights map[string]string, err error) {
	if _, err := c.renew(ctx); err != nil {
		return 0, nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at, c.rights, nil
}

// asks are the permissions that the app asks for, whether or not they are granted; empty where GitHub does not say.
func (c *Client) asks(ctx context.Context) map[string]string {
	app := struct {
		Permissions map[string]string `json:"permissions"`
	}{map[string]string{}}
	_ = c.do(ctx, call{do: "read the app", right: "none", method: http.MethodGet, path: "/app", app: true}, &app)
	return app.Permissions
}

// Hook says what GitHub sends the app: the address and the events.
func (c *Client) Hook(ctx context.Context) (address string, events []string, err error) {
	var app struct {
		Events []string `json:"events"`
	}
	if err := c.do(ctx, call{do: "read the app", right: "none", method: http.MethodGet, path: "/app", app: true},
		&app); err != nil {
		return "", nil, err
	}
	var hook struct {
		URL string `json:"url"`
	}
	err = c.do(ctx, call{do: "read the app's webhook", right: "none", method: http.MethodGet, path: "/app/hook/config",
		app: true}, &hook)
	return hook.URL, app.Events, err
}

// assertion proves that the caller has the app's key. It is made anew each time and is good for some minutes; it begins
// a minute ago, because clocks differ.
func (c *Client) assertion(ctx context.Context) (string, error) {
	if c.o.Key == nil {
		return "", fault.New(fault.Invalid, "secret_missing", "There is no private key of the GitHub App.")
	}
	text, err := c.o.Key(ctx)
	if err != nil {
		return "", err
	}
	key, err := ParseKey(text)
	if err != nil {
		return "", err
	}
	now := c.o.Now()
	claims, err := json.Marshal(map[string]any{"iat": now.Add(-time.Minute).Unix(), "exp": now.Add(8 * time.Minute).Unix(),
		"iss": fmt.Sprint(c.o.App)})
	if err != nil {
		return "", fault.Wrap(err, fault.Internal, "github_body", "The proof for GitHub cannot be written.")
	}
	b := base64.RawURLEncoding
	what := b.EncodeToString([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + b.EncodeToString(claims)
	sum := sha256.Sum256([]byte(what))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		return "", fault.Wrap(err, fault.Invalid, "github_key_malformed", "The GitHub App's private key can't sign.")
	}
	return what + "." + b.EncodeToString(signature), nil
}

// OneLine is a private key on one line, as secrets are kept: ParseKey reads either.
func OneLine(text string) string {
	return strings.ReplaceAll(strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n")), "\n", `\n`)
}

// ParseKey reads a GitHub App's private key: PEM, as GitHub hands it out, or the same on one line with \n in it.
func ParseKey(text string) (*rsa.PrivateKey, error) {
	malformed := func() error { // what it holds is told to nobody
		return fault.New(fault.Invalid, "github_key_malformed",
			"The GitHub App's private key is no RSA key in PEM form. Give the .pem file that GitHub made, as it is.")
	}
	block, _ := pem.Decode([]byte(strings.ReplaceAll(text, `\n`, "\n")))
	if block == nil {
		return nil, malformed()
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	any, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, malformed()
	}
	key, ok := any.(*rsa.PrivateKey)
	if !ok {
		return nil, malformed()
	}
	return key, nil
}

// lacks is the fault of an answer without a field that something rests on.
func lacks(what, field string) error {
	return fault.New(fault.Unavailable, "github_contract",
		"GitHub's answer about %s lacks %s: what rests on it is not known, so nothing is done.", what, field)
}
