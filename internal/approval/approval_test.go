package approval

import (
	"crypto/ed25519"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
)

var now = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func subject() Subject {
	return Subject{
		Kind: "release", ID: "rel_1", Action: "Put v2 into production", App: "shop", Environment: "production", Version: "v2",
		Commit:     "abc",
		Deployment: "dep_2", URL: "http://127.0.0.1:2", Plan: "p", Evidence: map[string]string{"unit": "passed"},
		Expires: now.Add(time.Hour),
	}
}

func request() Request {
	return New("apr_1", subject(), []Rule{{"product", 1}, {"devops", 2}}, "ada", now)
}

// req: N-08
func TestEveryPartIsBoundByTheHash(t *testing.T) {
	t.Parallel()
	change := map[string]func(*Subject){
		"kind": func(s *Subject) { s.Kind = "rollback" }, "id": func(s *Subject) { s.ID = "x" },
		"action": func(s *Subject) { s.Action = "x" },
		"app":    func(s *Subject) { s.App = "x" }, "environment": func(s *Subject) { s.Environment = "x" },
		"version": func(s *Subject) { s.Version = "x" },
		"commit":  func(s *Subject) { s.Commit = "x" }, "deployment": func(s *Subject) { s.Deployment = "x" },
		"url":      func(s *Subject) { s.URL = "x" },
		"plan":     func(s *Subject) { s.Plan = "x" },
		"evidence": func(s *Subject) { s.Evidence = map[string]string{"unit": "failed"} },
		"expiry":   func(s *Subject) { s.Expires = s.Expires.Add(time.Second) },
	}
	want := subject().Hash()
	for name, f := range change {
		s := subject()
		f(&s)
		if s.Hash() == want {
			t.Errorf("changing the %s keeps the hash", name)
		}
	}
	zoned := subject()
	zoned.Expires = zoned.Expires.In(time.FixedZone("x", 7200))
	if zoned.Hash() != want {
		t.Error("the same instant in another zone has another hash")
	}
}

// req: N-08
func TestVotes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		vote   Vote
		roles  []string
		at     time.Time
		reason string
	}{
		{"the author", Vote{User: "ada", Approve: true}, []string{"product"}, now, "own_release"},
		{"another content", Vote{User: "pia", Approve: true, Hash: "x"}, []string{"product"}, now, "content_changed"},
		{"too late", Vote{User: "pia", Approve: true}, []string{"product"}, now.Add(time.Hour), "request_expired"},
		{"a role that is not asked", Vote{User: "quinn", Approve: true}, []string{"qa"}, now, "role_not_asked"},
		{"a rejection without a reason", Vote{User: "pia"}, []string{"product"}, now, "reason_required"},
		{"somebody who may", Vote{User: "pia", Approve: true}, []string{"qa", "product"}, now, ""},
		{"the author may reject", Vote{User: "ada", Reason: "found a bug"}, []string{"product"}, now, ""},
	}
	for _, tt := range tests {
		r := request()
		if tt.vote.Hash == "" {
			tt.vote.Hash = r.Hash
		}
		_, _, err := r.Decide(tt.vote, tt.roles, tt.at)
		switch {
		case tt.reason == "" && err != nil:
			t.Errorf("%s: %v", tt.name, err)
		case tt.reason != "" && fault.ReasonOf(err) != tt.reason:
			t.Errorf("%s: %v, want %s", tt.name, err, tt.reason)
		}
	}
}

// req: N-08
func TestQuorumByRole(t *testing.T) {
	t.Parallel()
	r := request()
	vote := func(user string, roles ...string) {
		t.Helper()
		next, _, err := r.Decide(Vote{User: user, Approve: true, Hash: r.Hash}, roles, now)
		if err != nil {
			t.Fatalf("%s: %v", user, err)
		}
		r = next
	}
	vote("dan", "devops")
	vote("pia", "product", "devops") // counts for product, the first that needs one
	if r.State != Open || len(r.Missing()) != 1 {
		t.Fatalf("%s, missing %v", r.State, r.Missing())
	}
	if _, _, err := r.Decide(Vote{User: "dan", Approve: true, Hash: r.Hash}, []string{"devops"},
		now); fault.ReasonOf(err) != "already_decided" {
		t.Error("one person counted twice: ", err)
	}
	vote("dora", "devops")
	if r.State != Approved {
		t.Fatalf("%s, missing %v", r.State, r.Missing())
	}
	if _, _, err := r.Decide(Vote{User: "eve", Reason: "late", Hash: r.Hash}, []string{"devops"},
		now); fault.ReasonOf(err) != "request_closed" {
		t.Error(err)
	}
}

func TestSignatureCoversTheVote(t *testing.T) {
	t.Parallel()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	v := Vote{User: "pia", Role: "product", Approve: true, Reason: "ok", At: now, Hash: "h"}.Sign("apr_1", private)
	if !v.Genuine("apr_1", public) {
		t.Fatal("a signed vote is not genuine")
	}
	forged := map[string]func(Vote) (Vote, string){
		"user":     func(v Vote) (Vote, string) { v.User = "eve"; return v, "apr_1" },
		"actor":    func(v Vote) (Vote, string) { v.Actor = "user:eve"; return v, "apr_1" },
		"role":     func(v Vote) (Vote, string) { v.Role = "devops"; return v, "apr_1" },
		"decision": func(v Vote) (Vote, string) { v.Approve = false; return v, "apr_1" },
		"hash":     func(v Vote) (Vote, string) { v.Hash = "x"; return v, "apr_1" },
		"time":     func(v Vote) (Vote, string) { v.At = v.At.Add(time.Second); return v, "apr_1" },
		"reason":   func(v Vote) (Vote, string) { v.Reason = "x"; return v, "apr_1" },
		"request":  func(v Vote) (Vote, string) { return v, "apr_2" },
	}
	for name, f := range forged {
		if other, id := f(v); other.Genuine(id, public) {
			t.Errorf("another %s passes with the old signature", name)
		}
	}
}
