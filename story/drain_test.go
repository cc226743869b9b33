package story

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/vercel"
)

// drainSecret is what a drain of the stories signs with.
const drainSecret = "tide-table"

// env is the environment of a story.
func env(name string) (string, bool) {
	if name == "VERCEL_DRAIN_SECRET" {
		return "the-one-before, " + drainSecret, true
	}
	return os.LookupEnv(name)
}

// drains is a platform that delivers what two versions answered, each request in two lines.
type drains struct {
	w              *world
	stable, canary string // as it names them
	fails          int    // of ten requests to the canary
	n              int
}

// deliver sends the records of a moment.
func (d *drains) deliver() {
	d.w.t.Helper()
	var body []byte
	now := time.Now().UnixMilli()
	for i := range 30 {
		d.n++
		name, status := d.stable, 200
		if i%3 == 0 {
			if name = d.canary; i/3 < d.fails {
				status = 500
			}
		}
		for _, proxy := range []string{"null", fmt.Sprintf(`{"timestamp":%d,"method":"GET","path":"/cart?q=1",`+
			`"statusCode":%d,"userAgent":["Mozilla/5.0"],"clientIp":"203.0.113.%d","region":"fra1"}`, now, status, d.n%250)} {
			body = fmt.Appendf(body, `{"id":"l%d-%d","requestId":"req%d","deploymentId":"%s","timestamp":%d,`+
				`"source":"lambda","level":"info","path":"/cart","statusCode":%d,"message":"x","proxy":%s}`+"\n",
				d.n, len(proxy), d.n, name, now, status, proxy)
		}
	}
	for range 2 { // at least once
		r, err := http.NewRequestWithContext(d.w.ctx, http.MethodPost, d.w.url+"/hooks/vercel/drains", bytes.NewReader(body))
		d.w.ok(err)
		r.Header.Set(vercel.SignatureHeader, vercel.Signature(body, drainSecret))
		r.Header.Set("Content-Type", "application/x-ndjson")
		got, err := http.DefaultClient.Do(r)
		d.w.ok(err)
		if _ = got.Body.Close(); got.StatusCode != http.StatusOK {
			d.w.t.Fatalf("a delivery is answered %d", got.StatusCode)
		}
	}
}

// drained are the edits by which a guard goes by a drain.
var drained = []string{ //nolint:gochecknoglobals // read only
	"blind: 10s", "blind: 20s\n    source: drain",
	"    latency_p95: {warn: 4s, critical: 6s, for: 1s, compare: {worse_by: 50%}}\n", "",
	"rollback: {", "sources: {drain: {late: 5s}}\nrollback: {",
}

// A version whose visitors see nothing wrong, as far as Slipway's own edge can tell, is found by what the platform
// delivers of its requests, and taken back.
//
// req: CD-03 CD-05 RB-05
func TestAFaultIsFoundFromDrainRecordsAlone(t *testing.T) {
	each(t, options{edit: slices.Concat(long, drained)}, func(t *testing.T, w *world) {
		r := w.start("v2")
		w.gates(r)
		w.exposed(r.ID, 20)
		d := &drains{w: w, stable: w.deployment("v1").ID, canary: "dpl-v2"}
		heard := func(r api.Release) bool {
			d.deliver()
			c, err := w.admin().Canary(w.ctx, r.ID)
			w.ok(err)
			return len(c.Canary) > 0 && c.Canary[len(c.Canary)-1].Requests > 20
		}
		w.reaches(r.ID, "measured by the drain", heard)
		d.fails = 6
		r = w.reaches(r.ID, "taken back", func(r api.Release) bool {
			d.deliver()
			return r.Phase == "aborted"
		})
		w.takenBack(t, r)
		undo := w.events("release.undoing")
		if len(undo) != 1 || undo[0].Actor != "system:guard" || !mentions(string(undo[0].Data), "error") {
			t.Errorf("taken back by %+v, want the guard because of errors", undo)
		}
		const where = "100 % of the errors: GET /cart, region fra1."
		if len(r.Hurt) != 1 || r.Hurt[0].Sentence != where || r.Hurt[0].Stable != 0 {
			t.Errorf("where it failed: %+v", r.Hurt)
		}
		m, err := w.admin().Metrics(w.ctx)
		w.ok(err)
		i := slices.IndexFunc(m.Sources, func(s api.MetricSource) bool { return s.Kind == "drain" })
		if i < 0 || m.Sources[i].Accepted == 0 || !strings.Contains(m.Sources[i].Sentence, "no durations") {
			t.Errorf("of the drain it says: %+v", m.Sources)
		}
	})
}
