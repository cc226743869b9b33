package flagset

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/credential"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/live"
	"github.com/slipwayhq/slipway/internal/store"
)

func open(t *testing.T) *Keeper {
	t.Helper()
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "a.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return New(Options{DB: db, Live: live.New(db, nil), App: "shop", Environments: []string{"production"}})
}

func write(t *testing.T, k *Keeper, f func(context.Context, *store.Tx) error) {
	t.Helper()
	if err := k.DB.Write(t.Context(), func(tx *store.Tx) error {
		if err := f(t.Context(), tx); err != nil {
			return err
		}
		_, err := tx.RaiseGeneration(t.Context(), "shop", "production")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := k.Look(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func addFlag(ctx context.Context, tx *store.Tx, key string, rules ...flag.Rule) error {
	if err := tx.InsertFlag(ctx, &flag.Flag{
		App: "shop", Key: key, Kind: flag.Boolean, Bucketing: 2, Created: time.Unix(1, 0),
		Variants: []flag.Variant{{Name: "on", Value: []byte("true")}, {Name: "off", Value: []byte("false")}},
	}); err != nil {
		return err
	}
	return tx.InsertFlagConfig(ctx, &flag.Config{
		App: "shop", Flag: key, Environment: "production", On: true, Revision: 1, Rules: rules,
		Default: flag.Serve{Variant: "off"},
	})
}

// A list is read again when its segment changed, and kept when something else did.
func TestListsAreKept(t *testing.T) {
	k := open(t)
	group := flag.Segment{App: "shop", Key: "friends", Environment: "production", Listed: 1, Revision: 1}
	write(t, k, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.InsertSegment(ctx, &group); err != nil {
			return err
		}
		if _, err := tx.AddMembers(ctx, group, []string{"ada"}); err != nil {
			return err
		}
		return addFlag(ctx, tx, "checkout", flag.Rule{
			ID: "r1", If: []flag.Condition{{Segment: "friends"}}, Serve: flag.Serve{Variant: "on"},
		})
	})
	gets := func(who, want string) {
		t.Helper()
		got := k.Set("production").Snapshot.Evaluate("checkout", flag.NewContext(who, nil), time.Now())
		if got.Variant != want {
			t.Errorf("%s gets %+v, not %s", who, got, want)
		}
	}
	gets("ada", "on")
	gets("bob", "off")
	// What is in the table now is not read: only the other flag has changed.
	write(t, k, func(ctx context.Context, tx *store.Tx) error {
		if _, err := tx.AddMembers(ctx, group, []string{"bob"}); err != nil {
			return err
		}
		return addFlag(ctx, tx, "other")
	})
	gets("ada", "on")
	gets("bob", "off")
	write(t, k, func(ctx context.Context, tx *store.Tx) error {
		group.Revision, group.Listed = 2, 2
		return tx.UpdateSegment(ctx, &group)
	})
	gets("bob", "on")
	// Another segment of this name and revision, while nobody looked.
	write(t, k, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.DeleteSegment(ctx, group); err != nil {
			return err
		}
		group.Row, group.Listed, group.Updated = 0, 1, time.Unix(9, 0)
		if err := tx.InsertSegment(ctx, &group); err != nil {
			return err
		}
		_, err := tx.AddMembers(ctx, group, []string{"cleo"})
		return err
	})
	gets("cleo", "on")
	gets("ada", "off")
}

// What cannot be stored is counted later, and the store learns when keys were used.
func TestUsageIsWritten(t *testing.T) {
	k := open(t)
	secret := credential.NewFlagKey(credential.ServerKey)
	write(t, k, func(ctx context.Context, tx *store.Tx) error {
		return tx.InsertFlagKey(ctx, store.FlagKey{
			ID: "fky_1", App: "shop", Environment: "production", Kind: "server", Name: "backend",
			Hash: credential.Hash(secret), Created: tx.Now(),
		})
	})
	used := time.Unix(1_700_000_000, 0)
	k.Key(secret).Use(used)
	k.Usage.Counter("production", "checkout", "on").Evaluated(3)
	failing := errors.New("the database is away")
	var got []store.FlagUsage
	k.Write = func(_ context.Context, list []store.FlagUsage) error {
		got = list
		return failing
	}
	m := newMinute(used)
	m.pass(t.Context(), k, used) // not due yet
	if got != nil {
		t.Fatalf("too early: %+v", got)
	}
	m.pass(t.Context(), k, used.Add(time.Minute))
	failing = nil
	k.Usage.Counter("production", "checkout", "on").Evaluated(1)
	m.pass(t.Context(), k, used.Add(2*time.Minute))
	if len(got) != 1 || got[0].Evaluations != 2 {
		t.Errorf("%+v", got)
	}
	key, err := k.DB.FlagKey(t.Context(), "fky_1")
	if err != nil || !key.LastUsed.Equal(used) {
		t.Errorf("used %s: %v", key.LastUsed, err)
	}
}

func TestRate(t *testing.T) {
	var r Rate
	now := time.Unix(1_700_000_000, 0)
	taken := 0
	for range 100 {
		if r.Take(now, 10) == 0 {
			taken++
		}
	}
	if taken != 20 {
		t.Errorf("%d at once, at 10 a second", taken)
	}
	if wait := r.Take(now, 10); wait <= 0 || wait > 100*time.Millisecond {
		t.Errorf("the next in %s", wait)
	}
	if wait := r.Take(now.Add(100*time.Millisecond), 10); wait != 0 {
		t.Errorf("a tenth of a second later one waits %s", wait)
	}
}

// Anybody with a public key can say that they heard of something newer: nobody hangs by that while the store does.
func TestReadersDoNotWaitForAStoreThatHangs(t *testing.T) {
	k := open(t)
	if err := k.Look(t.Context()); err != nil {
		t.Fatal(err)
	}
	k.turn <- struct{}{} // a look that does not end
	done := make(chan struct{})
	go func() {
		defer close(done)
		k.Await(context.Background(), "production", 1<<40)
	}()
	select {
	case <-done:
	case <-time.After(10 * most):
		t.Error("a reader hangs")
	}
}
