package ofrep

import (
	"context"
	"sync"
	"time"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flagset"
)

// tokens remembers for a second who acts by a token, and longer while the store is away. A flood of made-up ones costs
// the store little, and those who are known nothing: only what nobody knows is held back, by address and in all.
type tokens struct {
	mu    sync.Mutex
	by    map[string]known     // by hash
	wrong map[string]time.Time // when the store did not know one
	from  addresses            // failures of each
	all   flagset.Rate         // failures of all
}

type known struct {
	who access.Actor
	at  time.Time
}

const (
	tokenFresh = time.Second
	tokenWrong = 5 * time.Second // its user may be let in again
	tokenAway  = time.Hour       // while nobody can say whether it still holds
	mostTokens = 4096
	// How often in a second the store is asked about tokens that turn out to be none.
	wrongFrom = 5
	wrongAll  = 100
)

// actor returns who acts by the token with a hash, or how long to wait before the store is asked.
func (t *tokens) actor(
	ctx context.Context, ask func(context.Context) (access.Actor, error), hash string, address func() string,
	now time.Time,
) (access.Actor, time.Duration, error) {
	t.mu.Lock()
	k, ok := t.by[hash]
	wrong, no := t.wrong[hash]
	t.mu.Unlock()
	switch {
	case ok && now.Sub(k.at) < tokenFresh:
		return k.who, 0, nil
	case no && now.Sub(wrong) < tokenWrong:
		return access.Actor{}, 0, fault.New(fault.Unknown, "token_invalid", "The token is not valid.")
	}
	back := func() {}
	if !ok {
		from := t.from.of(address())
		if wait := from.Take(now, wrongFrom); wait > 0 {
			return access.Actor{}, wait, nil
		}
		if wait := t.all.Take(now, wrongAll); wait > 0 {
			from.Back(wrongFrom)
			return access.Actor{}, wait, nil
		}
		back = func() { from.Back(wrongFrom); t.all.Back(wrongAll) }
	}
	who, err := ask(ctx)
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case err == nil:
		back()
		if len(t.by) >= mostTokens {
			clear(t.by)
		}
		t.by[hash] = known{who, now}
	case fault.Is(err, fault.Unknown):
		delete(t.by, hash)
		if len(t.wrong) >= mostTokens {
			clear(t.wrong)
		}
		t.wrong[hash] = now
	case ok && now.Sub(k.at) < tokenAway:
		return k.who, 0, nil
	}
	return who, 0, err
}

// addresses holds a rate for each address that something comes from. Those that nobody used while mostAddresses others
// were are forgotten, so that it stays small however many somebody sends from.
type addresses struct {
	mu            sync.Mutex
	young, before map[string]*flagset.Rate
}

const mostAddresses = 8192

// of returns the rate of an address.
func (a *addresses) of(address string) *flagset.Rate {
	a.mu.Lock()
	defer a.mu.Unlock()
	if r := a.young[address]; r != nil {
		return r
	}
	r := a.before[address]
	if r == nil {
		r = &flagset.Rate{}
	}
	if a.young == nil || len(a.young) >= mostAddresses {
		a.before, a.young = a.young, map[string]*flagset.Rate{}
	}
	a.young[address] = r
	return r
}
