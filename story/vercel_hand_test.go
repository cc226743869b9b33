package story

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/api"
	fake "github.com/slipwayhq/slipway/internal/fake/vercel"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
)

// built is Vercel's id of the build of a version.
func (v *town) built(version string) string {
	for _, d := range v.Deployments() {
		if d.SHA == "c-"+version {
			return d.ID
		}
	}
	return ""
}

// deletes has another person delete a build.
func (v *town) deletes(id string) {
	q, err := http.NewRequestWithContext(v.w.ctx, http.MethodDelete, v.URL()+"/v13/deployments/"+id+"?teamId="+fake.TeamID,
		nil)
	v.w.ok(err)
	q.Header.Set("Authorization", "Bearer hand")
	res, err := http.DefaultClient.Do(q)
	v.w.ok(err)
	if _ = res.Body.Close(); res.StatusCode != http.StatusOK {
		v.w.t.Fatalf("delete %s: %s", id, res.Status)
	}
}

// Another person does something by Vercel's own means while a canary has visitors: the release waits, and log and
// status say what was done, and who it was. A person takes the version back: Vercel serves the stable one.
func TestOtherHandsInACanaryOnVercel(t *testing.T) {
	hands := []struct {
		name string
		does func(v *town, canary string)
		says string
	}{
		{"rolls back", func(v *town, _ string) { v.w.ok(v.hand.Rollback(v.w.ctx, v.project.ID, v.built("v1"))) },
			"grace took %s back"},
		{"promotes", func(v *town, canary string) {
			_, err := v.hand.Promote(v.w.ctx, v.project.ID, canary)
			v.w.ok(err)
		}, "grace gave everybody %s"},
		{"completes", func(v *town, canary string) {
			v.w.ok(v.hand.CompleteRolling(v.w.ctx, v.project.ID, canary))
		}, "grace gave everybody %s"},
		{"raises", func(v *town, canary string) {
			v.w.ok(v.hand.ApproveStage(v.w.ctx, v.project.ID, canary, 0))
		}, "grace gave %s 50 %%"},
	}
	onVercels(t, []string{store.SQLite}, long, func(t *testing.T, w *world, v *town) {
		for i, h := range hands {
			version := fmt.Sprintf("v%d", i+2)
			r := v.push(version)
			w.gates(r)
			w.exposed(r.ID, 20)
			w.until("Vercel has told all", func() bool { return v.Untold() == 0 })
			h.does(v, v.built(version))
			says := strings.ReplaceAll(strings.ReplaceAll(h.says, "%s", version), "%%", "%")
			got := w.reaches(r.ID, h.name+": name it", func(r api.Release) bool {
				return strings.Contains(r.Sentence, says) && strings.Contains(r.Sentence, "not through Slipway") ||
					r.Ended != nil
			})
			if got.Phase != "running" || got.Share != 20 || w.runs("production") == version {
				t.Errorf("%s: it is %s at %g %%: %s", h.name, got.Phase, got.Share, got.Sentence)
			}
			status, err := w.admin().Status(w.ctx)
			w.ok(err)
			if status.Target == nil || !status.Target.Trouble || !strings.Contains(status.Target.Sentence, says) {
				t.Errorf("%s: the status says %q of %+v", h.name, status.Sentence, status.Target)
			}
			list := w.events("target.changed")
			if named := w.events("target.named"); len(list) != i+1 || !strings.Contains(list[i].Sentence, says) &&
				(len(named) == 0 || !strings.Contains(named[len(named)-1].Sentence, says)) {
				t.Errorf("%s: the log tells of %d changes, want %d with this one last", h.name, len(list), i+1)
			}
			_, err = w.admin().ActOnRelease(w.ctx, r.ID, "abort", api.ReleaseAction{Reason: "a story"})
			w.ok(err)
			w.ends(r.ID, "aborted")
			if v.served() != "c-v1" || w.runs("production") != v.built("v1") {
				t.Errorf("%s: taken back, Vercel serves %s, Slipway records %s", h.name, v.served(), w.runs("production"))
			}
		}
	})
}

// Another person deletes the canary: it is said who, and the guard takes it back, for its visitors get nothing.
func TestAnotherHandDeletesACanaryOnVercel(t *testing.T) {
	onVercels(t, []string{store.SQLite}, long, func(t *testing.T, w *world, v *town) {
		r := v.push("v2")
		w.gates(r)
		w.exposed(r.ID, 20)
		w.until("Vercel was looked at", func() bool {
			s, err := w.admin().Status(w.ctx)
			return err == nil && s.Target != nil && s.Target.Canary != nil && v.Untold() == 0
		})
		v.deletes(v.built("v2"))
		w.ends(r.ID, "aborted")
		if list := w.events("target.changed"); len(list) != 1 || !strings.Contains(list[0].Sentence, "grace deleted v2") {
			t.Errorf("the log names it as %+v", list)
		}
		if v.served() != "c-v1" {
			t.Errorf("Vercel serves %s", v.served())
		}
	})
}

// Another person rolls production back while a release is watched there: the release ends, and says why.
func TestAnotherHandRollsProductionBackOnVercel(t *testing.T) {
	edit := append([]string{"watch: 300ms", "watch: 1h"}, long...)
	onVercels(t, storetest.Engines(t), edit, func(t *testing.T, w *world, v *town) {
		r := v.push("v2")
		w.gates(r)
		for _, share := range []float64{20, 50} {
			w.exposed(r.ID, share)
			v.goesOn(r)
		}
		w.approves("pia", w.asked(r.ID))
		w.arrives(r.ID, "production/watch")
		v1 := v.built("v1")
		w.until("Vercel has told all", func() bool { return v.Untold() == 0 })
		w.ok(v.hand.Rollback(w.ctx, v.project.ID, v1))
		got := w.ends(r.ID, "rolled_back") // who it was comes in time where Vercel's webhook does
		if !strings.Contains(got.Sentence, "not through Slipway") || v.served() != "c-v1" {
			t.Errorf("Vercel serves %s: %s", v.served(), got.Sentence)
		}
		w.until("what is served is what is recorded", func() bool { return w.runs("production") == v1 })

		v.deletes(v1) // Vercel names it as what production serves all the same
		w.until("the status says so, and who it was", func() bool {
			s, err := w.admin().Status(w.ctx)
			return err == nil && s.Target != nil && s.Target.Trouble && strings.Contains(s.Target.Sentence, "grace deleted")
		})
		plan, err := w.admin().PlanRollback(w.ctx, "production")
		w.ok(err)
		if plan.To != nil {
			t.Errorf("it would go back to %+v", plan.To)
		}
	})
}
