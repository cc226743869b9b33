package mirror_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/engine"
	"github.com/slipwayhq/slipway/internal/engine/enginetest"
	"github.com/slipwayhq/slipway/internal/engine/flags"
	"github.com/slipwayhq/slipway/internal/engine/mirror"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/store"
)

// theirs is a system of flags in memory.
type theirs struct {
	mu    sync.Mutex
	flags map[string]map[string]any
	down  bool
	lost  bool // what is written stands there, and does not answer
	wrote int
}

func (x *theirs) read(context.Context) (mirror.Kept, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	k := mirror.Kept{Environments: []string{"production", "preview"}}
	if x.down {
		return k, fault.New(fault.Unavailable, "vercel_down", "Vercel does not answer.")
	}
	for _, f := range x.flags {
		text, err := json.Marshal(f)
		if err != nil {
			return k, err
		}
		k.Flags = append(k.Flags, text)
	}
	return k, nil
}

func (x *theirs) create(_ context.Context, body json.RawMessage) (int64, error) {
	var f map[string]any
	if err := json.Unmarshal(body, &f); err != nil {
		return 0, err
	}
	return x.put(f["slug"].(string), 0, f)
}

func (x *theirs) edit(_ context.Context, slug string, revision int64, body json.RawMessage) (int64, error) {
	var in map[string]any
	if err := json.Unmarshal(body, &in); err != nil {
		return 0, err
	}
	return x.put(slug, revision, in)
}

func (x *theirs) put(slug string, revision int64, in map[string]any) (int64, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	f := maps.Clone(x.flags[slug])
	if f == nil {
		f = map[string]any{"revision": int64(0)}
	}
	if f["revision"] != revision {
		return 0, fault.New(fault.Conflict, "vercel_flag_changed", "%s has another revision.", slug)
	}
	maps.Copy(f, in)
	f["revision"] = revision + 1
	x.flags[slug] = f
	x.wrote++
	if x.lost {
		return 0, fault.New(fault.Unavailable, "vercel_unreachable", "Vercel does not answer.")
	}
	return revision + 1, nil
}

func (x *theirs) set(f func(*theirs)) {
	x.mu.Lock()
	defer x.mu.Unlock()
	f(x)
}

// active reports whether a flag is on there in production.
func (x *theirs) active(slug string) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	environments, _ := x.flags[slug]["environments"].(map[string]any)
	production, _ := environments["production"].(map[string]any)
	return production["active"] == true
}

// world is an engine whose flags follow to them.
type world struct {
	*enginetest.World
	t     *testing.T
	there *theirs
}

// play runs an engine on a virtual clock. It looks for what is due so often: a virtual hour of seconds is long.
func play(t *testing.T, poll time.Duration, test func(w *world)) {
	t.Helper()
	x := &theirs{flags: map[string]map[string]any{}}
	w := &world{there: x}
	enginetest.Play(t, func(t *testing.T, db *store.DB) *enginetest.World {
		w.t = t
		w.World = enginetest.Open(t, "app: shop\ntarget: {vercel: {project: shop, sync_flags: {production: production}}}\n",
			engine.Options{DB: db, Pace: engine.Pace{Poll: poll},
				Mirror: mirror.Options{Read: x.read, Create: x.create, Edit: x.edit}})
		return w.World
	}, func() { test(w) })
}

// hour is how long nothing more must happen: less under the race detector, which needs a minute for a virtual hour.
func hour() time.Duration {
	if testing.Short() {
		return 10 * time.Minute
	}
	return time.Hour
}

func (w *world) row() flag.Follower {
	w.t.Helper()
	f, err := w.DB.Follower(w.Ctx, "shop", "production")
	w.OK(err)
	return f
}

// Changes follow together, a kill switch in the next moment, and what decides alike is not written.
func TestFlagsFollow(t *testing.T) {
	play(t, 10*time.Second, func(w *world) {
		for i := range 12 {
			w.Create(fmt.Sprintf("flag-%d", i))
		}
		w.Do("flag-3", flags.On)
		enginetest.Pass(10 * time.Second)
		if !w.there.active("flag-3") || w.row().Same != 12 || w.Told("flags.syncing") > 2 {
			t.Fatalf("%d writes, told %d times, %+v", w.there.wrote, w.Told("flags.syncing"), w.row())
		}
		n, rows := w.there.wrote, w.row().Row
		w.Do("flag-3", flags.Off)
		enginetest.Pass(time.Second)
		if w.there.active("flag-3") || w.there.wrote != n+1 {
			t.Errorf("a second after the kill: %d writes", w.there.wrote-n)
		}
		enginetest.Pass(hour())
		if w.there.wrote != n+1 || w.row().Row > rows+20 {
			t.Errorf("an hour of nothing: %d writes, %d rows", w.there.wrote-n-1, w.row().Row-rows)
		}
	})
}

// An outage is told once; what was written when Vercel did not answer is Slipway's own.
func TestWhatIsLostOnTheWayIsFoundAgain(t *testing.T) {
	play(t, 10*time.Second, func(w *world) {
		w.Create("checkout")
		enginetest.Pass(5 * time.Second)
		w.there.set(func(x *theirs) { x.lost = true })
		w.Do("checkout", flags.On)
		enginetest.Pass(3 * time.Second)
		w.Do("checkout", flags.Off) // before anybody has seen that it got there
		w.there.set(func(x *theirs) { x.lost = false })
		enginetest.Pass(time.Minute)
		if f := w.row(); w.there.active("checkout") || len(f.Foreign) > 0 || f.Trouble != "" {
			t.Errorf("after a lost answer: %+v", f)
		}
		w.there.set(func(x *theirs) { x.down = true })
		w.Do("checkout", flags.On)
		enginetest.Pass(hour())
		if f := w.row(); f.Trouble == "" || w.Told("flags.unsynced") != 1 {
			t.Errorf("an hour's outage was told %d times: %+v", w.Told("flags.unsynced"), f)
		}
		w.there.set(func(x *theirs) { x.down = false })
		enginetest.Pass(10 * time.Minute)
		if f := w.row(); !w.there.active("checkout") || f.Trouble != "" {
			t.Errorf("after the outage: %+v", f)
		}
	})
}

// What another hand changes stays and is told once; a person takes it over. What cannot be said any more is told too.
func TestAnotherHandIsNeverWrittenOver(t *testing.T) {
	play(t, 10*time.Second, func(w *world) {
		w.Create("checkout")
		w.Do("checkout", flags.On)
		enginetest.Pass(10 * time.Second)
		w.there.set(func(x *theirs) { x.flags["checkout"]["revision"] = int64(7) })
		w.Do("checkout", flags.Off)
		enginetest.Pass(hour())
		if f := w.row(); !w.there.active("checkout") || len(f.Foreign) != 1 || w.Told("flags.unsynced") != 1 {
			t.Fatalf("told %d times: %+v", w.Told("flags.unsynced"), f)
		}
		shown := &mirror.Shown{Generation: w.row().Generation, Revisions: map[string]int64{"checkout": 6}}
		_, done, err := w.Mirror.Apply(w.Ctx, enginetest.Ada(), mirror.Order{Environment: "production"}, shown)
		w.OK(err)
		if len(done) != 1 || !strings.Contains(fmt.Sprint(done[0].Err), "checkout") || !w.there.active("checkout") {
			t.Errorf("over what was not shown: %+v", done)
		}
		shown.Revisions["checkout"] = 7
		_, done, err = w.Mirror.Apply(w.Ctx, enginetest.Ada(), mirror.Order{Environment: "production"}, shown)
		w.OK(err)
		if len(done) != 1 || done[0].Err != nil || w.there.active("checkout") || len(w.row().Foreign) > 0 {
			t.Errorf("taken over: %+v, %+v", done, w.row())
		}
		w.Do("checkout", flags.On)
		enginetest.Pass(time.Minute)
		if !w.there.active("checkout") {
			t.Errorf("it follows no longer: %+v", w.row())
		}
		config, err := w.DB.FlagConfig(w.Ctx, "shop", "production", "checkout")
		w.OK(err)
		config.On, config.Off = false, ""
		before := w.Told("flags.unsynced") // it is looked at at once
		_, err = w.Flags.Do(w.Ctx, enginetest.Ada(), flags.Order{Kind: flags.Put, Flag: "checkout", Environment: "production",
			Config: config, Reason: "a test"}, flags.How{})
		w.OK(err)
		enginetest.Pass(hour())
		if f := w.row(); len(f.Stuck) != 1 || w.Told("flags.unsynced") != before+1 {
			t.Errorf("off without a variant was told %d times: %+v", w.Told("flags.unsynced")-before, f)
		}
	})
}

// A word of Vercel's that somebody changed a flag there has it looked at now. Who it was stands beside the flag, or in
// that word when the flag is gone; what Slipway wrote itself is nobody else's.
func TestAnotherHandIsNoticedAtOnce(t *testing.T) {
	play(t, time.Second, func(w *world) {
		w.Create("checkout")
		w.Create("banner")
		w.Do("checkout", flags.On)
		enginetest.Pass(10 * time.Second)
		w.OK(w.Mirror.Heard(w.Ctx, "", "user_token")) // of what Slipway wrote
		enginetest.Pass(time.Second)
		if f := w.row(); len(f.Foreign) > 0 || w.Told("flags.unsynced") != 0 {
			t.Fatalf("its own change is taken for another's: %+v", f)
		}
		last := func() string {
			p, err := w.DB.Events(w.Ctx, store.EventFilter{Kind: "flags.unsynced"})
			w.OK(err)
			if len(p) == 0 {
				return ""
			}
			newest := p[0]
			for _, e := range p {
				if e.Seq > newest.Seq {
					newest = e
				}
			}
			return newest.Sentence
		}
		by := func(slug, who string, revision int64) {
			w.there.set(func(x *theirs) {
				x.flags[slug]["revision"], x.flags[slug]["updatedBy"] = revision, who
				x.flags[slug]["environments"].(map[string]any)["production"].(map[string]any)["active"] = slug != "checkout"
			})
			w.OK(w.Mirror.Heard(w.Ctx, "", who))
			enginetest.Pass(time.Second)
		}
		by("checkout", "grace", 7)
		if say := last(); !strings.HasPrefix(say, "grace changed, made or dropped 1 flag of production") {
			t.Errorf("a second after: %q", say)
		}
		by("checkout", "eve", 8) // once more
		if say := last(); !strings.HasPrefix(say, "eve changed") || w.Told("flags.unsynced") != 2 {
			t.Errorf("told %d times, at last %q", w.Told("flags.unsynced"), say)
		}
		w.there.set(func(x *theirs) { delete(x.flags, "banner") })
		w.OK(w.Mirror.Heard(w.Ctx, "banner", "grace"))
		enginetest.Pass(time.Second)
		if say := last(); !strings.HasPrefix(say, "eve and grace changed") {
			t.Errorf("a flag was dropped: %q", say)
		}
		enginetest.Pass(10 * time.Minute) // that is two looks
		if f := w.row(); w.Told("flags.unsynced") != 3 || f.Hands["banner"] != "grace" || f.Hands["checkout"] != "eve" {
			t.Errorf("ten minutes later, told %d times: %+v", w.Told("flags.unsynced"), f)
		}
	})
}
