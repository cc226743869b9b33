package publish_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/engine"
	"github.com/slipwayhq/slipway/internal/engine/enginetest"
	"github.com/slipwayhq/slipway/internal/engine/flags"
	"github.com/slipwayhq/slipway/internal/engine/publish"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/provider"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
)

const text = `app: shop
target: {vercel: {project: shop, global_config: ecfg_1, flags: [production]}}
`

// shelf is a store near the visitors, in memory. It keeps every document that was written.
type shelf struct {
	mu      sync.Mutex
	is      json.RawMessage
	wrote   []provider.NearDocument
	down    error
	refuses error
	late    bool // what is written does not answer
	room    provider.NearRoom
	hold    chan struct{} // a write waits for it
	held    int           // writes that wait
}

func (s *shelf) ReadNear(context.Context, string) (json.RawMessage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.is, s.down
}

func (s *shelf) WriteNear(ctx context.Context, d provider.NearDocument) error {
	s.mu.Lock()
	hold, err := s.hold, errors.Join(s.down, s.refuses)
	if hold != nil {
		s.held++
	}
	s.mu.Unlock()
	if hold != nil {
		<-hold
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		return errors.Unwrap(fmt.Errorf("%w", err))
	}
	s.is, s.wrote = d.Value, append(s.wrote, d)
	if !d.Urgent {
		s.room.Left--
	}
	if s.late {
		return fault.New(fault.Unavailable, "near_late", "It is not read yet.")
	}
	return nil
}

func (s *shelf) NearRoom(context.Context) (provider.NearRoom, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.room, nil
}

func (s *shelf) set(f func(*shelf)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
}

func (s *shelf) writes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.wrote)
}

// world is an engine whose flags are published to a shelf.
type world struct {
	*enginetest.World
	t     *testing.T
	shelf *shelf
}

func open(t *testing.T, db *store.DB, s *shelf) *enginetest.World {
	t.Helper()
	return enginetest.Open(t, text, engine.Options{DB: db, Pace: engine.Pace{Poll: 10 * time.Second}, // virtual hours pass
		Publish: publish.Options{Near: s, Key: func(e string) string { return "slipway-flags-" + e },
			Document: func(ctx context.Context, environment string) (publish.Document, error) {
				set, err := db.FlagSet(ctx, "shop", environment)
				if err != nil {
					return publish.Document{}, err
				}
				d, err := set.Document()
				return publish.Document{Generation: set.Generation, Newest: set.Generation, Text: d.JSON()}, err
			}}})
}

// play runs an engine on a virtual clock, with thirty writes for two hours.
func play(t *testing.T, test func(w *world)) {
	t.Helper()
	w := &world{}
	enginetest.Play(t, func(t *testing.T, db *store.DB) *enginetest.World {
		w.t = t
		w.shelf = &shelf{room: provider.NearRoom{Bytes: 8 << 10, All: 30, Left: 30, Until: time.Now().Add(2 * time.Hour)}}
		w.World = open(t, db, w.shelf)
		return w.World
	}, func() { test(w) })
}

func (w *world) state() flag.Publication {
	w.t.Helper()
	p, err := w.DB.Publication(w.Ctx, "shop", "production")
	w.OK(err)
	return p
}

// newest reports whether what stands on the shelf decides as what there is.
func (w *world) newest() bool {
	w.t.Helper()
	d, err := w.Publisher.Document(w.Ctx, "production")
	w.OK(err)
	want, err := publish.Digest(d.Text)
	w.OK(err)
	w.shelf.mu.Lock()
	defer w.shelf.mu.Unlock()
	have, err := publish.Digest(w.shelf.is)
	w.OK(err)
	return have == want
}

// A burst is one document, and what says nothing else is not written.
func TestABurstOfChangesIsOneWrite(t *testing.T) {
	play(t, func(w *world) {
		before := w.shelf.writes()
		for i := range 20 {
			w.Create(fmt.Sprintf("flag-%d", i))
		}
		enginetest.Pass(30 * time.Second)
		if n := w.shelf.writes() - before; n > 2 || !w.newest() {
			t.Errorf("20 changes were %d writes, the newest stands there: %v", n, w.newest())
		}
		n := w.shelf.writes()
		_, err := w.Flags.Change(w.Ctx, enginetest.Ada(), "flag-1", 0,
			func(f *flag.Flag) { f.Description = "what it is about" })
		w.OK(err)
		enginetest.Pass(time.Hour)
		if w.shelf.writes() != n {
			t.Errorf("%d writes of what decides alike", w.shelf.writes()-n)
		}
		if p := w.state(); p.Trouble != "" || p.Generation == 0 || p.Wanted <= p.Generation || p.Bytes == 0 {
			t.Errorf("published: %+v", p)
		}
	})
}

// A kill switch waits for no batch and for no budget of other changes.
func TestAKillSwitchGoesFirst(t *testing.T) {
	play(t, func(w *world) {
		w.Create("checkout")
		w.Do("checkout", flags.On)
		enginetest.Pass(30 * time.Second)
		n := w.shelf.writes()
		w.Do("checkout", flags.Off)
		enginetest.Pass(time.Second)
		if w.shelf.writes() != n+1 || !w.newest() || !w.shelf.wrote[n].Urgent {
			t.Fatalf("a second after the kill: %d writes, %+v", w.shelf.writes()-n, w.state())
		}
		w.shelf.set(func(s *shelf) { s.room.Left = 0 })
		w.Do("checkout", flags.On)
		enginetest.Pass(time.Minute)
		if p := w.state(); w.newest() || !strings.Contains(p.Trouble, "used up") || p.Next.IsZero() {
			t.Errorf("with an empty budget a flag went on: %+v", p)
		}
		w.Create("other")
		w.Do("other", flags.On)
		w.Do("other", flags.Off)
		enginetest.Pass(2 * time.Second)
		if !w.newest() || w.state().Trouble != "" {
			t.Errorf("a kill switch waits for the budget: %+v", w.state())
		}
	})
}

// The budget lasts until its period ends, however often flags change.
func TestWritesAreSpreadOverTheDay(t *testing.T) {
	if testing.Short() { // under the race detector, which needs half a minute for so many commits
		return
	}
	play(t, func(w *world) {
		w.Create("checkout")
		w.Do("checkout", flags.On)
		for range 110 { // a change each minute, almost until the period ends
			_, err := w.Flags.Do(w.Ctx, enginetest.Ada(), flags.Order{Kind: flags.Rollout, Flag: "checkout",
				Environment: "production",
				Share:       float64(time.Now().Unix() / 60 % 100)}, flags.How{})
			w.OK(err)
			enginetest.Pass(time.Minute)
		}
		left := w.shelf.room.Left
		if n := w.shelf.writes(); n < 25 || n > 32 || left > 5 {
			t.Errorf("%d writes, %d left", n, left)
		}
		enginetest.Pass(10 * time.Minute)
		if !w.newest() {
			t.Errorf("what stands there is old: %+v", w.state())
		}
	})
}

// What does not fit is said once, and the last that did stays.
func TestWhatDoesNotFitIsToldAndTheLastGoodStays(t *testing.T) {
	play(t, func(w *world) {
		w.Create("checkout")
		enginetest.Pass(30 * time.Second)
		n := w.shelf.writes()
		for i := range 90 {
			w.Create(fmt.Sprintf("a-flag-with-a-long-name-%d", i))
		}
		enginetest.Pass(3 * time.Hour)
		p := w.state()
		if w.shelf.writes() > n+1 || !strings.Contains(p.Trouble, "8192") || w.Told("flags.unpublished") != 1 {
			t.Errorf("%d writes, told %d times: %+v", w.shelf.writes()-n, w.Told("flags.unpublished"), p)
		}
		w.shelf.set(func(s *shelf) { s.room.Bytes = 64 << 10 })
		enginetest.Pass(2 * time.Hour)
		if !w.newest() || w.state().Trouble != "" {
			t.Errorf("after a change of the plan: %+v", w.state())
		}
		w.shelf.set(func(s *shelf) { s.refuses = fault.New(fault.Refused, "vercel_plan", "The plan has no room.") })
		n = w.shelf.writes()
		w.Create("one-more")
		enginetest.Pass(30 * time.Minute)
		if p := w.state(); p.Trouble != "The plan has no room." || w.Told("flags.unpublished") != 2 || w.shelf.writes() != n {
			t.Errorf("told %d times: %+v", w.Told("flags.unpublished"), p)
		}
	})
}

// An outage costs no writes when it ends, a lost answer none at all, and a hand in the store is put right.
func TestTroubleThatPassesIsTriedAgain(t *testing.T) {
	play(t, func(w *world) {
		w.Create("checkout")
		enginetest.Pass(30 * time.Second)
		w.shelf.set(func(s *shelf) { s.down = fault.New(fault.Unavailable, "vercel_down", "Vercel does not answer.") })
		w.Do("checkout", flags.On)
		enginetest.Pass(time.Minute)
		if p := w.state(); p.Trouble == "" || w.Told("flags.unpublished") != 0 {
			t.Errorf("told %d times at once: %+v", w.Told("flags.unpublished"), p)
		}
		enginetest.Pass(time.Hour)
		if n := w.Told("flags.unpublished"); n != 1 {
			t.Errorf("an hour's outage was told %d times", n)
		}
		w.shelf.set(func(s *shelf) { s.down, s.late = nil, true })
		n := w.shelf.writes()
		enginetest.Pass(10 * time.Minute)
		if p := w.state(); !w.newest() || p.Trouble != "" || w.shelf.writes() != n+1 {
			t.Errorf("%d writes after it: %+v", w.shelf.writes()-n, p)
		}
		w.shelf.set(func(s *shelf) { s.is, s.late = json.RawMessage(`{"flags":{},"metadata":{}}`), false })
		enginetest.Pass(10 * time.Minute)
		if !w.newest() {
			t.Errorf("somebody's hand in the store stays: %+v", w.state())
		}
	})
}

// Neither a store that follows another database nor another application's flags are written over.
func TestNothingIsWrittenOverWhatIsNotOurs(t *testing.T) {
	play(t, func(w *world) {
		w.Create("checkout")
		enginetest.Pass(30 * time.Second)
		n := w.shelf.writes()
		for is, want := range map[string]string{
			`{"flags":{},"metadata":{"flagSetId":"shop/production","version":"9000"}}`: "9000",
			`{"flags":{},"metadata":{"flagSetId":"blog/production","version":"1"}}`:    "blog/production",
		} {
			w.shelf.set(func(s *shelf) { s.is = json.RawMessage(is) })
			w.Do("checkout", flags.On)
			enginetest.Pass(time.Minute)
			if p := w.state(); w.shelf.writes() != n || !strings.Contains(p.Trouble, want) {
				t.Errorf("%s: %d writes, %+v", is, w.shelf.writes()-n, p)
			}
			w.Do("checkout", flags.Off)
			enginetest.Pass(2 * time.Hour)
		}
		w.shelf.set(func(s *shelf) { s.is = nil })
		enginetest.Pass(2 * time.Hour)
		if !w.newest() || w.state().Trouble != "" {
			t.Errorf("once the item is gone: %+v", w.state())
		}
	})
}

// Two nodes publish one document: one at a time, and the last word is the newest, even where a node that was thought
// dead comes late with an old one.
func TestALateNodeDoesNotHaveTheLastWord(t *testing.T) {
	t.Parallel()
	for _, kind := range storetest.Engines(t) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			address := storetest.Address(t, kind)
			s := &shelf{room: provider.NearRoom{All: 300, Left: 300, Until: time.Now().Add(15 * time.Hour)}}
			w := &world{open(t, storetest.OpenAt(t, address), s), t, s}
			other := open(t, storetest.OpenAt(t, address), s)
			w.Create("checkout")
			hold := make(chan struct{})
			s.set(func(s *shelf) { s.hold = hold })
			late := make(chan error)
			go func() { // it took the document, and hangs in the call
				_, err := w.Publisher.Look(w.Ctx, "publish/production")
				late <- err
			}()
			for hangs := false; !hangs; { // not before: the document is taken, and the try recorded, by then
				if t.Context().Err() != nil {
					t.Fatal("nothing was tried")
				}
				s.set(func(s *shelf) { hangs = s.held > 0 })
			}
			s.set(func(s *shelf) { s.hold = nil })
			w.Do("checkout", flags.On)
			if _, err := other.Publisher.Look(w.Ctx, "publish/production"); err != nil || !w.newest() {
				t.Fatalf("the other node: %v, newest %v", err, w.newest())
			}
			close(hold)
			if err := <-late; !fault.Is(err, fault.Conflict) {
				t.Errorf("the late node records: %v", err)
			}
			if w.newest() {
				t.Fatal("the test does not show what it should: the late write had nothing old")
			}
			due, err := w.DB.NextDue(w.Ctx, []string{publish.Work})
			w.OK(err)
			if due.IsZero() || time.Until(due) > time.Second {
				t.Errorf("nobody looks again before %s", due)
			}
			if _, err := other.Publisher.Look(w.Ctx, "publish/production"); err != nil {
				t.Error(err)
			}
			if !w.newest() {
				t.Errorf("the last word is old: %+v", w.state())
			}
		})
	}
}
