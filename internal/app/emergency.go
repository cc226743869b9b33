package app

import (
	"context"
	"errors"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/engine"
	"github.com/slipwayhq/slipway/internal/engine/flags"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/strategy"
)

// Emergency is a kill switch that is thrown when no server answers.
type Emergency struct {
	Database          string // path of a SQLite file, or postgres://…
	Strategy          *strategy.Strategy
	Operator          string // who does it, as the log names them
	Flag, Environment string
	Reason            string
}

// TurnFlagOff turns a flag off straight on the database: with the writer, the revision and the event of a server, but
// without one. Whoever may open the database may do that. Servers and edges that run notice by the log.
func TurnFlagOff(ctx context.Context, e Emergency) (out flags.Outcome, err error) {
	db, err := store.OpenAsIs(ctx, e.Database)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	writer := engine.New(engine.Options{DB: db, Strategy: e.Strategy, Timeline: metric.NewTimeline(0, 0)})
	who := access.Actor{ID: "system:emergency", Name: e.Operator + " (emergency)", Grants: access.Everything()}
	return writer.Flags.Do(ctx, who, flags.Order{
		Kind: flags.Off, Flag: e.Flag, Environment: e.Environment, Reason: e.Reason,
	}, flags.How{})
}
