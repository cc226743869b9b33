package web

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
)

// quiet is how long a stream says nothing before it shows that it is still there.
const quiet = 20 * time.Second

// Limits of open pages' streams: of one session, and of all.
const (
	maxPages    = 64
	maxAllPages = 2000
)

// streams counts the open ones by session.
type streams struct {
	mu  sync.Mutex
	by  map[string]int
	all int
}

// open counts a stream, or says that there are too many.
func (s *streams) open(session string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all >= maxAllPages || s.by[session] >= maxPages {
		return fault.New(fault.Limited, "too_many_streams", "Too many pages are kept current at once. Close one.")
	}
	if s.by == nil {
		s.by = map[string]int{}
	}
	s.by[session]++
	s.all++
	return nil
}

func (s *streams) close(session string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all--
	if s.by[session]--; s.by[session] == 0 {
		delete(s.by, session)
	}
}

// live tells an open page that the log has moved, and every tick that numbers may have.
// It says only that: what is new the page asks for, and the desk decides what it gets.
func (s *Web) live(v *visit) error {
	tick, err := strconv.Atoi(v.query("tick"))
	if err != nil || tick < 1 || tick > 600 {
		return fault.New(fault.Invalid, "tick_invalid", "tick is a number of seconds between 1 and 600.")
	}
	after := s.Live.Head() // what happened between the page and its stream would else be missed until the next tick
	if seen, err := strconv.ParseInt(v.query("after"), 10, 64); err == nil && seen >= 0 && seen < after {
		after = seen
	}
	if err := s.streams.open(v.cookie); err != nil {
		return err
	}
	defer s.streams.close(v.cookie)
	out := http.NewResponseController(v.w)
	_ = out.SetWriteDeadline(time.Time{}) // a stream may last; what cannot do this has no deadline
	h := v.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	v.w.WriteHeader(http.StatusOK)
	sub := s.Live.Subscribe(after)
	defer sub.Close()
	send := func(format string, args ...any) bool {
		if _, err := fmt.Fprintf(v.w, format, args...); err != nil {
			return false
		}
		return out.Flush() == nil
	}
	beat := time.NewTicker(min(time.Duration(tick)*time.Second, quiet))
	defer beat.Stop()
	last := now()
	ok := send("retry: 2000\n: %s\n\n", "the log is followed")
	for ok {
		select {
		case <-v.r.Context().Done():
			return nil
		case <-s.Stop.Done():
			return nil
		case seq := <-sub.C():
			if _, err := s.People.FromCookie(v.r.Context(), v.cookie); err != nil {
				return nil // as below
			}
			ok = send("data: %d\n\n", seq)
			last = now()
		case at := <-beat.C:
			if at.Sub(last) < time.Duration(tick)*time.Second*9/10 {
				ok = send(": here\n\n")
				continue
			}
			if _, err := s.People.FromCookie(v.r.Context(), v.cookie); err != nil {
				return nil // the session has ended: the page's next look leads to the door
			}
			ok = send("data: tick\n\n")
			last = at
		}
	}
	return nil
}
