package store_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/internal/approval"
	"github.com/slipwayhq/slipway/internal/checklist"
	"github.com/slipwayhq/slipway/internal/deployment"
	"github.com/slipwayhq/slipway/internal/effect"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/incident"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/rollback"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
)

// sameInstant compares times as instants: documents keep the zone's offset, not its name.
func sameInstant() cmp.Option {
	return cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })
}

// kept is how a noun is inserted, updated and read, for the test that all share.
type kept[T any] struct {
	insert, update func(*store.Tx, context.Context, *T) error
	read           func(*store.DB, context.Context, string) (T, error)
	id             func(string) T
	row            func(*T) *int64
	change         func(*T)
}

// life takes a noun through insert, read, update, a lost race and absence.
func life[T any](t *testing.T, db *store.DB, k kept[T]) {
	t.Helper()
	ctx := t.Context()
	v := k.id("x_1")
	must(t, db, func(tx *store.Tx) error { return k.insert(tx, ctx, &v) })
	if *k.row(&v) != 1 {
		t.Errorf("row %d after the insert, want 1", *k.row(&v))
	}
	again := k.id("x_1")
	wantFault(t, db.Write(ctx, func(tx *store.Tx) error { return k.insert(tx, ctx, &again) }), fault.Conflict,
		"already_exists")
	stale, err := k.read(db, ctx, "x_1")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(v, stale, sameInstant()); diff != "" {
		t.Errorf("read back (-inserted +read):\n%s", diff)
	}
	k.change(&v)
	must(t, db, func(tx *store.Tx) error { return k.update(tx, ctx, &v) })
	got, err := k.read(db, ctx, "x_1")
	if err != nil || *k.row(&got) != 2 {
		t.Fatalf("row %d, %v after the update, want 2", *k.row(&got), err)
	}
	if diff := cmp.Diff(v, got, sameInstant()); diff != "" {
		t.Errorf("read back (-updated +read):\n%s", diff)
	}
	wantFault(t, db.Write(ctx, func(tx *store.Tx) error { return k.update(tx, ctx, &stale) }), fault.Conflict,
		"changed_meanwhile")
	_, err = k.read(db, ctx, "x_2")
	wantFault(t, err, fault.NotFound, "not_found")
	none := k.id("x_2")
	wantFault(t, db.Write(ctx, func(tx *store.Tx) error { return k.update(tx, ctx, &none) }), fault.NotFound, "not_found")
}

func TestNouns(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		life(t, db, kept[release.Release]{
			(*store.Tx).InsertRelease, (*store.Tx).UpdateRelease, (*store.DB).Release,
			func(id string) release.Release {
				return release.Release{ID: id, App: "shop", Version: "v2 ü🚢", Note: "a\u0000b", Phase: release.Running,
					Created: day(0)}
			},
			func(r *release.Release) *int64 { return &r.Row },
			func(r *release.Release) { r.Phase, r.Ended, r.Note = release.Completed, day(1), "done" },
		})
	})
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		life(t, db, kept[rollback.Rollback]{
			(*store.Tx).InsertRollback, (*store.Tx).UpdateRollback, (*store.DB).Rollback,
			func(id string) rollback.Rollback {
				return rollback.Rollback{ID: id, App: "shop", Release: "rel_1", Phase: rollback.Requested, Created: day(0)}
			},
			func(r *rollback.Rollback) *int64 { return &r.Row },
			func(r *rollback.Rollback) { r.Phase, r.Ended = rollback.Done, day(1) },
		})
		life(t, db, kept[approval.Request]{
			(*store.Tx).InsertApproval, (*store.Tx).UpdateApproval, (*store.DB).Approval,
			func(id string) approval.Request {
				return approval.New(id, approval.Subject{ID: "rel_1", App: "shop", Evidence: map[string]string{"smoke": "passed"}},
					[]approval.Rule{{Role: "qa", Count: 1}}, "ada", day(0))
			},
			func(r *approval.Request) *int64 { return &r.Row },
			func(r *approval.Request) { *r = r.Void("the plan changed", day(1)) },
		})
		life(t, db, kept[incident.Incident]{
			(*store.Tx).InsertIncident, (*store.Tx).UpdateIncident, (*store.DB).Incident,
			func(id string) incident.Incident {
				return incident.Incident{ID: id, App: "shop", Severity: incident.SEV2, State: incident.Open, Opened: day(0)}
			},
			func(i *incident.Incident) *int64 { return &i.Row },
			func(i *incident.Incident) { i.State, i.Resolved = incident.Resolved, day(1) },
		})
		life(t, db, kept[deployment.Deployment]{
			(*store.Tx).InsertDeployment, (*store.Tx).UpdateDeployment, (*store.DB).Deployment,
			func(id string) deployment.Deployment {
				return deployment.Deployment{ID: id, App: "shop", Version: "v1", URL: "http://127.0.0.1:3001/" + id,
					Verdict: deployment.Unknown, Created: day(0)}
			},
			func(d *deployment.Deployment) *int64 { return &d.Row },
			func(d *deployment.Deployment) { d.Verdict, d.Promoted, d.Verified = deployment.Good, day(1), day(2) },
		})
		life(t, db, kept[store.User]{
			(*store.Tx).InsertUser, (*store.Tx).UpdateUser, (*store.DB).User,
			func(id string) store.User {
				return store.User{ID: id, Name: "Ada " + id, PasswordHash: "$argon2id$…", Roles: []string{"qa"}, Created: day(0)}
			},
			func(u *store.User) *int64 { return &u.Row },
			func(u *store.User) { u.Title, u.PasswordHash, u.Disabled = "Dr.", "$argon2id$2", true },
		})
	})
}

func TestReleasesPages(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		must(t, db, func(tx *store.Tx) error {
			for n := range 25 {
				r := release.Release{ID: fmt.Sprintf("rel_%02d", n), App: "shop", Version: fmt.Sprintf("v%d", n%3),
					Phase: release.Completed, Created: day(n / 4)}
				if n%5 == 0 {
					r.Phase = release.Paused
				}
				if err := tx.InsertRelease(ctx, &r); err != nil {
					return err
				}
			}
			other := release.Release{ID: "rel_other", App: "blog", Version: "v0", Phase: release.Running, Created: day(9)}
			return tx.InsertRelease(ctx, &other)
		})
		tests := []struct {
			name string
			f    store.ReleaseFilter
			want int
		}{
			{"all", store.ReleaseFilter{}, 26},
			{"app", store.ReleaseFilter{App: "shop"}, 25},
			{"phase", store.ReleaseFilter{App: "shop", Phase: []string{"paused", "running"}}, 5},
			{"version", store.ReleaseFilter{App: "shop", Version: "v1"}, 8},
			{"none", store.ReleaseFilter{App: "nothing"}, 0},
		}
		for _, tt := range tests {
			tt.f.Limit = 4
			seen, pages := map[string]bool{}, 0
			for last := ""; ; pages++ {
				got, next, err := db.Releases(ctx, tt.f)
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range got {
					key := fmt.Sprintf("%020d%s", r.Created.UnixMicro(), r.ID)
					if seen[r.ID] || (last != "" && key >= last) {
						t.Errorf("%s: %s is out of order", tt.name, r.ID)
					}
					seen[r.ID], last = true, key
				}
				if tt.f.Before = next; next == "" {
					break
				}
			}
			if len(seen) != tt.want || pages != max(0, (tt.want-1)/4) {
				t.Errorf("%s: %d releases on %d further pages, want %d", tt.name, len(seen), pages, tt.want)
			}
		}
		for app, want := range map[string]int{"shop": 5, "blog": 1, "": 6, "none": 0} {
			if got, err := db.ActiveReleases(ctx, app); err != nil || len(got) != want {
				t.Errorf("active of %q: %d, %v; want %d", app, len(got), err, want)
			}
		}
		_, _, err := db.Releases(ctx, store.ReleaseFilter{Before: "nonsense"})
		wantFault(t, err, fault.Invalid, "bad_cursor")
		got, _, err := db.Releases(ctx, store.ReleaseFilter{App: "shop", Before: store.CursorAt(day(1)), Limit: 50})
		if err != nil || len(got) != 4 {
			t.Errorf("before day 1: %d, %v; want 4", len(got), err)
		}
	})
}

func TestListsOfTheOtherNouns(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		must(t, db, func(tx *store.Tx) error {
			for n, phase := range []rollback.Phase{rollback.Requested, rollback.Done, rollback.Failed} {
				r := rollback.Rollback{ID: fmt.Sprint("rbk_", n), App: "shop", Release: "rel_1", Phase: phase, Created: day(n)}
				a := approval.New(fmt.Sprint("apr_", n), approval.Subject{ID: r.ID, App: "shop"}, nil, "ada", day(n))
				if n == 1 {
					a = a.Expire(day(3))
				}
				i := incident.Incident{ID: fmt.Sprint("inc_", n), App: "shop", Severity: incident.SEV3, State: incident.Open,
					Rollback: r.ID, Opened: day(n)}
				if n == 2 {
					i.State = incident.Resolved
				}
				d := deployment.Deployment{ID: fmt.Sprint("dep_", n), App: "shop", Version: fmt.Sprint("v", n), URL: "http://a",
					Verdict: deployment.Good, Environment: "production", Created: day(n)}
				if n > 0 {
					d.Promoted = day(n)
				}
				for _, err := range []error{
					tx.InsertRollback(ctx, &r), tx.InsertApproval(ctx, &a), tx.InsertIncident(ctx, &i), tx.InsertDeployment(ctx, &d),
				} {
					if err != nil {
						return err
					}
				}
			}
			return nil
		})
		count := func(name string, got, want int, err error) {
			t.Helper()
			if err != nil || got != want {
				t.Errorf("%s: %d, %v; want %d", name, got, err, want)
			}
		}
		rs, _, err := db.Rollbacks(ctx, store.RollbackFilter{App: "shop"})
		count("rollbacks", len(rs), 3, err)
		rs, err = db.ActiveRollbacks(ctx, "")
		count("active rollbacks", len(rs), 2, err)
		as, err := db.ApprovalsOpen(ctx, "shop")
		count("open requests", len(as), 2, err)
		as, err = db.ApprovalsOpen(ctx, "")
		count("all open requests", len(as), 2, err)
		as, err = db.ApprovalsOf(ctx, "rbk_1")
		count("requests of", len(as), 1, err)
		is, _, err := db.Incidents(ctx, store.IncidentFilter{App: "shop", State: "open"})
		count("incidents", len(is), 2, err)
		ds, _, err := db.Deployments(ctx, "shop", store.DeploymentFilter{Environment: "production"})
		count("deployments", len(ds), 3, err)
		d, err := db.DeploymentByURL(ctx, "shop", "v1", "http://a")
		if err != nil || d.ID != "dep_1" {
			t.Errorf("by URL: %v, %v", d, err)
		}
		_, err = db.DeploymentByURL(ctx, "shop", "v1", "http://b")
		wantFault(t, err, fault.NotFound, "not_found")
		stats, err := db.Stats(ctx)
		if err != nil || stats.OpenApprovals != 2 || stats.ActiveRollbacks != 2 || stats.Bytes == 0 ||
			stats.OpenConnections == 0 {
			t.Errorf("stats %+v, %v", stats, err)
		}
	})
}

func TestEnvironmentsAndChecks(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		cover := 81.5
		first := checklist.Result{App: "shop", Version: "v2", Name: "unit", Status: checklist.Running, At: day(0)}
		second := first
		second.Status, second.Coverage, second.At = checklist.Passed, &cover, day(1)
		for n, c := range []checklist.Result{first, second} {
			must(t, db, func(tx *store.Tx) error {
				s := store.EnvironmentState{App: "shop", Name: "production", Deployment: fmt.Sprint("dep_", n), Since: day(n)}
				if err := tx.SetEnvironment(ctx, s); err != nil {
					return err
				}
				return tx.PutCheck(ctx, c)
			})
		}
		states, err := db.EnvironmentStates(ctx, "shop")
		want := []store.EnvironmentState{{App: "shop", Name: "production", Deployment: "dep_1", Since: day(1), Row: 2}}
		if diff := cmp.Diff(want, states, sameInstant()); diff != "" || err != nil {
			t.Errorf("environments %v (-want +got):\n%s", err, diff)
		}
		checks, err := db.Checks(ctx, "shop", "v2")
		second.Row = 2
		if diff := cmp.Diff([]checklist.Result{second}, checks, sameInstant()); diff != "" || err != nil {
			t.Errorf("checks %v (-want +got):\n%s", err, diff)
		}
	})
}

func TestEffects(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		insert := func(key string, attempts int, state effect.State) bool {
			var fresh bool
			must(t, db, func(tx *store.Tx) (err error) {
				e := effect.Effect{Key: key, Subject: "rel_1", Lane: "route", Kind: effect.Route, State: state, Attempts: attempts,
					Args: json.RawMessage(`{"share":5}`), Retry: time.Second, Created: day(attempts)}
				fresh, err = tx.InsertEffect(ctx, &e)
				return err
			})
			return fresh
		}
		if !insert("a", 0, effect.Pending) || insert("a", 0, effect.Pending) {
			t.Error("the same key was written down twice, or not at all")
		}
		insert("b", 1, effect.Pending)
		insert("c", 0, effect.Done)
		insert("d", 0, effect.Pending)
		insert("e", 0, effect.Pending)
		var keys []string
		must(t, db, func(tx *store.Tx) (err error) {
			keys, err = tx.SupersedeLane(ctx, "route", "e")
			return err
		})
		if diff := cmp.Diff([]string{"a", "d"}, keys); diff != "" {
			t.Errorf("superseded (-want +got):\n%s", diff)
		}
		pending, err := db.EffectsPending(ctx)
		if err != nil || len(pending) != 2 {
			t.Errorf("pending %v, %v", pending, err)
		}
		e, err := db.Effect(ctx, "a")
		if err != nil || e.State != effect.Superseded || e.Row != 2 || e.Ended.IsZero() || string(e.Args) != `{"share":5}` {
			t.Errorf("effect %+v, %v", e, err)
		}
		e.Attempts++
		must(t, db, func(tx *store.Tx) error { return tx.UpdateEffect(ctx, &e) })
		of, err := db.EffectsOf(ctx, "rel_1")
		if err != nil || len(of) != 5 {
			t.Errorf("effects of: %d, %v", len(of), err)
		}
		_, err = db.Effect(ctx, "zzz")
		wantFault(t, err, fault.NotFound, "not_found")
	})
}

func TestRoutes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		put := func(generation uint64, doc string) error {
			return db.Write(ctx, func(tx *store.Tx) error { return tx.PutRoute(ctx, "shop", generation, json.RawMessage(doc)) })
		}
		_, _, err := db.Route(ctx, "shop")
		wantFault(t, err, fault.NotFound, "not_found")
		for _, step := range []struct {
			generation uint64
			doc        string
			reason     string
		}{
			{3, `{"share": 5}`, ""}, {3, `{"share":5}`, ""}, {4, `{"share":10}`, ""},
			{4, `{"share":11}`, "stale_generation"}, {3, `{"share":5}`, "stale_generation"},
			{5, `{`, "not_json"}, {1 << 63, `{}`, "number_too_large"},
		} {
			if err := put(step.generation, step.doc); (err == nil) != (step.reason == "") ||
				err != nil && fault.ReasonOf(err) != step.reason {
				t.Errorf("put %d %s: %v, want %q", step.generation, step.doc, err, step.reason)
			}
		}
		generation, doc, err := db.Route(ctx, "shop")
		if err != nil || generation != 4 || string(doc) != `{"share":10}` {
			t.Errorf("route %d %s, %v", generation, doc, err)
		}
	})
}
