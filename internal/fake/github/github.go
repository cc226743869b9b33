// Package github is GitHub for tests: a stateful server of the endpoints that a GitHub App uses for checks, deployments
// and deployment protection rules, with signed deliveries of webhooks. It checks the app's proofs by the public key,
// gives tokens that end, refuses what the installation's permissions do not grant, and can be away. It imports no other
// room, so that a mistake of the client is not made here too.
package github

import (
	"bytes"
	"context"
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Object is a thing of GitHub's as it goes over the wire.
type Object map[string]any

// Call is a request that was answered.
type Call struct {
	Method  string
	Path    string
	Status  int
	Body    string
	Version string // of the API that was asked for
	Accept  string
	Token   string // or proof, that it was made with
}

// job is one that began to wait.
type job struct {
	run                 int64
	environment, commit string
	at                  time.Time // of the run's last start
}

// Limit is how GitHub refuses a call for a limit.
type Limit int

// The ways.
const (
	RetryAfter Limit = iota // 429, with how many seconds to wait: one
	Reset                   // 403 with nothing remaining, until half an hour from now
	Silent                  // 403 that says so in its words only, as secondary limits may
)

// installation is the id of the app's only one.
const installation = 99

// GitHub is one repository, with one app installed on it.
type GitHub struct {
	URL    string // of the API
	App    int64
	Secret string // that deliveries are signed with

	server *httptest.Server
	key    *rsa.PrivateKey

	mu          sync.Mutex
	repository  string
	permissions map[string]string
	asked       map[string]string // beside them, by the app
	tokens      map[string]time.Time
	commits     []string
	runs        []Object
	deployments []Object
	statuses    map[int64][]Object // newest first
	waiting     map[string]string  // run/environment → state
	waits       []job
	calls       []Call
	hook        string
	serial      int64
	events      []string
	newest      string // of the tokens
	suspended   bool
	keyless     bool
	after       func(Call)
	former      string // name of the repository
	outage      int    // status of every answer; 0: none
	limited     int    // calls that are refused for the limit
	limit       Limit
	lost        int // changes that are made and whose answer is lost
	now         func() time.Time
	born        time.Time
	started     map[string]Object // claims of runs, by what they ask with
}

// New starts a GitHub with a repository OWNER/NAME and its commits. Close ends it.
func New(repository string, commits ...string) (*GitHub, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("make the app's key: %w", err)
	}
	g := &GitHub{App: 4711, Secret: "hook-secret", key: key, repository: repository, commits: commits,
		now: time.Now, born: time.Now(),
		permissions: map[string]string{"actions": "read", "checks": "write", "contents": "read", "deployments": "write",
			"metadata": "read"},
		events: []string{"check_run", "deployment_protection_rule"}, tokens: map[string]time.Time{},
		asked:   map[string]string{},
		started: map[string]Object{}, statuses: map[int64][]Object{}, waiting: map[string]string{}, serial: 1000}
	g.server = httptest.NewServer(g.routes())
	g.URL = g.server.URL
	return g, nil
}

// Close ends it.
func (g *GitHub) Close() { g.server.Close() }

// Key is the app's private key, as GitHub hands it out.
func (g *GitHub) Key() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(g.key)}))
}

// Permit changes what the installation grants; an empty level takes it away.
func (g *GitHub) Permit(permission, level string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if level == "" {
		delete(g.permissions, permission)
		return
	}
	g.permissions[permission] = level
}

// Ask has the app ask for a permission, which nobody has accepted yet.
func (g *GitHub) Ask(permission, level string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked[permission] = level
}

// Away has every call answered with a status; 0 ends that.
func (g *GitHub) Away(status int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.outage = status
}

// Limit has the next n calls refused for a limit.
func (g *GitHub) Limit(n int, how Limit) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.limited, g.limit = n, how
}

// Subscribe changes the events that are sent to the app.
func (g *GitHub) Subscribe(events ...string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.events = events
}

// Lose has the next n changes made and their answers lost.
func (g *GitHub) Lose(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.lost = n
}

// Grant is a token of the installation, for somebody who wants to look by hand.
func (g *GitHub) Grant() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	token, _ := g.issue()
	return token
}

// issue makes a token of an hour.
func (g *GitHub) issue() (token string, ends time.Time) {
	token, ends = fmt.Sprintf("ghs_%d", g.next()), g.now().Add(time.Hour).Truncate(time.Second)
	g.tokens[token], g.newest = ends, token
	return token, ends
}

// Clock sets what time it is at GitHub.
func (g *GitHub) Clock(now func() time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now = now
}

// Token is the newest one that was bought.
func (g *GitHub) Token() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.newest
}

// After has a function called when something was changed, before that is answered; nil ends it.
func (g *GitHub) After(f func(Call)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.after = f
}

// Suspend has the installation suspended by its account.
func (g *GitHub) Suspend() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.suspended = true
}

// Unkey has every key of the app deleted.
func (g *GitHub) Unkey() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.keyless = true
}

// Rename gives the repository another name; who uses the old one is sent on.
func (g *GitHub) Rename(repository string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.former, g.repository = g.repository, repository
}

// Revoke ends every token.
func (g *GitHub) Revoke() {
	g.mu.Lock()
	defer g.mu.Unlock()
	clear(g.tokens)
}

// Hook sets the address that deliveries go to.
func (g *GitHub) Hook(address string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.hook = address
}

// Runs returns the check runs, oldest first.
func (g *GitHub) Runs() []Object { return g.copies(&g.runs) }

// Deployments returns the deployments, oldest first.
func (g *GitHub) Deployments() []Object { return g.copies(&g.deployments) }

func (g *GitHub) copies(of *[]Object) []Object {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := []Object{}
	for _, o := range *of {
		c := Object{}
		for k, v := range o {
			c[k] = v
		}
		out = append(out, c)
	}
	return out
}

// States returns what was said of a deployment, oldest first.
func (g *GitHub) States(deployment any) []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	id, _ := deployment.(int64)
	out := []string{}
	for _, s := range g.statuses[id] {
		out = append([]string{fmt.Sprint(s["state"])}, out...)
	}
	return out
}

// Calls returns what was asked, oldest first.
func (g *GitHub) Calls() []Call {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]Call{}, g.calls...)
}

// Cancel has a job wait no longer.
func (g *GitHub) Cancel(run int64, environment string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.waiting, fmt.Sprintf("%d/%s", run, environment))
}

// Job says what became of a job that waits: waiting, approved or rejected.
func (g *GitHub) Job(run int64, environment string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	state, _, _ := strings.Cut(g.waiting[fmt.Sprintf("%d/%s", run, environment)], ": ")
	return state
}

// Comment is what was said about a job.
func (g *GitHub) Comment(run int64, environment string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, comment, _ := strings.Cut(g.waiting[fmt.Sprintf("%d/%s", run, environment)], ": ")
	return comment
}

// Deliver sends an event to the app's webhook, signed, and returns the status of the answer.
func (g *GitHub) Deliver(ctx context.Context, id, kind string, event Object) (int, error) {
	body, err := json.Marshal(event)
	if err != nil {
		return 0, fmt.Errorf("write the event: %w", err)
	}
	m := hmac.New(sha256.New, []byte(g.Secret))
	_, _ = m.Write(body)
	g.mu.Lock()
	to := g.hook
	g.mu.Unlock()
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return 0, fmt.Errorf("make the delivery: %w", err)
	}
	for name, v := range map[string]string{"Content-Type": "application/json", "X-GitHub-Event": kind,
		"X-GitHub-Delivery": id, "X-Hub-Signature-256": "sha256=" + hex.EncodeToString(m.Sum(nil)),
		"User-Agent": "GitHub-Hookshot/fake"} {
		q.Header.Set(name, v)
	}
	a, err := http.DefaultClient.Do(q)
	if err != nil {
		return 0, fmt.Errorf("deliver: %w", err)
	}
	defer func() { _ = a.Body.Close() }()
	_, _ = io.Copy(io.Discard, a.Body)
	return a.StatusCode, nil
}

// unproven says why a proof is not taken for the app's; 0 where it is: signed by its key, and of now.
func (g *GitHub) unproven(proof string) (status int, why string) {
	const none = "A JSON web token could not be decoded"
	parts := strings.Split(proof, ".")
	if len(parts) != 3 {
		return http.StatusUnauthorized, none
	}
	b := base64.RawURLEncoding
	head, err1 := b.DecodeString(parts[0])
	body, err2 := b.DecodeString(parts[1])
	signature, err3 := b.DecodeString(parts[2])
	var h struct {
		Alg string `json:"alg"`
	}
	var c struct {
		Issuer any   `json:"iss"`
		Since  int64 `json:"iat"`
		Ends   int64 `json:"exp"`
	}
	if err1 != nil || err2 != nil || err3 != nil || json.Unmarshal(head, &h) != nil || json.Unmarshal(body, &c) != nil ||
		h.Alg != "RS256" {
		return http.StatusUnauthorized, none
	}
	now := g.now().Unix()
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	switch {
	case fmt.Sprint(c.Issuer) != strconv.FormatInt(g.App, 10):
		return http.StatusNotFound, "Integration not found"
	case g.keyless:
		return http.StatusUnauthorized, "Integration must generate a public key"
	case rsa.VerifyPKCS1v15(&g.key.PublicKey, crypto.SHA256, sum[:], signature) != nil:
		return http.StatusUnauthorized, none
	case c.Ends <= now:
		return http.StatusUnauthorized, "'Expiration time' claim ('exp') must be a numeric value representing the future " +
			"time at which the assertion expires"
	case c.Ends > now+600:
		return http.StatusUnauthorized, "'Expiration time' claim ('exp') is too far in the future"
	case c.Since > now:
		return http.StatusUnauthorized, "'Issued at' claim ('iat') must be an Integer representing the time that the " +
			"assertion was issued"
	}
	return 0, ""
}
