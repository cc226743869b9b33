package server

import (
	"sync"
	"time"
)

// maxBuckets bounds a limiter's memory: past it, those who waited longest start anew.
const maxBuckets = 10_000

// limiter is a token bucket for each key.
type limiter struct {
	rate, burst float64

	mu      sync.Mutex
	buckets map[string]*tokens
}

type tokens struct {
	left float64
	at   time.Time
}

func newLimiter(rate, burst float64) *limiter {
	return &limiter{rate: rate, burst: burst, buckets: map[string]*tokens{}}
}

// take takes n tokens of key's and returns 0, or how long to wait for them.
func (l *limiter) take(key string, n float64, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.buckets[key]
	if b == nil {
		if len(l.buckets) >= maxBuckets {
			l.forget(now)
		}
		b = &tokens{left: l.burst, at: now}
		l.buckets[key] = b
	}
	if passed := now.Sub(b.at); passed > 0 {
		b.left = min(l.burst, b.left+passed.Seconds()*l.rate)
		b.at = now
	}
	if b.left < n {
		return time.Duration((n - b.left) / l.rate * float64(time.Second))
	}
	b.left -= n
	return 0
}

// forget drops the buckets that are full again, or the oldest when none is; l.mu is held.
func (l *limiter) forget(now time.Time) {
	var oldest string
	for key, b := range l.buckets {
		if b.left+now.Sub(b.at).Seconds()*l.rate >= l.burst {
			delete(l.buckets, key)
		} else if o := l.buckets[oldest]; o == nil || b.at.Before(o.at) {
			oldest = key
		}
	}
	if len(l.buckets) >= maxBuckets {
		delete(l.buckets, oldest)
	}
}
