package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/api"
)

// serve returns a client of a server that answers with h.
func serve(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	ts := httptest.NewServer(h)
	t.Cleanup(ts.Close)
	c, err := New(ts.URL+"/", Options{Token: "slp_x", Pause: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func problem(w http.ResponseWriter, status int, kind, reason string, exit int) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("X-Request-Id", "req_1")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(api.Problem{
		Kind: kind, Reason: reason, Detail: "A sentence.", Remedy: "do this", Status: status, ExitCode: exit,
		Errors: []api.ProblemError{{Location: "body.version", Message: "is wrong"}},
	})
}

func TestAddresses(t *testing.T) {
	for _, bad := range []string{"", "shop", "ftp://x", "http://", "http://u:p@x", "http://x?a=b", "http://x#a", "://"} {
		if _, err := New(bad, Options{}); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	if _, err := New("http://x", Options{Token: "a\r\nX: y"}); err == nil {
		t.Error("a token with a line break is taken")
	}
	if c, err := New("https://x/under/", Options{}); err != nil || c.Address() != "https://x/under" {
		t.Error(c, err)
	}
}

func TestProblemsSayWhatToDo(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) { problem(w, 412, "refused", "strategy_says_no", 6) })
	_, err := c.StartRelease(t.Context(), api.StartRelease{Version: "v2"})
	p, ok := errors.AsType[*Problem](err)
	if !ok || p.Kind != "refused" || p.Reason != "strategy_says_no" || p.Message != "A sentence." || p.ExitCode != 6 ||
		p.Status != 412 ||
		p.Request != "req_1" || p.Remedy != "do this" || len(p.Fields) != 1 {
		t.Errorf("%+v", p)
	}
	strange := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "<h1>Bad gateway</h1>", http.StatusBadGateway)
	})
	_, err = strange.Status(t.Context())
	if p, ok := errors.AsType[*Problem](err); !ok || p.Kind != "unavailable" || p.ExitCode != 7 {
		t.Errorf("%v", err)
	}
	login := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://evil.example/", http.StatusFound)
	})
	if _, err = login.Status(t.Context()); err == nil || !strings.Contains(err.Error(), "302") {
		t.Errorf("a redirect is followed with the token: %v", err)
	}
	html := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") })
	_, err = html.Status(t.Context())
	if p, ok := errors.AsType[*Problem](err); !ok || p.Reason != "answer_unreadable" {
		t.Errorf("%v", err)
	}
	gone, err := New("http://127.0.0.1:1", Options{Tries: 2, Pause: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	_, err = gone.Status(t.Context())
	if p, ok := errors.AsType[*Problem](err); !ok || p.Reason != "unreachable" || p.ExitCode != 7 || p.Err == nil {
		t.Errorf("%v", err)
	}
}

// Reads, and writes under the same key, are sent again; what may not help or may
// harm is not.
func TestOnlySafeRequestsAreRepeated(t *testing.T) {
	tests := []struct {
		name   string
		status int
		kind   string
		reason string
		call   func(context.Context, *Client) error
		sent   int32
	}{
		{"read", 503, "unavailable", "store_unavailable",
			func(ctx context.Context, c *Client) error { _, err := c.Status(ctx); return err }, 4},
		{"limited", 429, "limited", "too_many_requests",
			func(ctx context.Context, c *Client) error { _, err := c.Status(ctx); return err }, 4},
		{"command", 503, "unavailable", "store_unavailable", func(ctx context.Context, c *Client) error {
			_, err := c.ActOnRelease(ctx, "v2", "abort", api.ReleaseAction{})
			return err
		}, 4},
		{"in progress", 409, "conflict", "request_in_progress", func(ctx context.Context, c *Client) error {
			_, err := c.ReportIssue(ctx, api.ReportIssue{})
			return err
		}, 4},
		{"changed", 409, "conflict", "changed_meanwhile", func(ctx context.Context, c *Client) error {
			_, err := c.ReportIssue(ctx, api.ReportIssue{})
			return err
		}, 1},
		{"patch", 503, "unavailable", "x", func(ctx context.Context, c *Client) error {
			_, err := c.ChangeUser(ctx, "ada", api.ChangeUser{})
			return err
		}, 1},
		{"defect", 500, "internal", "internal",
			func(ctx context.Context, c *Client) error { _, err := c.Status(ctx); return err }, 1},
		{"denied", 403, "denied", "permission_missing",
			func(ctx context.Context, c *Client) error { _, err := c.Users(ctx); return err }, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var sent atomic.Int32
			keys := map[string]bool{}
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				sent.Add(1)
				keys[r.Header.Get("Idempotency-Key")] = true
				if r.Header.Get("Authorization") != "Bearer slp_x" {
					t.Error("without its token")
				}
				problem(w, tt.status, tt.kind, tt.reason, 7)
			})
			err := tt.call(t.Context(), c)
			if sent.Load() != tt.sent || len(keys) != 1 {
				t.Errorf("sent %d times with keys %v", sent.Load(), keys)
			}
			if p, ok := errors.AsType[*Problem](err); !ok || p.Reason != tt.reason {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestARepeatedRequestSucceeds(t *testing.T) {
	var sent atomic.Int32
	var bodies []string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		bodies = append(bodies, string(raw)+r.Header.Get("Idempotency-Key"))
		if sent.Add(1) < 3 {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_ = conn.Close() // cut in the middle
			}
			return
		}
		_, _ = io.WriteString(w, `{"id":"rel_1","steps":[]}`)
	})
	r, err := c.StartRelease(t.Context(), api.StartRelease{Version: "v2"})
	if err != nil || r.ID != "rel_1" || sent.Load() != 3 || bodies[0] != bodies[2] || !strings.Contains(bodies[0], "v2") {
		t.Errorf("%+v %v after %d: %q", r, err, sent.Load(), bodies)
	}
}

func TestPathsAndQueriesAreEscaped(t *testing.T) {
	var got string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) { got = r.RequestURI; _, _ = io.WriteString(w, "{}") })
	if _, err := c.Release(t.Context(), "../users?x=1#y"); err != nil {
		t.Fatal(err)
	}
	if got != "/api/v1/releases/..%2Fusers%3Fx=1%23y" {
		t.Error(got)
	}
	if _, err := c.Events(t.Context(),
		EventQuery{Text: "a&b=c", Ascending: true, After: 7, From: time.Unix(0, 0)}); err != nil {
		t.Fatal(err)
	}
	if got != "/api/v1/log?after=7&ascending=true&from=1970-01-01T00%3A00%3A00Z&text=a%26b%3Dc" {
		t.Error(got)
	}
}

// A stream that breaks is taken up after the last event that arrived.
func TestFollowResumes(t *testing.T) {
	var calls atomic.Int32
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		after := r.URL.Query().Get("after")
		w.Header().Set("Content-Type", "text/event-stream")
		send := func(seq int) {
			_, _ = fmt.Fprintf(w, "id: %d\ndata: {\"seq\":%d,\"sentence\":\"x\"}\n\n", seq, seq)
			_ = http.NewResponseController(w).Flush()
		}
		switch n := calls.Add(1); {
		case n == 1 && after == "":
			w.Header().Set("X-Slipway-Seq", "4") // and ends without an event
			_, _ = io.WriteString(w, "retry: 2000\n\n: alive\n\n")
		case n == 2 && after == "4":
			send(5)
			send(6)
			_, _ = io.WriteString(w, "id: 7\ndata: {\"seq\":7,") // cut in the middle of one
		case n == 3 && after == "6":
			problem(w, 503, "unavailable", "store_unavailable", 7)
		case n == 4 && after == "6":
			send(7)
			_, _ = io.WriteString(w, "event: problem\ndata: "+
				"{\"kind\":\"unknown\",\"reason\":\"token_invalid\",\"detail\":\"It was "+
				"revoked.\",\"exit_code\":8,\"status\":401}\n\n")
		default:
			t.Errorf("connection %d after %q", n, after)
			problem(w, 500, "internal", "internal", 1)
		}
	})
	var seqs []int64
	var last error
	lost := 0
	for e, err := range c.Follow(t.Context(), Follow{After: -1, Lost: func(error) { lost++ }}) {
		if err != nil {
			last = err
			continue
		}
		seqs = append(seqs, e.Seq)
	}
	p, ok := errors.AsType[*Problem](last)
	if fmt.Sprint(seqs) != "[5 6 7]" || lost != 3 || !ok || p.Reason != "token_invalid" || p.ExitCode != 8 {
		t.Errorf("%v, lost %d, %v", seqs, lost, last)
	}
}

func TestFollowEndsWhenWanted(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		for i := 1; i < 100; i++ {
			if _, err := fmt.Fprintf(w, "data: {\"seq\":%d}\n\n", i); err != nil {
				return
			}
		}
	})
	n := 0
	for _, err := range c.Follow(t.Context(), Follow{}) {
		if n++; n == 3 || err != nil {
			break
		}
	}
	if n != 3 {
		t.Error(n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range c.Follow(ctx, Follow{}) {
		t.Error("after the end:", err)
	}
}
