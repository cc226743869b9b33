package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
)

func (c *cli) rollback() *cobra.Command {
	cmd := &cobra.Command{
		Use: "rollback", Short: "Go back to the last known good deployment",
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.rollbackPlan(), c.rollbackRequest(), c.decide("rollback", true), c.decide("rollback", false))
	for _, a := range []action{
		{name: "run", short: "Run an approved rollback"},
		{name: "cancel", short: "Withdraw a rollback that has not begun"},
		{name: "retry", short: "Try a failed rollback again"},
		{name: "retarget", short: "Send a failed rollback to another deployment", arg: "DEPLOYMENT"},
	} {
		cmd.AddCommand(c.rollbackAction(a))
	}
	cmd.AddCommand(c.rollbackList(), c.rollbackStatus())
	return cmd
}

func (c *cli) rollbackPlan() *cobra.Command {
	var environment string
	cmd := &cobra.Command{
		Use: "plan", Short: "Show what a rollback would do, and why it would go where", Args: cobra.NoArgs,
		RunE: c.with(func(cmd *cobra.Command, _ []string, to *client.Client) error {
			p, err := to.PlanRollback(cmd.Context(), environment)
			if err != nil {
				return err
			}
			return c.print(p, func() { c.showPlan(p) })
		}),
	}
	cmd.Flags().StringVar(&environment, "environment", "production", "where")
	return cmd
}

func (c *cli) showPlan(p api.RollbackPlan) {
	first := fmt.Sprintf("There is nothing to go back to from %s in %s.", p.From.Version, p.Environment)
	if p.To != nil {
		first = fmt.Sprintf("Back from %s to %s in %s.", p.From.Version, p.To.Version, p.Environment)
	}
	c.say("%s\n", strings.TrimSpace(first+" "+p.Why))
	for i, s := range p.Steps {
		c.say("  %d. %s\n", i+1, s)
	}
	rows := make([][]string, 0, len(p.Candidates))
	for _, t := range p.Candidates {
		rows = append(rows, []string{t.Deployment, t.Version, yes(t.Eligible), t.Why})
	}
	c.say("\n")
	c.table("No other deployment was looked at.", []string{"DEPLOYMENT", "VERSION", "POSSIBLE", "WHY"}, rows)
	for _, e := range p.Aid {
		c.say("%s: %s\n", e.Name, e.Says)
	}
	if p.Hash != "" {
		c.say("hash %s\n", p.Hash)
	}
}

func (c *cli) rollbackRequest() *cobra.Command {
	var in api.RequestRollback
	cmd := &cobra.Command{
		Use: "request --reason WHY", Short: "Ask for a rollback", Args: cobra.NoArgs,
		RunE: c.with(func(cmd *cobra.Command, _ []string, to *client.Client) error {
			r, err := to.RequestRollback(cmd.Context(), in)
			if err != nil {
				return err
			}
			return c.print(r, func() {
				c.showRollback(r)
				c.say("\nSee it again with: slipway rollback status %s\n", r.ID)
			})
		}),
	}
	cmd.Flags().StringVar(&in.Reason, "reason", "", "why")
	cmd.Flags().StringVar(&in.Environment, "environment", "", "where (default production)")
	cmd.Flags().StringVar(&in.To, "to", "", "deployment to go back to (default: the last known good one)")
	_ = cmd.MarkFlagRequired("reason")
	return cmd
}

func (c *cli) rollbackAction(a action) *cobra.Command {
	var in api.RollbackAction
	use, n := a.name+" ROLLBACK", 1
	if a.arg != "" {
		use, n = use+" "+a.arg, 2
	}
	cmd := &cobra.Command{
		Use: use, Short: a.short, Args: cobra.ExactArgs(n),
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			if n == 2 {
				in.To = args[1]
			}
			r, err := to.ActOnRollback(cmd.Context(), args[0], a.name, in)
			if err != nil {
				return err
			}
			return c.print(r, func() { c.say("%s\n", r.Sentence) })
		}),
	}
	cmd.Flags().StringVar(&in.Reason, "reason", "", "why")
	cmd.Flags().Int64Var(&in.Revision, "revision", 0, "refuse when the rollback is at another revision")
	return cmd
}

func (c *cli) rollbackList() *cobra.Command {
	var cursor string
	var limit int
	cmd := &cobra.Command{
		Use: "list", Short: "List rollbacks, newest first", Args: cobra.NoArgs,
		RunE: c.with(func(cmd *cobra.Command, _ []string, to *client.Client) error {
			page, err := to.Rollbacks(cmd.Context(), cursor, limit)
			if err != nil {
				return err
			}
			return c.print(page, func() {
				rows := make([][]string, 0, len(page.Items))
				for _, r := range page.Items {
					rows = append(rows, []string{r.ID, r.Environment, r.From, r.To, r.Phase, when(r.Created), r.Requested, r.Sentence})
				}
				c.table("There was no rollback yet. slipway rollback plan shows what one would do.",
					[]string{"ID", "WHERE", "FROM", "TO", "PHASE", "ASKED", "BY", "STATE"}, rows)
				c.more(page.Next)
			})
		}),
	}
	paging(cmd, &cursor, &limit)
	return cmd
}

func (c *cli) rollbackStatus() *cobra.Command {
	return &cobra.Command{
		Use: "status ROLLBACK", Short: "Show where a rollback is and what can be done", Args: cobra.ExactArgs(1),
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			r, err := to.Rollback(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return c.print(r, func() { c.showRollback(r) })
		}),
	}
}

func (c *cli) showRollback(r api.Rollback) {
	c.say("%s\n\n", r.Sentence)
	c.facts("rollback", r.ID, "where", r.Environment, "from", r.From, "to", r.To, "phase", r.Phase, "because", r.Trigger,
		"asked by", r.Requested, "asked", when(r.Created), "traffic back", whenPtr(r.Executed), "ended", whenPtr(r.Ended),
		"incident", r.Incident)
	rows := make([][]string, 0, len(r.Steps))
	for _, s := range r.Steps {
		rows = append(rows, []string{mark(s.Status), s.Title, s.Status, s.Sentence})
	}
	c.say("\n")
	c.table("It has no steps yet.", []string{"", "WHAT", "STATUS", "WHY"}, rows)
	if r.Approval != nil && r.Approval.State == "open" {
		c.say("\nWaits for approval %s: slipway rollback approve %s\n", r.Approval.ID, r.ID)
	}
	for _, n := range r.Next {
		c.say("Next: %s\n", n)
	}
}
