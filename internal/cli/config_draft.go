package cli

import (
	"github.com/spf13/cobra"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
)

func (c *cli) configDraft() *cobra.Command {
	var environment string
	draft := &cobra.Command{
		Use: "draft -e ENVIRONMENT", Short: "Gather changes of variables, look at what they do, then apply them",
		Long: "Gather changes of variables, look at what they do, then apply them.\n\n" +
			"An environment has one draft, which everybody who may change its variables works at. Values are sealed at\n" +
			"once. Nothing is written to the platform before the draft is applied: it becomes a revision then.",
		Args: cobra.NoArgs,
		RunE: c.with(func(cmd *cobra.Command, _ []string, to *client.Client) error {
			d, err := to.ConfigDraft(cmd.Context(), c.reads(environment))
			return c.printDraft(d, err)
		}),
	}
	draft.PersistentFlags().StringVarP(&environment, "environment", "e", "", "where")
	draft.AddCommand(c.draftSet(&environment), c.draftRemove(&environment), c.draftUndo(&environment),
		c.draftDiscard(&environment), c.draftApply(&environment))
	return draft
}

func (c *cli) printDraft(d api.ConfigDraft, err error) error {
	if err != nil {
		return err
	}
	return c.print(d, func() {
		c.say("%s\n", d.Sentence)
		c.showDifferences(d.Changes)
		c.showDrift(d.Foreign)
		for _, p := range d.Problems {
			c.say("%s  %s\n", p.Sentence, p.Where)
		}
	})
}

// edited gathers a change.
func (c *cli) edited(environment *string, in func(args []string) (api.EditConfigDraft, error),
) func(*cobra.Command, []string) error {
	return c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
		where, err := c.changes(cmd, to, *environment)
		if err != nil {
			return err
		}
		change, err := in(args)
		if err != nil {
			return err
		}
		d, err := to.EditConfigDraft(cmd.Context(), where, change)
		return c.printDraft(d, err)
	})
}

func (c *cli) draftSet(environment *string) *cobra.Command {
	var file, kind string
	cmd := &cobra.Command{
		Use: "set [NAME]", Short: "Draft values: asked for, read from standard input or from a file",
		Args:    cobra.MaximumNArgs(1),
		Example: "  slipway config draft set PAYMENT_KEY -e production < key.txt",
		RunE: c.edited(environment, func(args []string) (api.EditConfigDraft, error) {
			set, err := c.values(args, file, kind)
			return api.EditConfigDraft{Set: set}, err
		}),
	}
	cmd.Flags().StringVar(&file, "file", "", "file with lines NAME=value; - is standard input")
	cmd.Flags().StringVar(&kind, "kind", "", "plain, encrypted or sensitive")
	return cmd
}

func (c *cli) draftRemove(environment *string) *cobra.Command {
	return &cobra.Command{
		Use: "remove NAME...", Short: "Draft that variables go", Args: cobra.MinimumNArgs(1),
		RunE: c.edited(environment, func(args []string) (api.EditConfigDraft, error) {
			return api.EditConfigDraft{Remove: args}, nil
		}),
	}
}

func (c *cli) draftUndo(environment *string) *cobra.Command {
	return &cobra.Command{
		Use: "undo NAME...", Short: "Take variables out of the draft again", Args: cobra.MinimumNArgs(1),
		RunE: c.edited(environment, func(args []string) (api.EditConfigDraft, error) {
			return api.EditConfigDraft{Undo: args}, nil
		}),
	}
}

func (c *cli) draftDiscard(environment *string) *cobra.Command {
	return &cobra.Command{
		Use: "discard", Short: "Let go of the draft and its values", Args: cobra.NoArgs,
		RunE: c.with(func(cmd *cobra.Command, _ []string, to *client.Client) error {
			where, err := c.changes(cmd, to, *environment)
			if err != nil {
				return err
			}
			d, err := to.DiscardConfigDraft(cmd.Context(), where, "")
			return c.printDraft(d, err)
		}),
	}
}

func (c *cli) draftApply(environment *string) *cobra.Command {
	var in api.ApplyConfigDraft
	cmd := &cobra.Command{
		Use: "apply --reason WHY", Short: "Make the draft the next revision and have it written", Args: cobra.NoArgs,
		RunE: c.with(func(cmd *cobra.Command, _ []string, to *client.Client) error {
			where, err := c.changes(cmd, to, *environment)
			if err != nil {
				return err
			}
			if in.Seen == "" {
				d, err := to.ConfigDraft(cmd.Context(), where)
				if err != nil {
					return err
				}
				if d.ID == "" {
					return c.printDraft(d, nil)
				}
				in.Seen, in.Revision = d.ID, d.Newest
			}
			out, err := to.ApplyConfigDraft(cmd.Context(), where, in)
			if err != nil {
				return err
			}
			return c.print(out, func() { c.showConfigChange(out) })
		}),
	}
	reasonFlag(cmd, &in.Reason)
	cmd.Flags().StringVar(&in.Seen, "seen", "", "id of the draft that was looked at: refuse when it is another by now")
	howFlags(cmd, &in.Over, &in.Rebuild)
	return cmd
}
