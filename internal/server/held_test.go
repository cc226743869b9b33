package server

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// Whoever sends large bodies and proves nothing takes a bounded part of the memory, and leaves room for others.
func TestDeliveriesOfStrangersTakeBoundedMemory(t *testing.T) {
	t.Parallel()
	inside := make(chan struct{}, 100)
	leave := make(chan struct{})
	w := open(t, func(o *Options) {
		o.Rate = 10_000
		o.Hooks = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			inside <- struct{}{}
			<-leave
		})
	})
	deliver := func(from string, size int64) int {
		r := httptest.NewRequest(http.MethodPost, "/hooks/vercel/drains", io.NopCloser(http.NoBody))
		r.RemoteAddr, r.ContentLength = from+":4000", size
		out := httptest.NewRecorder()
		w.Server.ServeHTTP(out, r)
		return out.Code
	}
	var group sync.WaitGroup
	fill := func(from string, size int64, fit int) {
		t.Helper()
		for range fit {
			group.Go(func() {
				if code := deliver(from, size); code != http.StatusOK {
					t.Errorf("from %s: %d", from, code)
				}
			})
		}
		for range fit {
			<-inside
		}
		if code := deliver(from, size); code != http.StatusTooManyRequests {
			t.Errorf("one more from %s: %d", from, code)
		}
	}
	fill("192.0.2.1", 4<<20, 16)
	fill("192.0.2.2", -1, 16) // one that doesn't say its size may have the largest
	if code := deliver("192.0.2.3", 1<<30); code != http.StatusTooManyRequests {
		t.Errorf("beyond all: %d", code)
	}
	close(leave)
	group.Wait()
	if code := deliver("192.0.2.1", 4<<20); code != http.StatusOK {
		t.Errorf("after they left: %d", code)
	}
}
