package edge

import (
	"errors"
	"io"
	"math"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
)

// Clients ask without pause while the share flips between 0 and 100. A request
// that begins after Apply returned must be answered by the arm of that table or a
// later one, and none may fail.
//
// req: CD-01
func TestShareChangeReachesEveryNewRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{}, nil, nil, 0)
	transport := &http.Transport{MaxIdleConnsPerHost: 16}
	defer transport.CloseIdleConnections()
	// Twice the number of the flip, plus one once its Apply has returned: an even
	// number that did not change over a request leaves no doubt which share was in force.
	var flips atomic.Int64
	flips.Store(1)
	stop := make(chan struct{})
	var total, certain, wrong, failed atomic.Int64
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				before := flips.Load()
				arm, err := ask(transport, w.server.URL)
				after := flips.Load()
				total.Add(1)
				switch {
				case err != nil:
					failed.Add(1)
				case before == after && before%2 == 1:
					certain.Add(1)
					if want := [2]string{"dep_a", "dep_b"}[before/2%2]; arm != want {
						wrong.Add(1)
					}
				}
			}
		})
	}
	var slowest time.Duration
	for total.Load() < 8000 {
		flips.Add(1)
		share := float64(flips.Load() / 2 % 2 * 100)
		began := time.Now()
		w.change(func(tb *Table) { tb.Share = share })
		slowest = max(slowest, time.Since(began))
		flips.Add(1)
		for target := total.Load() + 40; total.Load() < target; {
			if _, err := ask(transport, w.server.URL); err != nil {
				failed.Add(1)
			}
		}
	}
	close(stop)
	clients.Wait()
	t.Logf("%d requests, %d certain, %d flips, slowest Apply %v", total.Load(), certain.Load(), flips.Load()/2, slowest)
	if failed.Load() != 0 || wrong.Load() != 0 {
		t.Errorf("%d of %d requests failed, %d went to the old arm", failed.Load(), total.Load(), wrong.Load())
	}
	if certain.Load() < 1000 {
		t.Errorf("only %d requests lay within one table", certain.Load())
	}
}

func ask(transport http.RoundTripper, url string) (arm string, err error) {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("Accept", "text/html")
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return "", err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err == nil && resp.StatusCode != http.StatusOK {
		err = errors.New(resp.Status)
	}
	return resp.Header.Get(DeploymentHeader), err
}

func TestGenerations(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{}, nil, nil, 10)
	w.change(func(tb *Table) { tb.Share = 20 })
	again := w.table.normal()
	again.Arms[0].Until = time.Time{}.In(time.FixedZone("x", 3600))
	if err := w.edge.Apply(again); err != nil {
		t.Errorf("the same table again: %v", err)
	}
	other := w.table.normal()
	other.Share = 30
	if err := w.edge.Apply(other); fault.ReasonOf(err) != "table_differs" {
		t.Errorf("another table of the same generation: %v", err)
	}
	older := w.table.normal()
	older.Generation--
	if err := w.edge.Apply(older); fault.ReasonOf(err) != "table_older" {
		t.Errorf("an older table: %v", err)
	}
	if got := w.edge.Table(); got.Generation != 2 || got.Share != 20 {
		t.Errorf("in force: %+v", got)
	}
	// What a caller does to its table afterwards changes nothing.
	w.table.Arms[0].BuildIDs[0] = "changed"
	w.edge.Table().Arms[0].BuildIDs[0] = "changed"
	if w.edge.Table().Arms[0].BuildIDs[0] != "build-a" {
		t.Error("the table in force is shared with its caller")
	}
}

func TestTableIsRefusedAsAWhole(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{}, nil, nil, 10)
	bad := map[string]func(*Table){
		"no generation":     func(tb *Table) { tb.Generation = 0 },
		"no app":            func(tb *Table) { tb.App = "" },
		"no salt":           func(tb *Table) { tb.Salt = "" },
		"share too high":    func(tb *Table) { tb.Share = 100.01 },
		"share below zero":  func(tb *Table) { tb.Share = -1 },
		"share no number":   func(tb *Table) { tb.Share = math.NaN() },
		"no arms":           func(tb *Table) { tb.Arms = nil },
		"too many arms":     func(tb *Table) { tb.Arms = make([]Arm, maxArms+1) },
		"stable unknown":    func(tb *Table) { tb.Stable = "dep_z" },
		"stable banned":     func(tb *Table) { tb.Arms[0].Banned = true },
		"canary unknown":    func(tb *Table) { tb.Canary = "dep_z" },
		"canary is stable":  func(tb *Table) { tb.Canary = "dep_a" },
		"canary banned":     func(tb *Table) { tb.Arms[1].Banned = true },
		"share, no canary":  func(tb *Table) { tb.Canary = "" },
		"arm twice":         func(tb *Table) { tb.Arms = append(tb.Arms, tb.Arms[0]) },
		"id with a newline": func(tb *Table) { tb.Arms[1].ID, tb.Canary = "a\r\nb", "a\r\nb" },
		"URL without host":  func(tb *Table) { tb.Arms[0].URL = "http://" },
		"URL with a path":   func(tb *Table) { tb.Arms[0].URL += "/x" },
		"URL with a user":   func(tb *Table) { tb.Arms[0].URL = "http://me:secret@127.0.0.1" },
		"URL of a file":     func(tb *Table) { tb.Arms[0].URL = "file:///etc/passwd" },
		"build with spaces": func(tb *Table) { tb.Arms[0].BuildIDs = []string{"a b"} },
		"many builds":       func(tb *Table) { tb.Arms[0].BuildIDs = make([]string, maxBuilds+1) },
		"cookie name":       func(tb *Table) { tb.Sticky.Cookie = "a;b" },
		"header name":       func(tb *Table) { tb.Sticky.UserHeader = "a\nb" },
	}
	for name, f := range bad {
		tb := w.table.normal()
		tb.Generation++
		f(&tb)
		if err := w.edge.Apply(tb); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if w.edge.Table().Generation != 1 {
		t.Error("a refused table is in force")
	}
}
