package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/strategy"
	"github.com/slipwayhq/slipway/internal/strategy/detect"
)

// strategyFile is the strategy's name in a repository.
const strategyFile = "slipway.yaml"

func (c *cli) check() *cobra.Command {
	var explain, schema, target, live, sure bool
	cmd := &cobra.Command{
		Use: "check [FILE]", Short: "Check the strategy file; or report and read a version's checks",
		Args: cobra.MaximumNArgs(1),
		Long: "Check the strategy file (" + strategyFile +
			" by default): every problem with its line, column and remedy.\n\n" +
			"--target looks at the platform that it names, such as Vercel, and at GitHub where it names that: whether the\n" +
			"token, the project, the rights, the way to a canary, drains and webhook are there, what each is for, and what\n" +
			"to do about what is missing. It only reads. --live verifies on Vercel what Slipway takes for granted of it and\n" +
			"could never try; it asks before what is more than reading.\n\n" +
			"`check report` and `check list` are about the checks of a version, such as its tests.",
		Example: "  slipway check\n  slipway check --target\n" +
			"  slipway check --target --live --url https://slipway.example.com",
		RunE: func(cmd *cobra.Command, args []string) error {
			if schema {
				_, err := c.Out.Write(strategy.Schema())
				return err
			}
			name := cmp.Or(append(args, strategyFile)[0], strategyFile)
			if target || live {
				return c.checkTarget(cmd, name, live, sure)
			}
			s, err := strategy.Load(name)
			if err != nil {
				return err
			}
			if explain {
				_, err := fmt.Fprint(c.Out, s.Explain())
				return err
			}
			plan := s.ReleasePlan()
			return c.print(map[string]any{"file": name, "app": s.App, "hash": s.Hash(), "steps": len(plan.Steps),
				"notes": append([]string{}, s.Notes()...)}, func() {
				c.say("%s is good: %s goes to production in %d steps.\n", name, s.App, len(plan.Steps))
				for _, step := range plan.Steps {
					c.say("  %s  %s\n", step.ID, step.Title)
				}
				for _, n := range s.Notes() {
					c.say("Note: %s\n", n)
				}
			})
		},
	}
	cmd.Flags().BoolVar(&explain, "explain", false,
		"print the whole strategy with every default and where each value comes from")
	cmd.Flags().BoolVar(&schema, "schema", false, "print the JSON Schema of the file, for editors")
	cmd.Flags().BoolVar(&target, "target", false,
		"look at the platform that the application runs on, and at GitHub; it only reads")
	cmd.Flags().BoolVar(&live, "live", false, "with --target: verify what is taken for granted of the platform")
	cmd.Flags().BoolVar(&sure, "yes", false, "with --live: also what is more than reading, without asking")
	cmd.AddCommand(c.checkReport(), c.checkList())
	return cmd
}

func (c *cli) checkReport() *cobra.Command {
	var in api.ReportCheck
	var coverage float64
	cmd := &cobra.Command{
		Use: "report VERSION CHECK STATUS", Short: "Report a check's result, as a CI does", Args: cobra.ExactArgs(3),
		Long:    "Report a check's result, as a CI does.\n\nSTATUS is running, passed, failed or not_applicable.",
		Example: "  slipway check report v2 unit passed --evidence https://ci.example.com/42 --coverage 87.5",
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			in.Version, in.Name, in.Status = args[0], args[1], args[2]
			if cmd.Flags().Changed("coverage") {
				in.Coverage = &coverage
			}
			out, err := to.ReportCheck(cmd.Context(), in)
			if err != nil {
				return err
			}
			return c.print(out, func() {
				c.say("%s of %s: %s.\n", out.Name, out.Version, out.Status)
				if len(out.Required) == 0 {
					c.say("No stage of the strategy waits for %q. The names it knows: slipway check list %s\n", out.Name, out.Version)
				}
			})
		}),
	}
	f := cmd.Flags()
	f.StringVar(&in.Commit, "commit", "", "commit that was checked")
	f.StringVar(&in.Summary, "summary", "", "the result in words")
	f.StringVar(&in.URL, "evidence", "", "address of the evidence")
	f.Float64Var(&coverage, "coverage", 0, "percent, where the check measures it")
	return cmd
}

func (c *cli) checkList() *cobra.Command {
	return &cobra.Command{
		Use: "list VERSION", Short: "Show a version's checklist", Args: cobra.ExactArgs(1),
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			list, err := to.Checks(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return c.print(list, func() {
				rows := make([][]string, 0, len(list))
				for _, k := range list {
					rows = append(rows, []string{mark(k.Status), k.Name, k.Status, strings.Join(k.Required, ", "), reported(k)})
				}
				c.table("The strategy has no checks.", []string{"", "CHECK", "STATUS", "NEEDED IN", "WHAT"}, rows)
			})
		}),
	}
}

// reported is what a check is about, who reported its result, and the evidence.
func reported(k api.Check) string {
	parts := []string{k.Title + "."}
	if k.Actor != "" {
		parts = append(parts, event.Who(k.Actor)+", "+whenPtr(k.At)+".")
	}
	return strings.TrimSpace(strings.Join(append(parts, k.URL), " "))
}

func (c *cli) initialize() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use: "init [DIR]", Short: "Write a strategy file for the Next.js project in a folder", Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			dir := append(args, ".")[0]
			src, notes, err := detect.Project(dir)
			if err != nil {
				return err
			}
			path := filepath.Join(dir, strategyFile)
			mode := os.O_WRONLY | os.O_CREATE | os.O_EXCL
			if force {
				mode = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
			}
			f, err := os.OpenFile(path, mode, 0o644) //nolint:gosec // it belongs into the repository
			if errors.Is(err, fs.ErrExist) {
				return fault.New(fault.Refused, "file_exists",
					"%s is there already. Check it with `slipway check %s`, or replace it with --force.", path, path)
			}
			if err == nil {
				_, err = f.Write(src)
				err = errors.Join(err, f.Close())
			}
			if err != nil {
				return fault.Wrap(err, fault.Invalid, "file_not_written", "%s cannot be written: %v.", path, err)
			}
			return c.print(map[string]any{"file": path, "notes": append([]string{}, notes...)}, func() {
				for _, n := range notes {
					c.say("  %s\n", n)
				}
				c.say("%s is written. Read it, then run: slipway check %s\n", path, path)
			})
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "replace the file that is there")
	return cmd
}
