package verdict

import (
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/release"
)

// Outlook says what the canary of a plan can and cannot know at a traffic of rate requests a second and a stable rate
// of failed visitors; a rate of 0 is unknown. Nil when the plan compares nothing.
func Outlook(p release.Plan, rate, errors float64) *api.Outlook {
	out := &api.Outlook{Rate: rate, Errors: errors, Shares: []api.OutlookShare{}}
	for _, s := range p.Steps {
		if s.Kind != release.KindShare || s.Share <= 0 || s.Share >= 100 || s.Rules.ErrorRate.WorseBy <= 0 {
			continue
		}
		bake := s.Bake
		if s.Adaptive || bake == 0 {
			bake = max(s.MaxBake, s.Bake)
		}
		o := judge.Forecast(rate, errors, s.Share/100, bake, s.Rules.Settings(judge.Background{}))
		share := api.OutlookShare{Share: s.Share, BakeSeconds: bake.Seconds(), Sentence: o.Sentence,
			Effects: []api.OutlookEffect{}}
		for _, e := range o.Effects {
			share.Effects = append(share.Effects, api.OutlookEffect{Name: e.Name, Ratio: e.Ratio, Requests: e.Requests,
				Seconds: e.Seconds, Harm: e.Harm, Within: e.Within})
		}
		if len(out.Shares) == 0 {
			out.Known, out.Sentence = o.Known, o.Sentence
		}
		out.Shares = append(out.Shares, share)
	}
	if len(out.Shares) == 0 {
		return nil
	}
	return out
}

// Recent is how far back the traffic is looked at that an outlook is told for.
const Recent = 15 * time.Minute
