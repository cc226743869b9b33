package story

import (
	"time"

	"github.com/slipwayhq/slipway/api"
)

// waitsForAPerson is what a release says whose visitors somebody else has moved.
const waitsForAPerson = " Waits for a person: abort takes it back, retry routes it again as planned."

// onVercel is a status of an application that runs there, in the states that Vercel can put it into, by their names.
func onVercel(running, trouble api.Status) map[string]api.Status {
	well := api.Target{Kind: "vercel", Project: "shop", Team: "acme", Way: "rolling", Share: 10,
		Stable: api.TargetArm{ID: "dpl_9fceb02", Version: "v1"}, Canary: &api.TargetArm{ID: "dpl_4a1c77e", Version: "v2"},
		Pinned: true, Sentence: "v2 has 10 % of the visitors, v1 the rest.", Seen: ptr(before(4 * time.Second))}
	changed, away, gate := well, well, well
	changed.Canary, changed.Share, changed.Stable = nil, 0, api.TargetArm{ID: "dpl_77aa01c"}
	changed.Trouble, changed.Since = true, ptr(before(3*time.Minute))
	changed.Sentence = "Grace made dpl_77aa01c what everybody gets, and not through Slipway."
	changed.Remedy = "The release waits for a person: slipway release abort takes it back, slipway release retry routes " +
		"it again as planned."
	away.Trouble, away.Since, away.Seen = true, ptr(before(12*time.Minute)), ptr(before(12*time.Minute))
	away.Sentence = "What Vercel serves is not known: Vercel does not know the token: it has expired or was revoked. " +
		"Put a new one in its place (needed to read a project)."
	away.Remedy = "Visitors keep what Vercel served last, and nothing is promoted. Releases go on by themselves when it " +
		"answers. What the token or the project lacks: slipway check --target."
	gate.Trouble, gate.Since = true, ptr(before(2*time.Minute))
	gate.Sentence = "A gate of the platform's own has paused v2 at 10 %: it goes on when somebody lets it go on there."
	gate.Remedy = "Let the rolling release go on, on Vercel's page of the project, and the release goes on too; or take " +
		"it back: slipway release abort."

	platform, displaced := running, trouble
	platform.Edges, displaced.Edges, displaced.Sources = nil, nil, nil
	silent, paused := platform, platform
	platform.Target, displaced.Target, silent.Target, paused.Target = &well, &changed, &away, &gate
	silent.Sentence = baking + " " + away.Sentence
	silent.Sources = []api.MetricSource{{Name: "drain-1", Kind: "drain", Heard: ptr(before(6 * time.Minute)),
		Accepted: 81200, Trouble: true, Sentence: "Nothing has arrived for 6 min."}}
	paused.Sentence = gate.Sentence
	paused.Releases = []api.Release{release("canary/share-10", "waiting", gate.Sentence+waitsForAPerson)}
	return map[string]api.Status{"platform": platform, "displaced": displaced, "silent": silent, "paused": paused}
}
