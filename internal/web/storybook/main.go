// Command storybook serves every state of every page of the dashboard from fixed
// values, to be looked at: /?theme=dark for dark colors. It needs no store, no engine
// and no sign-in, and its forms lead nowhere.
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/web/page"
	"github.com/slipwayhq/slipway/internal/web/static"
	"github.com/slipwayhq/slipway/internal/web/story"
)

func main() {
	addr := "127.0.0.1:8099"
	if len(os.Args) > 1 {
		addr = os.Args[1]
	}
	if err := serve(addr); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "storybook:", err)
		os.Exit(1)
	}
}

func serve(addr string) error {
	files, err := static.Load()
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("GET "+static.Prefix, files)
	var names []string
	for _, s := range story.All() {
		names = append(names, s.Name)
		mux.HandleFunc("GET /s/"+s.Name, func(w http.ResponseWriter, r *http.Request) {
			f := story.Frame(files.Address)
			f.Theme = r.URL.Query().Get("theme")
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.Header().Set("Content-Security-Policy", page.Policy())
			_ = s.Page(f).Render(r.Context(), w)
		})
	}
	mux.HandleFunc("GET /live", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = w.Write([]byte(": nothing ever moves here\n\n"))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_ = index(names, r.URL.Query().Get("theme")).Render(r.Context(), w)
	})
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("listen at %s: %w", addr, err)
	}
	_, _ = fmt.Printf("%d stories at http://%s\n", len(names), l.Addr())
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	return srv.Serve(l)
}

// address returns where a story is shown.
func address(name, theme string) string {
	if theme == "" {
		return "/s/" + name
	}
	return "/s/" + name + "?theme=" + strings.ToLower(theme)
}
