package vercel

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

// edge reads a Global Config where visitors' requests do, and returns an item's pct and the answer.
func (r *room) edge(g GlobalConfig, path string, header ...string) (any, *http.Response) {
	r.t.Helper()
	u, err := url.Parse(g.Connection)
	if err != nil {
		r.t.Fatal(err)
	}
	header = append(header, "Authorization", "Bearer "+u.Query().Get("token"))
	u.Path, u.RawQuery = u.Path+path, ""
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, u.String(), nil)
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b := make([]byte, 1000)
	n, _ := resp.Body.Read(b)
	return strings.TrimSpace(string(b[:n])), resp
}

func (r *room) put(g GlobalConfig, value string) {
	r.t.Helper()
	r.must(200, "PATCH", "/v1/global-config/"+g.ID+"/items", `{"items":[{"operation":"upsert","key":"canary","value":`+
		value+`}]}`)
}

func TestGlobalConfigReachesVisitorsLater(t *testing.T) {
	t.Parallel()
	r := open(t, func(o *Options) { o.Propagation = 10 * time.Second })
	g := r.AddGlobalConfig("flags")
	r.clock.pass(time.Minute)
	r.put(g, "5")
	written := r.clock.Now().UnixMilli()
	if got, resp := r.edge(g, "/item/canary"); resp.StatusCode != 404 {
		t.Errorf("at once visitors read %v", got)
	}
	now := []string{"X-Edge-Config-Min-Updated-At", strconv.FormatInt(written, 10)}
	got, fresh := r.edge(g, "/item/canary", now...)
	if got != "5" {
		t.Errorf("who asks for his own write reads %v", got)
	}
	r.clock.pass(9 * time.Second)
	if got, resp := r.edge(g, "/item/canary"); resp.StatusCode != 404 {
		t.Errorf("nine seconds later visitors read %v", got)
	}
	r.clock.pass(time.Second)
	got, late := r.edge(g, "/item/canary")
	if got != "5" || late.Header.Get("X-Edge-Config-Digest") != fresh.Header.Get("X-Edge-Config-Digest") {
		t.Errorf("ten seconds later visitors read %v, %v", got, late.Header)
	}
	r.put(g, "50")
	if got, _ := r.edge(g, "/items"); got != `{"canary":5}` {
		t.Errorf("after the next write all items are %v", got)
	}
	if got, _ := r.edge(g, "/digest"); strconv.Quote(late.Header.Get("X-Edge-Config-Digest")) == got {
		t.Errorf("the digest is %v", got)
	}
	if _, resp := r.edge(GlobalConfig{Connection: strings.Replace(g.Connection, "token=", "token=x", 1)},
		"/items"); resp.StatusCode != 401 {
		t.Errorf("a wrong token is answered %s", resp.Status)
	}
}

func TestGlobalConfigHasSoManyWritesADayAndGoesBack(t *testing.T) {
	t.Parallel()
	r := open(t)
	g := r.AddGlobalConfig("flags")
	for i := range 479 {
		r.put(g, strconv.Itoa(i))
		r.clock.pass(time.Minute)
	}
	items := "/v1/global-config/" + g.ID + "/items"
	r.must(409, "PATCH", items, `{"items":[{"operation":"create","key":"canary","value":1}]}`)
	r.must(404, "PATCH", items, `{"items":[{"operation":"update","key":"none","value":1}]}`)
	r.must(400, "PATCH", items, `{"items":[{"operation":"upsert","key":"no key","value":1}]}`)
	r.must(402, "PATCH", items, `{"items":[{"operation":"upsert","key":"big","value":"`+strings.Repeat("x", 64<<10)+`"}]}`)
	list := r.must(200, "GET", "/v1/global-config/"+g.ID+"/backups", "")["backups"].([]any)
	restore := "/v1/global-config/" + g.ID + "/backups/" + at(list[469], "id").(string) + "/restore"
	back := r.must(200, "POST", restore, "") // the last write of the day; what was refused counts none
	if got, _ := r.edge(g, "/item/canary"); got != "9" || back["digest"] == back["previousDigest"] {
		t.Errorf("restored, visitors read %v: %v", got, back)
	}
	r.must(429, "POST", restore, "")
	r.must(429, "PATCH", items, `{"items":[{"operation":"upsert","key":"canary","value":1}]}`)
	other := r.AddGlobalConfig("second")
	r.must(429, "PATCH", "/v1/global-config/"+other.ID+"/items", `{"items":[{"operation":"upsert","key":"a","value":1}]}`)
	r.clock.pass(24*time.Hour - 479*time.Minute) // the first write is a day old
	r.put(g, "1")
	r.must(429, "PATCH", items, `{"items":[{"operation":"upsert","key":"canary","value":2}]}`)
	if got, _ := r.edge(g, "/item/canary"); got != "1" {
		t.Errorf("visitors read %v", got)
	}
}
