package verdict

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/metric"
)

// Where a version failed is said from the most frequent on, with the rest last, and adds up to all its errors.
func TestWhereAVersionFailedAddsUp(t *testing.T) {
	t.Parallel()
	at := func(route, region string, errors uint64) metric.Hurt {
		return metric.Hurt{Class: metric.Document, Route: route, Region: region, Errors: errors}
	}
	canary := []metric.Bucket{
		{Requests: 100, Errors: 60, Hurt: []metric.Hurt{at("GET /checkout", "fra1", 49), at("GET /", "", 11)}},
		{Requests: 100, Errors: 40, Hurt: []metric.Hurt{at("GET /checkout", "fra1", 30)}}, // ten are of no known place
	}
	stable := []metric.Bucket{{Requests: 900, Errors: 9, Hurt: []metric.Hurt{at("GET /checkout", "fra1", 2),
		at("GET /checkout", "iad1", 5)}}}
	want := []api.HurtPlace{
		{Class: "document", Route: "GET /checkout", Region: "fra1", Errors: 79, Part: 0.79, Stable: 2,
			Sentence: "79 % of the errors: GET /checkout, region fra1."},
		{Class: "document", Route: "GET /", Errors: 11, Part: 0.11, Sentence: "11 % of the errors: GET /."},
		{Errors: 10, Part: 0.1, Stable: 7, Sentence: "10 % of the errors: elsewhere, or nobody knows where."},
	}
	if diff := cmp.Diff(want, Hurt(canary, stable)); diff != "" {
		t.Error(diff)
	}
	many := metric.Bucket{Errors: 300}
	for i := range metric.MostHurt {
		many.Hurt = append(many.Hurt, at(string(rune('a'+i)), "", uint64(1+i%3)))
	}
	got, sum := Hurt([]metric.Bucket{many}, nil), uint64(0)
	for _, p := range got {
		sum += p.Errors
	}
	if len(got) != mostPlaces+1 || sum != 300 || got[mostPlaces].Class != "" ||
		got[0].Sentence != "1 % of the errors: c." {
		t.Errorf("%d errors in %+v", sum, got)
	}
	for name, none := range map[string][]metric.Bucket{
		"nothing failed": {{Requests: 9}}, "nobody knows": {{Requests: 9, Errors: 9}}, "nothing": nil,
	} {
		if got := Hurt(none, stable); got != nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
