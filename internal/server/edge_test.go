package server

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/store"
)

func (w *world) route(t *testing.T, generation uint64, doc string) {
	t.Helper()
	if err := w.db.Write(t.Context(), func(tx *store.Tx) error {
		return tx.PutRoute(t.Context(), "shop", generation, json.RawMessage(doc))
	}); err != nil {
		t.Fatal(err)
	}
}

func TestEdgesFollowTheTable(t *testing.T) {
	w := open(t)
	if r := w.do(t, http.MethodGet, "/api/v1/edge/table", "", as(w.admin)); r.StatusCode != http.StatusNotFound {
		t.Errorf("before anything is routed: %d", r.StatusCode)
	}
	w.route(t, 7, `{"generation":7}`)
	r := w.do(t, http.MethodGet, "/api/v1/edge/table", "", as(w.admin))
	if r.StatusCode != http.StatusOK || r.body != `{"generation":7}` || r.Header.Get("ETag") != `"7"` {
		t.Errorf("%d %s %v", r.StatusCode, r.body, r.Header)
	}
	r = w.do(t, http.MethodGet, "/api/v1/edge/table", "", as(w.admin), `If-None-Match: "7"`)
	if r.StatusCode != http.StatusNotModified || r.body != "" {
		t.Errorf("unchanged: %d %s", r.StatusCode, r.body)
	}
	start := time.Now()
	r = w.do(t, http.MethodGet, "/api/v1/edge/table?wait=1", "", as(w.admin), `If-None-Match: "7"`)
	if took := time.Since(start); r.StatusCode != http.StatusNotModified || took < 900*time.Millisecond ||
		took > 15*time.Second {
		t.Errorf("waited %s for %d", took, r.StatusCode)
	}
	got := make(chan reply, 1)
	go func() {
		got <- w.do(t, http.MethodGet, "/api/v1/edge/table?wait=20", "", as(w.admin), `If-None-Match: "7"`)
	}()
	w.route(t, 8, `{"generation":8}`)
	select {
	case r = <-got:
		if r.StatusCode != http.StatusOK || r.Header.Get("ETag") != `"8"` {
			t.Errorf("%d %s", r.StatusCode, r.body)
		}
	case <-time.After(15 * time.Second):
		t.Error("the edge was not told")
	}
}

func pack(t *testing.T, raw []byte) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(raw); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestEdgesDeliverObservations(t *testing.T) {
	w := open(t)
	now := time.Now()
	b := metric.Bucket{Deployment: "dep_1", Class: metric.Document, Second: now.Unix() - 2, Requests: 3, Errors: 1}
	b.Latency.Add(time.Millisecond)
	raw, err := json.Marshal(metric.Batch{Source: "edge-1", Sequence: 1, Sent: now, Complete: now.Unix(),
		Buckets: []metric.Bucket{b}})
	if err != nil {
		t.Fatal(err)
	}
	name, generation, zipped := "X-Slipway-Edge: edge-1", "X-Slipway-Edge-Generation: 7", "Content-Encoding: gzip"
	for range 2 { // delivered again
		r := w.do(t, http.MethodPost, "/api/v1/edge/observations", pack(t, raw), as(w.admin), name, generation, zipped)
		if r.StatusCode != http.StatusNoContent {
			t.Fatalf("%d %s", r.StatusCode, r.body)
		}
	}
	kept, err := w.db.Batches(t.Context(), now.Add(-time.Minute), 10)
	if err != nil || len(kept) != 1 || kept[0].Source != "edge-1" {
		t.Errorf("%d batches %v", len(kept), err)
	}
	edges, err := w.db.Edges(t.Context())
	if err != nil || len(edges) != 1 || edges[0].Name != "edge-1" || edges[0].Generation != 7 {
		t.Errorf("%+v %v", edges, err)
	}
	bomb := pack(t, bytes.Repeat([]byte(" "), maxObservation*8))
	tests := []struct{ name, body, header string }{
		{"bomb", bomb, zipped},
		{"not packed", "hello", zipped},
		{"cut", pack(t, raw)[:30], zipped},
		{"unknown field", `{"source":"a","sequence":1,"x":1}`, "X: y"},
		{"two batches", string(raw) + string(raw), "X: y"},
		{"no source", `{"sequence":1}`, "X: y"},
		{"strange class", strings.Replace(string(raw), "document", "weird", 1), "X: y"},
		{"impossible", strings.Replace(string(raw), `"errors":1`, `"errors":9`, 1), "X: y"},
		{"of another source", `{"source":"a","kind":"app","sequence":1}`, "X: y"},
		{"custom metrics", `{"source":"a","sequence":1,"values":[{"deployment":"d","metric":"m"}]}`, "X: y"},
		{"negative", strings.Replace(string(raw), `"requests":3`, `"requests":-3`, 1), "X: y"},
	}
	for _, tt := range tests {
		r := w.do(t, http.MethodPost, "/api/v1/edge/observations", tt.body, as(w.admin), name, tt.header)
		if r.StatusCode != http.StatusUnprocessableEntity || r.problem(t).Reason != "observations_malformed" {
			t.Errorf("%s: %d %s", tt.name, r.StatusCode, r.body)
		}
	}
	if r := w.do(t, http.MethodPost, "/api/v1/edge/observations", string(raw),
		as(w.admin)); r.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("without a name: %d", r.StatusCode)
	}
}
