package server

import "sync"

// What deliveries may take of the memory at a time: nobody has proven yet who sends them, and the proof is of all that
// they hold. One client leaves room for others.
const (
	mostHeld   = 128 << 20
	mostHeldOf = mostHeld / 2
)

// held counts the bytes of bodies that are on their way in or are worked on, by client; of all under "".
type held struct {
	mu sync.Mutex
	of map[string]int64
}

// add takes room for a client's body, or gives it back, and reports whether there was any.
func (h *held) add(client string, n int64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if n > 0 && (h.of[""]+n > mostHeld || h.of[client]+n > mostHeldOf) {
		return false
	}
	h.of[""] += n
	if h.of[client] += n; h.of[client] == 0 {
		delete(h.of, client)
	}
	return true
}
