// Package live tells whoever waits that the log has moved.
//
// It follows the log by its gapless number: it is woken by commits in this process
// and looks by itself a few times a second for those of other nodes. A subscription
// is a channel of wake-ups that carries only the newest number: they coalesce, so
// that a slow reader blocks nobody and misses nothing, because it reads the events
// themselves from the store, after the last one that it has seen. Live holds no
// events and decides nothing about who may see them.
package live

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/store"
)

// every is how often live looks for what other nodes have written. An empty look
// costs 0.1 ms.
const every = 250 * time.Millisecond

// Live follows one log.
type Live struct {
	db  *store.DB
	log *slog.Logger

	mu   sync.Mutex
	head int64
	subs map[*Subscription]struct{}
}

// New returns a Live that follows db's log once it runs. Commits in this process
// are passed on without Run as well.
func New(db *store.DB, log *slog.Logger) *Live {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	l := &Live{db: db, log: log, subs: map[*Subscription]struct{}{}}
	db.OnCommit(func(h event.Head) { l.moved(h.Seq) })
	return l
}

// Subscription is somebody's interest in the log.
type Subscription struct {
	live *Live
	c    chan int64 // capacity 1: the newest number
	seen int64
}

// Subscribe returns a subscription that is woken for every event after the given
// number, at once when there are such events already. It must be closed.
func (l *Live) Subscribe(after int64) *Subscription {
	s := &Subscription{live: l, c: make(chan int64, 1), seen: after}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.subs[s] = struct{}{}
	s.tell(l.head)
	return s
}

// C returns the channel of wake-ups: each is the number of the newest event.
func (s *Subscription) C() <-chan int64 { return s.c }

// Close ends the subscription. C is not closed: nothing arrives any more.
func (s *Subscription) Close() {
	s.live.mu.Lock()
	defer s.live.mu.Unlock()
	delete(s.live.subs, s)
}

// tell replaces the number that waits to be read; live.mu is held, so that nobody
// else writes to c.
func (s *Subscription) tell(seq int64) {
	if seq <= s.seen {
		return
	}
	s.seen = seq
	select {
	case <-s.c:
	default:
	}
	s.c <- seq
}

// Head returns the number of the newest event that live knows of.
func (l *Live) Head() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.head
}

// Watchers returns how many subscriptions there are.
func (l *Live) Watchers() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.subs)
}

// Run looks for what other nodes write until ctx ends. While the store is away it
// keeps trying: readers are told as soon as it is back.
func (l *Live) Run(ctx context.Context) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	away := false
	for {
		head, err := l.db.Head(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !away:
			away = true
			l.log.WarnContext(ctx, "the log cannot be followed", "error", err.Error())
		case err == nil && away:
			away = false
			l.log.InfoContext(ctx, "the log is followed again", "seq", head.Seq)
		}
		if err == nil {
			l.moved(head.Seq)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// moved wakes everybody when the log has grown.
func (l *Live) moved(seq int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if seq <= l.head {
		return // commits may overtake one another
	}
	l.head = seq
	for s := range l.subs {
		s.tell(seq)
	}
}
