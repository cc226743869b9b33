package edge

import (
	"encoding/json"
	"html"
	"net/http"

	"github.com/slipwayhq/slipway/internal/metric"
)

// statusClientGone is written to a client that has left; only a log may see it.
const statusClientGone = 499

// page is an answer that the edge makes itself.
type page struct {
	status int
	title  string
	reason string // the last part of the problem type
	detail string
	action bool // says to the router that a server action is unknown
}

func notReady() page {
	return page{
		status: http.StatusServiceUnavailable, title: "Not ready", reason: "edge_without_table",
		detail: "This site has not been told yet which version to serve. Please try again in a moment.",
	}
}

func notAllowed() page {
	return page{
		status: http.StatusMethodNotAllowed, title: "Method not allowed", reason: "method_not_allowed",
		detail: "This is a site, not a tunnel: CONNECT is not served.",
	}
}

func notFound() page {
	return page{
		status: http.StatusNotFound, title: "Not found", reason: "not_found",
		detail: "There is nothing at this address.",
	}
}

func badRequest() page {
	return page{
		status: http.StatusBadRequest, title: "Bad request", reason: "request_broken",
		detail: "The request ended before its body was complete.",
	}
}

// goneVersion answers for a build that is no more: Next.js's own sign for a server
// action, and for data a 404, upon which the router loads the whole page.
func goneVersion(class metric.Class) *page {
	if class == metric.Action {
		return &page{
			status: http.StatusConflict, title: "Version gone", reason: "version_gone", action: true,
			detail: "This page belongs to a version that is no longer served. Please reload it.",
		}
	}
	return &page{
		status: http.StatusNotFound, title: "Version gone", reason: "version_gone",
		detail: "This belongs to a version that is no longer served.",
	}
}

func unreachable() page {
	return page{
		status: http.StatusBadGateway, title: "Out of reach", reason: "deployment_unreachable",
		detail: "The application cannot be reached right now. Please try again.",
	}
}

func brokenAnswer() page {
	return page{
		status: http.StatusBadGateway, title: "Broken answer", reason: "deployment_broken",
		detail: "The application did not complete its answer. Please try again.",
	}
}

func timedOut() page {
	return page{
		status: http.StatusGatewayTimeout, title: "No answer in time", reason: "deployment_timeout",
		detail: "The application takes too long to answer. Please try again.",
	}
}

// writePage answers in HTML to who asks for a page and in problem+json to all others.
func writePage(w http.ResponseWriter, r *http.Request, p page) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if p.action {
		h.Set("X-Nextjs-Action-Not-Found", "1")
	}
	if acceptsHTML(r.Header) {
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Security-Policy", "default-src 'none'")
		w.WriteHeader(p.status)
		title, detail := html.EscapeString(p.title), html.EscapeString(p.detail)
		_, _ = w.Write([]byte("<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>" + title +
			"</title>\n<h1>" + title + "</h1>\n<p>" + detail + "</p></html>\n"))
		return
	}
	writeJSON(w, "application/problem+json", p.status, map[string]any{
		"type": "urn:slipway:problem:" + p.reason, "title": p.title, "status": p.status, "detail": p.detail,
	})
}

func writeJSON(w http.ResponseWriter, contentType string, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil { // only for a type that JSON does not know
		status, b = http.StatusInternalServerError, []byte("{}")
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n'))
}
