package cli

import (
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
	"github.com/slipwayhq/slipway/internal/fault"
)

const scheduleHelp = `Have a change made at a time, or after a release has succeeded there.

It waits as a draft and is checked again when its time comes. Where changes need approval it needs it too.`

func (c *cli) flagSchedule() *cobra.Command {
	var in api.ScheduleFlag
	var environment, at, rollout string
	var on, off bool
	cmd := &cobra.Command{
		Use: "schedule KEY -e ENVIRONMENT", Short: "Have a change made at a time, or after a release", Long: scheduleHelp,
		Example: "  slipway flag schedule checkout -e production --at 2027-01-31T09:00:00+01:00 --on\n" +
			"  slipway flag schedule checkout -e production --at 2h --rollout 50\n" +
			"  slipway flag schedule checkout -e production --after-release rel_… --on",
		Args: cobra.ExactArgs(1), ValidArgsFunction: c.completeFlags,
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			where, err := c.changes(cmd, to, environment)
			if err != nil {
				return err
			}
			if at != "" {
				t, err := instant(at, time.Now())
				if err != nil {
					return err
				}
				in.At = &t
			}
			switch {
			case on || off:
				in.On = &on
			case rollout != "":
				share, err := strconv.ParseFloat(strings.TrimSuffix(rollout, "%"), 64)
				if err != nil {
					return fault.New(fault.Invalid, "share_invalid", "A share is a number between 0 and 100, not %q.", rollout)
				}
				in.Rollout = &api.RolloutFlag{Percent: share, Reason: in.Reason}
			}
			out, err := to.ScheduleFlag(cmd.Context(), args[0], where, in)
			if err != nil {
				return err
			}
			return c.print(out, func() { c.showChange(out) })
		}),
	}
	f := cmd.Flags()
	environmentFlag(cmd, &environment, "where")
	f.StringVar(&at, "at", "", "when: 2027-01-31T09:00:00+01:00, or from now on as 30m or 2h")
	f.StringVar(&in.AfterRelease, "after-release", "", "id of a release that must succeed there first")
	f.BoolVar(&on, "on", false, "turn it on then")
	f.BoolVar(&off, "off", false, "turn it off then")
	f.StringVar(&rollout, "rollout", "", "percent that get the raised variant then")
	f.StringVar(&in.Reason, "reason", "", "why")
	f.Int64Var(&in.Revision, "revision", 0, "it must still be at this revision when the time comes")
	cmd.MarkFlagsOneRequired("at", "after-release")
	cmd.MarkFlagsOneRequired("on", "off", "rollout")
	cmd.MarkFlagsMutuallyExclusive("at", "after-release")
	cmd.MarkFlagsMutuallyExclusive("on", "off", "rollout")
	return cmd
}

// instant reads a time, or how long it is until then.
func instant(text string, now time.Time) (time.Time, error) {
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return now.Add(d).Truncate(time.Second), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, fault.New(fault.Invalid, "time_malformed",
			"A time is written 2027-01-31T09:00:00+01:00, or from now on as 2h, not %q.", text)
	}
	return t, nil
}

func (c *cli) flagDrafts() *cobra.Command {
	var q client.DraftQuery
	cmd := &cobra.Command{
		Use: "drafts", Short: "List changes that wait for approval or for their time", Args: cobra.NoArgs,
		RunE: c.with(func(cmd *cobra.Command, _ []string, to *client.Client) error {
			page, err := to.FlagDrafts(cmd.Context(), q)
			if err != nil {
				return err
			}
			return c.print(page, func() {
				rows := make([][]string, 0, len(page.Items))
				for _, d := range page.Items {
					waits := d.Why
					switch {
					case d.Approval != "" && d.State == "waiting":
						waits = "approval " + d.Approval
					case d.At != nil:
						waits = when(*d.At)
					case d.AfterRelease != "":
						waits = "release " + d.AfterRelease
					}
					rows = append(rows, []string{d.ID, d.State, d.Environment, d.Flag + d.Segment, d.Author, waits, d.Sentence})
				}
				c.table("No change waits.", []string{"ID", "STATE", "WHERE", "OF", "BY", "FOR", "WHAT"}, rows)
				c.more(page.Next)
			})
		}),
	}
	f := cmd.Flags()
	environmentFlag(cmd, &q.Environment, "only of this one (default: all)")
	f.StringVar(&q.Flag, "flag", "", "only of this flag")
	f.StringVar(&q.State, "state", "open", "open, waiting, scheduled, applied, refused, discarded or failed")
	paging(cmd, &q.Cursor, &q.Limit)
	cmd.AddCommand(c.flagDiscard())
	return cmd
}

func (c *cli) flagDiscard() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: "discard DRAFT", Short: "Take a change back that waits", Args: cobra.ExactArgs(1),
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			d, err := to.DiscardFlagDraft(cmd.Context(), args[0], reason)
			if err != nil {
				return err
			}
			return c.print(d, func() { c.say("%s is %s: %s\n", d.ID, d.State, d.Sentence) })
		}),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why")
	return cmd
}
