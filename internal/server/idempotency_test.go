package server

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/store"
)

const issue = `{"title":"the cart is empty","environment":"production"}`

// incidents counts them.
func (w *world) incidents(t *testing.T) int {
	t.Helper()
	list, _, err := w.db.Incidents(t.Context(), store.IncidentFilter{App: "shop", Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func TestARepeatedPOSTGetsTheFirstAnswerAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "slipway.db")
	db, err := store.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	w := openOn(t, db)
	first := w.do(t, http.MethodPost, "/api/v1/issues", issue, as(w.admin), "Idempotency-Key: k1")
	if first.StatusCode != http.StatusCreated || first.Header.Get("Location") == "" {
		t.Fatal(first.StatusCode, first.body)
	}
	again := w.do(t, http.MethodPost, "/api/v1/issues", issue, as(w.admin), "Idempotency-Key: k1")
	if again.StatusCode != first.StatusCode || again.body != first.body ||
		again.Header.Get("Location") != first.Header.Get("Location") ||
		again.Header.Get("Idempotency-Replayed") != "true" ||
		again.Header.Get("Content-Type") != first.Header.Get("Content-Type") {
		t.Errorf("%d %s %v", again.StatusCode, again.body, again.Header)
	}
	other := w.do(t, http.MethodPost, "/api/v1/issues", strings.Replace(issue, "empty", "full", 1), as(w.admin),
		"Idempotency-Key: k1")
	if p := other.problem(t); other.StatusCode != http.StatusUnprocessableEntity || p.Reason != "idempotency_key_reused" {
		t.Errorf("another body: %d %+v", other.StatusCode, p)
	}
	elsewhere := w.do(t, http.MethodPost, "/api/v1/rollbacks", issue, as(w.admin), "Idempotency-Key: k1")
	if p := elsewhere.problem(t); p.Reason != "idempotency_key_reused" {
		t.Errorf("another operation: %+v", p)
	}
	colleague := w.do(t, http.MethodPost, "/api/v1/issues", issue, as(w.token(t, "ada")), "Idempotency-Key: k1")
	if colleague.StatusCode != http.StatusCreated || colleague.Header.Get("Idempotency-Replayed") != "" {
		t.Errorf("another actor: %d %s", colleague.StatusCode, colleague.body)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if db, err = store.Open(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	admin := w.admin
	w = openOn(t, db) // after a restart
	late := w.do(t, http.MethodPost, "/api/v1/issues", issue, as(admin), "Idempotency-Key: k1")
	if late.body != first.body || late.Header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("after a restart: %d %s", late.StatusCode, late.body)
	}
	if n := w.incidents(t); n != 2 {
		t.Errorf("%d incidents", n)
	}
}

func TestOfManyAtOnceOneRuns(t *testing.T) {
	w := open(t)
	var created, busy, other atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			r := w.do(t, http.MethodPost, "/api/v1/issues", issue, as(w.admin), "Idempotency-Key: same")
			switch {
			case r.StatusCode == http.StatusCreated:
				created.Add(1)
			case r.StatusCode == http.StatusConflict && strings.Contains(r.body, "request_in_progress") &&
				r.Header.Get("Retry-After") != "":
				busy.Add(1)
			default:
				other.Add(1)
			}
		})
	}
	wg.Wait()
	if n := w.incidents(t); n != 1 || created.Load() < 1 || other.Load() != 0 {
		t.Errorf("%d incidents; %d created, %d in progress, %d others", n, created.Load(), busy.Load(), other.Load())
	}
}

// Answers that say "try again" are not kept, and a panic does not leave a claim.
func TestPassingTroubleIsNotKept(t *testing.T) {
	w := open(t)
	answers := []int{http.StatusServiceUnavailable, 0, http.StatusUnprocessableEntity, http.StatusCreated}
	n := 0
	h := w.idempotent(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		code := answers[n]
		n++
		if code == 0 {
			panic("a defect")
		}
		rw.WriteHeader(code)
		_, _ = fmt.Fprint(rw, code)
	}))
	send := func() (code int) {
		defer func() {
			if recover() != nil {
				code = -1
			}
		}()
		r := httptest.NewRequest(http.MethodPost, "/api/v1/issues", strings.NewReader(issue))
		r.Header.Set("Idempotency-Key", "k")
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		return rec.Code
	}
	for i, want := range []int{503, -1, 422, 422, 422} {
		if got := send(); got != want {
			t.Errorf("try %d: %d, want %d", i+1, got, want)
		}
	}
	if n != 3 {
		t.Errorf("it ran %d times", n)
	}
}

// A kept answer holds no token, and a fingerprint nothing of a password.
func TestSecretsAreNotKept(t *testing.T) {
	w := open(t)
	body := `{"name":"once","scopes":["check:report"]}`
	first := w.do(t, http.MethodPost, "/api/v1/tokens", body, as(w.admin), "Idempotency-Key: t1")
	again := w.do(t, http.MethodPost, "/api/v1/tokens", body, as(w.admin), "Idempotency-Key: t1")
	if !strings.Contains(first.body, "slp_") || strings.Contains(again.body, "slp_") ||
		again.StatusCode != http.StatusCreated {
		t.Errorf("%d %s", again.StatusCode, again.body)
	}
	a := httptest.NewRequest(http.MethodPost, "/api/v1/users", strings.NewReader(`{"name":"x","password":"one"}`))
	b := httptest.NewRequest(http.MethodPost, "/api/v1/users", strings.NewReader(`{"name":"x","password":"two"}`))
	fa, errA := fingerprint(a, w.endpoint(a))
	fb, errB := fingerprint(b, w.endpoint(b))
	if errA != nil || errB != nil || fa != fb {
		t.Error("the fingerprint depends on the password", errA, errB)
	}
	c := httptest.NewRequest(http.MethodPost, "/api/v1/users", strings.NewReader(`{"name":"y","password":"one"}`))
	if fc, err := fingerprint(c, w.endpoint(c)); err != nil || fc == fa {
		t.Error("the fingerprint does not depend on the name", err)
	}
	if got, err := w.db.BeginIdempotent(t.Context(), "old", "user:x", "f", time.Now().Add(-time.Hour)); got != nil ||
		err != nil {
		t.Fatal(got, err)
	}
}
