package vercel

import (
	"slices"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/provider"
	api "github.com/slipwayhq/slipway/internal/vercel"
)

// view is what Vercel says of production.
type view struct {
	project api.Project
	rolling *api.RollingRelease
}

// verb is the one thing that is missing.
type verb string

const (
	done     verb = "done"
	wait     verb = "wait" // for what is being carried out
	start    verb = "start"
	approve  verb = "approve"
	complete verb = "complete"
	promote  verb = "promote"
	rollback verb = "rollback"
)

// call is a verb with the deployment that it is about.
type call struct {
	verb  verb
	id    string
	index int // of the stage that is approved
}

func elsewhere(format string, args ...any) error {
	what := fault.New(fault.Conflict, provider.Elsewhere, format, args...)
	what.Message = "Production was changed by another hand: " + what.Message +
		". Nothing was done; abort takes the version back, retry routes it again."
	return what
}

// decide says the one call that is missing until what is wanted is served. It is a pure function of what Vercel says.
func decide(w wanted, v view, mode string) (call, error) {
	switch {
	case v.project.Last.Open():
		return call{verb: wait}, nil
	case w.Back:
		return goBack(w, v), nil
	case v.project.AutoAssign == nil:
		return call{}, fault.New(fault.Unavailable, "pin_unknown",
			"Vercel does not say autoAssignCustomDomains: whether somebody's rollback holds production is not known, so "+
				"nothing is raised.")
	case w.canary() == "":
		return settle(w, v)
	case mode == ModeProxy:
		return split(w, v)
	}
	return raise(w, v)
}

// goBack has production serve the stable version, whatever is there.
func goBack(w wanted, v view) call {
	if !v.rolling.Live() && v.project.Production == w.Stable.ID {
		return call{verb: done}
	}
	return call{verb: rollback, id: w.Stable.ID}
}

// undone says that somebody took production back since this canary was first wanted.
func undone(w wanted, v view) error {
	last := v.project.Last
	if w.Known && last != nil && last.Type == "rollback" && last.At().UnixMilli() > w.Moved {
		return elsewhere("it was rolled back to %s", last.To)
	}
	return nil
}

// raise gives the canary its share by a rolling release.
func raise(w wanted, v view) (call, error) {
	if v.rolling.Live() {
		return climb(w, v.rolling)
	}
	canary, now := w.canary(), v.project.Production
	switch {
	case now == canary && w.Share >= 100:
		return call{verb: done}, nil
	case now == canary:
		return call{}, elsewhere("everybody has %s", canary)
	case now != w.Stable.ID:
		return call{}, elsewhere("it serves %s, not %s", now, w.Stable.ID)
	}
	if !w.again() {
		if err := undone(w, v); err != nil {
			return call{}, err
		}
		r := v.rolling
		if w.Known && r != nil && r.State == api.Aborted && r.Canary == canary && r.Updated.UnixMilli() > w.Rolled {
			return call{}, elsewhere("the rolling release of %s was aborted", canary)
		}
	}
	return call{verb: start, id: canary}, nil
}

// climb goes up the stages of an active rolling release.
func climb(w wanted, r *api.RollingRelease) (call, error) {
	canary := w.canary()
	switch {
	case r.Canary != canary:
		return call{}, elsewhere("a rolling release of %s is active", r.Canary)
	case r.Base != w.Stable.ID:
		return call{}, elsewhere("the rolling release is over %s, not %s", r.Base, w.Stable.ID)
	case r.Share == w.Share && w.Share < 100:
		return call{verb: done}, nil
	case r.Paused:
		return call{}, elsewhere("Vercel's own gate has paused the rolling release")
	case r.Share > w.Share && w.Before != nil && w.Before.Canary == canary && w.Before.Share > w.Share:
		return call{}, fault.New(fault.Invalid, "share_impossible",
			"A rolling release can't go from %g %% to %g %%: shares only rise. Take the version back, or use canary: proxy.",
			r.Share, w.Share)
	case r.Share > w.Share:
		return call{}, elsewhere("%s has %g %% of the visitors, not %g %%", canary, r.Share, w.Share)
	case w.Share >= 100:
		return call{verb: complete, id: canary}, nil
	}
	i := slices.IndexFunc(r.Stages, func(s api.Planned) bool { return s.Index == r.Index+1 })
	if i < 0 || r.Stages[i].Share > w.Share {
		return call{}, fault.New(fault.Invalid, "share_impossible",
			"The rolling release has no stage of %g %%: its stages were planned when it began.", w.Share)
	}
	return call{verb: approve, id: canary, index: r.Index}, nil
}

// split gives the canary its share by the table, over a production that serves the stable version.
func split(w wanted, v view) (call, error) {
	now := v.project.Production
	switch {
	case v.rolling.Live():
		return call{}, elsewhere("a rolling release of %s is active", v.rolling.Canary)
	case now != w.Stable.ID && (w.Share < 100 || now != w.canary()):
		return call{}, elsewhere("it serves %s, not %s", now, w.Stable.ID)
	}
	if !w.again() {
		if err := undone(w, v); err != nil {
			return call{}, err
		}
	}
	return call{verb: done}, nil
}

// settle makes one version what everybody gets.
func settle(w wanted, v view) (call, error) {
	to, was := w.Stable.ID, w.Before
	if r := v.rolling; r.Live() {
		switch {
		case r.Canary == to && r.Paused:
			return call{}, elsewhere("Vercel's own gate has paused the rolling release")
		case r.Canary == to:
			return call{verb: complete, id: to}, nil
		case r.Base == to && was != nil && was.Canary == r.Canary:
			return call{verb: rollback, id: to}, nil
		}
		return call{}, elsewhere("a rolling release of %s is active", r.Canary)
	}
	now := v.project.Production
	if now == to {
		return call{verb: done}, nil
	}
	if was == nil || now != was.Stable && now != was.Canary {
		return call{}, elsewhere("it serves %s", now)
	}
	if err := undone(w, v); err != nil {
		return call{}, err
	}
	return call{verb: promote, id: to}, nil
}

// stages plans a rolling release that begins at the share: every later step, each with an approval of Slipway's, and
// all. There are two at least; one that is to go to everybody at once begins with nobody.
func stages(w wanted) []api.Stage {
	shares := slices.Clone(w.Steps)
	if w.Share < 100 {
		shares = append(shares, w.Share)
	}
	slices.Sort(shares)
	var out []api.Stage
	for _, s := range slices.Compact(shares) {
		if s >= w.Share && s > 0 && s < 100 {
			out = append(out, api.Stage{TargetPercentage: s, RequireApproval: true})
		}
	}
	if len(out) == 0 {
		out = []api.Stage{{RequireApproval: true}}
	}
	return append(out, api.Stage{TargetPercentage: 100})
}
