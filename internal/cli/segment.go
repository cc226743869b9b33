package cli

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
	"github.com/slipwayhq/slipway/internal/flag/code"
)

func (c *cli) segment() *cobra.Command {
	cmd := &cobra.Command{
		Use: "segment", Short: "Name groups of users that rules share",
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.segmentList(), c.segmentGet(), c.segmentSet(), c.segmentMembers(), c.segmentHistory(),
		c.segmentRevert(), c.segmentDelete(), c.segmentUses())
	return cmd
}

func (c *cli) segmentList() *cobra.Command {
	var environment string
	cmd := &cobra.Command{
		Use: "list", Short: "List segments", Args: cobra.NoArgs,
		RunE: c.with(func(cmd *cobra.Command, _ []string, to *client.Client) error {
			list, err := to.Segments(cmd.Context(), environment)
			if err != nil {
				return err
			}
			return c.print(list, func() {
				rows := make([][]string, 0, len(list))
				for _, s := range list {
					rows = append(rows, []string{s.Key, s.Environment, s.Sentence, fmt.Sprint(s.Listed), strings.Join(s.Uses, ", ")})
				}
				c.table("There is no segment. Make one: slipway segment set KEY -e ENVIRONMENT --group \"plan equals pro\"",
					[]string{"SEGMENT", "WHERE", "WHO", "NAMED", "ASKED FOR BY"}, rows)
			})
		}),
	}
	environmentFlag(cmd, &environment, "only of this one (default: all)")
	return cmd
}

func (c *cli) segmentGet() *cobra.Command {
	var environment string
	cmd := &cobra.Command{
		Use: "get KEY", Short: "Show who is in a segment", Args: cobra.ExactArgs(1),
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			s, err := to.Segment(cmd.Context(), args[0], c.reads(environment))
			if err != nil {
				return err
			}
			return c.print(s, func() { c.showSegment(s) })
		}),
	}
	environmentFlag(cmd, &environment, "where (default: SLIPWAY_ENVIRONMENT, or production)")
	return cmd
}

func (c *cli) showSegment(s api.Segment) {
	c.say("%s in %s: %s\n", s.Key, s.Environment, s.Sentence)
	if s.Draft != "" {
		c.say("This is as it was: the change waits as %s. See it: slipway flag drafts\n", s.Draft)
	}
	c.facts("about", s.Description, "lists name", cmp.Or(s.By, "targetingKey"), "named as in", fmt.Sprint(s.Listed),
		"named as out", fmt.Sprint(len(s.Excluded)), "asked for by", strings.Join(s.Uses, ", "), "revision",
		fmt.Sprint(s.Revision), "changed", when(s.Updated))
}

const segmentHelp = `Make a segment, or change what is named; what is not named stays.

Users are in when all conditions of any group hold, or when a list names them, unless they are left out by name.
A group is one line: conditions joined by and, as in the rules of flags (see slipway flag set --help).`

func (c *cli) segmentSet() *cobra.Command {
	var in api.PutSegment
	var environment string
	var groups, excluded []string
	var noGroups bool
	cmd := &cobra.Command{
		Use:   "set KEY -e ENVIRONMENT",
		Short: "Make a segment, or change its rules", Long: segmentHelp, Args: cobra.ExactArgs(1),
		Example: "  slipway segment set beta -e production --group \"plan equals pro and country in NL, DE\" --exclude ada",
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			where, err := c.changes(cmd, to, environment)
			if err != nil {
				return err
			}
			have, err := to.Segment(cmd.Context(), args[0], where)
			if err != nil && !missing(err) {
				return err
			}
			next := api.PutSegment{Description: have.Description, Any: have.Any, By: have.By, Excluded: have.Excluded,
				Revision: cmp.Or(in.Revision, have.Revision), Reason: in.Reason}
			if isSet(cmd, "description") {
				next.Description = in.Description
			}
			if isSet(cmd, "by") {
				next.By = in.By
			}
			if isSet(cmd, "exclude") {
				next.Excluded = excluded
			}
			if isSet(cmd, "group", "no-groups") {
				next.Any = nil
			}
			for _, text := range groups {
				g, err := code.ParseGroup(text)
				if err != nil {
					return err
				}
				next.Any = append(next.Any, converted[[]api.FlagCondition](g))
			}
			s, err := to.PutSegment(cmd.Context(), args[0], where, next)
			if err != nil {
				return err
			}
			return c.print(s, func() { c.showSegment(s) })
		}),
	}
	f := cmd.Flags()
	environmentFlag(cmd, &environment, "where")
	f.StringVar(&in.Description, "description", "", "who that is")
	f.StringVar(&in.By, "by", "", "attribute that the lists name (default: targetingKey)")
	f.StringArrayVar(&groups, "group", nil, "all its groups of conditions; may be repeated")
	f.BoolVar(&noGroups, "no-groups", false, "nobody is in by a condition")
	f.StringSliceVar(&excluded, "exclude", nil, "all that are never in; may be repeated")
	f.StringVar(&in.Reason, "reason", "", "why")
	f.Int64Var(&in.Revision, "revision", 0, "refuse when it is at another revision")
	cmd.MarkFlagsMutuallyExclusive("group", "no-groups")
	return cmd
}

const membersHelp = `List the users that a segment names, or change that list.

Users are given as --add and --remove, or one a line in a file with --from (- is standard input), which adds them,
or with --replace becomes the list. Long lists are sent in parts of 100,000; --replace takes one part.`

// mostMembers is how many users one request names.
const mostMembers = 100_000

func (c *cli) segmentMembers() *cobra.Command {
	var in api.SegmentMembers
	var environment, file, cursor string
	var limit int
	cmd := &cobra.Command{
		Use: "members KEY", Short: "List the users that a segment names, or add and remove some", Long: membersHelp,
		Args: cobra.ExactArgs(1),
		Example: "  slipway segment members beta\n  slipway segment members beta -e production --add ada --remove bob\n" +
			"  slipway segment members beta -e production --from customers.txt --replace",
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			if !isSet(cmd, "add", "remove", "from") {
				page, err := to.SegmentMembers(cmd.Context(), args[0], c.reads(environment), cursor, limit)
				if err != nil {
					return err
				}
				return c.print(page, func() {
					if len(page.Items) == 0 { // beside the list, which a program may read
						say(c.Err, "%s names no user in %s. Add some with --add.\n", args[0], c.reads(environment))
					}
					for _, m := range page.Items {
						c.say("%s\n", m)
					}
					c.more(page.Next)
				})
			}
			where, err := c.changes(cmd, to, environment)
			if err != nil {
				return err
			}
			if file != "" {
				raw, err := c.content(file)
				if err != nil {
					return err
				}
				in.Add = append(in.Add, lines(raw)...)
			}
			s, err := sendMembers(cmd, to, args[0], where, in)
			if err != nil {
				return err
			}
			return c.print(s, func() { c.showSegment(s) })
		}),
	}
	f := cmd.Flags()
	environmentFlag(cmd, &environment, "where (to list: default SLIPWAY_ENVIRONMENT, or production)")
	f.StringSliceVar(&in.Add, "add", nil, "a user; may be repeated")
	f.StringSliceVar(&in.Remove, "remove", nil, "a user; may be repeated")
	f.StringVar(&file, "from", "", "file with one user a line; - is standard input")
	f.BoolVar(&in.Replace, "replace", false, "the list becomes exactly what is added")
	f.StringVar(&in.Reason, "reason", "", "why")
	paging(cmd, &cursor, &limit)
	return cmd
}

// sendMembers sends a change in parts that one request can hold.
func sendMembers(
	cmd *cobra.Command, to *client.Client, key, environment string, in api.SegmentMembers,
) (api.Segment, error) {
	if in.Replace && len(in.Add) > mostMembers {
		return api.Segment{}, usage(cmd, fmt.Errorf(
			"--replace takes at most %d users at once: make a new segment and add them in parts", mostMembers))
	}
	for {
		part := in
		part.Add, part.Remove = in.Add[:min(len(in.Add), mostMembers)], in.Remove[:min(len(in.Remove), mostMembers)]
		in.Add, in.Remove = in.Add[len(part.Add):], in.Remove[len(part.Remove):]
		s, err := to.ChangeSegmentMembers(cmd.Context(), key, environment, part)
		if err != nil || len(in.Add)+len(in.Remove) == 0 {
			return s, err
		}
	}
}

// lines are the lines of a text that are not empty, without spaces around them.
func lines(raw []byte) []string {
	var out []string
	scan := bufio.NewScanner(bytes.NewReader(raw))
	for scan.Scan() {
		if line := strings.TrimSpace(scan.Text()); line != "" {
			out = append(out, line)
		}
	}
	return out
}

func (c *cli) segmentDelete() *cobra.Command {
	var environment, reason string
	var sure bool
	cmd := &cobra.Command{
		Use:   "delete KEY -e ENVIRONMENT",
		Short: "Forget a segment that no flag asks for, with its list", Args: cobra.ExactArgs(1),
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			where, err := c.changes(cmd, to, environment)
			if err != nil {
				return err
			}
			if !sure && c.Interactive {
				s, err := to.Segment(cmd.Context(), args[0], where)
				if err != nil {
					return err
				}
				c.showSegment(s)
			}
			if err := c.confirm(sure, "\nDelete it, with its list?"); err != nil {
				return err
			}
			s, err := to.DeleteSegment(cmd.Context(), args[0], where, reason)
			if err != nil {
				return err
			}
			return c.print(s, func() { c.say("The segment %s is gone from %s. It named %d users.\n", args[0], where, s.Listed) })
		}),
	}
	environmentFlag(cmd, &environment, "where")
	cmd.Flags().StringVar(&reason, "reason", "", "why")
	cmd.Flags().BoolVar(&sure, "yes", false, "do not ask")
	return cmd
}

func (c *cli) segmentUses() *cobra.Command {
	var environment string
	cmd := &cobra.Command{
		Use: "uses KEY", Short: "List the flags that ask for a segment", Args: cobra.ExactArgs(1),
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			s, err := to.Segment(cmd.Context(), args[0], c.reads(environment))
			if err != nil {
				return err
			}
			return c.print(s.Uses, func() {
				if len(s.Uses) == 0 {
					c.say("No flag asks for %s in %s.\n", s.Key, s.Environment)
				}
				for _, key := range s.Uses {
					c.say("%s\n", key)
				}
			})
		}),
	}
	environmentFlag(cmd, &environment, "where (default: SLIPWAY_ENVIRONMENT, or production)")
	return cmd
}
