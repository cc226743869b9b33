package cli

import (
	"github.com/spf13/cobra"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
)

func (c *cli) incident() *cobra.Command {
	cmd := &cobra.Command{
		Use: "incident", Short: "See what went wrong, and close it",
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.incidentList(), c.incidentShow(), c.incidentResolve())
	return cmd
}

func (c *cli) incidentList() *cobra.Command {
	var state, cursor string
	var limit int
	cmd := &cobra.Command{
		Use: "list", Short: "List incidents, newest first", Args: cobra.NoArgs,
		RunE: c.with(func(cmd *cobra.Command, _ []string, to *client.Client) error {
			page, err := to.Incidents(cmd.Context(), state, cursor, limit)
			if err != nil {
				return err
			}
			return c.print(page, func() {
				rows := make([][]string, 0, len(page.Items))
				for _, i := range page.Items {
					rows = append(rows, []string{i.ID, i.Severity, i.State, when(i.Opened), i.Title})
				}
				c.table("There is no incident.", []string{"ID", "SEVERITY", "STATE", "OPENED", "WHAT"}, rows)
				c.more(page.Next)
			})
		}),
	}
	cmd.Flags().StringVar(&state, "state", "", "open or resolved")
	paging(cmd, &cursor, &limit)
	return cmd
}

func (c *cli) incidentShow() *cobra.Command {
	return &cobra.Command{
		Use: "show INCIDENT", Short: "Show an incident with its timeline", Args: cobra.ExactArgs(1),
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			i, err := to.Incident(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return c.print(i, func() { c.showIncident(i) })
		}),
	}
}

func (c *cli) showIncident(i api.Incident) {
	c.say("%s: %s\n%s\n\n", i.Severity, i.Title, i.Sentence)
	c.facts("incident", i.ID, "state", i.State, "severity by", i.Criterion, "opened", when(i.Opened), "resolved",
		whenPtr(i.Resolved),
		"release", i.Release, "rollback", i.Rollback, "review due", whenPtr(i.ReviewDue))
	c.say("\n")
	for _, e := range i.Timeline {
		c.say("  %s  %s\n", when(e.At), e.Sentence)
	}
}

func (c *cli) incidentResolve() *cobra.Command {
	var in api.ResolveIncident
	cmd := &cobra.Command{
		Use: "resolve INCIDENT --resolution TEXT", Short: "Close an incident", Args: cobra.ExactArgs(1),
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			i, err := to.ResolveIncident(cmd.Context(), args[0], in)
			if err != nil {
				return err
			}
			return c.print(i, func() { c.say("%s\n", i.Sentence) })
		}),
	}
	cmd.Flags().StringVar(&in.Resolution, "resolution", "", "what mended it")
	_ = cmd.MarkFlagRequired("resolution")
	return cmd
}

func (c *cli) issue() *cobra.Command {
	cmd := &cobra.Command{
		Use: "issue", Short: "Report a problem that users have",
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var in api.ReportIssue
	report := &cobra.Command{
		Use: "report --title TEXT", Short: "Report a problem that users have: opens an incident", Args: cobra.NoArgs,
		RunE: c.with(func(cmd *cobra.Command, _ []string, to *client.Client) error {
			i, err := to.ReportIssue(cmd.Context(), in)
			if err != nil {
				return err
			}
			return c.print(i, func() { c.showIncident(i) })
		}),
	}
	f := report.Flags()
	f.StringVar(&in.Title, "title", "", "what happens, in a sentence")
	f.StringVar(&in.Detail, "detail", "", "how to see it")
	f.StringVar(&in.Environment, "environment", "", "where (default production)")
	f.BoolVar(&in.Critical, "critical", false, "take a running canary back, or ask for a rollback")
	f.BoolVar(&in.Security, "security", false, "it is a vulnerability")
	_ = report.MarkFlagRequired("title")
	cmd.AddCommand(report)
	return cmd
}

func (c *cli) deployment() *cobra.Command {
	cmd := &cobra.Command{
		Use: "deployment", Short: "See and record what runs where",
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var environment string
	list := &cobra.Command{
		Use: "list", Short: "List deployments, newest first", Args: cobra.NoArgs,
		RunE: c.with(func(cmd *cobra.Command, _ []string, to *client.Client) error {
			all, err := to.Deployments(cmd.Context(), environment)
			if err != nil {
				return err
			}
			return c.print(all, func() {
				rows := make([][]string, 0, len(all))
				for _, d := range all {
					rows = append(rows, []string{d.ID, d.Version, d.Environment, d.Verdict, d.URL, d.Commit, when(d.Created)})
				}
				c.table("There is no deployment yet.", []string{"ID", "VERSION", "WHERE", "VERDICT", "ADDRESS", "COMMIT", "SINCE"},
					rows)
			})
		}),
	}
	list.Flags().StringVar(&environment, "environment", "", "only those of this environment")
	var in api.NewDeployment
	register := &cobra.Command{
		Use: "register --version VERSION --address URL --branch BRANCH", Short: "Record a deployment, as a push to a " +
			"branch makes one", Args: cobra.NoArgs,
		RunE: c.with(func(cmd *cobra.Command, _ []string, to *client.Client) error {
			d, err := to.RegisterDeployment(cmd.Context(), in)
			if err != nil {
				return err
			}
			return c.print(d, func() { c.say("Deployment %s of %s is recorded in %s.\n", d.ID, d.Version, d.Environment) })
		}),
	}
	f := register.Flags()
	f.StringVar(&in.Version, "version", "", "the team's name for it")
	f.StringVar(&in.URL, "address", "", "where it answers")
	f.StringVar(&in.Commit, "commit", "", "commit that was built")
	f.StringVar(&in.Branch, "branch", "", "branch that it was built from: decides the environment")
	f.StringVar(&in.Environment, "environment", "", "environment, instead of the branch's")
	f.StringSliceVar(&in.BuildIDs, "build-id", nil, "the application's own deployment id")
	f.BoolVar(&in.Preview, "preview", false, "it belongs to a pull request")
	_ = register.MarkFlagRequired("version")
	_ = register.MarkFlagRequired("address")
	cmd.AddCommand(list, register)
	return cmd
}
