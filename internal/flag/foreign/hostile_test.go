package foreign

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// Exports come from anywhere: whatever is in one, reading it takes linear time, and what cannot be said is a remark or
// a refusal.
func TestHostileExportsEndSoon(t *testing.T) {
	nest := func(open, inner, end string, n int) string {
		return strings.Repeat(open, n) + inner + strings.Repeat(end, n)
	}
	repeat := func(n int, text func(int) string) string {
		all := make([]string, n)
		for i := range all {
			all[i] = text(i)
		}
		return strings.Join(all, ",")
	}
	growth := func(condition string) string {
		return `{"features":{"a":{"defaultValue":false,"rules":[{"force":true,"condition":` + condition + `}]}}}`
	}
	flagd := func(targeting string) string {
		return `{"flags":{"a":{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off",` +
			`"targeting":{"if":[` + targeting + `,"on"]}}}}`
	}
	eq := func(i int) string { return fmt.Sprintf(`{"==":[{"var":"a%d"},"x"]}`, i) }
	const enabled = `{"flags":{"a":{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off",`
	for name, test := range map[string]struct {
		source Source
		text   string
	}{
		"growthbook, not in not": {GrowthBook, growth(nest(`{"$not":`, `{"a":1}`, `}`, 9000))},
		"growthbook, and of ors": {GrowthBook, growth(`{"$and":[` + repeat(40, func(i int) string {
			return fmt.Sprintf(`{"$or":[{"a%d":1},{"b%d":2},{"c%d":3}]}`, i, i, i)
		}) + `]}`)},
		"growthbook, nor of ands": {GrowthBook, growth(`{"$nor":[` + repeat(40, func(i int) string {
			return fmt.Sprintf(`{"a%d":1,"b%d":2}`, i, i)
		}) + `]}`)},
		"growthbook, or in and in or": {GrowthBook, growth(nest(`{"$or":[{"x":1},{"$and":[{"y":2},`,
			`{"a":1}`, `]}]}`, 2000))},
		"flagd, and of ors": {Flagd, flagd(`{"and":[` + repeat(40, func(i int) string {
			return `{"or":[` + eq(3*i) + `,` + eq(3*i+1) + `]}`
		}) + `]}`)},
		"flagd, not of ands": {Flagd, flagd(`{"!":[{"or":[` + repeat(40, func(i int) string {
			return `{"and":[` + eq(3*i) + `,` + eq(3*i+1) + `]}`
		}) + `]}]}`)},
		"flagd, deep": {Flagd, flagd(nest(`{"!":[`, eq(1), `]}`, 4000))},
		"flagd, if in if": {Flagd, enabled +
			`"targeting":` + nest(`{"if":[`+eq(1)+`,"on",`, `"off"`, `]}`, 3000) + `}}}`},
		"flagd, doubled": {Flagd, enabled +
			`"targeting":{"if":[{"$ref":"e30"},"on"]}}},"$evaluators":{"e0":` + eq(0) + `,` + repeat(30, func(i int) string {
			return fmt.Sprintf(`"e%d":{"and":[{"$ref":"e%d"},{"$ref":"e%d"}]}`, i+1, i, i)
		}) + `}}`},
		"flagd, around": {Flagd, enabled +
			`"targeting":{"if":[{"$ref":"x"},"on"]}}},"$evaluators":{"x":{"and":[{"$ref":"y"}]},"y":{"or":[{"$ref":"x"}]}}}`},
		"launchdarkly, around": {LaunchDarkly, `{"flags":{` + repeat(3, func(i int) string {
			return fmt.Sprintf(`"f%d":{"key":"f%d","on":true,"variations":[true,false],"fallthrough":{"variation":0},`+
				`"offVariation":1,"prerequisites":[{"key":"f%d","variation":0}]}`, i, i, (i+1)%3)
		}) + `}}`},
		"names of everything": {LaunchDarkly, `{"flags":{` + repeat(3, func(i int) string {
			key := []string{"__proto__", "constructor", `<img src=x onerror=alert(1)>`}[i]
			return fmt.Sprintf(`%q:{"key":%q,"on":true,"variations":[true,false],"fallthrough":{"variation":0},`+
				`"offVariation":1}`,
				key, key)
		}) + `}}`},
		"the same twice": {LaunchDarkly, `{"flags":{"a":{"key":"b","on":true,"variations":[true,false],"fallthrough":` +
			`{"variation":0}},"c":{"key":"b","on":true,"variations":[true,false],"fallthrough":{"variation":0}}}}`},
		"numbers without end": {Unleash, `{"version":1,"features":[{"name":"a","enabled":true,"strategies":[` +
			`{"name":"flexibleRollout","parameters":{"rollout":"1e999","stickiness":"x"}}]}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			done := make(chan struct{})
			go func() {
				defer close(done)
				m, err := Read(test.source, []byte(test.text), Options{App: "shop", Environment: "production"})
				if err == nil {
					valid(t, m)
				}
			}()
			select {
			case <-done:
				if took := time.Since(began); took > 2*time.Second {
					t.Errorf("it took %s", took)
				}
			case <-time.After(5 * time.Second):
				t.Error("it does not end")
			}
		})
	}
}
