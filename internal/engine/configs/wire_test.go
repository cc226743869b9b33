package configs

import (
	"errors"
	"net/http"
	"sync"
)

// wire lets a test break calls.
type wire struct {
	mu     sync.Mutex
	writes int
	lose   int    // the write with this number, from 1 on, gets no answer
	done   bool   // it is carried out all the same
	before func() // each write
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	if w.before != nil && r.Method != http.MethodGet {
		w.before()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.Method != http.MethodGet {
		if w.writes++; w.lose > 0 && w.writes >= w.lose {
			if w.done && w.writes == w.lose {
				if answer, err := http.DefaultTransport.RoundTrip(r); err == nil {
					_ = answer.Body.Close()
				}
			}
			return nil, errors.New("connection reset")
		}
	}
	return http.DefaultTransport.RoundTrip(r)
}
