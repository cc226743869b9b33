package simulate

import (
	"strings"
	"testing"
)

func TestConditions(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"false_rollback > 1%":        "",
		"  missed(errors-2x)>=0.05 ": "",
		"time_to_promote <= 45m":     "",
		"harm( errors-5x ) > 20":     "",
		"fals_rollback > 1%":         `at character 1: there is no metric "fals_rollback". There are: false_rollback,`,
		"missed(errors-4x) > 1%":     `at character 8: no fault "errors-4x" is tried. Tried are: healthy`,
		"missed(errors-2x > 1%":      "at character 8: the bracket is not closed",
		"missed = 1%":                `at character 8: want >, >=, < or <=, got "="`,
		"missed >< 1%":               `got "><"`,
		"missed > 5":                 "is more than all of them",
		"missed > -1%":               "is not a number like 1%",
		"missed > NaN":               "is not a number",
		"missed > 1% and held > 1%":  `at character 10: "1% and held > 1%" is not a number`,
		"harm > 1%":                  "is a number, not a part",
		"detection > 20":             `"20" is not a time like 90s`,
		"":                           `there is no metric ""`,
	} {
		_, err := ParseCondition(text, Cases())
		switch {
		case want == "" && err != nil:
			t.Errorf("%q: %v", text, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func FuzzParseCondition(f *testing.F) {
	for _, text := range []string{
		"false_rollback > 1%", "missed(errors-2x) >= 5 %", "detection<1h30m", "harm(é) > 1", "(", "late>\xff",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseCondition(text, Cases())
		if err == nil && (c.Metric == "" || c.op == "" || !(c.value >= 0)) {
			t.Errorf("%q is read as %+v", text, c)
		}
	})
}

func TestViolations(t *testing.T) {
	t.Parallel()
	r := Report{Results: []Result{
		{Strategy: "a", Case: Case{Name: "healthy"}, Healthy: true, Runs: 100, Stopped: 0.02, Upper: 0.06,
			Promote: &Spread{Median: 3000, P90: 3600}},
		{Strategy: "a", Case: Case{Name: "errors-2x"}, Runs: 50, Stopped: 0.8, Missed: 0.2, Floor: 10,
			Detection: &Spread{Median: 200, P90: 900}, Failed: &Spread{Mean: 25}},
	}}
	for text, want := range map[string]string{
		"false_rollback > 1%":       "a: false_rollback(healthy) is 2 % in 100 runs.",
		"false_rollback > 2%":       "",
		"false_rollback_upper > 5%": "a: false_rollback_upper(healthy) is 6 % in 100 runs.",
		"missed > 10%":              "a: missed(errors-2x) is 20 % in 50 runs.",
		"detection > 5m":            "",
		"detection_p90 > 10h":       "a: detection_p90(errors-2x) is never reached in 50 runs.", // one in five was not found
		"harm_ratio > 2":            "a: harm_ratio(errors-2x) is 2.5 in 50 runs.",
		"time_to_promote > 45m":     "a: time_to_promote(healthy) is 50 min in 100 runs.",
		"time_to_promote < 45m":     "",
		"missed(healthy) > 1%":      "missed(healthy) > 1%: nothing was tried that could tell.",
	} {
		c, err := ParseCondition(text, []Case{r.Results[0].Case, r.Results[1].Case})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, v := range r.Against([]Condition{c}) {
			got += v.Sentence
		}
		if !strings.HasPrefix(got, want) || (want == "") != (got == "") {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}
