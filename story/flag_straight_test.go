package story

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	of "github.com/open-feature/go-sdk/openfeature"
	"github.com/open-feature/go-sdk/openfeature/isolated"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
	"github.com/slipwayhq/slipway/internal/app"
	"github.com/slipwayhq/slipway/internal/cli"
	"github.com/slipwayhq/slipway/internal/engine"
	"github.com/slipwayhq/slipway/internal/store/storetest"
	"github.com/slipwayhq/slipway/openfeature"
)

// control is a Slipway that can be stopped and started at the same address.
type control struct {
	*world
	database, file string
	stop           func()
}

// starts runs the program.
func (c *control) starts(t *testing.T) {
	t.Helper()
	at := "127.0.0.1:0"
	if c.url != "" {
		at = strings.TrimPrefix(c.url, "http://")
	}
	var ln net.Listener
	c.until("the address is free", func() bool {
		var err error
		ln, err = net.Listen("tcp", at)
		return err == nil
	})
	ctx, cancel := context.WithCancel(c.ctx)
	a, err := app.Open(ctx, app.Options{
		Database: c.database, Strategy: options{}.plan(t, "http://127.0.0.1:1"), Control: ln, Adopt: "v1", Version: "story",
		Pace: engine.Pace{Poll: 25 * time.Millisecond}, Stop: 5 * time.Second, Log: logTo(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	c.url = a.URL()
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	c.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// types runs a command line of ada's, who has the database's address and no token.
func (c *control) types(t *testing.T, args ...string) string {
	t.Helper()
	env := map[string]string{"SLIPWAY_URL": c.url, "USER": "ada", "SLIPWAY_DATABASE_URL": c.database}
	return c.typesWith(t, env, args...)
}

// typesWith runs a command line in another environment.
func (c *control) typesWith(t *testing.T, env map[string]string, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	code := cli.Run(c.ctx, cli.Options{
		In: strings.NewReader(""), Out: &out, Err: &out, Env: func(k string) string { return env[k] }, Version: "story",
	}, args)
	if code != 0 {
		t.Fatalf("%v: exit %d: %s", args, code, &out)
	}
	return out.String()
}

// program is a Go program that evaluates checkout for a user of the plan pro.
func (c *control) program(t *testing.T) (checkout func() string, client *of.Client) {
	t.Helper()
	key, err := c.by("you").CreateFlagKey(c.ctx, api.CreateFlagKey{Environment: "production", Kind: "server",
		Name: "shop"})
	c.ok(err)
	p, err := openfeature.New(c.url, key.Secret, openfeature.WithFile(filepath.Join(t.TempDir(), "flags.json")),
		openfeature.WithRetry(20*time.Millisecond, 200*time.Millisecond), openfeature.WithReports(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	sdk := isolated.NewAPI()
	if err := sdk.SetProviderAndWait(c.ctx, p); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sdk.Shutdown(context.WithoutCancel(c.ctx)) })
	client = sdk.NewClient()
	user := of.NewEvaluationContext("u-1", map[string]any{"plan": "pro", "age": 36})
	return func() string {
		d, err := client.BooleanValueDetails(c.ctx, "checkout", false, user)
		if err != nil {
			return err.Error()
		}
		return d.Variant
	}, client
}

// The kill switch works past the server, whether one runs or not, and a Go program notices either way. While no server
// answers it goes on with what it knows.
// req: FF-05 FF-08 FF-14
func TestTheKillSwitchPastTheServer(t *testing.T) {
	t.Parallel()
	for _, kind := range storetest.Engines(t) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			c := &control{world: &world{t: t, ctx: ctx, engine: kind, as: map[string]*client.Client{},
				tick: 25 * time.Millisecond},
				database: prepared(t, kind), file: filepath.Join(t.TempDir(), "slipway.yaml")}
			if err := os.WriteFile(c.file, []byte(options{}.text(t, "http://127.0.0.1:1")), 0o600); err != nil {
				t.Fatal(err)
			}
			c.starts(t)
			defer func() { c.stop() }()
			c.checkoutOn()
			checkout, program := c.program(t)
			c.until("it is on for pro", func() bool { return checkout() == "on" })

			out := c.types(t, "flag", "off", "checkout", "-e", "production", "--reason", "orders fail", "--straight",
				"--strategy", c.file)
			if !strings.Contains(out, "ada (emergency) turns checkout in production off (orders fail)") {
				t.Error(out)
			}
			c.until("a running server passes it on", func() bool { return checkout() == "off" })
			c.logged()

			_, err := c.by("you").TurnFlagOn(ctx, "checkout", "production", api.SwitchFlag{Reason: "mended"})
			c.ok(err)
			c.until("it is on again", func() bool { return checkout() == "on" })
			c.stop()
			c.until("the program knows that nobody answers", func() bool { return program.State() == of.StaleState })
			if checkout() != "on" {
				t.Error("without a server: " + checkout())
			}
			c.types(t, "flag", "off", "checkout", "-e", "production", "--reason", "again", "--database", c.database,
				"--strategy", c.file)
			c.starts(t)
			c.until("the next server passes it on", func() bool { return checkout() == "off" })
			c.until("the program is ready", func() bool { return program.State() == of.ReadyState })
			c.until("what was served is reported", func() bool {
				u, err := c.by("you").FlagUsage(ctx, "checkout", "production", 1)
				c.ok(err)
				return len(u.Variants) > 1
			})
			report, err := c.by("you").VerifyLog(ctx)
			if err != nil || !report.OK {
				t.Errorf("%+v %v", report, err)
			}
		})
	}
}

// checkoutOn makes a flag that is on for pro in production.
func (c *control) checkoutOn() {
	c.t.Helper()
	_, err := c.by("you").CreateFlag(c.ctx, api.CreateFlag{Key: "checkout"})
	c.ok(err)
	_, err = c.by("you").PutFlagConfig(c.ctx, "checkout", "production", api.PutFlagConfig{
		On: true, Off: "off", Default: api.FlagServe{Variant: "off"}, Rules: []api.FlagRule{{
			If: []api.FlagCondition{
				{Attribute: "plan", Op: "equals", Values: []any{"pro"}}, {Attribute: "age", Op: "at_least", Values: []any{18}},
			}, Serve: api.FlagServe{Variant: "on"},
		}},
	})
	c.ok(err)
}

// logged looks whether the log and the flag say who did it.
func (c *control) logged() {
	c.t.Helper()
	events := c.events("flag.switched")
	last := events[len(events)-1]
	if last.Actor != "system:emergency" || !strings.Contains(last.Sentence, "ada (emergency)") ||
		last.Environment != "production" {
		c.t.Errorf("%+v", last)
	}
	past, err := c.by("you").FlagHistory(c.ctx, "checkout", "production", "", 1)
	c.ok(err)
	if past.Items[0].By != "ada (emergency)" || past.Items[0].Reason != "orders fail" {
		c.t.Errorf("%+v", past.Items[0])
	}
}
