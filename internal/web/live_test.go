package web

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
)

func TestAnOpenPageHearsThatTheLogHasMoved(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.admin(t)
	b := w.person(t, "dora", "devops", "development")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"/live?tick=600", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := b.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("answered %d %v", resp.StatusCode, resp.Header)
	}
	lines := bufio.NewScanner(resp.Body)
	first := ""
	for lines.Scan() && lines.Text() != "" { // the greeting: from now on the log is followed
		first += lines.Text() + "\n"
	}
	if !strings.Contains(first, "retry:") {
		t.Fatalf("the stream began with %q", first)
	}
	w.release(t, "v2")
	for lines.Scan() {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			if data == "" || data == "0" {
				t.Errorf("the stream said %q", data)
			}
			return
		}
	}
	t.Errorf("the stream ended without a word: %v", lines.Err())
}

// An open page whose session has ended hears nothing more, however busy the log is.
func TestASignedOutPageHearsNothingMore(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.admin(t)
	b := w.person(t, "dora", "devops", "development")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"/live?tick=600", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := b.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() && lines.Text() != "" { // the greeting
		continue
	}
	if got := b.post("/settings", "/logout"); got.StatusCode != http.StatusSeeOther {
		t.Fatal(got.StatusCode)
	}
	w.release(t, "v2")
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "data: ") {
			t.Fatalf("it was told %q", lines.Text())
		}
	}
}

func TestOpenPagesAreCounted(t *testing.T) {
	t.Parallel()
	var s streams
	for range maxPages {
		if err := s.open("ada"); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.open("ada"); !fault.Is(err, fault.Limited) {
		t.Errorf("one more: %v", err)
	}
	if err := s.open("bob"); err != nil {
		t.Error("another session:", err)
	}
	s.close("ada")
	if err := s.open("ada"); err != nil {
		t.Error("after one was closed:", err)
	}
	s.close("bob")
	for range maxPages {
		s.close("ada")
	}
	if s.all != 0 || len(s.by) != 0 {
		t.Errorf("left: %d %v", s.all, s.by)
	}
}

func TestTickIsBounded(t *testing.T) {
	t.Parallel()
	w := open(t)
	b := w.admin(t)
	for _, tick := range []string{"", "0", "-1", "601", "x"} {
		if got := b.get("/live?tick=" + tick); got.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("tick %q answered %d", tick, got.StatusCode)
		}
	}
}

func TestChoicesAreKeptInCookies(t *testing.T) {
	t.Parallel()
	w := open(t)
	b := w.browser(t)
	if got := b.post("/login", "/theme", "theme", "dark", "next", "/login"); got.Header.Get("Location") != "/login" {
		t.Errorf("led to %q", got.Header.Get("Location"))
	}
	if got := b.get("/login"); !strings.Contains(got.body, `data-theme="dark"`) {
		t.Error("dark was not kept")
	}
	b.post("/login", "/theme", "theme", "<script>", "next", "/login")
	if got := b.get("/login"); !strings.Contains(got.body, `data-theme=""`) {
		t.Error("system was not kept")
	}
	for zone, want := range map[string]string{
		"Asia%2FTokyo": "JST", "UTC": "UTC", "": "UTC", "Local": "UTC", "..%2F..%2Fetc%2Fpasswd": "UTC",
		"Nowhere%2FLand": "UTC", "%zz": "UTC",
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"/login", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.AddCookie(&http.Cookie{Name: zoneName, Value: zone})
		got := b.do(r)
		if asof := between(got.body, `id="asof"`, "</time>"); !strings.HasSuffix(asof, want) {
			t.Errorf("zone %q gave %q", zone, asof)
		}
	}
}

func TestLiveStreamsEndWithTheSession(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.admin(t)
	b := w.person(t, "dora", "devops")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"/live?tick=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Jar: b.http.Jar}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b.post("/", "/logout")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		lines := bufio.NewScanner(resp.Body)
		for lines.Scan() {
			continue
		}
	}()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("the stream outlives the session")
	}
}

// What happens between a page and its stream is told as soon as the stream opens.
func TestAStreamBeginsWhereItsPageEnded(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.admin(t)
	b := w.person(t, "dora", "devops", "development")
	head := between(b.get("/releases").body, `data-head="`, `"`)
	w.release(t, "v2")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"/live?tick=600&after="+head, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := b.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			if data == head || data == "tick" {
				t.Errorf("the stream said %q, the page was made at %s", data, head)
			}
			return
		}
	}
	t.Error("the stream ended without a word")
}
