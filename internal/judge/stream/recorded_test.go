package stream

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/internal/judge"
)

// What was answered to recorded streams before a team could weigh the metrics is answered to the letter when it does
// not, on every machine: who leaves the weights alone has the judge that was proven.
//
// req: CD-03
func TestRecordedStreamsAreAnsweredAsEver(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.jsonl")
	if err != nil || len(files) != 3 {
		t.Fatalf("%v: %v", files, err)
	}
	for _, file := range files {
		in, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(strings.TrimSuffix(file, "jsonl") + "want")
		if err != nil {
			t.Fatal(err)
		}
		answers := func(w judge.Weights) string {
			var out bytes.Buffer
			s := judge.Settings{Bins: judge.Bins{Low: 20, Ratio: 1.5, Count: 12}, ColdStart: 30e9, Weights: w}
			if err := Run(bytes.NewReader(in), &out, Options{Settings: s, Route: judge.Route{Adaptive: true}}); err != nil {
				t.Fatal(err)
			}
			return out.String()
		}
		if got := answers(judge.Weights{}); got != string(want) {
			t.Errorf("%s is answered otherwise", file)
		}
		// The same weights in another unit are the same judge, and other weights another.
		one, unit := answers(judge.Weights{Errors: 1, Latency: 3}), answers(judge.Weights{Errors: 64, Latency: 192})
		if other := answers(judge.Weights{Errors: 3, Latency: 1}); one != unit || one == other {
			t.Errorf("%s: the unit matters, or the weights do not", file)
		}
	}
}

func TestParseWeights(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"errors", "errors=0.7", "errors=0,latency=1", "errors=-1,latency=1",
		"errors=1,latency=NaN", "errors=1,latency=Inf", "errors=1,errors=1", "errors=1,latency=1,lcp=1", "latency=1", ","} {
		if w, err := ParseWeights(text); err == nil {
			t.Errorf("%q is taken for %+v", text, w)
		}
	}
	if w, err := ParseWeights("errors=0.7, latency=30"); err != nil || w != (judge.Weights{Errors: 0.7, Latency: 30}) {
		t.Errorf("%+v: %v", w, err)
	}
	if w, err := ParseWeights(""); err != nil || w != (judge.Weights{}) {
		t.Errorf("%+v: %v", w, err)
	}
}
