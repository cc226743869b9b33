package verdict

import (
	"fmt"
	"strings"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/metric"
)

// mostPlaces is how many places are said one by one.
const mostPlaces = 6

// Hurt says where the changed version failed, the most frequent first and the rest together; nil where nobody knows of
// any place.
func Hurt(canary, stable []metric.Bucket) []api.HurtPlace {
	var of, beside metric.Bucket
	for _, b := range canary {
		of.Errors, of.Hurt = of.Errors+b.Errors, metric.Hurts(of.Hurt, b.Hurt)
	}
	for _, b := range stable {
		beside.Errors, beside.Hurt = beside.Errors+b.Errors, metric.Hurts(beside.Hurt, b.Hurt)
	}
	if of.Errors == 0 || len(of.Hurt) == 0 {
		return nil
	}
	had := map[metric.Hurt]uint64{}
	for _, h := range beside.Hurt {
		n := h.Errors
		h.Errors = 0
		had[h] = n
	}
	var out []api.HurtPlace
	rest, restHad := of.Errors, beside.Errors
	for _, h := range of.Hurt[:min(len(of.Hurt), mostPlaces)] {
		n := min(h.Errors, rest)
		h.Errors = 0
		rest, restHad = rest-n, restHad-min(had[h], restHad)
		out = append(out, place(api.HurtPlace{Class: string(h.Class), Route: h.Route, Region: h.Region, Errors: n,
			Stable: had[h]}, of.Errors))
	}
	if rest > 0 {
		out = append(out, place(api.HurtPlace{Errors: rest, Stable: restHad}, of.Errors))
	}
	return out
}

// place puts a place into words.
func place(p api.HurtPlace, all uint64) api.HurtPlace {
	p.Part = float64(p.Errors) / float64(all)
	where := "elsewhere, or nobody knows where"
	if p.Class != "" {
		var parts []string
		if p.Route != "" {
			parts = append(parts, strings.TrimSpace(p.Route))
		}
		if p.Region != "" {
			parts = append(parts, "region "+p.Region)
		}
		where = strings.Join(parts, ", ")
	}
	percent := fmt.Sprintf("%.0f %%", 100*p.Part)
	if p.Part < 0.01 {
		percent = "Less than 1 %"
	}
	p.Sentence = fmt.Sprintf("%s of the errors: %s.", percent, where)
	return p
}
