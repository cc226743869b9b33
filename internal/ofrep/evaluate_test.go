package ofrep_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/internal/flag"
)

func TestSingle(t *testing.T) {
	w := newWorld(t)
	deep := strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40)
	for _, test := range []struct {
		name, key, body string
		status          int
		want            []string
	}{
		{"static", "checkout", `{"context":{"targetingKey":"u1"}}`, 200,
			[]string{`"key":"checkout"`, `"reason":"STATIC"`, `"variant":"on"`, `"value":true`, `"client":true`}},
		{"object", "limits", `{"context":{}}`, 200, []string{`"value":{"items":3}`, `"variant":"small"`}},
		{"rule", "banner", `{"context":{"targetingKey":"u1","plan":"pro"}}`, 200,
			[]string{`"reason":"TARGETING_MATCH"`, `"value":"blue"`}},
		{"no rule", "banner", `{"context":{"targetingKey":"u1","plan":"free"}}`, 200, []string{`"value":"red"`}},
		{"split without a user", "price", `{"context":{}}`, 200, []string{`"key":"price"`, `"reason":"DEFAULT"`}},
		{"off", "secret", `{"context":{}}`, 200, []string{`"reason":"DISABLED"`}},
		{"no body", "checkout", ``, 200, []string{`"value":true`}},
		{"no context", "checkout", `{}`, 200, []string{`"value":true`}},
		{"null", "checkout", `{"context":null}`, 200, []string{`"value":true`}},
		{"unknown", "nothing", `{"context":{}}`, 404, []string{`"errorCode":"FLAG_NOT_FOUND"`, `"key":"nothing"`}},
		{"escaped", "a%22b", `{"context":{}}`, 404, []string{`"key":"a\"b"`}},
		{"text", "checkout", `{"context":"str"}`, 400, []string{`"errorCode":"INVALID_CONTEXT"`, `"key":"checkout"`}},
		{"list", "checkout", `[]`, 400, []string{`"errorCode":"INVALID_CONTEXT"`}},
		{"no JSON", "checkout", `{"context":{"email":"eve@example.com"`, 400, []string{`"errorCode":"INVALID_CONTEXT"`}},
		{"deep", "checkout", `{"context":` + deep + `}`, 400, []string{`deeper than 32`}},
		{"large", "checkout", `{"context":{"a":"` + strings.Repeat("x", 64<<10) + `"}}`, 400, []string{`64 KiB`}},
		{"numbers", "checkout", `{"context":{"a":1e999}}`, 400, []string{`INVALID_CONTEXT`}},
	} {
		got := w.single(test.key, test.body)
		if got.status != test.status || !json.Valid([]byte(got.body)) {
			t.Errorf("%s: %d %s", test.name, got.status, got.body)
		}
		for _, part := range test.want {
			if !strings.Contains(got.body, part) {
				t.Errorf("%s: %s is not in %s", test.name, part, got.body)
			}
		}
		if strings.Contains(got.body, "eve@") {
			t.Errorf("%s: the answer repeats what was sent: %s", test.name, got.body)
		}
	}
	if got := w.single("secret", "{}").body; strings.Contains(got, `"value"`) {
		t.Errorf("a flag that is off has no value: %s", got)
	}
	if strings.Contains(w.log.String(), "eve@") {
		t.Errorf("the log names a user: %s", w.log.String())
	}
	for _, path := range []string{"/ofrep/v1/evaluate/flags/checkout", "/ofrep/v1/evaluate/flags", "/flags/v1/usage"} {
		if got := w.ask(http.MethodGet, path, "", "X-API-Key", w.server); got.status != 405 ||
			got.header.Get("Allow") != "POST, OPTIONS" {
			t.Errorf("GET %s: %d, allowed are %q", path, got.status, got.header.Get("Allow"))
		}
	}
	for _, path := range []string{"/ofrep/v1/configuration", "/ofrep/v1/evaluate/flags/a/b", "/flags/v1/none"} {
		if got := w.ask(http.MethodPost, path, "{}", "X-API-Key", w.server); got.status != 404 {
			t.Errorf("%s: %d", path, got.status)
		}
	}
}

// list is the answer for all flags.
type list struct {
	Flags []struct {
		Key, Reason, Variant string
		Value                any
		Metadata             map[string]any
	}
	Metadata     map[string]any
	EventStreams []struct {
		Type     string
		Endpoint struct{ RequestURI string }
	}
}

func (w *world) list(a answer) list {
	w.t.Helper()
	var l list
	if err := json.Unmarshal([]byte(a.body), &l); err != nil || a.status != 200 {
		w.t.Fatalf("%d %s: %v", a.status, a.body, err)
	}
	return l
}

func (l list) value(key string) any {
	for _, f := range l.Flags {
		if f.Key == key {
			return f.Value
		}
	}
	return nil
}

func (l list) keys() []string {
	var out []string
	for _, f := range l.Flags {
		out = append(out, f.Key)
	}
	return out
}

// A client sends the ETag of its last answer with another context. OpenFeature's web provider does so unless the
// targetingKey changes: an ETag of the definitions alone would leave it with another user's values.
func TestBulkETagCoversTheContext(t *testing.T) {
	w := newWorld(t)
	first := w.bulk(w.server, `{"targetingKey":"u1","plan":"free"}`)
	l := w.list(first)
	if want := []string{"banner", "checkout", "limits", "price", "secret"}; !slices.Equal(l.keys(), want) {
		t.Errorf("%v", l.keys())
	}
	if l.value("banner") != "red" || l.Metadata["flagSetId"] != "shop/production" {
		t.Errorf("%s", first.body)
	}
	for _, f := range l.Flags { // or every flag would look changed after every change
		if f.Metadata["version"] != nil {
			t.Errorf("%s repeats what the set says: %v", f.Key, f.Metadata)
		}
	}
	tag := first.header.Get("ETag")
	for _, sent := range []string{tag, `W/` + tag, `"other", ` + tag} {
		same := w.bulk(w.server, `{"targetingKey":"u1","plan":"free"}`, "If-None-Match", sent)
		if same.status != 304 || same.body != "" || same.header.Get("ETag") != tag {
			t.Errorf("%s: %d %s", sent, same.status, same.body)
		}
	}
	if n := w.door.Numbers().Unchanged; n != 3 {
		t.Errorf("%d answers were not evaluated", n)
	}
	other := w.bulk(w.server, `{"targetingKey":"u1","plan":"pro"}`, "If-None-Match", tag)
	if w.list(other).value("banner") != "blue" {
		t.Errorf("another plan gets %s", other.body)
	}
	if got := w.bulk(w.public, `{"targetingKey":"u1","plan":"free"}`, "If-None-Match", tag); got.status != 200 {
		t.Errorf("a public key gets another list, and %d", got.status)
	}
	w.configure("checkout", func(c *flag.Config) { c.Default.Variant = "off" })
	changed := w.bulk(w.server, `{"targetingKey":"u1","plan":"free"}`, "If-None-Match", tag)
	if w.list(changed).value("checkout") != false {
		t.Errorf("after the change: %s", changed.body)
	}
}

// A rule that asks for the time gives another answer with no change of definitions or context.
func TestBulkETagCoversTheTime(t *testing.T) {
	w := newWorld(t)
	w.configure("banner", func(c *flag.Config) {
		c.Rules = []flag.Rule{{
			ID: "r1", If: []flag.Condition{{Op: flag.After, Values: []any{"2020-01-01T00:00:00Z"}}},
			Serve: flag.Serve{Variant: "blue"},
		}}
	})
	first := w.bulk(w.server, `{}`)
	if w.list(first).value("banner") != "blue" {
		t.Fatalf("%s", first.body)
	}
	before := w.door.Numbers().Unchanged
	if got := w.bulk(w.server, `{}`, "If-None-Match", first.header.Get("ETag")); got.status != 304 {
		t.Errorf("the same answer: %d", got.status)
	}
	if w.door.Numbers().Unchanged != before+1 || !w.flags.Set("production").Timed {
		t.Error("the set asks for the time")
	}
}

// Single and bulk say the same of everybody.
func TestSingleAndBulkAgree(t *testing.T) {
	w := newWorld(t)
	for i := range 50 {
		who := fmt.Sprintf(`{"targetingKey":"u%d","plan":"%s"}`, i, []string{"pro", "free"}[i%2])
		l := w.list(w.bulk(w.server, who))
		for _, key := range l.keys() {
			var one struct{ Value any }
			if err := json.Unmarshal([]byte(w.single(key, `{"context":`+who+`}`).body), &one); err != nil {
				t.Fatal(err)
			}
			if fmt.Sprint(one.Value) != fmt.Sprint(l.value(key)) {
				t.Errorf("%s for %s: %v alone and %v with all", key, who, one.Value, l.value(key))
			}
		}
	}
}

// Whatever is sent, the answer is JSON of a client's fault or an evaluation.
func FuzzSingle(f *testing.F) {
	for _, body := range []string{``, `{}`, `{"context":{"targetingKey":"u"}}`, `{"context":[`, "\x00", `{"context":{"a":{}}}`,
		`{"context":{"targetingKey":5,"$flagd":{"flagKey":1}}}`, `"\ud800"`} {
		f.Add("banner", body)
	}
	w := newWorld(f)
	f.Fuzz(func(t *testing.T, key, body string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.URL.Path = "/ofrep/v1/evaluate/flags/" + key
		req.Header.Set("X-API-Key", w.server)
		out := &recorder{header: http.Header{}}
		w.door.ServeHTTP(out, req)
		if out.status >= 500 || out.status < 200 || !json.Valid(out.body) {
			t.Errorf("%q %q: %d %s", key, body, out.status, out.body)
		}
	})
}

// recorder takes an answer without a connection.
type recorder struct {
	header http.Header
	status int
	body   []byte
}

// Header returns the header.
func (r *recorder) Header() http.Header { return r.header }

// WriteHeader keeps the status.
func (r *recorder) WriteHeader(status int) { r.status = status }

// Write keeps the body.
func (r *recorder) Write(b []byte) (int, error) {
	r.body = append(r.body, b...)
	return len(b), nil
}
