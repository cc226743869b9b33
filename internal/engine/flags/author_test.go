package flags_test

import (
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/engine/flags"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/store"
)

// A change that is made later is no way around losing a permission.
func TestAChangeIsNotMadeForWhoMayNotAnyMore(t *testing.T) {
	user := func(edit func(*store.User)) func(*world, *store.Tx) error {
		return func(w *world, tx *store.Tx) error {
			u, err := tx.User(w.ctx, ada().User)
			if err != nil {
				return err
			}
			edit(&u)
			return tx.UpdateUser(w.ctx, &u)
		}
	}
	nothing := func(*world, *store.Tx) error { return nil }
	const later = 300 * time.Millisecond
	for name, test := range map[string]struct {
		change  func(*world, *store.Tx) error
		segment bool
		token   string
		state   flag.DraftState
		why     string
	}{
		"all as it was": {change: nothing, state: flag.Applied},
		"a segment":     {change: nothing, segment: true, state: flag.Applied},
		"a token":       {change: nothing, token: "ci", state: flag.Applied},
		"disabled": {
			change: user(func(u *store.User) { u.Disabled = true }), state: flag.Failed, why: "no access any more",
		},
		"without the role": {
			change: user(func(u *store.User) { u.Roles = nil }), state: flag.Failed, why: "flag:switch",
		},
		"a segment, no role": {
			change: user(func(u *store.User) { u.Roles = nil }), segment: true, state: flag.Failed, why: "flag:edit",
		},
		"a token of somebody":   {change: nothing, token: "none", state: flag.Failed, why: "no access any more"},
		"a token without scope": {change: nothing, token: "narrow", state: flag.Failed, why: "flag:switch"},
		"a revoked token": {change: func(w *world, tx *store.Tx) error {
			return tx.RevokeToken(w.ctx, "tok_ci", tx.Now())
		}, token: "ci", state: flag.Failed, why: "no access any more"},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, plain, func(t *testing.T, w *world) {
				w.create("checkout")
				w.ok(w.DB.Write(w.ctx, func(tx *store.Tx) error {
					for name, scope := range map[string]string{"ci": "flag:switch", "narrow": "check:report"} {
						if err := tx.InsertToken(w.ctx, store.Token{
							ID: "tok_" + name, Name: name, Owner: ada().User, Hash: name, Scopes: []string{scope}, Created: tx.Now(),
						}); err != nil {
							return err
						}
					}
					return nil
				}))
				who := ada()
				if test.token != "" {
					who.ID = "token:ada/" + test.token
				}
				now, err := w.DB.Now(w.ctx)
				w.ok(err)
				when := flags.When{At: now.Add(later)}
				var d flag.Draft
				if test.segment {
					out, err := w.ChangeSegment(w.ctx, who, flags.SegmentOrder{
						Key: "staff", Environment: "production", Put: &flag.Segment{},
					}, when)
					w.ok(err)
					d = out.Draft
				} else {
					out, err := w.Do(w.ctx, who, flags.Order{Kind: flags.On, Flag: "checkout", Environment: "production"},
						flags.How{When: when})
					w.ok(err)
					d = out.Draft
				}
				w.ok(w.DB.Write(w.ctx, func(tx *store.Tx) error { return test.change(w, tx) }))
				_, stop := w.node(plain)
				defer stop()
				d = w.ended(d.ID, test.state)
				if !strings.Contains(d.Why, test.why) || strings.HasSuffix(d.Why, ".") {
					t.Errorf("why: %s", d.Why)
				}
				if on := w.config("checkout", "production").On; on != (test.state == flag.Applied && !test.segment) {
					t.Errorf("it is on: %t", on)
				}
				kinds, _ := w.kinds()
				if last := kinds[len(kinds)-1]; test.state == flag.Failed && last != "flag.dropped" {
					t.Errorf("the log ends with %s", last)
				}
			})
		})
	}
}
