// Package remote is how another company's API is asked politely.
//
// It holds limits that all nodes share, a breaker that leaves alone what does not answer, and the reading of what comes
// back in the place of an answer. Clients of such APIs stand on it.
package remote

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
)

// Limits keeps what nodes tell each other of a platform's limits, which count by account and not by node.
type Limits interface {
	// Until says until when calls of this kind must wait; the zero time when they need not.
	Until(ctx context.Context, kind string) (time.Time, error)
	// Hold has calls of this kind wait.
	Hold(ctx context.Context, kind string, until time.Time) error
	// Spend takes one of the limit that a period has, and says how many are left; -1 when none was.
	Spend(ctx context.Context, kind, period string, limit int) (int, error)
	// Spent says how many a period has seen spent.
	Spent(ctx context.Context, kind, period string) (int, error)
}

type limits struct {
	mu    sync.Mutex
	until map[string]time.Time
	spent map[string]map[string]int
}

// NewLimits returns limits that are shared within one process.
func NewLimits() Limits {
	return &limits{until: map[string]time.Time{}, spent: map[string]map[string]int{}}
}

func (l *limits) Until(_ context.Context, kind string) (time.Time, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.until[kind], nil
}

func (l *limits) Hold(_ context.Context, kind string, until time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if until.After(l.until[kind]) {
		l.until[kind] = until
	}
	return nil
}

func (l *limits) Spend(_ context.Context, kind, period string, limit int) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.spent[kind][period]
	if n >= limit {
		return -1, nil
	}
	l.spent[kind] = map[string]int{period: n + 1} // yesterday is of no interest
	return limit - n - 1, nil
}

func (l *limits) Spent(_ context.Context, kind, period string) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.spent[kind][period], nil
}

// Breaker leaves a platform alone after it has failed several times in a row.
type Breaker struct {
	mu    sync.Mutex
	fails int
	until time.Time
}

// BreakAfter is how many failures in a row make a breaker open.
const BreakAfter = 5

const (
	restFirst = 5 * time.Second
	restMost  = time.Minute
)

// May reports whether a call may be made. One call goes through after each rest.
func (b *Breaker) May(now time.Time) (time.Time, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fails < BreakAfter {
		return time.Time{}, true
	}
	if now.Before(b.until) {
		return b.until, false
	}
	b.until = now.Add(restFirst) // the others wait for what this one finds
	return time.Time{}, true
}

// Failed counts a failure, unless the caller gave up by itself.
func (b *Breaker) Failed(ctx context.Context, now time.Time) {
	if context.Cause(ctx) == context.Canceled {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fails++; b.fails >= BreakAfter {
		b.until = now.Add(min(restFirst<<min(b.fails-BreakAfter, 5), restMost))
	}
}

// Worked ends a row of failures.
func (b *Breaker) Worked() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fails = 0
}

// Rest waits, and reports false when the context ended first.
func Rest(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// After reads Retry-After: seconds, or a date.
func After(s string, now time.Time) time.Time {
	if n, ok := number(s); ok && n >= 0 {
		return now.Add(time.Duration(min(n, 86400)) * time.Second)
	}
	if at, err := http.ParseTime(s); err == nil {
		return at
	}
	return time.Time{}
}

func number(s string) (int64, bool) {
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	return n, err == nil
}

// Clean makes one short line of what came from outside, without the token that it may repeat and without what would
// break or reorder the sentence that it is put into.
func Clean(s, token string) string {
	if token != "" {
		s = strings.ReplaceAll(s, token, "…")
	}
	s = strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control) {
			return ' '
		}
		return r
	}, s)
	if r := []rune(s); len(r) > 300 {
		s = string(r[:300]) + "…"
	}
	return s
}
