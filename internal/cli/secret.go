package cli

import (
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
	"github.com/slipwayhq/slipway/internal/event"
)

func (c *cli) targetToken() *cobra.Command {
	token := &cobra.Command{
		Use: "token", Short: "Keep the token of the platform's API, sealed",
		Long: "Keep the token of the platform's API, sealed.\n\n" +
			"It is used where the environment variable that the strategy names (token_env) is empty, and from the next\n" +
			"call on: a token is changed while Slipway runs. Nothing ever shows it again.",
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	token.AddCommand(&cobra.Command{
		Use: "set", Short: "Set it: it is asked for, or read from standard input", Args: cobra.NoArgs,
		Example: "  slipway target token set < token.txt",
		RunE: c.with(func(cmd *cobra.Command, _ []string, to *client.Client) error {
			secret, err := c.secret("Token of the platform's API")
			if err != nil {
				return err
			}
			return c.printSecret(to.SetTargetToken(cmd.Context(), secret))
		}),
	}, &cobra.Command{
		Use: "show", Short: "Say whether one is kept, since when and by whom", Args: cobra.NoArgs,
		RunE: c.with(func(cmd *cobra.Command, _ []string, to *client.Client) error {
			return c.printSecret(to.TargetToken(cmd.Context()))
		}),
	}, &cobra.Command{
		Use: "forget", Short: "Forget it", Args: cobra.NoArgs,
		RunE: c.with(func(cmd *cobra.Command, _ []string, to *client.Client) error {
			return c.printSecret(to.ForgetTargetToken(cmd.Context()))
		}),
	})
	return token
}

func (c *cli) printSecret(s api.Secret, err error) error {
	if err != nil {
		return err
	}
	return c.print(s, func() {
		if !s.Set {
			c.say("No %s is kept. Set it with: slipway %s\n", s.Name, settingOf(s.Name))
			return
		}
		c.say("The %s is kept, sealed with the key %s: set by %s, %s.\n", s.Name, s.Key, event.Who(s.By), when(*s.Since))
	})
}

// settingOf is the command that keeps a secret, by the secret's name.
func settingOf(name string) string {
	if of, ok := strings.CutPrefix(name, "github/"); ok {
		return "github " + of + " set"
	}
	if of := strings.TrimPrefix(name, "target/"); of != "token" {
		return "target secret set " + of
	}
	return "target token set"
}

func (c *cli) vault() *cobra.Command {
	cmd := &cobra.Command{
		Use: "vault", Short: "Manage the keys that secrets are sealed with",
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.vaultList(), &cobra.Command{
		Use: "show", Short: "List the keys and how many secrets stand on each", Args: cobra.NoArgs,
		RunE: c.with(func(cmd *cobra.Command, _ []string, to *client.Client) error {
			v, err := to.Vault(cmd.Context())
			if err != nil {
				return err
			}
			return c.print(v, func() {
				rows := make([][]string, 0, len(v.Keys))
				for _, k := range v.Keys {
					state := "opens"
					switch {
					case k.Missing:
						state = "missing"
					case k.ID == v.Current:
						state = "seals"
					}
					rows = append(rows, []string{k.ID, state, strconv.FormatInt(k.Secrets, 10)})
				}
				c.table("Nothing is sealed yet.", []string{"KEY", "STATE", "SECRETS"}, rows)
				c.say("\n%s\n", v.Signing.Sentence)
			})
		}),
	}, &cobra.Command{
		Use: "rotate", Short: "Seal every secret again with a new key", Args: cobra.NoArgs,
		Long: "Seal every secret again with a new key.\n\n" +
			"Beside a SQLite database Slipway makes the new key itself and keeps the old ones in the file, for older\n" +
			"backups. Where keys are in SLIPWAY_VAULT_KEY, put the new one before the old one there (NEW,OLD), start every\n" +
			"node again, rotate, and take the old one out.",
		RunE: c.with(func(cmd *cobra.Command, _ []string, to *client.Client) error {
			r, err := to.RotateVault(cmd.Context())
			if err != nil {
				return err
			}
			return c.print(r, func() { c.say("%s\n", r.Sentence) })
		}),
	}, &cobra.Command{
		Use: "renew-signing-key", Short: "Make another key that votes are signed with", Args: cobra.NoArgs,
		Long: "Make another key that votes are signed with.\n\n" +
			"It signs at once, on every node; what the ones before signed stays genuine. It is also the way on when the\n" +
			"vault's key is lost: set another SLIPWAY_VAULT_KEY on every node first.",
		RunE: c.with(func(cmd *cobra.Command, _ []string, to *client.Client) error {
			k, err := to.RenewSigning(cmd.Context())
			if err != nil {
				return err
			}
			return c.print(k, func() {
				c.say("Another key signs votes from now on. %s Its public half is %s.\n", k.Sentence, k.Public[len(k.Public)-1])
			})
		}),
	})
	return cmd
}

func (c *cli) vaultList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List what is sealed: names, ages and uses, never values", Args: cobra.NoArgs,
		RunE: c.with(func(cmd *cobra.Command, _ []string, to *client.Client) error {
			list, err := to.Secrets(cmd.Context())
			if err != nil {
				return err
			}
			return c.print(list, func() {
				rows := make([][]string, 0, len(list))
				for _, s := range list {
					used := "not yet"
					if s.Used != nil {
						used = when(*s.Used)
					}
					rows = append(rows, []string{s.Name, when(*s.Since), event.Who(s.By), used, s.Key})
				}
				c.table("Nothing is sealed yet.", []string{"SECRET", "SET", "BY", "USED", "KEY"}, rows)
			})
		}),
	}
}

func (c *cli) targetSecret() *cobra.Command {
	secret := &cobra.Command{
		Use: "secret", Short: "Keep the other secrets of the platform, sealed",
		Long: "Keep the other secrets of the platform, sealed.\n\n" +
			"drain and webhook are what deliveries are signed with: the one before stays valid for a day. bypass opens\n" +
			"protected deployments, connection reads the Global Config (its connection string): both are used from the next\n" +
			"call on, where their environment variable is empty.",
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	names := cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs)
	valid := []string{"drain", "webhook", "bypass", "connection"}
	secret.AddCommand(&cobra.Command{
		Use: "set NAME", Short: "Set it: it is asked for, or read from standard input", Args: names, ValidArgs: valid,
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			value, err := c.secret("Secret (" + args[0] + ")")
			if err != nil {
				return err
			}
			return c.printSecret(to.SetTargetSecret(cmd.Context(), args[0], value))
		}),
	}, &cobra.Command{
		Use: "show NAME", Short: "Say whether one is kept, since when and by whom", Args: names, ValidArgs: valid,
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			return c.printSecret(to.TargetSecret(cmd.Context(), args[0]))
		}),
	}, &cobra.Command{
		Use: "forget NAME", Short: "Forget it", Args: names, ValidArgs: valid,
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			return c.printSecret(to.ForgetTargetSecret(cmd.Context(), args[0]))
		}),
	})
	return secret
}
