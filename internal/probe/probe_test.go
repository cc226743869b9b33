package probe

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestRead(t *testing.T) {
	t.Parallel()
	page := Answer{
		Status: 200, Header: map[string][]string{"Content-Type": {"text/html; charset=utf-8"}},
		Body: []byte("<h1>Shop</h1>"), Took: 40 * time.Millisecond,
	}
	health := Answer{Status: 200, Body: []byte(`{"status":"ok","db":{"ok":true,"pool":[3,5]}}`)}
	tests := []struct {
		name  string
		check Check
		a     Answer
		ok    bool
		says  string
	}{
		{"fine", Check{Path: "/"}, page, true, "HTTP 200 in 40ms."},
		{"no answer", Check{Path: "/"}, Answer{Err: "connection refused", Status: 200}, false,
			"No answer: connection refused."},
		{"status", Check{}, Answer{Status: 500}, false, "HTTP 500 instead of 200."},
		{"one of several", Check{Want: Want{Status: []int{200, 204}}}, Answer{Status: 404}, false,
			"HTTP 404 instead of 200 or 204."},
		{"text", Check{Want: Want{Text: "Cart"}}, page, false, `The text "Cart" is missing.`},
		{"text in a body that was cut", Check{Want: Want{Text: "Cart"}}, Answer{Status: 200, Body: []byte("abc"),
			Cut: true}, false, "in the first 3 bytes"},
		{"not text", Check{Want: Want{NotText: "Shop"}}, page, false, `must not be there`},
		{"header", Check{Want: Want{Header: map[string]string{"content-type": "text/html"}}}, page, true, ""},
		{"header missing", Check{Want: Want{Header: map[string]string{"X-Version": ""}}}, page, false,
			"The header X-Version is missing."},
		{"header differs", Check{Want: Want{Header: map[string]string{"Content-Type": "json"}}}, page, false,
			`without "json"`},
		{"slow", Check{Want: Want{Within: 30 * time.Millisecond}}, page, false, "It took 40ms, longer than 30ms."},
		{"json", Check{Want: Want{JSON: map[string]any{"status": "ok", "db.ok": true, "db.pool.1": 5}}}, health, true, ""},
		{"json differs", Check{Want: Want{JSON: map[string]any{"db.ok": false}}}, health, false,
			"The JSON's db.ok is true instead of false."},
		{"json has no such thing", Check{Want: Want{JSON: map[string]any{"db.pool.2": 1}}}, health, false,
			"The JSON has no db.pool.2."},
		{"not json", Check{Want: Want{JSON: map[string]any{"a": 1}}}, page, false, "The answer is not JSON."},
		{"everything is named", Check{Want: Want{Text: "a b", Status: []int{201}}}, page, false,
			`HTTP 200 instead of 201; the text "a b" is missing.`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := Read(tt.check, tt.a)
			if got.OK != tt.ok || !strings.Contains(got.Sentence, tt.says) {
				t.Errorf("got %t: %s", got.OK, got.Sentence)
			}
		})
	}
}

func TestConclude(t *testing.T) {
	t.Parallel()
	good, bad := Result{Name: "a", OK: true}, Result{Name: "b", Sentence: "HTTP 500 instead of 200."}
	tests := []struct {
		name    string
		results []Result
		ok      bool
		says    string
	}{
		{"nothing asked is no pass", nil, false, "nothing is known"},
		{"all", []Result{good, good}, true, "All 2 checks of core passed in 1s."},
		{"one", []Result{good}, true, "The one check of core passed"},
		{"some failed", []Result{good, bad}, false, "1 of 2 checks of core failed. b: HTTP 500 instead of 200."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := Conclude("core", tt.results, time.Second)
			if got.OK != tt.ok || !strings.Contains(got.Sentence, tt.says) || got.Results == nil {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// FuzzRead feeds whatever a deployment may send.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"a":[1,{"b":null}]}`), "a.1.b", "x", 200)
	f.Add([]byte("\xff\xfe"), "..", "", -1)
	f.Fuzz(func(t *testing.T, body []byte, path, text string, status int) {
		c := Check{Path: "/", Want: Want{Text: text, NotText: path, JSON: map[string]any{path: text},
			Header: map[string]string{path: text}}}
		a := Answer{Status: status, Body: body, Header: map[string][]string{"X": {string(body)}}}
		got := Read(c, a)
		if got.Sentence == "" || got.OK && status != 200 {
			t.Fatalf("got %+v", got)
		}
		if utf8.Valid(body) && utf8.ValidString(text) && utf8.ValidString(path) && !utf8.ValidString(got.Sentence) {
			t.Fatalf("sentence %q is no text", got.Sentence)
		}
	})
}
