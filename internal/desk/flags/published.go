package flags

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/flag"
)

// unread is when what is published was not read back for so long that it may have been changed.
const unread = 15 * time.Minute

// Published is what of the flags stands where a platform serves visitors, as far as the caller may see it.
func (d *Desk) Published(ctx context.Context, who access.Actor, now time.Time) ([]api.PublishedFlags, error) {
	out := []api.PublishedFlags{}
	wanted := d.Engine.Publisher.Environments()
	if len(wanted) == 0 {
		return out, nil
	}
	list, err := d.DB.Publications(ctx, d.Strategy.App)
	if err != nil {
		return out, err
	}
	for _, environment := range wanted {
		if !who.May(access.ViewEnvironment, environment) {
			continue
		}
		p := flag.Publication{Environment: environment}
		if i := slices.IndexFunc(list, func(o flag.Publication) bool { return o.Environment == environment }); i >= 0 {
			p = list[i]
		}
		newest, err := d.DB.FlagGeneration(ctx, d.Strategy.App, environment)
		if err != nil {
			return out, err
		}
		x := api.PublishedFlags{
			Environment: environment, Key: d.Engine.Publisher.Key(environment), Generation: p.Generation, Newest: newest,
			Digest: p.Digest, Bytes: p.Bytes, Written: instant(p.Written), Seen: instant(p.Seen), Next: instant(p.Next),
			WritesLeft: p.Left,
		}
		x.Trouble, x.Sentence = publication(p, newest, now)
		if x.Trouble {
			x.Since = instant(p.Since)
		}
		out = append(out, x)
	}
	return out, nil
}

// publication says how what stands there stands to the newest.
func publication(p flag.Publication, newest int64, now time.Time) (trouble bool, say string) {
	switch {
	case p.Row == 0:
		return false, "Not published yet."
	case p.Trouble != "" && p.Generation > 0:
		return true, fmt.Sprintf("Generation %d stands there, not the newest. %s", p.Generation, p.Trouble)
	case p.Trouble != "":
		return true, "None stand there. " + p.Trouble
	case now.Sub(p.Seen) > unread:
		return true, "What stands there was not read for a while: does the engine run?"
	case p.Trying > 0:
		return false, fmt.Sprintf("Generation %d is being written.", p.Trying)
	case p.Wanted < newest:
		return false, fmt.Sprintf("Generation %d stands there; a change is about to be written.", p.Generation)
	case p.Next.After(now):
		return false, fmt.Sprintf("Generation %d stands there; the next is written at %s UTC, to spare writes: %d are left.",
			p.Generation, p.Next.UTC().Format(time.TimeOnly), p.Left)
	}
	return false, fmt.Sprintf("The newest stand there (generation %d).", p.Generation)
}
