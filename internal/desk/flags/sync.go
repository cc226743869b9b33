package flags

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/engine/mirror"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag"
)

// Sync writes an environment's flags to the platform's own system of flags, or says what that would do. The plan has
// what rules say, so it needs the same permission.
func (d *Desk) Sync(ctx context.Context, who access.Actor, in api.SyncFlags) (api.FlagSync, error) {
	if err := d.known(in.Environment); err != nil {
		return api.FlagSync{}, err
	}
	// What it is called there may be the place of another environment: whoever writes there changes that one, and whoever
	// writes what they share changes all that stand there, also those that do not follow.
	for _, e := range d.Strategy.Environments() {
		if e.Name == in.Environment || in.As != "" && in.As == d.Engine.Mirror.Place(e.Name) ||
			in.Shared {
			if err := d.check(ctx, who, access.EditFlag, e.Name); err != nil {
				return api.FlagSync{}, err
			}
		}
	}
	order := mirror.Order{Environment: in.Environment, There: in.As, Splits: in.Splits, Shared: in.Shared}
	if in.DryRun {
		p, err := d.Engine.Mirror.Plan(ctx, order)
		return planned(p, nil), err
	}
	var shown *mirror.Shown
	if in.Shown != nil {
		shown = &mirror.Shown{Generation: in.Shown.Generation, Revisions: in.Shown.Revisions}
	}
	p, done, err := d.Engine.Mirror.Apply(ctx, who, order, shown)
	if err != nil {
		return api.FlagSync{}, err
	}
	return planned(p, done), nil
}

// planned is a plan with what came of it.
func planned(p mirror.Plan, done []mirror.Done) api.FlagSync {
	out := api.FlagSync{Environment: p.Environment, As: p.There, Generation: p.Generation, Writes: len(p.Writes()),
		Steps: []api.SyncStep{}}
	wrote, unsaid := 0, 0
	for _, s := range p.Steps {
		x := api.SyncStep{Flag: s.Flag, Action: string(s.Action), Revision: s.Revision, Differs: some(s.Differs),
			Stands: s.Stands, Static: s.Static, Assumes: some(s.Assumes), Notes: some(s.Notes), Why: s.Why, Remedy: s.Remedy,
			Command: s.Command}
		if x.Why != "" {
			unsaid++
		}
		if i := slices.IndexFunc(done, func(o mirror.Done) bool { return o.Flag == s.Flag }); i >= 0 {
			if x.Done = done[i].Err == nil; x.Done {
				wrote++
				x.Revision = done[i].Revision
			} else {
				out.Failed, x.Problem = true, fault.MessageOf(done[i].Err)
			}
		}
		out.Steps = append(out.Steps, x)
	}
	switch {
	case len(done) > 0:
		out.Sentence = fmt.Sprintf("%s of %s were written to Vercel Flags.", number(wrote, "flag"), p.Environment)
		if out.Failed {
			out.Sentence = fmt.Sprintf("%d of %s were written to Vercel Flags.", wrote, number(len(done), "flag"))
		}
	case out.Writes > 0:
		out.Sentence = fmt.Sprintf("%s to write to %s of Vercel Flags.", number(out.Writes, "flag"), p.There)
	default:
		out.Sentence = fmt.Sprintf("Nothing is to be written to %s of Vercel Flags.", p.There)
	}
	if unsaid > 0 {
		out.Sentence += fmt.Sprintf(" %s cannot be said alike there.", number(unsaid, "flag"))
	}
	return out
}

func some(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

func number(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// followers are what is known of environments at the platform's own system of flags, as far as the caller may see them,
// those that follow and were never looked at included.
func (d *Desk) followers(ctx context.Context, who access.Actor) (list []flag.Follower, follow []string, err error) {
	follow = d.Engine.Mirror.Followed()
	list, err = d.DB.Followers(ctx, d.Strategy.App)
	for _, environment := range follow {
		if !slices.ContainsFunc(list, func(f flag.Follower) bool { return f.Environment == environment }) {
			list = append(list, flag.Follower{Environment: environment, There: d.Engine.Mirror.Place(environment)})
		}
	}
	return slices.DeleteFunc(list, func(f flag.Follower) bool { return !who.May(access.ViewEnvironment, f.Environment) }),
		follow, err
}

// flagSynced is how one flag stands there.
func (d *Desk) flagSynced(ctx context.Context, who access.Actor, x flag.Flag) ([]api.FlagSynced, error) {
	out := []api.FlagSynced{}
	if !x.Archived.IsZero() {
		return out, nil
	}
	list, follow, err := d.followers(ctx, who)
	if err != nil || len(list) == 0 {
		return out, err
	}
	now, err := d.DB.Now(ctx)
	if err != nil {
		return out, err
	}
	for _, f := range list {
		newest, err := d.DB.FlagGeneration(ctx, d.Strategy.App, f.Environment)
		if err != nil {
			return out, err
		}
		s := api.FlagSynced{Environment: f.Environment, As: f.There, Follows: slices.Contains(follow, f.Environment),
			Revision: f.Known[x.Key], By: f.Hands[x.Key], Written: instant(f.Written), Seen: instant(f.Seen)}
		s.State, s.Sentence = flagState(x.Key, f, s.Follows, newest)
		s.Command = next(s.State, f.Environment, s.Follows)
		s.Trouble = s.State == "changed" || s.State == "stuck"
		if trouble, say := lost(f, s.Follows, now); trouble {
			s.Trouble, s.Sentence = true, say+" Before that: "+strings.ToLower(s.Sentence[:1])+s.Sentence[1:]
		}
		out = append(out, s)
	}
	return out, nil
}

// flagState says of one flag what the last comparison found.
func flagState(key string, f flag.Follower, follows bool, newest int64) (state, say string) {
	switch {
	case f.Row == 0 || f.Seen.IsZero():
		return "unknown", "Not looked at there yet."
	case slices.Contains(f.Writing, key):
		return "writing", "It is being written there."
	case slices.Contains(f.Foreign, key):
		did := "changed"
		if f.Dropped[key] != "" {
			did = "dropped"
		}
		return "changed", fmt.Sprintf("%s %s it there, and it stays so until a person writes it there again.",
			cmp.Or(f.Hands[key], "Somebody else"), did)
	case slices.Contains(f.Stuck, key):
		return "stuck", "It cannot be said there as it is here, and stands there as it was; the plan says why."
	case slices.Contains(f.Unsaid, key):
		return "unsaid", "It is not there: it cannot be said there as it is here; the plan says why."
	case follows && newest > f.Generation:
		return "behind", "A change of flags is about to be written there."
	case newest > f.Generation:
		return "behind", "Flags have changed here since it was looked at."
	case f.Known[key] > 0:
		return "same", fmt.Sprintf("It decides there as here, as revision %d of %s.", f.Known[key], f.There)
	case f.Behind > len(f.Foreign):
		return "behind", "It differed, or was not there, when it was looked at last."
	}
	return "absent", "It is not there: programs use their own fallback, there as here."
}

// next is the command that mends what a flag's state tells of, or says more; empty where nothing is to be done.
func next(state, environment string, follows bool) string {
	switch {
	case state == "changed":
		return "slipway flag sync vercel -e " + environment
	case state == "stuck", state == "unsaid", state == "behind" && !follows:
		return "slipway flag sync vercel --dry-run -e " + environment
	}
	return ""
}

// lost says why what stands there is not known.
func lost(f flag.Follower, follows bool, now time.Time) (trouble bool, say string) {
	switch {
	case f.Trouble != "":
		return true, "It does not follow. " + f.Trouble
	case f.Row > 0 && follows && now.Sub(f.Seen) > unread:
		return true, "What stands there was not read for a while: does the engine run?"
	}
	return false, ""
}

// Synced is how the flags of environments stand at the platform's own system of flags, as far as the caller may see it.
func (d *Desk) Synced(ctx context.Context, who access.Actor, now time.Time) ([]api.SyncedFlags, error) {
	out := []api.SyncedFlags{}
	list, follow, err := d.followers(ctx, who)
	if err != nil {
		return out, err
	}
	for _, f := range list {
		x := api.SyncedFlags{
			Environment: f.Environment, As: f.There, Follows: slices.Contains(follow, f.Environment), Generation: f.Generation,
			Same: f.Same, Behind: f.Behind, Unsaid: some(f.Unsaid), Stuck: some(f.Stuck), Foreign: some(f.Foreign),
			Hands: f.Hands, Written: instant(f.Written), Seen: instant(f.Seen),
		}
		if x.Hands == nil {
			x.Hands = map[string]string{}
		}
		newest, err := d.DB.FlagGeneration(ctx, d.Strategy.App, f.Environment)
		if err != nil {
			return out, err
		}
		x.Trouble, x.Sentence = synced(f, x.Follows, newest, now)
		if x.Trouble {
			x.Since = instant(f.Since)
		}
		if len(f.Stuck)+len(f.Foreign) > 0 || !x.Follows && f.Row > 0 && (f.Behind > 0 || newest > f.Generation) {
			x.Command = next("stuck", f.Environment, x.Follows)
		}
		out = append(out, x)
	}
	return out, nil
}

// synced says how what stands there stands to what there is.
func synced(f flag.Follower, follows bool, newest int64, now time.Time) (trouble bool, say string) {
	switch {
	case f.Row == 0:
		return false, "Not written yet."
	case f.Trouble != "":
		return true, "They do not follow. " + f.Trouble
	case follows && now.Sub(f.Seen) > unread:
		return true, "What stands there was not read for a while: does the engine run?"
	}
	parts := []string{fmt.Sprintf("%s decide alike.", number(f.Same, "flag"))}
	add := func(names []string, format string) {
		if len(names) > 0 {
			parts = append(parts, fmt.Sprintf(format, strings.Join(names[:min(5, len(names))], ", ")+more(len(names)-5)))
		}
	}
	by := mirror.Hand(&f)
	if len(f.Hands) == 0 {
		by = "somebody else"
	}
	add(f.Foreign, "Changed there by "+by+", and left so: %s.")
	add(f.Stuck, "Cannot be said as they are here, and stand there as they were: %s.")
	if rest := len(f.Unsaid) - len(f.Stuck); rest > 0 {
		parts = append(parts, "Not there, where it cannot be said: "+number(rest, "flag")+".")
	}
	switch ours := f.Behind - len(f.Foreign); {
	case follows && (ours > 0 || newest > f.Generation):
		parts = append(parts, "A change is about to be written.")
	case !follows && ours > 0:
		parts = append(parts, fmt.Sprintf("%s differed when it was looked at last.", number(ours, "flag")))
	case !follows && newest > f.Generation:
		parts = append(parts, "The flags have changed here since then.")
	}
	return len(f.Foreign)+len(f.Stuck) > 0, strings.Join(parts, " ")
}

func more(n int) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprintf(" and %d more", n)
}
