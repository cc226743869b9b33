package store_test

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
)

func insertUser(t testing.TB, db *store.DB, id, name string) store.User {
	t.Helper()
	u := store.User{ID: id, Name: name, PasswordHash: "$argon2id$x", Roles: []string{"qa", "admin"}, Created: day(0)}
	must(t, db, func(tx *store.Tx) error { return tx.InsertUser(t.Context(), &u) })
	return u
}

func TestUsers(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		ada := insertUser(t, db, "usr_1", "Ada Ünal")
		insertUser(t, db, "usr_2", "bob")
		got, err := db.UserByName(ctx, " ADA ÜNAL ")
		if diff := cmp.Diff(ada, got, sameInstant()); diff != "" || err != nil {
			t.Errorf("by name %v (-want +got):\n%s", err, diff)
		}
		_, err = db.UserByName(ctx, "eve")
		wantFault(t, err, fault.NotFound, "not_found")
		wantFault(t, db.Write(ctx, func(tx *store.Tx) error {
			u := store.User{ID: "usr_3", Name: "BOB"}
			return tx.InsertUser(ctx, &u)
		}), fault.Conflict, "already_exists")
		wantFault(t, db.Write(ctx, func(tx *store.Tx) error {
			u := ada
			u.Name = "Bob"
			return tx.UpdateUser(ctx, &u)
		}), fault.Conflict, "already_exists")
		list, err := db.Users(ctx)
		if err != nil || len(list) != 2 || list[1].Name != "bob" {
			t.Errorf("users %v, %v", list, err)
		}
		for _, seen := range []struct{ now, want int }{{100, 100}, {159, 100}, {160, 160}} { // once a minute
			if err := db.TouchUser(ctx, "usr_1", at(seen.now)); err != nil {
				t.Fatal(err)
			}
			if got, err := db.User(ctx, "usr_1"); err != nil || !got.LastSeen.Equal(at(seen.want)) || got.Row != 1 {
				t.Errorf("seen at %d: %v, %v", seen.now, got, err)
			}
		}
		text, err := json.Marshal(ada)
		if err != nil || strings.Contains(string(text), "argon2id") {
			t.Errorf("the hash leaves as JSON: %s, %v", text, err)
		}
	})
}

func TestSessions(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		insertUser(t, db, "usr_1", "ada")
		want := store.Session{Hash: "h1", User: "usr_1", CSRF: "c", Created: at(0), Expires: at(1000),
			LastSeen: at(0), Agent: "Firefox"}
		second := want
		second.Hash, second.Expires = "h2", at(10)
		for _, s := range []store.Session{want, second} {
			if err := db.InsertSession(ctx, s); err != nil {
				t.Fatal(err)
			}
		}
		nobody := want
		nobody.Hash, nobody.User = "h3", "usr_9"
		wantFault(t, db.InsertSession(ctx, nobody), fault.Conflict, "reference_missing")
		if err := db.TouchSession(ctx, "h1", at(60)); err != nil {
			t.Fatal(err)
		}
		want.LastSeen = at(60)
		got, err := db.Session(ctx, "h1")
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("session %v (-want +got):\n%s", err, diff)
		}
		if n, err := db.PruneSessions(ctx, at(10)); err != nil || n != 1 {
			t.Errorf("pruned %d, %v", n, err)
		}
		_, err = db.Session(ctx, "h2")
		wantFault(t, err, fault.NotFound, "not_found")
		if of, err := db.SessionsOf(ctx, "usr_1"); err != nil || len(of) != 1 {
			t.Errorf("sessions of: %v, %v", of, err)
		}
		if err := db.DeleteSession(ctx, "h1"); err != nil {
			t.Fatal(err)
		}
		_, err = db.Session(ctx, "h1")
		wantFault(t, err, fault.NotFound, "not_found")
	})
}

func TestTokensAndSecrets(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		want := store.Token{ID: "tok_1", Name: "ci", Owner: "usr_1", Hash: "h1", Scopes: []string{"check:report"},
			Created: at(0)}
		must(t, db, func(tx *store.Tx) error { return tx.InsertToken(ctx, want) })
		twice := want
		twice.ID = "tok_2"
		wantFault(t, db.Write(ctx, func(tx *store.Tx) error { return tx.InsertToken(ctx, twice) }), fault.Conflict,
			"already_exists")
		for _, used := range []int{0, 59, 60} {
			if err := db.TouchToken(ctx, "tok_1", at(used)); err != nil {
				t.Fatal(err)
			}
		}
		for _, revoked := range []int{70, 80} {
			must(t, db, func(tx *store.Tx) error { return tx.RevokeToken(ctx, "tok_1", at(revoked)) })
		}
		want.LastUsed, want.Revoked = at(60), at(70)
		got, err := db.TokenByHash(ctx, "h1")
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("token %v (-want +got):\n%s", err, diff)
		}
		_, err = db.TokenByHash(ctx, "h2")
		wantFault(t, err, fault.NotFound, "not_found")
		wantFault(t, db.Write(ctx, func(tx *store.Tx) error { return tx.RevokeToken(ctx, "tok_9", at(1)) }),
			fault.NotFound, "not_found")
		for owner, n := range map[string]int{"": 1, "usr_1": 1, "usr_2": 0} {
			if list, err := db.Tokens(ctx, owner); err != nil || len(list) != n {
				t.Errorf("tokens of %q: %v, %v", owner, list, err)
			}
		}
		for _, value := range []string{"first\x00\xff", "second"} {
			must(t, db, func(tx *store.Tx) error {
				kept, err := tx.PutSecretOnce(ctx, "key", []byte(value))
				if string(kept) != "first\x00\xff" {
					t.Errorf("kept %q", kept)
				}
				return err
			})
		}
		must(t, db, func(tx *store.Tx) error { return tx.DeleteSecret(ctx, "key") })
		_, err = db.Secret(ctx, "key")
		wantFault(t, err, fault.NotFound, "not_found")
	})
}

func TestIdempotency(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		begin := func(key, actor string, second int) *store.Idempotency {
			t.Helper()
			got, err := db.BeginIdempotent(ctx, key, actor, "f", at(second))
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		if begin("k", "user:ada", 0) != nil || begin("k", "user:bob", 0) != nil {
			t.Fatal("a fresh key was taken")
		}
		if got := begin("k", "user:ada", 119); got == nil || got.Status != 0 {
			t.Fatalf("an unfinished request was begun twice: %v", got)
		}
		if begin("k", "user:bob", 121) != nil {
			t.Error("an abandoned request was not taken over")
		}
		if err := db.FinishIdempotent(ctx, "k", "user:ada", 201, []byte("{}\x00")); err != nil {
			t.Fatal(err)
		}
		want := &store.Idempotency{Key: "k", Actor: "user:ada", Fingerprint: "f", Status: 201, Body: []byte("{}\x00"),
			Created: at(0)}
		if diff := cmp.Diff(want, begin("k", "user:ada", 9999)); diff != "" {
			t.Errorf("finished (-want +got):\n%s", diff)
		}
		if err := db.DropIdempotent(ctx, "k", "user:ada"); err != nil || begin("k", "user:ada", 10) != nil {
			t.Errorf("a dropped key is still taken: %v", err)
		}
		if n, err := db.PruneIdempotent(ctx, at(20)); err != nil || n != 1 {
			t.Errorf("pruned %d, %v", n, err)
		}
		var mu sync.Mutex
		var group sync.WaitGroup
		fresh := 0
		for range 8 {
			group.Go(func() {
				got, err := db.BeginIdempotent(context.WithoutCancel(ctx), "race", "user:ada", "f", at(500))
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Errorf("begin: %v", err)
				} else if got == nil {
					fresh++
				}
			})
		}
		if group.Wait(); fresh != 1 {
			t.Errorf("%d began the same request, want 1", fresh)
		}
	})
}

func TestFailures(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		for _, second := range []int{1, 1, 5, 9} {
			if err := db.AddFailure(ctx, "login:ada", at(second)); err != nil {
				t.Fatal(err)
			}
		}
		count := func(key string, since, want int) {
			t.Helper()
			if n, err := db.Failures(ctx, key, at(since)); err != nil || n != want {
				t.Errorf("failures of %s since %d: %d, %v; want %d", key, since, n, err, want)
			}
		}
		count("login:ada", 5, 2)
		count("login:ada", 0, 4)
		count("login:bob", 0, 0)
		if n, err := db.PruneFailures(ctx, at(5)); err != nil || n != 2 {
			t.Errorf("pruned %d, %v", n, err)
		}
		if err := db.ClearFailures(ctx, "login:ada"); err != nil {
			t.Fatal(err)
		}
		count("login:ada", 0, 0)
		if s, err := db.Stats(ctx); err != nil || s.Events != 0 || s.Bytes < 1000 {
			t.Errorf("stats %+v, %v", s, err)
		}
	})
}
