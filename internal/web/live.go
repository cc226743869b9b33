package web

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
)

// quiet is how long a stream says nothing before it shows that it is still there.
const quiet = 20 * time.Second

// live tells an open page that the log has moved, and every tick that numbers may have.
// It says only that: what is new the page asks for, and the desk decides what it gets.
func (s *Web) live(v *visit) error {
	tick, err := strconv.Atoi(v.query("tick"))
	if err != nil || tick < 1 || tick > 600 {
		return fault.New(fault.Invalid, "tick_invalid", "tick is a number of seconds between 1 and 600.")
	}
	out := http.NewResponseController(v.w)
	_ = out.SetWriteDeadline(time.Time{}) // a stream may last; what cannot do this has no deadline
	h := v.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	v.w.WriteHeader(http.StatusOK)
	sub := s.Live.Subscribe(s.Live.Head())
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
