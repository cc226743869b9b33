package demo

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/telemetry"
)

// Command returns `slipway demo`.
func Command(out, errs io.Writer, version string) *cobra.Command {
	opts := Options{Out: out, Err: errs, Version: version}
	var logFile string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "See a release go out, and come back, on this machine",
		Long: "Starts Slipway with a fresh database, its own edge, two versions of a sample\napplication and simulated " +
			"visitors, and takes v2 from staging through a canary\ninto production. Nothing outside this process is " +
			"touched.\n\nWith --target vercel the versions run on a simulated Vercel: by its own rolling\nreleases, and " +
			"judged by what its drain delivers alone. It shows good, errors,\ncrash and hand.\n\n" +
			"With --github the release is also shown at a simulated GitHub: as a check run,\nas deployments, and as the " +
			"answer to a job that waits.\n\n" + scenarios(),
		Example: "  slipway demo\n  slipway demo --scenario errors\n  slipway demo --target vercel --scenario hand\n" +
			"  slipway demo --scenario outage --auto-approve --exit --json",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			opts.JSON, _ = cmd.Flags().GetBool("json")
			if opts.Rate <= 0 || opts.Rate > 5000 {
				return fault.New(fault.Invalid, "rate_invalid", "--rate lies between 1 and 5000 requests a second, not %g.",
					opts.Rate)
			}
			opts.Log = slog.New(slog.DiscardHandler)
			if logFile != "" {
				file, err := os.Create(logFile)
				if err != nil {
					return fault.Wrap(err, fault.Invalid, "log_file", "The log cannot be written to %s.", logFile)
				}
				defer file.Close() //nolint:errcheck // a lost line of the demo's log harms nobody
				opts.Log = telemetry.NewLogger(file, slog.LevelDebug, false)
			}
			s, err := Run(cmd.Context(), opts)
			if err != nil || s.Outcome == "" {
				return err
			}
			return conclude(opts, s)
		},
	}
	f := cmd.Flags()
	f.StringVar(&opts.Scenario, "scenario", "good", "what happens: good, errors, latency, crash, outage, flag or hand")
	f.StringVar(&opts.Target, "target", ourEdge, "where the versions run: selfhost or vercel")
	f.BoolVar(&opts.GitHub, "github", false, "show the release at a simulated GitHub, where a job waits for it")
	f.BoolVar(&opts.AutoApprove, "auto-approve", false, "let the demo's people sign off and approve by themselves")
	f.BoolVar(&opts.Exit, "exit", false, "end when the release has ended; exit code 0 when it ended as it should")
	f.StringVar(&opts.Listen, "listen", "127.0.0.1:4400",
		"address of the dashboard; another port is taken when it is in use")
	f.StringVar(&logFile, "log", "", "write Slipway's own log to this file")
	f.Float64Var(&opts.Rate, "rate", 300, "requests a second of the visitors")
	return cmd
}

// scenarios lists the scenarios for the help text.
func scenarios() string {
	var b strings.Builder
	b.WriteString("Scenarios, and how each should end:\n")
	for _, s := range Scenarios() {
		fmt.Fprintf(&b, "  %-8s %-10s %s\n", s.Name, s.Outcome, s.Words)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// conclude prints how it ended. An ending that the scenario should not have is an
// error, so that a script notices.
func conclude(opts Options, s Summary) error {
	if opts.JSON {
		if err := json.NewEncoder(opts.Out).Encode(s); err != nil {
			return fmt.Errorf("print the summary: %w", err)
		}
	} else {
		_, _ = fmt.Fprintf(opts.Out, "\n%s after %.1f s at %g %% of visitors: %d requests, %d failed.\n",
			strings.ReplaceAll(s.Outcome, "_", " "),
			s.Seconds, s.Reached, s.Requests, s.Failed)
		if s.Reason != "" {
			_, _ = fmt.Fprintf(opts.Out, "Why: %s\n", s.Reason)
		}
	}
	if !opts.JSON {
		for _, h := range s.Held {
			_, _ = fmt.Fprintf(opts.Out, "Held %s\n", h)
		}
	}
	if !s.Expected(opts.Scenario) {
		return fault.New(fault.Refused, "outcome_unexpected", "The scenario %s should not have ended as %s.", opts.Scenario,
			s.Outcome)
	}
	return nil
}
