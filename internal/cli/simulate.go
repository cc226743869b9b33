package cli

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/simulate"
	"github.com/slipwayhq/slipway/internal/strategy"
)

// simulateHelp stands in front of the flags of simulate.
const simulateHelp = `Try a strategy on a virtual clock: many releases, healthy and faulty ones, among visitors like
yours.

The strategy's own plan is carried out by the code that runs real releases: the same decisions, the same guard, the
same judge. Only the visitors, the versions and the clock do not exist.

Without FILE it tries slipway.yaml, and the default strategy where there is none; several files are tried side by side
on the same traffic.`

// simulateFlags are the flags of simulate.
type simulateFlags struct {
	traffic, errors, p50, p95, background string
	daily                                 float64
	faults, failIf                        []string
	o                                     simulate.Options
	progress                              bool
}

func (c *cli) simulate() *cobra.Command {
	var in simulateFlags
	cmd := &cobra.Command{
		Use: "simulate [FILE...]", Short: "Try the strategy on a virtual clock, with healthy and faulty versions",
		Long: simulateHelp, Args: cobra.ArbitraryArgs,
		Example: `  slipway simulate --traffic 100/s --errors 1%
  slipway simulate slipway.yaml bolder.yaml --fault errors-2x --fault errors=3x,after=20m`,
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := in.options(args)
			if err != nil {
				return err
			}
			r, err := simulate.Run(cmd.Context(), o)
			if err != nil && r.Done == 0 {
				return err
			}
			return errors.Join(err, c.print(r, func() { say(c.Out, "%s", simulate.Text(r)) }))
		},
	}
	f := cmd.Flags()
	f.StringVar(&in.traffic, "traffic", "100/s", "requests a second of both versions together")
	f.StringVar(&in.errors, "errors", "1%", "part of the requests that fails anyway")
	f.StringVar(&in.p50, "p50", "80ms", "median response time")
	f.StringVar(&in.p95, "p95", "220ms", "95th percentile of the response times")
	f.Float64Var(&in.daily, "daily", 1, "the busiest hour's traffic divided by the quietest's")
	f.StringVar(&in.background, "background", "mixed", "everyday trouble, comma-separated: mixed, plain, drift, …")
	f.StringArrayVar(&in.faults, "fault", nil, "fault to try, by name or defined; repeatable (default: all)")
	f.IntVar(&in.o.Runs, "runs", 100, "releases of each fault; healthy ones three times as many")
	f.Uint64Var(&in.o.Seed, "seed", 1, "the same seed gives the same result")
	f.DurationVar(&in.o.Reaction, "reaction", 2*time.Second, "until a changed share is in force")
	f.DurationVar(&in.o.Answer, "answer", 5*time.Minute, "until people have answered")
	return cmd
}

// options reads the flags and the strategies.
func (in *simulateFlags) options(files []string) (simulate.Options, error) {
	o := in.o
	o.Healthy, o.Lag = 3*o.Runs, time.Second
	var err error
	if o.Strategies, err = loadStrategies(files); err != nil {
		return o, err
	}
	if o.Traffic, err = in.model(); err != nil {
		return o, err
	}
	if o.Backgrounds, err = simulate.ParseBackgrounds(strings.Split(in.background, ",")); err != nil {
		return o, err
	}
	for _, text := range in.faults {
		k, err := simulate.ParseCase(text)
		if err != nil {
			return o, err
		}
		o.Cases = append(o.Cases, k)
	}
	if len(o.Cases) == 0 {
		o.Cases = simulate.Cases()
	}
	return o, nil
}

// loadStrategies reads strategy files; none means slipway.yaml, or the default strategy where there is none.
func loadStrategies(files []string) ([]simulate.Strategy, error) {
	var out []simulate.Strategy
	add := func(name string, s *strategy.Strategy) {
		out = append(out, simulate.Strategy{Name: name, Plan: s.ReleasePlan(), Items: s.Checklist()})
	}
	if len(files) == 0 {
		if _, err := os.Stat(strategyFile); errors.Is(err, fs.ErrNotExist) {
			s, err := strategy.Parse("default", []byte("app: app\ntarget: {selfhost: {stable: \"http://127.0.0.1:3000\"}}\n"))
			if err != nil {
				return nil, err
			}
			add("default strategy", s)
			return out, nil
		}
		files = []string{strategyFile}
	}
	for _, name := range files {
		s, err := strategy.Load(name)
		if err != nil {
			return nil, err
		}
		add(name, s)
	}
	return out, nil
}

func (in *simulateFlags) model() (simulate.Model, error) {
	m := simulate.Model{Daily: in.daily}
	bad := func(flag, value, like string) (simulate.Model, error) {
		return m, fault.New(fault.Invalid, "flag_malformed", "--%s %s: write it like %s.", flag, value, like)
	}
	var err error
	if m.Rate, err = strconv.ParseFloat(strings.TrimSuffix(in.traffic, "/s"), 64); err != nil {
		return bad("traffic", in.traffic, "100/s")
	}
	percent, ok := strings.CutSuffix(in.errors, "%")
	if m.Errors, err = strconv.ParseFloat(percent, 64); err != nil || !ok {
		return bad("errors", in.errors, "1%")
	}
	m.Errors /= 100
	for _, d := range []struct {
		flag, text string
		into       *float64
	}{{"p50", in.p50, &m.P50}, {"p95", in.p95, &m.P95}} {
		x, err := time.ParseDuration(d.text)
		if err != nil {
			return bad(d.flag, d.text, "80ms")
		}
		*d.into = float64(x) / float64(time.Millisecond)
	}
	return m, nil
}
