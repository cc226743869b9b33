package engine

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/slipwayhq/slipway/internal/effect"
	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/store/storetest"
)

// hook is a webhook's receiver.
type hook struct {
	*httptest.Server
	mu     sync.Mutex
	got    []event.Event
	keys   []string
	forged int
	fail   int // so many deliveries are refused first
	seen   int
	key    string
}

func openHook(t *testing.T, key string) *hook {
	t.Helper()
	h := &hook{key: key}
	h.Server = httptest.NewServer(h)
	t.Cleanup(h.Close)
	return h
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seen++
	if h.seen <= h.fail {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	body, _ := io.ReadAll(r.Body)
	mac := hmac.New(sha256.New, []byte(h.key))
	mac.Write(body)
	if h.key != "" && r.Header.Get("X-Slipway-Signature") != "sha256="+hex.EncodeToString(mac.Sum(nil)) {
		h.forged++
	}
	var e event.Event
	if json.Unmarshal(body, &e) != nil || e.Hash != e.Sum() || e.Kind != r.Header.Get("X-Slipway-Event") {
		h.forged++
	}
	h.got, h.keys = append(h.got, e), append(h.keys, r.Header.Get("X-Slipway-Delivery"))
}

func (h *hook) told() (kinds, keys []string, forged int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range h.got {
		kinds = append(kinds, e.Kind)
	}
	return kinds, slices.Clone(h.keys), h.forged
}

func hooks(lines ...string) (from, to string) {
	return "timing: {look", "notify: {webhooks: [" + strings.Join(lines, ", ") + "]}\ntiming: {look"
}

// req: RB-27 WF-12
func TestPeopleAreToldOnceAndSigned(t *testing.T) {
	t.Parallel()
	for _, kind := range storetest.Engines(t) {
		t.Run(kind, func(t *testing.T) { tellPeople(t, kind) })
	}
}

func tellPeople(t *testing.T, kind string) {
	t.Helper()
	signed, all := openHook(t, "key"), openHook(t, "")
	signed.fail = 2
	from, to := hooks(
		fmt.Sprintf(`{url: "%s/hook", secret: "env:HOOK", events: [release.*, rollback.*, approval.*]}`, signed.URL),
		fmt.Sprintf(`{url: "%s", events: ["*"]}`, all.URL))
	w := newWorld(t, storetest.Open(t, kind), from, to)
	w.Env = func(name string) (string, bool) { return "key", name == "HOOK" }
	w.complete(w.promoted("v2").ID)
	back := w.requested()
	w.settleBack(back)
	for range 20 {
		w.act()
	}
	told, keys, forged := signed.told()
	wanted := []string{}
	for _, e := range w.events("") {
		for _, p := range []string{"release.", "rollback.", "approval."} {
			if strings.HasPrefix(e.Kind, p) {
				wanted = append(wanted, e.Kind)
			}
		}
	}
	slices.Sort(wanted)
	slices.Sort(told)
	slices.Sort(keys)
	if !slices.Equal(wanted, told) || len(slices.Compact(keys)) != len(told) || forged > 0 {
		t.Errorf("told %v\nwant %v\n%d forged", told, wanted, forged)
	}
	for _, must := range []string{"release.started", "rollback.requested", "approval.voted", "rollback.started",
		"rollback.executed"} {
		if !slices.Contains(told, must) {
			t.Errorf("nobody was told of %s", must)
		}
	}
	if n := len(w.events("effect.done")); n > 200 {
		t.Errorf("%d effects: telling of all events goes round in a circle", n)
	}
}

func TestNothingIsToldUnsigned(t *testing.T) {
	h, elsewhere := openHook(t, "key"), openHook(t, "")
	moved := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	t.Cleanup(moved.Close)
	from, to := hooks(fmt.Sprintf(`{url: "%s", secret: "env:HOOK"}`, h.URL), fmt.Sprintf(`{url: "%s"}`, moved.URL))
	each(t, func(t *testing.T, w *world) {
		r := w.start("v2")
		w.act()
		told, _, _ := h.told()
		if away, _, _ := elsewhere.told(); len(told)+len(away) > 0 {
			t.Errorf("without its key the hook was told %v; a redirect led to %v", told, away)
		}
		list := w.effects(r.ID, effect.Notify)
		if len(list) != 2 {
			t.Fatalf("%d deliveries were recorded", len(list))
		}
		for _, x := range list {
			if x.State != effect.Pending || x.Attempts != 1 {
				t.Errorf("%s is %s after %d tries: %s", x.Key, x.State, x.Attempts, x.Result.Sentence)
			}
		}
	}, from, to)
}
