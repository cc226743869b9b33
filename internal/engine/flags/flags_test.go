package flags_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/engine"
	"github.com/slipwayhq/slipway/internal/engine/flags"
	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
	"github.com/slipwayhq/slipway/internal/strategy"
)

const plain = `app: shop
target: {selfhost: {stable: "http://127.0.0.1:3001"}}
`

// world is a writer over a real store.
type world struct {
	*flags.Writer
	t   *testing.T
	ctx context.Context
}

func each(t *testing.T, text string, test func(t *testing.T, w *world)) {
	t.Helper()
	t.Parallel()
	for _, kind := range storetest.Engines(t) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			test(t, newWorld(t, storetest.Open(t, kind), text))
		})
	}
}

func newWorld(t *testing.T, db *store.DB, text string) *world {
	t.Helper()
	w := &world{writer(t, db, text), t, t.Context()}
	w.ok(db.Write(w.ctx, func(tx *store.Tx) error { // who asks for a change must be somebody when it is made
		if _, err := tx.User(w.ctx, ada().User); !fault.Is(err, fault.NotFound) {
			return err // in another world on the same store
		}
		return tx.InsertUser(w.ctx, &store.User{ID: ada().User, Name: "ada", Roles: []string{"admin"}, Created: tx.Now()})
	}))
	return w
}

func writer(t testing.TB, db *store.DB, text string) *flags.Writer {
	t.Helper()
	s, err := strategy.Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return engine.New(engine.Options{DB: db, Strategy: s, Log: slog.New(slog.DiscardHandler)}).Flags
}

func ada() access.Actor { return access.Actor{ID: "user:ada", User: "usr_ada", Name: "Ada"} }

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) refused(err error, kind fault.Kind, reason string) {
	w.t.Helper()
	if !fault.Is(err, kind) || fault.ReasonOf(err) != reason {
		w.t.Fatalf("%v, want %s %s", err, kind, reason)
	}
}

func (w *world) create(key string) flag.Flag {
	w.t.Helper()
	f, err := w.Create(w.ctx, ada(), flag.Flag{Key: key})
	w.ok(err)
	return f
}

func (w *world) do(o flags.Order) (flags.Outcome, error) {
	return w.Do(w.ctx, ada(), o, flags.How{})
}

func (w *world) done(o flags.Order) flag.Config {
	w.t.Helper()
	out, err := w.do(o)
	w.ok(err)
	return out.After
}

func (w *world) segment(key, environment string) {
	w.t.Helper()
	_, err := w.ChangeSegment(w.ctx, ada(), flags.SegmentOrder{Key: key, Environment: environment, Put: &flag.Segment{}},
		flags.When{})
	w.ok(err)
}

func (w *world) config(key, environment string) flag.Config {
	w.t.Helper()
	c, err := w.DB.FlagConfig(w.ctx, "shop", environment, key)
	w.ok(err)
	return c
}

func (w *world) kinds() (kinds []string, sentences string) {
	w.t.Helper()
	w.ok(w.DB.EachEvent(w.ctx, func(e event.Event) error {
		kinds, sentences = append(kinds, e.Kind), sentences+e.Sentence+string(e.Data)+"\n"
		return nil
	}))
	return kinds, sentences
}

// req: EN-17
func TestNewFlagsStartOffButWhereTheStrategySaysSo(t *testing.T) {
	each(t, plain, func(_ *testing.T, w *world) {
		w.create("checkout")
		for environment, on := range map[string]bool{
			"development": true, "staging": true, "canary": false, "production": false,
		} {
			c := w.config("checkout", environment)
			if c.On != on || c.Off != "off" || c.Default.Variant != "on" || c.Revision != 1 {
				w.t.Errorf("%s: %+v", environment, c)
			}
		}
		_, err := w.Create(w.ctx, ada(), flag.Flag{Key: "checkout"})
		w.refused(err, fault.Conflict, "flag_exists")
		_, err = w.Create(w.ctx, ada(), flag.Flag{Key: "stale"})
		w.refused(err, fault.Invalid, "key_reserved")
		_, err = w.Create(w.ctx, ada(), flag.Flag{Key: "a/b"})
		w.refused(err, fault.Invalid, "flag_invalid")
	})
}

// req: FF-08 FF-14
func TestEveryChangeIsOneCommitOfRowRevisionGenerationAndEvent(t *testing.T) {
	each(t, plain, func(_ *testing.T, w *world) {
		w.create("checkout")
		const env = "production"
		start, err := w.DB.FlagGeneration(w.ctx, "shop", env)
		w.ok(err)
		secret := flag.Rule{If: []flag.Condition{{Attribute: "email", Op: flag.Equals, Values: []any{"ada@example.com"}}},
			Serve: flag.Serve{Variant: "on"}}
		put := w.config("checkout", env)
		put.Rules, put.Default = []flag.Rule{secret}, flag.Serve{Variant: "off"}
		c := w.done(flags.Order{Kind: flags.Put, Flag: "checkout", Environment: env, Config: put, Revision: 1})
		if c.Revision != 2 || c.Rules[0].ID == "" {
			w.t.Errorf("after the change: %+v", c)
		}
		w.done(flags.Order{Kind: flags.On, Flag: "checkout", Environment: env})
		_, err = w.do(flags.Order{Kind: flags.Off, Flag: "checkout", Environment: env})
		w.refused(err, fault.Invalid, "reason_required")
		c = w.done(flags.Order{Kind: flags.Off, Flag: "checkout", Environment: env, Reason: "orders fail"})
		if c.On || c.Reason != "orders fail" || c.Since.IsZero() {
			w.t.Errorf("the kill switch is undated or without its reason: %+v", c)
		}
		c = w.done(flags.Order{Kind: flags.Off, Flag: "checkout", Environment: env, Reason: "again"})
		if c.Revision != 4 {
			w.t.Errorf("a change of nothing makes revision %d", c.Revision)
		}
		now, err := w.DB.FlagGeneration(w.ctx, "shop", env)
		w.ok(err)
		if now != start+3 {
			w.t.Errorf("generation %d after three changes from %d", now, start)
		}
		past, err := w.DB.Revisions(w.ctx, store.ConfigSubject("shop", env, "checkout"), 0, 0)
		w.ok(err)
		if len(past) != 4 || past[0].Reason != "orders fail" || past[0].Name != "Ada" {
			w.t.Errorf("revisions %+v", past)
		}
		kinds, text := w.kinds()
		if got := strings.Join(kinds, " "); got != "flag.created flag.changed flag.switched flag.switched" {
			w.t.Errorf("events: %s", got)
		}
		if strings.Contains(text, "ada@example.com") || !strings.Contains(text, "1 rule added") {
			w.t.Errorf("the log says too much or too little:\n%s", text)
		}
	})
}

// Whoever saw an older revision is told who changed what meanwhile.
func TestTwoEditorsAndTwoNodes(t *testing.T) {
	t.Parallel()
	for _, kind := range storetest.Engines(t) {
		t.Run(kind, func(t *testing.T) {
			address := storetest.Address(t, kind)
			nodes := []*world{
				newWorld(t, storetest.OpenAt(t, address), plain), newWorld(t, storetest.OpenAt(t, address), plain),
			}
			nodes[0].create("checkout")
			const tries = 20
			var wins, losses [2]int
			var g sync.WaitGroup
			for n, w := range nodes {
				g.Go(func() {
					for i := range tries {
						seen := w.config("checkout", "staging")
						_, err := w.do(flags.Order{Kind: flags.Rollout, Flag: "checkout", Environment: "staging",
							Share: float64(n*50 + i + 1), Revision: seen.Revision})
						switch {
						case err == nil:
							wins[n]++
						case fault.ReasonOf(err) == "changed_meanwhile" && strings.Contains(err.Error(), "Ada changes"):
							losses[n]++
						default:
							t.Error(err)
						}
					}
				})
			}
			g.Wait()
			c := nodes[0].config("checkout", "staging")
			if c.Revision != int64(1+wins[0]+wins[1]) || wins[0]+losses[0] != tries || wins[1]+losses[1] != tries {
				t.Errorf("revision %d after %v wins and %v losses", c.Revision, wins, losses)
			}
			past, err := nodes[1].DB.Revisions(t.Context(), store.ConfigSubject("shop", "staging", "checkout"), 0, 100)
			if err != nil || int64(len(past)) != c.Revision {
				t.Errorf("%d revisions of %d, %v", len(past), c.Revision, err)
			}
		})
	}
}

// req: FF-09
func TestRolloutRevertAndPromote(t *testing.T) {
	each(t, plain, func(_ *testing.T, w *world) {
		w.create("checkout")
		order := flags.Order{Kind: flags.Rollout, Flag: "checkout", Environment: "staging", Share: 12.34}
		c := w.done(order)
		want := fmt.Sprint([]flag.Portion{{Variant: "on", Weight: 1234}, {Variant: "off", Weight: 8766}})
		if fmt.Sprint(c.Default.Split) != want {
			w.t.Errorf("split %v, want %s", c.Default.Split, want)
		}
		order.Share = 101
		_, err := w.do(order)
		w.refused(err, fault.Invalid, "share_invalid")
		c = w.done(flags.Order{Kind: flags.Revert, Flag: "checkout", Environment: "staging", To: 1})
		if c.Default.Variant != "on" || c.Revision != 3 {
			w.t.Errorf("reverted: %+v", c)
		}
		w.segment("beta", "staging")
		c.Rules = []flag.Rule{{If: []flag.Condition{{Segment: "beta"}}, Serve: flag.Serve{Variant: "on"}}}
		w.done(flags.Order{Kind: flags.Put, Flag: "checkout", Environment: "staging", Config: c})
		promote := flags.Order{Kind: flags.Promote, Flag: "checkout", Environment: "production", From: "staging"}
		dry, err := w.Do(w.ctx, ada(), promote, flags.How{Dry: true})
		w.ok(err)
		if dry.Done || !dry.Changed || fmt.Sprint(dry.Missing) != "[segment beta]" {
			w.t.Errorf("dry run: %+v", dry)
		}
		_, err = w.do(promote)
		w.refused(err, fault.Refused, "missing_in_target")
		w.segment("beta", "production")
		got := w.done(promote)
		if got.On || len(got.Rules) != 1 {
			w.t.Errorf("promoted: %+v; rules go along, the switch stays", got)
		}
		w.refused(w.DeleteSegment(w.ctx, ada(), "production", "beta", ""), fault.Conflict, "segment_used")
	})
}

func TestWhileAReleaseRaisesOnlyItAndOffChangeWhatIsServed(t *testing.T) {
	each(t, plain, func(_ *testing.T, w *world) {
		w.create("checkout")
		const env = "production"
		w.done(flags.Order{Kind: flags.On, Flag: "checkout", Environment: env})
		set := func(r flags.Raise) (c flag.Config, err error) {
			r.Flag, r.Environment = "checkout", env
			err = w.DB.Write(w.ctx, func(tx *store.Tx) error {
				c, err = w.SetShare(w.ctx, tx, access.System("engine"), r)
				return err
			})
			return c, err
		}
		c, err := set(flags.Raise{Effect: "e1", Release: "rel_1", Share: 5, Held: true})
		w.ok(err)
		again, err := set(flags.Raise{Effect: "e1", Release: "rel_1", Share: 5, Held: true})
		w.ok(err)
		if c.Ramp != "rel_1" || again.Revision != c.Revision {
			w.t.Errorf("an effect twice: %+v, %+v", c, again)
		}
		_, err = w.do(flags.Order{Kind: flags.Rollout, Flag: "checkout", Environment: env, Share: 50})
		w.refused(err, fault.Conflict, "ramp_running")
		_, err = set(flags.Raise{Effect: "x1", Release: "rel_2", Share: 50, Held: true})
		w.refused(err, fault.Conflict, "ramp_running")
		_, err = w.Archive(w.ctx, ada(), "checkout", "")
		w.refused(err, fault.Conflict, "ramp_running")
		c = w.done(flags.Order{Kind: flags.Off, Flag: "checkout", Environment: env, Reason: "orders fail"})
		if c.On || c.Ramp != "rel_1" {
			w.t.Errorf("killed: %+v", c)
		}
		_, err = w.do(flags.Order{Kind: flags.On, Flag: "checkout", Environment: env})
		w.refused(err, fault.Conflict, "ramp_running")
		c, err = set(flags.Raise{Effect: "e2", Release: "rel_1", Share: 0})
		w.ok(err)
		if c.Ramp != "" || c.On || c.Default.Split[0].Weight != 0 {
			w.t.Errorf("the end of the ramp: %+v", c)
		}
		if c, err = set(flags.Raise{Effect: "e1", Release: "rel_1", Share: 5, Held: true}); err != nil || c.Ramp != "" {
			w.t.Errorf("a late effect is carried out again: %+v, %v", c, err)
		}
	})
}
