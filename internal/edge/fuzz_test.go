package edge

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/slipwayhq/slipway/internal/metric"
)

// Whatever the decoder takes can be served, and means the same written again.
func FuzzDecodeTable(f *testing.F) {
	f.Add([]byte(`{"generation":1,"app":"a","salt":"s","stable":"x","share":0,"arms":[{"id":"x","url":"http://h:1"}]}`))
	f.Add([]byte(`{"generation":2,"app":"a","salt":"s","stable":"x","canary":"y","share":12.5,"arms":[` +
		`{"id":"x","version":"1","url":"http://h"},{"id":"y","version":"2","url":"https://[::1]:3","build_ids":["b"],` +
		`"until":"2026-01-02T03:04:05Z"}],"sticky":{"cookie":"c"}} `))
	f.Add([]byte(`{"generation":1}{"x":1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		tb, err := DecodeTable(b)
		if err != nil {
			return
		}
		rt, err := compile(tb, nil)
		if err != nil {
			t.Fatalf("a valid table does not compile: %v", err)
		}
		if a := rt.draw("0123456789abcdef"); a == nil || a.Banned && a != rt.stable {
			t.Fatalf("draws %+v", a)
		}
		again, err := json.Marshal(tb)
		if err != nil {
			t.Fatalf("cannot be written: %v", err)
		}
		next, err := DecodeTable(again)
		if err != nil || !next.equal(tb) {
			t.Fatalf("reads back as %+v, %v", next, err)
		}
	})
}

// Every request has one class, a pin is always a safe word, and a document is
// never pinned by its address.
func FuzzClassify(f *testing.F) {
	f.Add("GET", "/", "dpl=a", "document", "text/html", "", "")
	f.Add("POST", "/a/_next/static/x.js", "a=1&dpl=%20", "", "", "1", "build-a")
	f.Add("GET", "/api/x;y", ";;&&dpl=b", "empty", "*/*", "", "a\tb")
	f.Fuzz(func(t *testing.T, method, path, query, dest, accept, rsc, build string) {
		r := &http.Request{Method: method, URL: &url.URL{Path: path, RawQuery: query}, Header: http.Header{
			"Sec-Fetch-Dest": {dest}, "Accept": {accept}, "Rsc": {rsc}, "X-Deployment-Id": {build},
			"Cookie": {query}, "User-Agent": {accept},
		}}
		class := classify(r)
		if !slices.Contains(metric.Classes(), class) {
			t.Fatalf("class %q", class)
		}
		if pin := pinOf(r, class); pin != "" && (!isWord(pin) || class == metric.Document) {
			t.Fatalf("%s is pinned to %q", class, pin)
		}
		_ = cookieValue(r.Header, path)
		_ = metric.Crawler(r.UserAgent())
	})
}
