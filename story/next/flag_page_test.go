//go:build full

package next

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

// set types into a field as if it had been empty; a page hears of it as of any typing.
func (p *page) set(field, text string) {
	p.t.Helper()
	if got := p.says(fmt.Sprintf(`(f => { f.value = %q; f.dispatchEvent(new Event("input", {bubbles: true})); return `+
		`f.value })
		(document.querySelector('[name="%s"]'))`, text, field)); got != text {
		p.t.Fatalf("%s: %s holds %q, not %q\npage: %.2000s", p.name, field, got, text, p.body())
	}
}

// The editor's script in a real browser: rules are edited in place, sample users are answered while one types, a
// second person's change is not lost, and the kill switch is where it is looked for.
//
// req: FF-12 FF-18 FF-08
func TestPeopleEditFlagsInABrowser(t *testing.T) {
	t.Parallel()
	s := buildSlipway(t)
	file := filepath.Join(s.dir, "slipway.yaml")
	plan := "app: shop\ntarget: {selfhost: {stable: \"http://127.0.0.1:9\"}}\n"
	if err := os.WriteFile(file, []byte(plan), 0o644); err != nil {
		t.Fatal(err)
	}
	s.run(file)
	b := openBrowser(t)
	ada := b.person("ada")
	ada.open(s.invite)
	ada.fill("#name", "ada")
	ada.fill("#password", password)
	ada.click("form button.primary")
	ada.until("she is signed in", `location.pathname === "/" && document.readyState === "complete"`)

	ada.open(s.url + "/new-flag")
	ada.fill("#key", "new-checkout")
	ada.click("form button.primary")
	ada.until("the flag is made", `location.pathname === "/flags/new-checkout" && document.readyState === "complete"`)
	const place = "/flags/new-checkout/environments/production"
	ada.open(s.url + place)
	ada.click(`[name="on"]`)
	ada.click(`[value="add:rules"]`)
	ada.until("the new rule is there, and its first field has the focus",
		`document.activeElement.name === "rules[0].if[0].attribute"`)
	ada.fill(`[name="rules[0].if[0].attribute"]`, "plan")
	ada.set("rules[0].if[0].values", "pro")
	ada.set("default.variant", "off")
	ada.set("samples", "ada plan=pro\nlin plan=free")
	ada.until("sample users are answered without a button", `[...document.querySelectorAll(".tried .variant")]
		.map(v => v.textContent).join() === "on,off"`)
	ada.set("rules[0].if[0].values", "")
	ada.until("what cannot be tried is said", `document.querySelector("#tried").textContent.includes("at least one `+
		`value")`)
	ada.set("rules[0].if[0].values", "pro, team")

	grace := b.tab(ada, "ada in another tab")
	grace.open(s.url + place)
	ada.click(`[value="save"]`)
	ada.until("it is saved", `location.pathname === "/flags/new-checkout" && document.readyState === "complete"`)
	ada.quiet()

	grace.set("reason", "from an old page")
	grace.click(`[value="save"]`)
	grace.until("the old page is told what stands there now", `document.body.innerText.includes("What stands there now")
		&& document.querySelector("#theirs").textContent.includes("team")`)

	ada.open(s.url + "/flags/new-checkout")
	ada.until("who sees what is said", `document.querySelector("#lead").textContent.includes("plan")`)
	grace.open(s.url + "/flags/new-checkout")
	grace.click("#act-off summary")
	grace.set("reason", "payments fail")
	grace.click("#act-off form button")
	ada.until("the other tab shows it by itself", `document.querySelector("#where").textContent.includes("payments fail")`)
	ada.quiet()
	ada.phone(s.url)
}

// phone looks at pages on a narrow telephone: nothing is wider than it, and each of the main pages can be touched.
func (p *page) phone(url string) {
	p.t.Helper()
	p.do("hold a phone", chromedp.EmulateViewport(360, 740))
	for _, path := range []string{"/", "/releases", "/flags", "/flags/new-checkout", "/rollbacks", "/incidents", "/log",
		"/settings"} {
		p.open(url + path)
		p.until("it fits", `document.readyState === "complete" && document.documentElement.scrollWidth <= innerWidth`)
		if cut := p.says(`[...document.querySelectorAll(".top nav a")].filter(a => { const r = a.getBoundingClientRect();
			return !a.contains(document.elementFromPoint((r.left + r.right) / 2, (r.top + r.bottom) / 2)) })
			.map(a => a.textContent.trim()).join()`); cut != "" {
			p.t.Errorf("%s: on a phone %s cannot be touched", path, cut)
		}
	}
}
