package github

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"

	"github.com/slipwayhq/slipway/internal/fault"
)

// The headers of a delivery.
const (
	SignatureHeader = "X-Hub-Signature-256"
	EventHeader     = "X-GitHub-Event"
)

// SignatureLength is how many characters a signature has.
const SignatureLength = len("sha256=") + 2*sha256.Size

// Signature is how GitHub signs a body with a secret.
func Signature(body []byte, secret string) string {
	m := hmac.New(sha256.New, []byte(secret))
	_, _ = m.Write(body)
	return "sha256=" + hex.EncodeToString(m.Sum(nil))
}

// Signed reports whether the signature is of the body, by one of the secrets. An empty secret signs nothing.
func Signed(body []byte, signature string, secrets ...string) bool {
	got, ok := []byte(signature), false
	for _, s := range secrets {
		same := hmac.Equal([]byte(Signature(body, s)), got)
		ok = ok || same && s != ""
	}
	return ok
}

// Event is what a webhook tells that Slipway wants to know.
type Event struct {
	Type        string // such as check_run.rerequested
	Repository  string // OWNER/NAME
	Environment string // that a job waits for
	Run         int64  // the workflow's run that it belongs to
	Commit      string
	External    string // Slipway's name for a check run
}

// Of says whether an event is of a repository: GitHub takes no notice of case.
func (e Event) Of(repository string) bool { return strings.EqualFold(e.Repository, repository) }

// longest is how long a name may be that comes from outside.
const longest = 255

// DecodeEvent reads a delivery. Of a job that waits, what is answered rests on the run and the environment: without
// them it is no event.
func DecodeEvent(kind string, body []byte) (Event, error) {
	var w struct {
		Action      string `json:"action"`
		Environment string `json:"environment"`
		Callback    string `json:"deployment_callback_url"`
		Repository  struct {
			Name string `json:"full_name"`
		} `json:"repository"`
		Deployment struct {
			Commit string `json:"sha"`
		} `json:"deployment"`
		Check struct {
			Commit   string `json:"head_sha"`
			External string `json:"external_id"`
		} `json:"check_run"`
	}
	err := json.Unmarshal(body, &w)
	if err != nil || kind == "" || len(kind) > longest {
		return Event{}, fault.Wrap(err, fault.Invalid, "github_event",
			"This is no event of GitHub's, or it does not say of which kind.")
	}
	e := Event{Type: kind, Repository: w.Repository.Name, Environment: w.Environment, Commit: w.Deployment.Commit,
		External: w.Check.External}
	if w.Action != "" {
		e.Type += "." + w.Action
	}
	if e.Commit == "" {
		e.Commit = w.Check.Commit
	}
	if m := regexp.MustCompile(`/actions/runs/(\d{1,18})/deployment_protection_rule$`).FindStringSubmatch(
		w.Callback); m != nil {
		e.Run, _ = strconv.ParseInt(m[1], 10, 64)
	}
	if e.Type == Waiting && (e.Run == 0 || e.Environment == "" || len(e.Environment) > longest ||
		!regexp.MustCompile(`^[0-9a-f]{40,64}$`).MatchString(e.Commit)) {
		return Event{}, fault.New(fault.Invalid, "github_event",
			"GitHub does not say which job of which commit waits for what.")
	}
	return e, nil
}

// Wanted says whether Slipway does something about an event.
func (e Event) Wanted() bool { return e.Type == Waiting || e.Type == Rerequested }

// The types of events that Slipway does something about.
const (
	Waiting     = "deployment_protection_rule.requested"
	Rerequested = "check_run.rerequested"
)
