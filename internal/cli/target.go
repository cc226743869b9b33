package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
	"github.com/slipwayhq/slipway/internal/app"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/provider/vercel/setup"
	"github.com/slipwayhq/slipway/internal/strategy"
	"github.com/slipwayhq/slipway/internal/vercel"
)

func (c *cli) target() *cobra.Command {
	cmd := &cobra.Command{
		Use: "target", Short: "Connect with the platform of the application, and see what it serves",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.targetStatus(), c.targetConnect(), c.targetDisconnect(), c.targetToken(), c.targetSecret())
	return cmd
}

// onVercel reads what the strategy says of Vercel, and what it needs there.
func (c *cli) onVercel(file string) (setup.Options, error) {
	s, err := strategy.Load(file)
	if err != nil {
		return setup.Options{}, err
	}
	v, ok := s.Vercel()
	if !ok {
		return setup.Options{}, fault.New(fault.Refused, "target_own",
			"%s names no platform: visitors come through Slipway's own edge, and nothing is to be connected.", file)
	}
	o := setup.Options{
		Client: app.VercelClient(v, func(k string) (string, bool) { s := c.Env(k); return s, s != "" }, nil, nil),
		API:    v.API, Project: v.Project, Team: v.Team, Mode: v.Canary, Config: v.Config, Domain: v.Domain,
		Slipway: c.address(),
		Names: setup.Names{Token: v.TokenEnv, Read: v.ConfigEnv, Bypass: v.BypassEnv, Drain: v.DrainEnv,
			Webhook: v.WebhookEnv},
		Secret: c.Env, Drains: s.Measured() == metric.Drain, Traces: s.Drain().Traces,
		HTTP: &http.Client{Timeout: 15 * time.Second}, Now: time.Now, Flags: len(v.SyncFlags) > 0,
	}
	for _, step := range s.ReleasePlan().Steps {
		o.Drains = o.Drains || step.Rules.Source == metric.Drain
		for _, m := range step.Rules.Metrics {
			o.Vitals = o.Vitals || m.Worst
		}
	}
	for _, x := range s.Drain().Sampling {
		o.Sampling = append(o.Sampling, vercel.Sampling{Type: "head_sampling", Rate: x.Rate, Env: x.Environment,
			Path: x.Path})
	}
	return o, nil
}

// address is Slipway's, where the person gave one.
func (c *cli) address() string { return strings.TrimRight(cmp.Or(c.url, c.Env("SLIPWAY_URL")), "/") }

// checkTarget is `slipway check --target`.
func (c *cli) checkTarget(cmd *cobra.Command, file string, live, sure bool) error {
	code, err := c.checkGitHub(cmd.Context(), file)
	if err != nil {
		return err
	}
	o, err := c.onVercel(file)
	if fault.ReasonOf(err) == "target_own" && code != nil && !live {
		if err := c.print(map[string]any{"github": code}, func() { c.showFindings(code.Findings) }); err != nil {
			return err
		}
		return code.err
	}
	if err != nil {
		return err
	}
	if live {
		return c.checkLive(cmd.Context(), o, sure)
	}
	c.keeps(cmd.Context(), &o)
	done := c.busy("Vercel is asked")
	r := setup.Look(cmd.Context(), o)
	done()
	both := struct {
		setup.Report
		GitHub *checked `json:"github,omitempty"`
	}{r, code}
	if err := c.print(both, func() {
		c.showTarget(r)
		if code != nil {
			c.say("\n")
			c.showFindings(code.Findings)
		}
	}); err != nil || r.Err() != nil || code == nil {
		return errors.Join(err, r.Err())
	}
	return code.err
}

func (c *cli) showTarget(r setup.Report) {
	words := map[setup.State]string{setup.OK: "ok", setup.Missing: "MISSING", setup.NotNeeded: "not needed",
		setup.Unseen: "not seen"}
	rows := make([][]string, 0, len(r.Findings))
	for _, f := range r.Findings {
		rows = append(rows, []string{words[f.State], f.What, strings.TrimSpace(f.Found + " For: " + f.For + ".")})
	}
	c.table("Nothing was looked at.", []string{"STATE", "WHAT", "FOUND"}, rows)
	if r.Missing == 0 {
		c.say("\nNothing is missing on Vercel for %s.\n", r.Project)
		return
	}
	c.say("\nTo do:\n")
	for _, f := range r.Findings {
		if f.State == setup.Missing {
			c.say("  %s: %s\n", f.What, f.Remedy)
		}
	}
}

// keeps lets the running Slipway keep what deliveries are signed with, where the person is logged in and may that.
func (c *cli) keeps(ctx context.Context, o *setup.Options) {
	to, err := c.connect()
	if err != nil {
		return
	}
	kept := map[string]bool{}
	for _, which := range []string{"drain", "webhook"} {
		s, err := to.TargetSecret(ctx, which)
		if err != nil {
			return
		}
		kept[which] = s.Set
	}
	o.Kept = func(which string) bool { return kept[which] }
	o.Keep = func(ctx context.Context, which, secret string) error {
		_, err := to.SetTargetSecret(ctx, which, secret)
		return err
	}
}

// targetFlags are what all commands that speak with Vercel know.
type targetFlags struct {
	file, envFile string
	sure, plan    bool
	rotate        bool
}

func (f *targetFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.file, "strategy", strategyFile, "strategy file")
	cmd.Flags().BoolVar(&f.sure, "yes", false, "do it without asking")
	cmd.Flags().BoolVar(&f.plan, "plan", false, "show what would be done, and do nothing")
}

func (c *cli) targetConnect() *cobra.Command {
	var f targetFlags
	cmd := &cobra.Command{
		Use: "connect", Short: "Have Vercel deliver to Slipway, and ask it before it promotes", Args: cobra.NoArgs,
		Long: "Makes on Vercel what Slipway needs there, as far as it is missing: a webhook, drains of logs (and of\n" +
			"traces and Speed Insights where the strategy goes by them), and a check that blocks promotion. What\n" +
			"there is stays. It shows what it will do, and asks.\n\n" +
			"Vercel must reach --url from the internet. The token is read from the variable that the strategy names\n" +
			"(VERCEL_TOKEN). Where you are logged in to Slipway and may manage tokens, it keeps the secrets that\n" +
			"deliveries are signed with, sealed, and nobody sees them. Else they are printed, or written to --env-file, and\n" +
			"Slipway must be started with them: some are told only once.\n\n" +
			"--rotate changes the secrets. Slipway takes the ones before for another day. Where it does not keep them,\n" +
			"that takes two runs: after the first, start Slipway with both, as printed.",
		Example: "  slipway target connect --url https://slipway.example.com --plan\n" +
			"  slipway target connect --url https://slipway.example.com --env-file slipway.env",
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := c.onVercel(f.file)
			if err != nil {
				return err
			}
			if f.envFile == "" {
				c.keeps(cmd.Context(), &o)
			}
			done := c.busy("Vercel is asked")
			p, err := setup.Connect(cmd.Context(), o, f.rotate)
			done()
			if err != nil {
				return err
			}
			return c.carryOut(cmd.Context(), p, f)
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&f.envFile, "env-file", "", "file that the secrets are added to, readable by you only")
	cmd.Flags().BoolVar(&f.rotate, "rotate", false, "change the secrets that deliveries are signed with")
	return cmd
}

func (c *cli) targetDisconnect() *cobra.Command {
	var f targetFlags
	cmd := &cobra.Command{
		Use: "disconnect", Short: "Take away what connect has made on Vercel", Args: cobra.NoArgs,
		Long: "Deletes Slipway's check, drains and webhook of this project on Vercel: only what delivers to --url, or\n" +
			"to any Slipway where that is not given. Slipway then no longer hears of Vercel, and Vercel no longer waits\n" +
			"for it before it promotes.",
		Example: "  slipway target disconnect --url https://slipway.example.com",
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := c.onVercel(f.file)
			if err != nil {
				return err
			}
			done := c.busy("Vercel is asked")
			p, err := setup.Disconnect(cmd.Context(), o)
			done()
			if err != nil {
				return err
			}
			return c.carryOut(cmd.Context(), p, f)
		},
	}
	f.add(cmd)
	return cmd
}

// carried is what a plan came to, for programs.
type carried struct {
	*setup.Plan
	Done    int            `json:"done"`
	Secrets []setup.Secret `json:"secrets,omitempty"`
}

// carryOut shows a plan, asks, and carries it out. Secrets are handed over whatever happens.
func (c *cli) carryOut(ctx context.Context, p *setup.Plan, f targetFlags) error {
	for _, s := range p.Steps {
		c.people("  %-6s %s%s\n", s.Do, s.What, strings.TrimRight(". "+s.Why, " "))
	}
	if p.Changes() == 0 {
		c.people("Nothing is to be changed on Vercel.\n")
	}
	if f.plan {
		return c.printJSON(carried{Plan: p})
	}
	if p.Changes() > 0 {
		if err := c.confirm(f.sure, fmt.Sprintf("Change this on Vercel, in %s?", p.Project)); err != nil {
			return err
		}
	}
	out := carried{Plan: p}
	err := p.Make(ctx, func(s setup.Step) {
		out.Done++
		c.people("%s: %s %s\n", map[string]string{"make": "made", "drop": "dropped", "change": "changed"}[s.Do], s.What, s.ID)
	})
	out.Secrets = p.Secrets()
	if f.envFile != "" && len(out.Secrets) > 0 {
		if kept := keepSecrets(f.envFile, out.Secrets); kept != nil {
			err = errors.Join(kept, err) // then they are shown all the same: some are never told again
		} else {
			c.people("The secrets are in %s: start Slipway with them.\n", f.envFile)
			out.Secrets = nil
		}
	}
	if len(out.Secrets) > 0 {
		c.people("\nStart Slipway with these; they are not told again:\n")
		for _, s := range out.Secrets {
			c.people("  %s=%s\n", s.Name, s.Value)
		}
	}
	return errors.Join(err, c.printJSON(out))
}

// people prints for people, and nothing where a program reads.
func (c *cli) people(format string, args ...any) {
	if !c.json {
		c.say(format, args...)
	}
}

// printJSON prints for programs, and nothing for people.
func (c *cli) printJSON(v any) error { return c.print(v, func() {}) }

// checkLive is `slipway check --target --live`.
func (c *cli) checkLive(ctx context.Context, o setup.Options, sure bool) error {
	l := setup.LiveOptions{Options: o, Sure: func(what string) bool {
		return c.confirm(sure, what+"?") == nil
	}}
	if to, err := c.connect(); err == nil {
		l.Signed = func(ctx context.Context) (string, error) {
			s, err := to.Status(ctx)
			if err != nil {
				return "", err
			}
			for _, x := range s.Sources {
				if x.Signed != "" {
					return x.Signed, nil
				}
			}
			return "", nil
		}
	}
	points, err := setup.Live(ctx, l)
	if err != nil {
		return err
	}
	err = c.print(map[string]any{"points": points}, func() {
		rows := make([][]string, 0, len(points))
		for _, p := range points {
			words := map[setup.Seen]string{setup.Holds: "holds", setup.Differs: "DIFFERS", setup.NotSeen: "not seen"}
			rows = append(rows, []string{words[p.State], p.Taken, strings.TrimSpace(p.Found + " " + p.Then)})
		}
		c.table("", []string{"STATE", "WHAT IS TAKEN FOR GRANTED", "FOUND"}, rows)
	})
	return errors.Join(err, setup.Differ(points))
}

// keepSecrets writes secrets into a file of NAME=value lines, in the place of the lines that it has for them.
func keepSecrets(file string, secrets []setup.Secret) error {
	old, err := os.ReadFile(file) //nolint:gosec // the person names it
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fault.Wrap(err, fault.Invalid, "file_not_read", "%s cannot be read: %v.", file, err)
	}
	var lines []string
	for line := range strings.Lines(string(old)) {
		name, _, _ := strings.Cut(line, "=")
		keep := true
		for _, s := range secrets {
			keep = keep && strings.TrimSpace(name) != s.Name
		}
		if keep {
			lines = append(lines, strings.TrimRight(line, "\n"))
		}
	}
	for _, s := range secrets {
		lines = append(lines, s.Name+"="+s.Value)
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600) //nolint:gosec // likewise
	if err == nil {
		_, err = f.WriteString(strings.Join(lines, "\n") + "\n")
		err = errors.Join(err, f.Chmod(0o600), f.Close())
	}
	if err != nil {
		return fault.Wrap(err, fault.Invalid, "file_not_written", "%s cannot be written: %v.", file, err)
	}
	return nil
}

func (c *cli) targetStatus() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Show what the platform serves now, and whether it delivers", Args: cobra.NoArgs,
		RunE: c.with(func(cmd *cobra.Command, _ []string, to *client.Client) error {
			s, err := to.Status(cmd.Context())
			if err != nil {
				return err
			}
			if s.Target == nil {
				return fault.New(fault.NotFound, "target_own",
					"Visitors come through Slipway's own edge: there is no platform. What runs where: slipway status.")
			}
			t := s.Target
			return c.print(map[string]any{"target": t, "sources": s.Sources}, func() {
				c.say("%s on Vercel. %s\n\n", t.Project, t.Sentence)
				if t.Trouble {
					c.showTrouble(*t)
				}
				rows := [][]string{{"everybody", t.Stable.Version, t.Stable.ID}}
				if t.Canary != nil {
					rows[0][0] = "everybody else"
					rows = append(rows, []string{fmt.Sprintf("%g %%", t.Share), t.Canary.Version, t.Canary.ID})
				}
				c.table("", []string{"VISITORS", "VERSION", "DEPLOYMENT"}, rows)
				if t.Pinned {
					c.say("Production is pinned: new builds do not reach it by themselves.\n")
				}
				for _, x := range s.Sources {
					c.say("Source %s: %s\n", x.Kind, x.Sentence)
				}
			})
		}),
	}
}

// showTrouble says since when something is wrong with the platform, what it was last seen to serve, and what to do.
func (c *cli) showTrouble(t api.Target) {
	named := func(a api.TargetArm) string {
		if a.Version == "" {
			return a.ID
		}
		return a.Version + " (" + a.ID + ")"
	}
	if t.Since != nil {
		c.say("  Since %s.\n", when(*t.Since))
	}
	if t.Seen != nil && t.Stable.ID != "" {
		served := named(t.Stable) + " to everybody"
		if t.Canary != nil {
			served = fmt.Sprintf("%s to %g %% of the visitors, %s to the rest", named(*t.Canary), t.Share, named(t.Stable))
		}
		c.say("  At %s Vercel served %s.\n", when(*t.Seen), served)
	}
	if t.Remedy != "" {
		c.say("  %s\n", t.Remedy)
	}
}
