package vercel

import (
	"net/http"
	"strconv"
	"time"
)

// common is how often a minute a call may be made for which Vercel's documents name no limit (unverified).
const common = 2000

// limiter counts calls by token and endpoint, in windows of a minute.
type limiter struct {
	windows map[string]*window
	own     map[string]int
}

type window struct {
	began time.Time
	used  int
}

// Limit has an endpoint answer only so many calls a minute. The endpoint is its method and path as the table of routes
// has it, such as "POST /projects/{project}/promote/{deployment}".
func (w *World) Limit(endpoint string, calls int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.limits.own == nil {
		w.limits.own = map[string]int{}
	}
	w.limits.own[endpoint] = calls
}

// count writes the documented headers, and refuses what is too much.
func (l *limiter) count(h http.Header, r route, secret string, now time.Time) *reply {
	limit := r.limit
	if limit == 0 {
		limit = common
	}
	if own, found := l.own[r.method+" "+r.path]; found {
		limit = own
	}
	if l.windows == nil {
		l.windows = map[string]*window{}
	}
	key := secret + " " + r.method + " " + r.path
	win := l.windows[key]
	if win == nil || now.Sub(win.began) >= time.Minute || now.Before(win.began) {
		win = &window{began: now}
		l.windows[key] = win
	}
	win.used++
	reset := win.began.Add(time.Minute).Unix()
	h.Set("X-RateLimit-Limit", strconv.Itoa(limit))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(max(0, limit-win.used)))
	h.Set("X-RateLimit-Reset", strconv.FormatInt(reset, 10))
	if win.used <= limit {
		return nil
	}
	h.Set("Retry-After", strconv.FormatInt(max(1, reset-now.Unix()), 10))
	out := refuseWith(http.StatusTooManyRequests, "rate_limited", "Rate limit exceeded", object{
		"limit": object{"remaining": 0, "reset": reset, "resetMs": reset * 1000, "total": limit}})
	return &out
}
