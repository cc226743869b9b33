package sim

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		return 0, ""
	}
	defer res.Body.Close() //nolint:errcheck // read to its end
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

func openShop(t *testing.T, version string) *Shop {
	t.Helper()
	s, err := OpenShop(version)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func TestAShopAnswersAsItsVersion(t *testing.T) {
	t.Parallel()
	s := openShop(t, "v2")
	for path, want := range map[string]string{
		"/": "This is v2.", "/products/7": "This is v2.", "/api/products": `"version":"v2"`, "/api/health": `"status":"ok"`,
		"/_next/static/app-dpl-v2.js": "dpl-v2",
	} {
		if code, body := get(t, s.URL()+path); code != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
	if code, _ := get(t, s.URL()+"/_next/static/app-dpl-v1.js"); code != http.StatusNotFound {
		t.Errorf("a file of another build is answered with %d", code)
	}
}

func TestFaultsAreWhatTheySay(t *testing.T) {
	t.Parallel()
	s := openShop(t, "v2")
	failed := func(n int) (bad int) {
		for range n {
			if code, _ := get(t, s.URL()+"/api/products"); code == http.StatusInternalServerError {
				bad++
			}
		}
		return bad
	}
	if bad := failed(100); bad > 0 {
		t.Errorf("a good shop fails %d of 100", bad)
	}
	s.Break(Fault{Errors: 0.16, Sick: true})
	if bad := failed(1000); bad < 110 || bad > 210 {
		t.Errorf("with 16 %% errors it fails %d of 1000", bad)
	}
	if code, _ := get(t, s.URL()+"/api/health"); code != http.StatusServiceUnavailable {
		t.Errorf("a sick shop's health is %d", code)
	}
	s.Break(Fault{Latency: 80 * time.Millisecond})
	asked := time.Now()
	if failed(1) > 0 || time.Since(asked) < 80*time.Millisecond {
		t.Errorf("a slow shop took %s", time.Since(asked))
	}
	s.Crash()
	if code, _ := get(t, s.URL()+"/"); code != 0 {
		t.Errorf("a crashed shop answers %d", code)
	}
}

// door gives each new visitor a cookie and counts who comes back with it.
type door struct {
	made, again, lost atomic.Int64
	mu                sync.Mutex
	first             map[string]bool // whether a cookie was asked with before
	fail              atomic.Bool
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c, err := r.Cookie("sticky")
	if err != nil {
		if r.URL.Path != "/" {
			d.lost.Add(1) // who has no cookie begins with a page
		}
		n := d.made.Add(1)
		http.SetCookie(w, &http.Cookie{Name: "sticky", Value: strings.Repeat("x", int(n%7)+1) + time.Now().String()[20:29]})
		return
	}
	d.again.Add(1)
	d.mu.Lock()
	d.first[c.Value] = true
	d.mu.Unlock()
	if d.fail.Load() {
		w.WriteHeader(http.StatusBadGateway)
	}
}

func TestVisitorsKeepTheirCookiesAndTheirRate(t *testing.T) {
	t.Parallel()
	d := &door{first: map[string]bool{}}
	srv := httptest.NewServer(d)
	defer srv.Close()
	const visitors, rate, long = 20, 200.0, 2 * time.Second
	c := NewCrowd(srv.URL, visitors, rate, 1)
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	c.Run(ctx)
	all, failed := c.Requests()
	if want := rate * long.Seconds(); float64(all) < 0.8*want || float64(all) > 1.1*want || failed > 0 {
		t.Errorf("%d requests, %d failed; want about %.0f", all, failed, want)
	}
	// A visitor may send a few first requests at once, before the first answer.
	made := d.made.Load()
	if made < visitors/2 || made > 3*visitors || d.lost.Load() > 0 || d.again.Load() < int64(all)/2 {
		t.Errorf("%d visitors were given %d cookies and came back %d times; %d did not begin with a page",
			visitors, made, d.again.Load(), d.lost.Load())
	}
}

func TestFailuresAreCounted(t *testing.T) {
	t.Parallel()
	d := &door{first: map[string]bool{}}
	d.fail.Store(true)
	srv := httptest.NewServer(d)
	defer srv.Close()
	c := NewCrowd(srv.URL, 5, 200, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	c.Run(ctx)
	all, failed := c.Requests()
	if failed == 0 || failed >= all || int64(failed) > d.again.Load() {
		t.Errorf("%d of %d failed, the server refused %d", failed, all, d.again.Load())
	}
	if c.Run(ctx); all == 0 {
		t.Error("nobody came")
	}
}

// Neighboring requests fail independently of each other: a run of failures on one
// version would look like that version being worse.
func TestFailuresComeInNoRuns(t *testing.T) {
	t.Parallel()
	const n, rate = 20000, 0.3
	fails := func(i uint64) bool { return float64(scatter(i)>>11)/(1<<53) < rate }
	for _, apart := range []uint64{1, 2, 10, 100} {
		alone, pairs := 0, 0
		for i := range uint64(n) {
			if fails(i) {
				alone++
				if fails(i + apart) {
					pairs++
				}
			}
		}
		if got := float64(alone) / n; got < rate-0.02 || got > rate+0.02 {
			t.Errorf("%.3f of the requests fail, want %g", got, rate)
		}
		if got := float64(pairs) / float64(alone); got < rate-0.03 || got > rate+0.03 {
			t.Errorf("%.3f of the failures have another %d later, want %g", got, apart, rate)
		}
	}
}
