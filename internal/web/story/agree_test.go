package story_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/internal/web/story"
)

// One page says one number of one thing: what is compared, what it cost, how the rates compare and how much speaks
// against a version are the same in the first sentence, in the table and at the end of each picture.
func TestACanaryPageAgreesWithItself(t *testing.T) {
	t.Parallel()
	same := map[string]*regexp.Regexp{
		"requests of the new version": regexp.MustCompile(`([\d,]+) requests of v2 are compared|` +
			`([\d,]+) requests looked at|of ([\d,]+) requests failed on v2, `),
		"requests of the stable one": regexp.MustCompile(`compared with ([\d,]+) of v1|of ([\d,]+) on v1\. It looks`),
		"share": regexp.MustCompile(`Measured ([1-9][\d.]*) % of requests|measured: ([\d.]+) % at|` +
			`measured ([\d.]+) % intended`),
		"harm":  regexp.MustCompile(`About ([\d,]+) requests failed that|Harm so far ([\d,]+)`),
		"ratio": regexp.MustCompile(`ratio ([\d.]+×)|([\d.]+×) \([\d.]+×–[\d.]+×\) [\d.]+ 72`),
	}
	tags := regexp.MustCompile(`<[^>]*>`)
	found := map[string]int{}
	for _, s := range story.All() {
		if !strings.HasPrefix(s.Name, "canary/") && s.Name != "release/running" {
			continue
		}
		text := strings.ReplaceAll(string(render(t, s)), "\u00a0", " ")
		text = strings.Join(strings.Fields(tags.ReplaceAllString(text, " ")), " ")
		for what, of := range same {
			var said []string
			for _, m := range of.FindAllStringSubmatch(text, -1) {
				said = append(said, strings.Join(m[1:], ""))
			}
			found[what] += len(said)
			if slices.Sort(said); len(slices.Compact(said)) > 1 {
				t.Errorf("%s: %s: %v", s.Name, what, said)
			}
		}
	}
	for what := range same {
		if found[what] < 4 {
			t.Errorf("%s is said %d times in all stories: the test looks for what no page says", what, found[what])
		}
	}
}
