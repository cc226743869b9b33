package follow

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// A stream that says nothing is gone, whatever the network thinks, and one that is old is opened anew. Each time the
// flags are fetched, because something may have changed.
func TestAStreamIsOpenedAnew(t *testing.T) {
	for name, o := range map[string]Options{
		"silent": {Silence: 10 * time.Millisecond}, "old": {Age: 10 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			var streams, fetched atomic.Int32
			often := make(chan struct{})
			ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == documentPath {
					fetched.Add(1)
					_, _ = fmt.Fprint(w, `{"flags":{},"metadata":{"flagSetId":"shop/production","version":"1"}}`)
					return
				}
				if _ = http.NewResponseController(w).Flush(); streams.Add(1) == 5 {
					close(often)
				}
				<-r.Context().Done()
			}))
			defer ts.Close()
			o.Address, o.Key, o.Retry, o.Longest = ts.URL, "slwf_srv_x", time.Millisecond, time.Millisecond
			o.Told = func(s State, words string) {
				if s != Ready {
					t.Errorf("%s: %s", s, words)
				}
			}
			f, err := New(o)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			first, ended := make(chan error, 1), make(chan struct{})
			go func() { defer close(ended); f.Run(ctx, first) }()
			if err := <-first; err != nil || f.current.Load().Generation != 1 {
				t.Fatal(err)
			}
			select {
			case <-often:
			case <-ctx.Done():
				t.Fatalf("%d streams", streams.Load())
			}
			cancel()
			<-ended
			if fetched.Load() < 4 {
				t.Errorf("%d streams, %d fetches", streams.Load(), fetched.Load())
			}
		})
	}
}
