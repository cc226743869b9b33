package vercel

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/remote"
)

// Limits keeps what nodes tell each other of Vercel's limits, which count by team and not by node.
type Limits = remote.Limits

// NewLimits returns limits that are shared within one process.
func NewLimits() Limits { return remote.NewLimits() }

// kind names the limit that a call counts for.
func (c *Client) kind(k call) string { return or(c.o.Team, "account") + ": " + k.do }

// reserve is the kind that calls wait for which take nothing back.
const reserve = " (reserve)"

// mayCall waits for a limit that is almost over, and refuses the call when one lasts or when Vercel is left alone.
func (c *Client) mayCall(ctx context.Context, k call) error {
	if urgent(ctx) {
		return nil
	}
	now := c.o.Now()
	for _, kind := range []string{c.kind(k), c.kind(k) + reserve} {
		until, err := c.o.Limits.Until(ctx, kind)
		if err != nil || !until.After(now) {
			continue // who can't tell of a limit does not stop a call: Vercel will say so itself
		}
		if until.Sub(now) > patience || !remote.Rest(ctx, until.Sub(now)) {
			r := &Refusal{Status: http.StatusTooManyRequests, Code: "held", Until: until}
			return fault.Wrap(r, fault.Limited, "vercel_limited",
				"Vercel's limit is reached: asked to %s. It goes on at %s UTC.", k.do, until.UTC().Format(time.TimeOnly))
		}
	}
	if until, ok := c.breaker.May(now); !ok {
		return fault.New(fault.Unavailable, "vercel_resting",
			"Vercel did not answer lately and is left alone until %s UTC: wanted to %s.", until.UTC().Format(time.TimeOnly),
			k.do)
	}
	return nil
}

// note reads the limits out of an answer and tells the other nodes. It returns when to ask again, for a refused call.
func (c *Client) note(ctx context.Context, k call, a *http.Response) time.Time {
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), counting)
	defer done()
	now := c.o.Now()
	h := a.Header
	remaining, known := number(h.Get("X-RateLimit-Remaining"))
	limit, _ := number(h.Get("X-RateLimit-Limit"))
	var reset time.Time
	if at, ok := number(h.Get("X-RateLimit-Reset")); ok {
		reset = time.Unix(at, 0)
	}
	if a.StatusCode == http.StatusTooManyRequests || a.StatusCode == http.StatusServiceUnavailable {
		until := remote.After(h.Get("Retry-After"), now)
		if until.IsZero() && a.StatusCode == http.StatusTooManyRequests {
			if until = reset; !until.After(now) {
				until = now.Add(time.Minute)
			}
		}
		if !until.IsZero() {
			until = earlier(until, now.Add(time.Hour)) // nobody is locked out by a header
			_ = c.o.Limits.Hold(ctx, c.kind(k), until)
		}
		return until
	}
	if known && reset.After(now) && remaining <= limit/10 {
		kind := c.kind(k)
		if remaining > 0 {
			kind += reserve
		}
		_ = c.o.Limits.Hold(ctx, kind, earlier(reset, now.Add(time.Hour)))
	}
	return time.Time{}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func number(s string) (int64, bool) {
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	return n, err == nil
}

// Budget is how many writes Slipway allows itself in a day or a month. Those of less weight have a smaller Limit of the
// same budget, so that the rest stays for what has more.
type Budget struct {
	What  string // such as the Global Config
	Month bool   // by months, not by days
	Limit int
}

// period is the one that a time is in, and when it ends.
func (b Budget) period(now time.Time) (name string, ends time.Time) {
	y, m, d := now.UTC().Date()
	if b.Month {
		return now.UTC().Format("2006-01"), time.Date(y, m+1, 1, 0, 0, 0, 0, time.UTC)
	}
	return now.UTC().Format(time.DateOnly), time.Date(y, m, d+1, 0, 0, 0, 0, time.UTC)
}

func (b Budget) words() (these, again string) {
	if b.Month {
		return "This month's", "next month"
	}
	return "Today's", "tomorrow"
}

func (c *Client) budget(b Budget) string {
	kind := or(c.o.Team, "account") + ": " + b.What
	if b.Month {
		kind += ", by months"
	}
	return kind
}

// counting is how long a way back waits for those who keep the limits.
const counting = time.Second

// Spend takes one of a budget of writes and refuses when none is left. What takes something back is never refused: the
// budget keeps Slipway from using up what Vercel grants, and that is not the moment for it.
func (c *Client) Spend(ctx context.Context, b Budget) error {
	period, _ := b.period(c.o.Now())
	limit := b.Limit
	if urgent(ctx) { // it counts beyond the limit too, and who can't count it does not stop it
		limit = math.MaxInt32
		var done context.CancelFunc
		ctx, done = context.WithTimeout(ctx, counting)
		defer done()
	}
	left, err := c.o.Limits.Spend(ctx, c.budget(b), period, limit)
	switch {
	case urgent(ctx):
		return nil
	case err != nil || left >= 0:
		return err
	}
	these, again := b.words()
	return fault.New(fault.Limited, "vercel_budget",
		"%s %d writes of %s are used up: it goes on %s. Going back is still possible.", these, b.Limit, b.What, again)
}

// Left says how many writes of a budget are left, and when it begins anew.
func (c *Client) Left(ctx context.Context, b Budget) (int, time.Time, error) {
	period, ends := b.period(c.o.Now())
	spent, err := c.o.Limits.Spent(ctx, c.budget(b), period)
	return max(0, b.Limit-spent), ends, err
}
