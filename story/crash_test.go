package story

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
	"github.com/slipwayhq/slipway/internal/sim"
	"github.com/slipwayhq/slipway/internal/store"
)

// crashVariable asks for a crash at every single commit instead of one of each kind.
const crashVariable = "SLIPWAY_STORY_CRASH"

// crash is a story that a crash at any point must not change.
type crash struct {
	name string
	edit []string
	live func(s *site)               // what goes on meanwhile
	end  func(s *site) bool          // does what people have to do, and says when all is over
	cuts []int64                     // changes of the edge, counted from 1, before whose record it is crashed
	from string                      // kind of the event from which on it is crashed
	want []string                    // kinds of event that there must be once
	part int                         // crashed at one of so many of the points only, unless all are asked for; 0: at each
	look func(s *site, t *testing.T) // looks at the world afterwards
}

// The control process is killed at every recorded step in turn, and started again:
// everything ends as it does without, and visitors notice nothing.
//
// req: RB-28
func TestCrashChangesNothing(t *testing.T) {
	t.Parallel()
	for _, c := range []crash{goodCrash(), badCrash(), rollbackCrash()} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.tell(t)
		})
	}
}

// goodCrash takes a good version all the way.
func goodCrash() crash {
	return crash{
		name: "good release", from: "deployment.adopted", cuts: []int64{1, 2, 3},
		end: func(s *site) bool { r, ok := s.drives("v2"); return ok && r.Ended != nil },
		want: []string{
			"release.started", "release.completed", "approval.opened", "approval.voted",
			"deployment.judged", "deployment.adopted",
		},
		look: func(s *site, t *testing.T) {
			r := s.release("v2")
			if r.Phase != "completed" || s.runs("production") != "v2" {
				t.Errorf("the release is %s, production runs %s: %s", r.Phase, s.runs("production"), r.Reason)
			}
			for _, x := range r.Steps {
				if x.Status != "passed" {
					t.Errorf("%s is %s", x.ID, x.Status)
				}
			}
			if table := s.at.Table(); table.Stable != r.Deployment || table.Canary != "" {
				t.Errorf("the edge serves %s and canary %q", table.Stable, table.Canary)
			}
			if n := s.failures(); n > 0 {
				t.Errorf("%d requests of visitors failed", n)
			}
		},
	}
}

// badCrash takes a version back that turns bad under visitors.
func badCrash() crash {
	return crash{
		name: "faulty release", from: "release.share_set", cuts: []int64{3}, edit: []string{"bake: 300ms", "bake: 1h"},
		live: func(s *site) {
			s.until("visitors on v2", func() bool { _, _ = s.drives("v2"); return s.at.Table().Share > 0 })
			s.shops["v2"].Break(sim.Fault{Errors: 0.6})
		},
		end: func(s *site) bool { r, ok := s.drives("v2"); return ok && r.Ended != nil },
		want: []string{
			"release.started", "release.undoing", "release.restored", "release.aborted", "deployment.judged", "incident.opened",
		},
		look: func(s *site, t *testing.T) {
			r := s.release("v2")
			if r.Phase != "aborted" || r.Share != 0 || s.runs("production") != "v1" || s.deployment("v2").Verdict != "bad" {
				t.Errorf("the release is %s at %g %%, production runs %s", r.Phase, r.Share, s.runs("production"))
			}
			if table := s.at.Table(); table.Stable == r.Deployment || table.Canary != "" || table.Share != 0 {
				t.Errorf("the edge serves %s and canary %q with %g %%", table.Stable, table.Canary, table.Share)
			}
			s.pass(20)
			served := s.shops["v2"].Served()
			s.pass(100)
			if s.shops["v2"].Served() != served {
				t.Error("v2 still has visitors")
			}
		},
	}
}

// rollbackCrash takes production back from v2, while its watch goes on.
func rollbackCrash() crash {
	return crash{
		name: "rollback", from: "rollback.requested", cuts: []int64{4}, edit: []string{"watch: 300ms", "watch: 1h"},
		live: func(s *site) {
			s.until("v2 in production", func() bool { r, ok := s.drives("v2"); return ok && r.Step == "production/watch" })
		},
		end: func(s *site) bool { b, ok := s.takesBack(); return ok && b.Phase == "done" },
		want: []string{
			"rollback.requested", "rollback.approved", "rollback.started", "rollback.executed", "rollback.smoke_passed",
			"rollback.done", "release.rolled_back", "incident.opened", "release.completed!",
		},
		look: func(s *site, t *testing.T) {
			r := s.release("v2")
			if r.Phase != "rolled_back" || s.runs("production") != "v1" {
				t.Errorf("the release is %s, production runs %s", r.Phase, s.runs("production"))
			}
			if table := s.at.Table(); table.Stable == r.Deployment || table.Canary != "" {
				t.Errorf("the edge serves %s and canary %q", table.Stable, table.Canary)
			}
			if n := s.failures(); n > 0 {
				t.Errorf("%d requests of visitors failed", n)
			}
		},
	}
}

// tell runs the story once without a crash, then with a crash at each point: after
// each commit, and between a change of the edge and the record of it.
func (c crash) tell(t *testing.T) {
	heads, kinds := c.once(t, 0)
	heads = heads[slices.IndexFunc(heads, func(h int64) bool { return slices.Contains(kinds[h], c.from) }):]
	points := heads
	if os.Getenv(crashVariable) != "full" {
		points = sample(heads, kinds)
		for i := 0; c.part > 1 && i < len(points); i++ {
			points = slices.Delete(points, i+1, min(i+c.part, len(points))) // the first of each part stays
		}
	}
	t.Logf("%d commits, a crash at %d of them", len(heads), len(points))
	t.Run("at", func(t *testing.T) {
		for _, at := range points {
			t.Run(fmt.Sprintf("%d %s", at, strings.Join(kinds[at], "+")), func(t *testing.T) {
				t.Parallel()
				c.reaches(t, at, kinds[at])
			})
		}
		for _, generation := range c.cuts {
			t.Run(fmt.Sprintf("edge %d", generation), func(t *testing.T) {
				t.Parallel()
				c.once(t, -generation)
			})
		}
	})
}

// sample keeps one commit of each combination of kinds.
func sample(heads []int64, kinds map[int64][]string) []int64 {
	seen := map[string]bool{}
	return slices.DeleteFunc(slices.Clone(heads), func(h int64) bool {
		k := strings.Join(kinds[h], "+")
		again := seen[k]
		seen[k] = true
		return again
	})
}

// once tells the story with a crash when the log has come to a number; 0 for none. A
// number below 0 counts the changes of the edge instead.
// It returns the commits, each with the kinds of its events.
func (c crash) once(t *testing.T, at int64) ([]int64, map[int64][]string) {
	o := options{edit: c.edit, rate: 60, crowd: 150}
	s := open(t, store.SQLite, prepared(t, store.SQLite), o, 1)
	n := s.nodes[0]
	s.cut = int(max(-at, 0))
	n.Kill, n.revive, n.Heads = max(at, 0), true, filepath.Join(t.TempDir(), "heads")
	s.opens(o)
	s.shop("v2")
	if c.live != nil {
		c.live(s)
	}
	s.until("the end of the story", func() bool { return c.end(s) })
	c.look(s, t)
	events, first := s.sound(t, c.want)
	heads, kinds := commits(t, n.Heads, events, first)
	short := at > 0 && (len(heads) == 0 || heads[len(heads)-1] < at)
	if crashed := n.started() > 1; crashed != (at != 0) && !short {
		t.Errorf("the process was started %d times, want a crash at %d", n.started(), at)
	}
	return heads, kinds
}

// reaches tells the story with a crash at a commit. How often the guard changes its mind is a matter of the clock on
// the wall: when the log of this time ended before that number, the commit of the same kinds is meant.
func (c crash) reaches(t *testing.T, at int64, want []string) {
	for range 4 {
		heads, kinds := c.once(t, at)
		if len(heads) > 0 && heads[len(heads)-1] >= at {
			return
		}
		i := slices.IndexFunc(heads, func(h int64) bool { return slices.Equal(kinds[h], want) })
		if i < 0 {
			t.Fatalf("no commit of this story has %v", want)
		}
		t.Logf("the log ended before %d: once more with a crash at %d", at, heads[i])
		at = heads[i]
	}
	t.Error("the story never came to the commit")
}

// sound looks at the log: it verifies, nothing was done twice or lost. It returns the
// log, and where the story begins in it.
func (s *site) sound(t *testing.T, want []string) ([]api.Event, int64) {
	t.Helper()
	if report, err := s.admin().VerifyLog(s.ctx); err != nil || !report.OK || report.BadVotes > 0 {
		t.Errorf("the log does not verify: %+v %v", report, err)
	}
	s.agrees(t)
	events := s.events("")
	count, recorded, closed, first := map[string]int{}, map[string]int{}, map[string]int{}, int64(0)
	for _, e := range events {
		count[e.Kind]++
		if e.Kind == "deployment.adopted" {
			first = e.Seq
		}
		var data struct{ Key, Step string }
		_ = json.Unmarshal(e.Data, &data)
		switch e.Kind {
		case "effect.recorded":
			recorded[data.Key]++
		case "effect.done", "effect.failed", "effect.superseded":
			closed[data.Key]++
		case "release.step_passed":
			count["step "+data.Step]++
		}
	}
	for _, k := range want {
		once := 1
		if strings.HasSuffix(k, "!") {
			k, once = strings.TrimSuffix(k, "!"), 0
		}
		if count[k] != once && !(k == "deployment.judged" && count[k] > 0) {
			t.Errorf("%d events %s, want %d%s", count[k], k, once, s.newest())
		}
	}
	for _, k := range keys(recorded) {
		if recorded[k] != 1 || closed[k] != 1 {
			t.Errorf("effect %s is recorded %d times and ended %d times", k, recorded[k], closed[k])
		}
	}
	for _, k := range keys(count) {
		if strings.HasPrefix(k, "step ") && count[k] != 1 {
			t.Errorf("%s passed %d times", k, count[k])
		}
	}
	s.mu.Lock()
	if !slices.IsSorted(s.rose) {
		t.Errorf("the edge's generations fell: %v", s.rose)
	}
	s.mu.Unlock()
	return events, first
}

// commits reads the commits of a run from the first on, with what each recorded.
func commits(t *testing.T, file string, events []api.Event, first int64) ([]int64, map[int64][]string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var heads []int64
	for line := range strings.FieldsSeq(string(text)) {
		if h, err := strconv.ParseInt(line, 10, 64); err == nil && h >= first {
			heads = append(heads, h)
		}
	}
	slices.Sort(heads)
	heads = slices.Compact(heads)
	kinds := map[int64][]string{}
	for _, e := range events {
		if i, _ := slices.BinarySearch(heads, e.Seq); i < len(heads) && e.Seq >= first {
			kinds[heads[i]] = append(kinds[heads[i]], e.Kind)
		}
	}
	return heads, kinds
}

// drives does what people have to do next for a version, and returns its release.
// Slipway may be away at any moment: then it is tried again.
func (s *site) drives(version string) (api.Release, bool) {
	r, err := s.admin().Release(s.ctx, version)
	if reasonOf(err) == "release_not_found" {
		_, err = s.tryStart(version)
		return r, false
	}
	if err != nil {
		return r, false
	}
	switch r.Step {
	case "development/checks":
		s.says("ada", r, "unit")
	case "staging/checks":
		s.says("ada", r, "review")
	case "staging/sign-off":
		s.says("quinn", r, "qa_staging")
	}
	if q := r.Approval; q != nil && q.State == "open" {
		_, _ = s.by("pia").Approve(s.ctx, q.ID, api.Decision{Hash: q.Hash})
	}
	return r, true
}

// says reports a check unless it is reported.
func (s *site) says(who string, r api.Release, name string) {
	checks, err := s.by(who).Checks(s.ctx, r.Version)
	said := func(c api.Check) bool { return c.Name == name && c.Status == "passed" }
	if err != nil || slices.ContainsFunc(checks, said) {
		return
	}
	_, _ = s.by(who).ReportCheck(s.ctx, api.ReportCheck{
		Version: r.Version, Commit: r.Commit, Name: name, Status: "passed",
	})
}

// takesBack does what people have to do next for a rollback, and returns it.
func (s *site) takesBack() (api.Rollback, bool) {
	page, err := s.by("inez").Rollbacks(s.ctx, "", 1)
	if err != nil {
		return api.Rollback{}, false
	}
	if len(page.Items) == 0 {
		_, _ = s.by("inez").RequestRollback(s.ctx, api.RequestRollback{Reason: "customers complain"})
		return api.Rollback{}, false
	}
	b := page.Items[0]
	if b.Approval != nil && b.Approval.State == "open" {
		_, _ = s.by("ivan").Approve(s.ctx, b.Approval.ID, api.Decision{Hash: b.Approval.Hash})
	}
	return b, true
}

// agrees holds that every verdict comes out again from what is stored, whoever died meanwhile.
func (s *site) agrees(t *testing.T) {
	t.Helper()
	list, err := s.admin().Releases(s.ctx, client.ReleaseQuery{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range list.Items {
		p, err := s.admin().Replay(s.ctx, r.ID, 0)
		if err != nil || len(p.Differs) > 0 || p.Agree != p.Looks || r.Reached > 0 && p.Looks == 0 {
			t.Errorf("%d of %d verdicts on %s come out again: %+v %v", p.Agree, p.Looks, r.Version, p.Differs, err)
		}
	}
}
