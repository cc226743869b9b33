//go:build full

package next

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/api"
)

// released lets a release reach its first visitors without a person, and stay there.
const released = `app: shop
target: {selfhost: {stable: "STABLE"}}
checks: {required: {development: [], staging: [], canary: [], production: []}}
stages:
  staging:    {smoke: off, sign_off: off, load: off, flags: off}
  canary:     {smoke: off, steps: [SHARE, 100], bake: 1h, guard: default}
  production: {approve: [product], verify: core, watch: 4s}
guards:
  default: {latency_p95: {warn: 5s, critical: 10s}, health: {path: /api/health, every: 1s, timeout: 4s}}
timing: {look: 500ms, retry: 500ms, skew: 1h}
`

// writeReleased writes that strategy.
func (s *slipway) writeReleased(stable, share string) string {
	s.t.Helper()
	file := filepath.Join(s.dir, "released.yaml")
	text := strings.NewReplacer("STABLE", stable, "SHARE", share).Replace(released)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
	return file
}

// stranger is somebody with a browser's cookies, of whom nothing is said but by the edge.
type stranger struct {
	t    *testing.T
	edge string
	jar  http.CookieJar
}

func newStranger(t *testing.T, edge string) *stranger {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	v := &stranger{t, edge, jar}
	at, err := url.Parse(edge)
	if err != nil {
		t.Fatal(err)
	}
	jar.SetCookies(at, []*http.Cookie{{Name: "cart", Value: "mug:1", Path: "/"}})
	return v
}

// looks opens a page, and says what checkout everything in it is and which version made it; "?" where they disagree.
func (v *stranger) looks(path string) (checkout, version string) {
	v.t.Helper()
	req, err := http.NewRequestWithContext(v.t.Context(), http.MethodGet, v.edge+path, nil)
	if err != nil {
		v.t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html")
	req.Header.Set("X-Slipway-Visitor", "vera") // whom a rule once named: the edge lets nobody say who they are
	res, err := (&http.Client{Jar: v.jar}).Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	raw, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil || res.StatusCode != http.StatusOK {
		v.t.Fatalf("%s: %d %v\n%.500s", path, res.StatusCode, err, raw)
	}
	marks := regexp.MustCompile(`data-checkout="(\w+)"`).FindAllStringSubmatch(string(raw), -1)
	if by := res.Header.Get("X-Checkout"); by != "" { // what proxy.ts chose
		marks = append(marks, []string{"", by})
	}
	for _, m := range marks {
		if checkout != "" && m[1] != checkout {
			checkout = "?"
			break
		}
		checkout = m[1]
	}
	if m := regexp.MustCompile(`data-version="([^"]+)"`).FindStringSubmatch(string(raw)); m != nil {
		version = m[1]
	}
	return checkout, version
}

// nests shows a visitor's way: behind the edge, which gives each an id of its own, server component, client component,
// proxy.ts and prepared page say the same on every page. And because flag and canary draw by one hash, with the same
// salt those on the canary are those who have the flag.
func (f *flagged) nests(key, split string, canary *shop) {
	f.t.Helper()
	f.must("you", "", "release", "start", "--version", canary.version, "--deployment", canary.url, "--commit", "4f2a9c1",
		"--build-id", "dpl-"+canary.version, "--unscheduled", "to see whom it reaches")
	var r api.Release
	until(f.t, 30*time.Second, canary.version+" has visitors", func() bool {
		r = ask[api.Release](f.slipway, "you", "release", "status", canary.version)
		return r.Share > 0
	})
	f.must("you", "", "flag", "set", key, "-e", "production", "--reason", "the canary's visitors", "--no-rules",
		"--salt", r.ID, "--default", split)
	from, met, chosen := time.Now(), 0, 0
	until(f.t, 15*time.Second, "all pages know of the shares", func() bool {
		v := newStranger(f.t, f.edge)
		checkout, version := v.looks("/cart")
		return version == "v1" && checkout == "old"
	})
	for range 24 {
		v := newStranger(f.t, f.edge)
		checkout, version := v.looks("/cart")
		want := map[string]string{"v1": "old", canary.version: "new"}[version]
		if checkout != want {
			f.t.Errorf("who is on %s has the %s checkout, want %s", version, checkout, want)
		}
		for _, path := range []string{"/delivery", "/cart"} {
			if c, ver := v.looks(path); c != checkout || ver != version {
				f.t.Errorf("%s: the %s checkout of %s, after the %s one of %s", path, c, ver, checkout, version)
			}
		}
		if met++; version != "v1" {
			chosen++
		}
	}
	if chosen == 0 || chosen == met {
		f.t.Errorf("%d of %d visitors are on the canary", chosen, met)
	}
	f.t.Logf("%d visitors, %d of them on the canary with the flag: %.2f s", met, chosen, time.Since(from).Seconds())
}
