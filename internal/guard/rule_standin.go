package guard

import (
	"fmt"

	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/metric"
)

// standIn says where the numbers come from while the source that the rules name is silent; empty while it is not.
func (x *exam) standIn() string {
	if x.ev.From == "" {
		return ""
	}
	since := "has told nothing"
	if !x.ev.Silent.IsZero() {
		since = "is silent since " + x.ev.Silent.UTC().Format("15:04:05") + " UTC"
	}
	return fmt.Sprintf("The %s %s: judged from %s, %s late.", sourceWord(x.rules.Source), since,
		sourceWord(x.ev.From), span(seconds(x.lag)))
}

// sourceWord is what sentences call a kind of sources.
func sourceWord(k metric.Kind) string {
	switch k {
	case "":
		return "edge"
	case metric.Observability:
		return "Vercel's own counts"
	}
	return string(k)
}

// unmeasured says that nothing is complete.
func (x *exam) unmeasured(silent int64) string {
	s := fmt.Sprintf("No complete measurement for %s", span(silent))
	if x.rules.Fallback != "" {
		s += fmt.Sprintf(", neither from the %s nor from %s", sourceWord(x.rules.Source), sourceWord(x.rules.Fallback))
	}
	return s + ". `slipway metric list` says what arrives."
}

// sayBlind puts into words that nothing is known.
func (x *exam) sayBlind(v *Verdict, top answer) {
	v.Word, v.Action = Broken, Hold
	what := map[bool]string{true: "This traffic can't be compared", false: "The measurement is broken"}[x.ev.Aside > 0]
	v.Sentence = what + ", so nothing is known. " + top.Sentence
	if v.State != judge.Bad { // the judge itself gets no ticks, and still says what it saw last
		v.State = judge.Blind
	}
	if x.blindTooLong() {
		v.Action = Undo
		v.Sentence += fmt.Sprintf(" The strategy lets nobody wait for longer than %s without: %s goes back.",
			about(x.rules.BlindUndo), x.name(canary))
	}
}

// blindTooLong says whether nothing was known for longer than the rules let a version wait, while there is another one
// to go back to.
func (x *exam) blindTooLong() bool {
	if x.rules.BlindUndo <= 0 || x.alone() {
		return false
	}
	for _, a := range x.answers {
		if a.Rule == "blind" && a.means == blindly && a.Value >= float64(seconds(x.rules.BlindUndo)) {
			return true
		}
	}
	return false
}
