package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/verdict"
)

// look is how often a watched release is read.
const look = time.Second

// settled is how long evidence must have been calm before another line is printed of how it moves.
const settled = 15 * time.Second

func (c *cli) releaseWatch() *cobra.Command {
	return &cobra.Command{
		Use: "watch RELEASE", Short: "Watch a release until it ends", Args: cobra.ExactArgs(1),
		Long: "Watch a release until it ends.\n\n" +
			"Exit codes: 0 when it is completed, 6 when it was aborted or rolled back, 1 when it failed.\n" +
			"On a terminal the present state stands below what happened: the share, and what the guard's\ncomparison knows, " +
			"how sure it is, what is ruled out, what is missing, and what it cost. Elsewhere each\nchange of that is a line.\n" +
			"With --json every change is one line: the release as the API has it. Numbers that move at every\n" +
			"look are no change.",
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			return c.watch(cmd.Context(), to, args[0])
		}),
	}
}

// watcher shows one release as it moves.
type watcher struct {
	*cli
	to       *client.Client
	seq      int64 // of the last event that was shown
	blind    bool  // the log may not be read: changes of the sentence are shown instead
	revision int64
	sentence string
	logged   string // the last sentence of the log that was shown
	share    float64
	known    verdict.Known
	told     time.Time // when something new of what is known was printed
	drawn    int       // lines that stand on the terminal to be drawn over
	lost     bool
}

// watch shows a release until it ends, and returns how it ended.
func (c *cli) watch(ctx context.Context, to *client.Client, ref string) error {
	r, err := to.Release(ctx, ref)
	if err != nil {
		return err
	}
	w := &watcher{cli: c, to: to}
	w.begin(ctx, r)
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		if err := w.show(ctx, r); err != nil {
			return err
		}
		if ended(r.Phase) {
			return w.end(r)
		}
		select {
		case <-ctx.Done():
			w.erase()
			return ctx.Err()
		case <-tick.C:
		}
		next, err := to.Release(ctx, r.ID)
		if err := w.connection(err); err != nil {
			return err
		}
		if err == nil {
			r = next
		}
	}
}

func ended(phase string) bool {
	switch phase {
	case "completed", "aborted", "rolled_back", "failed":
		return true
	}
	return false
}

// begin finds where the log stands, so that what happens from now on is shown.
func (w *watcher) begin(ctx context.Context, r api.Release) {
	page, err := w.to.Events(ctx, client.EventQuery{Limit: 1})
	if err != nil || len(page.Items) == 0 {
		w.blind = err != nil
	} else {
		w.seq = page.Items[0].Seq
	}
	if !w.json {
		w.say("Release %s of %s, started %s by %s.\n", r.ID, r.Version, when(r.Created), r.Author)
		w.showOutlook(r.Outlook)
	}
}

// show prints what is new.
func (w *watcher) show(ctx context.Context, r api.Release) error {
	k := verdict.KnownOf(r.Verdict)
	if !w.json && !w.Terminal && k.Wavers(w.known) && time.Since(w.told) < settled {
		k = w.known
	}
	news := k.News(w.known, r.Verdict, !w.blind)
	changed := r.Revision != w.revision || k != w.known
	if k != w.known {
		w.told = time.Now()
	}
	w.revision, w.known = r.Revision, k
	if w.json {
		if !changed {
			return nil
		}
		return w.jsonLine(r)
	}
	if !w.blind {
		w.events(ctx, r)
	}
	if w.Terminal {
		w.erase()
		lines := w.block(r)
		w.say("%s", strings.Join(lines, "\n"))
		w.drawn = len(lines)
	} else {
		w.lines(r, news)
	}
	w.sentence, w.share = r.Sentence, r.Share
	return nil
}

// lines prints what has changed where nothing can be drawn over. The sentence of a release that bakes holds numbers of
// the verdict that move at every look: what is new of those is said by itself.
func (w *watcher) lines(r api.Release, news []string) {
	compared := r.Share > 0 && r.Verdict != nil && r.Verdict.Comparison != nil
	moved := gist(r.Sentence) != gist(w.sentence) && !(w.logged != "" && strings.HasSuffix(r.Sentence, w.logged))
	if (w.blind || !ended(r.Phase)) && moved && (!compared || r.Share != w.share) {
		w.say("%s  %s\n", time.Now().Format("15:04:05"), r.Sentence)
	}
	for i, s := range news {
		at := time.Now().Format("15:04:05")
		if i > 0 {
			at = strings.Repeat(" ", len(at))
		}
		if compared {
			w.say("%s  %s\n", at, s)
		}
	}
}

// gist is a sentence without its numbers: where nothing is compared they count requests and seconds, at every look.
func gist(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || strings.ContainsRune(".,", r) {
			return -1
		}
		return r
	}, s)
}

// events prints the release's new events.
func (w *watcher) events(ctx context.Context, r api.Release) {
	for {
		page, err := w.to.Events(ctx, client.EventQuery{After: w.seq, Ascending: true, Limit: 200})
		if err != nil {
			p, ok := errors.AsType[*client.Problem](err)
			w.blind = w.blind || ok && p.Kind == "denied"
			return
		}
		for _, e := range page.Items {
			w.seq = e.Seq
			if e.Subject == r.ID || r.Approval != nil && e.Subject == r.Approval.ID {
				w.erase()
				w.say("%s  %s\n", e.At.Local().Format("15:04:05"), e.Sentence)
				w.logged = e.Sentence
			}
		}
		next, err := strconv.ParseInt(page.Next, 10, 64)
		if err != nil || next <= w.seq && len(page.Items) == 0 {
			return
		}
		w.seq = max(w.seq, next)
	}
}

// progress is the line that is drawn over: share, verdict, and who is waited for.
func (w *watcher) progress(r api.Release) string {
	const width = 20
	full := min(int(r.Share*width/100+0.5), width)
	parts := []string{strings.Repeat("█", full) + strings.Repeat("░", width-full) + fmt.Sprintf(" %3g %%", r.Share)}
	if r.Verdict != nil && r.Share > 0 {
		parts = append(parts, r.Verdict.Sentence)
	} else {
		parts = append(parts, r.Sentence)
	}
	if r.Approval != nil {
		var roles []string
		for _, m := range r.Approval.Missing {
			roles = append(roles, fmt.Sprintf("%d × %s", m.Count, m.Role))
		}
		parts = append(parts, "waits for "+strings.Join(roles, ", "))
	}
	return strings.Join(parts, "  ")
}

func (w *watcher) erase() {
	if w.drawn > 0 {
		_, _ = fmt.Fprint(w.Out, "\r\x1b[2K"+strings.Repeat("\x1b[1A\x1b[2K", w.drawn-1))
		w.drawn = 0
	}
}

// connection says once that Slipway is away, and once that it is back; other errors
// end the watch.
func (w *watcher) connection(err error) error {
	p, ok := errors.AsType[*client.Problem](err)
	switch {
	case err == nil && w.lost:
		w.lost = false
		say(w.Err, "Slipway answers again.\n")
	case err != nil && !(ok && p.Kind == "unavailable"):
		w.erase()
		return err
	case err != nil && !w.lost:
		w.lost = true
		w.erase()
		say(w.Err, "Slipway does not answer since %s; the release goes on without us watching.\n",
			time.Now().Format("15:04:05"))
	}
	return nil
}

// end tells how it ended.
func (w *watcher) end(r api.Release) error {
	w.erase()
	if !w.json {
		w.say("%s\n", r.Sentence)
	}
	switch r.Phase {
	case "completed":
		return nil
	case "failed":
		return fault.New(fault.Internal, "release_failed", "The release of %s failed: %s", r.Version, r.Reason)
	}
	return fault.New(fault.Refused, "release_"+r.Phase, "The release of %s was %s: %s", r.Version,
		strings.ReplaceAll(r.Phase, "_", " "), r.Reason)
}
