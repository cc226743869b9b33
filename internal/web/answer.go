package web

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/a-h/templ"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/ident"
	"github.com/slipwayhq/slipway/internal/web/page"
)

// show renders a page.
func (v *visit) show(c templ.Component) error { return v.render(http.StatusOK, c) }

// render renders a page with a status. Nothing is sent before all of it is there, so
// that a failure on the way is still shown as one.
func (v *visit) render(status int, c templ.Component) error {
	b := templ.GetBuffer()
	defer templ.ReleaseBuffer(b)
	if err := c.Render(v.r.Context(), b); err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.w.WriteHeader(status)
	if v.r.Method != http.MethodHead {
		_, _ = b.WriteTo(v.w) // the reader has gone: nobody is left to be told
	}
	return nil
}

// done redirects after a form was accepted. The code becomes a sentence on the next page.
func (v *visit) done(path, code string) error {
	if code != "" {
		sign := "?"
		if strings.Contains(path, "?") {
			sign = "&"
		}
		path += sign + "done=" + url.QueryEscape(code)
	}
	http.Redirect(v.w, v.r, path, http.StatusSeeOther)
	return nil
}

// refused puts the reason onto the page that the form came from, which the caller then
// renders with the status that is returned. Of an internal error only an id is shown.
func (v *visit) refused(err error) int {
	status := fault.RowOf(fault.KindOf(err)).Status
	p := &page.Problem{Title: refusal(fault.KindOf(err)), Message: fault.MessageAt(err, fault.Page)}
	if fault.Is(err, fault.NotFound) { // the page that the form came from is there
		p.Title = "It is not there"
	}
	if fault.Is(err, fault.Internal) {
		p.Message += " Its id is " + v.record(err) + "."
	}
	if f, ok := errors.AsType[*fault.Error](err); ok {
		for _, x := range f.Fields {
			p.Fields = append(p.Fields, page.Complaint{Path: strings.TrimPrefix(x.Path, "body."), Message: x.Message})
		}
	}
	v.frame.Problem, v.frame.Done = p, ""
	return status
}

// again shows the page that a form came from with the reason why it was refused.
func (v *visit) again(err error, load func() (templ.Component, error)) error {
	status := v.refused(err)
	c, lost := load()
	if lost != nil {
		return err // the page itself cannot be shown: the first reason matters more
	}
	return v.render(status, c)
}

// fail shows a page that says why another cannot be shown.
func (v *visit) fail(err error) {
	kind, id := fault.KindOf(err), ""
	if kind == fault.Unknown {
		v.signInFirst()
		return
	}
	if kind == fault.Internal {
		id = v.record(err)
	}
	message := fault.MessageAt(err, fault.Page)
	if kind == fault.Denied && len(v.frame.Me.Roles) > 0 {
		message += " Your roles: " + strings.Join(v.frame.Me.Roles, ", ") + ". An admin can give another."
	}
	if e := v.render(fault.RowOf(kind).Status, page.Failure(v.frame, refusal(kind), message, id)); e != nil {
		_ = v.record(e)
		http.Error(v.w, fault.MessageAt(e, fault.Page), http.StatusInternalServerError)
	}
}

// record logs an internal error and returns the id that leads to it.
func (v *visit) record(err error) string {
	id := v.w.Header().Get("X-Request-Id")
	if id == "" {
		id = ident.New("req", now())
	}
	v.web.Log.ErrorContext(v.r.Context(), "a page failed", "request", id, "path", v.r.URL.Path, "error", err.Error())
	return id
}

// refusal is the heading above a reason.
func refusal(k fault.Kind) string {
	switch k {
	case fault.Invalid:
		return "Something in it is not right"
	case fault.NotFound:
		return "There is no such page"
	case fault.Conflict:
		return "Nothing was done: it has changed"
	case fault.Denied:
		return "That is not yours to do"
	case fault.Refused:
		return "Not now"
	case fault.Limited:
		return "Too many at once"
	case fault.Unavailable:
		return "Something needed is away"
	case fault.Unknown:
		return "Not signed in"
	}
	return "Something went wrong"
}

// doneSentence says what was done. Only what stands here is ever shown: an address
// cannot put words into the page.
func doneSentence(code string) string {
	return map[string]string{
		"pause":    "Paused. The share stays where it is; “Resume” goes on.",
		"resume":   "Resumed.",
		"promote":  "It goes on to the next step. To take it back, lower the share or abort.",
		"abort":    "Aborted. Everybody is being sent back to what was there before.",
		"share":    "The share is being set. It is shown as soon as the edges confirm it.",
		"skip":     "Skipped. Your name and reason are in the log.",
		"retry":    "Trying again.",
		"sign":     "Your verdict is recorded.",
		"started":  "Started. Nothing reaches a visitor before the first checks have passed.",
		"check":    "Recorded.",
		"approved": "Approved with your name. Any change of the content voids it.",
		"rejected": "Rejected. Whoever waits for it sees your reason.",
		"rollback": "Requested. It can be canceled until it runs.",
		"run":      "It runs now.",
		"cancel":   "Canceled. Nothing moved.",
		"retarget": "The target is changed; it is approved anew.",
		"reported": "Reported.",
		"resolved": "Resolved.",

		"config-draft":    "Drafted. Nothing is written before the draft is applied.",
		"config-discard":  "Discarded, with its values.",
		"config-apply":    "Recorded. It is being written to the platform; what is built after that has it.",
		"config-same":     "Nothing was done: it is so already.",
		"config-pull":     "Taken over, as the newest revision.",
		"config-rewrite":  "Recorded. What was wanted is being written again.",
		"config-rollback": "Recorded. The old variables are being written to the platform.",

		"incident-flag-off": "Off. What comes of it is shown below as it is found; the rules are kept.",

		"person":   "Saved.",
		"password": "Your password is changed. Your other sessions have ended.",
		"revoked":  "Revoked. Whatever uses it is refused from now on.",
		"signed":   "You are signed in.",
		"setup":    "You are the first admin. Sign in.",

		"flag":          "Made. Below is who sees what.",
		"saved":         "Saved.",
		"archive":       "Archived. Programs use their own fallback from now on; “Restore it” brings it back.",
		"restore":       "Restored, as it was.",
		"flag-on":       "On. The rules decide again.",
		"flag-off":      "Off. Everybody gets what is served while it is off; the rules are kept.",
		"flag-rollout":  "The share is set. To take it back, set it again or bring back the revision before.",
		"flag-revert":   "Brought back, as a new revision.",
		"flag-promote":  "Promoted. To take it back, bring back the revision before.",
		"flag-save":     "Saved. To take it back, bring back the revision before.",
		"flag-schedule": "Scheduled. It can be discarded until then.",
		"flag-import":   "Brought in. What came in switched off says why in its history.",
		"flag-draft":    "It waits for approval. Nothing has changed yet.",
		"flag-ramp":     "The ramp has started. Its release says how it goes.",
		"discard":       "Discarded. Nothing has changed.",
		"segment":       "Saved. Every flag that asks for it follows.",
		"segment-gone":  "Removed.",
	}[code]
}
