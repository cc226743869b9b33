// Package cli is the command line: one command for each thing people do, one file
// for each noun.
//
// Commands speak to a running Slipway through the public client and to nothing
// else; only `check FILE` and `init` work on files, and `check --target` and `target`
// speak to the platform as well. People get tables and sentences,
// programs get the API's own types with --json. An error says what to do next, and
// its exit code comes from the one error table. Secrets are read from standard
// input or asked for, never taken from arguments. There is no state: every command
// is made by a function and gets its streams handed in.
package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/slipwayhq/slipway/internal/fault"
)

// DefaultURL is where a Slipway on this machine listens.
const DefaultURL = "http://127.0.0.1:4400"

// Options are what the command line is made of.
type Options struct {
	In          io.Reader
	Out, Err    io.Writer
	Env         func(string) string                 // os.Getenv
	Login       func() string                       // the name of who runs this process; nil: unknown
	Terminal    bool                                // Out is a terminal: progress may be drawn over
	Width       func() int                          // characters of a line of it; nil: 80
	Ask         func(prompt string) (string, error) // asks without showing what is typed; nil: read a line of In
	ErrTerminal bool                                // Err is a terminal: progress may be drawn there
	// Interactive says that a person answers at In.
	Interactive bool
	ConfigDir   string // where login keeps its file, e.g. os.UserConfigDir
	Version     string
	Commands    []*cobra.Command // more commands: up, demo, edge
}

// cli is what all commands share.
type cli struct {
	Options
	url, token string
	json       bool
}

// New returns the root command.
func New(o Options) *cobra.Command {
	c := &cli{Options: o}
	if c.Env == nil {
		c.Env = func(string) string { return "" }
	}
	root := &cobra.Command{
		Use:   "slipway",
		Short: "Run your deployment strategy",
		Long: "Slipway runs a team's whole deployment strategy for a Next.js application:\n" +
			"staging, canary, production, and the way back.\n\n" + exitCodes(),
		Version: o.Version, SilenceUsage: true, SilenceErrors: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(o.In)
	root.SetOut(o.Out)
	root.SetErr(o.Err)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usage(cmd, err) })
	f := root.PersistentFlags()
	f.StringVar(&c.url, "url", "", "address of Slipway (or SLIPWAY_URL; default "+DefaultURL+")")
	f.StringVar(&c.token, "token", "", "token to use; others on this machine can see it, SLIPWAY_TOKEN they cannot")
	f.BoolVar(&c.json, "json", false, "print the API's answer, and an error, as JSON")
	root.AddCommand(c.release(), c.rollback(), c.check(), c.approval(), c.deployment(), c.incident(), c.issue(),
		c.status(),
		c.logs(), c.user(), c.tokens(), c.login(), c.logout(), c.initialize(), c.metric(), c.judge(), c.simulate(),
		c.flag(), c.segment(), c.flagKey(), c.target(), c.gitHub(), c.vault(), c.config())
	root.AddCommand(o.Commands...)
	checkArgs(root)
	root.SetUsageFunc(narrow(root.UsageFunc()))
	flow(root)
	return root
}

// line is how wide help texts are.
const line = 80

// narrow is the standard usage with flags broken into lines. A template would do it too, and cost 3.5 MB: it calls
// methods by name, so the linker keeps all that there are.
func narrow(standard func(*cobra.Command) error) func(*cobra.Command) error {
	return func(cmd *cobra.Command) error {
		var text bytes.Buffer
		out := cmd.OutOrStderr()
		cmd.SetOut(&text)
		err := standard(cmd)
		cmd.SetOut(out)
		said := text.String()
		for _, flags := range []*pflag.FlagSet{cmd.LocalFlags(), cmd.InheritedFlags()} {
			if wide := strings.TrimSpace(flags.FlagUsages()); wide != "" {
				said = strings.Replace(said, wide, strings.TrimSpace(flags.FlagUsagesWrapped(line)), 1)
			}
		}
		_, _ = io.WriteString(out, said)
		return err
	}
}

// flow breaks the paragraphs of help texts into lines. What is indented goes on indented.
func flow(cmd *cobra.Command) {
	var out, paragraph []string
	end := func() {
		if len(paragraph) > 0 {
			out, paragraph = append(out, wrap(strings.Join(paragraph, " "), line)...), nil
		}
	}
	for text := range strings.SplitSeq(cmd.Long, "\n") {
		words := strings.TrimLeft(text, " ")
		switch indent := len(text) - len(words); {
		case words != "" && indent == 0:
			paragraph = append(paragraph, text)
			continue
		case indent > 0:
			end()
			lines := wrap(words, line-indent-gap)
			out = append(out, strings.Repeat(" ", indent)+strings.Join(lines, "\n"+strings.Repeat(" ", indent+gap)))
		default:
			end()
			out = append(out, "")
		}
	}
	end()
	cmd.Long = strings.Join(out, "\n")
	for _, sub := range cmd.Commands() {
		flow(sub)
	}
}

// checkArgs makes every command's complaint about its arguments a usage error, and
// refuses words that a command with subcommands does not know.
func checkArgs(cmd *cobra.Command) {
	check := cmd.Args
	if check == nil {
		check = cobra.NoArgs
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usage(cmd, err)
		}
		return nil
	}
	for _, sub := range cmd.Commands() {
		checkArgs(sub)
	}
}

// usage is the error of somebody who used a command wrongly.
func usage(cmd *cobra.Command, err error) error {
	if words := cmd.Flags().Args(); cmd.HasAvailableSubCommands() && len(words) > 0 {
		return misused(cmd, "%s has no command %q: %s (see %s --help)", cmd.CommandPath(), words[0], has(cmd, words[0]),
			cmd.CommandPath())
	}
	why, _, _ := strings.Cut(strings.TrimSuffix(err.Error(), "."), ": strconv.") // which tells of the program
	if len(cmd.ValidArgs) > 0 && strings.HasPrefix(why, "invalid argument") {
		why += ": it is one of " + strings.Join(cmd.ValidArgs, ", ")
	}
	return misused(cmd, "%s. Use it so: %s (see %s --help)", why, strings.TrimSpace(cmd.UseLine()), cmd.CommandPath())
}

// misused is a usage error of a command, which is its place.
func misused(cmd *cobra.Command, format string, args ...any) error {
	f := fault.New(fault.Invalid, "usage", format, args...)
	f.Fields = []fault.Field{{Path: cmd.CommandPath(), Message: f.Message}}
	return f
}

// has says what a command has instead of one that it has not.
func has(cmd *cobra.Command, word string) string {
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(word); len(near) > 0 {
		return "did you mean " + strings.Join(near, " or ") + "?"
	}
	var names []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	return "it has " + strings.Join(names, ", ")
}

// exitCodes is the error table for the help text.
func exitCodes() string {
	var b strings.Builder
	b.WriteString("Exit codes:\n  0  done\n")
	for _, row := range fault.Table() {
		fmt.Fprintf(&b, "  %d  %s: %s\n", row.Exit, strings.ReplaceAll(string(row.Kind), "_", " "), row.Remedy)
	}
	b.WriteString("  130  interrupted\n\n" +
		"With --json the answer is JSON on standard output. An error is then one line of JSON, the last one of\n" +
		"standard error: kind and exit_code as above, reason (a stable word), sentence, remedy, and places (place and\n" +
		"sentence of each complaint); request where Slipway's log has more under it.")
	return b.String()
}

// Run runs one command line and returns the exit code. Errors go to o.Err.
func Run(ctx context.Context, o Options, args []string) int {
	root := New(o)
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	for _, complaint := range []string{ // cobra's own
		"required flag", "if any flags in the group", "at least one of the flags in the group", "unknown command",
	} {
		if _, said := errors.AsType[*fault.Error](err); !said && strings.HasPrefix(err.Error(), complaint) {
			err = usage(cmd, err)
		}
	}
	return Report(o.Err, err, asksJSON(args))
}
