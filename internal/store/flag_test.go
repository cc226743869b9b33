package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
)

func checkout(key string) flag.Flag {
	return flag.Flag{App: "shop", Key: key, Kind: flag.Boolean, Bucketing: 2, Created: day(1), Variants: []flag.Variant{
		{Name: "on", Value: []byte("true")}, {Name: "off", Value: []byte("false")},
	}}
}

func TestFlagSetIsWhatDecides(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		a, b, gone := checkout("a"), checkout("b"), checkout("gone")
		gone.Archived = day(3)
		rule := flag.Rule{ID: "r1", If: []flag.Condition{{Segment: "beta"}}, Serve: flag.Serve{Variant: "on"}}
		config := flag.Config{App: "shop", Environment: "production", Flag: "a", On: true, Rules: []flag.Rule{rule},
			Default: flag.Serve{Variant: "off"}, Revision: 1}
		old := flag.Config{App: "shop", Environment: "production", Flag: "gone", Default: flag.Serve{Variant: "on"}}
		elsewhere := flag.Config{App: "shop", Environment: "staging", Flag: "b", Default: flag.Serve{Variant: "on"}}
		beta := flag.Segment{App: "shop", Environment: "production", Key: "beta", Listed: 3, Revision: 1}
		must(t, db, func(tx *store.Tx) error {
			for _, f := range []*flag.Flag{&b, &a, &gone} {
				if err := tx.InsertFlag(ctx, f); err != nil {
					return err
				}
			}
			for _, c := range []*flag.Config{&config, &old, &elsewhere} {
				if err := tx.InsertFlagConfig(ctx, c); err != nil {
					return err
				}
			}
			if err := tx.InsertSegment(ctx, &beta); err != nil {
				return err
			}
			n, err := tx.AddMembers(ctx, beta, []string{"u2", "u1", "u3", "u2"})
			if n != 3 {
				t.Errorf("%d members added, want 3", n)
			}
			_, _ = tx.RaiseGeneration(ctx, "shop", "production")
			if err == nil {
				_, err = tx.RaiseGeneration(ctx, "shop", "production")
			}
			return err
		})
		want := flag.Set{
			App: "shop", Environment: "production", Generation: 2, Flags: []flag.Flag{a, b},
			Configs: []flag.Config{config}, Segments: []flag.Segment{beta},
			Lists: map[string][]string{"beta": {"u1", "u2", "u3"}},
		}
		got, err := db.FlagSet(ctx, "shop", "production")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, sameInstant()); diff != "" {
			t.Errorf("set (-want +got):\n%s", diff)
		}
		got, err = db.FlagSet(ctx, "shop", "production", func(s *flag.Segment) bool {
			return s.Key != "beta" || s.Revision != 1
		})
		if err != nil || len(got.Lists) != 0 {
			t.Errorf("lists that are known are read again: %v %v", got.Lists, err)
		}
		_, err = db.Flag(ctx, "shop", "none")
		wantFault(t, err, fault.NotFound, "not_found")
		_, err = db.FlagConfig(ctx, "shop", "staging", "a")
		wantFault(t, err, fault.NotFound, "not_found")
	})
}

func TestSegmentsKeepTheirMembersApart(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		one := flag.Segment{App: "shop", Environment: "staging", Key: "one", Revision: 1}
		two := flag.Segment{App: "shop", Environment: "staging", Key: "two", Revision: 1}
		var many []string
		for i := range 2500 {
			many = append(many, fmt.Sprintf("user-%04d", i))
		}
		must(t, db, func(tx *store.Tx) error {
			if err := tx.InsertSegment(ctx, &one); err != nil {
				return err
			}
			if err := tx.InsertSegment(ctx, &two); err != nil {
				return err
			}
			if _, err := tx.AddMembers(ctx, two, []string{"user-0001", "z"}); err != nil {
				return err
			}
			n, err := tx.AddMembers(ctx, one, many)
			if n != len(many) {
				t.Errorf("%d added, want %d", n, len(many))
			}
			return err
		})
		among, err := db.MembersAmong(ctx, one, []string{"user-0002", "nobody", "user-2499"})
		slices.Sort(among)
		if err != nil || !slices.Equal(among, []string{"user-0002", "user-2499"}) {
			t.Errorf("among: %v, %v", among, err)
		}
		page, err := db.SegmentMembers(ctx, one, "user-1000", 3)
		if err != nil || !slices.Equal(page, many[1001:1004]) {
			t.Errorf("page %v, %v", page, err)
		}
		must(t, db, func(tx *store.Tx) error {
			n, err := tx.RemoveMembers(ctx, one, append(many[1:], "stranger"))
			if n != len(many)-1 {
				t.Errorf("%d removed, want %d", n, len(many)-1)
			}
			return err
		})
		if rest, err := db.SegmentMembers(ctx, one, "", 0); err != nil || !slices.Equal(rest, many[:1]) {
			t.Errorf("left: %v, %v", rest, err)
		}
		must(t, db, func(tx *store.Tx) error { return tx.DeleteSegment(ctx, one) })
		_, err = db.Segment(ctx, "shop", "staging", "one")
		wantFault(t, err, fault.NotFound, "not_found")
		if rest, err := db.SegmentMembers(ctx, two, "", 0); err != nil || !slices.Equal(rest, []string{"user-0001", "z"}) {
			t.Errorf("the other segment: %v, %v", rest, err)
		}
		list, err := db.Segments(ctx, "shop", "")
		if err != nil || len(list) != 1 || list[0].Key != "two" {
			t.Errorf("segments %v, %v", list, err)
		}
	})
}

func TestRevisionsCanBeForgotten(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx, subject := t.Context(), store.ConfigSubject("shop", "production", "a")
		must(t, db, func(tx *store.Tx) error {
			for i := range 5 {
				v := store.FlagRevision{Revision: int64(i + 1), At: day(i), Actor: "user:ada", Name: "Ada", Sentence: "s",
					Doc: []byte(fmt.Sprintf(`{"revision":%d}`, i+1))}
				if err := tx.InsertRevision(ctx, subject, v); err != nil {
					return err
				}
			}
			return nil
		})
		got, err := db.Revisions(ctx, subject, 5, 2)
		if err != nil || len(got) != 2 || got[0].Revision != 4 || got[1].Actor != "user:ada" || !got[1].At.Equal(day(2)) {
			t.Errorf("revisions %+v, %v", got, err)
		}
		must(t, db, func(tx *store.Tx) error { return tx.DeleteRevisions(ctx, subject, 4) })
		_, err = db.Revision(ctx, subject, 3)
		wantFault(t, err, fault.NotFound, "not_found")
		if v, err := db.Revision(ctx, subject, 4); err != nil || string(v.Doc) != `{"revision":4}` {
			t.Errorf("revision 4: %+v, %v", v, err)
		}
	})
}

// Changes of flags are compared like those of every noun.
func TestFlagNouns(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		life(t, db, kept[flag.Flag]{
			(*store.Tx).InsertFlag, (*store.Tx).UpdateFlag,
			func(db *store.DB, ctx context.Context, key string) (flag.Flag, error) {
				return db.Flag(ctx, "shop", key)
			},
			checkout,
			func(f *flag.Flag) *int64 { return &f.Row },
			func(f *flag.Flag) { f.Tags, f.Archived = []string{"pay"}, day(2) },
		})
		life(t, db, kept[flag.Config]{
			(*store.Tx).InsertFlagConfig, (*store.Tx).UpdateFlagConfig,
			func(db *store.DB, ctx context.Context, key string) (flag.Config, error) {
				return db.FlagConfig(ctx, "shop", "production", key)
			},
			func(key string) flag.Config { return flag.Config{App: "shop", Environment: "production", Flag: key} },
			func(c *flag.Config) *int64 { return &c.Row },
			func(c *flag.Config) { c.On, c.Revision, c.Ramp = true, 2, "rel_1" },
		})
		life(t, db, kept[flag.Draft]{
			(*store.Tx).InsertFlagDraft, (*store.Tx).UpdateFlagDraft, (*store.DB).FlagDraft,
			func(id string) flag.Draft {
				return flag.Draft{ID: id, App: "shop", Environment: "production", State: flag.Waiting, Release: "rel_1",
					Order: []byte(`{"kind":"on"}`), Created: day(1)}
			},
			func(d *flag.Draft) *int64 { return &d.Row },
			func(d *flag.Draft) { d.State, d.Ended = flag.Applied, day(2) },
		})
		life(t, db, kept[flag.Segment]{
			(*store.Tx).InsertSegment, (*store.Tx).UpdateSegment,
			func(db *store.DB, ctx context.Context, key string) (flag.Segment, error) {
				return db.Segment(ctx, "shop", "production", key)
			},
			func(key string) flag.Segment { return flag.Segment{App: "shop", Environment: "production", Key: key} },
			func(s *flag.Segment) *int64 { return &s.Row },
			func(s *flag.Segment) { s.Listed, s.Revision = 3, 2 },
		})
	})
}

// However fast flags change, a set holds what was true at one moment.
func TestFlagSetIsOneMoment(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		a, b := checkout("a"), checkout("b")
		configs := []flag.Config{
			{App: "shop", Environment: "production", Flag: "a"}, {App: "shop", Environment: "production", Flag: "b"},
		}
		beta := flag.Segment{App: "shop", Environment: "production", Key: "beta"}
		must(t, db, func(tx *store.Tx) error {
			return errors.Join(tx.InsertFlag(ctx, &a), tx.InsertFlag(ctx, &b), tx.InsertFlagConfig(ctx, &configs[0]),
				tx.InsertFlagConfig(ctx, &configs[1]), tx.InsertSegment(ctx, &beta))
		})
		const changes = 150
		done := make(chan error, 1)
		go func() {
			var err error
			for n := int64(1); n <= changes && err == nil; n++ {
				err = db.Write(ctx, func(tx *store.Tx) error {
					configs[0].Revision, configs[1].Revision, beta.Revision, beta.Listed = n, n, n, int(n)
					_, e := tx.AddMembers(ctx, beta, []string{fmt.Sprint(n)})
					_, g := tx.RaiseGeneration(ctx, "shop", "production")
					return errors.Join(e, g, tx.UpdateFlagConfig(ctx, &configs[0]), tx.UpdateFlagConfig(ctx, &configs[1]),
						tx.UpdateSegment(ctx, &beta))
				})
			}
			done <- err
		}()
		for last := int64(0); last < changes; {
			set, err := db.FlagSet(ctx, "shop", "production")
			if fault.ReasonOf(err) == "flags_changing" {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			n := set.Generation
			if set.Configs[0].Revision != n || set.Configs[1].Revision != n || set.Segments[0].Revision != n ||
				int64(len(set.Lists["beta"])) != n || n < last {
				t.Fatalf("after generation %d: %d with revisions %d, %d, %d and %d members", last, n, set.Configs[0].Revision,
					set.Configs[1].Revision, set.Segments[0].Revision, len(set.Lists["beta"]))
			}
			last = n
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
