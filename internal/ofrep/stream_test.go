package ofrep_test

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/ofrep"
	"github.com/slipwayhq/slipway/internal/store"
)

func (w *world) flip(variant string) int64 {
	w.t.Helper()
	return w.configure("checkout", func(c *flag.Config) { c.Default.Variant = variant })
}

// A list names a stream; the stream tells of every change, to everybody who may hear it.
func TestStreamsTellOfChanges(t *testing.T) {
	w := newWorld(t)
	server := w.list(w.bulk(w.server, "{}")).EventStreams[0].Endpoint.RequestURI
	public := w.list(w.bulk(w.public, "{}")).EventStreams[0].Endpoint.RequestURI
	if strings.Contains(server, w.server) || !strings.Contains(public, w.public) {
		t.Errorf("a server key stands in an address: %s, %s", server, public)
	}
	if again := w.list(w.bulk(w.server, "{}")).EventStreams[0].Endpoint.RequestURI; again != server {
		t.Errorf("the address changes, and clients would connect again: %s", again)
	}
	streams := []*stream{
		w.listen(server), w.listen(public, "Origin", "https://shop.example"),
		w.listen("/flags/v1/events", "Authorization", "Bearer "+w.server),
	}
	for _, s := range streams {
		if s.status != 200 || s.header.Get("Content-Type") != "text/event-stream" {
			t.Fatalf("%d %v", s.status, s.header)
		}
		s.next("data: ") // something may have changed before the stream was open
	}
	if got := streams[1].header.Get("Access-Control-Allow-Origin"); got != "https://shop.example" {
		t.Errorf("the page may not read the stream: %q", got)
	}
	generation := w.flip("off")
	document := w.ask(http.MethodGet, "/flags/v1/document", "", "X-API-Key", w.server)
	for i, s := range streams {
		if id := s.next("id: "); id != fmt.Sprintf("id: %d", generation) {
			t.Errorf("the event of generation %d is %s", generation, id)
		}
		var message struct{ Type, ETag string }
		if err := json.Unmarshal([]byte(strings.TrimPrefix(s.next("data: "), "data: ")), &message); err != nil {
			t.Fatal(err)
		}
		tag, _, _ := strings.Cut(document.header.Get("ETag"), "-")
		if message.Type != "refetchEvaluation" || !strings.HasPrefix(message.ETag, tag+"-") ||
			(message.ETag == document.header.Get("ETag")) == (i == 1) { // a page can confirm no guess of what is in it
			t.Errorf("%+v, and the definitions are %s", message, document.header.Get("ETag"))
		}
	}
	missed := w.listen(public, "Last-Event-ID", fmt.Sprint(generation-1))
	missed.next("data: ")
	same := w.listen(public, "Last-Event-ID", fmt.Sprint(generation))
	if l := same.next(":"); l != ": nothing was missed" {
		t.Error(l)
	}
	if n := w.door.Numbers().Streams; n != 5 {
		t.Errorf("%d streams are open", n)
	}
}

func TestStreamsThatMayNot(t *testing.T) {
	w := newWorld(t, func(o *ofrep.Options) { o.Streams, o.KeyStreams, o.AddressStreams = 2, 2, 2 })
	ticket := w.list(w.bulk(w.server, "{}")).EventStreams[0].Endpoint.RequestURI
	for _, path := range []string{
		"/flags/v1/events", "/flags/v1/events?ticket=", "/flags/v1/events?ticket=a.b", ticket + "x",
		strings.Replace(ticket, "ticket=", "ticket=A", 1), "/flags/v1/events?key=" + w.server,
		"/flags/v1/events?key=slwf_pub_none",
	} {
		if s := w.listen(path); s.status != 401 {
			t.Errorf("%s: %d", path, s.status)
		}
	}
	s := w.listen(ticket)
	s.next("data: ")
	w.revoke("fky_backend")
	if l := s.next("never"); l != "" {
		t.Errorf("the stream of a revoked key says %s", l)
	}
	if s := w.listen(ticket); s.status != 401 {
		t.Errorf("the ticket of a revoked key: %d", s.status)
	}
	public := "/flags/v1/events?key=" + w.public
	a, b := w.listen(public), w.listen(public)
	a.next("data: ")
	b.next("data: ")
	if s := w.listen(public); s.status != 503 || s.header.Get("Retry-After") == "" {
		t.Errorf("one too many: %d %v", s.status, s.header)
	}
	b.end()
	w.until("its place is free", func() bool { return w.listen(public).status == 200 }) // though nothing is written
	w.stop()
	if l := a.next("never"); l != "" {
		t.Errorf("after the end: %s", l)
	}
}

func TestDocument(t *testing.T) {
	w := newWorld(t)
	got := w.ask(http.MethodGet, "/flags/v1/document", "", "X-API-Key", w.server, "Accept-Encoding", "identity")
	d, err := flag.ParseDocument([]byte(got.body))
	if err != nil || got.status != 200 || len(d.Flags) != 5 || d.Metadata["flagSetId"] != "shop/production" {
		t.Fatalf("%d %s: %v", got.status, got.body, err)
	}
	looker := w.ask(http.MethodGet, "/flags/v1/document", "", "Authorization", "Bearer "+token)
	if looker.status != http.StatusForbidden || !strings.Contains(looker.body, "flag:edit") {
		t.Errorf("who may not read segments got their members: %d %s", looker.status, looker.body)
	}
	packed := w.ask(http.MethodGet, "/flags/v1/document", "", "Authorization", "Bearer "+token+"-editor",
		"Accept-Encoding", "gzip")
	z, err := gzip.NewReader(strings.NewReader(packed.body))
	if err != nil || packed.header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("%v: %v", packed.header, err)
	}
	if text, err := io.ReadAll(z); err != nil || string(text) != got.body {
		t.Errorf("packed it is another: %v", err)
	}
	tag := got.header.Get("ETag")
	same := w.ask(http.MethodGet, "/flags/v1/document", "", "X-API-Key", w.server, "If-None-Match", tag)
	if same.status != http.StatusNotModified {
		t.Errorf("%d", same.status)
	}
	w.flip("off")
	other := w.ask(http.MethodGet, "/flags/v1/document", "", "X-API-Key", w.server, "If-None-Match", tag)
	if other.status != 200 || other.header.Get("ETag") == tag {
		t.Errorf("%d", other.status)
	}
}

// req: FF-20
func TestUsageIsCounted(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		w.single("checkout", "{}")
	}
	w.bulk(w.public, "{}")
	w.ask(http.MethodPost, "/flags/v1/usage", `{"items":[{"flag":"checkout","variant":"on","evaluations":10,"exposures":4,
		"errors":1},{"flag":"checkout","variant":"nothing","exposures":1},{"flag":"checkout","exposures":-1},
		{"flag":"checkout","variant":"on","evaluations":1000000000},{"flag":"checkout","evaluations":2}]}`, "X-API-Key", w.server)
	for _, body := range []string{`[]`, `{"items":5}`, strings.Repeat("[", 100)} {
		if got := w.ask(http.MethodPost, "/flags/v1/usage", body, "X-API-Key", w.server); got.status != 400 {
			t.Errorf("%.20s: %d", body, got.status)
		}
	}
	sums := map[string]store.FlagUsage{}
	for _, u := range w.flags.Usage.Take(time.Unix(1_000_030, 0)) {
		sums[u.Flag+"/"+u.Variant] = u
	}
	on := sums["checkout/on"]
	if on.Evaluations != 14+1e9 || on.Exposures != 4 || on.Errors != 1 || on.At != 999_960+60 || on.Span != 60 {
		t.Errorf("%+v", on)
	}
	if sums["checkout/"].Evaluations != 2 || sums["banner/red"].Evaluations != 1 || sums["price/"].Evaluations != 1 {
		t.Errorf("%+v", sums)
	}
	// Four flags were asked for by name or in the list of public ones: how long that took is known too.
	if n := w.door.Numbers(); n.Evaluations != 4 || n.Flags < 4 || n.Took <= 0 || n.Took > time.Minute {
		t.Errorf("%+v", n)
	}
	if again := w.flags.Usage.Take(time.Unix(0, 0)); len(again) != 0 {
		t.Errorf("counted twice: %+v", again)
	}
}
