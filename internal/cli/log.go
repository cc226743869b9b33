package cli

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/fault"
)

func (c *cli) logs() *cobra.Command {
	cmd := &cobra.Command{
		Use: "log", Short: "Read, follow and verify the log of everything that happened",
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.logShow(), c.logFollow(), c.logVerify())
	return cmd
}

func (c *cli) logShow() *cobra.Command {
	var q client.EventQuery
	var from, to string
	cmd := &cobra.Command{
		Use: "show", Short: "Show events, newest first", Args: cobra.NoArgs,
		RunE: c.with(func(cmd *cobra.Command, _ []string, s *client.Client) error {
			for flag, at := range map[string]*time.Time{from: &q.From, to: &q.To} {
				if flag == "" {
					continue
				}
				var err error
				if *at, err = time.Parse(time.RFC3339, flag); err != nil {
					return usage(cmd, fmt.Errorf("%q is no time such as 2026-03-01T09:00:00Z", flag))
				}
			}
			page, err := s.Events(cmd.Context(), q)
			if err != nil {
				return err
			}
			return c.print(page, func() {
				rows := make([][]string, 0, len(page.Items))
				for _, e := range page.Items {
					rows = append(rows, []string{strconv.FormatInt(e.Seq, 10), when(e.At), e.Kind, event.Who(e.Actor), e.Sentence})
				}
				c.table("The log has no such event.", []string{"NUMBER", "AT", "KIND", "BY", "WHAT"}, rows)
				c.more(page.Next)
			})
		}),
	}
	eventFlags(cmd, &q.Kind, &q.Subject, &q.Actor, &q.Environment)
	f := cmd.Flags()
	f.StringVar(&q.Text, "text", "", "only events whose sentence has this text")
	f.StringVar(&from, "from", "", "only events at or after this time (RFC 3339)")
	f.StringVar(&to, "to", "", "only events before this time (RFC 3339)")
	f.BoolVar(&q.Ascending, "ascending", false, "oldest first")
	paging(cmd, &q.Cursor, &q.Limit)
	return cmd
}

func eventFlags(cmd *cobra.Command, kind, subject, actor, environment *string) {
	f := cmd.Flags()
	f.StringVar(kind, "kind", "", "only this kind; `release.` means all of release")
	f.StringVar(subject, "subject", "", "only about the thing with this id")
	f.StringVar(actor, "actor", "", "only by this actor, as shown: ada, \"ada (token ci)\", \"Slipway's guard\"")
	f.StringVar(environment, "environment", "", "only in this environment")
}

func (c *cli) logFollow() *cobra.Command {
	q := client.Follow{After: -1}
	cmd := &cobra.Command{
		Use: "follow", Short: "Show events as they happen, until interrupted", Args: cobra.NoArgs,
		Long: "Show events as they happen, until interrupted. A lost connection is made again, without losing an event.\n" +
			"With --json every event is one line.",
		RunE: c.with(func(cmd *cobra.Command, _ []string, to *client.Client) error {
			q.Lost = func(error) { say(c.Err, "Connection lost at %s; trying again.\n", time.Now().Format("15:04:05")) }
			for e, err := range to.Follow(cmd.Context(), q) {
				if err != nil {
					return err
				}
				if err := c.event(e); err != nil {
					return err
				}
			}
			return cmd.Context().Err()
		}),
	}
	eventFlags(cmd, &q.Kind, &q.Subject, &q.Actor, &q.Environment)
	cmd.Flags().Int64Var(&q.After, "after", -1, "begin after this event (0: with the first; default: with the next)")
	return cmd
}

func (c *cli) event(e api.Event) error {
	if !c.json {
		c.say("%d  %s  %s  %s\n", e.Seq, when(e.At), e.Kind, e.Sentence)
		return nil
	}
	return c.jsonLine(e)
}

func (c *cli) logVerify() *cobra.Command {
	return &cobra.Command{
		Use: "verify", Short: "Walk the log's chain: finds an altered, missing or reordered record", Args: cobra.NoArgs,
		RunE: c.with(func(cmd *cobra.Command, _ []string, to *client.Client) error {
			done := c.busy("The log is walked")
			r, err := to.VerifyLog(cmd.Context())
			done()
			if err != nil {
				return err
			}
			if err := c.print(r, func() {
				if r.OK {
					c.say("The log is whole: %d events, %d approval signatures.\n", r.Events, r.Votes)
				}
				c.say("Its head is %s. Note it elsewhere to notice a log that was cut or written anew.\n", r.Head)
			}); err != nil || r.OK {
				return err
			}
			return fault.New(fault.Refused, "log_broken", "The log was tampered with: %s", r.Problem)
		}),
	}
}
