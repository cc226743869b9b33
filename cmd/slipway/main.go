// Command slipway runs a team's whole deployment strategy for a Next.js application:
// the control plane, the edge, the demo and every command a person or a pipeline gives.
// This file only puts them together, listens for signals and says how it ended.
package main

import (
	"context"
	"os"
	"os/signal"
	"os/user"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/slipwayhq/slipway/internal/app"
	"github.com/slipwayhq/slipway/internal/cli"
	"github.com/slipwayhq/slipway/internal/demo"
)

func main() { os.Exit(run()) }

// run builds the command line, runs it and returns its exit code. The first
// interrupt asks everything to stop in order, the second ends the process.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	go func() {
		<-ctx.Done()
		stop()
	}()
	config, _ := os.UserConfigDir()
	version := version()
	return cli.Run(ctx, cli.Options{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Env: os.Getenv, Terminal: isTerminal(os.Stdout),
		Width: width, Login: login,
		Interactive: isTerminal(os.Stdin), ErrTerminal: isTerminal(os.Stderr), Ask: ask(),
		ConfigDir: config, Version: version,
		Commands: []*cobra.Command{
			app.UpCommand(os.Stdout, os.Stderr, version),
			app.EdgeCommand(os.Stdout, os.Stderr),
			demo.Command(os.Stdout, os.Stderr, version),
		},
	}, os.Args[1:])
}

// ask asks for a secret without showing what is typed; nil where nobody types.
func ask() func(string) (string, error) {
	if !isTerminal(os.Stdin) {
		return nil
	}
	return func(prompt string) (string, error) {
		_, _ = os.Stderr.WriteString(prompt + ": ")
		b, err := term.ReadPassword(int(os.Stdin.Fd()))
		_, _ = os.Stderr.WriteString("\n")
		return string(b), err
	}
}

func isTerminal(f *os.File) bool {
	return term.IsTerminal(int(f.Fd())) // /dev/null is a character device too, and nobody answers there
}

// login is the name of who runs this process, where the machine has one.
func login() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	return u.Username
}

// width is how many characters a line of the terminal has; 0 unknown.
func width() int {
	n, _, err := term.GetSize(int(os.Stdout.Fd()))
	if err != nil {
		return 0
	}
	return n
}

// version is the module's version, or the commit that was built.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "devel"
	}
	return info.Main.Version
}
