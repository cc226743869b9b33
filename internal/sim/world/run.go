package world

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/slipwayhq/slipway/internal/approval"
	"github.com/slipwayhq/slipway/internal/effect"
	"github.com/slipwayhq/slipway/internal/guard"
	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/release"
)

type effects = map[string]effect.Effect

// run is a trial on its way.
type run struct {
	Trial
	r    release.Release
	f    release.Facts
	now  time.Time
	next time.Time // look
	out  Outcome

	due      time.Time // when the routing under way is in force
	routing  string    // its key
	asked    time.Time // when somebody was asked for something; zero: nobody is
	exposed  int64     // Unix second of the first visitor; 0: none yet
	measured int64     // every second before this one was measured
	inForce  float64   // percent
	found    bool      // the decision that ends it was taken

	canary, stable []metric.Bucket
	canaryHealth   []guard.Probe
	stableHealth   []guard.Probe
	probed         int64
	requests       uint64
	before         guard.Evidence // what does not change
	pass           guard.Pass
	tick           judge.Tick
}

// settle looks and acts until neither changes anything.
func (w *run) settle() {
	for range 100 {
		w.f.Now = w.now
		w.f.Verdict = w.verdict()
		d := release.Decide(w.r, w.f)
		w.f.Command = nil
		if d.Err != nil {
			w.end(Unfinished, d.Err.Error())
			return
		}
		w.r = d.Release
		w.take(d)
		if w.out.End != "" {
			return
		}
		if !d.Changed {
			w.next = d.Next
			w.people()
			if w.f.Command == nil {
				return
			}
		}
	}
	w.end(Unfinished, "it does not come to rest")
}

// take carries out what a decision asks for.
func (w *run) take(d release.Decision) {
	for _, e := range d.Effects {
		if e.Kind == effect.Route {
			w.routing, w.due = e.Key, ceil(w.now.Add(w.Reaction))
			w.f.Effects[e.Key] = e
			w.arrive()
			continue
		}
		w.f.Effects[e.Key] = done(e, w.now)
	}
	if d.Request != nil {
		w.f.Request, w.asked = d.Request, w.now
	}
	switch {
	case d.Rollback != nil:
		w.found = true
		w.note(RolledBack, d.Rollback.Trigger)
		w.back(w.Answer + w.Reaction)
	case w.r.Phase == release.Undoing && !w.found:
		w.found = true
		w.note(TakenBack, w.r.Reason)
	case w.r.Phase == release.Aborted:
		w.out.End = TakenBack
	case w.r.Phase == release.Completed:
		w.end(Promoted, w.r.Sentence)
		if w.out.Promoted < 0 && w.r.Promoted.IsZero() { // a ramp: nothing is promoted, everybody keeps it
			w.out.Promoted = w.now.Unix() - w.exposed
		}
		w.out.At = w.out.Promoted
	case w.r.Phase.Final():
		w.end(Unfinished, w.r.Reason)
	}
	if !w.r.Promoted.IsZero() && w.out.Promoted < 0 {
		w.out.Promoted = w.r.Promoted.Unix() - w.exposed
	}
}

func done(e effect.Effect, at time.Time) effect.Effect {
	e.State, e.Ended, e.Attempts, e.Result = effect.Done, at, 1, effect.Result{OK: true, Sentence: "done"}
	return e
}

func ceil(t time.Time) time.Time {
	if t.Nanosecond() > 0 {
		return t.Truncate(time.Second).Add(time.Second)
	}
	return t
}

// arrive puts the routing in force whose time has come.
func (w *run) arrive() {
	if w.routing == "" || w.due.After(w.now) {
		return
	}
	e := w.f.Effects[w.routing]
	w.routing = ""
	var a release.RouteArgs
	if json.Unmarshal(e.Args, &a) != nil {
		return
	}
	w.f.Effects[e.Key] = done(e, w.due)
	if w.inForce = a.Share; a.Stable == version {
		w.inForce = 100
	}
	if w.exposed == 0 && w.inForce > 0 {
		w.exposed = w.due.Unix()
		w.measured, w.probed = w.exposed, w.exposed
	}
}

// people do what they are asked for when they had the time.
func (w *run) people() {
	ready := func() bool {
		if w.asked.IsZero() {
			w.asked = w.now
		}
		return !w.now.Before(w.asked.Add(w.Answer))
	}
	step, state := w.r.Step(), w.r.State()
	switch q := w.f.Request; {
	case w.r.Phase != release.Running:
	case w.r.Request != "" && q != nil && q.State == approval.Open:
		if ready() {
			w.approve(q)
		}
	case w.r.Suspect && w.r.Promoted.IsZero():
		if ready() {
			w.f.Command = &release.Command{Kind: release.Abort, Actor: "user:ada", User: "ada", Name: "ada",
				Reason: "the guard asks for it", Bypass: true}
			w.asked = time.Time{}
		}
	case step.Kind == release.KindShare && state.Status == release.StepWaiting && !state.Set.IsZero():
		w.end(Held, w.r.Sentence)
	}
	if w.exposed > 0 && w.now.Unix()-w.exposed > int64(w.Longest/time.Second) {
		w.end(Unfinished, w.r.Sentence)
	}
}

func (w *run) approve(q *approval.Request) {
	now := *q
	for i := 0; len(now.Missing()) > 0 && i < 100; i++ {
		role := now.Missing()[0].Role
		who := fmt.Sprintf("%s-%d", role, i)
		next, _, err := now.Decide(approval.Vote{User: who, Actor: "user:" + who, Name: who, Approve: true, Hash: q.Hash},
			[]string{role}, w.now)
		if err != nil {
			w.end(Unfinished, err.Error())
			return
		}
		now = next
	}
	w.f.Request, w.asked, w.next = &now, time.Time{}, w.now
}

// advance lets time pass until something is due.
func (w *run) advance() {
	to := w.next
	earlier := func(t time.Time) {
		if to.IsZero() || t.Before(to) {
			to = t
		}
	}
	if w.routing != "" {
		earlier(w.due)
	}
	if !w.asked.IsZero() {
		earlier(w.asked.Add(w.Answer))
	}
	if !to.After(w.now) {
		if w.f.Request != nil && w.f.Request.State == approval.Approved {
			return // the vote is looked at now
		}
		to = w.now.Add(time.Second)
	}
	w.passTo(to)
}

// passTo moves the clock, measures what happened meanwhile, and puts in force what is due.
func (w *run) passTo(to time.Time) {
	w.now = to
	w.measure(to.Unix())
	w.arrive()
}

// measure lets visitors come until a second.
func (w *run) measure(until int64) {
	for ; w.exposed > 0 && w.measured < until; w.measured++ {
		w.Source.Next(w.measured-w.exposed, w.inForce/100, &w.tick)
		failed, slowed := w.Source.Harm()
		w.out.Harm.Failed += failed
		w.out.Harm.Slowed += slowed
		w.requests += w.tick.Canary.Requests
		if w.found {
			continue // nobody looks any more
		}
		if w.tick.Canary.Requests > 0 {
			var units *[judge.Slices]uint32
			if w.tick.SliceUnits != nil && w.rules().Source == metric.Drain { // which counts visitors by their slices
				units = &[judge.Slices]uint32{uint32(w.tick.Canary.Units)}
			}
			w.canary = append(w.canary, w.bucket(version, w.tick.Canary, units, nil))
		}
		if w.tick.Stable.Requests > 0 {
			w.stable = append(w.stable, w.bucket(stable, w.tick.Stable, w.tick.SliceUnits, w.tick.SliceSlow))
		}
	}
	every := int64(w.rules().Health.Every / time.Second)
	for ; w.exposed > 0 && w.rules().Health.Path != "" && w.probed <= until; w.probed += max(every, 1) {
		at := time.Unix(w.probed, 0).UTC()
		w.canaryHealth = lately(append(w.canaryHealth, guard.Probe{At: at, Deployment: version, OK: true}))
		w.stableHealth = lately(append(w.stableHealth, guard.Probe{At: at, Deployment: stable, OK: true}))
	}
}

func lately(list []guard.Probe) []guard.Probe {
	const enough = 24
	if len(list) >= 2*enough {
		return append(list[:0], list[len(list)-enough:]...)
	}
	return list
}

func (w *run) rules() guard.Rules {
	rules, _ := w.r.Rules()
	return rules
}

// bucket is Bucket in the trial's room.
func (w *run) bucket(name string, a judge.Arm, units, slow *[judge.Slices]uint32) metric.Bucket {
	counts := w.Room.take(used(a.Latency))
	copy(counts, a.Latency)
	return bucket(name, w.measured, a, counts, units, slow)
}

// verdict lets the guard judge what was measured.
func (w *run) verdict() *guard.Verdict {
	rules, watched := w.r.Rules()
	if !watched || w.found {
		return nil
	}
	ev := w.r.Watched(w.now, w.f.Effects)
	ev.Complete = w.now.Add(-w.Lag).Unix()
	ev.StableVersion, ev.Baseline = w.before.StableVersion, w.before.Baseline
	ev.Background, ev.Before = w.before.Background, w.before.Before
	ev.Canary, ev.CanaryHealth = w.canary, w.canaryHealth
	if w.r.Promoted.IsZero() {
		ev.StableHealth = w.stableHealth
		if w.r.Share < 100 {
			ev.Stable = w.stable
		}
	}
	v := w.pass.Evaluate(rules, ev)
	w.canary, w.stable = since(w.canary, w.pass.Fed()), since(w.stable, w.pass.Fed())
	return &v
}

// since leaves out what the guard has taken.
func since(list []metric.Bucket, second int64) []metric.Bucket {
	i := 0
	for i < len(list) && list[i].Second < second {
		i++
	}
	return append(list[:0], list[i:]...)
}

// note keeps how it stood when it was decided.
func (w *run) note(end End, reason string) {
	w.measure(w.now.Unix())
	w.out.At, w.out.Share, w.out.Requests, w.out.Reason = w.now.Unix()-w.exposed, w.inForce, w.requests, reason
	w.out.Rule = ""
	if v := w.f.Verdict; v != nil && len(v.Findings) > 0 && (end == TakenBack || end == RolledBack) {
		w.out.Rule = v.Findings[0].Rule
	}
}

func (w *run) end(end End, reason string) {
	if w.out.End == "" {
		w.note(end, reason)
		w.out.End = end
	}
}

// back lets visitors be taken back from production after a time.
func (w *run) back(after time.Duration) {
	w.out.End = RolledBack
	w.measure(ceil(w.now.Add(after)).Unix())
}

func (w *run) finish() Outcome {
	w.out.Shares = w.r.Shares
	w.out.Harm.Failed, w.out.Harm.Slowed = math.Max(w.out.Harm.Failed, 0), math.Max(w.out.Harm.Slowed, 0)
	return w.out
}
