package story

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
	"github.com/slipwayhq/slipway/internal/app"
	"github.com/slipwayhq/slipway/internal/store"
)

// flagsEdge is an edge that answers for flags, which can be stopped and started.
type flagsEdge struct {
	*client.Client
	stop func()
}

func (c *control) flagsEdge(t *testing.T, key, file string) *flagsEdge {
	t.Helper()
	ctx, cancel := context.WithCancel(c.ctx)
	e := app.EdgeFlags{Control: c.url, Key: key, File: file, Listen: listen(t), Log: logTo(t),
		Every: 50 * time.Millisecond}
	to, err := client.New("http://"+e.Listen.Addr().String(), client.Options{Token: key, Tries: 1})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	return &flagsEdge{to, func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}}
}

// checkout is the variant that a user of the plan pro gets at the edge.
func (e *flagsEdge) checkout() string {
	out, err := e.EvaluateFlag(context.Background(), "checkout", "", map[string]any{
		"targetingKey": "u-1", "plan": "pro", "age": 36,
	})
	if err != nil {
		return err.Error()
	}
	return out.Variant
}

// An edge goes on answering its application when no control node does, also after it was started anew, and takes over
// what changed as soon as one is there.
func TestAnEdgeEvaluatesWithoutControl(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c := &control{
		world:    &world{t: t, ctx: ctx, engine: store.SQLite, as: map[string]*client.Client{}, tick: 25 * time.Millisecond},
		database: prepared(t, store.SQLite), file: filepath.Join(t.TempDir(), "slipway.yaml"),
	}
	if err := os.WriteFile(c.file, []byte(options{}.text(t, "http://127.0.0.1:1")), 0o600); err != nil {
		t.Fatal(err)
	}
	c.starts(t)
	defer func() { c.stop() }()
	c.checkoutOn()
	key, err := c.by("you").CreateFlagKey(ctx, api.CreateFlagKey{Environment: "production", Kind: "server", Name: "edge"})
	c.ok(err)
	file := filepath.Join(t.TempDir(), "flags.json")
	e := c.flagsEdge(t, key.Secret, file)
	c.until("the edge knows the flags", func() bool { return e.checkout() == "on" })
	out := c.typesWith(t, map[string]string{"SLIPWAY_URL": e.Address(), "SLIPWAY_FLAGS_KEY": key.Secret},
		"flag", "eval", "checkout", "-c", "targetingKey=u-2", "-c", "plan=pro", "-c", "age=36")
	if out != "checkout is true (TARGETING_MATCH, variant on).\n" {
		t.Error(out)
	}
	out = c.typesWith(t, map[string]string{"SLIPWAY_URL": c.url, "SLIPWAY_TOKEN": c.tokens["you"]},
		"flag", "eval", "checkout", "-e", "staging", "-c", "targetingKey=u-2")
	if !strings.HasPrefix(out, "checkout is ") {
		t.Error(out)
	}
	stranger, err := client.New(e.Address(), client.Options{Token: "slwf_srv_other", Tries: 1})
	c.ok(err)
	if _, err := stranger.EvaluateFlag(ctx, "checkout", "", nil); err == nil || !strings.Contains(err.Error(), "key") {
		t.Errorf("a stranger's key: %v", err)
	}
	c.until("what the edge served is reported", func() bool {
		u, err := c.by("you").FlagUsage(ctx, "checkout", "production", 1)
		c.ok(err)
		return len(u.Variants) > 0
	})
	c.stop()
	if got := e.checkout(); got != "on" {
		t.Error("without control: " + got)
	}
	e.stop()
	e = c.flagsEdge(t, key.Secret, file)
	defer func() { e.stop() }()
	c.until("it begins with its file", func() bool { return e.checkout() == "on" })
	c.types(t, "flag", "off", "checkout", "-e", "production", "--reason", "orders fail", "--straight", "--strategy",
		c.file)
	if got := e.checkout(); got != "on" {
		t.Error("nobody has told it yet: " + got)
	}
	c.starts(t)
	c.until("it takes over what changed", func() bool { return e.checkout() == "off" })
}
