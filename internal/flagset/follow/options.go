// Package follow keeps a program's flags those of a server, without ever waiting for one.
//
// A Follower fetches the document of the environment that its key names, follows the
// event stream, and fetches again when something changed and after every time without
// a stream. While none can be opened it polls in the rhythm in which it tries. What is
// broken, of another environment or older than what is in force is refused as a whole.
// The last good document is kept in memory and, if there is a file, over a restart.
// The Go provider and edges stand on it.
package follow

import (
	"cmp"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
)

// State is how the following goes.
type State string

// The states.
const (
	Ready State = "ready" // the flags are those of the server
	Stale State = "stale" // no server answers
	Wrong State = "wrong" // a server answers what can't be taken
)

// Options set up a Follower. Those without a remark may be left out.
type Options struct {
	Address string // of a Slipway; needed
	Key     string // a server key; needed
	Agent   string // what the program is called in requests
	File    string // keeps the last good document
	HTTP    *http.Client
	Log     *slog.Logger

	Retry   time.Duration // first pause after a failure; 250 ms
	Longest time.Duration // longest pause; 30 s
	Silence time.Duration // how long the stream may be without a sign of life; 90 s
	Age     time.Duration // after which, more or less, the stream is opened anew; 10 min

	// Took is told what is in force from now on, and which flags changed: none at the beginning.
	Took func(s *Snapshot, changed []string)
	// Told is told how it goes, when that changes.
	Told func(s State, words string)
}

// Follower follows.
type Follower struct {
	o       Options
	base    string
	current atomic.Pointer[Snapshot]
	said    announced // of the goroutine that runs
}

// New returns a follower that has asked nothing yet.
func New(o Options) (*Follower, error) {
	u, err := url.Parse(strings.TrimRight(o.Address, "/"))
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" {
		return nil, fault.New(fault.Invalid, "address_malformed",
			"%q is no address of a Slipway: it looks like https://slipway.example.com.", o.Address)
	}
	if o.Key == "" || strings.ContainsAny(o.Key, "\r\n ") {
		return nil, fault.New(fault.Invalid, "flag_key_malformed",
			"The flag key is empty or holds spaces: make one with slipway flag-key create.")
	}
	if o.HTTP == nil {
		o.HTTP = &http.Client{
			CheckRedirect: func(*http.Request, []*http.Request) error {
				return http.ErrUseLastResponse // the key is for this address only
			},
			Transport: &http.Transport{
				Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute,
				TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: 30 * time.Second,
			},
		}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Took == nil {
		o.Took = func(*Snapshot, []string) {}
	}
	if o.Told == nil {
		o.Told = func(State, string) {}
	}
	o.Agent = cmp.Or(o.Agent, "slipway-flags/1")
	o.Retry = cmp.Or(o.Retry, 250*time.Millisecond)
	o.Longest = max(o.Retry, cmp.Or(o.Longest, 30*time.Second))
	o.Silence, o.Age = cmp.Or(o.Silence, 90*time.Second), cmp.Or(o.Age, 10*time.Minute)
	return &Follower{o: o, base: u.String()}, nil
}

// Address returns where the server is.
func (f *Follower) Address() string { return f.base }

// announced is what was said last of how it goes.
type announced struct {
	state  State
	detail string
	failed bool // the attempt before failed too
}

// note says how an attempt to have the newest flags went, when that differs from before. A first failure is not spoken
// of: most are over at the second attempt.
func (f *Follower) note(err error) {
	s := &f.said
	why, refused := errors.AsType[*fault.Error](err)
	refused = refused && why.Kind != fault.Unavailable
	switch {
	case err == nil:
		if s.state != Ready {
			f.o.Told(Ready, "The flags are those of the server.")
		}
		*s = announced{state: Ready}
	case refused && s.state == Wrong && s.detail == why.Message:
	case refused:
		*s = announced{state: Wrong, detail: why.Message, failed: true}
		f.o.Log.Error("flags refused", "error", err)
		f.o.Told(Wrong, why.Message)
	case !s.failed:
		s.failed = true
	case s.state == Ready && f.current.Load() != nil:
		s.state = Stale
		f.o.Log.Warn("flags may be out of date", "error", err)
		f.o.Told(Stale, "No server answers: the flags are the last that were seen.")
	}
}
