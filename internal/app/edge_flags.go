package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/flagset"
	"github.com/slipwayhq/slipway/internal/flagset/follow"
	"github.com/slipwayhq/slipway/internal/ofrep"
)

// EdgeFlags answers the programs beside an edge that evaluate flags, also while no control node answers.
type EdgeFlags struct {
	Control string       // address of a control node
	Key     string       // server key of the environment; programs send the same one
	File    string       // keeps the last good flags
	Listen  net.Listener // where programs ask
	Log     *slog.Logger
	Every   time.Duration // between reports of what was served; a minute when 0
}

// Run follows the environment's flags and answers until ctx ends.
func (e EdgeFlags) Run(ctx context.Context) error {
	if e.Every == 0 {
		e.Every = time.Minute
	}
	keeper := flagset.Fed(e.Key, e.Log)
	follower, err := follow.New(follow.Options{
		Address: e.Control, Key: e.Key, Agent: "slipway-edge/1", File: e.File, Log: e.Log,
		Took: func(s *follow.Snapshot, _ []string) { keeper.Put(s.Generation, s.Document, s.Snapshot, s.Text) },
	})
	if err != nil {
		return errors.Join(err, e.Listen.Close())
	}
	follower.Restore()
	const streams = 20_000 // all with the one key that there is
	door := ofrep.New(ofrep.Options{
		Flags: keeper, Secret: []byte(rand.Text()), Log: e.Log, Stop: ctx, Streams: streams, KeyStreams: streams,
	})
	server := &http.Server{
		Handler: door, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 32 << 10,
	}
	reporter := follow.Reporter{Follower: follower, Every: e.Every,
		Due: func() []api.FlagCount { return served(keeper.Usage) }}
	var g errgroup.Group
	g.Go(func() error { follower.Run(ctx, make(chan error, 1)); return nil })
	g.Go(func() error { reporter.Run(ctx); return nil })
	g.Go(func() error { return door.Run(ctx) })
	g.Go(func() error {
		<-ctx.Done()
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		return server.Shutdown(end)
	})
	if err := server.Serve(e.Listen); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("answer for flags: %w", err)
	}
	err = g.Wait()
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if late := reporter.Finish(end); late != nil {
		e.Log.Warn("what was served last is not reported", "error", late)
	}
	return err
}

// served is what was counted since the last time, as much as one report holds.
func served(u *flagset.Usage) []api.FlagCount {
	rows := u.Take(time.Now())
	u.Return(rows[min(len(rows), follow.MostCounts):])
	rows = rows[:min(len(rows), follow.MostCounts)]
	out := make([]api.FlagCount, 0, len(rows))
	for _, r := range rows {
		out = append(out, api.FlagCount{
			Flag: r.Flag, Variant: r.Variant, Evaluations: r.Evaluations, Exposures: r.Exposures, Errors: r.Errors,
		})
	}
	return out
}
