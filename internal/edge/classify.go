package edge

import (
	"net/http"
	"strings"

	"github.com/slipwayhq/slipway/internal/metric"
)

// classify says what kind of request r is. Only a Document may draw a version;
// everything else follows the document that asked for it.
func classify(r *http.Request) metric.Class {
	p := r.URL.Path
	if class, ok := metric.Framework(p); ok {
		return class
	}
	h := r.Header
	switch {
	case r.Method == http.MethodPost && h.Get("Next-Action") != "":
		return metric.Action
	case h.Get("Rsc") != "":
		return metric.Data
	case p == "/api" || strings.HasPrefix(p, "/api/"):
		return metric.API
	case metric.PublicFile(p) && h.Get("Sec-Fetch-Dest") != "document":
		return metric.Asset
	case h.Get("Upgrade") != "":
		return metric.Other
	}
	return classifyFetch(h)
}

// classifyFetch tells documents from the rest by what browsers say about the
// fetch, and by Accept for clients that say nothing.
func classifyFetch(h http.Header) metric.Class {
	if h.Get("X-Deployment-Id") != "" {
		return metric.Other // a browser's navigation cannot carry it: a script asked
	}
	switch h.Get("Sec-Fetch-Dest") {
	case "document", "iframe", "frame", "embed", "object":
		return metric.Document
	case "":
		if acceptsHTML(h) {
			return metric.Document
		}
		return metric.Other
	case "image", "script", "style", "font", "video", "audio", "track", "manifest", "worker", "serviceworker":
		return metric.Asset
	}
	return metric.Other
}

// isBuildFile reports whether p is below /_next/static/: named by content, so any
// deployment that has it may answer.
func isBuildFile(p string) bool { return strings.Contains(p, "/_next/static/") }

// isPrefetch reports whether a browser or the router asks in advance, which says
// nothing about what a visitor waits for.
func isPrefetch(h http.Header) bool {
	return h.Get("Next-Router-Prefetch") != "" ||
		strings.HasPrefix(h.Get("Sec-Purpose"), "prefetch") ||
		strings.EqualFold(h.Get("Purpose"), "prefetch")
}

func acceptsHTML(h http.Header) bool { return strings.Contains(h.Get("Accept"), "text/html") }

// pinOf returns the build id that a request asks for: the header first, then the
// query. A document is never pinned: its address could be a link from anywhere,
// and who enters the canary is for the table to say.
func pinOf(r *http.Request, class metric.Class) string {
	pin := r.Header.Get("X-Deployment-Id")
	if pin == "" && class != metric.Document {
		pin = queryValue(r.URL.RawQuery, "dpl")
	}
	if !isWord(pin) {
		return ""
	}
	return pin
}

// queryValue returns the first value of name in a raw query, as it stands: the
// values that Slipway looks for need no escapes.
func queryValue(raw, name string) string {
	for raw != "" {
		var pair string
		pair, raw, _ = strings.Cut(raw, "&")
		if k, v, ok := strings.Cut(pair, "="); ok && k == name {
			return v
		}
	}
	return ""
}

// cookieValue returns the first cookie called name without parsing the others.
func cookieValue(h http.Header, name string) string {
	for _, line := range h["Cookie"] {
		for line != "" {
			var pair string
			pair, line, _ = strings.Cut(line, ";")
			if k, v, ok := strings.Cut(strings.TrimLeft(pair, " \t"), "="); ok && k == name {
				return strings.Trim(v, ` "`)
			}
		}
	}
	return ""
}
