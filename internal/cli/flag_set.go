package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/flag/code"
)

const setHelp = `Change what a flag is, and what it does in an environment; what is not named stays.

A rule is one line: conditions joined by and, an arrow, and what is served. The first rule whose conditions all
hold decides. The rules that are given replace all that are there. A condition is ATTRIBUTE OPERATOR VALUES with
values divided by commas, or segment KEY; not in front turns it around. Operators:
equals (=), starts_with, ends_with, contains, less (<), at_most (<=), more (>), at_least (>=), version, before,
after, missing.`

// settings are the flags of `flag set`.
type settings struct {
	environment, reason         string
	revision                    int64
	description, owner, expires string
	tags, variants              []string
	client, permanent           bool
	bucketing                   int
	off, serve, by, salt        string
	rules, needs                []string
	noRules, noNeeds, fallback  bool
}

func (c *cli) flagSet() *cobra.Command {
	var s settings
	cmd := &cobra.Command{
		Use: "set KEY", Short: "Change what a flag is, and whom it serves what in an environment", Long: setHelp,
		Example: "  slipway flag set checkout --owner core --expires 2027-01-31\n" +
			"  slipway flag set checkout -e staging --rule \"plan equals pro and not segment staff -> on\" --default off\n" +
			"  slipway flag set checkout -e staging --default on:25,off:75 --by company",
		Args: cobra.ExactArgs(1), ValidArgsFunction: c.completeFlags,
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			return c.set(cmd, args[0], to, s)
		}),
	}
	f := cmd.Flags()
	environmentFlag(cmd, &s.environment, "where; needed for all that follows --off")
	f.StringVar(&s.description, "description", "", "what it is about")
	f.StringVar(&s.owner, "owner", "", "a role or a person: who decides how it is rolled out")
	f.StringSliceVar(&s.tags, "tag", nil, "all its tags; may be repeated")
	f.StringVar(&s.expires, "expires", "", "YYYY-MM-DD, after which its code should be gone")
	f.BoolVar(&s.client, "client", false, "public keys, as in a browser, may evaluate it")
	f.BoolVar(&s.permanent, "permanent", false, "it is never stale")
	f.IntVar(&s.bucketing, "bucketing", 0, "2 or 3; changing it assigns everybody anew")
	f.StringArrayVar(&s.variants, "variant", nil, "NAME=JSON: all its variants; may be repeated")
	f.StringVar(&s.off, "off", "", "variant that is served while it is off")
	f.BoolVar(&s.fallback, "off-fallback", false, "while it is off, programs use their own fallback")
	f.StringVar(&s.serve, "default", "", "for whom no rule serves: a variant, or shares as on:25,off:75")
	f.StringVar(&s.by, "by", "", "attribute that shares are drawn by (default: targetingKey)")
	f.StringVar(&s.salt, "salt", "", "of the shares; the same salt draws the same users (default: the flag's key)")
	f.StringArrayVar(&s.rules, "rule", nil, "all its rules, in their order; may be repeated")
	f.BoolVar(&s.noRules, "no-rules", false, "take all rules out")
	f.StringSliceVar(&s.needs, "needs", nil, "FLAG=VARIANT that must be served; all of them; may be repeated")
	f.BoolVar(&s.noNeeds, "no-needs", false, "it needs no other flag")
	f.StringVar(&s.reason, "reason", "", "why")
	f.Int64Var(&s.revision, "revision", 0, "refuse when it is at another revision there")
	cmd.MarkFlagsMutuallyExclusive("rule", "no-rules")
	cmd.MarkFlagsMutuallyExclusive("needs", "no-needs")
	cmd.MarkFlagsMutuallyExclusive("off", "off-fallback")
	return cmd
}

// isSet reports whether one of the named flags was given.
func isSet(cmd *cobra.Command, names ...string) bool {
	for _, n := range names {
		if cmd.Flags().Changed(n) {
			return true
		}
	}
	return false
}

// set changes the flag itself, then its configuration, and says what it did.
func (c *cli) set(cmd *cobra.Command, key string, to *client.Client, s settings) error {
	itself := isSet(cmd, "description", "owner", "tag", "expires", "client", "permanent", "bucketing", "variant")
	there := isSet(cmd, "off", "off-fallback", "default", "by", "salt", "rule", "no-rules", "needs", "no-needs")
	if !itself && !there {
		return usage(cmd, fmt.Errorf("nothing to change is named"))
	}
	where := ""
	if there {
		var err error
		if where, err = c.changes(cmd, to, s.environment); err != nil {
			return err
		}
	}
	if itself {
		in, err := s.itself(cmd)
		if err != nil {
			return err
		}
		f, err := to.ChangeFlag(cmd.Context(), key, in)
		if err != nil {
			return err
		}
		if !there {
			return c.print(f, func() { c.showFlag(f) })
		}
	}
	now, err := to.FlagConfig(cmd.Context(), key, where)
	if err != nil {
		return err
	}
	next, err := s.config(cmd, now)
	if err != nil {
		return err
	}
	next.Reason, next.Revision = s.reason, cmp.Or(s.revision, now.Revision)
	out, err := to.PutFlagConfig(cmd.Context(), key, where, next)
	if err != nil {
		return err
	}
	return c.print(out, func() { c.showChange(out) })
}

// itself is the change of the flag.
func (s settings) itself(cmd *cobra.Command) (api.ChangeFlag, error) {
	in := api.ChangeFlag{Bucketing: s.bucketing}
	if isSet(cmd, "description") {
		in.Description = &s.description
	}
	if isSet(cmd, "owner") {
		in.Owner = &s.owner
	}
	if isSet(cmd, "tag") {
		in.Tags = append([]string{}, s.tags...)
	}
	if isSet(cmd, "client") {
		in.Client = &s.client
	}
	if isSet(cmd, "permanent") {
		in.Permanent = &s.permanent
	}
	var err error
	if in.Expires, err = day(s.expires); err != nil {
		return in, err
	}
	in.Variants, err = variantsOf(s.variants)
	return in, err
}

// config is what the flag does there after the change.
func (s settings) config(cmd *cobra.Command, now api.FlagConfig) (api.PutFlagConfig, error) {
	next := api.PutFlagConfig{On: now.On, Off: now.Off, Needs: now.Needs, Rules: now.Rules, Default: now.Default,
		Targeting: now.Targeting}
	if isSet(cmd, "off", "off-fallback") {
		next.Off = s.off
	}
	if isSet(cmd, "default") {
		serve, err := code.ParseServe(s.serve)
		if err != nil {
			return next, err
		}
		next.Default, next.Targeting = converted[api.FlagServe](serve), nil
		next.Default.By, next.Default.Salt = now.Default.By, now.Default.Salt
		if len(next.Default.Split) == 0 {
			next.Default.By, next.Default.Salt = "", ""
		}
	}
	if isSet(cmd, "by") {
		next.Default.By = s.by
	}
	if isSet(cmd, "salt") {
		next.Default.Salt = s.salt
	}
	if isSet(cmd, "rule", "no-rules") {
		next.Rules, next.Targeting = nil, nil
	}
	for _, text := range s.rules {
		r, err := code.ParseRule(text)
		if err != nil {
			return next, err
		}
		next.Rules = append(next.Rules, converted[api.FlagRule](r))
	}
	next.Rules = converted[[]api.FlagRule](code.Named(converted[[]flag.Rule](next.Rules),
		converted[[]flag.Rule](now.Rules)))
	if isSet(cmd, "needs", "no-needs") {
		next.Needs = nil
	}
	for _, text := range s.needs {
		key, variant, ok := strings.Cut(text, "=")
		if !ok {
			return next, fault.New(fault.Invalid, "needs_malformed", "--needs is FLAG=VARIANT, not %q.", text)
		}
		if n := len(next.Needs); n > 0 && next.Needs[n-1].Flag == key {
			next.Needs[n-1].Variants = append(next.Needs[n-1].Variants, variant)
			continue
		}
		next.Needs = append(next.Needs, api.FlagPrerequisite{Flag: key, Variants: []string{variant}})
	}
	return next, nil
}

// converted is v in another type with the same words in JSON, as the wire has them and the model.
func converted[T any](v any) T {
	var out T
	text, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	if err != nil {
		var none T
		return none
	}
	return out
}
