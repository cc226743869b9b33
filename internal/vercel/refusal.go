package vercel

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

// Refusal is what Vercel says in the place of an answer.
type Refusal struct {
	Status  int
	Code    string
	Message string
	Until   time.Time // when to ask again; zero where it does not say
}

// Error implements error.
func (r *Refusal) Error() string { return fmt.Sprintf("HTTP %d %s: %s", r.Status, r.Code, r.Message) }

// RefusalOf returns Vercel's own words behind an error.
func RefusalOf(err error) (Refusal, bool) {
	if r, ok := errors.AsType[*Refusal](err); ok {
		return *r, true
	}
	return Refusal{}, false
}

// StatusOf returns the status that Vercel answered with, 0 when it did not answer.
func StatusOf(err error) int {
	r, _ := RefusalOf(err)
	return r.Status
}

// refusal makes a fault of an answer that is none.
func refusal(k call, status int, until time.Time, text []byte, token string) error {
	var a struct {
		Error struct {
			Code         string `json:"code"`
			Message      string `json:"message"`
			InvalidToken bool   `json:"invalidToken"`
		} `json:"error"`
	}
	_ = json.Unmarshal(text, &a) // a page in its place says nothing that the status does not
	r := &Refusal{Status: status, Code: clean(a.Error.Code, token), Message: clean(a.Error.Message, token), Until: until}
	said := r.Message
	if said == "" {
		said = http.StatusText(status)
	}
	said = strings.TrimRight(said, ". ")
	lost := a.Error.InvalidToken || r.Code == "invalid_token"
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden && lost:
		return fault.Wrap(r, fault.Unavailable, "vercel_token",
			"Vercel does not know the token: it has expired or was revoked. Put a new one in its place (needed to %s).", k.do)
	case status == http.StatusPaymentRequired:
		return fault.Wrap(r, fault.Refused, "vercel_plan", "The plan on Vercel has no way to %s: %s. Change the plan.", k.do,
			said)
	case status == http.StatusForbidden:
		return fault.Wrap(r, fault.Denied, "vercel_right",
			"The token may not %s: it needs the right %q on Vercel. Give it to the token's owner, or use another token (%s).",
			k.do, k.right, said)
	case status == http.StatusNotFound || status == http.StatusGone:
		return fault.Wrap(r, fault.NotFound, "vercel_unknown", "Vercel knows no such thing: asked to %s. %s.", k.do, said)
	case status == http.StatusConflict:
		return fault.Wrap(r, fault.Conflict, "vercel_conflict", "Vercel is in another state: asked to %s. %s.", k.do, said)
	case status == http.StatusTooManyRequests:
		when := "in a while"
		if !until.IsZero() {
			when = "at " + until.UTC().Format(time.TimeOnly) + " UTC"
		}
		return fault.Wrap(r, fault.Limited, "vercel_limited", "Vercel's limit is reached: asked to %s. It goes on %s.", k.do,
			when)
	case status >= 500:
		return fault.Wrap(r, fault.Unavailable, "vercel_down", "Vercel has a failure of its own (HTTP %d): asked to %s.",
			status, k.do)
	}
	return fault.Wrap(r, fault.Invalid, "vercel_refused", "Vercel refuses to %s: %s.", k.do, said)
}

func clean(s, token string) string { return remote.Clean(s, token) }

// lacks is the fault of an answer without a field that something rests on.
func lacks(what, field string) error {
	return fault.New(fault.Unavailable, "vercel_contract",
		"Vercel's answer about %s lacks %s: what rests on it is not known, so nothing is done.", what, field)
}
