package story

import (
	"fmt"
	"slices"

	"github.com/slipwayhq/slipway/api"
)

// start starts the release of a version by Ada; its shop is opened when it is not.
func (w *world) start(version string) api.Release {
	w.t.Helper()
	r, err := w.tryStart(version)
	w.ok(err)
	return r
}

func (w *world) tryStart(version string) (api.Release, error) {
	w.t.Helper()
	if w.shops[version] == nil {
		w.shop(version)
	}
	return w.by("ada").StartRelease(w.ctx, api.StartRelease{
		Version: version, Commit: "c-" + version, Deployment: w.shops[version].URL(), BuildIDs: []string{"dpl-" + version},
		Note: "the notes of " + version, Unscheduled: "a story",
	})
}

// release reads a release.
func (w *world) release(id string) api.Release {
	w.t.Helper()
	r, err := w.admin().Release(w.ctx, id)
	w.ok(err)
	return r
}

// reaches waits until a release is as wanted, and returns it.
func (w *world) reaches(id, what string, as func(api.Release) bool) api.Release {
	w.t.Helper()
	var r api.Release
	err := w.eventually(func() bool {
		r = w.release(id)
		return as(r)
	})
	if err != nil {
		w.t.Fatalf("%s: %s; it is %s at %s: %s%s", what, err, r.Phase, r.Step, r.Sentence, w.newest())
	}
	return r
}

// ends waits until a release has ended in a phase.
func (w *world) ends(id, phase string) api.Release {
	w.t.Helper()
	r := w.reaches(id, "wait for the end", func(r api.Release) bool { return r.Ended != nil })
	if r.Phase != phase {
		w.t.Fatalf("the release ended %s, want %s: %s%s", r.Phase, phase, r.Reason, w.newest())
	}
	return r
}

// arrives waits until a release works at a step.
func (w *world) arrives(id, step string) api.Release {
	w.t.Helper()
	r := w.reaches(id, "wait for "+step, func(r api.Release) bool { return r.Step == step || r.Ended != nil })
	if r.Step != step {
		w.t.Fatalf("the release ended %s before %s: %s%s", r.Phase, step, r.Reason, w.newest())
	}
	return r
}

// exposed waits until a release has confirmed a share.
func (w *world) exposed(id string, share float64) api.Release {
	w.t.Helper()
	return w.reaches(id, fmt.Sprintf("wait for %g %%", share),
		func(r api.Release) bool { return r.Share == share || r.Ended != nil })
}

// report reports an item of a version's checklist.
func (w *world) report(who, version, name, status string) {
	w.t.Helper()
	_, err := w.by(who).ReportCheck(w.ctx, api.ReportCheck{
		Version: version, Commit: "c-" + version, Name: name, Status: status, Summary: "said by " + who,
		URL: "https://ci.example.com/" + name,
	})
	w.ok(err)
}

// gates lets the team do what stands between the start and the canary.
func (w *world) gates(r api.Release) {
	w.t.Helper()
	w.report("ada", r.Version, "unit", "passed")
	w.report("ada", r.Version, "review", "passed")
	w.signs("quinn", r)
}

// signs signs staging off.
func (w *world) signs(who string, r api.Release) {
	w.t.Helper()
	_, err := w.by(who).ActOnRelease(w.ctx, r.ID, "sign", api.ReleaseAction{Step: "staging/sign-off", Passed: true,
		Reason: "clicked through"})
	w.ok(err)
}

// asked waits until people are asked to approve a release, and returns the request.
func (w *world) asked(id string) api.Approval {
	w.t.Helper()
	r := w.reaches(id, "wait for the request", func(r api.Release) bool {
		return r.Approval != nil && r.Approval.State == "open" || r.Ended != nil
	})
	if r.Approval == nil {
		w.t.Fatalf("the release ended %s: %s%s", r.Phase, r.Reason, w.newest())
	}
	return *r.Approval
}

// approves approves a request as it is now.
func (w *world) approves(who string, q api.Approval) {
	w.t.Helper()
	_, err := w.by(who).Approve(w.ctx, q.ID, api.Decision{Hash: q.Hash})
	w.ok(err)
}

// promoted takes a version to the watch in production.
func (w *world) promoted(version string) api.Release {
	w.t.Helper()
	r := w.start(version)
	w.gates(r)
	w.approves("pia", w.asked(r.ID))
	return w.reaches(r.ID, "be watched in production", func(r api.Release) bool {
		return slices.ContainsFunc(r.Steps, func(s api.Step) bool {
			return s.ID == "production/verify" &&
				s.Status == "passed"
		})
	})
}

// act gives a release a command.
func (w *world) act(who, id, action string, in api.ReleaseAction) api.Release {
	w.t.Helper()
	r, err := w.by(who).ActOnRelease(w.ctx, id, action, in)
	w.ok(err)
	return r
}

// environment reads an environment.
func (w *world) environment(name string) api.Environment {
	w.t.Helper()
	list, err := w.admin().Environments(w.ctx)
	w.ok(err)
	i := slices.IndexFunc(list, func(e api.Environment) bool { return e.Name == name })
	if i < 0 {
		w.t.Fatalf("there is no environment %s", name)
	}
	return list[i]
}

// runs returns the version that an environment runs, "" for none.
func (w *world) runs(name string) string {
	w.t.Helper()
	if d := w.environment(name).Deployment; d != nil {
		return d.Version
	}
	return ""
}

// deployment reads the deployment of a version.
func (w *world) deployment(version string) api.Deployment {
	w.t.Helper()
	list, err := w.admin().Deployments(w.ctx, "")
	w.ok(err)
	i := slices.IndexFunc(list, func(d api.Deployment) bool { return d.Version == version })
	if i < 0 {
		w.t.Fatalf("there is no deployment of %s", version)
	}
	return list[i]
}
