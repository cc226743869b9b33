package cli

import (
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
	"github.com/slipwayhq/slipway/internal/fault"
)

func (c *cli) user() *cobra.Command {
	cmd := &cobra.Command{
		Use: "user", Short: "Manage people and their roles",
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.userList(), c.userCreate(), c.userChange(), c.userPassword())
	return cmd
}

func (c *cli) userList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List people", Args: cobra.NoArgs,
		RunE: c.with(func(cmd *cobra.Command, _ []string, to *client.Client) error {
			all, err := to.Users(cmd.Context())
			if err != nil {
				return err
			}
			return c.print(all, func() {
				rows := make([][]string, 0, len(all))
				for _, u := range all {
					state := "active"
					if u.Disabled {
						state = "disabled"
					}
					rows = append(rows, []string{u.Name, u.Title, strings.Join(u.Roles, ", "), state, whenPtr(u.LastSeen), u.ID})
				}
				c.table("There is nobody.", []string{"NAME", "TITLE", "ROLES", "STATE", "LAST SEEN", "ID"}, rows)
			})
		}),
	}
}

func (c *cli) userCreate() *cobra.Command {
	var in api.NewUser
	cmd := &cobra.Command{
		Use: "create NAME --role ROLE", Short: "Make a user", Args: cobra.ExactArgs(1),
		Long: "Make a user.\n\nThe password is asked for, or read from standard input.",
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			in.Name = args[0]
			var err error
			if in.Password, err = c.newPassword(); err != nil {
				return err
			}
			u, err := to.CreateUser(cmd.Context(), in)
			if err != nil {
				return err
			}
			return c.print(u, func() {
				c.say("%s can log in now, as %s.\n", u.Name, strings.Join(append([]string{}, u.Roles...), ", "))
			})
		}),
	}
	in.Roles = []string{}
	cmd.Flags().StringSliceVar(&in.Roles, "role", []string{}, "role of the user; may be repeated")
	cmd.Flags().StringVar(&in.Title, "title", "", "name as shown")
	return cmd
}

func (c *cli) userChange() *cobra.Command {
	var title string
	var roles []string
	var disable, enable bool
	cmd := &cobra.Command{
		Use: "change NAME", Short: "Change a user's name as shown or roles, or disable them", Args: cobra.ExactArgs(1),
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			var in api.ChangeUser
			if cmd.Flags().Changed("title") {
				in.Title = &title
			}
			if cmd.Flags().Changed("role") {
				in.Roles = &roles
			}
			if disable || enable {
				in.Disabled = &disable
			}
			if in == (api.ChangeUser{}) {
				return fault.New(fault.Invalid, "nothing_to_change", "Say what to change: --title, --role, --disable or --enable.")
			}
			u, err := to.ChangeUser(cmd.Context(), args[0], in)
			if err != nil {
				return err
			}
			return c.print(u, func() { c.say("%s is changed.\n", u.Name) })
		}),
	}
	f := cmd.Flags()
	f.StringVar(&title, "title", "", "name as shown")
	f.StringSliceVar(&roles, "role", []string{}, "all roles of the user from now on; may be repeated")
	f.BoolVar(&disable, "disable", false, "nobody can log in as this user any more, and their tokens stop")
	f.BoolVar(&enable, "enable", false, "the user can log in again")
	cmd.MarkFlagsMutuallyExclusive("disable", "enable")
	return cmd
}

func (c *cli) userPassword() *cobra.Command {
	return &cobra.Command{
		Use: "password NAME", Short: "Give a user a new password; ends their sessions", Args: cobra.ExactArgs(1),
		Long: "Give a user a new password; ends their sessions.\n\nThe password is asked for, or read from standard " +
			"input. Your own you change in the dashboard.",
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			password, err := c.newPassword()
			if err != nil {
				return err
			}
			u, err := to.ChangeUser(cmd.Context(), args[0], api.ChangeUser{Password: &password})
			if err != nil {
				return err
			}
			return c.print(u, func() { c.say("%s has a new password.\n", u.Name) })
		}),
	}
}

func (c *cli) tokens() *cobra.Command {
	cmd := &cobra.Command{
		Use: "token", Short: "Manage credentials of machines, such as a CI's",
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.tokenCreate(), c.tokenList(), &cobra.Command{
		Use: "revoke TOKEN", Short: "Revoke a token, by its id: at once and for good", Args: cobra.ExactArgs(1),
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			t, err := to.RevokeToken(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return c.print(t, func() { c.say("The token %s of %s is revoked.\n", t.Name, t.Owner) })
		}),
	})
	return cmd
}

func (c *cli) tokenCreate() *cobra.Command {
	var in api.NewToken
	var file string
	cmd := &cobra.Command{
		Use: "create NAME --scope PERMISSION", Short: "Make a token and show it, this once", Args: cobra.ExactArgs(1),
		Example: "  slipway token create ci --scope check:report --scope release:start@staging --days 90",
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			in.Name = args[0]
			t, err := to.CreateToken(cmd.Context(), in)
			if err != nil {
				return err
			}
			if file != "" {
				if err := os.WriteFile(file, []byte(t.Secret+"\n"), 0o600); err != nil {
					return fault.Wrap(err, fault.Invalid, "file_not_written", "%s cannot be written: %v.", file, err)
				}
				t.Secret = ""
			}
			return c.print(t, func() {
				if file != "" {
					c.say("The token %s is in %s. It lasts until %s.\n", t.Name, file, whenPtr(t.Expires))
					return
				}
				c.say("%s\n", t.Secret)
				say(c.Err, "This is the only time that it is shown. It may %s until %s.\n", strings.Join(t.Scopes, ", "),
					whenPtr(t.Expires))
			})
		}),
	}
	cmd.Flags().StringSliceVar(&in.Scopes, "scope", nil, "permission, everywhere or @environment; may be repeated")
	cmd.Flags().IntVar(&in.Days, "days", 0, "how long it lasts (default 90)")
	cmd.Flags().StringVar(&file, "file", "", "write it there, readable by you only, instead of showing it")
	_ = cmd.MarkFlagRequired("scope")
	return cmd
}

func (c *cli) tokenList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List tokens", Args: cobra.NoArgs,
		RunE: c.with(func(cmd *cobra.Command, _ []string, to *client.Client) error {
			all, err := to.Tokens(cmd.Context())
			if err != nil {
				return err
			}
			return c.print(all, func() {
				rows := make([][]string, 0, len(all))
				for _, t := range all {
					state := "valid until " + whenPtr(t.Expires)
					if t.Revoked != nil {
						state = "revoked " + when(*t.Revoked)
					}
					rows = append(rows, []string{t.ID, t.Name, t.Owner, state, whenPtr(t.LastUsed), strings.Join(t.Scopes, ", ")})
				}
				c.table("There is no token. Make one: slipway token create ci --scope check:report",
					[]string{"ID", "NAME", "OWNER", "STATE", "LAST USED", "SCOPES"}, rows)
			})
		}),
	}
}
