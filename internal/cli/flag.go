package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
	"github.com/slipwayhq/slipway/internal/fault"
)

const flagHelp = `Make feature flags, say who sees what, and look at what they do.

Commands that read take production where -e/--environment names nothing; SLIPWAY_ENVIRONMENT names another
default. Commands that change something want it named, by either.`

func (c *cli) flag() *cobra.Command {
	cmd := &cobra.Command{
		Use: "flag", Short: "Decide who sees what, without a new deployment", Long: flagHelp,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.flagList(), c.flagGet(), c.flagCreate(), c.flagSet(), c.flagSwitch(true), c.flagSwitch(false),
		c.flagRollout(), c.flagEval(), c.flagTry(), c.flagPromote(), c.flagHistory(), c.flagRevert(), c.flagShelve(true),
		c.flagShelve(false), c.flagUsage(), c.flagStale(), c.flagScan(), c.flagSchedule(), c.flagDrafts(),
		c.flagApply(), c.flagDiff(), c.flagExport(), c.flagImport(), c.flagSync(), c.flagRamp())
	return cmd
}

// environmentFlag adds -e/--environment.
func environmentFlag(cmd *cobra.Command, to *string, what string) {
	cmd.Flags().StringVarP(to, "environment", "e", "", what)
}

// reads is the environment that a command looks at.
func (c *cli) reads(named string) string {
	return cmp.Or(named, c.Env("SLIPWAY_ENVIRONMENT"), "production")
}

// changes is the environment that a command changes something in. It is never guessed.
func (c *cli) changes(cmd *cobra.Command, to *client.Client, named string) (string, error) {
	if environment := cmp.Or(named, c.Env("SLIPWAY_ENVIRONMENT")); environment != "" {
		return environment, nil
	}
	names := "NAME"
	if to != nil {
		if list, err := to.Environments(cmd.Context()); err == nil && len(list) > 0 {
			each := make([]string, 0, len(list))
			for _, e := range list {
				each = append(each, e.Name)
			}
			names = strings.Join(each, ", -e ")
		}
	}
	return "", fault.New(fault.Invalid, "environment_missing", "Say where: -e %s. Or set SLIPWAY_ENVIRONMENT.", names)
}

// completeFlags offers the keys of flags.
func (c *cli) completeFlags(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	const none = cobra.ShellCompDirectiveNoFileComp
	to, err := c.connect()
	if err != nil || len(args) > 0 {
		return nil, none
	}
	page, err := to.Flags(cmd.Context(), client.FlagQuery{Text: typed, Limit: 200})
	if err != nil {
		return nil, none
	}
	var out []string
	for _, f := range page.Items {
		if strings.HasPrefix(f.Key, typed) {
			out = append(out, cobra.CompletionWithDesc(f.Key, clean(f.Sentence)))
		}
	}
	return out, none
}

func (c *cli) flagList() *cobra.Command {
	var q client.FlagQuery
	cmd := &cobra.Command{
		Use: "list", Short: "List flags", Args: cobra.NoArgs,
		RunE: c.with(func(cmd *cobra.Command, _ []string, to *client.Client) error {
			page, err := to.Flags(cmd.Context(), q)
			if err != nil {
				return err
			}
			return c.print(page, func() {
				rows := make([][]string, 0, len(page.Items))
				for _, f := range page.Items {
					says := f.Sentence
					if q.Environment != "" {
						if at := configIn(f, q.Environment); at != nil {
							says = at.Sentence
						}
					}
					rows = append(rows, []string{f.Key, f.Kind, says, f.Owner, f.Stale})
				}
				c.table(noFlags(q), []string{"FLAG", "KIND", "STATE", "OWNER", "STALE"}, rows)
				c.more(page.Next)
				if page.Sentence != "" && len(rows) > 0 {
					c.say("\n%s\n", page.Sentence)
				}
			})
		}),
	}
	f := cmd.Flags()
	environmentFlag(cmd, &q.Environment, "say who sees what here, and ask --state here (default: anywhere)")
	f.StringVar(&q.Text, "text", "", "only those with this in key, description or owner")
	f.StringVar(&q.Tag, "tag", "", "only those with this tag")
	f.StringVar(&q.State, "state", "", "on, off, ramping, stale or archived")
	paging(cmd, &q.Cursor, &q.Limit)
	return cmd
}

// noFlags says what to do where a list of flags is empty.
func noFlags(q client.FlagQuery) string {
	if q.Text != "" || q.Tag != "" || q.State != "" {
		return "No flag is like that. All that are in use: slipway flag list"
	}
	if q.Cursor != "" {
		return "There are no more flags."
	}
	return "There is no flag yet.\n\n" +
		"  make one                         slipway flag create new-checkout --description \"The new checkout\"\n" +
		"  bring in another system's        slipway flag import export.json --dry-run\n" +
		"  keep them in the repository      slipway flag apply flags.yaml --dry-run\n\n" +
		"Then programs ask for them with a key: slipway flag-key create NAME -e ENVIRONMENT"
}

// configIn is what a flag does in an environment, nil where nobody may look.
func configIn(f api.Flag, environment string) *api.FlagConfig {
	i := slices.IndexFunc(f.Environments, func(c api.FlagConfig) bool { return c.Environment == environment })
	if i < 0 {
		return nil
	}
	return &f.Environments[i]
}

func (c *cli) flagGet() *cobra.Command {
	var environment string
	cmd := &cobra.Command{
		Use: "get KEY", Short: "Show a flag: what it is, and who sees what where", Args: cobra.ExactArgs(1),
		ValidArgsFunction: c.completeFlags,
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			f, err := to.Flag(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if environment != "" {
				f.Environments = slices.DeleteFunc(f.Environments,
					func(x api.FlagConfig) bool { return x.Environment != environment })
				if len(f.Environments) == 0 {
					return fault.New(fault.NotFound, "environment_unknown",
						"%s has no environment %s that you may see: leave -e out to list them.", f.Key, environment)
				}
			}
			return c.print(f, func() { c.showFlag(f) })
		}),
	}
	environmentFlag(cmd, &environment, "only this one (default: all)")
	return cmd
}

func (c *cli) showFlag(f api.Flag) {
	c.say("%s: %s\n", f.Key, f.Sentence)
	bucketing, life := "", ""
	if f.Bucketing != 2 {
		bucketing = fmt.Sprint(f.Bucketing)
	}
	switch {
	case f.Permanent:
		life = "for good"
	case f.Expires != nil:
		life = "its code should be gone by " + f.Expires.UTC().Format(time.DateOnly)
	}
	c.facts("kind", f.Kind, "about", f.Description, "owner", f.Owner, "tags", strings.Join(f.Tags, ", "), "public keys",
		map[bool]string{true: "may evaluate it"}[f.Client], "meant", life, "bucketing", bucketing, "stale", f.Stale,
		"archived",
		whenPtr(f.Archived), "revision", fmt.Sprint(f.Revision))
	if len(f.Synced) > 0 {
		c.say("\n")
		c.showFlagSynced(f)
	}
	c.say("\nVariants\n")
	for _, v := range f.Variants {
		c.say("%s\n", strings.TrimRight(fmt.Sprintf("  %s = %s  %s", v.Name, string(v.Value), v.Description), " "))
	}
	for _, e := range f.Environments {
		c.say("\n%s (revision %d)\n", e.Environment, e.Revision)
		c.showConfig(e)
	}
}

// showConfig says what a flag does in an environment, in words.
func (c *cli) showConfig(e api.FlagConfig) {
	c.say("  %s\n", e.Sentence)
	if e.Reason != "" {
		c.say("  Switched at %s: %s\n", whenPtr(e.Since), e.Reason)
	}
	if e.Ramp != "" {
		c.say("  The release %s raises its share.\n", e.Ramp)
	}
}

func (c *cli) flagCreate() *cobra.Command {
	var in api.CreateFlag
	var variants []string
	var expires string
	cmd := &cobra.Command{
		Use: "create KEY", Short: "Make a flag, off wherever the strategy does not say otherwise", Args: cobra.ExactArgs(1),
		Example: "  slipway flag create checkout --description \"The new checkout\" --owner core\n" +
			"  slipway flag create color --kind string --variant red='\"#f00\"' --variant blue='\"#00f\"'",
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			in.Key = args[0]
			var err error
			if in.Variants, err = variantsOf(variants); err != nil {
				return err
			}
			if in.Expires, err = day(expires); err != nil {
				return err
			}
			f, err := to.CreateFlag(cmd.Context(), in)
			if err != nil {
				return err
			}
			return c.print(f, func() {
				c.showFlag(f)
				c.say("\nTurn it on: slipway flag on %s -e ENVIRONMENT\n", f.Key)
			})
		}),
	}
	f := cmd.Flags()
	f.StringVar(&in.Kind, "kind", "boolean", "boolean, string, number or object")
	f.StringVar(&in.Description, "description", "", "what it is about")
	f.StringVar(&in.Owner, "owner", "", "a role or a person: who decides how it is rolled out")
	f.StringSliceVar(&in.Tags, "tag", nil, "a tag; may be repeated")
	f.StringArrayVar(&variants, "variant", nil, "NAME=JSON, a value it can have; may be repeated (boolean: on and off)")
	f.BoolVar(&in.Client, "client", false, "public keys, as in a browser, may evaluate it")
	f.BoolVar(&in.Permanent, "permanent", false, "it is never stale: a switch for operations")
	f.StringVar(&expires, "expires", "", "YYYY-MM-DD, after which its code should be gone")
	return cmd
}

// variantsOf reads NAME=JSON.
func variantsOf(list []string) ([]api.FlagVariant, error) {
	var out []api.FlagVariant
	for _, text := range list {
		name, value, ok := strings.Cut(text, "=")
		if !ok || !json.Valid([]byte(value)) {
			return nil, fault.New(fault.Invalid, "variant_malformed",
				"--variant is NAME=JSON, such as big=10 or red='\"#f00\"', not %q.", text)
		}
		out = append(out, api.FlagVariant{Name: name, Value: json.RawMessage(value)})
	}
	return out, nil
}

// day reads a date; nothing of nothing.
func day(text string) (*time.Time, error) {
	if text == "" {
		return nil, nil
	}
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return nil, fault.New(fault.Invalid, "date_malformed", "A date is written 2027-01-31, not %q.", text)
	}
	return &t, nil
}
