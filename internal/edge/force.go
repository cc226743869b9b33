package edge

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The names under which a signed force token reaches the edge.
const (
	ForceHeader = "X-Slipway-Force"
	ForceQuery  = "slipway_force"
)

// SignForce returns a token that sends a request to one deployment whatever the
// bucket says, until expiry: for smoke probes and operators. Whoever uses it must
// look at DeploymentHeader of the answer, since a token that the edge does not
// accept is ignored.
func SignForce(key []byte, deployment string, expiry time.Time) string {
	at := strconv.FormatInt(expiry.Unix(), 10)
	return deployment + ";" + at + ";" + hex.EncodeToString(forceSum(key, deployment, at))
}

// parseForce returns the deployment that a token names, when the token is signed
// with key and not past its expiry.
func parseForce(key []byte, token string, now time.Time) (string, bool) {
	if len(key) == 0 || len(token) > 512 {
		return "", false
	}
	deployment, rest, ok := strings.Cut(token, ";")
	at, sum, ok2 := strings.Cut(rest, ";")
	if !ok || !ok2 || !isWord(deployment) {
		return "", false
	}
	got, err := hex.DecodeString(sum)
	if err != nil || !hmac.Equal(got, forceSum(key, deployment, at)) {
		return "", false
	}
	expiry, err := strconv.ParseInt(at, 10, 64)
	if err != nil || now.Unix() >= expiry {
		return "", false
	}
	return deployment, true
}

func forceSum(key []byte, deployment, expiry string) []byte {
	m := hmac.New(sha256.New, key)
	_, _ = m.Write([]byte("slipway-force\n" + deployment + "\n" + expiry))
	return m.Sum(nil)
}

// forced returns the deployment that a signed token in r names.
func (e *Edge) forced(r *http.Request, now time.Time) (string, bool) {
	if len(e.opts.ForceKey) == 0 {
		return "", false
	}
	token := r.Header.Get(ForceHeader)
	if token == "" {
		if token = queryValue(r.URL.RawQuery, ForceQuery); token == "" {
			return "", false
		}
		token = strings.ReplaceAll(strings.ReplaceAll(token, "%3B", ";"), "%3b", ";")
	}
	return parseForce(e.opts.ForceKey, token, now)
}
