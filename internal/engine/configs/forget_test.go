package configs

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/configuration"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
)

func TestValuesThatNothingNeedsAreForgotten(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		x, ctx := open(t, db), t.Context()
		x.start()
		written := func(o Order) configuration.Revision {
			out := x.push(o)
			if err := x.carry(out.Revision); err != nil {
				t.Fatal(err)
			}
			return out.Revision
		}
		one := written(Order{Set: []Set{{Key: "STAYS", Value: "kept"}, {Key: "GOES", Value: "first"}}}) // 2
		two := written(Order{Set: []Set{{Key: "GOES", Value: "second"}}})                               // 3
		written(Order{Remove: []string{"GOES"}})                                                        // 4
		x.draft(EditOrder{Set: []Set{{Key: "NEXT", Value: "drafted"}}})
		sealed := func(r configuration.Revision, key string) error {
			v, _ := r.Get(key)
			_, err := x.DB.Sealed(ctx, "shop", v.Sealed)
			return err
		}
		now, err := db.Now(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range []time.Duration{0, Retention - time.Minute} {
			if err := x.Forget(ctx, now.Add(at)); err != nil {
				t.Fatal(err)
			}
			if err := sealed(one, "GOES"); err != nil {
				t.Fatalf("forgotten after %v: %v", at, err)
			}
		}
		for range 2 { // a second time does nothing
			if err := x.Forget(ctx, now.Add(Retention+time.Minute)); err != nil {
				t.Fatal(err)
			}
		}
		for _, r := range []configuration.Revision{one, two} {
			if err := sealed(r, "GOES"); !fault.Is(err, fault.NotFound) {
				t.Errorf("revision %d still has GOES: %v", r.Number, err)
			}
			if err := sealed(r, "STAYS"); err != nil {
				t.Errorf("what the newest revision has is forgotten: %v", err)
			}
		}
		d, err := db.ConfigDraft(ctx, "shop", "production")
		if err != nil || len(d.Edits) != 1 {
			t.Fatalf("draft: %+v, %v", d, err)
		}
		if _, err := x.DB.Sealed(ctx, "shop", d.Edits[0].Variable.Sealed); err != nil {
			t.Errorf("what the draft has is forgotten: %v", err)
		}
		if _, _, err := x.Back(ctx, ada(), Order{Environment: "production", Reason: "a test", Over: true}, 3); err == nil ||
			!strings.Contains(err.Error(), "The value of GOES was deleted when no revision had needed it for 90 days.") ||
			strings.Contains(err.Error(), "never had the value of GOES") {
			t.Errorf("a revision without its values is brought back: %v", err)
		}
		events, err := db.Events(ctx, store.EventFilter{Limit: 50})
		n := 0
		for _, e := range events {
			if e.Kind == "config.forgotten" {
				n++
			}
		}
		if n != 1 || err != nil {
			t.Errorf("it is told %d times, %v", n, err)
		}
	})
}

// A revision that is brought back while its values are about to be forgotten keeps them.
func TestNoValueIsForgottenThatIsJustBroughtBack(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		x, ctx := open(t, db), t.Context()
		x.start()
		for _, o := range []Order{{Set: []Set{{Key: "GOES", Value: "first"}}}, {Remove: []string{"GOES"}}} {
			if err := x.carry(x.push(o).Revision); err != nil {
				t.Fatal(err)
			}
		}
		now, err := db.Now(ctx)
		if err != nil {
			t.Fatal(err)
		}
		write := x.Write
		x.Write = func(ctx context.Context, f func(*store.Tx) error) error { // what is to be forgotten is found
			x.Write = write
			if _, _, err := x.Back(ctx, ada(), Order{Environment: "production", Reason: "a test", Over: true}, 2); err != nil {
				t.Error(err)
			}
			return write(ctx, f)
		}
		if err := x.Forget(ctx, now.Add(Retention+time.Minute)); !fault.Is(err, fault.Conflict) {
			t.Errorf("forgetting ended with %v", err)
		}
		newest, err := db.ConfigNewest(ctx, "shop", "production")
		if err != nil || newest.From != 2 {
			t.Fatalf("newest: %+v, %v", newest, err)
		}
		v, _ := newest.Get("GOES")
		if got, err := x.Secrets.Open(ctx, v.Sealed); got != "first" || err != nil {
			t.Errorf("the newest revision has %q, %v", got, err)
		}
		if err := x.Forget(ctx, now.Add(Retention+time.Minute)); err != nil {
			t.Error(err)
		}
	})
}
