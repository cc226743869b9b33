//go:build full

package vercel

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	fake "github.com/slipwayhq/slipway/internal/fake/vercel"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/provider"
	slipway "github.com/slipwayhq/slipway/internal/provider/vercel"
	api "github.com/slipwayhq/slipway/internal/vercel"
)

// intent is something that a person does by Vercel's command line and Slipway by its provider.
type intent struct {
	name    string
	before  func(*shop) // of both, and not compared
	person  func(*shop)
	slipway func(*shop, *slipway.Provider) error
	extra   []string // calls that only Slipway makes, with the reason behind " # "
	fields  []string // of bodies, that only one of both sends or that differ, with the reason
}

// write is a call that changes something.
type write struct {
	call string // method and path without its version
	body any
}

// writes returns what was written since the last ForgetRequests, with the names of this world's ids.
func (s *shop) writes() []write {
	s.t.Helper()
	names := strings.NewReplacer(s.project.ID, "PROJECT", s.base, "BASE", s.canary, "CANARY", s.staged, "STAGED")
	version := regexp.MustCompile(`^/v\d+/`)
	var out []write
	for _, r := range s.Requests() {
		if r.Method == "GET" || r.Method == "HEAD" {
			continue // how often and what each one reads is its own matter
		}
		if r.Status > 299 {
			s.t.Errorf("%s %s was answered %d", r.Method, r.Path, r.Status)
		}
		w := write{call: names.Replace(r.Method + " " + version.ReplaceAllString(r.Path, "/"))}
		s.ok(json.Unmarshal([]byte(names.Replace(r.Body)), &w.body))
		out = append(out, w)
	}
	return out
}

// allow takes away what is allowed to differ, each once, and complains of what did not differ after all.
func (in intent) allow(t *testing.T, theirs, ours []write) ([]write, []write) {
	t.Helper()
	for _, e := range in.extra {
		call, _, _ := strings.Cut(e, " # ")
		at := -1
		for i, w := range ours {
			if w.call == call {
				at = i
			}
		}
		if at < 0 {
			t.Errorf("Slipway no longer calls %s", e)
			continue
		}
		ours = append(ours[:at:at], ours[at+1:]...)
	}
	for _, e := range in.fields {
		path, _, _ := strings.Cut(e, " # ")
		was := fmt.Sprint(theirs, ours)
		for _, list := range [][]write{theirs, ours} {
			for _, w := range list {
				take(w.body, strings.Split(path, "."))
			}
		}
		if fmt.Sprint(theirs, ours) == was {
			t.Errorf("nobody sends %s", e)
		}
	}
	return theirs, ours
}

func take(v any, path []string) {
	if list, is := v.([]any); is {
		for _, e := range list {
			take(e, path)
		}
	}
	m, _ := v.(map[string]any)
	if len(path) == 1 {
		delete(m, path[0])
		return
	}
	take(m[path[0]], path[1:])
}

// arm is a build as Slipway routes to it.
func arm(id string) provider.Arm {
	return provider.Arm{ID: id, External: id, URL: "http://127.0.0.1:1"}
}

// routing is what Slipway wants: by its generation, what everybody gets, and who else gets what.
func routing(generation uint64, stable, canary string, share float64) provider.Routing {
	r := provider.Routing{App: "shop", Generation: generation, Salt: "salt", Stable: arm(stable), Share: share,
		Steps: []float64{10, 50, 100}}
	if canary != "" {
		a := arm(canary)
		r.Canary = &a
	}
	return r
}

// back takes a build back.
func back(generation uint64, stable, bad string) provider.Routing {
	r := routing(generation, stable, "", 0)
	a := arm(bad)
	a.Banned = true
	r.Back, r.Retired = true, []provider.Arm{a}
	return r
}

// provider is Slipway's, on this world.
func (s *shop) provider() *slipway.Provider {
	var generation uint64
	var doc json.RawMessage
	client := api.New(api.Options{API: s.URL(), Token: func(context.Context) (string, error) { return "token", nil }})
	return slipway.New(slipway.Options{Client: client, Project: s.project.ID, Mode: slipway.ModeRolling,
		Publish: func(_ context.Context, _ string, g uint64, d json.RawMessage) (json.RawMessage, error) {
			if g > generation {
				generation, doc = g, d
			}
			return doc, nil
		},
		Wanted: func(context.Context, string) (uint64, json.RawMessage, error) {
			if generation == 0 {
				return 0, nil, fault.New(fault.NotFound, "not_found", "Nothing is wanted yet.")
			}
			return generation, doc, nil
		},
		Poll: 10 * time.Millisecond, Confirm: 30 * time.Second})
}

func route(list ...func(*shop) provider.Routing) func(*shop, *slipway.Provider) error {
	return func(s *shop, p *slipway.Provider) error {
		for _, r := range list {
			if err := p.Route(s.t.Context(), "key", r(s)); err != nil {
				return err
			}
		}
		return nil
	}
}

const (
	why    = "PATCH /projects/PROJECT/rollback/BASE/update-description # it says who went back"
	pinned = "PATCH /projects/PROJECT # it keeps pinned visitors from what was taken back: the skew boundary"
)

func intents() []intent {
	promoted := func(s *shop) { s.api("POST", "/v10/projects/shop/promote/"+s.canary, "{}"); s.Settle() }
	released := func(s *shop) {
		s.rolling(`{"targetPercentage":10,"requireApproval":true},{"targetPercentage":50,"requireApproval":true},
			{"targetPercentage":100}`)
		s.api("POST", "/v1/projects/shop/rolling-release/start", `{"canaryDeploymentId":"`+s.canary+`"}`)
	}
	taken := route(func(s *shop) provider.Routing { return back(1, s.base, s.canary) })
	return []intent{
		{name: "promote", person: func(s *shop) { s.cli("promote", s.canary, "--yes") },
			slipway: route(func(s *shop) provider.Routing { return routing(1, s.base, "", 0) },
				func(s *shop) provider.Routing { return routing(2, s.canary, "", 0) })},
		{name: "roll back", before: promoted, person: func(s *shop) { s.cli("rollback", s.base, "--yes") },
			slipway: taken, extra: []string{why, pinned}},
		{name: "roll out", person: func(s *shop) {
			s.cli("rolling-release", "configure", "--enable", "--advancement-type=manual-approval", "--stage=10", "--stage=50")
			s.cli("rolling-release", "start", "--dpl="+s.canary, "--yes")
			s.cli("rolling-release", "approve", "--dpl="+s.canary, "--currentStageIndex=0")
			s.cli("rolling-release", "complete", "--dpl="+s.canary)
		}, slipway: route(func(s *shop) provider.Routing { return routing(1, s.base, s.canary, 10) },
			func(s *shop) provider.Routing { return routing(2, s.base, s.canary, 50) },
			func(s *shop) provider.Routing { return routing(3, s.base, s.canary, 100) }),
			fields: []string{"stages.requireApproval # manual-approval means it"}},
		{name: "abort", before: released, person: func(s *shop) { s.cli("rolling-release", "abort", "--dpl="+s.base) },
			slipway: taken, extra: []string{why, pinned}},
		{name: "add a variable", person: func(s *shop) {
			s.cli("env", "add", "FOO", "production", "--value", "bar", "--yes")
		}, slipway: func(s *shop, p *slipway.Provider) error {
			return p.AddVariables(s.t.Context(), provider.Variable{Key: "FOO", Value: "bar", Kind: "sensitive",
				Targets: []string{"production"}})
		}},
		{name: "build again", person: func(s *shop) { s.cli("redeploy", s.base) },
			slipway: func(s *shop, p *slipway.Provider) error {
				_, err := p.Create(s.t.Context(), provider.Order{From: s.base, Production: true, Release: "rel_1"})
				return err
			}, fields: []string{"meta.slipwayRelease # it is found again by it", "meta.slipwayAgain # it stands for the old one",
				"autoAssignCustomDomains # Slipway's builds reach visitors when they are routed to"}},
	}
}

// What Slipway asks of Vercel for an intent is what Vercel's own command line asks.
func TestSlipwayAsksAsTheCommandLineDoes(t *testing.T) {
	t.Parallel()
	for _, in := range intents() {
		t.Run(in.name, func(t *testing.T) {
			t.Parallel()
			var logs [2][]write
			for i, do := range []func(*shop) error{
				func(s *shop) error { in.person(s); return nil },
				func(s *shop) error { return in.slipway(s, s.provider()) },
			} {
				s := open(t, fake.Options{})
				if in.before != nil {
					in.before(s)
				}
				s.ForgetRequests()
				s.ok(do(s))
				logs[i] = s.writes()
			}
			theirs, ours := in.allow(t, logs[0], logs[1])
			if len(theirs) == 0 || !reflect.DeepEqual(theirs, ours) {
				t.Errorf("the command line writes\n%s\nSlipway writes\n%s", told(theirs), told(ours))
			}
		})
	}
}

// told is a list to be read.
func told(list []write) string {
	var b strings.Builder
	for _, w := range list {
		body, _ := json.Marshal(w.body)
		fmt.Fprintf(&b, "\t%s %s\n", w.call, body)
	}
	return b.String()
}
