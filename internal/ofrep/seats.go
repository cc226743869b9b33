package ofrep

import (
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// seats are the event streams that may be open at once. Everybody can read a public key, so that neither one of them
// nor one address can take them all, and a part is kept for those who prove themselves: servers and edges.
type seats struct {
	mu             sync.Mutex
	all, public    int
	keys, visitors map[string]int
}

// reserve is the part of the streams that public keys cannot take.
const reserve = 5

// who is whose streams are counted together.
func (c *caller) who() string {
	if c.key != nil {
		return c.key.ID
	}
	return tokenMark + c.token
}

// take takes a seat for the caller, or says why there is none.
func (s *seats) take(o *Options, c *caller) (problem *problem, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	soon := time.Duration(5+rand.IntN(25)) * time.Second
	switch {
	case s.all >= o.Streams || c.public && s.public >= o.Streams-o.Streams/reserve:
		return refuse(http.StatusServiceUnavailable, "Too many event streams are open. Come back later."), soon
	case s.keys[c.who()] >= o.KeyStreams:
		return refuse(http.StatusTooManyRequests, "Too many event streams are open with this key."), soon
	case c.public && s.visitors[c.address] >= o.AddressStreams:
		return refuse(http.StatusTooManyRequests, "Too many event streams are open from this address."), soon
	}
	s.count(c, 1)
	return nil, 0
}

// leave gives a seat back.
func (s *seats) leave(c *caller) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count(c, -1)
}

func (s *seats) count(c *caller, n int) {
	s.all += n
	add(&s.keys, c.who(), n)
	if c.public {
		s.public += n
		add(&s.visitors, c.address, n)
	}
}

// add changes a count, and forgets one that is nothing.
func add(to *map[string]int, key string, n int) {
	if *to == nil {
		*to = map[string]int{}
	}
	if (*to)[key] += n; (*to)[key] == 0 {
		delete(*to, key)
	}
}

// open is how many streams there are.
func (s *seats) open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all
}
