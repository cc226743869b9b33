package vercel

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // it is the signature that Vercel makes
	"encoding/hex"
	"net/http"
	"time"
)

// outbox is what is to be delivered.
type outbox struct {
	list     []*parcel
	inFlight int
	telling  int // of those in flight, webhooks
	disorder Disorder
	sent     int
	dropped  int
}

// parcel is one delivery.
type parcel struct {
	url    string
	body   []byte
	header http.Header
	due    time.Time
	tries  int
	until  time.Time // given up after
	hook   *hook
	drain  *drain
}

// Disorder is what goes wrong with deliveries.
type Disorder struct {
	Twice   bool // each is delivered again
	Reverse bool // those that wait are delivered last first
	Hold    bool // nothing is delivered until this is taken away
	Drop    bool // nothing is delivered, and it is forgotten
}

// Disturb changes how webhooks and drains are delivered.
func (w *World) Disturb(d Disorder) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.outbox.disorder = d
}

// Undelivered returns how many deliveries wait or are on their way, and for how many drains records are gathered.
func (w *World) Undelivered() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(w.outbox.list) + w.outbox.inFlight
	for _, d := range w.drains {
		if len(d.waiting) > 0 {
			n++
		}
	}
	return n
}

// Untold returns how many webhooks wait or are on their way. Unlike Undelivered it comes to 0 while visitors come, whom
// drains record without end.
func (w *World) Untold() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return hooks(w.outbox.list) + w.outbox.telling
}

func hooks(list []*parcel) (n int) {
	for _, p := range list {
		if p.hook != nil {
			n++
		}
	}
	return n
}

func sign(body []byte, secret string) string {
	m := hmac.New(sha1.New, []byte(secret))
	_, _ = m.Write(body)
	return hex.EncodeToString(m.Sum(nil))
}

func (w *World) post(p *parcel) {
	if w.outbox.disorder.Drop {
		w.outbox.dropped++
		return
	}
	p.due, p.until = w.o.Now(), w.o.Now().Add(24*time.Hour)
	w.outbox.list = append(w.outbox.list, p)
	if w.outbox.disorder.Twice {
		again := *p
		w.outbox.list = append(w.outbox.list, &again)
	}
}

// settleOutbox sends what is due, one after the other. While it is at it drains gather on: whoever is slow to take them
// gets larger batches, and not a queue that grows and that webhooks stand in.
func (w *World) settleOutbox() {
	if w.outbox.inFlight > 0 {
		return
	}
	w.fillDrains()
	if w.outbox.disorder.Hold || w.ctx == nil || w.ctx.Err() != nil {
		return
	}
	var due, later []*parcel
	for _, p := range w.outbox.list {
		if p.due.After(w.o.Now()) {
			later = append(later, p)
		} else {
			due = append(due, p)
		}
	}
	if len(due) == 0 {
		return
	}
	if w.outbox.disorder.Reverse {
		due = reversed(due)
	}
	w.outbox.list, w.outbox.inFlight, w.outbox.telling = later, len(due), hooks(due)
	w.wg.Go(func() {
		for _, p := range due {
			good := w.deliver(p)
			w.mu.Lock()
			w.outbox.inFlight--
			if p.hook != nil {
				w.outbox.telling--
			}
			w.delivered(p, good)
			w.mu.Unlock()
		}
	})
}

// delivered has what failed be tried again, later each time.
func (w *World) delivered(p *parcel, good bool) {
	p.tries++
	if p.drain != nil {
		w.drained(p.drain, good)
	}
	if good {
		w.outbox.sent++
		return
	}
	p.due = w.o.Now().Add(time.Second << min(p.tries-1, 12))
	if p.due.After(p.until) {
		w.outbox.dropped++
		w.o.Log("gave up a delivery to %s after a day and %d tries", p.url, p.tries)
		return
	}
	w.outbox.list = append(w.outbox.list, p)
}

func (w *World) deliver(p *parcel) bool {
	ctx, stop := context.WithTimeout(w.ctx, 30*time.Second)
	defer stop()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(p.body))
	if err != nil {
		return false
	}
	r.Header = p.header.Clone()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode/100 == 2
}

func squeeze(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write(b)
	_ = z.Close()
	return out.Bytes()
}
