package ofrep_test

import (
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/store"
)

// req: RB-28
func TestTheDatabaseGoes(t *testing.T) {
	w := newWorld(t)
	s := w.listen("/flags/v1/events?key=" + w.public)
	s.next("data: ")
	want := w.bulk(w.server, `{"targetingKey":"u1"}`).body
	if err := w.db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.flags.Look(t.Context()); err == nil {
		t.Fatal("the database is there")
	}
	if got := w.bulk(w.server, `{"targetingKey":"u1"}`); got.body != want {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := w.single("checkout", "{}"); got.status != 200 || !strings.Contains(got.body, `"value":true`) {
		t.Errorf("%d %s", got.status, got.body)
	}
	for path, status := range map[string]int{"/flags/v1/document": 200, "/flags/v1/document?flagConfigEtag=%2299-a": 200} {
		if got := w.ask(http.MethodGet, path, "", "X-API-Key", w.server); got.status != status {
			t.Errorf("%s: %d", path, got.status)
		}
	}
	if got := w.listen("/flags/v1/events?key=" + w.public); got.status != 200 {
		t.Errorf("a new stream: %d", got.status)
	}
}

// A set that is wrong is refused as a whole, and told.
func TestAWrongSetIsRefused(t *testing.T) {
	w := newWorld(t)
	before := w.flags.Set("production")
	w.configure("banner", func(c *flag.Config) {
		c.Rules[0].If = []flag.Condition{{Segment: "nobody-made-it"}}
	})
	w.until("it is told", func() bool { all, now := w.flags.Refused(); return all == 1 && now })
	if w.flags.Set("production") != before {
		t.Error("the last good set is gone")
	}
	if got := w.bulk(w.server, `{"plan":"pro"}`); w.list(got).value("banner") != "blue" {
		t.Errorf("%s", got.body)
	}
	w.logs.Lock()
	told := strings.Count(w.log.String(), "a set of flags is refused")
	w.logs.Unlock()
	if told != 1 {
		t.Errorf("the log tells it %d times", told)
	}
	w.configure("banner", func(c *flag.Config) { c.Rules = nil })
	w.until("a good set is served", func() bool {
		_, now := w.flags.Refused()
		return !now && w.list(w.bulk(w.server, `{"plan":"pro"}`)).value("banner") == "red"
	})
}

func TestAnEnvironmentWithoutFlags(t *testing.T) {
	w := node(t, filepath.Join(t.TempDir(), "a.db"))
	secret := w.key("server", "backend")
	w.until("there is a set", func() bool { return w.flags.Set("production") != nil })
	if l := w.list(w.bulk(secret, "{}")); len(l.Flags) != 0 {
		t.Errorf("%v", l)
	}
	if got := w.ask(http.MethodPost, "/ofrep/v1/evaluate/flags/a", "{}", "X-API-Key", secret); got.status != 404 {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// What one node changes, the other serves; who was told by one is not served by the other with what was before.
func TestTwoNodes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	w := node(t, path)
	w.server = w.key("server", "backend")
	w.add(shape("checkout", flag.Boolean, "on", "true", "off", "false"))
	w.flip("on")
	other := node(t, path)
	other.server = w.server
	other.until("it serves", func() bool { return other.single("checkout", "{}").status == 200 })
	ticket := w.list(w.bulk(w.server, "{}")).EventStreams[0].Endpoint.RequestURI
	s := other.listen(ticket) // of the other node
	tag := s.next("data: ")
	if tag == "" {
		t.Fatalf("%d: a ticket of one node does not hold at the other", s.status)
	}
	w.flip("off")
	s.next("id: ")
	if got := other.single("checkout", "{}"); !strings.Contains(got.body, `"value":false`) {
		t.Errorf("told, and not served: %s", got.body)
	}
	generation := w.write(func(*store.Tx) error { return nil })
	heard := "/ofrep/v1/evaluate/flags?flagConfigEtag=%22" + strconv.FormatInt(generation, 10) + "-x%22"
	other.until("it has what its client heard of", func() bool {
		other.ask(http.MethodPost, heard, "{}", "X-API-Key", other.server)
		return other.flags.Set("production").Generation >= generation
	})
	a := w.bulk(w.server, `{"targetingKey":"u"}`).header.Get("ETag")
	if b := other.bulk(w.server, `{"targetingKey":"u"}`, "If-None-Match", a); b.status != 304 {
		t.Errorf("a tag of one node does not hold at the other: %d", b.status)
	}
	w.revoke("fky_backend")
	other.until("the key is refused", func() bool { return other.single("checkout", "{}").status == 401 })
}
