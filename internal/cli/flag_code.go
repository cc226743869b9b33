package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/flag/code"
)

const applyHelp = `Make flags and segments what a file in the repository says, after showing the plan.

The whole file is checked first. Each step is then a change of its own, with its own permission and, where the
environment asks for it, approval. What the file does not name stays, unless --prune archives it. Where the file
does not say whether a flag is on, that stays too, so that no pipeline undoes a kill switch. Where it says on,
and somebody turned the flag off and said why, the whole file is refused unless --turn-on and --reason say that
it is meant.

With --dry-run nothing is done, and the exit code is 6 when anything differs.`

func (c *cli) flagApply() *cobra.Command {
	var in api.ApplyFlags
	var sure bool
	cmd := &cobra.Command{
		Use: "apply FILE", Short: "Make flags what a file in the repository says, after showing the plan", Long: applyHelp,
		Example: "  slipway flag export > flags.yaml\n  slipway flag apply flags.yaml --dry-run\n" +
			"  slipway flag apply flags.yaml -e staging --yes --reason \"commit 1a2b3c\"",
		Args: cobra.ExactArgs(1),
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			var err error
			if in.File, err = c.flagFile(args[0]); err != nil {
				return err
			}
			dry := in
			dry.DryRun = true
			plan, err := to.ApplyFlags(cmd.Context(), dry)
			if err != nil {
				return err
			}
			if in.DryRun {
				return c.drift(plan)
			}
			if plan.Drift {
				if !c.json {
					c.showPlanOfFlags(plan)
				}
				if err := c.confirm(sure, "\nDo this?"); err != nil {
					return err
				}
			}
			return c.applied(cmd, to, in)
		}),
	}
	f := cmd.Flags()
	f.StringSliceVarP(&in.Environments, "environment", "e", nil,
		"only what the file says of this one; may be repeated (default: all)")
	f.BoolVar(&in.Prune, "prune", false, "archive the flags that the file does not name")
	f.BoolVar(&in.DryRun, "dry-run", false, "only say what would change")
	f.StringVar(&in.Reason, "reason", "", "why, such as the commit")
	f.BoolVar(&in.TurnOn, "turn-on", false, "also turn on what somebody turned off and said why; needs --reason")
	f.BoolVar(&sure, "yes", false, "do not ask")
	return cmd
}

// applied applies a file and says how it went.
func (c *cli) applied(cmd *cobra.Command, to *client.Client, in api.ApplyFlags) error {
	out, err := to.ApplyFlags(cmd.Context(), in)
	if err != nil {
		return err
	}
	if err := c.print(out, func() { c.showDone(out) }); err != nil {
		return err
	}
	return failed(out)
}

// failed is the problem of the step that could not be done.
func failed(plan api.FlagPlan) error {
	for _, s := range plan.Steps {
		if s.Problem != "" {
			return fault.New(fault.Refused, "flags_not_applied", "%s was not done, nor what follows: %s", s.Name(), s.Problem)
		}
	}
	return nil
}

// drift shows a plan, and is an error when there is one.
func (c *cli) drift(plan api.FlagPlan) error {
	if err := c.print(plan, func() { c.showPlanOfFlags(plan) }); err != nil || !plan.Drift {
		return err
	}
	return fault.New(fault.Refused, "flags_differ", "The flags are not what the file says.")
}

func (c *cli) flagDiff() *cobra.Command {
	var in api.ApplyFlags
	cmd := &cobra.Command{
		Use: "diff FILE", Short: "Show how flags differ from a file in the repository", Args: cobra.ExactArgs(1),
		Long: "Show how flags differ from a file in the repository. The exit code is 6 when they do.\n\n" +
			"It is slipway flag apply --dry-run.",
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			var err error
			if in.File, err = c.flagFile(args[0]); err != nil {
				return err
			}
			in.DryRun = true
			plan, err := to.ApplyFlags(cmd.Context(), in)
			if err != nil {
				return err
			}
			return c.drift(plan)
		}),
	}
	cmd.Flags().StringSliceVarP(&in.Environments, "environment", "e", nil,
		"only what the file says of this one; may be repeated (default: all)")
	cmd.Flags().BoolVar(&in.Prune, "prune", false, "also the flags that the file does not name")
	return cmd
}

// showPlanOfFlags prints a plan like a diff.
func (c *cli) showPlanOfFlags(plan api.FlagPlan) {
	for _, s := range plan.Steps {
		if s.What == "unchanged" {
			continue
		}
		mark := map[string]string{"create": "+", "archive": "-"}[s.What]
		if mark == "" {
			mark = "~"
		}
		c.say("%s %s: %s\n", mark, s.Name(), s.Sentence)
		if len(s.Changes) > 1 { // of one the sentence has said it
			c.showChanges(s.Changes)
		}
	}
	c.say("%s\n", plan.Sentence)
}

// showDone says what came of each step.
func (c *cli) showDone(plan api.FlagPlan) {
	for _, s := range plan.Steps {
		switch {
		case s.Draft != "":
			c.say("%s waits for approval: slipway approval show %s\n", s.Name(), s.Approval)
		case s.Problem != "":
			c.say("%s: %s\n", s.Name(), s.Problem)
		case s.Done && s.What != "unchanged":
			c.say("%s: %s\n", s.Name(), s.Sentence)
		}
	}
	c.say("%s\n", plan.Sentence)
}

// flagFile reads a file of flags, as YAML in the model's words.
func (c *cli) flagFile(name string) (api.FlagFile, error) {
	raw, err := c.content(name)
	if err != nil {
		return api.FlagFile{}, err
	}
	f, err := code.Parse(name, raw)
	if err != nil {
		return api.FlagFile{}, err
	}
	return wireFile(f), nil
}

// wireFile is a file as the API takes it.
func wireFile(f *code.File) api.FlagFile {
	out := api.FlagFile{Flags: []api.FlagEntry{}}
	for _, one := range f.Flags {
		e := converted[api.FlagEntry](one.Flag)
		e.Environments = map[string]api.ConfigEntry{}
		for _, config := range one.Configs {
			there := converted[api.ConfigEntry](config.Config)
			if there.On = nil; config.Switched {
				there.On = &config.On
			}
			e.Environments[config.Environment] = there
		}
		out.Flags = append(out.Flags, e)
	}
	for _, g := range f.Segments {
		i := slices.IndexFunc(out.Segments, func(s api.SegmentEntry) bool { return s.Key == g.Key })
		if i < 0 {
			i = len(out.Segments)
			out.Segments = append(out.Segments, api.SegmentEntry{Key: g.Key, Environments: map[string]api.SegmentSpec{}})
		}
		spec := converted[api.SegmentSpec](g.Segment)
		spec.Members = g.Members
		out.Segments[i].Environments[g.Environment] = spec
	}
	return out
}

// codeFile is what the API exports as a file for people. Names of environments that come first in their order are
// first in the file.
func codeFile(in api.FlagFile) *code.File {
	f := &code.File{}
	for _, e := range in.Flags {
		one := code.Flag{Flag: converted[flag.Flag](e)}
		for _, environment := range slices.Sorted(maps.Keys(e.Environments)) {
			there := e.Environments[environment]
			config := code.Config{Config: converted[flag.Config](there), Switched: there.On != nil}
			config.Flag, config.Environment = e.Key, environment
			one.Configs = append(one.Configs, config)
		}
		f.Flags = append(f.Flags, one)
	}
	for _, s := range in.Segments {
		for _, environment := range slices.Sorted(maps.Keys(s.Environments)) {
			g := converted[flag.Segment](s.Environments[environment])
			g.Key, g.Environment = s.Key, environment
			f.Segments = append(f.Segments, code.Segment{Segment: g, Members: s.Environments[environment].Members})
		}
	}
	return f
}

func (c *cli) flagExport() *cobra.Command {
	var environment, format, output string
	cmd := &cobra.Command{
		Use: "export", Short: "Write all flags as a file for the repository, or in flagd's format", Args: cobra.NoArgs,
		Long: "Write all flags as a file for the repository, or in flagd's format.\n\n" +
			"The file is what slipway flag apply takes. flagd's document is of one environment and has the members of\n" +
			"segments in it, who are people.",
		Example: "  slipway flag export > flags.yaml\n  slipway flag export --format flagd -e production -o flags.flagd.json",
		RunE: c.with(func(cmd *cobra.Command, _ []string, to *client.Client) error {
			if !slices.Contains([]string{"file", "flagd"}, format) {
				return usage(cmd, fmt.Errorf("--format is file or flagd, not %q", format))
			}
			if format == "flagd" {
				environment = c.reads(environment)
			}
			out, err := to.ExportFlags(cmd.Context(), environment, strings.TrimPrefix(format, "file"))
			if err != nil {
				return err
			}
			if c.json && output == "" {
				return c.encode(out, "  ")
			}
			text := []byte(out.Document)
			if out.File != nil {
				text = []byte(codeFile(*out.File).YAML())
			} else {
				var b bytes.Buffer
				if json.Indent(&b, text, "", "  ") == nil {
					text = append(b.Bytes(), '\n')
				}
			}
			if output == "" {
				_, err := c.Out.Write(text)
				return err
			}
			if err := os.WriteFile(output, text, 0o600); err != nil {
				return fault.Wrap(err, fault.Invalid, "file_not_written", "%s can't be written: %v.", output, err)
			}
			c.say("%s is written.\n", output)
			return nil
		}),
	}
	environmentFlag(cmd, &environment,
		"only this one (default: all; for flagd SLIPWAY_ENVIRONMENT, or production)")
	cmd.Flags().StringVar(&format, "format", "file", "file or flagd")
	cmd.Flags().StringVarP(&output, "output", "o", "", "file to write (default: standard output)")
	return cmd
}

const importHelp = `Bring in flags of another system from what it exports, after showing the plan and what did not map.

Configurations that would serve users something else come in switched off. Flags that are here already are
changed to what the export says. Where that turns on what somebody turned off and said why, nothing is done
unless --turn-on and --reason say that it is meant.`

func (c *cli) flagImport() *cobra.Command {
	var in api.ImportFlags
	var sure bool
	cmd := &cobra.Command{
		Use: "import [FILE]", Short: "Bring in flags of another system, with a report of what did not map", Long: importHelp,
		Example: "  slipway flag import launchdarkly.json --rename prod=production --only --dry-run\n" +
			"  slipway flag import flags.flagd.json --from flagd -e staging\n" +
			"  slipway flag import --from vercel --live --dry-run",
		Args: cobra.MaximumNArgs(1),
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			if in.Live == (len(args) == 1) {
				return usage(cmd, errors.New("name a file that the other system exported, or --live"))
			}
			if !in.Live {
				raw, err := c.content(args[0])
				if err != nil {
					return err
				}
				if !json.Valid(raw) {
					return fault.New(fault.Invalid, "export_malformed",
						"%s is no JSON: name the file that the other system exported.", args[0])
				}
				in.Export = raw
			}
			dry := in
			dry.DryRun = true
			plan, err := to.ImportFlags(cmd.Context(), dry)
			if err != nil {
				return err
			}
			if in.DryRun || !plan.Plan.Drift {
				return c.print(plan, func() { c.showImport(plan) })
			}
			if !c.json {
				c.showImport(plan)
			}
			if err := c.confirm(sure, "\nBring them in?"); err != nil {
				return err
			}
			out, err := to.ImportFlags(cmd.Context(), in)
			if err != nil {
				return err
			}
			if err := c.print(out, func() { c.showDone(out.Plan) }); err != nil {
				return err
			}
			return failed(out.Plan)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&in.Source, "from", "", "launchdarkly, unleash, growthbook, flagsmith, vercel or flagd (default: guessed)")
	f.BoolVar(&in.Live, "live", false, "ask the project that the strategy names by Vercel's API, not a file")
	environmentFlag(cmd, &in.Environment, "of an export of one environment that does not name it")
	f.StringToStringVar(&in.Environments, "rename", nil,
		"THEIRS=OURS, what an environment is called here; may be repeated")
	f.BoolVar(&in.Only, "only", false, "leave out environments that --rename does not name")
	f.BoolVar(&in.DryRun, "dry-run", false, "only say what it would do")
	f.StringVar(&in.Reason, "reason", "", "why")
	f.BoolVar(&in.TurnOn, "turn-on", false, "also turn on what somebody turned off and said why; needs --reason")
	f.BoolVar(&sure, "yes", false, "do not ask")
	return cmd
}

func (c *cli) showImport(in api.FlagImport) {
	c.showPlanOfFlags(in.Plan)
	rows := make([][]string, 0, len(in.Remarks))
	for _, r := range in.Remarks {
		mark := ""
		if r.Lost {
			mark = "!"
		}
		rows = append(rows, []string{mark, r.Flag + r.Segment, r.Environment, r.What, r.Done})
	}
	c.say("\n")
	c.table("Everything maps.", []string{"", "OF", "WHERE", "THERE", "HERE"}, rows)
	c.say("\n%s\n", in.Sentence)
}
