package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
	"github.com/slipwayhq/slipway/internal/fault"
)

const syncHelp = `Write an environment's flags, one way, to the flags of the project on Vercel, after showing the plan.

A flag that cannot be said alike there is not written: it is named with the reason and the remedy. What stands
there of it stays. Flags that are only there are never deleted. A flag that anybody changes between the plan and
its writing, here or there, is refused by its name.

The application at Vercel tells the user's id as user.id, where it tells Slipway the targetingKey; an attribute
plan as user.plan, and one of two parts, such as cart.total, as that.

A variant has one value there for all environments. Where it is another one here, the flag is refused unless
--shared says that all of them may get it: it takes the right to edit flags in every environment.

With target.vercel.sync_flags in the strategy they follow by themselves. "sync status" says how they stand there,
and "sync status KEY" how one does: who changed it there, and when it was read back.`

func (c *cli) flagSync() *cobra.Command {
	var in api.SyncFlags
	var sure, all bool
	cmd := &cobra.Command{
		Use: "sync vercel|status [KEY]", Long: syncHelp,
		Short: "Write flags, one way, to Vercel Flags, and say what cannot be said there",
		Example: "  slipway flag sync vercel --dry-run\n" +
			"  slipway flag sync vercel -e staging --as preview\n" +
			"  slipway flag sync vercel -e production --splits --yes --json\n" +
			"  slipway flag sync status new-checkout",
		Args: cobra.RangeArgs(1, 2), ValidArgs: []string{"vercel", "status"},
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			if args[0] == "status" {
				return c.syncStatus(cmd, to, args[1:])
			}
			if args[0] != "vercel" || len(args) > 1 {
				return usage(cmd, fmt.Errorf("%.40q keeps no flags that Slipway writes: it writes to vercel", args[len(args)-1]))
			}
			var err error
			if in.DryRun {
				in.Environment = c.reads(in.Environment)
			} else if in.Environment, err = c.changes(cmd, to, in.Environment); err != nil {
				return err
			}
			dry := in
			dry.DryRun = true
			plan, err := to.SyncFlags(cmd.Context(), dry)
			if err != nil {
				return err
			}
			if in.DryRun || plan.Writes == 0 {
				return c.print(plan, func() { c.showSync(plan, all) })
			}
			if !c.json {
				c.showSync(plan, all)
			}
			if err := c.confirm(sure, "\nWrite them?"); err != nil {
				return err
			}
			in.Shown = &api.SyncShown{Generation: plan.Generation, Revisions: map[string]int64{}}
			for _, s := range plan.Steps {
				if s.Action == "create" || s.Action == "change" {
					in.Shown.Revisions[s.Flag] = s.Revision
				}
			}
			out, err := to.SyncFlags(cmd.Context(), in)
			if err != nil {
				return err
			}
			if err := c.print(out, func() { c.showSynced(out) }); err != nil {
				return err
			}
			if out.Failed {
				return fault.New(fault.Conflict, "not_all_synced", "Not all flags were written: look at the plan again.")
			}
			return nil
		}),
	}
	f := cmd.Flags()
	environmentFlag(cmd, &in.Environment, "whose flags (default: SLIPWAY_ENVIRONMENT; with --dry-run production)")
	f.StringVar(&in.As, "as", "", "what the environment is called at Vercel (default: as the strategy says, or the same)")
	f.BoolVar(&in.Splits, "splits", false, "percentages too: the same shares, with other users in them")
	f.BoolVar(&in.Shared, "shared", false,
		"also values of variants that all environments at Vercel share: they change for all")
	f.BoolVar(&in.DryRun, "dry-run", false, "only show the plan")
	f.BoolVar(&all, "all", false, "also show flags that are the same there")
	f.BoolVar(&sure, "yes", false, "do not ask")
	return cmd
}

// syncStatus says how flags stand there, or one of them.
func (c *cli) syncStatus(cmd *cobra.Command, to *client.Client, keys []string) error {
	const none = "No flags are written to Vercel Flags: slipway flag sync vercel, or target.vercel.sync_flags."
	if len(keys) > 0 {
		x, err := to.Flag(cmd.Context(), keys[0])
		if err != nil {
			return err
		}
		return c.print(x.Synced, func() {
			if len(x.Synced) == 0 {
				c.say("%s\n", none)
			}
			c.showFlagSynced(x)
		})
	}
	list, err := to.Flags(cmd.Context(), client.FlagQuery{Limit: 1})
	if err != nil {
		return err
	}
	rows := [][]string{}
	if list.Synced == nil {
		list.Synced = []api.SyncedFlags{}
	}
	for _, s := range list.Synced {
		rows = append(rows, []string{s.Environment, s.As, whenPtr(s.Seen), s.Sentence + nextWords(s.Command)})
	}
	return c.print(list.Synced, func() { c.table(none, []string{"ENVIRONMENT", "THERE", "READ BACK", ""}, rows) })
}

func (c *cli) showFlagSynced(x api.Flag) {
	for _, s := range x.Synced {
		c.say("%s at Vercel Flags: %s%s\n", s.Environment, s.Sentence, nextWords(s.Command))
		c.facts("written", whenPtr(s.Written), "read back", whenPtr(s.Seen))
	}
}

// nextWords tells of the command that comes next.
func nextWords(command string) string {
	if command == "" {
		return ""
	}
	return " Next: " + command + "."
}

func (c *cli) showSync(in api.FlagSync, all bool) {
	words := map[string]string{"create": "+ create", "change": "~ change", "same": "= same", "unsaid": "! not written",
		"absent": "= not there", "theirs": "  only there"}
	rows := [][]string{}
	for _, s := range in.Steps {
		if !all && (s.Action == "same" || s.Action == "absent") {
			continue
		}
		rows = append(rows, []string{words[s.Action], s.Flag, s.Stands, syncWords(s)})
	}
	c.table("All flags are the same there.", []string{"", "FLAG", "AT VERCEL NOW", ""}, rows)
	var told []string
	for _, s := range in.Steps {
		for _, n := range s.Notes {
			told = append(told, fmt.Sprintf("%s: %s.", s.Flag, n))
		}
		for _, n := range s.Assumes {
			told = append(told, fmt.Sprintf("%s takes for granted that %s.", s.Flag, n))
		}
	}
	if len(told) > 0 {
		c.say("\n%s\n", strings.Join(told, "\n"))
	}
	c.say("\n%s\n", in.Sentence)
}

func syncWords(s api.SyncStep) string {
	switch {
	case s.Why != "":
		do := s.Remedy
		if s.Command != "" {
			do += ": " + s.Command
		}
		return strings.ToUpper(s.Why[:1]) + s.Why[1:] + ". To do: " + do + "."
	case s.Static:
		return strings.Join(append(s.Differs, "one variant for everybody: its rules make no difference"), "; ")
	}
	return strings.Join(s.Differs, "; ")
}

func (c *cli) showSynced(in api.FlagSync) {
	c.say("\n")
	for _, s := range in.Steps {
		switch {
		case s.Problem != "":
			c.say("%s is not written: %s\n", s.Flag, s.Problem)
		case s.Done:
			c.say("%s is written: revision %d there.\n", s.Flag, s.Revision)
		}
	}
	c.say("%s\n", in.Sentence)
}
