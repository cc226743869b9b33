package cli

import (
	"cmp"

	"github.com/spf13/cobra"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/app"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/strategy"
)

// emergency is how a kill switch gets past a server that does not answer.
type emergency struct {
	straight           bool
	database, strategy string
	operator           string
}

func (e *emergency) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&e.straight, "straight", false, "go past the server, to the database of SLIPWAY_DATABASE_URL")
	f.StringVar(&e.database, "database", "", "go past the server, to this database: a SQLite file, or postgres://…; "+
		"others on this machine can see it, SLIPWAY_DATABASE_URL they cannot")
	f.StringVar(&e.strategy, "strategy", strategyFile, "with --straight or --database: the strategy file")
	f.StringVar(&e.operator, "as", "", "with --straight or --database: your name for the log (default: of this login)")
}

// switchStraight turns a flag off without a server.
func (c *cli) switchStraight(cmd *cobra.Command, key, environment, reason string, e emergency) error {
	environment, err := c.changes(cmd, nil, environment)
	if err != nil {
		return err
	}
	database := cmp.Or(e.database, c.Env("SLIPWAY_DATABASE_URL"))
	if database == "" {
		return fault.New(fault.Invalid, "database_missing", "Say which database: --database URL, or SLIPWAY_DATABASE_URL.")
	}
	who := cmp.Or(e.operator, c.Env("USER"), c.Env("LOGNAME"))
	if who == "" && c.Login != nil { // in a container or a unit of systemd USER may be unset
		who = c.Login()
	}
	if who == "" {
		return fault.New(fault.Invalid, "operator_missing",
			"Say who you are, for the log: --as NAME. Neither USER nor this machine's list of users names you.")
	}
	s, err := strategy.Load(e.strategy)
	if fault.Is(err, fault.NotFound) {
		return fault.Wrap(err, fault.NotFound, "file_missing",
			"There is no strategy file at %s. Say where the server's is, or a copy of it: --strategy FILE.", e.strategy)
	}
	if err != nil {
		return err
	}
	done, err := app.TurnFlagOff(cmd.Context(), app.Emergency{
		Database: database, Strategy: s, Operator: who, Flag: key, Environment: environment, Reason: reason,
	})
	if err != nil {
		return err
	}
	out := api.FlagChange{Done: done.Done, Sentence: done.Sentence, Changes: []api.Change{}, Missing: []string{},
		Config: converted[api.FlagConfig](done.After)}
	return c.print(out, func() {
		c.say("%s\n", out.Sentence)
		c.say("Done on the database, revision %d. Servers and edges that run take it over within seconds.\n",
			out.Config.Revision)
	})
}
