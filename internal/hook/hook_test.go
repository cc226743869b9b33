package hook

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/metric/drain"
	"github.com/slipwayhq/slipway/internal/metric/otlp"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/vercel"
)

func sign(secret string, body []byte) string { return vercel.Signature(body, secret) }

func zipped(body []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(body)
	_ = z.Close()
	return b.Bytes()
}

func database(tb testing.TB) *store.DB {
	tb.Helper()
	db, err := store.Open(tb.Context(), filepath.Join(tb.TempDir(), "hook.db"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = db.Close() })
	return db
}

// node is a door with its drain, over a database that it may share.
func node(db *store.DB, o Options) *Door {
	o.DB = db
	o.Drain = drain.New(drain.Options{Source: "drain-1", Late: 30 * time.Second,
		Find: func(_ context.Context, e string) (string, error) { return strings.TrimPrefix(e, "dpl_"), nil }})
	if o.Secrets == nil {
		o.Secrets = func(_ context.Context, k Kind) ([]string, error) {
			return []string{"new-" + string(k), "old-" + string(k)}, nil
		}
	}
	o.Spans = otlp.New()
	return New(o)
}

// record is one request that failed a moment ago.
func record(id string) []byte {
	return fmt.Appendf(nil, `{"id":"%s","deploymentId":"dpl_1","source":"lambda","timestamp":%d,"requestId":"%s",`+
		`"statusCode":500,"path":"/"}`+"\n", id, time.Now().UnixMilli(), id)
}

type delivery struct {
	path, encoding, kind, signature string
	body                            []byte
}

func send(t *testing.T, d http.Handler, x delivery) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/hooks/vercel/"+x.path, bytes.NewReader(x.body))
	for name, value := range map[string]string{
		"Content-Encoding": x.encoding, "Content-Type": x.kind, "X-Vercel-Signature": x.signature,
	} {
		if value != "" {
			r.Header.Set(name, value)
		}
	}
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w
}

func TestOnlyWhoKnowsASecretDelivers(t *testing.T) {
	t.Parallel()
	db := database(t)
	body := record("a") // it has the time in it: another one has other bytes
	packed := zipped(body)
	bomb := zipped(make([]byte, maxDrain+1))
	none := func(context.Context, Kind) ([]string, error) { return nil, nil }
	empty := func(context.Context, Kind) ([]string, error) { return []string{""}, nil }
	away := func(context.Context, Kind) ([]string, error) {
		return nil, fault.New(fault.Unavailable, "vault_key_missing", "The vault has no key.")
	}
	for name, tt := range map[string]struct {
		x       delivery
		secrets func(context.Context, Kind) ([]string, error)
		status  int
	}{
		"as it is":          {delivery{body: body, signature: sign("new-drains", body)}, nil, 200},
		"the secret before": {delivery{body: body, signature: sign("old-drains", body)}, nil, 200},
		"in capitals":       {delivery{body: body, signature: strings.ToUpper(sign("old-drains", body))}, nil, 200},
		"packed, signed as sent": {
			delivery{body: packed, encoding: "gzip", signature: sign("new-drains", packed)}, nil, 200},
		"packed, signed before": {
			delivery{body: packed, encoding: "gzip", signature: sign("new-drains", body)}, nil, 200},
		"another secret":       {delivery{body: body, signature: sign("other", body)}, nil, 403},
		"of the other door":    {delivery{body: body, signature: sign("new-webhooks", body)}, nil, 403},
		"of another body":      {delivery{body: body, signature: sign("new-drains", packed)}, nil, 403},
		"none":                 {delivery{body: body}, nil, 403},
		"no hexadecimal":       {delivery{body: body, signature: "zz"}, nil, 403},
		"no secret is set":     {delivery{body: body, signature: sign("", body)}, none, 403},
		"they can't be opened": {delivery{body: body, signature: sign("new-drains", body)}, away, 503},
		"an empty one":         {delivery{body: body, signature: sign("", body)}, empty, 403},
		"a bomb, unsigned":     {delivery{body: bomb, encoding: "gzip", signature: sign("other", bomb)}, nil, 403},
		"a bomb":               {delivery{body: bomb, encoding: "gzip", signature: sign("new-drains", bomb)}, nil, 400},
		"another packing":      {delivery{body: body, encoding: "br", signature: sign("new-drains", body)}, nil, 400},
		"packed and broken":    {delivery{body: body, encoding: "gzip", signature: sign("new-drains", body)}, nil, 400},
		"no record":            {delivery{body: []byte("x"), signature: sign("new-drains", []byte("x"))}, nil, 400},
		"nothing":              {delivery{body: nil, signature: sign("new-drains", nil)}, nil, 200},
	} {
		t.Run(name, func(t *testing.T) { // one after another: what is being taken is refused
			d := node(db, Options{Secrets: tt.secrets})
			tt.x.path = "drains"
			w := send(t, d, tt.x)
			if w.Code != tt.status {
				t.Errorf("answered %d: %s", w.Code, w.Body)
			}
			got := d.Status(Drains)
			if tt.status == 403 && (w.Body.String() != `{"error":"Forbidden."}`+"\n" || got.Refused != 1) {
				t.Errorf("it says %q and counted %+v", w.Body, got)
			}
			if tt.status != 200 && d.o.Drain.Counters().Rows != 0 {
				t.Error("something was taken")
			}
		})
	}
}

// endless is a body that never ends.
type endless struct{ read int }

func (e *endless) Read(b []byte) (int, error) { e.read += len(b); return len(b), nil }

// Of what is signed by nobody, not a byte is kept.
func TestABodyWithoutASignatureIsNotRead(t *testing.T) {
	t.Parallel()
	d := node(database(t), Options{Verify: "ours"})
	for _, signature := range []string{"", "ab", strings.Repeat("a", 41)} {
		body := &endless{}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/hooks/vercel/drains", body)
		r.Header.Set("X-Vercel-Signature", signature)
		w := httptest.NewRecorder()
		d.ServeHTTP(w, r)
		if w.Code != 403 || body.read != 0 {
			t.Errorf("%q is answered %d after %d bytes", signature, w.Code, body.read)
		}
	}
}

// What is delivered again counts once, on whichever node, and what failed may come again.
func TestADeliveryCountsOnceOnAllNodes(t *testing.T) {
	t.Parallel()
	db := database(t)
	one, two := node(db, Options{}), node(db, Options{})
	body := append(record("a"), record("b")...)
	for _, d := range []*Door{one, two, one} {
		if w := send(t, d, delivery{path: "drains", body: body, signature: sign("new-drains", body)}); w.Code != 200 {
			t.Fatalf("answered %d: %s", w.Code, w.Body)
		}
	}
	if a, b := one.o.Drain.Counters().Rows, two.o.Drain.Counters().Rows; a != 2 || b != 0 {
		t.Errorf("%d and %d rows were read, want 2 and 0", a, b)
	}
	if got := two.Status(Drains); got.Repeated != 1 || got.Deliveries != 1 {
		t.Errorf("counted %+v", got)
	}
	calls, failing := 0, true
	o := Options{Hook: func(context.Context, vercel.Event) error {
		calls++
		if failing {
			return errors.New("the store at 10.0.0.7 is away")
		}
		return nil
	}}
	one, two = node(db, o), node(db, o)
	event := []byte(`{"id":"evt_1","type":"deployment.promoted","createdAt":1795375000000,"payload":{}}`)
	x := delivery{path: "webhooks", body: event, signature: sign("new-webhooks", event)}
	if w := send(t, one, x); w.Code != 503 || strings.Contains(w.Body.String(), "10.0.0.7") {
		t.Errorf("answered %d: %s", w.Code, w.Body)
	}
	failing = false
	for _, d := range []*Door{two, one, two} {
		if w := send(t, d, x); w.Code != 200 {
			t.Errorf("answered %d: %s", w.Code, w.Body)
		}
	}
	if calls != 2 {
		t.Errorf("it was handed on %d times, want twice: the first failed", calls)
	}
}

// What is delivered again while it is still being taken may yet fail: it is asked for once more, not said to be done.
func TestADeliveryThatIsBeingTakenIsNotDone(t *testing.T) {
	t.Parallel()
	begun, end := make(chan struct{}), make(chan error)
	d := node(database(t), Options{Hook: func(context.Context, vercel.Event) error {
		close(begun)
		return <-end
	}})
	event := []byte(`{"id":"evt_1","type":"deployment.promoted","payload":{}}`)
	x := delivery{path: "webhooks", body: event, signature: sign("new-webhooks", event)}
	first := make(chan int)
	go func() { first <- send(t, d, x).Code }()
	<-begun
	if w := send(t, d, x); w.Code != 503 {
		t.Errorf("meanwhile it is answered %d: %s", w.Code, w.Body)
	}
	end <- errors.New("it fails after all")
	if code := <-first; code != 503 {
		t.Errorf("the first is answered %d", code)
	}
}

func TestEventsThatNobodyKnowsAreIgnored(t *testing.T) {
	t.Parallel()
	var got []vercel.Event
	d := node(database(t), Options{Hook: func(_ context.Context, e vercel.Event) error {
		got = append(got, e)
		return nil
	}})
	for i, body := range []string{
		`{"id":"e%d","type":"billing.invoice","payload":{}}`,
		`{"id":"e%d","type":"deployment.from-next-year","payload":{"x":1}}`,
	} {
		b := fmt.Appendf(nil, body, i)
		if w := send(t, d, delivery{path: "webhooks", body: b, signature: sign("old-webhooks", b)}); w.Code != 200 {
			t.Errorf("%s: %d %s", b, w.Code, w.Body)
		}
	}
	if len(got) != 1 || got[0].ID != "e1" {
		t.Errorf("handed on: %+v", got)
	}
	for _, b := range []string{`{}`, `[]`, `{"id":"x"}`, `{"id":1,"type":"deployment.ready"}`, ``} {
		w := send(t, d, delivery{path: "webhooks", body: []byte(b), signature: sign("old-webhooks", []byte(b))})
		if w.Code != 400 {
			t.Errorf("%q: %d", b, w.Code)
		}
	}
}

// Vercel asks with an answer in mind before it sends to an address; nothing is taken for that.
func TestTheAddressIsOurs(t *testing.T) {
	t.Parallel()
	db := database(t)
	d := node(db, Options{Verify: "code-1"})
	w := send(t, d, delivery{path: "drains"})
	if w.Code != 200 || w.Header().Get("X-Vercel-Verify") != "code-1" {
		t.Errorf("answered %d, %v", w.Code, w.Header())
	}
	for code, want := range map[string]int{"code-1": 200, "": 404} {
		d, w := node(db, Options{Verify: code}), httptest.NewRecorder()
		d.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/hooks/vercel/drains", nil))
		if w.Code != want || w.Header().Get("X-Vercel-Verify") != code {
			t.Errorf("read with code %q: %d, %v", code, w.Code, w.Header())
		}
	}
	if w := send(t, node(db, Options{}), delivery{path: "drains"}); w.Code != 403 {
		t.Errorf("without a code: %d", w.Code)
	}
	if w := send(t, d, delivery{path: "elsewhere"}); w.Code != 404 {
		t.Errorf("elsewhere: %d", w.Code)
	}
}

// Traces come to the same address, in either form.
func TestTracesAreTaken(t *testing.T) {
	t.Parallel()
	now := time.Now()
	text := fmt.Appendf(nil, `{"resourceSpans":[{"resource":{"attributes":[`+
		`{"key":"deployment.id","value":{"stringValue":"dpl_7"}}]},`+
		`"scopeSpans":[{"spans":[{"traceId":"01","spanId":"02","kind":2,"startTimeUnixNano":"%d","endTimeUnixNano":"%d",`+
		`"attributes":[{"key":"http.response.status_code","value":{"intValue":"500"}}]}]}]}]}`,
		now.Add(-120*time.Millisecond).UnixNano(), now.UnixNano())
	message := func(field int, b []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, protowire.Number(field), protowire.BytesType), b)
	}
	attribute := message(1, append(message(1, []byte("deployment.id")), message(2, message(1, []byte("dpl_7")))...))
	span := append(message(1, make([]byte, 16)), message(2, make([]byte, 8))...)
	span = protowire.AppendVarint(protowire.AppendTag(span, 6, protowire.VarintType), 2)
	span = protowire.AppendFixed64(protowire.AppendTag(span, 7, protowire.Fixed64Type), uint64(now.UnixNano())-1e8)
	span = protowire.AppendFixed64(protowire.AppendTag(span, 8, protowire.Fixed64Type), uint64(now.UnixNano()))
	binary := message(1, append(message(1, attribute), message(2, message(2, span))...))
	for _, x := range []delivery{
		{path: "drains", kind: "application/json", body: text},
		{path: "drains/v1/traces", kind: "application/x-protobuf", body: binary},
	} {
		d := node(database(t), Options{})
		x.signature = sign("new-drains", x.body)
		if w := send(t, d, x); w.Code != 200 || x.kind != w.Header().Get("Content-Type") {
			t.Fatalf("%s: %d %s", x.kind, w.Code, w.Body)
		}
		b, _ := d.o.Drain.Collect(now.Add(31 * time.Second))
		if len(b.Buckets) != 1 || b.Buckets[0].Deployment != "7" || b.Buckets[0].Latency.Count() != 1 {
			t.Errorf("%s: %+v", x.kind, b)
		}
	}
}

// BenchmarkDeliver is what a drain costs at the door: the signature, gzip, the note in the store and the records.
func BenchmarkDeliver(b *testing.B) {
	const each = 2000
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	d := node(database(b), Options{})
	rng := rand.New(rand.NewPCG(1, 1))
	var bodies [][]byte
	for n := range 20 {
		var body []byte
		for i := range each {
			words := make([]byte, 150) // 300 digits that don't pack well
			for w := range words {
				words[w] = byte(rng.Uint32())
			}
			body = append(body, bytes.Replace(record(fmt.Sprintf("%d-%d", n, i)), []byte("{"), fmt.Appendf(nil,
				`{"message":"GET /cart took %d ms\n%x","host":"shop.example","projectId":"prj_1",`, i, words), 1)...)
		}
		bodies = append(bodies, zipped(body))
	}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		body := bodies[n%len(bodies)]
		if n%len(bodies) == 0 {
			if _, err := d.o.DB.PruneIdempotent(b.Context(), time.Now().Add(time.Hour)); err != nil {
				b.Fatal(err)
			}
		}
		r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/hooks/vercel/drains", bytes.NewReader(body))
		r.Header.Set("Content-Encoding", "gzip")
		r.Header.Set("X-Vercel-Signature", sign("new-drains", body))
		w := httptest.NewRecorder()
		if d.ServeHTTP(w, r); w.Code != 200 {
			b.Fatalf("%d: %s", w.Code, w.Body)
		}
	}
	b.ReportMetric(float64(b.N)*each/b.Elapsed().Seconds(), "records/s")
}
