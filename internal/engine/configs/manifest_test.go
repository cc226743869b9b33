package configs

import (
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
)

// req: EN-19 EN-20
func TestTheListOfVariablesIsHeldTo(t *testing.T) {
	t.Parallel()
	x := open(t, storetest.Open(t, store.SQLite))
	x.start()
	for name, c := range map[string]struct {
		order Order
		want  string
	}{
		"missing":     {Order{Remove: []string{"DB_PASSWORD"}}, "DB_PASSWORD is missing."},
		"no url":      {Order{Set: []Set{{Key: "PAY_URL", Value: "pay.example"}}}, "PAY_URL is no URL"},
		"no port":     {Order{Set: []Set{{Key: "PORT", Value: "70000"}}}, "PORT is no port"},
		"empty":       {Order{Set: []Set{{Key: "DB_PASSWORD", Value: " "}}}, "DB_PASSWORD is empty."},
		"development": {Order{Set: []Set{{Key: "DEBUG_BAR", Value: "1"}}}, "DEBUG_BAR is for development only"},
		"localhost":   {Order{Set: []Set{{Key: "PAY_URL", Value: "http://localhost:1"}}}, "localhost"},
	} {
		c.order.Environment, c.order.Reason = "production", "a test"
		_, err := x.Push(t.Context(), ada(), c.order)
		if fault.ReasonOf(err) != "config_invalid" || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		c.order.Dry = true
		if out, err := x.Push(t.Context(), ada(), c.order); err != nil || len(out.Problems) == 0 {
			t.Errorf("%s, tried only: %+v, %v", name, out.Problems, err)
		}
	}
	if r, err := x.DB.ConfigNewest(t.Context(), "shop", "production"); err != nil || r.Number != 1 {
		t.Errorf("something was recorded all the same: %+v, %v", r, err)
	}
	x.push(Order{Set: []Set{{Key: "PAY_URL", Value: "https://pay.good"}}})
}
