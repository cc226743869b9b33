package vercel

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

// arrival is a delivery.
type arrival struct {
	at     time.Time // by the world's clock
	header http.Header
	body   []byte
}

// event is the body as a webhook's.
func (a arrival) event(t *testing.T) (id, kind string, payload map[string]any) {
	t.Helper()
	var e struct {
		ID, Type string
		Payload  map[string]any
	}
	if err := json.Unmarshal(a.body, &e); err != nil || e.ID == "" {
		t.Fatalf("no event: %v %s", err, a.body)
	}
	return e.ID, e.Type, e.Payload
}

// inbox takes deliveries; refuse says how many it refuses first.
type inbox struct {
	*httptest.Server
	r      *room
	refuse atomic.Int64
	list   chan arrival
}

func (r *room) inbox() *inbox {
	i := &inbox{r: r, list: make(chan arrival, 1000)}
	i.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			r.t.Error(err)
		}
		if i.refuse.Add(-1) >= 0 {
			rw.WriteHeader(http.StatusInternalServerError)
		}
		i.list <- arrival{r.clock.Now(), req.Header.Clone(), body}
	}))
	r.t.Cleanup(i.Close)
	return i
}

// next returns the next delivery. Time passes until it comes.
func (i *inbox) next() arrival {
	i.r.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case a := <-i.list:
			return a
		case <-tick.C:
			i.r.clock.pass(500 * time.Millisecond)
		case <-i.r.t.Context().Done():
			i.r.t.Fatal("nothing is delivered")
		}
	}
}

// rest lets all be delivered, and returns it.
func (i *inbox) rest() []arrival {
	i.r.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for i.r.Settle(); i.r.Undelivered() > 0; <-tick.C {
		i.r.clock.pass(10 * time.Minute)
	}
	var out []arrival
	for len(i.list) > 0 {
		out = append(out, <-i.list)
	}
	return out
}

func (r *room) hook(i *inbox, more string) (secret string) {
	r.t.Helper()
	made := r.must(200, "POST", "/v1/webhooks", `{"url":"`+i.URL+`","events":["deployment.created","deployment.ready",
		"deployment.promoted"]`+more+`}`)
	if again := r.must(200, "GET", "/v1/webhooks/"+made["id"].(string), ""); again["secret"] != nil {
		r.t.Error("the secret is told again")
	}
	return made["secret"].(string)
}

func TestWebhooksAreSignedAndComeAgainLaterEachTime(t *testing.T) {
	t.Parallel()
	r := open(t)
	i := r.inbox()
	secret := r.hook(i, "")
	i.refuse.Store(3)
	id := r.push("a1")
	var list []arrival
	for range 6 {
		list = append(list, i.next())
	}
	tries := map[string][]arrival{}
	for _, a := range list {
		if a.header.Get("X-Vercel-Signature") != sign(a.body, secret) || sign(a.body, "other") == sign(a.body, secret) {
			t.Errorf("the signature of %s is %s", a.body, a.header.Get("X-Vercel-Signature"))
		}
		name, kind, payload := a.event(t)
		if at(payload, "deployment", "id") != id || at(payload, "project", "id") != r.shop.ID {
			t.Errorf("%s tells of %v", kind, payload)
		}
		tries[name] = append(tries[name], a)
	}
	again := 0
	for name, a := range tries {
		again += len(a) - 1
		for k := 1; k < len(a); k++ {
			if wait := a[k].at.Sub(a[k-1].at); wait < time.Second<<(k-1) || !bytes.Equal(a[k].body, a[0].body) {
				t.Errorf("try %d of %s came after %s: %s", k, name, wait, a[k].body)
			}
		}
	}
	if len(tries) != 3 || again != 3 {
		t.Errorf("%d events came, and %d again", len(tries), again)
	}
	i.refuse.Store(1 << 40)
	r.push("b2")
	given := i.rest() // a day later nobody tries any more
	if n := len(given); n < 3*12 || n > 3*40 {
		t.Errorf("what is never taken was tried %d times", n)
	}
	if last := given[len(given)-1].at.Sub(given[0].at); last > 25*time.Hour {
		t.Errorf("it was tried for %s", last)
	}
}

func TestWebhooksComeInOrderUnlessDisturbed(t *testing.T) {
	t.Parallel()
	r := open(t)
	i, other := r.inbox(), r.inbox()
	r.hook(i, `,"projectIds":["`+r.shop.ID+`"]`)
	r.hook(other, `,"projectIds":["prj_other"]`)
	kinds := func(list []arrival) (out []string) {
		for _, a := range list {
			_, kind, _ := a.event(t)
			out = append(out, kind)
		}
		return out
	}
	want := []string{"deployment.created", "deployment.ready", "deployment.promoted"}
	r.push("a1")
	if got := kinds(i.rest()); !slices.Equal(got, want) {
		t.Errorf("they came as %v", got)
	}
	r.Disturb(Disorder{Hold: true, Twice: true})
	r.push("b2")
	if n := r.Undelivered(); n != 6 {
		t.Errorf("%d wait", n)
	}
	r.Disturb(Disorder{Reverse: true})
	list := i.rest()
	slices.Reverse(want)
	if got := kinds(list); len(got) != 6 || !slices.Equal(slices.Compact(got), want) {
		t.Errorf("disturbed they came as %v", kinds(list))
	}
	for k := 0; k+1 < len(list); k += 2 {
		if !bytes.Equal(list[k].body, list[k+1].body) {
			t.Error("what comes twice is not the same")
		}
	}
	r.Disturb(Disorder{Drop: true})
	r.push("c3")
	if got := i.rest(); len(got) != 0 {
		t.Errorf("what is lost came: %v", kinds(got))
	}
	if got := other.rest(); len(got) != 0 {
		t.Errorf("another project's webhook was told %v", kinds(got))
	}
}

// drain makes a drain of logs, and returns its id.
func (r *room) drain(i *inbox, delivery, more string) string {
	r.t.Helper()
	return r.must(200, "POST", "/v1/drains", fmt.Sprintf(`{"name":"d","projects":"some","projectIds":[%q],
		"schemas":{"log":{"version":"v1"}},"delivery":{"type":"http","endpoint":%q,"secret":"abcdef",%s}%s}`,
		r.shop.ID, i.URL, delivery, more))["id"].(string)
}

// rows unpacks what a drain delivered, and wants its signature to be of what came.
func (r *room) rows(a arrival) []map[string]any {
	r.t.Helper()
	if a.header.Get("X-Vercel-Signature") != sign(a.body, "abcdef") {
		r.t.Error("the signature is not of the body as it was delivered")
	}
	body := a.body
	if a.header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err == nil {
			body, err = io.ReadAll(z)
		}
		if err != nil {
			r.t.Fatal(err)
		}
	}
	if a.header.Get("Content-Type") != "application/x-ndjson" {
		var list []map[string]any
		if err := json.Unmarshal(body, &list); err != nil {
			r.t.Fatal(err)
		}
		return list
	}
	var list []map[string]any
	for d := json.NewDecoder(bytes.NewReader(body)); d.More(); {
		var row map[string]any
		if err := d.Decode(&row); err != nil {
			r.t.Fatal(err)
		}
		list = append(list, row)
	}
	return list
}

func TestDrainsDeliverBatchesInTheirForm(t *testing.T) {
	t.Parallel()
	r := open(t, func(o *Options) { o.DrainDelay = 2 * time.Second })
	packed, plain := r.inbox(), r.inbox()
	r.drain(packed, `"encoding":"ndjson","compression":"gzip","headers":{"X-Own":"1"}`, "")
	r.drain(plain, `"encoding":"json"`, "")
	id := r.push("a1")
	for n := range 5 {
		r.visit(http.DefaultClient, "http://"+r.shop.Domains[0]+"/p?n="+itoa(n), "10.0.0.1")
	}
	for i, encoding := range map[*inbox]string{packed: "gzip", plain: ""} {
		list := i.rest()
		if len(list) != 1 || list[0].header.Get("Content-Encoding") != encoding {
			t.Fatalf("%d batches came: %v", len(list), list)
		}
		rows := r.rows(list[0])
		ids := map[any]bool{}
		for n, row := range rows {
			ids[row["id"]] = true
			if row["deploymentId"] != id || row["projectId"] != r.shop.ID || row["source"] != "lambda" ||
				row["level"] != "info" || row["host"] != r.shop.Domains[0] || row["timestamp"] == nil ||
				at(row, "proxy", "path") != "/p?n="+itoa(n) || at(row, "proxy", "statusCode") != 200.0 {
				t.Errorf("row %d is %v", n, row)
			}
		}
		if len(ids) != 5 {
			t.Errorf("%d rows came", len(ids))
		}
		if own := list[0].header.Get("X-Own"); (own == "1") != (i == packed) {
			t.Errorf("the drain's own header is %q", own)
		}
	}
}

func TestDrainsTakeWhatTheirFilterAndSamplingSay(t *testing.T) {
	t.Parallel()
	r := open(t)
	head := func(rule string) string { return `{"type":"head_sampling",` + rule + `}` }
	some := func(rules string) string { return `,"sampling":[` + rules + `]` }
	basic := func(f string) string { return `,"filter":{"version":"v2","filter":{"type":"basic",` + f + `}}` }
	paths := map[string][]string{ // what is taken of the three requests below, by the drain's order
		"":                                    {"/a", "/_next/static/x.js", "/preview"},
		basic(`"log":{"sources":["static"]}`): {"/_next/static/x.js"},
		basic(`"log":{"sources":["lambda","edge"]}`):                                 {"/a", "/preview"},
		basic(`"deployment":{"environments":["production"]}`):                        {"/a", "/_next/static/x.js"},
		basic(`"deployment":{"environments":["preview"]}`):                           {"/preview"},
		basic(`"project":{"ids":["prj_other"]}`):                                     nil,
		basic(`"project":{"ids":["` + r.shop.ID + `"]},"log":{"sources":["build"]}`): nil,
		some(head(`"rate":0`)):                                                       nil,
		some(head(`"rate":0,"env":"production"`)):                                    {"/preview"},
		some(head(`"rate":0,"requestPath":"/_next/"`)):                               {"/a", "/preview"},
		some(head(`"rate":1,"env":"preview"`) + "," + head(`"rate":0`)):              {"/preview"},
	}
	boxes := map[string]*inbox{}
	for order := range paths {
		boxes[order] = r.inbox()
		r.drain(boxes[order], `"encoding":"json"`, order)
	}
	r.push("a1")
	side, err := r.Push("shop", "b2", "feature", "a preview")
	if err != nil {
		t.Fatal(err)
	}
	shop := r.shop.Domains[0]
	for _, url := range []string{shop + "/a", shop + "/_next/static/x.js", side.URL + "/preview"} {
		r.visit(http.DefaultClient, "http://"+url, "10.0.0.1")
	}
	for order, want := range paths {
		var got []string
		for _, a := range boxes[order].rest() {
			for _, row := range r.rows(a) {
				got = append(got, row["path"].(string))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("of %q came %v, want %v", order, got, want)
		}
	}
	i := r.inbox()
	r.drain(i, `"encoding":"json"`, some(head(`"rate":0.5`)))
	for n := range 200 {
		r.visit(http.DefaultClient, "http://"+r.shop.Domains[0]+"/half", "10.0.0."+itoa(n))
	}
	n := 0
	for _, a := range i.rest() {
		n += len(r.rows(a))
	}
	if n < 60 || n > 140 {
		t.Errorf("of 200 requests sampled by half came %d", n)
	}
	for _, f := range []string{
		`{"version":"v2","filter":{"type":"odata","text":"x"}}`, basic(`"log":{"sources":["moon"]}`)[10:],
		basic(`"deployment":{"environments":["moon"]}`)[10:],
	} {
		r.must(400, "POST", "/v1/drains", `{"name":"d","projects":"all","schemas":{"log":{}},"delivery":{"type":"http",
			"endpoint":"http://127.0.0.1:9/","encoding":"json"},"filter":`+f+`}`)
	}
}

func TestADrainThatIsNeverTakenIsSwitchedOff(t *testing.T) {
	t.Parallel()
	r := open(t)
	i := r.inbox()
	i.refuse.Store(1 << 40)
	id := r.drain(i, `"encoding":"json"`, "")
	r.push("a1")
	for range 60 {
		r.visit(http.DefaultClient, "http://"+r.shop.Domains[0]+"/", "10.0.0.1")
		i.next()
	}
	state := r.must(200, "GET", "/v1/drains/"+id, "")
	if state["status"] != "disabled" || state["disabledReason"] == nil || state["firstErrorTimestamp"] == nil {
		t.Fatalf("the drain is %v", state)
	}
	i.refuse.Store(0)
	i.rest()
	r.visit(http.DefaultClient, "http://"+r.shop.Domains[0]+"/off", "10.0.0.1")
	if list := i.rest(); len(list) != 0 {
		t.Errorf("a drain that is off delivers %s", list[0].body)
	}
	r.must(200, "PATCH", "/v1/drains/"+id, `{"status":"enabled"}`)
	r.visit(http.DefaultClient, "http://"+r.shop.Domains[0]+"/on", "10.0.0.1")
	if list := i.rest(); len(list) != 1 {
		t.Errorf("switched on again it delivers %d times", len(list))
	}
}
