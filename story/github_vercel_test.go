package story

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/api"
	fake "github.com/slipwayhq/slipway/internal/fake/github"
	"github.com/slipwayhq/slipway/internal/sim"
	"github.com/slipwayhq/slipway/internal/store"
)

// both opens an application on Vercel whose code is at GitHub, has Vercel build its commit 2, starts the release of it
// and has a job of it wait. It goes on until half of the visitors have it, and looks at both meanwhile.
func both(t *testing.T) (*forge, *town, api.Release) {
	t.Helper()
	t.Parallel()
	g, err := fake.New("acme/shop", sha("2"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	v := found(t)
	v.sets("GITHUB_APP_PRIVATE_KEY", g.Key())
	v.sets("GITHUB_WEBHOOK_SECRET", g.Secret)
	v.settles(t, store.SQLite, "bake: 300ms", "bake: 1h", "timing:", fmt.Sprintf("github: {app_id: %d, "+
		"repository: acme/shop, api: %q, deployments: on, protection: [production]}\ntiming:", g.App, g.URL))
	g.Hook(v.w.url + "/hooks/github")
	f := &forge{g, &site{world: v.w}}
	r := v.pushes("v2", sha("2"))
	if got := f.deliver("a", rule, f.Wait(7, "production", sha("2"))); got != http.StatusOK {
		t.Errorf("a job that waits is answered %d", got)
	}
	if text := f.shown("2", "in_progress"); !strings.Contains(text, "0 of ") || v.served() != "c-v1" {
		t.Errorf("at its beginning it says %q, and Vercel serves %s", text, v.served())
	}
	f.passes(r)
	f.s.exposed(r.ID, 50)
	f.s.until("the share to be shown", func() bool { _, text := f.run("2"); return strings.Contains(text, "**50 %**") })
	f.standsAs("2", "staging", "success")
	f.standsAs("2", "production", "in_progress")
	return f, v, r
}

// What Vercel serves and what GitHub shows is one story: check run, deployments and the job that waits are a success
// when everybody has got the build, and not before.
func TestAReleaseOnVercelIsShownAtGitHub(t *testing.T) {
	f, v, r := both(t)
	v.goesOn(r)
	q := f.s.asked(r.ID)
	if got := f.Job(7, "production"); got != "waiting" || v.served() != "c-v1" {
		t.Errorf("before the approval the job is %s, and Vercel serves %s", got, v.served())
	}
	f.s.approves("pia", q)
	f.s.ends(r.ID, "completed")
	f.shown("2", "completed success")
	f.standsAs("2", "production", "success")
	f.s.until("the job to be answered", func() bool { return f.Job(7, "production") != "waiting" })
	f.answered(t, "approved", "v2 has passed")
	if told := f.told("2"); slices.Index(told, "completed success") != len(told)-1 || v.served() != sha("2") {
		t.Errorf("the check run was %q in turn, and Vercel serves %s", told, v.served())
	}
	if n := f.s.failures(); n > 0 {
		t.Errorf("%d requests of visitors failed", n)
	}
}

// What the drain finds to be faulty goes back on Vercel, and GitHub shows at all three places that it did, and why.
func TestWhatIsTakenBackOnVercelIsShownAtGitHub(t *testing.T) {
	f, v, r := both(t)
	v.shops["v2"].Break(sim.Fault{Errors: 0.6})
	r = f.s.ends(r.ID, "aborted")
	if text := f.shown("2", "completed failure"); !strings.Contains(text, "was taken back") ||
		!strings.Contains(text, r.Reason) {
		t.Errorf("taken back (%s) it says %q", r.Reason, text)
	}
	f.standsAs("2", "production", "inactive")
	f.s.until("the job to be answered", func() bool { return f.Job(7, "production") != "waiting" })
	f.answered(t, "rejected", "v2 was taken back")
	if told := f.told("2"); slices.Contains(told, "completed success") || v.served() != "c-v1" {
		t.Errorf("the check run was %q in turn, and Vercel serves %s", told, v.served())
	}
}
