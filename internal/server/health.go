package server

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"reflect"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/store"
)

func sessionType() reflect.Type { return reflect.TypeFor[api.Session]() }

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// healthz says that the process lives. It asks nothing else: a process must not be
// killed because its database is away.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok", "version": s.Version})
}

// readyz says whether the process can do its work. Strangers learn no more than that.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	ready := s.Ready
	if ready == nil {
		ready = s.DB.Ping
	}
	w.Header().Set("Cache-Control", "no-store")
	if s.Stop.Err() != nil {
		writeJSON(w, http.StatusServiceUnavailable, map[string]string{"status": "stopping"})
		return
	}
	if err := ready(ctx); err != nil {
		s.logProblem(r.Context(), "readyz", err)
		writeJSON(w, http.StatusServiceUnavailable, map[string]string{"status": "unavailable"})
		return
	}
	status, code := "ready", http.StatusOK
	if room := s.DB.Room(); room.Spent {
		status, code = "disk full", http.StatusServiceUnavailable
	} else if room.Full() { // it works, and whoever comes to stop something must reach it
		status = "disk full, on the reserve"
	}
	writeJSON(w, code, map[string]string{"status": status})
}

// diskMetrics tell of the room that the database has. A PostgreSQL's disk is not ours to measure.
func (s *Server) diskMetrics() {
	s.Metrics.Gauge("slipway_writes_refused", "0: none; 1: the disk is full, only what lowers the risk is recorded, "+
		"on the reserve; 2: nothing can be recorded.", func() float64 {
		switch room := s.DB.Room(); {
		case room.Spent:
			return 2
		case room.Full():
			return 1
		}
		return 0
	})
	if s.DB.Dialect() != store.SQLite {
		return
	}
	s.Metrics.Gauge("slipway_disk_free_bytes", "Free bytes on the disk of the database's file, beside the reserve.",
		func() float64 { return float64(s.DB.Room().Free) })
	s.Metrics.Gauge("slipway_disk_reserve_bytes", "Bytes that the reserve for a full disk holds; it should be 16777216.",
		func() float64 { return float64(s.DB.Room().Left) })
}

// isHere reports whether a request was sent to this machine by a name of this machine:
// a page in a browser can have its own name lead here.
func isHere(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	a, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && a.Unmap().IsLoopback()
}

// mayMeasure lets those read metrics who send the token, and this machine when no
// token is set. A request that a proxy on this machine passed on is not from it.
func (s *Server) mayMeasure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.MetricsToken == "" {
			passed := r.Header.Get("X-Forwarded-For") != "" || r.Header.Get("Forwarded") != "" || r.Header.Get("Via") != ""
			a, err := netip.ParseAddr(clientOf(r.Context()).address)
			if err == nil && a.Unmap().IsLoopback() && !passed && isHere(r.Host) {
				next.ServeHTTP(w, r)
				return
			}
			s.refuse(w, r, fault.New(fault.Unknown, "metrics_closed",
				"Only this machine may read the metrics: no metrics token is set."))
			return
		}
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		if subtle.ConstantTimeCompare([]byte(token), []byte(s.MetricsToken)) != 1 {
			s.refuse(w, r, fault.New(fault.Unknown, "metrics_token_wrong", "The metrics need their token."))
			return
		}
		next.ServeHTTP(w, r)
	})
}
