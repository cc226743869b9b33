package cli

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/judge/stream"
)

// judge is about the comparison of two versions by itself, without a running Slipway.
func (c *cli) judge() *cobra.Command {
	cmd := &cobra.Command{
		Use: "judge", Short: "Compare two versions by your own measurements; check verdicts", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.judgeStream(), c.judgeReplay())
	return cmd
}

// streamHelp stands in front of the flags of judge stream.
const streamHelp = `Read one JSON tick a line on standard input and answer each with one JSON line, strictly in turn,
so that any metrics system can drive the judge. A tick is what both versions did in a second:

  {"t":12,"weight":0.05,
   "stable":{"requests":95,"errors":1,"error_units":1,"latency":[…],"latency_count":95},
   "canary":{"requests":5,"errors":0,"error_units":0,"latency":[…],"latency_count":5},
   "stable_slice_error_units":[…]}

t counts seconds from the first visitor of the canary; ticks below 0 are history of the stable version. A tick
that covers more than one second says so ("seconds":15), or comes regularly; the longer it is, the later anything is
known. weight is the canary's intended share, 0 to 1. error_units are visitors with a failure, each at most once a
minute; without them errors are taken, in blocks of 15 s, because one visitor fails again and again. latency counts
requests by bin (see --bins). The slices are error units of the stable version in 20 equal parts of the visitors: from
them, and from stable_slice_slow (the same of slow requests), the judge learns how failures and slowness scatter.
Without them it supposes two bursts of failures and two slow instances an hour. Each may be left out.

The answer is

  {"action":0,"next_weight":0,"reason":"…","e":3.2,"state":"watching"}

action 0 holds, 1 promotes, 2 rolls back; next_weight is the share to go to, 0 keeps the present one. A line that
says what can't all be (more errors than requests, a latency_count that its bins do not come to), or that comes again
or late, is answered with a "warning" beside it; counters that are not read at one moment say such things now and then,
so it is judged as far as its requests bear it out. A line that can't be read is answered with
{"error":…,"remedy":…,"line":…}, and the exit code at the end is 2, as it is when no tick came at all. Otherwise it is
0, whatever was answered: what to do stands in action.`

func (c *cli) judgeStream() *cobra.Command {
	var bins, steps, weights string
	var bake, cold, horizon time.Duration
	var s judge.Settings
	cmd := &cobra.Command{
		Use: "stream", Short: "Judge ticks from standard input, one answer a line", Long: streamHelp, Args: cobra.NoArgs,
		Example: "  your-metrics | slipway judge stream --bins 8,1.09,88 --alpha 0.01 --steps adaptive",
		RunE: func(cmd *cobra.Command, _ []string) error {
			route, err := stream.ParseSteps(steps)
			if err != nil {
				return err
			}
			if s.Bins, err = stream.ParseBins(bins); err != nil {
				return err
			}
			if s.Weights, err = stream.ParseWeights(weights); err != nil {
				return err
			}
			switch {
			case !(s.Alpha > 0 && s.Alpha < 1):
				return outOfRange("alpha", s.Alpha, "lies between 0 and 1, e.g. 0.01")
			case bake <= 0:
				return outOfRange("bake", bake, "is longer than 0, e.g. 15m")
			case horizon <= 0:
				return outOfRange("horizon", horizon, "is longer than 0, e.g. 1h")
			case cold < 0:
				return outOfRange("cold-start", cold, "is not below 0, e.g. 75s")
			case !(s.WorseErrors >= 0 && s.WorseErrors <= 100):
				return outOfRange("tolerance", s.WorseErrors, "goes from 0 to 100, e.g. 0.05 for 5 %")
			}
			s.ColdStart, s.Horizon, route.Bake = cold, horizon, bake
			if cold <= 0 {
				s.ColdStart = -1
			}
			return stream.Run(cmd.InOrStdin(), cmd.OutOrStdout(), stream.Options{Settings: s, Route: route})
		},
	}
	f := cmd.Flags()
	f.StringVar(&bins, "bins", "8,1.09,88", "layout of latency: lower edge in ms, ratio of two edges, number of bins")
	f.Float64Var(&s.Alpha, "alpha", 0.01, "bound on the chance that a healthy version is ever rolled back")
	f.StringVar(&steps, "steps", "5,10,25,50", "adaptive, or percents that each bake for --bake")
	f.DurationVar(&bake, "bake", 15*time.Minute, "time at each fixed step")
	f.DurationVar(&cold, "cold-start", 75*time.Second, "durations are not judged for so long after a rise; 0: at once")
	f.DurationVar(&horizon, "horizon", time.Hour, "longest bake in all: how late a regression may begin")
	f.StringVar(&weights, "weights", "",
		"parts of the total, e.g. errors=0.7,latency=0.3; default: about four fifths are bet on errors")
	f.Float64Var(&s.WorseErrors, "tolerance", 0.05, "so much more of failures is accepted: 0.05 is 5 %")
	return cmd
}

// outOfRange refuses the value of a flag.
func outOfRange(flag string, value any, rule string) error {
	return fault.New(fault.Invalid, "flag_out_of_range", "--%s is %v: it %s.", flag, value, rule)
}
