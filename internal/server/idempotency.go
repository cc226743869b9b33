package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/fault"
)

// idempotent gives a POST that is sent again with the same Idempotency-Key and body
// its first answer again, also after a restart and from another node. Of two at
// once one runs and the other is asked to wait. Answers that say "try again" are
// not kept. A process that died in between leaves its claim for two minutes: after
// that the request runs anew, against the state that the first one may have left.
func (s *Server) idempotent(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := r.Header.Get("Idempotency-Key")
		e := s.endpoint(r)
		if r.Method != http.MethodPost || key == "" || e.Public || e.Replays {
			next.ServeHTTP(w, r)
			return
		}
		if err := s.once(w, r, next, key, e); err != nil {
			s.refuse(w, r, err)
		}
	})
}

// endpoint finds the request's line in the table; the zero endpoint when there is none.
func (s *Server) endpoint(r *http.Request) endpoint {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	for _, e := range s.table {
		if e.Method == method && matches("/api/v1"+e.Path, r.URL.Path) {
			return e
		}
	}
	return endpoint{}
}

// matches reports whether a path has the form of an operation's.
func matches(form, path string) bool {
	f, p := strings.Split(form, "/"), strings.Split(path, "/")
	if len(f) != len(p) {
		return false
	}
	for i := range f {
		if f[i] != p[i] && !strings.HasPrefix(f[i], "{") {
			return false
		}
	}
	return true
}

// kept is an answer as it is kept.
type kept struct {
	Type     string `json:"type"`
	Location string `json:"location,omitempty"`
	Body     string `json:"body"`
}

func (s *Server) once(w http.ResponseWriter, r *http.Request, next http.Handler, key string, e endpoint) error {
	if len(key) > 128 || strings.ContainsFunc(key, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return fault.New(fault.Invalid, "idempotency_key_malformed",
			"An Idempotency-Key has 1 to 128 visible ASCII characters.")
	}
	actor := actorOf(r.Context())
	print, err := fingerprint(r, e)
	if err != nil {
		return err
	}
	first, err := s.DB.BeginIdempotent(r.Context(), key, actor.ID, print, time.Now())
	switch {
	case err != nil:
		return err
	case first == nil:
		return s.first(w, r, next, key, actor, e)
	case first.Fingerprint != print:
		return fault.New(fault.Invalid, "idempotency_key_reused",
			"This Idempotency-Key was used for another request. Use a new key for a new request.")
	case first.Status == 0:
		return fault.Wrap(waitError{time.Second}, fault.Conflict, "request_in_progress",
			"The same request is being worked on. Ask again in a second.")
	}
	var k kept
	if err := json.Unmarshal(first.Body, &k); err != nil {
		return fault.Wrap(err, fault.Internal, "kept_answer_unreadable", "The kept answer is unreadable.")
	}
	w.Header().Set("Idempotency-Replayed", "true")
	k.write(w, first.Status)
	return nil
}

// first runs the request and keeps its answer. It runs to its end when the caller
// goes away, so that the one who comes back finds what became of it.
func (s *Server) first(w http.ResponseWriter, r *http.Request, next http.Handler, key string, who access.Actor,
	e endpoint) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), time.Minute)
	defer cancel()
	done := false
	defer func() { // also when the handler panics
		if !done {
			if err := s.DB.DropIdempotent(ctx, key, who.ID); err != nil {
				s.logProblem(ctx, e.ID, err)
			}
		}
	}()
	rec := &recorder{header: http.Header{}}
	next.ServeHTTP(rec, r.WithContext(ctx))
	k := kept{Type: rec.header.Get("Content-Type"), Location: rec.header.Get("Location"), Body: rec.body.String()}
	status := max(rec.code, http.StatusOK)
	if status < http.StatusInternalServerError && status != http.StatusTooManyRequests &&
		status != http.StatusUnauthorized {
		save := k
		if e.Secret {
			save.Body = without(k.Body, "secret")
		}
		raw, err := json.Marshal(save)
		if err == nil {
			err = s.DB.FinishIdempotent(ctx, key, who.ID, status, raw)
		}
		if err != nil {
			s.logProblem(ctx, e.ID, err) // the work is done: its answer must be given
		}
		done = true
	}
	for name, values := range rec.header {
		w.Header()[name] = values
	}
	k.write(w, status)
	return nil
}

func (k kept) write(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", k.Type)
	if k.Location != "" {
		w.Header().Set("Location", k.Location)
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, k.Body)
}

// fingerprint tells requests apart. A password is left out: its hash would be
// easier to guess than the one that is kept of it.
func fingerprint(r *http.Request, e endpoint) (string, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return "", fault.Wrap(err, fault.Invalid, "body_incomplete", "The body did not arrive whole.")
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if e.Secret {
		body = []byte(without(string(body), "password"))
	}
	h := sha256.New()
	for _, part := range []string{r.Method, r.URL.Path, r.URL.RawQuery, string(body)} {
		sum := sha256.Sum256([]byte(part))
		h.Write(sum[:])
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// without takes a field away from a JSON object.
func without(body, field string) string {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(body), &fields); err != nil {
		return ""
	}
	delete(fields, field)
	out, err := json.Marshal(fields)
	if err != nil {
		return ""
	}
	return string(out)
}

// recorder holds an answer back until it is kept.
type recorder struct {
	header http.Header
	body   bytes.Buffer
	code   int
}

// Header returns the answer's header.
func (r *recorder) Header() http.Header { return r.header }

// WriteHeader takes the status.
func (r *recorder) WriteHeader(code int) {
	if r.code == 0 {
		r.code = code
	}
}

// Write takes a part of the body.
func (r *recorder) Write(b []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(b)
}
