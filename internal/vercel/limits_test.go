package vercel

import (
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// TestNobodyIsLockedOutByAHeader: whatever an answer says of when to go on, it is an hour at most, and less where it
// says less.
func TestNobodyIsLockedOutByAHeader(t *testing.T) {
	t.Parallel()
	epoch := func(d time.Duration) string { return fmt.Sprint(time.Now().Add(d).Unix()) }
	date := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(http.TimeFormat) }
	for _, tt := range []struct {
		name   string
		status int
		header func() map[string]string
		want   time.Duration
	}{
		{"a day by Retry-After", 429, func() map[string]string {
			return map[string]string{"Retry-After": "86400"}
		}, time.Hour},
		{"a year by a date", 429, func() map[string]string {
			return map[string]string{"Retry-After": date(365 * 24 * time.Hour)}
		}, time.Hour},
		{"a day while it is down", 503, func() map[string]string {
			return map[string]string{"Retry-After": "86400"}
		}, time.Hour},
		{"a day by the reset", 429, func() map[string]string {
			return map[string]string{"X-RateLimit-Reset": epoch(24 * time.Hour)}
		}, time.Hour},
		{"half an hour", 429, func() map[string]string { return map[string]string{"Retry-After": "1800"} }, time.Hour / 2},
		{"no word", 429, func() map[string]string { return nil }, time.Minute},
		{"the last one, until tomorrow", 200, func() map[string]string {
			return map[string]string{"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "0",
				"X-RateLimit-Reset": epoch(24 * time.Hour)}
		}, time.Hour},
		{"the reserve, until tomorrow", 200, func() map[string]string {
			return map[string]string{"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "5",
				"X-RateLimit-Reset": epoch(24 * time.Hour)}
		}, time.Hour},
	} {
		synctest.Test(t, func(t *testing.T) {
			begun := time.Now()
			answer := true
			c := client(func(*http.Request) (int, map[string]string, string) {
				if answer {
					return tt.status, tt.header(), `{"id":"prj_P1"}`
				}
				return 200, nil, `{"id":"prj_P1"}`
			})
			_, _ = c.Project(t.Context(), "p")
			answer = false
			time.Sleep(tt.want - time.Since(begun) - 10*time.Second)
			if _, err := c.Project(t.Context(), "p"); err == nil {
				t.Errorf("%s: it goes on before %s are over", tt.name, tt.want)
			}
			time.Sleep(11 * time.Second)
			if _, err := c.Project(t.Context(), "p"); err != nil {
				t.Errorf("%s: after %s: %v", tt.name, tt.want, err)
			}
		})
	}
}
