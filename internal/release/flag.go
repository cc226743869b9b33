package release

import "fmt"

// Flag is the lever of a release that raises a flag's share: a ramp. Its Version is flag=variant, its Deployment and
// Previous are the two arms, and its plan has share steps only; everything else is as for a canary.
type Flag struct {
	Key         string  `json:"key"`
	Environment string  `json:"environment"`
	Variant     string  `json:"variant"`        // whose share rises
	Against     string  `json:"against"`        // what the others get
	Salt        string  `json:"salt,omitempty"` // of the flag's split; empty: its key
	Before      float64 `json:"before"`         // share that it had, and has again when it is taken back
	With        string  `json:"with,omitempty"` // id of the release that it belongs to
	// Pushed says that an edge can't know who gets which variant, because the flag is bucketed by something else than the
	// visitor, or by another algorithm: programs push what is measured.
	Pushed bool `json:"pushed,omitempty"`
}

// Arm is what the users of a variant are measured as.
func (f Flag) Arm(variant string) string {
	return fmt.Sprintf("flag:%s/%s=%s", f.Environment, f.Key, variant)
}

// Lane is the lane of the effects that change its share.
func (f Flag) Lane(app string) string { return "flag/" + app + "/" + f.Environment + "/" + f.Key }

// Ramp returns the release that raises a flag's share by a plan of share steps.
func Ramp(id, app, author string, f Flag, plan Plan) Release {
	return Release{
		ID: id, App: app, Author: author, Version: f.Key + "=" + f.Variant, Deployment: f.Arm(f.Variant),
		Previous: f.Arm(f.Against), Flag: &f, Plan: plan,
	}
}

// Stable is what the changed version is compared with, as people call it: what the stable deployment's version is, or
// the other variant of a flag.
func (r Release) Stable(version string) string {
	if r.Flag != nil {
		return r.Flag.Key + "=" + r.Flag.Against
	}
	return version
}

// People are those whom the release reaches: visitors of a deployment, users of a flag.
func (r Release) People() string {
	if r.Flag != nil {
		return "users"
	}
	return "visitors"
}

// lane is that of the routings.
func (x *decider) lane() string {
	if x.r.Flag != nil {
		return x.r.Flag.Lane(x.r.App)
	}
	return "route/" + x.r.App
}

// switchedOff ends a ramp whose flag was turned off, or whose release was taken back, by whoever did that.
func (x *decider) switchedOff() bool {
	if x.r.Flag == nil || x.f.Switched == "" {
		return false
	}
	x.undo(engineActor, x.f.Switched, nil)
	return true
}

// flagEnded says how a ramp ended.
func (x *decider) flagEnded(p Phase) {
	f := x.r.Flag
	switch {
	case p == Completed:
		x.route(RouteArgs{Stable: x.r.Deployment}, 0) // nobody is counted by it any more
		x.r.Effect = ""
		x.r.Sentence = fmt.Sprintf("Everybody in %s whom no rule of %s serves gets %s.", f.Environment, f.Key, f.Variant)
	case x.r.Reached == 0:
		x.r.Sentence = fmt.Sprintf("The ramp of %s ended before anybody saw %s: %s", f.Key, f.Variant, x.r.Reason)
	default:
		x.r.Sentence = fmt.Sprintf("The ramp of %s was taken back: %s", f.Key, x.r.Reason)
		if x.f.Switched == "" {
			x.d.Incident = &Ask{Title: "The ramp of " + x.r.Version + " was taken back", Trigger: x.r.Reason,
				Finding: x.r.Against, Detected: x.r.Detected}
		}
	}
}

// action is what an approval of the release permits.
func (r Release) action() string {
	if f := r.Flag; f != nil {
		return fmt.Sprintf("Raise the share of %s of %s in %s, under the guard, up to everybody", f.Variant, f.Key,
			f.Environment)
	}
	return fmt.Sprintf("Put %s into %s for everybody", r.Version, r.Step().Environment)
}
