package drain

import (
	"context"
	"fmt"
	"testing"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/metric"
)

// Memory is bounded whatever comes, and what does not fit is refused whole: it may be delivered again.
func TestDrainIsBounded(t *testing.T) {
	t.Parallel()
	d := opened(Options{})
	many := &read{names: []string{"dpl_1"}, lines: 1, newest: in(0).UnixMilli()}
	for i := range maxRequests + 10 {
		many.facts = append(many.facts,
			fact{request: uint64(i), order: orderOf(final, 200, in(0).UnixMilli(), metric.API), weight: scale})
	}
	if err := d.put(in(0), many, []string{"dep_1"}); !fault.Is(err, fault.Limited) || len(d.requests) != maxRequests {
		t.Errorf("%v with %d requests", err, len(d.requests))
	}
	if err := d.put(in(1), many, []string{"dep_1"}); !fault.Is(err, fault.Limited) {
		t.Errorf("again: %v", err)
	}
	for i := range many.facts {
		many.facts[i].request += maxRequests
		many.facts[i].order = orderOf(final, 200, in(100).UnixMilli(), metric.API)
	}
	many.facts, many.newest = many.facts[:maxRequests/8], in(100).UnixMilli()
	if err := d.put(in(100), many, []string{"dep_1"}); err != nil || len(d.requests) > maxRequests {
		t.Errorf("later: %v with %d requests", err, len(d.requests))
	}
	d.Collect(in(900))
	if len(d.requests) != 0 || len(d.born) != 0 {
		t.Errorf("%d requests are remembered after a quarter of an hour", len(d.requests))
	}
	take(t, d, in(900), body(of("dpl_1", "r", in(900), "/", 200)))
	if len(d.born) != 1 || d.oldest != in(900).Unix() {
		t.Errorf("it does not begin again: %d", d.oldest)
	}
}

func TestOnlySoManyDeployments(t *testing.T) {
	t.Parallel()
	d := New(Options{Source: "drain-1", Find: func(_ context.Context, e string) (string, error) { return "dep" + e, nil }})
	for i := range 3 * maxPlaces {
		take(t, d, in(0), body(of(fmt.Sprint("dpl_", i), fmt.Sprint("r", i), in(0), "/", 200)))
	}
	if c := d.Counters(); c.Requests != maxPlaces || c.Unknown != 2*maxPlaces {
		t.Errorf("counted %+v", c)
	}
	take(t, d, in(3600), body(of("dpl_new", "r", in(3600), "/", 200)))
	if c := d.Counters(); c.Requests != maxPlaces+1 {
		t.Errorf("an hour later a new one has no place: %+v", c)
	}
	var rows []row
	for i := range 2 * maxNames {
		rows = append(rows, of(fmt.Sprint("dpl_", i), "r", in(3600), "/", 200))
	}
	take(t, d, in(3601), body(rows...))
	if got := d.Counters().Unknown; got < 2*maxPlaces+maxNames {
		t.Errorf("one body named %d deployments and %d lines belong to none", 2*maxNames, got)
	}
}
