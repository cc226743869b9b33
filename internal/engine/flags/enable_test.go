package flags_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/engine/flags"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/store/storetest"
)

// Whether a flag may be enabled by itself: never where that would change what anybody gets before the first share.
//
// req: FF-17
func TestWhatMayBeEnabled(t *testing.T) {
	t.Parallel()
	w := writer(t, storetest.Open(t, "sqlite"), plain)
	strict := writer(t, storetest.Open(t, "sqlite"), asking)
	for _, tt := range []struct {
		name    string
		f       func(*flag.Flag)
		c       func(*flag.Config)
		is, why string
	}{
		{"never on", nil, nil, "", ""},
		{"on for nobody", nil, func(c *flag.Config) { c.On, c.Default.Variant = true, "off" }, "", ""},
		{"on for everybody", nil, func(c *flag.Config) { c.On = true }, "serves on to everybody", ""},
		{"off again", nil, func(c *flag.Config) { c.Reason = "slow" }, "", "was turned off"},
		{"off with a rule", nil, func(c *flag.Config) { c.Rules = []flag.Rule{{}} }, "", "would serve users at once"},
		{"off serves on", nil, func(c *flag.Config) { c.Off = "on" }, "", "serves on then, not off"},
		{"another ramp", nil, func(c *flag.Config) { c.On, c.Ramp = true, "rel_9" }, "", "The release rel_9 raises"},
		{"raw", nil, func(c *flag.Config) { c.Targeting = json.RawMessage("{}") }, "", "flagd's language"},
		{"a third variant", nil, func(c *flag.Config) { c.On, c.Default.Variant = true, "maybe" }, "", "100 % in"},
		{"archived", func(f *flag.Flag) { f.Archived = time.Unix(1, 0) }, nil, "", "is archived"},
		{"one variant", func(f *flag.Flag) { f.Variants = f.Variants[:1] }, nil, "", "a ramp needs two"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := flag.Flag{Key: "checkout", Kind: flag.Boolean}
			flags.Complete(&f)
			if tt.f != nil {
				tt.f(&f)
			}
			c := flags.First(f, "production")
			if tt.c != nil {
				tt.c(&c)
			}
			is, why := w.Enabled(f, c)
			if (is == "") != (tt.is == "") || (why == "") != (tt.why == "") || !strings.Contains(is, tt.is) ||
				!strings.Contains(why, tt.why) {
				t.Errorf("%q, %q", is, why)
			}
			if tt.is+tt.why != "" || c.On {
				return
			}
			if _, why := strict.Enabled(f, c); !strings.Contains(why, "asks for an approval") {
				t.Errorf("where people are asked: %q", why)
			}
		})
	}
}
