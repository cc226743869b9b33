package mirror_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/engine"
	"github.com/slipwayhq/slipway/internal/engine/flags"
	"github.com/slipwayhq/slipway/internal/engine/mirror"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
	"github.com/slipwayhq/slipway/internal/strategy"
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
	*engine.Engine
	t     *testing.T
	ctx   context.Context
	there *theirs
}

func play(t *testing.T, test func(w *world)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		plan, err := strategy.Parse("slipway.yaml", []byte(
			"app: shop\ntarget: {vercel: {project: shop, sync_flags: {production: production}}}\n"))
		if err != nil {
			t.Fatal(err)
		}
		x := &theirs{flags: map[string]map[string]any{}}
		w := &world{t: t, ctx: t.Context(), there: x}
		w.Engine = engine.New(engine.Options{DB: storetest.Open(t, store.SQLite), Strategy: plan,
			Log: slog.New(slog.DiscardHandler), Pace: engine.Pace{Poll: time.Second},
			Mirror: mirror.Options{Read: x.read, Create: x.create, Edit: x.edit}})
		w.ok(w.DB.Write(w.ctx, func(tx *store.Tx) error {
			return tx.InsertUser(w.ctx, &store.User{ID: "usr_ada", Name: "ada", Roles: []string{"admin"}, Created: tx.Now()})
		}))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- w.Run(ctx) }()
		w.pass(5 * time.Second)
		test(w)
		cancel()
		w.ok(<-done)
	})
}

func ada() access.Actor { return access.Actor{ID: "user:ada", User: "usr_ada", Name: "Ada"} }

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// hour is how long nothing more must happen: less under the race detector, which needs a minute for a virtual hour.
func hour() time.Duration {
	if testing.Short() {
		return 10 * time.Minute
	}
	return time.Hour
}

func (w *world) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (w *world) create(key string) {
	w.t.Helper()
	_, err := w.Flags.Create(w.ctx, ada(), flag.Flag{Key: key})
	w.ok(err)
}

func (w *world) do(key string, kind flags.Kind) {
	w.t.Helper()
	_, err := w.Flags.Do(w.ctx, ada(), flags.Order{Kind: kind, Flag: key, Environment: "production", Reason: "a test"},
		flags.How{})
	w.ok(err)
}

func (w *world) row() flag.Follower {
	w.t.Helper()
	f, err := w.DB.Follower(w.ctx, "shop", "production")
	w.ok(err)
	return f
}

func (w *world) told(kind string) int {
	w.t.Helper()
	p, err := w.DB.Events(w.ctx, store.EventFilter{Kind: kind})
	w.ok(err)
	return len(p)
}

// Changes follow together, a kill switch in the next moment, and what decides alike is not written.
func TestFlagsFollow(t *testing.T) {
	play(t, func(w *world) {
		for i := range 12 {
			w.create(fmt.Sprintf("flag-%d", i))
		}
		w.do("flag-3", flags.On)
		w.pass(10 * time.Second)
		if !w.there.active("flag-3") || w.row().Same != 12 || w.told("flags.syncing") > 2 {
			t.Fatalf("%d writes, told %d times, %+v", w.there.wrote, w.told("flags.syncing"), w.row())
		}
		n, rows := w.there.wrote, w.row().Row
		w.do("flag-3", flags.Off)
		w.pass(time.Second)
		if w.there.active("flag-3") || w.there.wrote != n+1 {
			t.Errorf("a second after the kill: %d writes", w.there.wrote-n)
		}
		w.pass(hour())
		if w.there.wrote != n+1 || w.row().Row > rows+20 {
			t.Errorf("an hour of nothing: %d writes, %d rows", w.there.wrote-n-1, w.row().Row-rows)
		}
	})
}

// An outage is told once; what was written when Vercel did not answer is Slipway's own.
func TestWhatIsLostOnTheWayIsFoundAgain(t *testing.T) {
	play(t, func(w *world) {
		w.create("checkout")
		w.pass(5 * time.Second)
		w.there.set(func(x *theirs) { x.lost = true })
		w.do("checkout", flags.On)
		w.pass(3 * time.Second)
		w.do("checkout", flags.Off) // before anybody has seen that it got there
		w.there.set(func(x *theirs) { x.lost = false })
		w.pass(time.Minute)
		if f := w.row(); w.there.active("checkout") || len(f.Foreign) > 0 || f.Trouble != "" {
			t.Errorf("after a lost answer: %+v", f)
		}
		w.there.set(func(x *theirs) { x.down = true })
		w.do("checkout", flags.On)
		w.pass(hour())
		if f := w.row(); f.Trouble == "" || w.told("flags.unsynced") != 1 {
			t.Errorf("an hour's outage was told %d times: %+v", w.told("flags.unsynced"), f)
		}
		w.there.set(func(x *theirs) { x.down = false })
		w.pass(10 * time.Minute)
		if f := w.row(); !w.there.active("checkout") || f.Trouble != "" {
			t.Errorf("after the outage: %+v", f)
		}
	})
}

// What another hand changes stays and is told once; a person takes it over. What cannot be said any more is told too.
func TestAnotherHandIsNeverWrittenOver(t *testing.T) {
	play(t, func(w *world) {
		w.create("checkout")
		w.do("checkout", flags.On)
		w.pass(10 * time.Second)
		w.there.set(func(x *theirs) { x.flags["checkout"]["revision"] = int64(7) })
		w.do("checkout", flags.Off)
		w.pass(hour())
		if f := w.row(); !w.there.active("checkout") || len(f.Foreign) != 1 || w.told("flags.unsynced") != 1 {
			t.Fatalf("told %d times: %+v", w.told("flags.unsynced"), f)
		}
		shown := &mirror.Shown{Generation: w.row().Generation, Revisions: map[string]int64{"checkout": 6}}
		_, done, err := w.Mirror.Apply(w.ctx, ada(), mirror.Order{Environment: "production"}, shown)
		w.ok(err)
		if len(done) != 1 || !strings.Contains(fmt.Sprint(done[0].Err), "checkout") || !w.there.active("checkout") {
			t.Errorf("over what was not shown: %+v", done)
		}
		shown.Revisions["checkout"] = 7
		_, done, err = w.Mirror.Apply(w.ctx, ada(), mirror.Order{Environment: "production"}, shown)
		w.ok(err)
		if len(done) != 1 || done[0].Err != nil || w.there.active("checkout") || len(w.row().Foreign) > 0 {
			t.Errorf("taken over: %+v, %+v", done, w.row())
		}
		w.do("checkout", flags.On)
		w.pass(time.Minute)
		if !w.there.active("checkout") {
			t.Errorf("it follows no longer: %+v", w.row())
		}
		config, err := w.DB.FlagConfig(w.ctx, "shop", "production", "checkout")
		w.ok(err)
		config.On, config.Off = false, ""
		before := w.told("flags.unsynced") // it is looked at at once
		_, err = w.Flags.Do(w.ctx, ada(), flags.Order{Kind: flags.Put, Flag: "checkout", Environment: "production",
			Config: config, Reason: "a test"}, flags.How{})
		w.ok(err)
		w.pass(hour())
		if f := w.row(); len(f.Stuck) != 1 || w.told("flags.unsynced") != before+1 {
			t.Errorf("off without a variant was told %d times: %+v", w.told("flags.unsynced")-before, f)
		}
	})
}

// A word of Vercel's that somebody changed a flag there has it looked at now. Who it was stands beside the flag, or in
// that word when the flag is gone; what Slipway wrote itself is nobody else's.
func TestAnotherHandIsNoticedAtOnce(t *testing.T) {
	play(t, func(w *world) {
		w.create("checkout")
		w.create("banner")
		w.do("checkout", flags.On)
		w.pass(10 * time.Second)
		w.ok(w.Mirror.Heard(w.ctx, "", "user_token")) // of what Slipway wrote
		w.pass(time.Second)
		if f := w.row(); len(f.Foreign) > 0 || w.told("flags.unsynced") != 0 {
			t.Fatalf("its own change is taken for another's: %+v", f)
		}
		last := func() string {
			p, err := w.DB.Events(w.ctx, store.EventFilter{Kind: "flags.unsynced"})
			w.ok(err)
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
			w.ok(w.Mirror.Heard(w.ctx, "", who))
			w.pass(time.Second)
		}
		by("checkout", "grace", 7)
		if say := last(); !strings.HasPrefix(say, "grace changed, made or dropped 1 flag of production") {
			t.Errorf("a second after: %q", say)
		}
		by("checkout", "eve", 8) // once more
		if say := last(); !strings.HasPrefix(say, "eve changed") || w.told("flags.unsynced") != 2 {
			t.Errorf("told %d times, at last %q", w.told("flags.unsynced"), say)
		}
		w.there.set(func(x *theirs) { delete(x.flags, "banner") })
		w.ok(w.Mirror.Heard(w.ctx, "banner", "grace"))
		w.pass(time.Second)
		if say := last(); !strings.HasPrefix(say, "eve and grace changed") {
			t.Errorf("a flag was dropped: %q", say)
		}
		w.pass(hour())
		if f := w.row(); w.told("flags.unsynced") != 3 || f.Hands["banner"] != "grace" || f.Hands["checkout"] != "eve" {
			t.Errorf("an hour later, told %d times: %+v", w.told("flags.unsynced"), f)
		}
	})
}
