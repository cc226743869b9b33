package cli

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
	"github.com/slipwayhq/slipway/internal/configuration"
	"github.com/slipwayhq/slipway/internal/fault"
)

func (c *cli) config() *cobra.Command {
	cmd := &cobra.Command{
		Use: "config", Short: "See, change and bring back variables that a platform keeps",
		Long: "See, change and bring back environment variables that a platform keeps.\n\n" +
			"A platform binds them when it builds: what runs has the values of its build, and a change needs another\n" +
			"build. Slipway keeps every set as a revision. Values are read from files, standard input or a prompt, never\n" +
			"from arguments, and only plain ones are ever shown.",
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.configList(), c.configShow(), c.configDiff(), c.configPush(), c.configPull(), c.configRollback(),
		c.configDraft(), c.configCheck())
	return cmd
}

// builtWith names the revision of the variables that a deployment was built with.
func builtWith(d api.Deployment) string {
	if d.Config == 0 {
		return ""
	}
	return "revision " + strconv.FormatInt(d.Config, 10)
}

// because is a reason as a sentence.
func because(reason string) string {
	if reason == "" {
		return ""
	}
	return "Why: " + reason
}

func (c *cli) configList() *cobra.Command {
	var environment, cursor string
	var limit int
	cmd := &cobra.Command{
		Use: "list", Short: "List the revisions of an environment's variables, newest first", Args: cobra.NoArgs,
		RunE: c.with(func(cmd *cobra.Command, _ []string, to *client.Client) error {
			page, err := to.ConfigRevisions(cmd.Context(), c.reads(environment), cursor, limit)
			if err != nil {
				return err
			}
			return c.print(page, func() {
				rows := make([][]string, 0, len(page.Items))
				for _, r := range page.Items {
					rows = append(rows, []string{strconv.FormatInt(r.Number, 10), r.State, when(r.Created), r.Author,
						strings.Join(r.Deployments, " "), strings.TrimSpace(r.Sentence + " " + because(r.Reason))})
				}
				c.table("Nothing was recorded yet.", []string{"REVISION", "STATE", "SINCE", "BY", "BUILT", "WHAT"}, rows)
				c.more(page.Next)
			})
		}),
	}
	environmentFlag(cmd, &environment, "of which (default production)")
	paging(cmd, &cursor, &limit)
	return cmd
}

// shown is a value for people: of plain variables only.
func shown(v api.ConfigVariable) string {
	switch {
	case v.Kind == string(configuration.Plain):
		return v.Value
	case !v.Held:
		return "•••••• (on the platform only)"
	}
	return "••••••"
}

func (c *cli) configShow() *cobra.Command {
	var environment string
	cmd := &cobra.Command{
		Use: "show [REVISION]", Short: "Show an environment's variables, what differs on the platform and what is wrong",
		Args: cobra.MaximumNArgs(1),
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			if len(args) == 1 {
				n, err := revisionNumber(args[0])
				if err != nil {
					return err
				}
				r, err := to.ConfigRevision(cmd.Context(), c.reads(environment), n)
				if err != nil {
					return err
				}
				return c.print(r, func() { c.showVariables(r) })
			}
			all, err := to.Config(cmd.Context(), c.reads(environment))
			if err != nil {
				return err
			}
			return c.print(all, func() { c.showConfiguration(all) })
		}),
	}
	environmentFlag(cmd, &environment, "of which (default production)")
	return cmd
}

func revisionNumber(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 1 {
		return 0, fault.New(fault.Invalid, "revision_invalid", "A revision is a number such as 12, not %.20q.", s)
	}
	return n, nil
}

func (c *cli) showVariables(r api.ConfigRevision) {
	rows := make([][]string, 0, len(r.Variables))
	for _, v := range r.Variables {
		rows = append(rows, []string{v.Key, v.Kind, shown(v), when(v.Since), v.By})
	}
	c.table("There are no variables.", []string{"NAME", "KIND", "VALUE", "SINCE", "BY"}, rows)
}

func (c *cli) showConfiguration(all api.Config) {
	c.say("%s (%s on the platform): %s\n", all.Environment, all.Place, all.Sentence)
	if all.Running != nil {
		c.say("%s\n", all.Running.Sentence)
	}
	if all.Newest != nil {
		c.say("\n")
		c.showVariables(*all.Newest)
	}
	c.showDrift(all.Drift)
	for _, s := range all.Shared {
		c.say("Shared by the team: %s (%s)%s\n", s.Key, s.Kind, by(s.By))
	}
	if all.Unread != "" {
		c.say("Shared variables can't be read: %s\n", all.Unread)
	}
	for _, p := range all.Problems {
		c.say("%s  %s\n", p.Sentence, p.Where)
	}
}

func (c *cli) showDrift(list []api.ConfigDrift) {
	for _, d := range list {
		whose := ""
		if d.Shared {
			whose = " (shared by the team)"
		}
		c.say("On the platform: %s%s is %s%s\n", d.Key, whose, d.What, by(d.By))
	}
}

func by(name string) string {
	if name == "" {
		return "."
	}
	return " by " + name + "."
}

func (c *cli) configDiff() *cobra.Command {
	var environment string
	cmd := &cobra.Command{
		Use: "diff [FROM [TO]]", Short: "Say how two revisions differ (default: the newest from the one before)",
		Args: cobra.MaximumNArgs(2),
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			var n [2]int64
			for i, a := range args {
				var err error
				if n[i], err = revisionNumber(a); err != nil {
					return err
				}
			}
			d, err := to.ConfigDiff(cmd.Context(), c.reads(environment), n[0], n[1])
			if err != nil {
				return err
			}
			return c.print(d, func() {
				c.say("%s\n", d.Sentence)
				c.showDifferences(d.Changes)
			})
		}),
	}
	environmentFlag(cmd, &environment, "of which (default production)")
	return cmd
}

func (c *cli) showDifferences(list []api.ConfigDifference) {
	rows := make([][]string, 0, len(list))
	for _, d := range list {
		row := []string{d.What, d.Key, "", ""}
		if d.Old != nil {
			row[2] = shown(*d.Old)
		}
		if d.New != nil {
			row[3] = shown(*d.New)
		}
		rows = append(rows, row)
	}
	if len(rows) > 0 {
		c.table("", []string{"WHAT", "NAME", "OLD", "NEW"}, rows)
	}
}

func (c *cli) configPush() *cobra.Command {
	var in api.PushConfig
	var environment, file, kind string
	cmd := &cobra.Command{
		Use: "push [NAME] -e ENVIRONMENT --reason WHY", Short: "Change variables; they become a revision that is written",
		Long: "Change variables; they become a revision that is written to the platform.\n\n" +
			"With NAME its value is asked for, or read from standard input. With --file the lines NAME=value of a file are\n" +
			"set (- is standard input); variables that it does not name stay. New ones are sensitive unless --kind says\n" +
			"otherwise: the platform never tells them again, Slipway keeps its own sealed copy.",
		Example: "  slipway config push PAYMENT_KEY -e production --reason \"rotated\" < key.txt\n" +
			"  slipway config push -e staging --file .env.staging --kind encrypted --reason \"new mailer\"\n" +
			"  slipway config push -e production --remove OLD_KEY --reason \"not read any more\" --rebuild",
		Args: cobra.MaximumNArgs(1),
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			where, err := c.changes(cmd, to, environment)
			if err != nil {
				return err
			}
			if in.Set, err = c.values(args, file, kind); err != nil {
				return err
			}
			out, err := to.PushConfig(cmd.Context(), where, in)
			if err != nil {
				return err
			}
			return c.print(out, func() { c.showConfigChange(out) })
		}),
	}
	f := cmd.Flags()
	environmentFlag(cmd, &environment, "where")
	f.StringVar(&file, "file", "", "file with lines NAME=value; - is standard input")
	f.StringVar(&kind, "kind", "", "plain, encrypted or sensitive")
	f.StringSliceVar(&in.Remove, "remove", nil, "take a variable away; may be repeated")
	reasonFlag(cmd, &in.Reason)
	f.Int64Var(&in.Revision, "revision", 0, "refuse when another is the newest")
	f.BoolVar(&in.DryRun, "dry-run", false, "only say what would change")
	howFlags(cmd, &in.Over, &in.Rebuild)
	return cmd
}

// howFlags say how a revision is written.
func howFlags(cmd *cobra.Command, over, rebuild *bool) {
	f := cmd.Flags()
	f.BoolVar(over, "over", false, "go over what somebody changed on the platform, and over complaints of the list")
	f.BoolVar(rebuild, "rebuild", false, "have what production runs built again with it; nobody is sent there yet")
}

func reasonFlag(cmd *cobra.Command, to *string) {
	cmd.Flags().StringVar(to, "reason", "", "why")
	_ = cmd.MarkFlagRequired("reason")
}

// values reads what is to be set.
func (c *cli) values(args []string, file, kind string) ([]api.SetVariable, error) {
	out := []api.SetVariable{}
	if len(args) == 1 {
		if strings.Contains(args[0], "=") {
			return nil, fault.New(fault.Invalid, "value_in_argument",
				"Name the variable only: others on this machine can see arguments. Its value is asked for, or read from "+
					"standard input.")
		}
		if file != "" {
			return nil, fault.New(fault.Invalid, "usage", "Give a NAME or --file, not both.")
		}
		value, err := c.secret("Value of " + args[0])
		return append(out, api.SetVariable{Key: args[0], Value: value, Kind: kind}), err
	}
	if file == "" {
		return out, nil
	}
	given, err := c.envFile(file)
	for _, g := range given {
		out = append(out, api.SetVariable{Key: g.Key, Value: g.Value, Kind: kind})
	}
	return out, err
}

func (c *cli) envFile(file string) ([]configuration.Given, error) {
	raw, err := c.content(file)
	if err != nil {
		return nil, err
	}
	given, bad := configuration.ParseFile(file, raw)
	if len(bad) > 0 {
		return nil, fault.New(fault.Invalid, "file_malformed", "%s: %s", bad[0].Where, bad[0].Sentence)
	}
	return given, nil
}

func (c *cli) showConfigChange(out api.ConfigChange) {
	c.say("%s\n", out.Sentence)
	c.showDifferences(out.Changes)
	for _, p := range out.Problems {
		c.say("%s  %s\n", p.Sentence, p.Where)
	}
}

func (c *cli) configPull() *cobra.Command {
	var in api.PullConfig
	var environment string
	cmd := &cobra.Command{
		Use: "pull -e ENVIRONMENT --reason WHY", Short: "Take over what the platform has, with the values that it tells",
		Args: cobra.NoArgs,
		RunE: c.with(func(cmd *cobra.Command, _ []string, to *client.Client) error {
			where, err := c.changes(cmd, to, environment)
			if err != nil {
				return err
			}
			out, err := to.PullConfig(cmd.Context(), where, in)
			if err != nil {
				return err
			}
			return c.print(out, func() { c.showConfigChange(out) })
		}),
	}
	environmentFlag(cmd, &environment, "where")
	reasonFlag(cmd, &in.Reason)
	return cmd
}

func (c *cli) configRollback() *cobra.Command {
	var in api.BackConfig
	var environment string
	cmd := &cobra.Command{
		Use: "rollback REVISION -e ENVIRONMENT --reason WHY", Short: "Bring an older revision of the variables back",
		Long: "Bring an older revision of the variables back.\n\n" +
			"They are written to the platform. What runs keeps the values of its build, so production is then given back to\n" +
			"the deployment that was built with them, by a rollback that is approved as others are (flip), or is built\n" +
			"again with them (rebuild), to be released. auto flips where it can.",
		Args: cobra.ExactArgs(1),
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			where, err := c.changes(cmd, to, environment)
			if err != nil {
				return err
			}
			if in.To, err = revisionNumber(args[0]); err != nil {
				return err
			}
			out, err := to.BackConfig(cmd.Context(), where, in)
			if err != nil {
				return err
			}
			return c.print(out, func() { c.showConfigChange(out) })
		}),
	}
	environmentFlag(cmd, &environment, "where")
	reasonFlag(cmd, &in.Reason)
	cmd.Flags().StringVar(&in.Way, "way", "auto", "auto, write (the variables only), rebuild or flip")
	cmd.Flags().Int64Var(&in.Revision, "revision", 0, "refuse when another is the newest")
	cmd.Flags().BoolVar(&in.DryRun, "dry-run", false, "only say what would change")
	return cmd
}

func (c *cli) configCheck() *cobra.Command {
	var environment, list string
	cmd := &cobra.Command{
		Use: "check FILE -e ENVIRONMENT", Short: "Hold a file of variables to the list of what is needed",
		Long: "Hold a file of variables to the list of what is needed, without a server.\n\n" +
			"The list is in the style of .env.example, as environments.*.variables names it: each NAME=example is needed;\n" +
			"words in the comment above it say more (optional, url, port, development only).",
		Example: "  slipway config check .env.production -e production --list .env.example",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			where, err := c.changes(cmd, nil, environment)
			if err != nil {
				return err
			}
			raw, err := c.content(list)
			if err != nil {
				if f, ok := errors.AsType[*fault.Error](err); ok {
					err = f.At(fault.Command, "It is the list of what is needed: --list names another.")
				}
				return err
			}
			given, err := c.envFile(args[0])
			if err != nil {
				return err
			}
			m, problems := configuration.ParseManifest(list, raw)
			problems = append(problems, m.Check(where, given)...)
			return c.complain(args[0], where, problems)
		},
	}
	environmentFlag(cmd, &environment, "what it is for")
	cmd.Flags().StringVar(&list, "list", ".env.example", "the list of variables")
	return cmd
}

// complain prints what is wrong and fails when something is.
func (c *cli) complain(file, environment string, problems []configuration.Problem) error {
	out := []api.ConfigProblem{}
	for _, p := range problems {
		out = append(out, api.ConfigProblem(p))
	}
	slices.SortStableFunc(out, func(a, b api.ConfigProblem) int { return strings.Compare(a.Key, b.Key) })
	err := c.print(out, func() {
		for _, p := range out {
			c.say("%s  %s\n", p.Sentence, p.Where)
		}
		if len(out) == 0 {
			c.say("%s has what %s needs.\n", file, environment)
		}
	})
	if err == nil && len(out) > 0 {
		err = fault.New(fault.Refused, "config_invalid", "%s is not what %s needs.", file, environment)
	}
	return err
}
