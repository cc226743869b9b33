package configs

import (
	"strings"
	"sync"
	"testing"

	"github.com/slipwayhq/slipway/internal/configuration"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
)

// draft changes the draft of production; it must be taken.
func (x *town) draft(o EditOrder) configuration.Draft {
	x.t.Helper()
	o.Environment = "production"
	d, err := x.Edit(x.t.Context(), ada(), o)
	if err != nil {
		x.t.Fatal(err)
	}
	return d
}

// req: EN-17
func TestADraftIsGatheredAndApplied(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		x, ctx := open(t, db), t.Context()
		x.start()
		c := change()
		first := x.draft(EditOrder{Set: c.Set, Remove: c.Remove})
		second := x.draft(EditOrder{Set: []Set{{Key: "TYPO", Value: "no-such-thing"}}, Seen: first.ID})
		lost := second.Edits[6].Variable.Sealed
		if second.Edits[6].Variable.Key != "TYPO" || lost == "" {
			t.Fatalf("drafted: %+v", second.Edits)
		}
		if _, err := x.Edit(ctx, ada(), EditOrder{Environment: "production", Remove: []string{"PORT"},
			Seen: first.ID}); !fault.Is(err, fault.Conflict) {
			t.Errorf("a draft that is another by now is changed: %v", err)
		}
		third := x.draft(EditOrder{Undo: []string{"TYPO"}})
		if _, err := x.DB.Sealed(ctx, "shop", lost); !fault.Is(err, fault.NotFound) {
			t.Errorf("the value of what was taken out of the draft stays: %v", err)
		}
		if live := x.look(); live.Revision != 1 || len(live.Drift) > 0 {
			t.Errorf("a draft shows on the platform: %+v", live)
		}
		_, then, err := x.Drafted(ctx, "production")
		words := "adds NEW_TOKEN; changes DB_PASSWORD, PAY_URL, SHARED, SIGNING; removes OLD"
		if got := configuration.Words(then.Changes); got != words || err != nil {
			t.Errorf("it %s, %v; want %s", got, err, words)
		}
		o := Order{Environment: "production", Reason: "a test", Revision: 1}
		if _, err := x.ApplyDraft(ctx, ada(), o, first.ID); !fault.Is(err, fault.Conflict) {
			t.Errorf("another draft than the one that was seen is applied: %v", err)
		}
		out, err := x.ApplyDraft(ctx, ada(), o, third.ID)
		if err != nil || out.Revision.Number != 2 {
			t.Fatalf("applied: %+v, %v", out, err)
		}
		if err := x.carry(out.Revision); err != nil {
			t.Fatal(err)
		}
		same(t, "a build for production", x.built("production"), after())
		if d, err := x.DB.ConfigDraft(ctx, "shop", "production"); err != nil || d.Row != 0 {
			t.Errorf("after it was applied there is %+v, %v", d, err)
		}
		if _, err := x.ApplyDraft(ctx, ada(), o, third.ID); err == nil {
			t.Error("it is applied twice")
		}
		x.nothingTold("new-hunter3", "tok-brand-new", "for-production-only", "sensitive-of-after", "no-such-thing")
	})
}

func TestADraftThatIsDiscardedLeavesNothing(t *testing.T) {
	t.Parallel()
	x, ctx := open(t, storetest.Open(t, "sqlite")), t.Context()
	x.start()
	before, err := x.DB.SealedKeys(ctx)
	if err != nil {
		t.Fatal(err)
	}
	d := x.draft(EditOrder{Set: []Set{{Key: "A", Value: "one"}, {Key: "B", Value: "two"}}})
	for _, seen := range []string{"cfg_other", d.ID} {
		if err := x.Discard(ctx, ada(), "production", seen); (err == nil) != (seen == d.ID) {
			t.Errorf("discard %s: %v", seen, err)
		}
	}
	after, err := x.DB.SealedKeys(ctx)
	if err != nil || len(after) != len(before) {
		t.Errorf("sealed before %v, after %v, %v", before, after, err)
	}
	// What sets a variable to what it is already says nothing.
	if d := x.draft(EditOrder{Set: []Set{{Key: "PORT", Value: "3000", Kind: configuration.Plain}}}); len(d.Edits) != 0 {
		t.Errorf("drafted: %+v", d.Edits)
	}
	if _, err := x.Edit(ctx, ada(), EditOrder{Environment: "production", Remove: []string{"NONE"}}); !fault.Is(err,
		fault.NotFound) {
		t.Errorf("what is not there is removed: %v", err)
	}
}

// TestTwoNodesMakeOneRevision lets two nodes change the same variables at once: one of the two has to look again.
func TestTwoNodesMakeOneRevision(t *testing.T) {
	t.Parallel()
	for _, engine := range storetest.Engines(t) {
		t.Run(engine, func(t *testing.T) {
			address := storetest.Address(t, engine)
			a := open(t, storetest.OpenAt(t, address))
			b := a.beside(storetest.OpenAt(t, address))
			a.start()
			for round := range int64(6) {
				var group sync.WaitGroup
				errs := make([]error, 2)
				for i, x := range []*town{a, b} {
					group.Go(func() {
						_, errs[i] = x.Push(t.Context(), ada(), Order{Environment: "production", Reason: "at once", Over: true,
							Revision: round + 1, Set: []Set{{Key: "PORT", Value: strings.Repeat("1", int(round)*2+i+1)}}})
					})
				}
				group.Wait()
				lost := errs[0]
				if lost == nil {
					lost = errs[1]
				}
				if !fault.Is(lost, fault.Conflict) || errs[0] != nil && errs[1] != nil {
					t.Fatalf("round %d: %v and %v, want one revision and one conflict", round, errs[0], errs[1])
				}
				if newest, err := b.DB.ConfigNewest(t.Context(), "shop", "production"); err != nil || newest.Number != round+2 {
					t.Fatalf("round %d: revision %d, %v", round, newest.Number, err)
				}
			}
		})
	}
}

// TestCallsOfTwoNodesNeverMix has a node stand still amid its calls while another wants a later revision.
func TestCallsOfTwoNodesNeverMix(t *testing.T) {
	t.Parallel()
	for _, engine := range storetest.Engines(t) {
		t.Run(engine, func(t *testing.T) {
			address := storetest.Address(t, engine)
			a := open(t, storetest.OpenAt(t, address))
			b := a.beside(storetest.OpenAt(t, address))
			a.start()
			stands, on := make(chan struct{}), make(chan struct{})
			var once sync.Once
			a.wire.before = func() { once.Do(func() { close(stands); <-on }) }
			first := a.push(change())
			ended := make(chan error, 1)
			go func() { ended <- a.carry(first.Revision) }()
			<-stands
			second := b.push(Order{Set: []Set{{Key: "PAY_URL", Value: "https://pay.three"}}})
			if err := b.carry(second.Revision); !fault.Is(err, fault.Unavailable) {
				t.Errorf("a node writes amid another's calls: %v", err)
			}
			close(on)
			if err := <-ended; fault.ReasonOf(err) != "stale_generation" {
				t.Errorf("the first goes on though another revision is wanted: %v", err)
			}
			if err := b.carry(second.Revision); err != nil {
				t.Fatal(err)
			}
			want := after()
			want["PAY_URL"] = "https://pay.three"
			same(t, "a build for production", b.built("production"), want)
			if live := b.look(); live.Revision != 3 || len(live.Drift) > 0 {
				t.Errorf("after both: %+v", live)
			}
		})
	}
}

// On a full disk no new values are written; an older revision is brought back.
func TestOnAFullDiskVariablesOnlyGoBack(t *testing.T) {
	t.Parallel()
	x := open(t, storetest.Open(t, store.SQLite))
	x.start()
	if err := x.carry(x.push(Order{Set: []Set{{Key: "NEW_TOKEN", Value: "tok"}}}).Revision); err != nil {
		t.Fatal(err)
	}
	if err := x.DB.KeepReserve(1 << 50); err != nil {
		t.Fatal(err)
	}
	o := Order{Environment: "production", Reason: "a test", Set: []Set{{Key: "NEW_TOKEN", Value: "tok2"}}}
	if _, err := x.Push(t.Context(), ada(), o); fault.ReasonOf(err) != "disk_full" {
		t.Errorf("pushed: %v", err)
	}
	if _, err := x.Edit(t.Context(), ada(), EditOrder{Environment: "production", Set: o.Set}); fault.ReasonOf(err) !=
		"disk_full" {
		t.Errorf("drafted: %v", err)
	}
	out, _, err := x.Back(t.Context(), ada(), Order{Environment: "production", Reason: "a test", Over: true}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := x.carry(out.Revision); err != nil {
		t.Error(err)
	}
}
