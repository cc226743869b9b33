package verdict

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/slipwayhq/slipway/api"
)

// Known is what a verdict knows, as far as a change of it is worth a line: estimates that move at every look are not.
type Known struct {
	state, word, action string
	mode                string // what it is held to
	ruledOut, cleared   float64
	sure                int // a step of sureness
	shared              int
	warm                bool
}

// KnownOf returns it; nothing is known of no verdict.
func KnownOf(v *api.Verdict) Known {
	if v == nil {
		return Known{}
	}
	k := Known{state: v.State, mode: v.Mode, word: v.Word, action: v.Action, cleared: v.ClearedTo}
	for _, step := range []float64{0.5, 0.9, 0.95, 0.99, 0.999} {
		if v.Sureness >= step {
			k.sure++
		}
	}
	if c := v.Comparison; c != nil {
		k.ruledOut, k.shared, k.warm = c.RuledOut, len(c.Shared), c.WarmUntil != nil
	}
	return k
}

// Lines are what a terminal shows of a verdict: each with its name, none that says nothing.
func Lines(v *api.Verdict) [][2]string {
	if v == nil || v.Comparison == nil {
		return nil
	}
	c := v.Comparison
	lines := [][2]string{{"state", stateLine(v)}, {"how sure", c.Says.Sure}, {"how bad", c.Says.RuledOut},
		{"missing", c.Says.Needs}, {"harm", c.Says.Harm},
		{"exposure", exposureLine(v.Exposure)}}
	if c.Next != nil && !c.Next.Decides && v.State != "bad" {
		lines = append(lines, [2]string{"share",
			"Rises after its bake, as the strategy says; what is missing would be needed to raise it sooner."})
	}
	if v.StableBroken != nil {
		lines = append(lines, [2]string{"held to", brokenLine(v)})
	}
	if v.From != "" {
		lines = append(lines, [2]string{"measured", insteadLine(v)})
	}
	if n := len(c.Shared); n > 0 {
		lines = append(lines, [2]string{"shared", sharedLine(c.Shared[n-1])})
	}
	if c.WarmUntil != nil && v.State != "bad" {
		lines = append(lines, [2]string{"caches", "Cold: response times are judged from " + clock(*c.WarmUntil) + " on."})
	}
	var out [][2]string
	for _, l := range lines {
		if l[1] != "" {
			out = append(out, l)
		}
	}
	return out
}

// exposureLine says how many users had a change for how long, beside what its budget allows.
func exposureLine(e *api.UserMinutes) string {
	switch {
	case e == nil:
		return ""
	case e.Budget == 0:
		return fmt.Sprintf("%d user-minutes at risk so far; no budget.", e.Spent)
	}
	return fmt.Sprintf("%d of %d user-minutes at risk are spent, at %.0f users a minute.", e.Spent, e.Budget, e.Rate)
}

// stateLine is the state of the comparison, and where failures stand.
func stateLine(v *api.Verdict) string {
	s := v.State
	for _, m := range v.Comparison.Metrics {
		if m.Name != "errors" || !m.Ratio.Known {
			continue
		}
		switch high := math.Min(m.Ratio.High, 1e6); {
		case m.Ratio.Open && m.Ratio.Value <= 0:
			s += "; nobody has failed on it yet"
		case m.Ratio.Open:
			s += fmt.Sprintf("; %s times as many errors, with no upper limit yet", factor(m.Ratio.Value))
		default:
			s += fmt.Sprintf("; %s times as many errors (%s to %s)", factor(m.Ratio.Value), factor(m.Ratio.Low),
				factor(high))
		}
	}
	return s
}

// factor writes a ratio with two digits, or as a whole number.
func factor(f float64) string {
	if f >= 99.5 {
		return strconv.FormatFloat(f, 'f', 0, 64)
	}
	return strconv.FormatFloat(f, 'g', 2, 64)
}

// brokenLine says what a version is held to while the stable one is broken itself.
func brokenLine(v *api.Verdict) string {
	s := fmt.Sprintf("The stable version itself is broken since %s: nothing is compared. It is held to the limits",
		clock(*v.StableBroken))
	if v.StableHealthy == nil {
		return s + "."
	}
	return s + fmt.Sprintf(" and to what that did until %s.", clock(*v.StableHealthy))
}

// insteadLine says who measures while the guard's own source is silent.
func insteadLine(v *api.Verdict) string {
	from := v.From
	if from == "observability" {
		from = "Vercel's own counts"
	}
	if v.Silent == nil {
		return fmt.Sprintf("From %s: the guard's own source has told nothing.", from)
	}
	return fmt.Sprintf("From %s: the guard's own source is silent since %s.", from, clock(*v.Silent))
}

func sharedLine(s api.Stretch) string {
	return fmt.Sprintf("%s, %s to %s: not held against it.", s.Why, clock(s.From), clock(s.To))
}

// clock is a time of day in the reader's zone.
func clock(t time.Time) string { return t.Local().Format("15:04:05") }

// Wavers says that a verdict means what the one before did, and that only evidence moved around a line, as it does many
// times a minute where it is near one: between watching and safe, or what is ruled out. Whoever prints lines may wait.
func (k Known) Wavers(before Known) bool {
	calm := func(state string) bool { return state == "watching" || state == "safe" }
	return calm(k.state) && calm(before.state) && k.word == before.word && k.action == before.action &&
		k.mode == before.mode && k.shared == before.shared && k.warm == before.warm
}

// News are the sentences about what a verdict knows now and did not before. Logged says that the reader sees the log as
// well, where the guard's sentence stands whenever its word or what it asks for changes.
func (k Known) News(before Known, v *api.Verdict, logged bool) []string {
	if v == nil || k == before {
		return nil
	}
	if v.Comparison == nil {
		return []string{v.Sentence}
	}
	c := v.Comparison
	var out []string
	if k.mode != before.mode && v.StableBroken != nil {
		out = append(out, brokenLine(v))
	}
	if k.state != before.state || !logged && (k.word != before.word || k.action != before.action) {
		out = append(out, fmt.Sprintf("%s: %s", k.state, v.Sentence))
	}
	if k.sure != before.sure || k.state != before.state {
		out = append(out, c.Says.Sure)
	}
	if k.ruledOut != before.ruledOut || k.state != before.state {
		out = append(out, c.Says.RuledOut)
	}
	if k.cleared != before.cleared || k.state != before.state || k.ruledOut != before.ruledOut {
		out = append(out, c.Says.Needs)
	}
	if k.shared > before.shared {
		out = append(out, sharedLine(c.Shared[len(c.Shared)-1]))
	}
	if k.state == "bad" || k.state == "suspicious" {
		out = append(out, c.Says.Harm)
	}
	var said []string
	for _, s := range out {
		if s != "" {
			said = append(said, s)
		}
	}
	return said
}
