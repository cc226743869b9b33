package edge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// Health is what the edge says of itself at /__slipway/health.
type Health struct {
	Status     string      `json:"status"` // serving, or waiting for a table
	Source     string      `json:"source"`
	App        string      `json:"app,omitempty"`
	Generation uint64      `json:"generation"`
	Stable     string      `json:"stable,omitempty"`
	Canary     string      `json:"canary,omitempty"`
	Share      float64     `json:"share"`
	Arms       []HealthArm `json:"arms"`
	Stats      Stats       `json:"stats"`
}

// HealthArm is one deployment as the edge sees it.
type HealthArm struct {
	ID      string   `json:"id"`
	Version string   `json:"version"`
	Builds  []string `json:"builds"` // configured or learned
	Serves  bool     `json:"serves"` // pinned requests may go there
	Banned  bool     `json:"banned"`
}

// Health returns the edge's own state.
func (e *Edge) Health() Health {
	h := Health{Status: "waiting", Source: e.opts.Source, Arms: []HealthArm{}, Stats: e.Stats()}
	rt := e.routes.Load()
	if rt == nil {
		return h
	}
	h.Status, h.App, h.Generation = "serving", rt.table.App, rt.table.Generation
	h.Stable, h.Canary, h.Share = rt.table.Stable, rt.table.Canary, rt.table.Share
	now := time.Now()
	for _, a := range rt.arms {
		h.Arms = append(h.Arms, HealthArm{
			ID: a.ID, Version: a.Version, Builds: append([]string{}, a.builds...),
			Serves: rt.serves(a, now), Banned: a.Banned,
		})
	}
	return h
}

// serveOwn answers below /__slipway/, which no deployment ever sees. To a stranger
// nothing is there.
func (e *Edge) serveOwn(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != ownPrefix+"health" || !e.mayRead(r) {
		writePage(w, r, notFound())
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		writePage(w, r, page{status: http.StatusMethodNotAllowed, title: "Method not allowed",
			reason: "method_not_allowed", detail: "The health page can only be read."})
		return
	}
	h := e.Health()
	status := http.StatusOK
	if h.Generation == 0 {
		status = http.StatusServiceUnavailable
	}
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, "application/json", status, h)
}

// mayRead lets in who asks from this machine itself: not
// through a proxy that runs beside the edge, which would make everybody local.
func (e *Edge) mayRead(r *http.Request) bool {
	a, err := netip.ParseAddr(remoteIP(r))
	return err == nil && a.Unmap().IsLoopback() &&
		r.Header.Get("X-Forwarded-For") == "" && r.Header.Get("Forwarded") == "" && r.Header.Get("Via") == ""
}

// Serve answers requests on ln until ctx ends, then takes no new ones and waits
// for the running ones as long as Options.Drain says. Tunnels are cut at the end
// of the drain, because nobody can tell when they would end.
func (e *Edge) Serve(ctx context.Context, ln net.Listener) error {
	srv := &http.Server{
		Handler:           e,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       75 * time.Second,
		MaxHeaderBytes:    e.opts.MaxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(e.opts.Log.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(ln) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve the edge on %s: %w", ln.Addr(), err)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.opts.Drain)
	defer cancel()
	err := srv.Shutdown(drain)
	e.Close()
	if err != nil {
		_ = srv.Close()
		e.opts.Log.Warn("edge stopped before every request had ended", "after", e.opts.Drain)
	}
	if err := <-failed; err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the edge on %s: %w", ln.Addr(), err)
	}
	return nil
}
