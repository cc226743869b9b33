package ofrep_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/credential"
	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/flagset"
	"github.com/slipwayhq/slipway/internal/live"
	"github.com/slipwayhq/slipway/internal/ofrep"
	"github.com/slipwayhq/slipway/internal/store"
)

const (
	patience = 10 * time.Second
	token    = "slp_a-token"
)

// world is a node with flags, or several on one database.
type world struct {
	t      testing.TB
	db     *store.DB
	log    *bytes.Buffer
	logs   sync.Mutex
	flags  *flagset.Keeper
	door   *ofrep.Door
	url    string
	server string // a server key
	public string // a public one
	stop   func()
}

// Write keeps a line of the log.
func (w *world) Write(line []byte) (int, error) {
	w.logs.Lock()
	defer w.logs.Unlock()
	return w.log.Write(line)
}

func newWorld(t testing.TB, edit ...func(*ofrep.Options)) *world {
	t.Helper()
	w := node(t, filepath.Join(t.TempDir(), "a.db"), edit...)
	w.server, w.public = w.key("server", "backend"), w.key("public", "web")
	for _, f := range []flag.Flag{
		shape("banner", flag.String, "red", `"red"`, "blue", `"blue"`),
		shape("checkout", flag.Boolean, "on", "true", "off", "false"),
		shape("limits", flag.Object, "small", `{"items":3}`, "large", `{"items":30}`),
		shape("price", flag.Number, "low", "1.5", "high", "20"),
		shape("secret", flag.Boolean, "on", "true", "off", "false"),
	} {
		f.Client = f.Key != "secret"
		w.add(f)
	}
	w.configure("banner", func(c *flag.Config) {
		c.Rules = []flag.Rule{{
			ID: "r1", If: []flag.Condition{{Attribute: "plan", Op: flag.Equals, Values: []any{"pro"}}},
			Serve: flag.Serve{Variant: "blue"},
		}}
		c.Default = flag.Serve{Variant: "red"}
	})
	w.configure("checkout", func(c *flag.Config) { c.Default = flag.Serve{Variant: "on"} })
	w.configure("limits", func(c *flag.Config) { c.Default = flag.Serve{Variant: "small"} })
	w.configure("price", func(c *flag.Config) {
		c.Default = flag.Serve{Split: []flag.Portion{{Variant: "high", Weight: 5000}, {Variant: "low", Weight: 5000}}}
	})
	return w
}

// node opens a node on a database.
func node(t testing.TB, path string, edit ...func(*ofrep.Options)) *world {
	t.Helper()
	db, err := store.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, db: db, log: &bytes.Buffer{}}
	logger := slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
	l := live.New(db, logger)
	w.flags = flagset.New(flagset.Options{
		DB: db, Live: l, App: "shop", Environments: []string{"staging", "production"}, Log: logger,
	})
	o := ofrep.Options{Flags: w.flags, Log: logger, Secret: []byte("of all nodes"), Token: w.actor}
	for _, e := range edit {
		e(&o)
	}
	w.door = ofrep.New(o)
	srv := httptest.NewServer(w.door)
	w.url = srv.URL
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = l.Run(ctx) })
	running.Go(func() { _ = w.flags.Run(ctx) })
	running.Go(func() { _ = w.door.Run(ctx) })
	w.stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
		srv.Close()
		_ = db.Close()
	})
	t.Cleanup(w.stop)
	return w
}

// actor knows an API token of who may look, and with "-editor" behind it one of who may edit flags too.
func (w *world) actor(_ context.Context, secret string) (access.Actor, error) {
	grants := []access.Grant{{Permission: access.ViewEnvironment, Environment: "production"}}
	switch secret {
	case token:
	case token + "-editor":
		grants = append(grants, access.Grant{Permission: access.EditFlag, Environment: "production"})
	default:
		return access.Actor{}, fault.New(fault.Unknown, "token_invalid", "no")
	}
	return access.Actor{ID: "token:ada/ci", Grants: grants}, nil
}

func shape(key string, kind flag.Kind, variants ...string) flag.Flag {
	f := flag.Flag{App: "shop", Key: key, Kind: kind, Bucketing: 2, Created: time.Unix(1, 0)}
	for i := 0; i < len(variants); i += 2 {
		f.Variants = append(f.Variants, flag.Variant{Name: variants[i], Value: json.RawMessage(variants[i+1])})
	}
	return f
}

// write makes a change with its event and its generation, as the engine does.
func (w *world) write(f func(*store.Tx) error) int64 {
	w.t.Helper()
	generation := int64(0)
	if err := w.db.Write(w.t.Context(), func(tx *store.Tx) (err error) {
		if err = f(tx); err != nil {
			return err
		}
		if generation, err = tx.RaiseGeneration(w.t.Context(), "shop", "production"); err != nil {
			return err
		}
		_, err = tx.Append(w.t.Context(), event.Draft{Kind: "flag.changed", Actor: "user:ada", Sentence: "Ada changes it."})
		return err
	}); err != nil {
		w.t.Fatal(err)
	}
	return generation
}

func (w *world) add(f flag.Flag) {
	w.t.Helper()
	w.write(func(tx *store.Tx) error {
		if err := tx.InsertFlag(w.t.Context(), &f); err != nil {
			return err
		}
		return tx.InsertFlagConfig(w.t.Context(), &flag.Config{
			App: "shop", Flag: f.Key, Environment: "production", Revision: 1,
		})
	})
}

// configure changes what a flag does in production, on, and waits until the node serves it.
func (w *world) configure(key string, edit func(*flag.Config)) int64 {
	w.t.Helper()
	generation := w.write(func(tx *store.Tx) error {
		c, err := tx.FlagConfig(w.t.Context(), "shop", "production", key)
		if err != nil {
			return err
		}
		c.On = true
		edit(&c)
		return tx.UpdateFlagConfig(w.t.Context(), &c)
	})
	w.until("the set is served", func() bool {
		s := w.flags.Set("production")
		_, wrong := w.flags.Refused()
		return s != nil && s.Generation >= generation || wrong
	})
	return generation
}

func (w *world) key(kind, name string, origins ...string) string {
	w.t.Helper()
	secret := credential.NewFlagKey("slwf_" + kind[:3] + "_")
	if kind == "server" {
		secret = credential.NewFlagKey(credential.ServerKey)
	}
	w.write(func(tx *store.Tx) error {
		return tx.InsertFlagKey(w.t.Context(), store.FlagKey{
			ID: "fky_" + name, App: "shop", Environment: "production", Kind: kind, Name: name,
			Hash: credential.Hash(secret), Origins: origins, Created: tx.Now(),
		})
	})
	w.until("the key holds", func() bool { return w.flags.Key(secret) != nil })
	return secret
}

// until waits for a condition that other goroutines bring about.
func (w *world) until(what string, ok func() bool) {
	w.t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	late := time.After(patience)
	for !ok() {
		select {
		case <-late:
			w.t.Fatalf("waited in vain until %s\n%s", what, w.log.String())
		case <-tick.C:
		}
	}
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// ask sends a request; headers are pairs.
func (w *world) ask(method, path, body string, header ...string) answer {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(text)}
}

func (w *world) single(key, body string) answer {
	w.t.Helper()
	return w.ask(http.MethodPost, "/ofrep/v1/evaluate/flags/"+key, body, "Authorization", "Bearer "+w.server)
}

func (w *world) bulk(secret, context string, header ...string) answer {
	w.t.Helper()
	return w.ask(http.MethodPost, "/ofrep/v1/evaluate/flags", `{"context":`+context+`}`,
		append(header, "X-API-Key", secret)...)
}

// stream is an open event stream.
type stream struct {
	t      testing.TB
	status int
	header http.Header
	lines  chan string
	end    func()
}

// listen opens a stream.
func (w *world) listen(path string, header ...string) *stream {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		w.t.Fatal(err)
	}
	s := &stream{t: w.t, status: resp.StatusCode, header: resp.Header, lines: make(chan string, 100), end: cancel}
	w.t.Cleanup(cancel)
	go func() {
		defer close(s.lines)
		defer func() { _ = resp.Body.Close() }()
		for in := bufio.NewScanner(resp.Body); in.Scan(); {
			s.lines <- in.Text()
		}
	}()
	return s
}

// next waits for a line with a beginning; it returns "" when the stream ends first.
func (s *stream) next(prefix string) string {
	s.t.Helper()
	late := time.After(patience)
	for {
		select {
		case l, ok := <-s.lines:
			if !ok || strings.HasPrefix(l, prefix) {
				return l
			}
		case <-late:
			s.t.Fatalf("no line begins with %q", prefix)
		}
	}
}
