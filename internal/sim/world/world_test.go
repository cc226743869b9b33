package world

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/sim/traffic"
	"github.com/slipwayhq/slipway/internal/strategy"
)

// short is a strategy whose canary is over soon.
const short = `app: shop
target: {selfhost: {stable: "http://127.0.0.1:9"}}
stages:
  canary: {steps: [5, 50], bake: 2m, max_bake: 10m}
  production: {watch: 1m}
`

func trial(t testing.TB, text string, w traffic.World, f traffic.Fault, seed uint64) Trial {
	t.Helper()
	s, err := strategy.Parse("slipway.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return Trial{
		Plan: s.ReleasePlan(), Items: s.Checklist(), Reaction: 2 * time.Second, Lag: time.Second, Answer: time.Minute,
		Source: traffic.New(w, f, judge.SketchBins(), seed),
		Before: Before{Baseline: metric.Bucket{Requests: 1e5, Errors: 1000}},
	}
}

func TestHowATrialEnds(t *testing.T) {
	t.Parallel()
	plain := traffic.World{Rate: 100, Errors: 0.01}
	for _, test := range []struct {
		name, old, new string
		world          traffic.World
		fault          traffic.Fault
		end            End
		rule           string
		at             [2]int64
		share          float64
	}{
		{"a healthy one is promoted", "", "", plain, traffic.Fault{}, Promoted, "", [2]int64{300, 310}, 100},
		{"a bad one goes back at its first share", "", "", plain, traffic.Fault{Times: 10}, TakenBack, "error_compare",
			[2]int64{2, 60}, 5},
		{"a slow one goes back after the cold start", "", "", plain, traffic.Fault{Slower: 2}, TakenBack, "latency_compare",
			[2]int64{76, 119}, 5},
		{"one that turns bad in production", "", "", plain, traffic.Fault{Points: 0.5, Onset: 320}, RolledBack, "error_spike",
			[2]int64{321, 340}, 100},
		{"one that nobody visits waits", "", "", traffic.World{Rate: 0.01, Errors: 0.01}, traffic.Fault{}, Held, "",
			[2]int64{600, 610}, 5},
		{"people take it back where the strategy says so", "\nstages", "\nrollback: {canary: approve}\nstages", plain,
			traffic.Fault{Times: 30}, TakenBack, "", [2]int64{61, 120}, 5},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			o := Run(trial(t, strings.Replace(short, test.old, test.new, 1), test.world, test.fault, 7))
			if o.End != test.end || test.rule != "" && o.Rule != test.rule || o.Share != test.share || o.At < test.at[0] ||
				o.At > test.at[1] {
				t.Errorf("it ended as %s by %q after %d s at %g %%: %s", o.End, o.Rule, o.At, o.Share, o.Reason)
			}
			if bad := !test.fault.None(); bad != (o.Harm.Failed+o.Harm.Slowed > 0) {
				t.Errorf("it harmed %+v", o.Harm)
			}
		})
	}
}

// What harm it does goes on until visitors are back: a slower reaction costs more.
func TestReactionCosts(t *testing.T) {
	t.Parallel()
	harm := func(reaction time.Duration) float64 {
		x := trial(t, short, traffic.World{Rate: 100, Errors: 0.01}, traffic.Fault{Points: 0.5}, 3)
		x.Reaction = reaction
		return Run(x).Harm.Failed
	}
	if fast, slow := harm(time.Second), harm(31*time.Second); slow < fast+40 {
		t.Errorf("thirty seconds more cost %g failed requests instead of %g, want about 75 more", slow, fast)
	}
}

func TestTheSameSeedGivesTheSameTrial(t *testing.T) {
	t.Parallel()
	do := func() Outcome {
		return Run(trial(t, short, traffic.World{Rate: 30, Errors: 0.02, Drift: true}, traffic.Fault{Times: 2}, 11))
	}
	if diff := cmp.Diff(do(), do()); diff != "" {
		t.Error(diff)
	}
}
