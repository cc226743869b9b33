package story

import (
	"time"

	"github.com/a-h/templ"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/web/page"
)

const baking = "v2 is at 10 %. Not enough evidence yet: about 1,400 more requests, 4 minutes."

// waitsForAPerson is what a release says whose visitors somebody else has moved.
const waitsForAPerson = " Waits for a person: abort takes it back, retry routes it again as planned."

func homeStories() []Story {
	home := func(name string, s api.Status, today []api.Event) Story {
		return Story{Name: "home/" + name, Page: func(f page.Frame) templ.Component { return page.Home(f, s, today) }}
	}
	running := api.Status{
		App: "shop", Sentence: "v2 is on its way: 10 % of visitors. One approval waits for you.", Now: Now(),
		Environments: environments(),
		Releases:     []api.Release{release("canary/share-10", "running", baking)}, Approvals: []api.Approval{approval()},
		Edges: []api.EdgeStatus{{Name: "edge-1", Generation: 41, Wanted: 41, Seen: before(time.Second),
			Sentence: "Serves the current routing table."}},
	}
	calm := running
	calm.Sentence = "All is quiet: v1 is in production since yesterday, and nothing is on its way."
	calm.Releases, calm.Approvals = nil, nil
	trouble := running
	trouble.Sentence = "v2 was taken back from 10 % of visitors 12 minutes ago. Everybody is on v1."
	trouble.Incidents = []api.Incident{incident()}
	trouble.Rollbacks = []api.Rollback{rollback()}
	trouble.Releases = nil
	trouble.Sources = []api.MetricSource{
		{Name: "prometheus-1", Kind: "prometheus", Heard: ptr(before(3 * time.Minute)), Accepted: 40, Dropped: 12,
			Trouble: true, Sentence: "Prometheus did not answer within 5s."},
		{Name: "otlp-1", Kind: "otlp", Heard: ptr(before(2 * time.Second)), Accepted: 900,
			Sentence: "The slowest took 2.1s to arrive; 0 belonged to nothing that is known."},
	}
	trouble.Edges = []api.EdgeStatus{{Name: "edge-1", Generation: 40, Wanted: 41, Seen: before(time.Minute),
		Sentence: "One table behind, not heard of for a minute."}}
	platform, displaced := running, trouble
	platform.Edges, displaced.Edges, displaced.Sources = nil, nil, nil
	platform.Target = &api.Target{Kind: "vercel", Project: "shop", Team: "acme", Way: "rolling", Share: 10,
		Stable: api.TargetArm{ID: "dpl_9fceb02", Version: "v1"}, Canary: &api.TargetArm{ID: "dpl_4a1c77e", Version: "v2"},
		Pinned: true, Sentence: "v2 has 10 % of the visitors, v1 the rest.", Seen: ptr(before(4 * time.Second))}
	changed := *platform.Target
	changed.Canary, changed.Share, changed.Stable = nil, 0, api.TargetArm{ID: "dpl_77aa01c"}
	changed.Trouble, changed.Since = true, ptr(before(3*time.Minute))
	changed.Sentence = "Grace made dpl_77aa01c what everybody gets, and not through Slipway."
	changed.Remedy = "The release waits for a person: slipway release abort takes it back, slipway release retry routes it " +
		"again as planned."
	displaced.Target = &changed
	silent, held := platform, platform
	away, gate := *platform.Target, *platform.Target
	away.Trouble, away.Since, away.Seen = true, ptr(before(12*time.Minute)), ptr(before(12*time.Minute))
	away.Sentence = "What Vercel serves is not known: Vercel does not know the token: it has expired or was revoked. Put a " +
		"new one in its place (needed to read a project)."
	away.Remedy = "Visitors keep what Vercel served last, and nothing is promoted. Releases go on by themselves when it " +
		"answers. What the token or the project lacks: slipway check --target."
	silent.Target = &away
	silent.Sentence = "v2: " + baking + " " + away.Sentence
	silent.Sources = []api.MetricSource{{Name: "drain-1", Kind: "drain", Heard: ptr(before(6 * time.Minute)), Accepted: 81200,
		Trouble: true, Sentence: "Nothing has arrived for 6m0s."}}
	gate.Trouble, gate.Since = true, ptr(before(2*time.Minute))
	gate.Sentence = "A gate of the platform's own has paused v2 at 10 %: it goes on when somebody lets it go on there."
	gate.Remedy = "Let the rolling release go on, on Vercel's page of the project, and the release goes on too; or take it " +
		"back: slipway release abort."
	held.Target, held.Sentence = &gate, gate.Sentence
	held.Releases = []api.Release{release("canary/share-10", "waiting", gate.Sentence+waitsForAPerson)}
	fresh := api.Status{App: "shop", Sentence: "Nothing runs here yet.", Now: Now()}
	for _, e := range environments() {
		e.Deployment, e.Since, e.Requests, e.Share, e.Release = nil, nil, 0, 0, ""
		e.Sentence = "Nothing was deployed here yet."
		fresh.Environments = append(fresh.Environments, e)
	}
	verdict := calm
	verdict.Sentence = "v2 waits for a verdict of QA."
	verdict.Releases = []api.Release{release("staging/sign-off", "waiting",
		"v2 waits: QA signs off staging: nothing reported yet.")}
	return []Story{
		home("verdict", verdict, events()), home("running", running, events()), home("calm", calm, events()),
		home("trouble", trouble, events()), home("fresh", fresh, nil), home("platform", platform, events()),
		home("displaced", displaced, events()), home("silent", silent, events()), home("paused", held, events()),
	}
}
