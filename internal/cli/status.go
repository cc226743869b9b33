package cli

import (
	"strconv"

	"github.com/spf13/cobra"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
)

func (c *cli) status() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Show everything at a glance: what runs where, and what needs you", Args: cobra.NoArgs,
		RunE: c.with(func(cmd *cobra.Command, _ []string, to *client.Client) error {
			s, err := to.Status(cmd.Context())
			if err != nil {
				return err
			}
			return c.print(s, func() { c.showStatus(s) })
		}),
	}
}

func (c *cli) showStatus(s api.Status) {
	c.say("%s\n\n", s.Sentence)
	rows := make([][]string, 0, len(s.Environments))
	for _, e := range s.Environments {
		version := ""
		if e.Deployment != nil {
			version = e.Deployment.Version
		}
		errors, p95 := "", ""
		if e.ErrorRate >= 0 {
			errors = strconv.FormatFloat(e.ErrorRate*100, 'f', 2, 64) + " %"
		}
		if e.P95 >= 0 {
			p95 = strconv.FormatFloat(e.P95, 'f', 0, 64) + " ms"
		}
		rows = append(rows, []string{e.Name, version, whenPtr(e.Since), errors, p95, e.Sentence})
	}
	c.table("There is no environment.", []string{"WHERE", "VERSION", "SINCE", "ERRORS", "P95", "STATE"}, rows)
	for _, r := range s.Releases {
		c.say("\nUnder way: %s (%s) %s\n", r.Version, r.ID, r.Sentence)
	}
	for _, r := range s.Rollbacks {
		c.say("\nGoing back: from %s to %s (%s) %s\n", r.From, r.To, r.ID, r.Sentence)
	}
	for _, a := range s.Approvals {
		c.say("\nWaits for you: %s: slipway %s approve %s\n", a.Action, a.Kind, a.Subject)
	}
	for _, i := range s.Incidents {
		c.say("\nOpen: %s %s (%s)\n", i.Severity, i.Title, i.ID)
	}
	for _, x := range s.Sources {
		if x.Trouble {
			c.say("\nSource %s: %s\n", x.Kind, x.Sentence)
		}
	}
	if t := s.Target; t != nil {
		c.say("\nTarget: %s on Vercel. %s\n", t.Project, t.Sentence)
		if t.Trouble {
			c.showTrouble(*t)
		}
	}
	if g := s.GitHub; g != nil {
		c.say("\nGitHub: %s. %s\n", g.Repository, g.Sentence)
	}
	for _, p := range s.Published {
		c.say("\nFlags of %s at the edge: %s\n", p.Environment, p.Sentence)
	}
	for _, x := range s.Synced {
		c.say("\nFlags of %s at Vercel Flags: %s\n", x.Environment, x.Sentence)
	}
	for _, e := range s.Edges {
		if e.Generation != e.Wanted {
			c.say("\nEdge %s: %s\n", e.Name, e.Sentence)
		}
	}
}
