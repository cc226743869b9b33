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
	cmd.AddCommand(c.incidentList(), c.incidentShow(), c.incidentFlags(), c.incidentFlagOff(), c.incidentResolve())
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
	c.facts("incident", i.ID, "state", i.State, "severity by", i.Criterion, "resolve when", i.ResolvedWhen,
		"opened", when(i.Opened), "resolved", whenPtr(i.Resolved),
		"where", i.Environment, "release", i.Release, "rollback", i.Rollback, "review due", whenPtr(i.ReviewDue))
	c.say("\n")
	for _, f := range i.FlagsOff {
		c.showFlagOff(f)
	}
	for _, e := range i.Timeline {
		c.say("  %s  %s\n", when(e.At), e.Sentence)
	}
}

// showFlagOff says how far the proof of a flag's turning off is.
func (c *cli) showFlagOff(f api.FlagOff) {
	c.say("%s in %s was turned off: %s\n", f.Flag, f.Environment, f.Reason)
	for _, l := range []struct {
		what string
		is   *api.FlagOffFound
	}{{"served off", f.Confirmed}, {"smoke suite", f.Smoked}, {"guard", f.Watched}} {
		word, says := "-", "not looked at yet"
		switch {
		case l.is != nil:
			word, says = l.is.Finding, l.is.Sentence
		case f.Phase == "done":
			says = "not looked at"
		case f.Phase == "watching" && f.Until != nil:
			says = "watches until " + when(*f.Until)
		}
		c.say("  %-12s %-8s %s\n", l.what, word, says)
	}
	c.say("\n")
}

func (c *cli) incidentFlags() *cobra.Command {
	var environment string
	cmd := &cobra.Command{
		Use: "flags INCIDENT", Short: "List the flags that could be turned off, those that changed lately first",
		Long: "List the flags that could be turned off to mend an incident: first those that are on and changed or ramped\n" +
			"in the seven days before it, the newest before the others, then all others.", Args: cobra.ExactArgs(1),
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			out, err := to.FlagSuspects(cmd.Context(), args[0], environment)
			if err != nil {
				return err
			}
			return c.print(out, func() {
				rows := make([][]string, 0, len(out.Items))
				for _, s := range out.Items {
					is := "off"
					if s.On {
						is = "on"
					}
					at := ""
					if s.Recent {
						at = whenPtr(s.Changed)
					}
					rows = append(rows, []string{s.Flag, is, at, s.Sentence})
				}
				c.table("There is no flag.", []string{"FLAG", "IS", "CHANGED", "LAST CHANGE"}, rows)
			})
		}),
	}
	environmentFlag(cmd, &environment, "where (default: where the incident is)")
	return cmd
}

const flagOffHelp = `Turn a flag off because of an incident, and look whether that helped.

The kill switch and its record in the incident are one change. Then the server confirms that it serves the flag
off, runs the smoke suite of rollback.verify against what runs there, and the guard watches that for
rollback.watch. What is found is in the incident: slipway incident show INCIDENT.

A flag that is off already is looked at all the same. When no server answers, turn it off straight on the
database: slipway flag off --help.`

func (c *cli) incidentFlagOff() *cobra.Command {
	var in api.TurnFlagOff
	cmd := &cobra.Command{
		Use: "flag-off INCIDENT FLAG --reason TEXT", Short: "Turn a flag off because of an incident, and look whether that " +
			"helped", Long: flagOffHelp, Args: cobra.ExactArgs(2),
		Example: "  slipway incident flags inc_0d6r3k8m2n4p5q7s9tv0\n" +
			"  slipway incident flag-off inc_0d6r3k8m2n4p5q7s9tv0 checkout --reason \"payments fail since it is at 25 %\"",
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			in.Flag = args[1]
			i, err := to.TurnFlagOffFor(cmd.Context(), args[0], in)
			if err != nil {
				return unreached(err, in.Flag, c.reads(in.Environment), false)
			}
			return c.print(i, func() {
				for _, f := range i.FlagsOff {
					if f.Flag == in.Flag && f.Phase != "done" {
						c.say("%s\n", f.Sentence)
					}
				}
				c.say("What comes of it: slipway incident show %s\n", i.ID)
			})
		}),
	}
	environmentFlag(cmd, &in.Environment, "where (default: where the incident is)")
	cmd.Flags().StringVar(&in.Reason, "reason", "", "why; it stays with the flag and the incident")
	_ = cmd.MarkFlagRequired("reason")
	return cmd
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
					rows = append(rows, []string{d.ID, d.Version, d.Environment, d.Verdict, d.URL, d.Commit, when(d.Created),
						builtWith(d)})
				}
				none := "There is no deployment yet."
				if environment != "" {
					none = "There is no deployment there. All there are: slipway deployment list"
				}
				c.table(none, []string{"ID", "VERSION", "WHERE", "VERDICT", "ADDRESS", "COMMIT", "SINCE",
					"VARIABLES"}, rows)
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
