package cli

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
	"github.com/slipwayhq/slipway/internal/fault"
)

// metric is about numbers that applications and other programs measure.
func (c *cli) metric() *cobra.Command {
	cmd := &cobra.Command{
		Use: "metric", Short: "Report custom metrics, and see what arrives", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.metricPush(), c.metricList())
	return cmd
}

func (c *cli) metricPush() *cobra.Command {
	var v api.MetricValue
	var value float64
	cmd := &cobra.Command{
		Use: "push METRIC VERSION", Short: "Report one event or sums of a custom metric", Args: cobra.ExactArgs(2),
		Example: "  slipway metric push conversion v2 --value 1\n  slipway metric push conversion v2 --n 200 --bad 190",
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			v.Metric, v.Version = args[0], args[1]
			if err := pushed(cmd.Flags(), v, value); err != nil {
				return err
			}
			if cmd.Flags().Changed("value") {
				v.Value = &value
			}
			out, err := to.PushMetrics(cmd.Context(), api.PushMetrics{Values: []api.MetricValue{v}})
			if err != nil {
				return err
			}
			return c.print(out, func() { c.say("%s of %s is counted.\n", v.Metric, v.Version) })
		}),
	}
	f := cmd.Flags()
	f.Float64Var(&value, "value", 0, "of one event: 1 or 0 of a rate, the number of a mean, milliseconds of durations")
	f.StringVar(&v.Visitor, "visitor", "", "who it was of: each counts once")
	f.Uint64Var(&v.N, "n", 0, "how many units or values")
	f.Uint64Var(&v.Bad, "bad", 0, "for how many of them it went wrong")
	f.Float64Var(&v.Sum, "sum", 0, "of a mean")
	f.Float64Var(&v.SumSq, "sum-sq", 0, "of a mean: sum of squares")
	return cmd
}

func (c *cli) metricList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "Show where numbers come from, how late they are and what was dropped", Args: cobra.NoArgs,
		RunE: c.with(func(cmd *cobra.Command, _ []string, to *client.Client) error {
			out, err := to.Metrics(cmd.Context())
			if err != nil {
				return err
			}
			return c.print(out, func() {
				rows := make([][]string, 0, len(out.Sources))
				for _, s := range out.Sources {
					rows = append(rows, []string{s.Name, s.Kind, count(s.Accepted), sourceState(s)})
				}
				c.table("Nothing is measured here.",
					[]string{"SOURCE", "KIND", "TAKEN", "STATE"}, rows)
				rows = rows[:0]
				for _, m := range out.Metrics {
					rows = append(rows, []string{m.Name, m.Kind, m.Unit, m.Better, m.Role, m.From})
				}
				c.say("\n")
				c.table("The strategy names no custom metric.",
					[]string{"METRIC", "KIND", "UNIT", "BETTER", "ROLE", "FROM"}, rows)
			})
		}),
	}
}

// sourceState is what there is to say of a source: of what may go wrong only what did.
func sourceState(s api.MetricSource) string {
	parts := []string{s.Sentence}
	if s.Heard != nil {
		parts = append(parts, "Heard at "+when(*s.Heard)+".")
	}
	if s.Complete != nil {
		parts = append(parts, "Final up to "+when(*s.Complete)+".")
	}
	for _, x := range []struct {
		word string
		n    uint64
	}{{"Late", s.Late}, {"Dropped", s.Dropped}, {"Missing", s.Missing}, {"Repeated", s.Repeated}} {
		if x.n > 0 {
			parts = append(parts, fmt.Sprintf("%s: %d.", x.word, x.n))
		}
	}
	if s.Gap > 0 {
		parts = append(parts, fmt.Sprintf("Gaps: %d s.", s.Gap))
	}
	return strings.Join(parts, " ")
}

// pushed refuses what cannot be sent, or says nothing.
func pushed(f *pflag.FlagSet, v api.MetricValue, value float64) error {
	if !f.Changed("value") && !f.Changed("n") {
		return fault.New(fault.Invalid, "metric_value_missing",
			"There is no number: say --value for one event, or --n with --bad or --sum for sums.")
	}
	for name, x := range map[string]float64{"value": value, "sum": v.Sum, "sum-sq": v.SumSq} {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return outOfRange(name, x, "must be a finite number")
		}
	}
	return nil
}

func count(n uint64) string { return strconv.FormatUint(n, 10) }
