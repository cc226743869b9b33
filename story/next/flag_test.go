//go:build full

package next

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/api"
)

// secret is what build.sh signs prepared pages with.
const secret = "c2xpcHdheS1leGFtcGxlLWtleS1mb3ItdGVzdHMtMDE"

// flagged is a running shop whose checkout a flag decides.
type flagged struct {
	t *testing.T
	*slipway
	shop *shop
}

// get asks the shop as a visitor and returns the header and the body.
func (f *flagged) get(path, visitor string, header ...string) (http.Header, string) {
	f.t.Helper()
	req, err := http.NewRequestWithContext(f.t.Context(), http.MethodGet, f.shop.url+path, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	req.Header.Set("X-Slipway-Visitor", visitor)
	req.Header.Set("Cookie", "cart=mug:1")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	raw, err := io.ReadAll(res.Body)
	if err = errors.Join(err, res.Body.Close()); err != nil || res.StatusCode != http.StatusOK {
		f.t.Fatalf("%s: %d %v\n%.500s", path, res.StatusCode, err, raw)
	}
	return res.Header, string(raw)
}

// is reports whether every kind of page gives a visitor this checkout: a server component, a client component as the
// server renders it, proxy.ts, and a page that was prepared.
func (f *flagged) is(visitor, want string) bool {
	f.t.Helper()
	_, cart := f.get("/cart", visitor)
	header, delivery := f.get("/delivery", visitor)
	mark := `data-checkout="` + want + `"`
	return strings.Count(cart, mark) == 2 && strings.Contains(delivery, mark) && header.Get("X-Checkout") == want
}

// soon waits until a visitor has a checkout everywhere, and tells how long it took.
func (f *flagged) soon(why, visitor, want string) {
	f.t.Helper()
	from := time.Now()
	until(f.t, 15*time.Second, visitor+" has the "+want+" checkout: "+why, func() bool { return f.is(visitor, want) })
	f.t.Logf("%s: %s has the %s checkout everywhere after %.2f s", why, visitor, want, time.Since(from).Seconds())
}

// req: FF-05 FF-10 FF-11 FF-16 N-05
func TestAFlagDecidesTheCheckoutOfARealApplication(t *testing.T) {
	t.Parallel()
	buildShops(t, "v1", "v2")
	s := buildSlipway(t)
	alone := openShop(t, "v1") // it knows of no Slipway
	port := freePort(t)
	s.run(s.writeReleased("http://127.0.0.1:"+port, "40"))
	b := openBrowser(t)
	you := b.person("you")
	you.open(s.invite)
	you.fill("input[name=name]", "you")
	you.fill("input[name=password]", password)
	you.click("form button.primary")
	you.until("set up", `location.pathname !== "/setup" && document.readyState === "complete"`)
	s.must("you", password+"\n", "login", "you")

	const key = "new-checkout"
	s.must("you", "", "flag", "create", key, "--client")
	server := ask[api.FlagKey](s, "you", "flag-key", "create", "shop", "-e", "production").Secret
	public := ask[api.FlagKey](s, "you", "flag-key", "create", "pages", "-e", "production", "--kind", "public").Secret
	knows := []string{"SLIPWAY_FLAGS_URL=" + s.url, "SLIPWAY_FLAGS_KEY=" + server, "SLIPWAY_FLAGS_PUBLIC_KEY=" + public,
		"FLAGS_SECRET=" + secret}
	f := &flagged{t, s, openShopAt(t, "v1", port, knows...)}
	without := &flagged{t, s, alone}

	f.soon("the flag is off", "vera", "old")
	if !without.is("vera", "old") {
		t.Error("a shop without Slipway has another checkout")
	}
	s.must("you", "", "flag", "set", key, "-e", "production", "--reason", "vera first", "--default", "off",
		"--rule", "targetingKey equals vera -> on")
	s.must("you", "", "flag", "on", key, "-e", "production", "--reason", "vera first")
	f.soon("a rule names her", "vera", "new")
	if !f.is("otto", "old") {
		t.Error("nobody named otto, and the checkout is not the old one")
	}

	// In a browser, behind the edge, whose page stays open while the flag changes.
	guest := b.person("guest")
	guest.become(s.edge, &http.Cookie{Name: "cart", Value: "mug:1"})
	guest.open(s.edge + "/cart")
	button := `document.querySelector("#order button").dataset.checkout`
	guest.until("the button is the old one", button+` === "old"`)
	guest.says(`window.same = "never loaded again"`)
	from := time.Now()
	s.must("you", "", "flag", "set", key, "-e", "production", "--reason", "for all", "--default", "on")
	guest.until("the button of the open page is the new one", button+` === "new"`)
	t.Logf("an open page has it after %.2f s", time.Since(from).Seconds())
	if same := guest.says("window.same"); same != "never loaded again" {
		t.Errorf("the page was loaded again: %s", same)
	}
	f.soon("it is on for all", "otto", "new")
	guest.quiet()
	f.discovered()
	f.nests(key, "on:40,off:60", openShop(t, "v2", knows...))
	s.must("you", "", "flag", "set", key, "-e", "production", "--reason", "for all again", "--default", "on")
	f.soon("it is on for all again", "otto", "new")

	if err := s.up.stop(); err != nil {
		t.Logf("slipway up ended: %v", err)
	}
	for _, visitor := range []string{"vera", "otto", "nina"} {
		if !f.is(visitor, "new") {
			t.Errorf("without a control plane %s has another checkout", visitor)
		}
	}
}

// discovered asks what the toolbar asks.
func (f *flagged) discovered() {
	f.t.Helper()
	cmd := exec.CommandContext(f.t.Context(), "node", "--input-type=module", "-e",
		`import { createAccessProof } from "flags"; console.log(await createAccessProof(process.argv[1]))`, secret)
	cmd.Dir = filepath.Join(root, "examples", "nextjs")
	proof, err := cmd.Output()
	if err != nil {
		f.t.Fatal(err)
	}
	_, body := f.get("/.well-known/vercel/flags", "tool", "Authorization", "Bearer "+string(bytes.TrimSpace(proof)))
	var got struct {
		Definitions map[string]struct{ Options []struct{ Value any } }
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil || len(got.Definitions["new-checkout"].Options) != 2 {
		f.t.Errorf("the toolbar learns %v %s", err, body)
	}
	if strings.Contains(body, "vera") {
		f.t.Errorf("the toolbar is told rules: %s", body)
	}
}
