package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/flag/scan"
)

// contextFlag adds --context.
func contextFlag(cmd *cobra.Command, to *[]string) {
	cmd.Flags().StringArrayVarP(to, "context", "c", nil,
		"NAME=VALUE of the user, such as targetingKey=ada, plan=pro or age=36; may be repeated")
}

// contextOf reads NAME=VALUE. Values that are JSON are what they are, all others are texts.
func contextOf(pairs []string) (map[string]any, error) {
	out := map[string]any{}
	for _, pair := range pairs {
		name, text, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return nil, fault.New(fault.Invalid, "context_malformed", "--context is NAME=VALUE, not %q.", pair)
		}
		var v any
		if err := json.Unmarshal([]byte(text), &v); err != nil || name == "targetingKey" {
			v = text
		}
		at := out
		path := strings.Split(name, ".") // address.country=NL, as rules name it
		for _, part := range path[:len(path)-1] {
			below, is := at[part].(map[string]any)
			if !is {
				below = map[string]any{}
				at[part] = below
			}
			at = below
		}
		at[path[len(path)-1]] = v
	}
	return out, nil
}

func (c *cli) flagEval() *cobra.Command {
	var environment string
	var pairs []string
	cmd := &cobra.Command{
		Use: "eval KEY", Short: "Ask what a flag is for somebody, as programs ask", Args: cobra.ExactArgs(1),
		Long: "Ask what a flag is for somebody, as programs ask (OFREP).\n\n" +
			"With SLIPWAY_FLAGS_KEY the key is used, which names its environment; else your own token.",
		Example:           "  slipway flag eval checkout -e staging --context targetingKey=ada --context plan=pro",
		ValidArgsFunction: c.completeFlags,
		RunE: func(cmd *cobra.Command, args []string) error {
			who, err := contextOf(pairs)
			if err != nil {
				return err
			}
			to, where, err := c.evaluator(environment)
			if err != nil {
				return err
			}
			e, err := to.EvaluateFlag(cmd.Context(), args[0], where, who)
			if err != nil {
				return err
			}
			return c.print(e, func() {
				value := string(e.Value)
				if value == "" {
					value = "the program's own fallback"
				}
				variant := ""
				if e.Variant != "" {
					variant = ", variant " + e.Variant
				}
				c.say("%s is %s (%s%s).\n", e.Key, value, e.Reason, variant)
			})
		},
	}
	environmentFlag(cmd, &environment, "where (default: SLIPWAY_ENVIRONMENT, or production)")
	contextFlag(cmd, &pairs)
	return cmd
}

// evaluator is a client that evaluates, and the environment to name: none for a flag key.
func (c *cli) evaluator(environment string) (*client.Client, string, error) {
	key := c.Env("SLIPWAY_FLAGS_KEY")
	if key == "" {
		to, err := c.connect()
		return to, c.reads(environment), err
	}
	address, _, err := c.where()
	if err != nil {
		return nil, "", err
	}
	to, err := client.New(address, client.Options{Token: key, UserAgent: "slipway/" + c.Version})
	return to, "", err
}

func (c *cli) flagTry() *cobra.Command {
	var environment, file string
	var pairs []string
	cmd := &cobra.Command{
		Use:   "try KEY",
		Short: "Say what sample users get and which rule decides", Args: cobra.ExactArgs(1),
		Long: "Say what sample users get and which rule decides.\n\n" +
			"Users are given with --context (one user), or as a JSON list of objects on standard input with --users -.",
		Example: "  slipway flag try checkout -e staging --context targetingKey=ada --context plan=pro\n" +
			"  slipway flag try checkout -e staging --users people.json", ValidArgsFunction: c.completeFlags,
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			var in api.TryFlag
			if file != "" {
				raw, err := c.content(file)
				if err == nil {
					err = json.Unmarshal(raw, &in.Contexts)
				}
				if err != nil {
					return fault.Wrap(err, fault.Invalid, "users_unreadable", "%s is no JSON list of objects: %v.", file, err)
				}
			} else {
				who, err := contextOf(pairs)
				if err != nil {
					return err
				}
				in.Contexts = []map[string]any{who}
			}
			out, err := to.TryFlag(cmd.Context(), args[0], c.reads(environment), in)
			if err != nil {
				return err
			}
			return c.print(out, func() {
				rows := make([][]string, 0, len(out.Items))
				for i, r := range out.Items {
					who, _ := in.Contexts[min(i, len(in.Contexts)-1)]["targetingKey"].(string)
					rows = append(rows, []string{who, r.Variant, string(r.Value), r.Reason, r.Sentence + r.Error})
				}
				c.table("Nobody was named.", []string{"WHO", "VARIANT", "VALUE", "REASON", "WHY"}, rows)
				if out.Nanos > 0 {
					c.say("One evaluation takes %.2g µs on the node that answered.\n", out.Nanos/1000)
				}
			})
		}),
	}
	environmentFlag(cmd, &environment, "where (default: SLIPWAY_ENVIRONMENT, or production)")
	contextFlag(cmd, &pairs)
	cmd.Flags().StringVar(&file, "users", "", "file with a JSON list of users; - is standard input")
	return cmd
}

func (c *cli) flagHistory() *cobra.Command {
	cmd := c.revisions((*client.Client).FlagHistory)
	cmd.Short, cmd.ValidArgsFunction = "Show what was changed, by whom and why, newest first", c.completeFlags
	return cmd
}

// revisions shows what was changed of a flag or of a segment.
func (c *cli) revisions(
	of func(to *client.Client, ctx context.Context, key, environment, cursor string, limit int) (api.FlagHistory, error),
) *cobra.Command {
	var environment, cursor string
	var limit int
	cmd := &cobra.Command{
		Use: "history KEY", Args: cobra.ExactArgs(1),
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			page, err := of(to, cmd.Context(), args[0], c.reads(environment), cursor, limit)
			if err != nil {
				return err
			}
			return c.print(page, func() { c.showHistory(page) })
		}),
	}
	environmentFlag(cmd, &environment, "where (default: SLIPWAY_ENVIRONMENT, or production)")
	paging(cmd, &cursor, &limit)
	return cmd
}

func (c *cli) showHistory(page api.FlagHistory) {
	rows := make([][]string, 0, len(page.Items))
	for _, r := range page.Items {
		rows = append(rows, []string{strconv.FormatInt(r.Revision, 10), when(r.At), r.Sentence})
	}
	c.table("Nothing was changed yet.", []string{"REVISION", "AT", "WHAT"}, rows)
	c.more(page.Next)
}

func (c *cli) flagUsage() *cobra.Command {
	var environment string
	var hours int
	cmd := &cobra.Command{
		Use: "usage KEY", Short: "Show how often each variant was served, and how it went", Args: cobra.ExactArgs(1),
		ValidArgsFunction: c.completeFlags,
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			u, err := to.FlagUsage(cmd.Context(), args[0], c.reads(environment), hours)
			if err != nil {
				return err
			}
			return c.print(u, func() {
				c.say("%s\n\n", u.Sentence)
				rows := make([][]string, 0, len(u.Variants))
				for _, v := range u.Variants {
					rows = append(rows, []string{v.Variant, fmt.Sprint(v.Evaluations), fmt.Sprint(v.Exposures), fmt.Sprint(v.Errors)})
				}
				c.table("Nobody evaluated it.", []string{"VARIANT", "EVALUATED", "SHOWN TO", "ERRORS"}, rows)
			})
		}),
	}
	environmentFlag(cmd, &environment, "where (default: SLIPWAY_ENVIRONMENT, or production)")
	cmd.Flags().IntVar(&hours, "hours", 24, "of the last hours")
	return cmd
}

// all reads every flag that a query selects.
func all(cmd *cobra.Command, to *client.Client, q client.FlagQuery) ([]api.Flag, error) {
	out := []api.Flag{}
	for q.Limit = 200; ; {
		page, err := to.Flags(cmd.Context(), q)
		if err != nil {
			return nil, err
		}
		out = append(out, page.Items...)
		if q.Cursor = page.Next; q.Cursor == "" {
			return out, nil
		}
	}
}

func (c *cli) flagStale() *cobra.Command {
	return &cobra.Command{
		Use: "stale", Short: "List flags whose code may go, and why", Args: cobra.NoArgs,
		Long: "List flags whose code may go, and why.\n\nslipway flag scan finds that code.",
		RunE: c.with(func(cmd *cobra.Command, _ []string, to *client.Client) error {
			list, err := all(cmd, to, client.FlagQuery{State: "stale"})
			if err != nil {
				return err
			}
			return c.print(list, func() {
				rows := make([][]string, 0, len(list))
				for _, f := range list {
					rows = append(rows, []string{f.Key, f.Owner, f.Stale})
				}
				c.table("No flag is stale.", []string{"FLAG", "OWNER", "WHY"}, rows)
			})
		}),
	}
}

const scanHelp = `Find where code asks for flags, and say what removing each would take.

It reads text, not syntax: what it is not sure of is marked with a question mark. Folders that .gitignore names,
and those of packages, are left out. With --fail-if the exit code is 6 when code still asks for a flag that is
stale or archived, for a pipeline.`

func (c *cli) flagScan() *cobra.Command {
	var failIf string
	var keys []string
	cmd := &cobra.Command{
		Use: "scan [FOLDER]", Short: "Find where code asks for flags, and what removing them takes", Long: scanHelp,
		Example: "  slipway flag scan\n  slipway flag scan src --flag checkout\n  slipway flag scan --fail-if stale",
		Args:    cobra.MaximumNArgs(1),
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			if !slices.Contains([]string{"", "stale", "archived"}, failIf) {
				return usage(cmd, fmt.Errorf("--fail-if is stale or archived, not %q", failIf))
			}
			flags, err := all(cmd, to, client.FlagQuery{})
			if err != nil {
				return err
			}
			archived, err := all(cmd, to, client.FlagQuery{State: "archived"})
			if err != nil {
				return err
			}
			return c.scan(cmd, append(args, ".")[0], append(flags, archived...), keys, failIf)
		}),
	}
	cmd.Flags().StringVar(&failIf, "fail-if", "", "stale or archived: fail when code asks for such a flag")
	cmd.Flags().StringSliceVar(&keys, "flag", nil, "only this flag; may be repeated")
	return cmd
}

// scan looks for flags in a folder.
func (c *cli) scan(cmd *cobra.Command, folder string, flags []api.Flag, only []string, failIf string) error {
	o := scan.Options{Stays: map[string]string{}}
	bad := map[string]bool{}
	for _, f := range flags {
		if len(only) > 0 && !slices.Contains(only, f.Key) {
			continue
		}
		o.Keys = append(o.Keys, f.Key)
		if variant, one := onlyVariant(f); one {
			o.Stays[f.Key] = variant
		}
		bad[f.Key] = failIf == "stale" && (f.Stale != "" || f.Archived != nil) || failIf == "archived" && f.Archived != nil
	}
	out, err := scan.Tree(cmd.Context(), os.DirFS(folder), o)
	if err != nil {
		return err
	}
	var failed []string
	for _, r := range out.Removals {
		if r.References > r.Guesses && bad[r.Key] {
			failed = append(failed, r.Key)
		}
	}
	if err := c.print(out, func() { c.showScan(out) }); err != nil || len(failed) == 0 {
		return err
	}
	return fault.New(fault.Refused, "code_of_stale_flags", "Code still asks for %s, which should be gone.",
		strings.Join(failed, ", "))
}

// onlyVariant is what everybody gets everywhere, if there is no more than one.
func onlyVariant(f api.Flag) (string, bool) {
	out := ""
	for i, e := range f.Environments {
		config := converted[flag.Config](e)
		v, one := config.Only()
		if !one || i > 0 && v != out {
			return "", false
		}
		out = v
	}
	return out, out != ""
}

func (c *cli) showScan(out *scan.Result) {
	for _, r := range out.Removals {
		if r.References == 0 {
			continue
		}
		c.say("%s: %s\n", r.Key, r.Sentence)
		for _, at := range out.References {
			if at.Key != r.Key {
				continue
			}
			mark, stays := " ", ""
			if !at.Sure {
				mark = "?"
			}
			if at.Stays != "" {
				stays = "  (" + at.Stays + ")"
			}
			c.say("  %s %s:%d  %s%s\n", mark, at.Path, at.Line, at.Snippet, stays)
		}
	}
	unused := 0
	for _, r := range out.Removals {
		if r.References == 0 {
			unused++
		}
	}
	c.say("%d files were read; flags that are nowhere in them: %d.\n", out.Files, unused)
	for _, s := range out.Skipped {
		c.say("  not read: %s\n", s)
	}
}
