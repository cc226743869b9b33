package server

import (
	"net/netip"
	"sync"
	"time"
)

// maxBuckets bounds a limiter's memory: it keeps up to twice as many.
const maxBuckets = 10_000

// limiter is a token bucket for each key. Buckets that nobody asked for while
// maxBuckets others were used are forgotten, which costs nothing per request,
// however many addresses somebody sends from.
type limiter struct {
	rate, burst float64

	mu     sync.Mutex
	young  map[string]tokens
	before map[string]tokens
}

type tokens struct {
	left float64
	at   time.Time
}

func newLimiter(rate, burst float64) *limiter {
	return &limiter{rate: rate, burst: burst, young: map[string]tokens{}}
}

// take takes n tokens of key's and returns 0, or how long to wait for them.
func (l *limiter) take(key string, n float64, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, ok := l.young[key]
	if !ok {
		if b, ok = l.before[key]; !ok {
			b = tokens{left: l.burst, at: now}
		}
		if len(l.young) >= maxBuckets {
			l.before, l.young = l.young, map[string]tokens{}
		}
	}
	if passed := now.Sub(b.at); passed > 0 {
		b.left, b.at = min(l.burst, b.left+passed.Seconds()*l.rate), now
	}
	var wait time.Duration
	if b.left < n {
		wait = time.Duration((n - b.left) / l.rate * float64(time.Second))
	} else {
		b.left -= n
	}
	l.young[key] = b
	return wait
}

// clientKey is the key of an address. One who holds an IPv6 address holds the 64
// bits behind it too.
func clientKey(address string) string {
	if a, err := netip.ParseAddr(address); err == nil && a.Unmap().Is6() {
		if prefix, err := a.WithZone("").Prefix(64); err == nil {
			return prefix.String()
		}
	}
	return address
}
