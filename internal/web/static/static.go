// Package static holds the dashboard's files: one stylesheet and that of the pictures,
// one script, and the morph library it uses, unchanged, with its license beside it. They
// are embedded and served under the hash of their content, so that a browser keeps each
// for ever and never shows an old one.
package static

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"path"
	"strings"

	"github.com/slipwayhq/slipway/internal/plot"
)

//go:embed app.css app.js icon.svg idiomorph.js idiomorph.LICENSE
var files embed.FS

// Prefix is where the files are served.
const Prefix = "/static/"

// Files are the embedded files with their addresses.
type Files struct {
	byAddress map[string]file
	address   map[string]string
}

type file struct {
	kind string
	data []byte
}

// Load reads the embedded files and computes their addresses.
func Load() (*Files, error) {
	s := &Files{byAddress: map[string]file{}, address: map[string]string{}}
	s.add("plot.css", []byte(plot.Stylesheet))
	entries, err := files.ReadDir(".")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		data, err := files.ReadFile(e.Name())
		if err != nil {
			return nil, err
		}
		s.add(e.Name(), data)
	}
	return s, nil
}

// add puts a file under an address that holds its hash.
func (s *Files) add(name string, data []byte) {
	sum := sha256.Sum256(data)
	ext := path.Ext(name)
	addr := Prefix + strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:6]) + ext
	s.byAddress[addr] = file{kindOf(ext), data}
	s.address[name] = addr
}

// kindOf returns a file's media type; the machine's own table may say otherwise.
func kindOf(ext string) string {
	switch ext {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return "text/plain; charset=utf-8"
}

// Address returns where the file of this name is served.
func (s *Files) Address(name string) string { return s.address[name] }

// ServeHTTP serves the files. An address holds the content's hash, so what is served
// under it never changes.
func (s *Files) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f, ok := s.byAddress[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("X-Content-Type-Options", "nosniff")
	if r.Method == http.MethodGet {
		_, _ = w.Write(f.data)
	}
}
