package vercel

import (
	"maps"
	"net/http"
	"path"
	"strconv"
	"time"
)

// Trouble is what goes wrong with the next calls of an endpoint.
type Trouble struct {
	Method string // empty: any
	Path   string // pattern of path.Match, such as /v*/projects/*/promote/*; empty: any
	Times  int    // how many calls; 1 when 0, and all until Heal when negative
	Status int    // answered with the error body of this status
	Code   string // of the error body
	Header map[string]string
	Reset  bool // the connection is cut without an answer
	Hang   bool // no answer until the caller gives up
	After  bool // the call is carried out first, and only its answer is lost
}

// trouble is all that was asked to go wrong.
type trouble struct {
	outage   bool
	latency  time.Duration
	list     []*Trouble
	memories map[string]reply
	lies     map[string]int
}

// Fail has the next calls of an endpoint go wrong.
func (w *World) Fail(t Trouble) {
	if t.Times == 0 {
		t.Times = 1
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.trouble.list = append(w.trouble.list, &t)
}

// Heal ends all trouble: failures, latency, outage and lies.
func (w *World) Heal() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.trouble = trouble{}
}

// Outage has the API answer 503 to everything. What is served to visitors stays.
func (w *World) Outage(on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.trouble.outage = on
}

// Latency delays every answer of the API.
func (w *World) Latency(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.trouble.latency = d
}

// Remember keeps what a GET of the path answers next, for a later Lie.
func (w *World) Remember(getPath string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.trouble.memories == nil {
		w.trouble.memories = map[string]reply{}
	}
	w.trouble.memories[getPath] = reply{}
}

// Lie has the next GETs of the path answer what was remembered: state that goes backwards.
func (w *World) Lie(getPath string, times int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := maps.Clone(w.trouble.lies)
	if l == nil {
		l = map[string]int{}
	}
	l[getPath] = times
	w.trouble.lies = l
}

// lie returns the true answer, or the one that was remembered. The lock is held.
func (t *trouble) lie(getPath string, truth reply) reply {
	old, kept := t.memories[getPath]
	if kept && old.status == 0 {
		t.memories[getPath] = reply{status: truth.status, raw: truth.encode(), kind: truth.kind, tag: truth.tag}
	} else if kept && t.lies[getPath] > 0 {
		t.lies[getPath]--
		return old
	}
	return truth
}

// hinder reports whether the call has had its answer, or never will.
func (w *World) hinder(rw http.ResponseWriter, r *http.Request) bool {
	w.mu.Lock()
	delay, outage := w.trouble.latency, w.trouble.outage
	var hit *Trouble
	for _, t := range w.trouble.list {
		if t.Times != 0 && t.fits(r) {
			t.Times--
			hit = t
			break
		}
	}
	w.mu.Unlock()
	if delay > 0 && !w.pause(r, delay) {
		return true
	}
	switch {
	case outage:
		w.send(rw, r, nil, refuse(http.StatusServiceUnavailable, "service_unavailable", "Service unavailable"))
		return true
	case hit == nil:
		return false
	}
	if hit.After {
		w.handler.ServeHTTP(&lost{header: http.Header{}}, r)
	}
	switch {
	case hit.Hang:
		w.pause(r, time.Hour)
	case hit.Reset:
		panic(http.ErrAbortHandler) // net/http cuts the connection, as asked
	default:
		for k, v := range hit.Header {
			rw.Header().Set(k, v)
		}
		code := hit.Code
		if code == "" {
			code = "error_" + strconv.Itoa(hit.Status)
		}
		w.send(rw, r, nil, refuse(hit.Status, code, "The test asked for HTTP %d.", hit.Status))
	}
	return true
}

func (t *Trouble) fits(r *http.Request) bool {
	if t.Method != "" && t.Method != r.Method {
		return false
	}
	match, err := path.Match(t.Path, r.URL.Path)
	return t.Path == "" || err == nil && match
}

// pause waits, and reports whether anybody is still there.
func (w *World) pause(r *http.Request, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.Context().Done():
	case <-w.ctx.Done():
	}
	return false
}

// lost takes an answer that nobody will see.
type lost struct{ header http.Header }

func (l *lost) Header() http.Header         { return l.header }
func (l *lost) Write(b []byte) (int, error) { return len(b), nil }
func (l *lost) WriteHeader(int)             {}
