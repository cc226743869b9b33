package words

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/internal/flag"
)

// TestDocumentedConditions holds the table of docs/flags.md to what is accepted, and to what is said of it.
// req: FF-27
func TestDocumentedConditions(t *testing.T) {
	page, err := os.ReadFile("../../../docs/flags.md")
	if err != nil {
		t.Fatal(err)
	}
	ops := map[flag.Op]bool{}
	rows := regexp.MustCompile("(?m)^\\| .*? \\| `(\\{.*?\\})` \\| (.*) \\|$")
	for _, row := range rows.FindAllStringSubmatch(string(page), -1) {
		var n flag.Condition
		decoder := json.NewDecoder(strings.NewReader(row[1]))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&n); err != nil {
			t.Errorf("%s: %v", row[1], err)
		}
		if got := Condition(&n); got != row[2] {
			t.Errorf("%s is said %q, and the page says %q", row[1], got, row[2])
		}
		ops[n.Op] = true
		s := &flag.Set{Flags: []flag.Flag{{Key: "a", Variants: []flag.Variant{{Name: "on"}}}},
			Segments: []flag.Segment{{Key: "staff"}}}
		c := flag.Config{Flag: "a", Default: flag.Serve{Variant: "on"},
			Rules: []flag.Rule{{ID: "r", If: []flag.Condition{n}, Serve: flag.Serve{Variant: "on"}}}}
		if err := c.Validate(s); err != nil {
			t.Errorf("%s is refused: %v", row[1], err)
		}
	}
	for _, op := range flag.Ops() {
		if !ops[op] {
			t.Errorf("the page has no example of %s", op)
		}
	}
}
