package cli

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/api"
)

// stage is a server that plays one release.
type stage struct {
	phases   []api.Release // one for each look; the last stays
	looks    int
	decision *api.Decision
	path     string
}

func (s *stage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now := s.phases[min(s.looks, len(s.phases)-1)]
	switch {
	case r.Method == http.MethodPost:
		s.path, s.decision = r.URL.Path, &api.Decision{}
		_ = json.NewDecoder(r.Body).Decode(s.decision)
		_ = json.NewEncoder(w).Encode(api.Approval{State: "approved"})
	case strings.HasPrefix(r.URL.Path, "/api/v1/approvals/"):
		_ = json.NewEncoder(w).Encode(now.Approval)
	case r.URL.Path == "/api/v1/log":
		page := api.EventPage{Items: []api.Event{}}
		if r.URL.Query().Get("after") == "" {
			page.Items = append(page.Items, api.Event{Seq: 7, Subject: "rel_0", Sentence: "Long ago."})
		}
		if r.URL.Query().Get("after") != "" && s.looks == 2 {
			page.Items = append(page.Items,
				api.Event{Seq: 8, Subject: "rel_1", Sentence: "It goes to 25 %.\x1b[2J", At: time.Now()})
		}
		_ = json.NewEncoder(w).Encode(page)
	default:
		s.looks++
		_ = json.NewEncoder(w).Encode(now)
	}
}

func waiting() api.Release {
	return api.Release{
		ID: "rel_1", Version: "v2", Phase: "running", Sentence: "It waits for product.", Share: 50,
		Approval: &api.Approval{
			ID: "apr_1", State: "open", Action: "put v2 into production for everybody", Version: "v2",
			Environment: "production", Commit: "abc", Hash: "9f86d081",
			Evidence: []api.Evidence{{Name: "canary", Says: "no worse\x1b[31m than v1"}},
			Missing:  []api.ApprovalRule{{Role: "product", Count: 1}},
			Changed:  map[string]string{"version": "v1 → v2"},
		},
	}
}

func (s *stage) run(t *testing.T, stdin string, interactive bool, args ...string) result {
	t.Helper()
	ts := httptest.NewServer(s)
	defer ts.Close()
	var out, errs bytes.Buffer
	code := Run(t.Context(), Options{
		In: strings.NewReader(stdin), Out: &out, Err: &errs, Interactive: interactive,
		Env: func(k string) string { return map[string]string{"SLIPWAY_URL": ts.URL, "SLIPWAY_TOKEN": "slp_x"}[k] },
	}, args)
	return result{code, out.String(), errs.String()}
}

// What is approved is on the screen, with its hash, before anything is sent; and the
// hash that was shown is the one that is sent.
//
// req: N-08
func TestApproveShowsBeforeItSends(t *testing.T) {
	tests := []struct {
		name        string
		args        []string
		stdin       string
		interactive bool
		code        int
		path        string
	}{
		{"a person says yes", []string{"release", "approve", "v2"}, "yes\n", true, 0, "/api/v1/approvals/apr_1/approve"},
		{"a person says no", []string{"release", "approve", "v2"}, "no\n", true, 6, ""},
		{"a person says nothing", []string{"release", "approve", "v2"}, "", true, 6, ""},
		{"a script", []string{"release", "approve", "v2"}, "yes\n", false, 6, ""},
		{"a script that means it", []string{"release", "approve", "v2", "--yes"}, "", false, 0,
			"/api/v1/approvals/apr_1/approve"},
		{"another hash", []string{"release", "approve", "v2", "--yes", "--hash", "0000"}, "", false, 4, ""},
		{"reject", []string{"release", "reject", "v2", "--yes", "--reason", "too slow"}, "", false, 0,
			"/api/v1/approvals/apr_1/reject"},
		{"reject without a reason", []string{"release", "reject", "v2", "--yes"}, "", false, 2, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &stage{phases: []api.Release{waiting()}}
			r := s.run(t, tt.stdin, tt.interactive, tt.args...)
			if r.code != tt.code || s.path != tt.path {
				t.Fatalf("exit %d, sent %q\n%s%s", r.code, s.path, r.out, r.err)
			}
			if tt.code == 2 {
				return
			}
			for _, want := range []string{"9f86d081", "abc", "no worse", "v1 → v2", "1 × product"} {
				if !strings.Contains(r.out, want) {
					t.Errorf("it does not show %q:\n%s", want, r.out)
				}
			}
			if line, _, _ := strings.Cut(r.out, "\n"); line != "Put v2 into production for everybody" {
				t.Errorf("it begins with %q", line)
			}
			if strings.ContainsRune(r.out+r.err, '\x1b') {
				t.Error("the evidence controls the terminal")
			}
			if s.decision != nil && s.decision.Hash != "9f86d081" {
				t.Errorf("sent %+v", s.decision)
			}
		})
	}
	done := waiting()
	done.Approval = nil
	if r := (&stage{phases: []api.Release{done}}).run(t, "", false, "release", "approve", "v2", "--yes"); r.code != 6 {
		t.Errorf("nothing to approve: %+v", r)
	}
}

func TestWatchTellsWhatHappensAndHowItEnded(t *testing.T) {
	for phase, code := range map[string]int{"completed": 0, "aborted": 6, "rolled_back": 6, "failed": 1} {
		end := waiting()
		end.Phase, end.Sentence, end.Reason, end.Approval = phase, "It has ended.", "because", nil
		s := &stage{phases: []api.Release{waiting(), waiting(), end}}
		r := s.run(t, "", false, "release", "watch", "v2")
		if r.code != code || !strings.Contains(r.out, "It goes to 25 %.") || !strings.Contains(r.out, "It has ended.") ||
			!strings.Contains(r.out, "waits for product") {
			t.Errorf("%s: exit %d\n%s%s", phase, r.code, r.out, r.err)
		}
		if strings.ContainsRune(r.out, '\x1b') {
			t.Errorf("a plain stream is drawn over: %q", r.out)
		}
	}
}

func TestWatchDrawsOverOnATerminal(t *testing.T) {
	end := waiting()
	end.Phase, end.Sentence = "completed", "It has ended."
	ts := httptest.NewServer(&stage{phases: []api.Release{waiting(), end}})
	defer ts.Close()
	var out bytes.Buffer
	code := Run(t.Context(), Options{
		In: strings.NewReader(""), Out: &out, Err: &out, Terminal: true,
		Env: func(k string) string { return map[string]string{"SLIPWAY_URL": ts.URL, "SLIPWAY_TOKEN": "slp_x"}[k] },
	}, []string{"release", "watch", "v2"})
	got := out.String()
	if code != 0 || !strings.Contains(got, "██████████░░░░░░░░░░  50 %") || !strings.Contains(got, "\r\x1b[2K") ||
		!strings.Contains(got, "waits for 1 × product") || !strings.HasSuffix(got, "It has ended.\n") {
		t.Errorf("exit %d: %q", code, got)
	}
}

func TestCleanTakesControlAway(t *testing.T) {
	for in, want := range map[string]string{
		"v2": "v2", "a\x1b[2Jb": "a\ufffd[2Jb", "a\nb": "a b", "x\u202ey": "x\ufffdy", "שלום": "שלום",
		"\u009b31m": "\ufffd31m",
	} {
		if got := clean(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// TestUsageOnce shows that a wrong word is answered by one line that names what there is.
func TestUsageOnce(t *testing.T) {
	t.Parallel()
	for words, want := range map[string]string{
		"chek":                 `slipway has no command "chek": did you mean check?`,
		"segment create -e qa": `slipway segment has no command "create": it has delete, get, history, list`,
		"segment --nonsense":   "unknown flag: --nonsense. Use it so: slipway segment",
	} {
		var errs strings.Builder
		code := Run(t.Context(), Options{In: strings.NewReader(""), Out: io.Discard, Err: &errs}, strings.Fields(words))
		if code != 2 || !strings.HasPrefix(errs.String(), "slipway: "+want) || strings.Count(errs.String(), "\n") != 1 {
			t.Errorf("slipway %s: exit code %d and %q, want 2 and %q", words, code, errs.String(), want)
		}
	}
}
