package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
)

const rampHelp = `Raise the share of users that get a variant step by step, watched like a canary.

The same guard and judge compare the users who have the variant with those who have not, and take it back when it
is worse. What comes of it is a release: watch, pause, promote and abort it as any other. Without --steps and
--bake the strategy's are taken.`

func (c *cli) flagRamp() *cobra.Command {
	var in api.RampFlag
	var environment, steps string
	var bake time.Duration
	var watch bool
	cmd := &cobra.Command{
		Use: "ramp KEY -e ENVIRONMENT", Short: "Raise a variant's share step by step, under the guard", Long: rampHelp,
		Example: "  slipway flag ramp checkout -e production\n" +
			"  slipway flag ramp checkout -e production --steps 1,10,50,100 --bake 15m --watch",
		Args: cobra.ExactArgs(1), ValidArgsFunction: c.completeFlags,
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			where, err := c.changes(cmd, to, environment)
			if err != nil {
				return err
			}
			for text := range strings.SplitSeq(steps, ",") {
				if text = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(text), "%")); text == "" {
					continue
				}
				share, err := strconv.ParseFloat(text, 64)
				if err != nil {
					return usage(cmd, fmt.Errorf("--steps are rising percentages such as 5,25,100, not %q", steps))
				}
				in.Steps = append(in.Steps, share)
			}
			in.BakeSeconds = bake.Seconds()
			r, err := to.RampFlag(cmd.Context(), args[0], where, in)
			if err != nil {
				return err
			}
			if watch {
				return c.watch(cmd.Context(), to, r.ID)
			}
			return c.print(r, func() {
				c.say("The ramp of %s begins: %s.\n", r.Version, strings.TrimSuffix(r.Sentence, "."))
				c.say("Watch it: slipway release watch %s\n", r.ID)
			})
		}),
	}
	f := cmd.Flags()
	environmentFlag(cmd, &environment, "where")
	f.StringVar(&steps, "steps", "", "rising percentages, such as 5,25,100")
	f.DurationVar(&bake, "bake", 0, "how long it stays at each, such as 15m")
	f.StringVar(&in.Variant, "variant", "", "whose share rises (default: on, or the first)")
	f.StringVar(&in.Against, "against", "", "what the others get (default: off, or the last)")
	f.StringVar(&in.With, "with", "", "release that it belongs to: it is taken back with it")
	f.StringVar(&in.Reason, "reason", "", "why; needed when somebody turned it off and said why")
	f.Int64Var(&in.Revision, "revision", 0, "refuse when it is at another revision")
	f.BoolVar(&watch, "watch", false, "watch it until it ends")
	return cmd
}
