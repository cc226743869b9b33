package vercel

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/provider"
	api "github.com/slipwayhq/slipway/internal/vercel"
)

// scene makes what is wanted and what Vercel says out of few words.
func scene(share float64, canary string, was *before) wanted {
	w := wanted{V: 1, Generation: 9, Stable: side{ID: "a"}, Share: share, Before: was, Known: true, Moved: 100,
		Rolled: 100}
	if canary != "" {
		w.Canary = &side{ID: canary}
	}
	return w
}

func stamp(ms int64) time.Time { return time.UnixMilli(ms) }

func says(production string, r *api.RollingRelease, last *api.AliasRequest) view {
	on := true
	return view{project: api.Project{ID: "p", Production: production, AutoAssign: &on, Last: last}, rolling: r}
}

func active(base, canary string, index int) *api.RollingRelease {
	shares := []float64{5, 25, 100}
	r := &api.RollingRelease{State: api.Active, Base: base, Canary: canary, Index: index, Share: shares[index]}
	for i, s := range shares {
		r.Stages = append(r.Stages, api.Planned{Index: i, Share: s})
	}
	return r
}

// TestOneCallIsMissingOrNone goes through what Vercel can say, for a raise, a promotion and a way back.
func TestOneCallIsMissingOrNone(t *testing.T) {
	t.Parallel()
	paused := active("a", "b", 0)
	paused.Paused = true
	aborted := &api.RollingRelease{State: api.Aborted, Canary: "b", Updated: stamp(200)}
	earlier := &api.RollingRelease{State: api.Aborted, Canary: "b", Updated: stamp(50)}
	rolledBack := &api.AliasRequest{Type: "rollback", Status: "succeeded", To: "a", RequestedAt: 200}
	old := &api.AliasRequest{Type: "rollback", Status: "succeeded", To: "a", RequestedAt: 50}
	open := &api.AliasRequest{Type: "promote", Status: "in-progress", To: "z", RequestedAt: 200}
	at5, at25, at100 := &before{Stable: "a", Canary: "b", Share: 5}, &before{Stable: "a", Canary: "b", Share: 25},
		&before{Stable: "a", Canary: "b", Share: 100}
	back := wanted{Stable: side{ID: "a"}, Back: true}
	settled := wanted{Stable: side{ID: "b"}, Before: at100, Known: true, Moved: 100}
	on5, on25 := active("a", "b", 0), active("a", "b", 1)
	begin, next, all := call{verb: start, id: "b"}, call{verb: approve, id: "b"}, call{verb: complete, id: "b"}
	toA := call{verb: rollback, id: "a"}
	for name, tt := range map[string]struct {
		w    wanted
		v    view
		mode string
		want call
		err  string
	}{
		"begin":                        {scene(5, "b", nil), says("a", nil, nil), "", begin, ""},
		"begin after an earlier abort": {scene(5, "b", nil), says("a", earlier, old), "", begin, ""},
		"begin over another":           {scene(5, "b", nil), says("x", nil, nil), "", call{}, provider.Elsewhere},
		"begun":                        {scene(5, "b", nil), says("a", on5, nil), "", call{verb: done}, ""},
		"next stage":                   {scene(25, "b", at5), says("a", on5, nil), "", next, ""},
		"no such stage":                {scene(10, "b", at5), says("a", on5, nil), "", call{}, "share_impossible"},
		"shares fall":                  {scene(5, "b", at25), says("a", on25, nil), "", call{}, "share_impossible"},
		"raised by hand":               {scene(5, "b", nil), says("a", on25, nil), "", call{}, provider.Elsewhere},
		"all":                          {scene(100, "b", at25), says("a", on25, nil), "", all, ""},
		"all had it":                   {scene(100, "b", at25), says("b", nil, nil), "", call{verb: done}, ""},
		"given to all by hand":         {scene(25, "b", at5), says("b", nil, nil), "", call{}, provider.Elsewhere},
		"aborted by hand":              {scene(25, "b", at5), says("a", aborted, nil), "", call{}, provider.Elsewhere},
		"rolled back by hand":          {scene(25, "b", at5), says("a", nil, rolledBack), "", call{}, provider.Elsewhere},
		"routed again":                 {scene(5, "b", at5), says("a", aborted, rolledBack), "", begin, ""},
		"another release": {scene(5, "b", nil), says("a", active("a", "x", 0), nil),
			"", call{}, provider.Elsewhere},
		"paused by a gate":      {scene(25, "b", at5), says("a", paused, nil), "", call{}, provider.Elsewhere},
		"busy":                  {scene(25, "b", at5), says("a", nil, open), "", call{verb: wait}, ""},
		"busy, on the way back": {back, says("b", nil, open), "", call{verb: wait}, ""},
		"proxy":                 {scene(7, "b", at5), says("a", nil, old), ModeProxy, call{verb: done}, ""},
		"proxy, rolled back": {scene(7, "b", at5), says("a", nil, rolledBack),
			ModeProxy, call{}, provider.Elsewhere},
		"proxy, promoted":        {scene(7, "b", at5), says("b", nil, nil), ModeProxy, call{}, provider.Elsewhere},
		"proxy, falling":         {scene(5, "b", at25), says("a", nil, nil), ModeProxy, call{verb: done}, ""},
		"proxy, rolling":         {scene(7, "b", at5), says("a", on5, nil), ModeProxy, call{}, provider.Elsewhere},
		"promote":                {settled, says("a", nil, nil), ModeProxy, call{verb: promote, id: "b"}, ""},
		"promoted":               {settled, says("b", nil, nil), ModeProxy, call{verb: done}, ""},
		"never while active":     {settled, says("a", active("a", "x", 0), nil), "", call{}, provider.Elsewhere},
		"completes its own":      {settled, says("a", on5, nil), "", all, ""},
		"over a pinned rollback": {settled, says("a", nil, rolledBack), "", call{}, provider.Elsewhere},
		"over another hand":      {settled, says("x", nil, nil), "", call{}, provider.Elsewhere},
		"back":                   {back, says("a", on5, nil), "", toA, ""},
		"back again":             {back, says("a", aborted, rolledBack), "", call{verb: done}, ""},
		"back over anybody":      {back, says("x", active("x", "y", 0), nil), "", toA, ""},
	} {
		got, err := decide(tt.w, tt.v, tt.mode)
		reason := ""
		if err != nil {
			reason = fault.ReasonOf(err)
		}
		if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(call{})); diff != "" || reason != tt.err {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
	blind := says("a", nil, nil)
	blind.project.AutoAssign = nil
	if _, err := decide(scene(5, "b", nil), blind, ""); fault.ReasonOf(err) != "pin_unknown" {
		t.Errorf("a rollback that may be pinned is gone over: %v", err)
	}
	if c, err := decide(back, blind, ""); err != nil || c.verb != done {
		t.Errorf("a way back waits for it: %v %v", c, err)
	}
}

// TestPromotionIsNeverCalledWhileOneIsActive holds for everything that can be wanted.
func TestPromotionIsNeverCalledWhileOneIsActive(t *testing.T) {
	t.Parallel()
	for _, canary := range []string{"", "a", "b", "c"} {
		for _, stable := range []string{"a", "b"} {
			for _, share := range []float64{0, 5, 25, 100} {
				for _, mode := range []string{ModeRolling, ModeProxy} {
					for _, back := range []bool{false, true} {
						w := scene(share, canary, &before{Stable: "a", Canary: "b", Share: 5})
						w.Stable.ID, w.Back = stable, back
						if c, _ := decide(w, says("a", active("a", "b", 0), nil), mode); c.verb == promote {
							t.Errorf("%+v promotes", w)
						}
					}
				}
			}
		}
	}
}

func TestStagesAreTheStrategysSteps(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		steps []float64
		share float64
		want  string
	}{
		{[]float64{1, 5, 25, 100}, 1, "1+ 5+ 25+ 100"}, {nil, 5, "5+ 100"}, {[]float64{25, 5, 5, 100}, 5, "5+ 25+ 100"},
		{[]float64{1, 5, 25, 100}, 25, "25+ 100"}, {[]float64{100}, 100, "0+ 100"}, {[]float64{0, 10}, 10, "10+ 100"},
	} {
		w := wanted{Steps: tt.steps, Share: tt.share}
		var got []string
		for _, s := range stages(w) {
			word := fmt.Sprint(s.TargetPercentage)
			if s.RequireApproval {
				word += "+"
			}
			got = append(got, word)
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%v from %g: %v, want %s", tt.steps, tt.share, got, tt.want)
		}
	}
}
