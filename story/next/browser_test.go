//go:build full

package next

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// browser is a headless Chromium.
type browser struct {
	t   *testing.T
	ctx context.Context
}

// page is a tab of it; what it writes to the console is kept.
type page struct {
	t    *testing.T
	name string
	ctx  context.Context
	mu   sync.Mutex
	said []string
}

func openBrowser(t *testing.T) *browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("Chromium is needed: %v (script/setup installs it)", err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true), chromedp.WindowSize(1440, 900),
		chromedp.UserDataDir(t.TempDir()))
	ctx, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(ctx)
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx)
		cancel()
		stop()
	})
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatalf("start Chromium: %v", err)
	}
	return &browser{t: t, ctx: ctx}
}

// person opens a tab with cookies of its own.
func (b *browser) person(name string) *page {
	b.t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	return b.page(name, ctx, cancel)
}

// tab opens another tab of the same person.
func (b *browser) tab(beside *page, name string) *page {
	b.t.Helper()
	ctx, cancel := chromedp.NewContext(beside.ctx)
	return b.page(name, ctx, cancel)
}

func (b *browser) page(name string, ctx context.Context, cancel context.CancelFunc) *page {
	b.t.Helper()
	p := &page{t: b.t, name: name, ctx: ctx}
	// The first step opens the tab, which lives as long as the step's context.
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		b.t.Fatalf("%s: open a tab: %v", name, err)
	}
	messages := chromedp.Console(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for m, err := range messages {
			if err != nil {
				return
			}
			if m.Type == chromedp.ConsoleError || m.Type == chromedp.ConsoleException || m.Type == chromedp.ConsoleWarning {
				p.mu.Lock()
				p.said = append(p.said, m.String())
				p.mu.Unlock()
			}
		}
	}()
	b.t.Cleanup(func() { cancel(); <-ended })
	return p
}

func (p *page) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, 30*time.Second)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.t.Fatalf("%s: %s: %v\nconsole: %s\npage: %.2000s", p.name, what, err, p.console(), p.body())
	}
}

func (p *page) open(url string) {
	p.t.Helper()
	p.do("open "+url, chromedp.Navigate(url))
}

func (p *page) click(selector string) {
	p.t.Helper()
	p.do("click "+selector, chromedp.Click(chromedp.CSS(selector)))
}

func (p *page) fill(selector, text string) {
	p.t.Helper()
	p.do("fill "+selector, chromedp.SendKeys(chromedp.CSS(selector), text))
}

// says evaluates an expression that is a text.
func (p *page) says(expression string) string {
	ctx, cancel := context.WithTimeout(p.ctx, 10*time.Second)
	defer cancel()
	safely := fmt.Sprintf("String((() => { try { return %s } catch (e) { return e } })())", expression)
	s, err := chromedp.Run(ctx, chromedp.Evaluate[string](safely))
	if err != nil {
		return "(" + err.Error() + ")"
	}
	return s
}

func (p *page) body() string { return p.says("document.body.innerText") }

// until waits for an expression to be true in the page.
func (p *page) until(what, expression string) {
	p.t.Helper()
	deadline := time.Now().Add(45 * time.Second)
	for tick := time.NewTicker(100 * time.Millisecond); p.says(expression) != "true"; <-tick.C {
		if time.Now().After(deadline) {
			p.t.Fatalf("%s: waited in vain until %s\nat %s\nconsole: %s\npage: %.3000s",
				p.name, what, p.says("location.href"), p.console(), p.body())
		}
	}
}

// console is what the page complained about.
func (p *page) console() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.said, "\n")
}

// quiet fails the test when the page complained.
func (p *page) quiet() {
	p.t.Helper()
	if said := p.console(); said != "" {
		failed := p.says(`performance.getEntriesByType("resource").filter(r => r.responseStatus >= 400)` +
			`.map(r => r.responseStatus + " " + r.name).join("\n")`)
		said += "\nat " + p.says("location.href") + ", refused there: " + failed
		p.t.Errorf("%s: the console has:\n%s", p.name, said)
	}
}

// signIn signs a person in to the dashboard.
func (p *page) signIn(url, name string) {
	p.t.Helper()
	p.open(url + "/login")
	p.fill("input[name=name]", name)
	p.fill("input[name=password]", password)
	p.click("form button.primary")
	p.until("signed in", `location.pathname === "/" && document.readyState === "complete"`)
}

// become takes over a visitor's cookie.
func (p *page) become(edge string, k *http.Cookie) {
	p.t.Helper()
	cookie := network.SetCookieParams{Name: k.Name, Value: k.Value, URL: edge}
	if _, err := chromedp.Call(p.ctx, network.SetCookie, cookie); err != nil {
		p.t.Fatalf("%s: set the cookie: %v", p.name, err)
	}
}

// picture takes pictures of addresses, wide and narrow, light and dark, into the
// folder that SLIPWAY_STORY_PICTURES names, if it does.
func (p *page) picture(base string, addresses map[string]string) {
	p.t.Helper()
	dir := os.Getenv("SLIPWAY_STORY_PICTURES")
	if dir == "" {
		return
	}
	back := p.says("location.href")
	for name, address := range addresses {
		p.open(base + address)
		for _, width := range []int64{1440, 390} {
			for _, theme := range []string{"light", "dark"} {
				p.shot(filepath.Join(dir, fmt.Sprintf("%s-%d-%s.png", name, width, theme)), width, theme)
			}
		}
	}
	p.do("widen", chromedp.ResetViewport())
	p.open(back)
}

func (p *page) shot(file string, width int64, theme string) {
	p.t.Helper()
	if _, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}},
	}); err != nil {
		p.t.Fatalf("%s: set %s: %v", p.name, theme, err)
	}
	p.do("resize", chromedp.EmulateViewport(width, 900))
	raw, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(file, raw, 0o644)
	}
	if err != nil {
		p.t.Errorf("%s: take %s: %v", p.name, file, err)
	}
	if wide := p.says("document.documentElement.scrollWidth > innerWidth"); wide == "true" {
		p.t.Logf("picture %s: the page is wider than the screen by %s px",
			filepath.Base(file), p.says("document.documentElement.scrollWidth - innerWidth"))
	}
}
