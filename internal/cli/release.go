package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
	"github.com/slipwayhq/slipway/internal/verdict"
)

func (c *cli) release() *cobra.Command {
	cmd := &cobra.Command{
		Use: "release", Short: "Take a version through staging and canary into production",
		Long: "Take a version through staging and canary into production.\n\nRELEASE is an id or a version: the newest " +
			"release of it is meant.",
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.releaseStart(), c.releaseList(), c.releaseStatus(), c.releaseWatch(), c.decide("release", true),
		c.decide("release", false))
	for _, a := range []action{
		{name: "pause", short: "Hold a release where it is"},
		{name: "resume", short: "Let a paused release go on"},
		{name: "promote", short: "Go to the next step without waiting for the bake to end"},
		{name: "abort", short: "Take a release back: the canary's share goes to 0 at once", confirm: "Take it back?"},
		{name: "retry", short: "Try a failed step again"},
		{name: "share", short: "Set the canary's share by hand", arg: "PERCENT"},
		{name: "skip", short: "Skip a step: your name and the reason are recorded", arg: "STEP", reason: true,
			confirm: "Skip it?"},
	} {
		cmd.AddCommand(c.releaseAction(a))
	}
	cmd.AddCommand(c.releaseSign())
	return cmd
}

// action is a command to a release or a rollback.
type action struct {
	name, short string
	arg         string // a second argument
	reason      bool   // is asked for
	confirm     string // question before it is done
}

func (c *cli) releaseStart() *cobra.Command {
	var in api.StartRelease
	var watch bool
	cmd := &cobra.Command{
		Use: "start --version VERSION --deployment URL [--commit SHA]", Short: "Start a release", Args: cobra.NoArgs,
		Long: "Start a release of a version that is deployed somewhere.\n\n" +
			"Where the target is a platform such as Vercel, one of --deployment (an address, or the platform's id of it) and\n" +
			"--commit is enough: the build is found there, and one of a commit that nobody built yet is made.",
		Example: "  slipway release start --version v2 --deployment http://127.0.0.1:3002 --commit 4f2a9c1 --unscheduled " +
			"\"fixes the cart\"",
		RunE: c.with(func(cmd *cobra.Command, _ []string, to *client.Client) error {
			r, err := to.StartRelease(cmd.Context(), in)
			if err != nil {
				return err
			}
			if watch {
				return c.watch(cmd.Context(), to, r.ID)
			}
			return c.print(r, func() {
				c.say("Release %s of %s has started: %s\n", r.ID, r.Version, r.Sentence)
				if r.Outlook != nil {
					c.say("Outlook of its canary: %s\n", r.Outlook.Sentence)
				}
				c.say("Follow it with: slipway release watch %s\n", r.ID)
			})
		}),
	}
	f := cmd.Flags()
	f.StringVar(&in.Version, "version", "", "the team's name for it, e.g. v2 or 1.4.0")
	f.StringVar(&in.Deployment, "deployment", "", "where the deployment answers, e.g. http://127.0.0.1:3002, or dpl_…")
	f.StringVar(&in.Commit, "commit", "", "commit that was built")
	f.StringVar(&in.Note, "note", "", "deployment notes")
	f.StringSliceVar(&in.BuildIDs, "build-id", nil, "the application's own deployment id (NEXT_DEPLOYMENT_ID)")
	f.StringSliceVar(&in.Flags, "flag", nil, "feature flag that belongs to the release")
	f.StringVar(&in.Scheduled, "scheduled", "", "not into production before this time (RFC 3339)")
	f.StringVar(&in.Unscheduled, "unscheduled", "", "why it goes out unscheduled")
	f.BoolVar(&in.Urgent, "urgent", false, "go through freeze windows; needs --unscheduled and release:skip")
	f.BoolVar(&watch, "watch", false, "stay and watch it")
	return cmd
}

func (c *cli) releaseList() *cobra.Command {
	var q client.ReleaseQuery
	cmd := &cobra.Command{
		Use: "list", Short: "List releases, newest first", Args: cobra.NoArgs,
		RunE: c.with(func(cmd *cobra.Command, _ []string, to *client.Client) error {
			page, err := to.Releases(cmd.Context(), q)
			if err != nil {
				return err
			}
			return c.print(page, func() {
				rows := make([][]string, 0, len(page.Items))
				for _, r := range page.Items {
					rows = append(rows, []string{r.ID, r.Version, r.Phase, r.Stage, percent(r.Share), when(r.Created), r.Author,
						r.Sentence})
				}
				none := "There is no release yet. Start one: slipway release start --version v1 --deployment URL"
				if q.Phase+q.Version+q.Cursor != "" {
					none = "No release is like that. All there are: slipway release list"
				}
				c.table(none,
					[]string{"ID", "VERSION", "PHASE", "STAGE", "SHARE", "STARTED", "BY", "STATE"}, rows)
				c.more(page.Next)
			})
		}),
	}
	cmd.Flags().StringVar(&q.Phase, "phase", "", "only those in this phase")
	cmd.Flags().StringVar(&q.Version, "version", "", "only those of this version")
	paging(cmd, &q.Cursor, &q.Limit)
	return cmd
}

// paging adds the flags of a list that comes in pages.
func paging(cmd *cobra.Command, cursor *string, limit *int) {
	cmd.Flags().StringVar(cursor, "cursor", "", "begin where the page before ended")
	cmd.Flags().IntVar(limit, "limit", 20, "how many at most")
}

func (c *cli) more(next string) {
	if next != "" {
		c.say("There are more: --cursor %s\n", next)
	}
}

func (c *cli) releaseStatus() *cobra.Command {
	return &cobra.Command{
		Use: "status RELEASE", Short: "Show where a release is, what it waits for and what can be done",
		Args: cobra.ExactArgs(1),
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			r, err := to.Release(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return c.print(r, func() { c.showRelease(r) })
		}),
	}
}

func (c *cli) showRelease(r api.Release) {
	c.say("%s\n\n", r.Sentence)
	measured := ""
	if r.Measured >= 0 && r.Share > 0 {
		measured = fmt.Sprintf(" (measured %.1f %%)", r.Measured)
	}
	c.facts("release", r.ID, "version", r.Version, "commit", r.Commit, "deployment",
		strings.TrimSpace(r.Deployment+" "+r.URL),
		"before it", r.Previous, "variables", ofConfig(r.Config),
		"started", when(r.Created)+" by "+r.Author, "note", r.Note, "share",
		percent(r.Share)+measured,
		"ended", whenPtr(r.Ended), "reason", r.Reason)
	if r.Verdict != nil {
		c.say("\nGuard: %s\n", r.Verdict.Sentence)
		var pairs []string
		for _, l := range verdict.Lines(r.Verdict) {
			pairs = append(pairs, l[0], l[1])
		}
		c.facts(pairs...)
	}
	if len(r.Hurt) > 0 {
		c.say("\nWhere it failed:\n")
		for _, p := range r.Hurt {
			c.say("  %s\n", p.Sentence)
		}
	}
	c.showOutlook(r.Outlook)
	c.say("\n")
	rows := make([][]string, 0, len(r.Steps))
	for _, s := range r.Steps {
		rows = append(rows, []string{mark(s.Status), s.ID, s.Title, s.Status, s.Sentence})
	}
	c.table("It has no steps.", []string{"", "STEP", "WHAT", "STATUS", "WHY"}, rows)
	if r.Approval != nil {
		c.say("\nWaits for approval %s: slipway release approve %s\n", r.Approval.ID, r.Version)
	}
	for _, a := range r.Actions {
		switch {
		case a.Disabled != "":
		case a.Name == "rollback":
			c.say("  slipway rollback request --reason …: %s\n", a.Effect)
		default:
			c.say("  slipway release %s %s: %s\n", a.Name, r.Version, a.Effect)
		}
	}
}

// ofConfig says with which variables a release was built.
func ofConfig(x *api.ReleaseConfig) string {
	if x == nil {
		return ""
	}
	return x.Sentence
}

// mark is a step's state as a sign.
func mark(status string) string {
	switch status {
	case "passed":
		return "✓"
	case "failed":
		return "✗"
	case "running":
		return "▶"
	case "waiting":
		return "…"
	case "skipped":
		return "»"
	}
	return "·"
}

func (c *cli) releaseAction(a action) *cobra.Command {
	var in api.ReleaseAction
	var sure bool
	use, n := a.name+" RELEASE", 1
	if a.arg != "" {
		use, n = use+" "+a.arg, 2
	}
	cmd := &cobra.Command{
		Use: use, Short: a.short, Args: cobra.ExactArgs(n),
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			if err := secondArgument(a.name, args, &in); err != nil {
				return usage(cmd, err)
			}
			before, err := to.Release(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if a.confirm != "" && !sure {
				if err := c.confirm(false, fmt.Sprintf("%s of %s: %s\n%s", before.ID, before.Version, before.Sentence,
					a.confirm)); err != nil {
					return err
				}
			}
			if in.Revision == 0 && a.name != "abort" { // taking back must not fail because something moved
				in.Revision = before.Revision
			}
			r, err := to.ActOnRelease(cmd.Context(), before.ID, a.name, in)
			if err != nil {
				return err
			}
			return c.print(r, func() { c.say("%s\n", r.Sentence) })
		}),
	}
	cmd.Flags().StringVar(&in.Reason, "reason", "", "why")
	cmd.Flags().Int64Var(&in.Revision, "revision", 0,
		"refuse when the release is at another revision (default: the present one)")
	if a.reason {
		_ = cmd.MarkFlagRequired("reason")
	}
	if a.confirm != "" {
		cmd.Flags().BoolVar(&sure, "yes", false, "do not ask")
	}
	return cmd
}

func secondArgument(name string, args []string, in *api.ReleaseAction) error {
	switch name {
	case "share":
		v, err := strconv.ParseFloat(strings.TrimSuffix(args[1], "%"), 64)
		if err != nil || !(v >= 0 && v <= 100) {
			return fmt.Errorf("%q is no percentage from 0 to 100", args[1])
		}
		in.Share = v
	case "skip":
		in.Step = args[1]
	}
	return nil
}

func (c *cli) releaseSign() *cobra.Command {
	var in api.ReleaseAction
	var failed bool
	cmd := &cobra.Command{
		Use: "sign RELEASE [STEP]", Short: "Sign a step off after testing it", Args: cobra.RangeArgs(1, 2),
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			before, err := to.Release(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			in.Step, in.Passed, in.Revision = before.Step, !failed, before.Revision
			if len(args) == 2 {
				in.Step = args[1]
			}
			r, err := to.ActOnRelease(cmd.Context(), before.ID, "sign", in)
			if err != nil {
				return err
			}
			return c.print(r, func() { c.say("%s\n", r.Sentence) })
		}),
	}
	cmd.Flags().BoolVar(&failed, "failed", false, "it did not pass")
	cmd.Flags().StringVar(&in.Reason, "reason", "", "what was found")
	return cmd
}
