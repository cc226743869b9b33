package server

import (
	"fmt"
	"html"
	"net/http"
	"regexp"
	"strings"

	"github.com/slipwayhq/slipway/internal/fault"
)

const pageHead = `<!doctype html><html lang="en"><meta charset="utf-8">` +
	`<meta name="viewport" content="width=device-width">`

// openAPI answers with the description.
func (s *Server) openAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/openapi+json")
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = w.Write(s.document)
}

// page is the API's own documentation: the table of operations. It needs nothing
// from elsewhere, no script and no style.
func (s *Server) page(w http.ResponseWriter, _ *http.Request) {
	var b strings.Builder
	b.WriteString(pageHead +
		`<title>Slipway's API</title><h1>Slipway's API</h1>` +
		`<p>Everything that the dashboard and the command line do. ` +
		`<a href="/api/openapi.json">openapi.json</a> has every detail.</p>` +
		`<p>Send a token (<code>slipway token create</code>) as <code>Authorization: Bearer slp_…</code>. ` +
		`A POST with an <code>Idempotency-Key</code> can be sent again without harm. ` +
		`Lists have a <code>next</code> cursor and a Link header. ` +
		`Errors are <a href="/problems/kinds">problems</a> after RFC 9457.</p>`)
	tag := ""
	for _, e := range s.table {
		if e.Tag != tag {
			if tag != "" {
				b.WriteString("</dl>")
			}
			tag = e.Tag
			fmt.Fprintf(&b, "<h2>%s</h2><dl>", html.EscapeString(tag))
		}
		fmt.Fprintf(&b, "<dt><code>%s /api/v1%s</code></dt><dd>%s. %s</dd>", html.EscapeString(e.Method),
			html.EscapeString(e.Path),
			html.EscapeString(e.Summary), html.EscapeString(e.operation().Description))
	}
	b.WriteString("</dl></html>\n")
	writePage(w, http.StatusOK, b.String())
}

// problemPage says what a problem's type means: its kind decides what to do.
func (s *Server) problemPage(w http.ResponseWriter, r *http.Request) {
	reason := r.PathValue("reason")
	if !regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`).MatchString(reason) {
		s.notFound(w, r)
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, pageHead+`<title>Problem: %[1]s</title><h1>%[1]s</h1>`+
		`<p>The problem's detail says what is wrong. What can be done depends on its kind:</p><dl>`,
		html.EscapeString(strings.ReplaceAll(reason, "_", " ")))
	for _, row := range fault.Table() {
		fmt.Fprintf(&b, "<dt>%s (HTTP %d, exit code %d)</dt><dd>%s.</dd>", html.EscapeString(title(row.Kind)), row.Status,
			row.Exit,
			html.EscapeString(strings.ToUpper(row.Remedy[:1])+row.Remedy[1:]))
	}
	b.WriteString("</dl></html>\n")
	writePage(w, http.StatusOK, b.String())
}

func writePage(w http.ResponseWriter, status int, page string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(page))
}
