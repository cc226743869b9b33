package story

import (
	"time"

	"github.com/a-h/templ"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/web/page"
)

const baking = "v2 is at 10 %. Not enough evidence yet: about 1,400 more requests, 3 minutes."

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
	calm.Sentence = "All quiet: production runs v1."
	calm.Releases, calm.Approvals, calm.Environments = nil, nil, quiet()
	trouble := running
	trouble.Sentence = "v2 was taken back from 10 % of visitors 12 minutes ago. Everybody is on v1."
	trouble.Incidents = []api.Incident{incident()}
	trouble.Rollbacks = []api.Rollback{rollback()}
	trouble.Releases, trouble.Environments = nil, quiet()
	trouble.Sources = []api.MetricSource{
		{Name: "prometheus-1", Kind: "prometheus", Heard: ptr(before(3 * time.Minute)), Accepted: 40, Dropped: 12,
			Trouble: true, Sentence: "Prometheus did not answer within 5s."},
		{Name: "otlp-1", Kind: "otlp", Heard: ptr(before(2 * time.Second)), Accepted: 900,
			Sentence: "The slowest took 2.1 s to arrive."},
	}
	trouble.Edges = []api.EdgeStatus{{Name: "edge-1", Generation: 40, Wanted: 41, Seen: before(time.Minute),
		Sentence: "One table behind, not heard of for a minute."}}
	vercel := onVercel(running, trouble)
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
	code := api.GitHub{App: 123456, Repository: "acme/shop", Check: true, Protection: []string{"production"},
		Answered: ptr(before(9 * time.Second)), Sentence: "Waiting at GitHub for Slipway: 1 job.",
		Jobs: []api.GitHubJob{{Run: 9120044, Environment: "production", Since: before(4 * time.Minute),
			Commit: "9fceb02d0ae598e95dc970b74767f19372d61af8", Why: `v2 is not past "QA signs off staging" yet.`}}}
	mute := code
	mute.Jobs, mute.Trouble, mute.Behind, mute.Answered = nil, true, 1, ptr(before(11*time.Minute))
	mute.Sentence = "GitHub does not show 1 release as it is; it is tried again. The GitHub App may not begin " +
		`a check run: it needs the repository permission "Checks: write".`
	verdict.GitHub, trouble.GitHub = &code, &mute
	full := running
	full.Approvals = nil
	full.Disk = "The disk is full: 12 of 16 MB of the reserve are left for what must be recorded. Make room on the disk " +
		"of /var/lib/slipway (3 MB are free, 20 are needed); nothing new starts before that."
	full.Releases = []api.Release{release("canary/share-10", "waiting",
		"v2 waits and stays at 10 %. The disk is full. It goes on by itself when there is room.")}
	full.Sentence = full.Disk + " v2 waits and stays at 10 %. It goes on by itself when there is room."
	return []Story{
		home("full", full, events()), home("verdict", verdict, events()[3:]), home("running", running, events()),
		home("calm", calm, events()[6:]), home("trouble", trouble, takenBackEvents()), home("fresh", fresh, nil),
		home("platform", vercel["platform"], events()), home("displaced", vercel["displaced"], events()),
		home("silent", vercel["silent"], events()), home("paused", vercel["paused"], events()),
	}
}
