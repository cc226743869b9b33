package story

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
	fake "github.com/slipwayhq/slipway/internal/fake/vercel"
	"github.com/slipwayhq/slipway/internal/store"
)

// nearby is a Vercel with a Global Config that the flags of production are published to.
type nearby struct {
	*fake.World
	w      *world
	config fake.GlobalConfig
	url    string // where visitors' requests read the item
	token  string
	hand   string                 // whose token changes flags there
	secret atomic.Pointer[string] // of webhooks
}

func publishes(t *testing.T, plan string, more ...string) *nearby {
	t.Helper()
	n := &nearby{World: fake.New(fake.Options{Plan: plan, Propagation: 300 * time.Millisecond, Log: t.Logf}),
		hand: "token"}
	if err := n.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	if _, err := n.AddProject(fake.ProjectOrder{Name: "shop", Repository: "acme/shop", Domains: 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Push("shop", "c-v1", "main", "the first"); err != nil {
		t.Fatal(err)
	}
	n.config = n.AddGlobalConfig("shop")
	at, token, _ := strings.Cut(n.config.Connection, "?token=")
	n.url, n.token = at+"/item/slipway-flags-production?version=1", token
	n.w = begin(t, store.SQLite, options{
		noEdge: true, idle: true, asks: func(name string) (string, bool) {
			s := n.secret.Load()
			if name != "VERCEL_WEBHOOK_SECRET" || s == nil {
				return "", false
			}
			return *s, true
		},
		edit: slices.Concat(drained[:4], []string{"rollback: {", "sources: {drain: {late: 5s}}\nrollback: {"}),
		env:  map[string]string{"VERCEL_TOKEN": "token", "GLOBAL_CONFIG": n.config.Connection},
		target: "{vercel: {project: shop, team: " + fake.TeamSlug + ", canary: proxy, global_config: " + n.config.ID +
			", flags: [production]" + strings.Join(more, "") + ", api: " + n.URL() + "}}",
	})
	return n
}

// reads is what a visitor's request reads, nothing where nothing stands.
func (n *nearby) reads() json.RawMessage {
	n.w.t.Helper()
	q, err := http.NewRequestWithContext(n.w.ctx, http.MethodGet, n.url, nil)
	n.w.ok(err)
	q.Header.Set("Authorization", "Bearer "+n.token)
	a, err := http.DefaultClient.Do(q)
	n.w.ok(err)
	defer func() { _ = a.Body.Close() }()
	text, err := io.ReadAll(a.Body)
	n.w.ok(err)
	if a.StatusCode != http.StatusOK {
		return nil
	}
	return text
}

// serves is what stands there of a flag: its state and default variant.
func (n *nearby) serves(key string) (state, variant string) {
	n.w.t.Helper()
	var d struct {
		Flags map[string]struct {
			State          string
			DefaultVariant string
		}
	}
	if text := n.reads(); text != nil {
		n.w.ok(json.Unmarshal(text, &d))
	}
	return d.Flags[key].State, d.Flags[key].DefaultVariant
}

// writes counts the writes of items.
func (n *nearby) writes() int {
	count := 0
	for _, r := range n.Requests() {
		if r.Method == http.MethodPatch && strings.HasSuffix(r.Path, "/items") {
			count++
		}
	}
	return count
}

func (n *nearby) published() api.PublishedFlags {
	n.w.t.Helper()
	s, err := n.w.by("ada").Status(n.w.ctx)
	n.w.ok(err)
	if len(s.Published) != 1 {
		n.w.t.Fatalf("published: %+v", s.Published)
	}
	return s.Published[0]
}

// Flags stand where visitors' requests are served: what the program's own door gives out, changed in one write for many
// changes, read back, and a kill switch at once.
func TestFlagsStandAtVercelsEdge(t *testing.T) {
	t.Parallel()
	n := publishes(t, fake.Pro)
	w, ada := n.w, n.w.by("robin")
	for _, key := range []string{"checkout", "banner", "search"} {
		_, err := ada.CreateFlag(w.ctx, api.CreateFlag{Key: key})
		w.ok(err)
	}
	_, err := ada.TurnFlagOn(w.ctx, "checkout", "production", api.SwitchFlag{Reason: "a story"})
	w.ok(err)
	w.until("checkout is on at the edge", func() bool { _, v := n.serves("checkout"); return v == "on" })
	w.until("it is confirmed", func() bool { p := n.published(); return p.Generation == p.Newest && !p.Trouble })
	if c := n.writes(); c > 3 {
		t.Errorf("four changes at once were %d writes", c)
	}
	out, err := ada.ExportFlags(w.ctx, "production", "flagd")
	w.ok(err)
	var want, have any
	w.ok(json.Unmarshal(out.Document, &want))
	w.ok(json.Unmarshal(n.reads(), &have))
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("what visitors' requests read differs (-here +there):\n%s", diff)
	}
	before := n.writes()
	_, err = ada.TurnFlagOff(w.ctx, "checkout", "production", api.SwitchFlag{Reason: "it fails"})
	w.ok(err)
	w.until("checkout is off at the edge", func() bool { _, v := n.serves("checkout"); return v == "off" })
	if n.writes() != before+1 { // that it waits for nothing is shown on a virtual clock, in engine/publish
		t.Errorf("the kill switch took %d writes", n.writes()-before)
	}
	w.until("it is confirmed", func() bool { p := n.published(); return p.Generation == p.Newest })
	page, err := ada.Flags(w.ctx, client.FlagQuery{})
	w.ok(err)
	if len(page.Published) != 1 || page.Published[0].Key != "slipway-flags-production" {
		t.Errorf("the list of flags says %+v", page.Published)
	}
}

// What Vercel does not take is said, and what stood there stays; a lost answer is no second write.
func TestTroubleAtVercelsEdgeIsSaid(t *testing.T) {
	t.Parallel()
	n := publishes(t, fake.Hobby)
	w, ada := n.w, n.w.by("robin")
	n.Fail(fake.Trouble{Method: http.MethodPatch, Path: "/v1/global-config/*/items", Status: 500, After: true})
	_, err := ada.CreateFlag(w.ctx, api.CreateFlag{Key: "checkout"})
	w.ok(err)
	w.until("it stands there though the answer was lost", func() bool {
		p := n.published()
		return p.Generation > 0 && p.Generation == p.Newest && !p.Trouble
	})
	values := make([]api.FlagVariant, 12)
	for i := range values {
		values[i] = api.FlagVariant{Name: "v" + string(rune('a'+i)),
			Value: json.RawMessage(`"` + strings.Repeat("x", 900) + `"`)}
	}
	_, err = ada.CreateFlag(w.ctx, api.CreateFlag{Key: "texts", Kind: "string", Variants: values})
	w.ok(err)
	w.until("it does not fit", func() bool {
		p := n.published()
		return p.Trouble && strings.Contains(p.Sentence, "8192")
	})
	if state, _ := n.serves("checkout"); state == "" {
		t.Error("the last good flags are gone")
	}
	s, err := ada.Status(w.ctx)
	w.ok(err)
	if !strings.Contains(s.Sentence, "8192") {
		t.Errorf("the first sentence is %q", s.Sentence)
	}
}

// The flags that a project has at Vercel come in by its API, page by page, and what has no words here is off.
func TestLiveFlagsOfVercelComeIn(t *testing.T) {
	t.Parallel()
	n := publishes(t, fake.Pro)
	w, robin := n.w, n.w.by("robin")
	makes := func(slug, through string) {
		t.Helper()
		body := `{"slug":"` + slug + `","kind":"boolean","environments":{"production":{"active":true,"rules":[],` +
			`"pausedOutcome":{"type":"variant","variantId":"off"},"fallthrough":` + through + `}}}`
		q, err := http.NewRequestWithContext(w.ctx, http.MethodPut, n.URL()+"/v1/projects/shop/feature-flags/flags",
			strings.NewReader(body))
		w.ok(err)
		q.Header.Set("Authorization", "Bearer token")
		a, err := http.DefaultClient.Do(q)
		w.ok(err)
		_ = a.Body.Close()
		if a.StatusCode >= 300 {
			t.Fatalf("make %s: %d", slug, a.StatusCode)
		}
	}
	if _, err := robin.ImportFlags(w.ctx, api.ImportFlags{Live: true}); err == nil {
		t.Error("no flags came in")
	}
	for i := range 120 {
		makes(fmt.Sprintf("flag-%03d", i), `{"type":"variant","variantId":"on"}`)
	}
	makes("test", `{"type":"experiment"}`)
	out, err := robin.ImportFlags(w.ctx, api.ImportFlags{Live: true, Reason: "we move"})
	w.ok(err)
	if c, err := robin.FlagConfig(w.ctx, "flag-119", "production"); err != nil || !c.On || c.Default.Variant != "on" {
		t.Errorf("flag-119: %+v, %v (%s)", c, err, out.Sentence)
	}
	if c, err := robin.FlagConfig(w.ctx, "test", "production"); err != nil || c.On {
		t.Errorf("an experiment came in as %+v, %v", c, err)
	}
}
