package smoke_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/probe"
	"github.com/slipwayhq/slipway/internal/smoke"
)

// shop is an application with a session, as small as one can be.
func shop(t *testing.T) *httptest.Server {
	t.Helper()
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "another host")
	}))
	t.Cleanup(other.Close)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if string(body) != "password=opensesame" {
			http.Error(w, "wrong: "+string(body), http.StatusUnauthorized)
			return
		}
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "s1", Path: "/", Secure: true, HttpOnly: true})
		http.Redirect(w, r, "/me", http.StatusSeeOther)
	})
	mux.HandleFunc("/me", func(w http.ResponseWriter, r *http.Request) {
		if c, err := r.Cookie("session"); err != nil || c.Value != "s1" {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, "hello")
	})
	mux.HandleFunc("/logout", func(w http.ResponseWriter, _ *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "", Path: "/", MaxAge: -1})
	})
	mux.HandleFunc("/away", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL,
			http.StatusFound)
	})
	mux.HandleFunc("/loop", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/loop",
			http.StatusFound)
	})
	mux.HandleFunc("/once", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/health",
			http.StatusFound)
	})
	mux.HandleFunc("/big", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("x", 2*smoke.MaxBody))
	})
	mux.HandleFunc("/slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Echo", r.Header.Get("Authorization"))
		_, _ = fmt.Fprint(w, r.UserAgent()+" "+r.Header.Get("X-Arm"))
	})
	mux.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"status":"ok"}`) })
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func vars(m map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := m[name]; return v, ok }
}

// req: PT-06 PT-09
func TestASuiteSignsInLooksAndSignsOut(t *testing.T) {
	t.Parallel()
	s := shop(t)
	suite := probe.Suite{Name: "auth", Checks: []probe.Check{
		{Name: "nobody", Path: "/me", Want: probe.Want{Status: []int{401}}},
		{Name: "sign in", Method: "POST", Path: "/login", Body: "password=${env:PASSWORD}", Want: probe.Want{Text: "hello"}},
		{Name: "session lasts", Path: "/me", Want: probe.Want{Text: "hello"}},
		{Name: "sign out", Path: "/logout"},
		{Name: "nobody again", Path: "/me", Want: probe.Want{Status: []int{401}}},
	}}
	r := smoke.Run(t.Context(), s.Client(), s.URL, suite,
		smoke.Options{Lookup: vars(map[string]string{"PASSWORD": "opensesame"})})
	if !r.OK || len(r.Results) != 5 {
		t.Fatalf("report: %+v", r)
	}
}

// req: PT-09
func TestASecretIsNeverPrinted(t *testing.T) {
	t.Parallel()
	s := shop(t)
	suite := probe.Suite{Name: "auth", Checks: []probe.Check{{
		Name: "echo", Path: "/echo", Headers: map[string]string{"Authorization": "Bearer ${env:KEY}"},
		Want: probe.Want{Header: map[string]string{"X-Echo": "nothing like it"}},
	}}}
	r := smoke.Run(t.Context(), s.Client(), s.URL, suite, smoke.Options{Lookup: vars(map[string]string{"KEY": "tiger7"})})
	if r.OK || strings.Contains(r.Sentence+r.Results[0].Sentence, "tiger7") || !strings.Contains(r.Results[0].Sentence,
		"•••") {
		t.Errorf("report: %+v", r)
	}
	r = smoke.Run(t.Context(), s.Client(), s.URL, suite, smoke.Options{Lookup: vars(nil)})
	if r.OK || !strings.Contains(r.Results[0].Sentence, "KEY") || r.Results[0].Status != 0 {
		t.Errorf("without the variable: %+v", r)
	}
}

func TestWhatComesBack(t *testing.T) {
	t.Parallel()
	s := shop(t)
	tests := []struct {
		name   string
		check  probe.Check
		ok     bool
		status int
		says   string
	}{
		{"another host is not followed", probe.Check{Path: "/away"}, false, 302, "HTTP 302 instead of 200"},
		{"a redirect is followed", probe.Check{Path: "/once", Want: probe.Want{Text: "ok"}}, true, 200, ""},
		{"a wanted redirect is not followed", probe.Check{Path: "/once", Want: probe.Want{Status: []int{302}}}, true, 302,
			""},
		{"redirects end", probe.Check{Path: "/loop"}, false, 302, "HTTP 302"},
		{"a large body is cut", probe.Check{Path: "/big", Want: probe.Want{Text: "y"}}, false, 200,
			"in the first 1048576 bytes"},
		{"no answer in time", probe.Check{Path: "/slow"}, false, 0, "nothing within 300ms"},
		{"a path of another host", probe.Check{Path: "//example.com/"}, false, 0, "cannot be built"},
		{"headers and agent", probe.Check{Path: "/echo",
			Headers: map[string]string{"X-Arm": "canary"}, Want: probe.Want{Text: "slipway-smoke/1 canary"}}, true, 200, ""},
		{"json", probe.Check{Path: "/health", Want: probe.Want{JSON: map[string]any{"status": "ok"}}}, true, 200, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := smoke.Run(t.Context(), s.Client(), s.URL, probe.Suite{Name: "one", Checks: []probe.Check{tt.check}},
				smoke.Options{Timeout: 300 * time.Millisecond})
			got := r.Results[0]
			if got.OK != tt.ok || got.Status != tt.status || !strings.Contains(got.Sentence, tt.says) {
				t.Errorf("result: %+v", got)
			}
		})
	}
}

func TestADeadOrWrongAddress(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	suite := probe.Suite{Name: "core", Checks: []probe.Check{{Path: "/"}, {Path: "/b"}}}
	for _, base := range []string{s.URL, "ftp://127.0.0.1", "", "http://"} {
		r := smoke.Run(t.Context(), nil, base, suite, smoke.Options{})
		if r.OK || len(r.Results) != 2 || !strings.Contains(r.Results[1].Sentence, "No answer") {
			t.Errorf("%q: %+v", base, r)
		}
	}
	if r := smoke.Run(t.Context(), nil, s.URL, probe.Suite{Name: "empty"}, smoke.Options{}); r.OK {
		t.Errorf("an empty suite passed: %+v", r)
	}
}

func TestAStoppedRunEnds(t *testing.T) {
	t.Parallel()
	s := shop(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := smoke.Run(ctx, s.Client(), s.URL, probe.Suite{Name: "core", Checks: []probe.Check{{Path: "/health"}}},
		smoke.Options{})
	if r.OK || !strings.Contains(r.Results[0].Sentence, "stopped") {
		t.Errorf("report: %+v", r)
	}
}

func TestIdentity(t *testing.T) {
	t.Parallel()
	s := shop(t)
	got := smoke.Identity(t.Context(), s.Client(), s.URL, "/health", time.Minute)
	if !got.OK || got.Status != 200 || string(got.Body) != `{"status":"ok"}` || got.Took <= 0 {
		t.Errorf("health: %+v", got)
	}
	if got := smoke.Identity(t.Context(), s.Client(), s.URL, "/loop", time.Minute); got.OK || got.Status != 302 {
		t.Errorf("an endpoint that sends elsewhere: %+v", got)
	}
	slow := smoke.Identity(t.Context(), s.Client(), s.URL, "/slow", 20*time.Millisecond)
	if slow.OK || slow.Sentence != "No answer: nothing within 20ms." {
		t.Errorf("it says another time than it waited for: %+v", slow)
	}
	if got := smoke.Identity(t.Context(), s.Client(), s.URL, "/me", time.Minute); got.OK || !strings.Contains(got.Sentence,
		"HTTP 401") {
		t.Errorf("refused: %+v", got)
	}
}
