package ofrep

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/slipwayhq/slipway/api"
)

// document hands out the definitions, to whom they are no secret.
func (d *Door) document(w http.ResponseWriter, r *http.Request, c *caller) {
	if c.public {
		fail(w, http.StatusForbidden, failure{Details: "A public key sees no rules: it evaluates them."})
		return
	}
	if c.key == nil && !c.lists {
		fail(w, http.StatusForbidden, failure{Details: "The definitions name the members of segments: a token needs " +
			"flag:edit or flag:keys there. It may evaluate them, and a server key may read them."})
		return
	}
	if r.URL.RawQuery != "" {
		d.await(r, c)
	}
	v := d.view(c.environment)
	if v == nil {
		d.missing(w, "")
		return
	}
	h := w.Header()
	h["Etag"] = v.etag
	h["Cache-Control"] = []string{"private, no-cache"}
	h["Vary"] = []string{"Accept-Encoding, Authorization, X-Api-Key"}
	h["X-Slipway-Generation"] = []string{strconv.FormatInt(v.set.Generation, 10)}
	if matches(r.Header["If-None-Match"], v.etag[0]) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := v.set.Document
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		if packed := v.gzip(); packed != nil {
			h["Content-Encoding"] = []string{"gzip"}
			body = packed
		}
	}
	write(w, http.StatusOK, body)
}

// The limits of a report.
const (
	maxReport = 1000
	maxCount  = 1_000_000_000
	// What can be counted with a public key, which everybody can read, in a second: by one address, and with the key.
	// Twice as much may come at once.
	publicFrom = 1000
	publicAll  = 20_000
)

// usage takes what a program has counted by itself.
func (d *Door) usage(w http.ResponseWriter, r *http.Request, c *caller) {
	v := d.view(c.environment)
	if v == nil {
		d.missing(w, "")
		return
	}
	s := d.scratch.Get().(*scratch) //nolint:forcetypeassert // nothing else is in the pool
	defer d.giveBack(s)
	if err := s.read(w, r); err != nil {
		fail(w, http.StatusBadRequest, failure{Details: "A report has at most 64 KiB."})
		return
	}
	var in api.ReportFlagUsage
	if deeper(s.in[prefix:], maxDepth) || json.Unmarshal(s.in[prefix:], &in) != nil || len(in.Items) > maxReport {
		fail(w, http.StatusBadRequest, failure{Details: "A report is JSON with at most 1,000 items of flag, variant, " +
			"evaluations, exposures and errors."})
		return
	}
	if c.public && !d.credible(w, c, in.Items) {
		return
	}
	counted := 0
	for _, item := range in.Items {
		e := v.find(item.Flag, c.public)
		if e == nil || !countable(item.Evaluations, item.Exposures, item.Errors) {
			continue
		}
		counter := e.fallback
		if item.Variant != "" {
			known, ok := e.variants[item.Variant]
			if !ok {
				continue
			}
			counter = known
		}
		counter.Reported(item.Evaluations, item.Exposures, item.Errors)
		counted++
	}
	write(w, http.StatusOK, []byte(`{"counted":`+strconv.Itoa(counted)+`,"unknown":`+strconv.Itoa(len(in.Items)-counted)+
		`}`))
}

// credible reports whether a report with a public key is one that a page may send; otherwise it answers. Anybody can
// send one, so that it is only bounded how wrong the sums can become.
func (d *Door) credible(w http.ResponseWriter, c *caller, items []api.FlagCount) bool {
	sum := int64(0)
	for _, item := range items {
		if countable(item.Evaluations, item.Exposures, item.Errors) { // what is not is not counted
			sum += item.Evaluations + item.Exposures + item.Errors
		}
	}
	if sum > 2*publicFrom {
		fail(w, http.StatusBadRequest, failure{Details: "A report with a public key counts to 2,000 at most."})
		return false
	}
	wait := d.reports.of(c.address).TakeMany(c.now, publicFrom, sum)
	if wait == 0 {
		wait = c.key.Count.TakeMany(c.now, publicAll, sum)
	}
	if wait > 0 {
		d.limited.Add(1)
		retry(w, wait)
		fail(w, http.StatusTooManyRequests, failure{Details: "Too much is reported with this key."})
		return false
	}
	return true
}

func countable(numbers ...int64) bool {
	for _, n := range numbers {
		if n < 0 || n > maxCount {
			return false
		}
	}
	return true
}
