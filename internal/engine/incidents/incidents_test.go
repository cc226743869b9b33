package incidents

import (
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/internal/flag"
)

// Only what everybody is given, from the change on, confirms that a flag is off.
//
// req: RB-47
func TestServedOffIsConfirmed(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		name  string
		s     Serving
		off   string
		want  bool
		words string
	}{
		{"nothing is read yet", Serving{}, "off", false, "serves no flags"},
		{"an older generation", Serving{Known: true, Generation: 6, Variant: "off", Everybody: true}, "off", false,
			"generation 6 still; the flag is off from generation 7 on"},
		{"rules decide", Serving{Known: true, Generation: 7, Variant: "off"}, "off", false, "Rules still decide"},
		{"another variant", Serving{Known: true, Generation: 7, Variant: "on", Everybody: true}, "off", false,
			"Everybody gets “on”"},
		{"the variant for off", Serving{Known: true, Generation: 8, Variant: "off", Everybody: true}, "off", true,
			"Everybody gets “off”"},
		{"no variant for off", Serving{Known: true, Generation: 7, Everybody: true}, "", true, "the program's own fallback"},
		{"a variant though none is for off", Serving{Known: true, Generation: 7, Variant: "on", Everybody: true}, "", false,
			"Everybody gets “on”"},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			got, says := confirmed(x.s, flag.Config{Off: x.off}, 7)
			if got != x.want || !strings.Contains(says, x.words) {
				t.Errorf("%t: %s", got, says)
			}
		})
	}
}
