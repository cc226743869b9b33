package github

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/remote"
)

// Refusal is what GitHub says in the place of an answer.
type Refusal struct {
	Status  int
	Message string
	Until   time.Time // when to ask again; zero where it does not say
	App     bool      // it is the app that was refused, and not its installation
	Remedy  string    // the end of the fault's sentence, where it is the same whatever was asked
}

// Error implements error.
func (r *Refusal) Error() string { return fmt.Sprintf("HTTP %d: %s", r.Status, r.Message) }

// RefusalOf returns GitHub's own words behind an error.
func RefusalOf(err error) (Refusal, bool) {
	if r, ok := errors.AsType[*Refusal](err); ok {
		return *r, true
	}
	return Refusal{}, false
}

func limited(k call, r *Refusal) error {
	return fault.Wrap(r, fault.Limited, "github_limited", "GitHub's limit is reached: asked to %s. It goes on at %s UTC.",
		k.do, r.Until.UTC().Format(time.TimeOnly))
}

// message is what GitHub says in the place of an answer.
func message(text []byte, secret string) string {
	var a struct {
		Message string `json:"message"`
	}
	_ = json.Unmarshal(text, &a) // a page in its place says nothing that the status does not
	return remote.Clean(a.Message, secret)
}

// refusal makes a fault of an answer that is none.
func (c *Client) refusal(k call, a *http.Response, reached bool, until time.Time, said string) error {
	status := a.StatusCode
	r := &Refusal{Status: status, Message: said, Until: until, App: k.app}
	if said = strings.TrimRight(said, ". "); said == "" {
		said = http.StatusText(status)
	}
	switch {
	case reached:
		return limited(k, r)
	case status < 400:
		return fault.Wrap(r, fault.Invalid, "github_moved",
			"The repository has another name by now, or is elsewhere: asked to %s. Set github.repository to it.", k.do)
	case status >= 500:
		return fault.Wrap(r, fault.Unavailable, "github_down", "GitHub has a failure of its own (HTTP %d): asked to %s.",
			status, k.do)
	case k.app:
		return c.unproven(k, r, said, a.Header.Get("Date"))
	case status == http.StatusUnauthorized:
		return fault.Wrap(r, fault.Refused, "github_key",
			"GitHub does not know the app by its key (needed to %s): %s. Check github.app_id and the private key.", k.do, said)
	case status == http.StatusForbidden:
		return fault.Wrap(r, fault.Denied, "github_right",
			"The GitHub App may not %s: it needs the repository permission %q. Grant it in the app's settings and accept it "+
				"where the app is installed (%s).", k.do, k.right, said)
	case status == http.StatusNotFound || status == http.StatusGone:
		return fault.Wrap(r, fault.NotFound, "github_unknown",
			"GitHub shows no such thing to the app: asked to %s. Is it installed on the repository, with the permission %q? %s.",
			k.do, k.right, said)
	}
	return fault.Wrap(r, fault.Invalid, "github_refused", "GitHub refuses to %s: %s.", k.do, said)
}

// unproven makes a fault of what GitHub says of the app itself: of its proof, or of where it is installed. Which of the
// reasons it is stands in GitHub's words only.
func (c *Client) unproven(k call, r *Refusal, said, date string) error {
	words := strings.ToLower(said)
	clock := strings.Contains(words, "('exp')") || strings.Contains(words, "('iat')")
	kind, reason, what := fault.Refused, "github_key", ""
	switch {
	case r.Status == http.StatusUnauthorized && clock:
		reason, what = "github_clock", c.clock(date)
		r.Remedy = "Have this machine's clock set by NTP."
	case r.Status == http.StatusUnauthorized && strings.Contains(words, "public key"):
		what = fmt.Sprintf("The GitHub App %d has no key at GitHub", c.o.App)
		r.Remedy = "Make one on the app's page and give it with: slipway github key set KEY.pem"
	case r.Status == http.StatusUnauthorized:
		what = fmt.Sprintf("The private key is none of the GitHub App %d", c.o.App)
		r.Remedy = "Set github.app_id to the app that the key is of, or give a key of this one with: " +
			"slipway github key set KEY.pem"
	case strings.Contains(words, "integration not found"):
		reason, what = "github_app", fmt.Sprintf("GitHub knows no app with the id %d", c.o.App)
		r.Remedy = "Set github.app_id to the App ID that the app's page shows."
	case r.Status == http.StatusForbidden:
		kind, reason, what = fault.Denied, "github_right", "GitHub does not let the app "+k.do
		r.Remedy = "Look at the installation in the settings of the account: it may be suspended."
	case r.Status == http.StatusNotFound || strings.Contains(words, "repositor"):
		kind, reason = fault.NotFound, "github_unknown"
		what = fmt.Sprintf("The GitHub App %d is not installed on %s, or there is no such repository", c.o.App,
			c.o.Repository)
		r.Remedy = "Install it there (Install App, on the app's page), or set github.repository."
	default:
		return fault.Wrap(r, fault.Invalid, "github_refused", "GitHub refuses to %s: %s.", k.do, said)
	}
	return fault.Wrap(r, kind, reason, "%s (%s). %s", what, said, r.Remedy)
}

// clock says how far this machine's is from GitHub's.
func (c *Client) clock(date string) string {
	at, err := http.ParseTime(date)
	ahead := c.o.Now().Sub(at).Round(time.Second)
	switch {
	case err != nil || ahead == 0:
		return "This machine's clock is not GitHub's, so that it refuses the app's proof"
	case ahead < 0:
		return fmt.Sprintf("This machine's clock is %s behind GitHub's, which refuses the app's proof", -ahead)
	}
	return fmt.Sprintf("This machine's clock is %s ahead of GitHub's, which refuses the app's proof", ahead)
}
