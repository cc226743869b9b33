package cli

import (
	"math"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/slipwayhq/slipway/api"
)

// What is no number is refused before it is sent, and names the flag.
func TestOnlyNumbersArePushed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		set   string
		value float64
		sum   float64
		want  string
	}{
		{"", 0, 0, "There is no number"},
		{"bad", 0, 0, "There is no number"},
		{"value", math.NaN(), 0, "--value is NaN"},
		{"n", 0, math.Inf(1), "--sum is +Inf"},
		{"value", 1, 0, ""},
		{"n", 0, 3, ""},
	} {
		f := pflag.NewFlagSet("push", pflag.ContinueOnError)
		for _, name := range []string{"value", "n", "bad"} {
			f.Float64(name, 0, "")
		}
		if c.set != "" {
			if err := f.Set(c.set, "1"); err != nil {
				t.Fatal(err)
			}
		}
		err := pushed(f, api.MetricValue{Sum: c.sum}, c.value)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
