//go:build full

package clients

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
	"github.com/slipwayhq/slipway/internal/app"
	"github.com/slipwayhq/slipway/internal/strategy"
)

const (
	password = "a long enough passphrase"
	patience = 20 * time.Second
	plan     = `app: shop
target: {selfhost: {stable: "http://127.0.0.1:1"}}
`
)

// site is Slipway behind a proxy that can be cut off, with flags and keys.
type site struct {
	t      *testing.T
	ctx    context.Context
	admin  *client.Client
	url    string // of the proxy
	down   atomic.Bool
	server string
	public string
}

func open(t *testing.T) *site {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := &site{t: t, ctx: ctx}
	parsed, err := strategy.Parse("story.yaml", []byte(plan))
	s.ok(err)
	control, err := net.Listen("tcp", "127.0.0.1:0")
	s.ok(err)
	a, err := app.Open(ctx, app.Options{
		Database: filepath.Join(t.TempDir(), "a.db"), Strategy: parsed, Control: control, Version: "story",
	})
	s.ok(err)
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Slipway ended: %v", err)
		}
	})
	link, err := a.SetupLink(ctx)
	s.ok(err)
	_, once, _ := strings.Cut(link, "secret=")
	anyone, err := client.New(a.URL(), client.Options{})
	s.ok(err)
	_, err = anyone.Setup(ctx, api.Setup{Secret: once, Name: "you", Title: "You", Password: password})
	s.ok(err)
	token, err := anyone.Login(ctx, api.Login{Name: "you", Password: password}, api.NewToken{Name: "story", Days: 1})
	s.ok(err)
	s.admin, err = client.New(a.URL(), client.Options{Token: token.Secret})
	s.ok(err)
	target, err := url.Parse(a.URL())
	s.ok(err)
	proxy := httputil.NewSingleHostReverseProxy(target)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.down.Load() {
			panic(http.ErrAbortHandler) // as when nobody is there
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(front.CloseClientConnections)
	s.url = front.URL
	s.flags()
	return s
}

func (s *site) ok(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) flags() {
	s.t.Helper()
	value := func(name, text string) api.FlagVariant {
		return api.FlagVariant{Name: name, Value: json.RawMessage(text)}
	}
	for _, f := range []api.CreateFlag{
		{Key: "banner", Kind: "string", Client: true,
			Variants: []api.FlagVariant{value("red", `"red"`), value("blue", `"blue"`)}},
		{Key: "checkout", Client: true},
		{Key: "limits", Kind: "object", Client: true, Variants: []api.FlagVariant{value("small", `{"items":3}`)}},
		{Key: "price", Kind: "number", Client: true,
			Variants: []api.FlagVariant{value("low", "1.5"), value("high", "20")}},
		{Key: "secret"},
	} {
		_, err := s.admin.CreateFlag(s.ctx, f)
		s.ok(err)
	}
	s.put("banner", api.PutFlagConfig{On: true, Default: api.FlagServe{Variant: "red"}, Rules: []api.FlagRule{{
		If:    []api.FlagCondition{{Attribute: "plan", Op: "equals", Values: []any{"pro"}}},
		Serve: api.FlagServe{Variant: "blue"},
	}}})
	s.put("checkout", api.PutFlagConfig{On: true, Default: api.FlagServe{Variant: "on"}})
	s.put("limits", api.PutFlagConfig{On: true, Default: api.FlagServe{Variant: "small"}})
	s.put("price", api.PutFlagConfig{On: true, Default: api.FlagServe{Split: []api.FlagPortion{
		{Variant: "high", Weight: 5000}, {Variant: "low", Weight: 5000},
	}}})
	for kind, secret := range map[string]*string{"server": &s.server, "public": &s.public} {
		k, err := s.admin.CreateFlagKey(s.ctx, api.CreateFlagKey{Environment: "production", Kind: kind, Name: kind})
		s.ok(err)
		*secret = k.Secret
	}
}

func (s *site) put(key string, c api.PutFlagConfig) {
	s.t.Helper()
	c.Reason = "the story"
	_, err := s.admin.PutFlagConfig(s.ctx, key, "production", c)
	s.ok(err)
}

// details is what an OpenFeature client says of a flag.
type details struct {
	Value     any    `json:"value"`
	Variant   string `json:"variant"`
	Reason    string `json:"reason"`
	ErrorCode string `json:"errorCode"`
}

// The server SDK over OFREP gets every type, the program's fallback where there is nothing, and what flagd's own
// evaluator makes of the same definitions.
func TestServerSDK(t *testing.T) {
	s := open(t)
	cmd := exec.CommandContext(s.ctx, "node", "server.mjs")
	cmd.Env = append(os.Environ(), "SLIPWAY_URL="+s.url, "SLIPWAY_FLAG_KEY="+s.server)
	cmd.Stderr = os.Stderr
	text, err := cmd.Output()
	s.ok(err)
	var got map[string]json.RawMessage
	s.ok(json.Unmarshal(text, &got))
	if string(got["differ"]) != "[]" {
		t.Errorf("flagd's core says otherwise: %.1000s", got["differ"])
	}
	delete(got, "differ")
	said := map[string]details{}
	for name, raw := range got {
		var d details
		s.ok(json.Unmarshal(raw, &d))
		said[name] = d
	}
	price := said["number"]
	if price.Value != 1.5 && price.Value != 20.0 || price.Reason != "TARGETING_MATCH" {
		t.Errorf("a split serves %+v", price)
	}
	delete(said, "number")
	want := map[string]details{
		"boolean":   {Value: true, Variant: "on", Reason: "STATIC"},
		"string":    {Value: "blue", Variant: "blue", Reason: "TARGETING_MATCH"},
		"other":     {Value: "red", Variant: "red", Reason: "DEFAULT"},
		"object":    {Value: map[string]any{"items": 3.0}, Variant: "small", Reason: "STATIC"},
		"nobody":    {Value: -1.0, Reason: "ERROR", ErrorCode: "GENERAL"}, // this version wants a value in each answer
		"off":       {Value: false, Variant: "off", Reason: "STATIC"},
		"wrongType": {Value: "fallback", Reason: "ERROR", ErrorCode: "TYPE_MISMATCH"},
		"missing":   {Value: true, Reason: "ERROR", ErrorCode: "FLAG_NOT_FOUND"},
		"wrongKey":  {Value: false, Reason: "ERROR", ErrorCode: "GENERAL"},
	}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Error(diff)
	}
}

// page is a tab of Chromium with the web SDK in it, from another origin than Slipway's.
type page struct {
	t   *testing.T
	ctx context.Context
}

func (s *site) browser() *page {
	s.t.Helper()
	out, err := exec.CommandContext(s.ctx, filepath.Join("node_modules", ".bin", "esbuild"), "page.mjs", "--bundle",
		"--format=iife", "--log-level=error").Output()
	s.ok(err)
	pages := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprintf(w, "<!doctype html><title>shop</title><script>%s</script>", out)
	}))
	s.t.Cleanup(pages.Close)
	path, err := exec.LookPath("chromium")
	s.ok(err)
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.DisableGPU, chromedp.Flag("disable-background-networking", true), chromedp.UserDataDir(s.t.TempDir()))
	ctx, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(ctx)
	s.t.Cleanup(func() {
		_ = chromedp.Cancel(ctx)
		cancel()
		stop()
	})
	p := &page{s.t, ctx}
	s.ok(chromedp.Do(ctx, chromedp.Navigate(pages.URL)))
	return p
}

// says evaluates an expression that is a text.
func (p *page) says(expression string) string {
	ctx, cancel := context.WithTimeout(p.ctx, 10*time.Second)
	defer cancel()
	safely := fmt.Sprintf("String((() => { try { return %s } catch (e) { return e } })())", expression)
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](safely))
	if err != nil {
		return "(" + err.Error() + ")"
	}
	return text
}

// until waits for an expression to be true in the page.
func (p *page) until(what, expression string) {
	p.t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for ; p.says(expression) != "true"; <-tick.C {
		if time.Now().After(deadline) {
			p.t.Fatalf("waited in vain until %s: %s; %s", what, p.says(expression),
				p.says("JSON.stringify({failed: shop.failed, changes: shop.changes, banner: shop.value('banner')})"))
		}
	}
}

// start gives the page a provider and waits for it.
func (p *page) start(s *site, options, who string) {
	p.t.Helper()
	p.says(fmt.Sprintf(`(shop.start({baseUrl: %q, headers: [["Authorization", "Bearer %s"]], %s}, %s), "")`, s.url,
		s.public, options, who))
	p.until("the provider is ready", "shop.ready")
}

// With the event stream a page follows changes by itself; another plan of the same user gets other values at once,
// which an ETag of the definitions alone would prevent.
func TestWebSDKFollowsTheStream(t *testing.T) {
	s := open(t)
	p := s.browser()
	p.start(s, "", `{targetingKey: "u1", plan: "free"}`)
	p.until("it has its values", `shop.value("banner") === "red" && shop.on("checkout")`)
	p.says(`(shop.become({targetingKey: "u1", plan: "pro"}), "")`)
	p.until("the other plan is served", `shop.value("banner") === "blue"`)
	s.put("checkout", api.PutFlagConfig{On: true, Default: api.FlagServe{Variant: "off"}})
	p.until("it hears of the change", `!shop.on("checkout") && shop.changes.includes("checkout")`)
	if got := p.says(`shop.changes.filter((key) => key === "limits").length`); got != "0" {
		t.Error("flags that did not change are said to have changed")
	}
	if got := p.says(`shop.value("secret")`); got != "fallback" {
		t.Errorf("a flag that is not for pages is %s", got)
	}
	// Offline it starts from what it kept, and follows again when Slipway is back.
	s.down.Store(true)
	s.ok(chromedp.Do(p.ctx, chromedp.Reload()))
	p.start(s, "", `{targetingKey: "u1", plan: "pro"}`)
	if got := p.says(`shop.value("banner") + " " + shop.reason("banner")`); got != "blue CACHED" {
		t.Errorf("offline it has %s", got)
	}
	s.down.Store(false)
	s.put("checkout", api.PutFlagConfig{On: true, Default: api.FlagServe{Variant: "on"}})
	p.until("it hears of changes again", `shop.on("checkout")`)
}

func TestWebSDKPolls(t *testing.T) {
	s := open(t)
	p := s.browser()
	p.start(s, `changeDetection: "polling", pollInterval: 100`, `{targetingKey: "u1", plan: "free"}`)
	p.until("it has its values", `shop.value("banner") === "red" && shop.on("checkout")`)
	p.says(`(shop.become({targetingKey: "u1", plan: "pro"}), "")`)
	p.until("the other plan is served", `shop.value("banner") === "blue"`)
	s.put("checkout", api.PutFlagConfig{On: true, Default: api.FlagServe{Variant: "off"}})
	p.until("it finds the change", `!shop.on("checkout")`)
}
