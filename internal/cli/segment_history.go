package cli

import (
	"github.com/spf13/cobra"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
)

func (c *cli) segmentHistory() *cobra.Command {
	cmd := c.revisions((*client.Client).SegmentHistory)
	cmd.Short = "Show what was changed of a segment, by whom and why, newest first"
	return cmd
}

func (c *cli) segmentRevert() *cobra.Command {
	var in api.RevertFlag
	var environment string
	cmd := &cobra.Command{
		Use: "revert KEY REVISION -e ENVIRONMENT", Short: "Bring back what an earlier revision said, as a new one",
		Long: "Bring back what an earlier revision said of a segment, as a new one: its groups, who is excluded, and\n" +
			"what it is for. Its list stays as it is: the history counts who was named, and does not name them.",
		Args: cobra.ExactArgs(2),
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			where, err := c.back(cmd, to, args, environment, &in)
			if err != nil {
				return err
			}
			s, err := to.RevertSegment(cmd.Context(), args[0], where, in)
			if err != nil {
				return err
			}
			return c.print(s, func() { c.showSegment(s) })
		}),
	}
	environmentFlag(cmd, &environment, "where")
	cmd.Flags().StringVar(&in.Reason, "reason", "", "why")
	cmd.Flags().Int64Var(&in.Revision, "revision", 0, "refuse when it is at another revision")
	return cmd
}
