package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/fault"
)

func (c *cli) flagKey() *cobra.Command {
	cmd := &cobra.Command{
		Use: "flag-key", Short: "Manage the keys with which programs evaluate flags",
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.flagKeyList(), c.flagKeyCreate(), c.flagKeyRevoke())
	return cmd
}

func (c *cli) flagKeyList() *cobra.Command {
	var environment string
	cmd := &cobra.Command{
		Use: "list", Short: "List keys, without their secrets", Args: cobra.NoArgs,
		RunE: c.with(func(cmd *cobra.Command, _ []string, to *client.Client) error {
			list, err := to.FlagKeys(cmd.Context(), environment)
			if err != nil {
				return err
			}
			return c.print(list, func() {
				rows := make([][]string, 0, len(list))
				for _, k := range list {
					state := "holds"
					if k.Revoked != nil {
						state = "revoked " + when(*k.Revoked)
					}
					rows = append(rows, []string{k.ID, k.Name, k.Kind, k.Environment, state, when(k.Created), event.Who(k.CreatedBy),
						strings.Join(k.Origins, " ")})
				}
				c.table("There is no key. Make one: slipway flag-key create NAME --kind server -e ENVIRONMENT",
					[]string{"ID", "NAME", "KIND", "WHERE", "STATE", "MADE", "BY", "PAGES"}, rows)
			})
		}),
	}
	environmentFlag(cmd, &environment, "only of this one (default: all)")
	return cmd
}

func (c *cli) flagKeyCreate() *cobra.Command {
	var in api.CreateFlagKey
	cmd := &cobra.Command{
		Use: "create NAME -e ENVIRONMENT", Short: "Make a key for programs of one environment; its secret is shown once",
		Long: "Make a key for programs of one environment; its secret is shown once.\n\n" +
			"A server key may fetch rules and segments and evaluate by itself. A public key, as in a browser, may only\n" +
			"evaluate the flags that public keys may, and never sees rules.",
		Example: "  slipway flag-key create shop -e production\n" +
			"  slipway flag-key create pages -e production --kind public --origin https://shop.example.com",
		Args: cobra.ExactArgs(1),
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			where, err := c.changes(cmd, to, in.Environment)
			if err != nil {
				return err
			}
			in.Name, in.Environment = args[0], where
			k, err := to.CreateFlagKey(cmd.Context(), in)
			if err != nil {
				return err
			}
			return c.print(k, func() {
				c.say("%s\n", k.Secret)
				say(c.Err, "This %s key for %s is shown once. Revoke it with: slipway flag-key revoke %s\n", k.Kind,
					k.Environment, k.ID)
			})
		}),
	}
	environmentFlag(cmd, &in.Environment, "whose flags it evaluates")
	cmd.Flags().StringVar(&in.Kind, "kind", "server", "server or public")
	cmd.Flags().StringSliceVar(&in.Origins, "origin", nil,
		"pages that may use a public key; may be repeated (default: any)")
	return cmd
}

func (c *cli) flagKeyRevoke() *cobra.Command {
	return &cobra.Command{
		Use: "revoke ID", Short: "End a key at once", Args: cobra.ExactArgs(1),
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			k, err := to.RevokeFlagKey(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return c.print(k, func() { c.say("The key %s of %s is revoked.\n", k.Name, k.Environment) })
		}),
	}
}

// missing reports whether there is no such thing.
func missing(err error) bool {
	p, ok := errors.AsType[*client.Problem](err)
	return ok && p.Kind == "not_found"
}

// content reads a file; - is standard input.
func (c *cli) content(file string) ([]byte, error) {
	const most = 256 << 20
	var raw []byte
	var err error
	if file == "-" {
		raw, err = io.ReadAll(io.LimitReader(c.In, most))
	} else {
		raw, err = os.ReadFile(file) //nolint:gosec // the user names it
	}
	if err != nil {
		why := err
		if p, ok := errors.AsType[*fs.PathError](err); ok {
			why = p.Err // which says the name again
		}
		return nil, fault.Wrap(err, fault.Invalid, "file_unreadable", "%s can't be read: %v.", file, why)
	}
	if len(raw) == most {
		return nil, fault.New(fault.Invalid, "file_too_large", "%s has more than %s.", file, fmt.Sprint(most>>20, " MiB"))
	}
	return raw, nil
}
