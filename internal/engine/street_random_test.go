package engine

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/deployment"
	fake "github.com/slipwayhq/slipway/internal/fake/vercel"
	onvercel "github.com/slipwayhq/slipway/internal/provider/vercel"
	"github.com/slipwayhq/slipway/internal/release"
)

// seedsVariable says how many histories are played of each way.
const seedsVariable = "SLIPWAY_STREET_SEEDS"

// history is what happened on a street, in order, for the message of a test that fails.
type history struct {
	*street
	rand  *rand.Rand
	hands int // how often somebody else changed production
	lines []string
}

// build is Vercel's id of the build of a version.
func (h *history) build(version string) string {
	for _, d := range h.vercel.Deployments() {
		if d.SHA == "c-"+version {
			return d.ID
		}
	}
	return ""
}

// byHand changes production by Vercel's own means. What Vercel refuses is no change. Its webhook may come or not.
func (h *history) byHand() string {
	v1, v2 := h.build("v1"), h.build("v2")
	var err error
	var what string
	hand := deployment.Hand{By: "Grace", At: time.Now()}
	switch h.rand.IntN(4) {
	case 0:
		what, hand.Stable, err = "rolls back", v1, h.hand.Rollback(h.ctx, "shop", v1)
	case 1:
		what, hand.Stable = "promotes", v2
		_, err = h.hand.Promote(h.ctx, "shop", v2)
	case 2:
		what, hand.Stable, err = "completes", v2, h.hand.CompleteRolling(h.ctx, "shop", v2)
	default:
		r, unknown := h.hand.RollingRelease(h.ctx, "shop")
		if what = "raises"; unknown != nil || !r.Live() {
			return what + " nothing"
		}
		err = h.hand.ApproveStage(h.ctx, "shop", v2, r.Index)
		hand.Canary, hand.Share = v2, 50
	}
	h.vercel.Settle()
	if err != nil {
		return "is refused that it " + what
	}
	if h.hands++; h.rand.IntN(2) == 0 {
		_ = h.Target.Heard(h.ctx, hand, "")
		what += ", and it is told"
	}
	return what
}

// trouble has Vercel fail in one of its ways.
func (h *history) trouble() string {
	const rolling, project = "/v1/projects/shop/rolling-release", "/v9/projects/shop"
	switch h.rand.IntN(6) {
	case 0:
		h.vercel.Outage(true)
		return "is down"
	case 1:
		h.vercel.Fail(fake.Trouble{Method: http.MethodPost, Reset: true, After: true, Times: 1 + h.rand.IntN(2)})
		return "loses answers"
	case 2:
		h.vercel.Fail(fake.Trouble{Status: 500, Times: 1 + h.rand.IntN(4)})
		return "fails"
	case 3:
		h.vercel.Remember(rolling)
		h.vercel.Remember(project)
		return "will lie"
	case 4:
		h.vercel.Lie(rolling, 3)
		h.vercel.Lie(project, 3)
		return "lies"
	}
	h.vercel.Heal()
	h.ahead += time.Minute
	return "is well again"
}

// happens is one thing of all that may happen.
func (h *history) happens() {
	var line string
	h.alive(func() {
		switch n := h.rand.IntN(20); {
		case n < 11:
			line = "people go on"
			h.drives(rolledBack)
		case n < 12:
			line = "people take it back"
			h.drives(takenBack)
		case n < 15:
			line = "another hand " + h.byHand()
		case n < 17:
			line = "Vercel " + h.trouble()
		case n < 18:
			line = "the process will die"
			h.kill = len(h.commits) + 1 + h.rand.IntN(3)
		case n < 19:
			line = "another process begins"
			h.begins(h.DB)
		default:
			line = "people route it again"
			if r, ok := h.version(); ok {
				_ = h.says(r, release.Retry)
			}
		}
	})
	h.lines = append(h.lines, line)
}

// rests lets all that is due be done, with nobody in the way.
func (h *history) rests() {
	h.vercel.Heal()
	h.kill, h.ahead = 0, h.ahead+time.Hour
	for range 6 {
		h.vercel.Settle()
		_, _ = h.Target.Look(h.ctx, "")
		h.atRest()
		if r, ok := h.version(); ok {
			h.settle(r.ID)
		}
		h.act()
	}
}

// TestWhateverHappensOnVercel plays histories of people, other hands, outages, lost answers, lies and crashes. When all
// is quiet again, what is served is what is recorded, or the log names the change of another hand; who did nothing is
// never named, and v2 is production's only if people approved it or another hand put it there.
func TestWhateverHappensOnVercel(t *testing.T) {
	t.Parallel()
	seeds := 8
	if n, err := strconv.Atoi(os.Getenv(seedsVariable)); err == nil && n > 0 {
		seeds = n
	}
	for _, mode := range []string{onvercel.ModeRolling, onvercel.ModeProxy} {
		for seed := range uint64(seeds) {
			t.Run(fmt.Sprint(mode, " ", seed), func(t *testing.T) {
				t.Parallel()
				h := &history{street: onStreet(t, mode), rand: rand.New(rand.NewPCG(seed, 5))}
				for range 25 {
					h.happens()
				}
				h.rests()
				h.sound(t)
				r, _ := h.version()
				t.Logf("%q is served after %d other hands and %d deaths; v2 is %s", h.street.served(), h.hands, h.died, r.Phase)
				if t.Failed() {
					t.Logf("what happened:\n  %s", strings.Join(h.lines, "\n  "))
				}
			})
		}
	}
}

// sound holds what must be so when all is quiet.
func (h *history) sound(t *testing.T) {
	t.Helper()
	known, err := h.DB.Target(h.ctx, "shop")
	h.ok(err)
	served, recorded := h.street.served(), h.recorded()
	switch {
	case served != recorded && known.Foreign == "":
		t.Errorf("%q is served, %q is recorded, and nobody is named", served, recorded)
	case served == recorded && known.Foreign != "":
		t.Errorf("%q is served and recorded, and it is said: %s", served, known.Foreign)
	case h.hands == 0 && (known.Foreign != "" || len(h.events("target.changed"))+len(h.events("target.adopted")) > 0):
		t.Errorf("nobody else did anything, and it is said: %s", known.Foreign)
	}
	if strings.HasPrefix(recorded, "v2") && len(h.events("approval.voted"))+len(h.events("target.adopted")) == 0 {
		t.Error("production is v2's, and nobody approved it or put it there")
	}
	pending, err := h.DB.EffectsPending(h.ctx)
	h.ok(err)
	for _, x := range pending {
		t.Errorf("%s is still to be done: %s", x.Key, x.Result.Sentence)
	}
	_, err = h.DB.VerifyLog(h.ctx)
	h.ok(err)
}
