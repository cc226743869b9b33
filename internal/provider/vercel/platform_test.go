package vercel

import (
	"context"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/provider"
	"github.com/slipwayhq/slipway/internal/provider/providertest"
	api "github.com/slipwayhq/slipway/internal/vercel"
)

// spoken returns the calls of a log as the command line's are written down: method, path without its version, body. The
// same look again and again is one.
func spoken(log []string) []string {
	version := regexp.MustCompile(`^([A-Z]+) /v\d+/`)
	var out []string
	for _, line := range log {
		line = version.ReplaceAllString(line, "$1 /")
		line = strings.NewReplacer("teamId=team_T1&", "", "&teamId=team_T1", "", "?teamId=team_T1", "").Replace(line)
		if len(out) == 0 || out[len(out)-1] != line {
			out = append(out, line)
		}
	}
	return out
}

func writes(log []string) []string {
	var out []string
	for _, line := range spoken(log) {
		if !strings.HasPrefix(line, "GET ") {
			out = append(out, line)
		}
	}
	return out
}

// within reports whether the calls stand in the log in this order.
func within(log, calls []string) bool {
	for _, line := range log {
		if len(calls) > 0 && line == calls[0] {
			calls = calls[1:]
		}
	}
	return len(calls) == 0
}

// TestTheCallsAreThoseOfVercelsOwnCommandLine compares what is sent for an intent with what the real command line sends
// for it, as it was recorded. Slipway reads more; it writes the same.
func TestTheCallsAreThoseOfVercelsOwnCommandLine(t *testing.T) {
	t.Parallel()
	r := providertest.Routing
	two := func(g uint64, share float64) provider.Routing {
		out := r(g, "dep_a", "dep_b", share)
		out.Steps = []float64{10, 50, 100}
		return out
	}
	rolling := "/projects/prj_P1/rolling-release"
	for _, tt := range []struct {
		name   string
		mode   string
		first  []provider.Routing
		then   provider.Routing
		writes []string
		reads  []string
	}{
		{"promote", ModeRolling, []provider.Routing{r(1, "dep_a", "", 0)}, r(2, "dep_b", "", 0),
			[]string{"POST /projects/prj_P1/promote/dpl_b {}"},
			[]string{"GET /deployments/dpl_b", "GET /projects/prj_P1?rollbackInfo=true",
				"POST /projects/prj_P1/promote/dpl_b {}", "GET /projects/prj_P1?rollbackInfo=true", "GET /deployments/dpl_b"}},
		{"rollback", ModeRolling, []provider.Routing{r(1, "dep_b", "", 0)}, goingBack(2, "dep_a", "dep_x"),
			[]string{"POST /projects/prj_P1/rollback/dpl_a {}"},
			[]string{"GET /projects/prj_P1?rollbackInfo=true", "GET /deployments/dpl_a",
				"POST /projects/prj_P1/rollback/dpl_a {}", "GET /projects/prj_P1?rollbackInfo=true"}},
		{"rolling-release configure, start", ModeRolling, []provider.Routing{r(1, "dep_a", "", 0)}, two(2, 10), []string{
			"PATCH " + rolling + `/config {"enabled":true,"advancementType":"manual-approval","stages":[` +
				`{"targetPercentage":10,"requireApproval":true},{"targetPercentage":50,"requireApproval":true},` +
				`{"targetPercentage":100}]}`,
			"POST " + rolling + `/start {"canaryDeploymentId":"dpl_b"}`}, []string{"GET " + rolling}},
		{"rolling-release approve", ModeRolling, []provider.Routing{two(1, 10)}, two(2, 50), []string{
			"POST " + rolling + `/approve-stage {"activeStageIndex":0,"canaryDeploymentId":"dpl_b","nextStageIndex":1}`}, nil},
		{"rolling-release complete", ModeRolling, []provider.Routing{two(1, 10)}, two(2, 100), []string{
			"POST " + rolling + `/complete {"canaryDeploymentId":"dpl_b"}`}, nil},
		{"rolling-release abort", ModeRolling, []provider.Routing{two(1, 10)}, goingBack(2, "dep_a", "dep_x"), []string{
			"POST /projects/prj_P1/rollback/dpl_a {}"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w, s := newTown(), &shelf{}
			plain := func(o *Options) { o.Gate = false }
			if tt.name == "rollback" {
				w.production = "dpl_b"
			}
			w.boundary = 2e12 // that it is moved is a thing of its own
			p := w.node(s, tt.mode, plain)
			for _, r := range tt.first {
				mustRoute(t, p, r)
			}
			w.log = nil
			mustRoute(t, p, tt.then)
			got := writes(w.log)
			if len(got) > 0 && strings.Contains(got[len(got)-1], "/update-description ") {
				got = got[:len(got)-1] // a word for people, which the command line does not leave
			}
			if diff := cmp.Diff(tt.writes, got); diff != "" {
				t.Errorf("-the command line +Slipway\n%s", diff)
			}
			if !within(spoken(w.log), tt.reads) {
				t.Errorf("it does not look where the command line looks:\n%s", strings.Join(spoken(w.log), "\n"))
			}
		})
	}
}

func TestABuildIsLookedForBeforeItIsMade(t *testing.T) {
	t.Parallel()
	w, s := newTown(), &shelf{}
	order := provider.Order{Commit: "9fceb02aa", Version: "v3", Release: "rel_1", Production: true}
	lose := true
	w.lost = func(method, path string) bool {
		was := lose
		if method == http.MethodPost {
			lose = false
		}
		return was && method == http.MethodPost
	}
	if _, err := w.node(s, ModeRolling).Create(t.Context(), order); !fault.Is(err, fault.Unavailable) {
		t.Errorf("the answer was lost: %v", err)
	}
	w.log = nil
	b, err := w.node(s, ModeRolling).Create(t.Context(), order)
	if err != nil || len(w.made) != 1 || b.External != "dpl_made0" || b.Version != "v3" || b.Commit != "9fceb02aa" ||
		b.URL != "https://made0.vercel.app" {
		t.Errorf("%d builds: %+v, %v", len(w.made), b, err)
	}
	if _, err := w.node(s, ModeRolling).Create(t.Context(), provider.Order{From: "dpl_a", Release: "rel_1",
		Production: true}); err != nil {
		t.Fatal(err)
	}
	want := []string{`POST /deployments {"deploymentId":"dpl_a","meta":{"action":"redeploy","slipwayAgain":"dpl_a",` +
		`"slipwayRelease":"rel_1"},"name":"shop","target":"production","autoAssignCustomDomains":false}`}
	if diff := cmp.Diff(want, writes(w.log)); diff != "" {
		t.Error(diff)
	}
	found, err := w.node(s, ModeRolling).Find(t.Context(), provider.Ref{Commit: "9fceb02aa"})
	if err != nil || found.External != "dpl_made0" || found.Preview {
		t.Errorf("%+v, %v", found, err)
	}
	if _, err := w.node(s, ModeRolling).Find(t.Context(), provider.Ref{Commit: "0000000"}); !fault.Is(err,
		fault.NotFound) {
		t.Errorf("a commit that nobody built: %v", err)
	}
}

func TestAPreviewIsNeverPromoted(t *testing.T) {
	t.Parallel()
	for _, share := range []float64{5, 100} {
		w, s := newTown(), &shelf{}
		w.targets["dpl_b"] = "preview"
		err := route(t, w.node(s, ModeRolling), providertest.Routing(1, "dep_a", "dep_b", share))
		if fault.ReasonOf(err) != "deployment_preview" || w.writes != 0 {
			t.Errorf("%g %%: %v after %d writes", share, err, w.writes)
		}
		b, err := w.node(s, ModeRolling).Find(t.Context(), provider.Ref{External: "dpl_b"})
		if err != nil || !b.Preview {
			t.Errorf("%+v, %v", b, err)
		}
	}
}

// TestTheBypassIsForThisProjectOnly: the header that opens protected deployments goes to hosts that Vercel names as of
// this project, also on a node that has not met the deployment before. Of another's, Vercel may say no project at all.
func TestTheBypassIsForThisProjectOnly(t *testing.T) {
	t.Parallel()
	w, s := newTown(), &shelf{}
	w.foreign = map[string]string{"dpl_theirs": "prj_theirs", "theirs.vercel.app": "prj_theirs", "dpl_public": "",
		"public.vercel.app": ""}
	p := w.node(s, ModeRolling, func(o *Options) { o.Bypass = func(context.Context) string { return "open-sesame" } })
	for _, id := range []string{"dpl_theirs", "dpl_public"} {
		if b, err := p.Find(t.Context(), provider.Ref{External: id}); fault.ReasonOf(err) != "build_unknown" {
			t.Errorf("%s is taken for ours: %+v, %v", id, b, err)
		}
	}
	for address, want := range map[string]string{
		"https://b.vercel.app": "open-sesame", "https://b.vercel.app/health?x=1": "open-sesame",
		"http://b.vercel.app": "", "https://evil.example": "", "https://b.vercel.app.evil.example": "",
		"https://b.vercel.app@evil.example": "", "https://b.vercel.app:8443": "", "": "", "%": "",
		"https://theirs.vercel.app": "", "https://public.vercel.app": "",
	} {
		if got := p.Access(t.Context(), address).Get("X-Vercel-Protection-Bypass"); got != want {
			t.Errorf("%s gets %q", address, got)
		}
	}
	asked := len(w.log)
	for range 20 {
		p.Access(t.Context(), "https://evil.example")
		p.Access(t.Context(), "https://b.vercel.app")
	}
	if len(w.log) != asked {
		t.Errorf("Vercel was asked %d times more", len(w.log)-asked)
	}
}

func TestThePlanSaysWhichWay(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ slots, config, want string }{
		{api.SlotsLeft, "", ModeRolling}, {api.SlotsUnlimited, "ecfg_1", ModeRolling}, {api.SlotsNone, "ecfg_1", ModeProxy},
		{api.SlotsTaken, "ecfg_1", ModeProxy}, {api.SlotsNone, "", ""},
	} {
		w, s := newTown(), &shelf{}
		w.slots = tt.slots
		p := w.node(s, ModeAuto, func(o *Options) { o.Config = tt.config })
		err := route(t, p, providertest.Routing(1, "dep_a", "dep_b", 5))
		got := ""
		switch {
		case w.active():
			got = ModeRolling
		case w.table != nil:
			got = ModeProxy
		}
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%s: %q, %v", tt.slots, got, err)
		}
		if tt.want == "" && (!fault.Is(err, fault.Refused) || !strings.Contains(fault.MessageOf(err), "global_config")) {
			t.Errorf("no way out is named: %v", err)
		}
		// The plan changes in the middle: the canary goes on as it began, and back.
		w.slots = api.SlotsNone
		if tt.want == ModeRolling {
			mustRoute(t, w.node(s, ModeAuto, func(o *Options) { o.Config = tt.config }),
				providertest.Routing(2, "dep_a", "dep_b", 10))
			if w.share() != 10 || w.table != nil {
				t.Errorf("%s: %g %%", tt.slots, w.share())
			}
		}
	}
}

func TestServingIsWhatVercelSays(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{ModeRolling, ModeProxy} {
		w, s := newTown(), &shelf{}
		p := w.node(s, mode)
		says := func(want provider.Serving) {
			t.Helper()
			got, err := w.node(s, mode).Serving(t.Context())
			want.At = got.At
			if err != nil || got != want {
				t.Errorf("%s: %+v, want %+v, %v", mode, got, want, err)
			}
		}
		says(provider.Serving{Stable: "dpl_a"})
		mustRoute(t, p, providertest.Routing(1, "dep_a", "dep_b", 5))
		says(provider.Serving{Stable: "dpl_a", Canary: "dpl_b", Share: 5})
		if w.paused = mode == ModeRolling; w.paused {
			says(provider.Serving{Stable: "dpl_a", Canary: "dpl_b", Share: 5, Paused: true})
			err := route(t, p, providertest.Routing(2, "dep_a", "dep_b", 6))
			if fault.ReasonOf(err) != provider.Elsewhere || w.share() != 5 {
				t.Errorf("Vercel's gate is fought: %v, %g %%", err, w.share())
			}
			w.paused = false
		}
		mustRoute(t, p, providertest.Routing(3, "dep_a", "dep_b", 100))
		mustRoute(t, p, providertest.Routing(4, "dep_b", "", 0))
		says(provider.Serving{Stable: "dpl_b"})
		mustRoute(t, p, goingBack(5, "dep_a", "dep_b"))
		says(provider.Serving{Stable: "dpl_a", Pinned: true})
		w.noAuto = true
		says(provider.Serving{Stable: "dpl_a", Pinned: true})
		if err := route(t, p, providertest.Routing(6, "dep_a", "dep_c", 5)); fault.ReasonOf(err) != "pin_unknown" {
			t.Errorf("%s: a raise over what may be pinned: %v", mode, err)
		}
		mustRoute(t, p, goingBack(7, "dep_a", "dep_c"))
	}
}

// TestACanaryThatWasDeletedIsGone: Vercel still names it as what visitors are sent to. A stable version is not looked
// for, and who can't be asked says nothing.
func TestACanaryThatWasDeletedIsGone(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{ModeRolling, ModeProxy} {
		w, s := newTown(), &shelf{}
		mustRoute(t, w.node(s, mode), providertest.Routing(1, "dep_a", "dep_b", 5))
		gone := func() (string, error) {
			got, err := w.node(s, mode).Serving(t.Context())
			return got.Gone, err
		}
		if id, err := gone(); err != nil || id != "" {
			t.Errorf("%s: %q is gone, %v", mode, id, err)
		}
		w.gone["dpl_a"] = true
		if id, err := gone(); err != nil || id != "" {
			t.Errorf("%s: what is stable is looked for: %q, %v", mode, id, err)
		}
		w.gone["dpl_b"] = true
		if id, err := gone(); err != nil || id != "dpl_b" {
			t.Errorf("%s: %q is gone, want dpl_b, %v", mode, id, err)
		}
		w.before = func(_, path string) int {
			if strings.Contains(path, "/deployments/dpl_b") {
				return http.StatusForbidden
			}
			return 0
		}
		if id, err := gone(); err == nil || id != "" {
			t.Errorf("%s: Vercel refuses to say, and %q is gone, %v", mode, id, err)
		}
	}
}

// TestWhatIsNotOnVercelIsNotRouted: a build of nowhere is refused before anything is asked.
func TestWhatIsNotOnVercelIsNotRouted(t *testing.T) {
	t.Parallel()
	w, s := newTown(), &shelf{}
	r := providertest.Routing(1, "dep_a", "dep_b", 5)
	r.Canary.External = ""
	if err := route(t, w.node(s, ModeRolling), r); fault.ReasonOf(err) != "deployment_foreign" || len(w.log) != 0 {
		t.Errorf("%v after %v", err, w.log)
	}
}

// TestSlipwaysCheckFollowsItsVerdict: Vercel itself refuses to promote what Slipway has not passed.
func TestSlipwaysCheckFollowsItsVerdict(t *testing.T) {
	t.Parallel()
	w, s := newTown(), &shelf{}
	p := w.node(s, ModeProxy)
	mustRoute(t, p, providertest.Routing(1, "dep_a", "dep_b", 5))
	if w.runs["dpl_b"] != "" {
		t.Error("it passes on five percent, where anybody could promote it then")
	}
	mustRoute(t, p, providertest.Routing(2, "dep_a", "dep_b", 100))
	var passed bool
	w.before = func(method, path string) int {
		if strings.Contains(path, "/promote/dpl_b") && method == http.MethodPost {
			passed = w.runs["dpl_b"] == api.Succeeded
		}
		return 0
	}
	mustRoute(t, p, providertest.Routing(3, "dep_b", "", 0))
	if !passed {
		t.Error("it was promoted before the check had passed")
	}
	w.before = nil
	mustRoute(t, p, goingBack(4, "dep_a", "dep_b"))
	if w.runs["dpl_b"] != api.Failing {
		t.Errorf("taken back, it is %q", w.runs["dpl_b"])
	}
}
