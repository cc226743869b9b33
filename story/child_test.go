package story

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/slipwayhq/slipway/internal/app"
	"github.com/slipwayhq/slipway/internal/engine"
	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/strategy"
	"github.com/slipwayhq/slipway/internal/telemetry"
)

// childVariable holds the orders of a child process; without it this is the test.
const childVariable = "SLIPWAY_STORY_CHILD"

// orders say what a child process runs.
type orders struct {
	Database string
	Strategy string // text
	Listen   string // empty: the listener is file 3
	Heads    string // file that gets the log's number after each commit
	Kill     int64  // the process kills itself when the log has come to this number
	Log      string // file for its own log
	Lease    time.Duration
	Env      map[string]string // beside the usual
	Edge     []string          // arguments of `slipway edge`, which it runs instead
}

// child runs Slipway as its own process, without an edge.
func child() int {
	if err := serve(os.Getenv(childVariable)); err != nil {
		fmt.Fprintln(os.Stderr, "child:", err)
		return 1
	}
	return 0
}

func serve(doc string) error {
	var o orders
	if err := json.Unmarshal([]byte(doc), &o); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if len(o.Edge) > 0 {
		cmd := app.EdgeCommand(os.Stdout, os.Stderr)
		cmd.SetArgs(o.Edge)
		return cmd.ExecuteContext(ctx)
	}
	s, err := strategy.Parse("story.yaml", []byte(o.Strategy))
	if err != nil {
		return err
	}
	opts := app.Options{
		Database: o.Database, Strategy: s, Adopt: "v1", Version: "story",
		Stop: time.Second, Log: slog.New(slog.DiscardHandler),
		Pace: engine.Pace{Poll: 25 * time.Millisecond, Lease: o.Lease}, OnCommit: o.committed,
		Env: options{env: o.Env}.reads,
	}
	if o.Log != "" {
		f, err := os.OpenFile(o.Log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		opts.Log = telemetry.NewLogger(f, slog.LevelDebug, false)
	}
	if o.Listen == "" {
		opts.Control, err = net.FileListener(os.NewFile(3, "control"))
	} else {
		opts.Control, err = net.Listen("tcp", o.Listen)
	}
	if err != nil {
		return err
	}
	a, err := app.Open(ctx, opts)
	if err != nil {
		return err
	}
	return a.Run(ctx)
}

// committed notes how far the log is, and kills the process where it was told to:
// nothing of it runs on, as when the power fails.
func (o orders) committed(h event.Head) {
	if o.Heads != "" {
		f, err := os.OpenFile(o.Heads, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err == nil {
			_, err = fmt.Fprintln(f, h.Seq)
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "child:", err)
		}
	}
	if o.Kill > 0 && h.Seq >= o.Kill {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // until the signal arrives
	}
}
