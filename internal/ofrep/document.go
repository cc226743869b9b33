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

func countable(numbers ...int64) bool {
	for _, n := range numbers {
		if n < 0 || n > maxCount {
			return false
		}
	}
	return true
}
