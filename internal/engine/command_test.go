package engine

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/approval"
	"github.com/slipwayhq/slipway/internal/checklist"
	"github.com/slipwayhq/slipway/internal/deployment"
	"github.com/slipwayhq/slipway/internal/effect"
	"github.com/slipwayhq/slipway/internal/engine/secrets"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/guard"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
	"github.com/slipwayhq/slipway/internal/vault"
	"github.com/slipwayhq/slipway/internal/watch"
)

func TestProductionIsAdoptedOnce(t *testing.T) {
	t.Parallel()
	for _, kind := range storetest.Engines(t) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			address := storetest.Address(t, kind)
			w := &world{t: t, ctx: t.Context(), shops: map[string]*shop{"v1": openShop(t)}, logs: &syncBuffer{}}
			var starts sync.WaitGroup
			for range 3 {
				e := w.node(storetest.OpenAt(t, address), w.plan())
				w.Engine = e
				starts.Go(func() {
					if err := e.Adopt(context.Background(), "v1", w.shops["v1"].URL); err != nil {
						t.Errorf("a node cannot start: %v", err)
					}
				})
			}
			starts.Wait()
			w.ok(w.Adopt(w.ctx, "v0", "http://127.0.0.1:9"))
			if n := len(w.events("deployment.adopted")); n != 1 || w.runs("production") != "v1" {
				t.Errorf("adopted %d times; production runs %s", n, w.runs("production"))
			}
		})
	}
}

func TestACommandOnAnOldRevisionIsRefused(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		r := w.exposed("v2")
		pause := release.Command{Kind: release.Pause, Actor: "user:bo", Name: "bo"}
		w.ok(w.Command(w.ctx, r.ID, pause, r.Row))
		head := len(w.events(""))
		err := w.Command(w.ctx, r.ID, release.Command{Kind: release.Abort, Name: "bo", Reason: "late"}, r.Row)
		if !fault.Is(err, fault.Conflict) || fault.ReasonOf(err) != "changed_since" || len(w.events("")) != head {
			t.Errorf("it gives %v and %d events", err, len(w.events(""))-head)
		}
		if got := w.release(r.ID); got.Phase != release.Paused {
			t.Errorf("it is %s", got.Phase)
		}
	})
}

// Several people decide at the same moment on a request that needs one of them.
func TestPeopleWhoDecideAtTheSameMoment(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		r, q := w.asked("v2")
		people := []string{"pia", "paul", "petra", "pim"}
		errs := make([]error, len(people))
		var votes sync.WaitGroup
		for i, name := range people {
			votes.Go(func() {
				_, errs[i] = w.Vote(w.ctx, person(name, "product"), q.ID, i%2 == 0, q.Hash, "because")
			})
		}
		votes.Wait()
		counted := 0
		for i, err := range errs {
			if err == nil {
				counted++
			} else if !fault.Is(err, fault.Conflict) {
				t.Errorf("%s: %v", people[i], err)
			}
		}
		got := w.request(q.ID)
		if counted != 1 || len(got.Votes) != 1 || got.State == approval.Open || len(w.events("approval.voted")) != 1 {
			t.Fatalf("%d votes counted, the request is %s with %d", counted, got.State, len(got.Votes))
		}
		public := w.Key.Public().(ed25519.PublicKey) //nolint:forcetypeassert // Ed25519 says so
		v := got.Votes[0]
		forged := v
		forged.Approve = !v.Approve
		if !v.Genuine(q.ID, public) || forged.Genuine(q.ID, public) || v.Genuine("apr_other", public) {
			t.Error("the signature does not say what was decided, and nothing else")
		}
		r = w.settle(r.ID)
		if approved := got.State == approval.Approved; approved == r.Promoted.IsZero() {
			t.Errorf("the request is %s and the release %s", got.State, r.Phase)
		}
	})
}

// A vote and a change of what is voted on meet.
func TestAVoteOnWhatHasChangedIsVoid(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		r, q := w.asked("v2")
		w.report("v2", checklist.Running)
		r = w.settle(r.ID)
		if _, err := w.Vote(w.ctx, person("pia", "product"), q.ID, true, q.Hash,
			""); fault.ReasonOf(err) != "request_closed" {
			t.Errorf("a vote on the old request gives %v", err)
		}
		next := w.request(r.Request)
		if next.ID == q.ID || w.request(q.ID).State != approval.Voided || next.State != approval.Open {
			t.Fatalf("%s is %s, %s is %s", q.ID, w.request(q.ID).State, next.ID, next.State)
		}
		if _, err := w.Vote(w.ctx, person("pia", "product"), next.ID, true, q.Hash,
			""); fault.ReasonOf(err) != "content_changed" {
			t.Errorf("a vote over the old content gives %v", err)
		}
		if r = w.settle(r.ID); !r.Promoted.IsZero() {
			t.Error("it is in production")
		}
	})
}

// req: EN-03
func TestAFailingCheckMarksTheDeploymentInDevelopment(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		d, err := w.Register(w.ctx, person("ada"), deployment.Deployment{
			Version: "v2", Commit: "c-v2", URL: "http://127.0.0.1:9", Environment: "development",
		})
		w.ok(err)
		again, err := w.Register(w.ctx, person("ada"), deployment.Deployment{
			Version: "v2", URL: "http://127.0.0.1:9", Environment: "development",
		})
		w.ok(err)
		if again.ID != d.ID || len(w.events("deployment.recorded")) != 1 || w.runs("development") != "v2" {
			t.Errorf("recorded twice as %s and %s; development runs %s", d.ID, again.ID, w.runs("development"))
		}
		for _, tt := range []struct {
			status checklist.Status
			want   deployment.Verdict
		}{
			{checklist.Running, deployment.Unknown}, {checklist.Failed, deployment.Bad}, {checklist.Failed, deployment.Bad},
			{checklist.Running, deployment.Bad}, {checklist.Passed, deployment.Unknown},
		} {
			w.report("v2", tt.status)
			if d, err = w.DB.Deployment(w.ctx, d.ID); err != nil || d.Verdict != tt.want {
				t.Fatalf("unit %s: the deployment is %s (%s) %v", tt.status, d.Verdict, d.Why, err)
			}
		}
		if n := len(w.events("deployment.judged")); n != 2 {
			t.Errorf("%d events say so, want one when it failed and one when it passed", n)
		}
	})
}

// req: EN-15
func TestStagingIsGivenBackByItself(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		first := w.promoted("v2")
		w.complete(first.ID)
		if w.runs("staging") != "v2" {
			t.Fatalf("staging runs %s", w.runs("staging"))
		}
		r := w.start("v3")
		w.report("v3", checklist.Passed)
		w.shops["v3"].broken.Store(true)
		r = w.settle(r.ID)
		if r.Phase != release.Aborted || w.runs("staging") != "v2" || len(w.events("approval.opened")) != 1 {
			t.Errorf("%s, staging runs %s, %d approvals were asked for", r.Phase, w.runs("staging"),
				len(w.events("approval.opened")))
		}
		if w.served() != "v2  0" || len(w.effects(r.ID, effect.Route)) > 0 {
			t.Errorf("visitors get %s, and %d routings were asked for", w.served(), len(w.effects(r.ID, effect.Route)))
		}
	}, "rollback: {watch", "rollback: {staging: auto, watch")
}

func TestWhatCannotBeStarted(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		r := w.start("v2")
		tests := []struct{ version, url, reason string }{
			{"v2", "http://127.0.0.1:9", "release_under_way"},
			{"v1", "http://127.0.0.1:9", "already_stable"},
			{"v3", w.shops["v1"].URL + "/", "already_stable"},
			{"v3", "ftp://127.0.0.1", "deployment_url_invalid"},
			{"v3", "http://me:secret@127.0.0.1", "deployment_url_invalid"},
			{"v3", "javascript:alert(1)", "deployment_url_invalid"},
		}
		head := len(w.events(""))
		for _, tt := range tests {
			_, err := w.Start(w.ctx, person("ada"), release.Release{Version: tt.version, URL: tt.url}, nil)
			if fault.ReasonOf(err) != tt.reason || strings.Contains(w.logs.String(), "secret") {
				t.Errorf("%s at %s: %v, want %s", tt.version, tt.url, err, tt.reason)
			}
		}
		if n := len(w.events("")); n != head {
			t.Errorf("refusals left %d events", n-head)
		}
		_ = r
	})
}

// req: RB-20
func TestEveryVerdictIsKeptAndChangesAreLogged(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		r := w.exposed("v2")
		before, err := w.DB.VerdictsOf(w.ctx, r.ID, r.Created, 1000)
		w.ok(err)
		logged := len(w.events("guard.verdict"))
		for range 4 {
			_, err := w.lookAtRelease(w.ctx, r.ID)
			w.ok(err)
		}
		after, err := w.DB.VerdictsOf(w.ctx, r.ID, r.Created, 1000)
		w.ok(err)
		if len(after) != len(before)+4 || len(w.events("guard.verdict")) != logged || logged != 1 {
			t.Errorf("four looks: %d verdicts kept, %d logged", len(after)-len(before), len(w.events("guard.verdict")))
		}
		w.shops["v2"].sick.Store(true)
		for range 3 {
			_, err := w.probeHealth(w.ctx, "health/"+r.ID)
			w.ok(err)
		}
		if r = w.settle(r.ID); r.Phase != release.Aborted {
			t.Fatalf("three failed probes leave it %s: %s", r.Phase, r.Sentence)
		}
		list := w.events("guard.verdict")
		var data struct {
			Evidence watch.Evidence `json:"evidence"`
		}
		w.ok(json.Unmarshal(list[len(list)-1].Data, &data))
		failed := slices.DeleteFunc(data.Evidence.CanaryHealth, func(p guard.Probe) bool { return p.OK })
		if len(list) != 2 || len(failed) != 3 || data.Evidence.Share != 50 || len(data.Evidence.StableHealth) == 0 {
			t.Errorf("%d verdicts logged; the last stands on %+v", len(list), data.Evidence)
		}
		d, err := w.DB.Deployment(w.ctx, r.Deployment)
		w.ok(err)
		if d.Verdict != deployment.Bad || len(w.events("incident.opened")) != 1 {
			t.Errorf("v2 is %s; %d incidents", d.Verdict, len(w.events("incident.opened")))
		}
	})
}

// A denial, a check and a release that nobody moves cost nothing while nothing happens.
func TestNothingIsWrittenWhileNothingHappens(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		r := w.start("v2")
		w.settle(r.ID)
		row, head := w.release(r.ID).Row, len(w.events(""))
		for range 20 {
			next, err := w.lookAtRelease(w.ctx, r.ID)
			w.ok(err)
			if now, _ := w.now(w.ctx); next.Sub(now).Seconds() < 30 {
				t.Fatalf("a release that waits is looked at again in %s", next.Sub(now))
			}
		}
		if got := w.release(r.ID); got.Row != row || len(w.events("")) != head {
			t.Errorf("looking wrote %d rows and %d events", got.Row-row, len(w.events(""))-head)
		}
		var work []store.Work
		now, err := w.now(w.ctx)
		w.ok(err)
		work, err = w.DB.Claim(w.ctx, "n", []string{workEffect, workRoute, workHealth}, 10, 1, now)
		w.ok(err)
		for _, x := range work {
			if _, err := w.DB.Effect(w.ctx, x.ID); err != nil {
				t.Errorf("work without a reason: %+v", x)
			}
		}
	})
}

func TestAnEngineThatIsStoppedBeforeItBeganEndsWell(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx, cancel := context.WithCancel(w.ctx)
		cancel()
		if err := w.Run(ctx); err != nil {
			t.Errorf("it ends with %v", err)
		}
	})
}

// Two nodes renew the key between its being read and the vote's being kept: the vote is signed with one that is known.
func TestAVoteWhileTheSigningKeyIsRenewedIsGenuine(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		_, q := w.asked("v2")
		text := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{5}, 32))
		o := secrets.Options{DB: w.DB, App: "shop", Write: w.DB.Write, Append: w.append}
		o.Vault = vault.New(vault.Options{Keys: func() string { return text }})
		other := secrets.New(o)
		_, err := other.Begin(w.ctx)
		w.ok(err)
		o.Vault = vault.New(vault.Options{Keys: func() string { // they are read when the seed was
			for range 2 {
				_, err := other.RenewSigning(w.ctx, access.System("test"))
				w.ok(err)
			}
			return text
		}})
		w.Key, w.Secrets = nil, secrets.New(o)
		got, err := w.Vote(w.ctx, person("pia", "product"), q.ID, true, q.Hash, "because")
		w.ok(err)
		keys, err := other.Signers(w.ctx)
		w.ok(err)
		if !slices.ContainsFunc(keys, func(k ed25519.PublicKey) bool { return got.Votes[0].Genuine(q.ID, k) }) {
			t.Errorf("of %d keys none is that of the vote", len(keys))
		}
	})
}
