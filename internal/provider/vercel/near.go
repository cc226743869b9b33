package vercel

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/provider"
	api "github.com/slipwayhq/slipway/internal/vercel"
)

var _ provider.Near = (*Provider)(nil)

// weight is how much of the budget of writes a kind of document may use. There is one budget: the canary's table is
// never kept waiting by flags, nor a kill switch by other flags.
type weight int

const (
	someFlags weight = iota
	killSwitch
	theTable
)

// What a plan allows of a Global Config. Hobby's writes count by the month.
const (
	hobby, pro, enterprise = "hobby", "pro", "enterprise"

	hobbyWrites = 210 // of the 250 that Vercel grants in a month
	planHolds   = 10 * time.Minute
)

// budget is what documents of a weight may use of it.
func (p *Provider) budget(plan string, w weight) api.Budget {
	b := api.Budget{What: "the Global Config", Limit: p.o.Writes}
	if plan == hobby {
		b.Month, b.Limit = true, min(b.Limit, hobbyWrites)
	}
	switch w {
	case someFlags:
		b.Limit = b.Limit * 3 / 4
	case killSwitch:
		b.Limit = b.Limit * 7 / 8
	case theTable:
	}
	return b
}

// spend takes a write of the budget. A way back asks nobody first.
func (p *Provider) spend(ctx context.Context, w weight, back bool) error {
	return p.o.Client.Spend(ctx, p.budget(p.planned(ctx, back), w))
}

// planned is the plan of the team as far as it is known; empty otherwise.
func (p *Provider) planned(ctx context.Context, known bool) string {
	now := p.o.Now()
	p.mu.Lock()
	plan, until := p.plan, p.planUntil
	p.mu.Unlock()
	if known || now.Before(until) {
		return plan
	}
	ask, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	team, err := p.o.Client.Team(ask)
	if err == nil {
		plan = team.Billing.Plan
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.plan, p.planUntil = plan, now.Add(planHolds)
	return plan
}

// NearRoom says what the plan still allows.
func (p *Provider) NearRoom(ctx context.Context) (provider.NearRoom, error) {
	plan := p.planned(ctx, false)
	b := p.budget(plan, someFlags)
	left, until, err := p.o.Client.Left(ctx, b)
	size := map[string]int{hobby: 8 << 10, pro: 64 << 10, enterprise: 512 << 10}[plan]
	return provider.NearRoom{Bytes: size, All: b.Limit, Left: left, Until: until}, err
}

// newest asks for what was written last, wherever it is read, as Vercel's own client asks for a consistent read.
func newest() time.Time { return time.UnixMilli(1<<53 - 1) }

// ReadNear returns an item of the Global Config as it was written last, nil when there is none: a copy that is behind
// would look like somebody's hand.
func (p *Provider) ReadNear(ctx context.Context, key string) (json.RawMessage, error) {
	return p.item(ctx, key, newest())
}

func (p *Provider) item(ctx context.Context, key string, since time.Time) (json.RawMessage, error) {
	var out json.RawMessage
	var err error
	if p.o.Client.CanRead(ctx) {
		err = p.o.Client.ReadItem(ctx, p.o.Config, key, since, &out)
	} else {
		err = p.o.Client.Item(ctx, p.o.Config, key, &out)
	}
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	return out, err
}

// WriteNear writes an item of the Global Config and waits until visitors' requests read it.
func (p *Provider) WriteNear(ctx context.Context, d provider.NearDocument) error {
	w := someFlags
	if d.Urgent {
		w = killSwitch
	}
	if err := p.spend(ctx, w, false); err != nil {
		return err
	}
	if err := p.o.Client.PutItems(ctx, p.o.Config, api.Item{Operation: "upsert", Key: d.Key, Value: d.Value,
		Description: d.Note}); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, p.o.Confirm)
	defer cancel()
	for {
		have, err := p.item(ctx, d.Key, time.Time{}) // as visitors' requests do: they wait for no consistent read
		if err == nil && sameJSON(have, d.Value) {
			return nil
		}
		if !pause(ctx, p.nearPoll(ctx)) {
			return fault.Wrap(err, fault.Unavailable, "near_late",
				"It is written to the Global Config, and visitors' requests do not read it yet: that takes up to ten seconds.")
		}
	}
}

// nearPoll is the pause between two looks: the API answers twenty a minute.
func (p *Provider) nearPoll(ctx context.Context) time.Duration {
	if p.o.Client.CanRead(ctx) {
		return p.o.Poll
	}
	return max(p.o.Poll, 4*time.Second)
}

func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// sameJSON reports whether two texts say the same: a store may write it otherwise.
func sameJSON(a, b json.RawMessage) bool {
	plain := func(text json.RawMessage) []byte {
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		var v any
		if d.Decode(&v) != nil {
			return nil
		}
		out, err := json.Marshal(v)
		if err != nil {
			return nil
		}
		return out
	}
	x, y := plain(a), plain(b)
	return x != nil && bytes.Equal(x, y)
}

// FlagsKey is the item of the Global Config that an environment's flags stand in.
func FlagsKey(environment string) string { return fmt.Sprintf("%s-flags-%s", TableKey, environment) }
