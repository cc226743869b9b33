package vercel

import (
	"context"
	"errors"
	"testing"
	"time"
)

// lost are limits whose keeper is away: it fails, or never answers.
type lost struct{ hang bool }

func (l lost) wait(ctx context.Context) error {
	if l.hang {
		<-ctx.Done()
	}
	return errors.New("the store is away")
}

func (l lost) Until(ctx context.Context, _ string) (time.Time, error) {
	return time.Time{}, l.wait(ctx)
}
func (l lost) Hold(ctx context.Context, _ string, _ time.Time) error      { return l.wait(ctx) }
func (l lost) Spent(ctx context.Context, _, _ string) (int, error)        { return 0, l.wait(ctx) }
func (l lost) Spend(ctx context.Context, _, _ string, _ int) (int, error) { return 0, l.wait(ctx) }

// TestAKeeperOfLimitsThatIsAwayStopsNoWayBack: what raises is not spent for, and what goes back is.
func TestAKeeperOfLimitsThatIsAwayStopsNoWayBack(t *testing.T) {
	t.Parallel()
	for _, hang := range []bool{false, true} {
		c := New(Options{Limits: lost{hang}})
		if err := c.Spend(Urgent(t.Context()), Budget{What: "writes", Limit: 1}); err != nil {
			t.Errorf("hanging %v, a way back is stopped: %v", hang, err)
		}
	}
	c := New(Options{Limits: lost{}})
	if err := c.Spend(t.Context(), Budget{What: "writes", Limit: 1}); err == nil {
		t.Error("a raise is spent for although nobody can count it")
	}
	counted := NewLimits()
	c = New(Options{Limits: counted})
	b := Budget{What: "writes", Limit: 1}
	for range 3 {
		if err := c.Spend(Urgent(t.Context()), b); err != nil {
			t.Fatal(err)
		}
	}
	period, _ := b.period(c.o.Now())
	if n, _ := counted.Spent(t.Context(), c.budget(b), period); n != 3 {
		t.Errorf("three ways back count as %d", n)
	}
}
