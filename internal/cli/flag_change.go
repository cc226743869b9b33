package cli

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
	"github.com/slipwayhq/slipway/internal/fault"
)

// showChange says what a change did, or what it waits for.
func (c *cli) showChange(ch api.FlagChange) {
	if ch.Draft != "" { // the sentence says what it does, once it is done
		c.say("Not yet: ")
	}
	c.say("%s\n", ch.Sentence)
	for _, m := range ch.Missing {
		c.say("  %s lacks %s\n", ch.Config.Environment, m)
	}
	switch {
	case ch.Draft != "" && ch.Approval != "":
		c.say("It waits for approval as %s. See what is to be approved: slipway approval show %s\n", ch.Draft, ch.Approval)
	case ch.Draft != "":
		c.say("It waits as %s. See it: slipway flag drafts\n", ch.Draft)
	case !ch.Done:
		c.showChanges(ch.Changes)
		c.say("Nothing was changed.\n")
	case ch.Config.Environment != "":
		c.say("%s in %s, revision %d: %s\n", ch.Config.Flag, ch.Config.Environment, ch.Config.Revision, ch.Config.Sentence)
	}
}

// showChanges prints what is different, in words; --json has the values.
func (c *cli) showChanges(list []api.Change) {
	for _, d := range list {
		words := d.Words
		if words == "" { // of a server before this one
			words = d.Path + ": " + cmp.Or(string(d.Before), "nothing") + " → " + cmp.Or(string(d.After), "nothing")
		}
		c.say("    %s\n", capital(words))
	}
}

const switchHelp = `Turn a flag off in an environment: programs get what they fall back to, or the variant for off.

Off is always possible. When no server answers, --straight or --database does it on the database itself: the
change, its revision and the event in the log are those of the server, under your name, and every server that
runs takes it over as soon as it sees the log. That needs the database's address and the strategy file, and no
token.`

func (c *cli) flagSwitch(on bool) *cobra.Command {
	var in api.SwitchFlag
	var environment string
	var straight emergency
	word, short, long := "off", "Turn a flag off: the kill switch", switchHelp
	if on {
		word, short, long = "on", "Turn a flag on", ""
	}
	cmd := &cobra.Command{
		Use: word + " KEY -e ENVIRONMENT", Short: short, Long: long, Args: cobra.ExactArgs(1),
		ValidArgsFunction: c.completeFlags,
	}
	through := c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
		where, err := c.changes(cmd, to, environment)
		if err != nil {
			return err
		}
		change := to.TurnFlagOff
		if on {
			change = to.TurnFlagOn
		}
		out, err := change(cmd.Context(), args[0], where, in)
		if err != nil {
			return unreached(err, args[0], where, on)
		}
		return c.print(out, func() { c.showChange(out) })
	})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if straight.database == "" && !straight.straight {
			return through(cmd, args)
		}
		return c.switchStraight(cmd, args[0], environment, in.Reason, straight)
	}
	environmentFlag(cmd, &environment, "where")
	why := "why; needed when somebody turned it off and said why"
	if !on {
		why = "why; needed in production"
	}
	cmd.Flags().StringVar(&in.Reason, "reason", "", why)
	cmd.Flags().Int64Var(&in.Revision, "revision", 0, "refuse when it is at another revision")
	if !on {
		straight.flags(cmd)
		cmd.Example = "  slipway flag off checkout -e production --reason \"payments fail\"\n" +
			"  slipway flag off checkout -e production --reason \"payments fail\" --database postgres://slipway@db/slipway"
	}
	return cmd
}

// unreached adds the way around a server that does not answer to the error of a kill switch.
func unreached(err error, key, environment string, on bool) error {
	p, ok := err.(*client.Problem)
	if !ok || on || p.Kind != "unavailable" {
		return err
	}
	out := *p
	out.Remedy = fmt.Sprintf(
		"turn it off straight on the database: slipway flag off %s -e %s --reason WHY --database URL --as YOU "+
			"(in the folder of slipway.yaml, or with --strategy FILE)", key, environment)
	return &out
}

func (c *cli) flagRollout() *cobra.Command {
	var in api.RolloutFlag
	var environment string
	cmd := &cobra.Command{
		Use: "rollout KEY PERCENT -e ENVIRONMENT", Short: "Give a variant to a share of those whom no rule serves",
		Long: "Give a variant to a share of those whom no rule serves.\n\n" +
			"Whoever has the variant keeps it while the share rises.",
		Example: "  slipway flag rollout checkout 25 -e production", Args: cobra.ExactArgs(2),
		ValidArgsFunction: c.completeFlags,
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			share, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(args[1], "%")), 64)
			if err != nil {
				return fault.New(fault.Invalid, "share_invalid", "A share is a number between 0 and 100, not %q.", args[1])
			}
			where, err := c.changes(cmd, to, environment)
			if err != nil {
				return err
			}
			in.Percent = share
			out, err := to.RollOutFlag(cmd.Context(), args[0], where, in)
			if err != nil {
				return err
			}
			return c.print(out, func() { c.showChange(out) })
		}),
	}
	f := cmd.Flags()
	environmentFlag(cmd, &environment, "where")
	f.StringVar(&in.Variant, "variant", "", "the variant that is raised (default: on, or the first)")
	f.StringVar(&in.Against, "against", "", "what the others get (default: off, or the last)")
	f.StringVar(&in.Reason, "reason", "", "why")
	f.Int64Var(&in.Revision, "revision", 0, "refuse when it is at another revision")
	return cmd
}

func (c *cli) flagPromote() *cobra.Command {
	var in api.PromoteFlag
	var sure bool
	cmd := &cobra.Command{
		Use:   "promote KEY --from ENVIRONMENT --to ENVIRONMENT",
		Short: "Copy what a flag serves from one environment to another",
		Long: "Copy what a flag serves from one environment to another, after showing what that changes.\n\n" +
			"Whether it is on stays as it is there.", Args: cobra.ExactArgs(1), ValidArgsFunction: c.completeFlags,
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			dry := in
			dry.DryRun = true
			plan, err := to.PromoteFlag(cmd.Context(), args[0], dry)
			if err != nil {
				return err
			}
			if in.DryRun {
				return c.print(plan, func() { c.showChange(plan) })
			}
			if len(plan.Changes) > 0 {
				if !c.json {
					c.say("%s\n", plan.Sentence)
					c.showChanges(plan.Changes)
				}
				if err := c.confirm(sure, "Promote this?"); err != nil {
					return err
				}
			}
			if in.Revision == 0 {
				in.Revision = plan.Config.Revision // what was shown, and nothing else
			}
			out, err := to.PromoteFlag(cmd.Context(), args[0], in)
			if err != nil {
				return err
			}
			return c.print(out, func() { c.showChange(out) })
		}),
	}
	f := cmd.Flags()
	f.StringVar(&in.From, "from", "", "where it serves what is wanted")
	f.StringVar(&in.To, "to", "", "where it should serve the same")
	f.BoolVar(&in.DryRun, "dry-run", false, "only say what would change")
	f.StringVar(&in.Reason, "reason", "", "why")
	f.Int64Var(&in.Revision, "revision", 0, "refuse when the target is at another revision")
	f.BoolVar(&sure, "yes", false, "do not ask")
	_ = cmd.MarkFlagRequired("from")
	_ = cmd.MarkFlagRequired("to")
	return cmd
}

func (c *cli) flagRevert() *cobra.Command {
	var in api.RevertFlag
	var environment string
	cmd := &cobra.Command{
		Use: "revert KEY REVISION -e ENVIRONMENT", Short: "Bring back what an earlier revision served, as a new one",
		Args: cobra.ExactArgs(2), ValidArgsFunction: c.completeFlags,
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			where, err := c.back(cmd, to, args, environment, &in)
			if err != nil {
				return err
			}
			out, err := to.RevertFlag(cmd.Context(), args[0], where, in)
			if err != nil {
				return err
			}
			return c.print(out, func() { c.showChange(out) })
		}),
	}
	environmentFlag(cmd, &environment, "where")
	cmd.Flags().StringVar(&in.Reason, "reason", "", "why; needed when it turns on what somebody turned off and said why")
	cmd.Flags().Int64Var(&in.Revision, "revision", 0, "refuse when it is at another revision")
	return cmd
}

// back reads which revision to bring back, and where.
func (c *cli) back(
	cmd *cobra.Command, to *client.Client, args []string, environment string, in *api.RevertFlag,
) (string, error) {
	var err error
	if in.To, err = strconv.ParseInt(args[1], 10, 64); err != nil || in.To < 1 {
		return "", fault.New(fault.Invalid, "revision_invalid",
			"A revision is a number from 1, not %q. See them: %s history %s",
			args[1], cmd.Parent().CommandPath(), args[0])
	}
	return c.changes(cmd, to, environment)
}

func (c *cli) flagShelve(away bool) *cobra.Command {
	var reason string
	word, short := "restore", "Bring an archived flag back as it was, but off where turning it on needs approval"
	if away {
		word, short = "archive", "Take a flag out of use: programs fall back to what their code says"
	}
	cmd := &cobra.Command{
		Use: word + " KEY", Short: short, Args: cobra.ExactArgs(1), ValidArgsFunction: c.completeFlags,
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			change := to.RestoreFlag
			if away {
				change = to.ArchiveFlag
			}
			f, err := change(cmd.Context(), args[0], reason)
			if err != nil {
				return err
			}
			return c.print(f, func() { c.say("%s: %s\n", f.Key, f.Sentence) })
		}),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why")
	return cmd
}
