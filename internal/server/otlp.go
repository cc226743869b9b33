package server

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/desk"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/metric/intake"
	"github.com/slipwayhq/slipway/internal/metric/otlp"
)

// otlpAtOnce is how many bodies are understood at the same time: it bounds the memory that they take.
const otlpAtOnce = 4

// takeOTLP answers OpenTelemetry exporters as their specification (OTLP/HTTP 1.x) wants it: what does not count is
// a partial success, what may be sent again is 429 or 503 with Retry-After, errors come in the format of the
// request.
func (s *Server) takeOTLP(traces bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		format, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
		format = strings.ToLower(strings.TrimSpace(format))
		in := desk.Telemetry{Traces: traces, JSON: format == "application/json"}
		if !in.JSON {
			w.Header().Set("Content-Type", "application/x-protobuf")
		} else {
			w.Header().Set("Content-Type", "application/json")
		}
		w.Header().Set("Cache-Control", "no-store")
		rejected, wait, err := s.otlp(w, r, in, format)
		if err != nil {
			s.logProblem(r.Context(), "otlp", err)
			row := fault.RowOf(fault.KindOf(err))
			status := row.Status
			if row.Kind == fault.Invalid {
				status = http.StatusBadRequest // which no exporter sends again
			}
			if row.Kind == fault.Limited || row.Kind == fault.Unavailable {
				w.Header().Set("Retry-After", strconv.Itoa(max(1, int(wait/time.Second))))
			}
			w.WriteHeader(status)
			_, _ = w.Write(otlp.Failure(fault.MessageOf(err), in.JSON))
			return
		}
		what := "DataPoints"
		if traces {
			what = "Spans"
		}
		_, _ = w.Write(otlp.Answer(rejected, in.JSON, what))
	}
}

// otlp takes one request, or says how long to wait.
func (s *Server) otlp(w http.ResponseWriter, r *http.Request, in desk.Telemetry, format string) (otlp.Rejected,
	time.Duration, error,
) {
	var none otlp.Rejected
	if !in.JSON && format != "application/x-protobuf" {
		return none, 0, fault.New(fault.Invalid, "type_unsupported",
			"The body's Content-Type must be application/x-protobuf or application/json.")
	}
	if err := s.throttle(s.clients, "client", clientKey(clientOf(r.Context()).address), 1); err != nil {
		return none, time.Second, err
	}
	header := r.Header.Get("Authorization")
	if header == "" { // a browser's cookie opens nothing here
		return none, 0, fault.New(fault.Unknown, "not_signed_in", "Send a token: Authorization: Bearer slp_….")
	}
	who, err := s.byToken(r, header)
	if err == nil {
		err = s.limitActor(who, r)
	}
	if err != nil {
		return none, time.Second, err
	}
	if wait, err := s.Desk.OTLPReady(r.Context(), who.actor); err != nil {
		return none, wait, err
	}
	if err := readBody(w, r, maxObservation); err != nil { // first: who sends slowly takes nobody's turn
		return none, 0, err
	}
	select {
	case s.exporters <- struct{}{}:
		defer func() { <-s.exporters }()
	default:
		return none, time.Second, fault.New(fault.Limited, "too_many_requests", "Too many exporters send at once.")
	}
	body := io.Reader(http.NoBody)
	if r.Body != nil {
		body = r.Body
	}
	if in.Body, err = intake.Unpack(r.Header.Get("Content-Encoding"), body, maxObservation); err != nil {
		return none, 0, err
	}
	rejected, err := s.Desk.TakeOTLP(r.Context(), who.actor, in)
	return rejected, time.Second, err
}
