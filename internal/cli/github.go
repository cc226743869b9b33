package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
	"github.com/slipwayhq/slipway/internal/app"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/strategy"
)

func (c *cli) gitHub() *cobra.Command {
	cmd := &cobra.Command{
		Use: "github", Short: "See how releases are shown at GitHub, and keep the app's secrets", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.gitHubStatus(),
		c.gitHubSecret("key", "github_key", "the private key of the GitHub App", &cobra.Command{
			Use: "set [FILE]", Short: "Set it from the .pem file that GitHub made; - or none is standard input",
			Args:    cobra.MaximumNArgs(1),
			Example: "  slipway github key set slipway.private-key.pem",
			RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
				text, err := c.content(append(args, "-")[0])
				if err != nil {
					return err
				}
				if strings.TrimSpace(string(text)) == "" {
					return fault.New(fault.Invalid, "input_missing", "There is no key in it: give the .pem file that GitHub made.")
				}
				return c.printSecret(to.SetTargetSecret(cmd.Context(), "github_key", string(text)))
			}),
		}),
		c.gitHubSecret("webhook", "github_webhook", "what GitHub's deliveries are signed with", &cobra.Command{
			Use: "set", Short: "Set it: it is asked for, or read from standard input. The one before stays valid for a day",
			Args: cobra.NoArgs,
			RunE: c.with(func(cmd *cobra.Command, _ []string, to *client.Client) error {
				value, err := c.secret("Secret of the app's webhook")
				if err != nil {
					return err
				}
				return c.printSecret(to.SetTargetSecret(cmd.Context(), "github_webhook", value))
			}),
		}))
	return cmd
}

// gitHubSecret is the commands about one secret; set is the one that differs.
func (c *cli) gitHubSecret(use, name, what string, set *cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: "Keep " + what + ", sealed", Args: cobra.NoArgs,
		Long: "Keep " + what + ", sealed.\n\nIt is used from the next call on. Nothing ever shows it again.",
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(set, &cobra.Command{
		Use: "show", Short: "Say whether one is kept, since when and by whom", Args: cobra.NoArgs,
		RunE: c.with(func(cmd *cobra.Command, _ []string, to *client.Client) error {
			return c.printSecret(to.TargetSecret(cmd.Context(), name))
		}),
	}, &cobra.Command{
		Use: "forget", Short: "Forget it", Args: cobra.NoArgs,
		RunE: c.with(func(cmd *cobra.Command, _ []string, to *client.Client) error {
			return c.printSecret(to.ForgetTargetSecret(cmd.Context(), name))
		}),
	})
	return cmd
}

func (c *cli) gitHubStatus() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Ask GitHub what the app may do, and list the jobs that wait",
		Args: cobra.NoArgs,
		RunE: c.with(func(cmd *cobra.Command, _ []string, to *client.Client) error {
			done := c.busy("GitHub is asked")
			g, err := to.GitHub(cmd.Context())
			done()
			if err != nil {
				return err
			}
			return c.print(g, func() { c.showGitHub(g) })
		}),
	}
}

func (c *cli) showGitHub(g api.GitHubAccess) {
	connected := map[bool]string{true: "connected", false: "NOT connected"}[g.Connected]
	c.say("%s is %s, as the GitHub App %d", g.Repository, connected, g.App)
	if g.Installation != 0 {
		c.say(" (installation %d)", g.Installation)
	}
	c.say(". %s\n", g.Sentence)
	var shown []string
	if g.Check {
		shown = append(shown, "a check run")
	}
	if g.Deployments {
		shown = append(shown, "deployments")
	}
	if len(shown) > 0 {
		c.say("A release is shown as %s.\n", strings.Join(shown, " and "))
	}
	if len(g.Protection) > 0 {
		c.say("Jobs are answered that wait for %s.\n", strings.Join(g.Protection, ", "))
	}
	if g.Answered != nil {
		c.say("GitHub last answered at %s.\n", when(*g.Answered))
	}
	c.say("\n")
	c.showFindings(g.Findings)
	if len(g.Jobs) == 0 {
		return
	}
	c.say("\n")
	rows := make([][]string, 0, len(g.Jobs))
	for _, j := range g.Jobs {
		rows = append(rows, []string{fmt.Sprint(j.Run), j.Environment, short(j.Commit), when(j.Since), j.Why})
	}
	c.table("", []string{"RUN", "WAITS FOR", "COMMIT", "SINCE", "WHY"}, rows)
}

// short is the short name of a commit.
func short(commit string) string { return commit[:min(len(commit), 7)] }

func (c *cli) showFindings(list []api.GitHubFinding) {
	words := map[string]string{"ok": "ok", "missing": "MISSING", "unseen": "not seen"}
	rows := make([][]string, 0, len(list))
	for _, f := range list {
		rows = append(rows, []string{words[f.State], f.What, strings.TrimSpace(f.Found + " For: " + f.For + ".")})
	}
	c.table("Nothing was looked at.", []string{"STATE", "AT GITHUB", "FOUND"}, rows)
	todo := "\nTo do at GitHub:\n"
	for _, f := range list {
		if f.State != "ok" && f.Remedy != "" {
			c.say("%s  %s: %s\n", todo, f.What, f.Remedy)
			todo = ""
		}
	}
}

// checked is what `slipway check --target` found at GitHub; nil where the strategy names none.
type checked struct {
	App          int64               `json:"app"`
	Repository   string              `json:"repository"`
	Installation int64               `json:"installation,omitempty"`
	Missing      int                 `json:"missing"`
	Findings     []api.GitHubFinding `json:"findings"`

	err error
}

// checkGitHub looks at GitHub with the key of the environment. Where there is none and the person is logged in, the
// running Slipway looks, which may keep one.
func (c *cli) checkGitHub(ctx context.Context, file string) (*checked, error) {
	s, err := strategy.Load(file)
	if err != nil {
		return nil, err
	}
	g, ok := s.GitHub()
	if !ok {
		return nil, nil
	}
	if strings.TrimSpace(c.Env(g.KeyEnv)) == "" {
		if to, err := c.connect(); err == nil {
			if a, err := to.GitHub(ctx); err == nil {
				out := &checked{a.App, a.Repository, a.Installation, a.Missing, a.Findings, nil}
				if !a.Connected {
					out.err = fault.New(fault.Refused, "github_incomplete", "%d of %d things are missing at GitHub.", a.Missing,
						len(a.Findings))
				}
				return out, nil
			}
		}
	}
	r := app.LookAtGitHub(ctx, g, func(k string) (string, bool) { s := c.Env(k); return s, s != "" }, c.address())
	out := &checked{r.App, r.Repository, r.Installation, r.Missing, []api.GitHubFinding{}, r.Err()}
	for _, f := range r.Findings {
		out.Findings = append(out.Findings, api.GitHubFinding(f))
	}
	return out, nil
}
