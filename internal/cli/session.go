package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
	"github.com/slipwayhq/slipway/internal/fault"
)

// credentials are what login keeps.
type credentials struct {
	URL   string `json:"url"`
	Token string `json:"token"`
	ID    string `json:"token_id"`
}

func (c *cli) credentialsPath() string {
	return filepath.Join(c.ConfigDir, "slipway", "credentials.json")
}

// load reads what login kept; nothing when there is nothing.
func (c *cli) load() (credentials, error) {
	var k credentials
	if c.ConfigDir == "" {
		return k, nil
	}
	raw, err := os.ReadFile(c.credentialsPath())
	if errors.Is(err, fs.ErrNotExist) {
		return k, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &k)
	}
	if err != nil {
		return k, fault.Wrap(err, fault.Invalid, "credentials_unreadable",
			"%s cannot be read: %v. Delete it and log in again.", c.credentialsPath(), err)
	}
	return k, nil
}

// keep writes credentials where only this user can read them.
func (c *cli) keep(k credentials) error {
	if c.ConfigDir == "" {
		return fault.New(fault.Unavailable, "no_config_dir", "There is no folder for settings: set HOME or XDG_CONFIG_HOME.")
	}
	path := c.credentialsPath()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make folder for credentials: %w", err)
	}
	raw, err := json.MarshalIndent(k, "", "  ")
	if err != nil {
		return fmt.Errorf("marshal credentials: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "credentials") // 0600
	if err != nil {
		return fmt.Errorf("write credentials: %w", err)
	}
	_, err = f.Write(append(raw, '\n'))
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write credentials: %w", errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}

// where returns the address and token to use: flags win over the environment, that
// over what login kept. A kept token goes to the address it was made for only.
func (c *cli) where() (address, token string, err error) {
	kept, err := c.load()
	if err != nil && c.token == "" && c.Env("SLIPWAY_TOKEN") == "" {
		return "", "", err
	}
	address = strings.TrimRight(cmp.Or(c.url, c.Env("SLIPWAY_URL"), kept.URL, DefaultURL), "/")
	token = cmp.Or(c.token, c.Env("SLIPWAY_TOKEN"))
	if token == "" && kept.URL == address {
		token = kept.Token
	}
	return address, token, nil
}

// connect returns a client for the Slipway that is meant.
func (c *cli) connect() (*client.Client, error) {
	address, token, err := c.where()
	if err != nil {
		return nil, err
	}
	if token == "" {
		return nil, fault.New(fault.Unknown, "not_signed_in",
			"You are not logged in to %s. Run `slipway login`, or set SLIPWAY_TOKEN to a token.", address)
	}
	return client.New(address, client.Options{Token: token, UserAgent: "slipway/" + cmp.Or(c.Version, "dev")})
}

// with connects and runs.
func (c *cli) with(run func(*cobra.Command, []string, *client.Client) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		to, err := c.connect()
		if err != nil {
			return err
		}
		return run(cmd, args, to)
	}
}

func (c *cli) login() *cobra.Command {
	var days int
	var name string
	cmd := &cobra.Command{
		Use: "login [USER]", Short: "Log in with a password and keep a token for the next commands",
		Args: cobra.MaximumNArgs(1),
		Long: "Log in with a password and keep a token for the next commands.\n\n" +
			"The password is asked for, or read from standard input. The token may do what you may;\n" +
			"it is kept in a file that only you can read. `slipway logout` revokes it.",
		RunE: func(cmd *cobra.Command, args []string) error {
			address, _, err := c.where()
			if err != nil {
				return err
			}
			to, err := client.New(address, client.Options{UserAgent: "slipway/" + cmp.Or(c.Version, "dev")})
			if err != nil {
				return err
			}
			user := ""
			if len(args) == 1 {
				user = args[0]
			} else {
				if user, err = c.name(); err != nil {
					return err
				}
			}
			password, err := c.secret("Password")
			if err != nil {
				return err
			}
			host, herr := os.Hostname()
			if herr != nil {
				host = "unknown-host"
			}
			label := cmp.Or(name, "cli-"+strings.ToLower(host)+"-"+time.Now().UTC().Format("20060102-150405"))
			tok, err := to.Login(cmd.Context(), api.Login{Name: user, Password: password},
				api.NewToken{Name: label[:min(len(label), 64)], Days: days})
			if err != nil {
				return err
			}
			if err := c.keep(credentials{URL: address, Token: tok.Secret, ID: tok.ID}); err != nil {
				return err
			}
			tok.Secret = "" // kept, not shown
			return c.print(tok, func() {
				c.say("Logged in to %s as %s until %s. The token is in %s.\n", address, user, whenPtr(tok.Expires),
					c.credentialsPath())
			})
		},
	}
	cmd.Flags().IntVar(&days, "days", 30, "how long the token lasts")
	cmd.Flags().StringVar(&name, "name", "", "name of the token (default: this machine's)")
	return cmd
}

// name asks who logs in.
func (c *cli) name() (string, error) {
	if c.Interactive {
		say(c.Err, "User: ")
	}
	user, err := c.line()
	if err == nil && user == "" {
		err = nothingGiven("User")
	}
	return user, err
}

func (c *cli) logout() *cobra.Command {
	return &cobra.Command{
		Use: "logout", Short: "Revoke the kept token and forget it", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			kept, err := c.load()
			if err != nil {
				return err
			}
			out := map[string]any{"url": kept.URL, "forgotten": kept.Token != "", "revoked": false}
			if kept.Token == "" {
				return c.print(out, func() { c.say("You are not logged in.\n") })
			}
			to, err := client.New(kept.URL, client.Options{Token: kept.Token, Tries: 1})
			if err == nil {
				_, err = to.RevokeToken(cmd.Context(), kept.ID)
			}
			if rerr := os.Remove(c.credentialsPath()); rerr != nil {
				return fmt.Errorf("forget credentials: %w", rerr)
			}
			if p, ok := errors.AsType[*client.Problem](err); ok && p.Kind != "unknown" {
				say(c.Err, "The token is forgotten here but could not be revoked: %s\n", p.Message)
				return c.printJSON(out)
			}
			out["revoked"] = true
			return c.print(out, func() { c.say("Logged out of %s.\n", kept.URL) })
		},
	}
}
