package cli

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
	"github.com/slipwayhq/slipway/internal/fault"
)

func (c *cli) approval() *cobra.Command {
	cmd := &cobra.Command{
		Use: "approval", Short: "See what waits for people's approval",
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	list := &cobra.Command{
		Use: "list", Short: "List open approval requests", Args: cobra.NoArgs,
		RunE: c.with(func(cmd *cobra.Command, _ []string, to *client.Client) error {
			list, err := to.Approvals(cmd.Context())
			if err != nil {
				return err
			}
			return c.print(list, func() {
				rows := make([][]string, 0, len(list))
				for _, a := range list {
					rows = append(rows, []string{a.ID, a.Kind, cmp.Or(a.Version, a.Action), a.Environment, a.State, rules(a.Missing),
						yes(a.MayDecide), when(a.Expires)})
				}
				c.table("No approval is waited for.",
					[]string{"ID", "KIND", "WHAT", "WHERE", "STATE", "MISSING", "YOU", "EXPIRES"}, rows)
			})
		}),
	}
	show := &cobra.Command{
		Use: "show APPROVAL", Short: "Show what exactly is to be approved, and the evidence", Args: cobra.ExactArgs(1),
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			a, err := to.Approval(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return c.print(a, func() { c.showApproval(a) })
		}),
	}
	cmd.AddCommand(list, show)
	return cmd
}

func rules(list []api.ApprovalRule) string {
	out := make([]string, 0, len(list))
	for _, r := range list {
		out = append(out, fmt.Sprintf("%d × %s", r.Count, r.Role))
	}
	return strings.Join(out, ", ")
}

// showApproval prints exactly what a decision is about.
func (c *cli) showApproval(a api.Approval) {
	c.say("%s\n\n", capital(a.Action)) // it names the version and the environment
	c.facts("request", a.ID, "application", a.App, "environment", a.Environment,
		"version", a.Version, "commit", a.Commit, "deployment", a.Deployment,
		"plan", a.Plan, "asked by", a.Author, "opened", when(a.Opened), "expires", when(a.Expires), "state",
		strings.TrimSpace(a.State+" "+a.Why),
		"needed", rules(a.Rules), "missing", rules(a.Missing), "hash", a.Hash)
	c.say("\nEvidence\n")
	for _, e := range a.Evidence {
		c.say("  %s: %s\n", e.Name, e.Says)
	}
	c.showOutlook(a.Outlook)
	if len(a.Changed) > 0 {
		c.say("\nChanged since the last request\n")
		for _, k := range slices.Sorted(maps.Keys(a.Changed)) {
			c.say("  %s: %s\n", k, a.Changed[k])
		}
	}
	for _, v := range a.Votes {
		word := "approved"
		if !v.Approve {
			word = "rejected"
		}
		c.say("\n%s (%s) %s it at %s. %s\n", v.Name, v.Role, word, when(v.At), v.Reason)
	}
	if a.WhyNot != "" {
		c.say("\n%s\n", a.WhyNot)
	}
}

// decide makes approve and reject for releases and rollbacks: what is decided on is
// shown, with its hash, before the decision is sent.
func (c *cli) decide(noun string, approve bool) *cobra.Command {
	var reason, hash string
	var sure bool
	verb, arg := "approve", strings.ToUpper(noun)
	if !approve {
		verb = "reject"
	}
	cmd := &cobra.Command{
		Use: verb + " " + arg, Args: cobra.ExactArgs(1),
		Short: strings.ToUpper(verb[:1]) + verb[1:] + " what a " + noun + " waits for, after showing exactly what that is",
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			a, err := pending(cmd, to, noun, args[0])
			if err != nil {
				return err
			}
			if !c.json {
				c.showApproval(a)
			}
			if hash != "" && hash != a.Hash {
				return fault.New(fault.Conflict, "hash_differs", "What is to be approved has another hash: %s. Look at it again.",
					a.Hash)
			}
			if err := c.confirm(sure, "\n"+strings.ToUpper(verb[:1])+verb[1:]+" this?"); err != nil {
				return err
			}
			send := to.Reject
			if approve {
				send = to.Approve
			}
			out, err := send(cmd.Context(), a.ID, api.Decision{Hash: a.Hash, Reason: reason})
			if err != nil {
				return err
			}
			return c.print(out, func() {
				c.say("\nRecorded for %s. The request is %s", a.Hash, out.State)
				if len(out.Missing) > 0 && out.State == "open" {
					c.say(": %s to go", rules(out.Missing))
				}
				c.say(".\n")
			})
		}),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why")
	cmd.Flags().StringVar(&hash, "hash", "", "refuse when what is to be decided has another hash")
	cmd.Flags().BoolVar(&sure, "yes", false, "do not ask")
	if !approve {
		_ = cmd.MarkFlagRequired("reason")
	}
	return cmd
}

// pending finds the open request of a release or rollback.
func pending(cmd *cobra.Command, to *client.Client, noun, ref string) (api.Approval, error) {
	var a *api.Approval
	state := ""
	if noun == "release" {
		r, err := to.Release(cmd.Context(), ref)
		if err != nil {
			return api.Approval{}, err
		}
		a, state = r.Approval, r.Sentence
	} else {
		r, err := to.Rollback(cmd.Context(), ref)
		if err != nil {
			return api.Approval{}, err
		}
		a, state = r.Approval, r.Sentence
	}
	if a == nil || a.State != "open" {
		return api.Approval{}, fault.New(fault.Refused, "nothing_to_decide", "This %s waits for no approval now. %s", noun,
			state)
	}
	return to.Approval(cmd.Context(), a.ID) // with what differs from the last request
}
