package engine

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/approval"
	"github.com/slipwayhq/slipway/internal/checklist"
	"github.com/slipwayhq/slipway/internal/effect"
	"github.com/slipwayhq/slipway/internal/engine/forge"
	fake "github.com/slipwayhq/slipway/internal/fake/github"
	"github.com/slipwayhq/slipway/internal/github"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/store"
)

// atGitHub is the strategy's section, and the names of the commits that the fake knows.
func atGitHub() (old, section, one, two string) {
	return "timing:", "github: {app_id: 4711, repository: acme/shop, deployments: on, protection: [production, staging]}\n" +
		"timing:", "c-version2" + strings.Repeat("0", 30), "c-version3" + strings.Repeat("0", 30)
}

// alike is a commit that begins like what people call the first one, and is another.
const alike = "c-version2666666666666666666666666666666"

// gitHub gives a world's engine a GitHub.
func (w *world) gitHub() *fake.GitHub {
	w.t.Helper()
	_, _, one, two := atGitHub()
	g, err := fake.New("acme/shop", one, two, alike)
	w.ok(err)
	w.t.Cleanup(g.Close)
	w.Forge.Client = clientOf(g)
	w.Forge.Address = "https://slipway.example.com"
	return g
}

// ran is what the check run says, in one line.
func ran(g *fake.GitHub) string {
	out := []string{}
	for _, r := range g.Runs() {
		o, _ := r["output"].(fake.Object)
		out = append(out, fmt.Sprintf("%v %v: %v", r["status"], r["conclusion"], o["title"]))
	}
	return strings.Join(out, "; ")
}

func places(g *fake.GitHub) map[string][]string {
	out := map[string][]string{}
	for _, d := range g.Deployments() {
		env := fmt.Sprint(d["environment"])
		out[env] = append(out[env], strings.Join(slices.Compact(g.States(d["id"])), " "))
	}
	return out
}

func TestReleaseIsShownAtGitHub(t *testing.T) {
	old, section, _, _ := atGitHub()
	each(t, func(t *testing.T, w *world) {
		g := w.gitHub()
		r := w.start("version2")
		w.act()
		if got := ran(g); !strings.HasPrefix(got, "queued <nil>") {
			t.Errorf("just begun it is shown as %q", got)
		}
		w.report("version2", checklist.Passed)
		w.settle(r.ID)
		run := g.Runs()[0]
		if got := ran(g); !strings.HasPrefix(got, "in_progress <nil>: version2") || run["external_id"] != r.ID ||
			run["details_url"] != "https://slipway.example.com/releases/"+r.ID {
			t.Errorf("in the canary it is shown as %q: %v", got, run)
		}
		if o, _ := run["output"].(fake.Object); !strings.Contains(fmt.Sprint(o["summary"]), "**50 %** of the visitors") {
			t.Errorf("the share is not shown: %v", o)
		}
		w.ok(w.Command(w.ctx, r.ID, release.Command{Kind: release.Abort, Actor: "user:bo", Name: "bo",
			Reason: "@team it is [slow](http://evil)"}, 0))
		w.settle(r.ID)
		w.act()
		if got := ran(g); got != "completed failure: version2 was taken back" {
			t.Errorf("taken back it is shown as %q", got)
		}
		o, _ := g.Runs()[0]["output"].(fake.Object)
		if s := fmt.Sprint(o["summary"]); strings.Contains(s, "@team") || strings.Contains(s, "[slow](") {
			t.Errorf("a person's words are read as markup: %s", s)
		}
		if got := places(g); fmt.Sprint(got) != "map[production:[in_progress inactive] staging:[in_progress success]]" {
			t.Errorf("the deployments are %v", got)
		}
	}, old, section)
}

func TestPromotionReplacesTheDeploymentAtGitHub(t *testing.T) {
	old, section, _, _ := atGitHub()
	each(t, func(t *testing.T, w *world) {
		g := w.gitHub()
		first := w.promoted("version2")
		w.finish(first.ID)
		if got := ran(g); got != "completed success: version2 is in production" {
			t.Fatalf("completed it is shown as %q", got)
		}
		w.promoted("version3")
		w.act()
		if got := places(g)["production"]; len(got) != 2 || !strings.HasSuffix(got[0], "success inactive") ||
			!strings.HasSuffix(got[1], "success") {
			t.Errorf("after the second promotion the deployments of production are %q", got)
		}
	}, old, section)
}

// finish writes down that a promoted release was watched to its end.
func (w *world) finish(id string) {
	w.t.Helper()
	w.ok(w.DB.Write(w.ctx, func(tx *store.Tx) error {
		r, err := tx.Release(w.ctx, id)
		if err != nil {
			return err
		}
		r.Phase, r.Ended = release.Completed, tx.Now()
		if err := tx.UpdateRelease(w.ctx, &r); err != nil {
			return err
		}
		return w.Forge.Changed(w.ctx, tx, r)
	}))
	w.act()
}

// A crash between what was done at GitHub and its record is a lost answer, for which the record says nothing.
func TestNothingIsMadeTwiceAtGitHub(t *testing.T) {
	old, section, _, _ := atGitHub()
	each(t, func(t *testing.T, w *world) {
		g := w.gitHub()
		g.Lose(1) // the check run is made, and nobody learns of it
		r := w.start("version2")
		w.act()
		if x := w.effects(r.ID, effect.Show); len(x) != 1 || x[0].State != effect.Pending || x[0].Attempts != 1 {
			t.Fatalf("after a lost answer the effect is %+v", x)
		}
		w.act()
		w.report("version2", checklist.Passed)
		for range 12 {
			g.Lose(1)
			w.settle(r.ID)
		}
		g.Lose(0)
		w.act()
		if n := len(g.Runs()); n != 1 {
			t.Errorf("there are %d check runs, want 1", n)
		}
		for env, list := range places(g) {
			if len(list) != 1 {
				t.Errorf("there are %d deployments of %s, want 1", len(list), env)
			}
		}
	}, old, section)
}

func TestGitHubAwayStopsNoRelease(t *testing.T) {
	old, section, _, _ := atGitHub()
	each(t, func(t *testing.T, w *world) {
		g := w.gitHub()
		g.Away(http.StatusServiceUnavailable)
		r := w.exposed("version2")
		for range 3 {
			w.act()
		}
		if r.Share != 50 {
			t.Errorf("the release stands at %g %%", r.Share)
		}
		if n := len(w.events("github.silent")); n != 1 {
			t.Errorf("people were told %d times that GitHub is silent, want once", n)
		}
		g.Away(0)
		w.Forge.Client = clientOf(g)
		w.act()
		if n := len(w.events("github.answers")); n != 1 {
			t.Errorf("people were told %d times that GitHub answers, want once", n)
		}
		if got := ran(g); !strings.HasPrefix(got, "in_progress") {
			t.Errorf("afterwards it is shown as %q", got)
		}
		g.Permit("checks", "read")
		w.ok(w.Command(w.ctx, r.ID, release.Command{Kind: release.Pause, Actor: "user:bo", Name: "bo", Reason: "x"}, 0))
		w.act()
		if x := w.effects(r.ID, effect.Show)[0]; x.State != effect.Pending ||
			!strings.Contains(x.Result.Sentence, "Checks: write") && !strings.Contains(x.Result.Sentence, "not accessible") {
			t.Errorf("without the permission: %+v", x.Result)
		}
	}, old, section)
}

// A limit is waited for as long as GitHub says, by everything that is shown there and by no release.
func TestGitHubsLimitsStopNoRelease(t *testing.T) {
	old, section, _, _ := atGitHub()
	each(t, func(t *testing.T, w *world) {
		g := w.gitHub()
		var ahead atomic.Int64
		now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		g.Clock(now)
		w.Forge.Client = github.New(github.Options{API: g.URL, App: g.App, Repository: "acme/shop", Now: now,
			Key: func(context.Context) (string, error) { return g.Key(), nil }})
		r := w.exposed("version2")
		w.act()
		do := []release.CommandKind{release.Pause, release.Resume}
		for i, limit := range []struct {
			how  fake.Limit
			wait time.Duration
		}{{fake.Reset, 30 * time.Minute}, {fake.Silent, time.Minute}} {
			shown := ran(g)
			g.Limit(1, limit.how)
			w.ok(w.Command(w.ctx, r.ID, release.Command{Kind: do[i], Actor: "user:bo", Name: "bo", Reason: "x"}, 0))
			next, err := w.Forge.Look(w.ctx, forge.Work+"/"+r.ID)
			w.ok(err)
			if wait := next.Sub(now()); wait > limit.wait || wait < limit.wait-10*time.Second {
				t.Errorf("after limit %d it is tried again in %s, want %s", limit.how, wait, limit.wait)
			}
			calls := len(g.Calls())
			w.act()
			if n := len(g.Calls()) - calls; n != 0 || ran(g) != shown {
				t.Errorf("while limit %d lasts GitHub was asked %d times", limit.how, n)
			}
			if got := w.release(r.ID).Phase; (got == release.Paused) != (do[i] == release.Pause) {
				t.Errorf("while limit %d lasts the release is %s", limit.how, got)
			}
			ahead.Add(int64(limit.wait))
			w.act()
			if ran(g) == shown {
				t.Errorf("after limit %d it is still shown as %q", limit.how, shown)
			}
		}
	}, old, section)
}

// clientOf is a client of a GitHub whose breaker is fresh.
func clientOf(g *fake.GitHub) *github.Client {
	return github.New(github.Options{API: g.URL, App: g.App, Repository: "acme/shop", Backoff: time.Millisecond,
		Key: func(context.Context) (string, error) { return g.Key(), nil }})
}

func TestWaitingJobIsAnswered(t *testing.T) {
	old, section, commit, _ := atGitHub()
	each(t, func(t *testing.T, w *world) {
		g := w.gitHub()
		ask := func(run int64, environment string) {
			g.Wait(run, environment, commit)
			w.ok(w.Forge.Heard(w.ctx, github.Event{Type: github.Waiting, Repository: "Acme/Shop",
				Environment: environment, Run: run, Commit: commit}))
			w.act()
		}
		ask(1, "production") // before anybody has started a release
		ask(2, "preview")
		ask(4, "production")
		g.Cancel(4, "production") // of which nobody tells Slipway
		r := w.exposed("version2")
		ask(3, "staging")
		w.act()
		if p, s := g.Job(1, "production"), g.Job(3, "staging"); p != "waiting" || s != "approved" {
			t.Errorf("in the canary: production %s, staging %s", p, s)
		}
		r, q := w.asked2(r)
		w.dueAtGitHub()
		_, err := w.Vote(w.ctx, person("pia", "product"), q.ID, true, q.Hash, "")
		w.ok(err)
		g.Lose(1) // the answer is given, and nobody learns of it
		w.settle(r.ID)
		// The release has the commit's short name, as people give it, and the job the whole one.
		if due := w.dueAtGitHub(); !slices.Contains(due, forge.Work+"/job/1/production") {
			t.Errorf("the approval wakes %q, and not the job", due)
		}
		w.act()
		if got := g.Job(1, "production"); got != "approved" {
			t.Errorf("past the approval the job is %s", got)
		}
		for _, x := range w.effects("commit:"+commit, effect.Answer) {
			if x.State != effect.Done || strings.Contains(x.Key, "/4/") && !strings.Contains(x.Result.Sentence, "no longer") {
				t.Errorf("the answer is %+v", x)
			}
		}
		if got, n := g.Job(2, "preview"), len(w.events("github.unanswered")); got != "waiting" || n != 1 {
			t.Errorf("a job of another environment is %s, and people were told %d times", got, n)
		}
	}, old, section)
}

// GitHub delivers nothing again: a job that began to wait while nobody heard is found, once, and only where it is ours.
func TestAJobThatNobodyToldOfIsFound(t *testing.T) {
	old, section, commit, _ := atGitHub()
	each(t, func(t *testing.T, w *world) {
		g := w.gitHub()
		g.Wait(5, "production", commit)
		g.Wait(6, "preview", commit)
		g.Away(http.StatusBadGateway)
		w.ok(w.DB.Write(w.ctx, func(tx *store.Tx) error { return w.Forge.Begin(w.ctx, tx) }))
		if due := w.dueAtGitHub(); !slices.Equal(due, []string{forge.Work}) {
			t.Fatalf("at its beginning %q is due", due)
		}
		for _, away := range []int{http.StatusBadGateway, 0, 0} {
			g.Away(away)
			if away == 0 {
				w.Forge.Client = clientOf(g)
			}
			now, err := w.now(w.ctx)
			w.ok(err)
			if next, err := w.Forge.Look(w.ctx, forge.Work); err != nil || next.Sub(now) < time.Minute {
				t.Errorf("the next round is in %s (%v)", next.Sub(now), err)
			}
			want := 1
			if away != 0 {
				want = 0
			}
			if n := len(w.events("github.asked")); n != want || len(w.effects("commit:"+commit, effect.Answer)) != want {
				t.Errorf("of %d jobs Slipway knows, want %d", n, want)
			}
		}
		r := w.exposed("version2")
		w.ok(w.Command(w.ctx, r.ID, release.Command{Kind: release.Abort, Actor: "user:bo", Name: "bo", Reason: "x"}, 0))
		w.settle(r.ID)
		w.act()
		if p, other := g.Job(5, "production"), g.Job(6, "preview"); p != "rejected" || other != "waiting" {
			t.Errorf("the job is %s, that of another environment %s", p, other)
		}
		// It waits for somebody else; its run is started again.
		for _, later := range []time.Duration{-time.Minute, time.Minute} {
			g.Clock(func() time.Time { return time.Now().Add(later) })
			g.Wait(5, "production", commit)
			_, err := w.Forge.Look(w.ctx, forge.Work)
			w.ok(err)
			w.act()
			if got := g.Job(5, "production"); (got == "rejected") != (later > 0) {
				t.Errorf("of a run that began %s after the answer the job is %s", later, got)
			}
		}
	}, old, section)
}

// dueAtGitHub takes away what is to be looked at now, and returns its keys.
func (w *world) dueAtGitHub() []string {
	w.t.Helper()
	now, err := w.now(w.ctx)
	w.ok(err)
	list, err := w.DB.Claim(w.ctx, "n", []string{forge.Work}, 50, time.Minute, now)
	w.ok(err)
	var keys []string
	for _, x := range list {
		w.ok(w.DB.GiveBack(w.ctx, x, time.Time{}))
		keys = append(keys, x.ID)
	}
	return keys
}

// asked2 takes a release that is in the canary to its approval.
func (w *world) asked2(r release.Release) (release.Release, approval.Request) {
	w.t.Helper()
	w.ok(w.Command(w.ctx, r.ID, release.Command{Kind: release.Promote, Actor: "user:bo", Name: "bo", Reason: "a test",
		Bypass: true}, 0))
	r = w.settle(r.ID)
	return r, w.request(r.Request)
}

func TestJobOfWhatWasTakenBackIsRejected(t *testing.T) {
	old, section, commit, _ := atGitHub()
	each(t, func(t *testing.T, w *world) {
		g := w.gitHub()
		r := w.exposed("version2")
		g.Wait(7, "production", commit)
		ev := github.Event{Type: github.Waiting, Repository: "acme/shop", Environment: "production", Run: 7,
			Commit: commit}
		other := ev
		other.Repository = "mallory/shop"
		w.ok(w.Forge.Heard(w.ctx, other))
		if x := w.effects("commit:"+commit, effect.Answer); len(x) != 0 {
			t.Fatalf("an event of another repository was taken: %+v", x)
		}
		w.ok(w.Forge.Heard(w.ctx, ev))
		w.ok(w.Command(w.ctx, r.ID, release.Command{Kind: release.Abort, Actor: "user:bo", Name: "bo",
			Reason: "too slow"}, 0))
		w.settle(r.ID)
		w.act()
		if got, why := g.Job(7, "production"), g.Comment(7, "production"); got != "rejected" ||
			!strings.Contains(why, "too slow") {
			t.Errorf("the job is %s: %s", got, why)
		}
		// Somebody asks for the check run again: it is said anew, and no second one is made.
		before := len(g.Calls())
		w.ok(w.Forge.Heard(w.ctx, github.Event{Type: github.Rerequested, Repository: "acme/shop", External: r.ID}))
		w.act()
		if len(g.Calls()) == before || len(g.Runs()) != 1 {
			t.Errorf("asked again: %d calls, %d check runs", len(g.Calls())-before, len(g.Runs()))
		}
	}, old, section)
}

// Whoever starts a release may give its commit's short name. Another one can be made to begin like it: its jobs wait.
func TestJobOfACommitThatBeginsAlikeWaits(t *testing.T) {
	old, section, commit, _ := atGitHub()
	each(t, func(t *testing.T, w *world) {
		g := w.gitHub()
		w.exposed("version2")
		for run, c := range map[int64]string{8: commit, 9: alike} {
			g.Wait(run, "staging", c)
			w.ok(w.Forge.Heard(w.ctx, github.Event{Type: github.Waiting, Repository: "acme/shop",
				Environment: "staging", Run: run, Commit: c}))
		}
		w.act()
		if ours, other := g.Job(8, "staging"), g.Job(9, "staging"); ours != "approved" || other != "waiting" {
			t.Errorf("the release's own job is %s, that of another commit %s", ours, other)
		}
		// A check run's name for itself reaches nothing but what is shown of a release.
		w.ok(w.Forge.Heard(w.ctx, github.Event{Type: github.Rerequested, Repository: "acme/shop",
			External: "job/8/staging"}))
		if x := w.effects("commit:"+commit, effect.Answer); len(x) != 1 || x[0].State != effect.Done {
			t.Errorf("an answered job is asked for by a check run: %+v", x)
		}
	}, old, section)
}
