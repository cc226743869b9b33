package code

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// A file comes with a pull request of anybody: reading it ends soon, whatever is in it.
func TestHostileFilesEndSoon(t *testing.T) {
	laughs := "x: &x0 [a, a, a, a, a, a, a, a, a, a]\n"
	for i := range 12 {
		laughs += fmt.Sprintf("y%d: &x%d [%s*x%d]\n", i+1, i+1, strings.Repeat(fmt.Sprintf("*x%d, ", i), 9), i)
	}
	for name, text := range map[string]string{
		"laughs":          laughs + "flags: {a: {tags: *x12}}\n",
		"laughs as value": laughs + "flags: {a: {kind: object, variants: {a: *x12}}}\n",
		"around":          "flags: {a: {kind: object, variants: &a {a: *a}}}\n",
		"merged around":   "flags: &a\n  <<: *a\n  b: {}\n",
		"deep lists":      "flags: {a: {tags: " + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + "}}\n",
		"deep maps":       "flags: " + strings.Repeat("{a: ", 50_000) + "1" + strings.Repeat("}", 50_000) + "\n",
		"not closed":      "flags: " + strings.Repeat("{a: ", 100_000),
		"deep lines": func() string {
			var b strings.Builder
			for i := range 2000 {
				b.WriteString(strings.Repeat(" ", i) + "a:\n")
			}
			return b.String()
		}(),
		"dashes": "flags:\n" + strings.Repeat("- ", 50_000) + "a\n",
		"keys":   "flags: {a: {variants: {" + strings.Repeat("a: 1, ", 50_000) + "}}}\n",
		"a value": "flags: {a: {kind: object, variants: {a: " +
			strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + "}}}\n",
		"quotes": "flags: {a: {if: " + strings.Repeat(`"\"`, 50_000) + "}}\n",
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			done := make(chan error, 1)
			go func() {
				_, err := Parse("flags.yaml", []byte(text))
				done <- err
			}()
			select {
			case err := <-done:
				if err == nil || len(err.Error()) > 10_000 {
					t.Errorf("%.200v", err)
				}
				t.Log(time.Since(began), len(text))
			case <-time.After(5 * time.Second):
				t.Error("it does not end")
			}
		})
	}
}
