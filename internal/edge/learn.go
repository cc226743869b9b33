package edge

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"slices"
	"strings"
)

// The bounds of learning: an arm may change its build id a few times (it was
// started again on the same address), and only so many documents are looked into
// for an application that has no build ids.
const (
	maxLearned = 4
	maxLooks   = 256
	lookBytes  = 4096
)

// buildHeader is Next.js's own header with the build that answered.
const buildHeader = "X-Nextjs-Deployment-Id"

// Builds returns the build ids that the edge learned from answers, by deployment.
func (e *Edge) Builds() map[string][]string {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := make(map[string][]string, len(e.learned))
	for id, builds := range e.learned {
		out[id] = slices.Clone(builds)
	}
	return out
}

// Restore takes over the build ids that an earlier process learned about arms of t.
// It must come before Apply of t.
func (e *Edge) Restore(t Table, builds map[string][]string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, a := range t.Arms {
		for _, b := range builds[a.ID] {
			if have := e.learned[a.ID]; isWord(b) && len(have) < maxLearned && !slices.Contains(have, b) {
				e.learned[a.ID] = append(have, b)
			}
		}
	}
}

// learn notes that a deployment answers to build. Configured ids are believed
// over what the deployment says of itself.
func (e *Edge) learn(a *arm, build string) {
	if len(a.BuildIDs) > 0 || !isWord(build) || slices.Contains(a.builds, build) {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	rt := e.routes.Load()
	have := e.learned[a.ID]
	if now := rt.arm(a.ID); now == nil || now.URL != a.URL || slices.Contains(have, build) || len(have) >= maxLearned {
		return
	}
	e.learned[a.ID] = append(slices.Clone(have), build)
	if next, err := compile(rt.table, e.learned); err == nil {
		e.routes.Store(next)
	}
}

// forget drops what was learned about deployments that are not in the next table,
// or that moved; e.mu is held.
func (e *Edge) forget(before, next Table) {
	for _, old := range before.Arms {
		stays := slices.ContainsFunc(next.Arms, func(a Arm) bool { return a.ID == old.ID && a.URL == old.URL })
		if !stays {
			delete(e.learned, old.ID)
			delete(e.looked, old.ID)
		}
	}
}

// mayLook reports whether a document of a should be looked into.
func (e *Edge) mayLook(a *arm) bool {
	if len(a.builds) > 0 {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.looked[a.ID]++
	return e.looked[a.ID] <= maxLooks
}

// looker keeps the start of a document to find the build id in it.
type looker struct {
	gzip bool
	head []byte
}

// newLooker returns nil for answers that cannot be looked into.
func newLooker(h http.Header) *looker {
	if !strings.HasPrefix(h.Get("Content-Type"), "text/html") {
		return nil
	}
	switch h.Get("Content-Encoding") {
	case "":
		return &looker{}
	case "gzip":
		return &looker{gzip: true}
	}
	return nil
}

// see takes a chunk of the body. It returns the build id once it is found, and
// whether there is any use in seeing more.
func (l *looker) see(chunk []byte) (build string, more bool) {
	l.head = append(l.head, chunk[:min(len(chunk), lookBytes-len(l.head))]...)
	text := l.head
	if l.gzip {
		if z, err := gzip.NewReader(bytes.NewReader(l.head)); err == nil {
			text, _ = io.ReadAll(io.LimitReader(z, lookBytes)) // ends early: what came so far counts
		}
	}
	build = buildIn(text)
	return build, build == "" && len(l.head) < lookBytes
}

// buildIn finds the build id that Next.js writes into a document: an attribute of
// the html element, or the query of its assets.
func buildIn(text []byte) string {
	for _, mark := range [...]struct{ before, end string }{{`data-dpl-id="`, `"`}, {`?dpl=`, `"'& \`}} {
		_, rest, ok := bytes.Cut(text, []byte(mark.before))
		if !ok {
			continue
		}
		if end := bytes.IndexAny(rest, mark.end); end >= 0 && isWord(string(rest[:end])) {
			return string(rest[:end])
		}
	}
	return ""
}
