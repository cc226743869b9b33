package foreign

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/flag"
)

// TestAnswers holds imports to what the systems' own evaluators answered for random exports and users: those of
// @vercel/flags-core 1.8.2, unleash-client 6.12.1 and flagsmith-nodejs 8.1.2 at 2026-01-01. Splits are not among them.
// For LaunchDarkly and GrowthBook tools/flagbench asks the evaluators themselves.
func TestAnswers(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, source := range []Source{Vercel, Unleash, Flagsmith} {
		text, err := os.ReadFile("testdata/" + string(source) + ".answers")
		if err != nil {
			t.Fatal(err)
		}
		compared := 0
		for line := range strings.Lines(string(text)) {
			var asked struct {
				Export json.RawMessage
				Key    string
				Cases  []struct {
					Attributes map[string]any
					Want       json.RawMessage
				}
			}
			if err := json.Unmarshal([]byte(line), &asked); err != nil {
				t.Fatal(err)
			}
			m, err := Read(source, asked.Export, Options{})
			if err != nil {
				t.Fatalf("%v\n%s", err, asked.Export)
			}
			valid(t, m)
			if slices.ContainsFunc(m.Entries, func(e Entry) bool { return e.Lost && e.Flag == asked.Key }) {
				continue // it came in switched off
			}
			d, err := m.Set(m.Configs[0].Environment).Document()
			if err != nil {
				t.Fatal(err)
			}
			s := compiled(t, d.JSON())
			for _, c := range asked.Cases {
				id, _ := c.Attributes["targetingKey"].(string)
				got := s.Evaluate(asked.Key, flag.NewContext(id, c.Attributes), now)
				if compared++; string(got.Value) != string(c.Want) {
					t.Errorf("%s for %v: %s there, %s here\n%s", source, c.Attributes, c.Want, got.Value, asked.Export)
				}
			}
		}
		if t.Logf("%s: %d compared", source, compared); compared < 150 {
			t.Errorf("%s: too little was compared", source)
		}
	}
}
